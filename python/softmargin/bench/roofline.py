"""The roofline picture: operations a second against operations a byte, under what the machine can do."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from softmargin.bench.machine import Machine
from softmargin.bench.run import Measured

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_APART = 1.0 + 1 / 7  # a marker's width on an axis of four decades
_OURS, _PEERS, _ROOF = "#0072B2", "#D55E00", "#000000"  # Okabe and Ito (2008)


def draw(machine: Machine, results: Sequence[Measured]) -> Figure:
    """One numbered point a case, its fastest peer below or above it, and the roof of float32 (float64 dashed).

    Cases of the same intensity stand side by side.
    """
    from matplotlib.figure import Figure

    shown = [m for m in results if m.intensity is not None and "one thread" not in m.seconds]
    figure = Figure(figsize=(11.0, 5.6), dpi=150, layout="constrained", facecolor="white")
    axes = figure.add_subplot()
    x = side_by_side([m.intensity or 1.0 for m in shown]) or [1.0]
    ends = np.geomspace(min(x) / 2, max(x) * 2, 200)
    for dtype, style in (("float32", "-"), ("float64", "--")):
        roof = np.minimum(ends * machine.bandwidth, machine.peak(dtype)) / 1e9
        label = f"{machine.bandwidth / 1e9:.0f} GB/s, {machine.peak(dtype) / 1e9:.0f} GFLOP/s {dtype}"
        axes.plot(ends, roof, style, color=_ROOF, linewidth=1.4, label=label)
    for number, measured in enumerate(shown, start=1):
        _points(axes, number, x[number - 1], measured)
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlabel("operations a byte of X")
    axes.set_ylabel("GFLOP/s")
    axes.set_title(f"{machine.threads} threads, {machine.level}")
    axes.grid(color="#dddddd", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    handles, labels = axes.get_legend_handles_labels()
    names = [f"{number}  {m.case.title}" for number, m in enumerate(shown, start=1)]
    axes.legend(handles, labels, frameon=False, fontsize="small", loc="lower right")
    axes.text(1.01, 0.98, "\n".join(names), transform=axes.transAxes, fontsize=7.5, va="top", linespacing=1.6)
    return figure


def side_by_side(x: Sequence[float]) -> list[float]:
    """Spread values that are equal to within a third, a step of _APART between them.

    Examples
    --------
    >>> [round(float(value), 2) for value in side_by_side([10.0, 1.0, 10.0])]
    [9.35, 1.0, 10.69]
    """
    groups = [[i for i, other in enumerate(x) if abs(np.log(other / value)) < 0.3] for value in x]
    return [
        value * _APART ** (group.index(i) - (len(group) - 1) / 2)
        for i, (value, group) in enumerate(zip(x, groups, strict=True))
    ]


def _points(axes: Any, number: int, x: float, measured: Measured) -> None:
    own, *others = measured.seconds.items()
    peers = [t for name, t in others if not name.startswith("softmargin")]
    labelled, y = number == 1, measured.n_flops / own[1] / 1e9
    if peers:
        theirs = measured.n_flops / min(peers) / 1e9
        axes.plot([x, x], [y, theirs], color="#bbbbbb", linewidth=1, zorder=1)
        axes.plot(x, theirs, "s", color=_PEERS, markersize=5, label="fastest other" if labelled else None)
    axes.plot(x, y, "o", color=_OURS, markersize=7, label="softmargin" if labelled else None)
    axes.annotate(str(number), (x, y), xytext=(6, 4), textcoords="offset points", fontsize=8, color=_OURS)
