"""Rate and schedule from trials that are as long as the run, where the data are so small that this costs little.

Digits, 100 epochs, in per cent above the optimum: softmax 2.7 (SGD) to 4.5 (Adagrad; by seed to 5.4) as they are, at most 1.2 for
pixels from 0 to 1 and standardised. Logistic, one class against the rest, as they are: 4.8, SGD 12, Adagrad 6; its outputs are problems of
their own, and those of classes that can be told apart want other rates than the rest.

No rate and no shape that was tried brings hinges near the optimum where classes can be told apart (Weston-Watkins: 44 to 150 % as they
are, 10 from 0 to 1; squared 12 to 60 and 2 to 4). Multiplying the condition of the optimum by W shows why: a sample's violated terms number
2 F* at most there, on average. On digits as they are that is a third of a sample an epoch, and 100 epochs at rest see 30 gradients; a
thousand epochs end at 17 %. `solve` works on the multipliers of all samples instead, and takes a second.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from softmargin import _core
from softmargin.config import get_num_threads
from softmargin.schedules import Polynomial, Schedule, Warmup

from .traits import Traits
from .trials import Trial
from .workers import Workers

# Where a run leaves less than this share of F at zero weights. Curvature and noise of a loss go down with it, so that the best
# rate of a long run is another one than that of a short run: on digits as they are, a third as large for rules that forget, ten
# times as large for those that do not. Where F stays larger (a9a, CIFAR-10), a coarse look is enough.
SEPARATED = 0.5

# Multiplications that all trials may take, 1 to 4 s; what a step costs beside them (1.5 us); and trials that are reckoned with.
MOST_WORK, WORK_OF_STEP, LONG_TRIALS = 2**32, 4096, 10

# A first look takes this share of the epochs; so many values at most are looked at.
SHORT, MOST_TRIALS = 0.125, 16

# Rates that are compared differ by powers of this, 1.15, at last by the first one: below the best rate F changes slowly, above it
# batches begin to throw the weights about, and the second or third rate may already end at twice the F.
RATIO, COARSE, FINE = 10 ** (1 / 16), (8, 4), (2, 1)

# Rates that rise begin at this share, and fall as this power of what is left. On digits as they are SGD ends 3 % above the optimum
# with shares from 0.01 to 0.2, Adagrad 4 to 5 % with 0.01 and 0.03, 8 % with 0.1: its early gradients count for ever.
FIRST_SHARE, STEEP = 0.03, 0.25

# Where the first look leaves more than this share of F at zero weights, the samples' noise is not small at the end, and rates have
# to fall for half the run or all of it: logistic on digits, one against the rest, ends 5 to 12 % above the optimum, 17 to 32 % with
# STEEP. So they have where the loss has kinks.
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
    that forget the size of old gradients take longer steps by themselves as gradients shrink; the rates of others rise where
    that ends lower.
    """
    smooth = _core.curvature(trial.data.loss, trial.data.n_outputs) is not None
    with Workers(trial.num_threads or get_num_threads()) as workers:

        def along(n_epochs: int, shape: Shape) -> Values:
            def value(i: int) -> float:
                tried = rate * RATIO**i
                return np.inf if tried > limit else trial.full_value(tried, n_epochs, shape, 1, workers.stop)

            return Values(value, workers)

        first = falling if kind.forgetful else rising if smooth else arched
        short = along(max(1, round(SHORT * epochs)), first)
        i = _descend(short, 0, COARSE[1])
        settled = first is falling or (first is rising and short(i) <= NOISY * loss_at_zero)
        runs = {shape: along(epochs, shape) for shape in ((first,) if settled else (arched, falling))}
        best = {shape: _descend(run, i, COARSE[0]) for shape, run in runs.items()}
        if min(run(best[shape]) for shape, run in runs.items()) < SEPARATED * loss_at_zero:
            best = {shape: _descend(run, best[shape], COARSE[1]) for shape, run in runs.items()}
            shape = min(runs, key=lambda shape: runs[shape](best[shape]))
            for stride in FINE:
                best[shape] = _descend(runs[shape], best[shape], stride)
        shape = min(runs, key=lambda shape: runs[shape](best[shape]))
    return rate * RATIO ** best[shape], shape


class Values:
    """A function of whole numbers, remembered; what is asked for at once is worked out side by side.

    Trials are too small for a step to be shared between threads, and their bits do not depend on it.
    """

    def __init__(self, function: Callable[[int], float], workers: Workers) -> None:
        self.function, self.workers = function, workers
        self.known: dict[int, float] = {}

    def __call__(self, i: int) -> float:
        return self.of(i)[0]

    def of(self, *places: int) -> list[float]:
        """Return the values at some places."""
        new = [i for i in dict.fromkeys(places) if i not in self.known]
        self.known.update(zip(new, self.workers.each(self.function, new), strict=True))
        return [self.known[i] for i in places]


def _descend(value: Values, i: int, stride: int) -> int:
    """Return a local minimum over the places i + stride Z; what is not finite lies to the right of it."""
    reach = 2 if stride == 1 else 1  # at last two to the right, where F is ragged
    for _ in range(MOST_TRIALS):
        nearby = (i, i - stride, *(i + step * stride for step in range(1, reach + 1)))
        values = value.of(*nearby)
        best = i - stride if not np.isfinite(values[0]) else nearby[int(np.argmin(values))]
        if best == i:
            break
        i = best
    return i
