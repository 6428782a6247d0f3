"""scikit-learn's own checks of an estimator, for the native ones."""

import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

from softmargin.linear_model import LinearClassifier, LinearRegressor

# Of each kind: what the default is, several kinds of loss and penalty, smooth and not.
EXACT = [
    LinearClassifier(),
    LinearClassifier("squared_hinge", penalty="elasticnet", standardize=True),
    LinearClassifier("crammer_singer"),
    LinearClassifier("logistic", penalty="l1", alpha=1e-3),
    LinearRegressor(),
    LinearRegressor("mae"),
    LinearRegressor("huber", penalty="elasticnet"),
]

# Rows are drawn by their number: to be held out, or for a batch.
DRAWN = {
    "check_sample_weight_equivalence_on_dense_data": "a weight of 2 is not two rows for what draws rows",
    "check_sample_weight_equivalence_on_sparse_data": "a weight of 2 is not two rows for what draws rows",
}
DRAWING = [
    LinearClassifier("hinge", calibrate=True),
    LinearClassifier(solver="SGD", standardize=True, random_state=0),
    LinearClassifier("squared_hinge", solver="Adam", early_stopping=True, random_state=0),
    LinearRegressor("huber", solver="Adagrad", average=True, random_state=0),
    LinearRegressor(solver="RMSprop", standardize=True, random_state=0),
]


def checks_of(estimators, **options):
    """scikit-learn's decorator, with the list that pytest asks for where older versions give a generator."""
    mark = parametrize_with_checks(estimators, **options)
    names, cases = mark.args
    return pytest.mark.parametrize(names, list(cases), **mark.kwargs)


@checks_of(EXACT)
def test_exact_estimators(estimator, check):
    """No expected failure."""
    check(estimator)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")  # 100 epochs of ten rows are few steps
@checks_of(DRAWING, expected_failed_checks=lambda estimator: DRAWN)
def test_estimators_that_draw_rows(estimator, check):
    """But for the two checks that scikit-learn's SGDClassifier does not pass either."""
    check(estimator)
