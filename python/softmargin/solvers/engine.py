"""The way to the optimum: steps of descent in a metric, looks at the certificate, and what to change when steps stop helping."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from softmargin import _core

from .descent import Descent
from .dual import Certificate, Checked
from .metric import (
    Diagonal,
    Exact,
    Gram,
    Metric,
    curvatures,
    gram_work,
    hessian_work,
    pass_work,
    sample_size,
    sampled_grams,
    weighted_mean,
)
from .problem import Array, Float, LinearProblem, Stopped
from .results import SolveRecord
from .row_space import RowSpace

# The Hessian is used for every step where it has at most this many unknowns and takes at most this many multiply-adds.
MOST_UNKNOWNS = 2000
FINISH_WORK = 1e9

# What a diagonal metric costs, in passes.
DIAGONAL_PASSES = 4.0

# A loss that is not smooth: the first width of the smoothing relative to the dual variables' range, and its fall.
WIDTH = 1.0
NARROWER = 0.25
STEPS_A_ROUND = 40

# Passes over X between two looks at a certificate whose size cannot be told from the gradient, in proportion to all passes.
BETWEEN_LOOKS = 0.25


class Limits(NamedTuple):
    """When to stop."""

    tol: float
    max_iter: int


class Engine:
    """One run of `solve` on a problem.

    `method` is "gram", "diagonal" or "newton": the metric; or "rows": in the span of the rows, from zero weights.
    """

    def __init__(
        self, problem: LinearProblem, x: Float, method: str, limits: Limits, dtype: str, grams: list[Array] | None = None
    ) -> None:
        self.problem, self.method, self.limits, self.dtype, self.grams = problem, method, limits, dtype, grams
        self.certificate = Certificate(problem)
        self.history: list[SolveRecord] = []
        self.n_iter = 0
        self.start = time.perf_counter()
        self.best: Checked | None = None
        self.x = x
        self.smoothing: tuple[Array, float] | None = None
        self.last_check = 0.0
        self.gradient_norm = np.inf

    def run(self) -> Checked:
        """Return the best point found, certified."""
        try:
            self._run()
        except Stopped:
            self.problem.deadline = None
        if self.best is None:
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
        return self.gap <= self.limits.tol

    # -- the steps ---------------------------------------------------------------------------------------------------------

    def _run(self) -> None:
        if self.method == "rows" and self._in_row_space():
            return
        smooth = _core.registry()["losses"][self.problem.data.loss]["smooth"]
        if not smooth:
            self._smooth_around(np.zeros((self.problem.n_samples, self.problem.n_outputs)), WIDTH)
        descent = Descent(self.problem, self.x, self.dtype)
        self.first_norm = float(np.linalg.norm(self._at_zero(descent)))
        metric = self._metric(descent)
        in_round = 0
        while self.n_iter < self.limits.max_iter:
            self.x = descent.x
            self._note(descent)
            if self._worth_a_check(descent) and self._checked(descent):
                break
            moved = descent.step(metric)
            self.n_iter += 1
            in_round += 1
            if not moved:
                if not self._stuck(descent, smooth):
                    break
                metric, in_round = self._metric(descent), 0
            elif not smooth and (self._round_done(descent) or in_round >= STEPS_A_ROUND):
                self.x = descent.x
                if self._checked(descent):
                    break
                self._next_round(descent)
                metric, in_round = self._metric(descent), 0
            elif self.problem.n_passes - self.last_metric >= self._cost():
                if self.method == "newton":
                    descent.memory.clear()
                metric = self._metric(descent)
        self.x = descent.x
        if not self.done():
            self._check(self.x)
        elif smooth:
            self._finish(descent)

    def _at_zero(self, descent: Descent) -> Float:
        return descent.pseudo_gradient()

    def _note(self, descent: Descent) -> None:
        g = descent.pseudo_gradient()
        self.gradient_norm = float(np.linalg.norm(g)) / (self.first_norm or 1.0)
        self.history.append(SolveRecord(self.problem.n_passes, time.perf_counter() - self.start, descent.F))

    def _estimate(self, descent: Descent) -> float:
        """The gap that the plain dual point of this iterate would prove, in its arithmetic; infinite where it cannot be told."""
        l1, l2, _ = self.problem.regularizer
        if l2 == 0 or self.smoothing is not None:
            return np.inf
        V, c = self.problem.split(descent.x)
        g, g_c = self.problem.split(descent.g)
        G = g - l2 * V
        excess = np.maximum(np.abs(G) - l1, 0.0)
        gap = l1 * np.abs(V).sum() + 0.5 * l2 * (V**2).sum() + (excess**2).sum() / (2 * l2) + (G * V).sum()
        return float(max(gap, 0.0)) / max(abs(descent.F), np.finfo(np.float64).tiny)

    def _worth_a_check(self, descent: Descent) -> bool:
        if not self.certifiable:
            return self.gradient_norm <= self.limits.tol
        if self.smoothing is not None:
            return False
        l2 = self.problem.regularizer.l2
        if l2 > 0:
            # The estimate in float32 is of gradients that are rounded.
            return self._estimate(descent) <= self.limits.tol * (0.6 if descent.dtype == "float32" else 1.0)
        passes = self.problem.n_passes
        falling = getattr(descent, "decrease", np.inf) > 0.3 * self.limits.tol * abs(descent.F)
        return not falling and passes - self.last_check >= BETWEEN_LOOKS * self.last_check

    def _checked(self, descent: Descent) -> bool:
        """Look at the certificate; go on in float64 if float32 has given all it can. True if done."""
        self._check(descent.x)
        if self.done():
            return True
        if descent.dtype == "float32" and self._estimate(descent) <= self.limits.tol:
            descent.use("float64")
        return False

    def _check(self, x: Float) -> None:
        checked = self.certificate.check(x, self.smoothing)
        if self.best is None or checked.F <= self.best.F:
            self.best = checked
        self.last_check = self.problem.n_passes
        self.history.append(
            SolveRecord(
                self.problem.n_passes, time.perf_counter() - self.start, self.best.F, self.gap if self.certifiable else None
            )
        )

    def _stuck(self, descent: Descent, smooth: bool) -> bool:
        """No step helps in this arithmetic: change something; False if nothing is left to change."""
        if not smooth:
            self.x = descent.x
            if self._checked(descent) or self._rounds_without_gain > 5:
                return False
            if descent.dtype == "float32":
                descent.use("float64")
            self._next_round(descent)
            return True
        if descent.dtype == "float32":
            descent.use("float64")
            return True
        if descent.memory.s:
            descent.memory.clear()
            return True
        return False

    def _in_row_space(self) -> bool:
        """Descend on the coefficients of the rows; False if rounding ends it before the tolerance is reached."""
        rows, target = RowSpace(self.problem, self.dtype), self.limits.tol
        first, moved = rows.gradient_norm or 1.0, True
        try:
            while True:
                while rows.gap > target and self.n_iter < self.limits.max_iter and moved:
                    moved = rows.step()
                    self.n_iter += 1
                    self.gradient_norm = rows.gradient_norm / first
                    self.history.append(SolveRecord(self.problem.n_passes, time.perf_counter() - self.start, rows.F))
                self.x = rows.x()
                self._check(self.x)
                if self.done() or self.n_iter >= self.limits.max_iter:
                    return True
                if rows.dtype == "float32":
                    rows.use("float64")
                elif not moved:
                    return False
                target, moved = 0.3 * min(target, rows.gap), True
        except Stopped:
            self.problem.deadline = None
            self.x = rows.x()
            raise

    # -- metrics -----------------------------------------------------------------------------------------------------------

    def _metric(self, descent: Descent) -> Metric:
        """Make the metric anew at the current point."""
        problem = self.problem
        self.last_metric = problem.n_passes
        if self.method == "newton":
            return Exact(problem, descent.S.astype(np.float64))
        if self.method in ("diagonal", "rows"):
            rows = curvatures(problem, descent.S)
            return Diagonal(problem, self._at_least(weighted_mean(problem, rows)), mean_squares(problem, rows.mean(axis=1)))
        k, m = problem.n_outputs, sample_size(problem)
        spent = problem.n_passes * pass_work(problem)
        if problem.size <= MOST_UNKNOWNS and hessian_work(problem) <= spent:
            descent.memory.clear()
            return Exact(problem, descent.S.astype(np.float64))
        separate = k > 1 and gram_work(problem, m, k) <= spent
        rows = curvatures(problem, descent.S, exactly=separate)
        h = self._at_least(weighted_mean(problem, rows))
        if separate:
            return Gram(problem, h, sampled_grams(problem, rows, m))
        if self.grams is None or gram_work(problem, m, 1) <= spent:
            weights = rows.mean(axis=1, keepdims=True)
            self.grams = sampled_grams(problem, weights if np.ptp(weights) > 0 else None, m)
        return Gram(problem, h, self.grams)

    def _cost(self) -> float:
        """What a new metric costs, in passes."""
        problem = self.problem
        if self.method == "newton":
            return 0.0
        if self.method in ("diagonal", "rows"):
            return DIAGONAL_PASSES
        m, work = sample_size(problem), pass_work(problem)
        costs = [gram_work(problem, m, 1) / work, gram_work(problem, m, problem.n_outputs) / work]
        if problem.size <= MOST_UNKNOWNS:
            costs.append(hessian_work(problem) / work)
        return max([cost for cost in costs if cost <= problem.n_passes], default=costs[0])

    def _at_least(self, h: Float) -> Float:
        """Curvatures that a metric can be made of."""
        bound = _core.curvature(self.problem.data.loss, self.problem.n_outputs)
        if self.smoothing is not None:
            bound = 2.0 / self.smoothing[1]
        return np.maximum(h, 1e-6 * (bound or 1.0))

    def _finish(self, descent: Descent) -> None:
        """Newton's steps to rounding, where the unknowns are few."""
        problem = self.problem
        if not affordable_hessian(problem, FINISH_WORK):
            return
        if descent.dtype == "float32":
            descent.use("float64")
        for _ in range(3):
            before = descent.F
            descent.memory.clear()
            if not descent.step(Exact(problem, descent.S.astype(np.float64))) or not descent.F < before:
                break
            self.n_iter += 1
        self._check(descent.x)

    # -- a loss that is not smooth -----------------------------------------------------------------------------------------

    _rounds_without_gain = 0

    def _smooth_around(self, centre: Array, width: float) -> None:
        self.smoothing = (np.ascontiguousarray(centre, dtype=np.float64), width)
        for dtype in {self.dtype, "float64"}:
            self.problem.core(dtype).smooth(np.ascontiguousarray(centre, dtype=dtype), width)

    def _round_done(self, descent: Descent) -> bool:
        """Whether the smoothed problem is solved well enough for the next centre."""
        l2 = self.problem.regularizer.l2
        norm = float(np.linalg.norm(descent.pseudo_gradient()))
        return norm <= self._round_target

    _round_target = 0.0

    def _next_round(self, descent: Descent) -> None:
        assert self.smoothing is not None
        core = self.problem.core("float64")
        S = descent.S.astype(np.float64)
        _, A, _ = _core.row_losses(core, S, np.zeros(self.problem.n_outputs), num_threads=self.problem.num_threads)
        self.dtype = descent.dtype
        self._smooth_around(A, self.smoothing[1] * NARROWER)
        descent.memory.clear()
        descent.restart()


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


Callback = Callable[[SolveRecord], object]
