"""Where a result goes; that it can be written there is found out before the work, not after."""

from __future__ import annotations

import os
from pathlib import Path

from softmargin.cli.errors import CliError


def check_output(output: Path, *inputs: Path) -> None:
    """Raise CliError where `output` is no place for a file, or is one of the files that are read."""
    if output.is_dir():
        raise CliError(f"--output: expected a file, got the directory {output}")
    if not output.parent.is_dir():
        raise CliError(f"--output: expected an existing directory, got {output.parent}")
    if not os.access(output.parent, os.W_OK):
        raise CliError(f"--output: expected a directory that can be written to, got {output.parent}")
    if output.exists() and any(file.exists() and output.samefile(file) for file in inputs):
        raise CliError(f"--output: expected another file than is read, got {output}")
