"""`DecisionSurfaceDisplay`: what a model of two features decides where, and how its optimiser got there."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from softmargin._validation import as_integer, choose

from .figures import axes_or_new, divide
from .linear import before_last_step, last_step, read_linear
from .loss_plane import LossPlane, draw_loss_plane, loss_plane
from .model_loss import loss_name, model_loss
from .paths import read_paths, record_path
from .regions import axis_names, draw_heights, draw_regions, draw_samples
from .responses import classes_of, grid_around, names_of_columns, response_on

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


class DecisionSurfaceDisplay:
    """The plane of two features in the colours of the classes, with the samples; beside it the optimiser's path.

    Make it with :meth:`from_estimator`. Parameters are kept as attributes.

    Parameters
    ----------
    xx0, xx1 : ndarray (n, n)
        The grid, as ``numpy.meshgrid`` makes it.
    response : ndarray (n, n) or (n, n, n_classes)
        Scores there, or predictions of a regression.
    classes : ndarray (n_classes,), optional
        None for a regression.
    X : ndarray (n_samples, 2), optional
    y : ndarray (n_samples,), optional
        The samples to draw.
    names : tuple of two str, optional
        Of the features.
    margins : bool
        Whether a model of two classes shows, dashed, where its score is -1 and 1.
    plane : LossPlane, optional
        The loss around the model and the paths over it, drawn in axes of their own.

    Attributes
    ----------
    ax_ : matplotlib Axes
        The plane of the features.
    path_ax_ : matplotlib Axes or None
        The plane of the weights.
    figure_ : matplotlib Figure
    surface_ : AxesImage or QuadContourSet
        The regions, or the levels of a regression.
    boundaries_ : list of QuadContourSet
        Where classes meet; the last is that of the margins, if they are drawn.
    samples_ : list of PathCollection
        One a class.
    contours_ : QuadContourSet or None
        Of the loss.
    path_lines_ : dict of str to Line2D
        The paths.

    Notes
    -----
    A region is the deeper in colour the further the best score leads: tanh(lead / 2), which for logistic regression is the
    difference of the two probabilities. Contours of the loss are those of F, whose distances above its least value grow by
    equal factors.

    Examples
    --------
    >>> import softmargin as sm
    >>> from sklearn.datasets import make_blobs
    >>> from softmargin.plotting import DecisionSurfaceDisplay
    >>> X, y = make_blobs(60, centers=3, random_state=0)
    >>> points = []
    >>> model = sm.fit(X, y, epochs=20, rng=0, callback=lambda info: points.append((info.W, info.intercept)))
    >>> display = DecisionSurfaceDisplay.from_estimator(model, X, y, path=points, loss="softmax")
    >>> len(display.samples_), display.path_lines_[""].get_xydata().shape
    (3, (20, 2))
    """

    ax_: Axes
    path_ax_: Axes | None
    figure_: Figure
    surface_: Any
    boundaries_: list[Any]
    samples_: list[Any]
    contours_: Any
    path_lines_: dict[str, Any]

    def __init__(
        self,
        xx0: NDArray[Any],
        xx1: NDArray[Any],
        response: NDArray[Any],
        *,
        classes: NDArray[Any] | None = None,
        X: NDArray[Any] | None = None,
        y: NDArray[Any] | None = None,
        names: tuple[str, str] | None = None,
        margins: bool = False,
        plane: LossPlane | None = None,
    ):
        self.xx0 = xx0
        self.xx1 = xx1
        self.response = response
        self.classes = classes
        self.X = X
        self.y = y
        self.names = names
        self.margins = margins
        self.plane = plane

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: ArrayLike,
        y: ArrayLike | None = None,
        *,
        path: Any = None,
        loss: Any = None,
        penalty: Any = "auto",
        grid_resolution: int = 200,
        ax: Any = None,
    ) -> DecisionSurfaceDisplay:
        """Draw what a fitted model decides around the samples.

        Parameters
        ----------
        estimator : object
            A fitted linear model, scikit-learn's included, a pipeline or a search that ends in one, a FitResult or a
            SolveResult. Steps before may make more features of the two.
        X : array_like (n_samples, 2)
        y : array_like (n_samples,), optional
            Labels or targets. Without them the samples are not drawn.
        path : None, "refit", sequence or mapping, optional
            Draw the loss around the model in a second axes, and the path of the optimiser over it. "refit" fits a clone
            with a callback that notes every epoch, or step of the exact solver: with an integer ``random_state`` the path of this very fit. Or
            the points themselves: pairs (W, intercept) or models; or a mapping from labels to such paths, to compare.
        loss : str or callable, optional
            For the contours: the name of a loss, or a function (W, intercept) -> float; by default the estimator's ``loss``.
        penalty : Penalty or None, optional
            By default the estimator's ``penalty``.
        grid_resolution : int
            Points a side.
        ax : matplotlib Axes or two of them, optional
            Where to draw; by default new ones. With a path, one Axes is divided.

        Returns
        -------
        DecisionSurfaceDisplay

        Raises
        ------
        TypeError
            ``estimator: expected a fitted linear model, which has coef_ or W, got a RandomForestClassifier; ...``
        ValueError
            ``X: expected 2 features, got 4; fit a model on two of them`` and the like.

        Notes
        -----
        Where W has two weights, the second axes are these two, and the loss is that with the model's intercept. Otherwise the
        plane passes through the model along the two principal directions of the path, onto which it is projected; the axes
        say how much of it they hold.
        """
        if isinstance(path, str):
            choose("path", path, ("refit",))
        model = read_linear(estimator)
        rows = np.asarray(X, dtype=np.float64)
        if rows.ndim != 2 or rows.shape[1] != 2:
            got = f"{rows.shape[1]}; fit a model on two of them" if rows.ndim == 2 else f"shape {rows.shape}"
            raise ValueError(f"X: expected 2 features, got {got}")
        labels = None if y is None else np.asarray(y)
        if labels is not None and labels.shape != (len(rows),):
            raise ValueError(f"y: expected shape ({len(rows)},) as X has rows, got {labels.shape}")
        n = as_integer("grid_resolution", grid_resolution, low=2)
        xx0, xx1 = grid_around(rows, n)
        response = response_on(estimator, X, xx0, xx1)
        classes = classes_of(last_step(estimator), model, response, labels)
        if classes is None and response.ndim == 3:
            raise ValueError(f"estimator: expected a regression of one output, got {response.shape[2]}")
        names = names_of_columns(estimator, X)
        display = cls(
            xx0,
            xx1,
            response,
            classes=classes,
            X=rows,
            y=labels,
            names=names,
            margins="hinge" in str(loss_name(last_step(estimator), loss)),
        )
        if path is not None:
            if labels is None:
                raise ValueError("y: expected the targets, which the loss along a path is of, got None")
            before, step = before_last_step(estimator), last_step(estimator)
            inner = rows if before is None else before.transform(X)
            points = read_paths(record_path(step, inner, labels) if isinstance(path, str) else path, model)
            model = replace(model, classes=classes)
            objective = model_loss(step, model, inner, labels, loss=loss, penalty=penalty)
            display.plane = loss_plane(model, points, objective, model.feature_names or axis_names(names))
        return display.plot(ax)

    def plot(self, ax: Any = None) -> DecisionSurfaceDisplay:
        """Draw.

        Parameters
        ----------
        ax : matplotlib Axes or two of them, optional
            With a path, one Axes is divided into two.

        Returns
        -------
        DecisionSurfaceDisplay
            Itself, with its attributes.
        """
        self.ax_, self.path_ax_ = self._axes(ax)
        samples = None if self.X is None or self.y is None else (self.X, self.y)
        if self.classes is None:
            self.boundaries_ = []
            self.surface_, self.samples_ = draw_heights(self.ax_, self.xx0, self.xx1, self.response, samples)
        else:
            self.surface_, self.boundaries_ = draw_regions(
                self.ax_, self.xx0, self.xx1, self.response, margins=self.margins
            )
            self.samples_ = [] if samples is None else draw_samples(self.ax_, *samples, self.classes)
        names = axis_names(self.names)
        self.ax_.set_xlabel(names[0])
        self.ax_.set_ylabel(names[1])
        self.contours_, self.path_lines_ = None, {}
        if self.plane is not None and self.path_ax_ is not None:
            self.contours_, self.path_lines_ = draw_loss_plane(self.path_ax_, self.plane)
        self.figure_ = self.ax_.figure  # type: ignore[assignment]
        return self

    def _axes(self, ax: Any) -> tuple[Axes, Axes | None]:
        caller = "DecisionSurfaceDisplay.plot"
        if self.plane is None:
            return axes_or_new(caller, ax, 5.4, 4.4), None
        if isinstance(ax, list | tuple | np.ndarray):
            if len(ax) != 2:
                raise ValueError(f"ax: expected one Axes, or two for a path, got {len(ax)}")
            return axes_or_new(caller, ax[0], 0, 0), axes_or_new(caller, ax[1], 0, 0)
        left, right = divide(axes_or_new(caller, ax, 10.4, 4.4), 1, 2)[0]
        return left, right
