"""What makes a dual point feasible where the intercept is free: its mean r is taken out exactly."""

from __future__ import annotations

import numpy as np

from softmargin.objective import LOSSES

from .problem import Float, LinearProblem


class Balance:
    """Takes what is left of r out of a dual point: a_i becomes (1 - lambda) a_i + Q[y_i], feasible, with r = 0.

    Q depends on the target of a sample alone, so that all it changes in G are the sums of the samples of each kind of target.
    """

    def __init__(self, problem: LinearProblem) -> None:
        self.problem, data = problem, problem.data
        info = LOSSES[data.loss]
        self.each, self.total = info["dual_each"], info["dual_total"]
        if "delta" in info["parameters"] and self.each is not None:
            self.each *= data.delta
        k, n = problem.n_outputs, problem.n_samples
        targets = data.targets
        if data.kind == "real":
            self.kinds = [np.ones((n, k))]
        elif targets.ndim == 1:
            onehot = np.zeros((n, k))
            onehot[np.arange(n), targets] = 1.0
            self.kinds = [onehot] if data.kind == "classes" else [onehot, 1.0 - onehot]
        elif data.kind == "classes":
            self.kinds = [targets.astype(np.float64)]
        else:
            self.kinds = [(targets > 0).astype(np.float64), (targets < 0).astype(np.float64)]
        weight = np.ones(n) if data.sample_weight is None else data.sample_weight
        self.share: list[Float] = [weight @ kind / weight.sum() for kind in self.kinds]
        self._sums: list[Float] | None = None
        self._mean: Float | None = None

    def sums(self) -> list[Float]:
        """Return for each kind of target the weighted means of its samples, (n_outputs, n_features)."""
        if self._sums is None:
            self._sums = [self.problem.combine(kind, "float64")[0] for kind in self.kinds]
        return self._sums

    def mean(self) -> Float:
        """Return the weighted mean of the centred and scaled samples (n_features,)."""
        if self._mean is None:
            if self.problem.data.kind == "real":
                self._mean = self.sums()[0][0]
            elif self.problem.data.kind == "signs":
                self._mean = self.sums()[0][0] + self.sums()[1][0]
            else:
                self._mean = self.sums()[0].sum(axis=0)  # the targets of a sample sum to 1, or nearly so
        return self._mean

    def drop_absent(self, A: Float) -> None:
        """Empty the dual variables of outputs whose r cannot be balanced, as all their targets are of one kind."""
        data = self.problem.data
        if data.kind == "real":
            return
        if data.kind == "signs":
            weight = 1.0 if data.positive_weight is None else data.positive_weight
            A[:, (self.share[0] * weight == 0) | (self.share[1] == 0)] = 0.0
            return
        absent = self.share[0] == 0
        if not absent.any():
            return
        if data.targets.ndim == 1:
            A[np.arange(len(A)), data.targets] += A[:, absent].sum(axis=1)  # less to pay out
            A[:, absent] = 0.0
            return
        targets = self.kinds[0]
        P = A + targets
        P[:, absent] = 0.0
        left = P.sum(axis=1, keepdims=True)
        P *= np.divide(targets.sum(axis=1, keepdims=True), left, out=np.zeros_like(left), where=left > 0)
        A[:] = np.where(left > 0, P - targets, 0.0)

    def apply(self, A: Float, G: Float, r: Float) -> Float:
        """Make r zero in A, in place, and return G of the new A."""
        kind = self.problem.data.kind
        if not np.any(r):
            return G
        if kind == "real":
            shrink = 1.0 if self.each is None else 1.0 / (1.0 + np.abs(r) / self.each)
            A -= r
            A *= shrink
            balanced: Float = (G - np.outer(r, self.mean())) * np.reshape(shrink, (-1, 1))
            return balanced
        if kind == "signs":
            moved = self._one_sign_each(A, G, r)
            return self._signs(A, G, r) if moved is None else moved
        G = self._between_classes(A, G, r)
        if not r.max() > 0 > r.min():
            return G
        return self._flows(A, G, r) if self.total is None else self._simplex(A, G, r)

    def _weights(self) -> Float:
        weight = self.problem.data.sample_weight
        return np.ones(self.problem.n_samples) if weight is None else weight

    def _one_sign_each(self, A: Float, G: Float, r: Float) -> Float | None:
        """Take r, where it is rounding, out of the sample of each output with the most room: it saves the sums, a pass over X."""
        weight, scale = self._weights(), self.problem.data.positive_weight
        (up, down), outputs = self.kinds, np.arange(self.problem.n_outputs)
        room = (down - up) * A
        if self.each is not None:
            room = np.minimum(room, self.each * (down + up * (1.0 if scale is None else scale)) - room)
        room *= weight[:, None]
        rows = room.argmax(axis=0)
        amount = r * weight.sum()
        if np.any(room[rows, outputs] < np.abs(amount)):
            return None
        A[rows, outputs] -= np.divide(amount, weight[rows], out=np.zeros_like(r), where=r != 0)
        for c in np.flatnonzero(r):
            self.problem.add_row(G[c], -r[c], rows[c])
        return G

    def _between_classes(self, A: Float, G: Float, r: Float) -> Float:
        """The same for classes, pair by pair: out of the one sample of the most room between two classes; as far as there is room.

        Where neither of the two is at its bound both score alike at the optimum, so that it costs next to nothing. A, G and r are changed.
        """
        weight, labels = self._weights(), self.problem.data.targets
        while r.max() > 0 > r.min():
            much, little = int(r.argmax()), int(r.argmin())
            amount = min(r[much], -r[little])
            if self.total is not None:
                P = A[:, [much, little]] + self.kinds[0][:, [much, little]]
                room = P.min(axis=1)
            else:
                # u of the other class, in samples of one of the two.
                u = np.where(labels == much, A[:, little], np.where(labels == little, A[:, much], 0.0))
                room = u if self.each is None else np.minimum(u, self.each - u)
            room = room * weight
            row = int(room.argmax())
            if room[row] < amount * weight.sum():
                break
            move = amount * weight.sum() / weight[row]
            A[row, much] -= move
            A[row, little] += move
            self.problem.add_row(G[much], -amount, row)
            self.problem.add_row(G[little], amount, row)
            r[much] -= amount
            r[little] += amount
        return G

    def _signs(self, A: Float, G: Float, r: Float) -> Float:
        """Raise the side that is too small: r > 0 means that the positive samples' -a are."""
        (positive, negative), (up, down) = self.share, self.kinds
        share = np.where(r > 0, positive, negative)
        usable = (share > 0) & (r != 0)
        amount = np.divide(np.abs(r), share, out=np.zeros_like(r), where=usable)
        keep = np.ones_like(r)
        if self.each is not None:
            weight = self.problem.data.positive_weight
            limit = np.where(r > 0, self.each * (1.0 if weight is None else weight), self.each)
            ratio = np.divide(amount, limit, out=np.zeros_like(r), where=limit > 0)
            keep = 1.0 / (1.0 + ratio)
        to_positive, to_negative = np.where(r > 0, -amount, 0.0) * keep, np.where(r < 0, amount, 0.0) * keep
        A *= keep
        A += up * to_positive + down * to_negative
        up_sum, down_sum = self.sums()
        return G * keep[:, None] + up_sum * to_positive[:, None] + down_sum * to_negative[:, None]

    def _simplex(self, A: Float, G: Float, r: Float) -> Float:
        """Mix in m q - t with one q for all samples: the shares of the classes, less what r has too much of.

        m is the sum of a sample's t: 1, but for the rounding of a distribution.
        """
        share, targets = self.share[0], self.kinds[0]
        ratio = np.divide(r, share, out=np.zeros_like(r), where=share > 0).max()
        mix = ratio / (1.0 + ratio)
        q = mix * share - (1 - mix) * r
        q = np.where(share > 0, np.maximum(q, 0.0), 0.0)
        q *= mix / q.sum() if q.sum() > 0 else 0.0
        A *= 1 - mix
        A += targets.sum(axis=1, keepdims=True) * q - mix * targets
        return np.asarray((1 - mix) * G + np.outer(q, self.mean()) - mix * self.sums()[0])

    def _flows(self, A: Float, G: Float, r: Float) -> Float:
        """Let class c pay (r_c - r_j) / k to j where that is positive."""
        share, k = self.share[0], self.problem.n_outputs
        pay = np.maximum(r[:, None] - r[None, :], 0.0) / np.count_nonzero(share)
        Q = np.divide(pay, share[:, None], out=np.zeros_like(pay), where=share[:, None] > 0)
        Q[:, share == 0] = 0.0
        keep = 1.0 if self.each is None else 1.0 / (1.0 + float(Q.max()) / self.each)
        Q *= keep
        Q[np.diag_indices(k)] = -(Q.sum(axis=1))
        A *= keep
        A += Q[self.problem.data.targets]
        return keep * G + Q.T @ self.sums()[0]
