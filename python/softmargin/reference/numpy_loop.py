"""The minibatch loop as a good NumPy user would write it, in float32: what the compiled core is timed against.

Matrix products go to BLAS, arrays are allocated once and filled in place, W and b share one flat array so that an
update is a few calls whatever the number of arrays, and a full batch is not copied. Softmax and hinge, without penalty.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

Float = npt.NDArray[np.float32]


@dataclass
class Memory:
    """What a rule remembers, like the parameters in shape: two arrays and the step count; and an array to work in."""

    first: Float
    second: Float
    spare: Float
    t: int = 0


class NumpyFit(NamedTuple):
    """W (n_outputs, n_features), intercept (n_outputs,), history: an epoch's mean loss before the steps."""

    W: Float
    intercept: Float
    history: list[float]


def fit_float32(
    X: npt.ArrayLike,
    y: npt.ArrayLike,
    *,
    loss: str = "softmax",
    optimizer: str = "SGD",
    hyperparameters: dict[str, Any] | None = None,
    lr: float = 0.1,
    batch_size: int | None = 256,
    epochs: int = 10,
    seed: int = 0,
) -> NumpyFit:
    """Train a linear classifier from zeros; X (n_samples, n_features), y labels 0..k-1 (n_samples,).

    Examples
    --------
    >>> X, y = np.array([[0.0], [1.0], [2.0], [3.0]]), np.array([0, 0, 1, 1])
    >>> result = fit_float32(X, y, loss="hinge", batch_size=2, epochs=50)
    >>> result.history[-1] < result.history[0]
    True
    """
    X, y = np.ascontiguousarray(X, dtype=np.float32), np.asarray(y, dtype=np.int64)
    (n, d), k = X.shape, max(int(y.max()) + 1, 2)
    batch_size = n if batch_size is None else min(batch_size, n)
    loss_in_place, update = LOSSES_IN_PLACE[loss], UPDATES[optimizer]
    options = hyperparameters or {}

    parameters, gradient, first, second, spare = (np.zeros(k * d + k, dtype=np.float32) for _ in range(5))
    memory = Memory(first, second, spare)
    W, b = parameters[: k * d].reshape(k, d), parameters[k * d :]
    dW, db = gradient[: k * d].reshape(k, d), gradient[k * d :]
    S_all, places = np.empty((batch_size, k), dtype=np.float32), np.arange(batch_size)
    X_all = X if batch_size == n else np.empty((batch_size, d), dtype=np.float32)

    rng, history = np.random.default_rng(seed), []
    for _ in range(epochs):
        order = places if batch_size == n else rng.permutation(n)
        total, n_steps = 0.0, 0
        for start in range(0, n, batch_size):
            rows = order[start : start + batch_size]
            m = len(rows)
            X_batch, S = X_all[:m], S_all[:m]
            if batch_size < n:
                # mode="clip" lets take write straight into X_batch; "raise" would go through a buffer.
                np.take(X, rows, axis=0, out=X_batch, mode="clip")
            np.matmul(X_batch, W.T, out=S)
            S += b
            total += loss_in_place(S, places[:m], y[rows])
            S *= 1.0 / m
            np.matmul(S.T, X_batch, out=dW)
            np.sum(S, axis=0, out=db)
            memory.t, n_steps = memory.t + 1, n_steps + 1
            update(parameters, gradient, memory, lr, **options)
        history.append(total / n_steps)
    return NumpyFit(W.copy(), b.copy(), history)


def softmax_in_place(S: Float, places: npt.NDArray[np.int64], y: npt.NDArray[np.int64]) -> float:
    """Turn scores S (m, k) into dS and return the mean loss."""
    S -= S.max(axis=1, keepdims=True)
    right = S[places, y]
    np.exp(S, out=S)
    Z = S.sum(axis=1, keepdims=True)
    S /= Z
    S[places, y] -= 1.0
    return float(np.mean(np.log(Z[:, 0]) - right))


def hinge_in_place(S: Float, places: npt.NDArray[np.int64], y: npt.NDArray[np.int64]) -> float:
    """Turn scores S (m, k) into dS and return the mean loss, margin 1."""
    S -= (S[places, y] - 1.0)[:, None]
    S[places, y] = 0.0
    np.maximum(S, 0.0, out=S)
    mean = float(S.sum()) / len(S)
    np.sign(S, out=S)
    S[places, y] = -S.sum(axis=1)
    return mean


def sgd(p: Float, g: Float, memory: Memory, lr: float, momentum: float = 0.0, nesterov: bool = False) -> None:
    """v = momentum v + g; p -= lr v, or lr (g + momentum v)."""
    v, spare = memory.first, memory.spare
    if momentum:
        v *= momentum
        v += g
        if nesterov:
            np.multiply(v, momentum, out=spare)
            g += spare
        else:
            g = v
    np.multiply(g, lr, out=spare)
    p -= spare


def adagrad(p: Float, g: Float, memory: Memory, lr: float, eps: float = 1e-10) -> None:
    """G += g^2; p -= lr g / (sqrt(G) + eps)."""
    G, spare = memory.first, memory.spare
    np.multiply(g, g, out=spare)
    G += spare
    scaled_step(p, g, G, spare, lr, eps)


def rmsprop(p: Float, g: Float, memory: Memory, lr: float, alpha: float = 0.99, eps: float = 1e-8) -> None:
    """v = alpha v + (1 - alpha) g^2; p -= lr g / (sqrt(v) + eps)."""
    average_squares(memory.first, g, memory.spare, alpha)
    scaled_step(p, g, memory.first, memory.spare, lr, eps)


def adam(
    p: Float, g: Float, memory: Memory, lr: float, betas: tuple[float, float] = (0.9, 0.999), eps: float = 1e-8
) -> None:
    """m = beta1 m + (1 - beta1) g, v = beta2 v + (1 - beta2) g^2; p -= lr m^ / (sqrt(v^) + eps)."""
    m, v, (beta1, beta2) = memory.first, memory.second, betas
    average_squares(v, g, memory.spare, beta2)
    m *= beta1
    g *= 1 - beta1
    m += g
    # sqrt(v / c) + eps = (sqrt(v) + eps sqrt(c)) / sqrt(c): both corrections go into the two scalars.
    root = math.sqrt(1 - beta2**memory.t)
    scaled_step(p, m, v, memory.spare, lr * root / (1 - beta1**memory.t), eps * root)


def average_squares(v: Float, g: Float, spare: Float, keep: float) -> None:
    """v = keep v + (1 - keep) g^2."""
    np.multiply(g, g, out=spare)
    spare *= 1 - keep
    v *= keep
    v += spare


def scaled_step(p: Float, g: Float, v: Float, spare: Float, lr: float, eps: float) -> None:
    """p -= lr g / (sqrt(v) + eps)."""
    np.sqrt(v, out=spare)
    spare += eps
    np.divide(g, spare, out=spare)
    spare *= lr
    p -= spare


LOSSES_IN_PLACE = {"softmax": softmax_in_place, "hinge": hinge_in_place}
UPDATES: dict[str, Callable[..., None]] = {"SGD": sgd, "Adagrad": adagrad, "RMSprop": rmsprop, "Adam": adam}
