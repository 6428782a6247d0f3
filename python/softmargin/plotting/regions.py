"""The plane of two features, coloured by what a model decides there, and the samples on it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from .figures import COLORS, INK, MARKERS

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Of a region's colour, the share that is its class's: at the boundary, and what sureness adds.
_PALE, _DEEPER = 0.10, 0.32


def color_of(number: int) -> str:
    """The colour of a class."""
    return COLORS[number % len(COLORS)]


def region_image(response: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the colours (n, m, 3) of scores (n, m) or (n, m, k): the winner's, the deeper the surer it is.

    With a lead of the best score over the second, sureness is tanh(lead / 2): p - (1 - p) of two classes in logistic
    regression.
    """
    from matplotlib.colors import to_rgb

    scores = _by_class(response)
    winner = scores.argmax(axis=2)
    second, best = np.moveaxis(np.partition(scores, -2, axis=2)[..., -2:], -1, 0)
    share = _PALE + _DEEPER * np.tanh((best - second) / 2)
    colors = np.array([to_rgb(color_of(number)) for number in range(scores.shape[2])])[winner]
    image: NDArray[np.float64] = 1.0 - share[..., None] * (1.0 - colors)
    return image


def draw_regions(
    ax: Axes, xx0: Any, xx1: Any, response: NDArray[np.float64], *, margins: bool
) -> tuple[Any, list[Any]]:
    """Draw the regions, their boundaries and, dashed, where one output's score is -1 or 1. Return image and contours."""
    half = (xx0[0, 1] - xx0[0, 0]) / 2, (xx1[1, 0] - xx1[0, 0]) / 2  # a pixel is around its grid point
    extent = (xx0[0, 0] - half[0], xx0[0, -1] + half[0], xx1[0, 0] - half[1], xx1[-1, 0] + half[1])
    image = ax.imshow(region_image(response), extent=extent, origin="lower", aspect="auto", interpolation="bilinear")
    scores = _by_class(response)
    contours = []
    for number in range(1 if response.ndim == 2 else scores.shape[2]):
        lead = scores[..., number] - np.delete(scores, number, axis=2).max(axis=2)
        if lead.min() < 0 < lead.max():
            contours.append(ax.contour(xx0, xx1, lead, levels=[0.0], colors=INK, linewidths=1.1))
    if margins and response.ndim == 2:
        levels = [level for level in (-1.0, 1.0) if response.min() < level < response.max()]
        if levels:
            contours.append(
                ax.contour(xx0, xx1, response, levels=levels, colors=INK, linewidths=0.9, linestyles="dashed")
            )
    return image, contours


def draw_samples(ax: Axes, X: NDArray[Any], y: NDArray[Any], classes: NDArray[Any]) -> list[Any]:
    """Draw the samples (n, 2) of each class, with a legend."""
    drawn = []
    for number, label in enumerate(classes):
        of_class = y == label
        drawn.append(
            ax.scatter(
                X[of_class, 0],
                X[of_class, 1],
                s=24,
                color=color_of(number),
                marker=MARKERS[number // len(COLORS) % len(MARKERS)],
                edgecolors="white",
                linewidths=0.7,
                label=str(label),
                zorder=2.5,
            )
        )
    ax.legend(fontsize="small", framealpha=0.85, edgecolor="none")
    return drawn


def draw_heights(
    ax: Axes, xx0: Any, xx1: Any, response: NDArray[np.float64], samples: tuple[Any, Any] | None
) -> tuple[Any, list[Any]]:
    """Draw the predictions of a regression as levels and its samples in the colours of their targets."""
    from matplotlib.ticker import MaxNLocator

    known = [response.ravel()] if samples is None else [response.ravel(), np.asarray(samples[1], dtype=np.float64)]
    low, high = min(values.min() for values in known), max(values.max() for values in known)
    levels = MaxNLocator(12).tick_values(low, high if high > low else low + 1.0)
    surface = ax.contourf(xx0, xx1, response, levels=levels, cmap="viridis")
    drawn = []
    if samples is not None:
        X, y = samples
        drawn.append(
            ax.scatter(
                X[:, 0],
                X[:, 1],
                s=26,
                c=y,
                cmap="viridis",
                vmin=levels[0],
                vmax=levels[-1],
                edgecolors="white",
                linewidths=0.7,
            )
        )
    figure: Any = ax.figure
    figure.colorbar(surface, ax=ax, label="prediction")
    return surface, drawn


def axis_names(names: Sequence[str] | None) -> tuple[str, str]:
    """Labels of the two axes."""
    return ("feature 0", "feature 1") if names is None else (names[0], names[1])


def _by_class(response: NDArray[np.float64]) -> NDArray[np.float64]:
    """(n, m) of one output -> (n, m, 2), whose lead of the second over the first is the score; (n, m, k) as it is."""
    return response if response.ndim == 3 else np.stack([-response / 2, response / 2], axis=2)
