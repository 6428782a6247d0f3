"""LinearClassifier and LinearRegressor: what they make of X, y and weights, against `solve` and scikit-learn's converged models."""

import pickle

import numpy as np
import pytest
import scipy.sparse
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.datasets import load_digits, make_classification, make_regression
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.linear_model import HuberRegressor, LogisticRegression, Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC
from sklearn.utils.validation import _get_feature_names

import softmargin as sm
from softmargin import LinearClassifier, LinearRegressor

EPS = np.finfo(np.float64).eps

# A gap to which the exact solver is asked to go where numbers are compared; F is flat at the optimum, so that weights are known to
# about sqrt(2 gap F / alpha): see `of_gap`.
TIGHT = 1e-13


@pytest.fixture(scope="module")
def digits():
    X, y = load_digits(return_X_y=True)
    return X[:400], y[:400]


def binary(n=200, d=7, seed=0):
    X, y = make_classification(n, d, n_informative=5, flip_y=0.1, random_state=seed)
    return X, y


def of_gap(model, alpha):
    """How far W can be from the optimum's, in norm: F(W) - F* >= alpha / 2 |W - W*|^2."""
    return np.sqrt(2 * max(model.gap_, EPS) * model.loss_ / alpha)


# -- targets ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("loss", "of_one"),
    [
        ("softmax", "logistic"),
        ("hinge", "binary_hinge"),
        ("crammer_singer", "binary_hinge"),
        ("squared_hinge", "binary_squared_hinge"),
        ("logistic", "logistic"),
    ],
)
def test_two_classes_have_one_output(loss, of_one):
    X, y = binary()
    model = LinearClassifier(loss, alpha=0.01, tol=1e-10).fit(X, np.where(y == 1, "yes", "no"))
    best = sm.solve(X, 2 * y - 1, loss=of_one, penalty=sm.L2(0.01), tol=1e-10)
    assert model.classes_.tolist() == ["no", "yes"]
    np.testing.assert_array_equal(model.coef_, best.W)
    np.testing.assert_array_equal(model.intercept_, best.intercept)
    scores = model.decision_function(X)
    np.testing.assert_allclose(scores, X @ best.W[0] + best.intercept[0], rtol=1e-12, atol=1e-12)
    np.testing.assert_array_equal(model.predict(X), np.where(scores > 0, "yes", "no"))


def test_several_labels_a_sample_are_as_many_models(digits):
    X, y = digits
    Y = np.column_stack([y % 2, y > 4, y == 3])
    model = LinearClassifier(alpha=0.01, tol=1e-12).fit(X, Y)
    for c in range(3):
        alone = LinearClassifier(alpha=0.01, tol=1e-12).fit(X, Y[:, c])
        np.testing.assert_allclose(model.coef_[c], alone.coef_[0], atol=2 * of_gap(model, 0.01) + of_gap(alone, 0.01))
    P = model.predict_proba(X)
    np.testing.assert_array_equal(model.predict(X), (P > 0.5).astype(int))


def test_a_regressor_of_several_targets(digits):
    X, y = digits
    Y = np.column_stack([y, -2.0 * y])
    model = LinearRegressor(alpha=0.1, tol=1e-13).fit(X, Y)
    alone = LinearRegressor(alpha=0.1, tol=1e-13).fit(X, y)
    assert model.coef_.shape == (2, 64)
    assert alone.coef_.shape == (64,)
    assert isinstance(alone.intercept_, float)
    np.testing.assert_allclose(model.coef_[0], alone.coef_, atol=of_gap(model, 0.1) + of_gap(alone, 0.1))
    np.testing.assert_allclose(model.predict(X), X @ model.coef_.T + model.intercept_, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(alone.predict(X), X @ alone.coef_ + alone.intercept_, rtol=1e-12, atol=1e-12)


def test_labels_that_cannot_be():
    X, y = binary()
    with pytest.raises(ValueError, match=r"^y: expected at least two classes, got one class: 1$"):
        LinearClassifier().fit(X, np.ones(200, int))
    with pytest.raises(ValueError, match=r"^sample_weight: expected weight on at least two classes, got one class: 0$"):
        LinearClassifier().fit(X, y, sample_weight=(y == 0).astype(float))
    with pytest.raises(ValueError, match=r"^Unknown label type: continuous"):
        LinearClassifier().fit(X, y + 0.5 * X[:, 0])
    rule = LinearClassifier(solver=sm.optimizers.SGD(lr=0.1))
    with pytest.raises(ValueError, match=r"^y: expected labels among classes_ = \[0, 1\], got 2$"):
        rule.fit(X, y, validation=(X, y + 1))


def test_labels_of_another_shape_than_the_models(digits):
    """One label a sample and several are different models: what goes on from one does not take the other."""
    X, y = digits
    Y = np.eye(10, dtype=int)[y]
    options = {"random_state": 0, "alpha": 0.1}
    for first, second, shape in ((y, Y, r"\(n_samples,\)"), (Y, y, r"\(n_samples, 10\)")):
        with pytest.raises(ValueError, match=f"^y: expected shape {shape} as the model was made for, got "):
            LinearClassifier(**options).fit(X, first, validation=(X, second))
        with pytest.raises(ValueError, match=f"^y: expected shape {shape} as the model was made for, got "):
            LinearClassifier(**options).fit(X, first).partial_fit(X, second)
    with pytest.raises(
        ValueError, match=r"^y: expected shape \(n_samples,\) as the model was made for, got \(400, 10\)$"
    ):
        LinearClassifier(**options).partial_fit(X, Y, classes=range(10))


# -- the same model, whatever X is kept in ---------------------------------------------------------------------------------


def containers(X):
    """X, whose numbers every one of these holds exactly, in whatever users have it; small integers."""
    kinds = {
        "float32": X.astype(np.float32),
        "float16": X.astype(np.float16),
        "uint8": X.astype(np.uint8),
        "int64": X.astype(np.int64),
        "Fortran order": np.asfortranarray(X),
        "read-only": np.frombuffer(X.tobytes(), dtype=X.dtype).reshape(X.shape),
        "list": X.tolist(),
    }
    for form in ("csr", "csc", "coo"):
        for kind in ("array", "matrix"):
            kinds[f"{form}_{kind}"] = getattr(scipy.sparse, f"{form}_{kind}")(X)
    return kinds


def test_every_container_gives_the_same_model(digits, tmp_path):
    """To the gap that was asked for: arithmetic in float32 takes other steps to the same optimum."""
    X, y = digits
    reference = LinearClassifier(alpha=0.01, tol=1e-10).fit(X, y)
    kinds = containers(X)
    mapped = np.lib.format.open_memmap(tmp_path / "X.npy", "w+", np.uint8, X.shape)
    mapped[:] = X
    mapped.flush()
    kinds["memory map"] = np.load(tmp_path / "X.npy", mmap_mode="r")
    for name, A in kinds.items():
        model = LinearClassifier(alpha=0.01, tol=1e-10).fit(A, y)
        bound = of_gap(reference, 0.01) + of_gap(model, 0.01)
        np.testing.assert_allclose(model.coef_, reference.coef_, rtol=0, atol=bound, err_msg=name)
        np.testing.assert_array_equal(model.predict(A), model.predict(X), err_msg=name)


@pytest.mark.parametrize("library", ["pandas", "polars", "pyarrow", "torch"])
def test_tables_and_tensors(digits, library):
    """Each where it is installed: none of them is needed by the package."""
    module = pytest.importorskip(library, reason=f"{library} is not installed")
    X, y = digits
    names = [f"pixel {j}" for j in range(64)]
    table = {
        "pandas": lambda: module.DataFrame(X, columns=names),
        "polars": lambda: module.DataFrame(X, schema=names),
        "pyarrow": lambda: module.table({name: X[:, j] for j, name in enumerate(names)}),
        "torch": lambda: module.from_numpy(X),
    }[library]()
    model = LinearClassifier(alpha=0.01, tol=1e-10).fit(table, y)
    np.testing.assert_array_equal(model.coef_, LinearClassifier(alpha=0.01, tol=1e-10).fit(X, y).coef_)
    np.testing.assert_array_equal(model.predict(table), model.predict(table))
    if (
        _get_feature_names(table) is not None
    ):  # tensors have none, and scikit-learn 1.6 finds none in a table of polars 2
        assert model.feature_names_in_.tolist() == names


def test_X_that_is_not_finite_is_named(digits):
    X, y = digits
    bad = X.copy()
    bad[17, 5] = np.nan
    for estimator in (LinearClassifier(), LinearClassifier(solver=sm.optimizers.SGD(lr=0.01))):
        for A in (bad, scipy.sparse.csr_array(bad)):
            with pytest.raises(
                ValueError, match=r"^Input X contains NaN.\nX: expected finite values, got nan at row 17, col"
            ):
                estimator.fit(A, y)
    model = LinearClassifier().fit(X, y)
    for A in (bad, scipy.sparse.csr_array(bad)):
        with pytest.raises(
            ValueError, match=r"^Input X contains NaN.\nX: expected finite values, got nan at row 17, column 5$"
        ):
            model.predict(A)
    bad[17, 5] = np.inf
    with pytest.raises(ValueError, match=r"^Input X contains infinity .*\n.* got inf at row 17, column 5$"):
        model.predict(bad)


# -- weights ---------------------------------------------------------------------------------------------------------------

MODELS = [LinearClassifier(loss) for loss in ("softmax", "hinge", "squared_hinge", "crammer_singer", "logistic")]
MODELS += [LinearRegressor(loss) for loss in ("mse", "mae", "huber")]


@pytest.mark.parametrize("model", MODELS, ids=lambda m: m.loss)
def test_an_integer_weight_is_a_repetition_and_zero_an_absence(model):
    """Both to 1e-6 in F of one model on the data of the other; the weights themselves as near as the gaps allow."""
    rng = np.random.default_rng(1)
    X = rng.normal(size=(60, 4))
    y = rng.integers(0, 3, 60)
    weight = rng.integers(0, 4, 60)
    alpha = 0.05
    model = clone(model).set_params(alpha=alpha, tol=1e-9)
    weighted = clone(model).fit(X, y, sample_weight=weight)
    repeated = clone(model).fit(X.repeat(weight, axis=0), y.repeat(weight))
    absent = clone(model).fit(X[weight > 0], y[weight > 0], sample_weight=weight[weight > 0])
    for other in (repeated, absent):
        assert abs(weighted.loss_ - other.loss_) <= 1e-6 * abs(weighted.loss_)
        bound = of_gap(weighted, alpha) + of_gap(other, alpha)
        np.testing.assert_allclose(weighted.coef_, other.coef_, rtol=0, atol=bound)


def test_class_weights_are_scikit_learns(digits):
    X, y = digits
    keep = (y != 3) | (np.arange(len(y)) % 3 == 0)  # so that the classes are not alike in number
    X, y = X[keep] / 16, y[keep]
    for class_weight in ("balanced", {3: 5.0, 7: 0.5}):
        weight = {"balanced": len(y) / (10 * np.bincount(y))[y], "dict": np.ones(len(y))}[
            "balanced" if class_weight == "balanced" else "dict"
        ]
        if class_weight != "balanced":
            weight = np.where(y == 3, 5.0, np.where(y == 7, 0.5, 1.0))
        ours = LinearClassifier(alpha=0.01, tol=1e-12, class_weight=class_weight).fit(X, y)
        theirs = LogisticRegression(C=1 / (0.01 * weight.sum()), class_weight=class_weight, tol=1e-10, max_iter=5000)
        theirs.fit(X, y)
        np.testing.assert_allclose(ours.coef_, theirs.coef_, atol=1e-5)


# -- the optimum of other packages' models ---------------------------------------------------------------------------------


def objective(model, X, y, loss, alpha, **options):
    """F of a fitted model of anybody, in softmargin's terms."""
    W, b = np.atleast_2d(model.coef_).astype(float), np.atleast_1d(model.intercept_).astype(float)
    return sm.loss_and_grad(W, X, y, loss=loss, intercept=b, penalty=sm.L2(alpha), **options).loss


def test_the_optimum_is_that_of_LogisticRegression(digits):
    X, y = digits
    X = X / 16
    alpha = 1 / len(y)
    ours = LinearClassifier(alpha=alpha, tol=1e-9).fit(X, y)
    theirs = LogisticRegression(C=1.0, solver="newton-cg", tol=1e-10, max_iter=2000).fit(X, y)
    assert abs(objective(theirs, X, y, "softmax", alpha) / ours.loss_ - 1) < 1e-6


def test_the_optimum_is_that_of_LinearSVC():
    """LIBLINEAR penalises the intercept; with a feature of ones and no intercept it is treated alike."""
    X, y = binary()
    ones = np.column_stack([X, np.ones(len(X))])
    alpha = 1 / len(y)
    ours = LinearClassifier("squared_hinge", alpha=alpha, tol=1e-9, fit_intercept=False).fit(ones, y)
    theirs = LinearSVC(C=0.5 * 2, fit_intercept=False, tol=1e-12, max_iter=100000, random_state=0).fit(ones, y)
    value = objective(theirs, ones, 2 * y - 1, "binary_squared_hinge", alpha)
    assert abs(value / ours.loss_ - 1) < 1e-6


def test_the_optimum_is_that_of_Ridge():
    X, y = make_regression(150, 12, noise=5.0, random_state=0)
    theirs = Ridge(alpha=3.0).fit(X, y)
    ours = LinearRegressor(alpha=2 * 3.0 / 150, tol=1e-12).fit(X, y)
    assert abs(objective(theirs, X, y, "mse", 2 * 3.0 / 150) / ours.loss_ - 1) < 1e-6
    np.testing.assert_allclose(ours.coef_, theirs.coef_, atol=of_gap(ours, 2 * 3.0 / 150) + 1e-9)


def test_the_optimum_is_that_of_HuberRegressor():
    X, y = make_regression(150, 5, noise=5.0, random_state=0)
    y[::10] += 500
    theirs = HuberRegressor(epsilon=1.35, alpha=0.01, tol=1e-9, max_iter=10000).fit(X, y)
    # With sigma = scale_ fixed, theirs is sigma / 2 per sample of huber(r / sigma) ... in our terms, times 2 sigma, over n.
    delta, alpha = 1.35 * theirs.scale_, 0.01 * theirs.scale_ / 150
    ours = LinearRegressor("huber", delta=delta, alpha=alpha, tol=1e-12).fit(X, y)
    value = objective(theirs, X, y, "huber", alpha, delta=delta)
    assert abs(value / ours.loss_ - 1) < 1e-6


def test_the_hinge_is_k_times_MultiMarginLoss(digits):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    X, y = digits
    ours = LinearClassifier("hinge", alpha=0.1, tol=1e-4).fit(X, y)
    scores = torch.from_numpy(X @ ours.coef_.T + ours.intercept_)
    theirs = 10 * torch.nn.MultiMarginLoss()(scores, torch.from_numpy(y)).item()
    assert abs(theirs + 0.05 * (ours.coef_**2).sum() - ours.loss_) <= 1e-12 * ours.loss_


# -- scikit-learn's machinery ----------------------------------------------------------------------------------------------


def test_in_a_pipeline_a_search_and_a_calibration(digits):
    X, y = digits
    search = GridSearchCV(
        make_pipeline(StandardScaler(), LinearClassifier()), {"linearclassifier__alpha": [1e-2, 1e-1]}, cv=2
    )
    search.fit(X, y)
    best = search.best_params_["linearclassifier__alpha"]
    alone = make_pipeline(StandardScaler(), LinearClassifier(alpha=best)).fit(X, y)
    np.testing.assert_array_equal(search.best_estimator_[-1].coef_, alone[-1].coef_)
    calibrated = CalibratedClassifierCV(LinearClassifier("squared_hinge", alpha=0.1), cv=2).fit(X, y)
    np.testing.assert_allclose(calibrated.predict_proba(X).sum(axis=1), 1, rtol=1e-12)


def test_a_copy_that_was_pickled_predicts_the_same_bits(digits):
    X, y = digits
    for model in (LinearClassifier(calibrate=True, random_state=0), LinearRegressor("huber")):
        model.fit(X, y)
        again = pickle.loads(pickle.dumps(model))
        np.testing.assert_array_equal(again.predict(X), model.predict(X))
        assert again.history_ == model.history_
    assert "LinearRegressor" in model._repr_html_()


def test_weights_can_be_kept_sparse(digits):
    X, y = digits
    model = LinearClassifier(penalty="l1", alpha=0.01).fit(X, y)
    before = model.predict(X)
    assert scipy.sparse.issparse(model.sparsify().coef_)
    np.testing.assert_array_equal(model.predict(X), before)
    assert isinstance(model.densify().coef_, np.ndarray)


def test_the_same_bits_for_any_number_of_threads(digits):
    X, y = digits
    for options in ({"alpha": 0.1}, {"solver": sm.optimizers.Adam(lr=0.01), "max_epochs": 3, "tol": 1.0}):
        fits = [LinearClassifier(num_threads=t, random_state=0, **options).fit(X, y).coef_ for t in (1, 2)]
        np.testing.assert_array_equal(*fits)


# -- probabilities ---------------------------------------------------------------------------------------------------------


def test_probabilities_of_softmax_and_logistic(digits):
    X, y = digits
    model = LinearClassifier(alpha=0.01).fit(X, y)
    S = X @ model.coef_.T + model.intercept_
    P = np.exp(S - S.max(axis=1, keepdims=True))
    np.testing.assert_allclose(model.predict_proba(X), P / P.sum(axis=1, keepdims=True), rtol=1e-9, atol=1e-300)
    np.testing.assert_allclose(model.predict_log_proba(X), np.log(model.predict_proba(X)))
    two = LinearClassifier(alpha=0.01).fit(X, y > 4)
    s = X @ two.coef_[0] + two.intercept_[0]
    np.testing.assert_allclose(two.predict_proba(X)[:, 1], 1 / (1 + np.exp(-s)), rtol=1e-9)
    each = LinearClassifier("logistic", alpha=0.01).fit(X, y)
    Q = 1 / (1 + np.exp(-(X @ each.coef_.T + each.intercept_)))
    np.testing.assert_allclose(each.predict_proba(X), Q / Q.sum(axis=1, keepdims=True), rtol=1e-9)


@pytest.mark.parametrize("loss", ["hinge", "binary_squared_hinge", "softmax"])
def test_calibration_fits_the_temperature_of_held_out_rows(digits, loss):
    """The factor is where the log loss of rows that the model did not see, with smoothed targets, has no slope."""
    X, y = digits
    for labels in (y, y > 4):
        model = LinearClassifier(loss, alpha=0.1, calibrate=True, random_state=0).fit(X, labels)
        plain = LinearClassifier(loss, alpha=0.1).fit(X, labels)
        np.testing.assert_array_equal(model.coef_, plain.coef_)  # refitted on all rows
        P = model.predict_proba(X)
        assert P.shape == (400, len(model.classes_))
        np.testing.assert_allclose(P.sum(axis=1), 1, rtol=1e-12)
        if P.shape[1] == 2 or loss != "binary_squared_hinge":
            np.testing.assert_array_equal(model.classes_[P.argmax(axis=1)], model.predict(X))


def test_probabilities_of_a_hinge_need_calibration(digits):
    X, y = digits
    model = LinearClassifier("hinge", alpha=0.1).fit(X, y)
    assert not hasattr(model, "predict_proba")
    with pytest.raises(AttributeError) as caught:
        model.predict_proba(X)
    assert "calibrate=True" in str(caught.value.__cause__)


def test_scores_that_were_not_calibrated_are_no_probabilities(digits):
    X, y = digits
    model = LinearClassifier("hinge", alpha=0.1).fit(X, y).set_params(calibrate=True)
    with pytest.raises(NotFittedError, match=r"^calibrate: expected a fit to its end with calibrate=True"):
        model.predict_proba(X)
    assert model.fit(X, y).predict_proba(X).shape == (400, 10)


# -- parameters ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "error", "text"),
    [
        ({"loss": "sofmax"}, ValueError, "loss: expected one of 'softmax', .*, got 'sofmax'; did you mean 'softmax'"),
        ({"loss": "mse"}, ValueError, "loss: expected one of 'softmax', .*, got 'mse'"),
        ({"penalty": "l3"}, ValueError, "penalty: expected one of 'l2', .*, got 'l3'"),
        ({"alpha": -1.0}, ValueError, "alpha: expected"),
        ({"solver": "lbfgs"}, ValueError, "solver: expected one of 'auto', 'exact', 'SGD', .*, got 'lbfgs'"),
        ({"solver": 3}, TypeError, "solver: expected 'auto', .*, got 3"),
        (
            {"solver": "exact", "early_stopping": True},
            ValueError,
            "early_stopping: expected its default with solver='exact'",
        ),
        ({"solver": "exact", "average": True}, ValueError, "average: expected its default with solver='exact'"),
        ({"learning_rate": "fast"}, TypeError, "learning_rate: expected a number"),
        ({"schedule": "cosine"}, TypeError, "schedule: expected None or one of sm.schedules, got 'cosine'"),
        ({"batch_size": 0}, ValueError, "batch_size: expected an integer at least 1, got 0"),
        ({"max_epochs": 0}, ValueError, "max_epochs: expected an integer at least 1, got 0"),
        ({"validation_fraction": 1.5}, ValueError, "validation_fraction: expected a number between 0 and 1, got 1.5"),
        ({"callbacks": 3}, TypeError, "callbacks: expected functions of one argument, got 3"),
        ({"max_seconds": 0}, ValueError, "max_seconds: expected"),
    ],
)
def test_parameters_that_cannot_be_honoured(given, error, text):
    """An error that names the parameter, when `fit` is called, and an estimator that is not half fitted."""
    X, y = binary()
    model = LinearClassifier(**given)
    with pytest.raises(error, match=f"^{text}"):
        model.fit(X, y)
    assert not hasattr(model, "coef_")


@pytest.mark.parametrize("class_weight", ["auto", "", [1, 2], 3])
def test_class_weights_that_are_none_of_the_three(class_weight):
    """What is not known is not taken for "balanced"."""
    X, y = binary()
    with pytest.raises(ValueError, match=r"^class_weight: expected a dict, 'balanced' or None, got "):
        LinearClassifier(class_weight=class_weight).fit(X, y)


@pytest.mark.parametrize(
    ("verbose", "text"),
    [("a", "verbose: expected an integer, got 'a'"), (None, "verbose: expected an integer, got None")],
)
def test_verbose_that_is_no_number(verbose, text):
    X, y = binary()
    with pytest.raises(TypeError, match=f"^{text}"):
        LinearClassifier(verbose=verbose).fit(X, y)


def test_rows_held_out_leave_some_to_train_on():
    X, y = binary(20)
    share = "^validation_fraction: expected a share that leaves samples of weight to train on$"
    weight = np.zeros(20)
    weight[[0, 1]] = 1.0
    y[[0, 1]] = 0, 1
    held_out = LinearClassifier("hinge", calibrate=True, validation_fraction=0.99, random_state=3)
    with pytest.raises(ValueError, match=share):
        held_out.fit(X, y, sample_weight=weight)
    with pytest.raises(ValueError, match=r"^early_stopping: expected at least two samples, .* got one$"):
        LinearRegressor(early_stopping=True).fit(X[:1], [1.0])


def test_a_penalty_object_stands_for_itself():
    X, y = binary()
    by_name = LinearClassifier(penalty="elasticnet", alpha=0.02, l1_ratio=0.3).fit(X, y)
    as_object = LinearClassifier(penalty=sm.ElasticNet(0.02, 0.3)).fit(X, y)
    np.testing.assert_array_equal(by_name.coef_, as_object.coef_)
    assert np.isnan(LinearClassifier(penalty=None, tol=1e-6).fit(X, y).gap_)  # without a penalty there is no bound


@pytest.mark.parametrize("rate", [0.01, "auto"])
def test_a_rule_by_its_name_has_no_decay_of_its_own(digits, rate):
    """AdamW by name goes for the F that alpha states, which is Adam's; as an object with its decay it goes elsewhere."""
    X, y = digits[0] / 16, digits[1]
    given = {"alpha": 1e-2, "max_epochs": 5, "tol": 0.0, "random_state": 0}

    def W(solver, rate="auto"):
        with pytest.warns(ConvergenceWarning):  # how far F still fell
            return LinearClassifier(solver=solver, learning_rate=rate, **given).fit(X, y).coef_

    by_name = W("AdamW", rate)
    assert np.abs(by_name).max() > 0.01
    # w *= 1 and Adam's step: the same operations, of which the compiler may contract others.
    np.testing.assert_allclose(by_name, W("Adam", rate), rtol=1e-10, atol=1e-12)
    if rate != "auto":
        np.testing.assert_array_equal(by_name, W(sm.optimizers.AdamW(lr=rate, weight_decay=0.0)))
        assert np.abs(by_name - W(sm.optimizers.AdamW(lr=rate, weight_decay=1.0))).max() > 1e-3
