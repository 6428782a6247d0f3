"""The losses in float64 as functions of the scores: value, slope and curvature, independent of the package and of its peers.

Each takes S (m, k) and y (m,), labels 0..k-1, or -1 and 1 where k = 1, and returns

    value (m,), slope (m, k) = dvalue/dS, curvature: V (m, k) -> (d2value/dS2) V (m, k)
"""

import numpy as np
from scipy.special import expit


def signs(y, k):
    """Return T (m, k) of +-1: y itself for one output, one class against the others for more."""
    return y[:, None].astype(np.float64) if k == 1 else np.where(y[:, None] == np.arange(k), 1.0, -1.0)


def softmax(S, y):
    """-log softmax(s)_y"""
    places = np.arange(len(S))
    S = S - S.max(axis=1, keepdims=True)
    P = np.exp(S)
    total = P.sum(axis=1, keepdims=True)
    value = np.log(total[:, 0]) - S[places, y]
    P /= total
    slope = P.copy()
    slope[places, y] -= 1
    return value, slope, lambda V: P * (V - (P * V).sum(axis=1, keepdims=True))


def logistic(S, y):
    """sum_j log(1 + exp(-t_j s_j))"""
    T = signs(y, S.shape[1])
    P = expit(-T * S)
    return np.logaddexp(0, -T * S).sum(axis=1), -T * P, lambda V: P * (1 - P) * V


def binary_hinge(S, y):
    """sum_j max(0, 1 - t_j s_j), which has no curvature: its optimum is not for Newton's method."""
    T = signs(y, S.shape[1])
    H = np.maximum(1 - T * S, 0)
    return H.sum(axis=1), -T * (H > 0), np.zeros_like


def binary_squared_hinge(S, y):
    """sum_j max(0, 1 - t_j s_j)^2"""
    T = signs(y, S.shape[1])
    H = np.maximum(1 - T * S, 0)
    return (H**2).sum(axis=1), -2 * T * H, lambda V: 2 * (H > 0) * V


def squared_hinge(S, y):
    """Weston-Watkins, each term squared: sum over j != y of max(0, s_j - s_y + 1)^2"""
    places = np.arange(len(S))
    H = np.maximum(S - S[places, y][:, None] + 1, 0)
    H[places, y] = 0

    def close(U):
        U[places, y] = -U.sum(axis=1)
        return U

    def curvature(V):
        return close(2 * (H > 0) * (V - V[places, y][:, None]))

    return (H**2).sum(axis=1), close(2 * H), curvature


LOSSES = {f.__name__: f for f in (softmax, logistic, binary_hinge, binary_squared_hinge, squared_hinge)}
