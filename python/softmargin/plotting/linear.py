"""What the displays read from a linear model, whoever fitted it: weights, intercept, classes and names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from softmargin._validation import describe


@dataclass(frozen=True)
class Linear:
    """A linear model as the displays see it.

    Attributes
    ----------
    W : ndarray (n_outputs, n_features), float64
    intercept : ndarray (n_outputs,), float64
        Zeros for a model without one.
    classes : ndarray (n_classes,) or None
        None for regression, and where the model does not know them.
    feature_names : tuple of str or None
        None where the features have no names but their positions.
    """

    W: NDArray[np.float64]
    intercept: NDArray[np.float64]
    classes: NDArray[Any] | None
    feature_names: tuple[str, ...] | None

    @property
    def titles(self) -> tuple[str, ...]:
        """What each row of W speaks for."""
        k = len(self.W)
        if self.classes is not None and len(self.classes) == k:
            return tuple(str(label) for label in self.classes)
        if self.classes is not None and k == 1 and len(self.classes) == 2:
            return (f"{self.classes[1]}, not {self.classes[0]}",)
        return ("",) if k == 1 else tuple(str(number) for number in range(k))


def read_linear(estimator: Any) -> Linear:
    """Return the linear part of a fitted model, a pipeline's or a search's; results of `fit` and `solve` too.

    Raises
    ------
    TypeError
        ``estimator: expected a fitted linear model, which has coef_ or W, got a RandomForestClassifier; ...``
    sklearn.exceptions.NotFittedError
        scikit-learn's own, of an estimator that is not fitted.
    """
    model = last_step(estimator)
    coef = getattr(model, "coef_", getattr(model, "W", None))
    if coef is None:
        raise_not_linear(model)
    intercept = getattr(model, "intercept_", getattr(model, "intercept", None))
    W = _two_dimensional(coef)
    b = np.zeros(len(W)) if intercept is None else np.broadcast_to(np.asarray(intercept, np.float64).ravel(), len(W))
    classes = getattr(model, "classes_", None)
    return Linear(
        W, b, None if classes is None or isinstance(classes, list) else np.asarray(classes), names_of(estimator)
    )


def last_step(estimator: Any) -> Any:
    """Return the model at the end of a pipeline, and the best one of a search; any other object is returned as it is."""
    while True:
        if hasattr(estimator, "best_estimator_"):
            estimator = estimator.best_estimator_
        elif hasattr(estimator, "named_steps"):
            estimator = estimator[-1]
        else:
            return estimator


def before_last_step(estimator: Any) -> Any | None:
    """Return the pipeline of all steps but the last, or None where there is none."""
    estimator = getattr(estimator, "best_estimator_", estimator)
    return estimator[:-1] if hasattr(estimator, "named_steps") and len(estimator) > 1 else None


def names_of(estimator: Any) -> tuple[str, ...] | None:
    """Return the names of the features that the linear model sees, or None where they are but positions."""
    before = before_last_step(estimator)
    if before is None:
        names = getattr(last_step(estimator), "feature_names_in_", None)
    else:
        try:
            names = before.get_feature_names_out()
        except (AttributeError, ValueError):  # a step that makes no names, or needs those of X, which had none
            names = None
    return None if names is None or _positions(names) else tuple(str(name) for name in names)


def _positions(names: Sequence[str]) -> bool:
    """Whether names only count: x0, x1, ... as scikit-learn fills in, or pixel_0_1, pixel17 of its image data sets."""
    return all(str(name) == f"x{number}" or str(name).startswith("pixel") for number, name in enumerate(names))


def _two_dimensional(coef: Any) -> NDArray[np.float64]:
    dense = np.asarray(coef.toarray() if hasattr(coef, "toarray") else coef, dtype=np.float64)  # sparsify() makes CSR
    return dense.reshape(1, -1) if dense.ndim == 1 else dense


def raise_not_linear(model: Any) -> None:
    """Say what is wrong with a model that has no weights: not fitted, or not linear."""
    if hasattr(model, "fit"):
        from sklearn.utils.validation import check_is_fitted

        check_is_fitted(model)
    message = (
        f"estimator: expected a fitted linear model, which has coef_ or W, got {describe(model)}; "
        "pipelines and searches may end in one"
    )
    raise TypeError(message)
