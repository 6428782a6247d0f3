"""A learning-rate schedule from one word of the command line: ``cosine``, or ``step:step_size=5,gamma=0.5``."""

from __future__ import annotations

import dataclasses
from typing import Any

import softmargin as sm
from softmargin.cli.errors import CliError, choose, closest, listed

NAMES = sm.schedules.names()


def build(word: str, epochs: int, n_steps_per_epoch: int) -> Any:
    """The schedule that `word` means; what it does not say of lengths is taken from the run."""
    name, _, settings = word.partition(":")
    name = choose("--schedule", name, NAMES)
    cls = getattr(sm.schedules, name)
    lengths: dict[str, dict[str, Any]] = {
        "Cosine": {"T_max": epochs * n_steps_per_epoch, "acts": "step"},
        "Polynomial": {"total_iters": epochs * n_steps_per_epoch},
        "Step": {"step_size": max(1, epochs // 3)},
        "Warmup": {"total_iters": n_steps_per_epoch},
        "InverseScaling": {"horizon": float(n_steps_per_epoch)},
    }
    given = _parse(name, cls, settings)
    defaults = lengths.get(name, {})
    if "T_max" in given or "total_iters" in given:  # a length that is given counts what the schedule counts by default
        defaults = {}
    try:
        return cls(**{**defaults, **given})
    except (TypeError, ValueError) as error:
        raise CliError(f"--schedule {name}: {error}") from None


def _parse(name: str, cls: Any, settings: str) -> dict[str, Any]:
    kinds = {field.name: field for field in dataclasses.fields(cls) if field.name != "after"}
    given: dict[str, Any] = {}
    for setting in filter(None, settings.split(",")):
        key, equals, text = (part.strip() for part in setting.partition("="))
        if key not in kinds or not equals:
            if not kinds:
                raise CliError(f"--schedule {name}: expected no parameters, got {setting!r}")
            raise CliError(
                f"--schedule {name}: expected one of {listed(kinds)}, as NAME=VALUE, got {setting!r}",
                closest(key, kinds),
            )
        try:
            given[key] = int(text)
        except ValueError:
            try:
                given[key] = float(text)
            except ValueError:
                given[key] = text
    return given
