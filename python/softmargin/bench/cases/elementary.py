"""exp and log of the core: their errors in units of the last place, and what exp takes of a pass with 1000 classes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from softmargin import _core
from softmargin.bench.case import Case, Figure, Seconds, Setting, Work
from softmargin.bench.cases.passes import ours
from softmargin.bench.data import uniform
from softmargin.bench.machine import Machine

ULP = 2.0
# Softmax takes exp of s - max s, down to where the result is no longer normal, and log of a sum of 1 to k of them.
RANGES = {
    "exp": {"float32": (-86.6, 0.0), "float64": (-707.0, 0.0)},
    "log": {"float32": (1.0, 1e6), "float64": (1.0, 1e6)},
}

# Values of exp at once: 32 kB.
AT_ONCE = 8192


def error(name: str, dtype: str, n: int = 1_000_000) -> float:
    """The largest error at n points of the range, against long double."""
    low, high = RANGES[name][dtype]
    x: NDArray[Any] = np.linspace(low, high, n).astype(dtype)
    got = _core._math(name, x)
    exact = (np.exp if name == "exp" else np.log)(x.astype(np.longdouble))
    return float(
        np.max(np.abs(got - exact) / np.spacing(np.maximum(np.abs(exact).astype(dtype), np.finfo(dtype).tiny)))
    )


def softmax(setting: Setting) -> Work:
    """The errors, and the share of exp in a pass."""
    data = uniform(setting.rows(50_000), 768, 1000)
    # In parts that the allocator keeps: the result of a call in one piece would be new pages, which take the longer time.
    parts = max(1, len(data.y) * 1000 // AT_ONCE)
    x = np.linspace(-20, 0, len(data.y) * 1000 // parts, dtype=np.float32)

    def exp_alone() -> None:
        for _ in range(parts):
            _core._math("exp", x)

    errors = {f"{name} {dtype}": error(name, dtype) for name, ranges in RANGES.items() for dtype in ranges}

    def check(results: Any) -> None:
        for name, ulp in errors.items():
            if not ulp <= ULP:
                raise AssertionError(f"{name}: {ulp:.2f} ulp")

    def figures(seconds: Seconds, machine: Machine) -> Sequence[Figure]:
        share = seconds["exp alone"] / machine.threads / seconds["softmargin"]  # it runs on one thread
        found = [Figure(name, ulp, ULP, at_least=False, unit="ulp") for name, ulp in errors.items()]
        return [*found, Figure("exp in a pass with k = 1000", share, 0.1, at_least=False)]

    functions = {"softmargin": ours(data, "softmax", setting.threads), "exp alone": exp_alone}
    return Work(functions, check, figures=figures, rounds=3)


CASES = (Case("exp-log", "exp and log inside softmax", softmax),)
