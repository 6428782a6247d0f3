"""L-BFGS on the rows: for an l2 penalty and more features than a dense factor takes, sparse text above all.

The optimum and every gradient lie in the span of the rows of X, so that a vector of n_features is known by one of n_samples:

    V = sum_i w_i a_i x_i' / sum w,    <V_a, V_u> = sum_i w_i a_i . (scores of V_u)_i / sum w

An iterate is its coefficients a and its scores S = X V', a gradient is dS + l2 a, and with the scores of the gradient, one pass
over X (`row_products`), everything else is arithmetic on arrays of (n_samples, n_outputs): the two loops, the best intercept, the
line search, which is by Newton's method and reads no X, and the gap |gradient|^2 / (2 l2) that the dual point dS would prove.

Measured to a gap of 1e-6, C = 1, in passes (those of L-BFGS with a diagonal metric and a line search of its own in brackets):
AG News (7600 x 181 000) softmax 8 (8), squared hinge 19 (22), with C = 10 14 (22) and 57 (96); generated text (25 000 x 150 000)
logistic 5 (5), squared hinge 14 (12). Truncated Newton took 26, 89, 46, 331, 10 and 24. What counts beside passes are the
vectors: on AG News those of the features are 24 times as long as those of the rows, and a pass takes no longer than five of them.

Source: the representer theorem, Scholkopf, Herbrich and Smola, COLT 2001; keeping inner products instead of vectors: Chen, Wang
and Zhou, Large-scale L-BFGS using MapReduce, NeurIPS 2014; the intercept is eliminated, as in Golub and Pereyra's variable
projection, SIAM J. Numerical Analysis 10 (1973).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import scipy.linalg

from softmargin import _core

from .metric import second_derivatives, solve_semidefinite
from .problem import Array, Float, LinearProblem

# Pairs kept; 20 and 50 save no pass on any of the problems above.
PAIRS = 10

# The mean derivative of the losses is 0 at the best intercept: it is looked for up to this share of the gradient's mean square root.
CENTRED = 1e-3
INTERCEPT_STEPS = 8

# Shares of the step that are tried where F does not fall.
HALVINGS = 12


class Element(NamedTuple):
    """A vector of the features as coefficients of the rows, and its scores; both (n_samples, n_outputs), float64."""

    a: Float
    S: Float

    def plus(self, t: float, other: Element) -> Element:
        """Return self + t other."""
        return Element(self.a + t * other.a, self.S + t * other.S)


class Pair(NamedTuple):
    """A step, the change of the gradient over it, and their product."""

    s: Element
    y: Element
    sy: float


def applies(problem: LinearProblem) -> bool:
    """Return whether the optimum lies in the span of the rows, centred where the intercept sees to that."""
    l1, l2, intercept = problem.regularizer
    free = problem.fit_intercept and intercept == 0
    smooth = _core.registry()["losses"][problem.data.loss]["smooth"]
    return bool(smooth and l1 == 0 and l2 > 0 and (free or not problem.centre.any()))


class RowSpace:
    """Descent from zero weights.

    Attributes
    ----------
    V : Element
    shift : ndarray (n_outputs,)
        The intercepts that go with scores of features that are not centred; the best ones for V.
    F : float
    gap : float
        What the dual point of V would prove, in this arithmetic.
    """

    def __init__(self, problem: LinearProblem, dtype: str) -> None:
        self.problem, self.dtype = problem, dtype
        n, k = problem.n_samples, problem.n_outputs
        weight = problem.data.sample_weight
        self.weight = None if weight is None else (weight / weight.sum())[:, None]
        self.free = problem.fit_intercept and problem.regularizer.intercept == 0
        self.V = Element(np.zeros((n, k)), np.zeros((n, k)))
        self.shift = np.zeros(k)
        self.pairs: list[Pair] = []
        self._shift_hessian: Float | None = None
        self._best_shift(1e-8)
        self._look()

    def use(self, dtype: str) -> None:
        """Go on in an arithmetic, with the scores of V computed anew."""
        self.dtype = dtype
        if np.any(self.V.a):
            self.V = Element(self.V.a, self._scores(self.V.a))
        self._best_shift(1e-8)
        self._look()

    def x(self) -> Float:
        """Return the problem's x, in float64: half a pass."""
        problem = self.problem
        V, _ = problem.combine(self.V.a, "float64")
        return problem.from_raw(V * problem.inverse_scale, self.shift)

    def dot(self, u: Element, v: Element) -> float:
        """Return the product of the vectors of the features."""
        if self.weight is None:
            return float(np.vdot(u.a, v.S)) / self.problem.n_samples
        return float(np.vdot(u.a * self.weight, v.S))

    @property
    def gradient_norm(self) -> float:
        """The length of the gradient."""
        return float(np.sqrt(max(self.dot(self.g, self.g), 0.0)))

    def step(self) -> bool:
        """Take a step: one pass. False if F did not fall."""
        p = self._direction()
        value = self.F
        moved = self._search(p)
        if moved is None:
            if not self.pairs:
                return False
            self.pairs.clear()
            moved = self._search(Element(-self.g.a, -self.g.S))
            if moved is None:
                return False
        g = self.g
        self._look()
        y = self.g.plus(-1.0, g)
        sy = self.dot(moved, y)
        if sy > 0:
            self.pairs = [*self.pairs[1 - PAIRS :], Pair(moved, y, sy)]
        return self.F < value

    # -- parts of a step ---------------------------------------------------------------------------------------------------

    def _scores(self, a: Float) -> Float:
        return self.problem.products(a, self.dtype).astype(np.float64, copy=False)

    def _mean(self, rows: Float) -> Float:
        """The weighted mean over the samples, (n_outputs,)."""
        return np.asarray(rows.mean(axis=0) if self.weight is None else (rows * self.weight).sum(axis=0))

    def _losses(self, S: Float, shift: Float, *, derivatives: bool = False) -> tuple[float, Array | None, Float]:
        core = self.problem.core("float64")
        value, dS, r = _core.row_losses(core, S, shift, derivatives=derivatives, num_threads=self.problem.num_threads)
        intercept = self.problem.regularizer.intercept
        return value + 0.5 * intercept * float(shift @ shift), dS, r + intercept * shift

    def _look(self) -> None:
        """Evaluate F and its gradient at V: a pass for the scores of the gradient."""
        l2 = self.problem.regularizer.l2
        value, dS, _ = self._losses(self.V.S, self.shift, derivatives=True)
        assert dS is not None
        a = dS + l2 * self.V.a
        if self.free:
            a -= self._mean(a)
        self.g = Element(a, self._scores(a))
        self.F = value + 0.5 * l2 * self.dot(self.V, self.V)
        self.gap = self.dot(self.g, self.g) / (2 * l2) / max(abs(self.F), np.finfo(np.float64).tiny)

    def _direction(self) -> Element:
        """The two loops, on coefficients and scores alike."""
        q = Element(-self.g.a, -self.g.S)
        if not self.pairs:
            return q
        coefficients = []
        for s, y, sy in reversed(self.pairs):
            c = self.dot(s, q) / sy
            _add(q, -c, y)
            coefficients.append(c)
        s, y, sy = self.pairs[-1]
        scale = sy / self.dot(y, y)
        q.a[:] *= scale
        q.S[:] *= scale
        for (s, y, sy), c in zip(self.pairs, reversed(coefficients), strict=True):
            _add(q, c - self.dot(y, q) / sy, s)
        return q

    def _search(self, p: Element) -> Element | None:
        """Move V by t p, t from a Newton's step of F in t and the intercepts at the end of p; returns t p, None if F does not fall."""
        problem, l2 = self.problem, self.problem.regularizer.l2
        across, along = self.dot(self.V, p), self.dot(p, p)
        S = self.V.S + p.S
        _, dS, r = self._losses(S, self.shift, derivatives=True)
        assert dS is not None
        curved = second_derivatives(problem, S + self.shift, p.S)
        slope = self._mean(dS * p.S).sum() + l2 * (across + along)
        curvature = self._mean(curved * p.S).sum() + l2 * along
        if problem.fit_intercept:
            cross = self._mean(curved)
            solved = solve_semidefinite(self._hessian(S), cross)
            slope, curvature = slope - solved @ r, curvature - solved @ cross
        t = 1.0 - slope / curvature if curvature > 0 else 1.0
        if not t > 0.1:
            t = 0.1
        before = self.F, self.shift, self.V
        for _ in range(HALVINGS):
            self.V = Element(before[2].a + t * p.a, before[2].S + t * p.S)
            value = self._best_shift() + 0.5 * l2 * self.dot(self.V, self.V)
            if value <= before[0]:
                return Element(t * p.a, t * p.S)
            t *= 0.5
        self.F, self.shift, self.V = before
        return None

    def _hessian(self, S: Float) -> Float:
        """The Hessian of F in the intercepts, kept over the steps."""
        if self._shift_hessian is None:
            self._shift_hessian = intercept_hessian(self.problem, S + self.shift)
        return self._shift_hessian

    def _best_shift(self, accuracy: float | None = None) -> float:
        """Make the intercepts the best ones for V: Newton's method with a kept Hessian; returns the losses."""
        value, _, r = self._losses(self.V.S, self.shift)
        if not self.problem.fit_intercept:
            return value
        if accuracy is None:
            accuracy = CENTRED * float(np.sqrt(np.mean(self.g.a**2)))
        fresh = False
        for _ in range(INTERCEPT_STEPS):
            worst = float(np.abs(r).max())
            if worst <= accuracy:
                break
            if self._shift_hessian is None:
                fresh = True
            trial = self.shift - solve_semidefinite(self._hessian(self.V.S), r)
            new_value, _, new_r = self._losses(self.V.S, trial)
            if float(np.abs(new_r).max()) < worst:
                slow = float(np.abs(new_r).max()) > 0.3 * worst
                self.shift, value, r = trial, new_value, new_r
                if slow:
                    self._shift_hessian = None
            elif fresh:
                break
            else:
                self._shift_hessian = None
        return value


def _add(u: Element, t: float, v: Element) -> None:
    """U += t v."""
    for target, term in zip(u, v, strict=True):
        scipy.linalg.blas.daxpy(term.reshape(-1), target.reshape(-1), a=t)


def intercept_hessian(problem: LinearProblem, S: Float) -> Float:
    """Return the Hessian (n_outputs, n_outputs) of the mean loss at scores S in the intercepts, with their penalty."""
    k, weight = problem.n_outputs, problem.data.sample_weight
    if problem.data.kind != "classes":
        rows = second_derivatives(problem, S, np.ones_like(S))
        H = np.diag(np.maximum(np.average(rows, axis=0, weights=weight), 1e-12))
    else:
        H = np.empty((k, k))
        for c in range(k):
            unit = np.zeros_like(S)
            unit[:, c] = 1.0
            H[c] = np.average(second_derivatives(problem, S, unit), axis=0, weights=weight)
    H[np.diag_indices(k)] += problem.regularizer.intercept
    return H

