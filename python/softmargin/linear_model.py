"""Linear models as scikit-learn estimators: softmargin's own, and drop-in classes with scikit-learn's names."""

from softmargin.estimators.classifier import LinearClassifier
from softmargin.estimators.regressor import LinearRegressor

__all__ = ["LinearClassifier", "LinearRegressor"]
