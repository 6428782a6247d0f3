"""What `LogisticRegressionCV` reads its penalties as, and the words in which scikit-learn says what will change."""

from __future__ import annotations

import warnings
from numbers import Real
from typing import Any

from .logistic_options import PENALTY_DEPRECATED, check_solver, name_of

RATIOS_WILL_CHANGE = (
    "The default value for l1_ratios will change from None to (0.0,) in version 1.10. From version 1.10 onwards, only array-like "
    "with values in [0, 1] will be allowed, None will be forbidden. To avoid this warning, explicitly set a value, "
    "e.g. l1_ratios=(0,)."
)
NO_RATIOS_DEPRECATED = (
    "'l1_ratios=None' was deprecated in version 1.8 and will trigger an error in 1.10. Use an array-like with values in [0, 1] "
    "instead."
)
SCORING_WILL_CHANGE = (
    "The default value of the parameter 'scoring' will change from None, i.e. accuracy, to 'neg_log_loss' in version 1.11. "
    "To silence this warning, explicitly set the scoring parameter: scoring='neg_log_loss' for the new, scoring='accuracy' or "
    "scoring=None for the old default."
)
ATTRIBUTES_WILL_CHANGE = (
    "The fitted attributes of LogisticRegressionCV will be simplified in scikit-learn 1.10 to remove redundancy. Set "
    "`use_legacy_attributes=False` to enable the new behavior now, or set it to `True` to silence this warning during the "
    "transition period while keeping the deprecated behavior for the time being. The default value of use_legacy_attributes will "
    "change from True to False in scikit-learn 1.10. See the docstring of LogisticRegressionCV for more details."
)


def penalties_of(cv: Any) -> tuple[str, list[Any]]:
    """Return the name of the penalty of a LogisticRegressionCV and its l1_ratios, [None] for none given, or raise and warn.

    Called by `fit` itself: warnings name the line that called that.
    """
    l1_ratios = cv.l1_ratios
    if isinstance(l1_ratios, str) and l1_ratios == "warn":
        warnings.warn(RATIOS_WILL_CHANGE, FutureWarning, stacklevel=3)
        l1_ratios = None
    if cv.penalty == "deprecated":
        if cv.l1_ratios is None:
            warnings.warn(NO_RATIOS_DEPRECATED, FutureWarning, stacklevel=3)
        names = {"l2"} if l1_ratios is None else {name_of(ratio) for ratio in l1_ratios}
        penalty = names.pop() if len(names) == 1 else "elasticnet"
    else:
        penalty = cv.penalty
        message = PENALTY_DEPRECATED.format(
            use="'l1_ratios' and 'Cs'",
            l2="l1_ratios=(0,)",
            l1="l1_ratios=(1,)",
            between="l1_ratios set to floats",
            none="Cs=(np.inf,)",
        )
        warnings.warn(message, FutureWarning, stacklevel=3)
    if isinstance(cv.scoring, str) and cv.scoring == "warn":
        warnings.warn(SCORING_WILL_CHANGE, FutureWarning, stacklevel=3)
    if cv.use_legacy_attributes == "warn":
        warnings.warn(ATTRIBUTES_WILL_CHANGE, FutureWarning, stacklevel=3)
    empty = l1_ratios is not None and len(l1_ratios) == 0
    if not empty:
        check_solver(cv.solver, penalty, cv.dual)
    if penalty == "elasticnet" or empty:
        numbers = l1_ratios is not None and all(
            isinstance(ratio, Real) and 0 <= float(ratio) <= 1 for ratio in l1_ratios
        )
        if not numbers or empty:
            raise ValueError(
                f"l1_ratios must be an array-like of numbers between 0 and 1; got (l1_ratios={l1_ratios!r})"
            )
    elif l1_ratios is not None and cv.penalty != "deprecated":
        warnings.warn(
            f"l1_ratios parameter is only used when penalty is 'elasticnet'. Got (penalty={penalty})", stacklevel=3
        )
    return penalty, [None] if l1_ratios is None else list(l1_ratios)
