"""An epoch of shuffled minibatches with Adam: ours against a NumPy and a PyTorch loop over the same batches."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

import softmargin as sm
from softmargin import reference
from softmargin.bench.case import Case, Setting, Work
from softmargin.bench.data import pixels
from softmargin.bench.peers.pytorch import installed, torch_epoch
from softmargin.bench.tolerance import LAMBDA, U

SEED = 3
# Raw pixels: the curvature of softmax is at most mean |x|^2 / 2, about 2e7 here. Adam turns any gradient, be it a rounding
# error, into a step of lr unless eps is above it. At W = 0 dS is 0.1 or -0.9, so some sums of pixels are 0 but for rounding
# (W was 1e-3 off at eps = 1e-8, batch 32); most gradients are above 1.
ADAM = {"lr": 1e-5, "eps": 1e-2}


def reordered(X: Any, y: Any) -> tuple[Any, Any]:
    """X and y in an order whose shuffling by NumPy gives our batches: both gather rows at random."""
    seed = int(np.random.default_rng(SEED).integers(0, 2**64, dtype=np.uint64))
    p = reference.permutation(len(y), seed, 0)
    q = np.random.default_rng(SEED).permutation(len(y))
    X_new, y_new = np.empty_like(X), np.empty_like(y)
    X_new[q], y_new[q] = X[p], y[p]
    return X_new, y_new


def check(results: Mapping[str, Any]) -> None:
    """Assert the same loss and weights.

    The roundings of a step, LAMBDA sqrt(d) U, are independent of those of other steps: n steps add them up to sqrt(n) times
    that, for each of the two. Adam does not enlarge what is there, as the rate is below 2 / curvature.
    """
    ours, *others = results.values()
    tolerance = 2 * LAMBDA * np.sqrt(ours.W.shape[1]) * U * np.sqrt(ours.n_steps)
    pairs = [(other.history[0].loss, other.W, other.intercept) for other in others if hasattr(other, "n_steps")]
    pairs += [other for other in others if not hasattr(other, "n_steps")]
    for loss, W, b in pairs:
        expected = ours.history[0].loss
        if not abs(loss - expected) <= tolerance * expected:
            raise AssertionError(f"loss: {loss} and {expected}")
        for name, got, own in (("W", W, ours.W), ("b", b, ours.intercept)):
            excess = np.linalg.norm(got - own) / (tolerance * np.linalg.norm(own))
            if not excess <= 1:
                raise AssertionError(f"{name}: {excess:.2f} times the tolerance")


def epoch(batch_size: int) -> Callable[[Setting], Work]:
    """One epoch from zeros."""

    def prepare(setting: Setting) -> Work:
        data, small = (pixels(setting.rows(50_000), dtype) for dtype in ("float32", "uint8"))
        rule = sm.optimizers.Adam(**ADAM)
        options: dict[str, Any] = {"batch_size": batch_size, "epochs": 1}

        def ours(X: Any) -> Callable[[], Any]:
            return lambda: sm.fit(X, data.y, optimizer=rule, rng=SEED, num_threads=setting.threads, **options)

        X, y = reordered(data.X, data.y)
        eps = {"eps": ADAM["eps"]}

        def numpys() -> Any:
            fit = reference.fit_float32(
                X, y, optimizer="Adam", hyperparameters=eps, lr=ADAM["lr"], seed=SEED, **options
            )
            return fit.history[0], fit.W, fit.intercept

        functions: dict[str, Callable[[], Any]] = {
            "softmargin": ours(data.X),
            "softmargin, uint8": ours(small.X),
            "numpy": numpys,
        }
        if installed():
            functions["pytorch"] = torch_epoch(X, y, len(data.W), batch_size, SEED, ADAM)
        return Work(functions, check, n_bytes=data.X.nbytes, n_flops=4.0 * data.X.size * len(data.W), rounds=5)

    return prepare


_TITLE = "epoch, softmax, Adam, shuffled, 50 000 × 3072, k = 10, batch"
CASES = (
    Case("epoch-256", f"{_TITLE} 256", epoch(256), 0.50, 5),
    Case("epoch-32", f"{_TITLE} 32", epoch(32), 0.35, 5),
)
