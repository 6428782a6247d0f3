"""`certify`: how far any model is from the optimum of its objective."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.sparse

from softmargin._validation import as_bool, as_integer, as_intercept, as_number, as_threads, as_weights, describe
from softmargin.objective import read_data
from softmargin.penalties import Penalty

from .automatic import arithmetic, automatic
from .dual import Certificate
from .engine import Engine
from .exact import DEFAULT_PENALTY, finish, prepare
from .problem import Float, LinearProblem
from .results import SolveResult
from .run import Limits

# The optimum is sought no closer than this relative gap.
CLOSEST = 5e-8


@dataclass(frozen=True, eq=False)
class Certified:
    """How far a model is from the optimum.

    Attributes
    ----------
    loss : float
        F of the model, penalty included, in float64.
    gap : float
        (F - F*) / max(|F|, tiny) is at most this. NaN without a penalty.
    lower_bound : float
        F* is at least this.
    optimum : SolveResult
        The better model that was found on the way; F* lies between `lower_bound` and its loss.
    """

    loss: float
    gap: float
    lower_bound: float
    optimum: SolveResult

    def __str__(self) -> str:
        if np.isnan(self.gap):
            best = (
                f"the best model found has loss {self.optimum.loss:.6g}, gradient_norm={self.optimum.gradient_norm:.2g}"
            )
            return f"loss {self.loss:.6g}, no bound without a penalty; {best}"
        return f"loss {self.loss:.6g}, at most {100 * self.gap:.2g} % above the optimum"


def certify(
    model: Any,
    X: Any,
    y: npt.ArrayLike,
    *,
    loss: str = "softmax",
    penalty: Penalty | None = DEFAULT_PENALTY,
    sample_weight: npt.ArrayLike | None = None,
    positive_weight: npt.ArrayLike | None = None,
    fit_intercept: bool | None = None,
    standardize: bool = False,
    intercept_penalty: float = 0.0,
    max_iter: int = 1000,
    max_seconds: float | None = None,
    num_threads: int | None = None,
    margin: float = 1.0,
    delta: float = 1.0,
) -> Certified:
    """Say how far a model is from the optimum of its objective, wherever it comes from.

    Runs :func:`solve` from the model until what is left of the gap is a third of the whole, and keeps the dual bound.

    Parameters
    ----------
    model : tuple (W, b), FitResult, SolveResult, or an estimator or module with weights
        W (n_outputs, n_features) and b (n_outputs,) or None in the units of X; or an object with ``W`` and ``intercept``, with
        ``coef_`` and ``intercept_`` (scikit-learn), or with ``weight`` and ``bias`` (``torch.nn.Linear``).
    X, y, loss, penalty, sample_weight, positive_weight, standardize, intercept_penalty, margin, delta
        The objective, as in :func:`solve`. scikit-learn's ``C`` is alpha = 1 / (C * sum of the sample weights).
    fit_intercept : bool, optional
        Whether the optimum may have an intercept: by default, whether the model has one.
    max_iter, max_seconds, num_threads
        As in :func:`solve`; a bound is returned however early it ends.

    Returns
    -------
    Certified
        ``loss``, ``gap``, ``lower_bound``, ``optimum``

    Raises
    ------
    TypeError
        ``model: expected (W, b) or an object with W, coef_ or weight, got 3 (int)``
    ValueError
        ``model: expected shape (n_outputs, 64), got (3, 63)`` and the like;
        ``model: expected 0 for feature 3, constant and so without a weight where standardize=True, got 0.5``, which an intercept would
        take up.
    FloatingPointError
        ``model: expected weights whose loss and penalty are finite, got F = inf``

    Examples
    --------
    >>> import numpy as np
    >>> import softmargin as sm
    >>> X, y = np.array([[0.0], [1.0], [2.0], [3.0]]), [0, 0, 1, 1]
    >>> trained = sm.fit(X, y, penalty=sm.L2(0.1), batch_size=None, epochs=30, rng=0)
    >>> certified = sm.certify(trained, X, y, penalty=sm.L2(0.1))
    >>> 0 <= certified.gap < 0.5
    True
    """
    start = time.perf_counter()
    W, b = _weights(model)
    data = read_data(
        X,
        y,
        loss,
        n_outputs=len(W),
        dtype=np.dtype(np.float64),
        sample_weight=sample_weight,
        positive_weight=positive_weight,
        margin=margin,
        delta=delta,
    )
    as_weights("model", W, data.matrix.n_features)
    if b is not None:
        as_intercept("model", b, len(W), W.dtype)
    with_intercept = (b is not None) if fit_intercept is None else as_bool("fit_intercept", fit_intercept)
    if b is not None and not with_intercept and np.any(b):
        raise ValueError("fit_intercept: expected True for a model with an intercept, got False")
    seconds = None if max_seconds is None else as_number("max_seconds", max_seconds, low_open=True)
    problem = prepare(
        data,
        penalty,
        fit_intercept=with_intercept,
        standardize=as_bool("standardize", standardize),
        intercept_penalty=as_number("intercept_penalty", intercept_penalty),
        num_threads=as_threads(num_threads),
        deadline=None,
        merge=False,  # of W as it is
    )
    _check_constant_features(problem, W)
    x = problem.from_raw(W, np.zeros(len(W)) if b is None else b)
    with np.errstate(over="ignore", invalid="ignore"):
        F = Certificate(problem).objective(x)
    if not np.isfinite(F):
        raise FloatingPointError(f"model: expected weights whose loss and penalty are finite, got F = {F:g}")
    problem.deadline = None if seconds is None else start + seconds
    limits = Limits(CLOSEST, as_integer("max_iter", max_iter, 0), above=F)
    method = automatic(problem)
    engine = Engine(problem, x, method, limits, arithmetic(problem, method))
    optimum = finish(engine, start)
    if not engine.certifiable:
        return Certified(F, float("nan"), -np.inf, optimum)
    # Not from the gap: a model far off has one that is rounded to 1.
    bound = max(0.0, min(engine.certificate.best, optimum.loss))
    return Certified(F, max(F - bound, 0.0) / max(abs(F), float(np.finfo(np.float64).tiny)), bound, optimum)


def _weights(model: Any) -> tuple[Float, Float | None]:
    """W (n_outputs, n_features) and b (n_outputs,) or None of whatever holds a linear model."""
    if isinstance(model, tuple) and len(model) == 2:
        W, b = model
    else:
        for weights, intercept in (("W", "intercept"), ("coef_", "intercept_"), ("weight", "bias")):
            if hasattr(model, weights):
                W, b = getattr(model, weights), getattr(model, intercept, None)
                break
        else:
            raise TypeError(f"model: expected (W, b) or an object with W, coef_ or weight, got {describe(model)}")
    W = np.atleast_2d(_array(W))
    if W.ndim != 2:
        raise ValueError(f"model: expected weights of shape (n_outputs, n_features), got {W.shape}")
    if b is None:
        return W, None
    b = np.atleast_1d(_array(b))
    return W, np.broadcast_to(b, len(W)).copy() if b.shape == (1,) else b


def _array(values: Any) -> Float:
    if hasattr(values, "detach"):  # a tensor; NumPy has no bfloat16
        values = values.detach().cpu().double().numpy()
    elif scipy.sparse.issparse(values):
        values = values.toarray()
    try:
        return np.array(values, dtype=np.float64, order="C")
    except (TypeError, ValueError):
        raise TypeError(f"model: expected weights and intercepts that are numbers, got {describe(values)}") from None


def _check_constant_features(problem: LinearProblem, W: Float) -> None:
    """Refuse a model whose scores are not those of any weights of standardised features, as no intercept takes up the rest."""
    constant = np.flatnonzero((problem.scale == 0) & W.any(axis=0))
    if problem.fit_intercept or not len(constant):
        return
    first = problem.sparse()[[0]].toarray()[0] if problem.is_sparse() else problem.data.matrix.core.arrays[0][0]
    for j in constant[first[constant] != 0]:
        value = W[np.flatnonzero(W[:, j])[0], j]
        raise ValueError(
            f"model: expected 0 for feature {j}, constant and so without a weight where standardize=True, got {value:g}"
        )
