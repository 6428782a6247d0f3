"""The optimum of F by another way: Newton's method on the NumPy reference in float64, each step by coordinate descent.

A step minimises the quadratic model plus the l1 norm over one coordinate after the other, which no scale of a feature slows
down; it is then halved until F falls. Losses that are not smooth are smoothed around the dual variables of the last solution
(the method of multipliers), and the value that is returned is always the loss's own. Whatever this finds, F* is no higher.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from softmargin import reference
from softmargin.reference.penalties import strengths

SWEEPS = 300
STEPS = 60
ROUNDS = 14


@dataclass
class Objective:
    """F over x = (W, b) flattened; Z is X with a column of ones where there is an intercept."""

    Z: np.ndarray
    y: Any
    loss: str
    penalty: Any
    k: int
    d: int
    weight: np.ndarray
    intercept_penalty: float
    given: dict
    centre: np.ndarray | None = None
    width: float = 1.0

    def __post_init__(self):
        self.l1, self.l2 = strengths(self.penalty)
        # Unknowns are (k, d + 1): those of W have l1 and l2, those of b the intercept's.
        columns = self.Z.shape[1]
        first = np.arange(columns) < self.d
        self.thresholds = np.tile(np.where(first, self.l1, 0.0), self.k)
        self.ridge = np.tile(np.where(first, self.l2, self.intercept_penalty), self.k)

    def losses(self, x):
        """Value and dS at x, of the smoothed loss where there is a centre."""
        S = self.Z @ x.reshape(self.k, -1).T
        record = reference.LOSSES[self.loss]
        if self.centre is None:
            return record(S, self.y, **self.given)
        return record.smoothed(S, self.y, self.centre, self.width, **self.given)

    def __call__(self, x):
        value, _ = self.losses(x)
        return self.weight @ value + self.thresholds @ np.abs(x) + 0.5 * self.ridge @ x**2

    def gradient(self, x):
        """Of all but the l1 part."""
        _, dS = self.losses(x)
        return ((self.weight[:, None] * dS).T @ self.Z).ravel() + self.ridge * x

    def hessian(self, x):
        """Of all but the l1 part; of a smoothed loss by differences, which are exact between its kinks."""
        S, k = self.Z @ x.reshape(self.k, -1).T, self.k
        record, H = reference.LOSSES[self.loss], np.empty((k, self.Z.shape[1], k, self.Z.shape[1]))
        for c in range(k):
            V = np.zeros_like(S)
            V[:, c] = 1.0
            if self.centre is None:
                columns = record.hessian(S, V, self.y, **self.given)
            else:
                h = 1e-7
                ends = [record.smoothed(S + t * V, self.y, self.centre, self.width, **self.given)[1] for t in (h, -h)]
                columns = (ends[0] - ends[1]) / (2 * h)
            for other in range(k):
                H[other, :, c] = self.Z.T @ ((self.weight * columns[:, other])[:, None] * self.Z)
        H = H.reshape(len(x), len(x))
        # Where the loss is flat, a share of the largest curvature it could have keeps steps finite.
        damping = 1e-10 if self.centre is None else 1e-6 / self.width
        return (H + H.T) / 2 + np.diag(self.ridge + damping * np.tile(self.weight @ self.Z**2, k))


def minimise(F, x):
    """Newton's method until F falls by no more than rounding."""
    value = F(x)
    for _ in range(STEPS):
        step, t = model_step(F.hessian(x), F.gradient(x), x, F.thresholds), 1.0
        while t > 1e-6 and not F(x + t * step) < value:
            t /= 2
        if t <= 1e-6:
            break
        x, before, value = x + t * step, value, F(x + t * step)
        if before - value <= 1e-14 * value:
            break
    return x


def model_step(H, g, x, thresholds):
    """The step that minimises g.p + p'Hp / 2 + thresholds.|x + p|: of a linear system where there is no l1, else by sweeps."""
    curvature = H.diagonal() + 1e-300
    if not thresholds.any():
        root = np.sqrt(curvature)
        return -np.linalg.lstsq(H / np.outer(root, root), g / root, rcond=1e-14)[0] / root
    p, slope = np.zeros_like(x), g.copy()
    for _ in range(SWEEPS):
        largest = 0.0
        for j, h in enumerate(curvature):
            at = x[j] + p[j]
            target = at - slope[j] / h
            move = np.sign(target) * max(abs(target) - thresholds[j] / h, 0.0) - at
            if move:
                p[j] += move
                slope += move * H[j]
                largest = max(largest, abs(move) * np.sqrt(h))
        if largest < 1e-9:  # F is off by the square of that
            break
    return p


def optimum(X, y, *, loss, penalty, k, sample_weight=None, fit_intercept=True, intercept_penalty=0.0, **given):
    """F at the best point found, and the point: W (k, n_features) and b (k,)."""
    X = reference.objective.dense(X)
    n, d = X.shape
    Z = np.column_stack([X, np.ones(n)]) if fit_intercept else X
    w = np.ones(n) if sample_weight is None else np.asarray(sample_weight, dtype=np.float64)
    F = Objective(Z, y, loss, penalty, k, d, w / w.sum(), intercept_penalty, given)
    x = np.zeros(k * Z.shape[1])
    best, best_x = F(x), x
    smooth, stalled = reference.LOSSES[loss].second is not None, 0
    for _ in range(1 if smooth else ROUNDS):
        if not smooth:
            F.centre, F.width = (np.zeros((n, k)), 0.5 * best) if F.centre is None else (F.losses(x)[1], F.width * 0.3)
        x = minimise(F, x)
        centre, F.centre = F.centre, None
        value = F(x)
        F.centre = centre
        stalled = 0 if value < best * (1 - 1e-12) else stalled + 1
        if value < best:
            best, best_x = value, x
        if stalled == 3:  # the method of multipliers ends after finitely many rounds where losses are piecewise linear
            break
    W = best_x.reshape(k, -1)
    return best, W[:, :d], W[:, d] if fit_intercept else np.zeros(k)
