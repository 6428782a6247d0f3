"""Folds of the rows, in any of the forms that users have them in, as how often each row is in either part."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from softmargin._validation import as_integer, describe, first_bad

from .problem import Array


def read_folds(folds: Any, n: int) -> list[tuple[Array, Array]]:
    """Return how often each row (n,) is in the training and in the held-out part of each fold."""
    if isinstance(folds, int | np.integer):
        count = as_integer("folds", folds, 2)
        if count > n:
            raise ValueError(f"folds: expected at most {n}, as there are samples, got {count}")
        return _numbered(np.arange(n) % count)
    in_a_list = isinstance(folds, list | tuple) and len(folds) > 0 and not isinstance(folds[0], Iterable)
    if hasattr(folds, "__array__") or in_a_list:
        numbers = np.asarray(folds)
        if numbers.shape != (n,):
            raise ValueError(f"folds: expected shape ({n},), a fold number for each sample, got {numbers.shape}")
        return _numbered(numbers)
    if not isinstance(folds, Iterable) or isinstance(folds, str | bytes):
        raise TypeError(f"folds: expected an integer, fold numbers or (train, test) pairs, got {describe(folds)}")
    pairs = []
    for pair in folds:
        if isinstance(pair, str | bytes) or not isinstance(pair, Iterable) or len(parts := list(pair)) != 2:
            raise TypeError(f"folds: expected (train, test) pairs, got {describe(pair)}")
        pairs.append((_counts(parts[0], n), _counts(parts[1], n)))
    if not pairs:
        raise ValueError("folds: expected at least one (train, test) pair, got none")
    return pairs


def _counts(part: Any, n: int) -> Array:
    """How often each row is in a part, which is a mask (n,) or row numbers."""
    rows = np.asarray(part)
    if rows.size == 0:
        raise ValueError("folds: expected rows in every part, got an empty one")
    if rows.ndim != 1 or rows.dtype.kind not in "biu":
        raise TypeError(f"folds: expected row numbers of shape (n_rows,), got shape {rows.shape}, dtype {rows.dtype}")
    if rows.dtype.kind == "b":
        if len(rows) != n:
            raise ValueError(f"folds: expected masks of shape ({n},), got {rows.shape}")
        rows = np.flatnonzero(rows)
    first_bad("folds", rows, (rows >= -n) & (rows < n), f"row numbers below {n}")
    return np.bincount(rows.astype(np.int64) % n, minlength=n)


def _numbered(numbers: Array) -> list[tuple[Array, Array]]:
    values = np.unique(numbers)
    if len(values) < 2:
        raise ValueError(f"folds: expected at least 2 folds, got {len(values)}")
    return [(numbers != value, numbers == value) for value in values]
