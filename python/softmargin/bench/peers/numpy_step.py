"""A step of Adam in NumPy, in place, on preallocated arrays."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from softmargin.reference.numpy_loop import Memory, adam


def numpy_adam(W: NDArray[Any], grad: NDArray[Any], lr: float, alpha: float) -> tuple[Callable[[], Any], NDArray[Any]]:
    """Return a function that does one step with the gradient of L2 added, and the weights that it moves."""
    weights, g = W.copy(), np.empty_like(grad)
    memory = Memory(np.zeros_like(W), np.zeros_like(W), np.empty_like(W))

    def step() -> None:
        if alpha:
            np.multiply(weights, alpha, out=g)
            np.add(g, grad, out=g)
        else:
            np.copyto(g, grad)
        memory.t += 1
        adam(weights, g, memory, lr)

    return step, weights
