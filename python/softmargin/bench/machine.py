"""What this machine can do at most: read bandwidth, multiply-adds a second, memory moved by an update; and its features."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np

import softmargin as sm
from softmargin import _core

_READ = 64 << 20  # float32: 256 MB, more than any cache
_STATE = 10_000_000  # weights: those of the optimizer's case
_ROUNDS = 2_000_000  # of multiply-adds, 10 to 20 ms
_REPEATS = 7  # the best one counts here, where the machine is described; a case has limits of its own moment (run.py)
_CACHES = Path("/sys/devices/system/cpu/cpu0/cache")


class Gauge(NamedTuple):
    """A function that does nothing but one thing, and how much of it: bytes or operations."""

    amount: float
    function: Callable[[], object]


def reading(threads: int) -> Gauge:
    """Reads what no cache holds."""
    array = np.ones(_READ, dtype=np.float32)
    return Gauge(array.nbytes, partial(_core._read, array, threads))


def moving(threads: int) -> Gauge:
    """Reads four arrays and writes three of them, as a step of Adam does."""
    # Written to, as np.zeros is one page of the system's until then: a gradient that is only read came from the cache.
    W, grad, m, v = (np.full(_STATE, 0.0, dtype=np.float32) for _ in range(4))
    return Gauge(7 * W.nbytes, partial(_core._move, W, grad, m, v, threads))


def multiplying(dtype: str, threads: int) -> Gauge:
    """Multiplies and adds in registers, at the active level."""
    return Gauge(_core._operations(_ROUNDS, dtype, threads), partial(_core._operations, _ROUNDS, dtype, threads))


@dataclass(frozen=True)
class Machine:
    """Bytes a second and operations a second, by threads; operations also by level and dtype."""

    threads: int
    level: str
    levels: tuple[str, ...]
    caches: dict[str, str]
    reads: dict[int, float]
    moves: dict[int, float]
    peaks: dict[str, dict[str, dict[int, float]]] = field(default_factory=dict)

    @property
    def bandwidth(self) -> float:
        """Bytes read a second by all threads."""
        return self.reads[self.threads]

    def peak(self, dtype: str, threads: int | None = None) -> float:
        """Operations a second at the active level."""
        return self.peaks[self.level][dtype][threads or self.threads]

    def at(self, dtype: str, speeds: Mapping[str, float]) -> Machine:
        """The same with all threads' speeds at another moment: of "reads", "moves" and "operations", where given."""
        n, level, peaks = self.threads, self.level, self.peaks
        if "operations" in speeds:
            of_dtype = peaks[level][dtype] | {n: speeds["operations"]}
            peaks = peaks | {level: peaks[level] | {dtype: of_dtype}}
        changed = {name: getattr(self, name) | {n: speeds[name]} for name in ("reads", "moves") if name in speeds}
        return replace(self, peaks=peaks, **changed)

    def describe(self) -> list[str]:
        """Lines that name the machine by its features."""
        caches = ", ".join(f"{name} {size}" for name, size in self.caches.items())
        lines = [
            f"{self.threads} threads, {self.level} of {', '.join(self.levels)}" + (f"; {caches}" if caches else "")
        ]
        reads = ", ".join(f"{speed / 1e9:.1f} GB/s on {_threads(n)}" for n, speed in self.reads.items())
        moves = ", ".join(f"{speed / 1e9:.1f} on {_threads(n)}" for n, speed in self.moves.items())
        lines.append(f"reads {reads}; 4 arrays read and 3 of them written {moves}")
        for level, peaks in self.peaks.items():
            each = (
                f"{dtype} " + ", ".join(f"{speed / 1e9:.0f} GFLOP/s on {_threads(n)}" for n, speed in speeds.items())
                for dtype, speeds in peaks.items()
            )
            lines.append(f"{level}: {'; '.join(each)}")
        return lines


def measure(threads: int) -> Machine:
    """Measure all of it, in some three seconds."""
    counts = sorted({1, threads})
    reads = {n: _best(reading(n)) for n in counts}
    moves = {n: _best(moving(n)) for n in counts}
    active, peaks = sm.simd_level(), {}
    try:
        for level in sm.simd_levels():
            sm.set_simd_level(level)
            peaks[level] = {t: {n: _best(multiplying(t, n)) for n in counts} for t in ("float32", "float64")}
    finally:
        sm.set_simd_level(active)
    return Machine(threads, active, tuple(sm.simd_levels()), _caches(), reads, moves, peaks)


def _best(gauge: Gauge) -> float:
    """Its amount a second."""
    gauge.function()
    times = []
    for _ in range(_REPEATS):
        start = time.perf_counter()
        gauge.function()
        times.append(time.perf_counter() - start)
    return gauge.amount / min(times)


def _caches() -> dict[str, str]:
    """{"L1d": "32K", ...} of one core, where the system tells."""
    found = {}
    for folder in sorted(_CACHES.glob("index*")):
        level, kind, size = ((folder / name).read_text().strip() for name in ("level", "type", "size"))
        found[f"L{level}" + {"Data": "d", "Instruction": "i"}.get(kind, "")] = size
    return found


def _threads(n: int) -> str:
    return f"{n} thread{'s' if n > 1 else ''}"
