"""The display of decision surfaces: boundaries, contours of the loss and paths, and what it refuses."""

import warnings

import numpy as np
import pytest
from sklearn.datasets import make_blobs
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import PolynomialFeatures, StandardScaler

import softmargin as sm
from softmargin import LinearClassifier, reference
from softmargin.plotting import DecisionSurfaceDisplay

from .models import run


def test_regions_of_two_classes(blobs):
    X, y = blobs
    model = LogisticRegression().fit(X, y)
    display = DecisionSurfaceDisplay.from_estimator(model, X, y, grid_resolution=40)
    grid = np.column_stack([display.xx0.ravel(), display.xx1.ravel()])
    assert np.array_equal(display.response.ravel(), model.decision_function(grid))
    assert (grid.min(axis=0) < X.min(axis=0)).all()
    assert (grid.max(axis=0) > X.max(axis=0)).all()
    # A colour is 1 - share (1 - the class's colour), share = 0.1 + 0.32 |2 p - 1|: palest where p = 1/2.
    image = display.surface_.get_array().reshape(-1, 3)
    p = model.predict_proba(grid)[:, 1]
    first, second = (np.array(points.get_facecolor()[0, :3]) for points in display.samples_)
    share = (0.1 + 0.32 * np.abs(2 * p - 1))[:, None]
    expected = np.where((p > 0.5)[:, None], 1 - share * (1 - second), 1 - share * (1 - first))
    np.testing.assert_allclose(image, expected, atol=1e-12)
    for points, label in zip(display.samples_, (-1, 1), strict=True):
        assert np.array_equal(points.get_offsets(), X[y == label])
    assert [text.get_text() for text in display.ax_.get_legend().get_texts()] == ["-1.0", "1.0"]


def on_line(contours):
    """All vertices of a contour set."""
    return np.vstack([path.vertices for path in contours.get_paths() if len(path.vertices)])


@pytest.mark.parametrize("centers", [2, 3])
def test_boundaries_are_where_scores_are_equal(centers):
    X, y = make_blobs(90, centers=centers, random_state=3, cluster_std=2.0)
    model = LogisticRegression().fit(X, y)
    display = DecisionSurfaceDisplay.from_estimator(model, X, y, grid_resolution=60)
    assert len(display.boundaries_) == (1 if centers == 2 else 3)
    for contours in display.boundaries_:
        points = on_line(contours)
        proba = np.sort(model.predict_proba(points), axis=1)
        # Linear scores are interpolated exactly; where three classes meet, the lead bends inside a grid cell.
        apart = proba[:, -1] - proba[:, -2]
        assert np.mean(apart < 1e-9) > 0.9
        assert apart.max() < 0.1


def test_margins_of_a_hinge_loss(blobs):
    X, y = blobs
    result = sm.solve(X, y, loss="binary_hinge", penalty=sm.L2(1e-2))
    display = DecisionSurfaceDisplay.from_estimator(result, X, y, loss="binary_hinge")
    boundary, margins = display.boundaries_
    np.testing.assert_allclose(result.predict_scores(on_line(boundary)), 0.0, atol=1e-9)
    np.testing.assert_allclose(np.abs(result.predict_scores(on_line(margins))), 1.0, atol=1e-9)
    assert len(DecisionSurfaceDisplay.from_estimator(result, X, y).boundaries_) == 1


@pytest.mark.parametrize("library", ["pandas", "polars", "pyarrow"])
def test_names_and_labels_of_a_table(library):
    make = pytest.importorskip(library)
    make = make.table if library == "pyarrow" else make.DataFrame
    X, y = make_blobs(30, centers=3, random_state=0)
    table = make({"length": X[:, 0], "width": X[:, 1]})
    labels = np.array(["x", "y", "z"])[y]
    model = make_pipeline(StandardScaler(), LogisticRegression()).fit(table, labels)
    display = DecisionSurfaceDisplay.from_estimator(model, table, labels, grid_resolution=10)
    assert (display.ax_.get_xlabel(), display.ax_.get_ylabel()) == ("length", "width")
    assert [points.get_label() for points in display.samples_] == ["x", "y", "z"]


def test_surface_of_a_regression():
    X = np.random.default_rng(0).normal(size=(30, 2))
    y = X @ [1.0, -2.0] + 0.5
    model = LinearRegression().fit(X, y)
    display = DecisionSurfaceDisplay.from_estimator(model, X, y, grid_resolution=20)
    np.testing.assert_allclose(display.response, display.xx0 - 2 * display.xx1 + 0.5, atol=1e-12)
    assert display.surface_.levels[0] <= display.response.min()
    assert display.surface_.levels[-1] >= display.response.max()
    assert np.array_equal(display.samples_[0].get_array(), y)


def test_contours_and_path_of_two_weights(blobs):
    X, y = blobs
    penalty = sm.L2(1e-2)
    best = sm.solve(X, y, loss="logistic", penalty=penalty)
    _, path = run(X, y, loss="logistic", penalty=penalty, epochs=12, batch_size=16)
    display = DecisionSurfaceDisplay.from_estimator(best, X, y, path=path, loss="logistic", penalty=penalty)
    np.testing.assert_allclose(display.path_lines_[""].get_xydata(), [W[0] for W, _ in path], atol=1e-12)
    plane = display.plane
    for i, j in [(0, 0), (7, 40), (60, 60)]:
        W = np.array([[plane.u[j], plane.v[i]]])
        value = reference.loss_and_grad(W, X, y, loss="logistic", intercept=best.intercept, penalty=("l2", (1e-2,)))
        np.testing.assert_allclose(plane.loss[i, j], value.loss, rtol=1e-12)
    levels = display.contours_.levels
    assert levels[0] == plane.loss.min()
    np.testing.assert_allclose(levels[-1], plane.loss.max(), rtol=1e-12)
    np.testing.assert_allclose(np.diff(np.log(levels[1:] - levels[0])), np.log(1000) / 15, rtol=1e-6)
    assert display.path_ax_.get_xlabel() == "weight of feature 0"


def test_plane_of_more_weights_is_spanned_by_the_path():
    X, y = make_blobs(60, centers=3, random_state=0)
    best = sm.solve(X, y, penalty=sm.L2(1e-2))
    result, path = run(X, y, penalty=sm.L2(1e-2), epochs=10)
    display = DecisionSurfaceDisplay.from_estimator(
        best, X, y, path={"SGD": path, "result": [path[0], result]}, loss="softmax", penalty=sm.L2(1e-2)
    )
    flat = np.array([np.append(W.ravel(), b) for W, b in path]) - np.append(best.W.ravel(), best.intercept)
    drawn = display.path_lines_["SGD"].get_xydata()
    # Distances in the plane are those of the path up to what leaves it, which the two labels account for.
    points = np.vstack([flat, flat[[0, -1]]])
    singular = np.linalg.svd(points, compute_uv=False)
    kept = np.sum(np.vstack([drawn, display.path_lines_["result"].get_xydata()]) ** 2, axis=0)
    np.testing.assert_allclose(kept, singular[:2] ** 2, rtol=1e-9)
    assert f"({singular[0] ** 2 / np.sum(singular**2):.1%} of the path)" in display.path_ax_.get_xlabel()
    # The plane passes through the model: at its origin lies the loss of the optimum, below every point of the grid.
    assert np.array_equal(display.plane.model, [0.0, 0.0])
    assert display.plane.loss.min() >= best.loss * (1 - 1e-9)


@pytest.mark.parametrize("loss", ["softmax", "squared_hinge"])
def test_loss_is_what_the_estimator_minimises(blobs, loss):
    X, y = blobs[0][:50], np.where(blobs[1] > 0, "yes", "no")[:50]
    model = LinearClassifier(loss, alpha=0.1, class_weight="balanced", standardize=True, tol=1e-9).fit(X, y)
    # The grid goes from -0.18 to 1.18 of the way from zero to twice the model, and so passes through the model in its middle.
    path = [(np.zeros((1, 2)), np.zeros(1)), (2 * model.coef_, model.intercept_)]
    plane = DecisionSurfaceDisplay.from_estimator(model, X, y, path=path).plane
    np.testing.assert_allclose([plane.u[30], plane.v[30]], model.coef_[0], rtol=1e-12)
    np.testing.assert_allclose(plane.loss[30, 30], model.loss_, rtol=1e-12)
    assert plane.loss.argmin() == 30 * 61 + 30


def test_loss_as_a_function_and_features_of_a_pipeline(blobs):
    X, y = blobs
    model = make_pipeline(PolynomialFeatures(2, include_bias=False), Ridge()).fit(X, y)
    W, b = model[-1].coef_, model[-1].intercept_
    path = [(np.zeros(5), 0.0), (np.ones(5), 1.0), (W, b)]
    display = DecisionSurfaceDisplay.from_estimator(
        model, X, y, path=path, loss=lambda W, b: np.sum(W**2) + np.sum((b - 1) ** 2)
    )
    # On the plane the function is a square of the distance from its centre, so its second differences are constant.
    step = np.diff(display.plane.u)[0]
    np.testing.assert_allclose(np.diff(display.plane.loss, n=2, axis=1), 2 * step**2, rtol=1e-6)


@pytest.mark.parametrize("standardize", [False, True])
@pytest.mark.parametrize("solver", [sm.optimizers.Adam(lr=0.1), "exact"])
def test_path_of_a_refit(blobs, solver, standardize):
    X, y = blobs
    seen = []
    options = {"max_epochs": 9, "tol": 0} if solver != "exact" else {}
    model = LinearClassifier(
        solver=solver,
        standardize=standardize,
        random_state=0,
        callbacks=lambda info: seen.append(info.W[0]),  # of the moment
        **options,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # nine epochs are few
        model.fit(X, y)
    expected = seen.copy() if solver == "exact" else [np.zeros(2), *seen]
    drawn = DecisionSurfaceDisplay.from_estimator(model, X, y, path="refit").path_lines_[""].get_xydata()
    np.testing.assert_allclose(drawn, expected, atol=1e-12)
    np.testing.assert_allclose(drawn[-1], model.coef_[0], atol=1e-12)
    assert len(drawn) == (10 if solver != "exact" else len(seen))  # the refit tells the caller's callbacks nothing


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"X": np.ones((60, 3))}, ValueError, "X: expected 2 features, got 3; fit a model on two of them"),
        ({"X": np.ones(60)}, ValueError, r"X: expected 2 features, got shape \(60,\)"),
        ({"y": np.ones(3)}, ValueError, r"y: expected shape \(60,\) as X has rows, got \(3,\)"),
        ({"grid_resolution": 1}, ValueError, "grid_resolution: expected an integer at least 2, got 1"),
        ({"path": "again"}, ValueError, "path: expected one of 'refit', got 'again'"),
        (
            {"path": "refit"},
            ValueError,
            "path: expected an estimator with a parameter callbacks, got a LogisticRegress",
        ),
        ({"path": []}, ValueError, "path: expected at least two points, got 0"),
        ({"path": {}}, ValueError, "path: expected at least one path, got an empty mapping"),
        ({"path": {"a": [1, 2]}}, TypeError, r"path: expected pairs \(W, intercept\) or models, got 1 \(int\)"),
        (
            {"path": [(np.ones(3), 0.0)] * 2},
            ValueError,
            r"path: expected points of W \(1, 2\) and intercept \(1,\) as the",
        ),
        (
            {"path": [(np.ones(2), 0.0)] * 2},
            ValueError,
            r"loss: expected the name of a loss or a function \(W, intercept\)",
        ),
        (
            {"path": [(np.ones(2), 0.0)] * 2, "loss": "hing"},
            ValueError,
            "loss: expected one of .* did you mean 'hinge'",
        ),
        (
            {"path": [(np.ones(2), 0.0)] * 2, "y": None},
            ValueError,
            "y: expected the targets, which the loss along a path",
        ),
    ],
)
def test_wrong_surfaces(plt, blobs, options, error, message):
    X, y = blobs
    model = LogisticRegression().fit(X, y)
    with pytest.raises(error, match=message):
        DecisionSurfaceDisplay.from_estimator(model, **{"X": X, "y": y, **options})
    assert plt.get_fignums() == []
