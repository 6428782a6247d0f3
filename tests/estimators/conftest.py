"""Data that the tests of several estimators share."""

import pytest
from sklearn.datasets import load_digits


@pytest.fixture(scope="session")
def digits():
    """The first 400 digits, as they come."""
    X, y = load_digits(return_X_y=True)
    return X[:400], y[:400]
