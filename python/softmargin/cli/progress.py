"""What is printed while work goes on: epochs as a live bar in a terminal, as lines in a pipe, nothing for --json."""

from __future__ import annotations

import time
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeRemainingColumn


def speaker(*, quiet: bool) -> Callable[[str], None]:
    """What prints a line at once, or nothing where stdout belongs to JSON."""

    def say(line: str) -> None:
        if not quiet:
            print(line, flush=True)

    return say


_MOST_LINES = 50  # in a pipe


class EpochProgress:
    """A callback for `fit` that shows each epoch: ``with EpochProgress(...) as progress: fit(callback=progress)``."""

    def __init__(self, epochs: int, *, quiet: bool = False, console: Console | None = None) -> None:
        self.epochs = epochs
        self.records: list[dict[str, float | int | None]] = []
        console = console or Console()
        self._every = 0 if quiet else max(1, -(-epochs // _MOST_LINES))
        self._live: Progress | None = None
        if not quiet and console.is_terminal and not console.is_dumb_terminal:
            self._live = Progress(
                SpinnerColumn(),
                TextColumn("epoch {task.completed:.0f}/{task.total:.0f}"),
                BarColumn(bar_width=16),
                TimeRemainingColumn(),
                TextColumn("left  {task.description}"),
                console=console,
            )
        self._start = 0.0

    def __enter__(self) -> Self:
        self._start = time.perf_counter()
        if self._live is not None:
            self._task = self._live.add_task("", total=self.epochs)
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._live is not None:
            self._live.stop()

    def __call__(self, record: Any) -> None:
        done = len(self.records) + 1
        self.records.append(
            {
                "epoch": done,
                "loss": float(record.loss),
                "lr": float(record.lr),
                "seconds": float(record.seconds),
                "val_loss": None if record.val_loss is None else float(record.val_loss),
                "val_score": None if record.val_score is None else float(record.val_score),
            }
        )
        if self._live is not None:
            self._live.update(self._task, completed=done, description=describe(self.records[-1], short=True))
        elif self._every and (done % self._every == 0 or done in (1, self.epochs)):
            left = (time.perf_counter() - self._start) / done * (self.epochs - done)
            number = f"{done:>{len(str(self.epochs))}}/{self.epochs}"
            print(f"epoch {number}  {describe(self.records[-1])}  {left:.1f} s left", flush=True)


class SolveProgress:
    """A callback for the exact solver that shows what is certified; the same use as of `EpochProgress`."""

    def __init__(self, _: int, *, quiet: bool = False, console: Console | None = None) -> None:  # noqa: ARG002
        self.records: list[dict[str, float | None]] = []
        self._quiet = quiet

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        pass

    def __call__(self, record: Any) -> None:
        gap = None if record.gap is None else float(record.gap)
        self.records.append(
            {
                "n_passes": float(record.n_passes),
                "seconds": float(record.seconds),
                "loss": float(record.loss),
                "gap": gap if gap is None or gap < float("inf") else None,
            }
        )
        if gap is not None and not self._quiet:
            left = f"at most {gap:.2g} above the optimum" if gap < float("inf") else "no bound yet"
            print(
                f"solve  {record.n_passes:g} passes, {record.seconds:.2f} s  loss {record.loss:.6g}  {left}", flush=True
            )


def describe(record: dict[str, float | int | None], *, short: bool = False) -> str:
    """``loss 1.8234  lr 0.001  val loss 1.9012  val score 0.3412``, in short without the middle two."""
    words = [f"loss {record['loss']:<8.5g}"]
    if not short:
        words.append(f"lr {record['lr']:<8.4g}")
    if record["val_loss"] is not None and not short:
        words.append(f"val loss {record['val_loss']:<8.5g}")
    if record["val_score"] is not None:
        words.append(f"val score {record['val_score']:.4f}")
    return "  ".join(words).rstrip()
