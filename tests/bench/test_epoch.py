"""An epoch of shuffled minibatches: ours against the NumPy loop, over the same batches and with the same result."""

import numpy as np
import pytest

import softmargin as sm
from softmargin import reference

from .timing import report
from .tolerance import LAMBDA, U

SEED = 3
# Raw pixels: the curvature of softmax is at most mean |x|^2 / 2, about 2e7 here.
RULES = {"SGD": {"lr": 2e-8}, "Adam": {"lr": 1e-5, "eps": 1e-2}}
# Adam turns any gradient, be it a rounding error, into a step of lr unless eps is above it. At W = 0 dS is 0.1 or -0.9, so
# some sums of pixels are 0 but for rounding (W was 1e-3 off at eps = 1e-8, batch 32); most gradients are above 1.


@pytest.fixture(scope="module")
def reordered(data):
    """X and y (float32) in an order whose shuffling by NumPy gives our batches: both gather rows at random."""
    seed = int(np.random.default_rng(SEED).integers(0, 2**64, dtype=np.uint64))
    p = reference.permutation(len(data.y), seed, 0)
    q = np.random.default_rng(SEED).permutation(len(data.y))
    X, y = np.empty_like(data.X("float32")), np.empty_like(data.y)
    X[q], y[q] = data.X("float32")[p], data.y[p]
    return X, y


def competitors(data, reordered, rule, batch_size, threads):
    """{name: one epoch}"""
    optimizer, options = getattr(sm.optimizers, rule)(**RULES[rule]), {"batch_size": batch_size, "epochs": 1}
    lr, hyperparameters = RULES[rule]["lr"], {name: value for name, value in RULES[rule].items() if name != "lr"}

    def ours(dtype):
        X = data.X(dtype)
        return lambda: sm.fit(X, data.y, optimizer=optimizer, rng=SEED, num_threads=threads, **options)

    X, y = reordered
    return {
        "softmargin, float32": ours("float32"),
        "softmargin, uint8": ours("uint8"),
        "numpy, float32": lambda: reference.fit_float32(
            X, y, optimizer=rule, hyperparameters=hyperparameters, lr=lr, seed=SEED, **options
        ),
    }


def check_equal(numpys, ours, n_features):
    """Assert the same loss and weights.

    The roundings of a step, LAMBDA sqrt(d) U, are independent of those of other steps: n steps add them up to sqrt(n) times
    that, for each of the two. Neither rule enlarges what is there, as the rates are below 2 / curvature.
    """
    tolerance = 2 * LAMBDA * np.sqrt(n_features) * U * np.sqrt(ours.n_steps)
    loss = ours.history[0].loss
    assert abs(numpys.history[0] - loss) <= tolerance * loss
    for a, b in [(numpys.W, ours.W), (numpys.intercept, ours.intercept)]:
        assert np.linalg.norm(a - b) <= tolerance * np.linalg.norm(b)


@pytest.mark.parametrize("rule", list(RULES))
@pytest.mark.parametrize("batch_size", [256, 32])
@pytest.mark.parametrize("competitor", ["softmargin, float32", "softmargin, uint8", "numpy, float32"])
def test_epoch(benchmark, measure, measuring, data, reordered, threads, rule, batch_size, competitor):
    functions = competitors(data, reordered, rule, batch_size, threads)
    result = measure(f"epoch, {rule}, batch {batch_size}", functions[competitor], rounds=5)
    other = "softmargin, float32" if competitor.startswith("numpy") else "numpy, float32"
    pair = (result, functions[other]())
    numpys, ours = pair if competitor.startswith("numpy") else pair[::-1]
    check_equal(numpys, ours, data.pixels.shape[1])
    if measuring and competitor == "softmargin, float32":
        title = f"epoch, {rule}, batch {batch_size}, {len(data.y)} rows, {threads} threads"
        report(benchmark, title, functions, rounds=5)


def test_equality_would_notice_other_batches(data, reordered, threads):
    """The control: the same epoch in another order of the samples is told apart."""
    functions = competitors(data, reordered, "SGD", 32, threads)
    options = {"batch_size": 32, "epochs": 1, "num_threads": threads}
    other = sm.fit(data.X("float32"), data.y, optimizer=sm.optimizers.SGD(**RULES["SGD"]), rng=SEED + 1, **options)
    with pytest.raises(AssertionError):
        check_equal(functions["numpy, float32"](), other, data.pixels.shape[1])
