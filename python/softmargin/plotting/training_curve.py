"""`TrainingCurveDisplay`: loss, score, rate or certified gap along the training of one estimator or of several."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from softmargin._validation import choose, describe

from .curves import (
    LABELS,
    Curve,
    any_finite,
    by_label,
    count_along_x,
    curve_of,
    draw_curves,
    is_exact,
    records_of,
)
from .figures import axes_or_new
from .linear import last_step

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D


class TrainingCurveDisplay:
    """How training went: a quantity of the history along epochs, passes over the data or seconds.

    Make it with :meth:`from_estimator`. Parameters are kept as attributes.

    Parameters
    ----------
    curves : dict of str to Curve
        What is drawn, by label; a Curve has ``x``, ``train``, ``val_x`` and ``val``.
    x : {"epoch", "passes", "seconds"}
    y : {"loss", "score", "lr", "gap"}
    y_label : str

    Attributes
    ----------
    ax_ : matplotlib Axes
    figure_ : matplotlib Figure
    lines_ : dict of str to list of Line2D
        The line of training, then that of the validation set, whichever there are, of each label.

    Notes
    -----
    "gap" is (F - L) / |F| with the highest lower bound L of the optimum that the certificates of the run gave: each point
    is at most that far from the optimum. A ring marks the best epoch on the validation set.

    Examples
    --------
    >>> import softmargin as sm
    >>> from softmargin.plotting import TrainingCurveDisplay
    >>> result = sm.fit([[0.0], [1.0], [2.0]], [0, 1, 1], epochs=5, rng=0)
    >>> display = TrainingCurveDisplay.from_estimator(result)
    >>> display.ax_.get_xlabel(), len(display.lines_[""][0].get_ydata())
    ('epoch', 5)
    """

    ax_: Axes
    figure_: Figure
    lines_: dict[str, list[Line2D]]

    def __init__(self, curves: Mapping[str, Curve], *, x: str = "epoch", y: str = "loss", y_label: str | None = None):
        self.curves = curves
        self.x = x
        self.y = y
        self.y_label = LABELS[y] if y_label is None else y_label

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        *,
        x: str = "auto",
        y: str = "auto",
        log_scale: bool | None = None,
        ax: Axes | None = None,
        **line_kw: Any,
    ) -> TrainingCurveDisplay:
        """Draw the history of a fitted estimator.

        Parameters
        ----------
        estimator : object, or a mapping from labels to such objects
            A fitted estimator with ``history_``, a pipeline that ends in one, a FitResult, a SolveResult, their records,
            or losses, one an epoch. Those of a mapping are drawn together.
        x : {"auto", "epoch", "passes", "seconds"}
            "auto" is epochs for stochastic rules, passes over X for the exact solver, seconds for both together.
        y : {"auto", "loss", "score", "lr", "gap"}
            "auto" is the gap where all come from the exact solver, else the loss.
        log_scale : bool, optional
            Logarithmic y axis; by default where the values span more than a factor of 20.
        ax : matplotlib Axes, optional
            Where to draw; by default new ones.
        **line_kw
            Passed to ``Axes.plot``.

        Returns
        -------
        TrainingCurveDisplay

        Raises
        ------
        TypeError
            ``estimator: expected one with history_ or history, got a LogisticRegression; ...``
        ValueError
            ``y: expected a quantity that the history of 'a' has, got 'score'; ...``
        """
        choose("x", x, ("auto", "epoch", "passes", "seconds"))
        choose("y", y, ("auto", "loss", "score", "lr", "gap"))
        runs = {label: _records(history) for label, history in by_label(estimator).items()}
        exact = [is_exact(records) for records in runs.values()]
        if x == "auto":
            x = "passes" if exact and all(exact) else "seconds" if any(exact) else "epoch"
        if y == "auto":
            certified = [
                any(getattr(record, "gap", None) is not None for record in records) for records in runs.values()
            ]
            y = "gap" if certified and all(certified) else "loss"
        for label, records in runs.items():
            _check_position(label, x, records)
        curves = {label: curve_of(records, x, y) for label, records in runs.items()}
        for label, curve in curves.items():
            if not any_finite({label: curve}):
                raise ValueError(_no_quantity(label, y))
        if not curves:
            raise ValueError("estimator: expected at least one history, got an empty mapping")
        y_label = LABELS["exact loss"] if y == "loss" and any(exact) else LABELS[y]
        return cls(curves, x=x, y=y, y_label=y_label).plot(ax, log_scale=log_scale, **line_kw)

    def plot(self, ax: Axes | None = None, *, log_scale: bool | None = None, **line_kw: Any) -> TrainingCurveDisplay:
        """Draw.

        Parameters
        ----------
        ax : matplotlib Axes, optional
        log_scale : bool, optional
        **line_kw
            Passed to ``Axes.plot``.

        Returns
        -------
        TrainingCurveDisplay
            Itself, with ``ax_``, ``figure_`` and ``lines_``.
        """
        ax = axes_or_new("TrainingCurveDisplay.plot", ax, 7.0, 4.2)
        best = {"loss": min, "score": max}.get(self.y)
        self.lines_ = draw_curves(ax, self.curves, log_scale=log_scale, best=best, **line_kw)
        if self.x != "seconds":
            count_along_x(ax)
        ax.set_xlabel(LABELS[self.x])
        ax.set_ylabel(self.y_label)
        self.ax_ = ax
        self.figure_ = ax.figure  # type: ignore[assignment]
        return self


def _records(history: Any) -> list[Any]:
    history = last_step(history)
    try:
        return list(records_of(history))
    except TypeError:
        message = (
            f"estimator: expected one with history_ or history, got {describe(history)}; "
            "scikit-learn's own linear models keep none"
        )
        raise TypeError(message) from None


def _check_position(label: str, x: str, records: list[Any]) -> None:
    needed = {"passes": "n_passes", "seconds": "seconds"}.get(x)
    if needed is not None and not all(hasattr(record, needed) for record in records):
        raise ValueError(f"x: expected a position that the history{_of(label)} has, got {x!r}; epochs have no passes")
    if x == "epoch" and is_exact(records):
        raise ValueError(f"x: expected 'passes' or 'seconds', since the history{_of(label)} has no epochs, got 'epoch'")


def _no_quantity(label: str, y: str) -> str:
    hint = {
        "score": "; it needs a validation set",
        "lr": "; the exact solver has no rate",
        "gap": "; only the exact solver certifies as it goes",
    }.get(y, "")
    return f"y: expected a finite quantity that the history{_of(label)} has, got {y!r}{hint}"


def _of(label: str) -> str:
    return f" of {label!r}" if label else ""
