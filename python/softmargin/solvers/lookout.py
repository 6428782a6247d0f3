"""When to look at the certificate: the gap that it would prove is told from the gradient, which costs nothing."""

from __future__ import annotations

import math

import numpy as np

from .descent import Descent
from .problem import LinearProblem
from .smoothing import Rounds

# Passes over X between two looks at a certificate whose size cannot be told from the gradient, or was told wrong, in proportion to
# all passes.
BETWEEN_LOOKS = 0.25

# Where only l1 is there: a step that takes off more than this share of the tolerance says that the optimum is not near.
STILL_FALLING = 0.3

# The share of what is asked for that the estimate has to be at the first look, for a step costs less than a look in vain, and in float32,
# where it is of gradients that are rounded.
SURE = 0.6


class Lookout:
    """Of one descent: what the last look found in proportion to what was expected of it."""

    def __init__(self, problem: LinearProblem) -> None:
        self.problem = problem
        self._last = 0.0  # passes at the last look
        self._told = 1.0  # the estimated gap in proportion to the one found

    def due(self, descent: Descent, rounds: Rounds | None, tol: float) -> bool:
        """Return whether it is time to look at the certificate, which is to prove a relative gap of `tol`."""
        if rounds is not None:
            return rounds.over(plain_gap(descent), gradient_norm(descent), tol)
        if self.problem.regularizer.l2 == 0:
            falling = getattr(descent, "decrease", np.inf) > STILL_FALLING * tol * abs(descent.F)
            return not falling and self._long_ago()
        estimate = plain_gap(descent) / (SURE if descent.dtype == "float32" or not self._last else 1.0)
        return estimate <= tol * self._told or (estimate <= tol and self._long_ago())

    def _long_ago(self) -> bool:
        return self.problem.n_passes - self._last >= BETWEEN_LOOKS * self._last

    def looked(self, estimate: float, gap: float) -> None:
        """Remember what a look found, `gap`, where `estimate` was expected."""
        self._last = self.problem.n_passes
        self._told = min(1.0, estimate / gap) if gap > 0 else 1.0


def gradient_norm(descent: Descent) -> float:
    """Return the length of the subgradient of F of least length."""
    g = descent.pseudo_gradient()
    return math.sqrt(float(g @ g))


def plain_gap(descent: Descent) -> float:
    """Return the relative gap that the plain dual point of this iterate would prove, in its arithmetic; infinite where it cannot be told."""
    problem = descent.problem
    l1, l2, _ = problem.regularizer
    if l2 == 0:
        return np.inf
    V, g = descent.x[: problem.n_weights], descent.g[: problem.n_weights]
    if l1 == 0:
        gap = float(g @ g) / (2 * l2)
    else:
        G = g - l2 * V
        excess = np.maximum(np.abs(G) - l1, 0.0)
        gap = float(l1 * np.abs(V).sum() + 0.5 * l2 * (V @ V) + (excess @ excess) / (2 * l2) + G @ V)
    return max(gap, 0.0) / max(abs(descent.F), np.finfo(np.float64).tiny)
