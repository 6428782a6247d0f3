"""Linear models as scikit-learn estimators: softmargin's own, and drop-in classes with scikit-learn's names."""

from softmargin.estimators.classifier import LinearClassifier
from softmargin.estimators.logistic import LogisticRegression
from softmargin.estimators.logistic_cv import LogisticRegressionCV
from softmargin.estimators.regressor import LinearRegressor
from softmargin.estimators.ridge import RidgeClassifier

__all__ = ["LinearClassifier", "LinearRegressor", "LogisticRegression", "LogisticRegressionCV", "RidgeClassifier"]
