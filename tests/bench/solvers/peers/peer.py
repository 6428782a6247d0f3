"""What a competitor is, and the two ways to follow one over time: from inside, or by runs of growing length."""

import importlib.metadata
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

# Runs grow by this factor in iterations: the runs together take about 1 / (1 - 1 / GROWTH) = 2.7 times the last one, and the time
# between two of them is interpolated (report.py).
GROWTH = 1.6
# Two runs in a row that change F by less than this, relative to F, end the series.
STALLED = 1e-9
# A run of less than SHORT seconds is made REPEATS times, and the median of its times counts: single ones of 20 ms differ by half.
SHORT = 0.2
REPEATS = 5
# A trajectory followed from inside keeps a point only when this factor more time has passed than at the last one.
SPACING = 1.02


class Point(NamedTuple):
    """A model and the time that a user would have waited for it, in seconds.

    `cpu` is the seconds of processor time, of all threads, that it took; `gap` is what the solver itself certifies.
    """

    seconds: float
    W: np.ndarray  # (n_outputs, n_features)
    b: np.ndarray  # (n_outputs,)
    cpu: float | None = None
    gap: float | None = None


@dataclass(frozen=True)
class Peer:
    """`solves(problem)` says whether it can; `trajectory(problem, budget_seconds, threads)` returns a list of Point.

    `augmented_intercept`: it minimises `problem.augmented()`, the intercept penalised, and is measured against that optimum.
    `runs`: the points come from separate runs, so that times between them are interpolated.
    """

    name: str
    distribution: str  # as pip knows it
    solves: Callable
    trajectory: Callable
    augmented_intercept: bool = False
    runs: bool = False

    def version(self):
        """Return the installed version, or None."""
        try:
            return importlib.metadata.version(self.distribution)
        except importlib.metadata.PackageNotFoundError:
            return None


class OutOfTimeError(Exception):
    """Raised inside a solver that has no other way to be stopped."""


class Recorder:
    """Collect points from inside a solver; copies are taken only as often as SPACING allows."""

    def __init__(self, budget):
        self.points, self.budget = [], budget
        self.start, self.cpu, self.last = time.perf_counter(), time.process_time(), 0.0

    def __call__(self, unpack):
        """Add the point (W, b) = unpack() if it is due; return whether time is over."""
        seconds = time.perf_counter() - self.start
        over = seconds > self.budget
        if over or seconds >= SPACING * self.last:
            W, b = unpack()
            self.points.append(Point(seconds, np.array(W), np.array(b), time.process_time() - self.cpu))
            self.last = seconds
        return over


def typical(run):
    """Return what run() -> (seconds, ...) returns: of several calls that are short the one whose time is the median."""
    results = [run()]
    if results[0][0] < SHORT:
        results += [run() for _ in range(REPEATS - 1)]
    return sorted(results, key=lambda result: result[0])[len(results) // 2]


def growing_runs(fit, problem, budget):
    """Call fit(max_iter) -> (W, b) from the start with max_iter = 1, 2, 3, 5, 8, ...: as a user would wait for each.

    Ends before the run with which all of them would take more than `budget` seconds, or when F no longer changes.
    """
    points, total, max_iter, values = [], 0.0, 1, []

    def run():
        start, cpu = time.perf_counter(), time.process_time()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # each says that it has not converged yet
            W, b = fit(max_iter)
        return Point(time.perf_counter() - start, W, b, time.process_time() - cpu)

    while True:
        points.append(typical(run))
        seconds, W, b, _, _ = points[-1]
        total += seconds
        longer = max(max_iter + 1, round(GROWTH * max_iter))
        if total + seconds * longer / max_iter > budget:
            return points
        max_iter = longer
        values.append(problem.objective(W, b))
        if len(values) > 4 and np.ptp(values[-3:]) <= STALLED * abs(values[-1]):
            return points
