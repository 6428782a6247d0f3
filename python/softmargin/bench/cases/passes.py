"""A pass, loss and gradient over all rows: dense X of every dtype, from one output to a thousand."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import softmargin as sm
from softmargin.bench.case import Case, Setting, Work
from softmargin.bench.data import Data, pixels, uniform
from softmargin.bench.peers.numpy_pass import BLOCK, NumpyPass
from softmargin.bench.peers.pytorch import installed, torch_pass
from softmargin.bench.tolerance import U, agree_with_first, tolerances

Results = dict[str, Callable[[], Any]]


def ours(data: Data, loss: str, threads: int) -> Callable[[], Any]:
    """Our pass; the gradient goes into an array of its own."""
    out = np.empty_like(data.W)
    options: dict[str, Any] = {"loss": loss, "intercept": data.b, "out": out, "num_threads": threads}
    return lambda: sm.loss_and_grad(data.W, data.X, data.y, **options)


def peers(data: Data, loss: str) -> Results:
    """NumPy in blocks of rows and on all rows at once, and PyTorch; X not in W's dtype is converted block by block, or before."""
    kind = data.W.dtype
    blocks = NumpyPass(data.X, data.y, data.W, loss, block=BLOCK)
    functions: Results = {"numpy, blocks": lambda: blocks(data.W, data.b)}
    X = data.X.astype(kind, copy=False)
    name = "all at once" if X is data.X else f"{kind} made before"
    whole = NumpyPass(X, data.y, data.W, loss)
    functions[f"numpy, {name}"] = lambda: whole(data.W, data.b)
    if installed():
        functions["pytorch"] = torch_pass(X, data.y, loss, data.W, data.b)
    return functions


def work(data: Data, loss: str, setting: Setting) -> Work:
    """A pass of ours and of the peers, and what it costs at least."""
    u = U if data.W.dtype == np.float32 else 2.0**-53
    n, d = data.X.shape
    return Work(
        {"softmargin": ours(data, loss, setting.threads)} | peers(data, loss),
        agree_with_first(tolerances(data.W, data.b, data.X, data.y, loss, u)),
        n_bytes=data.X.nbytes,
        n_flops=4.0 * n * d * len(data.W),
        dtype=data.W.dtype.name,
    )


def of_pixels(dtype: str, loss: str) -> Callable[[Setting], Work]:
    """CIFAR-10's shape."""
    return lambda setting: work(pixels(setting.rows(50_000), dtype), loss, setting)


def of_uniform(n: int, d: int, k: int, loss: str) -> Callable[[Setting], Work]:
    """Numbers from 0 to 1."""
    return lambda setting: work(uniform(setting.rows(n), d, k), loss, setting)


def standardised(loss: str) -> Callable[[Setting], Work]:
    """Bytes, standardised by algebra on W and on the gradient; for the peers, by the same, or X is standardised before."""

    def prepare(setting: Setting) -> Work:
        data = pixels(setting.rows(50_000), "uint8")
        mean = data.X.mean(axis=0, dtype=np.float32)
        deviation = np.float32(64)  # of every feature, more or less; any number does to measure
        W = 64 * data.W  # which acts on (x - mean) / deviation

        def acting() -> tuple[Any, Any]:
            raw = W / deviation
            return raw, data.b - raw @ mean

        def result(loss: float, G: Any, db: Any) -> tuple[float, Any, Any]:
            return loss, (G - db[:, None] * mean) / deviation, db

        def ours() -> Any:
            raw, b = acting()
            return result(*sm.loss_and_grad(raw, data.X, data.y, loss=loss, intercept=b, num_threads=setting.threads))

        blocks = NumpyPass(data.X, data.y, W, loss, block=BLOCK)
        Z = ((data.X - mean) / deviation).astype(np.float32, copy=False)
        whole = NumpyPass(Z, data.y, W, loss)
        functions: Results = {
            "softmargin": ours,
            "numpy, blocks": lambda: result(*blocks(*acting())),
            "numpy, float32 made before": lambda: whole(W, data.b),
        }
        raw, b = acting()
        # The terms of a score are those of raw X, and G and mean db' cancel: the tolerance is that of the raw pass.
        allowed = tolerances(raw, b, data.X, data.y, loss)
        dW = (allowed.dW + np.abs(mean) * np.asarray(allowed.db)[:, None]) / deviation
        return Work(
            functions,
            agree_with_first(allowed._replace(dW=dW)),
            n_bytes=data.X.nbytes,
            n_flops=4.0 * data.X.size * len(W),
        )

    return prepare


_SHAPE = "50 000 × 3072, k = 10"
CASES = (
    Case("softmax-float32", f"pass, softmax, {_SHAPE}, float32", of_pixels("float32", "softmax"), 0.60, 5),
    Case("hinge-float32", f"pass, hinge, {_SHAPE}, float32", of_pixels("float32", "hinge"), 0.60, 5),
    Case("softmax-uint8", f"pass, softmax, {_SHAPE}, uint8 standardised", standardised("softmax"), 0.70, 6),
    Case("hinge-uint8", f"pass, hinge, {_SHAPE}, uint8 standardised", standardised("hinge"), 0.70, 6),
    Case("softmax-float16", f"pass, softmax, {_SHAPE}, float16", of_pixels("float16", "softmax"), 0.55),
    Case("softmax-float64", f"pass, softmax, {_SHAPE}, float64", of_pixels("float64", "softmax"), 0.55),
    Case("logistic-50", "pass, logistic, 2 000 000 × 50, k = 1", of_uniform(2_000_000, 50, 1, "logistic"), 0.90),
    Case("logistic-1000", "pass, logistic, 200 000 × 1000, k = 1", of_uniform(200_000, 1000, 1, "logistic"), 0.90),
    Case("softmax-1000", "pass, softmax, 50 000 × 768, k = 1000", of_uniform(50_000, 768, 1000, "softmax"), 0.75, 1.5),
    Case("logistic-32", "pass, logistic, 50 000 × 768, k = 32", of_uniform(50_000, 768, 32, "logistic"), 0.65),
)
