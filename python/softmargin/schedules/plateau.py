"""The schedule that waits for the loss to stop falling."""

# ruff: noqa: ARG002  every schedule is called with the same arguments, of which each needs some
from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np

from softmargin._validation import as_integer, as_number, choose

from .schedule import Acts, Rates, Schedule, store


@dataclass(frozen=True)
class PlateauState:
    """What ReduceOnPlateau remembers: the rate (None: the rule's), the best value, epochs without a better one, epochs to rest."""

    lr: float | None = None
    best: float | None = None
    num_bad_epochs: int = 0
    cooldown_counter: int = 0


@dataclass(frozen=True)
class ReduceOnPlateau(Schedule):
    """Falls by a factor where the monitored value has not become better for more than `patience` epochs; acts every epoch.

    Parameters
    ----------
    factor : float, default 0.1
        From 0 to below 1.
    patience : int, default 10
        Epochs without a better value that are waited for.
    threshold : float, default 1e-4
        How much better counts.
    threshold_mode : {"rel", "abs"}, default "rel"
        Better than best (1 - threshold), or than best - threshold. (For a score: best (1 + threshold), best + threshold.)
    cooldown : int, default 0
        Epochs after a fall that do not count.
    min_lr : float, default 0
        The rate never falls below it.
    eps : float, default 1e-8
        A fall by no more than this is left out.
    monitor : {"auto", "loss", "val_loss", "val_score"}, default "auto"
        "auto" is ``val_loss`` where `fit` has a validation set, else ``loss``. Of ``val_score`` more is better.

    Notes
    -----
    PyTorch's ``ReduceLROnPlateau`` with ``mode="min"`` ("max" for ``val_score``), step by step. Its state is a PlateauState,
    which FitResult keeps, so that a resumed run goes on exactly.

    Examples
    --------
    >>> import softmargin as sm
    >>> schedule = sm.schedules.ReduceOnPlateau(factor=0.5, patience=1)
    >>> state = schedule.start()
    >>> for epoch, loss in enumerate([1.0, 0.8, 0.8, 0.8], start=1):
    ...     state = schedule.observe(state, sm.EpochRecord(epoch=epoch, loss=loss, lr=0.1, seconds=0.0), base_lr=0.1)
    >>> schedule.lr(0, 1, 4, 0.1, state)
    array([0.05])
    """

    factor: float = 0.1
    patience: int = 10
    threshold: float = 1e-4
    threshold_mode: Literal["rel", "abs"] = "rel"
    cooldown: int = 0
    min_lr: float = 0.0
    eps: float = 1e-8
    monitor: Literal["auto", "loss", "val_loss", "val_score"] = "auto"
    acts: ClassVar[Acts] = "epoch"  # type: ignore[misc]

    def __post_init__(self) -> None:
        choose("threshold_mode", self.threshold_mode, ("rel", "abs"))
        choose("monitor", self.monitor, ("auto", "loss", "val_loss", "val_score"))
        store(
            self,
            factor=as_number("factor", self.factor, 0, 1, high_open=True),
            patience=as_integer("patience", self.patience, 0),
            threshold=as_number("threshold", self.threshold),
            cooldown=as_integer("cooldown", self.cooldown, 0),
            min_lr=as_number("min_lr", self.min_lr),
            eps=as_number("eps", self.eps),
        )

    def lr(self, first_step: int, n_steps: int, epoch: int, base_lr: float, state: Any = None) -> Rates:
        """Return the rate that the state holds, base_lr at first."""
        rate = None if state is None else state.lr
        return np.full(n_steps, base_lr if rate is None else rate)

    def start(self) -> PlateauState:
        """Return the state before the first epoch."""
        return PlateauState()

    def observe(self, state: PlateauState, record: Any, base_lr: float) -> PlateauState:
        """Return the state after an epoch."""
        rate = base_lr if state.lr is None else state.lr
        value, bad, rest = self._value(record), state.num_bad_epochs + 1, state.cooldown_counter
        best = state.best
        if best is None or self._is_better(value, best):
            best, bad = value, 0
        if rest > 0:
            rest, bad = rest - 1, 0
        if bad > self.patience:
            lower = max(rate * self.factor, self.min_lr)
            rate = lower if rate - lower > self.eps else rate
            rest, bad = self.cooldown, 0
        return PlateauState(rate, best, bad, rest)

    def _value(self, record: Any) -> float:
        name = self.monitor
        if name == "auto":
            name = "loss" if record.val_loss is None else "val_loss"
        value = getattr(record, name)
        if value is None:
            raise ValueError(f"schedule: expected validation=(X_val, y_val) with monitor={name!r}, got None")
        return float(value)

    def _is_better(self, value: float, best: float) -> bool:
        sign = -1.0 if self.monitor == "val_score" else 1.0
        if self.threshold_mode == "abs":
            return sign * value < sign * best - self.threshold
        return sign * value < sign * best * (1 - sign * self.threshold)
