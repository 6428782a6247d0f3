"""Files of samples as matrices: .npz, .csv, .parquet and libsvm text all become one `Table`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from softmargin.cli.errors import CliError, choose, closest, listed
from softmargin.cli.npz import Npz

FORMATS = ("npz", "csv", "parquet", "libsvm")
_SUFFIXES = {".npz": "npz", ".csv": "csv", ".parquet": "parquet"} | dict.fromkeys((".svm", ".libsvm", ".txt"), "libsvm")
_ROWS = 256  # looked at in one piece; a mebibyte of flags for 4096 features


@dataclass
class Table:
    """Samples as read.

    X is (n_samples, n_features), dense float16/32/64 or uint8, or scipy CSR float32. y holds labels or real targets as
    the file has them, (n_samples,) or (n_samples, n_outputs), or is None. The test set is the file's own.
    """

    X: Any
    y: NDArray[Any] | None
    X_test: Any = None
    y_test: NDArray[Any] | None = None
    feature_names: tuple[str, ...] | None = None
    class_names: tuple[str, ...] | None = None
    target: str | None = None
    zero_based: bool | None = None
    part: str = ""


@dataclass(frozen=True)
class Reading:
    """How to read a file.

    `usual_target`, `columns`, `n_features` and `zero_based` come from a model, so that a file fits it.
    """

    format: str | None = None
    target: str | None = None
    drop: Sequence[str] = ()
    header: bool = True
    usual_target: str | None = None
    columns: Sequence[str] | None = None
    n_features: int | None = None
    zero_based: bool | None = None


def read_table(path: Path, how: Reading, purpose: Literal["train", "predict"]) -> Table:
    """Read a file for training (targets needed) or for prediction (targets welcome)."""
    if not path.exists():
        beside = [other.name for other in path.parent.iterdir()] if path.parent.is_dir() else []
        raise CliError(f"{path}: no such file", closest(path.name, beside))
    if path.is_dir():
        raise CliError(f"{path}: expected a file, got a directory")
    kind = choose("--format", how.format, FORMATS) if how.format else _SUFFIXES.get(path.suffix.lower())
    if kind is None:
        raise CliError(
            f"{path.name}: expected one of the endings {listed(_SUFFIXES)}, got {path.suffix!r}",
            f"say what it is with --format {'|'.join(FORMATS)}",
        )
    _check_column_options(kind, how)
    if kind == "npz":
        table = _read_npz(path, purpose)
    elif kind == "libsvm":
        table = _read_libsvm(path, how)
    else:
        table = _read_frame(path, kind, how, purpose)
    if table.X.shape[0] == 0 or table.X.shape[1] == 0:
        raise CliError(f"{path.name}: expected samples with features, got shape {table.X.shape}")
    _check_finite(table, path.name)
    return table


def _check_column_options(kind: str, how: Reading) -> None:
    """An option that such a file has no use for is a mistake, not something to pass over."""
    if kind in ("npz", "libsvm"):
        asked = {"--target": how.target is not None, "--drop": bool(how.drop), "--no-header": not how.header}
    else:
        asked = {"--no-header": kind == "parquet" and not how.header}
    for option in (name for name, given in asked.items() if given):
        takes = "csv" if option == "--no-header" else "csv or parquet"
        raise CliError(f"{option}: expected a {takes} file with it, got {kind}")


def _check_finite(table: Table, file: str) -> None:
    """NaN and infinity are told here, where a row is still the file's row, and those of the test set before training."""
    for name, X in ((table.part or "X", table.X), ("X_test", table.X_test)):
        if X is None or (found := _first_bad(X)) is None:
            continue
        value, row, column = found
        if table.feature_names is not None and not table.part:
            where = (
                f"column {table.feature_names[column]!r}: expected finite numbers, got {value} in data row {row + 1}"
            )
        elif isinstance(X, np.ndarray):
            where = f"{name}: expected finite numbers, got {value} at {name}[{row}, {column}]"
        else:
            index = column if table.zero_based else column + 1
            where = f"{file}: expected finite numbers, got {value} in sample {row + 1} at index {index}"
        raise CliError(where)


def _first_bad(X: Any) -> tuple[float, int, int] | None:
    """The first value of X that is not finite, with its row and column; no copy of X is made."""
    if not isinstance(X, np.ndarray):
        bad = np.flatnonzero(~np.isfinite(X.data))
        if not len(bad):
            return None
        row = int(np.searchsorted(X.indptr, bad[0], side="right")) - 1
        return float(X.data[bad[0]]), row, int(X.indices[bad[0]])
    if X.dtype == np.uint8:
        return None
    for start in range(0, len(X), _ROWS):
        finite = np.isfinite(X[start : start + _ROWS])
        if not finite.all():
            row, column = (int(i) for i in np.argwhere(~finite)[0])
            return float(X[start + row, column]), start + row, column
    return None


def _read_npz(path: Path, purpose: str) -> Table:
    archive = Npz(path)
    names = archive.names
    order = ("X", "X_train", "X_test") if purpose == "train" else ("X", "X_test", "X_train")
    part = next((name for name in order if name in names), None)
    if part is None or (purpose == "train" and part == "X_test"):
        hint = "the members of a sparse matrix; save libsvm text instead" if "indptr" in names else ""
        raise CliError(f"{path.name}: expected arrays X and y, or X_train and y_train, got {listed(names)}", hint)
    table = Table(_as_matrix(archive.read(part), part), None, part=part)
    label = part.replace("X", "y")
    if label in names:
        table.y = _as_targets(archive.read(label), label, table.X.shape[0])
    elif purpose == "train":
        raise CliError(f"{path.name}: expected an array {label} beside {part}, got {listed(names)}")
    if purpose == "train" and {"X_test", "y_test"} <= set(names):
        table.X_test = _as_matrix(archive.read("X_test"), "X_test")
        table.y_test = _as_targets(archive.read("y_test"), "y_test", table.X_test.shape[0])
        if table.X_test.shape[1] != table.X.shape[1]:
            raise CliError(f"X_test: expected {table.X.shape[1]} features as {part} has, got {table.X_test.shape[1]}")
        if table.y_test.shape[1:] != table.y.shape[1:]:  # type: ignore[union-attr]
            raise CliError(f"y_test: expected as many targets a row as {label} has, got shape {table.y_test.shape}")
    for name, field in (("classes", "class_names"), ("feature_names", "feature_names")):
        if name in names:
            values = archive.read(name)
            if values.ndim == 1 and values.dtype.kind in "US":
                setattr(table, field, tuple(map(str, values.astype(np.str_))))
    if table.feature_names is not None and len(table.feature_names) != table.X.shape[1]:
        raise CliError(f"feature_names: expected {table.X.shape[1]} names, got {len(table.feature_names)}")
    return table


def _as_matrix(X: NDArray[Any], name: str) -> NDArray[Any]:
    """(n, …) -> (n, n_features), copied only for what the core cannot read where it lies."""
    if X.ndim < 2:
        raise CliError(f"{name}: expected shape (n_samples, n_features), got {X.shape}")
    if X.dtype.kind not in "fiub":
        raise CliError(f"{name}: expected numbers, got dtype {X.dtype}")
    if X.dtype.kind == "b":
        X = X.view(np.uint8)
    elif (X.dtype.kind in "iu" and X.dtype.itemsize > 1) or X.dtype == np.int8:
        X = X.astype(np.float32 if X.dtype.itemsize < 4 else np.float64)
    elif X.dtype.kind == "f" and X.dtype.itemsize > 8:
        X = X.astype(np.float64)
    X = X.astype(X.dtype.newbyteorder("="), order="C", copy=False)
    return X.reshape(len(X), -1) if X.size else X.reshape(len(X), int(np.prod(X.shape[1:])))


def _as_targets(y: NDArray[Any], name: str, n_samples: int) -> NDArray[Any]:
    y = y.reshape(-1) if y.ndim == 2 and y.shape[1] == 1 else y
    if y.ndim not in (1, 2) or len(y) != n_samples:
        raise CliError(f"{name}: expected shape ({n_samples},), one target a row of X, got {y.shape}")
    return y.astype(y.dtype.newbyteorder("="), copy=False)


def _read_libsvm(path: Path, how: Reading) -> Table:
    from scipy.sparse import csr_matrix
    from sklearn.datasets import load_svmlight_file

    try:
        X, y = load_svmlight_file(str(path), dtype=np.float32, zero_based=True)
    except (ValueError, OverflowError, UnicodeDecodeError, IndexError):
        raise CliError(f"{path.name}: expected lines '<label> <index>:<value> …', got {_bad_line(path)}") from None
    zero_based = how.zero_based
    lowest = int(X.indices.min(initial=1))
    if zero_based is None:  # the format counts from 1; a 0 says that this file does not
        zero_based = lowest == 0
    elif lowest == 0 and not zero_based:
        raise CliError(f"{path.name}: expected indices from 1, as the model was trained with, got an index 0")
    shift = 0 if zero_based else 1
    X.indices -= shift
    n_features = max(X.shape[1] - shift, how.n_features or 0)
    if how.n_features is not None and n_features > how.n_features:
        raise CliError(f"{path.name}: expected the model's {how.n_features} features, got an index {X.shape[1] - 1}")
    X = csr_matrix((X.data, X.indices, X.indptr), shape=(X.shape[0], n_features))
    return Table(X, y, zero_based=zero_based)


def _bad_line(path: Path) -> str:
    """The first line that is not libsvm text."""
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            words = line.partition(b"#")[0].split()
            try:
                for word in words[:1]:
                    float(word)
                pairs = [word.split(b":") for word in words[1:] if not word.startswith(b"qid:")]
                indices = [int(index) for index, value in pairs if float(value) is not None]
            except ValueError:
                return f"line {number}: {line[:40].decode(errors='replace').strip()!r}"
            if indices != sorted(set(indices)) or (indices and indices[0] < 0):
                return f"line {number}: indices that do not rise"
            if indices and indices[-1] > np.iinfo(np.int32).max:
                return f"line {number}: the index {indices[-1]}"
    return "something else"


def _read_frame(path: Path, kind: str, how: Reading, purpose: str) -> Table:
    from softmargin.cli import frames

    frame = frames.read_frame(path, parquet=kind == "parquet", header=how.header)
    if purpose == "train" and how.target is None:
        raise CliError("--target: expected the column to predict, got none", f"one of {listed(frame.columns)}")
    if how.target is not None:
        target: str | None = frames.column(frame, "--target", how.target)
    else:
        target = how.usual_target if how.usual_target in frame.columns else None
    dropped = {frames.column(frame, "--drop", name) for name in how.drop}
    names = tuple(name for name in frame.columns if name != target and name not in dropped)
    if how.columns is not None:
        if missing := [name for name in how.columns if name not in frame.columns]:
            raise CliError(
                f"{path.name}: expected a column {missing[0]!r}, got {listed(frame.columns)}",
                closest(missing[0], frame.columns),
            )
        names = tuple(how.columns)
    elif how.n_features is not None and len(names) != how.n_features:
        raise CliError(f"{path.name}: expected the model's {how.n_features} features, got {len(names)} columns")
    if not names:
        raise CliError(f"{path.name}: expected a column beside the target, got none")
    X = frames.features(frame, names)
    y = None if target is None else frames.target_values(frame, target)
    return Table(X, y, feature_names=names, target=target)
