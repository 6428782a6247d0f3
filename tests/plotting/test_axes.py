"""Where displays draw: into given axes, or into one figure of pyplot."""

import io

import numpy as np
import pytest

from softmargin.plotting import DecisionSurfaceDisplay, TrainingCurveDisplay, WeightsDisplay

from .models import Fitted, run


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
