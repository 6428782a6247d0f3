"""What every linear estimator does once it is fitted: scores, labels, and what scikit-learn asks about it."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.validation import check_is_fitted

from softmargin import _core
from softmargin._validation import as_intercept, as_threads, as_weights

from .inputs import check_scores, read_X, sklearn_words


class LinearEstimator(BaseEstimator):  # type: ignore[misc]
    """A model with ``coef_`` (n_outputs, n_features) or (n_features,) and ``intercept_``, in the units of X."""

    num_threads: int | None = None

    def _scores(self, X: Any) -> npt.NDArray[Any]:
        """Return X coef_' + intercept_ (n_samples, n_outputs), in float64 where X or coef_ is, else in float32."""
        check_is_fitted(self)
        matrix = read_X(self, X, reset=False)
        dtype = np.result_type(self.coef_.dtype, matrix.weight_dtype)
        W = as_weights("coef_", np.atleast_2d(self._dense_coef()).astype(dtype, copy=False), matrix.n_features)
        b = as_intercept("intercept_", np.broadcast_to(self.intercept_, len(W)), len(W), dtype)
        with sklearn_words():
            scores = _core.scores(W, b, matrix.core, as_threads(self.num_threads))
            check_scores(scores, matrix)
        return scores

    def _dense_coef(self) -> npt.NDArray[Any]:
        coef = self.coef_
        return coef.toarray() if hasattr(coef, "toarray") else coef

    def densify(self) -> Any:
        """Make ``coef_`` a dense array again, as it is after ``fit``.

        Returns
        -------
        self
        """
        check_is_fitted(self)
        self.coef_ = self._dense_coef()
        return self

    def sparsify(self) -> Any:
        """Make ``coef_`` a sparse CSR matrix, which takes less memory and is faster to store where most of it is 0.

        Returns
        -------
        self
        """
        from scipy.sparse import csr_matrix

        check_is_fitted(self)
        self.coef_ = csr_matrix(self.coef_)
        return self

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags


class LinearClassifierBase(ClassifierMixin, LinearEstimator):  # type: ignore[misc]
    """A linear model whose scores decide between ``classes_``."""

    classes_: npt.NDArray[Any]

    def decision_function(self, X: Any) -> npt.NDArray[Any]:
        """Return the scores: how much speaks for each class.

        Parameters
        ----------
        X : array_like or sparse (n_samples, n_features)

        Returns
        -------
        ndarray (n_samples,) or (n_samples, n_classes)
            With two classes one score, above 0 for ``classes_[1]``. In float64 where X or ``coef_`` is, else in float32.

        Raises
        ------
        ValueError
            ``X has 3 features, but LinearClassifier is expecting 4 features as input.``
        """
        scores = self._scores(X)
        return scores[:, 0] if scores.shape[1] == 1 else scores

    def predict(self, X: Any) -> npt.NDArray[Any]:
        """Return the class of the highest score of each sample.

        Parameters
        ----------
        X : array_like or sparse (n_samples, n_features)

        Returns
        -------
        ndarray (n_samples,)
            Of the kind of the labels in ``fit``.
        """
        scores = self.decision_function(X)
        codes = (scores > 0).astype(np.intp) if scores.ndim == 1 else scores.argmax(axis=1)
        return np.asarray(np.take(self.classes_, codes, axis=0))
