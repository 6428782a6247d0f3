"""Which solvers, penalties and classes scikit-learn's logistic regressions allow, and the words in which they refuse others."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from softmargin._validation import Matrix

SOLVERS = {"lbfgs", "liblinear", "newton-cg", "newton-cholesky", "sag", "saga"}

# How scikit-learn's solvers begin to say that they have not converged: what users filter warnings by.
NOT_CONVERGED = {
    "lbfgs": "lbfgs failed to converge.",
    "liblinear": "Liblinear failed to converge, increase the number of iterations.",
    "newton-cg": "newton-cg failed to converge.",
    "newton-cholesky": "Newton solver did not converge after {n_iter} iterations.",
    "sag": "The max_iter was reached which means the coef_ did not converge.",
    "saga": "The max_iter was reached which means the coef_ did not converge.",
}

# The largest value that "liblinear" takes; squares of more leave little of float64's range.
LARGEST = 1e30

PENALTY_DEPRECATED = (
    "'penalty' was deprecated in version 1.8 and will be removed in 1.10. To avoid this warning, leave 'penalty' set to its default"
    " value and use {use} instead. Use {l2} instead of penalty='l2', {l1} instead of penalty='l1', {between}"
    " between 0 and 1 instead of penalty='elasticnet', and {none} instead of penalty=None."
)


def name_of(l1_ratio: float | None) -> str:
    """Return scikit-learn's name of the penalty."""
    if not l1_ratio:
        return "l2"
    return "l1" if l1_ratio == 1 else "elasticnet"


def ratio_of(penalty: str, l1_ratio: float | None) -> float:
    """Return the share of l1 of a penalty by name."""
    return {"l2": 0.0, "l1": 1.0}.get(penalty, 0.0 if l1_ratio is None else float(l1_ratio))


def check_solver(solver: str, penalty: str | None, dual: bool) -> None:
    """Raise scikit-learn's ValueError where a solver of that name does not take the penalty or the dual."""
    if solver not in ("liblinear", "saga") and penalty not in ("l2", None):
        raise ValueError(f"Solver {solver} supports only 'l2' or None penalties, got {penalty} penalty.")
    if solver != "liblinear" and dual:
        raise ValueError(f"Solver {solver} supports only dual=False, got dual={dual}")
    if penalty == "elasticnet" and solver != "saga":
        raise ValueError(f"Only 'saga' solver supports elasticnet penalty, got solver={solver}.")
    if solver == "liblinear" and penalty is None:
        raise ValueError("C=np.inf as well as penalty=None is not supported for the liblinear solver")
    if penalty == "l1" and dual:
        raise ValueError(
            "Unsupported set of arguments: The combination of penalty='l1' and loss='logistic_regression' are not supported "
            "when dual=True, Parameters: penalty='l1', loss='logistic_regression', dual=True"
        )


def check_values(solver: str, X: Matrix) -> None:
    """Raise scikit-learn's ValueError where X is too large for "liblinear"."""
    values = X.core.arrays[0]
    if solver == "liblinear" and values.dtype == np.float64 and values.size and LARGEST < values.max() < np.inf:
        raise ValueError(
            "Using the 'liblinear' solver while X contains a maximum value > 1e30 results in a frozen fit. Please choose another "
            "solver or rescale the input X."
        )


def check_strengths(Cs: npt.NDArray[np.float64]) -> None:
    """Raise ValueError where there is none to choose from, or one that is no inverse strength of a penalty."""
    if Cs.ndim != 1 or len(Cs) == 0:
        raise ValueError(f"Cs: expected at least one number in a sequence, got shape {Cs.shape}")
    wrong = Cs[~(Cs > 0)]
    if len(wrong):
        raise ValueError(f"Cs: expected numbers above 0, got {wrong[0]:g}")


def check_classes(solver: str, classes: npt.NDArray[Any]) -> None:
    """Raise scikit-learn's ValueError where there is one class, or are more than "liblinear" takes."""
    if solver == "liblinear" and len(classes) > 2:
        raise ValueError(
            "The 'liblinear' solver does not support multiclass classification (n_classes >= 3). Either use another solver or "
            "wrap the estimator in a OneVsRestClassifier to keep applying a one-versus-rest scheme. Only binary classification is "
            "supported. The type of the target is multiclass."
        )
    if len(classes) < 2:
        raise ValueError(
            "This solver needs samples of at least 2 classes in the data, but the data contains only one class: "
            f"{classes[0]!r}"
        )
