"""Generated data of the cases; the same numbers whatever the dtype, and drawn fast."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Data:
    """X, targets y, and weights W, b for scores of about 1."""

    X: Any
    y: NDArray[Any]
    W: NDArray[Any]
    b: NDArray[Any]


def pixels(n: int, dtype: str, n_features: int = 3072, n_classes: int = 10) -> Data:
    """CIFAR-10's shape: bytes, a template a class, faint beside the noise; in float16 exact, as it is up to 2048."""
    rng = np.random.default_rng(0)
    y = rng.integers(0, n_classes, n)
    X = rng.integers(0, 192, (n, n_features), dtype=np.uint8)
    X += rng.integers(0, 64, (n_classes, n_features), dtype=np.uint8)[y]
    kind = np.float64 if dtype == "float64" else np.float32
    W, b = (1e-4 * rng.standard_normal((n_classes, n_features))).astype(kind), rng.standard_normal(n_classes)
    return Data(X.astype(dtype, copy=False), y, W, (0.1 * b).astype(kind))


def uniform(n: int, n_features: int, n_outputs: int) -> Data:
    """float32 from 0 to 1; labels, or signs for one output."""
    rng = np.random.default_rng(0)
    X = rng.random((n, n_features), dtype=np.float32)
    return Data(X, *_model(rng, n, n_features, n_outputs, 1 / np.sqrt(n_features)))


def text(n: int, n_features: int, n_entries: int, n_outputs: int) -> Data:
    """CSR of float32: rows with as many entries each, of features drawn alike, sorted and without repetition."""
    from scipy.sparse import csr_array

    rng = np.random.default_rng(0)
    each = n_entries // n
    # Distinct and sorted: one from each of `each` equal stretches of the features.
    starts = np.linspace(0, n_features, each + 1).astype(np.int32)
    indices = starts[:-1] + (rng.random((n, each), dtype=np.float32) * np.diff(starts)).astype(np.int32)
    indices = np.minimum(indices, starts[1:] - 1)
    indptr = np.arange(0, n * each + 1, each, dtype=np.int32)
    X = csr_array((rng.random(n * each, dtype=np.float32), indices.ravel(), indptr), shape=(n, n_features))
    return Data(X, *_model(rng, n, n_features, n_outputs, 1 / np.sqrt(each)))


def _model(rng: np.random.Generator, n: int, d: int, k: int, size: float) -> tuple[Any, Any, Any]:
    y = rng.choice(np.array([-1, 1], dtype=np.float32), n) if k == 1 else rng.integers(0, k, n)
    W = (size * rng.standard_normal((k, d))).astype(np.float32)
    return y, W, (0.1 * rng.standard_normal(k)).astype(np.float32)
