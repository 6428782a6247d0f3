"""L-BFGS's direction against the BFGS update of a dense inverse Hessian, pair by pair."""

import numpy as np
import pytest

from softmargin.solvers.lbfgs import PAIRS, SCALED_EACH, Memory
from softmargin.solvers.metric import Metric

SIZE = 12


class Dense(Metric):
    """A metric M that is given."""

    def __init__(self, M):
        self.M = M

    def solve(self, g, free=None):
        own = np.arange(SIZE) if free is None else np.flatnonzero(free)
        step = np.zeros(SIZE)
        step[own] = np.linalg.solve(self.M[np.ix_(own, own)], g[own])
        return step

    def multiply(self, p):
        return self.M @ p


def updated(H, s, y):
    """The inverse of the BFGS update: Nocedal and Wright, Numerical Optimization, (6.17)."""
    rho = 1 / (s @ y)
    left = np.eye(len(s)) - rho * np.outer(s, y)
    return left @ H @ left.T + rho * np.outer(s, s)


def spd(rng):
    A = rng.standard_normal((SIZE, SIZE))
    return A @ A.T + SIZE * np.eye(SIZE)


@pytest.mark.parametrize("n_pairs", [0, 1, SCALED_EACH, PAIRS, 2 * PAIRS + 3])
@pytest.mark.parametrize("restricted", [False, True])
def test_direction(n_pairs, restricted):
    """Of the last pairs alone, in the order in which they came, wherever they are kept."""
    rng = np.random.default_rng(n_pairs)
    Q, metric, memory = spd(rng), Dense(spd(rng)), Memory(SIZE)
    free = np.arange(SIZE) % 3 > 0 if restricted else np.ones(SIZE, bool)
    pairs = [(s, Q @ s) for s in rng.standard_normal((n_pairs, SIZE))]
    g = rng.standard_normal(SIZE)
    for s, y in pairs:
        memory.add(s, y)
        found = memory.direction(g, metric, free if restricted else None)  # which also renews the scale of the metric
    if not pairs:
        np.testing.assert_allclose(memory.direction(g, metric), -metric.solve(g), rtol=1e-12)
        return
    inverse = np.linalg.inv(metric.M[np.ix_(free, free)])
    kept = [(s[free], y[free]) for s, y in pairs[-PAIRS:] if s[free] @ y[free] > 0]
    scaled_at = [i for i in range(n_pairs) if i < SCALED_EACH or (i - SCALED_EACH + 1) % SCALED_EACH == 0][-1]
    s, y = (part[free] for part in pairs[scaled_at])
    H = inverse * (s @ y) / (y @ inverse @ y)
    for s, y in kept:
        H = updated(H, s, y)
    expected = np.zeros(SIZE)
    expected[free] = -H @ g[free]
    # Products of up to PAIRS updates of condition ~10 each lose a few digits of 1e-16.
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-9 * np.abs(expected).max())


def test_flat_pairs_are_forgotten():
    memory = Memory(SIZE)
    s = np.ones(SIZE)
    memory.add(s, -s)
    memory.add(s, np.zeros(SIZE))
    assert len(memory) == 0
    memory.add(s, s)
    assert len(memory) == 1
