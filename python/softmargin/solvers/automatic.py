"""What `method="auto"` chooses for the shape of a problem, and the arithmetic to begin in."""

from __future__ import annotations

import numpy as np

from . import coordinate_ascent, interior, newton, row_space
from .curvature import jumps
from .gram import factor_work, pass_work
from .metric import MOST_DENSE, MOST_DENSE_OF_DENSE
from .metrics import affordable_hessian
from .problem import LinearProblem

METHODS = ("auto", "gram", "diagonal", "newton", "interior", "rows", "dual")

# Most rows for each feature of a descent on the rows. Seconds on generated text to 1e-6, squared hinge, in proportion to those of
# the diagonal metric: n = d/2 0.9 to 1.0, 2 d 1.8 to 2.5, 10 d 2.3 to 5.
ROWS_A_FEATURE = 0.5

# Least curvature of the losses, in proportion to the penalty's, of a dual coordinate ascent that a descent on the rows could replace.
# Seconds of the two to 1e-4 and 1e-6: AG News logistic C = 1 (0.25) 0.059, 0.070 and 0.045, 0.056, C = 100 (25) 0.08, 0.12 and 0.10,
# 0.13; squared hinge C = 1 (2) 0.04, 0.05 and 0.08, 0.11, C = 100 (200) 0.12, 0.18 and 0.49, 0.64; generated text, one output,
# logistic C = 1 0.16, 0.18 and 0.11, 0.14, squared hinge C = 1 0.25, 0.33 and 0.25, 0.31, C = 10 0.42, 0.48 and 0.72, 0.74.
STEEP = 1.0

# Passes that the factor of many dense features may take: 4000 x 10 000, 5 outputs, 17 s in place of the 38 of the 845 passes of a descent on
# the rows; of a few hundred rows that costs nothing beside the factor.
FACTOR_PASSES = 1000

# Features, and numbers of X, up to which Newton's method for each output in the core serves a loss whose curvature does not jump; where it
# does, other metrics take hundreds of steps. Logistic, seconds to 1e-4, Gram metric and Newton's: digits 0.067 and 0.027, 2000 x 200 0.009
# and 0.012, five outputs of 4000 x 60 0.031 and 0.047.
NEWTON_FEATURES = 80
NEWTON_ENTRIES = 2**17

# Multiply-adds of a pass below which float64 costs nothing at all, some 20 microseconds, and below which it costs little, some 0.5 ms: the
# latter serve Newton's method, which takes few passes and gains many digits in each (1000 x 200, 4 classes, squared hinge, alpha =
# 1e-6: 8 passes, 87 in float32), and the end of the others.
SMALL_PASS = 2e5
CHEAP_PASS = 2e7


def automatic(problem: LinearProblem) -> str:
    """Return the metric for the shape of a problem."""
    few = problem.n_features <= NEWTON_FEATURES and problem.n_entries <= NEWTON_ENTRIES
    if newton.applies(problem) and (few or jumps(problem.data.loss)):
        return "newton"
    if affordable_hessian(problem):
        kinks = not problem.is_smooth or (problem.regularizer.l1 > 0 and jumps(problem.data.loss))
        return "interior" if kinks and interior.applies(problem) else "newton"
    if problem.n_features <= MOST_DENSE or affordable_factor(problem):
        return "gram"
    rows = problem.n_samples <= ROWS_A_FEATURE * problem.n_features and row_space.applies(problem)
    if coordinate_ascent.applies(problem) and not (rows and coordinate_ascent.steepness(problem) < STEEP):
        return "dual"
    return "rows" if rows else "diagonal"


def arithmetic(problem: LinearProblem, method: str) -> str:
    """Return the dtype that a method begins in."""
    if problem.data.matrix.dtype == np.float64:
        return "float64"
    small = problem.n_entries * problem.n_outputs < SMALL_PASS
    return "float64" if small or (method == "newton" and cheap_in_float64(problem)) else "float32"


def cheap_in_float64(problem: LinearProblem) -> bool:
    """Return whether a pass in float64 takes less than a millisecond."""
    return problem.n_entries * problem.n_outputs < CHEAP_PASS


def affordable_factor(problem: LinearProblem) -> bool:
    """Return whether a dense X of more than `MOST_DENSE` features has so many rows that the factor pays."""
    d = problem.n_features
    return not problem.is_sparse() and d <= MOST_DENSE_OF_DENSE and factor_work(d) <= FACTOR_PASSES * pass_work(problem)
