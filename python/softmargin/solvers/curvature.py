"""Second derivatives of the losses: of each row in its scores, and the Hessian of F in all unknowns."""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.linalg import lapack

from softmargin import _core
from softmargin.objective import LOSSES, read_data

from .gram import centred_grams
from .problem import Array, Float, LinearProblem

# Rows and classes of random scores whose curvatures tell whether those of a loss jump: between as many values as there are margins in play.
FEW_ROWS = 64
FEW_OUTPUTS = 3

# Outputs up to which the Hessian of the intercepts is made in full, and the second derivatives are exact; beyond it the diagonal of the
# one serves, and an estimate of the others.
MOST_OUTPUTS = 32

# The share of the mean curvatures of two outputs below which the one that a row has in both of them is left out of the Hessian: digits has
# a quarter of its weights left, and as many steps.
SMALL_SHARE = 1e-3

# The share of the curvatures above which a change of them is no saving.
CHANGED = 0.5

# The least curvature of an intercept, so that steps are finite where a loss is flat.
LEAST = 1e-12


def second_derivatives(problem: LinearProblem, S: Array, V: Float) -> Array:
    """Return the Hessian of each row's loss at the scores S times V, both (n_samples, n_outputs), in S's dtype."""
    product = np.array(V, dtype=S.dtype, order="C")
    no_shift = np.zeros(problem.n_outputs, dtype=S.dtype)
    _core.row_hessians(problem.core(S.dtype.name), S, no_shift, product, num_threads=problem.num_threads)
    return product


def curvatures(problem: LinearProblem, S: Array, *, exactly: bool = False) -> Array:
    """Return the second derivative of each row's loss in each of its scores, (n_samples, n_outputs), at least 0.

    For outputs that depend on each other it is the diagonal of a matrix H: exactly, by n_outputs products, or, of many outputs,
    estimated by random signs v, for which v_c (H v)_c has that mean (Hutchinson's estimator).
    """
    if problem.data.kind != "classes" or problem.n_outputs <= MOST_OUTPUTS or exactly:
        return _core.row_curvatures(problem.core(S.dtype.name), S, num_threads=problem.num_threads)[0]
    signs = np.random.default_rng(0).choice(np.array([-1.0, 1.0], dtype=S.dtype), size=S.shape)
    return signs * second_derivatives(problem, S, signs)


def intercept_hessian(problem: LinearProblem, S: Float) -> Float:
    """Return the Hessian of the mean loss in the intercepts at scores S, (n_outputs, n_outputs); of many classes its diagonal."""
    if problem.data.kind == "classes" and problem.n_outputs > MOST_OUTPUTS:
        H = np.diag(weighted_mean(problem, curvatures(problem, S)))
    else:
        H = _core.row_curvatures(problem.core("float64"), S, mean=True, num_threads=problem.num_threads)[1]
    np.fill_diagonal(H, np.maximum(H.diagonal(), LEAST))
    return H


@cache
def jumps(loss: str) -> bool:
    """Return whether the second derivatives of a loss jump between few values, as those of squared hinges and huber do.

    Newton's steps are exact there but for the rows that jump; where many do they are far too long, or in circles.
    """
    rows = np.arange(FEW_ROWS)
    targets = {"classes": rows % FEW_OUTPUTS, "signs": rows % 2 * 2.0 - 1, "real": np.zeros(FEW_ROWS)}[
        LOSSES[loss]["target"]
    ]
    data = read_data(np.zeros((FEW_ROWS, 1)), targets, loss)
    S = np.random.default_rng(0).standard_normal((FEW_ROWS, data.n_outputs))
    return 1 < len(np.unique(_core.row_curvatures(data.problem, S)[0])) < FEW_ROWS // 2


def weighted_mean(problem: LinearProblem, rows: Array) -> Float:
    """Return the mean over the samples, weighted, in float64."""
    return np.asarray(np.average(rows.astype(np.float64, copy=False), axis=0, weights=problem.data.sample_weight))


class Hessians:
    """The Hessian of the smooth part of F at one point after another, without the l1 part, as `blocks` returns it.

    Where the curvatures of few rows are others than at the last point, as near the optimum of losses whose curvature jumps, the Gram
    matrices of those alone are added: digits, one-versus-rest squared hinge, 0.4 ms a Hessian in place of 1.0.
    """

    def __init__(self, problem: LinearProblem) -> None:
        self.problem = problem
        self._last: tuple[Float, Float] | None = None  # curvatures of the rows, Gram matrices

    def at(self, S: Float) -> Float:
        """Return the blocks at scores S (n_samples, n_outputs)."""
        rows = _curvatures_of_rows(self.problem, S)
        grams = None
        if self._last is not None:
            change = rows - self._last[0]
            if np.count_nonzero(change) < CHANGED * np.count_nonzero(rows):
                grams = self._last[1] + centred_grams(self.problem, change)
        if grams is None:
            grams = centred_grams(self.problem, rows)
        self._last = rows, grams
        return blocks(self.problem, grams)


def hessian(problem: LinearProblem, S: Float) -> Float:
    """Return the same at one point."""
    return Hessians(problem).at(S)


def _curvatures_of_rows(problem: LinearProblem, S: Float) -> Float:
    """The Hessian of each row's loss: its diagonal, or of classes the upper triangle."""
    if problem.data.kind != "classes":
        return np.asarray(second_derivatives(problem, S, np.ones_like(S)) + problem.least_curvature)
    left, right = np.triu_indices(problem.n_outputs)
    rows, _ = _core.row_curvatures(problem.core("float64"), S, pairs=True, num_threads=problem.num_threads)
    rows[:, left == right] += problem.least_curvature
    _drop_small(rows, left, right)
    return rows


def blocks(problem: LinearProblem, grams: Float) -> Float:
    """Return the Hessian of mean loss and l2 penalty as the blocks on its diagonal (n_blocks, m, m).

    The unknowns are taken output by output: its weights, then its intercept. Losses of each output alone have a block for each, m =
    n_features + 1; others have one block of all.

    Parameters
    ----------
    grams : ndarray (n_outputs, d + 1, d + 1) or (n_outputs * (n_outputs + 1) / 2, d + 1, d + 1)
        What `centred_grams` returns of the Hessian of each row's loss in its scores: of the diagonal, or of classes of the upper triangle,
        row by row.
    """
    k, d = problem.n_outputs, problem.n_features
    if problem.data.kind == "classes":
        pairs = np.empty((k, d + 1, k, d + 1))
        for one, other, block in zip(*np.triu_indices(k), grams, strict=True):
            pairs[one, :, other] = pairs[other, :, one] = block
        pairs /= problem.total_weight
        H = pairs.reshape(1, k * (d + 1), k * (d + 1))
    else:
        H = grams / problem.total_weight
    _, l2, intercept = problem.regularizer
    np.einsum("bii->bi", H)[:] += np.resize(np.append(np.full(d, l2), intercept), H.shape[1])
    return H


def _drop_small(rows: Float, left: npt.NDArray[np.int64], right: npt.NDArray[np.int64]) -> None:
    """Leave out of the Hessians of the rows, upper triangles, what lies off the diagonal and is a small share of its means.

    Off the diagonal they are at most 0 and each row sums to 0, so that what is left is still semidefinite, row by row; near the optimum
    most rows are of classes beyond doubt, and Gram matrices take time for weights that are not 0 alone.
    """
    root = np.sqrt(rows[:, left == right].mean(axis=0))
    small = np.abs(rows) <= SMALL_SHARE * root[left] * root[right]
    small[:, left == right] = False
    rows[small] = 0.0


class Semidefinite(NamedTuple):
    """The Cholesky factor of a matrix that is positive semidefinite up to rounding, scaled to a unit diagonal; None if there is none."""

    lower: Float | None
    root: Float  # of the diagonal

    def solve(self, g: Float) -> Float:
        """Return the inverse of the matrix times g; of its diagonal, if it has no factor."""
        if self.lower is None:
            return np.asarray(g / self.root**2)
        return np.asarray(lapack.dpotrs(self.lower, g / self.root, lower=1)[0] / self.root)


def factorised(H: Float) -> Semidefinite:
    """Return the factor of H, symmetric and positive semidefinite up to rounding, with as little added to its diagonal as it takes."""
    diagonal = H.diagonal()
    root = np.sqrt(np.where(diagonal > 0, diagonal, 1.0))
    jitter = len(H) * np.finfo(np.float64).eps
    for _ in range(12):
        shifted = H / root
        shifted /= root[:, None]
        np.einsum("ii->i", shifted)[:] += jitter
        factor, info = lapack.dpotrf(shifted.T, lower=1, overwrite_a=1)
        if info == 0:
            return Semidefinite(factor, root)
        jitter *= 10
    return Semidefinite(None, root)


def solve_semidefinite(H: Float, g: Float) -> Float:
    """Return the solution of H p = g, H symmetric and positive semidefinite up to rounding."""
    return factorised(H).solve(g)
