"""Labels as files have them, the codes that losses take, and the way back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from softmargin import _core
from softmargin.cli.errors import CliError
from softmargin.model_file import ClassName

Array = NDArray[Any]


def encode(y: Array, loss: str, class_names: Sequence[str] | None) -> tuple[Array, tuple[ClassName, ...] | None]:
    """The targets that `loss` takes, and what the classes are called (None for a regression).

    Classes become 0..k-1 in sorted order. `class_names` replace labels that are their positions.
    """
    if _core.registry()["losses"][loss]["target"] == "real":
        return _real(y), None
    labels = class_labels(y)
    values, codes = np.unique(labels, return_inverse=True)
    codes = codes.reshape(-1).astype(np.int64)
    if len(values) < 2:
        raise CliError(f"y: expected at least two classes, got only {values[0].item()!r}")
    if len(values) > 20 and 2 * len(values) > len(labels):
        raise CliError(
            f"y: expected class labels, got {len(values)} different values in {len(labels)} rows",
            f"for a regression give --loss {'|'.join(losses_for('real'))}",
        )
    classes: tuple[ClassName, ...] = tuple(named(values, class_names).tolist())
    return codes, classes


def encode_test(y: Array, classes: Sequence[ClassName] | None, class_names: Sequence[str] | None) -> Array:
    """The targets of a test set as those of the training: codes, -1 for a label that is none of `classes`, or numbers."""
    if classes is None:
        return _real(y, "y_test")
    return codes_of(named(class_labels(y, "y_test"), class_names), classes)


def class_labels(y: Array, name: str = "y") -> Array:
    """One label a row as int64 or text: whole floats are integers (libsvm text has no others), booleans are text."""
    if y.ndim != 1:
        raise CliError(f"{name}: expected one class label a row, got shape {y.shape}")
    if y.dtype.kind == "b":
        return np.where(y, "true", "false")
    if y.dtype.kind == "S":
        return np.char.decode(y, "utf-8", "replace")
    if y.dtype.kind == "U" or y.dtype.kind == "i":
        return y if y.dtype.kind == "U" else y.astype(np.int64, copy=False)
    if y.dtype.kind == "u":
        if len(y) and int(y.max()) > np.iinfo(np.int64).max:
            raise CliError(f"{name}: expected labels below 2**63, got {int(y.max())}")
        return y.astype(np.int64)
    if y.dtype.kind != "f":
        raise CliError(f"{name}: expected integers or text, got dtype {y.dtype}")
    odd = ~(np.isfinite(y) & (y == np.round(y)) & (np.abs(y.astype(np.float64)) < 2.0**53))
    if odd.any():
        row = int(odd.argmax())
        hint = f"for a regression give --loss {'|'.join(losses_for('real'))}"
        raise CliError(f"{name}: expected class labels, got {y[row]} in row {row + 1}", hint)
    return y.astype(np.int64)


def named(labels: Array, class_names: Sequence[str] | None) -> Array:
    """Labels that are positions in `class_names` as these names; all others as they are."""
    if class_names is None or labels.dtype.kind not in "iu" or not len(labels):
        return labels
    if labels.min() < 0 or labels.max() >= len(class_names) or len(set(class_names)) != len(class_names):
        return labels
    return np.array(class_names, dtype=np.str_)[labels]


def codes_of(y: Array, classes: Sequence[ClassName]) -> Array:
    """The class of each label of y among `classes`, (n_samples,) int64, -1 for labels that the model does not know."""
    values, inverse = np.unique(class_labels(y), return_inverse=True)
    code = {str(name): number for number, name in enumerate(classes)}
    known = np.array([code.get(str(value), -1) for value in values.tolist()], dtype=np.int64)
    return known[inverse.reshape(-1)]


def decide(scores: Array) -> Array:
    """The class that scores (n_samples, n_outputs) choose, as codes: the sign of one output, the largest of several."""
    return (scores[:, 0] > 0).astype(np.int64) if scores.shape[1] == 1 else scores.argmax(axis=1)


def probabilities(scores: Array, loss: str) -> Array:
    """Class probabilities (n_samples, n_classes) in float64: softmax, or logistic functions scaled to sum to 1.

    In logarithms until the end, so that no row is 0/0 however large its scores are.
    """
    scores = scores.astype(np.float64)
    if loss == "logistic":
        if scores.shape[1] == 1:
            scores = np.hstack([-scores, scores])
        scores = -np.logaddexp(0.0, -scores)
    elif loss != "softmax":
        raise CliError(
            f"--proba: expected a model trained with 'softmax' or 'logistic', got {loss!r}", "use --scores instead"
        )
    scores = np.exp(scores - scores.max(axis=1, keepdims=True))
    return np.asarray(scores / scores.sum(axis=1, keepdims=True))


def r_squared(y: Array, predicted: Array) -> float:
    """1 - residual over total sum of squares, averaged over outputs; a constant target counts 1 if met, else 0."""
    y = y.astype(np.float64).reshape(len(y), -1)
    residual = np.square(y - predicted.reshape(y.shape)).sum(axis=0)
    total = np.square(y - y.mean(axis=0)).sum(axis=0)
    met = np.where(residual == 0, 1.0, 0.0)
    return float(np.mean(np.divide(total - residual, total, out=met, where=total > 0)))


def losses_for(kind: str) -> tuple[str, ...]:
    """The losses whose targets are "classes", "signs" or "real"."""
    return tuple(name for name, facts in _core.registry()["losses"].items() if facts["target"] == kind)


def _real(y: Array, name: str = "y") -> Array:
    if y.dtype.kind not in "fiub":
        raise CliError(
            f"{name}: expected real targets, got dtype {y.dtype}", f"for classes give --loss {losses_for('classes')[0]}"
        )
    bad = ~np.isfinite(y)
    if bad.any():
        row = int(bad.reshape(len(y), -1).any(axis=1).argmax())
        raise CliError(f"{name}: expected finite numbers, got {y[row]} in row {row + 1}")
    return np.ascontiguousarray(y, dtype=np.float64)
