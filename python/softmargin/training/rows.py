"""How long the rows of X are, and along which direction they are longest: what bounds the curvature of F.

z is a row as the weights see it: standardised where `fit` standardises, with a 1 for the intercept where there is one.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from softmargin.objective import Data

from .standardize import Standardization

Float = npt.NDArray[np.float64]

# Entries of X that are looked at together: 1 or 2 MB, which stay in cache from one operation to the next.
ENTRIES_AT_ONCE = 2**18

# Entries of the rows that the largest eigenvalue is estimated from, and rows at least: enough of them for some 10 per cent.
ENTRIES_OF_SAMPLE = 2**21
ROWS_OF_SAMPLE = 256

POWER_ITERATIONS = 8


class RowNorms(NamedTuple):
    """Mean and largest omega_i ||z_i||^2, the weights omega_i of mean 1, and the largest eigenvalue of their mean z z'."""

    mean: float
    largest: float
    eigenvalue: float


def row_norms(data: Data, scaling: Standardization | None, fit_intercept: bool, rng: np.random.Generator) -> RowNorms:
    """Return the norms of all rows, in one pass over X, and the eigenvalue estimated from a sample of rows."""
    n, d = data.matrix.n_samples, data.matrix.n_features
    one = 1.0 if fit_intercept else 0.0
    shift, factor = (np.zeros(d), np.ones(d)) if scaling is None else (scaling.mean, inverse(scaling.scale))
    weight = np.ones(n) if data.sample_weight is None else data.sample_weight * (n / data.sample_weight.sum())
    squares = np.concatenate([_squared_norms(block, shift, factor) for block in _blocks(data)]) + one
    squares *= weight
    sample = np.sort(rng.choice(n, min(n, max(ROWS_OF_SAMPLE, ENTRIES_OF_SAMPLE // d)), replace=False))
    product = _Product(_rows(data, sample), shift, factor, one)
    mean, largest = float(squares.mean()), float(squares.max())
    eigenvalue = _largest_eigenvalue(product, weight[sample], d + 1, rng)
    # Rayleigh quotients err downwards; the mean norm is the trace, which no eigenvalue exceeds.
    return RowNorms(mean, largest, min(1.1 * eigenvalue, mean))


def inverse(scale: Float) -> Float:
    """Return 1 / scale, 0 for a constant feature."""
    return np.divide(1.0, scale, out=np.zeros_like(scale), where=scale > 0)


def _largest_eigenvalue(product: _Product, weight: Float, size: int, rng: np.random.Generator) -> float:
    """Of the weighted mean of z z' over a sample, by power iterations."""
    v, value = rng.normal(size=size), 0.0
    for _ in range(POWER_ITERATIONS):
        v /= np.linalg.norm(v) or 1.0
        v = product.back(weight * product.forward(v)) / len(weight)
        value = float(np.linalg.norm(v))
        if value == 0 or not np.isfinite(value):
            break
    return value


class _Product(NamedTuple):
    """Z v and Z' u for rows of X that are shifted and scaled by algebra; the last entry of v is the intercept's."""

    X: Any
    shift: Float
    factor: Float
    one: float

    def forward(self, v: Float) -> Float:
        w = v[:-1] * self.factor
        return np.asarray(self.X @ w.astype(self.X.dtype) - self.shift @ w + self.one * v[-1], dtype=np.float64)

    def back(self, u: Float) -> Float:
        inner = (self.X.T @ u.astype(self.X.dtype) - self.shift * u.sum()) * self.factor
        return np.append(inner, self.one * u.sum())


def _blocks(data: Data) -> Iterator[Any]:
    """Rows of X from first to last, a few at a time."""
    n = data.matrix.n_samples
    step = max(1, ENTRIES_AT_ONCE // max(1, _entries(data) // n))
    for start in range(0, n, step):
        yield _rows(data, slice(start, min(start + step, n)))


def _entries(data: Data) -> int:
    return int(data.matrix.core.arrays[0].size)


def _rows(data: Data, rows: slice | npt.NDArray[np.int64]) -> Any:
    """A copy of some rows, dense or CSR: in float64, or in float32 where no square of what X can hold overflows that."""
    dtype = np.float32 if data.matrix.dtype.itemsize <= 2 else np.float64
    if data.matrix.layout != "csr":
        return data.matrix.core.arrays[0][rows].astype(dtype)
    import scipy.sparse  # only where X is sparse, and has loaded it already

    shape = data.matrix.n_samples, data.matrix.n_features
    return scipy.sparse.csr_array(data.matrix.core.arrays, shape=shape, copy=False)[rows].astype(dtype)


def _squared_norms(block: Any, shift: Float, factor: Float) -> Float:
    """||(x - shift) factor||^2 of rows; of sparse ones by the zeros' own value and the entries' difference from it."""
    if isinstance(block, np.ndarray):
        block -= shift.astype(block.dtype)
        block *= factor.astype(block.dtype)
        return np.asarray(np.einsum("ij,ij->i", block, block))
    block.sum_duplicates()
    j = block.indices
    block.data = ((block.data - shift[j]) * factor[j]) ** 2 - (shift[j] * factor[j]) ** 2
    return np.asarray(block.sum(axis=1)).ravel() + float(((shift * factor) ** 2).sum())
