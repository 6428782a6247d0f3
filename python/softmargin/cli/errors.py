"""Errors that a person at a terminal caused: one line, with a hint."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class CliError(Exception):
    """Something wrong with a file, a column or an option; shown as ``error: <message>; <hint>``, exit code 2."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(f"{message}; {hint}" if hint else message)


def one_line(error: BaseException) -> str:
    """The message of any exception in one line; an OSError as ``<file>: <reason>``."""
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    return " ".join(str(error).split()) or type(error).__name__


def closest(value: str, choices: Iterable[str]) -> str:
    """``did you mean 'hinge'?`` for the choice nearest to `value`, or nothing."""
    by_folded = {_fold(choice): choice for choice in choices}
    matches = difflib.get_close_matches(_fold(value), by_folded, n=1, cutoff=0.6)
    return f"did you mean {by_folded[matches[0]]!r}?" if matches else ""


def choose(what: str, value: str, choices: Iterable[str]) -> str:
    """The choice that `value` names, whatever its case and with - for _; else an error that lists them."""
    choices = tuple(choices)
    by_folded = {_fold(choice): choice for choice in choices}
    if (found := by_folded.get(_fold(value))) is not None:
        return found
    raise CliError(f"{what}: expected one of {listed(choices)}, got {value!r}", closest(value, choices))


def listed(names: Iterable[str], most: int = 12) -> str:
    """``'a', 'b', …``: at most `most` names, quoted."""
    names = tuple(names)
    shown = ", ".join(map(repr, names[:most]))
    return f"{shown}, … ({len(names)} in all)" if len(names) > most else shown


def _fold(name: str) -> str:
    return name.casefold().replace("-", "").replace("_", "")
