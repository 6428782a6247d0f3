"""A pytest plugin under which scikit-learn's own tests meet the classes of softmargin, and which counts their fits.

Used by test_sklearn_suite.py as ``pytest -p sklearn_suite --fits FILE --pyargs sklearn.linear_model.tests.test_logistic ...``.
"""

import inspect
import json
import re
from collections import Counter
from pathlib import Path

import pytest
import sklearn.linear_model
import sklearn.svm

import softmargin.linear_model
import softmargin.svm

# Where scikit-learn tells a name, and where ours comes from.
SWAPPED = {
    "LogisticRegression": (sklearn.linear_model, softmargin.linear_model),
    "LogisticRegressionCV": (sklearn.linear_model, softmargin.linear_model),
    "RidgeClassifier": (sklearn.linear_model, softmargin.linear_model),
    "LinearSVC": (sklearn.svm, softmargin.svm),
}
MENTIONS = re.compile(rf"\b({'|'.join(SWAPPED)})\b")

LINEAR_MODEL, SVM = "linear_model/tests/test_logistic.py", "svm/tests/test_svm.py"

# Tests that fail with our classes, by what their node ids contain, and why they may.
EXPECTED = {}

FITS = Counter()


def counted(cls):
    """Count the fits of a class, in place."""
    fit = cls.fit

    def counting(self, *args, **kwargs):
        FITS[type(self).__name__] += 1
        return fit(self, *args, **kwargs)

    counting.__signature__ = inspect.signature(fit)
    counting.__doc__ = fit.__doc__
    cls.fit = counting


def pytest_addoption(parser):
    parser.addoption("--fits", type=Path, help="where to write how many fits went through each class")


def pytest_configure():
    for name, (theirs, ours) in SWAPPED.items():
        counted(getattr(ours, name))
        setattr(theirs, name, getattr(ours, name))


def pytest_collection_modifyitems(items, config):
    """Keep the tests that mention one of the classes; expect those to fail that are listed."""
    kept = [item for item in items if MENTIONS.search(inspect.getsource(item.function))]
    config.hook.pytest_deselected(items=[item for item in items if item not in kept])
    items[:] = kept
    for item in items:
        for part, reason in EXPECTED.items():
            if part in item.nodeid:
                item.add_marker(pytest.mark.xfail(reason=reason, strict=True))


def pytest_sessionfinish(session):
    if session.config.option.fits:
        session.config.option.fits.write_text(json.dumps(FITS))
