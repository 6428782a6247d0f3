"""The command `softmargin`: its entry point, and what to say when the cli extra is not installed."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Sequence
from pathlib import Path

_EXTRA = frozenset({"cyclopts", "rich", "matplotlib", "polars"})  # what softmargin[cli] installs


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code: 0 done, 2 wrong input, 130 interrupted.

    Parameters
    ----------
    argv : sequence of str, optional
        The words after `softmargin`; by default those of this process.
    """
    if argv is None:
        _prepare_streams()
    try:
        from softmargin.cli.app import run

        return run(sys.argv[1:] if argv is None else list(argv))
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        if package not in _EXTRA:
            raise
        print(f'error: {package} is not installed; run: pip install "softmargin[cli]"', file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return _interrupted()
    except ImportError as error:  # what a Ctrl-C in the middle of loading a compiled module becomes
        if not isinstance(error.__cause__, KeyboardInterrupt):
            raise
        return _interrupted()


def _prepare_streams() -> None:
    """Let no character that a terminal's encoding lacks, and no closed stdout, end a command that did its work."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:  # closed by the shell, as `>&-` does
            setattr(sys, name, Path(os.devnull).open("w", encoding="utf-8"))  # noqa: SIM115
        elif isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _interrupted() -> int:
    print("interrupted", file=sys.stderr)
    return 130
