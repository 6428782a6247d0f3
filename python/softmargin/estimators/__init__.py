"""The scikit-learn estimators: `softmargin.linear_model` and `softmargin.svm` tell their names."""
