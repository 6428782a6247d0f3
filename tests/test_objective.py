"""F and its gradient through every layout of X, type of W, weight, option and number of threads."""

import itertools
import re

import numpy as np
import pytest
import scipy.sparse

import softmargin as sm
from softmargin import _core, reference
from softmargin._validation import read_matrix

SIZES = (1, 2, 63, 64, 65, 257)


def layouts(rng, n, d):
    """The same kind of X in every layout: small multiples of 1/2 that every type holds exactly."""
    signed = rng.integers(-3, 4, (n, d)) / 2
    sparse = np.where(rng.random((n, d)) < 0.2, signed, 0)
    yield "float32", signed.astype(np.float32)
    yield "float64", signed
    yield "float16", signed.astype(np.float16)
    yield "uint8", rng.integers(0, 4, (n, d)).astype(np.uint8)
    yield "strided", np.repeat(signed.astype(np.float32), 2, axis=0)[::-2]
    yield "one row", np.broadcast_to(signed[0].astype(np.float32), (n, d))
    for dtype in (np.float32, np.float64):
        for index in (np.int32, np.int64):
            X = scipy.sparse.csr_array(sparse.astype(dtype))
            X.indices, X.indptr = X.indices.astype(index), X.indptr.astype(index)
            yield f"csr {dtype.__name__} {index.__name__}", X
    shuffled = scipy.sparse.csr_array(sparse.astype(np.float32))
    for i in range(n):  # indices that fall, which scipy calls unsorted
        row = slice(shuffled.indptr[i], shuffled.indptr[i + 1])
        shuffled.indices[row], shuffled.data[row] = shuffled.indices[row][::-1].copy(), shuffled.data[row][::-1].copy()
    shuffled.has_sorted_indices = False
    yield "csr unsorted", shuffled


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_every_layout(dtype):
    rng = np.random.default_rng(0)
    eps = np.finfo(dtype).eps
    for n in SIZES:
        for d in SIZES:
            k = int(rng.choice([2, 3, 10]))
            W, b, y = rng.integers(-4, 5, (k, d)) / 8, rng.integers(-4, 5, k) / 8, rng.integers(0, k, n)
            w = rng.random(n) + 0.1
            for name, X in layouts(rng, n, d):
                for loss in ("softmax", "squared_hinge"):
                    options = {"loss": loss, "sample_weight": w, "penalty": sm.L2(0.1)}
                    expected = reference.loss_and_grad(W, X, y, intercept=b, **options)
                    W_t, b_t = W.astype(dtype), b.astype(dtype)
                    got = sm.loss_and_grad(W_t, X, y, intercept=b_t, **options)
                    # dS of one row is at most `reach`, so the sizes of the terms of an element sum to reach max|x| at most;
                    # their errors add up like a random walk of 240 terms, with room for exp and log (as in test_losses.py).
                    S = reference.scores(W, b, reference.objective.dense(X))
                    reach = 2 * k * (1 + np.abs(S).max()) * 3
                    for value, wanted in zip(got, expected, strict=True):
                        size = max(reach, float(np.max(np.abs(wanted))))
                        assert np.all(np.abs(value - wanted) <= 64 * eps * size), (name, n, d, k, loss)


def test_threads_and_calls_give_the_same_bits():
    rng = np.random.default_rng(1)
    for X in (
        rng.normal(size=(1000, 65)).astype(np.float32),
        scipy.sparse.random_array((1000, 65), density=0.1, rng=rng),
    ):
        y, W = rng.integers(0, 10, 1000), rng.normal(size=(10, 65))
        results = [sm.loss_and_grad(W, X, y, intercept=W[:, 0], num_threads=t) for t in (1, 2, 3, 4, 8, None, 1)]
        for result in results[1:]:
            assert result.loss == results[0].loss
            np.testing.assert_array_equal(result.grad, results[0].grad)
            np.testing.assert_array_equal(result.intercept_grad, results[0].intercept_grad)


def test_weights_count_samples():
    """An integer weight is as good as that many copies of the sample; weight 0 as none."""
    rng = np.random.default_rng(2)
    X, y, W = rng.normal(size=(30, 5)), rng.integers(0, 3, 30), rng.normal(size=(3, 5))
    w = rng.integers(0, 4, 30)
    a = sm.loss_and_grad(W, X, y, sample_weight=w, intercept=np.ones(3))
    b = sm.loss_and_grad(W, np.repeat(X, w, axis=0), np.repeat(y, w), intercept=np.ones(3))
    np.testing.assert_allclose(a.loss, b.loss, rtol=1e-14)
    np.testing.assert_allclose(a.grad, b.grad, rtol=0, atol=1e-14)
    np.testing.assert_allclose(a.intercept_grad, b.intercept_grad, rtol=0, atol=1e-14)
    scaled = sm.loss_and_grad(W, X, y, sample_weight=4.0 * w, intercept=np.ones(3))
    assert scaled.loss == a.loss  # a power of two changes no bit


def test_what_comes_back():
    X, y = np.eye(2, dtype=np.float32), [0, 1]
    for dtype in (np.float32, np.float64):
        result = sm.loss_and_grad(np.zeros((2, 2), dtype), X, y)
        assert result.intercept_grad is None
        assert type(result.loss) is float
        assert (result.grad.dtype, result.grad.shape) == (dtype, (2, 2))
        with_b = sm.loss_and_grad(np.zeros((2, 2), dtype), X, y, intercept=[0, 0])
        assert with_b.intercept_grad.dtype == dtype
    loss, grad, _ = result
    assert (loss, grad) == (result.loss, grad)
    wide = np.zeros((2, 4))[:, ::2]  # W may be any array of its shape: it is small, so it is copied
    np.testing.assert_array_equal(sm.loss_and_grad(wide, X, y).grad, result.grad)
    assert repr(result).startswith("LossGrad(loss=")


def test_out_is_filled():
    rng = np.random.default_rng(3)
    X, y, W = rng.normal(size=(10, 4)), rng.integers(0, 3, 10), rng.normal(size=(3, 4))
    out = np.full((3, 4), np.nan)
    result = sm.loss_and_grad(W, X, y, out=out)
    assert result.grad is out
    np.testing.assert_array_equal(out, sm.loss_and_grad(W, X, y).grad)
    for bad, kind, text in [
        (out.astype(np.float32), TypeError, "out: expected an ndarray of float64, got dtype float32"),
        (out.tolist(), TypeError, "out: expected an ndarray of float64, got list"),
        (out.T, ValueError, "out: expected shape (3, 4), got (4, 3)"),
        (np.asfortranarray(out), ValueError, "out: expected a C-contiguous array, got strides (8, 24)"),
        (np.broadcast_to(np.float64(0), (3, 4)), ValueError, "out: expected a C-contiguous array, got strides (0, 0)"),
        (W, ValueError, "out: expected an array apart from W, got one that shares its memory"),
    ]:
        with pytest.raises(kind, match=f"^{re.escape(text)}$"):
            sm.loss_and_grad(W, X, y, out=bad)
    frozen = np.zeros((3, 4))
    frozen.setflags(write=False)
    with pytest.raises(ValueError, match=r"^out: expected a writeable array, got a read-only one$"):
        sm.loss_and_grad(W, X, y, out=frozen)


def test_refusals():
    X, y, W = np.ones((3, 2)), [0, 1, 1], np.zeros((2, 2))
    cases = [
        ({"W": W.astype(int)}, TypeError, "W: expected float32 or float64, got dtype int64; use W.astype(np.float64)"),
        ({"W": W[:, :1]}, ValueError, "W: expected shape (n_outputs, 2), got (2, 1)"),
        ({"intercept": [1, 2, 3]}, ValueError, "intercept: expected shape (2,), one number a row of W, got (3,)"),
        ({"intercept": ["a", "b"]}, TypeError, "intercept: expected numbers, got dtype <U1"),
        ({"intercept": [0, np.nan]}, ValueError, "intercept: expected finite numbers, got nan at [1]"),
        ({"y": [0, 1, 2]}, ValueError, "y: expected labels 0..1, got 2 at row 2"),
        ({"margin": -1}, ValueError, "margin: expected a number at least 0, got -1.0"),
        (
            {"margin": 1e39, "W": W.astype(np.float32)},
            ValueError,
            "margin: expected a number from 0 to 3.40282e+38, got 1e+39",
        ),
        ({"delta": 0}, ValueError, "delta: expected a number above 0, got 0.0"),
        (
            {"num_threads": 0},
            ValueError,
            "num_threads: expected an integer at least 1, got 0; None stands for the default",
        ),
    ]
    for changed, kind, text in cases:
        arguments = {"W": W, "X": X, "y": y} | changed
        with pytest.raises(kind, match=f"^{re.escape(text)}$"):
            sm.loss_and_grad(**arguments)
    with pytest.raises(ValueError, match=r"^loss: expected one of 'softmax', .*; did you mean 'logistic'\?$"):
        sm.loss_and_grad(W, X, y, loss="logistik")


def targets_in_float32(rng, loss, n, k):
    kind = sm.losses.info(loss)["target"]
    if kind == "classes":
        return rng.integers(0, k, n)
    return rng.normal(size=(n, k)).astype(np.float32) if kind == "real" else rng.choice(np.float32([-1, 1]), (n, k))


@pytest.mark.parametrize("loss", sm.losses.names())
def test_what_needs_no_conversion_gives_the_bits_of_what_does(loss):
    """Plain arrays are read in the core; weights of 1, lists and other kinds of integers go through Python."""
    rng = np.random.default_rng(5)
    X = rng.normal(size=(50, 6)).astype(np.float32)
    for k in (1, 4) if sm.losses.info(loss)["target"] != "classes" else (2, 4):
        W, b = rng.normal(size=(k, 6)).astype(np.float32), rng.normal(size=k).astype(np.float32)
        given = [targets_in_float32(rng, loss, 50, k)]
        if k == 1:
            given.append(given[0].ravel())
        elif sm.losses.info(loss)["target"] == "signs":
            given.append(rng.integers(0, k, 50))
        for y in given:
            options = {"loss": loss, "intercept": b, "penalty": sm.L2(0.5)}
            plain = sm.loss_and_grad(W, X, y, **options)
            for other in (
                sm.loss_and_grad(W, X, y, sample_weight=np.ones(50), **options),
                sm.loss_and_grad(W, X, y.tolist(), **options),
                sm.loss_and_grad(np.asfortranarray(W), X[::-1][::-1], y, num_threads=np.int32(1), margin=1, **options),
            ):
                assert other.loss == plain.loss
                np.testing.assert_array_equal(other.grad, plain.grad)
                np.testing.assert_array_equal(other.intercept_grad, plain.intercept_grad)


@pytest.mark.parametrize("n", [5, 70_000])  # one thread looks at few targets, several at many
def test_targets_that_are_wrong_are_named_however_many(n):
    X, last = np.ones((n, 1), np.float32), n - 1
    labels, signs = np.zeros(n, int), np.ones(n, np.float32)
    cases = [
        ("softmax", 2, labels, 2, f"y: expected labels 0..1, got 2 at row {last}"),
        ("softmax", 2, labels, -1, f"y: expected labels 0..1, got -1 at row {last}"),
        ("softmax", 2, labels, -(2**63), f"y: expected labels 0..1, got {-(2**63)} at row {last}"),
        ("softmax", 2, labels, 2**63 - 1, f"y: expected labels 0..1, got {2**63 - 1} at row {last}"),
        ("logistic", 3, labels, 3, f"y: expected labels 0..2, got 3 at row {last}"),
        ("logistic", 1, signs, 0.5, f"y: expected -1 or +1 for 'logistic' with one output, got 0.5 at row {last}"),
        ("logistic", 1, signs, np.nan, f"y: expected finite values, got nan at row {last}"),
        ("mse", 1, signs, np.inf, f"y: expected finite values, got inf at row {last}"),
    ]
    for loss, k, good, value, text in cases:
        W, y = np.zeros((k, 1), np.float32), good.copy()
        assert np.isfinite(sm.loss_and_grad(W, X, y, loss=loss).loss)
        y[last] = value
        for threads in (1, 2, None):
            with pytest.raises(ValueError, match=f"^{re.escape(text)}$"):
                sm.loss_and_grad(W, X, y, loss=loss, num_threads=threads)


def test_weights_that_are_not_finite_are_named_and_nothing_is_written():
    """Also where X is 0: the scores tell of them all the same."""
    for dtype, value in [(np.float32, np.nan), (np.float64, np.inf), (np.float32, -np.inf)]:
        W, b, out = np.zeros((2, 70), dtype), np.zeros(2, dtype), np.full((2, 70), 7, dtype)
        X, y = np.zeros((30, 70), dtype), np.zeros(30, int)
        b[1] = value
        with pytest.raises(ValueError, match=r"^intercept: expected finite numbers, got -?(nan|inf) at \[1\]$"):
            sm.loss_and_grad(W, X, y, intercept=b, out=out)
        W[1, 69] = value
        with pytest.raises(ValueError, match=r"^W: expected finite numbers, got -?(nan|inf) at \[1, 69\]$"):
            sm.loss_and_grad(W, X, y, out=out)
        assert (out == 7).all()


def test_X_that_is_not_finite_is_named():
    y, W = np.zeros(100, int), np.zeros((2, 70), np.float32)
    for value in (np.nan, np.inf, -np.inf):
        for dtype in (np.float16, np.float32, np.float64):
            X = np.zeros((100, 70), dtype)
            X[93, 66] = value
            for bad in (X, scipy.sparse.csr_array(X.astype(np.float64))):
                with pytest.raises(ValueError, match=r"^X: .*93"):
                    sm.loss_and_grad(W, bad, y)


def test_adding_a_constant_to_all_scores_changes_nothing():
    """A shift of b: class losses see differences of scores only."""
    rng = np.random.default_rng(4)
    X, y, W = rng.normal(size=(20, 3)), rng.integers(0, 4, 20), rng.normal(size=(4, 3))
    for loss in sm.losses.names():
        if sm.losses.info(loss)["target"] == "classes":
            a = sm.loss_and_grad(W, X, y, loss=loss, intercept=np.zeros(4))
            b = sm.loss_and_grad(W, X, y, loss=loss, intercept=np.full(4, 8.0))
            np.testing.assert_allclose(a.loss, b.loss, rtol=1e-13)
            np.testing.assert_allclose(a.grad, b.grad, atol=1e-13)
            np.testing.assert_allclose(a.intercept_grad.sum(), 0, atol=1e-15)


def test_large_results_are_apart_while_they_live():
    """Their memory comes back into use once they are gone, and not before."""
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(4, 50_000)), np.array([0, 1, 2, 0])
    weights = [rng.normal(size=(3, 50_000)) / 100 for _ in range(3)]  # 1.2 MB each
    expected = [reference.loss_and_grad(W, X, y).grad for W in weights]
    for _ in range(3):
        grads = [sm.loss_and_grad(W, X, y).grad for W in weights]
        scores = [_core.scores(W, np.zeros(3), read_matrix(X).core) for W in weights]
        for grad, one, S, W in zip(grads, expected, scores, weights, strict=True):
            np.testing.assert_allclose(grad, one, rtol=0, atol=1e-12)
            np.testing.assert_allclose(S, X @ W.T, rtol=0, atol=1e-10)
        assert not any(np.shares_memory(a, b) for a, b in itertools.combinations(grads, 2))
        kept = grads[0][1:]  # a view keeps all of it
        copy = kept.copy()
        del grads, grad
        others = [sm.loss_and_grad(W, X, y).grad for W in weights]
        assert not any(np.shares_memory(kept, other) for other in others)
        np.testing.assert_array_equal(kept, copy)
