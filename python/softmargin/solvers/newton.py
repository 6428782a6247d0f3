"""Newton's method of small problems whose outputs are apart: a step of every output is one call of the core.

On a thousand rows a step in Python is mostly calls: digits one-versus-rest, squared hinge, 1.9 ms each, where the core takes a third of
that; and there each output has a Hessian, a step length and an end of its own, so that those that are done cost nothing. The search along
the scores is exact (line_search.py does the same for all outputs together), which is what ends the steps on losses whose curvature jumps.

Source: Keerthi and DeCoste, A Modified Finite Newton Method for Fast Solution of Large Scale Linear SVMs, JMLR 6 (2005).
"""

from __future__ import annotations

import numpy as np

from softmargin import _core

from .continuation import SETTLED, WEAKER, stronger
from .dual import Certificate, Checked
from .problem import Float, LinearProblem, not_finite

# Rows, and numbers of X that are copied, in float64, 4 MB: beyond that passes on all threads matter more than calls (squared hinge, one
# output, 30 000 x 15, takes three times as long here). And numbers of all Hessians.
MOST_ROWS = 2**12
MOST_ENTRIES = 2**19
MOST_HESSIANS = 2**22

# An output is done when its gap, in proportion to F of all, is down to this share of one output's.
ENOUGH = 1e-13


def applies(problem: LinearProblem) -> bool:
    """Return whether X is small and dense, and the loss smooth, of each output alone, with an l2 penalty alone."""
    l1, l2, _ = problem.regularizer
    n, m, k = problem.n_samples, problem.n_features + 1, problem.n_outputs
    small = n <= MOST_ROWS and n * m <= MOST_ENTRIES and k * m * m <= MOST_HESSIANS
    return small and not problem.is_sparse() and problem.is_smooth and problem.data.kind != "classes" and l1 == 0 < l2


class SeparateNewton:
    """Newton's method from x.

    Attributes
    ----------
    F, gradient_norm : float
    gap : float
        About what the certificate would prove, relative to F.
    """

    is_exact = True  # the arithmetic is float64

    def __init__(self, problem: LinearProblem, x: Float) -> None:
        self.problem = problem
        value, _ = problem.smooth(x, "float64")  # which names an entry of X that is not finite
        if not np.isfinite(value):
            raise not_finite(value)
        self.core = _core.Newton(
            problem.core("float64"),
            np.column_stack(problem.split(x)),
            centre=problem.centre,
            scale=problem.inverse_scale if problem.is_scaled else None,
            l2=problem.regularizer.l2,
            intercept_penalty=problem.regularizer.intercept,
            fit_intercept=problem.fit_intercept,
            levels=0 if np.any(x) else len(stronger(problem)),
            weaker=WEAKER,
            settled=SETTLED,
        )
        self._asked = False

    @property
    def F(self) -> float:
        return self.core.F

    @property
    def gradient_norm(self) -> float:
        return self.core.gradient_norm

    @property
    def gap(self) -> float:
        return np.inf if self._asked else self.core.gap / max(abs(self.F), float(np.finfo(np.float64).tiny))

    def step(self) -> bool:
        """Take a step with every output that is not done; False if none is left that gains anything."""
        problem = self.problem
        problem.count(1.0)
        self._asked = False
        return self.core.step(ENOUGH * abs(self.F) / problem.n_outputs, num_threads=problem.num_threads) > 0

    def refine(self) -> None:
        """Go on: the estimate was wrong, and is not asked again before a step."""
        self._asked = True

    def check(self, certificate: Certificate, smoothing: tuple[Float, float] | None = None) -> Checked:
        """Return the certificate of the weights; no loss is smoothed here."""
        assert smoothing is None
        return certificate.check(self.x(), None)

    def x(self) -> Float:
        """Return the problem's x."""
        W = self.core.W
        return self.problem.join(W[:, :-1], W[:, -1])
