"""Rate and schedule from trials that are as long as the run, where the data are so small that this costs little."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np

from softmargin import _core
from softmargin.schedules import Polynomial, Schedule, Warmup

from .traits import Traits
from .trials import Trial

# Where an epoch leaves less than this share of F at zero weights. Curvature and noise of a loss go down with it, so that the best
# rate of a long run is another one than that of a short run: on digits as they are, half to a tenth as large for rules that
# forget, five times as large for those that do not. Where F stays larger, an epoch tells as much as the run.
SEPARATED = 0.25

# Multiplications that all trials may take, about 2.5 s; what a step costs beside them (1.5 us); and trials that are reckoned with.
MOST_WORK, WORK_OF_STEP, LONG_TRIALS = 2**32, 4096, 10

# A first look takes this share of the epochs; so many values at most are looked at.
SHORT, MOST_TRIALS = 0.125, 16

# Rates that are compared differ by a power of this, 1.15: at the end by the first, at the beginning by the fourth. Beyond the best
# rate F is twice as large at the next but one, where batches begin to throw the weights about.
RATIO, STRIDES = 10 ** (1 / 16), (8, 4, 2, 1)

Shape = Callable[[int], Schedule]


def falling(n_steps: int) -> Schedule:
    """Return a straight line to zero."""
    return Polynomial(n_steps)


def rising(n_steps: int) -> Schedule:
    """Return rates that rise for four fifths of the run and fall to zero in the last: t (1 - t)^(1/4).

    The curvature of softmax and its kin is at most in proportion to the loss, and so is the noise in the gradient's direction:
    as F falls by orders of magnitude, as large a step as is safe grows.
    """
    return Warmup(n_steps, start_factor=0.03, after=Polynomial(n_steps, power=0.25))


def shape_of(trial: Trial, kind: Traits) -> Shape:
    """Return the shape for a rule: rules that forget the size of old gradients take longer steps by themselves."""
    smooth = _core.curvature(trial.data.loss, trial.data.n_outputs) is not None
    return rising if smooth and not (kind.invariant and not kind.fading) else falling


def affordable(trial: Trial, epochs: int) -> bool:
    """Return whether trials of the whole run are cheap enough."""
    matrix, k = trial.data.matrix, trial.data.n_outputs
    steps = -(-matrix.n_samples // trial.batch_size)
    work = steps * (WORK_OF_STEP + k * matrix.n_features) + 2 * k * matrix.core.arrays[0].size
    return LONG_TRIALS * epochs * work <= MOST_WORK


def refined(trial: Trial, shape: Shape, rate: float, highest: float, epochs: int) -> tuple[float, float]:
    """Return the best rate for a run of so many epochs and F at its end: of all samples, as F is what is to be made small.

    A trial of all epochs is the run itself: same samples in the same order, same bits.
    """

    def at(n_epochs: int) -> Callable[[int], float]:
        def value(i: int) -> float:
            tried = rate * RATIO**i
            return np.inf if tried > highest else trial.full_value(tried, n_epochs, shape)

        return cache(value)

    short, run = at(max(1, round(SHORT * epochs))), at(epochs)
    i = _descend(short, 0, STRIDES[1])
    for stride in STRIDES:
        i = _descend(run, i, stride)
    return rate * RATIO**i, run(i)


def _descend(value: Callable[[int], float], i: int, stride: int) -> int:
    """Return a local minimum over the places i + stride Z; what is not finite lies to the right of it."""
    reach = 2 if stride == 1 else 1  # at last two to the right, where F is ragged
    for _ in range(MOST_TRIALS):
        nearby = (i, i - stride, *(i + step * stride for step in range(1, reach + 1)))
        best = i - stride if not np.isfinite(value(i)) else min(nearby, key=value)
        if best == i:
            break
        i = best
    return i
