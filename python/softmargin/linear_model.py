"""The estimators of linear models, under scikit-learn's names."""

from softmargin.estimators.logistic import LogisticRegression

__all__ = ["LogisticRegression"]
