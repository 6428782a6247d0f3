"""The pictures: what is drawn where, and what cannot be drawn."""

import io

import numpy as np
import pytest

import softmargin as sm
from softmargin.plotting import plot_history, plot_templates


def test_history_of_a_fit_with_validation():
    X, y = np.eye(4, dtype=np.float32), np.arange(4)
    result = sm.fit(X, y, epochs=3, validation=(X, y))
    axes = plot_history(result, title="t").axes[0]
    train, val = axes.get_lines()
    assert train.get_ydata().tolist() == [record.loss for record in result.history]
    assert val.get_ydata().tolist() == [record.val_loss for record in result.history]
    assert train.get_xdata()[0] == 1
    assert (axes.get_xlabel(), axes.get_ylabel(), axes.get_title()) == ("epoch", "loss (mean of F over the epoch)", "t")


def test_histories_by_label_differ_in_colour_or_style():
    names = [str(number) for number in range(20)]
    axes = plot_history({name: [2.0, 1.0] for name in names}).axes[0]
    looks = {(line.get_color(), line.get_linestyle()) for line in axes.get_lines()}
    assert len(looks) == 20
    assert [text.get_text() for text in axes.get_legend().get_texts()] == names


@pytest.mark.parametrize(("losses", "scale"), [([1.0, 0.9], "linear"), ([100.0, 1.0], "log"), ([100.0, 0.0], "linear")])
def test_scale_follows_the_losses(losses, scale):
    assert plot_history(losses).axes[0].get_yscale() == scale


@pytest.mark.parametrize("nothing", [[], {}, {"a": []}, [np.nan]])
def test_no_history(nothing):
    with pytest.raises(ValueError, match="histories: expected at least one epoch, got none"):
        plot_history(nothing)


@pytest.mark.parametrize(
    ("n_features", "shape", "drawn"),
    [
        (16, None, (4, 4)),
        (6, (2, 3), (2, 3)),
        (27, (3, 3, 3), (3, 3, 3)),
        (48, (4, 4, 3), (4, 4, 3)),
        (48, (3, 4, 4), (4, 4, 3)),
    ],
)
def test_templates_are_the_rows_of_W(n_features, shape, drawn):
    W = np.arange(7 * n_features).reshape(7, n_features) - 30.0
    figure = plot_templates(W, shape=shape, title="t")
    images = [axes.get_images()[0].get_array() for axes in figure.axes[:7]]
    assert all(image.shape == drawn for image in images)
    if len(drawn) == 2:
        assert (np.array(images).reshape(7, -1) == W).all()
        assert figure.axes[0].get_images()[0].get_clim() == (-np.abs(W).max(), np.abs(W).max())
    else:
        assert np.min(images) >= 0
        assert np.max(images) <= 1
    figure.savefig(io.BytesIO())


def test_templates_that_are_zero():
    plot_templates(np.zeros((2, 12)), shape=(2, 2, 3)).savefig(io.BytesIO())
    plot_templates(np.zeros((2, 4))).savefig(io.BytesIO())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"W": np.ones(4)}, r"W: expected shape \(n_outputs, n_features\), got \(4,\)"),
        ({"W": np.ones((2, 10))}, r"shape: expected \(height, width\), as n_features = 10 is not a square, got None"),
        (
            {"W": np.ones((2, 10)), "shape": (3, 3)},
            r"shape: expected sizes whose product is n_features = 10, got \(3, 3\)",
        ),
        ({"W": np.ones((2, 8)), "shape": (2, 2, 2)}, r"shape: expected \(height, width\), \(height, width, 3\) or"),
        ({"W": np.ones((2, 4)), "classes": ["a"]}, "classes: expected 2 names, one a row of W, got 1"),
    ],
)
def test_wrong_templates(arguments, message):
    with pytest.raises(ValueError, match=message):
        plot_templates(**arguments)
