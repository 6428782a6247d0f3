"""Odd sizes against even ones, scaled by their work."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from softmargin.bench.case import Case, Figure, Seconds, Setting, Work
from softmargin.bench.cases.passes import ours
from softmargin.bench.data import Data, pixels
from softmargin.bench.machine import Machine
from softmargin.bench.peers.numpy_pass import BLOCK, NumpyPass
from softmargin.bench.tolerance import check_equal, tolerances

MOST = 1.15


def odd(setting: Setting) -> Work:
    """One feature less, one class more, one row more, and rows that begin anywhere."""
    n = setting.rows(50_000)
    even, more = pixels(n, "float32"), pixels(n + 1, "float32", 3072, 11)
    other = {
        "d = 3071": Data(np.ascontiguousarray(even.X[:, :3071]), even.y, even.W[:, :3071].copy(), even.b),
        "k = 11": Data(even.X, even.y, more.W, more.b),
        "n + 1": Data(more.X, np.minimum(more.y, 9), even.W, even.b),
        "unaligned rows": Data(even.X[:, 1:], even.y, even.W[:, 1:].copy(), even.b),
    }
    work = {name: data.X.size * len(data.W) / (even.X.size * len(even.W)) for name, data in other.items()}

    def check(results: Any) -> None:
        for name, data in other.items():
            exact = NumpyPass(data.X, data.y, data.W, "softmax", block=BLOCK)(data.W, data.b)
            check_equal(results[name], exact, tolerances(data.W, data.b, data.X, data.y, "softmax"))

    def figures(seconds: Seconds, machine: Machine) -> Sequence[Figure]:
        even = seconds["softmargin"]
        return [Figure(name, seconds[name] / even / work[name], MOST, at_least=False, unit="×") for name in other]

    functions = {"softmargin": ours(even, "softmax", setting.threads)}
    functions |= {name: ours(data, "softmax", setting.threads) for name, data in other.items()}
    return Work(functions, check, figures=figures)


CASES = (Case("odd-sizes", "odd sizes, softmax, 50 000 × 3072, k = 10, scaled by work", odd),)
