"""The certificate: dual points stay feasible, r becomes zero, G is that of the new point, and the bound is below every F."""

import itertools

import numpy as np
import pytest
import scipy.sparse

import softmargin as sm
from softmargin import _core, reference
from softmargin.objective import read_data
from softmargin.solvers.balance import Balance
from softmargin.solvers.dual import Certificate, Checked
from softmargin.solvers.exact import prepare

from . import draws
from .optimum import optimum

LOSSES = sm.losses.names()
PENALTIES = (sm.L2(0.1), sm.L1(0.05), sm.ElasticNet(0.1, 0.5))
EPS = np.finfo(np.float64).eps


def made(X, y, k, loss, given, *, weight=None, penalty=PENALTIES[0], **options):
    """The problem as `solve` prepares it; its centre is the mean of X, so r matters to G."""
    data = read_data(X, y, loss, n_outputs=k, sample_weight=weight, dtype=np.dtype(np.float64), **given)
    settings = {"fit_intercept": True, "standardize": False, "intercept_penalty": 0.0, "merge": False} | options
    return prepare(data, penalty, num_threads=1, deadline=None, **settings)


def cases(loss, seed=0):
    """X, y, sample weights, options in every form of targets: classes that are absent, or present with weight 0 alone."""
    rng = np.random.default_rng(seed)
    for form, k, n, weighted in itertools.product(draws.forms(loss), (1, 2, 3, 5), (1, 2, 30), (False, True)):
        if k < draws.fewest_outputs(loss, form):
            continue
        y, given = draws.targets(rng, loss, n, k, form), draws.options(rng, loss, k)
        if form == "labels":
            y[-1] = k - 1  # the number of classes is that of the labels; others may be missing
            if n == 30 and rng.random() < 0.5:
                y[y == 0] = k - 1
        weight = rng.integers(0, 4, n) / 2
        weight[0] = 1.0
        yield rng, rng.normal(size=(n, 4)) + 1, y, k, weight if weighted else None, given


def means(problem, A, weight):
    return np.average(A, axis=0, weights=weight)


@pytest.mark.parametrize("loss", LOSSES)
def test_balance(loss):
    for rng, X, y, k, weight, given in cases(loss):
        problem = made(X, y, k, loss, given, weight=weight)
        counted = np.ones(len(X), bool) if weight is None else weight > 0
        for A in (
            draws.duals(rng, loss, y, k, given),
            reference.LOSSES[loss](rng.normal(size=(len(X), k)), y, **given)[1],
        ):
            size = (1 + np.abs(A).max()) * (8 + len(X))
            balance = Balance(problem)
            balance.drop_absent(A)
            assert draws.outside(A[counted], loss, y[counted], given) <= EPS * size
            G, r = problem.combine(A, "float64")
            G = balance.apply(A, G, r)
            # Weights of a class are its share of all: what r moves is divided by the smallest, 1 / (2 n) here.
            assert draws.outside(A[counted], loss, y[counted], given) <= 4 * EPS * size
            assert np.abs(means(problem, A, weight)).max() <= 4 * EPS * size
            again, _ = problem.combine(A, "float64")
            assert np.abs(G - again).max() <= 16 * EPS * size * np.abs(X).max()


@pytest.mark.parametrize("loss", LOSSES)
def test_the_bound_is_below_every_model(loss):
    """D(A) of any A of the domain, for every penalty, with an intercept, without, and with a penalty on it."""
    for rng, X, y, k, weight, given in cases(loss, seed=1):
        for penalty, options in itertools.product(
            PENALTIES, ({}, {"fit_intercept": False}, {"intercept_penalty": 0.3}, {"standardize": True})
        ):
            problem = made(X, y, k, loss, given, weight=weight, penalty=penalty, **options)
            dual = Certificate(problem).dual(draws.duals(rng, loss, y, k, given))
            for scale in (0.0, 0.1, 1.0):
                V, c = scale * rng.normal(size=(k, 4)), scale * rng.normal(size=k)
                c = c if problem.fit_intercept else np.zeros(k)
                Z = (X - problem.centre) * problem.inverse_scale
                expected = reference.loss_and_grad(
                    V, Z, y, loss=loss, intercept=c, sample_weight=weight, penalty=penalty,
                    intercept_penalty=problem.regularizer.intercept, **given,
                )  # fmt: skip
                assert dual <= expected.loss + 100 * EPS * (1 + abs(dual) + expected.loss)


@pytest.mark.parametrize("loss", LOSSES)
def test_a_check_of_a_model(loss):
    """F and its best intercept, against the reference: no other intercept is better, and the gap is not below the truth."""
    for rng, X, y, k, weight, given in cases(loss, seed=2):
        if not sm.losses.info(loss)["smooth"]:
            continue
        problem = made(X, y, k, loss, given, weight=weight)
        x = problem.join(0.3 * rng.normal(size=(k, 4)), rng.normal(size=k))
        checked = Certificate(problem).check(x)
        W, b = problem.raw(checked.x)

        def F(b, W=W, X=X, y=y, weight=weight, given=given):
            penalty = PENALTIES[0]
            return reference.loss_and_grad(
                W, X, y, loss=loss, intercept=b, sample_weight=weight, penalty=penalty, **given
            )

        assert abs(F(b).loss - checked.F) <= 100 * EPS * (1 + checked.F)
        assert F(problem.raw(x)[1]).loss + 100 * EPS * (1 + checked.F) >= checked.F
        np.testing.assert_array_equal(problem.split(checked.x)[0], problem.split(x)[0])
        best, _, _ = optimum(X, y, loss=loss, penalty=PENALTIES[0], k=k, sample_weight=weight, **given)
        assert best >= checked.dual - 100 * EPS * (1 + checked.F)


def test_the_gap_of_a_dual_value_above_F():
    """No dual value is above F*: by what it exceeds F, one of the two is rounded, and that is no gap of 0."""
    assert Checked(np.zeros(1), 1.0, 0.75).gap == 0.25
    assert Checked(np.zeros(1), 1e-10, 1.5e-10).gap == pytest.approx(0.5)
    assert Checked(np.zeros(1), 1e-28, 2e-16).gap == 1.0  # no loss is below 0
    assert Checked(np.zeros(1), 0.0, 0.0).gap == 0.0


def test_a_bound_without_the_balance_is_wrong():
    """The control: 9 positive samples and 1 negative one, all alike; without r = 0 the dual value exceeds F."""
    X, y = np.ones((10, 1)), np.array([1.0] * 9 + [-1.0])
    problem = made(X, y, 1, "logistic", {})
    A = -0.5 * y[:, None]
    best = sm.solve(X, y, loss="logistic", penalty=PENALTIES[0], tol=1e-12).loss
    G, r = problem.combine(A.copy(), "float64")
    assert abs(r[0] + 0.4) < 1e-12
    unbalanced = -float((G**2).sum()) / 0.2 - _core.row_conjugates(problem.core("float64"), A)
    assert unbalanced > best + 0.1
    assert Certificate(problem).dual(A) <= best


def test_a_bound_outside_the_l1_ball_is_wrong():
    """The control: a dual point whose G exceeds l1, taken as it is, exceeds F; scaled, it does not."""
    X, y = np.array([[1.0], [-1.0]]), np.array([1.0, -1.0])
    problem = made(X, y, 1, "mse", {}, penalty=sm.L1(0.1), fit_intercept=False)
    best = sm.solve(X, y, loss="mse", penalty=sm.L1(0.1), fit_intercept=False, tol=1e-12).loss
    assert abs(best - 0.0975) < 1e-12  # w = 1 - 0.1 / 2
    A = -y[:, None].copy()
    assert -_core.row_conjugates(problem.core("float64"), A) > best + 0.1
    assert Certificate(problem).dual(A) <= best


@pytest.mark.parametrize("scale", [1 - 9e-5, 1 + 9e-5])
def test_distributions_that_sum_to_one_up_to_rounding(scale):
    """Rows may be off 1 by 1e-4: the loss has their mass m, and its conjugate - m log m."""
    rng = np.random.default_rng(3)
    X, y = rng.normal(size=(40, 3)), rng.dirichlet(np.ones(4), 40)
    y[:, 0] = 0.0  # a class without mass
    y *= scale / y.sum(axis=1, keepdims=True)
    result = sm.solve(X, y, tol=1e-6)
    expected = reference.loss_and_grad(result.W, X, y, intercept=result.intercept, penalty=("l2", (1e-4,)))
    assert abs(result.loss - expected.loss) < 1e-13
    problem = made(X, y, 4, "softmax", {}, penalty=sm.L2(1e-4))
    checked = Certificate(problem).check(problem.from_raw(result.W, result.intercept))
    assert checked.dual <= checked.F + 1e-13
    assert checked.gap <= 1e-6


@pytest.mark.parametrize("standardize", [False, True])
def test_a_row_is_added_as_it_would_be_dense(standardize):
    """An entry that comes twice counts twice, and the centre is taken off where there are no entries."""
    rng = np.random.default_rng(0)
    values, indices = rng.normal(size=7), np.array([0, 3, 3, 1, 2, 0, 3])
    X = scipy.sparse.csr_array((values, indices, [0, 3, 3, 5, 7]), shape=(4, 5))
    y = np.array([-1.0, 1.0, 1.0, -1.0])
    for matrix in (X, X.toarray()):
        problem = made(matrix, y, 1, "logistic", {}, standardize=standardize)
        assert problem.is_centred
        for i in range(4):
            out = rng.normal(size=5)
            expected = out - 0.3 * (X.toarray()[i] - problem.centre) * problem.inverse_scale
            problem.add_row(out, -0.3, i)
            np.testing.assert_allclose(out, expected, rtol=1e-14, atol=1e-15)
