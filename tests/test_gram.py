"""Gram matrices of dense and sparse rows, and lengths of sparse ones, against NumPy, in every layout."""

import itertools

import numpy as np
import pytest
import scipy.sparse

import softmargin as sm
from softmargin import _core
from softmargin._validation import read_matrix
from softmargin.objective import read_data
from softmargin.solvers.exact import prepare
from softmargin.solvers.gram import FLOOR, SMALL, centred_grams, sampled_grams

THREADS = (1, 2, 3, 8)


def repeated(X):
    """The same matrix with every entry in two halves, and the rows backwards."""
    counts = np.diff(X.indptr)
    indices = [np.repeat(row[::-1], 2) for row in np.split(X.indices, X.indptr[1:-1])]
    data = [np.repeat(row[::-1] / 2, 2) for row in np.split(X.data, X.indptr[1:-1])]
    indptr = np.concatenate([[0], np.cumsum(2 * counts)])
    return scipy.sparse.csr_array((np.concatenate(data), np.concatenate(indices), indptr), shape=X.shape)


def layouts(rng, n, d, dtype):
    """X in multiples of 1/8, so that halves and their sums are exact: sorted, with long indices, unsorted and repeated."""
    dense = np.where(rng.random((n, d)) < 0.3, rng.integers(-8, 9, (n, d)) / 8, 0.0).astype(dtype)
    X = scipy.sparse.csr_array(dense)
    wide = scipy.sparse.csr_array(X)
    wide.indices, wide.indptr = wide.indices.astype(np.int64), wide.indptr.astype(np.int64)
    return dense.astype(np.float64), (X, wide, repeated(X))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_gram_of_sparse_rows(dtype):
    rng = np.random.default_rng(0)
    for n, d in itertools.product((1, 2, 65, 700), (1, 2, 63, 130)):
        dense, forms = layouts(rng, n, d, dtype)
        Z = np.column_stack([dense, np.ones(n)])
        weight = rng.integers(0, 4, n) / 4  # with zeros
        expected = np.tril((weight[:, None] * Z).T @ Z)
        for X in forms:
            matrix = read_matrix(X).core
            found = [_core.sparse_gram(matrix, weight, num_threads=t) for t in THREADS]
            np.testing.assert_array_equal(np.tril(found[0]), expected)  # multiples of 1/256 below 2^53
            assert len({np.tril(G).tobytes() for G in found}) == 1
            single = _core.sparse_gram(matrix, weight, single=True)
            assert single.dtype == np.float32
            # At most n terms of size 1, each rounded.
            np.testing.assert_allclose(np.tril(single), expected, atol=n * n * np.finfo(np.float32).eps)


@pytest.mark.parametrize(("n", "d"), [(900, 150), (2000, 60)], ids=["by columns", "by rows"])
@pytest.mark.parametrize("backwards", [False, True])
def test_rounding_does_not_depend_on_the_threads(n, d, backwards):
    rng = np.random.default_rng(1)
    X = scipy.sparse.random_array((n, d), density=0.2, rng=rng, format="csr")
    if backwards:  # the entries of each row, which are not sorted then
        order = np.concatenate([np.arange(*X.indptr[i : i + 2])[::-1] for i in range(n)])
        X = scipy.sparse.csr_array((X.data[order], X.indices[order], X.indptr), shape=X.shape)
    weight = rng.random(n) * (rng.random(n) < 0.9)
    found = [_core.sparse_gram(read_matrix(X).core, weight, num_threads=t) for t in THREADS]
    assert len({np.tril(G).tobytes() for G in found}) == 1
    Z = np.column_stack([X.toarray(), np.ones(n)])
    np.testing.assert_allclose(np.tril(found[0]), np.tril((weight[:, None] * Z).T @ Z), rtol=0, atol=1e-11)


def test_the_check_of_threads_finds_another_order():
    """The control: the same sum over the rows backwards has other bits."""
    rng = np.random.default_rng(2)
    X = scipy.sparse.random_array((900, 20), density=0.5, rng=rng, format="csr")
    weight = rng.random(900)
    one = _core.sparse_gram(read_matrix(X).core, weight)
    other = _core.sparse_gram(read_matrix(X[::-1]).core, weight[::-1].copy())
    assert np.tril(one).tobytes() != np.tril(other).tobytes()


def test_lengths_of_rows():
    rng = np.random.default_rng(3)
    dense, forms = layouts(rng, 65, 63, np.float32)
    scale = rng.integers(0, 5, 63) / 4
    for X in forms:
        matrix = read_matrix(X).core
        np.testing.assert_array_equal(_core.row_squares(matrix), (dense**2).sum(axis=1))
        np.testing.assert_array_equal(_core.row_squares(matrix, scale), (scale * dense**2).sum(axis=1))


@pytest.fixture
def _restore():
    level = sm.simd_level()
    yield
    sm.set_simd_level(level)


@pytest.mark.usefixtures("_restore")
def test_gram_of_dense_rows():
    """Numbers whose sums are exact, of every type, with weights of any sign and rows that have none; all rows, and some."""
    rng = np.random.default_rng(5)
    for n, d, p in itertools.product((1, 2, 65, 1500), (1, 2, 3, 12, 63, 130), (1, 3)):
        small = rng.integers(0, 9, (n, d))
        centre, scale = rng.integers(0, 5, d) / 2, rng.integers(0, 5, d) / 4
        index = rng.permutation(n)[: (n + 1) // 2]
        weights = rng.integers(-4, 5, (n, p)) / 4
        weights[rng.random(n) < 0.3] = 0.0
        Z = np.column_stack([(small - centre) * scale, np.ones(n)])
        expected = np.einsum("ip,ij,il->pjl", weights, Z, Z)
        some = np.einsum("ip,ij,il->pjl", weights[: len(index)], Z[index], Z[index])
        plain = np.column_stack([small - centre, np.ones(n)])
        for dtype, level in itertools.product((np.float32, np.float64, np.float16, np.uint8), sm.simd_levels()):
            sm.set_simd_level(level)
            rows = np.zeros((n, d + 5), dtype)  # a stride of its own
            rows[:, :d] = small
            matrix = _core.DenseMatrix(rows[:, :d])
            found = [_core.dense_gram(matrix, centre, scale, weights, num_threads=t) for t in THREADS]
            np.testing.assert_array_equal(found[0], expected)  # multiples of 2^-8 below 2^53
            assert len({G.tobytes() for G in found}) == 1
            np.testing.assert_array_equal(
                _core.dense_gram(matrix, centre, scale, weights[: len(index)].copy(), index), some
            )
            np.testing.assert_array_equal(
                _core.dense_gram(matrix, centre, None, weights), np.einsum("ip,ij,il->pjl", weights, plain, plain)
            )


def test_threads_share_the_columns_where_slots_would_be_large():
    """60 weights of 140 features are 10 MB, so that there is one slot of rows."""
    rng = np.random.default_rng(6)
    X, weights = rng.standard_normal((400, 140)), rng.standard_normal((400, 60))
    matrix, centre = _core.DenseMatrix(X), X.mean(axis=0)
    found = [_core.dense_gram(matrix, centre, None, weights, num_threads=t) for t in THREADS]
    assert len({G.tobytes() for G in found}) == 1
    Z = np.column_stack([X - centre, np.ones(400)])
    # 400 terms, each rounded three times, of size 16 at most.
    np.testing.assert_allclose(found[0], np.einsum("ip,ij,il->pjl", weights, Z, Z), rtol=0, atol=400 * 3 * 16 * 2**-52)


@pytest.mark.parametrize("standardize", [False, True])
@pytest.mark.parametrize("layout", [scipy.sparse.csr_array.toarray, scipy.sparse.csr_array])
def test_centred_and_scaled(standardize, layout):
    rng = np.random.default_rng(4)
    X = scipy.sparse.csr_array(scipy.sparse.random_array((300, 40), density=0.3, rng=rng, format="csr"))
    sample_weight = rng.integers(0, 3, 300).astype(np.float64)
    data = read_data(
        layout(X), rng.integers(0, 2, 300), "logistic", dtype=np.dtype(np.float64), sample_weight=sample_weight
    )
    problem = prepare(
        data,
        sm.L2(0.1),
        fit_intercept=True,
        standardize=standardize,
        intercept_penalty=0.0,
        num_threads=1,
        deadline=None,
    )
    assert problem.centre.any()
    Z = np.column_stack([(X.toarray() - problem.centre) * problem.inverse_scale, np.ones(300)])
    weights = rng.random((300, 2))
    expected = np.einsum("ip,ij,il->pjl", sample_weight[:, None] * weights, Z, Z)
    np.testing.assert_allclose(centred_grams(problem, weights), expected, rtol=0, atol=1e-12 * expected.max())


@pytest.mark.parametrize("n_outputs", [1, 3])
def test_weights_of_each_output(n_outputs):
    """Shares of the rows and what all have alike; of several outputs, rows below SMALL of the mean count by the latter alone."""
    rng = np.random.default_rng(5)
    n, d = 400, 6
    X, curvature = rng.standard_normal((n, d)), rng.random((n, n_outputs)) ** 4
    sample_weight = rng.integers(0, 3, n).astype(np.float64)
    data = read_data(X, rng.integers(0, 2, n), "logistic", sample_weight=sample_weight)
    problem = prepare(
        data, sm.L2(0.1), fit_intercept=True, standardize=False, intercept_penalty=0.0, num_threads=1, deadline=None
    )
    Z, share = X - problem.centre, sample_weight[:, None] * curvature
    share /= share.sum(axis=0)
    if n_outputs > 1:
        assert 0.2 < (share <= SMALL / n).mean() < 0.8
        share[share <= SMALL / n] = 0
    share = (share + FLOOR / n) / (1 + FLOOR)
    for found, own in zip(sampled_grams(problem, curvature, n), share.T, strict=True):
        # n terms, each rounded three times, of which the largest are rows of length 4
        np.testing.assert_allclose(
            np.tril(found), np.tril(Z.T @ (own[:, None] * Z)), rtol=0, atol=n * 3 * 16 * 2**-52 / n
        )


def test_bad_arguments():
    X = scipy.sparse.csr_array(np.eye(3))
    matrix = read_matrix(X).core
    with pytest.raises(TypeError, match=r"^X: expected CSR, got a dense matrix$"):
        _core.sparse_gram(_core.DenseMatrix(np.eye(3)), np.ones(3))
    with pytest.raises(ValueError, match=r"^weight: expected shape \(3\), got \(2,\)$"):
        _core.sparse_gram(matrix, np.ones(2))
    with pytest.raises(TypeError, match=r"^weight: expected a C-contiguous array of float64"):
        _core.sparse_gram(matrix, np.ones(3, np.float32))
    with pytest.raises(ValueError, match=r"^feature_scale: expected shape \(3\), got \(4,\)$"):
        _core.row_squares(matrix, np.ones(4))
    dense = _core.DenseMatrix(np.eye(3))
    with pytest.raises(TypeError, match=r"^X: expected a dense matrix, got CSR$"):
        _core.dense_gram(matrix, np.ones(3), None, np.ones((3, 1)))
    with pytest.raises(ValueError, match=r"^weights: expected shape \(3, 2\), got \(4, 2\)$"):
        _core.dense_gram(dense, np.ones(3), None, np.ones((4, 2)))
    with pytest.raises(ValueError, match=r"^centre: expected shape \(3\), got \(2,\)$"):
        _core.dense_gram(dense, np.ones(2), None, np.ones((3, 1)))
    with pytest.raises(ValueError, match=r"^index: expected rows of X, got 3$"):
        _core.dense_gram(dense, np.ones(3), None, np.ones((1, 1)), np.array([3]))
