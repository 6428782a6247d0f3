"""What y and the weights of samples and classes become: class numbers and one weight for each sample."""

from __future__ import annotations

import numbers
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import _check_sample_weight, _check_y, check_consistent_length, check_non_negative

# Widest range of integer labels for which a table of all of them is made, in proportion to the samples.
TABLE_A_SAMPLE = 4


def encode(y: Any, *, X: Any = None, estimator: Any = None) -> tuple[npt.NDArray[Any], npt.NDArray[np.int64]]:
    """Return the classes, sorted, and the number of each sample's class.

    Parameters
    ----------
    y : array_like (n_samples,)
        Labels of any kind that has an order; a column (n_samples, 1) with scikit-learn's DataConversionWarning.
    X : Any, optional
        What has to have as many samples.
    estimator : estimator, optional
        Named in errors.

    Returns
    -------
    classes : ndarray (n_classes,)
        In y's dtype.
    codes : ndarray (n_samples,) of int64
        ``classes[codes]`` is y.

    Raises
    ------
    ValueError
        scikit-learn's: ``Unknown label type: continuous. Maybe you are trying to fit a classifier, ...`` and the like.

    Examples
    --------
    >>> encode(["b", "a", "b"])
    (array(['a', 'b'], dtype='<U1'), array([1, 0, 1]))
    >>> encode([7, -2, 7])
    (array([-2,  7]), array([1, 0, 1]))
    """
    if y is None:
        raise ValueError(
            f"This {type(estimator).__name__} estimator requires y to be passed, but the target y is None."
        )
    labels = _check_y(y, multi_output=False, y_numeric=False, estimator=estimator)
    if X is not None:
        check_consistent_length(X, labels)
    check_classification_targets(labels)
    if labels.dtype.kind in "iu" and len(labels):
        low, high = int(labels.min()), int(labels.max())
        if high - low <= TABLE_A_SAMPLE * len(labels):
            return _by_table(labels, low, high)
    classes, codes = np.unique(labels, return_inverse=True)
    return classes, codes.astype(np.int64, copy=False)


def _by_table(labels: npt.NDArray[Any], low: int, high: int) -> tuple[npt.NDArray[Any], npt.NDArray[np.int64]]:
    """The same for integers low..high, without sorting them."""
    offsets = labels.astype(np.int64) - low
    present = np.bincount(offsets, minlength=high - low + 1) > 0
    numbers_of = np.cumsum(present) - 1
    return (np.flatnonzero(present) + low).astype(labels.dtype), numbers_of[offsets]


def check_weights(sample_weight: Any, n_samples: int) -> npt.NDArray[np.float64] | None:
    """Return the weights of the samples as float64 (n_samples,), a number as that many of it; None if there are none.

    Raises
    ------
    ValueError
        scikit-learn's: ``sample_weight.shape == (2,), expected (3,)!``, ``Sample weights must contain at least one non-zero
        number.``, ``Negative values in data passed to `sample_weight`.``

    Examples
    --------
    >>> check_weights([1, 2], 2)
    array([1., 2.])
    """
    if sample_weight is None:
        return None
    weights: npt.NDArray[np.float64] = _check_sample_weight(sample_weight, np.empty(n_samples), dtype=np.float64)
    check_non_negative(weights, "`sample_weight`")
    if not weights.any():
        raise ValueError("Sample weights must contain at least one non-zero number.")
    return weights


def class_weights(
    class_weight: Any,
    classes: npt.NDArray[Any],
    codes: npt.NDArray[np.int64],
    sample_weight: npt.NDArray[np.float64] | None = None,
) -> npt.NDArray[np.float64]:
    """Return the weight of each class.

    "balanced" is ``sum(w) / (n_classes * w_of_the_class)`` with w the weights of the samples.

    Parameters
    ----------
    class_weight : {"balanced"}, dict or None
        A dict gives the weight by label, 1 where it has none.
    classes : ndarray (n_classes,)
    codes : ndarray (n_samples,)
        As `encode` returns them.
    sample_weight : ndarray (n_samples,), optional

    Returns
    -------
    ndarray (n_classes,)

    Raises
    ------
    ValueError
        scikit-learn's: ``The classes, [0], are not in class_weight``; ``class_weight: expected a dict, 'balanced' or None, got 'auto'``

    Examples
    --------
    >>> class_weights("balanced", np.array([0, 1]), np.array([0, 0, 0, 1]))
    array([0.66666667, 2.        ])
    """
    weights = np.ones(len(classes))
    if class_weight is None:
        return weights
    if isinstance(class_weight, Mapping):
        missing = [label for label in classes.tolist() if label not in class_weight]
        if missing and len(classes) - len(missing) != len(class_weight):
            raise ValueError(f"The classes, {missing}, are not in class_weight")
        for number, label in enumerate(classes.tolist()):
            weight = class_weight.get(label, 1.0)
            if not isinstance(weight, numbers.Real) or not 0 <= float(weight) < np.inf:
                raise ValueError(f"class_weight: expected finite weights of at least 0, got {weight!r} for {label!r}")
            weights[number] = weight
        return weights
    if not isinstance(class_weight, str) or class_weight != "balanced":
        raise ValueError(f"class_weight: expected a dict, 'balanced' or None, got {class_weight!r}")
    totals = np.bincount(codes, weights=sample_weight, minlength=len(classes))
    # A class whose samples all weigh nothing has no weight to balance.
    np.divide(totals.sum(), len(classes) * totals, out=weights, where=totals > 0)
    return weights


def weights_of(
    class_weight: Any,
    classes: npt.NDArray[Any],
    codes: npt.NDArray[np.int64],
    sample_weight: Any = None,
) -> npt.NDArray[np.float64] | None:
    """Return the weight of each sample times that of its class, or None where all are 1 for want of either.

    Parameters and errors are those of `class_weights` and `check_weights`.

    Examples
    --------
    >>> weights_of({"spam": 3}, np.array(["ham", "spam"]), np.array([0, 1]), [1, 2])
    array([1., 6.])
    """
    weights = check_weights(sample_weight, len(codes))
    if class_weight is None:
        return weights
    of_class = class_weights(class_weight, classes, codes, weights)[codes]
    return of_class if weights is None else weights * of_class
