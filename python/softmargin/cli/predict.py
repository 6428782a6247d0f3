"""`softmargin predict MODEL FILE`: labels, scores or probabilities for a file of samples."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import IO, Any

import numpy as np

from softmargin.cli import labels
from softmargin.cli.errors import CliError
from softmargin.cli.options import ReadOptions, check_threads
from softmargin.cli.output import check_output
from softmargin.cli.tables import Reading, Table, read_table
from softmargin.model_file import Model, load_model


def predict(
    model_file: Path,
    file: Path,
    read: ReadOptions,
    *,
    kind: str,
    output: Path | None,
    threads: int | None,
    as_json: bool,
) -> int:
    """Write one line a sample; `kind` is "labels", "scores" or "proba". The accuracy, if known, goes to stderr."""
    check_threads(threads)
    if output is not None:
        check_output(output, model_file, file)
    if not model_file.exists():
        raise CliError(f"{model_file}: no such model", "softmargin train writes one")
    model = load_model(model_file)
    table = read_table(file, _reading(model, read), "predict")
    if table.X.shape[1] != model.W.shape[1]:
        raise CliError(f"{file.name}: expected the model's {model.W.shape[1]} features, got {table.X.shape[1]}")
    scores = model.predict_scores(table.X, num_threads=threads)
    if not np.isfinite(scores).all():
        row = int((~np.isfinite(scores)).any(axis=1).argmax())
        raise CliError(f"{file.name}: expected features with finite scores, got {scores[row, 0]} in row {row + 1}")
    names = _score_names(model)
    if kind == "labels":
        header, rows = ["prediction"], _labels(model, scores)
    elif kind == "scores" or model.classes is None:
        if kind == "proba":
            labels.probabilities(scores, model.loss)
        header, rows = names, scores
    else:
        header, rows = [str(name) for name in model.classes], labels.probabilities(scores, model.loss)

    score, note = _quality(model, table, scores)
    measure = "R²" if model.classes is None else "accuracy"
    if as_json:
        values = rows.tolist() if rows.ndim == 1 or rows.shape[1] > 1 else rows[:, 0].tolist()
        report = {"n_samples": len(rows), "columns": header, kind: values}
        report["score"] = score
        report["score_kind"] = "r2" if model.classes is None else "accuracy"
        text = json.dumps(report)
        if output is None:
            print(text)
        else:
            output.write_text(text + "\n", encoding="utf-8")
        return 0
    if output is None:
        _write(sys.stdout, rows, header if rows.ndim == 2 and rows.shape[1] > 1 else None)
    else:
        with output.open("w", encoding="utf-8", newline="") as stream:
            _write(stream, rows, header)
    if score is not None:
        part = f" ({table.part})" if table.part else ""
        print(f"{measure} {score:.4f} on {len(rows)} rows{part}", file=sys.stderr)
    if note:
        print(f"note: {note}", file=sys.stderr)
    return 0


def _reading(model: Model, read: ReadOptions) -> Reading:
    """The options, completed by what the model remembers of the file it was trained on."""
    usual = model.options.get("target")
    zero_based = model.options.get("zero_based")
    return Reading(
        format=read.format,
        target=read.target,
        drop=read.drop,
        header=not read.no_header,
        usual_target=usual if isinstance(usual, str) else None,
        columns=model.feature_names,
        n_features=model.W.shape[1],
        zero_based=zero_based if isinstance(zero_based, bool) else None,
    )


def _score_names(model: Model) -> list[str]:
    n_outputs = model.W.shape[0]
    if model.classes is not None and n_outputs == len(model.classes):
        return [str(name) for name in model.classes]
    return ["score"] if n_outputs == 1 else [f"score_{j}" for j in range(n_outputs)]


def _labels(model: Model, scores: Any) -> Any:
    if model.classes is None:
        return scores[:, 0] if scores.shape[1] == 1 else scores
    return np.array(model.classes)[labels.decide(scores)]


def _quality(model: Model, table: Table, scores: Any) -> tuple[float | None, str]:
    """Accuracy or R² where the file has targets that the model can know, and what to say where it has others."""
    if table.y is None:
        return None, ""
    if model.classes is None:
        if table.y.dtype.kind not in "fiub" or table.y.size != scores.size:
            return None, "the file's targets are not what the model predicts; no score"
        return labels.r_squared(table.y, scores), ""
    try:
        known = labels.codes_of(labels.named(labels.class_labels(table.y), table.class_names), model.classes)
    except CliError as error:
        return None, f"no accuracy: {error}"
    unknown = int((known < 0).sum())
    if unknown == len(known):
        return None, "no accuracy: none of the file's labels is one of the model's classes"
    note = f"{unknown} rows have labels that the model does not know; they count as wrong" if unknown else ""
    return float(np.mean(labels.decide(scores) == known)), note


def _write(stream: IO[str], rows: Any, header: Sequence[str] | None) -> None:
    writer = csv.writer(stream, lineterminator="\n")
    if header is not None:
        writer.writerow(header)
    writer.writerows(_lines(rows))


def _lines(rows: Any) -> Iterator[Iterable[Any]]:
    """Rows in blocks, so that a million of them are not Python objects at once; floats in their shortest form."""
    for start in range(0, len(rows), 65536):
        block = rows[start : start + 65536]
        if block.dtype == np.float32:
            block = block.astype(np.str_)  # str of a float32 is its shortest form; a float would show 17 digits
        yield from block.tolist() if block.ndim == 2 else ([value] for value in block.tolist())
