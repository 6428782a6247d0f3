"""What a run is made of, so that a later one can be checked to be its continuation."""

from __future__ import annotations

import dataclasses
import zlib
from typing import Any

import numpy as np
import numpy.typing as npt

from softmargin._validation import as_seed, describe
from softmargin.objective import Data

from .results import FitResult, RunState


def run_options(data: Data, **options: Any) -> dict[str, Any]:
    """Return the options that two parts of one run share. X is told by its shape and type, y and weights by a checksum."""
    X = data.matrix
    return {
        "X": f"({X.n_samples}, {X.n_features}) {X.dtype} {X.layout}",
        "y": checksum(data.targets),
        **options,
        "sample_weight": checksum(data.sample_weight),
        "positive_weight": None if data.positive_weight is None else tuple(data.positive_weight.tolist()),
    }


def checksum(array: npt.NDArray[Any] | None) -> str | None:
    """Return what tells apart arrays that differ, in all likelihood: at 3 GB/s it costs little beside an epoch.

    Examples
    --------
    >>> checksum(np.zeros(3)) == checksum(np.zeros(3)), checksum(np.zeros(3)) == checksum(np.zeros(4))
    (True, False)
    """
    return None if array is None else f"other values, CRC-32 {zlib.crc32(np.ascontiguousarray(array).data):08x}"


def resumable(resume: Any) -> RunState:
    """Return the state that a run goes on from.

    Raises
    ------
    TypeError
        ``resume: expected a FitResult, got a dict``
    ValueError
        ``resume: expected a FitResult of fit, got one of a search; give its W as W0``
    """
    if not isinstance(resume, FitResult):
        raise TypeError(f"resume: expected a FitResult, got {describe(resume)}")
    if resume.run_state is None or resume.optimizer_state is None:
        raise ValueError("resume: expected a FitResult of fit, got one of a search; give its W as W0")
    return resume.run_state


def with_new_data(before: RunState, options: dict[str, Any]) -> RunState:
    """Return the state of a run that goes on with other samples, as many features and outputs as before."""
    taken = {name: options[name] for name in ("X", "y", "sample_weight", "batch_size")}
    return dataclasses.replace(before, options={**before.options, **taken})


def check_same_run(
    before: RunState, options: dict[str, Any], epochs: int, done: int, rng: Any, starts: dict[str, Any]
) -> None:
    """Raise ValueError that names the first option in which a run differs from the one that it goes on from.

    Raises
    ------
    ValueError
        ``resume: expected the options of the earlier run, got batch_size=128 where it had 256``,
        ``epochs: expected at least the 10 that resume has done, got 5; they count from the very start``,
        ``W0: expected None with resume, got an array``, ``rng: expected None or the earlier run's integer, got 3``
    """
    for name, value in options.items():
        if value != before.options[name]:
            had = before.options[name]
            raise ValueError(f"resume: expected the options of the earlier run, got {name}={value} where it had {had}")
    if epochs < done:
        hint = "they count from the very start"
        raise ValueError(f"epochs: expected at least the {done} that resume has done, got {epochs}; {hint}")
    for name, start in starts.items():
        if start is not None:
            raise ValueError(f"{name}: expected None with resume, got an array")
    # A Generator has moved on since it was drawn from, so it cannot be compared, and is left alone.
    if rng is not None and not isinstance(rng, np.random.Generator) and as_seed(rng) != before.seed:
        raise ValueError(f"rng: expected None or the earlier run's integer, got {rng!r}")
