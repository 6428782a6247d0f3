"""`LinearSVC` against LIBLINEAR and libsvm, converged; its certificate and what it refuses."""

import inspect
import re
import warnings

import numpy as np
import pytest
import scipy.sparse
import sklearn.svm
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.fixes import parse_version

import softmargin as sm
from softmargin.svm import LinearSVC

from .agreement import BINARY, DIGIT, DIGITS, WEIGHTS, X, Y, assert_agrees, converged

NEWEST = parse_version(sklearn.__version__) >= parse_version("1.9")
SHIFTED = X + 0.5  # so that the penalty on the intercept matters


def liblinear(tol=1e-12, **options):
    return sklearn.svm.LinearSVC(tol=tol, max_iter=1_000_000, random_state=0, **options)


@pytest.mark.parametrize("y", [Y, BINARY], ids=["three", "two"])
@pytest.mark.parametrize("class_weight", [None, "balanced", {0: 3.0, 1: 0.5}])
@pytest.mark.parametrize("sample_weight", [None, WEIGHTS], ids=["alike", "weighted"])
def test_squared_hinge(y, class_weight, sample_weight):
    """A class's weight is on its own samples of one-versus-rest, and on those of both of two classes."""
    if class_weight == "balanced" and sample_weight is not None and not NEWEST:
        pytest.skip("scikit-learn before 1.9 balances classes without regard to sample weights")
    options = {"C": 0.1, "class_weight": class_weight, "intercept_scaling": 2.0}
    ours = LinearSVC(**options).fit(SHIFTED, y, sample_weight=sample_weight)
    assert_agrees(ours, converged(liblinear(dual=False, **options), SHIFTED, y, sample_weight))


def test_digits():
    ours = LinearSVC(C=0.1).fit(DIGITS, DIGIT)
    assert_agrees(ours, converged(liblinear(C=0.1, dual=False), DIGITS, DIGIT))
    assert ours.gap_ <= 1e-10


@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("y", [Y, BINARY], ids=["three", "two"])
def test_l1(y, fit_intercept):
    """With the same zeros, in the intercept as well."""
    options = {"penalty": "l1", "C": 0.02, "fit_intercept": fit_intercept}
    ours = LinearSVC(**options).fit(SHIFTED, y)
    reference = converged(liblinear(1e-9, dual=False, **options), SHIFTED, y)
    assert_agrees(ours, reference)
    np.testing.assert_array_equal(ours.coef_ == 0, reference.coef_ == 0)
    assert (reference.coef_ == 0).any()


@pytest.mark.parametrize("C", [0.1, 1.0])
def test_hinge_is_libsvms(C):
    """Whose intercept is free: a column of 1e4 leaves the penalty on it 1e8 times smaller, and below the promise.

    LIBLINEAR's own hinge stops far from the optimum, wherever `tol` is set; it is compared by the objective below.
    """
    few, y = X[:80], BINARY[:80]  # of more, libsvm takes minutes
    ours = LinearSVC(loss="hinge", C=C, intercept_scaling=1e4).fit(few, y)
    assert_agrees(ours, sklearn.svm.SVC(kernel="linear", C=C, tol=1e-8).fit(few, y))


@pytest.mark.parametrize("y", [Y, BINARY], ids=["three", "two"])
def test_hinge_is_nowhere_above_liblinears(y):
    """Its objective, summed over the classes, is at most ours (1 + gap) below, and ours is at most 1e-10 above any."""
    weights = np.array([1.0, 3.0, 0.5])[: len(np.unique(y))]
    options = {"loss": "hinge", "C": 0.1, "class_weight": dict(enumerate(weights)), "intercept_scaling": 2.0}
    ours = LinearSVC(**options).fit(SHIFTED, y, sample_weight=WEIGHTS)
    reference = converged(liblinear(1e-6, **options), SHIFTED, y, WEIGHTS)

    def objective(model):
        signs = np.where(y[:, None] == (np.arange(3) if len(model.coef_) == 3 else 1), 1, -1)
        other = weights[0] if len(model.coef_) == 1 else 1.0
        of_class = np.where(signs > 0, weights[-len(model.coef_) :], other)
        losses = np.maximum(0, 1 - signs * (SHIFTED @ model.coef_.T + model.intercept_))
        penalty = (model.coef_**2).sum() + (np.asarray(model.intercept_) ** 2).sum() / 4
        return 0.5 * penalty + 0.1 * (WEIGHTS[:, None] * of_class * losses).sum()

    F = objective(ours)
    assert objective(reference) * (1 + 1e-10) >= F
    assert objective(reference) * (1 - 1e-5) <= F  # the same problem, then
    assert ours.gap_ <= 1e-10


@pytest.mark.parametrize("options", [{}, {"fit_intercept": False}, {"class_weight": "balanced"}])
@pytest.mark.parametrize("y", [Y, BINARY], ids=["three", "two"])
def test_crammer_singer(y, options):
    """Two classes are the difference of two rows. LIBLINEAR's is a dual method, which 1e-9 takes close enough."""
    options = {"multi_class": "crammer_singer", "C": 0.1, **options}
    with warnings.catch_warnings():
        # scikit-learn reads a number of iterations for each class, of which LIBLINEAR writes the first: the others may be any.
        warnings.filterwarnings("ignore", message="Liblinear failed to converge", category=ConvergenceWarning)
        theirs = liblinear(1e-9, **options).fit(X, y)
    assert_agrees(LinearSVC(**options).fit(X, y), theirs)


def test_dual_and_primal_are_one():
    dense = LinearSVC(dual=True).fit(X, Y)
    sparse = LinearSVC(dual=False).fit(scipy.sparse.csr_array(X), Y)
    np.testing.assert_allclose(dense.coef_, sparse.coef_, rtol=1e-7)


def test_the_gap_bounds_the_truth():
    n = len(Y)
    options = {"loss": "binary_squared_hinge", "penalty": sm.L2(1 / n)}
    with pytest.warns(ConvergenceWarning, match="Liblinear failed to converge, increase the number of iterations."):
        early = LinearSVC(max_iter=1, tol=1e-12, fit_intercept=False).fit(X, Y)
    best = sm.solve(X, Y, tol=1e-12, fit_intercept=False, **options)
    F = sm.loss_and_grad(early.coef_, X, Y, **options).loss
    assert -1e-12 <= (F - best.loss) / F <= early.gap_ + 1e-12
    assert early.n_iter_ == 1
    assert isinstance(early.n_iter_, int)


@pytest.mark.parametrize("loss", ["hinge", "squared_hinge"])
@pytest.mark.parametrize("penalty", ["l1", "l2"])
@pytest.mark.parametrize("dual", [True, False, "auto"])
def test_what_liblinear_does_not_solve_is_refused_in_its_words(loss, penalty, dual):
    options = {"loss": loss, "penalty": penalty, "dual": dual}

    def outcome(cls):
        try:
            cls(max_iter=100_000, **options).fit(X, Y)
        except ValueError as error:
            return re.sub(r"dual='?\w+'?$", "", str(error))  # what "auto" became is told there
        return "solved"

    expected = outcome(sklearn.svm.LinearSVC)
    assert outcome(LinearSVC) == expected
    assert (expected == "solved") == ((loss, penalty, dual) in SOLVED)


SOLVED = [
    ("hinge", "l2", True),
    ("hinge", "l2", "auto"),
    ("squared_hinge", "l2", True),
    ("squared_hinge", "l2", False),
    ("squared_hinge", "l2", "auto"),
    ("squared_hinge", "l1", False),
    ("squared_hinge", "l1", "auto"),
]


def test_one_class():
    for cls in (LinearSVC, sklearn.svm.LinearSVC):
        with pytest.raises(ValueError, match="This solver needs samples of at least 2 classes in the data"):
            cls().fit(X, 0 * Y)


def test_verbose_prints_a_line(capsys):
    model = LinearSVC(verbose=1).fit(X, Y)
    assert capsys.readouterr().out.startswith(f"[LinearSVC] {model.n_iter_} iterations")


@pytest.mark.skipif(not NEWEST, reason="the parameters are those of scikit-learn 1.9")
def test_parameters_are_scikit_learns():
    def parameters(cls):
        return [(p.name, p.kind, p.default) for p in inspect.signature(cls.__init__).parameters.values()]

    assert parameters(LinearSVC) == parameters(sklearn.svm.LinearSVC)
    assert set(LinearSVC._parameter_constraints) == set(sklearn.svm.LinearSVC._parameter_constraints)
