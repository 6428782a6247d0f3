"""The way to the optimum: steps of descent in a metric, looks at the certificate, and what to change when steps stop helping."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing, suppress

import numpy as np

from .automatic import cheap_in_float64
from .blas import one_thread
from .continuation import approach
from .coordinate_ascent import CoordinateAscent
from .descent import Descent
from .dual import Checked
from .interior import Interior
from .lookout import Lookout, gradient_norm, plain_gap
from .metric import Exact, Metric
from .metrics import MOST_UNKNOWNS, Metrics
from .newton import SeparateNewton
from .newton import applies as outputs_apart
from .problem import Array, Float, LinearProblem, Stopped
from .results import SolveInfo
from .row_space import RowSpace
from .row_space import applies as rows_apply
from .run import Limits, Run
from .smoothing import Rounds

# What going on towards rounding takes, where the unknowns are few, beyond the passes that reached the tolerance; and where rounding
# begins.
FINISH_PASSES = 10
ROUNDING = 1e-15

# The same of an interior-point method, whose conditions are rounded before.
FINISHED = 1e-13

# A point of a larger gap, where an interior-point method has ended, is no better to go on from than its own start.
NO_START = 1e-2

# A step of Newton's method from a relative gap above the first is taken where the tolerance is at most the second: it gains more digits
# than all before, and takes a sixth of the time.
NEARLY_ROUNDING, CLOSE = 1e-13, 1e-6

# Rounds of a loss that is not smooth in which no step helped and the gap did not fall, before it is given up.
FRUITLESS = 3

# How much smaller the gap that a method estimates has to become after a certificate that was larger.
STRICTER = 0.3

# In float32 a sum of losses is rounded to about this share; so many steps in a row that take off no more are followed by float64. Else
# the gradient may stay above what the tolerance asks for: 1 000 000 x 50 on raw scales, 1e-6, took 1000 steps, and takes 20.
STALLED = 1e-8
STALLED_STEPS = 3

# A step of this share is the last one in float32 where float64 costs little: what the gradients lose of it spoils the pairs of L-BFGS
# (1000 x 200, 4 classes, alpha = 1e-6: 25 passes to 1e-6, and 51 without).
ROUNDED_STEP = 1e-6

# Newton's steps that are too long or too short, after which the optimum is approached by way of stronger penalties.
PATIENCE = 3


# What steps by itself, as `_works` asks for it.
Solver = RowSpace | CoordinateAscent | Interior | SeparateNewton


class Engine(Run):
    """One run of `solve` on a problem.

    `method` is "gram", "diagonal" or "newton": the metric, or Newton's method output by output where that applies; or "rows", descent in the span of the rows, or "dual", ascent on their dual
    variables, or "interior", towards both: where these end before the tolerance is reached, the next one goes on from there.
    """

    def __init__(
        self,
        problem: LinearProblem,
        x: Float,
        method: str,
        limits: Limits,
        dtype: str,
        grams: list[Array] | None = None,
        callback: Callable[[SolveInfo], object] | None = None,
    ) -> None:
        super().__init__(problem, x, limits, callback)
        self.method, self.dtype = method, dtype
        self.metrics = Metrics(problem, method, grams)
        self.fruitless = 0
        self.stopped = False  # by the deadline or the callback
        self.strained = 0  # Newton's steps that were too long
        self.stalled = 0  # steps in a row in which F was only rounded
        self.first_norm = 0.0
        self.lookout = Lookout(problem)

    def run(self) -> Checked:
        """Return the best point found, certified."""
        with one_thread(), np.errstate(over="ignore", invalid="ignore"):  # a step beyond all numbers is taken back
            return self._certified()

    def _certified(self) -> Checked:
        try:
            self._run()
        except Stopped:
            self.problem.deadline, self.stopped = None, True
            if self.rounds is None and not self.problem.is_smooth and self.solver is None:
                self.rounds = Rounds(self.problem, 1.0)
        if self.best is None or (not self.done() and self.last_checked is not self.x):
            self.problem.deadline = None
            with suppress(Stopped):  # there is nothing left to stop
                self._check(self.x)
        assert self.best is not None
        return self.best

    @property
    def first_grams(self) -> list[Array] | None:
        """The Gram matrices of the first metric: what a similar problem can begin with."""
        return self.metrics.first_grams

    # -- the steps ---------------------------------------------------------------------------------------------------------

    def _run(self) -> None:
        A: Float | None = None
        if self.method == "dual":
            ascent = CoordinateAscent(self.problem, self.x)
            if self._works(ascent):
                return
            A = ascent.A.T
            self.method = "rows" if self.problem.is_smooth and rows_apply(self.problem) else "diagonal"
        if self.method == "interior":
            start = self.x
            if np.any(start):  # the method starts elsewhere, and may be stopped before it is as good
                self._check(start)
                if self.done():
                    return
            interior = Interior(self.problem, self.limits.tol)
            if self._works(interior):
                self._finish_interior(interior)
                return
            self.method = "newton"
            if self.gap > NO_START:
                self.x = start
        if self.method == "newton" and outputs_apart(self.problem):
            newton = SeparateNewton(self.problem, self.x)
            if self._works(newton):
                self._finish_newton(newton)
                return
        if not self.problem.is_smooth:
            value, _ = self.problem.smooth(self.x, self.dtype)
            self.rounds = Rounds(self.problem, value, A)
        if self.method == "rows":
            dtype = self.dtype if self.problem.is_smooth else "float64"
            if self._works(RowSpace(self.problem, self.x, dtype, A)):
                return
            self.method = "diagonal"
        self.metrics.method = self.method
        descent = Descent(self.problem, self.x, self.dtype)
        self.first_norm = gradient_norm(descent)
        if not self.certifiable and np.any(self.x):
            self.first_norm = float(np.linalg.norm(self.problem.smooth(np.zeros_like(self.x), self.dtype)[1]))
        self._begin_round(descent)
        metric = self.metrics.make(descent)
        while self.n_iter < self.limits.max_iter:
            self.x = descent.x
            self._note(descent)
            if self._worth_a_check(descent):
                if self._checked(descent):
                    break
                if self.rounds is not None:
                    self._next_round(descent)
                    metric = self.metrics.make(descent)
            moved = descent.step(metric)
            self.n_iter += 1
            if moved and descent.strained and self.method == "newton" and self.problem.is_smooth:
                self.strained += 1
                if self.strained == PATIENCE:
                    self._approach(descent)
            if moved and self._rounded(descent):
                descent.use("float64")
            if not moved:
                if not isinstance(metric, Exact) and not self._unstuck(descent):
                    break
                metric = self.metrics.make(descent, exact=False)
            else:
                metric = self.metrics.renewed(metric, descent)
        self.x = descent.x
        if self.done() and self.rounds is None:
            self._finish(descent, metric)

    def _rounded(self, descent: Descent) -> bool:
        """Whether float32 has given all it can: some steps in a row took no more off F than it rounds."""
        if descent.dtype != "float32":
            return False
        share = descent.decrease / (abs(descent.F) or 1.0)
        self.stalled = self.stalled + 1 if share <= STALLED else 0
        return self.stalled >= STALLED_STEPS or (share <= ROUNDED_STEP and cheap_in_float64(self.problem))

    def _approach(self, descent: Descent) -> None:
        """Come near the optimum by way of stronger penalties, if that helps."""
        with closing(approach(descent, self.metrics)) as steps:
            for F in steps:
                self.n_iter += 1
                self.x = descent.x
                self._record(F, None, lambda: descent.x)
                if self.n_iter >= self.limits.max_iter:
                    break
        descent.memory.clear()
        descent.restart()

    def _note(self, descent: Descent) -> None:
        self.gradient_norm = gradient_norm(descent) / (self.first_norm or 1.0)
        self._record(descent.F, None, lambda: descent.x)

    def _worth_a_check(self, descent: Descent) -> bool:
        if not self.certifiable:
            return self.gradient_norm <= self.limits.tol
        return self.lookout.due(descent, self.rounds, self._tolerance(descent.F))

    def _checked(self, descent: Descent) -> bool:
        """Look at the certificate; go on in float64 if float32 has given all it can. True if done."""
        estimate = plain_gap(descent)
        self._check(descent.x)
        if self.done():
            return True
        self.lookout.looked(estimate, self.gap)
        if descent.dtype == "float32" and self.rounds is None and estimate <= self._tolerance(descent.F):
            descent.use("float64")
        return False

    def _unstuck(self, descent: Descent) -> bool:
        """No step helps in this arithmetic: change something; False if nothing is left to change."""
        if descent.dtype == "float32":
            descent.use("float64")
            return True
        if descent.memory:
            descent.memory.clear()
            return True
        if self.rounds is None or self.fruitless == FRUITLESS:
            return False
        before = self.gap
        if self._checked(descent):
            return False
        self.fruitless = self.fruitless + 1 if not self.gap < before else 0
        self._next_round(descent)
        return True

    def _begin_round(self, descent: Descent) -> None:
        if self.rounds is not None:
            self.rounds.begins(gradient_norm(descent))

    def _next_round(self, descent: Descent) -> None:
        assert self.rounds is not None
        self.rounds.next(descent.S, self.gap)
        descent.memory.clear()
        descent.restart()
        self._begin_round(descent)

    def _works(self, solver: Solver) -> bool:
        """Let a method step that certifies by itself; False if it ends before the tolerance is reached."""
        strictness, moved, self.solver = 1.0, True, solver
        self.first_norm = solver.gradient_norm or 1.0
        while True:
            while moved and self.n_iter < self.limits.max_iter and not self._enough(solver, strictness):
                moved = solver.step()
                self.n_iter += 1
                self.gradient_norm = solver.gradient_norm / self.first_norm
                self._record(solver.F, None, solver.x)
            before = self.gap
            self._check(self.x)
            if self.done() or self.n_iter >= self.limits.max_iter:
                return True
            if isinstance(solver, RowSpace) and self.rounds is not None:
                self.fruitless = 0 if moved or self.gap < before else self.fruitless + 1
                if self.fruitless == FRUITLESS:
                    break
                self.rounds.next(solver.scores, self.gap)
                solver.restart()
                moved = True
                continue
            if not moved and solver.is_exact:
                break
            if solver.is_exact:
                strictness *= STRICTER
            moved = True
            solver.refine()
        self.solver = None
        self.fruitless = 0
        return False

    def _enough(self, solver: Solver, strictness: float) -> bool:
        """Whether it is time to look at the certificate."""
        tol = self._tolerance(solver.F)
        if isinstance(solver, RowSpace) and self.rounds is not None:
            return self.rounds.over(solver.gap, solver.gradient_norm, tol)
        return solver.gap <= strictness * tol

    def _finish_newton(self, newton: SeparateNewton) -> None:
        """Go on towards rounding, which takes a step or two."""
        before = self.n_iter
        while self.done() and np.isinf(self.limits.above) and newton.step():
            self.n_iter += 1
            self.gradient_norm = newton.gradient_norm / self.first_norm
            self._record(newton.F, None, newton.x)
        if self.n_iter > before:
            self._check(self.x)

    def _finish_interior(self, interior: Interior) -> None:
        """The same by steps of an interior-point method, whose last ones gain two digits each."""
        if not self.limits.finish or np.isfinite(self.limits.above) or not self.done():
            return
        for _ in range(FINISH_PASSES):
            before = self.gap
            if before <= FINISHED or not interior.step():
                break
            self.n_iter += 1
            self._record(interior.F, None, interior.x)
            self._check(self.x)
            if not self.gap < before:
                break

    def _finish(self, descent: Descent, metric: Metric) -> None:
        """Go on towards rounding where the unknowns are few, for as many passes again as it took so far."""
        problem = self.problem
        close = self.method == "newton" and self.gap > NEARLY_ROUNDING and self.limits.tol <= CLOSE
        wanted = self.limits.finish or close
        if problem.size > MOST_UNKNOWNS or np.isfinite(self.limits.above) or not wanted:
            return
        if descent.dtype == "float32":
            descent.use("float64")
        end = 2 * problem.n_passes + FINISH_PASSES
        while problem.n_passes < end and plain_gap(descent) > ROUNDING and gradient_norm(descent) > 0:
            if not descent.step(metric):
                break
            self.n_iter += 1
            metric = self.metrics.renewed(metric, descent)
        if descent.x is not self.last_checked:
            self._note(descent)
            self._check(descent.x)
