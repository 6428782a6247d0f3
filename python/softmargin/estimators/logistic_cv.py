"""`LogisticRegressionCV`: scikit-learn's class with `softmargin.solve` inside."""

from __future__ import annotations

from numbers import Integral
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
from joblib import effective_n_jobs
from sklearn.base import _fit_context
from sklearn.metrics import get_scorer, get_scorer_names
from sklearn.model_selection import check_cv
from sklearn.utils import Bunch
from sklearn.utils._metadata_requests import _raise_for_params, _routing_enabled
from sklearn.utils._param_validation import Hidden, Interval, StrOptions
from sklearn.utils.metadata_routing import UNUSED, MetadataRouter, MethodMapping, process_routing

from softmargin.config import get_num_threads

from .inputs import read_X
from .labels import check_weights, class_weights, encode
from .logistic import LogisticRegression, logistic_task
from .logistic_cv_options import penalties_of
from .logistic_options import (
    NOT_CONVERGED,
    check_classes,
    check_strengths,
    check_values,
    ratio_of,
)
from .logistic_path import Paths, fit_paths, fold_score, rows_of, worst
from .optimum import Start, say, warn_unless_converged


class LogisticRegressionCV(LogisticRegression):
    """Logistic regression with C and l1_ratio chosen by cross-validation: scikit-learn's class, every model a certified optimum.

    Parameters, defaults, attributes, errors and warnings of what will change are those of scikit-learn 1.9, whichever version is
    installed.

    Parameters
    ----------
    Cs : int or array_like (n_cs,), default 10
        Inverse strengths of the penalty to choose from; a number is how many between 1e-4 and 1e4, in equal ratios.
    l1_ratios : array_like (n_l1_ratios,) or None, default "warn"
        Shares of l1 to choose from. "warn" is None, with scikit-learn's FutureWarning that it will be (0.0,).
    fit_intercept : bool, default True
    cv : int, splitter or iterable of (train, test), default None
        Folds; None is 5 stratified ones.
    dual : bool, default False
    penalty : {"l1", "l2", "elasticnet"}, default "deprecated"
        Replaced by `l1_ratios`, with scikit-learn's FutureWarning.
    scoring : str, callable or None, default "warn"
        What models are compared by on the rows held out. None is the accuracy; "warn" too, with scikit-learn's FutureWarning.
    solver : {"lbfgs", "liblinear", "newton-cg", "newton-cholesky", "sag", "saga"}, default "lbfgs"
    tol : float, default 1e-4
    max_iter : int, default 100
    class_weight : dict, "balanced" or None, default None
    n_jobs : int, default None
        Most threads of the passes over X, of those of :func:`softmargin.get_num_threads`; None and -1 for all of them.
    verbose : int, default 0
        Above 0 prints a line for each fit.
    refit : bool, default True
        Fit once more, on all rows, with the C and l1_ratio of the best mean score. False averages the coefficients of the best model
        of each fold.
    intercept_scaling : float, default 1.0
    random_state : int, RandomState or None, default None
    use_legacy_attributes : bool, default "warn"
        The attributes as dicts by class and arrays with values repeated, or the simpler ones. "warn" is True, with scikit-learn's
        FutureWarning that it will be False. Parameters without a word here are those of :class:`LogisticRegression`.

    Attributes
    ----------
    classes_ : ndarray (n_classes,)
    coef_ : ndarray (1, n_features) or (n_classes, n_features)
        float64.
    intercept_ : ndarray (1,) or (n_classes,)
    Cs_ : ndarray (n_cs,)
    l1_ratios_ : ndarray (n_l1_ratios,)
    C_ : float, or ndarray (n_outputs,) with legacy attributes
    l1_ratio_ : float, or ndarray (n_outputs,) with legacy attributes
    scores_ : ndarray (n_folds, n_l1_ratios, n_cs), or dict
        With legacy attributes by class (n_folds, n_cs, n_l1_ratios), without the last axis for ``l1_ratios=None``; likewise the next.
    coefs_paths_ : ndarray (n_folds, n_l1_ratios, n_cs, n_outputs, n_dof), or dict
        The intercept is last where there is one. With legacy attributes by class (n_folds, n_cs, n_l1_ratios, n_dof).
    n_iter_ : ndarray (n_folds, n_l1_ratios, n_cs), or (1, n_folds, n_cs, n_l1_ratios) with legacy attributes
    n_features_in_ : int
    feature_names_in_ : ndarray (n_features_in_,)
        Where X has names that are strings.
    gap_ : float
        The objective is at most this far above its optimum, relative to it, proven: of the last fit, or with ``refit=False`` the
        largest of all models.
    history_ : tuple of SolveRecord
        Of the last fit; empty with ``refit=False``.

    Notes
    -----
    Besides what differs for :class:`LogisticRegression`: the folds share one X, of which a fold is a weight for each row, so that
    nothing is copied; every model starts from the one before it, the strongest penalty first; `intercept_scaling` counts in the
    last fit as well; the models that did not converge are told in one warning; and callbacks follow the last fit.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from softmargin.linear_model import LogisticRegressionCV
    >>> X, y = load_iris(return_X_y=True)
    >>> clf = LogisticRegressionCV(l1_ratios=(0,), scoring="neg_log_loss", use_legacy_attributes=False).fit(X, y)
    >>> clf.predict(X[:2])
    array([0, 0])
    >>> clf.scores_.shape, round(clf.C_, 1)
    ((5, 1, 10), 166.8)
    """

    C_: Any
    l1_ratio_: Any
    scores_: Any
    coefs_paths_: Any

    __metadata_request__score: ClassVar[dict[str, Any]] = {"sample_weight": UNUSED}

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **{
            name: allowed
            for name, allowed in LogisticRegression._parameter_constraints.items()
            if name not in ("C", "warm_start", "l1_ratio")
        },
        "Cs": [Interval(Integral, 1, None, closed="left"), "array-like"],
        "l1_ratios": ["array-like", None, Hidden(StrOptions({"warn"}))],
        "cv": ["cv_object"],
        "scoring": [StrOptions(set(get_scorer_names())), callable, None, Hidden(StrOptions({"warn"}))],
        "refit": ["boolean"],
        "penalty": [StrOptions({"l1", "l2", "elasticnet"}), Hidden(StrOptions({"deprecated"}))],
        "use_legacy_attributes": ["boolean", Hidden(StrOptions({"warn"}))],
    }

    def __init__(
        self,
        *,
        Cs: Any = 10,
        l1_ratios: Any = "warn",
        fit_intercept: bool = True,
        cv: Any = None,
        dual: bool = False,
        penalty: Any = "deprecated",
        scoring: Any = "warn",
        solver: str = "lbfgs",
        tol: float = 1e-4,
        max_iter: int = 100,
        class_weight: Any = None,
        n_jobs: int | None = None,
        verbose: int = 0,
        refit: bool = True,
        intercept_scaling: float = 1.0,
        random_state: Any = None,
        use_legacy_attributes: Any = "warn",
    ) -> None:
        self.Cs = Cs
        self.l1_ratios = l1_ratios
        self.fit_intercept = fit_intercept
        self.cv = cv
        self.dual = dual
        self.penalty = penalty
        self.scoring = scoring
        self.tol = tol
        self.max_iter = max_iter
        self.class_weight = class_weight
        self.n_jobs = n_jobs
        self.verbose = verbose
        self.solver = solver
        self.refit = refit
        self.intercept_scaling = intercept_scaling
        self.random_state = random_state
        self.use_legacy_attributes = use_legacy_attributes

    @_fit_context(prefer_skip_nested_validation=True)  # type: ignore[untyped-decorator]
    def fit(self, X: Any, y: Any, sample_weight: Any = None, **params: Any) -> LogisticRegressionCV:
        """Fit the models of the path, choose, and fit the chosen one.

        Parameters
        ----------
        X : array_like or sparse (n_samples, n_features)
        y : array_like (n_samples,)
            Labels.
        sample_weight : array_like (n_samples,), optional
            At least 0, not all 0.
        **params : dict
            For the splitter and the scorer, with metadata routing.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            As :class:`LogisticRegression`, ``l1_ratios must be an array-like of numbers between 0 and 1; got (l1_ratios=...)`` and
            ``Cs: expected numbers above 0, got 0``.

        Warns
        -----
        ConvergenceWarning
            Where models have not converged: how many, and how far the worst one is.
        """
        _raise_for_params(params, self, "fit")
        penalty, l1_ratios = penalties_of(self)
        given = self.Cs if not isinstance(self.Cs, Integral) else np.logspace(-4, 4, int(self.Cs))
        Cs = np.asarray(given, dtype=np.float64)
        check_strengths(Cs)
        matrix = read_X(self, X, reset=True)
        self.classes_, codes = encode(y, X=X, estimator=self)
        check_classes(self.solver, self.classes_)
        check_values(self.solver, matrix)
        weights = check_weights(sample_weight, len(codes))
        routed = self._routed(sample_weight, params)
        labels = self.classes_[codes]
        folds = list(check_cv(self.cv, labels, classifier=True).split(rows_of(matrix), labels, **routed.splitter.split))
        of_class = self._class_weights(codes, weights)
        training = weights if of_class is None else of_class[codes] * (1.0 if weights is None else weights)
        task = logistic_task(self, matrix, codes, num_threads=self._threads())
        self.Cs_ = Cs
        scorer = None if self.scoring is None or self.scoring == "warn" else get_scorer(self.scoring)
        score = fold_score(scorer, matrix, labels, self.classes_, weights, routed.scorer.score)
        ratios = [ratio_of(penalty, l1_ratio) for l1_ratio in l1_ratios]
        paths = fit_paths(task, folds, self.Cs_, ratios, training, score, self.verbose)
        self.l1_ratios_ = np.asarray(l1_ratios)
        if self.refit:
            C, ratio = np.unravel_index(paths.scores.sum(axis=0).argmax(), paths.scores.shape[1:])
            task.start_from(self._split(paths.coefs[:, C, ratio].mean(axis=0)) if paths.complete else None)
            audience = self._audience(X, y, sample_weight, ratios[ratio], "float64")
            found = task.minimise(float(1 / self.Cs_[C]), ratios[ratio], training, audience.tell)
            self._keep(found, ratios[ratio], "float64")
            audience.close({})
            chosen: tuple[float, Any] = (float(self.Cs_[C]), l1_ratios[ratio])
            if not found.converged(self.tol):
                paths.unconverged.append(found)
            if self.verbose:
                say(type(self).__name__, found)
        else:
            chosen = self._average(paths, l1_ratios)
        self._tell(paths, *chosen)
        if paths.unconverged:
            begins = NOT_CONVERGED[self.solver].format(n_iter=self.max_iter)
            count = (
                f"{len(paths.unconverged)} of {paths.scores.size + int(self.refit)} fits did not converge, the worst:"
            )
            warn_unless_converged(worst(paths.unconverged), self.tol, f"{begins} {count}")
        return self

    def _threads(self) -> int | None:
        """Return the number of threads where it is fewer than there are anyway; those are as many as the work is worth."""
        n = None if self.n_jobs is None else int(effective_n_jobs(self.n_jobs))
        return n if n is not None and n < get_num_threads() else None

    def _class_weights(
        self, codes: npt.NDArray[np.int64], weights: npt.NDArray[np.float64] | None
    ) -> npt.NDArray[np.float64] | None:
        """Return the weight of each class; "balanced" over all rows, not in each fold."""
        if isinstance(self.class_weight, dict) and not set(self.class_weight) <= set(self.classes_):
            raise ValueError(
                "The given class_weight dict must have the class labels as keys; "
                f"classes={self.classes_} but key={self.class_weight.keys()}"
            )
        return None if self.class_weight is None else class_weights(self.class_weight, self.classes_, codes, weights)

    def _routed(self, sample_weight: Any, params: dict[str, Any]) -> Any:
        """Return what the splitter and the scorer are given."""
        if _routing_enabled():
            return process_routing(self, "fit", sample_weight=sample_weight, **params)
        score = dict(params) if sample_weight is None else {**params, "sample_weight": sample_weight}
        return Bunch(splitter=Bunch(split={}), scorer=Bunch(score=score))

    def _split(self, coef: npt.NDArray[np.float64]) -> Start:
        """Return W and the intercept of (n_outputs, n_dof)."""
        if self.fit_intercept:
            return Start(coef[:, :-1].copy(), coef[:, -1].copy())
        return Start(coef, np.zeros(len(coef)))

    def _average(self, paths: Paths, l1_ratios: list[Any]) -> tuple[float, float]:
        """Keep the mean of the best models of each fold; return the mean of their C and l1_ratio."""
        n_folds, n_cs, n_ratios = paths.scores.shape
        C, ratio = np.unravel_index(paths.scores.reshape(n_folds, -1).argmax(axis=1), (n_cs, n_ratios))
        mean = self._split(paths.coefs[np.arange(n_folds), C, ratio].mean(axis=0))
        self.coef_, self.intercept_ = mean.W, np.asarray(mean.intercept)
        self.gap_, self.history_ = float(paths.gaps.max()), ()
        used = [0.0 if l1_ratios[i] is None else float(l1_ratios[i]) for i in ratio]
        return float(self.Cs_[C].mean()), float(np.mean(used))

    def _tell(self, paths: Paths, C: float, l1_ratio: Any) -> None:
        """Set the attributes of the path, in the shapes that `use_legacy_attributes` asks for."""
        if not self.use_legacy_attributes:
            self.C_ = float(C)
            self.l1_ratio_ = float(self.penalty == "l1") if l1_ratio is None else float(l1_ratio)
            self.coefs_paths_ = paths.coefs.swapaxes(1, 2)
            self.scores_, self.n_iter_ = paths.scores.swapaxes(1, 2), paths.n_iter.swapaxes(1, 2)
            return
        coefs, scores, n_iter = paths.coefs, paths.scores, paths.n_iter
        if self.l1_ratios_[0] is None:
            coefs, scores, n_iter = coefs[:, :, 0], scores[:, :, 0], n_iter[:, :, 0]
        k = coefs.shape[-2]
        names = self.classes_[-k:]
        self.C_, self.l1_ratio_ = np.full(k, C), np.array([l1_ratio] * k)
        self.coefs_paths_ = {name: coefs[..., row, :] for row, name in enumerate(names)}
        self.scores_ = dict.fromkeys(names, scores)
        self.n_iter_ = n_iter[None]

    def score(self, X: Any, y: Any, sample_weight: Any = None, **score_params: Any) -> float:
        """Return the score on X and y by `scoring`.

        Parameters
        ----------
        X : array_like or sparse (n_samples, n_features)
        y : array_like (n_samples,)
            Labels.
        sample_weight : array_like (n_samples,), optional
        **score_params : dict
            For the scorer, with metadata routing.

        Returns
        -------
        float
        """
        _raise_for_params(score_params, self, "score")
        if sample_weight is not None:
            score_params["sample_weight"] = sample_weight
        given = score_params
        if _routing_enabled():
            given = process_routing(self, "score", **score_params).scorer.score
        return float(self._get_scorer()(self, X, y, **given))

    def get_metadata_routing(self) -> Any:
        """Return what the splitter and the scorer ask to be given.

        Returns
        -------
        MetadataRouter
        """
        return (
            MetadataRouter(owner=type(self).__name__)
            .add_self_request(self)
            .add(splitter=self.cv, method_mapping=MethodMapping().add(caller="fit", callee="split"))
            .add(
                scorer=self._get_scorer(),
                method_mapping=MethodMapping().add(caller="score", callee="score").add(caller="fit", callee="score"),
            )
        )

    def _get_scorer(self) -> Any:
        return get_scorer("accuracy" if self.scoring is None or self.scoring == "warn" else self.scoring)
