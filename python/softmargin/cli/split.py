"""Rows held out of training: drawn at random, without a second copy of X."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from softmargin.cli.errors import CliError

_ROWS = 1024  # swapped at a time: the only extra memory


def hold_out(X: Any, y: NDArray[Any], share: float, seed: int) -> tuple[Any, NDArray[Any], Any, NDArray[Any]]:
    """Split X and y into training rows and ``round(share * n)`` held-out rows: X_train, y_train, X_val, y_val.

    Of every class at least one row stays in the training, so there may be a few fewer.

    The held-out rows are a random sample: the last rows of a file that is sorted by class would be a single class. For
    a dense X they change places with the last rows, in X and y themselves, and both parts are views. (Of a mapped file
    only the pages with those rows become private; the file stays as it is.) A sparse X is copied.
    """
    n = len(y)
    n_held = min(max(round(share * n), 1), n - 1)
    chosen = np.sort(_leave_one(np.random.default_rng(seed).permutation(n)[:n_held], y))
    n_held = len(chosen)
    if n_held == 0:
        raise CliError(
            "--validation: expected rows to hold out, got only such as are alone in their class", "--validation 0"
        )
    if not isinstance(X, np.ndarray):
        keep = np.ones(n, dtype=bool)
        keep[chosen] = False
        return X[keep], y[keep], X[chosen], y[chosen]
    start = n - n_held
    leaving = chosen[chosen < start]
    staying = np.setdiff1d(np.arange(start, n), chosen, assume_unique=True)
    for array in (X, y):
        for i in range(0, len(leaving), _ROWS):
            a, b = leaving[i : i + _ROWS], staying[i : i + _ROWS]
            rows = array[a]
            array[a] = array[b]
            array[b] = rows
    return X[:start], y[:start], X[start:], y[start:]


def _leave_one(chosen: NDArray[np.intp], y: NDArray[Any]) -> NDArray[np.intp]:
    """The chosen rows without one of each class (y: codes; no others are integers) of which they are all there are."""
    if y.dtype.kind != "i":
        return chosen
    all_of_it = np.bincount(y) == np.bincount(y[chosen], minlength=int(y.max()) + 1)
    first = np.unique(y[chosen], return_index=True)
    staying = [place for code, place in zip(*first, strict=True) if all_of_it[code]]
    return np.delete(chosen, staying)
