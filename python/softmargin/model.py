"""What every trained linear model can do, whoever trained it: give scores."""

from __future__ import annotations

from typing import Any

import numpy.typing as npt

from softmargin import _core
from softmargin._validation import as_threads, read_matrix


class LinearModel:
    """A model with W (n_outputs, n_features) and an intercept (n_outputs,) or None, in the units of X."""

    W: npt.NDArray[Any]
    intercept: npt.NDArray[Any] | None

    def predict_scores(self, X: Any, *, num_threads: int | None = None) -> npt.NDArray[Any]:
        """Return the scores S = X W' + b.

        Parameters
        ----------
        X : array_like or sparse (n_samples, n_features)
        num_threads : int, optional

        Returns
        -------
        ndarray (n_samples, n_outputs)
            In W's dtype. For classes ``argmax(axis=1)`` is the predicted label, for signs it is the sign.

        Raises
        ------
        ValueError
            ``X: expected 64 features as W has, got 63``
        """
        matrix = read_matrix(X)
        check_n_features("X", matrix.n_features, self.W.shape[1])
        return _core.scores(self.W, self.intercept, matrix.core, as_threads(num_threads))


def check_n_features(argument: str, n_features: int, expected: int) -> None:
    """Raise ValueError unless X has as many features as W."""
    if n_features != expected:
        raise ValueError(f"{argument}: expected {expected} features as W has, got {n_features}")
