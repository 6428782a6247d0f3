"""`plot_history`: loss curves of one run or of several."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .curves import LABELS, Curve, any_finite, by_label, count_along_x, curve_of, draw_curves, records_of
from .figures import new_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


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
    curves = {label: _losses(history) for label, history in by_label(histories).items()}
    if not any_finite(curves):
        raise ValueError("histories: expected at least one epoch, got none")
    if ax is None:
        ax = new_figure(7.0, 4.2).add_subplot()
    draw_curves(ax, curves, log_scale=log_scale)
    count_along_x(ax)
    ax.set_xlabel(LABELS["epoch"])
    ax.set_ylabel(LABELS["loss"])
    if title:
        ax.set_title(title)
    figure: Any = ax.figure
    return figure  # type: ignore[no-any-return]


def _losses(history: Any) -> Curve:
    return curve_of(records_of(history), "epoch", "loss")
