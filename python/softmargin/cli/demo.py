"""`softmargin demo`: what the package does, shown in a few seconds on scikit-learn's bundled digits."""

from __future__ import annotations

import json
import shlex
import time
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console

import softmargin as sm
from softmargin.cli.errors import CliError
from softmargin.cli.ladder import EPOCHS, N_TRIALS, THREADS, Data, Step, climb
from softmargin.cli.progress import speaker
from softmargin.model_file import save_model

LOSSES = ("softmax", "hinge")
N_TEST = 360  # a fifth of the 1797 digits
FEATURES = [f"pixel_{row}_{column}" for row in range(8) for column in range(8)]


def demo(output: Path, *, as_json: bool) -> int:
    """Run everything, write pictures, model and test digits to `output`; the exit code."""
    import_module("matplotlib")  # if it is missing, that is told now and not at the end

    start = time.perf_counter()
    if output.exists() and not output.is_dir():
        raise CliError(f"--output: expected a directory, got the file {output}")
    output.mkdir(parents=True, exist_ok=True)
    say = speaker(quiet=as_json)
    build = sm.build_info()
    say(
        f"softmargin {build['version']}: {build['simd_active']} of {', '.join(build['simd_supported'])}; "
        f"{build['num_threads']} threads ({build['num_threads_reason']})"
    )
    data = load_digits()
    checks = {loss: check(data, loss) for loss in LOSSES}
    for loss, result in checks.items():
        say(f"\ngradient check, {loss}: five of the {result.analytic.size} weights\n{result}")

    say(
        f"\nten ways to find W: {len(data.y)} digits of 8 × 8 pixels, {len(data.y_test)} to test on. The searches make "
        f"{N_TRIALS} guesses,\nthe others {EPOCHS} passes. × NumPy: the seconds of the same passes in float32 NumPy "
        f"({_blas()}) over ours,\nboth on {THREADS} thread: so small a pass is not worth sharing."
    )
    steps: list[Step] = []
    console = Console(quiet=as_json)
    with console.status("") as status:
        for loss in LOSSES:
            say(f"\n{loss:<21}{'loss':>9}{'test':>9}{'seconds':>10}{'× NumPy':>10}")
            for step in climb(data, loss, start=lambda what: status.update(what)):
                steps.append(step)
                ratio = "–" if step.times_numpy is None else f"{step.times_numpy:.1f}"
                say(f"{step.name:<21}{step.loss:>9.4f}{step.accuracy:>9.3f}{step.seconds:>10.4f}{ratio:>10}")
        status.update("drawing")
        files = write(output, data, steps)
    seconds = time.perf_counter() - start
    command = shlex.join(["softmargin", "predict", str(files["model"]), str(files["digits"])])
    if as_json:
        print(json.dumps(_report(build, checks, steps, files, command, seconds)))
    else:
        say("\nwrote " + "\n      ".join(str(path) for path in files.values()))
        say(f"done in {seconds:.1f} s. The model is softmax with Adam; try it on the {len(data.y_test)} test digits:")
        say(f"\n  {command}\n")
    return 0


def load_digits() -> Data:
    """1797 scanned digits, pixels from 0 to 1, in a fixed random order (the file is ordered by writer)."""
    from sklearn.datasets import load_digits as load

    X, y = load(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(y))
    X, y = (X[order] / 16).astype(np.float32), y[order].astype(np.int64)
    return Data(X[N_TEST:], y[N_TEST:], X[:N_TEST], y[:N_TEST])


def check(data: Data, loss: str) -> Any:
    """The gradient of F on 100 digits, in float64, against central differences at five weights."""
    W = np.random.default_rng(1).normal(scale=0.01, size=(10, data.X.shape[1]))
    X, y = data.X[:100].astype(np.float64), data.y[:100]
    return sm.check_gradient(lambda W: sm.loss_and_grad(W, X, y, loss=loss), W, n_checks=5, rng=0)


def write(output: Path, data: Data, steps: Sequence[Step]) -> dict[str, Path]:
    """Pictures, model and test digits; what is where."""
    from matplotlib.figure import Figure

    from softmargin.plotting import plot_history, plot_templates

    files = {
        "loss_curves": output / "loss_curves.png",
        **{f"templates_{loss}": output / f"templates_{loss}.png" for loss in LOSSES},
        "model": output / "model.safetensors",
        "digits": output / "digits.csv",
    }
    figure = Figure(figsize=(11.0, 4.4), dpi=150, layout="constrained", facecolor="white")
    for loss, axes in zip(LOSSES, figure.subplots(1, len(LOSSES)), strict=True):
        curves = {step.name: step.history for step in steps if step.loss_name == loss and len(step.history) == EPOCHS}
        plot_history(curves, ax=axes, title=loss)
        if loss != LOSSES[-1]:
            axes.get_legend().remove()
        final = next(step for step in steps if step.loss_name == loss and step.name == "Adam")
        templates = plot_templates(final.W, shape=(8, 8), title=f"{loss}: the rows of W, one a digit")
        templates.savefig(files[f"templates_{loss}"])
    figure.savefig(files["loss_curves"])

    best = next(step for step in steps if step.loss_name == "softmax" and step.name == "Adam")
    save_model(
        files["model"],
        best.W,
        best.intercept,
        loss="softmax",
        classes=list(range(10)),
        feature_names=FEATURES,
        options={"target": "digit", "rule": "Adam", "epochs": EPOCHS},
    )
    lines = [",".join(["digit", *FEATURES])]
    lines += [f"{y},{','.join(f'{pixel:g}' for pixel in x)}" for x, y in zip(data.X_test, data.y_test, strict=True)]
    files["digits"].write_text("\n".join(lines) + "\n", encoding="utf-8")
    return files


def _blas() -> str:
    """Which BLAS NumPy multiplies with."""
    from threadpoolctl import threadpool_info

    pools = [pool for pool in threadpool_info() if pool["user_api"] == "blas"]
    pools.sort(key=lambda pool: "numpy" not in pool["filepath"])  # scipy may bring one of its own
    return " ".join(str(pools[0][key]) for key in ("internal_api", "version")) if pools else "BLAS unknown"


def _report(
    build: Any, checks: dict[str, Any], steps: Sequence[Step], files: dict[str, Path], command: str, seconds: float
) -> dict[str, Any]:
    return {
        "build": build,
        "blas": _blas(),
        "threads": THREADS,
        "gradient_checks": {
            loss: {"ok": bool(result.ok), "max_relative_error": float(result.max_relative_error)}
            for loss, result in checks.items()
        },
        "ladder": [
            {
                "loss": step.loss_name,
                "rung": step.name,
                "value": step.loss,
                "test_accuracy": step.accuracy,
                "seconds": step.seconds,
                "numpy_seconds": step.numpy_seconds,
                "times_numpy": step.times_numpy,
                "history": step.history,
            }
            for step in steps
        ],
        "files": {name: str(path) for name, path in files.items()},
        "next": command,
        "seconds": seconds,
    }
