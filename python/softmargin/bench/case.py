"""What a case is: functions that have to agree, the bytes and operations they cannot do without, and its targets."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import softmargin as sm
from softmargin.bench.machine import Machine

Seconds = Mapping[str, float]  # of each function: the median of its runs

FEWEST_ROWS = 4_200  # just above 16 * 256, from where on a full pass takes the way it takes at 50 000


@dataclass(frozen=True)
class Setting:
    """How large and on how many threads: share 1 is the size of the title."""

    threads: int
    share: float = 1.0

    def rows(self, n: int) -> int:
        """Rows of a case that has n in full."""
        return n if self.share == 1 else min(n, max(int(n * self.share), FEWEST_ROWS))


@dataclass(frozen=True)
class Figure:
    """A number that a case comes to, beside the one it should."""

    name: str
    value: float
    target: float | None = None
    at_least: bool = True
    unit: str = ""

    @property
    def met(self) -> bool | None:
        """Whether the target is reached; None without one."""
        if self.target is None:
            return None
        return self.value >= self.target if self.at_least else self.value <= self.target


@dataclass(frozen=True)
class Work:
    """A case, ready to run: {name: function}, ours first, and `check`, which raises where their results do not agree.

    n_bytes must be read from memory at least, n_flops done at least, in `dtype`, and n_moved read and written as a step of Adam does; 0
    where there is no such limit. `repeat` calls make one measurement.
    """

    functions: Mapping[str, Callable[[], Any]]
    check: Callable[[Mapping[str, Any]], None]
    n_bytes: float = 0.0
    n_flops: float = 0.0
    n_moved: float = 0.0
    dtype: str = "float32"
    repeat: int = 1
    rounds: int = 7
    figures: Callable[[Seconds, Machine], Sequence[Figure]] = lambda seconds, machine: ()


@dataclass(frozen=True)
class Case:
    """A name for the command line, a title, what makes the work, and the targets that many cases have in common."""

    name: str
    title: str
    prepare: Callable[[Setting], Work]
    share: float | None = None  # of the limit, at AVX-512
    times: float | None = None  # the fastest of NumPy and SciPy


def share_target(share: float) -> float:
    """The share of the limit asked for at the active level: below AVX-512 0.55 is asked where it has 0.60 or more."""
    return 0.55 if share >= 0.6 and sm.simd_level() != "avx512" else share


def limit(work: Work, machine: Machine) -> float:
    """Seconds below which no program gets: max(bytes / bandwidth, operations / peak)."""
    return max(work.n_bytes / machine.bandwidth, work.n_flops / machine.peak(work.dtype))
