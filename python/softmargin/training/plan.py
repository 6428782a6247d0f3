"""A plan of a run: rule and rate, schedule, batch size; and how it gives way where it proves too fast."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from softmargin.optimizers import Optimizer
from softmargin.schedules import Schedule

from .coordinates import Coordinates
from .traits import with_rate

# What the rate is divided by, the first and the next times, where an epoch or a run ends above F at zero weights; at last it is 0.
RETREATS = (10.0, 10.0, 10.0, 10.0, 100.0, 1e4, 1e8, 1e16, np.inf)


@dataclass(frozen=True)
class Plan:
    """What `automatic` hands to :func:`softmargin.fit`.

    Attributes
    ----------
    optimizer : Optimizer
        The rule with its rate.
    schedule : Schedule
        To zero at the end of the epochs that were planned.
    batch_size : int
        Samples a step.
    coordinates : Coordinates or None
        What `fit` is to train in, given in the place of ``standardize=False``; F is the same.
    """

    optimizer: Optimizer
    schedule: Schedule
    batch_size: int
    coordinates: Coordinates | None = None

    def slower(self, factor: float) -> Plan:
        """Return the plan with a rate that is smaller by a factor."""
        return replace(self, optimizer=with_rate(self.optimizer, self.optimizer.lr / factor))
