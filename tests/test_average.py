"""fit(average=True): the average of the iterates, dense and lazily kept, against the reference and the plain definition."""

import itertools

import numpy as np
import pytest
import scipy.sparse

import softmargin as sm
from softmargin import reference

from .fits import PENALTIES, RNG, RULES, SEED, SHIFTED, SPARSE, WEIGHTS, D, K, N, X, Y, close, same_arrays, same_results


@pytest.mark.parametrize("rule", RULES, ids=str)
def test_the_reference(rule):
    """Every rule with every penalty, layout, scaling and weighting, as the trajectories of plain runs are compared."""
    for penalty, data, standardize, weight in itertools.product(
        PENALTIES, (SHIFTED, SPARSE), (False, True), (None, WEIGHTS)
    ):
        options = {"penalty": penalty, "optimizer": rule, "batch_size": 16, "epochs": 3, "standardize": standardize}
        options |= {"sample_weight": weight, "rng": SEED, "average": True}
        expected = reference.fit(data, Y, **options)
        # Tolerances as for the iterates themselves (test_training.py), of which this is an average.
        close(sm.fit(data, Y, **options), expected, 1e-10)
        close(sm.fit(data.astype(np.float32), Y, **options), expected, 2e-4)


def iterates(data, **options):
    """W after every step, a run of one epoch in which each step is an epoch of the whole data set."""
    seen = []
    sm.fit(data, Y, batch_size=None, callback=lambda info: seen.append(info.W), **options)
    return np.array(seen)


def test_the_definition():
    """Weights t (t + 1) (t + 2), which c_t = 4 / (t + 3) unrolls to: about t^3, and the first half counts 6 %."""
    for data in (X, SPARSE):
        options = {"epochs": 40, "shuffle": False, "optimizer": sm.optimizers.SGD(lr=0.5), "penalty": sm.L2(0.1)}
        W = iterates(data, **options)
        t = np.arange(1.0, 41)
        weights = t * (t + 1) * (t + 2)
        expected = np.tensordot(weights / weights.sum(), W, 1)
        got = sm.fit(data, Y, batch_size=None, average=True, **options)
        np.testing.assert_allclose(got.W, expected, rtol=0, atol=1e-13 * np.abs(W).max())
        assert np.abs(got.W - W[-1]).max() > 1e-4 * np.abs(W[-1]).max()
        assert (weights[:20].sum() / weights.sum()) < 0.08
        same_arrays(got.run_state.W, W[-1])


def test_the_steps_stay_the_same():
    for data, penalty in itertools.product((X, SPARSE), (None, sm.L2(0.1))):
        options = {"epochs": 3, "batch_size": 16, "rng": SEED, "penalty": penalty}
        plain, averaged = sm.fit(data, Y, **options), sm.fit(data, Y, average=True, **options)
        same_arrays(averaged.run_state.W, plain.W)
        same_arrays(averaged.run_state.intercept, plain.intercept)
        assert [r.loss for r in averaged.history] == [r.loss for r in plain.history]
        assert plain.run_state.average is None


def test_many_sparse_steps():
    """Rare features, shrinkage that multiplies V out again and again, and a falling rate, over 6500 steps.

    A = Q U loses a rounding of 1e-16 in each of them; the float32 run loses those of the iterates, 1e-7 each.
    """
    data = scipy.sparse.random_array((N, 40), density=0.05, format="csr", rng=RNG)
    schedule = sm.schedules.InverseScaling(horizon=100)
    steps = np.concatenate([schedule.lr(e * N, N, e, 0.5) for e in range(100)])
    for penalty, fit_intercept in itertools.product((None, sm.L2(0.1), sm.L2(1.5)), (True, False)):
        options = {"epochs": 100, "batch_size": 1, "penalty": penalty, "fit_intercept": fit_intercept, "rng": SEED}
        options |= {"optimizer": sm.optimizers.SGD(lr=0.5), "average": True}
        expected = reference.fit(data, Y, lr=steps, **options)
        close(sm.fit(data, Y, schedule=schedule, **options), expected, 1e-11)
        close(sm.fit(data.astype(np.float32), Y, schedule=schedule, **options), expected, 1e-4)


def test_nothing_done_is_where_it_began():
    start = np.ones((K, D))
    for data in (X, SPARSE):
        same_arrays(sm.fit(data, Y, epochs=0, average=True, W0=start).W, start)


def test_any_number_of_threads():
    wide = scipy.sparse.random_array((300, 700), density=0.05, format="csr", rng=RNG)
    y = RNG.integers(0, 3, 300)
    for data, rule in itertools.product((wide, wide.toarray()), (RULES[0], sm.optimizers.Adam(lr=0.01))):
        options = {
            "average": True,
            "batch_size": 32,
            "epochs": 3,
            "rng": SEED,
            "optimizer": rule,
            "penalty": sm.L2(0.1),
        }
        one = sm.fit(data, y, num_threads=1, **options)
        for threads in (2, 3, 8):
            same_results(sm.fit(data, y, num_threads=threads, **options), one)


def test_callback_and_validation_see_the_average():
    seen = []
    result = sm.fit(
        X, Y, epochs=3, rng=SEED, average=True, validation=(X[:9], Y[:9]), callback=lambda info: seen.append(info.W)
    )
    same_arrays(seen[-1], result.W)
    value = sm.loss_and_grad(result.W, X[:9], Y[:9], intercept=result.intercept).loss
    np.testing.assert_allclose(result.history[-1].val_loss, value, rtol=1e-14)


def test_a_constant_rate_gains_by_it():
    """Least squares with noise: the iterates stay about their noise away from the optimum, their average comes nearer."""
    data = RNG.normal(size=(4000, 5))
    y = data @ np.arange(5.0) + RNG.normal(size=4000)
    best = sm.solve(data, y, loss="mse", penalty=None, tol=1e-10).loss
    options = {"loss": "mse", "optimizer": sm.optimizers.SGD(lr=0.05), "batch_size": 4, "epochs": 5, "rng": SEED}
    excess = []
    for average in (False, True):
        run = sm.fit(data, y, average=average, **options)
        value = sm.loss_and_grad(run.W, data, y, loss="mse", intercept=run.intercept).loss
        excess.append(value / best - 1)
    assert excess[1] < excess[0] / 5


def test_refusals():
    with pytest.raises(TypeError, match=r"^average: expected True or False, got 1 \(int\)$"):
        sm.fit(X, Y, average=1)
    first = sm.fit(X, Y, epochs=1, rng=SEED)
    text = "^resume: expected the options of the earlier run, got average=True where it had False$"
    with pytest.raises(ValueError, match=text):
        sm.fit(X, Y, epochs=2, average=True, resume=first)
