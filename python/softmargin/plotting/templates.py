"""Rows of W as images, and `plot_templates`."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .figures import DIVERGING, lines_and_columns, new_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.image import AxesImage

WIDEST = 5  # templates in a line


def plot_templates(
    W: ArrayLike,
    *,
    shape: tuple[int, ...] | None = None,
    classes: Sequence[object] | None = None,
    columns: int | None = None,
    title: str | None = None,
) -> Figure:
    """Draw every row of W as an image: what the linear classifier looks for in each class.

    One channel is drawn from blue (the feature speaks against the class) over white (0) to red (for it), on one
    scale for all rows, which the colour bar states. Three channels are drawn as a colour picture, each row stretched
    around mid-grey (0) by its own largest weight.

    Parameters
    ----------
    W : array_like (n_outputs, n_features)
    shape : tuple of int, optional
        ``(height, width)``, ``(height, width, 3)`` or ``(3, height, width)``; by default a square.
    classes : sequence, optional
        A title for each row; by default its number.
    columns : int, optional
        Images in a line; by default at most five, so that lines are equally long.
    title : str, optional

    Returns
    -------
    matplotlib Figure

    Raises
    ------
    ValueError
        ``shape: expected sizes whose product is n_features = 10, got (3, 3)`` and the like.

    Examples
    --------
    >>> import numpy as np
    >>> from softmargin.plotting import plot_templates
    >>> figure = plot_templates(np.eye(4), classes=["a", "b", "c", "d"])
    >>> [axes.get_title() for axes in figure.axes[:4]]
    ['a', 'b', 'c', 'd']
    """
    W = np.asarray(W, dtype=np.float64)
    if W.ndim != 2 or 0 in W.shape:
        raise ValueError(f"W: expected shape (n_outputs, n_features), got {W.shape}")
    images = as_images(W, shape)
    names = [str(name) for name in (range(len(W)) if classes is None else classes)]
    if len(names) != len(W):
        raise ValueError(f"classes: expected {len(W)} names, one a row of W, got {len(names)}")
    lines, columns = lines_and_columns(len(W), columns, WIDEST)
    figure = new_figure(*templates_size(lines, columns, titled=bool(title)))
    draw_templates(figure.subplots(lines, columns, squeeze=False), images, names)
    if title:
        figure.suptitle(title)
    return figure


def templates_size(lines: int, columns: int, *, titled: bool = False) -> tuple[float, float]:
    """Return width and height in inches of a grid of templates with its colour bar."""
    return 1.45 * columns + 0.9, 1.75 * lines + (0.45 if titled else 0.0)


def draw_templates(
    panels: NDArray[Any], images: NDArray[np.float64], names: Sequence[str], *, cmap: str = DIVERGING
) -> list[AxesImage]:
    """Draw an image into each of the panels (lines, columns), and the colour bar where there is one scale for all."""
    largest = float(np.abs(images).max()) or 1.0
    drawn = []
    for panel, image, name in zip(panels.flat, images, names, strict=False):
        ax: Axes = panel
        if image.ndim == 3:
            drawn.append(ax.imshow(0.5 + 0.5 * image / (np.abs(image).max() or 1.0)))
        else:
            drawn.append(ax.imshow(image, cmap=cmap, vmin=-largest, vmax=largest))
        ax.set_title(name, fontsize="medium")
    for panel in panels.flat:
        panel.set_axis_off()
    if images.ndim == 3:
        every = list(panels.flat)
        every[0].figure.colorbar(drawn[0], ax=every, label="weight", shrink=0.9, aspect=28, pad=0.02)
    return drawn


def as_images(W: NDArray[np.float64], shape: tuple[int, ...] | None) -> NDArray[np.float64]:
    """(n, n_features) -> (n, height, width) or (n, height, width, 3)."""
    n_features = W.shape[1]
    if shape is None:
        side = math.isqrt(n_features)
        if side * side != n_features:
            raise ValueError(f"shape: expected (height, width), as n_features = {n_features} is not a square, got None")
        shape = (side, side)
    if math.prod(shape) != n_features:
        raise ValueError(f"shape: expected sizes whose product is n_features = {n_features}, got {shape}")
    if len(shape) not in (2, 3) or (len(shape) == 3 and 3 not in (shape[0], shape[2])):
        raise ValueError(f"shape: expected (height, width), (height, width, 3) or (3, height, width), got {shape}")
    images = W.reshape(len(W), *shape)
    return images.transpose(0, 2, 3, 1) if len(shape) == 3 and shape[2] != 3 else images
