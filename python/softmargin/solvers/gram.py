"""Gram matrices of a sample of rows, and what they and the other parts of a step cost in multiply-adds."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.linalg import blas

from softmargin import _core

from .problem import ROWS_AT_ONCE, Array, Float, LinearProblem
from .stripes import WIDTH, Stripes

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

# Share of the mean below which the weight of a row counts as 0 beside that: on digits a quarter of the weights are left near the optimum.
SMALL = 0.1

# Work of a step beyond the arithmetic of its pass, in multiply-adds: some 0.2 ms of Python and of vectors.
OVERHEAD = 1e7

# Work of reading a stored entry of a sparse matrix, and its weights, in multiply-adds: some 0.7 ns, twice, on two
# threads.
SPARSE_ENTRY = 60.0

# Work of a pair of entries of a sparse row in a Gram matrix: some 0.5 ns on two threads.
SPARSE_PAIR = 20.0

# Rows that go into a stripe of a Gram matrix of many features in one call of BLAS, which no signal interrupts: as many as take this
# work, some 50 ms, but so many that the call is worth it.
WORK_AT_ONCE = 1.6e9
LEAST_AT_ONCE = 256

# What a multiply-add costs more than one of a pass: in the Gram matrices of few features, which are made in float64, and in their
# factors, which one thread makes.
SMALL_GRAM = 1.5
SMALL_FACTOR = 4

# Work of a factor and its inverse beyond the arithmetic: some 0.15 ms.
FACTOR_OVERHEAD = 4e6


def pass_work(problem: LinearProblem) -> float:
    """Return the multiply-adds of a pass over X."""
    entry = 2.0 * problem.n_outputs + (SPARSE_ENTRY if problem.is_sparse() else 0.0)
    return entry * problem.n_entries + OVERHEAD


def gram_work(problem: LinearProblem, m: int, count: int) -> float:
    """Return the multiply-adds of `count` Gram matrices over m rows, of their factors, and of scaling the rows."""
    d = problem.n_features
    if problem.is_sparse():
        return count * (m / problem.n_samples * SPARSE_PAIR * problem.n_pairs + factor_work(d))
    gram = (SMALL_GRAM if d <= MOST_FLOAT64 else 1) * 0.5 * m * d**2
    return count * (gram + factor_work(d) + 20 * m * d + FACTOR_OVERHEAD)


def factor_work(d: int) -> float:
    """Return the multiply-adds of a factor of d columns."""
    return (SMALL_FACTOR if d <= MOST_FLOAT64 else 1) * d**3 / 6


def hessian_work(problem: LinearProblem) -> float:
    """Return the multiply-adds of the Hessian and its factor."""
    k, d = problem.n_outputs, problem.n_features + 1
    together = problem.data.kind == "classes"
    pairs, factor = (k * (k + 1) / 2, (k * d) ** 3 / 6) if together else (k, k * d**3 / 6)
    if problem.is_sparse():
        return pairs * (SPARSE_PAIR * problem.n_pairs + d**2) + SMALL_FACTOR * factor
    return SMALL_GRAM * pairs * problem.n_samples * 0.5 * d**2 + SMALL_FACTOR * factor


def sample_size(problem: LinearProblem) -> int:
    """Return how many rows the Gram matrix is made of."""
    d = problem.n_features
    if problem.is_sparse():
        affordable = PASSES * pass_work(problem) / (SPARSE_PAIR * max(problem.n_pairs, 1)) * problem.n_samples
    else:
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
    weights[:, weights.sum(axis=0) <= 0] = 1.0
    weights /= weights.sum(axis=0)
    if weights.shape[1] > 1 and not problem.is_sparse() and d <= MOST_FLOAT64:
        return _small_of_each(problem, weights, index)
    weights = (weights + FLOOR / m) / (1 + FLOOR)
    if not problem.is_sparse():
        make = _small if d <= MOST_FLOAT64 else _large
        return make(problem, weights, index)
    single = d > MOST_FLOAT64
    rows = weights if index is None else np.zeros((problem.n_samples, weights.shape[1]))
    if index is not None:
        rows[index] = weights
    return [np.asfortranarray(_centred_sparse(problem, column, single)[:d, :d]) for column in rows.T]


def _small(problem: LinearProblem, weights: Float, index: npt.NDArray[np.int64] | None) -> list[Array]:
    """In float64, by the core."""
    return [G[:-1, :-1] for G in _dense(problem, weights, index)]


def _small_of_each(problem: LinearProblem, weights: Float, index: npt.NDArray[np.int64] | None) -> list[Array]:
    """Of each output, the share of all rows alike made once: the core passes over rows of weight 0, as most of the others are then."""
    m = len(weights)
    weights[weights <= SMALL / m] = 0.0
    alike, *own = _small(problem, np.column_stack([np.full(m, 1 / m), weights]), index)
    return [(FLOOR * alike + G) / (1 + FLOOR) for G in own]


def _large(problem: LinearProblem, weights: Float, index: npt.NDArray[np.int64] | None) -> list[Array]:
    """In float32, in stripes."""
    d, roots = problem.n_features, np.sqrt(weights, dtype=np.float32)
    grams = [np.zeros((d, d), dtype=np.float32, order="F") for _ in roots.T]
    at_once = int(min(max(WORK_AT_ONCE / (WIDTH * d), LEAST_AT_ONCE), ROWS_AT_ONCE))
    with Stripes(problem.num_threads) as stripes:
        for start in range(0, len(roots), at_once):
            part = slice(start, min(start + at_once, len(roots)))
            block = problem.rows(part if index is None else index[part], "float32")
            for G, root in zip(grams, roots[part].T, strict=True):
                stripes.add_gram(G, block * root[:, None])
    return grams


def centred_grams(problem: LinearProblem, weights: Float) -> Float:
    """Return sum_i w_i weights_ip z_i z_i' (n_weights, m, m), z_i = [x_i, 1] centred and scaled, w the weights of the samples."""
    if problem.data.sample_weight is not None:
        weights = weights * problem.data.sample_weight[:, None]
    count = weights.shape[1]
    if count > 1 and np.all(weights[:, 1:] == weights[:, :1]):  # as at W = 0, where the outputs are apart
        weights = weights[:, :1]
    if not problem.is_sparse():
        grams = _dense(problem, weights, None)
        return grams if len(grams) == count else np.repeat(grams, count, axis=0)
    lower = [np.tril(_centred_sparse(problem, column, False)) for column in weights.T]
    grams = np.stack([half + np.tril(half, -1).T for half in lower])
    return grams if len(grams) == count else np.repeat(grams, count, axis=0)


def _dense(problem: LinearProblem, weights: Float, index: npt.NDArray[np.int64] | None) -> Float:
    scale = problem.inverse_scale if problem.is_scaled else None
    return _core.dense_gram(
        problem.data.matrix.core,
        problem.centre,
        scale,
        np.ascontiguousarray(weights),
        index,
        num_threads=problem.num_threads,
    )


def _centred_sparse(problem: LinearProblem, weight: Float, single: bool) -> Array:
    """The lower triangle of sum_i weight_i z_i z_i' (n_features + 1, n_features + 1), z_i = [x_i, 1] of a sparse X, centred and scaled.

    With m the centre and t, u the sums of the weights and of the weighted rows, X'X becomes X'X - m u' - u m' + t m m'. What that
    cancels costs digits only where a feature is far from 0 beside its deviation, which few sparse ones are.
    """
    G = _core.sparse_gram(
        problem.data.matrix.core, np.ascontiguousarray(weight), single=single, num_threads=problem.num_threads
    )
    m = np.append(problem.centre, 0.0)
    if m.any():
        u, total = G[-1], G[-1, -1]
        syr2 = blas.ssyr2 if single else blas.dsyr2
        G = syr2(-1.0, m.astype(G.dtype), (u - 0.5 * total * m).astype(G.dtype), lower=1, a=G, overwrite_a=1)
    if problem.is_scaled:
        scale = np.append(problem.inverse_scale, 1.0).astype(G.dtype)
        G *= scale
        G *= scale[:, None]
    return np.asarray(G)
