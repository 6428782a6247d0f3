"""n * d beyond 2^31 is right, and sums stay exact at any n."""

import numpy as np
import pytest
import scipy.sparse

import softmargin as sm
from softmargin import _core

N, D = 2_150_000, 1000  # n * d = 2.15e9 > 2^31


def test_one_row_many_times():
    """Small integers, whose sums are exact in any order: every bit must be right."""
    assert N * D > 2**31
    row = np.arange(D) % 3
    W = (np.arange(2 * D) % 5 - 2).reshape(2, D) / 4
    y = np.broadcast_to([1.0, -2.0], (N, 2))
    residual = W @ row - [1, -2]
    for X in (np.broadcast_to(row.astype(np.float32), (N, D)), np.broadcast_to(row.astype(np.uint8), (N, D))):
        loss, grad, _ = sm.loss_and_grad(W.astype(np.float32), X, y, loss="mse")
        assert loss == np.sum(residual**2)
        np.testing.assert_array_equal(grad, np.float32(2 * residual[:, None] * row))


def test_the_last_rows_of_many():
    """Zeros, which take no memory until something is written, and other rows behind entry 2^31."""
    X, y = np.zeros((N, D), np.uint8), np.zeros(N, np.int64)
    rows = np.array([3, 2**31 // D + 1, N - 1])
    X[rows] = np.arange(1, 1 + 3 * D).reshape(3, D) % 7
    y[rows] = 1
    W = ((np.arange(2 * D) % 3 - 1) / 8).reshape(2, D).astype(np.float32)
    got = sm.loss_and_grad(W, X, y, loss="hinge", intercept=np.zeros(2, np.float32))
    # At a row of zeros the hinge is its margin, 1, and dS = (-1, 1) for class 0.
    s = X[rows] @ W.T
    hinge = np.maximum(0, s[:, 0] - s[:, 1] + 1)
    assert got.loss == (N - 3 + hinge.sum()) / N
    active = (hinge > 0) @ X[rows].astype(float) / N
    np.testing.assert_allclose(got.grad, [active, -active], rtol=2**-23)
    scores = _core.scores(W[:1], None, _core.DenseMatrix(X))
    np.testing.assert_array_equal(scores[rows, 0], s[:, 0])
    assert np.count_nonzero(scores) == np.count_nonzero(s[:, 0])


N_LONG = 24_000_000
TENTH = np.float32(0.1)


@pytest.mark.parametrize("d", [1, 2])
def test_sums_over_many_rows(d):
    """Means of a constant are that constant, to the roundings of 240 terms in float32 and no more."""
    X = np.broadcast_to(np.full((1, d), TENTH), (N_LONG, d))
    y = np.full(N_LONG, -TENTH)
    W, b = np.zeros((1, d), np.float32), np.zeros(1, np.float32)
    loss, grad, db = sm.loss_and_grad(W, X, y, loss="mae", intercept=b)
    # 10^6 / 16 tiles a slot, each rounding by at most half a unit of float64.
    assert abs(loss / float(TENTH) - 1) < 10**6 / 16 * 2**-53
    assert db == 1
    np.testing.assert_allclose(grad, TENTH, rtol=240 * 2**-24)
    # The control: a plain sum in float32 is off by far more than that.
    plain = np.cumsum(X[:, 0], dtype=np.float32)[-1] / N_LONG
    assert abs(plain / TENTH - 1) > 0.01
    mean, variance, _, _ = _core.moments(_core.DenseMatrix(X), None)
    np.testing.assert_allclose(mean, TENTH, rtol=1e-12)
    np.testing.assert_array_equal(variance, 0)

    options = {"loss": "mae", "optimizer": sm.optimizers.SGD(lr=1.0), "batch_size": None, "epochs": 1, "shuffle": False}
    result = sm.fit(X, y, **options)
    assert result.history[0].loss == pytest.approx(float(TENTH), rel=1e-11)
    np.testing.assert_allclose(result.W, -TENTH, rtol=240 * 2**-24)


def test_sums_over_many_sparse_rows_and_weights():
    n = 6_000_000
    X = scipy.sparse.csr_array((np.full(n, TENTH), np.zeros(n, np.int32), np.arange(n + 1, dtype=np.int32)), (n, 2))
    weight = np.full(n, 0.1)
    loss, grad, _ = sm.loss_and_grad(
        np.zeros((1, 2), np.float32), X, np.full(n, -TENTH), loss="mae", sample_weight=weight
    )
    assert abs(loss / float(TENTH) - 1) < n * 2**-53
    np.testing.assert_allclose(grad, [[TENTH, 0]], rtol=n * 2**-53 + 2**-23)
    assert abs(np.cumsum(X.data, dtype=np.float32)[-1] / (n * TENTH) - 1) > 1e-3
