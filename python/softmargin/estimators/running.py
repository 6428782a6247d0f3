"""One run of a native estimator: by the exact solver or by an update rule, followed so that the best weights are never lost."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from softmargin import _core
from softmargin._validation import Matrix
from softmargin.objective import LOSSES
from softmargin.optimizers import Optimizer
from softmargin.penalties import Penalty, as_spec
from softmargin.schedules import Schedule
from softmargin.solvers import SolveInfo, solve
from softmargin.training import EpochRecord, FitResult, fit
from softmargin.training.coordinates import Coordinates
from softmargin.training.guard import fit_guarded
from softmargin.training.plan import Plan
from softmargin.training.results import EpochInfo

# Steps of the exact solver for each epoch that an estimator is granted: it ends by itself, and raw pixels under a small penalty take
# more than a thousand (CIFAR-10, 0 to 255, alpha=1e-4).
STEPS_AN_EPOCH = 20

# A run whose epochs are over warns where the loss still fell by more than this many times tol over the last epochs: rates that go
# down to zero at the end leave falls of 1e-3 or so, which more epochs would not turn into much.
STILL_FALLING = 100.0

Weights = tuple[npt.NDArray[Any], npt.NDArray[Any] | None]


@dataclass(frozen=True)
class Problem:
    """What is minimised: the arguments that `fit` and `solve` share."""

    X: Matrix
    y: npt.NDArray[Any]
    loss: str
    penalty: Penalty | None
    sample_weight: npt.NDArray[np.float64] | None
    fit_intercept: bool
    standardize: bool
    margin: float
    delta: float
    W0: npt.NDArray[Any] | None  # zeros, in as many outputs as y tells of
    intercept0: npt.NDArray[Any] | None
    num_threads: int | None
    n_outputs: int

    def shared(self) -> dict[str, Any]:
        """Return them by name, without X and y."""
        return {name: value for name, value in vars(self).items() if name not in ("X", "y", "n_outputs")}

    def start(self) -> Weights:
        """Return the weights that a run begins with."""
        k = self.n_outputs
        W = np.zeros((k, self.X.n_features), self.X.weight_dtype) if self.W0 is None else self.W0
        b = np.zeros(k) if self.intercept0 is None else self.intercept0
        return W, b if self.fit_intercept else None


@dataclass(frozen=True)
class Recipe:
    """How an update rule is run."""

    optimizer: Optimizer
    schedule: Schedule | None
    batch_size: int | None
    average: bool
    seed: int
    found: bool = False  # whether the rate was found from the data, so that the run may be repeated with a smaller one
    coordinates: Coordinates | None = None  # those of a rate that was found

    def place(self) -> dict[str, Any]:
        """Return what `fit` is to be told of them."""
        return {} if self.coordinates is None else {"standardize": self.coordinates}


class Outcome(NamedTuple):
    """What a run reached, and why it ended."""

    weights: Weights
    history: tuple[Any, ...]
    n_iter: int
    loss: float
    gap: float
    shortfall: str  # how far from converged, in figures; empty where it has converged
    interrupted: bool = False
    result: FitResult | None = None  # what partial_fit goes on from, and how
    recipe: Recipe | None = None


def solvable(loss: str, penalty: Penalty | None) -> bool:
    """Return whether `solve` gives the certified optimum of a loss with a penalty.

    Examples
    --------
    >>> solvable("softmax", None)
    True
    """
    convex = bool(LOSSES[loss]["convex"])
    return convex and _core.l1_l2(as_spec(penalty)) is not None


class Watch:
    """Follows a run, keeps its best weights, and says when it is to stop.

    Parameters
    ----------
    tell : callable
        Whom to tell of every record; returns True to stop.
    start : float
        time.perf_counter() when the estimator's fit began.
    max_seconds : float or None
    """

    def __init__(self, tell: Callable[[Any], bool], start: float, max_seconds: float | None) -> None:
        self.tell, self.start, self.max_seconds = tell, start, max_seconds
        self.best = np.inf
        self.best_weights: Weights | None = None
        self.records: list[Any] = []
        self.out_of_time = False

    def late(self) -> bool:
        """Return whether the time is up, and remember it."""
        if self.max_seconds is not None and time.perf_counter() - self.start >= self.max_seconds:
            self.out_of_time = True
        return self.out_of_time

    def keep(self, value: float, weights: Callable[[], Weights]) -> bool:
        """Keep the weights if `value` is the least so far."""
        if value < self.best or self.best_weights is None:
            self.best, self.best_weights = value, weights()
            return True
        return False


# -- the exact solver ------------------------------------------------------------------------------------------------------


def run_exact(problem: Problem, watch: Watch, tol: float, max_epochs: int) -> Outcome:
    """Solve, certified."""
    latest: SolveInfo | None = None
    # The best of those that had their certificate: weights are made only where they are asked for.
    checked: SolveInfo | None = None

    def follow(info: SolveInfo) -> bool:
        nonlocal latest, checked
        latest = info
        watch.records.append(info)
        if info.gap is not None and (checked is None or info.loss < checked.loss):
            checked = info
        return watch.tell(info)

    left = None if watch.max_seconds is None else max(watch.max_seconds - (time.perf_counter() - watch.start), 1e-9)
    try:
        result = solve(
            problem.X,
            problem.y,
            **problem.shared(),
            tol=tol,
            max_iter=STEPS_AN_EPOCH * max_epochs,
            max_seconds=left,
            callback=follow,
            warn=False,
        )
    except KeyboardInterrupt:
        for info in (checked, latest):
            if info is not None:
                watch.keep(info.loss, info.weights)
        return interrupted(problem, watch, np.nan if latest is None else latest.loss)
    reached = f"gap={result.gap:.2g}"
    if np.isnan(result.gap):
        reached = f"a gradient of {result.gradient_norm:.2g} times that at zero weights"
    shortfall = ""
    if not result.converged:
        more = "max_seconds" if watch.late() else "max_epochs"
        shortfall = f"{reached} where tol={tol:g} was asked for, after {result.n_iter} steps; a larger {more} goes on"
    return Outcome(
        (result.W, result.intercept),
        result.history,
        max(result.n_iter, 1),
        result.loss,
        result.gap,
        shortfall,
    )


def interrupted(problem: Problem, watch: Watch, loss: float = np.nan) -> Outcome:
    """Return the best weights so far, those that the run began with if there are no others."""
    weights = problem.start() if watch.best_weights is None else watch.best_weights
    n = max(len(watch.records), 1)
    records = tuple(watch.records)
    return Outcome(weights, records, n, float(loss), np.nan, "", interrupted=True)


# -- the update rules ------------------------------------------------------------------------------------------------------


class Patience:
    """Says when the epochs have stopped to help.

    With a validation set: when its loss has not fallen below (1 - tol) times the least so far for `n_iter_no_change` epochs. Else:
    when the mean loss of that many epochs and the one before them vary by no more than tol in proportion.
    """

    def __init__(self, tol: float, n_iter_no_change: int, validated: bool) -> None:
        self.tol, self.n, self.validated = tol, n_iter_no_change, validated
        self.losses: list[float] = []
        self.best, self.waited = np.inf, 0

    def over(self, record: EpochRecord) -> bool:
        """Take note of an epoch; return whether it was enough."""
        if self.validated:
            assert record.val_loss is not None
            if record.val_loss < self.best - self.tol * abs(self.best) or not np.isfinite(self.best):
                self.best, self.waited = record.val_loss, 0
            else:
                self.waited += 1
            return self.waited >= self.n
        self.losses.append(record.loss)
        last = self.losses[-self.n - 1 :]
        return len(last) > self.n and max(last) - min(last) <= self.tol * abs(last[-1])

    def falling(self) -> str:
        """Return by how much the loss still fell in the last epochs, in figures; nothing where it was little."""
        last = self.losses[-self.n - 1 :]
        more = "a larger max_epochs goes on, solver='exact' ends at the optimum"
        if len(last) == 1:
            return (
                f"a mean loss of {last[0]:.6g} in the only epoch, of which nothing tells whether it still falls; {more}"
            )
        if last[0] - last[-1] <= STILL_FALLING * self.tol * abs(last[0]):
            return ""
        fell = f"from {last[0]:.6g} to {last[-1]:.6g} in the last {len(last) - 1} of {len(self.losses)} epochs"
        return f"a mean loss that still fell {fell}, where tol={self.tol:g} was asked for; {more}"


def run_rule(
    problem: Problem,
    recipe: Recipe,
    watch: Watch,
    *,
    tol: float,
    max_epochs: int,
    n_iter_no_change: int,
    validation: tuple[Matrix, npt.NDArray[Any], npt.NDArray[np.float64] | None] | None,
) -> Outcome:
    """Train by minibatches, and return the best weights where a validation set tells which they are, else the last."""
    patience = Patience(tol, n_iter_no_change, validation is not None)
    ended = False

    def follow(info: EpochInfo) -> bool:
        nonlocal ended, patience
        if info.epoch == 1:  # once more for a run that is repeated with a smaller rate
            patience = Patience(tol, n_iter_no_change, validation is not None)
            watch.records.clear()
        watch.records.append(EpochRecord(*(getattr(info, name) for name in EpochRecord.__dataclass_fields__)))
        watch.keep(info.loss if info.val_loss is None else info.val_loss, info.weights)
        stop = watch.tell(info)
        ended = patience.over(info)
        return bool(ended or stop or watch.late())

    run: Any = fit
    plan = {name: getattr(recipe, name) for name in ("optimizer", "schedule", "batch_size")}
    shared = problem.shared() | recipe.place()
    if recipe.found:
        run, plan = fit_guarded, {"plan": Plan(**plan, coordinates=recipe.coordinates)}
    try:
        result = run(
            problem.X,
            problem.y,
            **plan,
            **shared,
            average=recipe.average,
            epochs=max_epochs,
            rng=recipe.seed,
            validation=validation,
            callback=follow,
        )
    except KeyboardInterrupt:
        return interrupted(problem, watch, watch.best)
    weights: Weights = (result.W, result.intercept)
    if validation is not None and watch.best_weights is not None:
        weights = watch.best_weights
    shortfall = ""
    if not ended and validation is None and not watch.out_of_time and len(result.history) == max_epochs:
        shortfall = patience.falling()
    elif watch.out_of_time:
        shortfall = f"{len(result.history)} of {max_epochs} epochs in max_seconds={watch.max_seconds:g}"
    loss = result.history[-1].loss
    return Outcome(weights, result.history, len(result.history), loss, np.nan, shortfall, result=result, recipe=recipe)
