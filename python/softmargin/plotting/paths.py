"""The path that an optimiser took: W and intercept after every epoch, as points of one space."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from softmargin._validation import describe

from .linear import Linear, read_linear

Objective = Callable[[NDArray[np.float64], NDArray[np.float64]], float]


def flatten(W: NDArray[np.float64], intercept: NDArray[np.float64]) -> NDArray[np.float64]:
    """(k, d) and (k,) -> (k d + k,)."""
    return np.concatenate([W.ravel(), intercept])


def unflatten(point: NDArray[np.float64], k: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(k d + k,) -> (k, d) and (k,)."""
    return point[:-k].reshape(k, -1), point[-k:]


def read_paths(path: Any, model: Linear) -> dict[str, NDArray[np.float64]]:
    """Return the points (n_points, n_parameters) of each path, by label.

    Raises
    ------
    TypeError
        ``path: expected pairs (W, intercept) or models, got 3 (int)``
    ValueError
        ``path: expected points of W (1, 2) and intercept (1,) as the model has, got (1, 3)``
    """
    by_label = path if isinstance(path, Mapping) else {"": path}
    paths = {str(label): [_point(item, model) for item in items] for label, items in by_label.items()}
    for label, points in paths.items():
        if len(points) < 2:
            raise ValueError(
                f"path: expected at least two points{f' of {label!r}' if label else ''}, got {len(points)}"
            )
    if not paths:
        raise ValueError("path: expected at least one path, got an empty mapping")
    return {label: np.array(points) for label, points in paths.items()}


def record_path(estimator: Any, X: Any, y: Any) -> list[tuple[NDArray[Any], NDArray[Any]]]:
    """Fit a clone of the estimator and return where it was: at its start, then after every epoch, or step of the exact solver.

    Raises
    ------
    ValueError
        ``path: expected an estimator with a parameter callbacks, got a LogisticRegression; give the points themselves``
    """
    from sklearn.base import clone
    from sklearn.exceptions import ConvergenceWarning

    if not hasattr(estimator, "get_params") or "callbacks" not in estimator.get_params():
        message = (
            f"path: expected an estimator with a parameter callbacks, got {describe(estimator)}; "
            "give the points themselves, pairs (W, intercept)"
        )
        raise ValueError(message)
    points: list[tuple[Any, Any]] = []
    exact = False

    def record(info: Any) -> None:
        nonlocal exact
        exact = hasattr(info, "n_passes")
        points.append((info.W, info.intercept))

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # the fit of the estimator itself has told
        clone(estimator).set_params(callbacks=[record]).fit(X, y)
    if exact or not points:
        return points  # the solver's first look is at its start
    W, intercept = points[0]
    return [(np.zeros_like(W), None if intercept is None else np.zeros_like(intercept)), *points]


def _point(item: Any, model: Linear) -> NDArray[np.float64]:
    if isinstance(item, tuple) and len(item) == 2:
        W = np.asarray(item[0], dtype=np.float64)
        W = W.reshape(1, -1) if W.ndim == 1 else W
        b = np.zeros(len(W)) if item[1] is None else np.asarray(item[1], dtype=np.float64).ravel()
    elif hasattr(item, "coef_") or hasattr(item, "W"):
        read = read_linear(item)
        W, b = read.W, read.intercept
    else:
        raise TypeError(f"path: expected pairs (W, intercept) or models, got {describe(item)}")
    if W.shape != model.W.shape or b.shape != model.intercept.shape:
        message = f"path: expected points of W {model.W.shape} and intercept {model.intercept.shape} as the model has"
        raise ValueError(f"{message}, got {W.shape} and {b.shape}")
    return flatten(W, b)
