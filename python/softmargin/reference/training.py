"""Training by minibatches: the definition of `softmargin.fit`, one obvious step at a time."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from . import penalties
from .objective import dense, find_loss, loss_and_grad
from .optimizers import OPTIMIZERS
from .permutation import permutation
from .registry import TARGETS
from .standardize import Standardizer, standardizer
from .targets import count_outputs

Float = npt.NDArray[np.float64]


class FitResult(NamedTuple):
    """What training gives back.

    W (n_outputs, n_features) and intercept (n_outputs,) or None, in raw units; history: an epoch's mean of F on each
    batch before its step; n_steps; seed: what the permutations came from.
    """

    W: Float
    intercept: Float | None
    history: list[float]
    n_steps: int
    seed: int


def fit(
    X: Any,
    y: npt.ArrayLike,
    *,
    loss: str = "softmax",
    penalty: Any = None,
    optimizer: Any = ("SGD", {"lr": 0.1}),
    lr: float | npt.ArrayLike | Callable[[int], float] | None = None,
    batch_size: int | None = 256,
    epochs: int = 10,
    shuffle: bool = True,
    rng: Any = None,
    fit_intercept: bool = True,
    standardize: bool = False,
    sample_weight: npt.ArrayLike | None = None,
    positive_weight: npt.ArrayLike | None = None,
    W0: npt.ArrayLike | None = None,
    intercept0: npt.ArrayLike | None = None,
    margin: float = 1.0,
    delta: float = 1.0,
    average: bool = False,
) -> FitResult:
    """Minimise F(W, b) by stochastic steps.

    Each epoch permutes the samples and cuts them into batches B; a step follows

        g = n / (|B| sum_i w_i) sum_{i in B} w_i d loss_i / d W

    whose mean over all batches of one size is the gradient of F's first term. The rule adds the penalty. The intercept
    takes the same rule with a state of its own, without penalty and without weight decay.

    Parameters
    ----------
    X : array or sparse matrix (n_samples, n_features)
        Samples, of any dtype.
    y : array (n_samples,) or (n_samples, n_outputs)
        Targets, as the loss reads them.
    loss, penalty, sample_weight, positive_weight, margin, delta
        As in `loss_and_grad`.
    optimizer : str, (name, options) or object
        A name of OPTIMIZERS, with options if they are not the defaults; or an object whose class is called so and whose
        attributes are the options.
    lr : float, array (n_steps,), function of the step 0, 1, ..., or None
        Learning rate of every step; None for the optimizer's.
    batch_size : int or None
        Samples a step; the last batch of an epoch may be shorter. None for all.
    epochs : int
        Passes over the samples.
    shuffle : bool
        Whether an epoch permutes the samples, or takes them as they come.
    rng : None, int or numpy Generator
        One 64-bit seed is drawn from it.
    fit_intercept : bool
        Whether there is a b.
    standardize : bool
        Whether the features are standardised, with the penalty on those weights. W and b are in raw units all the same.
    W0, intercept0 : array or None
        Where to start, in raw units. None for zeros.
    average : bool
        Whether W and b are averages of the iterates: A_t = (1 - c_t) A_{t-1} + c_t W_t, c_t = 4 / (t + 3), t = 1, 2, ...
        Source: Shamir and Zhang, ICML 2013, with eta = 3.

    Returns
    -------
    FitResult
        W, intercept, history, n_steps, seed.

    Examples
    --------
    >>> X, y = np.array([[0.0], [1.0], [2.0], [3.0]]), np.array([0, 0, 1, 1])
    >>> result = fit(X, y, batch_size=2, epochs=50, rng=0)
    >>> result.history[-1] < result.history[0]
    True
    """
    # The exception in the history below asks for this before X becomes dense.
    name, options = rule_and_options(optimizer)
    sparse_steps = hasattr(X, "toarray") and name == "SGD" and not options.get("momentum") and not standardize
    sparse_steps &= not callable(penalties.strengths(penalty)[1])  # only alpha1 and alpha2 can be caught up with
    sparse_steps &= not (average and penalties.strengths(penalty)[0] > 0)

    X, y = dense(X), np.asarray(y)
    n, n_features = X.shape
    w = np.ones(n) if sample_weight is None else np.asarray(sample_weight, dtype=np.float64)
    find_loss(loss)
    n_outputs = count_outputs(y, TARGETS[loss]) if W0 is None else len(np.asarray(W0))

    W = np.zeros((n_outputs, n_features)) if W0 is None else np.array(W0, dtype=np.float64)
    b = None
    if fit_intercept:
        b = np.zeros(n_outputs) if intercept0 is None else np.array(intercept0, dtype=np.float64)

    scaling = Standardizer(np.zeros(n_features), np.ones(n_features))
    if standardize:
        scaling = standardizer(X, w, centre=fit_intercept)
        X = scaling.transform(X)
        W, b = scaling.from_raw(W, b)

    init, step = OPTIMIZERS[name]
    W_state, b_state = init(W), init(b if b is not None else 0.0)
    b_options = dict(options)
    if "weight_decay" in inspect.signature(step).parameters:
        b_options["weight_decay"] = 0.0  # AdamW has some by default

    seed = int(np.random.default_rng(rng).integers(0, 2**64, dtype=np.uint64))
    batch_size = n if batch_size is None else min(batch_size, n)
    history = []
    mean_W, mean_b = W, b
    for epoch in range(epochs):
        order = permutation(n, seed, epoch) if shuffle else np.arange(n)
        data_losses, penalty_values = [], [penalties.value(penalty, W)]
        for start in range(0, n, batch_size):
            rows = order[start : start + batch_size]
            data_loss, dW, db = batch_gradient(
                W, b, X[rows], y[rows], w[rows], n / (len(rows) * w.sum()),
                loss=loss, positive_weight=positive_weight, margin=margin, delta=delta,
            )  # fmt: skip
            rate = learning_rate(lr, options, W_state["t"])
            W = step(W, dW, W_state, penalty=penalty, **options | rate)
            if b is not None:
                b = step(b, db, b_state, **b_options | rate)
            mean_W = averaged(mean_W, W, W_state["t"])
            mean_b = None if b is None or mean_b is None else averaged(mean_b, b, W_state["t"])
            data_losses.append(data_loss)
            penalty_values.append(penalties.value(penalty, W))
        # F on each batch before its step. Sparse steps see all of W, and so the penalty, only at both ends of an epoch.
        before_steps = [penalty_values[0], penalty_values[-1]] if sparse_steps else penalty_values[:-1]
        history.append(float(np.mean(data_losses) + np.mean(before_steps)))

    n_steps = W_state["t"]
    W, b = scaling.to_raw(mean_W, mean_b) if average else scaling.to_raw(W, b)
    return FitResult(W, b, history, n_steps, seed)


def batch_gradient(
    W: Float, b: Float | None, X: Float, y: npt.ArrayLike, w: Float, factor: float, **loss_options: Any
) -> tuple[float, Float, Float | None]:
    """Return factor * sum_i w_i loss_i over the batch, and its derivatives in W and b."""
    total = w.sum()
    if total == 0:  # nothing in this batch counts
        return 0.0, np.zeros_like(W), None if b is None else np.zeros_like(b)
    mean = loss_and_grad(W, X, y, intercept=b, sample_weight=w, **loss_options)
    factor *= total
    return factor * mean.loss, factor * mean.grad, None if mean.intercept_grad is None else factor * mean.intercept_grad


def averaged(mean: Float, value: Float, t: int) -> Float:
    """Return the average of the iterates 1..t, of the one before and iterate t, which weighs about t^3.

    Examples
    --------
    >>> float(averaged(np.array(0.0), np.array(3.0), 1)), float(averaged(np.array(3.0), np.array(8.0), 2))
    (3.0, 7.0)
    """
    c = 4 / (t + 3)
    return (1 - c) * mean + c * value


def rule_and_options(optimizer: Any) -> tuple[str, dict[str, Any]]:
    """Return the rule's name and its options, of a name, of (name, options) or of an object with both.

    Examples
    --------
    >>> rule_and_options("Adam"), rule_and_options(("SGD", {"lr": 0.5}))
    (('Adam', {}), ('SGD', {'lr': 0.5}))
    """
    if isinstance(optimizer, str):
        return optimizer, {}
    if isinstance(optimizer, tuple):
        name, options = optimizer
        return name, dict(options)
    return type(optimizer).__name__, dict(vars(optimizer))


def learning_rate(lr: Any, options: dict[str, Any], step: int) -> dict[str, Any]:
    """Return {"lr": the rate of this step}, or {} where the rule's default holds."""
    if lr is None:
        return {"lr": options["lr"]} if "lr" in options else {}
    if callable(lr):
        return {"lr": lr(step)}
    return {"lr": float(lr) if np.ndim(lr) == 0 else float(np.asarray(lr)[step])}
