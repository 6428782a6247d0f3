"""The displays: what they draw is what the model holds, where it is drawn, and what they refuse."""

import io
import warnings

import numpy as np
import polars as pl
import pytest
from sklearn.datasets import load_digits, load_iris, make_blobs
from sklearn.ensemble import RandomForestClassifier
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge, RidgeClassifier
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import PolynomialFeatures, StandardScaler

import softmargin as sm
from softmargin import LinearClassifier, reference
from softmargin.plotting import DecisionSurfaceDisplay, TrainingCurveDisplay, WeightsDisplay


@pytest.fixture(autouse=True)
def plt():
    """pyplot without a window; figures that a test makes are closed after it."""
    matplotlib = pytest.importorskip("matplotlib")
    before = matplotlib.get_backend()
    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    plt.close("all")
    yield plt
    plt.close("all")
    matplotlib.use(before)


class Fitted:
    """A fitted linear model, as far as displays look at it."""

    def __init__(self, **attributes):
        vars(self).update(attributes)


def run(X, y, **options):
    """A FitResult and its path, the start included."""
    points = []
    result = sm.fit(X, y, rng=0, callback=lambda info: points.append((info.W, info.intercept)), **options)
    return result, [(np.zeros_like(result.W), np.zeros_like(result.intercept)), *points]


@pytest.fixture(scope="module")
def blobs():
    """Two classes that overlap, as signs."""
    X, y = make_blobs(60, centers=[[-1, 0], [1.5, 1]], random_state=0)
    return X, np.where(y, 1.0, -1.0)


# Training curves -----------------------------------------------------------------------------------------------------


def test_curve_of_epochs(blobs):
    X, y = blobs
    result = sm.fit(X, y, loss="logistic", epochs=6, rng=0, validation=(X, y))
    display = TrainingCurveDisplay.from_estimator(result)
    train, val = display.lines_[""]
    assert train.get_ydata().tolist() == [record.loss for record in result.history]
    assert val.get_ydata().tolist() == [record.val_loss for record in result.history]
    assert train.get_xdata().tolist() == [1, 2, 3, 4, 5, 6]
    assert (display.ax_.get_xlabel(), display.ax_.get_ylabel()) == ("epoch", "loss (mean of F over the epoch)")
    (ring,) = [line for line in display.ax_.get_lines() if line not in (train, val)]
    best = min(result.history, key=lambda record: record.val_loss)
    assert ring.get_xydata().tolist() == [[best.epoch, best.val_loss]]


@pytest.mark.parametrize(("y", "attribute"), [("score", "val_score"), ("lr", "lr"), ("loss", "loss")])
def test_quantities(blobs, y, attribute):
    X, t = blobs
    schedule = sm.schedules.InverseScaling()
    result = sm.fit(X, t, loss="logistic", epochs=4, rng=0, validation=(X, t), schedule=schedule)
    line = TrainingCurveDisplay.from_estimator(result, y=y).lines_[""][0]
    assert line.get_ydata().tolist() == [getattr(record, attribute) for record in result.history]


def test_seconds_of_epochs_add_up(blobs):
    result = sm.fit(*blobs, loss="logistic", epochs=5, rng=0)
    line = TrainingCurveDisplay.from_estimator(result, x="seconds").lines_[""][0]
    np.testing.assert_allclose(line.get_xdata(), np.cumsum([record.seconds for record in result.history]), rtol=1e-12)


def test_curve_of_the_exact_solver_is_its_certified_distance():
    records = [
        sm.SolveRecord(1.0, 0.1, 4.0),
        sm.SolveRecord(3.0, 0.2, 2.0, gap=0.5),
        sm.SolveRecord(4.0, 0.3, 1.6, gap=0.0625),
    ]
    display = TrainingCurveDisplay.from_estimator(records)
    # The certificates say F* >= 2 - 0.5 * 2 = 1 and F* >= 1.6 - 0.0625 * 1.6 = 1.5; the better one counts.
    (line,) = display.lines_[""]
    assert line.get_xdata().tolist() == [1, 3, 4]
    np.testing.assert_allclose(line.get_ydata(), [2.5 / 4, 0.5 / 2, 0.1 / 1.6], rtol=1e-12)
    assert display.ax_.get_xlabel() == "passes over X"


def test_curve_of_solve(blobs):
    result = sm.solve(*blobs, loss="logistic", penalty=sm.L2(1e-2))
    line = TrainingCurveDisplay.from_estimator(result, y="loss").lines_[""][0]
    assert line.get_ydata().tolist() == [record.loss for record in result.history]
    assert line.get_xdata().tolist() == [record.n_passes for record in result.history]


def test_several_histories_share_an_axis_that_all_have(blobs):
    X, y = blobs
    exact = sm.solve(X, y, loss="logistic", penalty=sm.L2(1e-2))
    epochs = sm.fit(X, y, loss="logistic", epochs=3, rng=0)
    display = TrainingCurveDisplay.from_estimator({"SGD": Fitted(history_=epochs.history), "exact": exact})
    assert (display.x, display.y) == ("seconds", "loss")
    assert [text.get_text() for text in display.ax_.get_legend().get_texts()] == ["SGD", "exact"]
    assert display.lines_["SGD"][0].get_color() != display.lines_["exact"][0].get_color()


def test_curve_of_a_pipeline(blobs):
    history = sm.fit(*blobs, loss="logistic", epochs=3, rng=0).history
    last = Ridge().fit(*blobs)
    last.history_ = history
    (line,) = TrainingCurveDisplay.from_estimator(make_pipeline(StandardScaler(), last)).lines_[""]
    assert line.get_ydata().tolist() == [record.loss for record in history]


@pytest.mark.parametrize(
    ("history", "options", "error", "message"),
    [
        (Ridge(), {}, TypeError, "estimator: expected one with history_ or history, got a Ridge; scikit-learn's own"),
        ({}, {}, ValueError, "estimator: expected at least one history, got an empty mapping"),
        ([1.0], {"y": "los"}, ValueError, "y: expected one of .* got 'los'; did you mean 'loss'"),
        ([1.0], {"x": "steps"}, ValueError, "x: expected one of 'auto', 'epoch', 'passes', 'seconds', got 'steps'"),
        ([1.0], {"x": "passes"}, ValueError, "x: expected a position that the history has, got 'passes'"),
        ([], {}, ValueError, "y: expected a finite quantity that the history has, got 'loss'"),
        (
            {"a": [1.0]},
            {"y": "score"},
            ValueError,
            "that the history of 'a' has, got 'score'; it needs a validation set",
        ),
        ([sm.SolveRecord(1.0, 0.1, 4.0)], {"x": "epoch"}, ValueError, "x: expected 'passes' or 'seconds', since the"),
        ([sm.SolveRecord(1.0, 0.1, 4.0)], {"y": "gap"}, ValueError, "got 'gap'; only the exact solver certifies"),
        ([1.0], {"ax": 3}, TypeError, r"ax: expected matplotlib Axes, got 3 \(int\)"),
    ],
)
def test_wrong_curves(plt, history, options, error, message):
    with pytest.raises(error, match=message):
        TrainingCurveDisplay.from_estimator(history, **options)
    assert plt.get_fignums() == []


# Weights -------------------------------------------------------------------------------------------------------------


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


# Decision surfaces ---------------------------------------------------------------------------------------------------


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


# Where they draw -----------------------------------------------------------------------------------------------------


def displays(blobs):
    """One of each shape: a display and how many axes it takes beside the one that it is given."""
    X, y = blobs
    result, path = run(X, y, loss="logistic", epochs=3)
    surface = {"estimator": result, "X": X, "y": y, "loss": "logistic", "grid_resolution": 5}
    return [
        (TrainingCurveDisplay, {"estimator": result}, 0),
        (WeightsDisplay, {"estimator": result}, 0),
        (WeightsDisplay, {"estimator": Fitted(coef_=np.eye(4))}, 4),
        (WeightsDisplay, {"estimator": Fitted(coef_=np.ones((2, 64)))}, 3),  # and a colour bar
        (DecisionSurfaceDisplay, surface, 0),
        (DecisionSurfaceDisplay, {**surface, "path": path}, 2),
    ]


@pytest.mark.parametrize("layout", [None, "constrained"])
def test_drawn_into_given_axes(plt, blobs, layout):
    from matplotlib.figure import Figure

    for display, arguments, more in displays(blobs):
        figure = Figure(layout=layout)
        other, ax = figure.subplots(1, 2)
        drawn = display.from_estimator(ax=ax, **arguments)
        assert drawn.figure_ is figure
        assert len(figure.axes) == 2 + more
        assert not other.has_data()
        figure.savefig(io.BytesIO())
        right = ax.get_position().x0
        assert all(new.get_position().x0 >= right - 0.1 for new in figure.axes[2:])
        free = figure.add_axes((0.0, 0.0, 0.3, 0.3))  # has no place in a grid
        drawn.plot(free).figure_.savefig(io.BytesIO())
        assert plt.get_fignums() == []


def test_without_axes_pyplot_has_one_figure_to_show(plt, blobs):
    for number, (display, arguments, _) in enumerate(displays(blobs), start=1):
        drawn = display.from_estimator(**arguments)
        assert len(plt.get_fignums()) == number
        assert plt.gcf() is drawn.figure_
        drawn.figure_.savefig(io.BytesIO())


def test_surface_and_path_in_two_given_axes(blobs):
    from matplotlib.figure import Figure

    *_, (display, arguments, _) = displays(blobs)
    axes = Figure().subplots(1, 2)
    drawn = display.from_estimator(ax=axes, **arguments)
    assert drawn.ax_ is axes[0]
    assert drawn.path_ax_ is axes[1]
    with pytest.raises(ValueError, match="ax: expected one Axes, or two for a path, got 1"):
        drawn.plot(axes[:1])


def test_without_matplotlib(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "matplotlib.axes", None)
    with pytest.raises(ImportError, match=r'TrainingCurveDisplay.plot: .* pip install "softmargin\[cli\]"'):
        TrainingCurveDisplay.from_estimator([2.0, 1.0])
