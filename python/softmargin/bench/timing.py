"""Times of competitors taken in turns, as a ratio of two times means something on a noisy machine only if they alternate."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping
from typing import Any

# Idle workers of OpenBLAS and OpenMP spin for some milliseconds before they sleep: whoever comes next shares the cores with
# them. Right after a pass of BLAS ours took 157 ms instead of 57, after a rest 58 (two cores, real-time priority).
REST = 0.1

# After a rest cores have to get up to speed: the first of some short calls takes 1.1 to 1.8 times as long as those that follow (a step
# of Adam on 10 million weights 10 ms instead of 6). Calls that take longer than this show nothing of it.
WARMED = 0.2


def interleaved(
    functions: Mapping[str, Callable[[], Any]], rounds: int, repeat: int = 1, *, warmed: bool = False
) -> dict[str, float]:
    """Measure {name: function} in turns; {name: the median seconds of a call}. All have been called before.

    Parameters
    ----------
    functions : mapping
    rounds : int
        Measurements of each.
    repeat : int
        Calls in one measurement, where one is too short for the clock.
    warmed : bool
        Whether a call that is not measured comes first, as for what is called again and again.
    """
    times: dict[str, list[float]] = {name: [] for name in functions}
    calls = range(repeat)
    for _ in range(rounds):
        for name, function in functions.items():
            time.sleep(REST)
            if warmed and (not times[name] or times[name][-1] < WARMED):
                function()
            start = time.perf_counter()
            for _ in calls:
                function()
            times[name].append((time.perf_counter() - start) / repeat)
    return {name: statistics.median(seconds) for name, seconds in times.items()}
