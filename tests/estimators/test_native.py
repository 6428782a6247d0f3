"""LinearClassifier and LinearRegressor: what they make of X, y and weights, against `solve` and scikit-learn's converged models."""

import pickle

import numpy as np
import pytest
import scipy.sparse
import sklearn
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.exceptions import NotFittedError, UnsetMetadataPassedError
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import get_scorer
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import softmargin as sm
from softmargin import LinearClassifier, LinearRegressor

from .data import binary, of_gap

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


def test_sample_weights_are_routed(digits):
    """As scikit-learn routes metadata: to the fits of a search in a pipeline, where they are asked for, and refused where nothing is said."""
    X, y = digits
    weight = np.random.default_rng(0).integers(0, 3, len(y)).astype(float)
    with sklearn.config_context(enable_metadata_routing=True):
        model = LinearClassifier(alpha=0.01, tol=1e-10).set_fit_request(sample_weight=True)
        scaler = StandardScaler().set_fit_request(sample_weight=False)
        accuracy = get_scorer("accuracy").set_score_request(sample_weight=True)
        search = GridSearchCV(make_pipeline(scaler, model), {"linearclassifier__alpha": [0.1]}, cv=2, scoring=accuracy)
        routed = search.fit(X, y, sample_weight=weight).best_estimator_[-1]
        with pytest.raises(UnsetMetadataPassedError, match="sample_weight"):
            make_pipeline(scaler, LinearClassifier()).fit(X, y, sample_weight=weight)
    Z = StandardScaler().fit_transform(X)
    alone = LinearClassifier(alpha=0.1, tol=1e-10).fit(Z, y, sample_weight=weight)
    np.testing.assert_array_equal(routed.coef_, alone.coef_)
    assert not np.allclose(alone.coef_, LinearClassifier(alpha=0.1, tol=1e-10).fit(Z, y).coef_)


def test_tables_of_a_transformer_have_their_names(digits):
    """What set_output("pandas") makes in a pipeline is read with its columns' names."""
    pytest.importorskip("pandas", reason="pandas is not installed")
    X, y = digits
    model = make_pipeline(StandardScaler(), LinearClassifier(alpha=0.1)).set_output(transform="pandas").fit(X, y)
    assert model[-1].feature_names_in_.tolist() == [f"x{j}" for j in range(64)]
    plain = make_pipeline(StandardScaler(), LinearClassifier(alpha=0.1)).fit(X, y)
    np.testing.assert_array_equal(model[-1].coef_, plain[-1].coef_)


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
