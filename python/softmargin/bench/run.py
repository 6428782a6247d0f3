"""Runs cases: results compared first, then all functions of a case timed in turns."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import softmargin as sm
from softmargin.bench.case import Case, Figure, Setting, Work, limit, share_target
from softmargin.bench.machine import Gauge, Machine, moving, multiplying, reading
from softmargin.bench.peers.pytorch import installed, modules
from softmargin.bench.timing import interleaved

NUMPY = ("numpy", "scipy")  # peers whose names begin like this count for a case's target of times NumPy


@dataclass(frozen=True)
class Measured:
    """What came of a case: seconds of each function, the limit (None: no such case), figures beside their targets."""

    case: Case
    seconds: dict[str, float]
    limit: float | None
    n_bytes: float
    n_flops: float
    figures: list[Figure]

    @property
    def intensity(self) -> float | None:
        """Operations a byte, where a case has both."""
        return self.n_flops / self.n_bytes if self.n_bytes and self.n_flops else None


def run(case: Case, machine: Machine, setting: Setting) -> Measured:
    """Prepare, compare, measure: the case, its peers and what limits it, in turns.

    The speed of a shared machine changes by a third within a minute, so that a limit of another minute is none.

    Raises
    ------
    AssertionError
        Where results do not agree.
    """
    with blas_threads(setting.threads):
        work = case.prepare(setting)
        work.check({name: function() for name, function in work.functions.items()})
        gauges = limits_of(work, setting.threads)
        functions = {**work.functions, **{name: gauge.function for name, gauge in gauges.items()}}
        seconds = interleaved(functions, work.rounds, work.repeat, warmed=True)
    machine = machine.at(work.dtype, {name: gauge.amount / seconds.pop(name) for name, gauge in gauges.items()})
    ours = next(iter(seconds.values()))
    figures = []
    least = limit(work, machine) if work.n_bytes or work.n_flops else None
    if least is not None:
        target = None if case.share is None else share_target(case.share)
        figures.append(Figure("of the limit", least / ours, target))
    if peers := [t for name, t in seconds.items() if name.startswith(NUMPY)]:
        figures.append(Figure("of the fastest NumPy or SciPy", min(peers) / ours, case.times, unit="×"))
    figures += work.figures(seconds, machine)
    return Measured(case, seconds, least, work.n_bytes, work.n_flops, figures)


def limits_of(work: Work, threads: int) -> dict[str, Gauge]:
    """What limits the case, by the names that `Machine.at` takes."""
    found = {}
    if work.n_bytes:
        found["reads"] = reading(threads)
    if work.n_flops:
        found["operations"] = multiplying(work.dtype, threads)
    if work.n_moved:
        found["moves"] = moving(threads)
    return found


@contextmanager
def blas_threads(threads: int) -> Iterator[None]:
    """BLAS, OpenMP and PyTorch on as many threads as we take."""
    from threadpoolctl import threadpool_limits

    torch = modules()[0] if installed() else None
    before = torch.get_num_threads() if torch else 0
    sm.get_num_threads()  # has the runtime say its number before it is limited
    try:
        with threadpool_limits(threads):
            if torch:
                torch.set_num_threads(threads)
            yield
    finally:
        if torch:
            torch.set_num_threads(before)
