"""The linear support vector machines, under scikit-learn's names."""

from softmargin.estimators.linear_svc import LinearSVC

__all__ = ["LinearSVC"]
