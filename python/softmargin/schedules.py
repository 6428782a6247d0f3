"""Learning-rate schedules: frozen dataclasses that give the rate of every step, without hidden state.

A schedule acts once a step or once an epoch, as its `acts` says. Steps count through the whole run and epochs likewise, both
from 0; a schedule's horizon is its own argument, so that going on with more epochs changes nothing of what was done.
"""

# ruff: noqa: ARG002  every schedule is called with the same arguments, of which each needs some
from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

import numpy as np
import numpy.typing as npt

from softmargin._validation import as_integer, as_number, choose, describe

__all__ = [
    "Constant",
    "Cosine",
    "InverseScaling",
    "PlateauState",
    "ReduceOnPlateau",
    "Schedule",
    "Step",
    "Warmup",
    "names",
]

Rates = npt.NDArray[np.float64]
Acts = Literal["step", "epoch"]
_ACTS = ("step", "epoch")


class Schedule:
    """What schedules have in common; a subclass overrides :meth:`lr`, and the other two if it has a state.

    Examples
    --------
    >>> import softmargin as sm
    >>> class Halving(sm.schedules.Schedule):
    ...     def lr(self, first_step, n_steps, epoch, base_lr, state=None):
    ...         return np.full(n_steps, base_lr * 0.5**epoch)
    >>> Halving().lr(0, 2, 3, 0.8)
    array([0.1, 0.1])
    """

    acts: Acts = "epoch"

    def lr(self, first_step: int, n_steps: int, epoch: int, base_lr: float, state: Any = None) -> Rates:
        """Return the learning rates of steps that lie in one epoch.

        Parameters
        ----------
        first_step : int
            The first of them, counted from 0 through the whole run.
        n_steps : int
            How many.
        epoch : int
            The epoch they lie in, from 0.
        base_lr : float
            The rate of the update rule.
        state : object, optional
            What :meth:`start` or the last :meth:`observe` returned.

        Returns
        -------
        ndarray (n_steps,) of float64
        """
        raise NotImplementedError

    def start(self) -> Any:
        """Return the state before the first epoch; None for a schedule that has none."""
        return None

    def observe(self, state: Any, record: Any, base_lr: float) -> Any:
        """Return the state after an epoch, told of in `record` (an EpochRecord); `state` is left as it was."""
        return state

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and vars(self) == vars(other)

    def __hash__(self) -> int:
        return hash((type(self), tuple(sorted(vars(self).items()))))

    def _count(self, first_step: int, n_steps: int, epoch: int) -> Rates:
        """The time that `acts` counts, for each step."""
        if self.acts == "epoch":
            return np.full(n_steps, float(epoch))
        return np.arange(first_step, first_step + n_steps, dtype=np.float64)


@dataclass(frozen=True)
class Constant(Schedule):
    """The rate of the update rule, always.

    Examples
    --------
    >>> import softmargin as sm
    >>> sm.schedules.Constant().lr(0, 3, 0, 0.1)
    array([0.1, 0.1, 0.1])
    """

    acts: ClassVar[Acts] = "epoch"  # type: ignore[misc]

    def lr(self, first_step: int, n_steps: int, epoch: int, base_lr: float, state: Any = None) -> Rates:
        """Return base_lr for every step."""
        return np.full(n_steps, float(base_lr))


@dataclass(frozen=True)
class InverseScaling(Schedule):
    """Falls as a power of the steps: lr_t = lr / (1 + t / horizon)^power, t = 0, 1, ...; acts every step.

    Parameters
    ----------
    power : float, default 0.5
        At least 0.
    horizon : float, default 1
        Steps after which the rate has fallen by 2^power; above 0.

    Notes
    -----
    With horizon 1 it is scikit-learn's ``learning_rate="invscaling"``, eta0 / t^power_t with t from 1. With power 1 and
    horizon 1 / (alpha * lr) it is Bottou's lr / (1 + alpha lr t) for a penalty L2(alpha). For a sum of the rates that
    diverges and a sum of their squares that does not (Robbins and Monro 1951), power lies above 1/2 and at most 1.

    Source: Bottou, Stochastic Gradient Descent Tricks, 2012.

    Examples
    --------
    >>> import softmargin as sm
    >>> sm.schedules.InverseScaling(power=0.5).lr(0, 4, 0, 1.0).round(3)
    array([1.   , 0.707, 0.577, 0.5  ])
    """

    power: float = 0.5
    horizon: float = 1.0
    acts: ClassVar[Acts] = "step"  # type: ignore[misc]

    def __post_init__(self) -> None:
        _set(self, power=as_number("power", self.power), horizon=as_number("horizon", self.horizon, low_open=True))

    def lr(self, first_step: int, n_steps: int, epoch: int, base_lr: float, state: Any = None) -> Rates:
        """Return lr / (1 + t / horizon)^power."""
        rates: Rates = base_lr * (1 + self._count(first_step, n_steps, epoch) / self.horizon) ** -self.power
        return rates


@dataclass(frozen=True)
class Step(Schedule):
    """Falls by a factor every `step_size` epochs: lr_e = lr gamma^floor(e / step_size), e = 0, 1, ...; acts every epoch.

    Parameters
    ----------
    step_size : int
        Epochs between two falls; at least 1.
    gamma : float, default 0.1
        The factor; at least 0.

    Notes
    -----
    PyTorch's ``StepLR``.

    Examples
    --------
    >>> import softmargin as sm
    >>> [sm.schedules.Step(2, gamma=0.5).lr(0, 1, epoch, 0.8).item() for epoch in range(5)]
    [0.8, 0.8, 0.4, 0.4, 0.2]
    """

    step_size: int
    gamma: float = 0.1
    acts: ClassVar[Acts] = "epoch"  # type: ignore[misc]

    def __post_init__(self) -> None:
        _set(self, step_size=as_integer("step_size", self.step_size), gamma=as_number("gamma", self.gamma))

    def lr(self, first_step: int, n_steps: int, epoch: int, base_lr: float, state: Any = None) -> Rates:
        """Return lr gamma^floor(epoch / step_size)."""
        return np.full(n_steps, base_lr * self.gamma ** (epoch // self.step_size))


@dataclass(frozen=True)
class Cosine(Schedule):
    """Falls along half a cosine: lr_t = eta_min + (lr - eta_min) (1 + cos(pi t / T_max)) / 2, t = 0, 1, ...

    Parameters
    ----------
    T_max : int
        Epochs (or steps) to the minimum; at least 1.
    eta_min : float, default 0
        The rate at t = T_max; at least 0.
    acts : {"epoch", "step"}, default "epoch"
        What t counts.

    Notes
    -----
    PyTorch's ``CosineAnnealingLR``, beyond T_max too: there the cosine rises again.

    Source: Loshchilov and Hutter, SGDR, ICLR 2017, without the restarts.

    Examples
    --------
    >>> import softmargin as sm
    >>> sm.schedules.Cosine(T_max=4, acts="step").lr(0, 5, 0, 1.0).round(3)
    array([1.   , 0.854, 0.5  , 0.146, 0.   ])
    """

    T_max: int
    eta_min: float = 0.0
    acts: Acts = "epoch"

    def __post_init__(self) -> None:
        choose("acts", self.acts, _ACTS)
        _set(self, T_max=as_integer("T_max", self.T_max), eta_min=as_number("eta_min", self.eta_min))

    def lr(self, first_step: int, n_steps: int, epoch: int, base_lr: float, state: Any = None) -> Rates:
        """Return eta_min + (lr - eta_min) (1 + cos(pi t / T_max)) / 2."""
        angle = np.pi * self._count(first_step, n_steps, epoch) / self.T_max
        rates: Rates = np.maximum(self.eta_min + (base_lr - self.eta_min) * (1 + np.cos(angle)) / 2, 0.0)
        return rates


@dataclass(frozen=True)
class Warmup(Schedule):
    """Rises linearly at the start: the rate of `after` times start_factor + (1 - start_factor) min(t / total_iters, 1).

    Parameters
    ----------
    total_iters : int
        Steps (or epochs) until the full rate; at least 1.
    start_factor : float, default 1/3
        The factor at t = 0; from 0 to 1.
    after : Schedule, default Constant()
        The schedule whose rates are multiplied. It counts from the start too, not from the end of the warm-up.
    acts : {"step", "epoch"}, default "step"
        What t counts.

    Notes
    -----
    PyTorch's ``LinearLR``, chained with another as by ``ChainedScheduler``.

    Examples
    --------
    >>> import softmargin as sm
    >>> sm.schedules.Warmup(4, start_factor=0.0).lr(0, 6, 0, 1.0)
    array([0.  , 0.25, 0.5 , 0.75, 1.  , 1.  ])
    """

    total_iters: int
    start_factor: float = 1 / 3
    after: Schedule = field(default_factory=Constant)
    acts: Acts = "step"

    def __post_init__(self) -> None:
        choose("acts", self.acts, _ACTS)
        if not isinstance(self.after, Schedule):
            raise TypeError(f"after: expected a schedule, got {describe(self.after)}")
        start_factor = as_number("start_factor", self.start_factor, 0, 1)
        _set(self, total_iters=as_integer("total_iters", self.total_iters), start_factor=start_factor)

    def lr(self, first_step: int, n_steps: int, epoch: int, base_lr: float, state: Any = None) -> Rates:
        """Return the rates of `after`, times the factor of the warm-up."""
        done = np.minimum(self._count(first_step, n_steps, epoch) / self.total_iters, 1.0)
        factor = self.start_factor + (1 - self.start_factor) * done
        return self.after.lr(first_step, n_steps, epoch, base_lr, state) * factor

    def start(self) -> Any:
        """Return the state of `after`."""
        return self.after.start()

    def observe(self, state: Any, record: Any, base_lr: float) -> Any:
        """Return the state of `after`, after an epoch."""
        return self.after.observe(state, record, base_lr)


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
        _set(
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


def names() -> tuple[str, ...]:
    """Return the names of the schedules, which are the names of their classes.

    Examples
    --------
    >>> import softmargin as sm
    >>> sm.schedules.names()
    ('Constant', 'InverseScaling', 'Step', 'Cosine', 'Warmup', 'ReduceOnPlateau')
    """
    return tuple(made.__name__ for made in (Constant, InverseScaling, Step, Cosine, Warmup, ReduceOnPlateau))


def checked(values: Any, n_steps: int) -> Rates:
    """Return what a schedule gave as float64 (n_steps,), at least 0 and finite; users write schedules too.

    Raises
    ------
    ValueError
        ``schedule: expected finite rates at least 0, got -0.1``
    """
    rates: Rates = np.ascontiguousarray(values, dtype=np.float64)
    if rates.shape != (n_steps,):
        raise ValueError(f"schedule: expected rates of shape ({n_steps},), one a step, got {rates.shape}")
    good = np.isfinite(rates) & (rates >= 0)
    if not good.all():
        raise ValueError(f"schedule: expected finite rates at least 0, got {rates[~good][0]:g}")
    return rates


def _set(schedule: Schedule, **values: float) -> None:
    """Store checked values in a frozen dataclass."""
    for name, value in values.items():
        object.__setattr__(schedule, name, value)
