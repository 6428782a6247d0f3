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
from contextlib import nullcontext
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.linalg import blas, lapack

from softmargin import _core

from .blas import all_threads
from .problem import ROWS_AT_ONCE, Array, Float, LinearProblem

# Most features of a dense factor: 5000^2 float32 are 100 MB, and the Cholesky factorisation takes 40 GFLOP.
MOST_DENSE = 5000

# Rows of the sample: at least ROWS_A_FEATURE for each feature (1.6 on CIFAR-10: 15 passes to 2e-6, 27 with 1.0 and 12 with
# 3.3, which costs three times the factor); more, up to PLENTY, as long as the Gram matrix costs no more than PASSES passes.
ROWS_A_FEATURE = 1.6
PLENTY = 100
LEAST_ROWS = 2000
PASSES = 6

# Gram matrices of at most this many features are made in float64, which costs little then and saves the jitter.
MOST_FLOAT64 = 512

# Rows count in a Gram matrix by their curvature plus this share of the mean: those where the loss is flat now need not stay
# flat. On digits with the squared hinge: 1648 steps with 0.05, 704 with 0.5.
FLOOR = 0.5

# Work of a step beyond the arithmetic of its pass, in multiply-adds: some 0.2 ms of Python and of vectors.
OVERHEAD = 1e7

# Work of reading a stored entry of a sparse matrix, and its weights, in multiply-adds: some 0.7 ns, twice, on two
# threads.
SPARSE_ENTRY = 60.0

# What small matrices in float64 cost more than large ones in float32.
SMALL_COST = 4


def pass_work(problem: LinearProblem) -> float:
    """Return the multiply-adds of a pass over X."""
    entry = 2.0 * problem.n_outputs + (SPARSE_ENTRY if problem.is_sparse() else 0.0)
    return entry * problem.n_entries + OVERHEAD


def gram_work(problem: LinearProblem, m: int, count: int) -> float:
    """Return the multiply-adds of `count` Gram matrices over m rows, of their factors, and of scaling the rows."""
    d = problem.n_features
    return count * ((SMALL_COST if d <= MOST_FLOAT64 else 1) * (0.5 * m * d**2 + d**3 / 6) + 20 * m * d)


def hessian_work(problem: LinearProblem) -> float:
    """Return the multiply-adds of the Hessian and its factor."""
    k, d = problem.n_outputs, problem.n_features + 1
    pairs = k * (k + 1) / 2 if problem.data.kind == "classes" else k
    return SMALL_COST * (pairs * problem.n_samples * d * (d + 20) + (k * d) ** 3 / 6)


class Metric(ABC):
    """M, made at a point x of a problem."""

    @abstractmethod
    def solve(self, g: Float, free: npt.NDArray[np.bool_] | None = None) -> Float:
        """Return the inverse of M times g (size,), within the free unknowns and 0 for the others."""

    @abstractmethod
    def multiply(self, p: Float) -> Float:
        """Return M p (size,)."""


def second_derivatives(problem: LinearProblem, S: Array, V: Float) -> Array:
    """Return the Hessian of each row's loss at the scores S times V, both (n_samples, n_outputs), in S's dtype."""
    product = np.array(V, dtype=S.dtype, order="C")
    no_shift = np.zeros(problem.n_outputs, dtype=S.dtype)
    _core.row_hessians(problem.core(S.dtype.name), S, no_shift, product, num_threads=problem.num_threads)
    return product


def curvatures(problem: LinearProblem, S: Array, *, exactly: bool = False) -> Array:
    """Return the second derivative of each row's loss in each of its scores, (n_samples, n_outputs), at least 0.

    For outputs that depend on each other it is the diagonal of a matrix H: of unit vectors, n_outputs products, or estimated by
    random signs v, for which v_c (H v)_c has that mean (Hutchinson's estimator).
    """
    if problem.data.kind != "classes":
        return second_derivatives(problem, S, np.ones_like(S))
    if not exactly:
        signs = np.random.default_rng(0).choice(np.array([-1.0, 1.0], dtype=S.dtype), size=S.shape)
        return signs * second_derivatives(problem, S, signs)
    diagonal = np.empty_like(S)
    for c in range(problem.n_outputs):
        unit = np.zeros_like(S)
        unit[:, c] = 1.0
        diagonal[:, c] = second_derivatives(problem, S, unit)[:, c]
    return diagonal


def weighted_mean(problem: LinearProblem, rows: Array) -> Float:
    """Return the mean over the samples, weighted, in float64."""
    return np.asarray(np.average(rows.astype(np.float64, copy=False), axis=0, weights=problem.data.sample_weight))


class Diagonal(Metric):
    """h times the mean squares of the centred and scaled features + l2; for each intercept h."""

    def __init__(self, problem: LinearProblem, h: Float, mean_squares: Float) -> None:
        d = np.outer(h, mean_squares) + problem.regularizer.l2
        inverse = np.divide(1.0, d, out=np.zeros_like(d), where=d > 0)
        intercept = 1.0 / (h + problem.regularizer.intercept) if problem.fit_intercept else np.zeros_like(h)
        self.h, self.inverse = h, problem.join(inverse, intercept)

    def solve(self, g: Float, free: npt.NDArray[np.bool_] | None = None) -> Float:
        return self.inverse * g if free is None else np.where(free, self.inverse * g, 0.0)

    def multiply(self, p: Float) -> Float:
        return np.divide(p, self.inverse, out=np.zeros_like(p), where=self.inverse > 0)


class Factor(NamedTuple):
    """M = diag(1/scale) lower lower' diag(1/scale)."""

    lower: Array
    scale: Float


class Gram(Metric):
    """h_c X'D_c X + l2 I from a sample of rows, by Cholesky factors: one for all outputs, or one each.

    A factor is rounded at about machine epsilon of its largest eigenvalue; that much is added to the diagonal, scaled to 1, which
    changes the metric where it hardly matters and nothing of the solution.

    Parameters
    ----------
    problem : LinearProblem
    h : ndarray (n_outputs,)
        Mean second derivatives.
    grams : list of ndarray (n_features, n_features)
        Lower triangles of weighted means of x x': one, or one for each output.
    """

    def __init__(self, problem: LinearProblem, h: Float, grams: list[Array]) -> None:
        self.problem, self.h, self.grams = problem, h, grams
        # With one Gram matrix the outputs share the mean of h, so that they share its factor.
        shared = np.full_like(h, h.mean())
        self.factored_h = shared if len(grams) == 1 else h
        self.factors = [self._factorise(gram, c) for c, gram in enumerate(grams)]
        self._free: dict[tuple[int, bytes], Factor] = {}
        # Small factors are turned into inverses: one product for all outputs in place of two substitutions each.
        small = problem.n_features <= MOST_FLOAT64
        self.inverses = np.stack([_inverse(factor) for factor in self.factors]) if small else None

    def _factorise(self, gram: Array, c: int) -> Factor:
        """The factor of gram + l2/h I, scaled to a unit diagonal: features of all scales are alike to rounding."""
        d = len(gram)
        shifted = np.array(gram, order="F")
        places = np.diag_indices(d)
        shifted[places] += self.problem.regularizer.l2 / self.factored_h[c]
        diagonal = shifted[places].astype(np.float64)
        scale = 1.0 / np.sqrt(np.where(diagonal > 0, diagonal, 1.0))
        shifted *= scale.astype(gram.dtype)
        shifted *= scale.astype(gram.dtype)[:, None]
        jitter = float(np.finfo(gram.dtype).eps) * d
        potrf = lapack.spotrf if gram.dtype == np.float32 else lapack.dpotrf
        for _ in range(10):
            shifted[places] = np.where(diagonal > 0, 1.0 + jitter, 1.0)
            with all_threads() if d > MOST_FLOAT64 else nullcontext():
                factor, info = potrf(shifted, lower=1)
            if info == 0:
                return Factor(np.asarray(factor), scale)
            jitter *= 10
        raise FloatingPointError("X: expected a Gram matrix that is positive definite up to rounding")

    def solve(self, g: Float, free: npt.NDArray[np.bool_] | None = None) -> Float:
        problem = self.problem
        V, c = problem.split(g)
        largest = float(np.abs(V).max(initial=0.0)) or 1.0  # float32 has no room for the smallest gradients
        V = V / largest
        if free is None and self.inverses is not None:
            inner = V @ self.inverses[0] if len(self.factors) == 1 else np.matmul(self.inverses, V[:, :, None])[:, :, 0]
        elif free is None and len(self.factors) == 1:
            inner = _substitute(self.factors[0], V.T).T
        else:
            inner = np.zeros_like(V)
            mask = np.ones(V.shape, dtype=bool) if free is None else free[: problem.n_weights].reshape(V.shape)
            for output, own in enumerate(mask):
                if own.any():
                    inner[output, own] = _substitute(self._restricted(output, own), V[output, own][:, None])[:, 0]
        inner = inner * (largest / self.factored_h[:, None])
        intercept = c / (self.h + problem.regularizer.intercept) if problem.fit_intercept else np.zeros_like(c)
        return problem.join(inner, intercept)

    def multiply(self, p: Float) -> Float:
        problem = self.problem
        V, c = problem.split(p)
        symv = blas.ssymv if self.grams[0].dtype == np.float32 else blas.dsymv
        inner = np.array([symv(1.0, gram, v, lower=1) for gram, v in zip(self._each_gram(), V, strict=True)])
        inner = self.factored_h[:, None] * inner + problem.regularizer.l2 * V
        return problem.join(inner, (self.h + problem.regularizer.intercept) * c)

    def _each_gram(self) -> list[Array]:
        return self.grams if len(self.grams) > 1 else self.grams * self.problem.n_outputs

    def _restricted(self, output: int, own: npt.NDArray[np.bool_]) -> Factor:
        """The factor of the rows and columns that are free; those of the last sets are kept."""
        place = output if len(self.grams) > 1 else 0
        if own.all():
            return self.factors[place]
        key = place, np.packbits(own).tobytes()
        if key not in self._free:
            if len(self._free) > 2 * self.problem.n_outputs:
                self._free.clear()
            self._free[key] = self._factorise(self.grams[place][np.ix_(own, own)], place)
        return self._free[key]


def _inverse(factor: Factor) -> Float:
    lower = np.tril(lapack.dpotri(factor.lower, lower=1)[0])
    return np.asarray((lower + np.tril(lower, -1).T) * np.outer(factor.scale, factor.scale))


def _substitute(factor: Factor, rhs: Array) -> Float:
    """The inverse times rhs (n_features, any)."""
    dtype, scale = factor.lower.dtype, factor.scale[:, None]
    potrs = lapack.spotrs if dtype == np.float32 else lapack.dpotrs
    solved = potrs(factor.lower, np.asfortranarray(rhs * scale, dtype=dtype), lower=1)[0]
    return np.asarray(solved * scale)


class Exact(Metric):
    """The Hessian at scores S, factorised in float64: n_unknowns^2 numbers."""

    def __init__(self, problem: LinearProblem, S: Float) -> None:
        self.problem, self.matrix = problem, hessian(problem, S)

    def solve(self, g: Float, free: npt.NDArray[np.bool_] | None = None) -> Float:
        free = np.ones(len(g), dtype=bool) if free is None else free.copy()
        if not self.problem.fit_intercept:
            free[self.problem.n_weights :] = False
        step = np.zeros_like(g)
        if not free.any():
            return step
        H = self.matrix if free.all() else self.matrix[np.ix_(free, free)]
        step[free] = solve_semidefinite(H, g[free])
        return step

    def multiply(self, p: Float) -> Float:
        return np.asarray(self.matrix @ p)


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
            return np.asarray(lapack.dpotrs(factor, g / root, lower=1)[0] / root)
        jitter *= 10
    return np.asarray(g / root**2)


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
        columns[:, c] += problem.least_curvature
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
    return np.asarray(full)


def sample_size(problem: LinearProblem) -> int:
    """Return how many rows the Gram matrix is made of."""
    d = problem.n_features
    affordable = PASSES * 4 * problem.n_samples * problem.n_outputs / d
    wanted = max(ROWS_A_FEATURE * d, LEAST_ROWS, min(affordable, max(PLENTY * d, LEAST_ROWS)))
    return int(min(problem.n_samples, wanted))


def sampled_grams(problem: LinearProblem, row_weights: Array | None, m: int) -> list[Array]:
    """Return weighted means of x x' over a sample of m rows, the same ones in every run: lower triangles.

    row_weights (n_samples, 1 or n_outputs): one Gram matrix a column; None for one with equal weights.
    """
    d = problem.n_features
    index: npt.NDArray[np.int64] | None = None
    if m < problem.n_samples:
        index = np.sort(np.random.default_rng(0).choice(problem.n_samples, m, replace=False))
    own = slice(None) if index is None else index
    weights = np.ones((m, 1)) if row_weights is None else np.maximum(row_weights[own], 0).astype(np.float64)
    if problem.data.sample_weight is not None:
        weights = weights * problem.data.sample_weight[own, None]
    totals = weights.sum(axis=0)
    weights[:, totals <= 0] = 1.0
    weights += FLOOR * weights.mean(axis=0)
    roots = np.sqrt(weights / weights.sum(axis=0))
    dtype, syrk = ("float64", blas.dsyrk) if d <= MOST_FLOAT64 else ("float32", blas.ssyrk)
    grams = [np.zeros((d, d), dtype=dtype, order="F") for _ in range(roots.shape[1])]
    for start in range(0, m, ROWS_AT_ONCE):
        part = slice(start, min(start + ROWS_AT_ONCE, m))
        block = problem.rows(part if index is None else index[part], dtype)
        for c, gram in enumerate(grams):
            scaled = block * roots[part, c, None].astype(dtype)
            with all_threads() if d > MOST_FLOAT64 else nullcontext():
                grams[c] = syrk(1.0, scaled.T, beta=1.0, c=gram, lower=1, overwrite_c=1)
    return grams
