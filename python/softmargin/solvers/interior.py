"""A primal-dual interior-point method: losses of quadratic pieces (hinges, their squares, mae, huber) and l1, few unknowns.

With the losses as maxima over dual variables u (pieces.py), and l1 |v| as one over -l1 <= g <= l1, the optimum is a saddle point of a
quadratic function over boxes. Each bound has a multiplier, p above and q below, and the conditions of the optimum are

    e(s) - bend u = p - q,   p (high - u) = q (u - low) = 0,   and likewise for v and g;
    l2 V + g + mean u' de/dV = 0.

Newton's steps on them with mu in place of 0 follow the path to mu = 0 from inside all bounds. Eliminating u, p, q and g leaves a system in
the unknowns alone: the Hessian of losses whose curvatures are 1 / (bend + p / (high - u) + q / (u - low)). How many steps it takes
hardly depends on the data, their scales or the penalty, where steps on the primal alone go from kink to kink: 7 to 41 to 1e-6
on 77 problems from digits to regressions, of which 12 took the others more than 5 s or were never solved; none took this one more than 1 s.

Source: Mehrotra, On the Implementation of a Primal-Dual Interior Point Method, SIAM J. Optimization 2 (1992), for the predictor and the
corrector; Ferris and Munson, Interior-Point Methods for Massive Support Vector Machines, SIAM J. Optimization 13 (2002), for hinges.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from softmargin import _core

from .box import Box, Move
from .curvature import blocks
from .dual import Certificate, Checked
from .gram import centred_grams
from .metric import Exact
from .metrics import mean_squares
from .pieces import Pieces, shape
from .problem import Float, LinearProblem

# First multipliers in proportion to the excesses, and those of the weights beyond that: 1650 steps on those 77 problems with 1, 1550
# with 3, 1580 with 10.
WIDE = 3.0

# The share of the way to the nearest bound that a step goes.
INSIDE = 0.995

# A step of this share of Newton's, or less, is lost to rounding; so is what steps are for below this gap, relative to F, though other
# outputs and the other conditions still gain.
SHORTEST = 1e-6
ROUNDING = 1e-15

# A step of this share or less is tried again towards products that are this share of their mean.
SHORT = 0.1
CENTRED = 0.8

# Weights whose scores may be beyond all numbers: what is left of a system whose products are nothing.
LARGEST = 1e150

# The method ends after so many steps in a row that leave more than this share of the products, and of the other conditions.
FRUITLESS = 5
LITTLE = 0.99

# A gap from which on the weights that are to be 0 are known by their size.
NEAR = 1e-2


def applies(problem: LinearProblem) -> bool:
    """Return whether the loss is of quadratic pieces with a weight above 0, and there is a penalty."""
    positive = problem.data.positive_weight
    l1, l2, _ = problem.regularizer
    return shape(problem.data.loss) is not None and (l1 > 0 or l2 > 0) and (positive is None or bool(positive.all()))


class Step(NamedTuple):
    """Newton's step: of x, of the scores, and of the dual variables of the rows and of the weights."""

    x: Float
    S: Float
    rows: Move
    weights: Move | None


class Interior:
    """Steps from the middle of the bounds: where x is, is of no use here.

    Outputs that a loss takes apart are columns with step lengths of their own.

    Attributes
    ----------
    rows : Box
        The dual variables of the samples, (n_samples, n_terms).
    weights : Box or None
        Those of the l1 penalty, (n_features, n_outputs).
    F : float
    gap : float
        About what the certificate would prove, relative to F: the products, what is left of the last condition, and what it costs to set
        to 0 the weights that are on their way there.
    """

    is_exact = True  # the arithmetic is float64
    gradient_norm = float("nan")  # never worked out

    def __init__(self, problem: LinearProblem, tol: float) -> None:
        if not applies(problem):
            raise ValueError(
                "method: expected 'interior' with a loss of quadratic pieces (a hinge, mae, huber or mse), positive weights above 0 and "
                "a penalty, got another; use 'auto'"
            )
        self.problem, self.pieces, self.tol = problem, Pieces(problem), tol
        self.apart = problem.data.kind != "classes"
        n, k, l1 = problem.n_samples, problem.n_outputs, problem.regularizer.l1
        sample_weight = np.ones(n) if problem.data.sample_weight is None else problem.data.sample_weight
        share = sample_weight / sample_weight.sum()
        pieces, c = self.pieces, np.zeros(k)
        if problem.data.kind == "real" and problem.fit_intercept:
            c = share @ pieces.anchor
        self.point, self.S = problem.join(np.zeros((k, problem.n_features)), c), np.tile(c, (n, 1))
        excess = pieces.excess(self.S)
        self.scale = float(share @ np.abs(excess).mean(axis=1)) or 1.0
        self.rows = Box(pieces.low, pieces.high, pieces.bend, pieces.total, share, excess, WIDE * self.scale)
        self.weights: Box | None = None
        if l1 > 0:
            # Products like those of the rows, by their weights.
            product = float(self.rows.products().mean()) / (self.rows.n_bounds or 1.0) or self.scale
            self.rms = np.sqrt(mean_squares(problem, None))
            none = np.zeros((problem.n_features, k))
            bound, one = np.full_like(none, l1), np.ones(problem.n_features)
            self.weights = Box(-bound, bound, none, np.inf, one, none, WIDE * product / (n * l1))
        self.unmet = np.ones(k if self.apart else 1)  # share of the first residual of the last condition
        self.fruitless = 0
        self.metric: Exact | None = None  # of the last step
        self.first_F = self._objective(self.S, self.point)
        self._look()

    def step(self) -> bool:
        """Take a step: two passes, a Hessian and its factor. False if nothing is gained any more."""
        problem, rows, weights = self.problem, self.rows, self.weights
        metric = self.metric = self._metric()
        ahead = self._newton(metric, np.zeros(1), None)
        if ahead is None:
            return False
        products = self._products()
        left = self._products(np.minimum(1.0, self._longest(ahead)), ahead)
        share = np.divide(np.maximum(left, 0.0), products, out=np.zeros_like(products), where=products > 0) ** 3
        mean = products / (self._n_bounds or 1.0)
        step = self._newton(metric, np.maximum(share * mean, ROUNDING * abs(self.F) / len(mean)), ahead)
        if step is None:
            return False
        t = np.minimum(1.0, INSIDE * self._longest(step))
        if t.min() < SHORT:  # some products are far smaller than others: make them alike
            centred = self._newton(metric, CENTRED * mean, None)
            if centred is not None:
                longer = np.minimum(1.0, INSIDE * self._longest(centred))
                if longer.min() > t.min():
                    step, t = centred, longer
        if not t.max() > SHORTEST:
            return False
        each = np.broadcast_to(t, problem.n_outputs)
        V, c = problem.split(step.x)
        self.point, self.S = self.point + problem.join(each[:, None] * V, each * c), self.S + each * step.S
        rows.go(t, step.rows)
        if weights is not None and step.weights is not None:
            weights.go(t, step.weights)
        self.unmet *= 1.0 - t
        before = self.complementarity
        self._look()
        gained = self.complementarity < LITTLE * before or (self.unmet.max() > self.tol and t.min() > 1 - LITTLE)
        self.fruitless = 0 if gained else self.fruitless + 1
        return self.fruitless < FRUITLESS

    def check(self, certificate: Certificate, smoothing: tuple[Float, float] | None = None) -> Checked:
        """Return the certificate of the dual variables and of the weights; no loss is smoothed here."""
        assert smoothing is None
        u = self.pieces.within(self._refined())
        return certificate.check_pair(self.rounded, np.ascontiguousarray(self.pieces.derivatives(u)))

    def _refined(self) -> Float:
        """The dual variables with what rounding has left of the last condition taken out, as far as the last factor can tell: one pass.

        Curvatures of rows between their bounds are so large near the optimum that what scores are rounded by moves u.
        """
        u = self.rows.u
        if self.metric is None:
            return u
        problem = self.problem
        G, r = problem.combine(self.pieces.derivatives(u), "float64")
        V, c = problem.split(self.point)
        G += problem.regularizer.l2 * V
        if self.weights is not None:
            G += self.weights.u.T
        r += problem.regularizer.intercept * c
        dx = -self.metric.solve(problem.join(G, r if problem.fit_intercept else np.zeros_like(r)))
        return u + self.rows.times(self.pieces.along(problem.scores(dx, "float64")))

    def refine(self) -> None:
        """Nothing to change: the next steps lower the gap."""

    def x(self) -> Float:
        """Return the problem's x."""
        return self.rounded

    # -- parts of a step ---------------------------------------------------------------------------------------------------

    def _metric(self) -> Exact:
        """The Hessian that is left once the dual variables are eliminated."""
        H = blocks(self.problem, centred_grams(self.problem, self.pieces.curvatures(*self.rows.linearise())))
        if self.weights is not None:
            own = np.column_stack([self.weights.linearise()[0].T, np.zeros(self.problem.n_outputs)])
            np.einsum("bii->bi", H)[:] += own.reshape(H.shape[:2])
        if not self.apart and self.problem.fit_intercept and self.problem.regularizer.intercept == 0:
            # What no loss of classes sees, all intercepts together, would be left to rounding.
            d = self.problem.n_features
            own = H[0, d :: d + 1, d :: d + 1]
            own += own.trace() / len(own)
        return Exact(self.problem, H)

    def _newton(self, metric: Exact, mu: Float, ahead: Step | None) -> Step | None:
        """Newton's step to products mu, of the weights mu / n_samples; None if it is beyond all numbers."""
        problem, rows, weights = self.problem, self.rows, self.weights
        _, l2, intercept = problem.regularizer
        still = rows.still(mu, ahead and ahead.rows)
        constant = still.p - still.q + still.total
        G, r = problem.combine(self.pieces.derivatives(rows.u - rows.times(constant)), "float64")
        V, c = problem.split(self.point)
        G += l2 * V
        if weights is not None:
            own = weights.still(mu / problem.n_samples, ahead and ahead.weights)
            G += (weights.u - weights.times(own.p - own.q)).T
        dx = -metric.solve(problem.join(G, r + intercept * c if problem.fit_intercept else np.zeros_like(r)))
        if not np.all(np.abs(dx) < LARGEST):
            return None
        dS = problem.scores(dx, "float64")
        of_rows = rows.move(rows.times(self.pieces.along(dS) - constant), still)
        if weights is None:
            return Step(dx, dS, of_rows, None)
        return Step(dx, dS, of_rows, weights.move(weights.times(problem.split(dx)[0].T - own.p + own.q), own))

    def _longest(self, step: Step) -> Float:
        """How much of a step ends on the first bound, of each output that is apart."""
        reach = self.rows.longest(step.rows)
        if self.weights is not None and step.weights is not None:
            own = self.weights.longest(step.weights)
            reach = np.minimum(reach, own) if self.apart else np.append(reach, own)
        return reach if self.apart else reach.min(keepdims=True)

    def _products(self, t: Float | None = None, step: Step | None = None) -> Float:
        """The sum of the products, of each output that is apart, as they are or after t times a step."""
        each = self.rows.products(t, step and step.rows)
        if self.weights is not None:
            own = self.weights.products(t, step and step.weights)
            each = each + own if self.apart else np.append(each, own)
        return each if self.apart else each.sum(keepdims=True)

    @property
    def _n_bounds(self) -> float:
        """The bounds behind each of `_products`, by what their products are to be in proportion to those of the rows."""
        weights = 0.0 if self.weights is None else self.weights.n_bounds / self.problem.n_samples
        if self.apart:
            return self.rows.n_bounds + weights
        return self.rows.n_bounds * self.rows.u.shape[1] + weights * self.problem.n_outputs

    # -- where it stands ---------------------------------------------------------------------------------------------------

    def _look(self) -> None:
        """Work out F, and what is left of the gap."""
        self.F, self.complementarity = self._objective(self.S, self.point), float(self._products().sum())
        self.rounded, lost = self.point, 0.0
        if self.weights is not None and self.complementarity <= NEAR * abs(self.F):
            rounded = self._without_small(self.weights)
            lost = max(self._objective(self.problem.scores(rounded, "float64"), rounded) - self.F, 0.0)
            if lost <= max(self.complementarity, 0.5 * self.tol * abs(self.F)):
                self.rounded = rounded
        left = self.complementarity + float(self.unmet.max()) * self.first_F + lost
        self.gap = left / max(abs(self.F), float(np.finfo(np.float64).tiny)) if self.F != 0 else 0.0

    def _objective(self, S: Float, x: Float) -> float:
        problem = self.problem
        none = np.zeros(problem.n_outputs)
        loss, _, _ = _core.row_losses(
            problem.core("float64"), S, none, derivatives=False, num_threads=problem.num_threads
        )
        return loss + problem.penalty(x)

    def _without_small(self, weights: Box) -> Float:
        """The point with 0 for weights that are nearer to it than their g to its bounds, in shares of a weight that counts and of l1."""
        x = self.point.copy()
        V = self.problem.split(x)[0]
        room = np.minimum(weights.over, weights.under).T
        V[np.abs(V) * (self.rms / self.scale * self.problem.regularizer.l1) < room] = 0.0
        return x
