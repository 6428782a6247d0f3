"""`softmargin train FILE`: from a file of samples to a model file."""

from __future__ import annotations

import dataclasses
import json
import os
import shlex
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np

import softmargin as sm
from softmargin.cli import labels, schedules, specs
from softmargin.cli.errors import CliError, choose, one_line
from softmargin.cli.options import SOLVERS, ReadOptions, TrainOptions, check_threads
from softmargin.cli.output import check_output
from softmargin.cli.progress import EpochProgress, SolveProgress, speaker
from softmargin.cli.split import hold_out
from softmargin.cli.tables import Reading, Table, read_table
from softmargin.estimators.class_targets import OF_ONE_OUTPUT
from softmargin.estimators.classifier import LinearClassifier
from softmargin.estimators.native import BATCH_SIZE
from softmargin.estimators.options import AUTOMATIC_RULE
from softmargin.estimators.regressor import LinearRegressor
from softmargin.model_file import Model, save_model

# Weights, their gradient, a direction and the best so far: what any solver holds at least.
_COPIES = 4

# Passes of an update rule over the rows, as the estimators have it.
EPOCHS = 100


def train(file: Path, read: ReadOptions, options: TrainOptions) -> int:
    """Train, report the held-out score, write the model; the exit code."""
    loss = specs.loss(options.loss)
    penalty = specs.penalty(options.penalty, options.alpha, options.l1_ratio)
    solver = _solver(options)
    _check(options)
    epochs = EPOCHS if options.epochs is None else options.epochs
    if options.schedule is not None:
        schedules.build(options.schedule, epochs, 1)  # a wrong one is told before the file is read
    output = options.output or Path(file.stem + ".safetensors")
    check_output(output, file)

    say = speaker(quiet=options.json)
    table = read_table(file, Reading(read.format, read.target, read.drop, not read.no_header), "train")
    assert table.y is not None
    y, classes = labels.encode(table.y, loss, table.class_names)
    y_test = None if table.y_test is None else labels.encode_test(table.y_test, classes, table.class_names)
    say(f"read   {file.name}: {_shape(table)}, {_targets(y, classes)}")
    _check_memory(file, table, y, classes)
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
    threads = options.threads or sm.get_num_threads()
    by = solver if isinstance(solver, str) else specs.describe(solver)
    say(
        f"train  {loss}{'' if penalty is None else ' + ' + specs.describe(penalty)}, {by}, "
        f"{threads} {'thread' if threads == 1 else 'threads'}, {sm.simd_level()}"
    )
    if (hint := _scale_hint(X, options)) is not None and solver != "exact":
        say(hint)

    start = time.perf_counter()
    exact = solver == "exact"
    shown: Any = SolveProgress if exact else EpochProgress
    with shown(epochs, quiet=options.json) as progress, warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        estimator = _estimator(loss, penalty, solver, options, epochs, len(y), progress)
        try:
            estimator.fit(X, y, validation=None if exact or X_val is None else (X_val, y_val))
        except (FloatingPointError, TypeError, ValueError) as error:
            raise CliError(_as_option(error)) from None
    seconds = time.perf_counter() - start
    notes = [one_line(warning.message) for warning in caught if isinstance(warning.message, Warning)]
    for note in notes:
        say(f"note   {note}")

    of_one = classes is not None and len(classes) == 2
    loss = OF_ONE_OUTPUT.get(loss, loss) if of_one else loss
    W = np.atleast_2d(estimator.coef_)
    model = Model(
        W,
        None if options.no_intercept else np.atleast_1d(estimator.intercept_).astype(W.dtype),
        loss,
        classes,
        table.feature_names,
    )
    score_of, score, n_scored = _score(model, (table.X_test, y_test), (X_val, y_val), options.threads)
    save_model(
        output,
        model.W,
        model.intercept,
        loss=loss,
        classes=classes,
        feature_names=table.feature_names,
        options=_recorded(table, options, penalty, by),
    )
    measure = "R²" if classes is None else "accuracy"
    if options.json:
        report = {
            "model": str(output),
            "loss": loss,
            "solver": by,
            "gap": None if np.isnan(estimator.gap_) else estimator.gap_,
            "classes": classes,
            "n_samples": len(y),
            "n_features": int(table.X.shape[1]),
            "history": progress.records,
            "score": score,
            "score_kind": "r2" if classes is None else "accuracy",
            "score_of": score_of,
            "score_samples": n_scored,
            "seconds": seconds,
            "notes": notes,
        }
        print(json.dumps(report))
    else:
        if exact and not np.isnan(estimator.gap_):
            say(
                f"gap    {estimator.gap_:.2g}: F = {estimator.loss_:.6g} is at most so much above the optimum, in proportion"
            )
        if score is not None:
            say(f"score  {measure} {score:.4f} on {n_scored} {score_of} rows")
        say(f"wrote  {output} after {seconds:.2f} s")
        say(f"next   {shlex.join(['softmargin', 'predict', str(output), str(file)])}")
    return 0


def _solver(options: TrainOptions) -> Any:
    """What the estimator's `solver` is to be: "exact", a rule whose rate is to be found, or one with its rate."""
    name = choose("--solver", options.solver, SOLVERS)
    given = {
        "lr": options.lr,
        "set": options.set or None,
        "schedule": options.schedule,
        "epochs": options.epochs,
        "batch-size": options.batch_size,
    }
    asked = next((option for option, value in given.items() if value is not None), None)
    if name == "exact" and asked is not None:
        raise CliError(f"--{asked}: expected an update rule as --solver, got 'exact'", "as in --solver adam")
    if name == "auto":
        name = "exact" if asked is None else AUTOMATIC_RULE
    if name == "exact" or (options.lr is None and not options.set):
        return name
    return specs.optimizer(name, options.lr, options.set)


def _estimator(
    loss: str, penalty: Any, solver: Any, options: TrainOptions, epochs: int, n_samples: int, progress: Any
) -> Any:
    real = sm.losses.info(loss)["target"] == "real"
    size: Any = options.batch_size
    size = "auto" if size is None else None if size == "full" else size
    schedule = None
    if options.schedule is not None:
        size = BATCH_SIZE if size == "auto" else size
        n_steps = 1 if size is None else -(-n_samples // size)
        schedule = schedules.build(options.schedule, epochs, n_steps)
    kind: Any = LinearRegressor if real else LinearClassifier
    return kind(
        loss,
        **({"delta": options.delta} if real else {"margin": options.margin}),
        penalty=penalty,
        solver=solver,
        schedule=schedule,
        batch_size=size,
        max_epochs=epochs,
        tol=options.tol,
        fit_intercept=not options.no_intercept,
        standardize=options.standardize,
        random_state=options.seed,
        callbacks=progress,
        num_threads=options.threads,
    )


def _as_option(error: Exception) -> str:
    """An error of `fit` in the words of the command line."""
    text = one_line(error).replace("standardize=True", "--standardize")
    name = text.partition(":")[0]
    option = "epochs" if name == "max_epochs" else name
    known = {field.name for field in dataclasses.fields(TrainOptions)}
    return f"--{option.replace('_', '-')}{text[len(name) :]}" if option in known else text


def _check(options: TrainOptions) -> None:
    if options.epochs is not None and options.epochs < 1:
        raise CliError(f"--epochs: expected at least 1, got {options.epochs}")
    if isinstance(options.batch_size, int) and options.batch_size < 1:
        raise CliError(f"--batch-size: expected at least 1, or full, got {options.batch_size}")
    check_threads(options.threads)
    if options.seed < 0:
        raise CliError(f"--seed: expected 0 or more, got {options.seed}")
    if options.validation is not None and not 0 <= options.validation < 1:
        hint = "a share of the rows, as in --validation 0.1"
        raise CliError(f"--validation: expected at least 0 and less than 1, got {options.validation}", hint)


def _score(model: Model, test: Any, held_out: Any, threads: int | None) -> tuple[str | None, float | None, int]:
    """What the score is of ("test" or "held-out"), accuracy or R², and how many rows it is on."""
    (X, y), what = (test, "test") if test[0] is not None else (held_out, "held-out")
    if X is None:
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


def _recorded(table: Table, options: TrainOptions, penalty: Any, solver: str) -> dict[str, Any]:
    """What the model file keeps of how it was made, and what `predict` needs to read a file the same way."""
    kept = {key: value for key, value in dataclasses.asdict(options).items() if key not in ("output", "json")}
    kept["penalty"] = None if penalty is None else specs.describe(penalty)
    kept["solver"] = solver
    return {"train": kept, "target": table.target, "zero_based": table.zero_based}


def _check_memory(file: Path, table: Table, y: Any, classes: Any) -> None:
    """Refuse features by the thousand million, which a number mistaken for an index makes, before the machine swaps."""
    if not hasattr(os, "sysconf"):
        return
    n_features = table.X.shape[1]
    n_outputs = y.shape[1] if y.ndim == 2 else 1 if classes is None or len(classes) == 2 else len(classes)
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    if (needed := _COPIES * 8 * n_outputs * n_features) > memory:
        raise CliError(
            f"{file.name}: expected features whose weights fit into memory, got {n_outputs} × {n_features} weights, "
            f"{needed / 1e9:.0f} GB of {memory / 1e9:.0f} GB",
            "are the indices those of columns?",
        )


def _shape(table: Table) -> str:
    n, d = table.X.shape
    kind = table.X.dtype if isinstance(table.X, np.ndarray) else f"{table.X.dtype}, {table.X.nnz} nonzeros"
    test = "" if table.X_test is None else f", {table.X_test.shape[0]} test rows"
    return f"{n} × {d} {kind}{test}"


def _targets(y: Any, classes: Any) -> str:
    return f"{len(classes)} classes" if classes is not None else f"targets {y.min():.4g} to {y.max():.4g}"
