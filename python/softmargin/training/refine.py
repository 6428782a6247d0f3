"""Rate and schedule from trials that are as long as the run, where the data are so small that this costs little.

Raw digits, softmax, 100 epochs: SGD 3 %, Adam and RMSprop 4.2 to 4.5 %, Adagrad 4.3 to 5.5 % above the optimum by seed. No rate and
no shape that was tried ends closer by much: the noise of batches sets a limit to the step, hence to the way that can be gone in 100
epochs, along directions whose curvature is a millionth of that at zero weights. Hinge losses have no curvature to speak of; where
their optimum lies at 1e-5 of F at zero weights (raw digits), they end at 1.4 to 2.6 times that.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np

from softmargin import _core
from softmargin.schedules import Polynomial, Schedule, Warmup

from .traits import Traits
from .trials import Trial

# Where an epoch leaves less than this share of F at zero weights. Curvature and noise of a loss go down with it, so that the best
# rate of a long run is another one than that of a short run: on digits as they are, a third as large for rules that forget, ten
# times as large for those that do not. Where F stays larger (a9a, CIFAR-10), an epoch tells as much as the run.
SEPARATED = 0.5

# Multiplications that all trials may take, 1 to 4 s; what a step costs beside them (1.5 us); and trials that are reckoned with.
MOST_WORK, WORK_OF_STEP, LONG_TRIALS = 2**32, 4096, 10

# A first look takes this share of the epochs; so many values at most are looked at.
SHORT, MOST_TRIALS = 0.125, 16

# Rates that are compared differ by powers of this, 1.15, at last by the first one: below the best rate F changes slowly, above it
# batches begin to throw the weights about, and the second or third rate may already end at twice the F.
RATIO, STRIDES = 10 ** (1 / 16), (8, 4, 2, 1)

# Rates that rise begin at this share, and fall as this power of what is left. On digits as they are SGD ends 3 % above the optimum
# with shares from 0.01 to 0.2, Adagrad 4 to 5 % with 0.01 and 0.03, 8 % with 0.1: its early gradients count for ever.
FIRST_SHARE, STEEP = 0.03, 0.25

# Where the first look leaves more than this share of F at zero weights, the samples' noise is not small at the end, and rates have
# to fall for half the run: logistic on digits, one against the rest, ends 6 to 16 % above the optimum, and 17 to 32 % with STEEP.
NOISY = 0.015

Shape = Callable[[int], Schedule]


def falling(n_steps: int) -> Schedule:
    """Return a straight line to zero."""
    return Polynomial(n_steps)


def rising(n_steps: int) -> Schedule:
    """Return rates that rise for four fifths of the run and then fall to zero: about t (1 - t)^(1/4).

    The curvature of softmax and its kin is at most in proportion to the loss, and so is the variance of the gradient: where F
    falls by orders of magnitude, the step that is safe grows.
    """
    return Warmup(n_steps, start_factor=FIRST_SHARE, after=Polynomial(n_steps, power=STEEP))


def arched(n_steps: int) -> Schedule:
    """Return rates that rise for half the run and fall for the other: about t (1 - t)."""
    return Warmup(n_steps, start_factor=FIRST_SHARE, after=Polynomial(n_steps))


def affordable(trial: Trial, epochs: int) -> bool:
    """Return whether trials of the whole run are cheap enough."""
    matrix, k = trial.data.matrix, trial.data.n_outputs
    steps = -(-matrix.n_samples // trial.batch_size)
    work = steps * (WORK_OF_STEP + k * matrix.n_features) + 2 * k * matrix.core.arrays[0].size
    return LONG_TRIALS * epochs * work <= MOST_WORK


def refined(
    trial: Trial, kind: Traits, rate: float, limit: float, epochs: int, loss_at_zero: float
) -> tuple[float, Shape]:
    """Return the best rate and shape for a run of so many epochs, by F of all samples at its end, which is to be made small.

    A trial of all epochs is the run itself: same samples in the same order, same bits, so no rate is too high to be tried. Rules
    that forget the size of old gradients take longer steps by themselves as gradients shrink; the rates of others rise, where the
    loss is smooth.
    """

    def at(n_epochs: int, shape: Shape) -> Callable[[int], float]:
        def value(i: int) -> float:
            tried = rate * RATIO**i
            return np.inf if tried > limit else trial.full_value(tried, n_epochs, shape)

        return cache(value)

    smooth = _core.curvature(trial.data.loss, trial.data.n_outputs) is not None
    shape = rising if smooth and not kind.forgetful else falling
    short = at(max(1, round(SHORT * epochs)), shape)
    i = _descend(short, 0, STRIDES[1])
    if shape is rising and short(i) > NOISY * loss_at_zero:
        shape = arched
    run = at(epochs, shape)
    for stride in STRIDES:
        i = _descend(run, i, stride)
    return rate * RATIO**i, shape


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
