"""The display of training curves: what it draws is what the model remembers, and what it refuses."""

import numpy as np
import pytest
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import softmargin as sm
from softmargin.plotting import TrainingCurveDisplay

from .models import Fitted


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
