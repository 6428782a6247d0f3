"""A grid over two features, and what a model answers there."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from softmargin._validation import describe

from .linear import Linear

_MARGIN = 0.08  # of the samples' extent, on each side


def grid_around(X: NDArray[np.float64], n: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return n x n points, as `numpy.meshgrid` does, around samples (n_samples, 2)."""
    low, high = X.min(axis=0), X.max(axis=0)
    margin = _MARGIN * np.where(high > low, high - low, 1.0)
    axes = np.linspace(low - margin, high + margin, n)
    xx0, xx1 = np.meshgrid(*axes.T)
    return xx0, xx1


def response_on(estimator: Any, X: Any, xx0: NDArray[np.float64], xx1: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return scores, or predictions of a regression: (n, n) of one output, (n, n, k) of several.

    The model is given the grid in a table like X, so that it finds the names it knows.
    """
    points: Any = np.column_stack([xx0.ravel(), xx1.ravel()])
    names = column_names(X)
    if names is not None:
        table = getattr(type(X), "from_pydict", type(X))  # pyarrow's, or the class of pandas and polars
        points = table(dict(zip(names, points.T, strict=True)))
    for method in ("predict_scores", "decision_function", "predict"):
        if hasattr(estimator, method):
            answer = np.asarray(getattr(estimator, method)(points), dtype=np.float64)
            break
    else:
        raise TypeError(f"estimator: expected a decision_function or predict, got {describe(estimator)}")
    outputs = answer.reshape(len(answer), -1)
    return outputs.reshape(*xx0.shape, *(() if outputs.shape[1] == 1 else outputs.shape[1:]))


def classes_of(
    estimator: Any, model: Linear, response: NDArray[np.float64], y: NDArray[Any] | None
) -> NDArray[Any] | None:
    """Return the classes that a response decides between, None for a regression.

    A result of `fit` or `solve` knows no labels: they are those of y.
    """
    if model.classes is not None:
        return model.classes
    if hasattr(estimator, "__sklearn_tags__") and estimator.__sklearn_tags__().estimator_type == "regressor":
        return None
    k = 2 if response.ndim == 2 else response.shape[2]
    if y is None:
        return np.arange(k)
    if y.dtype.kind == "f" and not np.array_equal(y, np.round(y)):
        return None
    labels = np.unique(y)
    if len(labels) > k:
        raise ValueError(f"y: expected at most {k} labels, as the model has outputs, got {len(labels)}")
    return labels if len(labels) == k else np.arange(k)


def names_of_columns(estimator: Any, X: Any) -> tuple[str, str] | None:
    """Return the names of the two features, or None."""
    names = column_names(X)
    if names is None:
        names = getattr(estimator, "feature_names_in_", None)
    return None if names is None else (str(names[0]), str(names[1]))


def column_names(X: Any) -> list[Any] | None:
    """Return the names of a table's columns, None of an array."""
    names = getattr(X, "column_names", getattr(X, "columns", None))  # a pyarrow table's `columns` are the data
    return None if names is None else list(names)
