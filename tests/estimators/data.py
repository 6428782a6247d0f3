"""Data of the tests of the native estimators, and how near to each other two of their optima have to be."""

import numpy as np
from sklearn.datasets import make_classification

EPS = np.finfo(np.float64).eps


def binary(n=200, d=7, seed=0):
    X, y = make_classification(n, d, n_informative=5, flip_y=0.1, random_state=seed)
    return X, y


def of_gap(model, alpha):
    """How far W can be from the optimum's, in norm: F(W) - F* >= alpha / 2 |W - W*|^2."""
    return np.sqrt(2 * max(model.gap_, EPS) * model.loss_ / alpha)
