"""Loss and score on a validation set, once an epoch."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from softmargin import _core
from softmargin._validation import describe, read_matrix
from softmargin.model import check_n_features
from softmargin.objective import Data, read_data


class Validation:
    """A checked validation set of a run; no copy of X_val is made."""

    def __init__(self, validation: Any, train: Data, num_threads: int, **loss_options: Any) -> None:
        """Check (X_val, y_val), or (X_val, y_val, sample_weight), against the training set."""
        if not isinstance(validation, tuple | list) or len(validation) not in (2, 3):
            raise TypeError(f"validation: expected a pair (X_val, y_val), got {describe(validation)}")
        X, y, weight = (*validation, None)[:3]
        matrix = read_matrix(X, "validation[0]")
        check_n_features("validation[0]", matrix.n_features, train.matrix.n_features)
        try:
            self.data = read_data(
                matrix, y, n_outputs=train.n_outputs, dtype=train.dtype, sample_weight=weight, **loss_options
            )
        except (TypeError, ValueError) as error:
            raise type(error)(_renamed(error)) from None
        self.num_threads = num_threads

    def evaluate(self, W: npt.NDArray[Any], b: npt.NDArray[Any] | None) -> tuple[float, float]:
        """Return the mean loss, weighted, without the penalty, and the score, which is not weighted.

        Raises
        ------
        FloatingPointError
            ``scores of the validation set overflow`` where they do.
        """
        try:
            loss, _, _ = self.data.problem.loss_and_grad(W, b, gradient=False, num_threads=self.num_threads)
        except ValueError as error:  # X_val is looked at here for the first time
            if str(error).startswith("W:"):
                raise FloatingPointError("scores of the validation set overflow") from None
            raise ValueError(_renamed(error)) from None
        scores = _core.scores(W, b, self.data.matrix.core, self.num_threads)
        return loss, score(self.data.kind, scores, self.data.targets)


def score(kind: str, scores: npt.NDArray[Any], targets: npt.NDArray[Any]) -> float:
    """Return accuracy for classes and signs, R^2 for real targets.

    Of signs with several outputs that are not labels, the accuracy counts every output of every sample. R^2 is the mean over
    the outputs of 1 - sum (s - y)^2 / sum (y - mean y)^2, and of a constant output 1 if it is met exactly, else 0.

    Examples
    --------
    >>> score("classes", np.array([[0.0, 1.0], [3.0, 2.0]]), np.array([1, 1]))
    0.5
    >>> score("real", np.array([[1.0], [3.0]]), np.array([[0.0], [4.0]]))
    0.75
    """
    if kind == "real":
        y = targets.astype(np.float64)
        left = ((scores - y) ** 2).sum(axis=0)
        total = ((y - y.mean(axis=0)) ** 2).sum(axis=0)
        ratio = np.divide(left, total, out=(left > 0).astype(np.float64), where=total > 0)
        return float(np.mean(1 - ratio))
    if targets.ndim == 1:
        return float(np.mean(scores.argmax(axis=1) == targets))
    if kind == "classes":
        return float(np.mean(scores.argmax(axis=1) == targets.argmax(axis=1)))
    return float(np.mean((scores > 0) == (targets > 0)))


def _renamed(error: Exception) -> str:
    """The message with the user's name of the argument."""
    text = str(error)
    for name, given in (("X", "validation[0]"), ("y", "validation[1]"), ("sample_weight", "validation[2]")):
        if text.startswith((f"{name}:", f"{name}.")):
            return given + text[len(name) :]
    return text
