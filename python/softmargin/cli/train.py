"""`softmargin train FILE`: from a file of samples to a model file."""

from __future__ import annotations

import dataclasses
import json
import os
import shlex
import time
from pathlib import Path
from typing import Any

import numpy as np

import softmargin as sm
from softmargin.cli import labels, schedules, specs
from softmargin.cli.errors import CliError, one_line
from softmargin.cli.options import ReadOptions, TrainOptions
from softmargin.cli.progress import EpochProgress, speaker
from softmargin.cli.split import hold_out
from softmargin.cli.tables import Reading, Table, read_table
from softmargin.model_file import Model, save_model


def train(file: Path, read: ReadOptions, options: TrainOptions) -> int:
    """Train, report the held-out score, write the model; the exit code."""
    loss = specs.loss(options.loss)
    penalty = specs.penalty(options.penalty, options.alpha, options.l1_ratio)
    rule = specs.optimizer(options.rule, options.lr, options.set)
    _check(options)
    schedules.build(options.schedule, options.epochs, 1)  # a wrong one is told before the file is read
    output = _output(file, options.output)

    say = speaker(quiet=options.json)
    table = read_table(file, Reading(read.format, read.target, read.drop, not read.no_header), "train")
    assert table.y is not None
    y, classes = labels.encode(table.y, loss, table.class_names)
    say(f"read   {file.name}: {_shape(table)}, {_targets(y, classes)}")
    X_val: Any = None
    y_val: Any = None
    share = options.validation
    if share is None:
        share = 0.1 if table.X_test is None and len(y) >= 20 else 0.0
    X = table.X
    if share > 0:
        if len(y) < 2:
            raise CliError(f"--validation: expected rows to hold out, got a file of {len(y)}", "--validation 0")
        X, y, X_val, y_val = hold_out(X, y, share, options.seed)
    n_steps = 1 if options.batch_size == "full" else -(-len(y) // options.batch_size)
    schedule = schedules.build(options.schedule, options.epochs, n_steps)
    threads = options.threads or sm.get_num_threads()
    say(
        f"train  {loss}{'' if penalty is None else ' + ' + specs.describe(penalty)}, {specs.describe(rule)}, "
        f"batch {options.batch_size}, {threads} {'thread' if threads == 1 else 'threads'}, {sm.simd_level()}"
    )
    if (hint := _scale_hint(X, options)) is not None:
        say(hint)

    start = time.perf_counter()
    with EpochProgress(options.epochs, quiet=options.json) as progress:
        try:
            result = sm.fit(
                X,
                y,
                loss=loss,
                penalty=penalty,
                optimizer=rule,
                schedule=schedule,
                batch_size=None if options.batch_size == "full" else options.batch_size,
                epochs=options.epochs,
                rng=options.seed,
                fit_intercept=not options.no_intercept,
                standardize=options.standardize,
                W0=_start(y, classes, X, y_val),
                validation=None if X_val is None else (X_val, y_val),
                callback=progress,
                num_threads=options.threads,
                margin=options.margin,
                delta=options.delta,
            )
        except (FloatingPointError, TypeError, ValueError) as error:
            raise CliError(_as_option(error)) from None
    seconds = time.perf_counter() - start

    model = Model(result.W, result.intercept, loss, classes, table.feature_names)
    score_of, score, n_scored = _score(model, table, X_val, y_val, options.threads)
    save_model(
        output,
        model.W,
        model.intercept,
        loss=loss,
        classes=classes,
        feature_names=table.feature_names,
        options=_recorded(table, options, penalty, rule),
    )
    measure = "R²" if classes is None else "accuracy"
    if options.json:
        report = {
            "model": str(output),
            "loss": loss,
            "classes": classes,
            "n_samples": len(y),
            "n_features": int(table.X.shape[1]),
            "history": progress.records,
            "score": score,
            "score_kind": "r2" if classes is None else "accuracy",
            "score_of": score_of,
            "score_samples": n_scored,
            "seconds": seconds,
        }
        print(json.dumps(report))
    else:
        if score is not None:
            say(f"score  {measure} {score:.4f} on {n_scored} {score_of} rows")
        say(f"wrote  {output} after {seconds:.2f} s")
        say(f"next   {shlex.join(['softmargin', 'predict', str(output), str(file)])}")
    return 0


def _start(y: Any, classes: Any, X: Any, y_val: Any) -> Any:
    """Zeros where `fit` could not tell the number of classes: the last ones are only among the held-out rows."""
    if classes is None or y_val is None or y.dtype.kind == "f" or int(y.max()) + 1 == len(classes):
        return None
    return np.zeros((len(classes), X.shape[1]), np.float64 if X.dtype == np.float64 else np.float32)


def _as_option(error: Exception) -> str:
    """An error of `fit` in the words of the command line."""
    text = one_line(error).replace("standardize=True", "--standardize")
    name = text.partition(":")[0]
    known = {field.name for field in dataclasses.fields(TrainOptions)}
    return f"--{name.replace('_', '-')}{text[len(name) :]}" if name in known else text


def _check(options: TrainOptions) -> None:
    if options.epochs < 1:
        raise CliError(f"--epochs: expected at least 1, got {options.epochs}")
    if options.batch_size != "full" and options.batch_size < 1:
        raise CliError(f"--batch-size: expected at least 1, or full, got {options.batch_size}")
    if options.threads is not None and options.threads < 1:
        raise CliError(f"--threads: expected at least 1, got {options.threads}")
    if options.seed < 0:
        raise CliError(f"--seed: expected 0 or more, got {options.seed}")
    if options.validation is not None and not 0 <= options.validation < 1:
        hint = "a share of the rows, as in --validation 0.1"
        raise CliError(f"--validation: expected at least 0 and less than 1, got {options.validation}", hint)


def _output(file: Path, output: Path | None) -> Path:
    """Where the model goes; that it can be written there is found out before training, not after."""
    path = output or Path(file.stem + ".safetensors")
    if path.is_dir():
        raise CliError(f"--output: expected a file, got the directory {path}")
    if not path.parent.is_dir():
        raise CliError(f"--output: expected an existing directory, got {path.parent}")
    if not os.access(path.parent, os.W_OK):
        raise CliError(f"--output: expected a directory that can be written to, got {path.parent}")
    return path


def _score(
    model: Model, table: Table, X_val: Any, y_val: Any, threads: int | None
) -> tuple[str | None, float | None, int]:
    """What the score is of ("test" or "held-out"), accuracy or R², and how many rows it is on."""
    if table.X_test is not None:
        X, y, what = table.X_test, table.y_test, "test"
        assert y is not None
        if model.classes is not None:
            y = labels.codes_of(labels.named(labels.class_labels(y), table.class_names), model.classes)
    elif X_val is not None:
        X, y, what = X_val, y_val, "held-out"
        if model.classes is not None and y.dtype.kind == "f":
            y = (y > 0).astype(np.int64)
    else:
        return None, None, 0
    scores = model.predict_scores(X, num_threads=threads)
    if model.classes is None:
        return what, labels.r_squared(y, scores), len(y)
    return what, float(np.mean(labels.decide(scores) == y)), len(y)


def _scale_hint(X: Any, options: TrainOptions) -> str | None:
    """Raw pixels and the like make steps of any one size too large or too small."""
    if options.standardize or not isinstance(X, np.ndarray):
        return None
    largest = float(np.abs(X[:: max(1, len(X) // 256)].astype(np.float64)).max())
    return f"hint   features reach {largest:g}; --standardize usually learns faster" if largest > 30 else None


def _recorded(table: Table, options: TrainOptions, penalty: Any, rule: Any) -> dict[str, Any]:
    """What the model file keeps of how it was made, and what `predict` needs to read a file the same way."""
    kept = {key: value for key, value in dataclasses.asdict(options).items() if key not in ("output", "json")}
    kept["penalty"] = None if penalty is None else specs.describe(penalty)
    kept["rule"] = specs.describe(rule)
    return {"train": kept, "target": table.target, "zero_based": table.zero_based}


def _shape(table: Table) -> str:
    n, d = table.X.shape
    kind = table.X.dtype if isinstance(table.X, np.ndarray) else f"{table.X.dtype}, {table.X.nnz} nonzeros"
    test = "" if table.X_test is None else f", {table.X_test.shape[0]} test rows"
    return f"{n} × {d} {kind}{test}"


def _targets(y: Any, classes: Any) -> str:
    return f"{len(classes)} classes" if classes is not None else f"targets {y.min():.4g} to {y.max():.4g}"
