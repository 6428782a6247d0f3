"""Second derivatives of the losses: of each row in its scores, and the Hessian of F in all unknowns."""

from __future__ import annotations

import numpy as np
from scipy.linalg import blas, lapack

from softmargin import _core

from .gram import centred_gram
from .problem import ROWS_AT_ONCE, Array, Float, LinearProblem

# Rows whose curvature tells whether it jumps, and the values that it then has at most, for each output: 0 and 1, each with a weight of
# its own where t = +1, and for classes as many as there are margins in play.
FEW_ROWS = 64
MOST_VALUES = 3

# Rows are picked out where at most this share of them has any curvature.
MOSTLY = 0.7


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


def jumps(problem: LinearProblem) -> bool:
    """Return whether the second derivatives of the loss jump between few values, as those of squared hinges and huber do.

    Newton's steps are exact there but for the rows that jump; where many do they are far too long, or in circles.
    """
    n, k = problem.n_samples, problem.n_outputs
    S = np.resize(np.random.default_rng(0).standard_normal((FEW_ROWS, k)), (n, k))
    rows = curvatures(problem, S, exactly=True)[:FEW_ROWS]
    return 1 < len(np.unique(rows)) <= MOST_VALUES * k


def weighted_mean(problem: LinearProblem, rows: Array) -> Float:
    """Return the mean over the samples, weighted, in float64."""
    return np.asarray(np.average(rows.astype(np.float64, copy=False), axis=0, weights=problem.data.sample_weight))


def hessian(problem: LinearProblem, S: Float) -> Float:
    """Return the Hessian of the smooth part of F at scores S, without the l1 part, as the blocks on its diagonal (n_blocks, m, m).

    Losses of each output alone: a block an output, of its weights and its intercept, m = n_features + 1. Else one block of all
    unknowns, in the order of x.
    """
    k, d = problem.n_outputs, problem.n_features
    separate = problem.data.kind != "classes"
    if separate:
        columns = _weighted(problem, second_derivatives(problem, S, np.ones_like(S)) + problem.least_curvature)
        pairs = {(c, c): columns[:, c].copy() for c in range(k)}
    else:
        pairs = {}
        for c in range(k):
            unit = np.zeros_like(S)
            unit[:, c] = 1.0
            columns = _weighted(problem, second_derivatives(problem, S, unit) + problem.least_curvature * unit)
            pairs |= {(other, c): columns[:, other].copy() for other in range(c, k)}
    blocks = _products(problem, pairs)
    _, l2, intercept = problem.regularizer
    penalty = np.append(np.full(d, l2), intercept)
    if separate:
        H = np.stack([blocks[c, c] for c in range(k)])
    else:
        full = np.empty((k, d + 1, k, d + 1))
        for (other, c), block in blocks.items():
            full[other, :, c], full[c, :, other] = block, block.T
        # Unknowns in the order of x: all of V, then all of c.
        order = np.concatenate([(np.arange(k)[:, None] * (d + 1) + np.arange(d)).ravel(), np.arange(k) * (d + 1) + d])
        H = full.reshape(1, k * (d + 1), -1)[:, order[:, None], order]
        penalty = np.tile(penalty, k)[order]
    H /= problem.total_weight
    H[:, np.arange(len(penalty)), np.arange(len(penalty))] += penalty
    return H


def _weighted(problem: LinearProblem, rows: Float) -> Float:
    weight = problem.data.sample_weight
    return rows if weight is None else rows * weight[:, None]


def _products(problem: LinearProblem, pairs: dict[tuple[int, int], Float]) -> dict[tuple[int, int], Float]:
    """Return sum_i h_i z_i z_i' for each column h (n_samples,), z_i = [x_i, 1] centred and scaled."""
    d, n = problem.n_features, problem.n_samples
    if problem.is_sparse():
        lower = {pair: np.tril(centred_gram(problem, np.ascontiguousarray(h))) for pair, h in pairs.items()}
        return {pair: half + np.tril(half, -1).T for pair, half in lower.items()}
    blocks = {pair: np.zeros((d + 1, d + 1)) for pair in pairs}
    for start in range(0, n, ROWS_AT_ONCE):
        rows = slice(start, min(start + ROWS_AT_ONCE, n))
        Z = np.empty((rows.stop - start, d + 1))
        Z[:, :d], Z[:, d] = problem.rows(rows, "float64"), 1.0
        for (other, c), h in pairs.items():
            blocks[other, c] += _product(Z, h[rows], symmetric=other == c)
    return blocks


def _product(Z: Float, h: Float, symmetric: bool) -> Float:
    """Return Z' diag(h) Z; symmetric: h >= 0, which takes half the work."""
    curved = np.flatnonzero(h)  # losses that are flat for many rows: squared hinges
    if len(curved) < MOSTLY * len(h):
        Z, h = Z[curved], h[curved]
    if not symmetric:
        return np.asarray(Z.T @ (h[:, None] * Z))
    lower = blas.dsyrk(1.0, (np.sqrt(np.maximum(h, 0.0))[:, None] * Z).T, lower=1)
    return np.asarray(lower + np.tril(lower, -1).T)


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
