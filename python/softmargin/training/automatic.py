"""The learning rate, its schedule and the batch size that need no tuning: from bounds that a linear model allows, and trials.

1. *Batch size.* About `STEPS_PER_EPOCH` steps an epoch, as far as batches are neither too small nor too large.
2. *Anchor.* For a rule whose step is proportional to the gradient, 1 / (2 M), M the expected smoothness of a batch (Gower et
   al. 2019). Where the loss has gradients without curvature, or both bounded, Polyak's step at zero weights, F / E||g_B||^2
   (Loizou et al. 2021); for a rule whose step does not depend on the gradient's scale, the same in its geometry, F / ||g||_1,
   as such a rule descends along signs (Balles, Pedregosa and Le Roux 2020).
3. *Trials.* From the anchor on, by factors of sqrt(10): each a miniature of the run, on the first rows of an epoch, with the
   schedule pressed into it, judged on the rows that come next (Bottou 2012). What is kept is the best, and it has to be below F
   at zero weights. On digits, a9a and CIFAR-10 the best rate of an epoch is the best of a hundred, within a factor of 3, but
   for rules that divide by the gradient's size: see `HORIZON`.
4. *Safety.* Where gradients grow without bound (squares), no rate above 2 / M is tried, whatever a trial on a few rows would
   say: M knows of the longest row. No step may take more off a weight than the weight (l2 penalties, weight decay). At last one
   epoch, the schedule pressed into it, has to end with F of *all* samples below F at zero weights; else the rate falls,
   by `RETREATS`, ever faster, until it does. What no rule for the first step can promise, as one row may outweigh
   all others and come when it will, `fit_guarded` does: it looks at where the run itself has ended.
5. *Schedule.* A straight line to zero at the end of the epochs (Defazio et al. 2023), which ends every oscillation.

Sources: Gower, Loizou, Qian, Sailanbayev, Shulgin and Richtarik, SGD: General Analysis and Improved Rates, ICML 2019; Loizou,
Vaswani, Laradji and Lacoste-Julien, Stochastic Polyak Step-size for SGD, AISTATS 2021; Balles, Pedregosa and Le Roux, The Geometry
of Sign Gradient Descent, 2020; Bottou, Stochastic Gradient Descent Tricks, 2012; Defazio, Cutkosky, Mehta and Mishchenko, Optimal
Linear Decay Learning Rate Schedules and Further Refinements, 2023.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from softmargin import _core
from softmargin._validation import as_bool, as_integer, as_seed, as_threads, read_matrix
from softmargin._validation import describe as described
from softmargin.losses import info
from softmargin.objective import loss_and_grad, read_data
from softmargin.optimizers import Optimizer, get
from softmargin.penalties import Penalty, as_spec
from softmargin.schedules import Polynomial, Schedule

from .loop import fit
from .results import FitResult
from .rows import Float, RowNorms, row_norms
from .standardize import standardization
from .traits import Traits, traits, with_rate
from .trials import Trial, penalty_value

# Steps an epoch that are aimed at: 2 samples a step of digits, 32 of a9a, 64 of CIFAR-10. On digits 100 epochs of 56 steps stay
# 100 % above the optimum where 100 epochs of 1797 come within 3 %, in 0.5 s.
STEPS_PER_EPOCH = 1000

# Batches of at most so many samples, where the cost of a step's update has vanished; of at least so many for rules that divide by
# the gradient's size, as the quotient is biased where single samples make both (RMSprop on digits: 31 % above the optimum with 1
# sample, 1 % with 16).
LARGEST_BATCH = 256
SMALLEST_INVARIANT_BATCH = 16

# Two rates that are tried differ by this factor.
FACTOR = 10**0.5

# A trial takes this share of an epoch, but at least so many samples; and fewer steps than so many show nothing.
SHARE_OF_EPOCH = 0.125
LEAST_SAMPLES = 1024
LEAST_STEPS = 12
MOST_TRIALS = 10

# What the rate is divided by, the first and the next times, where an epoch or a run ends above F at zero weights; at last it is 0.
RETREATS = (10.0, 10.0, 100.0, 1e4, 1e8, 1e16, np.inf)

# Rates count as equally good if their trials differ by this share of what the best gained over zero weights.
TIE = 0.01

# What the length of a run does to the best rate of rules that divide by the gradient's size, as a power of it. Where all
# gradients count alike, steps never get shorter by themselves and a longer run wants shorter ones: by the power 1/2 in theory
# (Nesterov, Introductory Lectures on Convex Optimization, 2004, 3.2.3), by none where all samples can be met. Where old ones
# count for ever (Adagrad), the best rate is the distance to go, which grows with the run. Measured on the three data sets: 1/4.
HORIZON = 0.25


@dataclass(frozen=True)
class Plan:
    """What `automatic` hands to :func:`softmargin.fit`.

    Attributes
    ----------
    optimizer : Optimizer
        The rule with its rate.
    schedule : Schedule
        Linear to zero at the end of the epochs that were planned.
    batch_size : int
        Samples a step.
    """

    optimizer: Optimizer
    schedule: Schedule
    batch_size: int

    def slower(self, factor: float) -> Plan:
        """Return the plan with a rate that is smaller by a factor."""
        return replace(self, optimizer=with_rate(self.optimizer, self.optimizer.lr / factor))


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
        Yields one 64-bit seed for the trials.

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
    The cost is about two passes over X: some for the gradient at zero weights, the standardisation and, for rules without
    a scale of their own, the lengths of the rows; the rest for trials. Same seed, same plan, whatever the number of threads.

    With features of widely different scales that are not standardised, the rate is as small as the largest scale asks for:
    safe, and slow in the others.

    Examples
    --------
    >>> import numpy as np
    >>> import softmargin as sm
    >>> from softmargin.training.automatic import automatic
    >>> X, y = np.random.default_rng(0).normal(size=(2000, 3)), np.arange(2000) % 2
    >>> plan = automatic(X, y, rule="SGD", penalty=sm.L2(1e-4), epochs=5, rng=0)
    >>> plan.batch_size, plan.schedule
    (2, Polynomial(total_iters=5000, power=1.0, acts='step'))
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
    scaling = None
    if as_bool("standardize", standardize):
        scaling = standardization(data, centre=with_intercept, num_threads=threads)
    kind = traits(optimizer)
    size = _batch_size(batch_size, matrix.n_samples, kind)
    seed = as_seed(rng)

    trial = Trial(data, optimizer, spec, with_intercept, scaling, size, seed, threads)
    steps = -(-matrix.n_samples // size)
    schedule = Polynomial(n_epochs * steps)
    n_trial = max(int(SHARE_OF_EPOCH * steps), min(steps, -(-LEAST_SAMPLES // size)))
    loss_at_zero, gradient = trial.at_zero()
    anchor, highest = _anchor(loss_at_zero, gradient, trial, kind, with_intercept, seed)
    if not np.isfinite(anchor):
        rate = 0.0
    elif n_trial < LEAST_STEPS:
        n_trial, rate = 1, anchor
    else:
        rate = _search(trial, anchor, highest, n_trial)
    if kind.invariant:
        longer = n_epochs * steps / n_trial
        rate = min(rate * longer ** (HORIZON if kind.fading else -HORIZON), highest)
    return Plan(with_rate(optimizer, _retreat(trial, rate, loss_at_zero)), schedule, size)


def fit_guarded(X: Any, y: Any, plan: Plan, **options: Any) -> FitResult:
    """Return what :func:`softmargin.fit` makes of a plan; where it ends above F at zero weights, of a slower one.

    Parameters
    ----------
    X, y : array_like
        As in `fit`.
    plan : Plan
        Of the same data and options.
    **options
        Those of `fit`, without optimizer, schedule, batch_size, W0, intercept0 and resume. A callback sees all runs, if there
        are several; give an rng that is an integer, so that they draw the same samples.

    Returns
    -------
    FitResult
        With F, penalty included, at most that of zero weights. The optimizer's rate is that of ``history``.

    Examples
    --------
    >>> import softmargin as sm
    >>> X, y = np.array([[0.0], [1.0], [2.0], [3.0]]), [0.0, 1.0, 2.0, 3.0]
    >>> wild = Plan(sm.optimizers.SGD(lr=1e3), sm.schedules.Constant(), 1)
    >>> result = fit_guarded(X, y, wild, loss="mse", epochs=2, rng=0)
    >>> result.history[0].lr, sm.loss_and_grad(result.W, X, y, loss="mse", intercept=result.intercept).loss < 3.5
    (0.1, True)
    """
    names = ("loss", "sample_weight", "positive_weight", "margin", "delta", "num_threads")
    given = {name: options[name] for name in names if name in options}
    for factor in (1.0, *RETREATS):
        plan = plan.slower(factor)
        try:
            result = fit(X, y, optimizer=plan.optimizer, schedule=plan.schedule, batch_size=plan.batch_size, **options)
            loss = loss_and_grad(result.W, X, y, intercept=result.intercept, **given).loss
        except FloatingPointError:
            continue
        except ValueError as error:
            if not str(error).startswith("W: expected weights whose scores are finite"):
                raise
            continue
        assert result.run_state is not None
        scale = result.run_state.scale
        V = result.W if scale is None else (result.W * scale).astype(result.W.dtype)
        zeros = np.zeros_like(result.W)
        if loss + penalty_value(as_spec(options.get("penalty")), V) <= loss_and_grad(zeros, X, y, **given).loss:
            break
    return result


def _as_optimizer(rule: Any) -> Optimizer:
    if isinstance(rule, str):
        rule = get(rule)
    if isinstance(rule, type) and issubclass(rule, Optimizer):
        return rule()
    if not isinstance(rule, Optimizer):
        text = "the name of a rule, a class or an object of sm.optimizers"
        raise TypeError(f"rule: expected {text}, got {described(rule)}")
    return rule


def _batch_size(batch_size: Any, n_samples: int, kind: Traits) -> int:
    if batch_size is None:
        return n_samples
    if isinstance(batch_size, str):
        if batch_size != "auto":
            raise ValueError(f"batch_size: expected 'auto', None or an integer, got {batch_size!r}")
        power = 2 ** max(0, round(float(np.log2(n_samples / STEPS_PER_EPOCH))))
        batch_size = min(max(power, SMALLEST_INVARIANT_BATCH if kind.invariant else 1), LARGEST_BATCH)
    return min(as_integer("batch_size", batch_size), n_samples)


def _anchor(
    loss: float, gradient: Float, trial: Trial, kind: Traits, fit_intercept: bool, seed: int
) -> tuple[float, float]:
    """Return the first rate to be tried, infinite if zero weights are stationary, and the highest that may be."""
    l2 = (_core.l1_l2(trial.penalty) or (0.0, 0.0))[1]
    if kind.invariant:
        highest = _quotient(1.0, kind.decay)
        return min(_quotient(loss, float(np.abs(gradient).sum()) * kind.reach), highest), highest
    data, size = trial.data, trial.batch_size
    norms = row_norms(data, trial.scaling, fit_intercept, np.random.default_rng(seed))
    # E ||g_B||^2 <= ||g||^2 + E ||g_i||^2 / |B|, the second by the mean of ||dS||^2 at zero and of ||z||^2.
    square = float(gradient @ gradient) + trial.mean_square_of_dS() * norms.mean / size
    polyak, smooth = _quotient(loss, square), np.inf
    curvature = _core.curvature(data.loss, data.n_outputs)
    if curvature is not None:
        if data.positive_weight is not None:
            curvature *= max(1.0, float(data.positive_weight.max()))
        smooth = _quotient(1.0, 2 * (curvature * expected_smoothness(norms, data.matrix.n_samples, size) + l2))
    highest = _quotient(1.0, kind.reach * l2 + kind.decay)
    ends = info(data.loss)
    if ends["dual_each"] is None and ends["dual_total"] is None:
        highest = min(highest, 4 * smooth / kind.reach)
        return min(smooth / kind.reach, highest), highest
    # A rate beyond 1 / M is of use while gradients are at their bound, far from the optimum: large targets of huber.
    first = polyak if not np.isfinite(smooth) else max(smooth, polyak)
    return min(first / kind.reach, highest), highest


def _retreat(trial: Trial, rate: float, at_zero: float) -> float:
    """Return the rate, or the first lower one with which an epoch ends no higher than at zero weights."""
    for factor in RETREATS:
        if trial.full_value(rate) <= at_zero:
            break
        rate /= factor
    return rate


def expected_smoothness(norms: RowNorms, n: int, batch_size: int) -> float:
    """Return M / L of batches drawn without replacement: between the largest eigenvalue (all) and the largest norm (one).

        M = n (b - 1) / (b (n - 1)) L_mean + (n - b) / (b (n - 1)) L_max

    Source: Gower et al. 2019, proposition 3.8.

    Examples
    --------
    >>> expected_smoothness(RowNorms(2.0, 8.0, 1.0), 100, 1), expected_smoothness(RowNorms(2.0, 8.0, 1.0), 100, 100)
    (8.0, 1.0)
    """
    if n == 1:
        return norms.largest
    b = batch_size
    return n * (b - 1) / (b * (n - 1)) * norms.eigenvalue + (n - b) / (b * (n - 1)) * norms.largest


def _quotient(a: float, b: float) -> float:
    return a / b if b > 0 and a > 0 else np.inf


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
    good = values[best] + TIE * (at_zero - values[best])
    return anchor * FACTOR ** min(i for i, value in values.items() if value <= good)
