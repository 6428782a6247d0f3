"""What is printed of a measured case, and the JSON of all of them."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import softmargin as sm
from softmargin.bench.case import Figure
from softmargin.bench.machine import Machine
from softmargin.bench.run import Measured

PACKAGES = ("numpy", "scipy", "torch")


def lines(measured: Measured) -> list[str]:
    """The title; a line for each function with its time and how many times ours that is; a line for each figure."""
    seconds = measured.seconds
    own = next(iter(seconds.values()))
    out = [f"{measured.case.name}: {measured.case.title}"]
    for name, time in seconds.items():
        ratio = "" if time is own else f"   {time / own:6.2f} ×"
        out.append(f"  {name:<28}{duration(time):>12}{ratio}")
    if measured.limit is not None:
        out.append(f"  {'the limit':<28}{duration(measured.limit):>12}   {rates(measured)}")
    return out + [f"  {describe(figure)}" for figure in measured.figures]


def rates(measured: Measured) -> str:
    """Bytes and operations a second that ours comes to."""
    own = next(iter(measured.seconds.values()))
    each = []
    if measured.n_bytes:
        each.append(f"{measured.n_bytes / own / 1e9:.1f} GB/s")
    if measured.n_flops:
        each.append(f"{measured.n_flops / own / 1e9:.0f} GFLOP/s")
    return "ours: " + ", ".join(each)


def describe(figure: Figure) -> str:
    """`0.62 of the limit (at least 0.55: met)`."""
    unit = {"": " ", "×": " × "}.get(figure.unit, f" {figure.unit} ")
    text = f"{figure.value:.3g}{unit}{figure.name}"
    if figure.target is None:
        return text
    sense = "at least" if figure.at_least else "at most"
    return f"{text} ({sense} {figure.target:g}: {'met' if figure.met else 'missed'})"


def duration(seconds: float) -> str:
    """Milliseconds, or microseconds below a tenth of one."""
    return f"{1e3 * seconds:.2f} ms" if seconds >= 1e-4 else f"{1e6 * seconds:.2f} µs"


def summary(results: Sequence[Measured]) -> dict[str, int]:
    """How many figures have a target, and how many of them meet it."""
    met = [figure.met for measured in results for figure in measured.figures if figure.met is not None]
    return {"targets": len(met), "met": sum(met)}


def as_json(machine: Machine, share: float, results: Sequence[Measured]) -> dict[str, Any]:
    """All of it, for a file."""
    return {
        "softmargin": sm.__version__,
        "python": platform.python_version(),
        "packages": {name: _version(name) for name in PACKAGES},
        "share_of_rows": share,
        "machine": {
            "threads": machine.threads,
            "level": machine.level,
            "levels": machine.levels,
            "caches": machine.caches,
            "bytes_read_a_second": machine.reads,
            "bytes_moved_a_second": machine.moves,
            "operations_a_second": machine.peaks,
        },
        "cases": [
            {
                "name": measured.case.name,
                "title": measured.case.title,
                "seconds": measured.seconds,
                "limit": measured.limit,
                "bytes": measured.n_bytes,
                "operations": measured.n_flops,
                "figures": [
                    {
                        "name": figure.name,
                        "value": figure.value,
                        "unit": figure.unit,
                        "target": figure.target,
                        "at_least": figure.at_least,
                        "met": figure.met,
                    }
                    for figure in measured.figures
                ],
            }
            for measured in results
        ],
        **summary(results),
    }


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
