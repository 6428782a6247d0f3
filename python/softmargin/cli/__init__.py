"""The command `softmargin`: its entry point, and what to say when the cli extra is not installed."""

from __future__ import annotations

import sys
from collections.abc import Sequence

_EXTRA = frozenset({"cyclopts", "rich", "matplotlib", "polars"})  # what softmargin[cli] installs


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code: 0 done, 2 wrong input, 130 interrupted.

    Parameters
    ----------
    argv : sequence of str, optional
        The words after `softmargin`; by default those of this process.
    """
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


def _interrupted() -> int:
    print("interrupted", file=sys.stderr)
    return 130
