"""What y may look like: labels, distributions, signs, one-versus-rest labels and real targets, as one array a kind."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Float = npt.NDArray[np.float64]
Int = npt.NDArray[np.int64]


def class_labels(y: npt.ArrayLike, n_outputs: int) -> Int:
    """Return y as integers, after checking that each is a class 0..n_outputs-1.

    Examples
    --------
    >>> class_labels([2, 0], 3)
    array([2, 0])
    """
    labels = np.asarray(y)
    if labels.ndim != 1:
        raise ValueError(f"y: expected one label for each sample, shape (n_samples,), got shape {labels.shape}")
    if np.any(labels != np.floor(labels)) or np.any(labels < 0) or np.any(labels >= n_outputs):
        bad = labels[(labels != np.floor(labels)) | (labels < 0) | (labels >= n_outputs)][0]
        raise ValueError(f"y: expected labels 0..{n_outputs - 1}, got {bad}")
    return labels.astype(np.int64)


def distributions(y: npt.ArrayLike, n_outputs: int) -> Float:
    """Return y as rows of probabilities: as they are, or a one at the label.

    Examples
    --------
    >>> distributions([1], 3)
    array([[0., 1., 0.]])
    """
    t = np.asarray(y, dtype=np.float64)
    if t.ndim == 1:
        return np.eye(n_outputs)[class_labels(y, n_outputs)]
    if t.shape[1] != n_outputs:
        raise ValueError(f"y: expected labels or shape (n_samples, {n_outputs}), got shape {t.shape}")
    return t


def signs(y: npt.ArrayLike, n_outputs: int) -> Float:
    """Return y as +1 and -1, shape (n_samples, n_outputs): as they are, or one-versus-rest of labels 0..k-1.

    Examples
    --------
    >>> signs([0, 2], 3)
    array([[ 1., -1., -1.],
           [-1., -1.,  1.]])
    """
    t = np.asarray(y, dtype=np.float64)
    if t.ndim == 1 and n_outputs > 1:
        return 2.0 * np.eye(n_outputs)[class_labels(y, n_outputs)] - 1.0
    t = real(y, n_outputs)
    if np.any(np.abs(t) != 1.0):
        raise ValueError(
            f"y: expected -1 or +1, got {t[np.abs(t) != 1.0][0]:g}; labels 0 and 1 become signs by 2 * y - 1"
        )
    return t


def real(y: npt.ArrayLike, n_outputs: int) -> Float:
    """Return y as numbers, shape (n_samples, n_outputs); (n_samples,) is one output.

    Examples
    --------
    >>> real([0.5, 2.0], 1)
    array([[0.5],
           [2. ]])
    """
    t = np.asarray(y, dtype=np.float64)
    if t.ndim == 1:
        t = t[:, None]
    if t.shape[1:] != (n_outputs,):
        raise ValueError(f"y: expected shape (n_samples, {n_outputs}), got shape {np.shape(y)}")
    return t


def count_outputs(y: npt.ArrayLike, target: str) -> int:
    """Return how many outputs y asks for where no W says it: its columns, else max(y) + 1 classes, at least 2.

    A loss of signs has one output for y of -1 and +1, a loss of real targets for any y of one dimension.

    Examples
    --------
    >>> count_outputs([0, 2, 1], "classes"), count_outputs([-1, 1], "signs"), count_outputs([0.5, 2.0], "real")
    (3, 1, 1)
    """
    values: npt.NDArray[Any] = np.asarray(y)
    if values.ndim == 2:
        return int(values.shape[1])
    if target == "real" or (target == "signs" and np.all(np.abs(values) == 1)):
        return 1
    return max(int(values.max()) + 1, 2)
