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

Vectors are added and multiplied by NumPy alone: BLAS takes two threads for 10 000 numbers, which on a machine that is busy wait
for each other milliseconds at every product.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from softmargin import _core

from .curvature import MOST_OUTPUTS, intercept_hessian, second_derivatives, solve_semidefinite
from .dual import Certificate, Checked
from .problem import Float, LinearProblem

# Pairs kept; 10, 20 and 50 save no pass on the problems above, and 10 take longer.
PAIRS = 5

# The mean derivative of the losses is 0 at the best intercept: it is looked for up to this share of the gradient's mean square root.
CENTRED = 1e-3
INTERCEPT_STEPS = 20

# Its Hessian is made anew where a step leaves more than this share of that derivative.
SLOW = 0.3

# The same before there is a gradient.
FIRST = 1e-8

# Shares of the step that are tried where F does not fall.
HALVINGS = 12

# A rise of F by this share is taken for rounding; so many steps in which neither F nor the gap falls end the descent.
ROUNDING = 4e-15
FRUITLESS = 3


@dataclass
class Element:
    """A vector of the features: coefficients of the rows and of the start, and its products with the rows and with the start.

    Attributes
    ----------
    a, S : ndarray (n_samples, n_outputs)
        float64
    start, along : float
    """

    a: Float
    S: Float
    start: float = 0.0
    along: float = 0.0

    def times(self, t: float) -> Element:
        """Return t times self."""
        return Element(t * self.a, t * self.S, t * self.start, t * self.along)

    def add(self, t: float, other: Element) -> Element:
        """Add t other, in place."""
        room = np.multiply(t, other.a)
        self.a += room
        self.S += np.multiply(t, other.S, out=room)
        self.start += t * other.start
        self.along += t * other.along
        return self

    def plus(self, t: float, other: Element) -> Element:
        """Return self + t other."""
        result = other.times(t)
        result.a += self.a
        result.S += self.S
        result.start += self.start
        result.along += self.along
        return result


class Pair(NamedTuple):
    """A step, the change of the gradient over it, and their product."""

    s: Element
    y: Element
    sy: float


def applies(problem: LinearProblem) -> bool:
    """Return whether the optimum lies in the span of the rows, centred where the intercept sees to that."""
    l1, l2, intercept = problem.regularizer
    free = problem.fit_intercept and intercept == 0
    return l1 == 0 and l2 > 0 and (free or not problem.centre.any())


class RowSpace:
    """Descent from x, whose weights need not lie in the span: they are a vector of their own beside the rows.

    Attributes
    ----------
    V : Element
    shift : ndarray (n_outputs,)
        The intercepts that go with scores of features that are not centred; the best ones for V.
    F : float
    gap : float
        What the dual point of V would prove, in this arithmetic.

    A, where given, (n_samples, n_outputs), are dual variables whose weights x has: these are in the span.
    """

    def __init__(self, problem: LinearProblem, x: Float, dtype: str, A: Float | None = None) -> None:
        if not applies(problem):
            raise ValueError(
                "method: expected 'rows' with an l2 penalty alone and an intercept without a penalty, got another; use 'auto'"
            )
        self.problem, self.dtype = problem, dtype
        n, k = problem.n_samples, problem.n_outputs
        weight = np.ones(n) if problem.data.sample_weight is None else problem.data.sample_weight
        self.weight = weight / weight.sum()
        self.free = problem.fit_intercept and problem.regularizer.intercept == 0
        self.V = Element(np.zeros((n, k)), np.zeros((n, k)))
        self.start, self.shift = problem.raw(x)
        self.start_square = 0.0 if A is not None else float(np.vdot(x[: problem.n_weights], x[: problem.n_weights]))
        if A is not None:
            self.V.a = A / -problem.regularizer.l2
            if self.free:
                self.V.a -= self._mean(self.V.a)
        elif self.start_square > 0:
            S = problem.scores(x, "float64") - self.shift
            self.V = Element(self.V.a, S, 1.0, self.start_square)
        self.start_scores = self.V.S
        self.pairs: list[Pair] = []
        self._inverse: Float | None = None
        self.use(dtype)

    def use(self, dtype: str) -> None:
        """Go on in an arithmetic, with the scores of V computed anew."""
        self.dtype = dtype
        if np.any(self.V.a):
            self.V = self._element(self.V.a, self.V.start)
        self._best_shift(FIRST)
        self._look()
        self.least, self.fruitless = self.gap, 0

    @property
    def is_exact(self) -> bool:
        """Whether the arithmetic is float64."""
        return self.dtype == "float64"

    def refine(self) -> None:
        """Go on in float64."""
        self.use("float64")

    @property
    def scores(self) -> Float:
        """The scores of V with its intercepts, (n_samples, n_outputs)."""
        return self.V.S + self.shift

    def restart(self) -> None:
        """Go on with a loss that is smoothed otherwise."""
        self.pairs.clear()
        self._inverse = None
        self.use(self.dtype)

    def check(self, certificate: Certificate, smoothing: tuple[Float, float] | None = None) -> Checked:
        """Return the certificate of V."""
        return certificate.check(self.x(), smoothing)

    def x(self) -> Float:
        """Return the problem's x, in float64: half a pass."""
        problem = self.problem
        V, _ = problem.combine(self.V.a, "float64")
        W = V * problem.inverse_scale
        if self.V.start != 0:
            W += self.V.start * self.start
        return problem.from_raw(W, self.shift)

    def dot(self, u: Element, v: Element) -> float:
        """Return the product of the vectors of the features."""
        return self._inner(u.a, v.S) + u.start * v.along

    @property
    def gradient_norm(self) -> float:
        """The length of the gradient."""
        return float(np.sqrt(max(self.dot(self.g, self.g), 0.0)))

    def step(self) -> bool:
        """Take a step: one pass. False if nothing has got better for some steps."""
        best, g = self.F, self.g
        moved = self._search(self._direction())
        if moved is None and self.pairs:
            self.pairs.clear()
            moved = self._search(self._direction())
        if moved is None:
            return False
        self._look()
        y = self.g.plus(-1.0, g)
        sy = self.dot(moved, y)
        if sy > 0:
            self.pairs = [*self.pairs[1 - PAIRS :], Pair(moved, y, sy)]
        self.fruitless = 0 if best > self.F or self.gap < self.least else self.fruitless + 1
        self.least = min(self.least, self.gap)
        return self.fruitless < FRUITLESS

    # -- parts of a step ---------------------------------------------------------------------------------------------------

    def _element(self, a: Float, start: float) -> Element:
        """The vector with these coefficients: one pass."""
        S = self.problem.products(a, self.dtype).astype(np.float64, copy=False)
        if self.start_square == 0:
            return Element(a, S)
        along = self._inner(a, self.start_scores) + start * self.start_square
        return Element(a, S + start * self.start_scores, start, along)

    def _mean(self, rows: Float) -> Float:
        """The weighted mean over the samples, (n_outputs,)."""
        return np.asarray(np.einsum("i,ij->j", self.weight, rows))

    def _inner(self, A: Float, S: Float) -> float:
        """The weighted mean of the rows' products."""
        if self.problem.data.sample_weight is None:
            return float(np.einsum("i,i->", A.reshape(-1), S.reshape(-1))) / len(A)
        return float(np.einsum("i,ij,ij->", self.weight, A, S))

    def _losses(self, S: Float, shift: Float) -> tuple[float, Float, Float]:
        """The mean loss with the intercepts' penalty, its derivatives in the scores of each row and in the intercepts."""
        value, dS, r = _core.row_losses(self.problem.core("float64"), S, shift, num_threads=self.problem.num_threads)
        assert dS is not None
        intercept = self.problem.regularizer.intercept
        return value + 0.5 * intercept * float(shift @ shift), dS, r + intercept * shift

    def _look(self) -> None:
        """Evaluate F and its gradient at V: a pass for the scores of the gradient."""
        l2 = self.problem.regularizer.l2
        a = self.dS + l2 * self.V.a
        if self.free:
            a -= self._mean(a)
        self.g = self._element(a, l2 * self.V.start)
        self.F = self.value + 0.5 * l2 * self.dot(self.V, self.V)
        self.gap = self.dot(self.g, self.g) / (2 * l2) / max(abs(self.F), np.finfo(np.float64).tiny)

    def _direction(self) -> Element:
        """The two loops, on coefficients and scores alike."""
        q = self.g.times(-1.0)
        if not self.pairs:
            return q
        coefficients = []
        for s, y, sy in reversed(self.pairs):
            c = self.dot(s, q) / sy
            q.add(-c, y)
            coefficients.append(c)
        s, y, sy = self.pairs[-1]
        q = q.times(sy / self.dot(y, y))
        for (s, y, sy), c in zip(self.pairs, reversed(coefficients), strict=True):
            q.add(c - self.dot(y, q) / sy, s)
        return q

    def _search(self, p: Element) -> Element | None:
        """Move V by t p, t from a Newton's step of F in t and the intercepts at the end of p; returns t p, None if F does not fall."""
        problem, l2 = self.problem, self.problem.regularizer.l2
        across, square = self.dot(self.V, p), self.dot(p, p)
        S = self.V.S + p.S
        _, dS, r = self._losses(S, self.shift)
        curved = second_derivatives(problem, S + self.shift, p.S)
        slope = self._inner(dS, p.S) + l2 * (across + square)
        curvature = self._inner(curved, p.S) + l2 * square
        if problem.fit_intercept:
            cross = self._mean(curved)
            solved = self._solve(cross, S)
            slope -= float(solved @ r)
            curvature -= float(solved @ cross)
        t = 1.0 - slope / curvature if curvature > 0 else 1.0
        if not t > 0.1:
            t = 0.1
        before, start = self.F, (self.V, self.shift)
        for _ in range(HALVINGS):
            self.V = start[0].plus(t, p)
            if problem.fit_intercept:
                self.shift = np.asarray(start[1] - self._solve(r, S) - (t - 1.0) * solved)
            self._best_shift(CENTRED * float(np.sqrt(self._inner(self.g.a, self.g.a) / problem.n_outputs)))
            if self.value + 0.5 * l2 * self.dot(self.V, self.V) <= before + ROUNDING * abs(before):
                return p.times(t)
            t *= 0.5
        self.V, self.shift = start
        return None

    def _solve(self, r: Float, S: Float) -> Float:
        """The Hessian of F in the intercepts, of scores S or earlier ones, inverted, times r."""
        if self._inverse is None:
            self._inverse = intercept_inverse(self.problem, S + self.shift)
        return self._inverse * r if self._inverse.ndim == 1 else self._inverse @ r

    def _best_shift(self, accuracy: float) -> None:
        """Make the intercepts the best ones for V, up to a mean derivative: Newton's method with a kept Hessian."""
        self.value, self.dS, r = self._losses(self.V.S, self.shift)
        if not self.problem.fit_intercept:
            return
        share = 1.0  # of Newton's step: less where curvature jumps
        for _ in range(INTERCEPT_STEPS):
            worst = float(np.abs(r).max())
            if worst <= accuracy:
                return
            fresh = self._inverse is None
            trial = self.shift - share * self._solve(r, self.V.S)
            value, dS, new_r = self._losses(self.V.S, trial)
            left = float(np.abs(new_r).max()) / worst
            if left < 1 or (value < self.value and fresh):
                self.shift, self.value, self.dS, r, share = trial, value, dS, new_r, 1.0
            elif fresh:
                share *= 0.25
                continue
            if left > SLOW:
                self._inverse = None


def intercept_inverse(problem: LinearProblem, S: Float) -> Float:
    """Return the inverse of the Hessian of the mean loss at scores S in the intercepts, (n_outputs, n_outputs) or its diagonal."""
    k = problem.n_outputs
    H = intercept_hessian(problem, S) + (problem.regularizer.intercept + problem.least_curvature) * np.eye(k)
    if problem.data.kind != "classes" or k > MOST_OUTPUTS:
        return 1.0 / H.diagonal()
    return np.array([solve_semidefinite(H, column) for column in np.eye(k)])
