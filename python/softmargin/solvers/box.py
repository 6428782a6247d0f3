"""Dual variables within bounds, with a multiplier for each bound: what an interior-point method moves (interior.py)."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from .problem import Float


class Move(NamedTuple):
    """What a step changes: u, p, q (n, m) and the multipliers of the totals (n, 1)."""

    u: Float
    p: Float
    q: Float
    total: Float


class Box:
    """u (n, m) with the multipliers p above and q below, and that of the total of each row.

    The excess e of each u, which is linear in the unknowns, is kept equal to bend u + p - q + total. A product is a multiplier times the
    room up to its bound: at the optimum all are 0. Products are summed, and steps are limited, for each column, (m,).

    On the way products are to be alike once they are multiplied by the weights of their rows: with weights from 1e-3 to 1e3 steps stay
    short otherwise. (Not where nothing bounds u above, which would begin as far off as they differ.)

    Parameters
    ----------
    low, high, bend : ndarray (n, m)
        low and high are all infinite where there is no bound.
    most : float
        The bound of the sum of each row, infinite where there is none.
    weight : ndarray (n,)
        Of the rows in sums of products.
    excess : ndarray (n, m)
        e at the start.
    scale : float
        The size of the first multipliers, of a row of mean weight.

    Attributes
    ----------
    spread : ndarray (n, 1)
        What products of a row are to be in proportion to their mean.
    """

    def __init__(
        self, low: Float, high: Float, bend: Float, most: float, weight: Float, excess: Float, scale: float
    ) -> None:
        self.bend, self.weight = bend, weight
        self.above, self.below = bool(np.isfinite(high).all()), bool(np.isfinite(low).all())
        self.limited = bool(np.isfinite(most))
        self.spread = np.ones((len(weight), 1))
        if self.above or self.limited:
            mean = weight.sum() / max(np.count_nonzero(weight), 1)
            np.divide(mean, weight, out=self.spread[:, 0], where=weight > 0)
        first = scale * self.spread
        n, m = excess.shape
        none = np.zeros((n, m))
        if self.limited:
            self.u = np.full((n, m), most / (m + 1))
            self.total = np.maximum((excess - bend * self.u).max(axis=1, keepdims=True), 0.0) + first
        else:
            middle = 0.5 * (low + high) if self.above and self.below else none
            self.u = middle if self.above else low + (np.abs(excess) + first) / bend if self.below else excess / bend
            self.total = np.zeros((n, 1))
        left = excess - bend * self.u - self.total
        self.p = np.maximum(left, 0.0) + first if self.above else none
        self.q = self.p - left if self.below else none
        # The rooms are kept beside u, which close to a bound has lost in rounding how close.
        self.over, self.under = high - self.u if self.above else none, self.u - low if self.below else none
        self.room = most - _sum(self.u) if self.limited else self.total

    @property
    def n_bounds(self) -> float:
        """Bounds of a column, each by the weight of its row."""
        limited = 1 / self.u.shape[1] if self.limited else 0
        return float(self.weight.sum()) * (self.above + self.below + limited)

    def products(self, t: Float | None = None, move: Move | None = None) -> Float:
        """Return the sums of the products, as they are or after t times a move."""
        p, q, total, over, under, room = self.p, self.q, self.total, self.over, self.under, self.room
        if move is not None and t is not None:
            p, q, over, under = p + t * move.p, q + t * move.q, over - t * move.u, under + t * move.u
            total, room = total + t * move.total, room - t * _sum(move.u)
        result = np.zeros(self.u.shape[1])
        for exists, multiplier, space in ((self.above, p, over), (self.below, q, under)):
            if exists:
                result += np.einsum("i,ij,ij->j", self.weight, multiplier, space)
        return result + float(self.weight @ (total * room)[:, 0]) / len(result) if self.limited else result

    def linearise(self) -> tuple[Float, Float | None]:
        """Return w and slack: u changes by M times what e changes by, M = diag(w) - w w' / (slack + sum w) in each row.

        slack (n, 1) is None where no total is bounded: M = diag(w). Kept for `times`.
        """
        steep = np.array(self.bend)
        if self.above:
            steep += self.p / self.over
        if self.below:
            steep += self.q / self.under
        self.w = np.where(self.weight[:, None] > 0, 1.0 / steep, 0.0)  # others stay where they are, and hold up no step
        self.slack = self.room / self.total if self.limited else None
        return self.w, self.slack

    def times(self, change: Float) -> Float:
        """Return M times a change of e."""
        if self.slack is None:
            return np.asarray(self.w * change)
        # Of differences, as w w' / (slack + sum w) may be all of diag(w) but its last digits.
        du = self.slack * change
        for own, other in zip(self.w.T, change.T, strict=True):
            du += own[:, None] * (change - other[:, None])
        return np.asarray(du * self.w / (self.slack + _sum(self.w)))

    def still(self, mu: Float, ahead: Move | None) -> Move:
        """Return the move of the multipliers that makes the products mu (a column) times `spread` where u stays.

        ahead: a guess of the move, whose products of changes are made up for.
        """
        p, q, total = self.p, self.q, self.total
        mu = mu * self.spread
        if self.above:
            p = (mu + (ahead.u * ahead.p if ahead else 0.0)) / self.over - p
        if self.below:
            q = (mu - (ahead.u * ahead.q if ahead else 0.0)) / self.under - q
        if self.limited:
            total = (
                mu.max(axis=1, keepdims=True) + (_sum(ahead.u) * ahead.total if ahead else 0.0)
            ) / self.room - total
        return Move(np.zeros_like(self.u), p, q, total)

    def move(self, du: Float, still: Move) -> Move:
        """Return the move that goes with a change of u."""
        _, p, q, total = still
        if self.above:
            p = p + self.p / self.over * du
        if self.below:
            q = q - self.q / self.under * du
        if self.limited:
            total = total + self.total / self.room * _sum(du)
        return Move(du, p, q, total)

    def longest(self, move: Move) -> Float:
        """Return how much of a move ends on the first bound of each column."""
        t = np.full(self.u.shape[1], np.inf)
        if self.above:
            t = np.minimum(t, np.minimum(_reach(self.p, move.p), _reach(self.over, -move.u)))
        if self.below:
            t = np.minimum(t, np.minimum(_reach(self.q, move.q), _reach(self.under, move.u)))
        if self.limited:
            t = np.minimum(t, np.minimum(_reach(self.total, move.total), _reach(self.room, -_sum(move.u))))
        return t

    def go(self, t: Float, move: Move) -> None:
        """Take t times the move."""
        self.u = self.u + t * move.u
        if self.above:
            self.p, self.over = self.p + t * move.p, self.over - t * move.u
        if self.below:
            self.q, self.under = self.q + t * move.q, self.under + t * move.u
        if self.limited:
            self.total, self.room = self.total + t * move.total, self.room - t * _sum(move.u)


def _sum(rows: Float) -> Float:
    return np.asarray(rows.sum(axis=1, keepdims=True))


def _reach(room: Float, change: Float) -> Float:
    """How many times a change of what is positive leads to 0, the least of each column."""
    return np.asarray(np.divide(room, -change, out=np.full_like(room, np.inf), where=change < 0).min(axis=0))
