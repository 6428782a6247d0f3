"""Numbers out of a .csv or .parquet file, with polars; text and gaps are errors that name the column."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from softmargin.cli.errors import CliError, closest, listed

if TYPE_CHECKING:
    import polars as pl


# Rows that the types of columns are guessed from. All of them are looked at only where one does not fit the guess: that takes more time
# than reading does (79 MB on two cores: 1.6 s in all, 0.34 s without).
GUESSED_FROM = 10_000


def read_frame(path: Path, *, parquet: bool, header: bool = True) -> pl.DataFrame:
    """The whole file as a data frame; column types are those of all rows, not of the first few."""
    import polars as pl

    try:
        if parquet:
            return pl.read_parquet(path)
        try:
            frame = pl.read_csv(path, has_header=header, infer_schema_length=GUESSED_FROM)
        except pl.exceptions.ComputeError:
            frame = pl.read_csv(path, has_header=header, infer_schema_length=None)
        frame = _numbers_as_text(frame)
        if not header:  # polars 1 counts these from 1, polars 2 from 0
            frame.columns = [f"column_{number}" for number in range(frame.width)]
        return frame
    except (pl.exceptions.PolarsError, UnicodeDecodeError) as error:
        kind = "a parquet file" if parquet else "comma-separated values"
        reason = str(error).strip().splitlines()[0]
        raise CliError(f"{path.name}: expected {kind}, got something else ({reason})") from None


def _numbers_as_text(frame: pl.DataFrame) -> pl.DataFrame:
    """Text that is numbers all through, with blanks around them or a nan among them, as float64."""
    import polars as pl

    numbers = frame.select(pl.col(pl.String).str.strip_chars().cast(pl.Float64, strict=False))
    whole = [values for values in numbers if values.null_count() == frame[values.name].null_count()]
    return frame.with_columns(whole)


def column(frame: pl.DataFrame, option: str, name: str) -> str:
    """The column that `name` means: its name, or its position from 0 (from the end if negative)."""
    if name in frame.columns:
        return name
    try:
        return str(frame.columns[int(name)])
    except (ValueError, IndexError):
        pass
    raise CliError(
        f"{option}: expected one of the columns {listed(frame.columns)}, got {name!r}", closest(name, frame.columns)
    )


def features(frame: pl.DataFrame, names: Sequence[str]) -> NDArray[Any]:
    """The columns `names` as one C-ordered matrix: uint8 if all are, float32 if that holds them all, else float64."""
    import polars as pl

    small = (pl.Float32, pl.UInt8, pl.Int8, pl.UInt16, pl.Int16, pl.Boolean)
    types = [frame.schema[name] for name in names]
    for name, dtype in zip(names, types, strict=True):
        if not (dtype.is_numeric() or dtype == pl.Boolean):
            raise _not_numbers(frame, name)
        if gaps := frame[name].null_count():
            row = frame[name].is_null().arg_max()
            raise CliError(
                f"column {name!r}: expected a number in every row, got {gaps} empty, the first in data row {_nth(row)}",
                f"fill them, or leave the column out with {_drop(name)}",
            )
    if all(dtype == pl.UInt8 for dtype in types):
        target: Any = pl.UInt8
    else:
        target = pl.Float32 if all(dtype in small for dtype in types) else pl.Float64
    matrix = frame.select(pl.col(list(names)).cast(target)).to_numpy(order="c")
    return np.require(matrix, requirements=["C", "W"])


def target_values(frame: pl.DataFrame, name: str) -> NDArray[Any]:
    """A column of labels or real targets; text stays text."""
    import polars as pl

    values = frame[name]
    if values.null_count():
        row = values.is_null().arg_max()
        raise CliError(f"column {name!r}: expected a target in every row, got none in data row {_nth(row)}")
    if not values.dtype.is_numeric() and values.dtype != pl.Boolean:
        try:
            return np.array(values.cast(pl.String).to_list(), dtype=np.str_)
        except pl.exceptions.PolarsError:
            raise CliError(f"column {name!r}: expected numbers or text as target, got type {values.dtype}") from None
    return np.asarray(values.to_numpy())


def _drop(name: str) -> str:
    return f"--drop {shlex.quote(name)}"


def _nth(index: int | None) -> int:
    """Rows are counted from 1 for people."""
    return (index or 0) + 1


def _not_numbers(frame: pl.DataFrame, name: str) -> CliError:
    """Which value of a column is no number, and whether it is the odd one out or the column is text."""
    import polars as pl

    try:
        values = frame[name].cast(pl.String, strict=False)
    except pl.exceptions.PolarsError:  # lists and the like
        return CliError(
            f"column {name!r}: expected numbers, got type {frame.schema[name]}", f"leave it out with {_drop(name)}"
        )
    bad = values.cast(pl.Float64, strict=False).is_null() & values.is_not_null()
    row = bad.arg_max()
    text = repr(values[row]) if row is not None and bad.any() else f"type {frame.schema[name]}"
    text = text if len(text) <= 40 else text[:37] + "…'"
    if int(bad.sum()) * 2 < len(values):
        return CliError(
            f"column {name!r}: expected numbers, got {text} in data row {_nth(row)}",
            f"replace such entries by numbers, or leave the column out with {_drop(name)}",
        )
    return CliError(
        f"column {name!r}: expected numbers, got text such as {text}",
        f"encode it as numbers (one 0/1 column a category), leave it out with {_drop(name)}, or make it the --target",
    )
