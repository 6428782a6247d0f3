"""What a schedule is: the rates of steps, the moment it acts, and an explicit state where it has one."""

# ruff: noqa: ARG002  every schedule is called with the same arguments, of which each needs some
from __future__ import annotations

from typing import Any, Literal

import numpy as np
import numpy.typing as npt

Rates = npt.NDArray[np.float64]
Acts = Literal["step", "epoch"]
ACTS = ("step", "epoch")


class Schedule:
    """What schedules have in common; a subclass overrides :meth:`lr`, and the other two if it has a state.

    Examples
    --------
    >>> import numpy as np
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


def store(schedule: Schedule, **values: float) -> None:
    """Store checked values in a frozen dataclass."""
    for name, value in values.items():
        object.__setattr__(schedule, name, value)
