"""Steps along a direction whose scores are known: F there is a function of one number, or one an output, that reads no X.

    F(x + t p) = mean loss(S + t D) + penalty(x + t p),   D = the scores of p

Losses of each output alone make F a sum over the outputs, and each takes the step that is best for it. Source: Keerthi and DeCoste, A
Modified Finite Newton Method for Fast Solution of Large Scale Linear SVMs, JMLR 6 (2005), where an exact search along the scores is
what makes Newton's steps end on losses whose curvature comes and goes.
"""

from __future__ import annotations

import numpy as np

from softmargin import _core

from .curvature import second_derivatives
from .problem import Array, Float, LinearProblem

# A step is the best one if the slope has fallen to this share of the first; looks at the slope; how much longer a step may get from one
# look to the next, and than p in all: where p is but rounding, F looks flat to its end.
FLAT = 0.01
LOOKS = 20
LONGER = 10.0
LONGEST = 100.0


def best_steps(problem: LinearProblem, S: Array, D: Array, x: Float, p: Float) -> Float:
    """Return t (n_outputs,), at least 0, for which F(x + t p) is least: Newton's method on the slope, within a bracket.

    Parameters
    ----------
    S, D : ndarray (n_samples, n_outputs)
        The scores of x and those that p adds to them.
    x, p : ndarray (size,)
    """
    line = _Line(problem, S, D, x, p)
    low, high = np.zeros(line.n_steps), np.full(line.n_steps, np.inf)
    first, _ = line.slope(low)
    t, enough = np.where(first < 0, 1.0, 0.0), np.abs(first) * np.where(first < 0, FLAT, 1.0)
    for _ in range(LOOKS):
        slope, curvature = line.slope(t)
        if np.all(np.abs(slope) <= enough):
            break
        rising = ~(slope < 0)  # also where it is no number
        high = np.where(rising, t, high)
        low = np.where(rising, low, t)
        with np.errstate(all="ignore"):
            newton = t - slope / curvature
        middle = np.where(np.isfinite(high), 0.5 * (low + high), LONGER * t)
        inside = (newton > low) & (newton < np.minimum(high, LONGER * np.maximum(t, 1.0)))
        t = np.where(np.abs(slope) <= enough, t, np.where(inside, newton, middle))
    return np.broadcast_to(np.minimum(t, LONGEST), (problem.n_outputs,))


class _Line:
    """F along p: its slope and curvature in t, one number or one an output."""

    def __init__(self, problem: LinearProblem, S: Array, D: Array, x: Float, p: Float) -> None:
        self.problem, self.S, self.D = problem, S, D
        self.n_steps = 1 if problem.data.kind == "classes" else problem.n_outputs
        _, l2, intercept = problem.regularizer
        (V, c), (P, q) = problem.split(x), problem.split(p)
        self.constant = self._total(l2 * np.einsum("ij,ij->i", V, P) + intercept * c * q)
        self.square = self._total(l2 * np.einsum("ij,ij->i", P, P) + intercept * q * q)
        weight = problem.data.sample_weight
        self.share = None if weight is None else weight / weight.sum()

    def slope(self, t: Float) -> tuple[Float, Float]:
        """Return dF/dt and its second derivative."""
        problem, D = self.problem, self.D
        T = self.S + t.astype(D.dtype) * D
        no_shift = np.zeros(problem.n_outputs, dtype=D.dtype)
        _, dS, _ = _core.row_losses(problem.core(D.dtype.name), T, no_shift, num_threads=problem.num_threads)
        H = second_derivatives(problem, T, D)
        return (
            self._total(self._mean(dS)) + self.constant + t * self.square,
            self._total(self._mean(H)) + self.square,
        )

    def _mean(self, rows: Array) -> Float:
        """The weighted mean over the samples of rows times D, (n_outputs,)."""
        if self.share is None:
            return np.asarray(np.einsum("ij,ij->j", rows, self.D, dtype=np.float64) / len(rows))
        return np.asarray(np.einsum("i,ij,ij->j", self.share, rows, self.D, dtype=np.float64))

    def _total(self, each: Float) -> Float:
        return each if self.n_steps > 1 else each.sum(keepdims=True)
