"""The ladder of the demo: ten ways to find W, from guessing to Adam, each timed against NumPy."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

import softmargin as sm
from softmargin.reference import fit_float32

EPOCHS = 20
N_TRIALS = 1000
# A pass over digits is 0.2 ms of work: on a busy machine, waiting for a second thread costs more than it saves. So both
# sides have one, softmargin and the BLAS under NumPy.
THREADS = 1
_REPEAT_BELOW = 0.3  # seconds: of shorter runs the fastest of three counts, for softmargin and NumPy alike


@dataclass(frozen=True)
class Rung:
    """A rule of the registry with its hyper-parameters; batch_size None is all rows at once."""

    name: str
    rule: str
    lr: float
    batch_size: int | None = 32
    hyperparameters: dict[str, Any] = field(default_factory=dict)


# Learning rates are round numbers near the best for 20 epochs on digits scaled to 0..1, for softmax and hinge alike.
RUNGS = (
    Rung("gradient descent", "SGD", 2.0, None),
    Rung("SGD, one row a step", "SGD", 0.05, 1),
    Rung("minibatch", "SGD", 0.3),
    Rung("momentum", "SGD", 0.1, 32, {"momentum": 0.9}),
    Rung("Nesterov", "SGD", 0.1, 32, {"momentum": 0.9, "nesterov": True}),
    Rung("Adagrad", "Adagrad", 0.3),
    Rung("RMSProp", "RMSprop", 0.01),
    Rung("Adam", "Adam", 0.02),
)


@dataclass(frozen=True)
class Step:
    """What one rung reached: F on the training rows, accuracy on the test rows, seconds, and NumPy's seconds."""

    loss_name: str
    name: str
    loss: float
    accuracy: float
    seconds: float
    numpy_seconds: float | None
    W: NDArray[Any]
    intercept: NDArray[Any] | None
    history: list[float]

    @property
    def times_numpy(self) -> float | None:
        return None if self.numpy_seconds is None else self.numpy_seconds / self.seconds


@dataclass(frozen=True)
class Data:
    """X (n, d) float32 and labels y (n,) to learn from, and others to test on."""

    X: NDArray[np.float32]
    y: NDArray[np.int64]
    X_test: NDArray[np.float32]
    y_test: NDArray[np.int64]


def climb(data: Data, loss: str, *, start: Callable[[str], None]) -> Iterator[Step]:
    """Every rung for one loss, as it is done; `start` hears of each before it begins."""
    searches: tuple[tuple[str, Any, dict[str, Any]], ...] = (
        ("random search", sm.random_search, {"scale": 0.1}),
        ("random local search", sm.random_local_search, {"step_size": 0.03}),
    )
    for name, search, options in searches:
        start(f"{loss}: {name}")
        result, seconds = _timed(
            partial(search, data.X, data.y, loss=loss, rng=0, num_threads=THREADS, **options), n_trials=N_TRIALS
        )
        yield _step(data, loss, name, result, seconds, None)
    for rung in RUNGS:
        start(f"{loss}: {rung.name}")
        same: dict[str, Any] = {"loss": loss, "batch_size": rung.batch_size}
        optimizer = getattr(sm.optimizers, rung.rule)(lr=rung.lr, **rung.hyperparameters)
        options = rung.hyperparameters
        ours = partial(sm.fit, data.X, data.y, optimizer=optimizer, rng=0, num_threads=THREADS, **same)
        numpys = partial(fit_float32, data.X, data.y, optimizer=rung.rule, hyperparameters=options, lr=rung.lr, **same)
        result, seconds = _timed(ours, epochs=EPOCHS)
        with threadpool_limits(THREADS, user_api="blas"):
            _, numpy_seconds = _timed(numpys, epochs=EPOCHS)
        yield _step(data, loss, rung.name, result, seconds, numpy_seconds)


def _timed(work: Callable[..., Any], **amount: int) -> tuple[Any, float]:
    """What `work` returns, and the seconds of its fastest run out of three; a long first run stands alone.

    A run over an amount of 1 comes before and does not count: threads and caches are warm for both sides.
    """
    work(**dict.fromkeys(amount, 1))
    best = float("inf")
    for _ in range(3):
        start = time.perf_counter()
        result = work(**amount)
        best = min(best, time.perf_counter() - start)
        if best > _REPEAT_BELOW:
            break
    return result, best


def _step(data: Data, loss: str, name: str, result: Any, seconds: float, numpy_seconds: float | None) -> Step:
    value = sm.loss_and_grad(result.W, data.X, data.y, loss=loss, intercept=result.intercept).loss
    accuracy = float(np.mean(result.predict_scores(data.X_test).argmax(axis=1) == data.y_test))
    history = [float(record.loss) for record in result.history]
    return Step(loss, name, value, accuracy, seconds, numpy_seconds, result.W, result.intercept, history)
