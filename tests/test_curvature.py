"""The Hessian of F that is a metric: what is left out of it is small, and leaves it semidefinite."""

import numpy as np
import pytest

import softmargin as sm
from softmargin import reference
from softmargin._validation import read_matrix
from softmargin.objective import read_data
from softmargin.solvers import curvature
from softmargin.solvers.curvature import SMALL_SHARE, Hessians, hessian, jumps
from softmargin.solvers.exact import prepare

ALPHA = 1e-9


@pytest.mark.parametrize("loss", ["softmax", "squared_hinge", "logistic"])
@pytest.mark.parametrize("confidence", [0.1, 3.0, 30.0])
def test_small_curvatures_are_left_out(loss, confidence):
    rng = np.random.default_rng(0)
    n, d, k = 300, 4, 5
    X, y = rng.standard_normal((n, d)), rng.integers(0, k, n)
    X[:, 0] = rng.random(n) < 0.01  # a feature of few rows, which may all be of classes beyond doubt
    y[rng.random(n) < 0.95] = 0  # and classes of few
    data = read_data(read_matrix(X), y, loss, n_outputs=k, dtype=np.dtype(np.float64))
    problem = prepare(
        data, sm.L2(ALPHA), fit_intercept=True, standardize=False, intercept_penalty=0.0, num_threads=1, deadline=None
    )
    S = confidence * rng.standard_normal((n, k))
    S[np.arange(n), y] += confidence
    found = hessian(problem, S)
    assert len(found) == (k if loss == "logistic" else 1)
    Z = np.column_stack([X - problem.centre, np.ones(n)])
    signs = np.where(np.eye(k)[y] > 0, 1, -1) if loss == "logistic" else y
    rows = np.stack([reference.LOSSES[loss].hessian(S, np.tile(row, (n, 1)), signs) for row in np.eye(k)], axis=1)
    full = np.einsum("ice,ij,il->cjel", rows, Z, Z) / n
    penalty = np.append(np.full(d, ALPHA), 0.0)
    if loss == "logistic":
        for c, H in enumerate(found):  # nothing: the outputs are apart
            np.testing.assert_allclose(H, full[c, :, c] + np.diag(penalty), rtol=1e-9, atol=1e-12)
        return
    H, expected = found[0], full.reshape(k * (d + 1), -1) + np.diag(np.tile(penalty, k))
    root = np.sqrt(np.maximum(np.diag(expected), 1e-300))
    np.testing.assert_allclose(np.diag(H), np.diag(expected), rtol=1e-9)
    assert (
        np.linalg.eigvalsh(H / np.outer(root, root)).min() >= -1e-12
    )  # of a matrix of size 25 with a diagonal of ones
    share = np.sqrt(np.outer(*2 * (np.einsum("icc->c", rows) / n,)))
    largest = np.abs(Z[:, :, None] * Z[:, None, :]).mean(axis=0)
    bound = SMALL_SHARE * np.einsum("ce,jl->cjel", share, largest).reshape(H.shape)
    assert np.all(np.abs(H - expected) <= bound + 1e-12)  # roundings of sums of 300 terms below 100
    if (loss, confidence) == ("softmax", 3.0):
        assert np.abs(H - expected).max() > 1e-12  # something is


def test_losses_whose_curvature_jumps():
    smooth = {name for name in reference.LOSSES if sm.losses.info(name)["smooth"]}
    assert {name for name in smooth if jumps(name)} == {"squared_hinge", "binary_squared_hinge", "huber"}


@pytest.mark.parametrize("loss", ["squared_hinge", "binary_squared_hinge", "softmax"])
def test_hessians_of_points_that_are_near(loss, monkeypatch):
    """What few rows change is added: the same as from anew, up to the rounding of the first; and it is seen to be less work."""
    rng = np.random.default_rng(0)
    n, d, k = 400, 6, 3
    X, labels = rng.standard_normal((n, d)), rng.integers(0, k, n)
    weight = rng.random(n)
    y = labels if loss != "binary_squared_hinge" else np.where(np.eye(k)[labels] > 0, 1.0, -1.0)
    data = read_data(read_matrix(X), y, loss, n_outputs=k, dtype=np.dtype(np.float64), sample_weight=weight)
    problem = prepare(
        data, sm.L2(ALPHA), fit_intercept=True, standardize=False, intercept_penalty=0.0, num_threads=1, deadline=None
    )
    made, counted = [], curvature.centred_grams
    monkeypatch.setattr(curvature, "centred_grams", lambda p, w: made.append(np.count_nonzero(w)) or counted(p, w))
    hessians, S = Hessians(problem), rng.standard_normal((n, k))
    for _ in range(6):
        found = hessians.at(S)
        np.testing.assert_allclose(
            found, hessian(problem, S), rtol=1e-12, atol=1e-13
        )  # sums of 400 terms below 10, six times
        S = S + 0.02 * rng.standard_normal((n, k))
    changes, anew = made[::2][1:], made[1::2][1:]
    assert loss == "softmax" or all(a < 0.2 * b for a, b in zip(changes, anew, strict=True))
    assert loss != "softmax" or changes == anew
