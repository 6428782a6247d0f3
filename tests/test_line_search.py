"""Steps along known scores: the slope vanishes at their end, for every loss, weights, and outputs that search each for itself."""

import numpy as np
import pytest
from scipy.optimize import brentq
from sklearn.datasets import load_digits

import softmargin as sm
from softmargin._validation import read_matrix
from softmargin.objective import read_data
from softmargin.solvers.exact import prepare
from softmargin.solvers.line_search import FLAT, LONGEST, best_steps

RNG = np.random.default_rng(0)
N, D, K = 60, 5, 3
X = RNG.normal(size=(N, D))
LABELS, REAL, WEIGHT = RNG.integers(0, K, N), RNG.normal(size=(N, K)), RNG.random(N)
SMOOTH = [name for name in sm.losses.names() if sm.losses.info(name)["smooth"]]


def problem_of(loss, sample_weight=None, intercept_penalty=0.0):
    y = REAL if sm.losses.info(loss)["target"] == "real" else LABELS
    data = read_data(read_matrix(X), y, loss, dtype=np.dtype(np.float64), sample_weight=sample_weight)
    return prepare(
        data,
        sm.L2(0.1),
        fit_intercept=True,
        standardize=False,
        intercept_penalty=intercept_penalty,
        num_threads=0,
        deadline=None,
    )


def along(problem, x, t, p):
    """The slope of F at x + t p along p, of each output where it is a sum over them."""
    V, c = problem.split(p)
    _, g = problem.smooth(x + problem.join(t[:, None] * V, t * c), "float64")
    G, r = problem.split(g)
    each = (G * V).sum(axis=1) + r * c
    return each if problem.data.kind != "classes" else each.sum(keepdims=True)


@pytest.mark.parametrize("loss", SMOOTH)
@pytest.mark.parametrize("factor", [1e-3, 1.0, 30.0])
def test_the_slope_vanishes(loss, factor):
    for weight, intercept_penalty in ((None, 0.0), (WEIGHT, 0.3)):
        problem = problem_of(loss, weight, intercept_penalty)
        x = RNG.normal(size=problem.size)
        _, g = problem.smooth(x, "float64")
        p = -factor * g
        S, D = problem.scores(x, "float64"), problem.scores(x + p, "float64")
        t = best_steps(problem, S, D - S, x, p)
        before, after = along(problem, x, np.zeros(K), p), along(problem, x, t, p)
        free = np.broadcast_to(t < LONGEST, (K,))[: len(after)]
        assert np.any(free) or factor < 1
        assert np.all(np.abs(after[free]) <= 1.01 * FLAT * np.abs(before[free]))


def test_uphill_outputs_stay():
    problem = problem_of("binary_squared_hinge")
    x = RNG.normal(size=problem.size)
    _, g = problem.smooth(x, "float64")
    P, q = (part.copy() for part in problem.split(-g))
    P[1] *= -1
    q[1] *= -1
    p = problem.join(P, q)
    S, D = problem.scores(x, "float64"), problem.scores(x + p, "float64")
    t = best_steps(problem, S, D - S, x, p)
    assert t[1] == 0
    assert 0 < t[0] != t[2] > 0
    # The control: a root of the slope of the first output alone, found by another method.
    root = brentq(lambda s: along(problem, x, np.array([s, 0.0, 0.0]), p)[0], 0.0, LONGEST)
    assert abs(t[0] / root - 1) < 5 * FLAT


@pytest.mark.parametrize("loss", ["squared_hinge", "binary_squared_hinge"])
@pytest.mark.parametrize("alpha", [1e-2, 1e-4, 1e-6])
def test_squared_hinges_of_separable_data(loss, alpha):
    """Curvature that jumps: without stronger penalties on the way Newton's steps are 150 and more at 1e-4."""
    X, y = load_digits(return_X_y=True)
    result = sm.solve(X[:300], y[:300], loss=loss, penalty=sm.L2(alpha), tol=1e-6)
    assert result.converged
    assert result.method == "newton"
    assert result.n_iter < 60
