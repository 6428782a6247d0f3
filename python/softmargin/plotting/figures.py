"""Figures and axes to draw on, and the look that all pictures share.

matplotlib is imported when a function is called. `plot_*` make figures without pyplot: no window, no global state. Displays
make them with pyplot where no axes are given, as scikit-learn's do, so that a notebook shows them.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from softmargin._validation import as_integer, describe

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Okabe and Ito (2008): eight colours that stay apart for every kind of colour vision; its yellow is left out, since
# it is too pale for a line on white. Line styles tell a second round of the seven apart.
COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
STYLES = ("-", "--", "-.", ":")
MARKERS = ("o", "s", "D", "^")
GRID = "#dddddd"
INK = "#333333"

# Weights that speak for a class, and against it: the ends of the colour map of one-channel templates.
DIVERGING = "RdBu_r"
FOR, AGAINST = "#B2182B", "#2166AC"


def new_figure(width: float, height: float) -> Figure:
    """Return a figure of width x height inches that lays itself out and needs no window."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), dpi=150, layout="constrained", facecolor="white")


def axes_or_new(caller: str, ax: Axes | None, width: float, height: float) -> Axes:
    """Return `ax`, or the axes of a new pyplot figure of width x height inches.

    Raises
    ------
    ImportError
        ``WeightsDisplay.plot: expected matplotlib to be installed; pip install "softmargin[cli]"``
    TypeError
        ``ax: expected matplotlib Axes, got 3 (int)``
    """
    try:
        from matplotlib.axes import Axes
    except ImportError as error:
        message = f'{caller}: expected matplotlib to be installed; pip install "softmargin[cli]"'
        raise ImportError(message) from error
    if ax is None:
        import matplotlib.pyplot as plt

        return plt.subplots(figsize=(width, height), layout="constrained")[1]
    if not isinstance(ax, Axes):
        raise TypeError(f"ax: expected matplotlib Axes, got {describe(ax)}")
    return ax


def divide(ax: Axes, lines: int, columns: int, *, sharex: bool = False) -> NDArray[Any]:
    """Hide `ax` and put lines x columns axes in its place, shape (lines, columns); a single one is `ax` itself."""
    from matplotlib.gridspec import GridSpec

    if lines == columns == 1:
        return np.array([[ax]], dtype=object)
    ax.set_axis_off()
    figure: Any = ax.figure
    place = ax.get_subplotspec()
    if place is not None:
        grid: Any = place.subgridspec(lines, columns)
    else:
        box = ax.get_position()
        grid = GridSpec(lines, columns, figure, left=box.x0, bottom=box.y0, right=box.x1, top=box.y1)
    panels: NDArray[Any] = grid.subplots(squeeze=False, sharex=sharex)
    return panels


def lines_and_columns(n_panels: int, columns: int | None, widest: int) -> tuple[int, int]:
    """Return a grid for the panels: as few lines of at most `widest` as will do, equally long, unless `columns` is given.

    Examples
    --------
    >>> lines_and_columns(10, None, 5), lines_and_columns(4, None, 3), lines_and_columns(4, 3, 3)
    ((2, 5), (2, 2), (2, 3))
    """
    if columns is None:
        columns = math.ceil(n_panels / math.ceil(n_panels / widest))
    return math.ceil(n_panels / as_integer("columns", columns)), columns


def open_frame(ax: Axes, grid: str = "both") -> None:
    """Two spines, and a pale grid under the data along `grid`."""
    ax.grid(axis=grid, color=GRID, linewidth=0.6)  # type: ignore[arg-type]
    ax.set_axisbelow(True)
    ax.spines[["top", "right"]].set_visible(False)
