"""Threads: how much faster several are than one, and what the same bits for any number of them cost."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from softmargin import _core
from softmargin.bench.case import Case, Figure, Seconds, Setting, Work
from softmargin.bench.cases.passes import ours
from softmargin.bench.data import Data, pixels, uniform
from softmargin.bench.machine import Machine
from softmargin.bench.tolerance import agree_with_first, tolerances
from softmargin.objective import read_data


def same_bits(results: Mapping[str, Any]) -> None:
    """Assert that loss and gradients are equal to the last bit."""
    first, *others = results.values()
    for other in others:
        if other[0] != first[0] or not all(np.array_equal(a, b) for a, b in zip(other[1:], first[1:], strict=True)):
            raise AssertionError("not the same bits")


def threads(make: Callable[[Setting], Data], loss: str) -> Callable[[Setting], Work]:
    """All threads and one."""

    def prepare(setting: Setting) -> Work:
        data = make(setting)

        def figures(seconds: Seconds, machine: Machine) -> Sequence[Figure]:
            n, faster = setting.threads, seconds["one thread"] / seconds["softmargin"]
            return [Figure(f"from 1 to {n} threads", faster, 0.9 * n if n > 1 else None)]

        n, d = data.X.shape
        functions = {"softmargin": ours(data, loss, setting.threads), "one thread": ours(data, loss, 1)}
        return Work(functions, same_bits, data.X.nbytes, 4.0 * n * d * len(data.W), figures=figures, rounds=5)

    return prepare


def determinism(setting: Setting) -> Work:
    """Against tiles that go to whichever thread is ready, and sums in float32 to the end."""
    data = pixels(setting.rows(50_000), "float32")
    problem = read_data(data.X, data.y, "softmax", n_outputs=10, dtype=data.W.dtype).problem

    def figures(seconds: Seconds, machine: Machine) -> Sequence[Figure]:
        cost = seconds["softmargin"] / seconds["free reduction"] - 1
        return [Figure("the same bits cost", cost, 0.03, at_least=False)]

    functions: dict[str, Callable[[], Any]] = {
        "softmargin": ours(data, "softmax", setting.threads),
        "free reduction": lambda: _core._pass_freely(problem, data.W, data.b, setting.threads),
    }
    check = agree_with_first(tolerances(data.W, data.b, data.X, data.y, "softmax"))
    return Work(functions, check, figures=figures, rounds=15)


_PIXELS, _CLASSES, _OUTPUTS = "50 000 × 3072, k = 10, uint8", "50 000 × 768, k = 1000", "50 000 × 768, k = 32"
CASES = (
    Case("threads-10", f"threads, softmax, {_PIXELS}", threads(lambda s: pixels(s.rows(50_000), "uint8"), "softmax")),
    Case(
        "threads-32", f"threads, logistic, {_OUTPUTS}", threads(lambda s: uniform(s.rows(50_000), 768, 32), "logistic")
    ),
    Case(
        "threads-1000",
        f"threads, softmax, {_CLASSES}",
        threads(lambda s: uniform(s.rows(50_000), 768, 1000), "softmax"),
    ),
    Case("same-bits", "the same bits for any number of threads, softmax, 50 000 × 3072, k = 10", determinism),
)
