"""The objective F(W, b) and its gradient: the definition that the compiled core has to agree with."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from . import penalties
from .registry import LOSSES

Float = npt.NDArray[np.float64]


class LossGrad(NamedTuple):
    """F and its derivatives: loss, grad (n_outputs, n_features), intercept_grad (n_outputs,) or None."""

    loss: float
    grad: Float
    intercept_grad: Float | None


def loss_and_grad(
    W: npt.ArrayLike,
    X: Any,
    y: npt.ArrayLike,
    *,
    loss: str = "softmax",
    intercept: npt.ArrayLike | None = None,
    sample_weight: npt.ArrayLike | None = None,
    positive_weight: npt.ArrayLike | None = None,
    penalty: Any = None,
    intercept_penalty: float = 0.0,
    margin: float = 1.0,
    delta: float = 1.0,
) -> LossGrad:
    """Return F(W, b) = sum_i w_i loss(W x_i + b, y_i) / sum_i w_i + alpha R(W) and its gradient.

    Parameters
    ----------
    W : array (n_outputs, n_features)
        Weights.
    X : array or sparse matrix (n_samples, n_features)
        Samples, of any dtype.
    y : array (n_samples,) or (n_samples, n_outputs)
        Targets, as the loss reads them.
    loss : str
        A name of LOSSES.
    intercept : array (n_outputs,) or None
        b; None for none.
    sample_weight : array (n_samples,) or None
        w, at least 0; None for ones.
    positive_weight : array (n_outputs,) or None
        What the terms with target +1 count, for losses of signs; None for ones.
    penalty : None, (name, parameters) or an object with such a `.spec`
        alpha R; ("l2", (0.1,)) is 0.05 ||W||^2.
    intercept_penalty : float
        Adds intercept_penalty / 2 ||b||^2.
    margin, delta : float
        Parameters of the loss, where it has them.

    Returns
    -------
    LossGrad
        loss (float), grad (n_outputs, n_features), intercept_grad (n_outputs,) or None.

    Raises
    ------
    ValueError
        ``loss: expected one of 'softmax', ..., got 'hing'``; likewise for a penalty, and for a y that the
        loss cannot read.

    Examples
    --------
    At W = 0 every class is as likely as the others, and softmax costs log k.

    >>> result = loss_and_grad(np.zeros((3, 2)), [[1.0, 2.0], [0.5, -1.0]], [0, 2])
    >>> round(result.loss, 6)
    1.098612
    """
    W, X = np.asarray(W, dtype=np.float64), dense(X)
    n = len(X)
    b = None if intercept is None else np.asarray(intercept, dtype=np.float64)
    w = np.ones(n) if sample_weight is None else np.asarray(sample_weight, dtype=np.float64)

    S = scores(W, b, X)
    losses, dS = find_loss(loss)(S, y, margin=margin, delta=delta, positive_weight=positive_weight)

    value = w @ losses / w.sum() + penalties.value(penalty, W)
    dS = w[:, None] * dS / w.sum()
    dW = dS.T @ X + penalties.subgradient(penalty, W)
    if b is None:
        return LossGrad(float(value), dW, None)
    return LossGrad(float(value + 0.5 * intercept_penalty * b @ b), dW, dS.sum(axis=0) + intercept_penalty * b)


def scores(W: Float, b: Float | None, X: Float) -> Float:
    """Return S = X W' + b, (n_samples, n_outputs)."""
    return X @ W.T if b is None else X @ W.T + b


def dense(X: Any) -> Float:
    """Return X as a float64 array, whatever its dtype; sparse matrices become dense ones.

    Examples
    --------
    >>> dense(np.array([[1, 2]], dtype=np.uint8))
    array([[1., 2.]])
    """
    return np.asarray(X.toarray() if hasattr(X, "toarray") else X, dtype=np.float64)


def find_loss(name: str) -> Any:
    """Return LOSSES[name], or say what there is."""
    if name not in LOSSES:
        raise ValueError(f"loss: expected one of {', '.join(map(repr, LOSSES))}, got {name!r}")
    return LOSSES[name]
