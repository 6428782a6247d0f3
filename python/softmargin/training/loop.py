"""`fit`, the minibatch trainer: checks its arguments, hands the data to the core, and runs the epochs."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from softmargin._validation import (
    as_bool,
    as_integer,
    as_intercept,
    as_number,
    as_seed,
    as_threads,
    as_weights,
    describe,
    read_matrix,
)
from softmargin.model import check_n_features
from softmargin.objective import Data, read_data
from softmargin.optimizers import Optimizer, OptimizerState, get
from softmargin.penalties import Penalty, as_spec
from softmargin.schedules import Constant, Schedule
from softmargin.schedules.schedule import checked

from .coordinates import as_coordinates
from .outputs import EachOutput, trainer_of
from .results import EpochInfo, EpochRecord, FitResult, RunState
from .resume import check_same_run, resumable, run_options, with_new_data
from .standardize import Standardization, standardization
from .validation import Validation

# Learning rates are handed over in arrays of at most this many steps: 512 kB.
MOST_STEPS = 65536

_DEFAULT_OPTIMIZER = get("SGD")(lr=0.1)


def fit(
    X: Any,
    y: npt.ArrayLike,
    *,
    loss: str = "softmax",
    penalty: Penalty | None = None,
    optimizer: Optimizer = _DEFAULT_OPTIMIZER,
    schedule: Schedule | None = None,
    batch_size: int | None = 256,
    epochs: int = 10,
    shuffle: bool = True,
    rng: int | np.random.Generator | None = None,
    fit_intercept: bool = True,
    standardize: bool = False,
    sample_weight: npt.ArrayLike | None = None,
    positive_weight: npt.ArrayLike | None = None,
    W0: npt.ArrayLike | None = None,
    intercept0: npt.ArrayLike | None = None,
    validation: tuple[Any, npt.ArrayLike] | tuple[Any, npt.ArrayLike, npt.ArrayLike | None] | None = None,
    callback: Callable[[EpochInfo], object] | None = None,
    resume: FitResult | None = None,
    new_data: bool = False,
    num_threads: int | None = None,
    margin: float = 1.0,
    delta: float = 1.0,
    average: bool = False,
) -> FitResult:
    """Train a linear model by minibatches.

    Minimises ``F(W, b) = sum_i w_i loss(W x_i + b, y_i) / sum_i w_i + alpha R(W)``. A step on a batch B follows

        g = n / (|B| sum_i w_i) sum_{i in B} w_i d loss_i / dW  +  the gradient of the penalty's smooth part

    by the rule of `optimizer`; an l1 penalty is a proximal step inside the rule, so that zeros are exact. The intercept takes
    the same rule with a state of its own, without penalty and without weight decay.

    Parameters
    ----------
    X : array_like or sparse (n_samples, n_features)
        Read as it is where :func:`softmargin.loss_and_grad` does; nothing of its size is allocated.
    y : array_like (n_samples,) or (n_samples, n_outputs)
        Labels 0..k-1, signs, a distribution over the classes or real targets, as the loss reads them. k is the number of rows
        of W0 if it is given, else max(y) + 1, at least 2.
    loss : str, default "softmax"
        One of ``sm.losses.names()``.
    penalty : Penalty, optional
        ``sm.L2(alpha)``, ``sm.L1(alpha)``, ``sm.ElasticNet(alpha, l1_ratio)``.
    optimizer : Optimizer, default SGD(lr=0.1)
        One of the rules of ``sm.optimizers``.
    schedule : Schedule, optional
        One of ``sm.schedules``; it changes the learning rate every step or every epoch. A constant rate by default.
    batch_size : int or None, default 256
        Samples a step; the short last batch of an epoch is used. 1 is classical SGD, None full-batch gradient descent.
    epochs : int, default 10
        Passes over the samples, counted from the very start where a run is resumed; at least 0.
    shuffle : bool, default True
        Whether each epoch takes the samples in a random order of its own, or as they come.
    rng : None, int or numpy Generator
        Yields one 64-bit seed; the order of epoch e is a function of (seed, e).
    fit_intercept : bool, default True
        Whether there is a b.
    standardize : bool, default False
        Train as if every feature had mean 0 and variance 1 (weighted, in float64; scaled but not centred without an
        intercept), with the penalty on those weights. W and the intercept are told in raw units all the same, and a constant
        feature gets the weight 0. It is algebra on W: X is not copied, nor made dense.
    sample_weight : array_like (n_samples,), optional
        At least 0, not all 0.
    positive_weight : array_like (n_outputs,), optional
        Multiplies the terms with target +1, for losses of signs only.
    W0, intercept0 : array_like (n_outputs, n_features) and (n_outputs,), optional
        Where to start, in raw units; zeros by default. W0's dtype, float32 or float64, becomes the result's.
    validation : pair (X_val, y_val), or (X_val, y_val, sample_weight), optional
        After each epoch its loss and score enter the history.
    callback : callable, optional
        Called with an EpochInfo after each epoch; returning True stops the training.
    resume : FitResult, optional
        An earlier result to go on from as if it had never stopped, bit for bit. X, y and the options must be the same, which is
        checked as far as it is cheap; W0 and intercept0 must be None.
    new_data : bool, default False
        With `resume`: X, y, sample_weight and batch_size may be others than those of the earlier result, as where the data come in
        parts. The rule's state, the schedule and a standardisation go on as they are.
    num_threads : int, optional
        ``sm.get_num_threads()`` by default, fewer for small work. The result does not depend on it.
    margin, delta : float, default 1
        Parameters of the losses that read them.
    average : bool, default False
        Whether W and the intercept are averages of the iterates over the steps, in the result, for the callback and on the
        validation set; the steps themselves do not change. See the notes.

    Returns
    -------
    FitResult
        ``W``, ``intercept``, ``history``, ``n_steps``, ``optimizer_state``; W is float64 for X of float64, else float32.

    Raises
    ------
    TypeError
        ``optimizer: expected a rule such as sm.optimizers.SGD(lr=0.1), got 'SGD' (str)`` and the like.
    ValueError
        ``X: ...`` where it holds NaN or infinity, ``y: expected labels 0..2, got 3 at row 7``,
        ``resume: expected the options of the earlier run, got batch_size=128 where it had 256`` and the like.
    FloatingPointError
        ``lr: training diverged at step 3 ... with a learning rate of 10 ...; try ...``

    Warns
    -----
    UserWarning
        With `standardize` in float32, where features lie further from 0 than 100 times their deviation.

    Notes
    -----
    The loss in the history is the mean of F over the batches of the epoch, each before its step. With a sparse X, plain SGD
    (no momentum) and no standardisation, a step costs O(nonzeros of the batch * n_outputs), and the penalty's share in that
    mean is the mean of its values at the start and the end of the epoch; rules with a state take dense steps.

    Unlike scikit-learn's SGDClassifier, alpha does not set the learning rate, and unlike in PyTorch the batch size does not
    weigh the penalty: every step's expectation is the gradient of the same F.

    The average is A_t = (1 - c_t) A_{t-1} + c_t W_t with c_t = 4 / (t + 3), t = 1, 2, ... through the whole run: iterate t weighs
    about t^3, so that the first half of the steps counts 6 %, and the length of the run need not be known, nor does it change
    when the run is resumed. It is kept in float64. It is made for rates that stay constant or fall slowly (Polyak and Juditsky
    1992); with rates that fall linearly to zero the last iterate is as good. On a sparse X plain SGD keeps it lazily, at
    the same O(nonzeros) a step, but with an l1 penalty its steps are dense. A penalty's exact zeros are those of the iterates: an
    average has them where all iterates that count have. Source: Shamir and Zhang, Stochastic Gradient Descent for Non-smooth
    Optimization, ICML 2013 (polynomial-decay averaging, eta = 3).

    Source: Bottou, Curtis and Nocedal, Optimization Methods for Large-Scale Machine Learning, SIAM Review 60 (2018).

    Examples
    --------
    >>> import numpy as np
    >>> import softmargin as sm
    >>> X = np.array([[0.0], [1.0], [2.0], [3.0]])
    >>> result = sm.fit(X, [0, 0, 1, 1], batch_size=2, epochs=50, rng=0)
    >>> result.predict_scores(X).argmax(axis=1)
    array([0, 0, 1, 1])
    >>> result.history[-1].loss < result.history[0].loss
    True
    """
    # Everything is checked before anything happens.
    before = None if resume is None else resumable(resume)
    matrix = read_matrix(X)
    W = None if W0 is None else as_weights("W0", W0, matrix.n_features)
    like = W if before is None else before.W
    loss_options = {"loss": loss, "positive_weight": positive_weight, "margin": margin, "delta": delta}
    data = read_data(
        matrix,
        y,
        n_outputs=None if like is None else len(like),
        dtype=None if like is None else like.dtype,
        sample_weight=sample_weight,
        **loss_options,
    )
    spec, threads = as_spec(penalty), as_threads(num_threads)
    _check_rule(optimizer, schedule, callback)
    n_samples = matrix.n_samples
    size = n_samples if batch_size is None else min(as_integer("batch_size", batch_size), n_samples)
    n_epochs = as_integer("epochs", epochs, 0)
    with_intercept = as_bool("fit_intercept", fit_intercept)
    coordinates = as_coordinates(standardize)
    standardized = as_bool("standardize", standardize) if coordinates is None else coordinates
    if intercept0 is not None and not with_intercept:
        raise ValueError("intercept0: expected None with fit_intercept=False, got an array")
    b = None if intercept0 is None else as_intercept("intercept0", intercept0, data.n_outputs, data.dtype)
    options = run_options(
        data,
        loss=loss,
        penalty=penalty,
        optimizer=optimizer,
        schedule=schedule,
        batch_size=size,
        shuffle=as_bool("shuffle", shuffle),
        average=as_bool("average", average),
        fit_intercept=with_intercept,
        standardize=standardized,
        margin=as_number("margin", margin),
        delta=as_number("delta", delta),
    )
    checked_validation = None if validation is None else Validation(validation, data, threads, **loss_options)

    fresh = as_bool("new_data", new_data)
    if resume is not None and before is not None:
        if fresh:
            check_n_features("X", matrix.n_features, before.W.shape[1])
            before = with_new_data(before, options)
        check_same_run(before, options, n_epochs, len(resume.history), rng, {"W0": W0, "intercept0": intercept0})
    else:
        seed = as_seed(rng)
        scaling = None
        if coordinates is not None:
            scaling = coordinates.standardization()
        elif standardized:
            scaling = standardization(data, centre=with_intercept, num_threads=threads)
        before = _beginning(data, W, b, with_intercept, scaling, seed, schedule, options)
    spec = spec if coordinates is None else coordinates.penalty(spec)
    run = _Run(data, optimizer, schedule, spec, before, resume, threads)
    for epoch in range(len(run.history), n_epochs):
        record = run.epoch(epoch, checked_validation)
        if callback is not None:
            answer = callback(EpochInfo(**vars(record), weights=run.weights))
            if isinstance(answer, bool | np.bool_) and answer:
                break
            matrix.check_again()
            if checked_validation is not None:
                checked_validation.data.matrix.check_again()
    return run.result()


class _Run:
    """A run of `fit` between two epochs: the core's trainer, the history, the schedule's state."""

    def __init__(
        self,
        data: Data,
        optimizer: Optimizer,
        schedule: Schedule | None,
        penalty: tuple[str, tuple[float, ...]] | None,
        before: RunState,
        resume: FitResult | None,
        num_threads: int,
    ) -> None:
        self.base_lr = float(optimizer.lr)
        self.optimizer = optimizer
        self.schedule = Constant() if schedule is None else schedule
        self.schedule_state = before.schedule_state
        self.before = before
        self.history = [] if resume is None else list(resume.history)
        state = None if resume is None else resume.optimizer_state
        names = optimizer.state_names
        self.trainer = trainer_of(
            data,
            before.W,
            before.intercept,
            optimizer,
            penalty,
            factors=schedule.factors if isinstance(schedule, EachOutput) else None,
            batch_size=before.options["batch_size"],
            shuffle=before.options["shuffle"],
            seed=before.seed,
            mean=before.mean,
            scale=before.scale,
            states=None if state is None else [state.arrays[name] for name in names],
            intercept_states=None if state is None else before.intercept_state,
            t=0 if state is None else state.t,
            average=before.options["average"],
            averages=before.average,
            num_threads=num_threads,
        )
        self.n_steps = 0 if state is None else state.t

    def epoch(self, epoch: int, validation: Validation | None) -> EpochRecord:
        """Do one epoch (0 for the first) and record it."""
        start = time.perf_counter()
        loss, lr = self._steps(epoch)
        seconds = time.perf_counter() - start
        val_loss, val_score = None, None
        if validation is not None:
            try:
                val_loss, val_score = validation.evaluate(*self.weights())
            except FloatingPointError as error:
                where = f"step {self.n_steps} (epoch {epoch + 1}) with a learning rate of {lr:g}"
                raise self._diverged(f"lr: training diverged at {where}: {error}") from None
        record = EpochRecord(epoch + 1, loss, lr, seconds, val_loss, val_score)
        self.schedule_state = self.schedule.observe(self.schedule_state, record, self.base_lr)
        self.history.append(record)
        return record

    def _steps(self, epoch: int) -> tuple[float, float]:
        """Return the mean of F over the batches, and the last learning rate."""
        n_steps, total, lr = self.trainer.n_steps_per_epoch, 0.0, self.base_lr
        self.trainer.start_epoch(epoch)
        for done in range(0, n_steps, MOST_STEPS):
            count = min(MOST_STEPS, n_steps - done)
            rates = self.schedule.lr(self.n_steps, count, epoch, self.base_lr, self.schedule_state)
            rates = checked(rates, count)
            try:
                total += self.trainer.run(rates)
            except FloatingPointError as error:
                raise self._diverged(str(error)) from None
            self.n_steps += count
            lr = float(rates[-1])
        return total / n_steps, lr

    def _diverged(self, what: str) -> FloatingPointError:
        hint = "" if self.before.mean is not None else ", or standardize=True"
        return FloatingPointError(f"{what}; try one ten times smaller{hint}")

    def weights(self) -> tuple[npt.NDArray[Any], npt.NDArray[Any] | None]:
        """Return W and the intercept in raw units."""
        W, b = self.trainer.raw_weights()
        return W, None if self.before.intercept is None else b

    def result(self) -> FitResult:
        """Return what was reached, in arrays of its own."""
        W, b = self.trainer.weights()
        states, intercept_states, t = self.trainer.state()
        before = self.before
        run_state = RunState(
            W=W,
            intercept=b,
            intercept_state=list(intercept_states),
            seed=before.seed,
            schedule_state=self.schedule_state,
            mean=before.mean,
            scale=before.scale,
            options=before.options,
            average=self.trainer.averages(),
        )
        state = OptimizerState(t, dict(zip(self.optimizer.state_names, states, strict=True)))
        return FitResult(*self.weights(), tuple(self.history), t, state, run_state)


def _beginning(
    data: Data,
    W: npt.NDArray[Any] | None,
    b: npt.NDArray[Any] | None,
    fit_intercept: bool,
    scaling: Standardization | None,
    seed: int,
    schedule: Schedule | None,
    options: dict[str, Any],
) -> RunState:
    """Return the state of a run that has done nothing yet."""
    W = np.zeros((data.n_outputs, data.matrix.n_features), data.dtype) if W is None else W
    if fit_intercept and b is None:
        b = np.zeros(data.n_outputs, data.dtype)
    mean = scale = None
    if scaling is not None:
        W, b = scaling.from_raw(W, b)
        mean, scale = scaling
    return RunState(W, b, [], seed, None if schedule is None else schedule.start(), mean, scale, options)


def _check_rule(optimizer: object, schedule: object, callback: object) -> None:
    if not isinstance(optimizer, Optimizer):
        raise TypeError(f"optimizer: expected a rule such as sm.optimizers.SGD(lr=0.1), got {describe(optimizer)}")
    if schedule is not None and not isinstance(schedule, Schedule):
        raise TypeError(f"schedule: expected None or one of sm.schedules, got {describe(schedule)}")
    if callback is not None and not callable(callback):
        raise TypeError(f"callback: expected a callable, got {describe(callback)}")
