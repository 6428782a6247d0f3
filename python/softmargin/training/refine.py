"""Rate and schedule from trials that are as long as the run, where the data are so small that this costs little.

Digits, 100 epochs, in per cent above the optimum: softmax 2.7 (SGD) to 4.5 (Adagrad; by seed to 5.4) as they are, at most 1.2 for
pixels from 0 to 1 and standardised. One class against the rest each output has a rate of its own (outputs.py): logistic 2 to 4.8, 0.4
and 0.4, hinges 13 to 20, 1 to 2, and 5 to 6.

No rate and no shape that was tried brings the hinges of several classes near the optimum where these can be told apart (Weston-Watkins:
44 to 150 % as they are, 10 from 0 to 1; squared 12 to 60 and 2 to 4). Multiplying the condition of the optimum by W shows why: a
sample's violated terms number 2 F* at most there, on average. On digits as they are that is a third of a sample an epoch, and 100
epochs at rest see 30 gradients; a thousand epochs end at 17 %. `solve` works on the multipliers of all samples instead, and takes a
second.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from softmargin import _core
from softmargin.config import get_num_threads
from softmargin.objective import Data
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

# And what those may take that find a rate for each output.
MOST_WORK_EACH = 2 * MOST_WORK

# A first look takes this share of the epochs; so many values at most are looked at.
SHORT, MOST_TRIALS = 0.125, 16

# Rates that are compared differ by powers of this, 1.15, at last by the first one: below the best rate F changes slowly, above it
# batches begin to throw the weights about, and the second or third rate may already end at twice the F.
# Where each output has a rate the last step is left out: it gains 0.2 % of F* (logistic on digits as they are) for a quarter of the time.
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


def affordable(data: Data, batch_size: int, epochs: int, *, each: bool = False) -> bool:
    """Return whether trials of the whole run are cheap enough; with `each` those in which every output takes steps of its own."""
    matrix, k = data.matrix, data.n_outputs
    steps = -(-matrix.n_samples // batch_size)
    work = steps * (WORK_OF_STEP * (k if each else 1) + k * matrix.n_features) + 2 * k * matrix.core.arrays[0].size
    return LONG_TRIALS * epochs * work <= (MOST_WORK_EACH if each else MOST_WORK)


def refined(
    trials: Sequence[Trial], kind: Traits, rate: float, limit: float, epochs: int, loss_at_zero: float
) -> tuple[list[float], Shape]:
    """Return the best rate of each trial, and the best shape, for a run of so many epochs, by F of all samples at its end.

    The trials are of parts of F, outputs or all of it, that share the shape and begin at one rate; what they sum to is to be small.

    A trial of all epochs is the run itself: same samples in the same order, same bits, so no rate is too high to be tried. Rules
    that forget the size of old gradients take longer steps by themselves as gradients shrink; the rates of others rise where
    that ends lower.
    """
    smooth = _core.curvature(trials[0].data.loss, trials[0].data.n_outputs) is not None
    with Workers(trials[0].num_threads or get_num_threads()) as workers:

        def along(n_epochs: int, shape: Shape, places: Sequence[int]) -> Runs:
            def value(part: int, i: int) -> float:
                tried = rate * RATIO**i
                return np.inf if tried > limit else trials[part].full_value(tried, n_epochs, shape, 1, workers.stop)

            return Runs(value, places, workers)

        first = falling if kind.forgetful else rising if smooth else arched
        short = along(max(1, round(SHORT * epochs)), first, [0] * len(trials))
        short.descend(COARSE[1])
        settled = first is falling or (first is rising and short.sum() <= NOISY * loss_at_zero)
        runs = {shape: along(epochs, shape, short.places) for shape in ((first,) if settled else (arched, falling))}
        for run in runs.values():
            run.descend(COARSE[0])
        if min(run.sum() for run in runs.values()) < SEPARATED * loss_at_zero:
            for run in runs.values():
                run.descend(COARSE[1])
            for stride in FINE[:1] if len(trials) > 1 else FINE:
                min(runs.values(), key=Runs.sum).descend(stride)
        shape = min(runs, key=lambda shape: runs[shape].sum())
    return [rate * RATIO**i for i in runs[shape].places], shape


class Runs:
    """Runs of one length and shape, one for each part of F, and the place, a whole number, that each has come to.

    Values are remembered, and what is asked for at once is worked out side by side: trials are too small for a step to be shared
    between threads, and their bits do not depend on it.
    """

    def __init__(self, function: Callable[[int, int], float], places: Sequence[int], workers: Workers) -> None:
        self.function, self.places, self.workers = function, list(places), workers
        self.known: dict[tuple[int, int], float] = {}

    def sum(self) -> float:
        """Return F where they are."""
        return sum(self.known[pair] for pair in enumerate(self.places))

    def descend(self, stride: int) -> None:
        """Let each part go on to a local minimum over the places i + stride Z; what is not finite lies to the right of it."""
        reach = 2 if stride == 1 else 1  # at last two to the right, where F is ragged
        steps = (0, -stride, *(step * stride for step in range(1, reach + 1)))
        moving = list(range(len(self.places)))
        for _ in range(MOST_TRIALS):
            self._work_out([(part, self.places[part] + step) for part in moving for step in steps])
            before = list(self.places)
            for part in moving:
                i = before[part]
                values = [self.known[part, i + step] for step in steps]
                self.places[part] = i + (steps[int(np.argmin(values))] if np.isfinite(values[0]) else -stride)
            moving = [part for part in moving if self.places[part] != before[part]]
            if not moving:
                break
        self._work_out(list(enumerate(self.places)))

    def _work_out(self, pairs: Sequence[tuple[int, int]]) -> None:
        new = [pair for pair in dict.fromkeys(pairs) if pair not in self.known]
        self.known.update(zip(new, self.workers.each(lambda pair: self.function(*pair), new), strict=True))
