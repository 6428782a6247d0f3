"""Second derivatives of the losses: of each row in its scores, and the Hessian of F in all unknowns."""

from __future__ import annotations

import numpy as np
from scipy.linalg import lapack

from softmargin import _core

from .gram import centred_gram
from .problem import ROWS_AT_ONCE, Array, Float, LinearProblem


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
    if problem.is_sparse():
        for (other, c), h in blocks.items():
            lower = np.tril(centred_gram(problem, h))
            H[other, :, c] = lower + np.tril(lower, -1).T
    for start in () if problem.is_sparse() else range(0, n, ROWS_AT_ONCE):
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
