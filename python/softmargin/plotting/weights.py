"""`WeightsDisplay`: what a linear model looks for, as images or as bars of the strongest features."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from softmargin._validation import as_integer

from .figures import AGAINST, DIVERGING, FOR, INK, axes_or_new, divide, lines_and_columns, open_frame
from .linear import read_linear
from .templates import WIDEST, as_images, draw_templates, templates_size

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Squares of fewer pixels are more often tables than images; scikit-learn's digits are the smallest images in use.
_SMALLEST_SIDE = 8
_LONGEST_NAME = 26
_WIDEST = 3  # charts in a line


class WeightsDisplay:
    """The weights of a linear model: a template for each class, or bars of its strongest features.

    Make it with :meth:`from_estimator`. Parameters are kept as attributes.

    Parameters
    ----------
    weights : array_like (n_rows, n_features)
        Rows of W, one a class; a model of two classes has one, which speaks for the second.
    titles : sequence of str, optional
        What each row speaks for; by default its number.
    feature_names : sequence of str, optional
        By default ``feature 0`` and so on.
    shape : tuple of int, optional
        Of an image: ``(height, width)``, ``(height, width, 3)`` or ``(3, height, width)``. None draws bars.

    Attributes
    ----------
    ax_ : matplotlib Axes
        The axes that were given or made; where there are several panels they hold their place and are hidden.
    axes_ : ndarray of Axes (n_lines, n_columns)
        The panels.
    figure_ : matplotlib Figure
    images_ : list of AxesImage
        One a row of images, else empty.
    bars_ : list of BarContainer
        One a row of bars, else empty. From top to bottom: what speaks most for the class first.

    Notes
    -----
    Weights are per unit of a feature: those of features on different scales compare only after a StandardScaler, and of a
    pipeline they are those of what its last step is given.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklearn.linear_model import RidgeClassifier
    >>> from softmargin.plotting import WeightsDisplay
    >>> X, y = load_digits(return_X_y=True)
    >>> display = WeightsDisplay.from_estimator(RidgeClassifier().fit(X, y))
    >>> display.axes_.shape, display.images_[0].get_array().shape
    ((2, 5), (8, 8))
    """

    ax_: Axes
    axes_: NDArray[Any]
    figure_: Figure
    images_: list[Any]
    bars_: list[Any]

    def __init__(
        self,
        weights: ArrayLike,
        *,
        titles: Sequence[str] | None = None,
        feature_names: Sequence[str] | None = None,
        shape: tuple[int, ...] | None = None,
    ):
        self.weights = np.asarray(weights, dtype=np.float64)
        self.titles = titles
        self.feature_names = feature_names
        self.shape = shape

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        *,
        shape: tuple[int, ...] | str | None = "auto",
        feature_names: Sequence[str] | None = None,
        classes: Sequence[object] | None = None,
        max_features: int = 10,
        columns: int | None = None,
        cmap: str = DIVERGING,
        ax: Axes | None = None,
    ) -> WeightsDisplay:
        """Draw the weights of a fitted linear model.

        Parameters
        ----------
        estimator : object
            A fitted linear model with ``coef_``, scikit-learn's included, a pipeline or a search that ends in one, a
            FitResult or a SolveResult.
        shape : tuple of int, "auto" or None
            Of the image that a row is, see the class. "auto" draws square images of at least 8 x 8 where features have no
            names, and bars otherwise; None draws bars. Colour images need their shape told.
        feature_names : sequence of str (n_features,), optional
            By default those of the model, or of the steps before it in a pipeline.
        classes : sequence, optional
            Which of ``classes_`` to draw, in this order; by default all.
        max_features : int
            Bars a class: those of the largest |weight|.
        columns : int, optional
            Panels in a line; by default at most five images or three charts, so that lines are equally long.
        cmap : str
            Colours of one-channel images.
        ax : matplotlib Axes, optional
            Where to draw; by default new ones.

        Returns
        -------
        WeightsDisplay

        Raises
        ------
        TypeError
            ``estimator: expected a fitted linear model, which has coef_ or W, got a RandomForestClassifier; ...``
        ValueError
            ``classes: expected labels of ['a', 'b'], got 'c'`` and the like.
        """
        model = read_linear(estimator)
        names = model.feature_names if feature_names is None else tuple(map(str, feature_names))
        chosen = _choose_rows(model.titles, classes)
        if isinstance(shape, str):
            if shape != "auto":
                raise ValueError(f"shape: expected 'auto', None or a tuple of sizes, got {shape!r}")
            shape = None if names is not None else _square(model.W.shape[1])
        display = cls(model.W[chosen], titles=[model.titles[row] for row in chosen], feature_names=names, shape=shape)
        return display.plot(ax, max_features=max_features, columns=columns, cmap=cmap)

    def plot(
        self, ax: Axes | None = None, *, max_features: int = 10, columns: int | None = None, cmap: str = DIVERGING
    ) -> WeightsDisplay:
        """Draw.

        Parameters
        ----------
        ax : matplotlib Axes, optional
        max_features : int
        columns : int, optional
        cmap : str

        Returns
        -------
        WeightsDisplay
            Itself, with ``ax_``, ``axes_``, ``figure_``, and ``images_`` or ``bars_``.
        """
        W = self.weights
        if W.ndim != 2 or 0 in W.shape:
            raise ValueError(f"weights: expected shape (n_rows, n_features), got {W.shape}")
        if self.feature_names is not None and len(self.feature_names) != W.shape[1]:
            message = f"feature_names: expected {W.shape[1]} names, one a feature, got {len(self.feature_names)}"
            raise ValueError(message)
        n_bars = min(as_integer("max_features", max_features), W.shape[1])
        images = None if self.shape is None else as_images(W, self.shape)
        lines, columns = lines_and_columns(len(W), columns, _WIDEST if images is None else WIDEST)
        titles = [str(number) for number in range(len(W))] if self.titles is None else self.titles
        size = (
            templates_size(lines, columns)
            if images is not None
            else (max(4.6, 3.1 * columns), (0.21 * n_bars + 0.8) * lines)
        )
        ax = axes_or_new("WeightsDisplay.plot", ax, *size)
        self.images_, self.bars_ = [], []
        if images is not None:
            self.axes_ = divide(ax, lines, columns)
            self.images_ = draw_templates(self.axes_, images, titles, cmap=cmap)
        else:
            self.axes_ = divide(ax, lines, columns, sharex=True)
            self.bars_ = _draw_bars(self.axes_, W, titles, self.feature_names, n_bars)
        self.ax_ = ax
        self.figure_ = ax.figure  # type: ignore[assignment]
        return self


def _choose_rows(titles: Sequence[str], classes: Sequence[object] | None) -> list[int]:
    if classes is None:
        return list(range(len(titles)))
    for label in classes:
        if str(label) not in titles:
            raise ValueError(f"classes: expected labels of {list(titles)}, got {label!r}")
    return [titles.index(str(label)) for label in classes]


def _square(n_features: int) -> tuple[int, int] | None:
    side = math.isqrt(n_features)
    return (side, side) if side >= _SMALLEST_SIDE and side * side == n_features else None


def _draw_bars(
    panels: NDArray[Any],
    W: NDArray[np.float64],
    titles: Sequence[str],
    names: Sequence[str] | None,
    n_bars: int,
) -> list[Any]:
    """Draw the strongest weights of each row, the largest on top, on one scale; weights of 0 are left out."""
    drawn = []
    for number, (ax, row, title) in enumerate(zip(panels.flat, W, titles, strict=False)):
        strongest = np.argsort(-np.abs(row), kind="stable")[:n_bars]
        strongest = strongest[row[strongest] != 0]
        strongest = strongest[np.argsort(-row[strongest], kind="stable")]
        values = row[strongest]
        labels = [_short(f"feature {i}" if names is None else str(names[i])) for i in strongest]
        places = range(len(values))
        drawn.append(ax.barh(places, values, color=[FOR if value > 0 else AGAINST for value in values], height=0.72))
        ax.set_yticks(places, labels, fontsize="small")
        ax.set_ylim(n_bars - 0.4, -0.6)
        ax.axvline(0.0, color=INK, linewidth=0.8)
        ax.tick_params(axis="y", length=0)
        ax.set_title(title, fontsize="medium")
        open_frame(ax, grid="x")
        ax.spines["left"].set_visible(False)
        if number + panels.shape[1] >= len(W):  # the lowest of its column
            ax.tick_params(labelbottom=True)
            ax.set_xlabel("weight")
    for ax in panels.flat[len(W) :]:
        ax.set_axis_off()
    return drawn


def _short(name: str) -> str:
    return name if len(name) <= _LONGEST_NAME else name[: _LONGEST_NAME - 1] + "…"
