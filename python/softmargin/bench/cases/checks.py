"""What it costs to look for NaN, infinity and wrong indices, as a share of a fit of one epoch.

The finite check adds up s - s over the scores, n_outputs numbers a row instead of n_features; the entries are looked at only
once a score is not finite. It cannot be switched off, so what it costs is bounded from above by isfinite on an array of the
scores' size: the pass itself adds them up in registers.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

import softmargin as sm
from softmargin._validation import read_matrix
from softmargin.bench.case import Case, Figure, Seconds, Setting, Work
from softmargin.bench.data import pixels, text
from softmargin.bench.machine import Machine


def _share(seconds: Seconds, machine: Machine) -> Sequence[Figure]:
    return [Figure("of a one-epoch fit", seconds["the check"] / seconds["softmargin"], 0.02, at_least=False)]


def finite(setting: Setting) -> Work:
    """Dense rows, and what np.isfinite takes on all of X."""
    data = pixels(setting.rows(50_000), "float32")
    S = np.zeros((len(data.y), len(data.W)), dtype=np.float32)
    rule = sm.optimizers.SGD(lr=1e-8)

    def fit() -> Any:
        return sm.fit(data.X, data.y, optimizer=rule, epochs=1, rng=0, num_threads=setting.threads)

    def check(results: Any) -> None:
        X, y = data.X[:256].copy(), data.y[:256]
        X[-1, -1] = np.nan
        try:
            sm.fit(X, y, optimizer=rule, epochs=1, rng=0)
        except ValueError as error:
            if "X: expected finite values" not in str(error):
                raise
        else:
            raise AssertionError("a NaN went unnoticed")

    functions = {
        "softmargin": fit,
        "the check": lambda: np.isfinite(S).all(),
        "isfinite(X)": lambda: np.isfinite(data.X).all(),
    }
    return Work(functions, check, figures=_share, rounds=5)


def indices(setting: Setting) -> Work:
    """CSR rows; SGD without momentum, whose steps cost only the entries of the batch."""
    n = setting.rows(25_000)
    data = text(n, 150_000, 280 * n, 4)
    rule = sm.optimizers.SGD(lr=0.1)

    def fit() -> Any:
        return sm.fit(data.X, data.y, optimizer=rule, epochs=1, rng=0, num_threads=setting.threads)

    def check(results: Any) -> None:
        X = data.X[:256].copy()
        X.indices[-1] = X.shape[1]
        try:
            read_matrix(X)
        except ValueError as error:
            if "X.indices: expected 0 to" not in str(error):
                raise
        else:
            raise AssertionError("a wrong index went unnoticed")

    return Work({"softmargin": fit, "the check": lambda: read_matrix(data.X)}, check, figures=_share, rounds=5)


CASES = (
    Case("check-finite", "the finite check within a one-epoch fit, 50 000 × 3072", finite),
    Case("check-csr", "the CSR check within a one-epoch fit, 7 million entries, k = 4", indices),
)
