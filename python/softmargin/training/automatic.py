"""The learning rate, its schedule and the batch size that need no tuning: from bounds that a linear model allows, and trials.

1. *Coordinates.* A dense X with an intercept is centred and divided by one number (coordinates.py): second moments tell how, and F
   stays the same function of W and b.
2. *Batch size.* About `STEPS_PER_EPOCH` steps an epoch, as far as batches are neither too small nor too large.
3. *Anchor.* For a rule whose step is proportional to the gradient, 1 / (2 M), M the expected smoothness of a batch (Gower et
   al. 2019). Where the loss has gradients without curvature, or both bounded, Polyak's step at zero weights, F / E||g_B||^2
   (after Loizou et al. 2021); for a rule whose step does not depend on the gradient's scale, the same in its geometry, F / ||g||_1,
   as such a rule descends along signs (Balles, Pedregosa and Le Roux 2020).
4. *Trials.* From the anchor on, by factors of sqrt(10): each a miniature of the run, on the first rows of an epoch, with the
   schedule pressed into it, judged on the rows that come next (in the spirit of Bottou 2012). What is kept is the best, and it has
   to be below F at zero weights. On a9a and CIFAR-10 the best rate of an epoch is the best of a hundred, within a factor of 3, but
   for rules that divide by the gradient's size: see `FORGETFUL`.
5. *Safety.* Where gradients grow without bound (squares), no rate above 2 / M is tried, whatever a trial on a few rows would
   say: M knows of the longest row. No step may take more off a weight than the weight (l2 penalties, weight decay). Then one
   epoch, the schedule pressed into it, has to end with F of *all* samples below F at zero weights; else the rate falls,
   by `RETREATS`, ever faster, until it does. What no rule for the first step can promise, as one row may outweigh
   all others and come when it will, `fit_guarded` (guard.py) does: it looks at where the run itself has ended.
6. *Long trials.* Where X is small, the rate and the shape of the schedule are those with which a run of all epochs ends lowest
   (refine.py). Raw digits, whose optimum lies at a thousandth of F at zero weights, need it: curvature and noise of softmax fall
   with the loss (Nacson et al. 2019 on rates that grow as it falls), and what an epoch finds best ends 7 to 60 % above the optimum.
7. *Outputs.* Where those trials are made and the loss is a sum over outputs alone (one class against the rest), each has a rate of its
   own, as each is a problem of its own (outputs.py).
8. *Schedule.* Else a straight line to zero at the end of the epochs (Defazio et al. 2023), which ends every oscillation; for
   rules that remember all gradients after a rise of as long, since with large rates at the start the first ones count for ever.

Sources: Gower, Loizou, Qian, Sailanbayev, Shulgin and Richtarik, SGD: General Analysis and Improved Rates, ICML 2019; Loizou,
Vaswani, Laradji and Lacoste-Julien, Stochastic Polyak Step-size for SGD, AISTATS 2021; Balles, Pedregosa and Le Roux, The Geometry
of Sign Gradient Descent, 2020; Bottou, Stochastic Gradient Descent Tricks, 2012; Nacson, Lee, Gunasekar, Savarese, Srebro and
Soudry, Convergence of Gradient Descent on Separable Data, AISTATS 2019; Defazio, Cutkosky, Mehta and Mishchenko, Optimal Linear
Decay Learning Rate Schedules and Further Refinements, 2023.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from softmargin._validation import as_bool, as_integer, as_seed, as_threads, read_matrix
from softmargin._validation import describe as described
from softmargin.objective import read_data
from softmargin.optimizers import Optimizer, get
from softmargin.penalties import Penalty, as_spec
from softmargin.schedules import Schedule

from .anchor import anchor
from .coordinates import coordinates
from .outputs import EachOutput, alone
from .plan import RETREATS, Plan
from .refine import Shape, affordable, arched, falling, refined
from .standardize import standardization
from .traits import Traits, traits, with_rate
from .trials import Trial

# Steps an epoch that are aimed at: 32 samples a step of a9a, 64 of CIFAR-10, the fewest for digits.
STEPS_PER_EPOCH = 1000

# Batches of at most so many samples, where the cost of a step's update has vanished; of at least so many, as smaller ones take
# longer and come no further; and of more for rules that divide by the size of late gradients, as the quotient is biased where few
# samples make both (RMSprop on digits as they are: 28, 11, 5.3, 4.4, 3.9 % above the optimum with 2, 4, 8, 12, 24 samples).
LARGEST_BATCH = 256
SMALLEST_BATCH, SMALLEST_FORGETFUL_BATCH = 8, 24

# Where each output takes steps of its own, which cost the more: logistic on digits as they are ends 4.4, 4.4, 4.9 % above the optimum
# with 8, 16, 32 samples.
SMALLEST_BATCH_OF_EACH = 16

# Two rates that are tried differ by this factor.
FACTOR = 10**0.5

# A trial takes this share of an epoch, but at least so many samples; and fewer steps than so many show nothing.
SHARE_OF_EPOCH = 0.125
LEAST_SAMPLES = 1024
LEAST_STEPS = 12
MOST_TRIALS = 10

# Rates count as equally good if their trials differ by these shares of what the best has gained over zero weights, and of
# what it has left.
TIE_OF_GAIN = 0.01
TIE_OF_VALUE = 0.1

# What the length of a run does to the best rate of rules that divide by the gradient's size, as a power of it. Where all
# gradients count alike, steps never get shorter by themselves and a longer run wants shorter ones: by the power 1/2 in theory
# (Nesterov, Introductory Lectures on Convex Optimization, 2004, 3.2.3), by none where all samples can be met. Where old ones
# count for ever (Adagrad), the best rate is the distance to go, which grows with the run. Measured on the three data sets.
FORGETFUL, FADING = -0.125, 0.25

# Rates that rise first, about t (1 - t), sum to a third of those that fall from the same one: rules that remember all gradients
# get them times this. Large ones of the first steps, as rare features that are standardised make them, count for ever there:
# a9a standardised, squared hinge, ends 0.02 to 0.05 % above the optimum, 21 % with rates that fall from the start.
AS_FAR = 3.0


def automatic(
    X: Any,
    y: Any,
    *,
    rule: str | type[Optimizer] | Optimizer,
    loss: str = "softmax",
    penalty: Penalty | None = None,
    batch_size: str | int | None = "auto",
    epochs: int = 100,
    fit_intercept: bool = True,
    standardize: bool = False,
    sample_weight: Any = None,
    positive_weight: Any = None,
    margin: float = 1.0,
    delta: float = 1.0,
    num_threads: int | None = None,
    rng: int | np.random.Generator | None = None,
    thorough: bool = True,
) -> Plan:
    """Return a rule with a learning rate, a schedule and a batch size that need no tuning.

    Parameters
    ----------
    X, y, loss, penalty, fit_intercept, standardize, sample_weight, positive_weight, margin, delta, num_threads
        As in :func:`softmargin.fit`.
    rule : str, class or Optimizer
        The name or class of a rule of ``sm.optimizers`` with its default hyper-parameters, or a rule whose other
        hyper-parameters are kept; its lr is replaced.
    batch_size : "auto", int or None
        Samples a step; None for all.
    epochs : int, default 100
        Passes that are planned for: the schedule reaches zero at their end.
    rng : None, int or numpy Generator
        Yields one 64-bit seed for the trials; those of all epochs are the run itself where `fit` gets the same.
    thorough : bool, default True
        Whether there may be trials as long as the run, which pay where the run will have all epochs.

    Returns
    -------
    Plan

    Raises
    ------
    TypeError
        ``rule: expected the name of a rule, a class or an object of sm.optimizers, got 3 (int)``
    ValueError
        ``batch_size: expected 'auto', None or an integer, got 'all'``, and what :func:`softmargin.fit` says of X, y and options.

    Notes
    -----
    The cost is about three passes over X: some for the gradient at zero weights, the moments and, for rules without a scale of
    their own, the lengths of the rows; the rest for trials. Trials as long as the run, on small X, cost three to fifteen runs more,
    each on one thread and side by side. Same seed, same plan, whatever the number of threads.

    With features of widely different scales that are not standardised, the rate is as small as the largest scale asks for:
    safe, and slow in the others.

    A rule's own weight decay is not part of F: AdamW, whose decay is 0.01, comes to rest where F is not least (raw digits: 30 %
    above the optimum), and Adam does not. To an estimator the name of a rule means the rule without it.

    Examples
    --------
    >>> import numpy as np
    >>> import softmargin as sm
    >>> from softmargin.training.automatic import automatic
    >>> X, y = np.random.default_rng(0).normal(size=(2000, 3)), np.arange(2000) % 2
    >>> plan = automatic(X, y, rule="SGD", penalty=sm.L2(1e-4), epochs=5, rng=0)
    >>> plan.batch_size, plan.schedule
    (8, Polynomial(total_iters=1250, power=1.0, acts='step'))
    >>> larger = automatic(1024 * X, y, rule="Adam", fit_intercept=False, epochs=5, rng=0).optimizer.lr
    >>> round(automatic(X, y, rule="Adam", fit_intercept=False, epochs=5, rng=0).optimizer.lr / larger)
    1024
    """
    optimizer = _as_optimizer(rule)
    matrix = read_matrix(X)
    data = read_data(
        matrix, y, loss, sample_weight=sample_weight, positive_weight=positive_weight, margin=margin, delta=delta
    )
    spec, threads = as_spec(penalty), as_threads(num_threads)
    n_epochs = as_integer("epochs", epochs)
    with_intercept = as_bool("fit_intercept", fit_intercept)
    scaling = found = None
    if as_bool("standardize", standardize):
        scaling = standardization(data, centre=with_intercept, num_threads=threads)
    else:
        found = coordinates(data, spec, fit_intercept=with_intercept, num_threads=threads)
    if found is not None:
        scaling, spec = found.standardization(), found.penalty(spec)
    kind = traits(optimizer)
    size = _batch_size(batch_size, matrix.n_samples, kind)
    size_of_each = _batch_size(batch_size, matrix.n_samples, kind, each=True)
    each = alone(data) and thorough and affordable(data, size_of_each, n_epochs, each=True)
    size = size_of_each if each else size
    seed = as_seed(rng)

    trial = Trial(data, optimizer, spec, with_intercept, scaling, size, seed, threads)
    steps = -(-matrix.n_samples // size)
    n_trial = max(int(SHARE_OF_EPOCH * steps), min(steps, -(-LEAST_SAMPLES // size)))
    loss_at_zero, gradient = trial.at_zero()
    first, highest, limit = anchor(loss_at_zero, gradient, trial, kind, with_intercept, seed)
    if not gradient.any() or not np.isfinite(first):  # zero weights are stationary
        rate = 0.0
    elif n_trial < LEAST_STEPS:
        n_trial, rate = 1, first
    else:
        rate = _search(trial, first, highest, n_trial)
    power = (FADING if kind.fading else FORGETFUL) if kind.invariant else 0.0
    rate = _retreat(trial, min(rate * (steps / n_trial) ** power, highest), loss_at_zero)
    shape: Shape = arched if kind.fading else falling
    factors: tuple[float, ...] | None = None
    if rate > 0 and thorough and (each or affordable(data, size, n_epochs)):
        trials = trial.outputs() if each else [trial]
        rates, shape = refined(trials, kind, rate, limit, n_epochs, loss_at_zero)
        rate = max(rates)
        factors = tuple(one / rate for one in rates) if each else None
    else:
        rate = min(rate * n_epochs**power * (AS_FAR if kind.fading else 1.0), highest)
    schedule: Schedule = shape(n_epochs * steps)
    if factors is not None:
        schedule = EachOutput(schedule, factors)
    return Plan(with_rate(optimizer, rate), schedule, size, found)


def _as_optimizer(rule: Any) -> Optimizer:
    if isinstance(rule, str):
        rule = get(rule)
    if isinstance(rule, type) and issubclass(rule, Optimizer):
        return rule()
    if not isinstance(rule, Optimizer):
        text = "the name of a rule, a class or an object of sm.optimizers"
        raise TypeError(f"rule: expected {text}, got {described(rule)}")
    return rule


def _batch_size(batch_size: Any, n_samples: int, kind: Traits, *, each: bool = False) -> int:
    if batch_size is None:
        return n_samples
    if isinstance(batch_size, str):
        if batch_size != "auto":
            raise ValueError(f"batch_size: expected 'auto', None or an integer, got {batch_size!r}")
        power = 2 ** max(0, round(float(np.log2(n_samples / STEPS_PER_EPOCH))))
        smallest = SMALLEST_FORGETFUL_BATCH if kind.forgetful else SMALLEST_BATCH_OF_EACH if each else SMALLEST_BATCH
        batch_size = min(max(power, smallest), LARGEST_BATCH)
    return min(as_integer("batch_size", batch_size), n_samples)


def _retreat(trial: Trial, rate: float, at_zero: float) -> float:
    """Return the rate, or the first lower one with which an epoch ends no higher than at zero weights."""
    for factor in RETREATS:
        if trial.full_value(rate) <= at_zero:
            break
        rate /= factor
    return rate


def _search(trial: Trial, anchor: float, highest: float, n_steps: int) -> float:
    """Return the best of the rates anchor * FACTOR^i that are tried: upwards until it gets worse, else downwards."""
    values = {0: trial.value(anchor, n_steps)}
    at_zero = trial.value(0.0, n_steps)
    best = 0
    for direction in (1, -1):
        # Downwards even where it gets no better, until F is below the one at zero weights.
        while len(values) < MOST_TRIALS and anchor * FACTOR ** (best + direction) <= highest:
            i = best + direction
            values[i] = trial.value(anchor * FACTOR**i, n_steps)
            if not (values[i] < values[best] or (direction < 0 and not values[best] < at_zero)):
                break
            best = i
        if best > 0:
            break
    if not values[best] < at_zero:
        return anchor * FACTOR ** (min(values) - 2)
    # Of rates that are about as good the smallest: it is closer to the optimum early, and at the end as good.
    good = values[best] + min(TIE_OF_GAIN * (at_zero - values[best]), TIE_OF_VALUE * values[best])
    return anchor * FACTOR ** min(i for i, value in values.items() if value <= good)
