"""Data and comparisons for the tests of the drop-in classes against scikit-learn's converged models."""

import warnings

import numpy as np
from sklearn.datasets import load_digits, make_classification
from sklearn.exceptions import ConvergenceWarning

# What the drop-in classes promise of coefficients, in proportion to the largest one.
PROMISE = 1e-5

DIGITS, DIGIT = load_digits(return_X_y=True)
DIGITS = DIGITS / 16  # where scikit-learn's solvers converge; that ours need no scaling is a test of its own

# Three classes that overlap, and no feature that is a combination of others: without a penalty, too, the optimum is one point.
X, Y = make_classification(
    300, 12, n_informative=6, n_redundant=0, n_classes=3, flip_y=0.3, class_sep=0.7, random_state=0
)
BINARY = (Y == 1).astype(int)
WEIGHTS = np.random.default_rng(0).uniform(0, 2, len(Y))
WEIGHTS[::7] = 0


def converged(model, X, y, sample_weight=None):
    """Fit a model of scikit-learn, which may not warn that it has not converged."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", ConvergenceWarning)
        # newton-cg says so of its last steps, which rounding takes; the criterion that it goes by is what counts.
        warnings.filterwarnings("ignore", message="The line search algorithm did not converge|Line Search failed")
        return model.fit(X, y, sample_weight=sample_weight)


def assert_agrees(ours, theirs, tolerance=PROMISE):
    """Coefficients and intercepts differ by no more than `tolerance` of the largest."""
    assert ours.coef_.shape == theirs.coef_.shape
    np.testing.assert_array_equal(ours.classes_, theirs.classes_)
    largest = max(np.abs(theirs.coef_).max(), np.abs(theirs.intercept_).max())
    assert largest > 1e-3  # there is something to agree on
    np.testing.assert_allclose(ours.coef_, theirs.coef_, rtol=0, atol=tolerance * largest)
    np.testing.assert_allclose(
        ours.intercept_, np.broadcast_to(theirs.intercept_, ours.intercept_.shape), rtol=0, atol=tolerance * largest
    )
