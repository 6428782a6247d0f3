"""fit: its trajectories against the reference."""

import itertools
import math

import numpy as np
import pytest
import scipy.sparse

import softmargin as sm
from softmargin import _core, reference

from .fits import PENALTIES, RNG, RULES, SEED, SHIFTED, SPARSE, WEIGHTS, D, K, N, X, Y, close, same_arrays, same_results


@pytest.mark.parametrize("rule", RULES, ids=str)
def test_trajectories(rule):
    """Every rule with every penalty, layout, scaling and weighting: three epochs of five batches, the last of one sample."""
    for penalty, data, standardize, weight in itertools.product(
        PENALTIES, (SHIFTED, SPARSE), (False, True), (None, WEIGHTS)
    ):
        options = {
            "penalty": penalty,
            "optimizer": rule,
            "batch_size": 16,
            "epochs": 3,
            "standardize": standardize,
            "sample_weight": weight,
            "rng": SEED,
        }
        expected = reference.fit(data, Y, **options)
        # 15 steps of roundings of 1e-16, magnified at most by a small g beside a small sqrt(v): 1e-10 leaves room for that.
        close(sm.fit(data, Y, **options), expected, 1e-10)
        # In float32 a gradient has an error of about 1e-6 of its terms. A rule that divides by sqrt(v) makes that an error of
        # lr * 1e-6 * |terms| / |g| in a weight, where g happens to be small: up to a hundredfold here.
        close(sm.fit(data.astype(np.float32), Y, **options), expected, 2e-4)


@pytest.mark.parametrize("loss", sm.losses.names())
def test_every_loss(loss):
    kind = sm.losses.info(loss)["target"]
    several = {"classes": [Y], "signs": [Y, np.where(Y > 0, 1, -1)], "real": [X[:, 0], X[:, :2]]}[kind]
    if sm.losses.info(loss)["distributions"]:
        several.append(RNG.dirichlet(np.ones(K), N))
    for y, standardize, data in itertools.product(several, (False, True), (SHIFTED, SPARSE)):
        options = {"loss": loss, "batch_size": 16, "epochs": 3, "rng": SEED, "margin": 0.75, "delta": 0.5}
        options |= {"optimizer": sm.optimizers.SGD(lr=0.01), "standardize": standardize, "sample_weight": WEIGHTS}
        close(sm.fit(data, y, **options), reference.fit(data, y, **options), 1e-10)
        if kind == "signs":
            weight = {"positive_weight": np.array([2.0, 0.5, 1.0])[: reference.targets.count_outputs(y, kind)]}
            close(sm.fit(data, y, **options, **weight), reference.fit(data, y, **options, **weight), 1e-10)


def test_awkward_sizes_and_batches():
    rng = np.random.default_rng(1)
    for n, d in itertools.product((1, 2, 63, 64, 65, 257), (1, 2, 63, 64, 65, 257)):
        data, y = rng.normal(size=(n, d)), rng.integers(0, 3, n)
        for batch_size in (1, 2, 64, None, 1000):
            if batch_size in (1, 2) and n * d > 5000:
                continue  # the reference is slow
            options = {"batch_size": batch_size, "epochs": 2, "rng": SEED, "W0": np.zeros((3, d))}
            options |= {"optimizer": sm.optimizers.SGD(lr=0.01), "fit_intercept": n % 2 == 0}
            got = sm.fit(data, y, **options)
            close(got, reference.fit(data, y, **options), 1e-10)
            assert got.n_steps == 2 * math.ceil(n / min(batch_size or n, n))


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_batches_by_halves(threads):
    """Of 2^17 numbers and more, where one or two threads take the gradient with the scores; 1003 features leave a panel unfilled."""
    rng = np.random.default_rng(2)
    n, d = 300, 1003
    data, y = rng.normal(size=(n, d)), rng.integers(0, 3, n)
    options = {"batch_size": 140, "epochs": 3, "rng": SEED, "penalty": sm.L2(0.1)}
    options |= {"optimizer": sm.optimizers.Adam(lr=0.01), "standardize": True}
    # Adam magnifies the roundings of small gradients: 9 steps of 1e-16 stay far below 1e-10.
    close(sm.fit(data, y, num_threads=threads, **options), reference.fit(data, y, **options), 1e-10)


@pytest.mark.parametrize("threads", [1, 2, 3, 8])
@pytest.mark.parametrize(("loss", "average"), [("softmax", False), ("logistic", True), ("hinge", False)])
def test_small_batches_by_features(threads, loss, average):
    """Of 1024 features and 2e6 operations and more, split among up to four threads; 1103 leave a panel unfilled."""
    rng = np.random.default_rng(3)
    n, d, k = 130, 1103, 11
    data, y = rng.normal(size=(n, d)), rng.integers(0, k, n)
    assert 4 * 50 * (d - 1) * k >= 2e6
    options = {"loss": loss, "batch_size": 50, "epochs": 3, "rng": SEED, "penalty": sm.ElasticNet(0.1, 0.5)}
    options |= {"optimizer": sm.optimizers.Adam(lr=0.01), "standardize": True, "average": average}
    weights = rng.random(n) + 0.5
    got = sm.fit(data, y, num_threads=threads, sample_weight=weights, **options)
    close(got, reference.fit(data, y, sample_weight=weights, **options), 1e-9)  # Adam, as above, for 9 steps
    # In float32 and in one column less, which is taken from rows with a gap.
    options |= {"optimizer": sm.optimizers.SGD(lr=1e-3), "W0": np.zeros((k, d - 1), np.float32)}
    close(sm.fit(data[:, :-1], y, num_threads=threads, **options), reference.fit(data[:, :-1], y, **options), 1e-4)


@pytest.mark.parametrize("threads", [1, 2, 4])
def test_divergence_of_small_batches_by_features(threads):
    """The step at which the loss or a weight is no longer finite, whichever thread sees it; then the same arrays can be trained on."""
    rng = np.random.default_rng(4)
    data, y = (rng.normal(size=(64, m)).astype(np.float32) for m in (4030, 8))
    options = {"loss": "mse", "batch_size": 16, "shuffle": False, "num_threads": threads}
    for lr, step in ((1e39, 1), (1e30, 2), (1e10, 3), (1e3, 6)):
        with pytest.raises(FloatingPointError, match=rf"^lr: training diverged at step {step} "):
            sm.fit(data, y, optimizer=sm.optimizers.SGD(lr=lr), epochs=20, **options)
    data[40, 4029] = np.nan
    with pytest.raises(ValueError, match=r"^X: .*row 40"):
        sm.fit(data, y, optimizer=sm.optimizers.SGD(lr=1e-6), epochs=1, **options)
    data[40, 4029] = 0
    assert np.isfinite(sm.fit(data, y, optimizer=sm.optimizers.SGD(lr=1e-6), epochs=1, **options).W).all()


def test_layouts_agree():
    """uint8, float16 and rows with gaps are trained on as their float64 copies are."""
    images = RNG.integers(0, 256, (N, D)).astype(np.uint8)
    for data in (images, images.astype(np.float16), np.repeat(images, 2, axis=0)[::2], scipy.sparse.csr_array(images)):
        for dtype, tolerance in [(np.float64, 1e-10), (np.float32, 1e-4)]:
            options = {"batch_size": 16, "epochs": 3, "rng": SEED, "standardize": True, "penalty": sm.L2(0.1)}
            got = sm.fit(data, Y, W0=np.zeros((K, D), dtype), **options)
            assert got.W.dtype == dtype
            close(got, reference.fit(images, Y, **options), tolerance)


def test_shuffle_and_rng():
    options = {"batch_size": 16, "epochs": 2}
    plain = sm.fit(X, Y, shuffle=False, **options)
    close(plain, reference.fit(X, Y, shuffle=False, **options), 1e-10)
    same_arrays(plain.W, sm.fit(X, Y, shuffle=False, rng=3, **options).W)
    generator = np.random.default_rng(3)
    seeded = sm.fit(X, Y, rng=generator, **options)
    same_results(seeded, sm.fit(X, Y, rng=3, **options))
    one_draw = np.random.default_rng(3)
    one_draw.integers(0, 2**64, dtype=np.uint64)
    assert generator.bit_generator.state == one_draw.bit_generator.state
    assert not np.array_equal(sm.fit(X, Y, rng=generator, **options).W, seeded.W)
    assert not np.array_equal(sm.fit(X, Y, **options).W, sm.fit(X, Y, **options).W)  # None: fresh each time


def test_schedules_reach_the_steps():
    steps = 5  # an epoch of 65 samples in batches of 16
    for schedule in (
        sm.schedules.InverseScaling(),
        sm.schedules.Step(2),
        sm.schedules.Cosine(20, acts="step"),
        sm.schedules.Warmup(8, after=sm.schedules.Cosine(4)),
    ):
        rates = np.concatenate([schedule.lr(e * steps, steps, e, 0.1) for e in range(4)])
        options = {"batch_size": 16, "epochs": 4, "rng": SEED}
        got = sm.fit(X, Y, schedule=schedule, **options)
        close(got, reference.fit(X, Y, lr=rates, **options), 1e-10)
        assert [record.lr for record in got.history] == rates[steps - 1 :: steps].tolist()


def test_many_steps_are_handed_over_in_parts():
    """70000 steps are more than one array of rates; the trainer is given all of them at once for comparison."""
    n = 70000
    data, y = RNG.normal(size=(n, 2)), RNG.integers(0, 2, n)
    schedule = sm.schedules.InverseScaling(horizon=100)
    got = sm.fit(data, y, batch_size=1, epochs=1, schedule=schedule, rng=SEED)
    problem = _core.Problem(_core.DenseMatrix(data), y, "softmax", 2, dtype="float64")
    seed = int(np.random.default_rng(SEED).integers(0, 2**64, dtype=np.uint64))
    rule = sm.optimizers.SGD(lr=0.1)
    trainer = _core.Trainer(
        problem, np.zeros((2, 2)), np.zeros(2), "SGD", rule.flat(), None, batch_size=1, shuffle=True, seed=seed
    )
    trainer.start_epoch(0)
    total = trainer.run(schedule.lr(0, n, 0, 0.1))
    np.testing.assert_array_equal(got.W, trainer.weights()[0])
    assert math.isclose(got.history[0].loss, total / n, rel_tol=1e-13)
    assert got.n_steps == n
