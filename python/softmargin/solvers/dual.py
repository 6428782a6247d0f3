"""The certificate: a dual feasible point, whose value no model's F can be below.

With a_i in the domain of the loss's conjugate, G = sum_i w_i a_i z_i' / sum w over the centred and scaled samples z_i and
r = sum_i w_i a_i / sum w, for every (V, c)

    F(V, c) >= D(a) = - sum_i w_i loss*(a_i) / sum w - R*(-G),    given r = 0,

where R* is ||.||^2 / (2 l2) for an l2 penalty, 0 within ||.||_inf <= l1 for an l1 penalty, sum max(|.| - l1, 0)^2 / (2 l2) for
both. (An intercept with a penalty has ||r||^2 / (2 intercept_penalty) in place of r = 0.) The point is made of the derivatives
of the losses at a model, once its intercept has been made the best one, which makes r zero up to rounding; what is left of r
is removed exactly by mixing in a point that is known to be feasible (balance.py). All in float64, whatever X's dtype.

Source: Fenchel's duality, e.g. Boyd and Vandenberghe, Convex Optimization, 5.1.6; scaling into the l1 domain: El Ghaoui, Viallon
and Rabbani, Safe Feature Elimination for the Lasso, Pacific Journal of Optimization 8 (2012).
"""

from __future__ import annotations

from functools import cached_property
from typing import NamedTuple

import numpy as np

from softmargin import _core

from .balance import Balance
from .curvature import Semidefinite, factorised, intercept_hessian
from .problem import Float, LinearProblem

# Steps to the best intercept: the Hessian is kept over them, so they converge by a factor each.
INTERCEPT_STEPS = 12


class Checked(NamedTuple):
    """A model with its F, in float64, and the best dual value known: x has the best intercept for its V."""

    x: Float
    F: float
    dual: float

    @property
    def gap(self) -> float:
        """A bound on (F - F*) / max(|F|, tiny): what a dual value exceeds F by is rounding, and F* is at least 0."""
        below = self.F - self.dual
        return max(below, min(-below, self.F)) / max(abs(self.F), float(np.finfo(np.float64).tiny))


class Certificate:
    """Dual values of a problem: the best seen so far counts."""

    def __init__(self, problem: LinearProblem) -> None:
        self.problem = problem
        self.best = -np.inf
        self._balance: Balance | None = None
        self._intercept_metric: Semidefinite | None = None

    @property
    def constrained(self) -> bool:
        """Whether there is an intercept without a penalty, so that r has to be 0."""
        return self.problem.fit_intercept and self.problem.regularizer.intercept == 0

    def check(self, x: Float, smoothing: tuple[Float, float] | None = None) -> Checked:
        """Return F at x with the best intercept, and the best dual value: one pass over X in float64.

        smoothing: centre (n_samples, n_outputs) and width, for a loss that is not smooth.
        """
        core = self.problem.core("float64")
        S = self.problem.scores(x, "float64")
        if smoothing is not None:
            core.smooth(*smoothing)
        differentiable = smoothing is not None or self.problem.is_smooth
        shift = self._best_intercept(S) if self.constrained and differentiable else np.zeros(self.problem.n_outputs)
        _, A, _ = _core.row_losses(core, S, shift, num_threads=self.problem.num_threads)
        if smoothing is not None:
            core.smooth(None, 0.0)
        checked = self._checked(x, S, shift)
        if smoothing is not None:
            core.smooth(*smoothing)
        self._drop_absent(A)
        return self._with(checked, *self.problem.combine(A, "float64"), A)

    def check_dual(self, A: Float, b: Float) -> Checked:
        """Return the same of dual variables A (n_samples, n_outputs), overwritten, and the model that they make with b in units of X."""
        problem = self.problem
        self._drop_absent(A)
        G, r = problem.combine(A, "float64")
        x = weights_of(problem, G, b)
        S = problem.scores(x, "float64")
        shift = self._best_intercept(S) if self.constrained and self.problem.is_smooth else np.zeros(problem.n_outputs)
        return self._with(self._checked(x, S, shift), G, r, A)

    def check_pair(self, x: Float, A: Float) -> Checked:
        """Return the same of a model and of dual variables A (n_samples, n_outputs) that do not come from it, overwritten."""
        self._drop_absent(A)
        G, r = self.problem.combine(A, "float64")
        S = self.problem.scores(x, "float64")
        return self._with(self._checked(x, S, np.zeros(self.problem.n_outputs)), G, r, A)

    def _checked(self, x: Float, S: Float, shift: Float) -> Checked:
        """F at x, whose scores are S, with the intercepts moved by `shift` where that lowers it."""
        problem = self.problem
        value = self._mean_loss(S, shift)
        if shift.any() and not self.problem.is_smooth:
            # The best intercept is that of the smoothed loss.
            none = np.zeros_like(shift)
            value, shift = min((value, shift), (self._mean_loss(S, none), none), key=lambda pair: pair[0])
        if shift.any():
            x = x.copy()
            x[problem.n_weights :] += shift
        return Checked(x, value + problem.penalty(x), self.best)

    def _with(self, checked: Checked, G: Float, r: Float, A: Float) -> Checked:
        """The same with the best dual value, that of A among them."""
        self.best = max(self.best, self._value(A, G, r))
        if self.best < 0:
            self.best = max(self.best, self._at_zero)
        return checked._replace(dual=self.best)

    @cached_property
    def _at_zero(self) -> float:
        """D at dual variables 0, which are feasible wherever any are: what the losses alone cannot be below."""
        l1, l2, _ = self.problem.regularizer
        if l1 == l2 == 0:
            return -np.inf
        core, threads = self.problem.core("float64"), self.problem.num_threads
        return -_core.row_conjugates(
            core, np.zeros((self.problem.n_samples, self.problem.n_outputs)), num_threads=threads
        )

    def _mean_loss(self, S: Float, shift: Float) -> float:
        core, threads = self.problem.core("float64"), self.problem.num_threads
        return _core.row_losses(core, S, shift, derivatives=False, num_threads=threads)[0]

    def objective(self, x: Float) -> float:
        """Return F at x, in float64: half a pass over X."""
        problem = self.problem
        value = self._mean_loss(problem.scores(x, "float64"), np.zeros(problem.n_outputs))
        return value + problem.penalty(x)

    def dual(self, A: Float) -> float:
        """Return D at A (n_samples, n_outputs), which lies in the domain of the conjugate; A is overwritten."""
        self._drop_absent(A)
        return self._value(A, *self.problem.combine(A, "float64"))

    def _drop_absent(self, A: Float) -> None:
        if self.constrained:
            self._balance = self._balance or Balance(self.problem)
            self._balance.drop_absent(A)

    def _value(self, A: Float, G: Float, r: Float) -> float:
        """D at A, whose weighted sums are G and r; all are overwritten."""
        problem = self.problem
        l1, l2, intercept = problem.regularizer
        value = 0.0
        if self.constrained:
            assert self._balance is not None
            G = self._balance.apply(A, G, r)
        elif problem.fit_intercept:
            value -= float(r @ r) / (2 * intercept)
        if l2 > 0:
            excess = np.maximum(np.abs(G) - l1, 0.0) if l1 > 0 else G
            value -= float(np.vdot(excess, excess)) / (2 * l2)
        elif l1 > 0:
            largest = float(np.abs(G).max(initial=0.0))
            if largest > l1:
                A *= l1 / largest
                value *= (l1 / largest) ** 2
        elif np.any(G):
            return -np.inf
        return value - _core.row_conjugates(problem.core("float64"), A, num_threads=problem.num_threads)

    def _best_intercept(self, S: Float) -> Float:
        """Return the shift of the intercepts that minimises the losses at scores S: Newton's steps with a kept Hessian."""
        problem, core = self.problem, self.problem.core("float64")
        shift = np.zeros(problem.n_outputs)

        def evaluate(at: Float) -> tuple[float, float, Float]:
            value, _, r = _core.row_losses(core, S, at, derivatives=False, num_threads=problem.num_threads)
            return value, float(np.abs(r).max()), r

        eps = float(np.finfo(np.float64).eps)
        value, worst, r = evaluate(shift)
        fresh = self._intercept_metric is None
        if fresh:
            self._intercept_metric = factorised(intercept_hessian(problem, S))
        for _ in range(INTERCEPT_STEPS):
            if worst <= 4 * eps:
                break
            assert self._intercept_metric is not None
            trial = shift - self._intercept_metric.solve(r)
            new_value, new_worst, new_r = evaluate(trial)
            better = new_worst < worst and new_value <= value + 8 * eps * abs(value)
            good = better and new_worst < 0.5 * worst
            if better:
                shift, value, worst, r = trial, new_value, new_worst, new_r
            if good:
                fresh = False
                continue
            if fresh:
                break
            self._intercept_metric, fresh = factorised(intercept_hessian(problem, S + shift)), True
        return shift


def weights_of(problem: LinearProblem, G: Float, b: Float) -> Float:
    """Return the x of weights -G / l2, where an l2 penalty is the only one, and of intercepts b (n_outputs,) in units of X."""
    x = _core.empty((problem.size,))
    V, c = problem.split(x)
    np.multiply(G, -1.0 / problem.regularizer.l2, out=V)
    c[:] = b + (V * problem.inverse_scale if problem.is_scaled else V) @ problem.centre
    return x
