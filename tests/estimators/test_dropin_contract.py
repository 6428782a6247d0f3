"""scikit-learn's checks of an estimator, on every class that stands in for one of its own: all of them pass."""

import pytest
import sklearn
from sklearn.utils.estimator_checks import parametrize_with_checks
from sklearn.utils.fixes import parse_version

from softmargin.linear_model import LogisticRegression, LogisticRegressionCV, RidgeClassifier
from softmargin.svm import LinearSVC

ESTIMATORS = [
    LogisticRegression(),
    LogisticRegression(C=0.1, l1_ratio=0.5, solver="saga", max_iter=1000),
    LogisticRegressionCV(Cs=3, cv=3, l1_ratios=(0,), scoring="neg_log_loss", use_legacy_attributes=False),
    RidgeClassifier(),
    LinearSVC(),
    LinearSVC(loss="hinge"),
    LinearSVC(penalty="l1"),
    LinearSVC(multi_class="crammer_singer"),
]


if parse_version(sklearn.__version__) >= parse_version("1.7"):
    # Before, two checks make labels of two classes, the only ones it takes, of weighted and of repeated data differently.
    ESTIMATORS.append(LogisticRegression(C=0.1, l1_ratio=1, solver="liblinear", max_iter=1000))
CHECKS = parametrize_with_checks(ESTIMATORS).mark


# What the checks themselves draw warnings by: labels of few samples each, classes that are missing in a fold.
@pytest.mark.filterwarnings("ignore::UserWarning", "ignore::FutureWarning")
@pytest.mark.parametrize(CHECKS.args[0], list(CHECKS.args[1]), **CHECKS.kwargs)  # a generator in scikit-learn 1.6
def test_check(estimator, check):
    check(estimator)
