"""Descent on the rows: the optimum it finds is the one that descent on the features finds, for every loss that it takes."""

import numpy as np
import pytest
import scipy.sparse

import softmargin as sm
from softmargin import _core
from softmargin.objective import read_data
from softmargin.solvers.exact import prepare
from softmargin.solvers.row_space import Element, RowSpace

SMOOTH = [name for name, info in _core.registry()["losses"].items() if info["smooth"]]


def data(loss, n=61, d=83, k=3, sparse=True):
    """Return X, more features than rows, and targets of the loss's kind."""
    rng = np.random.default_rng(0)
    X = scipy.sparse.random_array((n, d), density=0.2, rng=rng, format="csr") if sparse else rng.standard_normal((n, d))
    kind = _core.registry()["losses"][loss]["target"]
    y = rng.standard_normal((n, k)) if kind == "real" else rng.permutation(np.arange(n) % k)
    return X, y


@pytest.mark.parametrize("loss", SMOOTH)
def test_the_optimum_is_that_of_descent_on_the_features(loss):
    for sparse in (True, False):
        X, y = data(loss, sparse=sparse)
        rng = np.random.default_rng(1)
        for options in (
            {},
            {"fit_intercept": False},
            {"intercept_penalty": 0.1},
            {"sample_weight": rng.integers(0, 3, len(y)).astype(float)},
            {"standardize": True},
        ):
            expected = sm.solve(X, y, loss=loss, penalty=sm.L2(0.02), tol=1e-10, method="diagonal", **options)
            found = sm.solve(X, y, loss=loss, penalty=sm.L2(0.02), tol=1e-10, method="rows", **options)
            assert found.method == "rows"
            assert found.converged
            np.testing.assert_allclose(found.loss, expected.loss, rtol=1e-9)
            np.testing.assert_allclose(found.W, expected.W, atol=3e-4)


@pytest.mark.parametrize("loss", [name for name in _core.registry()["losses"] if name not in SMOOTH])
def test_a_loss_that_is_not_smooth(loss):
    """Rounds of smoothed losses; both certify their distance from the same optimum."""
    X, y = data(loss)
    for options in ({}, {"fit_intercept": False}, {"sample_weight": np.random.default_rng(1).random(len(y))}):
        given = {"loss": loss, "penalty": sm.L2(0.02), "tol": 1e-6, **options}
        expected, found = (sm.solve(X, y, method=method, **given) for method in ("diagonal", "rows"))
        assert found.method == "rows"
        assert found.converged
        assert expected.loss * (1 - expected.gap) <= found.loss * (1 + 1e-12)
        assert found.loss * (1 - found.gap) <= expected.loss * (1 + 1e-12)


def test_weights_to_start_from_need_not_lie_in_the_span():
    X, y = data("softmax")
    W0 = np.random.default_rng(2).standard_normal((3, X.shape[1]))
    cold = sm.solve(X, y, penalty=sm.L2(0.02), tol=1e-9, method="rows")
    warm = sm.solve(X, y, penalty=sm.L2(0.02), tol=1e-9, method="rows", W0=W0, intercept0=np.ones(3))
    np.testing.assert_allclose(warm.loss, cold.loss, rtol=1e-9)
    again = sm.solve(X, y, penalty=sm.L2(0.02), tol=1e-6, method="rows", W0=cold.W, intercept0=cold.intercept)
    assert again.n_iter == 0


@pytest.mark.parametrize("loss", ["softmax", "logistic"])
def test_an_element_is_the_vector_that_combine_makes(loss):
    X, y = data(loss)
    weight = np.random.default_rng(3).random(len(y))
    for standardize in (False, True):
        problem = prepare(
            read_data(X, y, loss, dtype=np.dtype(np.float64), sample_weight=weight), sm.L2(0.1),
            fit_intercept=True, standardize=standardize, intercept_penalty=0.0, num_threads=1, deadline=None,
        )  # fmt: skip
        A = np.random.default_rng(4).standard_normal((len(y), problem.n_outputs))
        A -= weight @ A / weight.sum()
        V, _ = problem.combine(A, "float64")
        scores = problem.scores(problem.join(V, np.zeros(problem.n_outputs)), "float64")
        S = problem.products(A, "float64")
        # Scores of features that are centred, and of those that are not, differ by one number an output.
        np.testing.assert_allclose(S - S[0], scores - scores[0], atol=1e-12)
        rows = RowSpace(problem, np.zeros(problem.size), "float64")
        np.testing.assert_allclose(rows.dot(Element(A, S), Element(A, S)), np.vdot(V, V), rtol=1e-12)


def test_the_bits_do_not_depend_on_the_threads():
    X, y = data("softmax", 700, 6000)
    first, *others = [sm.solve(X.astype(np.float32), y, tol=1e-5, num_threads=threads) for threads in (1, 2, 3)]
    assert first.method == "rows"
    for other in others:
        np.testing.assert_array_equal(other.W, first.W)


def test_it_falls_back_on_the_features_where_the_optimum_is_elsewhere():
    X, y = data("softmax", 50, 6000)
    assert sm.solve(X, y, penalty=sm.ElasticNet(0.01, l1_ratio=0.5), tol=1e-3).method == "diagonal"
    assert sm.solve(X, y, tol=1e-3).method == "rows"
    with pytest.raises(ValueError, match="method: expected 'rows' with an l2 penalty alone"):
        sm.solve(X, y, penalty=sm.L1(0.01), method="rows")
