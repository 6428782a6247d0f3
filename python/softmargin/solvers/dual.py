"""The certificate: a dual feasible point, whose value no model's F can be below.

With a_i in the domain of the loss's conjugate, G = sum_i w_i a_i z_i' / sum w over the centred and scaled samples z_i and
r = sum_i w_i a_i / sum w, for every (V, c)

    F(V, c) >= D(a) = - sum_i w_i loss*(a_i) / sum w - R*(-G),    given r = 0,

where R* is ||.||^2 / (2 l2) for an l2 penalty, 0 within ||.||_inf <= l1 for an l1 penalty, sum max(|.| - l1, 0)^2 / (2 l2) for
both. (An intercept with a penalty has ||r||^2 / (2 intercept_penalty) in place of r = 0.) The point is made of the derivatives
of the losses at a model, once its intercept has been made the best one, which makes r zero up to rounding; what is left of r
is removed exactly by mixing in a point that is known to be feasible (`balance`). All in float64, whatever X's dtype.

Source: Fenchel's duality, e.g. Boyd and Vandenberghe, Convex Optimization, 5.1.6; scaling into the l1 domain: El Ghaoui, Viallon
and Rabbani, Safe Feature Elimination for the Lasso, Pacific Journal of Optimization 8 (2012).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from softmargin import _core

from .metric import second_derivatives, solve_semidefinite
from .problem import Float, LinearProblem

# Outputs up to which the Hessian of the intercepts is made in full; beyond it its diagonal serves.
MOST_OUTPUTS = 32

# Steps to the best intercept: the Hessian is kept over them, so they converge by a factor each.
INTERCEPT_STEPS = 12


class Checked(NamedTuple):
    """A model with its F, in float64, and the best dual value known: x has the best intercept for its V."""

    x: Float
    F: float
    dual: float

    @property
    def gap(self) -> float:
        """A bound on (F - F*) / max(|F|, tiny), never below 0."""
        return max(self.F - self.dual, 0.0) / max(abs(self.F), float(np.finfo(np.float64).tiny))


class Certificate:
    """Dual values of a problem: the best seen so far counts."""

    def __init__(self, problem: LinearProblem) -> None:
        self.problem = problem
        self.best = -np.inf
        self._balance: Balance | None = None
        self._intercept_metric: Float | None = None

    @property
    def constrained(self) -> bool:
        """Whether there is an intercept without a penalty, so that r has to be 0."""
        return self.problem.fit_intercept and self.problem.regularizer.intercept == 0

    def check(self, x: Float, smoothing: tuple[Float, float] | None = None) -> Checked:
        """Return F at x with the best intercept, and the best dual value: one pass over X in float64.

        smoothing: centre (n_samples, n_outputs) and width, for a loss that is not smooth.
        """
        problem, core = self.problem, self.problem.core("float64")
        S = problem.scores(x, "float64")
        if smoothing is not None:
            core.smooth(*smoothing)
        none = np.zeros(problem.n_outputs)
        differentiable = smoothing is not None or _core.registry()["losses"][problem.data.loss]["smooth"]
        shift = self._best_intercept(S) if self.constrained and differentiable else none
        _, A, _ = _core.row_losses(core, S, shift, num_threads=problem.num_threads)
        if smoothing is not None:
            core.smooth(None, 0.0)
        value = self._mean_loss(S, shift)
        if smoothing is not None:
            # The best intercept is that of the smoothed loss.
            value, shift = min((value, shift), (self._mean_loss(S, none), none), key=lambda pair: pair[0])
            core.smooth(*smoothing)
        x = x.copy()
        x[problem.n_weights :] += shift
        self.best = max(self.best, self.dual(A))
        return Checked(x, value + problem.penalty(x), self.best)

    def _mean_loss(self, S: Float, shift: Float) -> float:
        core, threads = self.problem.core("float64"), self.problem.num_threads
        return _core.row_losses(core, S, shift, derivatives=False, num_threads=threads)[0]

    def objective(self, x: Float) -> float:
        """Return F at x, in float64: half a pass over X."""
        problem = self.problem
        value = self._mean_loss(problem.scores(x, "float64"), np.zeros(problem.n_outputs))
        return value + problem.penalty(x)

    def dual(self, A: Float) -> float:
        """Return D at A (n_samples, n_outputs), which lies in the domain of the conjugate; A is overwritten."""
        problem = self.problem
        l1, l2, intercept = problem.regularizer
        if self.constrained:
            self._balance = self._balance or Balance(problem)
            self._balance.drop_absent(A)
        G, r = problem.combine(A, "float64")
        value = 0.0
        if self.constrained:
            assert self._balance is not None
            G = self._balance.apply(A, G, r)
        elif problem.fit_intercept:
            value -= float(r @ r) / (2 * intercept)
        if l2 > 0:
            excess = np.maximum(np.abs(G) - l1, 0.0)
            value -= float((excess**2).sum()) / (2 * l2)
        elif l1 > 0:
            largest = float(np.abs(G).max(initial=0.0))
            if largest > l1:
                A *= l1 / largest
                value *= (l1 / largest) ** 2
        elif np.any(G):
            return -np.inf
        return value - _core.row_conjugates(problem.core("float64"), A, num_threads=problem.num_threads)

    def _best_intercept(self, S: Float) -> Float:
        """Return the shift of the intercepts that minimises the losses at scores S: Newton's steps with a kept Hessian."""
        problem, core = self.problem, self.problem.core("float64")
        shift = np.zeros(problem.n_outputs)

        def evaluate(at: Float) -> tuple[float, float, Float]:
            value, _, r = _core.row_losses(core, S, at, derivatives=False, num_threads=problem.num_threads)
            return value, float(np.abs(r).max()), r

        eps = float(np.finfo(np.float64).eps)
        value, worst, r = evaluate(shift)
        fresh = self._intercept_metric is None
        if fresh:
            self._intercept_metric = self._intercept_hessian(S)
        for _ in range(INTERCEPT_STEPS):
            if worst <= 4 * eps:
                break
            assert self._intercept_metric is not None
            trial = shift - solve_semidefinite(self._intercept_metric, r)
            new_value, new_worst, new_r = evaluate(trial)
            better = new_worst < worst and new_value <= value + 8 * eps * abs(value)
            good = better and new_worst < 0.5 * worst
            if better:
                shift, value, worst, r = trial, new_value, new_worst, new_r
            if good:
                fresh = False
                continue
            if fresh:
                break
            self._intercept_metric, fresh = self._intercept_hessian(S + shift), True
        return shift

    def _intercept_hessian(self, S: Float) -> Float:
        problem, k = self.problem, self.problem.n_outputs
        weight = problem.data.sample_weight
        if k > MOST_OUTPUTS or problem.data.kind != "classes":
            if problem.data.kind != "classes":
                diagonal = np.average(second_derivatives(problem, S, np.ones_like(S)), axis=0, weights=weight)
            else:
                signs = np.random.default_rng(0).choice([-1.0, 1.0], size=S.shape)
                diagonal = np.average(signs * second_derivatives(problem, S, signs), axis=0, weights=weight)
            return np.diag(np.maximum(diagonal, 1e-12))
        columns = []
        for c in range(k):
            unit = np.zeros_like(S)
            unit[:, c] = 1.0
            columns.append(np.average(second_derivatives(problem, S, unit), axis=0, weights=weight))
        return np.array(columns)


class Balance:
    """Takes what is left of r out of a dual point: a_i becomes (1 - lambda) a_i + Q[y_i], feasible, with r = 0.

    Q depends on the target of a sample alone, so that all it changes in G are the sums of the samples of each kind of target.
    """

    def __init__(self, problem: LinearProblem) -> None:
        self.problem, data = problem, problem.data
        info = _core.registry()["losses"][data.loss]
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
        weight = data.sample_weight
        self.share = [np.average(kind, axis=0, weights=weight) for kind in self.kinds]
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
        if self.total is not None:
            moved = self._one_distribution(A, G, r)
            return self._simplex(A, G, r) if moved is None else moved
        return self._flows(A, G, r)

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
            G[c] -= r[c] * self.problem.rows(rows[c : c + 1], "float64")[0]
        return G

    def _one_distribution(self, A: Float, G: Float, r: Float) -> Float | None:
        """The same out of the one sample whose least likely class has the most room."""
        weight = self._weights()
        present = self.share[0] > 0
        room = (A + self.kinds[0])[:, present].min(axis=1) * weight
        row = int(room.argmax())
        amount = r * weight.sum()
        if room[row] < np.abs(amount).max():
            return None
        A[row] -= amount / weight[row]
        z = self.problem.rows(np.array([row]), "float64")[0]
        for c in np.flatnonzero(r):
            G[c] -= r[c] * z
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
