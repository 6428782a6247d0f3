"""The estimators of linear models, under scikit-learn's names."""

from softmargin.estimators.logistic import LogisticRegression
from softmargin.estimators.logistic_cv import LogisticRegressionCV
from softmargin.estimators.ridge import RidgeClassifier

__all__ = ["LogisticRegression", "LogisticRegressionCV", "RidgeClassifier"]
