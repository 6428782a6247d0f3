"""Probabilities of classes: what a loss says by itself, and what is fitted to the scores of held-out rows."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import expit, log_expit, log_softmax, softmax

from softmargin import _core
from softmargin._validation import Matrix

Float = npt.NDArray[np.float64]

# The losses whose scores are log-odds: what softmax and logistic estimate.
PROBABILITIES = ("softmax", "logistic")

# For the temperature: Newton's method takes a few steps, bisection 50 for all bits; scores that are no use end at factor 0.
NEWTON_STEPS = 100
LARGEST_FACTOR = 1e6


def normalized(scores: Float, loss: str, *, multilabel: bool = False, log: bool = False) -> Float:
    """Return the probabilities (n_samples, n_classes) that belong to the scores (n_samples, n_outputs) of a loss, or their logarithms.

    Logarithms are finite where a probability is too small for a float, but for several classes one-versus-rest.

    Examples
    --------
    >>> normalized(np.zeros((1, 1)), "logistic")
    array([[0.5, 0.5]])
    >>> normalized(np.array([[1000.0]]), "logistic", log=True)
    array([[-1000.,    -0.]])
    """
    each, together = (log_expit, log_softmax) if log else (expit, softmax)
    if multilabel:
        return np.asarray(each(scores))
    if scores.shape[1] == 1:
        return np.asarray(each(np.hstack([-scores, scores])))
    if loss == "softmax":
        return np.asarray(together(scores, axis=1))
    p = np.asarray(expit(scores))
    total = p.sum(axis=1, keepdims=True)
    p = np.divide(p, total, out=np.full_like(p, 1.0 / p.shape[1]), where=total > 0)
    with np.errstate(divide="ignore"):
        return np.asarray(np.log(p)) if log else p


def calibrated(X: Matrix, W: npt.NDArray[Any], b: npt.NDArray[Any] | None, y: npt.NDArray[Any], weight: Float) -> Float:
    """Return the factor, one over the temperature, that makes log-odds of the scores of rows which the model has not seen.

    (1,), one for all scores; with several labels a sample (n_outputs,), one for each. The class of the highest score stays the
    likeliest. Source: Guo, Pleiss, Sun and Weinberger, On Calibration of Modern Neural Networks, ICML 2017.

    Parameters
    ----------
    X : Matrix (n_samples, n_features)
    W, b : ndarray (n_outputs, n_features) and (n_outputs,) or None
    y : ndarray
        Signs (n_samples,) or (n_samples, n_outputs), or numbers of classes (n_samples,) for several outputs.
    weight : ndarray (n_samples,)
    """
    intercept = None if b is None else b.astype(np.float64)
    scores = _core.scores(np.ascontiguousarray(W, dtype=np.float64), intercept, X.core)
    if not weight.any():
        weight = np.ones_like(weight)
    if y.ndim == 1 and scores.shape[1] > 1:
        return np.array([factor_of(scores, y, weight)])
    positive = y.reshape(len(y), -1) > 0
    pairs = [np.column_stack([np.zeros(len(y)), s]) for s in scores.T]
    return np.array([factor_of(S, t.astype(np.intp), weight) for S, t in zip(pairs, positive.T, strict=True)])


def factor_of(scores: Float, y: npt.NDArray[np.intp], weight: Float) -> float:
    """Return the factor of the scores with the least log loss of their softmax: convex in it, found by Newton's method.

    Targets are smoothed as if one row more, of all classes alike, were spread over the rows, so that rows which are all decided
    rightly do not ask for an infinite factor (as Platt, 1999, does for two classes).

    Examples
    --------
    >>> scores, y = np.array([[2.0, 0.0], [2.0, 0.0], [2.0, 0.0], [2.0, 0.0]]), np.array([0, 0, 0, 1])
    >>> p = (3 * 0.9 + 0.1) / 4          # the mean target of class 0
    >>> bool(np.isclose(factor_of(scores, y, np.ones(4)), np.log(p / (1 - p)) / 2))
    True
    """
    n, k = scores.shape
    total = weight.sum()
    S = scores - scores.max(axis=1, keepdims=True)
    scale = np.abs(S).mean() or 1.0
    S = S / scale
    T = np.full((n, k), 1 / (k * (total + 1)))
    T[np.arange(n), y] += total / (total + 1)
    wanted = (T * S).sum(axis=1)
    factor, low, high = 1.0, 0.0, LARGEST_FACTOR
    for _ in range(NEWTON_STEPS):
        P = softmax(factor * S, axis=1)
        mean = (P * S).sum(axis=1)
        slope = (weight * (mean - wanted)).sum()
        curvature = (weight * ((P * S**2).sum(axis=1) - mean**2)).sum()
        low, high = (factor, high) if slope < 0 else (low, factor)
        following = factor - slope / curvature if curvature > 0 else np.inf
        if not low < following < high:
            following = 0.5 * (low + min(high, 4 * factor))
        if abs(following - factor) <= 1e-12 * factor:
            break
        factor = following
    return float(factor / scale)
