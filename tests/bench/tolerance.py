"""How far two right passes in float32 may lie apart, from the rounding errors of their sums."""

import numpy as np

# A sum of m terms, rounded in float32 in any order, is off by at most LAMBDA sqrt(m) U sum |terms| with probability
# 1 - 2 exp(-LAMBDA^2 / 2), 1 - 3e-14 here (Higham and Mary, A new approach to probabilistic rounding error analysis,
# SIAM J. Sci. Comput. 41, 2019).
LAMBDA = 8
U = 2.0**-24


def tolerances(W, b, X, y, loss):
    """Return the largest difference of loss, of dW (n_outputs, n_features) and of db (n_outputs,) of two passes over X.

    With e the error of a score, twice that for the two passes:

    - softmax: |loss(s + e) - loss(s)| <= 2 e and |dS(s + e) - dS(s)| <= e / 2 in each entry, as its slope is p (1 - p) and
      p_i p_j, whose absolute values sum to at most 1/2. Roundings of different rows are independent, so their sum grows as
      the root of the sum of the squares.
    - hinge: each of the k - 1 terms changes by at most 2 e; dS only where a term is that close to its kink, and there by 1.
    - dW adds up dS X over the rows, with an error of its own.
    """
    n, k, places = len(X), len(W), np.arange(len(X))
    X = X.astype(np.float32, copy=False)
    S = X @ W.T + b
    sizes = (X @ np.abs(W).T + np.abs(b)).max(axis=1, keepdims=True)  # sum |terms| of a score; X has no negative entry
    e = 2 * LAMBDA * np.sqrt(X.shape[1] + 1) * U * sizes
    if loss == "softmax":
        change, moved, flipped = 2 * e, np.broadcast_to(e / 2, (n, k)), np.zeros((n, k))
        size = np.exp(S - S.max(axis=1, keepdims=True))
        size /= size.sum(axis=1, keepdims=True)
        size[places, y] = 1
    else:
        terms = S - S[places, y][:, None] + 1
        terms[places, y] = -np.inf
        near, size = np.abs(terms) <= 4 * e, (terms > 0).astype(np.float64)  # these terms are off by up to 2 e as well
        size[places, y] = size.sum(axis=1)
        change, moved, flipped = 2 * (k - 1) * e, np.zeros((n, k)), near.astype(np.float64)
        flipped[places, y] = flipped.sum(axis=1)
    # exp, log and the sums over k outputs: a few roundings more for each row, on the same side for all in the worst case.
    few = 2 * (k + 4) * U
    whole = flipped + (few + 2 * LAMBDA * np.sqrt(n) * U) * size
    dW = (whole.T.astype(np.float32) @ X + np.sqrt((moved**2).T.astype(np.float32) @ X**2)) / n
    db = (whole.sum(axis=0) + np.sqrt((moved**2).sum(axis=0))) / n
    return np.linalg.norm(change) / n + few * (1 + float(np.abs(S).max()) * k), dW, db


def check_equal(got, expected, allowed):
    """Assert that loss, dW, db are the same to within `allowed`, the three of `tolerances`."""
    for name, a, b, tolerance in zip(("loss", "dW", "db"), got, expected, allowed, strict=True):
        excess = np.max(np.abs(np.asarray(a, dtype=np.float64) - b) / tolerance)
        assert excess <= 1, f"{name}: {excess:.2f} times the tolerance"
