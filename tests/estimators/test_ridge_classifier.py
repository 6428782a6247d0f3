"""`RidgeClassifier` against scikit-learn's closed form; its certificate and what it refuses."""

import inspect
import re

import numpy as np
import pytest
import scipy.sparse
import sklearn.linear_model
from sklearn.datasets import load_digits
from sklearn.utils.fixes import parse_version

import softmargin as sm
from softmargin.linear_model import RidgeClassifier

from .agreement import BINARY, WEIGHTS, X, Y, assert_agrees, converged

NEWEST = parse_version(sklearn.__version__) >= parse_version("1.9")
MULTILABEL = np.column_stack([BINARY, Y == 2])


def theirs(solver="cholesky", **options):
    return sklearn.linear_model.RidgeClassifier(solver=solver, **options)


@pytest.mark.parametrize("y", [Y, BINARY, np.array(["a", "b", "c"])[Y]], ids=["three", "two", "names"])
@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("sample_weight", [None, WEIGHTS, 2.0], ids=["alike", "weighted", "number"])
@pytest.mark.parametrize("class_weight", [None, "balanced"])
def test_closed_form(y, fit_intercept, sample_weight, class_weight):
    options = {"alpha": 3.0, "fit_intercept": fit_intercept, "class_weight": class_weight}
    ours = RidgeClassifier(**options).fit(X, y, sample_weight=sample_weight)
    assert_agrees(ours, converged(theirs(**options), X, y, sample_weight))


@pytest.mark.parametrize("solver", ["auto", "svd", "cholesky", "lsqr", "sparse_cg", "sag", "saga"])
def test_every_solvers_name(solver):
    pixels, y = load_digits(return_X_y=True)
    ours = RidgeClassifier(solver=solver).fit(scipy.sparse.csr_array(pixels), y)
    assert_agrees(ours, converged(theirs(), pixels, y))
    assert ours.solver_ == solver


@pytest.mark.parametrize(
    "alpha", [0.0, 1e-3, 1e3, np.array([1.0, 10.0, 100.0])], ids=["none", "weak", "strong", "each"]
)
def test_strength(alpha):
    ours = RidgeClassifier(alpha=alpha).fit(X, Y)
    assert_agrees(ours, converged(theirs(alpha=alpha), X, Y))
    assert np.isnan(ours.gap_) if np.all(alpha == 0) else ours.gap_ <= 1e-10
    assert ours.n_iter_.shape == (3,)


def test_multilabel():
    ours = RidgeClassifier().fit(X, MULTILABEL)
    reference = converged(theirs(), X, MULTILABEL)
    assert_agrees(ours, reference)
    np.testing.assert_array_equal(ours.predict(X), reference.predict(X))


def test_the_gap_is_of_the_mean_square():
    """In the words of `solve` the strength is 2 alpha / n."""
    options = {"loss": "mse", "penalty": sm.L2(2 * 5.0 / len(Y))}
    signs = np.where(Y[:, None] == np.arange(3), 1.0, -1.0)
    model = RidgeClassifier(alpha=5.0).fit(X, Y)
    F = sm.loss_and_grad(model.coef_, X, signs, intercept=model.intercept_, **options).loss
    assert pytest.approx(model.history_[-1].loss, rel=1e-12) == F
    assert sm.solve(X, signs, tol=1e-12, **options).loss * (1 + 1e-12) >= F


@pytest.mark.parametrize("dtype", [np.float32, np.float16, np.uint8])
def test_narrow_numbers_are_read_as_they_are(dtype):
    narrow = load_digits().data.astype(dtype)
    ours = RidgeClassifier().fit(narrow, load_digits().target)
    assert_agrees(ours, converged(theirs(), narrow.astype(np.float64), load_digits().target))


def test_sparse_labels_are_predicted_sparse():
    """As by scikit-learn's: of the kind of the labels in `fit`."""
    ours = RidgeClassifier().fit(X, scipy.sparse.csr_matrix(MULTILABEL)).predict(X)
    expected = theirs().fit(X, scipy.sparse.csr_matrix(MULTILABEL)).predict(X)
    assert type(ours) is type(expected)
    np.testing.assert_array_equal(ours.toarray(), expected.toarray())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"positive": True}, "positive=True is not supported: softmargin has no bounds on coefficients."),
        ({"solver": "lbfgs"}, "'lbfgs' solver can be used only when positive=True. Please use another solver."),
        ({"alpha": [1.0, 2.0]}, "Number of targets and number of penalties do not correspond: 2 != 3"),
        ({"alpha": -1}, "The 'alpha' parameter of RidgeClassifier must be"),
        ({"alpha": [1.0, -2.0, 1.0]}, "alpha: expected numbers of at least 0, got -2.0"),
        ({"class_weight": {0: -1}}, "class_weight: expected finite weights of at least 0, got -1"),
        ({"class_weight": {0: np.inf}}, "class_weight: expected finite weights of at least 0, got inf"),
    ],
)
def test_refusals(options, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        RidgeClassifier(**options).fit(X, Y)


@pytest.mark.skipif(not NEWEST, reason="the parameters are those of scikit-learn 1.9")
def test_parameters_are_scikit_learns():
    def parameters(cls):
        return [(p.name, p.kind, p.default) for p in inspect.signature(cls.__init__).parameters.values()]

    cls = sklearn.linear_model.RidgeClassifier
    assert parameters(RidgeClassifier) == parameters(cls)
    assert set(RidgeClassifier._parameter_constraints) == set(cls._parameter_constraints)
