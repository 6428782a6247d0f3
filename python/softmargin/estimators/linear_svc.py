"""`LinearSVC`: scikit-learn's class with `softmargin.solve` in the place of LIBLINEAR."""

from __future__ import annotations

from numbers import Integral, Real
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
from sklearn.base import _fit_context
from sklearn.utils._param_validation import Interval, StrOptions

from softmargin._validation import Matrix

from .base import LinearClassifierBase
from .inputs import read_X
from .labels import check_weights, class_weights, encode
from .optimum import Float, Optimum, Task, say, warn_unless_converged

# Whether LIBLINEAR solves the dual (True) or the primal problem of a loss with a penalty: what it does not, is refused.
FORMS = {
    ("hinge", "l2"): (True,),
    ("squared_hinge", "l2"): (True, False),
    ("squared_hinge", "l1"): (False,),
}


class LinearSVC(LinearClassifierBase):
    """Linear support vector classification: scikit-learn's class, solved to a certified optimum.

    Minimises ``1/2 (||w||^2 + (b / intercept_scaling)^2) + C * sum_i w_i loss(t_i (w x_i + b))`` for each class against the rest,
    t = +1 and -1, or Crammer and Singer's loss of all classes together. Parameters, defaults, attributes and errors are those of
    scikit-learn 1.9, whichever version is installed.

    Parameters
    ----------
    penalty : {"l1", "l2"}, default "l2"
        "l1" replaces ``1/2 (||w||^2 + ...)`` by ``||w||_1 + |b| / intercept_scaling``.
    loss : {"hinge", "squared_hinge"}, default "squared_hinge"
    dual : "auto" or bool, default "auto"
        Accepted where LIBLINEAR solves that form of the problem; the optimum is the same.
    tol : float, default 1e-4
        The fit goes on to a relative gap of ``(tol / 10)**2``, certified; it is said not to have converged where after `max_iter` steps
        neither the gap nor the largest entry of the gradient is at most `tol`.
    C : float, default 1.0
    multi_class : {"ovr", "crammer_singer"}, default "ovr"
        With "crammer_singer" `loss`, `penalty` and `dual` are not read, as in scikit-learn.
    fit_intercept : bool, default True
    intercept_scaling : float, default 1
        The value of the column whose weight times it is the intercept, and is penalised.
    class_weight : dict, "balanced" or None, default None
        Multiplies C for the samples of a class; one-versus-rest for its own samples against the rest, which have weight 1.
    verbose : int, default 0
        Above 0 prints a line with steps, time, objective and gap.
    random_state : int, RandomState or None, default None
        Nothing depends on chance here.
    max_iter : int, default 1000
        Steps; a step is one pass over X or little more.

    Attributes
    ----------
    classes_ : ndarray (n_classes,)
    coef_ : ndarray (1, n_features) or (n_classes, n_features)
        float64.
    intercept_ : ndarray (1,) or (n_classes,)
    n_iter_ : int
    n_features_in_ : int
    feature_names_in_ : ndarray (n_features_in_,)
        Where X has names that are strings.
    gap_ : float
        The objective, of all classes together, is at most this far above its optimum, relative to it, proven.
    history_ : tuple of SolveRecord
        Objective, passes over X and seconds at every step.

    Notes
    -----
    What differs from scikit-learn: the optimum comes with a certificate and does not depend on chance, so that `random_state` is
    without effect; all classes are solved together, in one pass over X a step, on any number of threads with the same result; X is
    read as it is, without LIBLINEAR's copy. With ``penalty="l1"`` and an intercept X is copied, in float64, to have the column that
    is penalised. Without an intercept ``intercept_`` is an array of zeros.

    Source: Fan, Chang, Hsieh, Wang and Lin, JMLR 9 (2008) for the problems; :func:`softmargin.solve` for the method.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from softmargin.svm import LinearSVC
    >>> X, y = load_digits(return_X_y=True)
    >>> clf = LinearSVC(C=0.01).fit(X, y)
    >>> clf.predict(X[:5])
    array([0, 1, 2, 3, 4])
    >>> clf.gap_ <= 1e-10
    True
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "penalty": [StrOptions({"l1", "l2"})],
        "loss": [StrOptions({"hinge", "squared_hinge"})],
        "dual": ["boolean", StrOptions({"auto"})],
        "tol": [Interval(Real, 0.0, None, closed="neither")],
        "C": [Interval(Real, 0.0, None, closed="neither")],
        "multi_class": [StrOptions({"ovr", "crammer_singer"})],
        "fit_intercept": ["boolean"],
        "intercept_scaling": [Interval(Real, 0, None, closed="neither")],
        "class_weight": [None, dict, StrOptions({"balanced"})],
        "verbose": ["verbose"],
        "random_state": ["random_state"],
        "max_iter": [Interval(Integral, 0, None, closed="left")],
    }

    def __init__(
        self,
        penalty: str = "l2",
        loss: str = "squared_hinge",
        *,
        dual: Any = "auto",
        tol: float = 1e-4,
        C: float = 1.0,
        multi_class: str = "ovr",
        fit_intercept: bool = True,
        intercept_scaling: float = 1,
        class_weight: Any = None,
        verbose: int = 0,
        random_state: Any = None,
        max_iter: int = 1000,
    ) -> None:
        self.dual = dual
        self.tol = tol
        self.C = C
        self.multi_class = multi_class
        self.fit_intercept = fit_intercept
        self.intercept_scaling = intercept_scaling
        self.class_weight = class_weight
        self.verbose = verbose
        self.random_state = random_state
        self.max_iter = max_iter
        self.penalty = penalty
        self.loss = loss

    @_fit_context(prefer_skip_nested_validation=True)  # type: ignore[untyped-decorator]
    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> LinearSVC:
        """Fit the model.

        Parameters
        ----------
        X : array_like or sparse (n_samples, n_features)
        y : array_like (n_samples,)
            Labels.
        sample_weight : array_like (n_samples,), optional
            At least 0, not all 0; multiplies C.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            scikit-learn's: ``Unsupported set of arguments: ...`` for a combination that LIBLINEAR does not solve, and the like.

        Warns
        -----
        ConvergenceWarning
            Where neither the gap nor the largest gradient has come down to `tol`, with both.
        """
        matrix = read_X(self, X, reset=True)
        self.classes_, codes = encode(y, X=X, estimator=self)
        if len(self.classes_) < 2:
            raise ValueError(
                "This solver needs samples of at least 2 classes in the data, but the data contains only one class: "
                f"{self.classes_[0]!r}"
            )
        check_form(self.multi_class, self.penalty, self.loss, self.dual)
        weights = check_weights(sample_weight, len(codes))
        of_class = class_weights(self.class_weight, self.classes_, codes, weights)
        together = self.multi_class == "crammer_singer"
        fit = self._crammer_singer if together else self._one_versus_rest
        found = fit(matrix, codes, weights, of_class if self.class_weight is not None else None)
        if together and len(self.classes_) == 2:
            difference = [found.coef[1:] - found.coef[:1], found.intercept[1:] - found.intercept[:1]]
            found = found._replace(coef=difference[0], intercept=difference[1])
        self.coef_, self.intercept_ = found.coef, found.intercept
        self.n_iter_ = found.n_iter
        self.gap_, self.history_ = found.gap, found.history
        warn_unless_converged(found, self.tol, "Liblinear failed to converge, increase the number of iterations.")
        if self.verbose:
            say(type(self).__name__, found)
        return self

    def _one_versus_rest(
        self, matrix: Matrix, codes: npt.NDArray[np.int64], weights: Float | None, of_class: Float | None
    ) -> Optimum:
        """Two classes are one problem, both of whose classes have their weight; of more, each has it against the rest."""
        binary = len(self.classes_) == 2
        if binary and of_class is not None:
            weights, of_class = of_class[codes] * (1.0 if weights is None else weights), None
        targets = 2 * codes - 1 if binary else codes
        task = self._task(matrix, targets, f"binary_{self.loss}", 1 if binary else len(self.classes_), of_class)
        return task.minimise(1 / self.C, float(self.penalty == "l1"), weights)

    def _crammer_singer(
        self, matrix: Matrix, codes: npt.NDArray[np.int64], weights: Float | None, of_class: Float | None
    ) -> Optimum:
        if of_class is not None:
            weights = of_class[codes] * (1.0 if weights is None else weights)
        task = self._task(matrix, codes, "crammer_singer", len(self.classes_), None)
        return task.minimise(1 / self.C, 0.0, weights)

    def _task(
        self, matrix: Matrix, targets: npt.NDArray[np.int64], loss: str, n_outputs: int, of_class: Float | None
    ) -> Task:
        return Task(
            matrix,
            targets,
            loss=loss,
            n_outputs=n_outputs,
            tol=self.tol,
            max_iter=self.max_iter,
            fit_intercept=self.fit_intercept,
            intercept_scaling=self.intercept_scaling,
            positive_weight=of_class,
        )


def check_form(multi_class: str, penalty: str, loss: str, dual: Any) -> None:
    """Raise scikit-learn's ValueError where LIBLINEAR does not solve the problem in the form asked for."""
    if multi_class == "crammer_singer":
        return
    forms = FORMS.get((loss, penalty))
    if forms is not None and (dual == "auto" or dual in forms):
        return
    if forms is None:
        wrong = f"The combination of penalty='{penalty}' and loss='{loss}' is not supported"
    else:
        wrong = f"The combination of penalty='{penalty}' and loss='{loss}' are not supported when dual={dual}"
    given = f"penalty={penalty!r}, loss={loss!r}, dual={dual!r}"
    raise ValueError(f"Unsupported set of arguments: {wrong}, Parameters: {given}")
