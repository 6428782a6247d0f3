"""Features that one row alone has, merged into one for the row: the same problem in fewer unknowns."""

import itertools

import numpy as np
import pytest
import scipy.sparse

import softmargin as sm
from softmargin import _core
from softmargin._validation import read_matrix
from softmargin.objective import read_data
from softmargin.solvers import own_features
from softmargin.solvers.chain import Chain
from softmargin.solvers.own_features import merged
from softmargin.solvers.run import Limits

LOSSES = sm.losses.names()
METHODS = ("diagonal", "gram", "newton", "interior", "rows", "dual")


def sparse(rng, n, dtype=np.float64, index=np.int32):
    """CSR of 20 features that rows share, three of its own for every row but the first, and two without an entry."""
    shared = scipy.sparse.random_array((n, 20), density=0.3, rng=rng, format="csr")
    own = scipy.sparse.kron(scipy.sparse.diags_array((np.arange(n) > 0) * 1.0), rng.normal(size=(1, 3)), format="csr")
    X = scipy.sparse.hstack([shared, own, scipy.sparse.csr_array((n, 2))], format="csr", dtype=dtype)
    X.eliminate_zeros()
    X = X[:, rng.permutation(X.shape[1])].tocsr()
    X.indices, X.indptr = X.indices.astype(index), X.indptr.astype(index)
    return X


def unsorted(X):
    """The same, two entries of a row in another order."""
    X = X.copy()
    row = np.flatnonzero(np.diff(X.indptr) > 1)[0]
    first = X.indptr[row]
    for array in (X.indices, X.data):
        array[first : first + 2] = array[first : first + 2][::-1].copy()
    X.has_sorted_indices = False
    return X


def merge(X, scale=None):
    """The rows, dense, the columns, and what the features of shared ones are divided by."""
    data = read_data(X, np.zeros(X.shape[0]), "mse", dtype=np.dtype(np.float64))
    other, own = merged(data, scale)
    assert own is not None
    rows = scipy.sparse.csr_array(other.matrix.core.arrays, shape=(X.shape[0], own.n_columns)).toarray()
    return rows, own


def inverse_of(scale):
    """1 / scale, and 0 for a constant feature."""
    return np.divide(1.0, scale, out=np.zeros(len(scale)), where=scale > 0)


@pytest.mark.parametrize("index", [np.int32, np.int64])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("scaled", [False, True])
def test_rows_and_weights_are_those_of_an_orthogonal_transformation(dtype, index, scaled):
    rng = np.random.default_rng(0)
    for n, order in ((1, list), (2, list), (40, list), (40, unsorted)):
        X = sparse(rng, n, dtype, index)
        X = unsorted(X) if order is unsorted else X
        scale = rng.integers(0, 5, X.shape[1]) / 2 if scaled else np.ones(X.shape[1])
        rows, own = merge(X, scale if scaled else None)
        dense, scales = X.toarray().astype(np.float64), own.scale_of_columns()
        count = np.bincount(X.indices, minlength=X.shape[1])
        np.testing.assert_array_equal(rows[:, : own.n_shared], dense[:, count > 1])
        assert own.n_columns == own.n_shared + np.any(dense[:, count == 1], axis=1).sum()
        # Products of rows, and so F as a function of scores and of ||V||, are the same.
        Z, R = dense * inverse_of(scale), rows * inverse_of(scales)
        np.testing.assert_allclose(R @ R.T, Z @ Z.T, rtol=1e-13, atol=1e-13)
        # Weights of the columns have the scores and the length of those of the features that they stand for.
        U = rng.normal(size=(3, own.n_columns)) * np.any(R, axis=0)
        W = own.features_of(U)
        np.testing.assert_allclose(W @ dense.T, U @ rows.T, rtol=0, atol=1e-12)
        assert ((W * scale) ** 2).sum() == pytest.approx(((U * scales) ** 2).sum(), rel=1e-13)
        np.testing.assert_allclose(own.columns_of(W), U, rtol=0, atol=1e-13)
        # Any weights have columns with the same scores, which are not longer.
        W = rng.normal(size=W.shape) * (scale > 0)
        U = own.columns_of(W)
        np.testing.assert_allclose(U @ rows.T, W @ dense.T, rtol=0, atol=1e-12)
        assert ((U * scales) ** 2).sum() <= ((W * scale) ** 2).sum()
        weight = np.arange(1, n + 1)
        mean = np.average(dense, axis=0, weights=weight) * (scale > 0)
        means = np.average(rows, axis=0, weights=weight) * (scales > 0)
        np.testing.assert_allclose(own.centre_of_columns(mean), means, rtol=0, atol=1e-14)


def test_few_features_or_strange_numbers_leave_the_rows_as_they_are():
    rng = np.random.default_rng(1)
    X = sparse(rng, 40)
    share = (np.bincount(X.indices) == 1).sum() / X.nnz
    core = read_matrix(X).core
    assert _core.merge_own_features(core, least=share + 1e-9) is None
    assert _core.merge_own_features(core, least=share - 1e-9) is not None
    own = np.flatnonzero(np.bincount(X.indices)[X.indices] == 1)
    shared = np.flatnonzero(np.bincount(X.indices)[X.indices] > 1)
    for entry, value in itertools.product((own[0], shared[0]), (np.nan, np.inf, -np.inf)):
        other = X.copy()
        other.data[entry] = value
        assert _core.merge_own_features(read_matrix(other).core) is None
    for value, kept in ((1e160, False), (1e-160, False), (1e100, True)):  # squares of three digits less than all
        other = X.copy()
        other.data[own] = value
        assert (_core.merge_own_features(read_matrix(other).core) is not None) == kept
    twice = scipy.sparse.csr_array((np.ones(3), [1, 1, 0], [0, 2, 3]), shape=(2, 2))  # twice in a row is not once
    assert _core.merge_own_features(read_matrix(twice).core)[-1] == 1
    assert _core.merge_own_features(read_matrix(scipy.sparse.csr_array((3, 3))).core) is None
    longer = (np.append(X.data, np.nan), np.append(X.indices, 0), X.indptr)  # than the rows that there are
    values, indices, indptr, *_ = _core.merge_own_features(_core.CsrMatrix(*longer, X.shape[1]))
    assert len(values) == len(indices) == indptr[-1] == (np.bincount(X.indices)[X.indices] > 1).sum() + 39
    zeros = X.copy()
    zeros.data[own] = 0.0  # entries, but of zeros
    rows, columns = merge(zeros)
    assert not rows[:, columns.n_shared :].any()
    assert not columns.features_of(np.ones((1, columns.n_columns)))[0, X.indices[own]].any()


def problem(loss, rng, n=40):
    """X, y and the options of a small problem of each loss."""
    target = sm.losses.info(loss)["target"]
    y = rng.standard_normal((n, 3)) if target == "real" else np.arange(n) % 3
    return sparse(rng, n), y, {"loss": loss, "penalty": sm.L2(0.05), "tol": 1e-9}


def both(monkeypatch, X, y, **options):
    """What is found, and what is without merging anything."""
    found = sm.solve(X, y, **options)
    with monkeypatch.context() as patch:
        patch.setattr(own_features, "OWN", 1.1)
        return found, sm.solve(X, y, **options)


@pytest.mark.parametrize("loss", LOSSES)
def test_the_optimum_is_the_same(loss, monkeypatch):
    """In loss and weights, whatever is asked for, from zero weights and from others; F is what the model has."""
    rng = np.random.default_rng(2)
    X, y, given = problem(loss, rng)
    weight = rng.integers(0, 3, 40).astype(float)
    start = {"W0": rng.normal(size=(3, X.shape[1])), "intercept0": np.ones(3)}
    for options in (
        {},
        {"standardize": True},
        {"standardize": True, "fit_intercept": False, "sample_weight": weight},
        {"fit_intercept": False},
        {"intercept_penalty": 0.1, "sample_weight": weight},
        start,
        start | {"standardize": True},
    ):
        found, control = both(monkeypatch, X, y, **given | options)
        assert found.converged
        assert found.W.shape == (3, X.shape[1])
        assert found.loss == pytest.approx(control.loss, rel=2e-9)
        if options.get("standardize"):
            continue
        # F is strongly convex in W: both are near the one optimum, whose features without an entry have no weight.
        distance = np.linalg.norm(found.W - control.W)
        assert distance <= np.sqrt(2 * 1e-9 * found.loss / 0.05) + np.sqrt(2 * 1e-9 * control.loss / 0.05)
        weights = {"sample_weight": options.get("sample_weight"), "loss": loss, "penalty": given["penalty"]}
        F = sm.loss_and_grad(found.W, X, y, intercept=found.intercept, **weights).loss
        if "intercept_penalty" in options:
            F += 0.05 * float(found.intercept @ found.intercept)
        assert found.loss == pytest.approx(F, rel=1e-13)


@pytest.mark.parametrize("method", METHODS)
def test_every_method_works_on_them(method, monkeypatch):
    rng = np.random.default_rng(3)
    loss = "squared_hinge" if method not in ("dual", "interior") else "binary_squared_hinge"
    X, y, given = problem(loss, rng)
    seen = []
    found, control = both(monkeypatch, X, y, **given, method=method, callback=lambda info: seen.append(info.weights()))
    assert found.method == control.method == method
    assert found.loss == pytest.approx(control.loss, rel=2e-9)
    assert all(W.shape == found.W.shape for W, _ in seen)


def test_float32_rows_are_not_rounded_once_more():
    """The length of a row's own features is kept in double: in single the gap would be right to 1e-7 alone."""
    rng = np.random.default_rng(4)
    X, y, given = problem("logistic", rng)
    X = X.astype(np.float32)
    found = sm.solve(X, y, **given | {"tol": 1e-12})
    exact = sm.solve(X.astype(np.float64), y, **given | {"tol": 1e-12})
    assert found.converged
    assert found.loss == pytest.approx(exact.loss, rel=3e-12)


def test_l1_leaves_them_apart():
    """An l1 penalty is not the same in other coordinates."""
    rng = np.random.default_rng(5)
    X, y, given = problem("logistic", rng)
    found = sm.solve(X, y, **given | {"penalty": sm.ElasticNet(0.05, l1_ratio=0.5), "tol": 1e-6})
    dense = sm.solve(X.toarray(), y, **given | {"penalty": sm.ElasticNet(0.05, l1_ratio=0.5), "tol": 1e-6})
    assert found.loss == pytest.approx(dense.loss, rel=2e-6)


def test_a_path_and_a_certificate_of_such_rows(monkeypatch):
    rng = np.random.default_rng(6)
    X, y, _ = problem("logistic", rng)
    alphas = [1e-3, 1e-2, 1e-1]
    path = sm.solve_path(X, y, alphas=alphas, loss="logistic", tol=1e-9, folds=4)
    dense = sm.solve_path(X.toarray(), y, alphas=alphas, loss="logistic", tol=1e-9, folds=4)
    np.testing.assert_allclose(path.val_loss, dense.val_loss, rtol=1e-3)
    # Of any weights, whatever part of them no row sees.
    W = rng.normal(size=(3, X.shape[1]))
    certified = sm.certify((W, np.zeros(3)), X, y, loss="logistic", penalty=sm.L2(0.05))
    F = sm.loss_and_grad(W, X, y, intercept=np.zeros(3), loss="logistic", penalty=sm.L2(0.05)).loss
    assert certified.loss == pytest.approx(F, rel=1e-13)


@pytest.mark.parametrize("first", [0, 1])
def test_problems_in_turn_with_and_without_l1_share_no_gram_matrix(first):
    """Only those without it see fewer features."""
    rng = np.random.default_rng(8)
    own = scipy.sparse.kron(scipy.sparse.eye_array(300), rng.normal(size=(1, 5)))
    X = scipy.sparse.hstack([scipy.sparse.random_array((300, 300), density=0.1, rng=rng), own], format="csr")
    data = read_data(X, np.arange(300) % 3, "softmax", dtype=np.dtype(np.float64))
    chain = Chain(Limits(1e-6, 500), method="gram")
    penalties = (sm.L2(0.01), sm.ElasticNet(0.01, l1_ratio=0.5))
    for penalty in (penalties[first], penalties[1 - first], penalties[first]):
        alone = sm.solve(X, np.arange(300) % 3, penalty=penalty, tol=1e-6)
        assert chain.solve(data, penalty).loss == pytest.approx(alone.loss, rel=2e-6)


def test_an_x_that_is_not_finite_is_named_as_it_is():
    rng = np.random.default_rng(7)
    X, y, given = problem("logistic", rng)
    count = np.bincount(X.indices, minlength=X.shape[1])
    entry = np.flatnonzero(count[X.indices] == 1)[5]
    row, feature = np.searchsorted(X.indptr, entry, side="right") - 1, X.indices[entry]
    X.data[entry] = np.nan
    with pytest.raises(ValueError, match=rf"^X: expected finite values, got nan at row {row}, column {feature}$"):
        sm.solve(X, y, **given)
