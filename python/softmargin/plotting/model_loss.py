"""F of a fitted model as a function of W and the intercept: what the contours under an optimiser's path show."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from softmargin import losses, penalties
from softmargin._validation import describe
from softmargin.objective import loss_and_grad

from .linear import Linear
from .paths import Objective


def model_loss(estimator: Any, model: Linear, X: Any, y: Any, *, loss: Any, penalty: Any) -> Objective:
    """Return F as a function of W (k, d) and the intercept (k,), in float64.

    Parameters
    ----------
    estimator : object
        Its ``loss``, ``penalty``, ``alpha``, ``l1_ratio``, ``standardize`` and ``class_weight`` are read where they are.
    model : Linear
    X : array_like (n_samples, d)
    y : array_like (n_samples,)
    loss : str, callable or None
        A name, or F itself; None takes the estimator's.
    penalty : Penalty, None or "auto"
        "auto" takes the estimator's.

    Raises
    ------
    ValueError
        ``loss: expected the name of a loss or a function (W, intercept) -> float, since a Ridge tells none``
    """
    if callable(loss):
        return lambda W, b: float(loss(W, b))
    name = loss_name(estimator, loss)
    if name is None:
        message = "loss: expected the name of a loss or a function (W, intercept) -> float"
        raise ValueError(f"{message}, since {describe(estimator)} tells none")
    info = losses.info(name)
    if len(model.W) == 1 and info["target"] == "classes":
        from softmargin.estimators.class_targets import OF_ONE_OUTPUT

        name = OF_ONE_OUTPUT.get(name, name)
        info = losses.info(name)
    if isinstance(penalty, str) and penalty == "auto":
        penalty = _penalty_of(estimator)
    rows = np.ascontiguousarray(X.toarray() if hasattr(X, "toarray") else X, dtype=np.float64)
    weights = _sample_weight(estimator, y)
    mean, scale = np.zeros(rows.shape[1]), np.ones(rows.shape[1])
    if getattr(estimator, "standardize", False):
        mean = np.average(rows, axis=0, weights=weights)
        scale = np.sqrt(np.average((rows - mean) ** 2, axis=0, weights=weights))
        rows = (rows - mean) / np.where(scale > 0, scale, 1.0)
    targets = _targets(np.asarray(y), model, info["target"])
    options = {key: getattr(estimator, key) for key in info["parameters"] if hasattr(estimator, key)}

    def F(W: NDArray[np.float64], b: NDArray[np.float64]) -> float:
        value = loss_and_grad(
            W * scale,
            rows,
            targets,
            loss=name,
            intercept=b + W @ mean,
            sample_weight=weights,
            penalty=penalty,
            num_threads=1,
            **options,
        )
        return value.loss

    return F


def loss_name(estimator: Any, loss: Any) -> Any:
    """Return `loss` if it is given, else the name that the estimator has; None where it has none, as results do."""
    own = getattr(estimator, "loss", None)
    return loss if loss is not None else own if isinstance(own, str) else None


def _penalty_of(estimator: Any) -> penalties.Penalty | None:
    name = getattr(estimator, "penalty", None)
    if isinstance(name, penalties.Penalty):
        return name
    if name not in penalties.names() or not hasattr(estimator, "alpha"):
        return None
    made = penalties.get(name)
    return made(**{option.name: getattr(estimator, option.name) for option in made.options})


def _targets(y: NDArray[Any], model: Linear, target: str) -> NDArray[Any]:
    """Class numbers, signs or real targets, as the loss wants them."""
    if target == "real" or model.classes is None:
        return y
    numbers = np.searchsorted(model.classes, y)
    return np.where(numbers > 0, 1.0, -1.0) if len(model.W) == 1 else numbers


def _sample_weight(estimator: Any, y: Any) -> NDArray[np.float64] | None:
    if getattr(estimator, "class_weight", None) is None:
        return None
    from sklearn.utils.class_weight import compute_sample_weight

    weights: NDArray[np.float64] = compute_sample_weight(estimator.class_weight, y)
    return weights
