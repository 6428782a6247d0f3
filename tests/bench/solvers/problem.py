"""What a problem is: data, loss, penalty, and its objective in float64."""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import scipy.sparse

from .losses import LOSSES

# Rows converted to float64 at a time: 50 MB at 3072 features. Only the speed of the checks depends on it.
BLOCK = 2048


@dataclass(frozen=True, eq=False)
class Problem:
    """Minimise F(W, b) = mean loss + alpha/2 (|W|^2 + intercept_penalty |b|^2).

    W (n_outputs, n_features) and b (n_outputs,) go with `peer_X`: the standardised features where `standardize`, else X.
    """

    name: str
    X: np.ndarray | scipy.sparse.csr_matrix  # (n_samples, n_features) uint8, float16, float32 or CSR float32
    y: np.ndarray  # (n_samples,) int64: labels 0..n_outputs-1, or -1 and 1 for one output
    loss: str  # one of LOSSES
    alpha: float
    n_outputs: int
    standardize: bool = False
    intercept_penalty: float = 0.0

    @property
    def C(self):
        """The same penalty as scikit-learn and LIBLINEAR count it."""
        return 1 / (self.alpha * self.X.shape[0])

    def augmented(self):
        """Return the problem with the intercept penalised as LIBLINEAR does at intercept_scaling=1: as one more column of ones."""
        return replace(self, intercept_penalty=1.0)

    @cached_property
    def statistics(self):
        """Means and standard deviations (n_features,) in float64; a constant feature has deviation infinity, so that it becomes 0."""
        n, d = self.X.shape
        if not self.standardize:
            return np.zeros(d), np.ones(d)
        starts = range(0, n, BLOCK)
        mean = sum(self.X[i : i + BLOCK].sum(axis=0, dtype=np.float64) for i in starts) / n
        variance = sum(np.square(self.X[i : i + BLOCK].astype(np.float64) - mean).sum(axis=0) for i in starts) / n
        return mean, np.where(variance > 0, np.sqrt(variance), np.inf)

    def blocks(self):
        """Yield (rows, X[rows] in float64, standardised where asked for)."""
        mean, scale = self.statistics
        for i in range(0, self.X.shape[0], BLOCK):
            rows = slice(i, i + BLOCK)
            X = self.X[rows].astype(np.float64)
            if self.standardize:
                X -= mean
                X /= scale
            yield rows, X

    @cached_property
    def peer_X(self):
        """X as the others take it: float32, standardised; made once and outside of every measured time."""
        if scipy.sparse.issparse(self.X) or (self.X.dtype == np.float32 and not self.standardize):
            return self.X
        X = np.empty(self.X.shape, dtype=np.float32)
        for rows, block in self.blocks():
            X[rows] = block
        return X

    def to_peer_units(self, W, b):
        """Turn W (n_outputs, n_features), b (n_outputs,) of the problem's own X into those of `peer_X`."""
        mean, scale = self.statistics
        W = np.asarray(W, dtype=np.float64)
        return W * np.where(np.isinf(scale), 0, scale), b + W @ mean

    def objective(self, W, b):
        """Return F in float64."""
        return self.objectives([(W, b)])[0]

    def objectives(self, points):
        """Return F of each (W, b), a (len(points),) array, in one pass over X."""
        n, k, p = self.X.shape[0], self.n_outputs, len(points)
        W = np.concatenate([np.reshape(W, (k, -1)) for W, _ in points]).astype(np.float64)
        b = np.concatenate([np.reshape(b, k) for _, b in points]).astype(np.float64)
        F = np.zeros(p)
        for rows, X in self.blocks():
            S = (X @ W.T + b).reshape(-1, p, k)
            F += [LOSSES[self.loss](S[:, i], self.y[rows])[0].sum() for i in range(p)]
        penalty = np.square(W).reshape(p, -1).sum(axis=1) + self.intercept_penalty * np.square(b).reshape(p, k).sum(
            axis=1
        )
        return F / n + self.alpha / 2 * penalty
