"""The schedules that are a formula of the step or the epoch."""

# ruff: noqa: ARG002  every schedule is called with the same arguments, of which each needs some
from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np

from softmargin._validation import as_integer, as_number, choose, describe

from .schedule import ACTS, Acts, Rates, Schedule, store


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
        store(self, power=as_number("power", self.power), horizon=as_number("horizon", self.horizon, low_open=True))

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
        store(self, step_size=as_integer("step_size", self.step_size), gamma=as_number("gamma", self.gamma))

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
        choose("acts", self.acts, ACTS)
        store(self, T_max=as_integer("T_max", self.T_max), eta_min=as_number("eta_min", self.eta_min))

    def lr(self, first_step: int, n_steps: int, epoch: int, base_lr: float, state: Any = None) -> Rates:
        """Return eta_min + (lr - eta_min) (1 + cos(pi t / T_max)) / 2."""
        angle = np.pi * self._count(first_step, n_steps, epoch) / self.T_max
        rates: Rates = np.maximum(self.eta_min + (base_lr - self.eta_min) * (1 + np.cos(angle)) / 2, 0.0)
        return rates


@dataclass(frozen=True)
class Polynomial(Schedule):
    """Falls to zero as a power of what is left: lr_t = lr (1 - t / total_iters)^power, t = 0, 1, ...

    Parameters
    ----------
    total_iters : int
        Steps (or epochs) until the rate is 0, which it stays; at least 1.
    power : float, default 1
        1 is a straight line; at least 0.
    acts : {"step", "epoch"}, default "step"
        What t counts.

    Notes
    -----
    PyTorch's ``PolynomialLR``. The straight line is what the theory of the last iterate finds best where the number of steps
    is known beforehand: with it the last weights are as good as an average of them all.

    Source: Defazio, Cutkosky, Mehta and Mishchenko, Optimal Linear Decay Learning Rate Schedules and Further Refinements, 2023.

    Examples
    --------
    >>> import softmargin as sm
    >>> sm.schedules.Polynomial(total_iters=4).lr(0, 6, 0, 1.0)
    array([1.  , 0.75, 0.5 , 0.25, 0.  , 0.  ])
    """

    total_iters: int
    power: float = 1.0
    acts: Acts = "step"

    def __post_init__(self) -> None:
        choose("acts", self.acts, ACTS)
        store(self, total_iters=as_integer("total_iters", self.total_iters), power=as_number("power", self.power))

    def lr(self, first_step: int, n_steps: int, epoch: int, base_lr: float, state: Any = None) -> Rates:
        """Return lr (1 - t / total_iters)^power, 0 from total_iters on."""
        left = np.maximum(1 - self._count(first_step, n_steps, epoch) / self.total_iters, 0.0)
        rates: Rates = base_lr * left**self.power
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
        choose("acts", self.acts, ACTS)
        if not isinstance(self.after, Schedule):
            raise TypeError(f"after: expected a schedule, got {describe(self.after)}")
        start_factor = as_number("start_factor", self.start_factor, 0, 1)
        store(self, total_iters=as_integer("total_iters", self.total_iters), start_factor=start_factor)

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
