"""A damaged CSR matrix is a ValueError that names the row, never a crash; unsorted and repeated indices are right."""

import re

import numpy as np
import pytest
import scipy.sparse

import softmargin as sm
from softmargin import _core, reference

N, D, K = 50, 20, 3
RNG = np.random.default_rng(0)
Y = RNG.integers(0, K, N)


def whole(index, dtype=np.float32):
    """A CSR matrix without defects: 5 entries a row."""
    indices = np.sort(RNG.permuted(np.tile(np.arange(D), (N, 1)), axis=1)[:, :5], axis=1).ravel().astype(index)
    indptr = np.arange(0, 5 * N + 1, 5, dtype=index)
    return scipy.sparse.csr_array((RNG.normal(size=5 * N).astype(dtype), indices, indptr), shape=(N, D))


def users(X):
    """What reads X, one function each."""
    W = np.zeros((K, D))
    yield lambda: sm.loss_and_grad(W, X, Y)
    yield lambda: sm.fit(X, Y, epochs=1)
    yield lambda: sm.fit(X, Y, epochs=1, standardize=True)
    yield lambda: sm.fit(np.zeros((N, D), np.float32), Y, epochs=0).predict_scores(X)


def index_at(value):
    def plant(X):
        X.indices[5 * 7 + 2] = value

    return plant


def pointer_at(place, value):
    def plant(X):
        X.indptr[place] = value

    return plant


def shorter(*names):
    def plant(X):
        for name in names:
            setattr(X, name, getattr(X, name)[:-1])

    return plant


DEFECTS = [
    (index_at(D), "X.indices: expected 0 to 19, got 20 at row 7"),
    (index_at(-1), "X.indices: expected 0 to 19, got -1 at row 7"),
    (index_at(2**31 - 1), "X.indices: expected 0 to 19, got 2147483647 at row 7"),
    (index_at(-(2**31)), "X.indices: expected 0 to 19, got -2147483648 at row 7"),
    (pointer_at(8, 34), "X.indptr: expected entries that do not fall, got 34 after 35 at row 7"),
    (pointer_at(8, -1), "X.indptr: expected entries that do not fall, got -1 after 35 at row 7"),
    (pointer_at(0, 3), "X.indptr: expected 0 as the first entry, got 3 at row 0"),
    (pointer_at(0, -5), "X.indptr: expected 0 as the first entry, got -5 at row 0"),
    (pointer_at(N, 251), "X.indptr: expected at most 250, the length of X.indices and X.data, got 251 at row 49"),
    (
        pointer_at(8, 2**31 - 1),
        "X.indptr: expected at most 250, the length of X.indices and X.data, got 2147483647 at row 7",
    ),
    (
        shorter("indices", "data"),
        "X.indptr: expected at most 249, the length of X.indices and X.data, got 250 at row 49",
    ),
    (shorter("indices"), "X.indices: expected as many as X.data has entries, got 249 for 250"),
    (shorter("data"), "X.indices: expected as many as X.data has entries, got 250 for 249"),
    (shorter("indptr"), "X.indptr: expected 51 entries, one more than rows, got 50"),
]


@pytest.mark.parametrize("index", [np.int32, np.int64])
def test_defects(index):
    """Each defect, planted alone, is found by everything that reads X; without it all of them run (the control)."""
    for use in users(whole(index)):
        use()
    for plant, message in DEFECTS:
        X = whole(index)
        plant(X)
        for use in users(X):
            with pytest.raises(ValueError, match=re.escape(message)):
                use()


def test_64_bit_indices_are_not_cut():
    """2^32 + 3 is not column 3, nor entry 3."""
    for place, value in (("indices", 2**32 + 3), ("indptr", 2**32 + 35)):
        X = whole(np.int64)
        getattr(X, place)[7] = value
        for use in users(X):
            with pytest.raises(ValueError, match=f"{value}"):
                use()


@pytest.mark.parametrize("form", ["csc", "bsr"])
def test_formats_that_become_csr(form):
    for plant in (index_at(N), index_at(-1), pointer_at(1, 10**6)):
        X = whole(np.int32).asformat(form)
        next(users(X))()
        plant(X)
        for use in users(X):
            with pytest.raises(ValueError, match="ind"):
                use()


def test_damage_beside_the_shape():
    for indptr in (np.array([], np.int32), np.zeros((2, 2), np.int32)):
        with pytest.raises(ValueError, match=r"^X.indptr: "):
            _core.CsrMatrix(np.ones(3, np.float32), np.zeros(3, np.int32), indptr, D)
    with pytest.raises(TypeError, match=r"^X.indptr: expected contiguous int32 or int64, got float64$"):
        _core.CsrMatrix(np.ones(3, np.float32), np.zeros(3, np.int32), np.zeros(2), D)
    with pytest.raises(TypeError, match="with int32 or int64 indices"):
        _core.CsrMatrix(np.ones(3, np.float32), np.zeros(3, np.uint8), np.zeros(2, np.int32), D)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_unsorted_and_repeated_indices(dtype):
    """As the dense matrix in which they are added up, standardised or not."""
    X = whole(np.int32, dtype)
    for row in range(0, N, 2):
        X.indices[5 * row : 5 * row + 5] = RNG.integers(0, D, 5)  # repeated within a row, in any order
    X.data[:] = np.round(8 * X.data) / 8  # so that float32 adds them up without rounding
    X.has_canonical_format = X.has_sorted_indices = False
    dense, weight = X.toarray().astype(np.float64), RNG.random(N)
    tolerance = 200 * np.finfo(dtype).eps
    W = RNG.normal(size=(K, D)).astype(dtype)
    got, expected = sm.loss_and_grad(W, X, Y), reference.loss_and_grad(W, dense, Y)
    np.testing.assert_allclose(got.loss, expected.loss, rtol=tolerance)
    np.testing.assert_allclose(got.grad, expected.grad, rtol=0, atol=tolerance)

    mean, variance, low, high = _core.moments(_core.CsrMatrix(X.data, X.indices, X.indptr, D), weight)
    right = np.average((dense - np.average(dense, axis=0, weights=weight)) ** 2, axis=0, weights=weight)
    np.testing.assert_allclose(mean, np.average(dense, axis=0, weights=weight), atol=1e-13)
    np.testing.assert_allclose(variance, right, rtol=1e-12)
    np.testing.assert_array_equal([low, high], [dense.min(axis=0), dense.max(axis=0)])
    # The control: the data tell apart repeated entries that are added up from those that are taken one by one.
    one_by_one = np.zeros(D)
    np.add.at(one_by_one, X.indices, np.repeat(weight, 5) * X.data.astype(np.float64) ** 2)
    added_up = weight @ dense**2
    assert np.abs(one_by_one - added_up).max() > 0.1

    for standardize in (False, True):
        for rule in (sm.optimizers.SGD(lr=0.05), sm.optimizers.SGD(lr=0.05, momentum=0.5)):
            options = {"optimizer": rule, "standardize": standardize, "batch_size": 8, "epochs": 2, "rng": 0}
            got, expected = sm.fit(X, Y, **options), reference.fit(dense, Y, **options)
            np.testing.assert_allclose(got.W, expected.W, rtol=0, atol=tolerance)
            np.testing.assert_allclose(got.intercept, expected.intercept, rtol=0, atol=tolerance)
