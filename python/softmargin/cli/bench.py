"""`softmargin bench`: this machine's limits, and how near to them each case comes beside NumPy, SciPy and PyTorch."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

from rich.console import Console

import softmargin as sm
from softmargin.bench import machine as machines
from softmargin.bench import report
from softmargin.bench.case import Case, Setting
from softmargin.bench.cases import CASES
from softmargin.bench.roofline import draw
from softmargin.bench.run import blas_threads, run
from softmargin.cli.errors import CliError, choose
from softmargin.cli.options import check_threads
from softmargin.cli.progress import speaker

QUICK = 0.1  # of the rows


def bench(output: Path, names: Sequence[str], *, quick: bool, threads: int | None, as_json: bool) -> int:
    """Measure, print, write `bench.json` and `roofline.png` to `output`; the exit code: 1 where results do not agree."""
    import_module("matplotlib")  # if it is missing, that is told now and not at the end

    start = time.perf_counter()
    check_threads(threads)
    cases = chosen(names)
    if output.exists() and not output.is_dir():
        raise CliError(f"--output: expected a directory, got the file {output}")
    output.mkdir(parents=True, exist_ok=True)
    files = {"json": output / "bench.json", "picture": output / "roofline.png"}
    for file in files.values():
        check_writable(file)
    say = speaker(quiet=as_json)
    setting = Setting(threads or sm.get_num_threads(), QUICK if quick else 1.0)
    console = Console(quiet=as_json, stderr=True)
    with console.status("measuring this machine") as status:
        with blas_threads(setting.threads):
            machine = machines.measure(setting.threads)
        for line in machine.describe():
            say(line)
        if quick:
            say("a tenth of the rows: for a look; shares of the limit are those of the caches where X fits into them")
        results, wrong = [], []
        for case in cases:
            status.update(case.title)
            try:
                results.append(run(case, machine, setting))
            except AssertionError as error:
                wrong.append({"name": case.name, "error": str(error)})
                say(f"\n{case.name}: the results do not agree: {error}")
                continue
            say("\n" + "\n".join(report.lines(results[-1])))
    values = report.as_json(machine, setting.share, results) | {"wrong": wrong, "seconds": time.perf_counter() - start}
    files["json"].write_text(json.dumps(values, indent=1) + "\n", encoding="utf-8")
    draw(machine, results).savefig(files["picture"])
    if as_json:
        print(json.dumps(values))
    say(f"\n{values['met']} of {values['targets']} targets met, in {values['seconds']:.0f} s")
    say("wrote " + "\n      ".join(map(str, files.values())))
    return 1 if wrong else 0


def check_writable(file: Path) -> None:
    """Raise OSError where `file` cannot be written, and leave it as it is: minutes of measuring come before it is."""
    existed = file.exists()
    file.open("ab").close()
    if not existed:
        file.unlink()


def chosen(names: Sequence[str]) -> list[Case]:
    """The cases of these names, all without any."""
    known = {case.name: case for case in CASES}
    return [known[choose("--case", name, known)] for name in names] or list(CASES)
