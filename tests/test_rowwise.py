"""What the core says of scores and dual variables that are known already, against the reference, at sizes around its tiles.

Scores and directions are multiples of 1/8, exact in float32, so that kinks are met alike; what is left are the roundings of a
row, and the sums over the rows, which are in float64 but for the 24 rows of a tile.
"""

import itertools

import numpy as np
import pytest
import scipy.sparse

import softmargin as sm
from softmargin import _core, reference

from . import draws

LOSSES = sm.losses.names()
SMOOTH = [name for name in LOSSES if sm.losses.info(name)["smooth"]]
OTHERS = [name for name in LOSSES if name not in SMOOTH]
SIZES = (1, 2, 23, 24, 25, 65, 257)
OUTPUTS = (1, 2, 3, 10)
LONG = 4201  # from 16 * 240 rows on, a pass goes by slots
TILE = 24
THREADS = (1, 2, 3, 4, 8)


@pytest.fixture(autouse=True)
def _restore():
    level = sm.simd_level()
    yield
    sm.set_simd_level(level)


def levels():
    for level in sm.simd_levels():
        sm.set_simd_level(level)
        yield level


def sizes():
    yield from itertools.product(SIZES, OUTPUTS)
    yield LONG, 3


def problem(rng, loss, n, k, X=None):
    """Targets and options of a random form, and a function of the dtype that makes the core's problem."""
    form = rng.choice(draws.forms(loss))
    k = max(k, draws.fewest_outputs(loss, form))
    y, options = draws.targets(rng, loss, n, k, form), draws.options(rng, loss, k)
    weight = rng.integers(0, 9, n) / 4
    weight[n // 2] = 1.0
    weight = weight if rng.random() < 0.7 else None
    matrix = _core.DenseMatrix(np.ones((n, 1), np.float32)) if X is None else X

    def made(dtype):
        own = y if y.dtype.kind == "i" else y.astype(dtype)
        return _core.Problem(matrix, own, loss, k, sample_weight=weight, dtype=np.dtype(dtype).name, **options)

    return y, k, options, weight, made


def check(got, expected, size, units, what):
    """Whether numbers differ by at most `units`, a count of roundings, of terms whose sizes sum to `size`."""
    assert np.all(np.abs(got - expected) <= units * size), (*what, np.abs(got - expected).max())


@pytest.mark.parametrize("loss", LOSSES)
def test_values_and_derivatives(loss):
    """A row: exp and log to 2 ulp and a sum of k terms, each of them of order 1; a mean of dS adds the sum of a tile."""
    rng = np.random.default_rng(0)
    for n, k in sizes():
        y, k, options, weight, made = problem(rng, loss, n, k)
        S, shift = draws.grid(rng, (n, k), -16, 16), draws.grid(rng, k)
        value, dS = reference.LOSSES[loss](S + shift, y, **options)
        mean, mean_dS = np.average(value, weights=weight), np.average(dS, axis=0, weights=weight)
        size = 1 + np.abs(dS).max() + np.abs(S + shift).max()
        for dtype, level in itertools.product((np.float32, np.float64), levels()):
            u = (k + 12) * np.finfo(dtype).eps
            got, A, r = _core.row_losses(made(dtype), S.astype(dtype), shift.astype(dtype), num_threads=1)
            what = (level, dtype, n, k)
            check(got, mean, u, 1 + np.average(np.abs(value), weights=weight), what)
            check(A, dS, u, size, what)
            check(r, mean_dS, u + TILE * np.finfo(dtype).eps, size, what)
            again, none, r_again = _core.row_losses(
                made(dtype), S.astype(dtype), shift.astype(dtype), derivatives=False, num_threads=1
            )
            assert (again, none, list(r_again)) == (got, None, list(r))


@pytest.mark.parametrize("loss", LOSSES)
def test_conjugates(loss):
    """x log x is off by its own rounding and by that of x times 1 + |log x|, which is at most 1."""
    rng = np.random.default_rng(1)
    for n, k in sizes():
        y, k, options, weight, made = problem(rng, loss, n, k)
        A = draws.duals(rng, loss, y, k, options)
        for dtype in (np.float32, np.float64):
            own = A.astype(dtype)
            value = reference.LOSSES[loss].conjugate(own, y, **options)
            expected = np.average(value, weights=weight)
            # Of dual variables of up to `top` the terms are of up to top^2 / 4 + 2 top; each has 12 roundings at most.
            top = 1 + np.abs(A).max()
            for level in levels():
                got = _core.row_conjugates(made(dtype), own, num_threads=1)
                check(got, expected, 12 * k * (top**2 + 2 * top), np.finfo(dtype).eps, (level, dtype, n, k))


@pytest.mark.parametrize("loss", SMOOTH)
def test_hessians(loss):
    """Entries of up to 2 and weights of up to 2, times V of up to 1/2: k + 12 roundings of a sum of k products."""
    rng = np.random.default_rng(2)
    for n, k in sizes():
        y, k, options, weight, made = problem(rng, loss, n, k)
        S, shift, V = draws.grid(rng, (n, k), -16, 16), draws.grid(rng, k), draws.grid(rng, (n, k))
        expected = reference.LOSSES[loss].hessian(S + shift, V, y, **options)
        for dtype, level in itertools.product((np.float32, np.float64), levels()):
            got = V.astype(dtype)
            mean = _core.row_hessians(made(dtype), S.astype(dtype), shift.astype(dtype), got, num_threads=1)
            u, what = (k + 12) * np.finfo(dtype).eps, (level, dtype, n, k)
            check(got, expected, 2 * k, u, what)
            check(mean, np.average(expected, axis=0, weights=weight), 2 * k, u + TILE * np.finfo(dtype).eps, what)


@pytest.mark.parametrize("loss", SMOOTH)
def test_curvatures(loss):
    """The diagonals of the rows' Hessians and the mean of the whole ones: products of the reference with unit vectors."""
    rng = np.random.default_rng(7)
    for n, k in sizes():
        y, k, options, weight, made = problem(rng, loss, n, k)
        S = draws.grid(rng, (n, k), -16, 16)
        unit = [np.tile(row, (n, 1)) for row in np.eye(k)]
        H = np.stack([reference.LOSSES[loss].hessian(S, V, y, **options) for V in unit], axis=1)
        for dtype, level in itertools.product((np.float32, np.float64), levels()):
            u, what = (k + 12) * np.finfo(dtype).eps, (level, dtype, n, k)
            got, none = _core.row_curvatures(made(dtype), S.astype(dtype), num_threads=1)
            assert none is None
            check(got, np.einsum("icc->ic", H), 2 * k, u, what)
            again, mean = _core.row_curvatures(made(dtype), S.astype(dtype), mean=True, num_threads=2)
            np.testing.assert_array_equal(again, got)
            pairs, _ = _core.row_curvatures(made(dtype), S.astype(dtype), pairs=True, num_threads=2)
            if sm.losses.info(loss)["target"] == "classes":
                left, right = np.triu_indices(k)
                check(pairs, H[:, left, right], 2 * k, u, what)
                np.testing.assert_array_equal(pairs[:, left == right], got)
            else:
                np.testing.assert_array_equal(pairs, got)
            check(mean, np.average(H, axis=0, weights=weight), 2 * k, u + TILE * np.finfo(dtype).eps, what)


@pytest.mark.parametrize("loss", OTHERS)
def test_smoothed(loss):
    """Values, derivatives and, away from kinks, second derivatives: centre + excess / width is off by roundings of 1 / width."""
    rng = np.random.default_rng(3)
    for (n, k), width in itertools.product(sizes(), (2.0, 0.25)):
        y, k, options, weight, made = problem(rng, loss, n, k)
        S, centre = draws.grid(rng, (n, k), -16, 16), draws.duals(rng, loss, y, k, options)
        V, no_shift, h = draws.grid(rng, (n, k)), np.zeros(k), 1e-7
        smoothed = reference.LOSSES[loss].smoothed
        for dtype in (np.float32, np.float64):
            own = centre.astype(dtype)
            value, dS = smoothed(S, y, own, width, **options)
            sides = [(smoothed(S + step * V, y, own, width, **options)[1] - dS) / step for step in (h, -h)]
            regular = np.all(np.abs(sides[0] - sides[1]) < 1e-6, axis=1)
            assert n < 100 or regular.mean() > 0.5
            for level in levels():
                core, what = made(dtype), (level, dtype, n, k, width)
                core.smooth(own, width)
                u = (k + 12) * np.finfo(dtype).eps
                got, A, r = _core.row_losses(core, S.astype(dtype), no_shift.astype(dtype), num_threads=1)
                size = 8 * (1 + np.abs(dS).max()) ** 2 * k / width
                check(got, np.average(value, weights=weight), size, u, what)
                check(A, dS, size, u, what)
                check(r, np.average(dS, axis=0, weights=weight), size, u + TILE * np.finfo(dtype).eps, what)
                product = V.astype(dtype)
                _core.row_hessians(core, S.astype(dtype), no_shift.astype(dtype), product, num_threads=1)
                check(product[regular], sides[0][regular], size, u + 1e-15 / h, what)  # eps / h of the difference
                core.smooth(None, 0.0)
                plain = _core.row_losses(core, S.astype(dtype), no_shift.astype(dtype), num_threads=1)[0]
                assert plain == _core.row_losses(made(dtype), S.astype(dtype), no_shift.astype(dtype))[0]


def layouts(X):
    """X, small integers, in every layout that the core reads."""
    for dtype in (np.float32, np.float64, np.float16, np.uint8):
        yield np.dtype(dtype).name, _core.DenseMatrix(X.astype(dtype))
    sparse = scipy.sparse.csr_array(X)
    for dtype, index in itertools.product((np.float32, np.float64), (np.int32, np.int64)):
        parts = sparse.data.astype(dtype), sparse.indices.astype(index), sparse.indptr.astype(index)
        yield f"csr {np.dtype(dtype)} {np.dtype(index)}", _core.CsrMatrix(*parts, X.shape[1])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_combine_and_scores(dtype):
    """Sums of up to 240 terms of A times X in W's type; the scores, sums of numbers exact in float32, come out exact."""
    rng = np.random.default_rng(4)
    eps = np.finfo(dtype).eps
    for n, d, k in [*itertools.product(SIZES, (1, 63, 130), (1, 3)), (LONG, 65, 3)]:
        X = rng.integers(0, 4, (n, d)) * (rng.random((n, d)) < 0.5)
        A, W, b = rng.normal(size=(n, k)).astype(dtype), draws.grid(rng, (k, d)), draws.grid(rng, k)
        for level, (name, matrix) in itertools.product(levels(), layouts(X)):
            _, _, _, weight, made = problem(rng, "huber", n, k, matrix)
            what = (level, name, n, d, k)
            w = np.ones(n) if weight is None else weight
            G, r = _core.combine(made(dtype), A, num_threads=1)
            terms = np.abs(w[:, None] * A).T
            units = (min(n, 240) + 4) * eps
            check(G, (w[:, None] * A).T @ X / w.sum(), terms @ X / w.sum(), units, what)
            check(r, (w[:, None] * A).sum(axis=0) / w.sum(), terms.sum(axis=1) / w.sum(), units, what)
            S = np.full((n, k), np.nan, dtype)
            pass_with = made(dtype).loss_and_grad(W.astype(dtype), b.astype(dtype), scores=S, num_threads=1)
            pass_without = made(dtype).loss_and_grad(W.astype(dtype), b.astype(dtype), num_threads=1)
            np.testing.assert_array_equal(S, X @ W.T + b, err_msg=str(what))
            assert pass_with[0] == pass_without[0]
            np.testing.assert_array_equal(pass_with[1], pass_without[1])
            # The gradient is what combine makes of dS: two ways through the same sums.
            _, dS, _ = _core.row_losses(made(dtype), S, np.zeros(k, dtype), num_threads=1)
            again, _ = _core.combine(made(dtype), dS, num_threads=1)
            check(again, pass_with[1], np.abs(w[:, None] * dS).T @ X / w.sum(), units, what)


@pytest.mark.parametrize("loss", LOSSES)
def test_the_same_bits_for_any_number_of_threads(loss):
    rng = np.random.default_rng(5)
    for n, dtype in itertools.product((257, LONG), (np.float32, np.float64)):
        X = _core.DenseMatrix(rng.normal(size=(n, 70)).astype(np.float32))
        y, k, options, _, made = problem(rng, loss, n, 3, X)
        S, A = rng.normal(size=(n, k)).astype(dtype), draws.duals(rng, loss, y, k, options).astype(dtype)
        shift, W = rng.normal(size=k).astype(dtype), rng.normal(size=(k, 70)).astype(dtype)
        core = made(dtype)

        def results(threads, core=core, S=S, A=A, shift=shift, W=W, n=n, k=k):
            scores, V = np.empty_like(S), S.copy()
            if loss in OTHERS:
                core.smooth(A, 0.5)
            yield from core.loss_and_grad(W, shift, scores=scores, num_threads=threads)
            yield from _core.row_losses(core, S, shift, num_threads=threads)
            yield from (_core.row_hessians(core, S, shift, V, num_threads=threads), V, scores)
            yield from _core.row_curvatures(core, S, mean=True, num_threads=threads)
            if loss in OTHERS:
                core.smooth(None, 0.0)
            yield from _core.combine(core, A, num_threads=threads)
            yield _core.row_conjugates(core, A, num_threads=threads)

        first, *others = [[np.asarray(part).tobytes() for part in results(threads)] for threads in THREADS]
        assert all(other == first for other in others)


def test_the_checks_find_one_wrong_row():
    """The control: of 257 rows one score is 1/8 off, or one dual variable, or one weight."""
    rng = np.random.default_rng(6)
    S, A, y = draws.grid(rng, (257, 3)), draws.duals(rng, "huber", np.zeros((257, 3)), 3, {}), np.zeros((257, 3))
    core = _core.Problem(_core.DenseMatrix(np.ones((257, 1))), y, "huber", 3, dtype="float64")
    value = reference.LOSSES["huber"](S, y)[0].mean()
    conjugate = reference.LOSSES["huber"].conjugate(A, y).mean()
    check(_core.row_losses(core, S, np.zeros(3))[0], value, 1, 1e-13, ())
    check(_core.row_conjugates(core, A), conjugate, 1, 1e-13, ())
    for array in (S, A):
        array[100, 1] += 0.125
    with pytest.raises(AssertionError):
        check(_core.row_losses(core, S, np.zeros(3))[0], value, 1, 1e-7, ())
    with pytest.raises(AssertionError):
        check(_core.row_conjugates(core, A), conjugate, 1, 1e-7, ())
