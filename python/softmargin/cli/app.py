"""The commands and their options; and how an error becomes one line and an exit code."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated, Any

from cyclopts import App, CycloptsError, Parameter
from rich.console import Console

import softmargin
from softmargin.cli.errors import CliError, one_line
from softmargin.cli.options import ReadOptions, TrainOptions, whole

_Json = Annotated[bool, Parameter(negative="", show_default=False, help="Print one JSON object instead of lines.")]
_Threads = Annotated[int | None, Parameter(converter=whole, help="Threads; by default one a processor.")]

app = App(
    name="softmargin",
    help="Linear models on CPUs: from a file of samples to a linear classifier. Start with `softmargin demo`.",
    help_format="markdown",
    version=lambda: softmargin.__version__,
    suppress_keyboard_interrupt=False,
)


@app.command
def demo(
    *,
    output: Annotated[
        Path, Parameter(name=("--output", "-o"), help="Directory for pictures, model and data; made if missing.")
    ] = Path("softmargin-demo"),
    json: _Json = False,
) -> int:
    """Check a gradient, climb from random search to Adam on scanned digits, draw what was learnt."""
    from softmargin.cli.demo import demo as command

    return command(output, as_json=json)


@app.command
def train(file: Path, /, *, read: ReadOptions = ReadOptions(), options: TrainOptions = TrainOptions()) -> int:  # noqa: B008
    """Train a model on FILE and write it.

    FILE is `.npz` (arrays X and y, or X_train, y_train and, for the score, X_test, y_test; `classes` may name the
    labels), `.csv` or `.parquet` (with `--target`), or libsvm text (`.svm`, `.libsvm`, `.txt`). Features are numbers;
    labels are integers or text, for a regression loss numbers. An uncompressed `.npz` is mapped into memory, not read.

    Parameters
    ----------
    file
        The samples.
    """
    from softmargin.cli.train import train as command

    return command(file, read, options)


@app.command
def predict(
    model: Path,
    file: Path,
    /,
    *,
    read: ReadOptions = ReadOptions(),  # noqa: B008
    scores: Annotated[
        bool, Parameter(negative="", show_default=False, help="The scores W x + b instead of labels.")
    ] = False,
    proba: Annotated[
        bool, Parameter(negative="", show_default=False, help="Probabilities (softmax and logistic models).")
    ] = False,
    output: Annotated[Path | None, Parameter(name=("--output", "-o"), help="File for the csv, not stdout.")] = None,
    threads: _Threads = None,
    json: _Json = False,
) -> int:
    """Predict a label for every row of FILE with MODEL.

    One line a row goes to stdout; the accuracy, if FILE has labels, to stderr. Of an `.npz` the array X is taken, else
    X_test, else X_train. Columns of a `.csv` or `.parquet` are found by the names the model was trained with.

    Parameters
    ----------
    model
        A file that `softmargin train` wrote.
    file
        The samples.
    """
    from softmargin.cli.predict import predict as command

    if scores and proba:
        raise CliError("--proba: expected one of --scores and --proba, got both")
    kind = "scores" if scores else "proba" if proba else "labels"
    return command(model, file, read, kind=kind, output=output, threads=threads, as_json=json)


@app.command
def bench(
    *,
    output: Annotated[
        Path, Parameter(name=("--output", "-o"), help="Directory for the figures and the picture; made if missing.")
    ] = Path("softmargin-bench"),
    case: Annotated[
        tuple[str, ...], Parameter(negative="", show_default=False, help="Only this case; may be given several times.")
    ] = (),
    quick: Annotated[bool, Parameter(negative="", show_default=False, help="A tenth of the rows.")] = False,
    threads: _Threads = None,
    json: _Json = False,
) -> int:
    """Measure this machine's limits, and how near to them every case comes beside NumPy, SciPy and PyTorch.

    All data is generated; all results are compared. In full it takes some minutes and 6 GB of memory.
    """
    from softmargin.cli.bench import bench as command

    return command(output, case, quick=quick, threads=threads, as_json=json)


@app.command
def info(*, json: _Json = False) -> int:
    """Tell how this installation was built and what it uses on this machine."""
    from softmargin.cli.info import info as command

    return command(as_json=json)


def run(argv: list[str]) -> int:
    """Run one command line and return its exit code. A person's mistakes are one line on stderr, never a traceback."""
    try:
        code: Any = app(argv, exit_on_error=False, print_error=False, result_action="return_value", console=Console())
        sys.stdout.flush()
    except BrokenPipeError:  # the reader of a pipe left, as `head` does: nobody is there to be told
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except CycloptsError as error:
        return _fail(f"{one_line(error)}{_help_hint(argv)}")
    except (CliError, OSError, ValueError, TypeError, FloatingPointError, MemoryError) as error:
        return _fail(one_line(error))
    return code if isinstance(code, int) else 0


def _fail(message: str) -> int:
    print(f"error: {message}", file=sys.stderr)
    return 2


def _help_hint(argv: list[str]) -> str:
    command = next((word for word in argv if not word.startswith("-") and word in app), None)
    return f" See softmargin {command + ' ' if command else ''}--help"
