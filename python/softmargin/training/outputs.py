"""A rate for each output: where the loss is a sum over outputs alone, each has an optimum of its own, and its own way there.

F is the sum of F of every output. One rate for all is too high for those whose classes overlap and too low for those that can be
told apart: on digits as they are, one against the rest, 0.4 is best for the digit 8, and 10 for 0. So each output is trained by a
trainer of its own, on the same samples in the same order; a step of all of them costs as many small steps as there are outputs.
In per cent above the optimum after 100 epochs, one rate for all and one for each: SGD 12 and 4.6, Adagrad 5.7 and 3, Adam 4.8 and 2.

Sources: one-versus-rest is as many problems as there are classes in Fan, Chang, Hsieh, Wang and Lin, LIBLINEAR, JMLR 2008; that what
differs in curvature wants rates of its own, in Jacobs, Increased Rates of Convergence Through Learning Rate Adaptation, 1988.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from softmargin import _core
from softmargin.objective import Data, of_output
from softmargin.optimizers import Optimizer
from softmargin.schedules.schedule import Acts, Rates, Schedule

Pair = tuple[npt.NDArray[Any], npt.NDArray[Any]]


@dataclass(frozen=True, eq=True)
class EachOutput(Schedule):
    """A schedule whose rates are multiplied by a factor for each output; `lr` gives those of a factor of 1.

    For a rule whose step is proportional to the gradient, a factor f is what a unit of its own for an output is, V_k = W_k /
    sqrt(f), so that every fixed point still minimises F.

    Examples
    --------
    >>> from softmargin.schedules import Constant
    >>> EachOutput(Constant(), (1.0, 0.5)).lr(0, 2, 0, 0.1)
    array([0.1, 0.1])
    """

    schedule: Schedule
    factors: tuple[float, ...]

    @property
    def acts(self) -> Acts:  # type: ignore[override]
        """The moment at which the schedule acts."""
        return self.schedule.acts

    def lr(self, first_step: int, n_steps: int, epoch: int, base_lr: float, state: Any = None) -> Rates:
        """Return the rates of the schedule."""
        return self.schedule.lr(first_step, n_steps, epoch, base_lr, state)


def alone(data: Data) -> bool:
    """Return whether there are several outputs, and the loss is a sum over them."""
    return data.n_outputs > 1 and data.kind != "classes"


class Trainers:
    """The trainers of all outputs, which act as one."""

    def __init__(self, trainers: list[_core.Trainer], factors: tuple[float, ...]) -> None:
        self.trainers, self.factors = trainers, factors

    @property
    def n_steps_per_epoch(self) -> int:
        """Steps of one of them."""
        return self.trainers[0].n_steps_per_epoch

    def start_epoch(self, epoch: int) -> None:
        """Draw the order of an epoch's samples."""
        for trainer in self.trainers:
            trainer.start_epoch(epoch)

    def run(self, lr: Rates) -> float:
        """Return the sum of F over the next batches, each before its step."""
        pairs = zip(self.trainers, self.factors, strict=True)
        return sum(trainer.run(lr * factor) for trainer, factor in pairs)

    def weights(self) -> Pair:
        """Return V and c as the rule sees them."""
        return _stacked([trainer.weights() for trainer in self.trainers])

    def raw_weights(self) -> Pair:
        """Return W and b in raw units."""
        return _stacked([trainer.raw_weights() for trainer in self.trainers])

    def averages(self) -> Any:
        """Return the averages of V and c, or None."""
        pairs = [trainer.averages() for trainer in self.trainers]
        return None if pairs[0] is None else _stacked(pairs)

    def state(self) -> tuple[list[npt.NDArray[Any]], list[npt.NDArray[Any]], int]:
        """Return the state of the rule for V and for c, and its steps."""
        states = [trainer.state() for trainer in self.trainers]
        of_W = [np.concatenate(rows) for rows in zip(*(state[0] for state in states), strict=True)]
        of_b = [np.concatenate(rows) for rows in zip(*(state[1] for state in states), strict=True)]
        return of_W, of_b, states[0][2]


def _stacked(pairs: list[Pair]) -> Pair:
    W, b = zip(*pairs, strict=True)
    return np.concatenate(W), None if b[0] is None else np.concatenate(b)  # type: ignore[return-value]


def trainer_of(
    data: Data,
    W: npt.NDArray[Any],
    b: npt.NDArray[Any] | None,
    optimizer: Optimizer,
    penalty: Any,
    *,
    factors: tuple[float, ...] | None = None,
    states: list[npt.NDArray[Any]] | None = None,
    intercept_states: list[npt.NDArray[Any]] | None = None,
    averages: Pair | None = None,
    **options: Any,
) -> _core.Trainer | Trainers:
    """Return the core's trainer of a data set, or with factors one for each output."""

    def made(data: Data, rows: slice) -> _core.Trainer:
        def part(arrays: Any) -> Any:
            return None if arrays is None else type(arrays)(array[rows] for array in arrays)

        return _core.Trainer(
            data.problem,
            W[rows],
            None if b is None else b[rows],
            type(optimizer).__name__,
            optimizer.flat(),
            penalty,
            states=part(states),
            intercept_states=part(intercept_states),
            averages=part(averages),
            **options,
        )

    if factors is None:
        return made(data, slice(None))
    return Trainers([made(of_output(data, j), slice(j, j + 1)) for j in range(data.n_outputs)], factors)
