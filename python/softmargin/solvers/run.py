"""What a run of `solve` has found, and how it looks at the certificate: whatever method is at work."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import NamedTuple, Protocol

import numpy as np

from .dual import Certificate, Checked
from .problem import Float, LinearProblem, Stopped
from .results import SolveInfo, SolveRecord
from .smoothing import Rounds


class Limits(NamedTuple):
    """When to stop: at a relative gap of `tol`, or of half of what F still is below `above`, after `max_iter` steps at most.

    With `finish` a problem of few unknowns goes on towards rounding; by Newton's method it does anyway where `tol` is small.
    """

    tol: float
    max_iter: int
    above: float = -np.inf
    finish: bool = True


class Certifying(Protocol):
    """A method that certifies by itself what it has found."""

    def check(self, certificate: Certificate, smoothing: tuple[Float, float] | None = None) -> Checked:
        """Return its point, checked."""


class Run:
    """The point at work, the best one so far, the history, and whether that is enough."""

    def __init__(
        self, problem: LinearProblem, x: Float, limits: Limits, callback: Callable[[SolveInfo], object] | None
    ) -> None:
        self.problem, self.x, self.limits, self.callback = problem, x, limits, callback
        self.certificate = Certificate(problem)
        self.history: list[SolveRecord] = []
        self.n_iter = 0
        self.start = time.perf_counter()
        self.best: Checked | None = None
        self.last_checked: Float | None = None
        self.gradient_norm = np.inf  # in proportion to the first one
        self.rounds: Rounds | None = None  # of a loss that is not smooth
        self.solver: Certifying | None = None  # at work, or stopped

    @property
    def gap(self) -> float:
        """Of the best point against the best dual value."""
        if self.best is None:
            return np.inf
        return Checked(self.best.x, self.best.F, self.certificate.best).gap

    @property
    def certifiable(self) -> bool:
        """Whether a dual point exists that proves anything: there is a penalty."""
        l1, l2, _ = self.problem.regularizer
        return l1 > 0 or l2 > 0

    def done(self) -> bool:
        """Whether the tolerance is reached."""
        if not self.certifiable:
            return self.gradient_norm <= self.limits.tol
        return self.best is not None and self.gap <= self._tolerance(self.best.F)

    def _tolerance(self, F: float) -> float:
        """The relative gap to reach, where the best F is `F`."""
        return max(self.limits.tol, 0.5 * (self.limits.above - F) / max(abs(F), float(np.finfo(np.float64).tiny)))

    def _record(self, F: float, gap: float | None, x: Callable[[], Float]) -> None:
        """Enter a look at the objective in the history and tell the callback, which may stop the run."""
        record = SolveRecord(self.problem.n_passes, time.perf_counter() - self.start, F, gap)
        self.history.append(record)
        if self.callback is None:
            return
        problem = self.problem

        def weights() -> tuple[Float, Float | None]:
            W, b = problem.model(x())
            return W.copy(), b if problem.fit_intercept else None  # not a view of the point at work

        answer = self.callback(SolveInfo(**vars(record), weights=weights))
        if isinstance(answer, bool | np.bool_) and answer:
            raise Stopped

    def _check(self, x: Float) -> None:
        """Look at the certificate of x, or of what a method that certifies by itself has found."""
        smoothing = None if self.rounds is None else self.rounds.smoothing
        if self.solver is not None:
            checked = self.solver.check(self.certificate, smoothing)
            self.x = x = checked.x
        else:
            checked = self.certificate.check(x, smoothing)
        self.last_checked = x
        if self.best is None or checked.F <= self.best.F:
            self.best = checked
        best = self.best
        self._record(best.F, self.gap if self.certifiable else None, lambda: best.x)
