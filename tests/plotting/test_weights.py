"""The display of weights: images and bars are the model's, and what it refuses."""

import numpy as np
import polars as pl
import pytest
from sklearn.datasets import load_digits, load_iris
from sklearn.ensemble import RandomForestClassifier
from sklearn.exceptions import NotFittedError
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression, RidgeClassifier
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import softmargin as sm
from softmargin.plotting import WeightsDisplay

from .models import Fitted


def test_digits_are_images():
    X, y = load_digits(return_X_y=True)
    model = RidgeClassifier().fit(X, y)
    display = WeightsDisplay.from_estimator(model)
    assert np.array_equal([image.get_array().ravel() for image in display.images_], model.coef_)
    assert [panel.get_title() for panel in display.axes_.flat] == [str(label) for label in range(10)]
    limit = np.abs(model.coef_).max()
    assert all(image.get_clim() == (-limit, limit) for image in display.images_)
    assert display.bars_ == []


@pytest.mark.parametrize("as_table", [False, True])
def test_images_behind_a_scaler_and_names_that_are_positions(as_table):
    X, y = load_digits(n_class=3, return_X_y=True)
    if as_table:
        X = pl.DataFrame(X, schema=[f"pixel_{row}_{column}" for row in range(8) for column in range(8)])
    model = make_pipeline(StandardScaler(), RidgeClassifier()).fit(X, y)
    assert len(WeightsDisplay.from_estimator(model).images_) == 3


def test_colour_images_need_their_shape():
    W = np.arange(2.0 * 192).reshape(2, 192)
    assert WeightsDisplay.from_estimator(Fitted(coef_=W)).images_ == []
    images = WeightsDisplay.from_estimator(Fitted(coef_=W), shape=(3, 8, 8)).images_
    # Each row around mid-grey by its own largest weight, channels last.
    drawn = 0.5 + 0.5 * W[1].reshape(3, 8, 8).transpose(1, 2, 0) / W[1].max()
    np.testing.assert_allclose(images[1].get_array(), drawn, rtol=1e-12)


def bars_of(display, row=0):
    """Names and lengths of the bars of a row, from top to bottom."""
    panel = display.axes_.flat[row]
    assert panel.yaxis_inverted()
    return [text.get_text() for text in panel.get_yticklabels()], [bar.get_width() for bar in display.bars_[row]]


def test_bars_are_the_strongest_weights_by_name():
    model = Fitted(
        coef_=np.array([[0.5, -3.0, 0.1, 2.0, 0.0], [0.0, 0.0, -1.0, 0.0, 0.0]]),
        classes_=np.array(["a", "b"]),
        feature_names_in_=np.array(["p", "q", "r", "s", "t"]),
    )
    display = WeightsDisplay.from_estimator(model, max_features=3)
    assert bars_of(display) == (["s", "p", "q"], [2.0, 0.5, -3.0])
    assert bars_of(display, 1) == (["r"], [-1.0])
    assert display.axes_[0, 0].get_xlim() == display.axes_[0, 1].get_xlim()
    positive, _, negative = (bar.get_facecolor() for bar in display.bars_[0])
    assert positive != negative
    assert display.images_ == []


def test_bars_of_words():
    texts, labels = ["good good film", "bad film", "good", "bad bad"], ["pos", "neg", "pos", "neg"]
    model = make_pipeline(CountVectorizer(), LogisticRegression()).fit(texts, labels)
    display = WeightsDisplay.from_estimator(model, max_features=2)
    names, lengths = bars_of(display)
    assert names == ["good", "bad"]
    assert lengths == [model[-1].coef_[0, 2], model[-1].coef_[0, 0]]
    assert display.ax_.get_title() == "pos, not neg"


def test_bars_of_a_search_of_features_without_names():
    X, y = load_iris(return_X_y=True)
    search = GridSearchCV(RidgeClassifier(), {"alpha": [1.0]}, cv=2).fit(X, y)
    names, lengths = bars_of(WeightsDisplay.from_estimator(search, max_features=4), 2)
    by_name = {f"feature {number}": weight for number, weight in enumerate(search.best_estimator_.coef_[2])}
    assert dict(zip(names, lengths, strict=True)) == by_name
    assert lengths == sorted(lengths, reverse=True)


@pytest.mark.parametrize("sparse", [False, True])
def test_regression_and_sparse_weights(sparse):
    from scipy.sparse import csr_array

    coef = np.array([[1.0, -2.0, 0.0]])
    display = WeightsDisplay.from_estimator(Fitted(coef_=csr_array(coef) if sparse else coef[0]))
    assert bars_of(display) == (["feature 0", "feature 1"], [1.0, -2.0])
    assert display.axes_[0, 0] is display.ax_


def test_results_have_weights(blobs):
    result = sm.solve(*blobs, loss="logistic", penalty=sm.L2(1e-2))
    names, lengths = bars_of(WeightsDisplay.from_estimator(result, feature_names=["u", "v"]))
    assert dict(zip(names, lengths, strict=True)) == dict(zip(["u", "v"], result.W[0], strict=True))


def test_some_classes():
    model = Fitted(coef_=np.eye(3), classes_=np.array(["a", "b", "c"]))
    display = WeightsDisplay.from_estimator(model, classes=["c", "a"])
    assert [panel.get_title() for panel in display.axes_.flat] == ["c", "a"]
    assert [bars_of(display, row)[0] for row in (0, 1)] == [["feature 2"], ["feature 0"]]


@pytest.mark.parametrize(
    ("model", "options", "error", "message"),
    [
        (LogisticRegression(), {}, NotFittedError, "This LogisticRegression instance is not fitted yet"),
        (
            3,
            {},
            TypeError,
            r"estimator: expected a fitted linear model, which has coef_ or W, got 3 \(int\); pipelines",
        ),
        (
            Fitted(coef_=np.eye(2)),
            {"shape": (3, 3)},
            ValueError,
            "shape: expected sizes whose product is n_features = 2",
        ),
        (
            Fitted(coef_=np.eye(2)),
            {"shape": "square"},
            ValueError,
            "shape: expected 'auto', None or a tuple of sizes, got",
        ),
        (Fitted(coef_=np.eye(2)), {"feature_names": ["a"]}, ValueError, "feature_names: expected 2 names, .* got 1"),
        (Fitted(coef_=np.eye(2)), {"classes": ["a"]}, ValueError, r"classes: expected labels of \['0', '1'\], got 'a'"),
        (
            Fitted(coef_=np.eye(2)),
            {"classes": []},
            ValueError,
            r"weights: expected shape \(n_rows, n_features\), got \(0,",
        ),
        (
            Fitted(coef_=np.eye(2)),
            {"max_features": 0},
            ValueError,
            "max_features: expected an integer at least 1, got 0",
        ),
        (Fitted(coef_=np.eye(2)), {"columns": 0}, ValueError, "columns: expected an integer at least 1, got 0"),
    ],
)
def test_wrong_weights(plt, model, options, error, message):
    with pytest.raises(error, match=message):
        WeightsDisplay.from_estimator(model, **options)
    assert plt.get_fignums() == []


def test_a_model_that_is_not_linear():
    forest = RandomForestClassifier(2, random_state=0).fit([[0.0], [1.0]], [0, 1])
    with pytest.raises(TypeError, match=r"estimator: expected a fitted linear model, .*, got a RandomForestClassifier"):
        WeightsDisplay.from_estimator(forest)
