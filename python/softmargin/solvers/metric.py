"""Metrics: approximations M of the Hessian whose inverse turns a gradient into a step, as cheap as the data allow.

| metric | M | for |
| --- | --- | --- |
| `Gram` | h X'X/m over a sample of m rows + l2 I, factorised | up to `MOST_DENSE` features |
| `Diagonal` | h times the mean squares of the features + l2 | more features, sparse text |
| `Exact` | the Hessian itself | few unknowns: Newton's method |

h is the mean second derivative of the loss at the scores of the sampled rows, measured where the metric is made: for softmax
the exact Hessian is at most, and near W = 0 about, h times X'X/n in every class (Bohning 1992). The sample is what makes the
factor cheaper than a few passes; quasi-Newton updates (lbfgs.py) make up for the rest. Source: Frangella, Rathore, Zhao and
Udell, PROMISE: Preconditioned Stochastic Optimization Methods by Incorporating Scalable Curvature Estimates, JMLR 25 (2024).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.linalg import blas, lapack

from softmargin import _core

from .problem import ROWS_AT_ONCE, Array, Float, LinearProblem

# Most features of a dense factor: 5000^2 float32 are 100 MB, and the Cholesky factorisation takes 40 GFLOP.
MOST_DENSE = 5000

# Rows of the sample: at least ROWS_A_FEATURE for each feature (1.6 on CIFAR-10: 15 passes to 2e-6, 27 with 1.0 and 12 with
# 3.3, which costs three times the factor); more, up to PLENTY, as long as the Gram matrix costs no more than PASSES passes.
ROWS_A_FEATURE = 1.6
PLENTY = 100
LEAST_ROWS = 2000
PASSES = 6

# The mean second derivative is kept above this share of l2, so that M stays a metric where the loss is flat.
FLAT = 1e-3


class Metric(ABC):
    """M, made at a point x of a problem."""

    @abstractmethod
    def solve(self, g: Float, free: npt.NDArray[np.bool_] | None = None) -> Float:
        """Return the inverse of M times g (size,), within the free unknowns and 0 for the others."""


def second_derivatives(problem: LinearProblem, S: Array, V: Float) -> Array:
    """Return the Hessian of each row's loss at the scores S times V, both (n_samples, n_outputs), in S's dtype."""
    product = np.array(V, dtype=S.dtype, order="C")
    no_shift = np.zeros(problem.n_outputs, dtype=S.dtype)
    _core.row_hessians(problem.core(S.dtype.name), S, no_shift, product, num_threads=problem.num_threads)
    return product


def mean_curvature(problem: LinearProblem, S: Array) -> tuple[float, Float]:
    """Return the mean second derivative over rows and outputs at scores S, and that of each row, by random signs.

    For a symmetric matrix H and random signs v the mean of v'Hv is the trace of H (Hutchinson's estimator).
    """
    signs = np.random.default_rng(0).choice([-1.0, 1.0], size=S.shape)
    rows = np.maximum((signs * second_derivatives(problem, S, signs)).mean(axis=1), 0.0)
    weight = problem.data.sample_weight
    return float(np.average(rows, weights=weight)), rows


class Diagonal(Metric):
    """h times the mean squares of the centred and scaled features + l2; for each intercept h."""

    def __init__(self, problem: LinearProblem, h: float, mean_squares: Float) -> None:
        l2 = problem.regularizer.l2
        d = h * mean_squares + l2
        inverse = np.divide(1.0, d, out=np.zeros_like(d), where=d > 0)
        intercept = 1.0 / (h + problem.regularizer.intercept) if problem.fit_intercept else 0.0
        self.inverse = problem.join(
            np.broadcast_to(inverse, (problem.n_outputs, problem.n_features)), np.full(problem.n_outputs, intercept)
        )

    def solve(self, g: Float, free: npt.NDArray[np.bool_] | None = None) -> Float:  # noqa: D102
        return self.inverse * g if free is None else np.where(free, self.inverse * g, 0.0)


class Gram(Metric):
    """h X'X/m + l2 I from a sample of rows, the same for every output, by its Cholesky factor in float32.

    The factor is rounded at about 1e-7 of its largest eigenvalue; that much is added to the diagonal, which changes the metric
    where it hardly matters and nothing of the solution.
    """

    def __init__(self, problem: LinearProblem, h: float, gram: Array) -> None:
        self.problem, self.h, self.gram = problem, h, gram
        d = problem.n_features
        self.shift = problem.regularizer.l2 / h
        diagonal = float(gram.diagonal().max(initial=0.0))
        self.jitter = float(np.finfo(gram.dtype).eps) * d * diagonal + 1e-30
        self.factor = self._factorise(gram)
        self._free: dict[bytes, Any] = {}

    def _factorise(self, gram: Array) -> Array:
        jitter = self.jitter
        for _ in range(8):
            shifted = np.array(gram, order="F")
            shifted[np.diag_indices(len(shifted))] += self.shift + jitter
            potrf = lapack.spotrf if gram.dtype == np.float32 else lapack.dpotrf
            factor, info = potrf(shifted, lower=1, overwrite_a=1)
            if info == 0:
                return np.asarray(factor)
            jitter *= 10
        raise FloatingPointError("X: expected a Gram matrix that is positive definite up to rounding")

    def _apply(self, factor: Array, rhs: Array) -> Array:
        potrs = lapack.spotrs if factor.dtype == np.float32 else lapack.dpotrs
        return np.asarray(potrs(factor, np.asfortranarray(rhs, dtype=factor.dtype), lower=1)[0])

    def solve(self, g: Float, free: npt.NDArray[np.bool_] | None = None) -> Float:  # noqa: D102
        problem = self.problem
        V, c = problem.split(g)
        largest = float(np.abs(V).max(initial=0.0)) or 1.0  # float32 has no room for the smallest gradients
        if free is None:
            inner = self._apply(self.factor, (V / largest).T).T
        else:
            mask, _ = problem.split(free)
            inner = np.zeros_like(V)
            for row, own, out in zip(V / largest, mask, inner, strict=True):
                if own.any():
                    out[own] = self._apply(self._restricted(own), row[own][:, None])[:, 0]
        intercept = c / (self.h + problem.regularizer.intercept) if problem.fit_intercept else 0.0 * c
        return problem.join(inner.astype(np.float64) * (largest / self.h), intercept)

    def _restricted(self, own: npt.NDArray[np.bool_]) -> Array:
        """The factor of the rows and columns that are free; those of the last sets are kept."""
        if own.all():
            return self.factor
        key = np.packbits(own).tobytes()
        if key not in self._free:
            if len(self._free) > 2 * self.problem.n_outputs:
                self._free.clear()
            self._free[key] = self._factorise(self.gram[np.ix_(own, own)])
        return self._free[key]

    def with_curvature(self, h: float) -> Gram:
        """Return the metric with another h over the same Gram matrix."""
        return Gram(self.problem, h, self.gram)


class Exact(Metric):
    """The Hessian at scores S, factorised in float64: n_unknowns^2 numbers."""

    def __init__(self, problem: LinearProblem, S: Float) -> None:
        self.problem, self.matrix = problem, hessian(problem, S)

    def solve(self, g: Float, free: npt.NDArray[np.bool_] | None = None) -> Float:  # noqa: D102
        free = np.ones(len(g), dtype=bool) if free is None else free.copy()
        if not self.problem.fit_intercept:
            free[self.problem.n_weights :] = False
        H = self.matrix if free.all() else self.matrix[np.ix_(free, free)]
        step = np.zeros_like(g)
        step[free] = solve_semidefinite(H, g[free])
        return step


def solve_semidefinite(H: Float, g: Float) -> Float:
    """Return the solution of H p = g, H symmetric and positive semidefinite up to rounding, scaled to a unit diagonal."""
    diagonal = H.diagonal()
    root = np.sqrt(np.where(diagonal > 0, diagonal, 1.0))
    scaled = H / np.outer(root, root)
    jitter = len(g) * np.finfo(np.float64).eps
    for _ in range(12):
        shifted = np.array(scaled, order="F")
        shifted[np.diag_indices(len(g))] += jitter
        factor, info = lapack.dpotrf(shifted, lower=1, overwrite_a=1)
        if info == 0:
            return np.asarray(lapack.dpotrs(factor, g / root, lower=1)[0]) / root
        jitter *= 10
    return g / root**2


def hessian(problem: LinearProblem, S: Float) -> Float:
    """Return the Hessian (size, size) of the smooth part of F at scores S, without the l1 part."""
    k, d, n = problem.n_outputs, problem.n_features, problem.n_samples
    blocks = {}
    weight = problem.data.sample_weight
    separate = problem.data.kind != "classes"  # each output alone: its block is diagonal in the outputs
    for c in range(k):
        unit = np.zeros((n, k))
        unit[:, c] = 1.0
        columns = second_derivatives(problem, S, unit)
        if weight is not None:
            columns *= weight[:, None]
        for other in range(k):
            if other == c or (other < c and not separate):
                blocks[other, c] = columns[:, other].copy() if k > 1 else columns[:, other]
    H = np.zeros((k, d + 1, k, d + 1))
    for start in range(0, n, ROWS_AT_ONCE):
        rows = slice(start, min(start + ROWS_AT_ONCE, n))
        Z = np.empty((rows.stop - start, d + 1))
        Z[:, :d], Z[:, d] = problem.rows(rows, "float64"), 1.0
        for (other, c), h in blocks.items():
            H[other, :, c] += Z.T @ (h[rows, None] * Z)
    for other, c in blocks:
        if other != c:
            H[c, :, other] = H[other, :, c].T
    H /= problem.total_weight
    # Unknowns in the order of x: all of V, then all of c.
    order = np.concatenate([(np.arange(k)[:, None] * (d + 1) + np.arange(d)).ravel(), np.arange(k) * (d + 1) + d])
    full = H.reshape(k * (d + 1), -1)[np.ix_(order, order)]
    diagonal = np.diag_indices(len(full))
    full[diagonal] += np.where(
        np.arange(len(full)) < problem.n_weights, problem.regularizer.l2, problem.regularizer.intercept
    )
    return full


def sample_size(problem: LinearProblem) -> int:
    """Return how many rows the Gram matrix is made of."""
    d = problem.n_features
    affordable = PASSES * 4 * problem.n_samples * problem.n_outputs / d
    wanted = max(ROWS_A_FEATURE * d, LEAST_ROWS, min(affordable, max(PLENTY * d, LEAST_ROWS)))
    return int(min(problem.n_samples, wanted))


def sampled_gram(problem: LinearProblem, row_weight: Float | None) -> Array:
    """Return the lower triangle of the weighted mean of x x' over the sample, by the same rows in every run."""
    d, m = problem.n_features, sample_size(problem)
    index = np.sort(np.random.default_rng(0).choice(problem.n_samples, m, replace=False))
    weight = problem.data.sample_weight
    weights = np.ones(m) if weight is None else weight[index]
    if row_weight is not None:
        weights = weights * row_weight[index]
    if not weights.sum() > 0:
        weights = np.ones(m)
    root = np.sqrt(weights / weights.sum())
    gram = np.zeros((d, d), dtype=np.float32, order="F")
    for start in range(0, m, ROWS_AT_ONCE):
        block = problem.rows(index[start : start + ROWS_AT_ONCE], "float32")
        block *= root[start : start + ROWS_AT_ONCE, None].astype(np.float32)
        gram = blas.ssyrk(1.0, block.T, beta=1.0, c=gram, lower=1, overwrite_c=1)
    return np.tril(gram) + np.tril(gram, -1).T
