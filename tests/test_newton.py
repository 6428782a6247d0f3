"""Newton's method of outputs that are apart: its steps against NumPy, where it is taken, and what it does where steps end."""

import numpy as np
import pytest
from sklearn.datasets import load_digits

import softmargin as sm
from softmargin import _core, reference
from softmargin._validation import read_matrix
from softmargin.objective import read_data
from softmargin.solvers import newton as module
from softmargin.solvers.continuation import stronger
from softmargin.solvers.exact import prepare
from softmargin.solvers.newton import SeparateNewton, applies

RNG = np.random.default_rng(0)
N, D, K = 90, 5, 3
X = RNG.normal(size=(N, D)) * [1.0, 3.0, 0.1, 1.0, 1.0] + [0.0, 1.0, 5.0, 0.0, -2.0]
LABELS = (RNG.normal(size=(N, K)) + 3 * ((X - X.mean(axis=0)) / X.std(axis=0))[:, :K]).argmax(axis=1)
REAL, WEIGHT = 2 * RNG.normal(size=(N, K)), RNG.integers(0, 4, N).astype(float)
KIND = {name: sm.losses.info(name)["target"] for name in sm.losses.names()}
APART = [name for name in sm.losses.names() if sm.losses.info(name)["smooth"] and KIND[name] != "classes"]
JUMPING = "binary_squared_hinge"
CASES = {
    "plain": {},
    "weighted": {"sample_weight": WEIGHT, "positive_weight": [0.5, 1.0, 3.0]},
    "penalised intercept": {"intercept_penalty": 0.3},
    "no intercept": {"fit_intercept": False},
    "standardised": {"standardize": True},
}


def problem_of(loss, case="plain", l2=0.1):
    options = dict(CASES[case])
    given = {name: options.pop(name) for name in ("sample_weight", "positive_weight") if name in options}
    if KIND[loss] == "real":
        given.pop("positive_weight", None)
    y = REAL if KIND[loss] == "real" else LABELS
    data = read_data(read_matrix(X), y, loss, dtype=np.dtype(np.float64), **given)
    defaults = {
        "fit_intercept": True,
        "standardize": False,
        "intercept_penalty": 0.0,
        "num_threads": 0,
        "deadline": None,
    }
    return prepare(data, sm.L2(l2), **defaults | options)


class InNumPy:
    """F of each output, its gradient and Hessian in the unknowns [V, c], in float64."""

    def __init__(self, problem):
        self.problem, data = problem, problem.data
        rows = (X - problem.centre) * problem.inverse_scale
        self.Z = np.column_stack([rows, np.full(N, float(problem.fit_intercept))])
        weight = np.ones(N) if data.sample_weight is None else data.sample_weight
        self.share = weight / weight.sum()
        _, l2, intercept = problem.regularizer
        self.ridge = np.append(np.full(D, l2), intercept)
        self.record = reference.LOSSES[data.loss]
        self.given = {} if data.positive_weight is None else {"positive_weight": data.positive_weight}
        self.y = data.targets
        if KIND[data.loss] == "signs" and self.y.ndim == 1:
            self.y = np.where(np.eye(K)[self.y] > 0, 1.0, -1.0)

    def gradient(self, W):
        _, dS = self.record(self.Z @ W.T, self.y, **self.given)
        return (self.share[:, None] * dS).T @ self.Z + self.ridge * W

    def F(self, W):
        value, _ = self.record(self.Z @ W.T, self.y, **self.given)
        return self.share @ value + 0.5 * (self.ridge * W * W).sum()

    def directions(self, W):
        ones = np.ones((N, K))
        second = self.share[:, None] * self.record.hessian(self.Z @ W.T, ones, self.y, **self.given)
        tiny = np.append(np.zeros(D), 1e-12)
        H = [(self.Z * column[:, None]).T @ self.Z + np.diag(self.ridge + tiny) for column in second.T]
        return -np.stack([np.linalg.solve(h, g) for h, g in zip(H, self.gradient(W), strict=True)])


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("loss", APART)
def test_steps_are_newtons_and_end_where_the_slope_does(loss, case):
    """From random weights, so that rows enter and leave the curved part: the Hessian is the sum of what has changed since the first step."""
    problem = problem_of(loss, case)
    numpy = InNumPy(problem)
    V, c = 3 * RNG.normal(size=(K, D)), RNG.normal(size=K) * problem.fit_intercept
    solver = SeparateNewton(problem, problem.join(V, c))
    W = np.column_stack([V, c])
    steps = 0
    while steps < 30:
        assert pytest.approx(numpy.F(W), rel=1e-12) == solver.F
        p, g = numpy.directions(W), numpy.gradient(W)
        assert solver.gradient_norm == pytest.approx(np.linalg.norm(g), rel=1e-6, abs=1e-12)
        if not solver.step():
            break
        steps += 1
        moved, W = solver.core.W - W, solver.core.W
        slope, after = (g * p).sum(axis=1), (numpy.gradient(W) * p).sum(axis=1)
        for c in np.flatnonzero(np.abs(moved).sum(axis=1) > 0):
            if slope[c] > -1e-12:
                continue  # directions that are rounding
            t = (moved[c] @ p[c]) / (p[c] @ p[c])
            # The Hessian is a sum of differences, rounded at 1e-16 of its largest entry each; its condition here is below 1e4.
            np.testing.assert_allclose(moved[c], t * p[c], rtol=0, atol=1e-9 * np.abs(moved[c]).max())
            assert abs(after[c]) <= 1.01e-2 * abs(slope[c])
    assert steps >= (1 if loss == "mse" else 3)
    assert np.abs(numpy.gradient(W)).max() < 1e-7


@pytest.mark.parametrize("loss", APART)
def test_the_gap_is_a_bound(loss):
    """|g|^2 / (2 l2) is one where nothing but the penalty is needed: F is that strongly convex."""
    problem = problem_of(loss, "no intercept")
    solver = SeparateNewton(problem, problem.join(RNG.normal(size=(K, D)), np.zeros(K)))
    seen = [(solver.F, solver.gap)]
    while solver.step():
        seen.append((solver.F, solver.gap))
    least = solver.F
    assert all(F - least <= gap * F * (1 + 1e-9) for F, gap in seen)
    assert seen[-1][1] < 1e-12 < seen[0][1]
    assert [F for F, _ in seen] == sorted((F for F, _ in seen), reverse=True)


def test_stronger_penalties_on_the_way():
    """F and the gap are of the penalty that is asked for, also where steps are of others."""
    problem = problem_of(JUMPING, "no intercept", l2=1e-5)
    assert len(stronger(problem)) >= 3
    solver = SeparateNewton(problem, np.zeros(problem.size))
    numpy, seen = InNumPy(problem), []
    while solver.step():
        assert pytest.approx(numpy.F(solver.core.W), rel=1e-10) == solver.F
        seen.append((solver.F, solver.gap))
    assert all(gap * F * (1 + 1e-9) >= F - solver.F for F, gap in seen)
    assert solver.gap < 1e-12
    direct = SeparateNewton(
        problem, problem.join(1e-3 * RNG.normal(size=(K, D)), np.zeros(K))
    )  # starts of their own have no way
    while direct.step():
        pass
    assert pytest.approx(direct.F, rel=1e-12) == solver.F


def test_digits_in_few_steps():
    """Raw digits: whole steps, or the same step for all outputs, go in circles there (159 steps and more); the optimum is the other way's."""
    digits, y = load_digits(return_X_y=True)
    options = {"loss": JUMPING, "penalty": sm.L2(1e-4), "tol": 1e-10}
    result = sm.solve(digits, y, **options)
    assert (result.method, result.converged) == ("newton", True)
    assert result.n_iter <= 90
    assert 0 < result.gradient_norm < 1e-6
    other = sm.solve(digits, y, method="interior", **options)
    assert result.loss == pytest.approx(other.loss, rel=1e-9)


@pytest.mark.parametrize("case", ["plain", "weighted"])
def test_the_other_way_leads_to_the_same(case, monkeypatch):
    """Where X is too large for it, Newton's steps are those of Python."""
    given = {name: value for name, value in CASES[case].items() if name != "positive_weight"}
    options = {"loss": JUMPING, "penalty": sm.L2(0.01), "tol": 1e-12, "method": "newton", **given}
    here = sm.solve(X, LABELS, **options)
    monkeypatch.setattr(module, "MOST_ENTRIES", 0)
    there = sm.solve(X, LABELS, **options)
    assert here.n_iter != there.n_iter  # which shows that they are two ways
    assert here.loss == pytest.approx(there.loss, rel=1e-12)
    np.testing.assert_allclose(here.W, there.W, rtol=0, atol=1e-6 * np.abs(there.W).max())


def test_where_it_applies():
    assert applies(problem_of(JUMPING))
    assert not applies(problem_of("softmax"))  # outputs that depend on each other
    assert not applies(problem_of("binary_hinge"))  # not smooth
    assert not applies(problem_of(JUMPING, l2=0.0))


def test_the_callback_sees_weights_of_their_loss():
    seen = []
    result = sm.solve(
        X, LABELS, loss=JUMPING, penalty=sm.L2(0.01), callback=lambda info: seen.append((info.loss, info.weights()))
    )
    assert len(seen) == len(result.history) > 3
    for F, (W, b) in seen:
        value = sm.loss_and_grad(W, X, LABELS, loss=JUMPING, intercept=b, penalty=sm.L2(0.01)).loss
        assert value == pytest.approx(F, rel=1e-12)


def test_the_callback_and_the_clock_stop_it():
    digits, y = load_digits(return_X_y=True)
    options = {"loss": JUMPING, "penalty": sm.L2(1e-4), "warn": False}
    stopped = sm.solve(digits, y, callback=lambda info: info.n_passes >= 4, **options)
    late = sm.solve(digits, y, max_seconds=1e-9, **options)
    whole = sm.solve(digits, y, **options)
    assert not stopped.converged
    assert not late.converged
    assert whole.loss < stopped.loss < late.loss
    assert stopped.gap > (stopped.loss - whole.loss) / stopped.loss > 1e-3
    assert sm.solve(digits, y, max_iter=3, **options).n_iter == 3


def test_same_bits_for_any_number_of_threads():
    digits, y = load_digits(return_X_y=True)
    results = [sm.solve(digits, y, loss=JUMPING, penalty=sm.L2(1e-4), num_threads=t) for t in (1, 2, 3, 4, 8)]
    for result in results[1:]:
        assert np.array_equal(result.W, results[0].W)
        assert result.loss == results[0].loss
    assert not np.array_equal(results[0].W, sm.solve(digits, y, loss=JUMPING, penalty=sm.L2(2e-4)).W)


def test_an_entry_that_is_not_finite_is_named():
    bad = X.copy()
    bad[3, 2] = np.nan
    with pytest.raises(ValueError, match=r"X: .* nan at row 3, column 2"):
        sm.solve(bad, LABELS, loss=JUMPING, penalty=sm.L2(0.1))
    with pytest.raises(FloatingPointError, match="F is inf at the start"):
        sm.solve(X, LABELS, loss=JUMPING, penalty=sm.L2(0.1), W0=np.full((K, D), 1e200))


def test_columns_alike_and_hardly_a_penalty():
    """No Cholesky factor in float64: the steps of Python, which know semidefinite matrices, go on."""
    alike = np.column_stack([X, X])
    result = sm.solve(alike, LABELS, loss=JUMPING, penalty=sm.L2(1e-18), tol=1e-3, warn=False)
    single = sm.solve(X, LABELS, loss=JUMPING, penalty=sm.L2(1e-9), tol=1e-9)
    assert result.loss == pytest.approx(single.loss, rel=1e-6)


@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e6])
def test_scales(scale):
    """The same optimum, the penalty in the units of the features."""
    result = sm.solve(scale * X, LABELS, loss=JUMPING, penalty=sm.L2(0.01 * scale**2), tol=1e-10)
    expected = sm.solve(X, LABELS, loss=JUMPING, penalty=sm.L2(0.01), tol=1e-10)
    assert result.loss == pytest.approx(expected.loss, rel=1e-9)


def test_what_the_core_refuses():
    def made(problem, l2=0.1):
        return _core.Newton(
            problem.core("float64"), np.zeros((K, D + 1)), centre=np.zeros(D), scale=None, l2=l2, intercept_penalty=0.0,
            fit_intercept=True,
        )  # fmt: skip

    assert pytest.approx(K) == made(problem_of(JUMPING)).F
    for loss in ("softmax", "binary_hinge"):
        with pytest.raises(ValueError, match="loss: expected a smooth one of each output alone"):
            made(problem_of(loss))
    with pytest.raises(ValueError, match="l2: expected a number above 0"):
        made(problem_of(JUMPING), l2=0.0)
    with pytest.raises(ValueError, match=r"W: expected shape \(3, 6\), got \(3, 5\)"):
        _core.Newton(
            problem_of(JUMPING).core("float64"), np.zeros((K, D)), centre=np.zeros(D), scale=None, l2=0.1,
            intercept_penalty=0.0, fit_intercept=True,
        )  # fmt: skip
