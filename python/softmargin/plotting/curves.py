"""From a training history to the curves of it, and the drawing of curves."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import TYPE_CHECKING, Any

from .figures import COLORS, STYLES, open_frame

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.lines import Line2D

LABELS = {
    "epoch": "epoch",
    "passes": "passes over X",
    "seconds": "seconds",
    "loss": "loss (mean of F over the epoch)",
    "exact loss": "loss (F)",
    "score": "score on the validation set",
    "lr": "learning rate",
    "gap": "distance from the optimum, at most",
}


@dataclass(frozen=True)
class Curve:
    """A quantity along a run: of training, and of the validation set; one of the two may be empty.

    Attributes
    ----------
    x, train : tuple of float
        Of equal length.
    val_x, val : tuple of float
        Of equal length.
    """

    x: tuple[float, ...]
    train: tuple[float, ...]
    val_x: tuple[float, ...] = ()
    val: tuple[float, ...] = ()


def records_of(history: Any) -> Sequence[Any]:
    """Return the records of a fitted estimator, of a result, of records themselves, or plain losses."""
    for name in ("history_", "history"):
        history = getattr(history, name, history)
    return list(history)


def by_label(histories: Any) -> Mapping[str, Any]:
    """Return a mapping from labels to histories; a single one has no label."""
    return histories if isinstance(histories, Mapping) else {"": histories}


def is_exact(records: Iterable[Any]) -> bool:
    """Whether the records are those of `solve`, which go by passes, not by epochs."""
    return any(hasattr(record, "n_passes") for record in records)


def curve_of(records: Sequence[Any], x: str, y: str) -> Curve:
    """Return quantity `y` of the records along `x`; both are keys of LABELS."""
    along = _positions(records, x)
    if y == "gap":
        return Curve(*_pairs(along, _certified_gaps(records)))
    if y == "score":
        return Curve((), (), *_pairs(along, [getattr(record, "val_score", None) for record in records]))
    if y == "lr":
        return Curve(*_pairs(along, [getattr(record, "lr", None) for record in records]))
    train = [getattr(record, "loss", record) for record in records]
    return Curve(*_pairs(along, train), *_pairs(along, [getattr(record, "val_loss", None) for record in records]))


def draw_curves(
    ax: Axes, curves: Mapping[str, Curve], *, log_scale: bool | None, best: Any = None, **line_options: Any
) -> dict[str, list[Line2D]]:
    """Draw curves, a colour each; those of validation sets dotted. Return the lines of each label.

    `best` (min or max), if given, marks the best point of each validation curve.
    """
    lines: dict[str, list[Line2D]] = {}
    for number, (label, curve) in enumerate(curves.items()):
        color = COLORS[number % len(COLORS)]
        style: Any = STYLES[number // len(COLORS) % len(STYLES)]
        lines[label] = []
        for x, y, look, name in (
            (curve.x, curve.train, {"linestyle": style, "linewidth": 1.8}, label),
            (curve.val_x, curve.val, _VALIDATION if curve.train else {"linestyle": style}, _validation_name(label)),
        ):
            if y:
                marker = "o" if len(y) == 1 else ""
                lines[label] += ax.plot(
                    x, y, **{"color": color, "marker": marker, "label": name, **look, **line_options}
                )
        if best is not None and curve.val:
            at = curve.val.index(best(curve.val))
            ax.plot(curve.val_x[at], curve.val[at], "o", markersize=6, color=color, markerfacecolor="white")
    values = [value for curve in curves.values() for value in (*curve.train, *curve.val) if math.isfinite(value)]
    if log_scale is None:
        log_scale = min(values) > 0 and max(values) > 20 * min(values)
    if log_scale:
        ax.set_yscale("log")
    open_frame(ax)
    if any(curves) or any(curve.val and curve.train for curve in curves.values()):
        outside = {"loc": "center left", "bbox_to_anchor": (1.01, 0.5)} if len(curves) > 4 else {"loc": "best"}
        ax.legend(frameon=False, fontsize="small", **outside)
    return lines


def any_finite(curves: Mapping[str, Curve]) -> bool:
    """Whether there is anything to draw."""
    return any(math.isfinite(value) for curve in curves.values() for value in (*curve.train, *curve.val))


def count_along_x(ax: Axes) -> None:
    """Ticks of x at integers only."""
    from matplotlib.ticker import MaxNLocator

    ax.xaxis.set_major_locator(MaxNLocator(integer=True))


_VALIDATION = {"linestyle": (0, (1, 1.5)), "linewidth": 1.4}


def _validation_name(label: str) -> str:
    return f"{label}, validation" if label else "validation"


def _positions(records: Sequence[Any], x: str) -> list[float]:
    if x == "passes":
        return [record.n_passes for record in records]
    if x == "seconds":
        spent = [record.seconds for record in records]
        return spent if is_exact(records) else list(accumulate(spent))  # epochs have their own time each
    return [float(getattr(record, "epoch", number)) for number, record in enumerate(records, start=1)]


def _pairs(along: Sequence[float], values: Sequence[Any]) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Leave out what was not measured."""
    known = [(x, float(value)) for x, value in zip(along, values, strict=True) if value is not None]
    return tuple(x for x, _ in known), tuple(value for _, value in known)


def _certified_gaps(records: Sequence[Any]) -> list[float | None]:
    """How far each point is from the optimum at most: from the highest lower bound that any certificate gave.

    A certified relative gap g of a loss F says F* >= F - g |F|. Zero is left out: it has no place on a logarithmic axis.
    """
    bounds = [record.loss - record.gap * abs(record.loss) for record in records if record.gap is not None]
    bounds = [bound for bound in bounds if math.isfinite(bound)]
    if not bounds:
        return [None] * len(records)
    gaps = [(record.loss - max(bounds)) / (abs(record.loss) or 1.0) for record in records]
    return [gap if gap > 0 else None for gap in gaps]
