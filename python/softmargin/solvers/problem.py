"""F as a function of one flat vector of float64, with features centred and scaled by algebra: what every solver works on.

    x = [V (n_outputs, n_features) | c (n_outputs,)],   W = V / scale,   b = c - W centre

The scores are those of the samples (x_i - centre) / scale under V and c; X itself is only read. The centre costs nothing, as
the intercept is free to take it up, and it takes the intercept out of the Hessian's off-diagonal blocks.
"""

from __future__ import annotations

import time
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import scipy.sparse
from scipy.linalg import blas

from softmargin import _core
from softmargin.objective import LOSSES, Data, in_dtype

from .own_features import OwnFeatures

Float = npt.NDArray[np.float64]
Array = npt.NDArray[Any]

# Rows that are converted to float64 at once: 64 MB at 4096 features.
ROWS_AT_ONCE = 2048

# Rows whose mean stands for that of all.
CENTRE_ROWS = 2000


class Stopped(Exception):
    """max_seconds are over: raised between two passes, answered by returning the best point so far."""


def not_finite(F: float) -> FloatingPointError:
    """Return the error of a start from where nothing can be found."""
    return FloatingPointError(f"F is {F:g} at the start: expected y, X and weights of a size whose loss is finite")


class Regularizer(NamedTuple):
    """alpha R(W) = l1 ||W||_1 + l2/2 ||W||^2, and the penalty of the intercept, intercept/2 ||b||^2."""

    l1: float
    l2: float
    intercept: float


class LinearProblem:
    """The objective of a data set, in float32 or float64 arithmetic, counting the passes over X.

    Parameters
    ----------
    data : Data
    regularizer : Regularizer
    fit_intercept : bool
    centre, scale : ndarray (n_features,)
        scale 0 marks a constant feature, whose weight is 0. centre is 0 where the intercept cannot take it up.
    num_threads : int
        0 for the default.
    deadline : float or None
        On `time.perf_counter`'s clock.
    own : OwnFeatures, optional
        What the features of data's X are of those of the user's.
    """

    def __init__(
        self,
        data: Data,
        regularizer: Regularizer,
        fit_intercept: bool,
        centre: Float,
        scale: Float,
        num_threads: int,
        deadline: float | None = None,
        own: OwnFeatures | None = None,
    ) -> None:
        self.own = own
        self.data, self.regularizer, self.fit_intercept = data, regularizer, fit_intercept
        # An X that is not finite is named by the first pass, which needs a centre that is.
        self.centre, self.num_threads, self.deadline = np.where(np.isfinite(centre), centre, 0.0), num_threads, deadline
        self.least_curvature = 0.0  # what each score has in the Hessian beside its own, where that may vanish
        self.inverse_scale = np.divide(1.0, scale, out=np.zeros_like(scale), where=scale > 0)
        self.scale, self.is_scaled = scale, bool(np.any(scale != 1))
        self.is_smooth = bool(LOSSES[data.loss]["smooth"])
        self.is_centred = bool(self.centre.any())
        self.n_samples, self.n_features = data.matrix.n_samples, data.matrix.n_features
        self.n_outputs, self.n_weights = data.n_outputs, data.n_outputs * data.matrix.n_features
        self.size = self.n_weights + self.n_outputs
        self.n_passes = 0.0
        self._cores: dict[str, _core.Problem] = {}

    def core(self, dtype: str) -> _core.Problem:
        """Return the core's problem in an arithmetic; made once."""
        if dtype not in self._cores:
            self._cores[dtype] = in_dtype(self.data, np.dtype(dtype))
        return self._cores[dtype]

    def split(self, x: Float) -> tuple[Float, Float]:
        """Return V (n_outputs, n_features) and c (n_outputs,), views of x."""
        return x[: self.n_weights].reshape(self.n_outputs, -1), x[self.n_weights :]

    def join(self, V: Float, c: Float) -> Float:
        """Return x."""
        return np.concatenate([V.ravel(), c])

    def raw(self, x: Float) -> tuple[Float, Float]:
        """Return W and b in the units of X; what softmax and the like do not see, the mean of a free b, is taken out of it."""
        V, c = self.split(x)
        W = V * self.inverse_scale if self.is_scaled else V
        b = c - W @ self.centre
        if self.data.kind == "classes" and self.fit_intercept and self.regularizer.intercept == 0:
            b -= b.sum() / len(b)
        return W, b

    def from_raw(self, W: Float, b: Float) -> Float:
        """Return x; what W makes of a constant feature goes into c."""
        return self.join(W * self.scale if self.is_scaled else W, b + W @ self.centre)

    def model(self, x: Float) -> tuple[Float, Float]:
        """Return W and b of the user's X."""
        W, b = self.raw(x)
        return W if self.own is None else self.own.features_of(W), b

    def from_model(self, W: Float, b: Float) -> Float:
        """Return x; of features that were merged, what W makes of the rows."""
        return self.from_raw(W if self.own is None else self.own.columns_of(W), b)

    def penalty(self, x: Float, regularizer: Regularizer | None = None) -> float:
        """Return what F has beside the losses; or would have, with another regularizer."""
        V, c = self.split(x)
        l1, l2, intercept = regularizer or self.regularizer
        absolute = l1 * float(np.abs(V).sum()) if l1 > 0 else 0.0
        return absolute + 0.5 * l2 * float(np.vdot(V, V)) + 0.5 * intercept * float(c @ c)

    def smooth(self, x: Float, dtype: str, scores: Array | None = None) -> tuple[float, Float]:
        """Return F without its l1 part, and the gradient (size,): one pass over X. scores (n_samples, n_outputs) is filled."""
        self.count(1.0)
        W, b = self.raw(x)
        value, G, db = self.core(dtype).loss_and_grad(
            W.astype(dtype, copy=False), b.astype(dtype), scores=scores, num_threads=self.num_threads
        )
        _, l2, intercept = self.regularizer
        gradient = self.join(*self._inner(G, db))
        if l2 > 0:
            V = x[: self.n_weights]
            gradient[: self.n_weights] += l2 * V
            value += 0.5 * l2 * float(V @ V)
        if not self.fit_intercept:
            gradient[self.n_weights :] = 0.0
        elif intercept:
            c = x[self.n_weights :]
            gradient[self.n_weights :] += intercept * c
            value += 0.5 * intercept * float(c @ c)
        return value, gradient

    def scores(self, x: Float, dtype: str) -> Array:
        """Return S (n_samples, n_outputs): half a pass over X."""
        self.count(0.5)
        W, b = self.raw(x)
        return _core.scores(W.astype(dtype, copy=False), b.astype(dtype), self.data.matrix.core, self.num_threads)

    def combine(self, A: Array, dtype: str) -> tuple[Float, Float]:
        """Return the weighted means of a_i times sample i, (n_outputs, n_features), and of a_i: half a pass over X."""
        self.count(0.5)
        G, db = _core.combine(self.core(dtype), np.ascontiguousarray(A, dtype=dtype), num_threads=self.num_threads)
        return self._inner(G, db)

    def products(self, A: Array, dtype: str) -> Array:
        """Return the scores, of features that are not centred, of the V that `combine` makes of A: one pass over X."""
        self.count(1.0)
        squares = self.inverse_scale**2 if self.is_scaled else None
        A = np.ascontiguousarray(A, dtype=dtype)
        return _core.row_products(self.core(dtype), A, squares, num_threads=self.num_threads)

    def rows(self, index: npt.NDArray[np.int64] | slice, dtype: str) -> Array:
        """Return centred and scaled rows of X, dense (m, n_features)."""
        if self.is_sparse():
            block = self.sparse()[index].astype(dtype).toarray()
        else:
            block = self.data.matrix.core.arrays[0][index].astype(dtype)
        block -= self.centre.astype(dtype)
        if self.is_scaled:
            block *= self.inverse_scale.astype(dtype)
        return np.asarray(block)

    def add_row(self, out: Float, amount: float, i: int) -> None:
        """Add `amount` times sample i, centred and scaled, to out (n_features,): of a sparse X without making it dense."""
        if not self.is_sparse():
            out += amount * self.rows(slice(i, i + 1), "float64")[0]
            return
        values, indices, indptr = self.data.matrix.core.arrays
        own = slice(indptr[i], indptr[i + 1])
        np.add.at(out, indices[own], amount * values[own].astype(np.float64) * self.inverse_scale[indices[own]])
        if self.is_centred:
            out -= amount * self.scaled_centre

    def sparse(self) -> Any:
        """Return X as scipy's CSR over the same arrays."""
        return csr_of(self.data)

    @property
    def n_entries(self) -> int:
        """Numbers that a pass reads."""
        return len(self.data.matrix.core.arrays[0]) if self.is_sparse() else self.n_samples * self.n_features

    @cached_property
    def scaled_centre(self) -> Float:
        """The centre (n_features,) in the units of the scaled features."""
        return self.centre * self.inverse_scale if self.is_scaled else self.centre

    @cached_property
    def n_pairs(self) -> float:
        """Pairs of entries in the same row of a sparse X, an entry with itself included."""
        counts = np.diff(self.data.matrix.core.arrays[2]).astype(np.float64)
        return float((counts * (counts + 1)).sum()) / 2

    @cached_property
    def row_squares(self) -> Float:
        """The squared lengths (n_samples,) of the rows of a sparse X, scaled and not centred."""
        squares = self.inverse_scale**2 if self.is_scaled else None
        return _core.row_squares(self.data.matrix.core, squares, num_threads=self.num_threads)

    def is_sparse(self) -> bool:
        """Return whether X is CSR."""
        return self.data.matrix.layout == "csr"

    @property
    def total_weight(self) -> float:
        """The sum of the sample weights."""
        weight = self.data.sample_weight
        return float(self.n_samples) if weight is None else float(weight.sum())

    def _inner(self, G: Array, db: Array) -> tuple[Float, Float]:
        """Derivatives in W and b as derivatives in V and c; those in W are overwritten where they are float64."""
        mean = db.astype(np.float64)
        inner = G.astype(np.float64, copy=False)
        if self.is_centred:
            inner = blas.dger(-1.0, self.centre, mean, a=inner.T, overwrite_a=1).T
        if self.is_scaled:
            inner *= self.inverse_scale
        return inner, mean

    def count(self, passes: float) -> None:
        """Count passes over X that are about to begin; raise Stopped when time is over."""
        if self.deadline is not None and time.perf_counter() > self.deadline:
            raise Stopped
        self.n_passes += passes


def sample_mean(data: Data) -> Float:
    """Return the mean of a sample of rows, where it is finite: any centre serves, one near the mean serves best."""
    n = data.matrix.n_samples
    index = np.arange(n)
    if n > CENTRE_ROWS:
        index = np.sort(np.random.default_rng(1).choice(n, CENTRE_ROWS, replace=False))
    if data.matrix.layout == "csr":
        values, indices, indptr = data.matrix.core.arrays
        counts = indptr[index + 1] - indptr[index]
        entries = np.repeat(indptr[index] - np.cumsum(counts) + counts, counts) + np.arange(counts.sum())
        mean = np.bincount(indices[entries], values[entries], data.matrix.n_features) / len(index)
    else:
        with np.errstate(all="ignore"):
            mean = data.matrix.core.arrays[0][index].mean(axis=0, dtype=np.float64)
    return np.where(np.isfinite(mean), mean, 0.0)


def csr_of(data: Data) -> Any:
    """Return a sparse X as scipy's CSR over the same arrays."""
    matrix = data.matrix
    return scipy.sparse.csr_array(matrix.core.arrays, shape=(matrix.n_samples, matrix.n_features), copy=False)
