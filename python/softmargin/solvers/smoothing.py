"""Losses that are not smooth: a sequence of smooth ones, each centred at the dual variables of the last solution.

    loss_t(s) = max over a of  a s - loss*(a) - width/2 |a - centre_t|^2,   centre_{t+1} = the a that attains it

Unlike smoothing around 0, whose error is of the order of the width, the error vanishes at a fixed width: it is the proximal point
method on the dual (the method of multipliers on the primal). The a are feasible for the loss itself, so that the certificate needs
nothing new. Source: Rockafellar, Augmented Lagrangians and Applications of the Proximal Point Algorithm in Convex Programming,
Mathematics of Operations Research 1 (1976); Nesterov, Smooth Minimization of Non-Smooth Functions, Mathematical Programming 103
(2005).
"""

from __future__ import annotations

import numpy as np

from softmargin import _core

from .problem import Array, LinearProblem

# The first width, in proportion to the mean loss at the start, which is about the scale of the scores' errors: so that the
# smoothed losses are curved there. A good model to start from may have no loss left: no less than this share of that of no model.
FIRST_WIDTH = 2.0
LEAST_START = 1e-3

# The width falls by this factor after a round whose gap did not fall below SLOW of the last one ...
# ... but not below this share of the first one: narrower still, line searches drown in rounding before the gap has fallen, and
# the moving centre makes up for it.
NARROWER = 0.3
NARROWEST = 1e-3
SLOW = 0.3

# A round ends when the smoothed problem is solved to this share of the gap that the last round left ...
SHARE = 0.1
# ... or, where its gap cannot be told, when the gradient has fallen by this factor, or to this share of the largest one, where it is
# rounding: a round that begins at its optimum would never end.
FALL = 0.05
ROUNDED = 1e-13

# Where no score is between its kinks, as at W = 0, the Hessian vanishes, and with l1 alone nothing bounds a step. This share of
# the largest curvature does: with 1e-5 what it slows down shows, with 1e-8 some steps are lost to rounding.
FLAT = 1e-6


class Rounds:
    """The centre and the width of the smoothing, kept in the core's problems of both arithmetics.

    Parameters
    ----------
    problem : LinearProblem
    start : float
        The mean loss at the start.
    A : ndarray (n_samples, n_outputs) or None
        Dual variables to begin at, zeros by default.
    """

    def __init__(self, problem: LinearProblem, start: float, A: Array | None = None) -> None:
        self.problem = problem
        self.centre: Array = np.zeros((problem.n_samples, problem.n_outputs))
        no_model, _, _ = _core.row_losses(
            problem.core("float64"),
            self.centre,
            np.zeros(problem.n_outputs),
            derivatives=False,
            num_threads=problem.num_threads,
        )
        least = max(LEAST_START * no_model, float(np.finfo(np.float32).tiny))
        self.width = self._first_width = FIRST_WIDTH * max(start, least)
        if A is not None:
            self.centre = np.ascontiguousarray(A, dtype=np.float64)
        self.gap, self.first_norm, self.largest_norm = np.inf, np.inf, 0.0
        self._apply()

    @property
    def smoothing(self) -> tuple[Array, float]:
        """Centre (n_samples, n_outputs) float64 and width, as the core takes them."""
        return self.centre, self.width

    def begins(self, norm: float) -> None:
        """Note the norm of the gradient at the beginning of a round."""
        self.first_norm, self.largest_norm = norm, max(norm, self.largest_norm)

    def over(self, estimate: float, norm: float, tol: float) -> bool:
        """Return whether the smoothed problem is solved well enough, to a relative gap `estimate`, infinite if unknown.

        0 is of weights without a gradient, as all are where X is 0, and tells nothing of the intercepts.
        """
        if 0 < estimate < np.inf:
            return estimate <= max(SHARE * min(self.gap, 1.0), 0.3 * tol)
        return norm <= max(FALL * self.first_norm, ROUNDED * self.largest_norm)

    def next(self, S: Array, gap: float) -> None:
        """Centre the loss at the dual variables at scores S; `gap` is what the certificate says of them."""
        problem = self.problem
        dtype = S.dtype.name
        _, A, _ = _core.row_losses(
            problem.core(dtype), S, np.zeros(problem.n_outputs, dtype=dtype), num_threads=problem.num_threads
        )
        if not gap < SLOW * self.gap:
            self.width = max(NARROWER * self.width, NARROWEST * self._first_width)
        self.gap = min(gap, self.gap)
        self.centre = np.ascontiguousarray(A, dtype=np.float64)
        self._apply()

    def _apply(self) -> None:
        self.problem.least_curvature = FLAT / self.width
        for dtype in ("float32", "float64"):
            self.problem.core(dtype).smooth(np.ascontiguousarray(self.centre, dtype=dtype), self.width)
