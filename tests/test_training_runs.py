"""fit around its steps: going on bit for bit from where it stopped, callbacks, validation, dtypes, memory and refusals."""

import math
import os
import pickle
import re
import subprocess
import sys
import tracemalloc

import numpy as np
import pytest
import scipy.sparse

import softmargin as sm
from softmargin import reference

from .fits import RNG, RULES, SEED, SHIFTED, SPARSE, WEIGHTS, D, K, N, X, Y, close, same_arrays, same_results

WIDE = RNG.normal(size=(N, 3500)).astype(np.float32)  # batches of 48 go by features

RUNS = {
    **{
        f"{type(rule).__name__}{i}": {"optimizer": rule, "penalty": sm.ElasticNet(0.02, 0.5)}
        for i, rule in enumerate(RULES)
    },
    "sparse steps": {"X": SPARSE, "penalty": sm.ElasticNet(0.02, 0.5), "sample_weight": WEIGHTS},
    "sparse steps, l2": {"X": SPARSE, "penalty": sm.L2(0.3)},
    "sparse Adam": {"X": SPARSE, "optimizer": sm.optimizers.Adam(lr=0.01), "penalty": sm.L1(0.01)},
    "standardize": {"X": SHIFTED, "standardize": True, "penalty": sm.L2(0.1), "sample_weight": WEIGHTS},
    "sparse standardize": {"X": SPARSE, "standardize": True, "optimizer": sm.optimizers.AdamW()},
    "no intercept": {"fit_intercept": False, "standardize": True},
    "float32": {"X": X.astype(np.float32), "optimizer": sm.optimizers.SGD(lr=0.01, momentum=0.9)},
    "uint8": {"X": (X * 20 + 100).clip(0, 255).astype(np.uint8), "standardize": True},
    "warmup": {"schedule": sm.schedules.Warmup(13, after=sm.schedules.Cosine(6))},
    "plateau": {"schedule": sm.schedules.ReduceOnPlateau(0.5, patience=0, threshold=0.2)},
    "plateau of val_loss": {
        "schedule": sm.schedules.ReduceOnPlateau(0.5, patience=0, threshold=0.2),
        "validation": (X[:20], Y[:20]),
    },
    "in order": {"shuffle": False},
    "average": {"average": True, "optimizer": sm.optimizers.Adam(lr=0.01), "standardize": True},
    "sparse average": {"X": SPARSE, "average": True, "penalty": sm.L2(0.3), "sample_weight": WEIGHTS},
    "sparse average, l1": {"X": SPARSE.astype(np.float32), "average": True, "penalty": sm.L1(0.01)},
    "full batch": {"batch_size": None},
    "by features": {"X": WIDE, "batch_size": 48, "optimizer": sm.optimizers.Adam(lr=0.01), "standardize": True},
    "signs": {"y": np.where(Y > 0, 1, -1), "loss": "binary_hinge", "positive_weight": [2.0], "margin": 0.5},
}


@pytest.mark.parametrize("name", RUNS)
def test_resume_is_bit_for_bit(name):
    options = {"X": X, "y": Y, "batch_size": 16, "rng": SEED} | RUNS[name]
    straight = sm.fit(**options, epochs=6)
    # In one, two and three parts, with a pickle in between; and stopped by a callback at first.
    for parts in ([6], [2, 6], [0, 6], [1, 3, 6], [6, 6]):
        result = None
        for epochs in parts:
            result = pickle.loads(pickle.dumps(sm.fit(**options, epochs=epochs, resume=result)))
        same_results(result, straight)
    stopped = sm.fit(**options, epochs=6, callback=lambda info: info.epoch == 4)
    assert len(stopped.history) == 4
    same_results(sm.fit(**(options | {"rng": None}), epochs=6, resume=stopped, num_threads=2), straight)
    # A look at the weights after each epoch changes nothing.
    same_results(sm.fit(**options, epochs=6, callback=lambda info: info.W is None), straight)
    if name.startswith("plateau"):
        assert len({record.lr for record in straight.history}) > 1


def test_resume_checks_that_the_run_is_the_same():
    given = {"batch_size": 16, "rng": SEED, "penalty": sm.L2(0.1), "sample_weight": WEIGHTS}
    first = sm.fit(X, Y, epochs=2, **given)
    expected = "resume: expected the options of the earlier run, got "
    for changed, text in [
        ({"X": X[:, :5]}, None),
        ({"X": X.astype(np.float32)}, f"{expected}X=(65, 17) float32 dense where it had (65, 17) float64 dense"),
        ({"X": SPARSE}, f"{expected}X=(65, 17) float64 csr where it had (65, 17) float64 dense"),
        ({"y": (Y + 1) % 3}, None),
        ({"loss": "hinge"}, f"{expected}loss=hinge where it had softmax"),
        ({"penalty": sm.L2(0.2)}, f"{expected}penalty=L2(alpha=0.2) where it had L2(alpha=0.1)"),
        ({"optimizer": sm.optimizers.SGD(lr=0.2)}, None),
        ({"schedule": sm.schedules.Step(3)}, f"{expected}schedule=Step(step_size=3, gamma=0.1) where it had None"),
        ({"batch_size": 8}, f"{expected}batch_size=8 where it had 16"),
        ({"shuffle": False}, f"{expected}shuffle=False where it had True"),
        ({"fit_intercept": False}, f"{expected}fit_intercept=False where it had True"),
        ({"standardize": True}, f"{expected}standardize=True where it had False"),
        ({"sample_weight": None}, None),
        ({"margin": 0.5}, f"{expected}margin=0.5 where it had 1.0"),
        ({"delta": 0.5}, f"{expected}delta=0.5 where it had 1.0"),
        ({"epochs": 1}, "epochs: expected at least the 2 that resume has done, got 1; they count from the very start"),
        ({"W0": np.zeros((K, D))}, "W0: expected None with resume, got an array"),
        ({"intercept0": np.zeros(K)}, "intercept0: expected None with resume, got an array"),
        ({"rng": 8}, "rng: expected None or the earlier run's integer, got 8"),
    ]:
        arguments = {"X": X, "y": Y, "epochs": 4, "resume": first} | given | changed
        with pytest.raises(ValueError, match="^" + re.escape(text or "")):
            sm.fit(**arguments)
    with pytest.raises(TypeError, match=r"^resume: expected a FitResult, got a dict$"):
        sm.fit(X, Y, resume={})
    before = pickle.dumps(first)
    sm.fit(X, Y, epochs=4, resume=first, **given)
    assert pickle.dumps(first) == before  # going on leaves the earlier result as it was


def test_resume_with_new_data():
    """Other samples in parts of the data are as all of them in one run; other features are refused by X's name."""
    options = {"shuffle": False, "batch_size": 8, "optimizer": sm.optimizers.Adam(lr=0.01)}
    first = sm.fit(X[:16], Y[:16], W0=np.zeros((K, D)), epochs=1, rng=0, **options)
    second = sm.fit(X[16:32], Y[16:32], epochs=2, resume=first, new_data=True, **options)
    whole = sm.fit(X[:32], Y[:32], W0=np.zeros((K, D)), epochs=1, rng=0, **options)
    np.testing.assert_array_equal(second.W, whole.W)
    with pytest.raises(ValueError, match=f"^X: expected {D} features as W has, got 1$"):
        sm.fit(X[:, :1], Y, epochs=2, resume=first, new_data=True, **options)


def test_the_callback():
    seen = []

    def callback(info):
        seen.append(
            (info.epoch, info.loss, info.lr, info.seconds, info.val_loss, info.val_score, info.W, info.intercept)
        )

    result = sm.fit(X, Y, epochs=3, rng=SEED, validation=(X[:9], Y[:9]), callback=callback)
    for told, record in zip(seen, result.history, strict=True):
        assert told[:6] == tuple(vars(record).values())
    assert not np.array_equal(seen[0][6], seen[2][6])
    same_arrays(seen[2][6], result.W)
    same_arrays(seen[2][7], result.intercept)
    same_arrays(seen[0][6], sm.fit(X, Y, epochs=1, rng=SEED).W)
    for answer in (None, False, 0, 1, "stop", np.ones(2)):  # only True stops
        assert len(sm.fit(X, Y, epochs=3, callback=lambda info, answer=answer: answer).history) == 3
    for answer in (True, np.True_):
        assert len(sm.fit(X, Y, epochs=3, callback=lambda info, answer=answer: answer).history) == 1
    assert sm.fit(X, Y, fit_intercept=False, epochs=1, callback=lambda info: seen.append(info.intercept)).W.shape == (
        K,
        D,
    )
    assert seen[-1] is None


def test_an_exception_in_a_callback_leaves_everything_as_it_was():
    first = sm.fit(X, Y, epochs=2, rng=SEED)
    before, W0 = pickle.dumps(first), np.ones((K, D))

    def callback(info):
        raise LookupError(str(info.epoch))

    with pytest.raises(LookupError, match=r"^3$"):
        sm.fit(X, Y, epochs=5, resume=first, callback=callback)
    assert pickle.dumps(first) == before
    with pytest.raises(LookupError, match=r"^1$"):
        sm.fit(X, Y, W0=W0, callback=callback)
    np.testing.assert_array_equal(W0, np.ones((K, D)))


def r2(y, s):
    """R^2, averaged over the outputs."""
    return np.mean(1 - ((y - s) ** 2).sum(axis=0) / ((y - y.mean(axis=0)) ** 2).sum(axis=0))


def test_validation_loss_and_score():
    X_val, sparse_val = X[20:60] + 0.1, scipy.sparse.csr_array(X[20:60])
    t = RNG.dirichlet(np.ones(K), N)
    ovr = np.where(Y[:, None] == np.arange(K), 1.0, -1.0)
    two = X[:, :2] + 0.5
    for loss, y, score in [
        ("softmax", Y, lambda y, s: np.mean(s.argmax(1) == y)),
        ("softmax", t, lambda y, s: np.mean(s.argmax(1) == y.argmax(1))),
        ("logistic", Y, lambda y, s: np.mean(s.argmax(1) == y)),
        ("logistic", np.where(Y > 0, 1, -1), lambda y, s: np.mean(np.where(s[:, 0] > 0, 1, -1) == y)),
        ("logistic", ovr, lambda y, s: np.mean(np.where(s > 0, 1, -1) == y)),
        ("mse", two[:, 0], lambda y, s: r2(y[:, None], s)),
        ("mae", two, r2),
    ]:
        for data in (X_val, sparse_val):
            options = {"loss": loss, "penalty": sm.L2(0.1), "sample_weight": WEIGHTS, "batch_size": 16, "epochs": 2}
            options |= {"optimizer": sm.optimizers.SGD(lr=0.01), "rng": SEED, "standardize": True}
            result = sm.fit(X, y, validation=(data, y[20:60]), **options)
            # Without the penalty and without weights.
            F = sm.loss_and_grad(result.W, data, y[20:60], loss=loss, intercept=result.intercept).loss
            assert result.history[-1].val_loss == F
            expected = score(y[20:60], result.predict_scores(data))
            assert math.isclose(result.history[-1].val_score, expected, rel_tol=1e-12)
            without = sm.fit(X, y, **options)
            assert [record.loss for record in result.history] == [record.loss for record in without.history]
            assert without.history[0].val_loss is without.history[0].val_score is None
    constant = sm.fit(X, two, loss="mse", epochs=0, validation=(X, two))
    assert constant.history == ()
    flat = sm.fit(X, np.zeros(N), loss="mse", epochs=1, validation=(X, np.zeros(N)))
    assert flat.history[0].val_score == 1.0  # a constant target, met exactly


def test_validation_is_refused_by_its_own_name():
    bad = X[:5].copy()
    bad[3, 2] = np.nan
    for validation, kind, text in [
        (X, TypeError, "validation: expected a pair (X_val, y_val), got a ndarray"),
        ((X[:, :3], Y), ValueError, "validation[0]: expected 17 features as W has, got 3"),
        ((X[0], Y), ValueError, "validation[0]: expected shape (n_samples, n_features), got (17,)"),
        ((X, Y[:5]), ValueError, "validation[1]: expected 65 samples as in X, got 5"),
        ((X[:2], [0, 3]), ValueError, "validation[1]: expected labels 0..2, got 3 at row 1"),
        ((bad, Y[:5]), ValueError, "validation[0]: "),
    ]:
        with pytest.raises(kind, match="^" + re.escape(text)):
            sm.fit(X, Y, validation=validation)


def test_warm_start_is_in_raw_units():
    W0, b0 = RNG.normal(size=(K, D)), RNG.normal(size=K)
    for standardize in (False, True):
        options = {"W0": W0, "intercept0": b0, "standardize": standardize, "rng": SEED, "penalty": sm.L2(0.01)}
        nothing = sm.fit(SHIFTED, Y, epochs=0, **options)
        np.testing.assert_allclose(nothing.W, W0, rtol=1e-14)
        np.testing.assert_allclose(nothing.intercept, b0, rtol=1e-12)
        close(sm.fit(SHIFTED, Y, epochs=2, **options), reference.fit(SHIFTED, Y, epochs=2, **options), 1e-10)
    # W0 says how many classes there are, and in which type to compute.
    wide = sm.fit(X, Y, W0=np.zeros((5, D), np.float32), epochs=1)
    assert (wide.W.shape, wide.W.dtype, wide.intercept.dtype) == ((5, D), np.float32, np.float32)


@pytest.mark.parametrize(
    "data", [X.astype(np.float32), SPARSE.astype(np.float32), X], ids=["dense", "sparse", "double"]
)
@pytest.mark.parametrize("exponent", [-1000, -160, -130, 126, 900])
def test_the_scale_of_the_weights_does_not_matter(data, exponent):
    """All multiplied by a power of two, also one that float32 does not hold: the very same bits."""
    options = {"batch_size": 8, "epochs": 2, "rng": SEED}
    scaled = np.ldexp(WEIGHTS, exponent)
    one, other = (sm.fit(data, Y, sample_weight=weight, **options) for weight in (WEIGHTS, scaled))
    assert one.W.tobytes() == other.W.tobytes()
    assert [record.loss for record in one.history] == [record.loss for record in other.history]
    W = one.W + 1
    one, other = (sm.loss_and_grad(W, data, Y, sample_weight=weight) for weight in (WEIGHTS, scaled))
    assert (one.loss, one.grad.tobytes()) == (other.loss, other.grad.tobytes())


def test_dtypes_of_the_result():
    for data, dtype in [
        (X, np.float64),
        (X.astype(np.float32), np.float32),
        (X.astype(np.float16), np.float32),
        (np.ones((N, D), np.uint8), np.float32),
        (SPARSE, np.float64),
        (SPARSE.astype(np.float32), np.float32),
    ]:
        result = sm.fit(data, Y, epochs=1)
        assert result.W.dtype == result.intercept.dtype == dtype
        scores = result.predict_scores(data)
        assert (scores.dtype, scores.shape) == (dtype, (N, K))
    assert repr(result) == f"FitResult(W=(3, 17) float32, epochs=1, n_steps=1, loss={result.history[0].loss:.6g})"
    with pytest.raises(ValueError, match=r"^X: expected 17 features as W has, got 3$"):
        result.predict_scores(X[:, :3])


def test_constant_features_get_the_weight_zero():
    data = SHIFTED.copy()
    data[:, 3] = 7.25
    data[:, 5] = 0.0
    for form in (data, scipy.sparse.csr_array(data), data.astype(np.float32)):
        result = sm.fit(form, Y, standardize=True, epochs=3, rng=SEED)
        assert np.all(result.W[:, [3, 5]] == 0)
        assert np.all(np.delete(result.W, [3, 5], axis=1) != 0)
    # What a warm start makes of a constant feature goes into the intercept.
    W0 = np.ones((K, D))
    start = sm.fit(data, Y, standardize=True, epochs=0, W0=W0)
    np.testing.assert_allclose(start.predict_scores(data), data @ W0.T, rtol=1e-13)


def test_features_far_from_zero_are_warned_of_in_float32():
    data = X.astype(np.float32)
    data[:, [2, 4]] += 1000
    with pytest.warns(
        UserWarning, match=r"^standardize: 2 of 17 features have a mean more than 100 times their deviation"
    ):
        sm.fit(data, Y, standardize=True, epochs=1)
    # No warning (which would be an error here) in float64, without standardisation, or near 0.
    sm.fit(data.astype(np.float64), Y, standardize=True, epochs=1)
    sm.fit(data, Y, W0=np.zeros((K, D)), standardize=True, epochs=1)
    sm.fit(data, Y, epochs=1, optimizer=sm.optimizers.SGD(lr=1e-6))
    sm.fit(data, Y, standardize=True, fit_intercept=False, epochs=1)


def test_divergence_names_the_rate_and_what_to_try():
    with pytest.raises(
        FloatingPointError, match=r"^lr: .*step \d+.*1e\+30.*; try one ten times smaller, or standardize=True$"
    ):
        sm.fit(X.astype(np.float32), X[:, 0], loss="mse", optimizer=sm.optimizers.SGD(lr=1e30))
    with pytest.raises(FloatingPointError, match=r"; try one ten times smaller$"):
        sm.fit(X, X[:, 0], loss="mse", optimizer=sm.optimizers.SGD(lr=1e300), standardize=True)
    # Weights of 1e29 after the only step are finite in float32, their scores of features of 1e30 are not.
    huge = (1e30 * X).astype(np.float32)
    with pytest.raises(
        FloatingPointError, match=r"^lr: training diverged at step 1 \(epoch 1\) .* 0\.1: scores of the val"
    ):
        sm.fit(huge, Y, validation=(huge, Y), batch_size=None, epochs=1)


def test_nothing_of_the_size_of_X_is_made():
    """Python's own arrays, as tracemalloc sees them; the core's memory is measured in tests/promises."""
    big = RNG.integers(0, 256, (20000, 1000), dtype=np.uint8)
    y = np.arange(20000) % 10
    tracemalloc.start()
    try:
        sm.fit(big, y, epochs=1, standardize=True, validation=(big, y))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 0.2 * big.nbytes  # y, its copies and the scores of the validation set: 2.6 MB of 20


POISONED = """
import hashlib, itertools, sys
import numpy as np, scipy.sparse
import softmargin as sm

X, y = np.random.default_rng(0).normal(size=(65, 17)), np.arange(65) % 3
digest = hashlib.sha256()
rules = [sm.optimizers.SGD(lr=0.02, momentum=0.9), *(sm.optimizers.get(name)(lr=0.05) for name in sm.optimizers.names())]
for dtype, standardize, optimizer in itertools.product((np.float32, np.float64), (False, True), rules):
    for data in (X.astype(dtype), scipy.sparse.csr_array(np.where(X > 0, X, 0).astype(dtype))):
        result = sm.fit(data, y, optimizer=optimizer, standardize=standardize, batch_size=16, epochs=2, rng=0)
        digest.update(result.W.tobytes() + result.intercept.tobytes())
print(digest.hexdigest())
"""


def test_fresh_memory_may_hold_anything():
    """glibc fills what malloc gives with a byte: as float32 and float64, 0x7f... and 0xfe... are the largest of numbers."""
    prints = set()
    for byte in ("0", "128", "1"):
        environment = os.environ | {"MALLOC_PERTURB_": byte}
        command = [sys.executable, "-c", POISONED]
        done = subprocess.run(command, check=False, capture_output=True, text=True, env=environment)
        assert done.returncode == 0, done.stderr
        prints.add(done.stdout)
    assert len(prints) == 1


def test_refusals():
    for changed, kind, text in [
        (
            {"optimizer": "SGD"},
            TypeError,
            "optimizer: expected a rule such as sm.optimizers.SGD(lr=0.1), got 'SGD' (str)",
        ),
        ({"schedule": "cosine"}, TypeError, "schedule: expected None or one of sm.schedules, got 'cosine' (str)"),
        ({"callback": 3}, TypeError, "callback: expected a callable, got 3 (int)"),
        ({"batch_size": 0}, ValueError, "batch_size: expected an integer at least 1, got 0"),
        ({"batch_size": 2.0}, TypeError, "batch_size: expected an integer, got 2.0 (float)"),
        ({"epochs": -1}, ValueError, "epochs: expected an integer at least 0, got -1"),
        ({"shuffle": "yes"}, TypeError, "shuffle: expected True or False, got 'yes' (str)"),
        ({"standardize": 1}, TypeError, "standardize: expected True or False, got 1 (int)"),
        ({"intercept0": np.zeros(2)}, ValueError, "intercept0: expected shape (3,), one number a row of W, got (2,)"),
        (
            {"intercept0": np.zeros(3), "fit_intercept": False},
            ValueError,
            "intercept0: expected None with fit_intercept=False, got an array",
        ),
        ({"W0": np.zeros((3, 2))}, ValueError, "W0: expected shape (n_outputs, 17), got (3, 2)"),
        (
            {"W0": np.zeros((3, 17), int)},
            TypeError,
            "W0: expected float32 or float64, got dtype int64; use W0.astype(np.float64)",
        ),
        ({"penalty": 0.1}, TypeError, "penalty: expected None or one of sm.L2(alpha), sm.L1(alpha), "),
        (
            {"positive_weight": [1, 1, 1]},
            ValueError,
            "positive_weight: expected None for 'softmax', which has no signs, ",
        ),
        ({"sample_weight": np.zeros(N)}, ValueError, "sample_weight: expected at least one above 0, got only zeros"),
        (
            {"num_threads": -1},
            ValueError,
            "num_threads: expected an integer at least 1, got -1; None stands for the default",
        ),
    ]:
        with pytest.raises(kind, match="^" + re.escape(text)):
            sm.fit(X, Y, **changed)
