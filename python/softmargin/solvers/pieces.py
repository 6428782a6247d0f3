"""Losses of quadratic pieces as maxima over dual variables: hinges and their squares, mae, huber.

    loss(s, y) = max over u of  u . e(s) - bend/2 |u|^2,   low <= u <= high,  sum u <= total

e(s), the excess, is s_j - s_y + margin for each class j != y, margin - t s for a sign t, s - y for a real target. What bend is, and
whether a loss is of this kind at all, is read off its conjugate, so that a new loss needs no word here.
"""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import numpy as np

from softmargin import _core
from softmargin.objective import LOSSES, read_data

from .problem import Array, Float, LinearProblem

# Where the conjugate is looked at, within the domain of every loss: a parabola through three of these points meets the last one.
PLACES = (0.0, 0.25, 0.5, 1.0)


class Shape(NamedTuple):
    """The conjugate -offset u + bend/2 u^2 of one dual variable of a loss whose margin and delta are 1."""

    bend: float
    offset: float


@cache
def shape(loss: str) -> Shape | None:
    """Return what the conjugate of a loss is along one of its dual variables, at a real target of 0; None if it is no parabola."""
    kind = LOSSES[loss]["target"]
    targets = {"classes": [0, 1], "signs": [[-1.0], [1.0]], "real": [[0.0], [0.0]]}[kind]
    data = read_data(np.zeros((2, 1)), targets, loss)

    def conjugate(u: float) -> float:
        A = {"classes": [[-u, u], [0.0, 0.0]], "signs": [[u], [0.0]], "real": [[u], [0.0]]}[kind]
        return 2 * _core.row_conjugates(data.problem, np.array(A), num_threads=1)  # the mean of two rows

    zero, *values = (conjugate(u) for u in PLACES)
    _, quarter, half, one = PLACES
    bend = (values[2] - zero - (values[1] - zero) / half) / (0.5 * one - 0.5 * half)
    offset = 0.5 * bend - (values[2] - zero)
    parabola = abs(zero - offset * quarter + 0.5 * bend * quarter**2 - values[0]) <= 1e-12
    return Shape(bend, offset) if parabola else None


class Pieces:
    """The dual variables of all samples, (n_samples, n_terms): n_outputs of them, one less where they are of the classes j != y.

    Attributes
    ----------
    low, high : ndarray (n_samples, n_terms)
        Infinite where there is no bound.
    bend : ndarray (n_samples, n_terms)
    total : float
        Infinite where there is no bound.
    """

    def __init__(self, problem: LinearProblem) -> None:
        self.problem, data = problem, problem.data
        info, own = LOSSES[data.loss], shape(data.loss)
        if own is None:
            raise ValueError(f"loss: expected one of quadratic pieces, got {data.loss!r}")
        each = np.inf if info["dual_each"] is None else info["dual_each"]
        if "delta" in info["parameters"]:
            each *= data.delta
        self.kind, n, k = data.kind, problem.n_samples, problem.n_outputs
        y, weight = data.targets, np.ones((1, 1))
        if self.kind == "classes":
            self.others = np.nonzero(np.arange(k) != y[:, None])[1].reshape(n, k - 1)
        elif self.kind == "signs":
            self.signs = np.where(y[:, None] == np.arange(k), -1.0, 1.0) if y.ndim == 1 else -y.astype(np.float64)
            if data.positive_weight is not None:
                weight = np.where(self.signs < 0, data.positive_weight, 1.0)
        else:
            self.anchor = y.astype(np.float64)
        self.offset = own.offset * data.margin
        n_terms = k - 1 if self.kind == "classes" else k
        self.total = np.inf if info["dual_total"] is None else info["dual_total"]
        # Terms that add up to a bounded total need no bound of their own.
        self.high = np.broadcast_to(each * weight if self.total == np.inf else np.inf, (n, n_terms))
        self.low = np.zeros_like(self.high) if self.kind != "real" else -self.high
        self.bend = np.broadcast_to(own.bend / weight, (n, n_terms))

    def within(self, u: Float) -> Float:
        """Return the dual variables within their bounds that are next to u, which is outside by rounding at most."""
        u = np.clip(u, self.low, self.high)
        if np.isfinite(self.total):
            u *= np.minimum(1.0, self.total / np.maximum(u.sum(axis=1, keepdims=True), self.total))
        return np.asarray(u)

    def excess(self, S: Array) -> Float:
        """Return e at scores S (n_samples, n_outputs)."""
        return self.along(S) + self.offset if self.kind != "real" else S - self.anchor

    def along(self, S: Array) -> Float:
        """Return what e changes by where the scores change by S."""
        if self.kind == "classes":
            right = np.take_along_axis(S, self.problem.data.targets[:, None], axis=1)
            return np.asarray(np.take_along_axis(S, self.others, axis=1) - right)
        return np.asarray(self.signs * S if self.kind == "signs" else S)

    def derivatives(self, u: Float) -> Float:
        """Return the derivatives in the scores (n_samples, n_outputs) of u . e: the transpose of `along`."""
        if self.kind != "classes":
            return self.signs * u if self.kind == "signs" else u
        A = np.empty((len(u), self.problem.n_outputs))
        np.put_along_axis(A, self.others, u, axis=1)
        np.put_along_axis(A, self.problem.data.targets[:, None], -u.sum(axis=1, keepdims=True), axis=1)
        return A

    def curvatures(self, w: Float, slack: Float | None) -> Float:
        """Return what diag(w) - w w' / (slack + sum w) is in the scores: of classes the upper triangles, row by row.

        w (n_samples, n_terms); slack (n_samples, 1) or None for no second term.
        """
        if self.kind != "classes":
            return w
        k, y, others = self.problem.n_outputs, self.problem.data.targets[:, None], self.others
        place = np.zeros((k, k), dtype=np.int64)
        left, right = np.triu_indices(k)
        place[left, right] = place[right, left] = np.arange(len(left))
        rows, sample = np.zeros((len(w), len(left))), np.arange(len(w))[:, None]
        if slack is not None:
            shared = w / (slack + w.sum(axis=1, keepdims=True))
            for one in range(k - 1):
                pairs = shared[:, one, None] * w
                rows[sample, place[others[:, one, None], others]] = -pairs
                pairs[:, one] = 0.0
                rows[sample[:, 0], place[others[:, one], others[:, one]]] = pairs.sum(axis=1)
            w = shared * slack
        # Each row of the matrix sums to 0, which leaves nothing to cancel.
        rows[sample, place[others, others]] += w
        rows[sample, place[others, y]] = -w
        rows[sample[:, 0], place[y, y][:, 0]] = w.sum(axis=1)
        return rows
