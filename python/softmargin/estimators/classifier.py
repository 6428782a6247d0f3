"""LinearClassifier: a linear model of classes, with any loss, penalty and solver of softmargin."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.exceptions import NotFittedError
from sklearn.utils.metaestimators import available_if

from softmargin._validation import Matrix, as_bool
from softmargin.optimizers import Optimizer
from softmargin.penalties import Penalty
from softmargin.schedules import Schedule

from .base import LinearClassifierBase
from .callbacks import with_callbacks
from .class_targets import ClassTargets
from .inputs import take_rows
from .native import NativeModel, Targets, check_left
from .options import Options, takes_parts
from .probabilities import PROBABILITIES, calibrated, normalized


def _gives_probabilities(estimator: Any) -> bool:
    if estimator.loss in PROBABILITIES or estimator.calibrate:
        return True
    raise AttributeError(
        f"probability estimates need a loss that gives them, or calibrate=True, with loss={estimator.loss!r}"
    )


class LinearClassifier(ClassTargets, NativeModel, LinearClassifierBase):
    """A linear classifier at the certified optimum, or trained by an update rule.

    Minimises ``F(W, b) = sum_i w_i loss(W x_i + b, y_i) / sum_i w_i + alpha R(W)``. By default the optimum is found to a relative
    gap of `tol`, and proven; nothing has to be scaled or tuned for it.

    Parameters
    ----------
    loss : str, default "softmax"
        One of "softmax", "hinge", "squared_hinge", "crammer_singer", "logistic", "binary_hinge", "binary_squared_hinge". With two
        classes there is one output, with the loss of one output that belongs to it: softmax becomes logistic, the hinges binary
        hinges. The losses of one output are one-versus-rest for several classes.
    margin : float, default 1
        Of the hinges.
    penalty : {"l2", "l1", "elasticnet"}, Penalty or None, default "l2"
        R, on the weights but not on the intercept.
    alpha : float, default 1e-4
        Its strength; scikit-learn's ``C`` is ``1 / (alpha * sum of the sample weights)``.
    l1_ratio : float, default 0.15
        The share of l1 in "elasticnet".
    fit_intercept : bool, default True
        Whether there is an intercept.
    standardize : bool, default False
        Penalise as if every feature had mean 0 and variance 1. Update rules learn faster for it, the exact solver does not need it;
        ``coef_`` is for the features as they are all the same.
    solver : str or Optimizer, default "auto"
        "exact" for the certified optimum; "SGD", "Adagrad", "RMSprop", "Adam", "AdamW" for an update rule; or a rule such as
        ``sm.optimizers.Adam(lr=0.01)``. "auto" is "exact" unless something is asked for that only a rule can do. A rule by its name
        has no weight decay of its own, AdamW neither: `penalty` and `alpha` state all of F. As an object it has what it was given.
    learning_rate : float or "auto", default "auto"
        Of an update rule given by its name; "auto" finds rate, schedule and batch size from the data, on small data by trials as
        long as the run.
    schedule : Schedule, optional
        One of ``sm.schedules``, for an update rule.
    batch_size : int, None or "auto", default "auto"
        Samples a step of an update rule; None for all.
    max_epochs : int, default 100
        Passes over the samples of an update rule; the exact solver, which ends by itself, takes 20 times as many steps at most.
    tol : float, default 1e-4
        Exact: the relative gap ``(F - F*) / |F|`` to reach. Rules: with a validation set the relative fall of its loss below which
        an epoch counts as no change; without one, the run ends when the mean losses of ``n_iter_no_change + 1`` epochs lie within
        `tol` of each other, in proportion.
    early_stopping : bool, default False
        Hold out a share of the rows, stop when their loss falls no more, and keep the weights that were best on them.
    validation_fraction : float, default 0.1
        Of the rows, for `early_stopping` and `calibrate`.
    n_iter_no_change : int, default 5
        Epochs to wait for a change.
    class_weight : dict, "balanced" or None, default None
        Weights of the classes.
    average : bool, default False
        Return the average of an update rule's iterates.
    calibrate : bool, default False
        Fit a temperature to the scores of held-out rows, so that a hinge loss, too, gives probabilities; then fit the model on all
        rows.
    warm_start : bool, default False
        Start where the last fit ended.
    max_seconds : float, optional
        Return the best weights so far at the first step (exact) or epoch that ends after so long.
    random_state : int, RandomState or None, default None
        Orders the samples and chooses the rows to hold out.
    callbacks : callable or sequence of callables, optional
        Called with a record of each epoch (``EpochInfo``) or of each step of the exact solver (``SolveInfo``); one that returns True
        ends the run. scikit-learn's own callbacks are given to ``set_callbacks``.
    verbose : int, default 0
        1 shows a bar on stderr.
    num_threads : int, optional
        ``sm.get_num_threads()`` by default. Results do not depend on it.

    Attributes
    ----------
    classes_ : ndarray (n_classes,)
    coef_ : ndarray (n_outputs, n_features)
        One row for two classes. float64, after an update rule float32 unless X is float64.
    intercept_ : ndarray (n_outputs,)
        Zeros without an intercept.
    gap_ : float
        The proven bound on ``(F - F*) / |F|``; NaN after an update rule.
    loss_ : float
        F at the optimum; after an update rule its mean over the last epoch.
    history_ : tuple of SolveRecord or EpochRecord
        Loss, gap and seconds of the exact solver; loss, validation loss and score, learning rate and seconds of each epoch.
    n_iter_ : int
        Steps or epochs.
    n_features_in_ : int
    feature_names_in_ : ndarray (n_features,)
        Where X is a table.

    Raises
    ------
    ValueError
        ``loss: expected one of 'softmax', ..., got 'sofmax'; did you mean 'softmax'?`` and the like, when `fit` is called.
    FloatingPointError
        ``lr: training diverged at step 38 (epoch 1) with a learning rate of 0.01: the loss is inf; try one ten times smaller``; of a
        rate that was given, not of one that was found.

    Warns
    -----
    ConvergenceWarning
        Of scikit-learn; with how far from converged the model is, and what to change.

    Notes
    -----
    Row-major float32, float64, float16, uint8 and CSR are read where they lie, without a copy. The exact solver takes the memory of
    a matrix (n_features, n_features) for up to 5000 features, and of a copy of sparse X where a tenth of its entries or more lie in
    features that one row alone has, as in text. Ctrl-C leaves the best weights so far in the estimator, fitted.

    Unlike scikit-learn's SGDClassifier, alpha does not set the learning rate, and sparse data gets no other intercept.

    With ``learning_rate="auto"`` 100 epochs of a rule end within 5 % of the optimum for softmax and logistic, and for hinges where
    classes overlap or the penalty is not weak for the scale of X. Where neither is so (digits with pixels up to 16), few samples violate
    a margin at the optimum, batches hardly tell of it, and hinges end well above it; "exact" does not.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from softmargin import LinearClassifier
    >>> X, y = load_digits(return_X_y=True)
    >>> model = LinearClassifier(alpha=1e-3).fit(X, y)
    >>> model.gap_ <= 1e-4
    True
    >>> model.score(X, y) > 0.95
    True
    >>> LinearClassifier(loss="hinge", calibrate=True, random_state=0).fit(X, y).predict_proba(X[:2]).shape
    (2, 10)
    """

    _TARGETS = ("classes", "signs")

    def __init__(
        self,
        loss: str = "softmax",
        *,
        margin: float = 1.0,
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
        class_weight: Any = None,
        average: bool = False,
        calibrate: bool = False,
        warm_start: bool = False,
        max_seconds: float | None = None,
        random_state: Any = None,
        callbacks: Callable[[Any], object] | Iterable[Callable[[Any], object]] | None = None,
        verbose: int = 0,
        num_threads: int | None = None,
    ) -> None:
        self.loss = loss
        self.margin = margin
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
        self.class_weight = class_weight
        self.average = average
        self.calibrate = calibrate
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
        y : array_like (n_samples,) or (n_samples, n_labels)
            Labels of any kind; of two dimensions for several labels a sample, 0 or 1 each.
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
    def partial_fit(self, X: Any, y: Any, classes: Any = None, sample_weight: Any = None) -> Any:
        """Do one epoch of the update rule on some rows, from where the last call, or `fit`, has ended.

        The rate, the schedule and the rule's state go on where they stood; with `standardize` means and deviations are those of the
        first call.

        Parameters
        ----------
        X : array_like, sparse matrix, table or tensor (n_samples, n_features)
        y : array_like (n_samples,)
        classes : array_like (n_classes,)
            All classes there will be; needed at the first call, and may be given again.
        sample_weight : array_like (n_samples,), optional

        Returns
        -------
        self

        Raises
        ------
        ValueError
            ``classes: expected all classes at the first call of partial_fit, got None`` and the like.
        """
        if self.class_weight == "balanced":
            raise ValueError(
                "class_weight: expected a dict or None for partial_fit, which never sees the frequencies of all classes, got "
                "'balanced'; compute_class_weight('balanced', classes=classes, y=y) of scikit-learn gives the numbers"
            )
        self._set_classes(classes)
        return self._partial_fit(X, y, sample_weight)

    def _attributes(self, W: npt.NDArray[Any], b: npt.NDArray[Any] | None) -> dict[str, Any]:
        b = np.zeros(len(W), W.dtype) if b is None else b
        if len(W) == 2 and not self._multilabel:  # of a loss that has no form for one output
            W, b = W[1:] - W[:1], b[1:] - b[:1]
        return {"coef_": W, "intercept_": b}

    def _start(self) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
        return self._dense_coef(), np.asarray(self.intercept_)

    # -- predictions -------------------------------------------------------------------------------------------------------

    def predict(self, X: Any) -> npt.NDArray[Any]:
        """Return the class of the highest score of each sample, or its labels.

        Parameters
        ----------
        X : array_like or sparse (n_samples, n_features)

        Returns
        -------
        ndarray (n_samples,) or (n_samples, n_labels)
        """
        if not getattr(self, "_multilabel", False):
            return super().predict(X)
        return (self._scores(X) > 0).astype(np.int64)

    @available_if(_gives_probabilities)  # type: ignore[untyped-decorator]
    def predict_proba(self, X: Any) -> npt.NDArray[Any]:
        """Return the probabilities of the classes.

        Of softmax: ``exp(s_j) / sum_k exp(s_k)``; of logistic ``1 / (1 + exp(-s))``, for several classes one-versus-rest, divided by
        their sum. With ``calibrate=True`` of the scores as calibrated.

        Parameters
        ----------
        X : array_like or sparse (n_samples, n_features)

        Returns
        -------
        ndarray (n_samples, n_classes)
            With several labels a sample the probability of each.
        """
        return self._probabilities(X, log=False)

    @available_if(_gives_probabilities)  # type: ignore[untyped-decorator]
    def predict_log_proba(self, X: Any) -> npt.NDArray[Any]:
        """Return the logarithms of the probabilities of the classes.

        Parameters
        ----------
        X : array_like or sparse (n_samples, n_features)

        Returns
        -------
        ndarray (n_samples, n_classes)
        """
        return self._probabilities(X, log=True)

    def _probabilities(self, X: Any, *, log: bool) -> npt.NDArray[Any]:
        scores, loss = self._scores(X).astype(np.float64, copy=False), self.loss
        if self._calibration is not None:
            scores, loss = self._calibration * scores, "softmax"
        elif loss not in PROBABILITIES:
            raise NotFittedError(
                f"calibrate: expected a fit to its end with calibrate=True for loss={loss!r}; call 'fit' again"
            )
        return normalized(scores, loss, multilabel=self._multilabel, log=log)

    def _calibrate(self, X: Matrix, targets: Targets, options: Options) -> Any:
        if not as_bool("calibrate", self.calibrate):
            return None
        rows, y = self._held_out(X, targets, options)
        weight = np.ones(X.n_samples) if targets.sample_weight is None else targets.sample_weight.copy()
        of_rows = weight[rows]
        weight[rows] = 0.0
        check_left(weight)
        outcome = self._run_quietly(X, targets._replace(sample_weight=weight), options)
        return calibrated(take_rows(X, rows), *outcome.weights, y, of_rows)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags
