"""The loss on a plane through the weights, and the paths of optimisers over its contours."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from .figures import COLORS, INK
from .linear import Linear
from .paths import Objective, flatten, unflatten

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.contour import QuadContourSet
    from matplotlib.lines import Line2D

_RESOLUTION = 61  # points a side: contours look smooth, and 3721 losses of a few hundred samples take half a second
_LEVELS = 16
_MARGIN = 0.18  # of the paths' extent, on each side


@dataclass(frozen=True)
class LossPlane:
    """F on a plane through a model, in a grid, and paths projected onto the plane.

    Attributes
    ----------
    u, v : ndarray (n,)
        Coordinates of the grid along the two directions.
    loss : ndarray (n, n)
        F at (u[j], v[i]).
    paths : dict of str to ndarray (n_points, 2)
        Coordinates of each path's points.
    model : ndarray (2,)
        Coordinates of the model, through which the plane passes.
    labels : tuple of two str
        What the two directions are.
    """

    u: NDArray[np.float64]
    v: NDArray[np.float64]
    loss: NDArray[np.float64]
    paths: Mapping[str, NDArray[np.float64]]
    model: NDArray[np.float64]
    labels: tuple[str, str]


def loss_plane(
    model: Linear, paths: Mapping[str, NDArray[np.float64]], objective: Objective, names: Sequence[str]
) -> LossPlane:
    """Return F around the model and paths.

    Where W has but two weights the plane is that of the two, at the model's intercept. Otherwise it is spanned by the two
    principal directions of the paths around the model (Li, Xu, Taylor, Studer and Goldstein, "Visualizing the loss
    landscape of neural nets", 2018, section 7).
    """
    k = len(model.W)
    center = flatten(model.W, model.intercept)
    steps = np.concatenate([points - center for points in paths.values()])
    if model.W.size == 2:
        directions = np.eye(len(center))[:2]
        origin = model.W.ravel()
        labels = (f"weight of {names[0]}", f"weight of {names[1]}")
    else:
        directions, shares = _principal(steps)
        origin = np.zeros(2)
        labels = tuple(f"direction {i + 1} ({share:.1%} of the path)" for i, share in enumerate(shares))  # type: ignore[assignment]
    projected = {label: origin + (points - center) @ directions.T for label, points in paths.items()}
    u, v = _grid(np.vstack([*projected.values(), origin]))
    loss = np.empty((len(v), len(u)))
    for i, row in enumerate(v):
        for j, column in enumerate(u):
            offset = np.array([column, row]) - origin
            loss[i, j] = objective(*unflatten(center + offset @ directions, k))
    return LossPlane(u, v, loss, projected, origin, labels)


def draw_loss_plane(ax: Axes, plane: LossPlane) -> tuple[QuadContourSet, dict[str, Line2D]]:
    """Draw contours of the loss, the paths with a dot an epoch, and the model as a star."""
    levels = contour_levels(plane.loss)
    ax.contourf(plane.u, plane.v, plane.loss, levels=levels, cmap="Blues_r", alpha=0.75, norm=_rank(levels))
    contours = ax.contour(plane.u, plane.v, plane.loss, levels=levels, colors="white", linewidths=0.6)
    lines = {}
    for number, (label, points) in enumerate(plane.paths.items()):
        color = COLORS[(number + 1) % len(COLORS)]  # the first blue is the contours'
        size = 3.5 if len(points) <= 60 else 2.0
        (lines[label],) = ax.plot(*points.T, "-o", color=color, linewidth=1.4, markersize=size, label=label or "path")
        ax.plot(*points[0], "o", color="white", markeredgecolor=color, markersize=6, zorder=3)
    ax.plot(
        *plane.model,
        "*",
        color="white",
        markeredgecolor=INK,
        markeredgewidth=1.0,
        markersize=13,
        zorder=4,
        label="model",
    )
    ax.set_xlabel(plane.labels[0])
    ax.set_ylabel(plane.labels[1])
    ax.set_title("loss", fontsize="medium")
    ax.legend(fontsize="small", framealpha=0.85, edgecolor="none")
    return contours, lines


def contour_levels(loss: NDArray[np.float64]) -> NDArray[np.float64]:
    """Levels whose distance above the least loss grows by equal factors, so that a narrow valley has its contours too."""
    least, most = float(loss.min()), float(loss.max())
    height = most - least if most > least else 1.0
    return least + height * np.concatenate([[0.0], np.geomspace(1e-3, 1.0, _LEVELS)])


def _rank(levels: NDArray[np.float64]) -> Any:
    """As much colour from one level to the next, however far apart they are."""
    from matplotlib.colors import BoundaryNorm

    return BoundaryNorm(levels, ncolors=256)


def _principal(steps: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Two orthonormal directions (2, n_parameters) in which the steps extend most, and their shares of the squares."""
    _, sizes, directions = np.linalg.svd(steps, full_matrices=True)
    directions = directions[:2]
    signs = np.sign(directions[np.arange(2), np.abs(directions).argmax(axis=1)])  # SVD leaves them open
    squares = np.zeros(2)
    squares[: len(sizes[:2])] = sizes[:2] ** 2
    return directions * signs[:, None], squares / max(float((sizes**2).sum()), np.finfo(float).tiny)


def _grid(points: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    low, high = points.min(axis=0), points.max(axis=0)
    extent = high - low
    extent = np.where(extent > 0, extent, max(float(extent.max()), 1.0))
    low, high = low - _MARGIN * extent, high + _MARGIN * extent
    return np.linspace(low[0], high[0], _RESOLUTION), np.linspace(low[1], high[1], _RESOLUTION)
