"""The native estimators end at the optimum of scikit-learn's and PyTorch's models."""

import numpy as np
import pytest
from sklearn.datasets import make_regression
from sklearn.linear_model import HuberRegressor, LogisticRegression, Ridge
from sklearn.svm import LinearSVC

import softmargin as sm
from softmargin import LinearClassifier, LinearRegressor

from .data import binary, of_gap


def objective(model, X, y, loss, alpha, **options):
    """F of a fitted model of anybody, in softmargin's terms."""
    W, b = np.atleast_2d(model.coef_).astype(float), np.atleast_1d(model.intercept_).astype(float)
    return sm.loss_and_grad(W, X, y, loss=loss, intercept=b, penalty=sm.L2(alpha), **options).loss


def test_the_optimum_is_that_of_LogisticRegression(digits):
    X, y = digits
    X = X / 16
    alpha = 1 / len(y)
    ours = LinearClassifier(alpha=alpha, tol=1e-9).fit(X, y)
    theirs = LogisticRegression(C=1.0, solver="newton-cg", tol=1e-10, max_iter=2000).fit(X, y)
    assert abs(objective(theirs, X, y, "softmax", alpha) / ours.loss_ - 1) < 1e-6


def test_the_optimum_is_that_of_LinearSVC():
    """LIBLINEAR penalises the intercept; with a feature of ones and no intercept it is treated alike."""
    X, y = binary()
    ones = np.column_stack([X, np.ones(len(X))])
    alpha = 1 / len(y)
    ours = LinearClassifier("squared_hinge", alpha=alpha, tol=1e-9, fit_intercept=False).fit(ones, y)
    theirs = LinearSVC(C=0.5 * 2, fit_intercept=False, tol=1e-12, max_iter=100000, random_state=0).fit(ones, y)
    value = objective(theirs, ones, 2 * y - 1, "binary_squared_hinge", alpha)
    assert abs(value / ours.loss_ - 1) < 1e-6


def test_the_optimum_is_that_of_Ridge():
    X, y = make_regression(150, 12, noise=5.0, random_state=0)
    theirs = Ridge(alpha=3.0).fit(X, y)
    ours = LinearRegressor(alpha=2 * 3.0 / 150, tol=1e-12).fit(X, y)
    assert abs(objective(theirs, X, y, "mse", 2 * 3.0 / 150) / ours.loss_ - 1) < 1e-6
    np.testing.assert_allclose(ours.coef_, theirs.coef_, atol=of_gap(ours, 2 * 3.0 / 150) + 1e-9)


def test_the_optimum_is_that_of_HuberRegressor():
    X, y = make_regression(150, 5, noise=5.0, random_state=0)
    y[::10] += 500
    theirs = HuberRegressor(epsilon=1.35, alpha=0.01, tol=1e-9, max_iter=10000).fit(X, y)
    # With sigma = scale_ fixed, theirs is sigma / 2 per sample of huber(r / sigma) ... in our terms, times 2 sigma, over n.
    delta, alpha = 1.35 * theirs.scale_, 0.01 * theirs.scale_ / 150
    ours = LinearRegressor("huber", delta=delta, alpha=alpha, tol=1e-12).fit(X, y)
    value = objective(theirs, X, y, "huber", alpha, delta=delta)
    assert abs(value / ours.loss_ - 1) < 1e-6


def test_the_hinge_is_k_times_MultiMarginLoss(digits):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    X, y = digits
    ours = LinearClassifier("hinge", alpha=0.1, tol=1e-4).fit(X, y)
    scores = torch.from_numpy(X @ ours.coef_.T + ours.intercept_)
    theirs = 10 * torch.nn.MultiMarginLoss()(scores, torch.from_numpy(y)).item()
    assert abs(theirs + 0.05 * (ours.coef_**2).sum() - ours.loss_) <= 1e-12 * ours.loss_
