"""Runs the code blocks of a Markdown file from top to bottom, in one empty folder, as its reader would.

Blocks in `console` and `bash` run in a shell that stops at the first error, with or without `$ ` in front of the
commands; blocks in `python` share one namespace, and those with `>>>` must print what they show. Installing and the test
suite are left out, since .ci/run does both; the extras that a `pip install` names must exist. Other languages are text.
"""

import contextlib
import doctest
import os
import re
import subprocess
import sys
import tempfile
import traceback
import warnings
from importlib.metadata import metadata
from pathlib import Path

BLOCK = re.compile(r"^```(\w*)[^\n]*\n(.*?)^```\s*$", re.MULTILINE | re.DOTALL)
SKIPPED = re.compile(r"^(pytest|git clone|cd softmargin|pip install|python -m venv|source|\.\s)\b")


def shell_lines(block: str) -> list[str]:
    """Return the commands of a block; with prompts, its other lines are output."""
    lines = block.splitlines()
    if any(line.startswith("$ ") for line in lines):
        lines = [line[2:] for line in lines if line.startswith("$ ")]
    return lines


def run_shell(block: str) -> None:
    """Run a block's commands, but for those in SKIPPED."""
    extras = metadata("softmargin").get_all("Provides-Extra") or []
    kept = []
    for line in shell_lines(block):
        for extra in re.findall(r"pip install .*\[([\w,]+)\]", line):
            missing = set(extra.split(",")) - set(extras)
            if missing:
                message = f"no such extra: {', '.join(sorted(missing))}"
                raise AssertionError(message)
        commands = [part.strip() for part in line.split("&&")]
        kept.append(" && ".join(part for part in commands if not SKIPPED.match(part)))
    subprocess.run(["bash", "-e", "-c", "\n".join(kept)], check=True)


def run_python(block: str, namespace: dict[str, object], name: str) -> None:
    """Execute a block, or compare what its examples print; warnings are errors."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        if ">>>" not in block:
            exec(compile(block, name, "exec"), namespace)
            return
        flags = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
        test = doctest.DocTestParser().get_doctest(block, namespace, name, name, 0)
        result = doctest.DocTestRunner(optionflags=flags).run(test, clear_globs=False)
        namespace.update(test.globs)
    assert result.failed == 0, f"{result.failed} examples of {name} printed something else"


def main() -> int:
    """Run all blocks of the file; the exit code says whether all went well."""
    path = Path(sys.argv[1]).resolve()
    text = path.read_text(encoding="utf-8")
    namespace: dict[str, object] = {"__name__": "__main__"}
    failed = 0
    os.environ["MPLBACKEND"] = "Agg"  # no windows
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        for match in BLOCK.finditer(text):
            language, block = match.groups()
            name = f"{path.name}:{text.count(chr(10), 0, match.start()) + 1}"
            print(f"{name}: {language or 'no language'}", flush=True)
            try:
                if language in {"console", "bash", "sh", "shell"}:
                    run_shell(block)
                elif language in {"python", "pycon"}:
                    run_python(block, namespace, name)
                elif not language:
                    raise AssertionError("a block without a language is not run; say `text` where that is meant")
            except Exception:  # noqa: BLE001 - whatever a block does, the others are run too
                traceback.print_exc()
                failed += 1
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main())
