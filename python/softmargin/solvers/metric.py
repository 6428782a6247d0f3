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
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.linalg import blas, lapack

from .curvature import Semidefinite, factorised, solve_semidefinite
from .gram import MOST_FLOAT64
from .problem import Array, Float, LinearProblem
from .stripes import Stripes

# Most features of a dense factor, where X is sparse: 5000^2 float32 are 100 MB, and the Cholesky factorisation takes 40 GFLOP. A dense
# X has no other metric that comes near: 12 000 x 6000 with a decaying spectrum, 5 classes, alpha = 1e-3 takes 14 steps with this one and
# is a quarter above the optimum after 400 with the diagonal; 4000 x 10 000 takes 34, and 845 in the span of the rows.
MOST_DENSE = 5000
MOST_DENSE_OF_DENSE = 10_000


class Metric(ABC):
    """M, made at a point x of a problem."""

    @abstractmethod
    def solve(self, g: Float, free: npt.NDArray[np.bool_] | None = None) -> Float:
        """Return the inverse of M times g (size,), within the free unknowns and 0 for the others."""

    @abstractmethod
    def multiply(self, p: Float) -> Float:
        """Return M p (size,)."""


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
        for _ in range(10):
            shifted[places] = np.where(diagonal > 0, 1.0 + jitter, 1.0)
            factor = self._lower_factor(shifted)
            if factor is not None:
                return Factor(factor, scale)
            jitter *= 10
        return Factor(np.eye(d, dtype=gram.dtype, order="F"), scale)  # of rows alike, whose differences are rounding

    def _lower_factor(self, A: Array) -> Array | None:
        """The Cholesky factor of A in the lower triangle of a new array; None if there is none."""
        if len(A) <= MOST_FLOAT64:
            potrf = lapack.spotrf if A.dtype == np.float32 else lapack.dpotrf
            factor, info = potrf(A, lower=1)
            return None if info != 0 else np.asarray(factor)
        factor = A.copy(order="F")
        with Stripes(self.problem.num_threads) as stripes:
            return factor if stripes.cholesky(factor) else None

    def solve(self, g: Float, free: npt.NDArray[np.bool_] | None = None) -> Float:
        problem = self.problem
        V, c = problem.split(g)
        intercept = c / (self.h + problem.regularizer.intercept) if problem.fit_intercept else np.zeros_like(c)
        if free is None and self.inverses is not None:
            inner = V @ self.inverses[0] if len(self.factors) == 1 else np.matmul(self.inverses, V[:, :, None])[:, :, 0]
            return problem.join(inner / self.factored_h[:, None], intercept)
        largest = float(np.abs(V).max(initial=0.0)) or 1.0  # float32 has no room for the smallest gradients
        V = V / largest
        if free is None and len(self.factors) == 1:
            inner = _substitute(self.factors[0], V.T).T
        else:
            inner = np.zeros_like(V)
            mask = np.ones(V.shape, dtype=bool) if free is None else free[: problem.n_weights].reshape(V.shape)
            for output, own in enumerate(mask):
                if own.any():
                    inner[output, own] = _substitute(self._restricted(output, own), V[output, own][:, None])[:, 0]
        return problem.join(inner * (largest / self.factored_h[:, None]), intercept)

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
    half = lapack.dpotri(factor.lower, lower=1)[0]  # 0 above the diagonal, as the factor is
    np.einsum("ii->i", half)[:] *= 0.5
    return np.asarray((half + half.T) * np.outer(factor.scale, factor.scale))


def _substitute(factor: Factor, rhs: Array) -> Float:
    """The inverse times rhs (n_features, any)."""
    dtype, scale = factor.lower.dtype, factor.scale[:, None]
    potrs = lapack.spotrs if dtype == np.float32 else lapack.dpotrs
    solved = potrs(factor.lower, np.asfortranarray(rhs * scale, dtype=dtype), lower=1)[0]
    return np.asarray(solved * scale)


class Exact(Metric):
    """A Hessian, factorised in float64: n_unknowns^2 numbers, of each output alone where the loss is.

    Parameters
    ----------
    problem : LinearProblem
    blocks : ndarray (n_blocks, m, m)
        As `curvature.blocks` returns them.
    """

    def __init__(self, problem: LinearProblem, blocks: Float) -> None:
        self.problem, self.blocks = problem, blocks
        self._free = np.ones(problem.size, dtype=bool)
        if not problem.fit_intercept:
            self._free[problem.n_weights :] = False

    @cached_property
    def _factors(self) -> list[Semidefinite]:
        """Of each block, within the unknowns that are always free."""
        return [factorised(_within(H, own)) for H, own in zip(self.blocks, self._apart(self._free), strict=True)]

    def solve(self, g: Float, free: npt.NDArray[np.bool_] | None = None) -> Float:
        own = self._free if free is None else free & self._free
        step = np.zeros((len(self.blocks), self.blocks.shape[1]))
        for c, (H, part, mask) in enumerate(zip(self.blocks, self._apart(g), self._apart(own), strict=True)):
            if free is None or np.array_equal(own, self._free):
                step[c, mask] = self._factors[c].solve(part[mask])
            elif mask.any():
                step[c, mask] = solve_semidefinite(_within(H, mask), part[mask])
        return self._together(step)

    def multiply(self, p: Float) -> Float:
        return self._together(np.matmul(self.blocks, self._apart(p)[:, :, None])[:, :, 0])

    def _apart(self, x: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """The unknowns of each block, (n_blocks, m), in the order of `hessian`."""
        return np.column_stack(self.problem.split(x)).reshape(len(self.blocks), -1)

    def _together(self, each: Float) -> Float:
        of_output = each.reshape(self.problem.n_outputs, -1)
        return self.problem.join(of_output[:, :-1], of_output[:, -1])


def _within(H: Float, free: npt.NDArray[np.bool_]) -> Float:
    return H if free.all() else H[np.ix_(free, free)]
