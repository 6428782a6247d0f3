"""Newton's method by way of stronger penalties, for losses whose curvature jumps: squared hinges, huber.

A step is exact but for the rows that enter or leave the part of the loss that is curved. Where few rows are in it and the penalty is
small, steps are far too long, and the way to the optimum is a matter of luck. A strong penalty keeps steps short and many rows within
their margins, and the optimum of the next one is near. Source: Allgower and Georg, Numerical Continuation Methods, 1990.
"""

from __future__ import annotations

from collections.abc import Generator

import numpy as np

from softmargin import _core

from .curvature import jumps
from .descent import Descent
from .metrics import Metrics, mean_squares
from .problem import LinearProblem, Regularizer

# The strongest penalty on the way to the optimum, in proportion to the largest trace of an output's Hessian, each of the next ones to the
# last, and the share of F that a step takes off where the next one is due. Newton's steps on digits at alpha = 1e-4, raw: squared
# hinge 19, one-versus-rest 26; 159 and 61 without.
STRONGEST = 1e-3
WEAKER = 0.1
SETTLED = 0.01


def approach(descent: Descent, metrics: Metrics) -> Generator[float, None, None]:
    """Come near the optimum of the problem's own penalty, if that helps; yields F with that penalty after each step.

    The problem has its own penalty again once the generator is exhausted or closed; the descent has to be restarted then.
    """
    problem, own = descent.problem, descent.problem.regularizer
    try:
        for regularizer in stronger(problem):
            problem.regularizer = regularizer
            descent.restart()
            descent.memory.clear()
            while descent.step(metrics.make(descent)):
                descent.memory.clear()
                yield descent.F - (problem.penalty(descent.x) - problem.penalty(descent.x, own))
                if descent.decrease <= SETTLED * descent.F:
                    break
    finally:
        problem.regularizer = own


def stronger(problem: LinearProblem) -> list[Regularizer]:
    """Return the penalties by which Newton's method approaches its own: none unless the curvature of the loss jumps."""
    l1, l2, _ = problem.regularizer
    if l2 == 0 or not jumps(problem.data.loss):
        return []
    trace = (_core.curvature(problem.data.loss, problem.n_outputs) or 0.0) * mean_squares(problem, None).sum()
    steps = round(np.log10(max(STRONGEST * trace / l2, 1.0)))
    return [problem.regularizer._replace(l1=l1 * f, l2=l2 * f) for f in WEAKER ** -np.arange(float(steps), 0.0, -1.0)]
