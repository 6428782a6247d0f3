"""The kernels against the reference: every loss, layout, type and instruction set, at sizes around those of their tiles.

The numbers are small multiples of 1/8, so that scores are exact in float32 and kinks of the losses are met alike. What is
left are the roundings of exp and log, and of sums of at most 240 terms in W's type.
"""

import itertools

import numpy as np
import pytest
import scipy.sparse

import softmargin as sm
from softmargin import _core, reference

SIZES = (1, 2, 63, 64, 65, 257)
OUTPUTS = (1, 2, 3, 7, 10, 13)
MOST_SUMMED = 240  # rows that are summed in W's type
OPTIONS = {"margin": 0.75, "delta": 0.5}


@pytest.fixture(autouse=True)
def _restore():
    level = sm.simd_level()
    yield
    sm.set_simd_level(level)


def levels():
    for level in sm.simd_levels():
        sm.set_simd_level(level)
        yield level


def layouts(X):
    """X, small integers, in every layout that the core reads."""
    n, d = X.shape
    for dtype in (np.float32, np.float64, np.float16, np.uint8):
        yield np.dtype(dtype).name, _core.DenseMatrix(X.astype(dtype))
    yield "backwards", _core.DenseMatrix(np.repeat(X[::-1].astype(np.float32), 2, axis=0)[::-2])
    page = np.zeros((n, 4096 // 4), np.float32)  # rows a page apart are read in another way
    page[:, :d] = X
    yield "a page apart", _core.DenseMatrix(page[:, :d])
    sparse = scipy.sparse.csr_array(X)
    for dtype, index in itertools.product((np.float32, np.float64), (np.int32, np.int64)):
        parts = sparse.data.astype(dtype), sparse.indices.astype(index), sparse.indptr.astype(np.int64)
        yield f"csr {np.dtype(dtype)} {np.dtype(index)}", _core.CsrMatrix(*parts, d)
    order = np.concatenate([np.arange(a, b)[::-1] for a, b in itertools.pairwise(sparse.indptr)]).astype(int)
    parts = sparse.data[order].astype(np.float32), sparse.indices[order], sparse.indptr
    yield "csr unsorted", _core.CsrMatrix(*parts, d)


def problem(rng, loss, n, d, k):
    """X, y as the core reads it, W, b and weights, in float64."""
    X = rng.integers(0, 4, (n, d)) * (rng.random((n, d)) < 0.5)
    W, b = rng.integers(-4, 5, (k, d)) / 8, rng.integers(-4, 5, k) / 8
    weight = rng.integers(1 if n < 3 else 0, 9, n) / 4
    weight[0] = 1
    info = sm.losses.info(loss)
    positive = None
    if info["target"] == "real":
        y = rng.integers(-16, 17, (n, k)) / 8
    elif info["target"] == "signs":
        y = rng.integers(0, k, n) if k > 1 and rng.random() < 0.5 else rng.choice([-1.0, 1.0], (n, k))
        positive = rng.integers(1, 5, k) / 2 if rng.random() < 0.5 else None
    else:
        y = rng.integers(0, k, n)
        if info["distributions"] and rng.random() < 0.5:
            y = (np.eye(k)[y] + np.eye(k)[rng.integers(0, k, n)]) / 2
    return X, y, W, b, {"loss": loss, "sample_weight": weight, "positive_weight": positive} | OPTIONS


def expected_and_bounds(X, y, W, b, options, u):
    """What the reference says, and what each number may be off by, u being the unit roundoff of W's type.

    A dS is off by at most (k + 12) u: exp and log to 2 ulp and a sum of k terms, of numbers up to 1. A sum of m terms in W's
    type is off by at most m u times the sum of their sizes; 4 more roundings: the weight, float64, the mean, the result.
    The reference has errors of its own in float64: twice that.
    """
    k, w = len(W), options["sample_weight"]
    loss_options = {name: options[name] for name in ("margin", "delta", "positive_weight")}
    losses, dS = reference.LOSSES[options["loss"]](X @ W.T + b, y, **loss_options)
    slack = (k + 12) * u * (1 if options["positive_weight"] is None else options["positive_weight"].max())
    m = min(len(X), MOST_SUMMED) + 4
    sizes = w[:, None] * (m * u * np.abs(dS) + slack) / w.sum()
    loss_size = w @ ((k + 12) * u * (1 + np.abs(losses))) / w.sum()
    expected = reference.loss_and_grad(W, X, y, intercept=b, **options)
    return expected, (2 * loss_size, 2 * sizes.T @ X + 1e-300, 2 * sizes.sum(axis=0))


def within(got, expected, bounds):
    return all(np.all(np.abs(a - e) <= bound) for a, e, bound in zip(got, expected, bounds, strict=True))


def compiled(matrix, y, W, b, options, dtype):
    y = y if y.dtype == np.int64 else y.astype(dtype)
    made = _core.Problem(
        matrix,
        y,
        options["loss"],
        len(W),
        dtype=np.dtype(dtype).name,
        **{k: v for k, v in options.items() if k != "loss"},
    )
    return made.loss_and_grad(W.astype(dtype), b.astype(dtype), num_threads=1)


@pytest.mark.parametrize("loss", sm.losses.names())
def test_loss_and_gradient(loss):
    rng = np.random.default_rng(0)
    least = 2 if sm.losses.info(loss)["target"] == "classes" else 1
    # Two whole tiles together and one alone; the row slots.
    for n, d, k in [*itertools.product(SIZES, SIZES, OUTPUTS), (72, 65, 13), (1032, 33, 13), (3841, 65, 3)]:
        X, y, W, b, options = problem(rng, loss, n, d, max(k, least))
        forms = list(layouts(X))
        for dtype in (np.float32, np.float64):
            expected, bounds = expected_and_bounds(X, y, W, b, options, np.finfo(dtype).eps / 2)
            for level, (name, matrix) in itertools.product(levels(), forms):
                got = compiled(matrix, y, W, b, options, dtype)
                assert within(got, expected, bounds), (level, name, dtype, n, d, k)


@pytest.mark.parametrize("loss", sm.losses.names())
def test_the_bounds_find_one_wrong_entry(loss):
    """The control: one entry of X wrong by 1, or one weight by 1/4, among 257 rows of 65."""
    rng = np.random.default_rng(1)
    X, y, W, b, options = problem(rng, loss, 257, 65, 3)
    for dtype in (np.float32, np.float64):
        expected, bounds = expected_and_bounds(X, y, W, b, options, np.finfo(dtype).eps / 2)
        assert within(compiled(_core.DenseMatrix(X.astype(np.float32)), y, W, b, options, dtype), expected, bounds)
        wrong = X.astype(np.float32)
        wrong[0, 64] += 1
        assert not within(compiled(_core.DenseMatrix(wrong), y, W, b, options, dtype), expected, bounds)
        weight = options["sample_weight"].copy()
        weight[0] += 0.25
        got = compiled(_core.DenseMatrix(X.astype(np.float32)), y, W, b, options | {"sample_weight": weight}, dtype)
        assert not within(got, expected, bounds)


def test_scores_and_moments():
    """Scores of such numbers are exact; the moments of integers are, but for the last division."""
    rng = np.random.default_rng(2)
    for (i, n), (j, d) in itertools.product(enumerate(SIZES), enumerate(SIZES)):
        X, _, W, b, options = problem(rng, "mse", n, d, OUTPUTS[(i + j) % 6])
        weight = options["sample_weight"]
        mean = np.average(X, axis=0, weights=weight)
        variance = np.average((X - mean) ** 2, axis=0, weights=weight)
        for level, (name, matrix) in itertools.product(levels(), layouts(X)):
            for dtype in (np.float32, np.float64):
                got = _core.scores(W.astype(dtype), b.astype(dtype), matrix, 1)
                np.testing.assert_array_equal(got, X @ W.T + b, err_msg=f"{level} {name}")
            got = _core.moments(matrix, weight, 1)
            np.testing.assert_allclose(got[0], mean, rtol=0, atol=1e-14)
            np.testing.assert_allclose(got[1], variance, rtol=0, atol=1e-13)
            present = X[weight > 0]
            np.testing.assert_array_equal(got[2:], [present.min(axis=0), present.max(axis=0)])


def test_moments_are_shifted_by_a_row_that_counts():
    """Rows of weight 0 leave no trace: shifted by 1e9, a variance near 1 would have no digit left."""
    X = np.random.default_rng(4).normal(size=(40, 3))
    X[:2] = 1e9
    weight = np.r_[0.0, 0.0, np.ones(38)]
    sparse = scipy.sparse.csr_array(X)
    matrices = _core.DenseMatrix(X), _core.CsrMatrix(sparse.data, sparse.indices, sparse.indptr, 3)
    for level, matrix in itertools.product(levels(), matrices):
        got = _core.moments(matrix, weight, 1)
        # 38 additions and the squares of numbers of at most 4, in double: a few times 40 * 16 * 2^-53
        for i, expected in enumerate((X[2:].mean(axis=0), X[2:].var(axis=0))):
            np.testing.assert_allclose(got[i], expected, rtol=0, atol=3e-13, err_msg=level)


@pytest.mark.parametrize("name", sm.optimizers.names())
def test_updates(name):
    """Three steps of every rule and penalty; a step is of the size of its rate, and rounds to a few ulp of that and of W."""
    rng = np.random.default_rng(3)
    given = [{}, {"weight_decay": 0.1}] + ([{"momentum": 0.9, "nesterov": True}] if name == "SGD" else [])
    penalties = [None, sm.L2(0.1), sm.L1(0.1), sm.ElasticNet(0.1, 0.5)]
    for options, penalty, k, d in itertools.product(given, penalties, (1, 3), SIZES):
        rule = sm.optimizers.get(name)(lr=0.05, **options)
        W0, grads = rng.normal(size=(k, d)), rng.normal(size=(3, k, d))
        init, step = reference.OPTIMIZERS[name]
        W_expected, remembered = W0, init(W0)
        for g in grads:
            W_expected = step(W_expected, g, remembered, penalty=penalty, lr=0.05, **options)
        for dtype in (np.float32, np.float64):
            for level in levels():
                W = W0.astype(dtype)
                state = rule.init(W)
                for g in grads.astype(dtype):
                    rule.step(W, g, state, penalty=penalty)
                limit = 40 * np.finfo(dtype).eps * (1 + np.abs(W0).max())
                np.testing.assert_allclose(
                    W, W_expected, rtol=0, atol=limit, err_msg=f"{level} {options} {penalty} {k} {d}"
                )
