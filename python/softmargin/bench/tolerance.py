"""How far two right passes may lie apart, from the rounding errors of their sums."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np

# A sum of m terms, rounded in any order, is off by at most LAMBDA sqrt(m) u sum |terms| with probability
# 1 - 2 exp(-LAMBDA^2 / 2), 1 - 3e-14 here (Higham and Mary, A new approach to probabilistic rounding error analysis,
# SIAM J. Sci. Comput. 41, 2019).
LAMBDA = 8
U = 2.0**-24  # of float32


class Pass(NamedTuple):
    """Loss, dW (n_outputs, n_features) and db (n_outputs,): results of a pass, or how far off they may be."""

    loss: float
    dW: Any
    db: Any


def tolerances(W: Any, b: Any, X: Any, y: Any, loss: str, u: float = U) -> Pass:
    """Return the largest difference of loss, dW and db of two passes over X, dense or CSR and without negative entries.

    With e the error of a score, twice that for the two passes:

    - softmax: |loss(s + e) - loss(s)| <= 2 e and |dS(s + e) - dS(s)| <= e / 2 in each entry, as its slope is p (1 - p) and
      p_i p_j, whose absolute values sum to at most 1/2. Roundings of different rows are independent, so their sum grows as
      the root of the sum of the squares.
    - logistic: each of the k terms has a slope of at most 1, and dS one of at most 1/4.
    - hinge: each of the k - 1 terms changes by at most 2 e; dS only where a term is that close to its kink, and there by 1.
    - dW adds up dS X over the rows, with an error of its own.
    """
    n, k, places = X.shape[0], len(W), np.arange(X.shape[0])
    dense = isinstance(X, np.ndarray)
    X = X.astype(W.dtype, copy=False)
    S = np.asarray(X @ W.T) + b
    sizes = (np.asarray(X @ np.abs(W).T) + np.abs(b)).max(axis=1, keepdims=True)  # sum |terms| of a score
    length = X.shape[1] if dense else int(np.diff(X.indptr).max())
    e = 2 * LAMBDA * np.sqrt(length + 1) * u * sizes
    flipped = np.zeros((n, 1))
    if loss == "softmax":
        change, moved = 2 * e, e / 2
        size = np.exp(S - S.max(axis=1, keepdims=True))
        size /= size.sum(axis=1, keepdims=True)
        size[places, y] = 1
    elif loss == "logistic":
        change, moved, size = k * e, e / 4, np.ones((n, k), dtype=W.dtype)
    else:
        terms = S - S[places, y][:, None] + 1
        terms[places, y] = -np.inf
        near, size = np.abs(terms) <= 4 * e, (terms > 0).astype(W.dtype)  # these terms are off by up to 2 e as well
        size[places, y] = size.sum(axis=1)
        change, moved, flipped = 2 * (k - 1) * e, np.zeros((n, 1)), near.astype(np.float64)
        flipped[places, y] = flipped.sum(axis=1)
    # exp, log and the sums over k outputs: a few roundings more for each row, on the same side for all in the worst case.
    few = 2 * (k + 4) * u
    whole = flipped + (few + 2 * LAMBDA * np.sqrt(n) * u) * size
    squares = X**2 if dense else X.multiply(X).tocsr()
    spread = np.sqrt(np.asarray(squares.T @ (moved**2).astype(W.dtype))).T  # the same for every output
    dW = (np.asarray(X.T @ whole.astype(W.dtype)).T + spread) / n
    db = (whole.sum(axis=0) + np.sqrt((moved**2).sum(axis=0))) / n
    return Pass(float(np.linalg.norm(change)) / n + few * (1 + float(np.abs(S).max()) * k), dW, db)


def check_equal(got: Any, expected: Any, allowed: Pass) -> None:
    """Assert that loss, dW, db are the same to within `allowed`."""
    for name, a, b, tolerance in zip(Pass._fields, got, expected, allowed, strict=True):
        difference = np.abs(np.asarray(a, dtype=np.float64) - b)
        # A feature without entries has no tolerance and needs none.
        ratio = np.divide(
            difference, tolerance, out=np.where(difference == 0, 0.0, np.inf), where=np.asarray(tolerance) > 0
        )
        excess = np.max(ratio)
        if not excess <= 1:
            raise AssertionError(f"{name}: {excess:.2f} times the tolerance")


def agree_with_first(allowed: Pass) -> Callable[[Mapping[str, Any]], None]:
    """Return what checks that all results equal the first one."""

    def check(results: Mapping[str, Any]) -> None:
        first, *others = results.values()
        for other in others:
            check_equal(other, first, allowed)

    return check
