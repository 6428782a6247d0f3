"""Training: the reference against steps written out, and the compiled `fit` against it, every loss and rule."""

import inspect

import numpy as np
import pytest
import scipy.sparse

import softmargin as sm
from softmargin import _core, reference
from softmargin.reference import LOSSES, OPTIMIZERS, TARGETS, fit, loss_and_grad, permutation


def problem(name="softmax", n=50, d=5, k=3):
    """Return X, y for a loss, features far from standardised."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n, d)) * [1.0, 2.0, 0.5, 1.0, 1.0] + [0.0, 1.0, 0.0, -1.0, 0.0]
    y = {"classes": rng.integers(0, k, n), "signs": rng.choice([-1, 1], (n, k)), "real": rng.normal(size=(n, k))}
    return X, y[TARGETS[name]]


def decays(name):
    """Return whether a rule has weight decay."""
    return "weight_decay" in inspect.signature(OPTIMIZERS[name].step).parameters


# --- The reference against what it says ------------------------------------------------------------------------------


def test_permutations():
    from softmargin.reference.permutation import GOLDEN, mix

    # The first outputs of SplitMix64 from seed 0, as published.
    assert [mix(i * GOLDEN % 2**64) for i in (1, 2, 3)] == [0xE220A8397B1DCDAF, 0x6E789E6AA1B965F4, 0x06C45D188009454F]
    seen = set()
    for seed in (0, 1, 2**64 - 1):
        for epoch in range(3):
            for n in (1, 2, 63, 257):
                assert sorted(permutation(n, seed, epoch)) == list(range(n))
            seen.add(tuple(permutation(257, seed, epoch)))
    assert len(seen) == 9
    # Every order of 3 comes up about as often: 6000 draws, standard deviation sqrt(1000 x 5/6) = 29, five of them.
    counts = np.unique([permutation(3, 7, epoch) @ [9, 3, 1] for epoch in range(6000)], return_counts=True)[1]
    assert len(counts) == 6
    assert np.abs(counts - 1000).max() < 150


def test_the_core_takes_the_samples_in_the_same_order():
    for n in (1, 2, 63, 64, 65, 257):
        for seed in (0, 12345, 2**64 - 1):
            for epoch in (0, 1, 1000):
                np.testing.assert_array_equal(_core.permutation(n, seed, epoch), permutation(n, seed, epoch))


def test_a_full_batch_is_gradient_descent():
    X, y = problem()
    w = np.arange(50) % 3 * 0.5
    W, b, history = np.zeros((3, 5)), np.zeros(3), []
    for _ in range(4):
        result = loss_and_grad(W, X, y, intercept=b, sample_weight=w, penalty=("l2", (0.1,)))
        history.append(result.loss)
        W, b = W - 0.2 * result.grad, b - 0.2 * result.intercept_grad
    got = fit(X, y, penalty=("l2", (0.1,)), optimizer=("SGD", {"lr": 0.2}), batch_size=None, epochs=4, sample_weight=w)
    np.testing.assert_allclose(got.W, W, rtol=1e-12)
    np.testing.assert_allclose(got.intercept, b, rtol=1e-12)
    np.testing.assert_allclose(got.history, history, rtol=1e-12)
    assert got.n_steps == 4


def test_minibatches_one_after_the_other():
    """Batches of 20 of 50 samples: the last has 10, and counts as much as the others."""
    X, y = problem()
    w = 1.0 + np.arange(50) % 4
    seed = int(np.random.default_rng(3).integers(0, 2**64, dtype=np.uint64))
    W, history = np.zeros((3, 5)), []
    for epoch in range(2):
        order, losses = permutation(50, seed, epoch), []
        for rows in (order[:20], order[20:40], order[40:]):
            S = X[rows] @ W.T
            loss, dS = LOSSES["hinge"](S, y[rows])
            factor = 50 / (len(rows) * w.sum())
            losses.append(factor * w[rows] @ loss + 0.05 * np.sum(W**2))
            W = W - 0.1 * (factor * (w[rows, None] * dS).T @ X[rows] + 0.1 * W)
        history.append(np.mean(losses))
    options = {"loss": "hinge", "penalty": ("l2", (0.1,)), "batch_size": 20, "epochs": 2, "rng": 3}
    got = fit(X, y, sample_weight=w, fit_intercept=False, **options)
    np.testing.assert_allclose(got.W, W, rtol=1e-12)
    np.testing.assert_allclose(got.history, history, rtol=1e-12)
    assert (got.n_steps, got.intercept, got.seed) == (6, None, seed)
    # A Generator is drawn from once.
    again = fit(X, y, sample_weight=w, fit_intercept=False, **options | {"rng": np.random.default_rng(3)})
    np.testing.assert_array_equal(again.W, got.W)


@pytest.mark.parametrize("fit_intercept", [True, False])
def test_standardize_is_training_on_standardised_features(fit_intercept):
    X, y = problem()
    X[:, 4] = 7.0  # constant
    w = 1.0 + np.arange(50) % 4
    mean = np.average(X, axis=0, weights=w)
    scale = np.sqrt(np.average((X - mean) ** 2, axis=0, weights=w))
    scale[4] = np.inf
    Z = (X - mean * fit_intercept) / scale
    options = {
        "penalty": ("l2", (0.1,)),
        "sample_weight": w,
        "rng": 1,
        "batch_size": 16,
        "fit_intercept": fit_intercept,
    }
    plain, got = fit(Z, y, **options), fit(X, y, standardize=True, **options)
    np.testing.assert_allclose(got.history, plain.history, rtol=1e-12)
    np.testing.assert_allclose(got.W, plain.W / scale, rtol=0, atol=1e-13)
    assert not got.W[:, 4].any()
    if fit_intercept:
        np.testing.assert_allclose(got.intercept, plain.intercept - got.W @ mean, rtol=0, atol=1e-12)
    # Going on from raw weights is going on from the same scores; rows of weight 0 have no say in what is standard.
    more = {"W0": got.W, "intercept0": got.intercept, "shuffle": False}
    further = fit(X, y, standardize=True, **options | {"epochs": 1} | more)
    start = {"W0": got.W * np.where(np.isinf(scale), 0, scale)}
    start["intercept0"] = None if got.intercept is None else got.intercept + got.W @ mean
    expected = fit(Z, y, **options | {"epochs": 1, "shuffle": False} | start)
    np.testing.assert_allclose(further.history, expected.history, rtol=1e-12)


def test_learning_rates_a_step():
    X, y = problem()
    rates = 0.5 / (1 + np.arange(8))
    options = {"batch_size": 13, "epochs": 2, "rng": 0}
    by_array = fit(X, y, lr=rates, **options)
    by_function = fit(X, y, lr=lambda step: 0.5 / (1 + step), **options)
    np.testing.assert_array_equal(by_array.W, by_function.W)
    constant = fit(X, y, lr=0.3, **options)
    np.testing.assert_array_equal(constant.W, fit(X, y, optimizer=("SGD", {"lr": 0.3}), **options).W)


def test_neither_penalty_nor_weight_decay_touches_the_intercept():
    X = np.zeros((8, 1))  # only the intercept can move
    for name in filter(decays, OPTIMIZERS):
        free = fit(X, np.ones(8), loss="mse", optimizer=(name, {"lr": 0.1, "weight_decay": 0.0}), epochs=20)
        held = fit(
            X,
            np.ones(8),
            loss="mse",
            optimizer=(name, {"lr": 0.1, "weight_decay": 0.5}),
            epochs=20,
            penalty=("l2", (1.0,)),
        )
        np.testing.assert_array_equal(free.intercept, held.intercept)


# --- The compiled core against the reference -------------------------------------------------------------------------


def compare(X, y, dtype, *, steps_differ=1.0, optimizer=("SGD", {"lr": 0.05}), penalty=None, **options):
    """Fit both ways and compare W, intercept and history.

    A step rounds scores, gradients and weights some ten times each, relative to their largest entries; the runs below
    are short and their rates small, so that errors add up over the steps and are not magnified. `steps_differ` allows
    for rules that divide by small numbers.
    """
    eps = np.finfo(dtype).eps
    name, hyperparameters = optimizer
    expected = fit(X, y, optimizer=optimizer, penalty=penalty, **options)
    W0 = options.pop("W0", np.zeros_like(expected.W)).astype(dtype)
    spec = None if penalty is None else sm.penalties.get(penalty[0])(*penalty[1])
    rule = sm.optimizers.get(name)(**hyperparameters)
    got = sm.fit(X, y, W0=W0, optimizer=rule, penalty=spec, **options)
    assert got.n_steps == expected.n_steps
    assert got.W.dtype == dtype
    size = max(np.abs(expected.W).max(), 1.0)
    tolerance = 30 * expected.n_steps * eps * size * steps_differ
    np.testing.assert_allclose(got.W, expected.W, rtol=0, atol=tolerance)
    if expected.intercept is None:
        assert got.intercept is None
    else:
        np.testing.assert_allclose(got.intercept, expected.intercept, rtol=0, atol=tolerance)
    losses = [record.loss for record in got.history]
    np.testing.assert_allclose(losses, expected.history, rtol=0, atol=tolerance * max(*expected.history, 1.0))


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("name", LOSSES)
def test_every_loss_trains_as_the_reference_says(name, dtype):
    X, y = problem(name)
    w = (np.arange(50) % 4) * 0.5
    base = {"loss": name, "epochs": 3, "batch_size": 16, "rng": 5, "margin": 0.7, "delta": 0.6}
    positive_weight = [2.0, 1.0, 0.5] if TARGETS[name] == "signs" else None
    for options in [
        {},
        {"fit_intercept": False, "sample_weight": w},
        {"standardize": True, "sample_weight": w, "positive_weight": positive_weight},
        {"standardize": True, "fit_intercept": False, "penalty": ("l2", (0.1,))},
        {"penalty": ("elasticnet", (0.1, 0.5)), "shuffle": False},
        {"batch_size": None, "penalty": ("l1", (0.05,))},
        {"batch_size": 1, "epochs": 1, "W0": np.full((3, 5), 0.25), "intercept0": np.full(3, -0.5)},
    ]:
        compare(X, y, dtype, **base | options)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_every_rule_trains_as_the_reference_says(name, dtype):
    X, y = problem()
    variants = [{}, {"weight_decay": 0.1}] if decays(name) else [{}]
    if name == "SGD":
        variants += [{"momentum": 0.9}, {"momentum": 0.9, "nesterov": True}, {"momentum": 0.5, "dampening": 0.5}]
    for hyperparameters in variants:
        for options in [
            {},
            {"penalty": ("l2", (0.1,)), "standardize": True},
            {"penalty": ("l1", (0.05,))},
            {"penalty": ("elasticnet", (0.1, 0.5)), "batch_size": None, "fit_intercept": False},
        ]:
            # Rules that divide by the root of a mean square turn a relative error of a gradient entry, which may be
            # small beside the largest, into one of the step.
            compare(
                X, y, dtype, optimizer=(name, {"lr": 0.02} | hyperparameters), steps_differ=10, rng=6,
                **{"epochs": 3, "batch_size": 16} | options,
            )  # fmt: skip


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_sparse_steps_train_as_the_reference_says(dtype):
    rng = np.random.default_rng(7)
    dense = rng.normal(size=(60, 40)) * (rng.random((60, 40)) < 0.1)
    X, y = scipy.sparse.csr_array(dense), rng.integers(0, 3, 60)
    for penalty in [None, ("l2", (0.5,)), ("l1", (0.01,)), ("elasticnet", (0.05, 0.5))]:
        for options in [{}, {"fit_intercept": False}, {"standardize": True}, {"optimizer": ("Adam", {"lr": 0.02})}]:
            compare(X, y, dtype, steps_differ=10, penalty=penalty, **{"batch_size": 7, "epochs": 3, "rng": 8} | options)
    compare(X, y, dtype, optimizer=("SGD", {"lr": 0.5, "weight_decay": 0.3}), batch_size=7, epochs=3, rng=8)
    # A rate that shrinks W to next to nothing each step, and one that turns it round.
    for lr in (1.9, 2.5):
        compare(X, y, dtype, optimizer=("SGD", {"lr": lr}), penalty=("l2", (0.5,)), batch_size=7, epochs=3, rng=8)


def test_the_history_of_sparse_steps_has_the_penalty_of_both_ends_of_the_epoch():
    rng = np.random.default_rng(9)
    dense, y = rng.normal(size=(30, 4)), rng.integers(0, 3, 30)
    options = {"penalty": ("l2", (1.0,)), "batch_size": 5, "epochs": 1, "rng": 0, "fit_intercept": False}
    sparse_fit = fit(scipy.sparse.csr_array(dense), y, **options)
    dense_fit = fit(dense, y, **options)
    np.testing.assert_array_equal(sparse_fit.W, dense_fit.W)
    assert sparse_fit.history != dense_fit.history


# --- The loop that the core is timed against -------------------------------------------------------------------------


@pytest.mark.parametrize("loss", ["softmax", "hinge"])
def test_the_numpy_loop_does_the_same_steps(loss):
    X, y = problem(loss)
    for name, hyperparameters in [
        ("SGD", {}),
        ("SGD", {"momentum": 0.9}),
        ("SGD", {"momentum": 0.9, "nesterov": True}),
        ("Adagrad", {}),
        ("RMSprop", {"alpha": 0.9}),
        ("Adam", {"betas": (0.8, 0.95)}),
    ]:
        expected = fit(X, y, loss=loss, optimizer=(name, {"lr": 0.05} | hyperparameters), batch_size=None, epochs=8)
        options = {"loss": loss, "optimizer": name, "hyperparameters": hyperparameters, "lr": 0.05}
        got = reference.fit_float32(X, y, batch_size=None, epochs=8, **options)
        tolerance = 30 * 8 * np.finfo(np.float32).eps * 10  # as in `compare`
        np.testing.assert_allclose(got.W, expected.W, rtol=0, atol=tolerance)
        np.testing.assert_allclose(got.intercept, expected.intercept, rtol=0, atol=tolerance)
        np.testing.assert_allclose(got.history, expected.history, rtol=0, atol=tolerance)
        # Its own order of the samples, so only: batches with a short last one get somewhere.
        batches = reference.fit_float32(X, y, batch_size=16, epochs=20, seed=1, **options)
        assert batches.W.dtype == np.float32
        assert batches.history[-1] < batches.history[0]
