"""The way to the optimum: steps of descent in a metric, looks at the certificate, and what to change when steps stop helping."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from typing import NamedTuple

import numpy as np

from softmargin import _core

from .blas import one_thread
from .curvature import curvatures, weighted_mean
from .descent import Descent
from .dual import Certificate, Checked
from .gram import gram_work, hessian_work, pass_work, sample_size, sampled_grams
from .metric import Diagonal, Exact, Gram, Metric
from .problem import Array, Float, LinearProblem, Stopped
from .results import SolveInfo, SolveRecord
from .row_space import RowSpace
from .smoothing import Rounds

# Few unknowns: the Hessian can be a metric, and the solution is carried on towards rounding.
MOST_UNKNOWNS = 2000

# What that takes beyond the passes that reached the tolerance, and where rounding begins.
FINISH_PASSES = 10
ROUNDING = 1e-15

# Passes between two metrics, in proportion to all passes: near the optimum the curvature has settled.
BETWEEN_METRICS = 0.3

# A Gram matrix that several outputs share is kept until the mean curvature has changed by this factor: weights of the rows
# that follow it did not save passes on CIFAR-10.
CHANGE = 2.0

# What a diagonal metric costs, in passes.
DIAGONAL_PASSES = 4.0

# Rounds of a loss that is not smooth in which no step helped and the gap did not fall, before it is given up.
FRUITLESS = 3

# Passes over X between two looks at a certificate whose size cannot be told from the gradient, in proportion to all passes.
BETWEEN_LOOKS = 0.25


class Limits(NamedTuple):
    """When to stop: at a relative gap of `tol`, or of half of what F still is below `above`, after `max_iter` steps at most."""

    tol: float
    max_iter: int
    above: float = -np.inf


class Engine:
    """One run of `solve` on a problem.

    `method` is "gram", "diagonal" or "newton": the metric; or "rows": descent in the span of the rows.
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
        self.callback = callback
        self.problem, self.method, self.limits, self.dtype, self.grams = problem, method, limits, dtype, grams
        self.first_grams = grams  # of the first metric: what a similar problem can begin with
        self.certificate = Certificate(problem)
        self.history: list[SolveRecord] = []
        self.n_iter = 0
        self.start = time.perf_counter()
        self.best: Checked | None = None
        self.last_checked: Float | None = None
        self.x = x
        self.rounds: Rounds | None = None  # of a loss that is not smooth
        self.fruitless = 0
        self.smooth = bool(_core.registry()["losses"][problem.data.loss]["smooth"])
        self.last_check = self.last_metric = self.first_norm = 0.0
        self.gradient_norm = np.inf

    def run(self) -> Checked:
        """Return the best point found, certified."""
        with one_thread():
            return self._certified()

    def _certified(self) -> Checked:
        try:
            self._run()
        except Stopped:
            self.problem.deadline = None
            if self.rounds is None and not self.smooth:
                self.rounds = Rounds(self.problem, 1.0)
        if self.best is None or (not self.done() and self.last_checked is not self.x):
            self.problem.deadline = None
            with suppress(Stopped):  # there is nothing left to stop
                self._check(self.x)
        assert self.best is not None
        return self.best

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

    # -- the steps ---------------------------------------------------------------------------------------------------------

    def _run(self) -> None:
        if self.method == "rows":
            if self._in_row_space():
                return
            self.method = "diagonal"
        if not self.smooth:
            value, _ = self.problem.smooth(self.x, self.dtype)
            self.rounds = Rounds(self.problem, value)
        descent = Descent(self.problem, self.x, self.dtype)
        self.first_norm = self._norm(descent)
        if not self.certifiable and np.any(self.x):
            self.first_norm = float(np.linalg.norm(self.problem.smooth(np.zeros_like(self.x), self.dtype)[1]))
        self._begin_round(descent)
        metric = self._metric(descent)
        while self.n_iter < self.limits.max_iter:
            self.x = descent.x
            self._note(descent)
            if self._worth_a_check(descent):
                if self._checked(descent):
                    break
                if self.rounds is not None:
                    self._next_round(descent)
                    metric = self._metric(descent)
            moved = descent.step(metric)
            self.n_iter += 1
            if not moved:
                if not self._unstuck(descent):
                    break
                metric = self._metric(descent, exact=False)
            else:
                metric = self._renewed(metric, descent)
        self.x = descent.x
        if self.done() and self.rounds is None:
            self._finish(descent, metric)

    def _note(self, descent: Descent) -> None:
        self.gradient_norm = self._norm(descent) / (self.first_norm or 1.0)
        self._record(descent.F, None, lambda: descent.x)

    def _record(self, F: float, gap: float | None, x: Callable[[], Float]) -> None:
        """Enter a look at the objective in the history and tell the callback, which may stop the run."""
        record = SolveRecord(self.problem.n_passes, time.perf_counter() - self.start, F, gap)
        self.history.append(record)
        if self.callback is None:
            return
        problem = self.problem

        def weights() -> tuple[Float, Float | None]:
            W, b = problem.raw(x())
            return W, b if problem.fit_intercept else None

        answer = self.callback(SolveInfo(**vars(record), weights=weights))
        if isinstance(answer, bool | np.bool_) and answer:
            raise Stopped

    @staticmethod
    def _norm(descent: Descent) -> float:
        return float(np.linalg.norm(descent.pseudo_gradient()))

    def _estimate(self, descent: Descent) -> float:
        """The gap that the plain dual point of this iterate would prove, in its arithmetic; infinite where it cannot be told."""
        l1, l2, _ = self.problem.regularizer
        if l2 == 0:
            return np.inf
        V, _ = self.problem.split(descent.x)
        g, _ = self.problem.split(descent.g)
        G = g - l2 * V
        excess = np.maximum(np.abs(G) - l1, 0.0)
        gap = l1 * np.abs(V).sum() + 0.5 * l2 * (V**2).sum() + (excess**2).sum() / (2 * l2) + (G * V).sum()
        return float(max(gap, 0.0)) / max(abs(descent.F), np.finfo(np.float64).tiny)

    def _worth_a_check(self, descent: Descent) -> bool:
        if not self.certifiable:
            return self.gradient_norm <= self.limits.tol
        tol = self._tolerance(descent.F)
        if self.rounds is not None:
            return self.rounds.over(self._estimate(descent), self._norm(descent), tol)
        l2 = self.problem.regularizer.l2
        if l2 > 0:
            # The estimate in float32 is of gradients that are rounded.
            return self._estimate(descent) <= tol * (0.6 if descent.dtype == "float32" else 1.0)
        passes = self.problem.n_passes
        falling = getattr(descent, "decrease", np.inf) > 0.3 * tol * abs(descent.F)
        return not falling and passes - self.last_check >= BETWEEN_LOOKS * self.last_check

    def _checked(self, descent: Descent) -> bool:
        """Look at the certificate; go on in float64 if float32 has given all it can. True if done."""
        self._check(descent.x)
        if self.done():
            return True
        if descent.dtype == "float32" and self.rounds is None and self._estimate(descent) <= self._tolerance(descent.F):
            descent.use("float64")
        return False

    def _check(self, x: Float) -> None:
        self.last_checked = x
        checked = self.certificate.check(x, None if self.rounds is None else self.rounds.smoothing)
        if self.best is None or checked.F <= self.best.F:
            self.best = checked
        self.last_check = self.problem.n_passes
        best = self.best
        self._record(best.F, self.gap if self.certifiable else None, lambda: best.x)

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
            self.rounds.begins(self._norm(descent))

    def _next_round(self, descent: Descent) -> None:
        assert self.rounds is not None
        self.rounds.next(descent.S, self.gap)
        descent.memory.clear()
        descent.restart()
        self._begin_round(descent)

    def _in_row_space(self) -> bool:
        """Descend on the coefficients of the rows; False if rounding ends it before the tolerance is reached."""
        rows, strictness, moved = RowSpace(self.problem, self.x, self.dtype), 1.0, True
        first = rows.gradient_norm or 1.0
        try:
            while True:
                while rows.gap > strictness * self._tolerance(rows.F) and self.n_iter < self.limits.max_iter and moved:
                    moved = rows.step()
                    self.n_iter += 1
                    self.gradient_norm = rows.gradient_norm / first
                    self._record(rows.F, None, rows.x)
                self.x = rows.x()
                self._check(self.x)
                if self.done() or self.n_iter >= self.limits.max_iter:
                    return True
                if rows.dtype == "float64":
                    if not moved:
                        return False
                    strictness *= 0.3
                rows.use("float64")
                moved = True
        except Stopped:
            self.problem.deadline = None
            self.x = rows.x()
            raise

    # -- metrics -----------------------------------------------------------------------------------------------------------

    def _metric(self, descent: Descent, old: Metric | None = None, exact: bool = True) -> Metric:
        """Make the metric anew at the current point; or keep the old one, if the outputs share it and it is as good.

        exact=False: not of the Hessian, which has no curvature where a loss is flat or linear, and steps without end.
        """
        problem = self.problem
        self.last_metric = problem.n_passes
        if self.method == "newton" and exact:
            return Exact(problem, descent.S.astype(np.float64))
        if self.method == "diagonal":
            rows = curvatures(problem, descent.S)
            return Diagonal(
                problem, self._at_least(weighted_mean(problem, rows)), mean_squares(problem, rows.mean(axis=1))
            )
        k, m = problem.n_outputs, sample_size(problem)
        spent = problem.n_passes * pass_work(problem)
        if exact and problem.size <= MOST_UNKNOWNS and hessian_work(problem) <= spent:
            descent.memory.clear()
            return Exact(problem, descent.S.astype(np.float64))
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

    def _renewed(self, metric: Metric, descent: Descent) -> Metric:
        """A new metric, as soon as the passes since the last one have cost as much, and are a share of all."""
        cost = self._cost()
        if self.problem.n_passes - self.last_metric < max(cost, BETWEEN_METRICS * self.problem.n_passes) and cost >= 0:
            return metric
        if self.method == "newton":
            descent.memory.clear()
        return self._metric(descent, metric)

    def _cost(self) -> float:
        """What a new metric costs, in passes."""
        problem = self.problem
        if self.method == "newton":
            return -np.inf
        if self.method == "diagonal":
            return DIAGONAL_PASSES
        m, work = sample_size(problem), pass_work(problem)
        costs = [gram_work(problem, m, 1) / work, gram_work(problem, m, problem.n_outputs) / work]
        if problem.size <= MOST_UNKNOWNS:
            costs.append(hessian_work(problem) / work)
        return max([cost for cost in costs if cost <= problem.n_passes], default=costs[0])

    def _at_least(self, h: Float) -> Float:
        """Curvatures that a metric can be made of."""
        bound = _core.curvature(self.problem.data.loss, self.problem.n_outputs)
        if self.rounds is not None:
            bound = 2.0 / self.rounds.width
        return np.maximum(h, 1e-6 * (bound or 1.0))

    def _finish(self, descent: Descent, metric: Metric) -> None:
        """Go on towards rounding where the unknowns are few, for as many passes again as it took so far."""
        problem = self.problem
        if problem.size > MOST_UNKNOWNS or np.isfinite(self.limits.above):
            return
        if descent.dtype == "float32":
            descent.use("float64")
        end = 2 * problem.n_passes + FINISH_PASSES
        while problem.n_passes < end and self._estimate(descent) > ROUNDING and self._norm(descent) > 0:
            if not descent.step(metric):
                break
            self.n_iter += 1
            metric = self._renewed(metric, descent)
        self._note(descent)
        self._check(descent.x)


def mean_squares(problem: LinearProblem, rows: Float | None) -> Float:
    """Return the mean over the rows, weighted by their curvature, of the squares of the centred and scaled features."""
    weight = np.ones(problem.n_samples) if problem.data.sample_weight is None else problem.data.sample_weight
    if rows is not None and rows.sum() > 0:
        weight = weight * rows
    mean, variance, _, _ = _core.moments(problem.data.matrix.core, weight, problem.num_threads)
    return np.asarray((variance + (mean - problem.centre) ** 2) * problem.inverse_scale**2)


def affordable_hessian(problem: LinearProblem, work: float) -> bool:
    """Return whether the Hessian has few enough unknowns, and takes no more than `work` multiply-adds."""
    return problem.size <= MOST_UNKNOWNS and hessian_work(problem) <= work
