"""Random search and random local search: the two baselines that any optimiser has to beat."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from softmargin._validation import as_bool, as_generator, as_integer, as_number, as_threads, as_weights, read_matrix
from softmargin.objective import Data, read_data
from softmargin.penalties import Penalty, as_spec
from softmargin.training import EpochRecord, FitResult

__all__ = ["random_local_search", "random_search"]

Weights = npt.NDArray[Any]


def random_search(
    X: Any,
    y: npt.ArrayLike,
    *,
    loss: str = "softmax",
    n_trials: int = 1000,
    scale: float = 1e-4,
    rng: int | np.random.Generator | None = None,
    penalty: Penalty | None = None,
    fit_intercept: bool = True,
    sample_weight: npt.ArrayLike | None = None,
    positive_weight: npt.ArrayLike | None = None,
    num_threads: int | None = None,
    margin: float = 1.0,
    delta: float = 1.0,
) -> FitResult:
    """Guess: draw W and b from a normal distribution again and again, and keep those with the lowest F.

    Parameters
    ----------
    X : array_like or sparse (n_samples, n_features)
        Read as it is where :func:`softmargin.loss_and_grad` does.
    y : array_like (n_samples,) or (n_samples, n_outputs)
        Labels, signs, a distribution over the classes or real targets, as the loss reads them.
    loss : str, default "softmax"
        One of ``sm.losses.names()``.
    n_trials : int, default 1000
        How many to draw; each costs a pass over X. At least 1.
    scale : float, default 1e-4
        Standard deviation of the weights; above 0.
    rng : None, int or numpy Generator
        Where the normal numbers come from.
    penalty : Penalty, optional
        Enters F as everywhere.
    fit_intercept : bool, default True
        Whether there is a b.
    sample_weight : array_like (n_samples,), optional
        At least 0, not all 0.
    positive_weight : array_like (n_outputs,), optional
        Multiplies the terms with target +1, for losses of signs only.
    num_threads : int, optional
        ``sm.get_num_threads()`` by default.
    margin, delta : float, default 1
        Parameters of the losses that read them.

    Returns
    -------
    FitResult
        The best W and intercept. ``history`` has a record a trial with the lowest F so far and `scale` as ``lr``;
        ``n_steps`` is the number of trials.

    Raises
    ------
    ValueError
        ``n_trials: expected an integer at least 1, got 0`` and what :func:`softmargin.loss_and_grad` raises.

    Notes
    -----
    With k d weights nearly every direction is a bad one, so this learns little; it says what a loss is worth that a method
    has reached. Source: Rastrigin, About convergence of random search method, 1963, as the first idea of Karpathy, CS231n
    course notes, Optimization, 2015, from which the default scale is.

    Examples
    --------
    >>> import numpy as np
    >>> import softmargin as sm
    >>> X, y = np.array([[-1.0], [1.0]]), [0, 1]
    >>> result = sm.random_search(X, y, n_trials=50, scale=1.0, rng=0)
    >>> result.history[-1].loss < 0.69      # W = 0 has log 2
    True
    """
    spread = as_number("scale", scale, low_open=True)
    data = read_data(
        read_matrix(X),
        y,
        loss,
        sample_weight=sample_weight,
        positive_weight=positive_weight,
        margin=margin,
        delta=delta,
    )

    def guess(best: Weights, generator: np.random.Generator) -> Weights:
        return spread * generator.standard_normal(best.shape)

    return _search(data, penalty, fit_intercept, guess, None, spread, n_trials, rng, num_threads)


def random_local_search(
    X: Any,
    y: npt.ArrayLike,
    *,
    loss: str = "softmax",
    n_trials: int = 1000,
    step_size: float = 1e-4,
    rng: int | np.random.Generator | None = None,
    penalty: Penalty | None = None,
    fit_intercept: bool = True,
    sample_weight: npt.ArrayLike | None = None,
    positive_weight: npt.ArrayLike | None = None,
    W0: npt.ArrayLike | None = None,
    num_threads: int | None = None,
    margin: float = 1.0,
    delta: float = 1.0,
) -> FitResult:
    """Grope downhill: try a random step from the best W and b so far, and take it if F falls.

    Parameters
    ----------
    X : array_like or sparse (n_samples, n_features)
        Read as it is where :func:`softmargin.loss_and_grad` does.
    y : array_like (n_samples,) or (n_samples, n_outputs)
        Labels, signs, a distribution over the classes or real targets, as the loss reads them.
    loss : str, default "softmax"
        One of ``sm.losses.names()``.
    n_trials : int, default 1000
        How many steps to try; each costs a pass over X. At least 1.
    step_size : float, default 1e-4
        Standard deviation of a step in each weight; above 0.
    rng : None, int or numpy Generator
        Where the normal numbers come from.
    penalty : Penalty, optional
        Enters F as everywhere.
    fit_intercept : bool, default True
        Whether there is a b.
    sample_weight : array_like (n_samples,), optional
        At least 0, not all 0.
    positive_weight : array_like (n_outputs,), optional
        Multiplies the terms with target +1, for losses of signs only.
    W0 : array_like (n_outputs, n_features), optional
        Where to start; zeros by default. b starts at 0.
    num_threads : int, optional
        ``sm.get_num_threads()`` by default.
    margin, delta : float, default 1
        Parameters of the losses that read them.

    Returns
    -------
    FitResult
        The best W and intercept. ``history`` has a record a trial with the lowest F so far and `step_size` as ``lr``;
        ``n_steps`` is the number of trials.

    Raises
    ------
    ValueError
        ``n_trials: expected an integer at least 1, got 0`` and what :func:`softmargin.loss_and_grad` raises.

    Notes
    -----
    About every second direction leads downhill, a little; the gradient says which. Source: Matyas, Random optimization,
    Automation and Remote Control 26 (1965), as the second idea of Karpathy, CS231n course notes, Optimization, 2015.

    Examples
    --------
    >>> import numpy as np
    >>> import softmargin as sm
    >>> X, y = np.array([[-1.0], [1.0]]), [0, 1]
    >>> losses = [record.loss for record in sm.random_local_search(X, y, n_trials=100, step_size=0.1, rng=0).history]
    >>> losses[-1] < 0.5 and losses == sorted(losses, reverse=True)
    True
    """
    spread = as_number("step_size", step_size, low_open=True)
    matrix = read_matrix(X)
    start = None if W0 is None else as_weights("W0", W0, matrix.n_features)
    data = read_data(
        matrix,
        y,
        loss,
        n_outputs=None if start is None else len(start),
        dtype=None if start is None else start.dtype,
        sample_weight=sample_weight,
        positive_weight=positive_weight,
        margin=margin,
        delta=delta,
    )
    if start is None:
        start = np.zeros((data.n_outputs, matrix.n_features), data.dtype)

    def step(best: Weights, generator: np.random.Generator) -> Weights:
        return best + spread * generator.standard_normal(best.shape)

    return _search(data, penalty, fit_intercept, step, start, spread, n_trials, rng, num_threads)


def _search(
    data: Data,
    penalty: Any,
    fit_intercept: object,
    propose: Callable[[Weights, np.random.Generator], Weights],
    start: Weights | None,
    spread: float,
    n_trials: object,
    rng: Any,
    num_threads: object,
) -> FitResult:
    """Keep the best of n_trials proposals. W and b travel as one array (n_outputs, n_features + 1), b last."""
    spec, threads, count = as_spec(penalty), as_threads(num_threads), as_integer("n_trials", n_trials)
    with_intercept = as_bool("fit_intercept", fit_intercept)
    generator = as_generator(rng)
    n_features = data.matrix.n_features

    def split(weights: Weights) -> tuple[Weights, Weights | None]:
        W = np.ascontiguousarray(weights[:, :n_features], dtype=data.dtype)
        return W, np.ascontiguousarray(weights[:, n_features], dtype=data.dtype) if with_intercept else None

    def evaluate(weights: Weights) -> float:
        return float(data.problem.loss_and_grad(*split(weights), penalty=spec, gradient=False, num_threads=threads)[0])

    best = np.zeros((data.n_outputs, n_features + with_intercept))
    lowest = math.inf
    if start is not None:
        best[:, :n_features] = start
        lowest = evaluate(best)
    history = []
    for trial in range(count):
        began = time.perf_counter()
        candidate = propose(best, generator)
        value = evaluate(candidate)
        if value < lowest:
            best, lowest = candidate, value
        history.append(EpochRecord(trial + 1, lowest, spread, time.perf_counter() - began))
    return FitResult(*split(best), tuple(history), count)
