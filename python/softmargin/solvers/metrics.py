"""Which metric a descent has, and when it is made anew: as soon as the passes since the last one have cost as much."""

from __future__ import annotations

from functools import cached_property

import numpy as np

from softmargin import _core

from .curvature import Hessians, curvatures, jumps, weighted_mean
from .descent import Descent
from .gram import gram_work, hessian_work, pass_work, sample_size, sampled_grams
from .metric import Diagonal, Exact, Gram, Metric
from .problem import Array, Float, LinearProblem

# Few unknowns: the Hessian can be a metric, and the solution is carried on towards rounding.
MOST_UNKNOWNS = 2000

# Passes between two metrics, in proportion to all passes: near the optimum the curvature has settled.
BETWEEN_METRICS = 0.3

# A Gram matrix that several outputs share is kept until the mean curvature has changed by this factor: weights of the rows
# that follow it did not save passes on CIFAR-10.
CHANGE = 2.0

# What a diagonal metric costs, in passes.
DIAGONAL_PASSES = 4.0

# What the passes since the last metric have to have cost before a new one comes, in proportion to its own cost: on digits separate
# Gram matrices of the classes save no more passes than they take.
WAIT = 2.0

# Newton's method from the start where the Hessian takes no more multiply-adds than this, 0.1 ms, or, of sparse rows, no more
# passes (a9a: 0.045 s in place of 0.075); of losses whose curvature or slope jumps, which take other metrics hundreds of steps, this
# many.
NEWTON_WORK = 5e6
NEWTON_PASSES = 3.0
JUMPING_PASSES = 250.0


class Metrics:
    """The metrics of one descent.

    Parameters
    ----------
    problem : LinearProblem
    method : {"gram", "diagonal", "newton"}
    grams : list of ndarray or None
        Gram matrices to begin with, of a similar problem.
    """

    def __init__(self, problem: LinearProblem, method: str, grams: list[Array] | None) -> None:
        self.problem, self.method, self.grams = problem, method, grams
        self.first_grams = grams  # of the first metric: what a similar problem can begin with
        self._made_at, self._hessians = 0.0, Hessians(problem)

    def make(self, descent: Descent, old: Metric | None = None, exact: bool = True) -> Metric:
        """Make the metric anew at the current point; or keep the old one, if the outputs share it and it is as good.

        exact=False: not of the Hessian, which has no curvature where a loss is flat or linear, and steps without end.
        """
        problem = self.problem
        self._made_at, descent.strained = problem.n_passes, False
        if self.method == "newton" and exact:
            return Exact(problem, self._hessians.at(descent.S.astype(np.float64)))
        if self.method == "diagonal":
            rows = curvatures(problem, descent.S)
            return Diagonal(
                problem, self._at_least(weighted_mean(problem, rows)), mean_squares(problem, rows.mean(axis=1))
            )
        k, m = problem.n_outputs, sample_size(problem)
        spent = problem.n_passes * pass_work(problem)
        if exact and problem.size <= MOST_UNKNOWNS and hessian_work(problem) <= spent:
            descent.memory.clear()
            return Exact(problem, self._hessians.at(descent.S.astype(np.float64)))
        separate = k > 1 and gram_work(problem, m, k) <= spent
        rows = curvatures(problem, descent.S, exactly=separate)
        h = self._at_least(weighted_mean(problem, rows))
        if k > 1 and not separate and isinstance(old, Gram) and 1 / CHANGE < h.mean() / old.h.mean() < CHANGE:
            return old
        if separate:
            return Gram(problem, h, sampled_grams(problem, rows, m))
        if self.grams is None or gram_work(problem, m, 1) <= spent:
            weights = rows.mean(axis=1, keepdims=True)
            self.grams = sampled_grams(problem, weights if np.ptp(weights) > 0 else None, m)
            self.first_grams = self.first_grams or self.grams
        return Gram(problem, h, self.grams)

    def renewed(self, metric: Metric, descent: Descent) -> Metric:
        """Return the metric, or a new one as soon as the passes since the last have cost as much, and are a share of all."""
        cost, passes = self._cost(), self.problem.n_passes
        wait = WAIT * cost if descent.strained else max(WAIT * cost, BETWEEN_METRICS * passes)
        if passes - self._made_at < wait and cost >= 0:
            return metric
        if self.method == "newton":
            descent.memory.clear()
        return self.make(descent, metric)

    def _cost(self) -> float:
        """What a new metric costs, in passes."""
        if self.method == "newton":
            return -np.inf
        if self.method == "diagonal":
            return DIAGONAL_PASSES
        return max([cost for cost in self._costs if cost <= self.problem.n_passes], default=self._costs[0])

    @cached_property
    def _costs(self) -> list[float]:
        """Of one Gram matrix, of one an output, and of a Hessian that can be afforded, in passes."""
        problem = self.problem
        m, work = sample_size(problem), pass_work(problem)
        costs = [gram_work(problem, m, 1) / work, gram_work(problem, m, problem.n_outputs) / work]
        if problem.size <= MOST_UNKNOWNS:
            costs.append(hessian_work(problem) / work)
        return costs

    def _at_least(self, h: Float) -> Float:
        """Curvatures that a metric can be made of."""
        problem = self.problem
        if problem.least_curvature > 0:  # of a loss that is smoothed
            return np.maximum(h, 2 * problem.least_curvature)
        return np.maximum(h, 1e-6 * (_core.curvature(problem.data.loss, problem.n_outputs) or 1.0))


def mean_squares(problem: LinearProblem, rows: Float | None) -> Float:
    """Return the mean over the rows, weighted by their curvature, of the squares of the centred and scaled features."""
    weight = np.ones(problem.n_samples) if problem.data.sample_weight is None else problem.data.sample_weight
    if rows is not None and rows.sum() > 0:
        weight = weight * rows
    mean, variance, _, _ = _core.moments(problem.data.matrix.core, weight, problem.num_threads)
    return np.asarray((variance + (mean - problem.centre) ** 2) * problem.inverse_scale**2)


def affordable_hessian(problem: LinearProblem) -> bool:
    """Return whether Newton's method may begin at once: few unknowns, and a Hessian that costs little, or little beside the passes."""
    if problem.size > MOST_UNKNOWNS:
        return False
    passes = hessian_work(problem) / pass_work(problem)
    if hessian_work(problem) <= NEWTON_WORK or (problem.is_sparse() and passes <= NEWTON_PASSES):
        return True
    return passes <= JUMPING_PASSES and (not problem.is_smooth or jumps(problem.data.loss))
