"""LinearRegressor: a linear model of real targets, with any loss, penalty and solver of softmargin."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.base import RegressorMixin
from sklearn.utils import check_random_state
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_array, check_consistent_length

from softmargin._validation import Matrix
from softmargin.optimizers import Optimizer
from softmargin.penalties import Penalty
from softmargin.schedules import Schedule

from .base import LinearEstimator
from .callbacks import with_callbacks
from .labels import check_weights
from .native import NativeModel, Targets
from .options import Options, takes_parts


class LinearRegressor(RegressorMixin, NativeModel, LinearEstimator):  # type: ignore[misc]
    """A linear model of real targets at the certified optimum, or trained by an update rule.

    Minimises ``F(W, b) = sum_i w_i loss(W x_i + b, y_i) / sum_i w_i + alpha R(W)``, as :class:`LinearClassifier` does, and with the
    same parameters.

    Parameters
    ----------
    loss : {"mse", "mae", "huber"}, default "mse"
        The square without a factor 1/2, the absolute value, or Huber's: a square up to `delta`, a line beyond. Of several targets
        their sum.
    delta : float, default 1
        Of "huber".
    penalty : {"l2", "l1", "elasticnet"}, Penalty or None, default "l2"
    alpha : float, default 1e-4
        scikit-learn's Ridge has ``alpha * n_samples / 2``, Lasso ``alpha / 2``, HuberRegressor ``alpha * n_samples / scale_`` with
        ``delta = epsilon * scale_``.
    l1_ratio : float, default 0.15
    fit_intercept : bool, default True
    standardize : bool, default False
    solver : str or Optimizer, default "auto"
    learning_rate : float or "auto", default "auto"
    schedule : Schedule, optional
    batch_size : int, None or "auto", default "auto"
    max_epochs : int, default 100
    tol : float, default 1e-4
    early_stopping : bool, default False
    validation_fraction : float, default 0.1
    n_iter_no_change : int, default 5
    average : bool, default False
    warm_start : bool, default False
    max_seconds : float, optional
    random_state : int, RandomState or None, default None
    callbacks : callable or sequence of callables, optional
    verbose : int, default 0
    num_threads : int, optional
        As of :class:`LinearClassifier`.

    Attributes
    ----------
    coef_ : ndarray (n_features,) or (n_targets, n_features)
    intercept_ : float or ndarray (n_targets,)
    gap_, loss_, history_, n_iter_, n_features_in_, feature_names_in_
        As of :class:`LinearClassifier`.

    Raises
    ------
    ValueError
        ``loss: expected one of 'mse', 'mae', 'huber', got 'mes'; did you mean 'mse'?`` and the like, when `fit` is called.
    FloatingPointError
        ``lr: training diverged at step 38 (epoch 1) with a learning rate of 0.01: the loss is inf; try one ten times smaller``; of a
        rate that was given, not of one that was found.

    Warns
    -----
    ConvergenceWarning
        Of scikit-learn; with how far from converged the model is, and what to change.

    Notes
    -----
    A gap is in proportion to F: of targets that are met without an error, F is that of the penalty alone.

    Examples
    --------
    >>> import numpy as np
    >>> from softmargin import LinearRegressor
    >>> X = np.array([[0.0], [1.0], [2.0], [30.0]])
    >>> y = np.array([0.0, 1.0, 2.0, 0.0])          # the last one is an outlier
    >>> model = LinearRegressor("mae", alpha=1e-6, tol=1e-6).fit(X[:3], y[:3])
    >>> bool(abs(model.coef_[0] - 1) < 1e-3), model.predict([[5.0]]).round(2)
    (True, array([5.]))
    """

    _TARGETS = ("real",)

    def __init__(
        self,
        loss: str = "mse",
        *,
        delta: float = 1.0,
        penalty: str | Penalty | None = "l2",
        alpha: float = 1e-4,
        l1_ratio: float = 0.15,
        fit_intercept: bool = True,
        standardize: bool = False,
        solver: str | Optimizer = "auto",
        learning_rate: float | str = "auto",
        schedule: Schedule | None = None,
        batch_size: int | str | None = "auto",
        max_epochs: int = 100,
        tol: float = 1e-4,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        n_iter_no_change: int = 5,
        average: bool = False,
        warm_start: bool = False,
        max_seconds: float | None = None,
        random_state: Any = None,
        callbacks: Callable[[Any], object] | Iterable[Callable[[Any], object]] | None = None,
        verbose: int = 0,
        num_threads: int | None = None,
    ) -> None:
        self.loss = loss
        self.delta = delta
        self.penalty = penalty
        self.alpha = alpha
        self.l1_ratio = l1_ratio
        self.fit_intercept = fit_intercept
        self.standardize = standardize
        self.solver = solver
        self.learning_rate = learning_rate
        self.schedule = schedule
        self.batch_size = batch_size
        self.max_epochs = max_epochs
        self.tol = tol
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.average = average
        self.warm_start = warm_start
        self.max_seconds = max_seconds
        self.random_state = random_state
        self.callbacks = callbacks
        self.verbose = verbose
        self.num_threads = num_threads

    @with_callbacks  # type: ignore[untyped-decorator]
    def fit(self, X: Any, y: Any, sample_weight: Any = None, *, validation: tuple[Any, Any] | None = None) -> Any:
        """Fit the model.

        Parameters
        ----------
        X : array_like, sparse matrix, table or tensor (n_samples, n_features)
        y : array_like (n_samples,) or (n_samples, n_targets)
        sample_weight : array_like (n_samples,), optional
            At least 0; an integer weight is a repetition, 0 an absence.
        validation : pair (X_val, y_val), optional
            Stop when the loss on it falls no more, and keep the weights that were best on it; for update rules.

        Returns
        -------
        self
        """
        return self._fit(X, y, sample_weight, validation)

    @available_if(takes_parts)  # type: ignore[untyped-decorator]
    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None) -> Any:
        """Do one epoch of the update rule on some rows, from where the last call, or `fit`, has ended.

        The rate, the schedule and the rule's state go on where they stood; with `standardize` means and deviations are those of the
        first call.

        Parameters
        ----------
        X : array_like, sparse matrix, table or tensor (n_samples, n_features)
        y : array_like (n_samples,) or (n_samples, n_targets)
        sample_weight : array_like (n_samples,), optional

        Returns
        -------
        self
        """
        return self._partial_fit(X, y, sample_weight)

    def predict(self, X: Any) -> npt.NDArray[Any]:
        """Return the predicted targets.

        Parameters
        ----------
        X : array_like or sparse (n_samples, n_features)

        Returns
        -------
        ndarray (n_samples,) or (n_samples, n_targets)
            In float64 where X is float64, else in float32.

        Raises
        ------
        ValueError
            ``X has 3 features, but LinearRegressor is expecting 4 features as input.``
        """
        scores = self._scores(X)
        return scores[:, 0] if np.ndim(self.intercept_) == 0 else scores

    def _targets(self, y: Any, X: Matrix, sample_weight: Any, *, reset: bool) -> Targets:
        n = X.n_samples
        if y is None:
            raise ValueError(f"This {type(self).__name__} estimator requires y to be passed, but the target y is None.")
        values = check_array(y, ensure_2d=False, dtype=np.float64, input_name="y", estimator=self)
        check_consistent_length(range(n), values)
        if values.ndim > 2:
            raise ValueError(f"y: expected shape (n_samples,) or (n_samples, n_targets), got {values.shape}")
        k = 1 if values.ndim == 1 else values.shape[1]
        if reset:
            self._flat = values.ndim == 1
        return Targets(values, self.loss, k, check_weights(sample_weight, n))

    def _held_out(self, X: Matrix, targets: Targets, options: Options) -> tuple[npt.NDArray[np.intp], Any]:
        n = X.n_samples
        if n < 2:
            raise ValueError("early_stopping: expected at least two samples, of which one can be held out, got one")
        count = min(max(round(options.validation_fraction * n), 1), n - 1)
        rows = np.sort(check_random_state(self.random_state).permutation(n)[:count])
        return rows, targets.y[rows]

    def _attributes(self, W: npt.NDArray[Any], b: npt.NDArray[Any] | None) -> dict[str, Any]:
        b = np.zeros(len(W), W.dtype) if b is None else b
        return {"coef_": W[0], "intercept_": float(b[0])} if self._flat else {"coef_": W, "intercept_": b}

    def _start(self) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
        return np.atleast_2d(self._dense_coef()), np.atleast_1d(self.intercept_)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags
