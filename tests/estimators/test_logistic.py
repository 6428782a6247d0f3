"""`LogisticRegression` against scikit-learn's converged coefficients; its certificate, its options and what it refuses."""

import inspect
import re
import warnings

import numpy as np
import pytest
import scipy.sparse
import sklearn.linear_model
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.fixes import parse_version

import softmargin as sm
from softmargin.linear_model import LogisticRegression

from .agreement import BINARY, DIGIT, DIGITS, WEIGHTS, X, Y, assert_agrees, converged

NEWEST = parse_version(sklearn.__version__) >= parse_version("1.9")
TO_THE_END = {"tol": 1e-12, "max_iter": 100_000}


def theirs(solver="newton-cg", l1_ratio=0.0, C=1.0, **options):
    """scikit-learn's model with the penalty said as the installed version wants it."""
    if parse_version(sklearn.__version__) >= parse_version("1.8"):
        options.update(l1_ratio=l1_ratio, C=C)
    elif np.isinf(C):
        options.update(penalty=None)
    else:
        options.update(penalty={0: "l2", 1: "l1"}.get(l1_ratio, "elasticnet"), C=C)
        if 0 < l1_ratio < 1:
            options.update(l1_ratio=l1_ratio)
    return sklearn.linear_model.LogisticRegression(solver=solver, random_state=0, **TO_THE_END, **options)


@pytest.mark.parametrize("y", [DIGIT, DIGIT == 3, np.array([f"digit {d}" for d in DIGIT])], ids=["ten", "two", "names"])
@pytest.mark.parametrize("C", [0.01, 1.0, 100.0])
def test_digits(y, C):
    ours = LogisticRegression(C=C, max_iter=300).fit(DIGITS, y)
    assert_agrees(ours, converged(theirs(C=C), DIGITS, y))


@pytest.mark.parametrize("y", [Y, BINARY], ids=["three", "two"])
@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("sample_weight", [None, WEIGHTS], ids=["alike", "weighted"])
@pytest.mark.parametrize("class_weight", [None, "balanced", {0: 2.0, 1: 0.5}])
def test_weights(y, fit_intercept, sample_weight, class_weight):
    options = {"fit_intercept": fit_intercept, "class_weight": class_weight}
    if class_weight == "balanced" and sample_weight is not None and not NEWEST:
        pytest.skip("scikit-learn before 1.9 balances classes without regard to sample weights")
    ours = LogisticRegression(**options).fit(X, y, sample_weight=sample_weight)
    assert_agrees(ours, converged(theirs(**options), X, y, sample_weight))


@pytest.mark.parametrize("y", [Y, BINARY], ids=["three", "two"])
@pytest.mark.parametrize("l1_ratio", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("C", [0.05, 1.0])
def test_l1_and_elasticnet(y, l1_ratio, C):
    """With the same zeros; saga's criterion is the change of a coefficient in an epoch."""
    ours = LogisticRegression(solver="saga", l1_ratio=l1_ratio, C=C).fit(X, y)
    reference = converged(theirs("saga", l1_ratio, C), X, y)
    assert_agrees(ours, reference)
    np.testing.assert_array_equal(ours.coef_ == 0, reference.coef_ == 0)


@pytest.mark.parametrize("l1_ratio", [0, 1])
@pytest.mark.parametrize("intercept_scaling", [1, 5.0])
def test_liblinear_penalises_the_intercept(l1_ratio, intercept_scaling):
    shifted = X + 1
    options = {"l1_ratio": l1_ratio, "intercept_scaling": intercept_scaling, "C": 0.1}
    ours = LogisticRegression(solver="liblinear", **options).fit(shifted, BINARY)
    assert_agrees(ours, converged(theirs("liblinear", **options), shifted, BINARY))
    free = LogisticRegression(C=0.1, solver="saga", l1_ratio=l1_ratio).fit(shifted, BINARY)
    assert np.abs(free.intercept_ - ours.intercept_) > 1e-3


@pytest.mark.parametrize("y", [Y, BINARY], ids=["three", "two"])
def test_no_penalty(y):
    """No certificate, but the gradient of scikit-learn's criterion."""
    ours = LogisticRegression(C=np.inf).fit(X, y)
    assert_agrees(ours, converged(theirs("newton-cholesky", C=np.inf), X, y))
    assert np.isnan(ours.gap_)


@pytest.mark.parametrize("kind", [scipy.sparse.csr_matrix, scipy.sparse.csc_array, scipy.sparse.coo_matrix])
def test_sparse_is_dense(kind):
    sparse = X * (np.abs(X) > 0.7)
    ours = LogisticRegression().fit(kind(sparse), Y)
    assert_agrees(ours, converged(theirs(), sparse, Y))
    np.testing.assert_allclose(ours.predict_proba(kind(sparse)), ours.predict_proba(sparse), rtol=1e-12)


@pytest.mark.parametrize("dtype", [np.float32, np.float16, np.uint8])
def test_narrow_numbers_are_read_as_they_are(dtype):
    """The model is that of the same numbers in float64; X of float32 has float32 coefficients, precise to 6e-8."""
    narrow = (4 * DIGITS).astype(dtype)
    ours = LogisticRegression(max_iter=300).fit(narrow, DIGIT)
    assert_agrees(ours, converged(theirs(), narrow.astype(np.float64), DIGIT))
    assert ours.coef_.dtype == ours.intercept_.dtype == (np.float32 if dtype == np.float32 else np.float64)


def test_raw_pixels_need_no_scaling():
    """The defaults reach their certificate where the defaults of scikit-learn have not converged, and say so."""
    pixels, y = load_digits(return_X_y=True)
    with pytest.warns(ConvergenceWarning, match="lbfgs failed to converge"):
        sklearn.linear_model.LogisticRegression().fit(pixels, y)
    assert LogisticRegression().fit(pixels, y).gap_ <= 1e-4
    ours = LogisticRegression(max_iter=1000).fit(pixels, y)
    assert_agrees(ours, converged(theirs(), pixels, y))


@pytest.mark.parametrize("max_iter", [1, 3, 10])
def test_the_gap_bounds_the_truth(max_iter):
    """However early it stops, F is at most `gap_` above the optimum, with 1e-12 for rounding."""
    options = {"loss": "softmax", "penalty": sm.L2(1 / len(DIGIT))}
    with pytest.warns(ConvergenceWarning):
        early = LogisticRegression(max_iter=max_iter).fit(DIGITS, DIGIT)
    best = sm.solve(DIGITS, DIGIT, tol=1e-12, **options)
    F = sm.loss_and_grad(early.coef_, DIGITS, DIGIT, intercept=early.intercept_, **options).loss
    assert 0 < (F - best.loss) / F <= early.gap_ + 1e-12
    assert early.n_iter_[0] == max_iter


def test_scikit_learns_criterion_is_enough():
    """A gap that is far from small, but no entry of the gradient above tol: no warning, as in scikit-learn."""
    far = LogisticRegression(C=1e8, tol=0.01, max_iter=12)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        far.fit(DIGITS, DIGIT)
    assert far.gap_ > far.tol
    result = sm.loss_and_grad(far.coef_, DIGITS, DIGIT, intercept=far.intercept_)
    assert max(np.abs(result.grad).max(), np.abs(result.intercept_grad).max()) <= far.tol


def test_the_warning_has_the_figures():
    with pytest.warns(ConvergenceWarning) as caught:
        model = LogisticRegression(max_iter=2).fit(DIGITS, DIGIT)
    text = str(caught[0].message)
    assert text.startswith("lbfgs failed to converge. After 2 iterations")
    assert f"at most {model.gap_:.2g} (relative) above its optimum" in text
    assert "tol=0.0001" in text
    assert "max_iter" in text


def test_probabilities():
    for y in (Y, BINARY):
        ours = LogisticRegression().fit(X, y)
        other = theirs()
        other.classes_, other.coef_, other.intercept_ = ours.classes_, ours.coef_, ours.intercept_
        other.n_features_in_ = X.shape[1]
        for method in ("predict", "predict_proba", "predict_log_proba", "decision_function"):
            np.testing.assert_allclose(getattr(ours, method)(X), getattr(other, method)(X), rtol=1e-9, atol=1e-12)
    assert np.isfinite(ours.predict_log_proba(1e4 * X)).all()  # where the probability itself is 0


def test_warm_start_begins_at_the_last_fit():
    model = LogisticRegression(warm_start=True, max_iter=1000).fit(DIGITS, DIGIT)
    cold = model.n_iter_[0]
    model.fit(DIGITS, DIGIT)
    assert model.n_iter_[0] < cold / 2
    message = "Initialization coef is of shape (10, 65), expected shape (10, 61)"
    with pytest.raises(ValueError, match=re.escape(message)):
        model.fit(DIGITS[:, 4:], DIGIT)


def test_verbose_prints_a_line(capsys):
    model = LogisticRegression(verbose=1).fit(X, Y)
    assert capsys.readouterr().out.startswith(f"[LogisticRegression] {model.n_iter_[0]} iterations")


def test_history_ends_at_the_certificate():
    model = LogisticRegression().fit(X, Y)
    assert model.history_[-1].gap == model.gap_
    assert model.history_[0].loss > model.history_[-1].loss


REFUSED = [
    ({"solver": "lbfgs", "l1_ratio": 1}, "Solver lbfgs supports only 'l2' or None penalties, got l1 penalty."),
    ({"solver": "sag", "l1_ratio": 0.5}, "Solver sag supports only 'l2' or None penalties, got elasticnet penalty."),
    ({"solver": "saga", "dual": True}, "Solver saga supports only dual=False, got dual=True"),
    ({"solver": "liblinear", "l1_ratio": 0.5}, "Only 'saga' solver supports elasticnet penalty, got solver=liblinear."),
    (
        {"solver": "liblinear", "C": np.inf},
        "C=np.inf as well as penalty=None is not supported for the liblinear solver",
    ),
    ({"solver": "liblinear"}, "The 'liblinear' solver does not support multiclass classification (n_classes >= 3)."),
    ({"solver": "newton"}, "The 'solver' parameter of LogisticRegression must be a str among"),
    ({"C": 0}, "The 'C' parameter of LogisticRegression must be a float in the range (0.0, inf]. Got 0 instead."),
    ({"class_weight": {5: 1}}, "The classes, [0, 1, 2], are not in class_weight"),
]


@pytest.mark.parametrize(("options", "message"), REFUSED)
def test_refusals_are_scikit_learns(options, message):
    classes = [LogisticRegression] + [sklearn.linear_model.LogisticRegression] * NEWEST
    for cls in classes:
        with pytest.raises(ValueError, match=re.escape(message)):
            cls(**options).fit(X, Y)


def test_one_class():
    message = "This solver needs samples of at least 2 classes in the data, but the data contains only one class: "
    message += repr(np.int64(0))  # which depends on the version of NumPy
    for cls in (LogisticRegression, sklearn.linear_model.LogisticRegression):
        with pytest.raises(ValueError, match=re.escape(message)):
            cls().fit(X, 0 * Y)


@pytest.mark.skipif(not NEWEST, reason="the parameters are those of scikit-learn 1.9")
def test_parameters_are_scikit_learns():
    def parameters(method):
        return [(p.name, p.kind, p.default) for p in inspect.signature(method).parameters.values()]

    cls = sklearn.linear_model.LogisticRegression
    assert parameters(LogisticRegression.__init__) == parameters(cls.__init__)
    assert list(LogisticRegression._parameter_constraints) == list(cls._parameter_constraints)


@pytest.mark.parametrize(
    ("options", "category", "message"),
    [
        ({"penalty": "l2"}, FutureWarning, "'penalty' was deprecated in version 1.8"),
        ({"n_jobs": 2}, FutureWarning, "'n_jobs' has no effect since 1.8"),
        ({"l1_ratio": None}, FutureWarning, "'l1_ratio=None' was deprecated"),
    ],
)
def test_deprecations_are_scikit_learns(options, category, message):
    with pytest.warns(category, match=re.escape(message)):
        model = LogisticRegression(**options).fit(X, Y)
    np.testing.assert_array_equal(model.coef_, LogisticRegression().fit(X, Y).coef_)
