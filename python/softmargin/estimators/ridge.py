"""`RidgeClassifier`: scikit-learn's class with `softmargin.solve` inside."""

from __future__ import annotations

from numbers import Integral, Real
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
from scipy.sparse import issparse
from sklearn.base import _fit_context
from sklearn.preprocessing import LabelBinarizer
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.class_weight import compute_sample_weight
from sklearn.utils.validation import _check_y, check_consistent_length, check_is_fitted, column_or_1d

from softmargin._validation import Matrix

from .base import LinearClassifierBase
from .inputs import read_X
from .labels import check_weights
from .optimum import Float, Optimum, Task, warn_unless_converged

SOLVERS = {"auto", "svd", "cholesky", "lsqr", "sparse_cg", "sag", "saga", "lbfgs"}

# Steps where max_iter=None; a square is done in a few, and only features in the tens of thousands take more than a hundred.
MAX_ITER = 1000


class RidgeClassifier(LinearClassifierBase):
    """Least squares on labels as -1 and +1 with an l2 penalty: scikit-learn's class, solved to a certified optimum.

    Minimises ``sum_i w_i (W x_i + b - t_i)^2 + alpha ||W||^2``, one row of W for each class but a single one of two classes, or for
    each label of several at a time. Parameters, defaults, attributes and errors are those of scikit-learn 1.9, whichever version
    is installed.

    Parameters
    ----------
    alpha : float or array_like (n_outputs,), default 1.0
        Strength of the penalty, at least 0; an array has one for each row of W.
    fit_intercept : bool, default True
    copy_X : bool, default True
        X is neither copied nor overwritten, whatever this says.
    max_iter : int, default None
        Steps; a step is one pass over X or little more. None is 1000.
    tol : float, default 1e-4
        The fit goes on to a relative gap of ``(tol / 10)**2``, certified; it is said not to have converged where neither the gap nor the
        largest entry of the gradient is at most `tol`.
    class_weight : dict, "balanced" or None, default None
    solver : {"auto", "svd", "cholesky", "lsqr", "sparse_cg", "sag", "saga"}, default "auto"
        All give the same optimum here, by the method that suits the problem.
    positive : bool, default False
        True is an error: there are no bounds on coefficients here.
    random_state : int, RandomState or None, default None
        Nothing depends on chance here.

    Attributes
    ----------
    classes_ : ndarray (n_classes,)
    coef_ : ndarray (n_features,) or (n_outputs, n_features)
        float64.
    intercept_ : ndarray (1,) or (n_outputs,)
    n_iter_ : ndarray (n_outputs,)
    solver_ : str
        As `solver` was given.
    n_features_in_ : int
    feature_names_in_ : ndarray (n_features_in_,)
        Where X has names that are strings.
    gap_ : float
        The objective is at most this far above its optimum, relative to it, proven; the largest of several, NaN for ``alpha=0``.
    history_ : tuple of SolveRecord
        Objective, passes over X and seconds at every step.

    Notes
    -----
    What differs from scikit-learn: every solver's name gives the optimum, with a certificate; X is read as it is, dense or sparse with
    any name, and not centred in a copy; ``n_iter_`` is told for every name; ``positive=True``, and with it "lbfgs", is refused. With
    ``alpha=0`` and more features than samples many W are optimal; it need not be the shortest one that is found.

    In the words of :func:`softmargin.solve` the loss is ``mse``, and its alpha is ``2 * alpha / sum of the weights``.

    Examples
    --------
    >>> from sklearn.datasets import load_breast_cancer
    >>> from softmargin.linear_model import RidgeClassifier
    >>> X, y = load_breast_cancer(return_X_y=True)
    >>> clf = RidgeClassifier().fit(X, y)
    >>> round(clf.score(X, y), 3), clf.gap_ <= 1e-10
    (0.96, True)
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "alpha": [Interval(Real, 0, None, closed="left"), "array-like"],
        "fit_intercept": ["boolean"],
        "copy_X": ["boolean"],
        "max_iter": [Interval(Integral, 1, None, closed="left"), None],
        "tol": [Interval(Real, 0, None, closed="left")],
        "solver": [StrOptions(SOLVERS)],
        "positive": ["boolean"],
        "random_state": ["random_state"],
        "class_weight": [dict, StrOptions({"balanced"}), None],
    }

    def __init__(
        self,
        alpha: Any = 1.0,
        *,
        fit_intercept: bool = True,
        copy_X: bool = True,
        max_iter: int | None = None,
        tol: float = 1e-4,
        class_weight: Any = None,
        solver: str = "auto",
        positive: bool = False,
        random_state: Any = None,
    ) -> None:
        self.alpha = alpha
        self.fit_intercept = fit_intercept
        self.copy_X = copy_X
        self.max_iter = max_iter
        self.tol = tol
        self.solver = solver
        self.positive = positive
        self.random_state = random_state
        self.class_weight = class_weight

    @_fit_context(prefer_skip_nested_validation=True)  # type: ignore[untyped-decorator]
    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> RidgeClassifier:
        """Fit the model.

        Parameters
        ----------
        X : array_like or sparse (n_samples, n_features)
        y : array_like (n_samples,), or (n_samples, n_labels) of 0 and 1
            Labels, or which of several labels apply.
        sample_weight : float or array_like (n_samples,), optional
            At least 0, not all 0.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            ``positive=True is not supported ...``, and scikit-learn's for labels and weights.

        Warns
        -----
        ConvergenceWarning
            Where neither the gap nor the largest gradient has come down to `tol`, with both.
        """
        self._check_solver()
        matrix = read_X(self, X, reset=True)
        targets, labels = self._targets(X, y)
        weights = check_weights(sample_weight, matrix.n_samples)
        if self.class_weight:
            of_class = compute_sample_weight(self.class_weight, labels)
            wrong = of_class[~((of_class >= 0) & (of_class < np.inf))]
            if len(wrong):
                raise ValueError(f"class_weight: expected finite weights of at least 0, got {wrong[0]:g}")
            weights = of_class if weights is None else weights * of_class
        found = self._minimise(matrix, targets, weights)
        coef = np.concatenate([part.coef for part in found])
        self.coef_ = coef[0] if len(coef) == 1 else coef
        self.intercept_ = np.concatenate([part.intercept for part in found])
        self.n_iter_ = np.repeat(np.array([part.n_iter for part in found]), [len(part.coef) for part in found])
        self.solver_ = self.solver
        self.gap_ = max(part.gap for part in found)
        self.history_ = tuple(record for part in found for record in part.history)
        for part in found:
            warn_unless_converged(part, self.tol, "The solver did not converge.")
        return self

    def _check_solver(self) -> None:
        if self.positive:
            raise ValueError(
                "positive=True is not supported: softmargin has no bounds on coefficients. "
                "Set positive=False, or use sklearn.linear_model.RidgeClassifier."
            )
        if self.solver == "lbfgs":
            raise ValueError("'lbfgs' solver can be used only when positive=True. Please use another solver.")

    def _targets(self, X: Any, y: Any) -> tuple[Float, npt.NDArray[Any]]:
        """Return targets -1 and +1 (n_samples, n_outputs) and the labels as they are weighted by class."""
        if y is None:
            raise ValueError(f"This {type(self).__name__} estimator requires y to be passed, but the target y is None.")
        labels = _check_y(y, multi_output=True, y_numeric=False, estimator=self)
        check_consistent_length(X, labels)
        self._label_binarizer = LabelBinarizer(pos_label=1, neg_label=-1)
        targets = np.asarray(self._label_binarizer.fit_transform(labels), dtype=np.float64)
        self.classes_ = self._label_binarizer.classes_
        if not self._multilabel():
            labels = column_or_1d(labels, warn=True)
        return targets, labels

    def _multilabel(self) -> bool:
        return bool(self._label_binarizer.y_type_.startswith("multilabel"))

    def _minimise(self, matrix: Matrix, targets: Float, weights: Float | None) -> list[Optimum]:
        """Solve for all outputs together, or for each with an alpha of its own."""
        k = targets.shape[1]
        alphas = np.asarray(self.alpha, dtype=np.float64).ravel()
        if len(alphas) not in (1, k):
            raise ValueError(f"Number of targets and number of penalties do not correspond: {len(alphas)} != {k}")
        if not (alphas >= 0).all():
            raise ValueError(f"alpha: expected numbers of at least 0, got {alphas[~(alphas >= 0)][0]}")
        parts = [targets] if len(alphas) == 1 else np.split(targets, k, axis=1)
        return [
            self._task(matrix, part).minimise(2 * alpha, 0.0, weights)
            for part, alpha in zip(parts, alphas, strict=True)
        ]

    def _task(self, matrix: Matrix, targets: Float) -> Task:
        return Task(
            matrix,
            targets,
            loss="mse",
            n_outputs=targets.shape[1],
            tol=self.tol,
            max_iter=MAX_ITER if self.max_iter is None else self.max_iter,
            fit_intercept=self.fit_intercept,
        )

    def predict(self, X: Any) -> Any:
        """Return the class of the highest score of each sample, or the labels with scores above 0.

        Parameters
        ----------
        X : array_like or sparse (n_samples, n_features)

        Returns
        -------
        ndarray (n_samples,), or ndarray or CSR matrix (n_samples, n_labels) of 0 and 1
            Of the kind of the labels in ``fit``; sparse where those were.
        """
        check_is_fitted(self)
        if not self._multilabel():
            return super().predict(X)
        scores = self.decision_function(X)
        labels = self._label_binarizer.inverse_transform(np.where(scores > 0, 1.0, -1.0))
        return labels if issparse(labels) else np.asarray(labels)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags
