"""The options of `softmargin train`, with their help; names that can be chosen come from the compiled registry."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Group, Parameter, Token

from softmargin import _core, schedules
from softmargin._validation import MOST_THREADS
from softmargin.cli.errors import CliError

_REGISTRY = _core.registry()
LOSSES = tuple(_REGISTRY["losses"])
PENALTIES = (*_REGISTRY["penalties"], "none")
SOLVERS = ("auto", "exact", *_REGISTRY["optimizers"])
SCHEDULES = schedules.names()

_MODEL = Group("What is minimised", sort_key=1)
_TRAINING = Group("How", sort_key=2)
_DATA = Group("Data", sort_key=3)
_RESULT = Group("Result", sort_key=4)


def _of(names: tuple[str, ...]) -> str:
    return ", ".join(names)


def whole(_type: object, tokens: Sequence[Token]) -> int | str:
    """An integer, or the word full where the option has it; 1.5 is an error instead of 2."""
    (token,) = tokens
    if token.value == "full" and token.keyword == "--batch-size":
        return token.value
    try:
        return int(token.value)
    except ValueError:
        other = ", or full" if token.keyword == "--batch-size" else ""
        raise CliError(f"{token.keyword}: expected an integer{other}, got {token.value!r}") from None


def check_threads(threads: int | None) -> None:
    """Raise CliError for a number of threads that the core does not take."""
    if threads is not None and not 1 <= threads <= MOST_THREADS:
        raise CliError(f"--threads: expected 1 to {MOST_THREADS}, got {threads}")


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class ReadOptions:
    """How to read a file of samples."""

    format: Annotated[
        str | None,
        Parameter(group=_DATA, help="npz, csv, parquet or libsvm; by default what the file's ending says."),
    ] = None
    target: Annotated[
        str | None,
        Parameter(group=_DATA, help="Column to predict (csv, parquet): its name, or its position from 0."),
    ] = None
    drop: Annotated[
        tuple[str, ...],
        Parameter(group=_DATA, negative="", show_default=False, help="Column to leave out; may be repeated."),
    ] = ()
    no_header: Annotated[
        bool,
        Parameter(
            group=_DATA,
            negative="",
            show_default=False,
            help="The csv has no line of names: call its columns column_0, …",
        ),
    ] = False


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class TrainOptions:
    """What `softmargin train` can be told."""

    loss: Annotated[str, Parameter(group=_MODEL, help=f"Loss: {_of(LOSSES)}.")] = "softmax"
    penalty: Annotated[str, Parameter(group=_MODEL, help=f"Penalty on the weights: {_of(PENALTIES)}.")] = "l2"
    alpha: Annotated[float, Parameter(group=_MODEL, help="Strength of the penalty.")] = 1e-4
    l1_ratio: Annotated[float | None, Parameter(group=_MODEL, help="Share of L1 in elasticnet, from 0 to 1.")] = None
    margin: Annotated[float, Parameter(group=_MODEL, help="Margin of the hinge losses.")] = 1.0
    delta: Annotated[float, Parameter(group=_MODEL, help="Where huber turns from a square into a line.")] = 1.0

    solver: Annotated[
        str,
        Parameter(
            group=_TRAINING,
            help=f"{_of(SOLVERS)}: the certified optimum, or an update rule; auto is exact unless an option of rules is given.",
        ),
    ] = "auto"
    tol: Annotated[float, Parameter(group=_TRAINING, help="exact: relative distance from the optimum to reach.")] = 1e-4
    lr: Annotated[
        float | None, Parameter(group=_TRAINING, help="Learning rate of a rule; by default found from the data.")
    ] = None
    set: Annotated[
        tuple[str, ...],
        Parameter(
            group=_TRAINING,
            negative="",
            show_default=False,
            help="Another hyper-parameter of the rule, NAME=VALUE, as in `--set momentum=0.9`; may be repeated.",
        ),
    ] = ()
    schedule: Annotated[
        str | None,
        Parameter(
            group=_TRAINING,
            help=f"Learning rate over time: {_of(SCHEDULES)}. Their lengths follow --epochs; parameters follow a colon, "
            "as in `step:step_size=5,gamma=0.5`. By default a line to zero, constant with --lr.",
        ),
    ] = None
    epochs: Annotated[
        int | None, Parameter(converter=whole, group=_TRAINING, help="Passes of a rule over the rows; by default 100.")
    ] = None
    batch_size: Annotated[
        int | Literal["full"] | None,
        Parameter(
            converter=whole,
            group=_TRAINING,
            help="Rows a step of a rule; full is plain gradient descent. By default found from the data, 256 with --lr.",
        ),
    ] = None
    standardize: Annotated[
        bool,
        Parameter(
            group=_TRAINING,
            negative="",
            show_default=False,
            help="Train as if every feature had mean 0 and variance 1; X is not copied, the model takes raw features.",
        ),
    ] = False
    no_intercept: Annotated[
        bool, Parameter(group=_TRAINING, negative="", show_default=False, help="Leave out the intercept.")
    ] = False
    threads: Annotated[
        int | None, Parameter(converter=whole, group=_TRAINING, help="Threads; by default one a processor.")
    ] = None
    seed: Annotated[
        int, Parameter(converter=whole, group=_TRAINING, help="Seed of the order of the rows and of those held out.")
    ] = 0

    validation: Annotated[
        float | None,
        Parameter(
            group=_DATA,
            help="Share of the rows to hold out, drawn at random by --seed whatever the file's order (they change "
            "places with the last rows in memory; X is not copied). By default 0.1, or 0 where the .npz has X_test.",
        ),
    ] = None

    output: Annotated[
        Path | None,
        Parameter(name=("--output", "-o"), group=_RESULT, help="Model to write; by default FILE's name .safetensors."),
    ] = None
    json: Annotated[
        bool, Parameter(group=_RESULT, negative="", show_default=False, help="Print one JSON object instead of lines.")
    ] = False
