"""The two searches keep the best of what they try, can be repeated, and go through F as everything else does."""

import math
import re

import numpy as np
import pytest
import scipy.sparse

import softmargin as sm
from softmargin import reference

RNG = np.random.default_rng(0)
X = RNG.normal(size=(40, 3))
Y = RNG.integers(0, 3, 40)
SEARCHES = {sm.random_search: "scale", sm.random_local_search: "step_size"}


def searched(search, spread=0.1, **options):
    return search(X, Y, **{"n_trials": 60, "rng": 1, SEARCHES[search]: spread} | options)


@pytest.mark.parametrize("search", SEARCHES)
def test_the_best_is_kept(search):
    for options in ({}, {"penalty": sm.L2(0.1)}, {"loss": "hinge", "margin": 0.5}, {"sample_weight": Y + 1.0}):
        result = searched(search, **options)
        losses = [record.loss for record in result.history]
        assert losses == sorted(losses, reverse=True)
        assert losses[-1] < losses[0]
        assert [record.epoch for record in result.history] == list(range(1, 61))
        assert {record.lr for record in result.history} == {0.1}
        assert result.n_steps == 60
        F = reference.loss_and_grad(result.W, X, Y, intercept=result.intercept, **{"loss": "softmax"} | options).loss
        assert math.isclose(F, losses[-1], rel_tol=1e-13)
        assert (result.optimizer_state, result.run_state) == (None, None)


def test_random_search_is_what_it_says():
    """The same normal numbers, by hand."""
    generator = np.random.default_rng(1)
    best, lowest = None, math.inf
    for _ in range(60):
        weights = 0.1 * generator.standard_normal((3, 4))
        value = reference.loss_and_grad(weights[:, :3], X, Y, intercept=weights[:, 3]).loss
        best, lowest = (weights, value) if value < lowest else (best, lowest)
    result = searched(sm.random_search)
    np.testing.assert_array_equal(result.W, best[:, :3])
    np.testing.assert_array_equal(result.intercept, best[:, 3])


def test_random_local_search_is_what_it_says():
    generator = np.random.default_rng(1)
    best = np.zeros((3, 4))
    lowest = math.log(3)
    for _ in range(60):
        weights = best + 0.1 * generator.standard_normal((3, 4))
        value = reference.loss_and_grad(weights[:, :3], X, Y, intercept=weights[:, 3]).loss
        best, lowest = (weights, value) if value < lowest else (best, lowest)
    result = searched(sm.random_local_search)
    np.testing.assert_array_equal(result.W, best[:, :3])
    assert math.isclose(result.history[-1].loss, lowest, rel_tol=1e-13)


def test_where_the_local_search_starts():
    W0 = np.full((3, 3), 2.0)
    result = searched(sm.random_local_search, spread=1e-9, n_trials=1, W0=W0)
    np.testing.assert_allclose(result.W, W0, atol=1e-7)
    nowhere = searched(sm.random_local_search, spread=1e6)  # every step is for the worse
    np.testing.assert_array_equal(nowhere.W, np.zeros((3, 3)))
    assert nowhere.history[-1].loss == pytest.approx(math.log(3), rel=1e-14)


@pytest.mark.parametrize("search", SEARCHES)
def test_forms_of_the_result(search):
    result = searched(search)
    np.testing.assert_allclose(result.predict_scores(X), X @ result.W.T + result.intercept, atol=1e-14)
    again = searched(search, rng=np.random.default_rng(1))
    np.testing.assert_array_equal(again.W, result.W)
    assert searched(search, fit_intercept=False).intercept is None
    options = {SEARCHES[search]: 0.3, "n_trials": 5, "rng": 0}
    for data, dtype in [(X.astype(np.float32), np.float32), (X, np.float64), (scipy.sparse.csr_array(X), np.float64)]:
        assert search(data, Y, **options).W.dtype == dtype
    one = search(X, np.where(Y > 0, 1, -1), loss="logistic", positive_weight=[2.0], **options)
    assert one.W.shape == (1, 3)
    with pytest.raises(
        ValueError, match=r"^resume: expected a FitResult of fit, got one of a search; give its W as W0$"
    ):
        sm.fit(X, Y, resume=result)
    sm.fit(X, Y, W0=result.W, intercept0=result.intercept, epochs=1)


@pytest.mark.parametrize("search", SEARCHES)
def test_refusals(search):
    spread = SEARCHES[search]
    for options, kind, text in [
        ({"n_trials": 0}, ValueError, "n_trials: expected an integer at least 1, got 0"),
        ({spread: 0}, ValueError, f"{spread}: expected a number above 0, got 0.0"),
        ({"rng": "a"}, TypeError, "rng: expected None, an integer or a numpy Generator, got 'a' (str)"),
        ({"fit_intercept": 1}, TypeError, "fit_intercept: expected True or False, got 1 (int)"),
    ]:
        with pytest.raises(kind, match=f"^{re.escape(text)}$"):
            search(X, Y, **options)
