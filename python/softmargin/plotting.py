"""Two pictures of a linear model: its loss curves, and the rows of W as images.

matplotlib is imported when a function is called. Figures are made without pyplot: no window, no global state.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["plot_history", "plot_templates"]

# Okabe and Ito (2008): eight colours that stay apart for every kind of colour vision; its yellow is left out, since
# it is too pale for a line on white. Line styles tell a second round of the seven apart.
_COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
_STYLES = ("-", "--", "-.", ":")


def plot_history(
    histories: Any, *, ax: Axes | None = None, title: str | None = None, log_scale: bool | None = None
) -> Figure:
    """Draw loss curves: the mean of F over an epoch against the epoch.

    Parameters
    ----------
    histories : FitResult, sequence of EpochRecord, sequence of float, or a mapping from labels to any of these
        Floats are losses, one an epoch. Where records have a validation loss, it is drawn dotted.
    ax : matplotlib Axes, optional
        Where to draw; by default a new figure.
    title : str, optional
    log_scale : bool, optional
        Logarithmic loss axis; by default where the losses span more than a factor of 20.

    Returns
    -------
    matplotlib Figure
        ``figure.savefig("loss.png")`` writes it.

    Raises
    ------
    ValueError
        ``histories: expected at least one epoch, got none``.

    Examples
    --------
    >>> from softmargin.plotting import plot_history
    >>> figure = plot_history({"SGD": [2.3, 1.1, 0.7], "Adam": [2.3, 0.6, 0.4]})
    >>> figure.axes[0].get_xlabel()
    'epoch'
    """
    from matplotlib.ticker import MaxNLocator

    curves = {label: _losses(value) for label, value in _by_label(histories).items()}
    values = [loss for train, val in curves.values() for loss in (*train, *val) if math.isfinite(loss)]
    if not values:
        raise ValueError("histories: expected at least one epoch, got none")
    if ax is None:
        ax = _new_figure(7.0, 4.2).add_subplot()
    for number, (label, (train, val)) in enumerate(curves.items()):
        color = _COLORS[number % len(_COLORS)]
        style = _STYLES[number // len(_COLORS) % len(_STYLES)]
        marker = "o" if len(train) == 1 else ""
        ax.plot(
            range(1, len(train) + 1), train, color=color, linestyle=style, marker=marker, linewidth=1.8, label=label
        )
        if val:
            name = f"{label}, validation" if label else "validation"
            ax.plot(range(1, len(val) + 1), val, color=color, linestyle=(0, (1, 1.5)), linewidth=1.4, label=name)
    if log_scale is None:
        log_scale = min(values) > 0 and max(values) > 20 * min(values)
    if log_scale:
        ax.set_yscale("log")
    ax.set_xlabel("epoch")
    ax.set_ylabel("loss (mean of F over the epoch)")
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    ax.grid(color="#dddddd", linewidth=0.6)
    ax.set_axisbelow(True)
    ax.spines[["top", "right"]].set_visible(False)
    if title:
        ax.set_title(title)
    if any(label for label, (_, val) in curves.items()) or any(val for _, val in curves.values()):
        outside = {"loc": "center left", "bbox_to_anchor": (1.01, 0.5)} if len(curves) > 4 else {"loc": "best"}
        ax.legend(frameon=False, fontsize="small", **outside)
    figure: Any = ax.figure
    return figure  # type: ignore[no-any-return]


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
        Images in a line; by default five, or fewer.
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
    images = _as_images(W, shape)
    names = [str(name) for name in (range(len(W)) if classes is None else classes)]
    if len(names) != len(W):
        raise ValueError(f"classes: expected {len(W)} names, one a row of W, got {len(names)}")
    columns = columns or min(5, len(W))
    lines = math.ceil(len(W) / columns)
    head = 0.45 if title else 0.0
    figure = _new_figure(1.45 * columns + 0.9, 1.75 * lines + head)
    grid = figure.subplots(lines, columns, squeeze=False)
    largest = float(np.abs(images).max()) or 1.0
    drawn = None
    for axes, image, name in zip(grid.flat, images, names, strict=False):
        if image.ndim == 3:
            axes.imshow(0.5 + 0.5 * image / (np.abs(image).max() or 1.0))
        else:
            drawn = axes.imshow(image, cmap="RdBu_r", vmin=-largest, vmax=largest)
        axes.set_title(name, fontsize="medium")
    for axes in grid.flat:
        axes.set_axis_off()
    if drawn is not None:
        figure.colorbar(drawn, ax=list(grid.flat), label="weight", shrink=0.9, aspect=28, pad=0.02)
    if title:
        figure.suptitle(title)
    return figure


def _as_images(W: NDArray[np.float64], shape: tuple[int, ...] | None) -> NDArray[np.float64]:
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


def _by_label(histories: Any) -> Mapping[str, Any]:
    return histories if isinstance(histories, Mapping) else {"": histories}


def _losses(history: Any) -> tuple[list[float], list[float]]:
    """Training and validation losses of a FitResult, of its records, or of plain numbers."""
    records: Iterable[Any] = getattr(history, "history", history)
    train: list[float] = []
    val: list[float] = []
    for record in records:
        train.append(float(getattr(record, "loss", record)))
        if getattr(record, "val_loss", None) is not None:
            val.append(float(record.val_loss))
    return train, val


def _new_figure(width: float, height: float) -> Figure:
    """A figure of width x height inches that lays itself out and needs no window."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), dpi=150, layout="constrained", facecolor="white")
