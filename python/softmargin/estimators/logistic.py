"""`LogisticRegression`: scikit-learn's class with `softmargin.solve` inside."""

from __future__ import annotations

import warnings
from numbers import Integral, Real
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
from sklearn.base import _fit_context
from sklearn.utils._param_validation import Hidden, Interval, StrOptions

from softmargin._validation import Matrix

from .base import LinearClassifierBase
from .callbacks import Audience, CallbackSupportMixin
from .inputs import read_X
from .labels import encode, weights_of
from .logistic_options import (
    NOT_CONVERGED,
    PENALTY_DEPRECATED,
    SOLVERS,
    check_classes,
    check_solver,
    check_values,
    name_of,
    ratio_of,
)
from .optimum import Float, Optimum, Start, Task, say, warn_unless_converged
from .probabilities import normalized


class LogisticRegression(CallbackSupportMixin, LinearClassifierBase):  # type: ignore[misc]
    """Logistic regression (softmax for three classes and more): scikit-learn's class, solved to a certified optimum.

    Minimises ``C * sum_i w_i loss_i + l1_ratio * ||W||_1 + (1 - l1_ratio) / 2 * ||W||^2``, with the logistic loss of two classes
    and one row of W, and the softmax loss of more. Parameters, defaults, attributes and errors are those of scikit-learn 1.9,
    whichever version is installed.

    Parameters
    ----------
    penalty : {"l1", "l2", "elasticnet"} or None, default "deprecated"
        Replaced by `l1_ratio` and `C`, with scikit-learn's FutureWarning.
    C : float, default 1.0
        Inverse of the strength of the penalty; ``np.inf`` for none.
    l1_ratio : float, default 0.0
        Share of the l1 part, 0 to 1.
    dual : bool, default False
        Accepted where scikit-learn accepts it, for "liblinear" with l2: the optimum is the same.
    tol : float, default 1e-4
        The fit goes on to a relative gap of ``(tol / 10)**2``, certified, so that coefficients err by about a tenth of `tol` or less;
        it is said not to have converged where after `max_iter` steps neither the gap nor the largest entry of the gradient,
        scikit-learn's own criterion, is at most `tol`.
    fit_intercept : bool, default True
    intercept_scaling : float, default 1
        With "liblinear" alone: the value of the column whose weight times it is the intercept, and is penalised.
    class_weight : dict, "balanced" or None, default None
        Weights of classes, multiplied with those of samples; "balanced" is ``n_samples / (n_classes * count)``.
    random_state : int, RandomState or None, default None
        Nothing depends on chance here.
    solver : {"lbfgs", "liblinear", "newton-cg", "newton-cholesky", "sag", "saga"}, default "lbfgs"
        All give the same optimum here, by the method that suits the problem. The name decides what it decides in scikit-learn:
        which penalties are allowed, and with "liblinear" that there are two classes and the intercept is penalised.
    max_iter : int, default 100
        Steps; a step is one pass over X or little more.
    verbose : int, default 0
        Above 0 prints a line with steps, time, objective and gap.
    warm_start : bool, default False
        Start from the coefficients of the last ``fit``, but for "liblinear".
    n_jobs : int, default None
        Without effect, with scikit-learn's FutureWarning; see :func:`softmargin.set_num_threads`.

    Attributes
    ----------
    classes_ : ndarray (n_classes,)
    coef_ : ndarray (1, n_features) or (n_classes, n_features)
        float32 for X of float32 (but for "liblinear"), else float64.
    intercept_ : ndarray (1,) or (n_classes,)
    n_iter_ : ndarray (1,)
    n_features_in_ : int
    feature_names_in_ : ndarray (n_features_in_,)
        Where X has names that are strings.
    gap_ : float
        The objective is at most this far above its optimum, relative to it, proven; NaN for ``C=np.inf``, where no proof is at hand.
    history_ : tuple of SolveRecord
        Objective, passes over X and seconds at every step.

    Notes
    -----
    What differs from scikit-learn: every solver's name gives the optimum, with a certificate, on features of any scale; X is read as
    it is, float32, float64, float16 and uint8, CSR with 32- or 64-bit indices; features are neither shuffled nor sampled, so that
    `random_state` is without effect; and the result is the same for any number of threads. With "liblinear" and ``l1_ratio=1`` X
    is copied, in float64, to have the column that is penalised.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from softmargin.linear_model import LogisticRegression
    >>> X, y = load_iris(return_X_y=True)
    >>> clf = LogisticRegression().fit(X, y)
    >>> clf.predict(X[:2])
    array([0, 0])
    >>> clf.predict_proba(X[:1]).round(3)
    array([[0.982, 0.018, 0.   ]])
    >>> round(clf.score(X, y), 3), clf.gap_ <= 1e-10
    (0.973, True)
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "penalty": [StrOptions({"l1", "l2", "elasticnet"}), None, Hidden(StrOptions({"deprecated"}))],
        "C": [Interval(Real, 0, None, closed="right")],
        "l1_ratio": [Interval(Real, 0, 1, closed="both"), None],
        "dual": ["boolean"],
        "tol": [Interval(Real, 0, None, closed="left")],
        "fit_intercept": ["boolean"],
        "intercept_scaling": [Interval(Real, 0, None, closed="neither")],
        "class_weight": [dict, StrOptions({"balanced"}), None],
        "random_state": ["random_state"],
        "solver": [StrOptions(SOLVERS)],
        "max_iter": [Interval(Integral, 0, None, closed="left")],
        "verbose": ["verbose"],
        "warm_start": ["boolean"],
        "n_jobs": [None, Integral],
    }

    def __init__(
        self,
        penalty: Any = "deprecated",
        *,
        C: float = 1.0,
        l1_ratio: float | None = 0.0,
        dual: bool = False,
        tol: float = 1e-4,
        fit_intercept: bool = True,
        intercept_scaling: float = 1,
        class_weight: Any = None,
        random_state: Any = None,
        solver: str = "lbfgs",
        max_iter: int = 100,
        verbose: int = 0,
        warm_start: bool = False,
        n_jobs: int | None = None,
    ) -> None:
        self.penalty = penalty
        self.C = C
        self.l1_ratio = l1_ratio
        self.dual = dual
        self.tol = tol
        self.fit_intercept = fit_intercept
        self.intercept_scaling = intercept_scaling
        self.class_weight = class_weight
        self.random_state = random_state
        self.solver = solver
        self.max_iter = max_iter
        self.verbose = verbose
        self.warm_start = warm_start
        self.n_jobs = n_jobs

    @_fit_context(prefer_skip_nested_validation=True)  # type: ignore[untyped-decorator]
    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> LogisticRegression:
        """Fit the model.

        Parameters
        ----------
        X : array_like or sparse (n_samples, n_features)
        y : array_like (n_samples,)
            Labels.
        sample_weight : array_like (n_samples,), optional
            At least 0, not all 0.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            scikit-learn's: ``Solver lbfgs supports only 'l2' or None penalties, got l1 penalty.`` and the like.

        Warns
        -----
        ConvergenceWarning
            Where neither the gap nor the largest gradient has come down to `tol`, with both.
        """
        strength, l1_ratio = self._penalty()
        if self.n_jobs is not None:
            warnings.warn(
                "'n_jobs' has no effect since 1.8 and will be removed in 1.10. "
                f"You provided 'n_jobs={self.n_jobs}', please leave it unspecified.",
                FutureWarning,
                stacklevel=2,
            )
        matrix = read_X(self, X, reset=True)
        self.classes_, codes = encode(y, X=X, estimator=self)
        check_classes(self.solver, self.classes_)
        check_values(self.solver, matrix)
        weights = weights_of(self.class_weight, self.classes_, codes, sample_weight)
        task = logistic_task(self, matrix, codes, start=self._start(matrix))
        dtype = "float32" if is_float32(X) and self.solver != "liblinear" else "float64"
        audience = self._audience(X, y, sample_weight, l1_ratio, dtype)
        found = task.minimise(strength, l1_ratio, weights, audience.tell)
        self._keep(found, l1_ratio, dtype)
        audience.close({})
        warn_unless_converged(found, self.tol, NOT_CONVERGED[self.solver].format(n_iter=found.n_iter))
        if self.verbose:
            say(type(self).__name__, found)
        return self

    def _audience(self, X: Any, y: Any, sample_weight: Any, l1_ratio: float, dtype: str) -> Audience:
        """Return those who follow the fit: scikit-learn's callbacks."""

        def attributes(W: Float, b: Float | None) -> dict[str, Any]:
            coef, intercept = centred(W, np.zeros(len(W)) if b is None else b, l1_ratio)
            return {"coef_": coef.astype(dtype), "intercept_": intercept.astype(dtype)}

        metadata = None if sample_weight is None else {"sample_weight": sample_weight}
        return Audience(self, {"X": X, "y": y, "metadata": metadata}, (), 0, "step", None, attributes)

    def _keep(self, found: Optimum, l1_ratio: float, dtype: str) -> None:
        coef, intercept = centred(found.coef, found.intercept, l1_ratio)
        self.coef_ = coef.astype(dtype, copy=False)
        self.intercept_ = intercept.astype(dtype, copy=False)
        self.n_iter_ = np.array([found.n_iter], dtype=np.int32)
        self.gap_ = found.gap
        self.history_ = found.history

    def _penalty(self) -> tuple[float, float]:
        """Return 1 / C and the share of l1, after scikit-learn's checks and warnings of how they are given."""
        if self.penalty == "deprecated":
            if self.l1_ratio is None:
                warnings.warn(
                    "'l1_ratio=None' was deprecated in version 1.8 and will trigger an error in 1.10. "
                    "Use 0<=l1_ratio<=1 instead.",
                    FutureWarning,
                    stacklevel=3,
                )
            penalty = None if np.inf == self.C else name_of(self.l1_ratio)
        else:
            penalty = self.penalty
            message = PENALTY_DEPRECATED.format(
                use="'l1_ratio' or 'C'",
                l2="l1_ratio=0",
                l1="l1_ratio=1",
                between="l1_ratio set to a float",
                none="C=np.inf",
            )
            warnings.warn(message, FutureWarning, stacklevel=3)
        check_solver(self.solver, penalty, self.dual)
        if penalty != "elasticnet" and self.l1_ratio is not None and 0 < self.l1_ratio < 1:
            warnings.warn(
                f"l1_ratio parameter is only used when penalty is 'elasticnet'. Got (penalty={penalty})", stacklevel=3
            )
        if (self.penalty == "l2" and self.l1_ratio != 0) or (self.penalty == "l1" and self.l1_ratio != 1):
            warnings.warn(
                f"Inconsistent values: penalty={self.penalty} with l1_ratio={self.l1_ratio}. penalty is deprecated. "
                "Please use l1_ratio only.",
                stacklevel=3,
            )
        if penalty == "elasticnet" and self.l1_ratio is None:
            raise ValueError("l1_ratio must be specified when penalty is elasticnet.")
        if penalty is None:
            if self.penalty is None and self.C != 1.0:
                warnings.warn("Setting penalty=None will ignore the C and l1_ratio parameters", stacklevel=3)
            return 0.0, 0.0
        return 1.0 / self.C, ratio_of(penalty, self.l1_ratio)

    def _start(self, matrix: Matrix) -> Start | None:
        """Return the coefficients of the last fit, where they are to be started from."""
        if not self.warm_start or self.solver == "liblinear" or not hasattr(self, "coef_"):
            return None
        k, d = n_rows(self.classes_), matrix.n_features
        coef = np.asarray(self._dense_coef(), dtype=np.float64)
        if coef.shape != (k, d):
            extra = int(self.fit_intercept)
            raise ValueError(
                f"Initialization coef is of shape {(coef.shape[0], coef.shape[1] + extra)}, expected shape {(k, d + extra)}"
            )
        return Start(coef, np.asarray(self.intercept_, dtype=np.float64))

    def predict_proba(self, X: Any) -> npt.NDArray[Any]:
        """Return the probability of each class: the softmax of the scores.

        Parameters
        ----------
        X : array_like or sparse (n_samples, n_features)

        Returns
        -------
        ndarray (n_samples, n_classes)
            Columns in the order of ``classes_``.
        """
        return normalized(self._scores(X), "softmax")

    def predict_log_proba(self, X: Any) -> npt.NDArray[Any]:
        """Return the logarithm of the probability of each class, finite where the probability is too small for a float.

        Parameters
        ----------
        X : array_like or sparse (n_samples, n_features)

        Returns
        -------
        ndarray (n_samples, n_classes)
            Columns in the order of ``classes_``.
        """
        return normalized(self._scores(X), "softmax", log=True)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        if self.solver == "liblinear":
            tags.classifier_tags.multi_class = False
        return tags


def logistic_task(
    estimator: Any,
    matrix: Matrix,
    codes: npt.NDArray[np.int64],
    *,
    start: Start | None = None,
    num_threads: int | None = None,
) -> Task:
    """Return what an estimator minimises: the logistic loss of two classes, the softmax loss of more."""
    k = n_rows(estimator.classes_)
    return Task(
        matrix,
        2 * codes - 1 if k == 1 else codes,
        loss="logistic" if k == 1 else "softmax",
        n_outputs=k,
        tol=estimator.tol,
        max_iter=estimator.max_iter,
        fit_intercept=estimator.fit_intercept,
        intercept_scaling=estimator.intercept_scaling if estimator.solver == "liblinear" else None,
        num_threads=num_threads,
        start=start,
    )


def n_rows(classes: npt.NDArray[Any]) -> int:
    """Return how many rows W has: one for two classes."""
    return 1 if len(classes) == 2 else len(classes)


def centred(coef: Float, intercept: Float, l1_ratio: float) -> tuple[Float, Float]:
    """Return of all models of several classes that give the same probabilities the one of least penalty, where l2 tells."""
    if len(coef) == 1:
        return coef, intercept
    if l1_ratio == 0:
        coef = coef - coef.mean(axis=0)
    return coef, intercept - intercept.mean()


def is_float32(X: Any) -> bool:
    """Return whether X is of float32, an array, a tensor or a table of nothing else.

    Examples
    --------
    >>> is_float32(np.zeros((1, 1), np.float32)), is_float32([[1.0]])
    (True, False)
    """
    dtypes = [X.dtype] if hasattr(X, "dtype") else list(getattr(X, "dtypes", ()))
    return bool(dtypes) and all(str(dtype).lower().endswith("float32") for dtype in dtypes)
