"""Centred coordinates with one scale, in which automatic rates train: the same F, the same minimum, reported in raw units."""

import itertools
import warnings

import numpy as np
import pytest
import scipy.sparse

import softmargin as sm
from softmargin import LinearClassifier, LinearRegressor
from softmargin.objective import read_data
from softmargin.training.coordinates import Coordinates, coordinates
from softmargin.training.trials import penalty_value

RNG = np.random.default_rng(0)
N, D, K = 300, 9, 3
X = 5 * RNG.normal(size=(N, D)) * RNG.uniform(0.3, 2, D) + 20
Y = ((X - 20) @ RNG.normal(size=(D, K)) + 3 * RNG.normal(size=(N, K))).argmax(axis=1)
WEIGHTS = RNG.integers(0, 3, N) + RNG.random(N)
PENALTIES = {"none": None, "l2": sm.L2(0.3), "l1": sm.L1(0.2), "elasticnet": sm.ElasticNet(0.1, 0.3)}


def spec(penalty):
    return None if penalty is None else penalty.spec


def found(data=X, penalty=None, weight=None, fit_intercept=True):
    read = read_data(data, np.arange(len(Y)) % 3, "softmax", sample_weight=weight)
    return coordinates(read, spec(penalty), fit_intercept=fit_intercept, num_threads=1)


def F(model, data, *, loss="softmax", penalty=None, **given):
    b = np.asarray(model.intercept_, dtype=np.float64)
    return sm.loss_and_grad(
        model.coef_.astype(np.float64), data, Y, loss=loss, intercept=b, penalty=penalty, **given
    ).loss


@pytest.mark.parametrize("weight", [None, WEIGHTS], ids=["plain", "weighted"])
def test_means_and_one_power_of_two(weight):
    place = found(weight=weight)
    mean = np.average(X, axis=0, weights=weight)
    deviation = np.sqrt(np.average((X - mean) ** 2, axis=0, weights=weight).mean())
    np.testing.assert_allclose(place.mean, mean, rtol=1e-12)
    assert np.log2(place.scale) == round(np.log2(deviation))
    assert found(weight=weight) == place != found(1.01 * X, weight=weight)
    assert len({found(weight=weight), place}) == 1
    assert repr(place) == f"Coordinates(9 means, scale={place.scale:g})"


@pytest.mark.parametrize("name", PENALTIES)
def test_the_penalty_is_the_same_number(name):
    """Exactly: the scale is a power of two. An elastic net is told by its sum and a share, which round."""
    place = Coordinates(np.zeros(D), 8.0)
    for W in (RNG.normal(size=(K, D)), np.zeros((K, D)), RNG.normal(size=(1, D)).astype(np.float32)):
        expected = penalty_value(spec(PENALTIES[name]), W)
        got = penalty_value(place.penalty(spec(PENALTIES[name])), 8 * W)
        assert got == pytest.approx(expected, rel=1e-15 if name != "elasticnet" else 1e-14, abs=0)


def test_where_there_are_none():
    assert found(scipy.sparse.csr_array(X)) is None  # a shift would make its steps dense
    assert found(fit_intercept=False) is None  # nothing to take up a shift
    assert found(np.full((N, D), 3.0)) is None  # nothing to divide by
    assert found(1e-155 * X, sm.L2(1.0)) is None  # a penalty beyond all numbers
    assert found(1e-155 * X) is not None


@pytest.mark.parametrize("name", PENALTIES)
def test_fit_tells_F_in_raw_units(name):
    """Full batches at a rate of 0: what the history says is F, and the weights come back as they went in."""
    place, penalty = found(), PENALTIES[name]
    W0, b0 = RNG.normal(size=(K, D)), RNG.normal(size=K)
    given = {"penalty": penalty, "batch_size": None, "epochs": 1, "standardize": place, "sample_weight": WEIGHTS}
    result = sm.fit(X, Y, W0=W0, intercept0=b0, optimizer=sm.optimizers.SGD(lr=0.0), **given)
    expected = sm.loss_and_grad(W0, X, Y, intercept=b0, penalty=penalty, sample_weight=WEIGHTS).loss
    assert result.history[0].loss == pytest.approx(expected, rel=1e-12)
    np.testing.assert_array_equal(result.W, W0)  # times a power of two and back
    np.testing.assert_allclose(result.intercept, b0, rtol=1e-12, atol=1e-12 * np.abs(W0 @ X.mean(axis=0)).max())


def test_a_step_is_one_of_the_centred_features():
    """By hand: V = scale W moves along the gradient that z = (x - mean) / scale has."""
    place, penalty, rate = found(), sm.L2(0.3), 0.1
    given = {"optimizer": sm.optimizers.SGD(lr=rate), "batch_size": None, "epochs": 3}
    got = sm.fit(X, Y, penalty=penalty, standardize=place, **given)
    Z = (X - place.mean) / place.scale
    expected = sm.fit(Z, Y, penalty=sm.L2(0.3 / place.scale**2), **given)
    np.testing.assert_allclose(place.scale * got.W, expected.W, rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(got.intercept + got.W @ place.mean, expected.intercept, rtol=1e-10, atol=1e-11)
    assert got.history[-1].loss == pytest.approx(expected.history[-1].loss, rel=1e-12)


@pytest.mark.parametrize("rule", sm.optimizers.names())
def test_gone_on_bit_for_bit(rule):
    given = {"penalty": sm.L2(0.01), "optimizer": sm.optimizers.get(rule)(lr=0.01), "standardize": found(), "rng": 0}
    whole = sm.fit(X, Y, epochs=4, average=True, **given)
    half = sm.fit(X, Y, epochs=2, average=True, **given)
    again = sm.fit(X, Y, epochs=4, average=True, resume=half, **given | {"rng": None})
    np.testing.assert_array_equal(again.W, whole.W)
    np.testing.assert_array_equal(again.intercept, whole.intercept)
    with pytest.raises(ValueError, match=r"^resume: expected the options of the earlier run, got standardize=False"):
        sm.fit(X, Y, epochs=4, average=True, resume=half, **given | {"standardize": False})


@pytest.mark.parametrize("name", PENALTIES)
def test_estimators_reach_the_optimum_far_from_zero(name):
    """Features of mean 20: without a shift the intercept and they fight for the same direction. F at the optimum from `solve`."""
    penalty = PENALTIES[name] if name != "none" else sm.L2(1e-4)
    best = sm.solve(X, Y, penalty=penalty, tol=1e-9).loss
    for rule in ("SGD", "Adam"):
        model = LinearClassifier(solver=rule, penalty=penalty, random_state=0, tol=0.0)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # how far it still fell in the last epochs
            model.fit(X, Y)
        assert -1e-9 < F(model, X, penalty=penalty) / best - 1 < 0.05, rule
        if name == "l1":
            zeros = model.coef_ == 0
            W = sm.solve(X, Y, penalty=penalty, tol=1e-9).W
            assert zeros.any()
            assert np.abs(W[zeros]).max() < 0.02  # exact, and where the optimum has them


def test_every_way_to_run():
    """dtypes, averages, a start, a validation set, parts: each below F at zero weights, and most of the way to the optimum."""
    zero, best = np.log(3), sm.solve(X, Y, penalty=sm.L2(1e-3), tol=1e-6).loss
    half = zero - 0.5 * (zero - best)
    for dtype, options in itertools.product(
        (np.uint8, np.float16, np.float32, np.float64), ({}, {"average": True}, {"early_stopping": True})
    ):
        data = X.clip(0, 255).astype(dtype)
        model = LinearClassifier(solver="SGD", alpha=1e-3, random_state=0, max_epochs=20, tol=0.0, **options)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model.fit(data, Y)
            assert F(model, data, penalty=sm.L2(1e-3)) < half, (dtype, options)
            assert model._recipe_of.coordinates is not None
            again = model.set_params(warm_start=True, max_epochs=1, average=False, early_stopping=False).fit(data, Y)
        assert F(again, data, penalty=sm.L2(1e-3)) < half
    parts = LinearClassifier(solver="SGD", alpha=1e-3, random_state=0, max_epochs=20)
    for _ in range(20):
        for rows in (slice(0, N, 2), slice(1, N, 2)):
            parts.partial_fit(X[rows], Y[rows], classes=range(3))
    assert F(parts, X, penalty=sm.L2(1e-3)) < half
    real = X @ RNG.normal(size=D) + RNG.normal(size=N)
    regressor = LinearRegressor(solver="SGD", alpha=1e-3, random_state=0, max_epochs=20, tol=0.0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert regressor.fit(X, real).score(X, real) > 0.9
