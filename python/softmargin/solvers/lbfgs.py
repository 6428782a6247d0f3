"""L-BFGS in a metric: the two-loop recursion whose first guess of the inverse Hessian is that of a Metric.

With the metric M = L L' this is L-BFGS in the variables L'x. With the inner products of the pairs, which are kept, its two loops are the
substitutions in two triangular matrices, so that a direction takes four products with matrices (n_pairs, size) and one with the
inverse of the metric.

Source: Liu and Nocedal, On the Limited Memory BFGS Method for Large Scale Optimization, Mathematical Programming 45 (1989); Byrd,
Nocedal and Schnabel, Representations of Quasi-Newton Matrices, Mathematical Programming 63 (1994), for the triangular matrices.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
from scipy.linalg import lapack

from .metric import Metric
from .problem import Float

# Pairs kept: 20, fewer where they would take more than this many bytes.
PAIRS = 20
LEAST_PAIRS = 5
BYTES = 256 << 20

# The metric is scaled by each of the first pairs, and by one of this many later.
SCALED_EACH = 5

# Pairs of less curvature than this are noise of the gradients.
FLAT = 1e-12

Mask = npt.NDArray[np.bool_]


class Memory:
    """The last steps s and changes of the gradient y."""

    def __init__(self, size: int) -> None:
        self.n_pairs = int(max(LEAST_PAIRS, min(PAIRS, BYTES // (16 * size))))
        self._s, self._y = np.empty((self.n_pairs, size)), np.empty((self.n_pairs, size))
        self._products = np.zeros((self.n_pairs, self.n_pairs))  # s_i . y_j
        self.clear()

    def __len__(self) -> int:
        return len(self._order)

    def clear(self) -> None:
        """Forget all."""
        self._order: list[int] = []  # places of the pairs, the oldest first
        self._added, self._scaled_at, self._factor = 0, -1, 1.0

    def add(self, s: Float, y: Float) -> None:
        """Remember a step, unless its curvature drowns in rounding."""
        if not float(s @ y) > FLAT * math.sqrt(float(s @ s)) * math.sqrt(float(y @ y)):
            return
        place = self._order.pop(0) if len(self) == self.n_pairs else len(self)
        self._order.append(place)
        n = len(self)
        self._s[place], self._y[place] = s, y
        self._products[place, :n] = self._y[:n] @ s
        self._products[:n, place] = self._s[:n] @ y
        self._added += 1

    def direction(self, g: Float, metric: Metric, free: Mask | None = None) -> Float:
        """Return -H g, H the updated inverse; with `free`, of the unknowns that are free alone."""
        n = len(self)
        s, y, products = self._s[:n], self._y[:n], self._products[:n, :n]
        order = self._order
        if free is not None:
            g = np.where(free, g, 0.0)
            s, y = s * free, y * free
            products = s @ y.T
            curved = FLAT * np.linalg.norm(s, axis=1) * np.linalg.norm(y, axis=1)
            order = [i for i in order if products[i, i] > curved[i]]
        if not order:
            return -metric.solve(g, free)
        # R: s_i . y_j of the pairs from the oldest to the newest. What it has below its diagonal is not read.
        R = products[order][:, order]
        a, b = np.zeros(n), np.zeros(n)
        a[order] = lapack.dtrtrs(R, (s @ g)[order])[0]
        p = metric.solve(g - a @ y, free)
        p *= self._scale(y, products, order, metric, free)
        b[order] = lapack.dtrtrs(R, R.diagonal() * a[order] - (y @ p)[order], trans=1)[0]
        p += b @ s
        return -p

    def _scale(self, y: Float, products: Float, order: list[int], metric: Metric, free: Mask | None) -> float:
        """How much more the change of the gradient is than the metric expects: saves 40 % of the passes on digits.

        Measured on each of the first pairs and then on every few, as it takes a product with the inverse of the metric.
        """
        if order and (self._added <= SCALED_EACH or self._added - self._scaled_at >= SCALED_EACH):
            last = order[-1]
            expected = float(y[last] @ metric.solve(y[last], free))
            self._factor = float(products[last, last]) / expected if expected > 0 else 1.0
            self._scaled_at = self._added
        return self._factor
