"""Dual coordinate ascent: a visit finds the best dual variable, the weights stay those of the dual variables, the optimum is the optimum."""

import itertools
import warnings

import numpy as np
import pytest
import scipy.sparse

import softmargin as sm
from softmargin import _core, reference
from softmargin._validation import read_matrix
from softmargin.solvers import coordinate_ascent
from softmargin.solvers.automatic import METHODS

from . import draws
from .optimum import optimum
from .test_gram import layouts

LOSSES = [name for name in sm.losses.names() if sm.losses.info(name)["target"] != "classes"]
SMOOTH = [name for name in LOSSES if sm.losses.info(name)["smooth"]]
EPS = np.finfo(np.float64).eps


class Ascent:
    """The core's arrays and their meaning, around a dense copy of X."""

    def __init__(self, X, dense, y, loss, k, given, *, weight=None, l2=0.1, pull=0.3, scale=None):
        n, d = dense.shape
        self.problem = _core.Problem(read_matrix(X).core, y, loss, k, sample_weight=weight, dtype="float64", **given)
        self.dense, self.y, self.loss, self.given, self.l2, self.pull = dense, y, loss, given, l2, pull
        self.weight = np.ones(n) if weight is None else weight
        self.scale = scale
        self.A, self.W, self.b = np.zeros((k, n)), np.zeros((k, d)), np.zeros(k)
        self.rest, self.streak = np.zeros((k, n), np.uint8), np.zeros((k, n), np.uint8)
        self.squares = _core.row_squares(read_matrix(X).core, scale)

    def epoch(self, number=0, num_threads=1):
        state = (self.A, self.W, self.b, self.rest, self.streak, self.squares)
        given = {"l2": self.l2, "pull": self.pull, "feature_scale": self.scale}
        return _core.ascend(self.problem, *state, **given, epoch=number, num_threads=num_threads)

    def weights(self, A):
        """V (n_outputs, n_features) of the scaled features, and b, that belong to dual variables A (n_outputs, n_samples)."""
        share = A * self.weight / self.weight.sum()
        Z = self.dense if self.scale is None else self.dense * np.sqrt(self.scale)
        return -share @ Z / self.l2, -share.sum(axis=1) / self.pull

    def dual(self, A):
        """D at A, by the reference."""
        V, b = self.weights(A)
        conjugate = reference.LOSSES[self.loss].conjugate(A.T, self.y, **self.given)
        value = -float(self.weight @ conjugate) / self.weight.sum()
        return value - 0.5 * self.l2 * float((V**2).sum()) - 0.5 * self.pull * float(b @ b)


def cases(loss, seed):
    rng = np.random.default_rng(seed)
    for n, k, form in itertools.product((1, 2, 31), (1, 2, 3), draws.forms(loss)):
        k = max(k, draws.fewest_outputs(loss, form))
        dense, forms = layouts(rng, n, 9, np.float64)
        y, given = draws.targets(rng, loss, n, k, form), draws.options(rng, loss, k)
        weight = rng.integers(0, 4, n) / 2
        weight[0] = 1.0
        for X in forms:
            yield rng, X, dense, y, k, given, (weight if rng.random() < 0.5 else None)


@pytest.mark.parametrize("loss", LOSSES)
def test_the_weights_are_those_of_the_dual_variables_and_the_dual_value_never_falls(loss):
    for rng, X, dense, y, k, given, weight in cases(loss, 0):
        scale = rng.integers(1, 5, 9) / 4 if rng.random() < 0.5 else None
        ascent = Ascent(X, dense, y, loss, k, given, weight=weight, scale=scale)
        before = ascent.dual(ascent.A)
        for number in range(4):
            ascent.epoch(number)
            assert draws.outside(ascent.A.T, loss, y, given) <= EPS * (1 + np.abs(ascent.A).max())
            V, b = ascent.weights(ascent.A)
            W = V if scale is None else V * np.sqrt(scale)
            # Two outputs side by side, a last odd one by itself.
            kept = np.concatenate([W[c : c + 2].T.ravel() for c in range(0, k, 2)])
            size = 1 + np.abs(W).max() + np.abs(b).max()
            np.testing.assert_allclose(ascent.W.ravel(), kept, rtol=0, atol=1e3 * EPS * size)
            np.testing.assert_allclose(ascent.b, b, rtol=0, atol=1e3 * EPS * size)
            now = ascent.dual(ascent.A)
            assert now >= before - 1e3 * EPS * (1 + abs(now))
            before = now


@pytest.mark.parametrize("loss", LOSSES)
def test_a_visit_finds_the_best_dual_variable(loss):
    """Of a single sample, against many others of the domain; two visits, the second from where the first one ended."""
    rng = np.random.default_rng(1)
    for k, l2, pull in itertools.product((1, 2), (0.01, 1.0, 30.0), (0.1, np.inf)):
        for form in draws.forms(loss):
            if k < draws.fewest_outputs(loss, form):
                continue
            y, given = draws.targets(rng, loss, 1, k, form), draws.options(rng, loss, k)
            dense = rng.integers(-8, 9, (1, 5)) / 8
            ascent = Ascent(scipy.sparse.csr_array(dense), dense, y, loss, k, given, l2=l2, pull=pull)
            for number in range(2):
                ascent.epoch(number)
                best = ascent.dual(ascent.A) if np.isfinite(pull) else self_dual(ascent)
                for near in (1.0, 1e-3, 1e-6):
                    other = ascent.A + near * (draws.duals(rng, loss, y, k, given).T - ascent.A)
                    value = ascent.dual(other) if np.isfinite(pull) else self_dual(ascent, other)
                    assert value <= best + 100 * EPS * (1 + abs(best))


def self_dual(ascent, A=None):
    """D without an intercept."""
    A = ascent.A if A is None else A
    V, _ = ascent.weights(A)
    conjugate = reference.LOSSES[ascent.loss].conjugate(A.T, ascent.y, **ascent.given)
    return -float(ascent.weight @ conjugate) / ascent.weight.sum() - 0.5 * ascent.l2 * float((V**2).sum())


@pytest.mark.parametrize("loss", LOSSES)
def test_the_gap_of_an_epoch_in_which_nothing_moves_is_the_gap(loss):
    """And its value is F: of the augmented problem, whose intercept has the penalty `pull`."""
    rng = np.random.default_rng(2)
    dense, (X, *_) = layouts(rng, 20, 6, np.float64)
    y, k = draws.targets(rng, loss, 20, 2, "values"), 2
    ascent = Ascent(X, dense, y, loss, k, {})
    for number in range(400):
        ascent.rest[:] = 0
        ascent.epoch(number)
    ascent.rest[:] = 0
    values, gaps = ascent.epoch(400)
    V, b = ascent.weights(ascent.A)
    F = reference.loss_and_grad(
        V, dense, y, loss=loss, intercept=b, penalty=sm.L2(ascent.l2), intercept_penalty=ascent.pull
    ).loss
    assert abs(values.sum() - F) <= 1e-6 * F  # the last visits still move by their share of the gap
    assert -100 * EPS <= gaps.sum() <= 1e-6 * F
    assert F - ascent.dual(ascent.A) <= 1e-6 * F


SETTINGS = (
    {},
    {"fit_intercept": False},
    {"intercept_penalty": 0.1},
    {"sample_weight": "random"},
    {"standardize": True},
    {"positive_weight": [0.5, 2.0, 3.0]},
    {"W0": "random"},
)


@pytest.mark.parametrize("loss", LOSSES)
def test_the_optimum_is_certified(loss):
    """Against the optimum of another way: the gap reaches tol, and is not below the true distance."""
    rng = np.random.default_rng(3)
    n, d, k, penalty = 30, 9, 3, sm.L2(0.05)
    X = scipy.sparse.random_array((n, d), density=0.4, rng=rng, format="csr")
    for setting in SETTINGS:
        given = dict(setting)
        if "positive_weight" in given and sm.losses.info(loss)["target"] != "signs":
            continue
        y = rng.standard_normal((n, k)) if sm.losses.info(loss)["target"] == "real" else np.arange(n) % k
        for name, shape in (("sample_weight", n), ("W0", (k, d))):
            if name in given:
                given[name] = rng.random(shape)
        result = sm.solve(X, y, loss=loss, penalty=penalty, tol=1e-8, method="dual", **given)
        assert result.converged
        assert (
            setting or result.method == "dual"
        )  # a start far away or features of other scales may end by another method
        given.pop("W0", None)
        if setting.get("standardize"):
            continue  # `optimum` has no scales; the next test compares
        best, _, _ = optimum(X.toarray(), y, loss=loss, penalty=penalty, k=k, **given)
        # F* is no higher than `best`, and the bound no higher than F*.
        assert result.loss <= best * (1 + 1e-8) + 1e-12
        assert result.loss * (1 - result.gap) <= best + 1e-12


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_it_agrees_with_the_descent_on_the_features(loss, dtype):
    rng = np.random.default_rng(4)
    X = scipy.sparse.random_array((50, 70), density=0.2, rng=rng, format="csr", dtype=dtype)
    y = rng.standard_normal((50, 2)) if sm.losses.info(loss)["target"] == "real" else np.arange(50) % 2
    tol = 1e-9 if loss in SMOOTH else 1e-6
    for standardize in (False, True):
        options = {"loss": loss, "penalty": sm.L2(0.05), "tol": tol, "standardize": standardize}
        one, other = (sm.solve(X, y, method=method, **options) for method in ("dual", "gram"))
        assert abs(one.loss - other.loss) <= 1.1 * tol * other.loss


def test_a_start_at_the_optimum_ends_at_once():
    rng = np.random.default_rng(5)
    X = scipy.sparse.random_array((50, 70), density=0.2, rng=rng, format="csr")
    for loss in SMOOTH:
        y = rng.standard_normal((50, 3)) if sm.losses.info(loss)["target"] == "real" else np.arange(50) % 3
        options = {"loss": loss, "penalty": sm.L2(0.05), "method": "dual"}
        cold = sm.solve(X, y, tol=1e-10, **options)
        warm = sm.solve(X, y, tol=1e-5, W0=cold.W, intercept0=cold.intercept, **options)
        assert warm.n_iter < sm.solve(X, y, tol=1e-5, **options).n_iter


@pytest.mark.parametrize("loss", LOSSES)
def test_a_weak_penalty_of_the_intercept_costs_no_epochs(loss):
    """Rows are no more coupled by it than by an intercept that is free: a thousand epochs were not enough for hinges."""
    rng = np.random.default_rng(13)
    X = scipy.sparse.random_array((300, 900), density=0.03, rng=rng, format="csr")
    y = X @ rng.normal(size=900)
    y = y if sm.losses.info(loss)["target"] == "real" else (y > np.quantile(y, 0.3)).astype(int)
    options = {"loss": loss, "penalty": sm.L2(0.01), "method": "dual", "tol": 1e-5}
    free = sm.solve(X, y, **options)
    for penalty in (1.0, 0.01, 1e-5):
        found = sm.solve(X, y, intercept_penalty=penalty, **options)
        best = sm.solve(X, y, intercept_penalty=penalty, **options | {"method": "gram", "tol": 1e-7, "max_iter": 3000})
        assert best.converged
        assert found.converged
        assert found.loss <= best.loss * (1 + 1.1e-5)
        assert found.n_iter <= 1.5 * free.n_iter + 5


def test_it_goes_on_by_another_method_where_it_stalls(monkeypatch):
    monkeypatch.setattr(coordinate_ascent, "STALLED_SMOOTH", 1)
    monkeypatch.setattr(coordinate_ascent, "STALLED", 1)
    monkeypatch.setattr(coordinate_ascent, "HALVED", 1e-6)
    rng = np.random.default_rng(6)
    X = scipy.sparse.random_array((50, 70), density=0.2, rng=rng, format="csr")
    y = np.arange(50) % 3
    for loss, then in (("binary_squared_hinge", "rows"), ("binary_hinge", "diagonal")):
        result = sm.solve(X, y, loss=loss, penalty=sm.L2(0.05), tol=1e-6, method="dual")
        assert result.converged
        assert result.method == then


def test_an_early_end_has_its_gap():
    rng = np.random.default_rng(7)
    X = scipy.sparse.random_array((60, 9), density=0.3, rng=rng, format="csr")
    y = np.arange(60) % 3
    for loss in ("logistic", "binary_hinge"):
        best, _, _ = optimum(X.toarray(), y, loss=loss, penalty=sm.L2(0.05), k=3)
        for stop in ({"max_iter": 0}, {"max_iter": 2}, {"max_seconds": 1e-9}):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", sm.ConvergenceWarning)
                result = sm.solve(X, y, loss=loss, penalty=sm.L2(0.05), tol=1e-12, method="dual", **stop)
            assert result.n_iter <= stop.get("max_iter", 0)
            assert result.loss - best <= result.gap * result.loss + 1e-12
            assert np.isfinite(result.gap)


def test_where_it_applies():
    rng = np.random.default_rng(9)
    X = scipy.sparse.random_array((30, 20), density=0.3, rng=rng, format="csr")
    y = np.arange(30) % 2
    assert "dual" in METHODS
    expected = r"^method: expected 'dual' with CSR, a loss of each output alone, an l2 penalty alone"
    for data, options in (
        (X.toarray(), {"loss": "logistic"}),
        (X, {"loss": "softmax"}),
        (X, {"loss": "logistic", "penalty": sm.L1(0.01)}),
        (X, {"loss": "logistic", "penalty": None}),
        (X, {"loss": "logistic", "standardize": True, "intercept_penalty": 0.1}),
    ):
        with pytest.raises(ValueError, match=expected):
            sm.solve(data, y, method="dual", **options)


def test_bad_arrays_are_refused():
    X = scipy.sparse.csr_array(np.eye(3))
    ascent = Ascent(X, np.eye(3), np.array([0, 1, 0]), "logistic", 2, {})
    ascent.A = np.zeros((2, 4))
    with pytest.raises(ValueError, match=r"^A: expected shape \(2, 3\), got \(2, 4\)$"):
        ascent.epoch()
    ascent.A = np.zeros((2, 3))
    ascent.A.flags.writeable = False
    with pytest.raises(ValueError, match=r"^A: expected a writeable array$"):
        ascent.epoch()
    wrong = Ascent(X, np.eye(3), np.array([0, 1, 0]), "softmax", 2, {})
    with pytest.raises(ValueError, match=r"^loss: expected one of each output alone$"):
        wrong.epoch()
    wrong.problem = _core.Problem(read_matrix(X).core, np.array([0, 1, 0]), "logistic", 2, dtype="float32")
    with pytest.raises(TypeError, match=r"^problem: expected float64, got float32$"):
        wrong.epoch()


def test_what_auto_chooses():
    """Beyond 5000 features: the ascent where losses are steep or not smooth, or rows are many; else the descent on the rows."""
    rng = np.random.default_rng(10)
    X = scipy.sparse.random_array((60, 6000), density=0.1, rng=rng, format="csr", dtype=np.float32)
    many = scipy.sparse.random_array((3100, 6000), density=0.001, rng=rng, format="csr", dtype=np.float32)
    for data, loss, alpha, expected in (
        (X, "binary_hinge", 0.1, "dual"),
        (X, "logistic", 1e-3, "dual"),
        (X, "logistic", 10.0, "rows"),
        (X, "softmax", 1e-3, "rows"),
        (many, "logistic", 10.0, "dual"),
    ):
        y = np.arange(data.shape[0]) % 3
        assert sm.solve(data, y, loss=loss, penalty=sm.L2(alpha), tol=1e-2).method == expected
    dense = X.toarray()
    assert sm.solve(dense, np.arange(60) % 3, loss="logistic", penalty=sm.L2(0.1), tol=1e-2).method == "rows"
    few = scipy.sparse.random_array((3000, 40), density=0.1, rng=rng, format="csr")
    assert sm.solve(few, np.arange(3000) % 2, loss="logistic", penalty=sm.L2(0.1), tol=1e-2).method == "newton"
