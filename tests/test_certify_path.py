"""`certify` against the truth, for models from anywhere; `solve_path` against `solve` of each problem on its own."""

import itertools
from types import SimpleNamespace

import numpy as np
import pytest
import scipy.sparse

import softmargin as sm

N, D, K = 120, 6, 3
PENALTIES = [sm.L2(0.01), sm.L1(0.01), sm.ElasticNet(0.02, 0.5)]


def problem(loss, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(N, D)) * 10.0 ** np.linspace(-1, 1, D) + 1
    S = (X / X.std(axis=0)) @ rng.normal(size=(D, K)) + rng.normal(size=(N, K))
    return X, S if sm.losses.info(loss)["target"] == "real" else S.argmax(axis=1)


@pytest.mark.parametrize("loss", sm.losses.names())
def test_certified_within_twice_the_truth(loss):
    """From zero weights, from a good model and from the optimum: never below the truth, and at most 2 x truth + 1e-7."""
    X, y = problem(loss)
    smooth = sm.losses.info(loss)["smooth"]
    tol = 1e-10 if smooth else 1e-8
    for penalty in PENALTIES if smooth else PENALTIES[:1]:
        best = sm.solve(X, y, loss=loss, penalty=penalty, tol=tol)
        near = sm.solve(X, y, loss=loss, penalty=penalty, tol=1e-2)
        for W, b in ((np.zeros((K, D)), np.zeros(K)), (near.W, near.intercept), (1.1 * best.W, best.intercept)):
            certified = sm.certify((W, b), X, y, loss=loss, penalty=penalty)
            expected = sm.loss_and_grad(W, X, y, loss=loss, intercept=b, penalty=penalty).loss
            assert certified.loss == pytest.approx(expected, rel=1e-12)
            truth = (certified.loss - best.loss) / certified.loss
            assert truth - tol <= certified.gap <= 2 * truth + 1e-7 + tol
            assert certified.lower_bound <= best.loss * (1 + tol)


def test_models_from_anywhere():
    """The same numbers as a pair, as what scikit-learn and PyTorch call them, and as our own results."""
    X, y = problem("softmax")
    fitted = sm.fit(X, y, epochs=3, optimizer=sm.optimizers.SGD(lr=1e-3), rng=0)
    W, b = fitted.W, fitted.intercept
    double = SimpleNamespace(double=lambda: SimpleNamespace(numpy=lambda: W))  # as torch.Tensor has them
    tensor = SimpleNamespace(detach=lambda: SimpleNamespace(cpu=lambda: double))
    models = [(W, b), fitted, SimpleNamespace(coef_=W, intercept_=b), SimpleNamespace(weight=tensor, bias=b)]
    models.append(SimpleNamespace(coef_=scipy.sparse.csr_matrix(W), intercept_=b))  # after scikit-learn's sparsify()
    gaps = [sm.certify(model, X, y, penalty=sm.L2(0.01)).gap for model in models]
    assert gaps == [gaps[0]] * len(models)
    assert "above the optimum" in str(sm.certify(fitted, X, y, penalty=sm.L2(0.01)))
    with pytest.raises(
        TypeError, match=r"^model: expected \(W, b\) or an object with W, coef_ or weight, got 3 \(int\)"
    ):
        sm.certify(3, X, y)
    with pytest.raises(ValueError, match=r"^model: expected shape \(n_outputs, 6\), got \(3, 5\)"):
        sm.certify((W[:, :5], b), X, y)
    with pytest.raises(TypeError, match=r"^model: expected weights and intercepts that are numbers, got 'x' \(str\)"):
        sm.certify((W, "x"), X, y)
    with pytest.raises(
        ValueError, match=r"^model: expected weights of shape \(n_outputs, n_features\), got \(1, 3, 6\)$"
    ):
        sm.certify((W[None], b), X, y)


@pytest.mark.parametrize("loss", sm.losses.names())
def test_a_bound_however_early_it_ends(loss):
    """No loss is below 0, so that F - F* is at most F: also where no time is left, and of models that are far off."""
    X, y = problem(loss)
    for W, options in itertools.product(
        (np.zeros((K, D)), np.full((K, D), 1e3)), ({"max_seconds": 1e-9}, {"max_iter": 0})
    ):
        certified = sm.certify((W, np.zeros(K)), X, y, loss=loss, penalty=sm.L2(1e-6), **options)
        assert certified.lower_bound >= 0
        assert certified.gap <= 1


@pytest.mark.parametrize("loss", [name for name in sm.losses.names() if not sm.losses.info(name)["smooth"]])
@pytest.mark.parametrize("penalty", [sm.L2(1e-3), sm.L1(1e-3)], ids=lambda p: p.name)
def test_a_model_that_has_no_loss_left(loss, penalty):
    """Classes far apart, or targets that are linear: F is the penalty, and its size says nothing of the smoothing to begin with."""
    rng = np.random.default_rng(1)
    y = np.arange(30) % 3
    X = rng.normal(size=(30, 3)) + 20 * np.eye(3)[y]
    given = {"loss": loss, "penalty": penalty}
    if sm.losses.info(loss)["target"] == "real":
        y = 1e-3 * X
    best = sm.solve(X, y, tol=1e-9, **given)
    assert best.converged
    for scale in (1.0, 1.01):
        certified = sm.certify((scale * best.W, best.intercept), X, y, **given)
        truth = (certified.loss - best.loss) / certified.loss
        assert truth - 1e-9 <= certified.gap <= 2 * truth + 1e-7 + 1e-9


def test_a_model_far_off():
    """F is so large that the best bound is lost in the rounding of the gap; and where it is no number any more, it is named."""
    X, y = problem("softmax")
    best = sm.solve(X, y, penalty=PENALTIES[0], tol=1e-9)
    W, b = np.random.default_rng(0).normal(size=(K, D)), np.zeros(K)
    for size in (1e9, 1e100, 1e150):
        certified = sm.certify((size * W, b), X, y, penalty=PENALTIES[0], max_iter=1)
        assert 0 <= certified.lower_bound <= best.loss
        assert certified.gap <= 1
    with pytest.raises(
        FloatingPointError, match=r"^model: expected weights whose loss and penalty are finite, got F = "
    ):
        sm.certify((1e160 * W, b), X, y, penalty=PENALTIES[0])


def test_weights_of_constant_features():
    """Standardised, they have no weight; an intercept takes up what they add, and without one that is no model of the problem."""
    X, y = problem("softmax")
    X[:, 2] = 3.0
    X[:, 4] = 0.0
    W, b = np.random.default_rng(0).normal(size=(K, D)), np.zeros(K)
    certified = sm.certify((W, b), X, y, penalty=PENALTIES[0], standardize=True)
    moved = W.copy()
    moved[:, 2:5:2] = 0.0
    assert certified.loss == pytest.approx(
        sm.certify((moved, b + 3 * W[:, 2]), X, y, penalty=PENALTIES[0], standardize=True).loss, rel=1e-12
    )
    for form in (X, scipy.sparse.csr_array(X)):
        with pytest.raises(
            ValueError, match=r"^model: expected 0 for feature 2, constant and so without a weight where"
        ):
            sm.certify((W, None), form, y, penalty=PENALTIES[0], standardize=True)
        W_zero = np.where(np.arange(D) == 2, 0.0, W)  # that of a feature of zeros adds nothing
        assert sm.certify((W_zero, None), form, y, penalty=PENALTIES[0], standardize=True).gap <= 1


def test_without_a_penalty_there_is_no_bound():
    X, y = problem("softmax")
    certified = sm.certify((np.zeros((K, D)), np.zeros(K)), X, y, penalty=None, max_iter=3)
    assert np.isnan(certified.gap)
    assert f"gradient_norm={certified.optimum.gradient_norm:.2g}" in str(certified)


@pytest.mark.parametrize("penalty", PENALTIES, ids=lambda p: p.name)
def test_a_path_is_its_problems(penalty):
    """Every optimum of the path has the F of `solve` on its own rows, and W of a copy of them."""
    X, y = problem("softmax")
    alphas, folds = [0.003, 0.1, 0.02], np.arange(N) % 3
    for form in (X, scipy.sparse.csr_array(X)):
        path = sm.solve_path(form, y, alphas=alphas, folds=folds, penalty=penalty, tol=1e-9)
        assert path.val_loss.shape == (3, 3)
        for fold, results in enumerate(path.results):
            train = folds != fold
            for i, (alpha, result) in enumerate(zip(alphas, results, strict=True)):
                alone = sm.solve(
                    X[train], y[train], penalty=type(penalty)(**{**vars(penalty), "alpha": alpha}), tol=1e-9
                )
                assert result.gap <= 1e-9
                assert result.loss == pytest.approx(alone.loss, rel=2e-9)  # both are within 1e-9 of F*
                held_out = sm.loss_and_grad(result.W, X[~train], y[~train], intercept=result.intercept).loss
                assert path.val_loss[fold, i] == pytest.approx(held_out, rel=1e-10)
    assert path.best_alpha == alphas[int(path.val_loss.mean(axis=0).argmin())]


def test_kinds_of_folds():
    """A number, fold numbers and index pairs that say the same give the same."""
    X, y = problem("softmax")
    numbers = np.arange(N) % 3
    pairs = [(np.flatnonzero(numbers != f), np.flatnonzero(numbers == f)) for f in range(3)]
    losses = [sm.solve_path(X, y, alphas=[0.01], folds=folds).val_loss for folds in (3, numbers, list(numbers), pairs)]
    for other in losses[1:]:
        np.testing.assert_array_equal(losses[0], other)
    masks = [(numbers != f, numbers == f) for f in range(3)]
    columns = type("Column", (), {"__array__": lambda self, dtype=None, copy=None: numbers})()  # as of pandas
    once = (pair for pair in pairs)  # as splitters yield them
    for folds in (masks, columns, once, [(train - N, test) for train, test in pairs]):
        np.testing.assert_array_equal(losses[0], sm.solve_path(X, y, alphas=[0.01], folds=folds).val_loss)
    whole = sm.solve_path(X, y, alphas=[0.01])
    assert (whole.val_loss, len(whole.results)) == (None, 1)
    with pytest.raises(ValueError, match=r"^folds: expected folds to choose alpha by, got None$"):
        _ = whole.best_alpha


def test_rows_that_are_drawn_twice():
    """A bootstrap sample: a row that is named twice counts twice, in either part, and parts may overlap."""
    X, y = problem("softmax")
    rng = np.random.default_rng(3)
    train, test = rng.integers(0, N, N), rng.integers(0, N, 30)
    path = sm.solve_path(X, y, alphas=[0.01], folds=[(train, test)], tol=1e-9)
    alone = sm.solve(X[train], y[train], penalty=sm.L2(0.01), W0=np.zeros((K, D)), tol=1e-9)
    result = path.results[0][0]
    assert result.loss == pytest.approx(alone.loss, rel=2e-9)
    held_out = sm.loss_and_grad(result.W, X[test], y[test], intercept=result.intercept).loss
    assert path.val_loss[0, 0] == pytest.approx(held_out, rel=1e-10)


def test_refusals():
    X, y = problem("softmax")
    rows, half = np.arange(N), np.arange(N) < N // 2
    for options, message in (
        ({"alphas": [0.1, 0.0]}, r"^alphas: expected numbers above 0, got 0 at row 1"),
        ({"alphas": []}, r"^alphas: expected shape \(n_alphas,\), got \(0,\)"),
        ({"alphas": [0.1], "folds": 1}, r"^folds: expected .*2, got 1"),
        ({"alphas": [0.1], "folds": np.zeros(N)}, r"^folds: expected at least 2 folds, got 1"),
        ({"alphas": [0.1], "folds": np.zeros(3)}, r"^folds: expected shape \(120,\)"),
        ({"alphas": [0.1], "folds": N + 1}, r"^folds: expected at most 120, as there are samples, got 121$"),
        ({"alphas": [0.1], "folds": []}, r"^folds: expected at least one \(train, test\) pair, got none$"),
        ({"alphas": [0.1], "folds": [(rows, [])]}, r"^folds: expected rows in every part, got an empty one$"),
        ({"alphas": [0.1], "folds": [(rows, [N])]}, r"^folds: expected row numbers below 120, got 120 at row 0$"),
        ({"alphas": [0.1], "folds": [(half[1:], rows)]}, r"^folds: expected masks of shape \(120,\), got \(119,\)$"),
        (
            {"alphas": [0.1], "folds": [(half, ~half)], "sample_weight": half},
            r"^folds: expected rows with a weight above 0 in every part, got a part of zeros$",
        ),
    ):
        with pytest.raises(ValueError, match=message):
            sm.solve_path(X, y, **options)
    for options, message in (
        ({"folds": "a"}, r"^folds: expected an integer, fold numbers or \(train, test\) pairs, got 'a' \(str\)$"),
        ({"folds": [rows]}, r"^folds: expected \(train, test\) pairs, got a ndarray$"),
        ({"folds": {3: rows}}, r"^folds: expected \(train, test\) pairs, got 3 \(int\)$"),
        ({"folds": [(rows / 2, rows)]}, r"^folds: expected row numbers .*, got shape \(120,\), dtype float64$"),
        ({"alphas": ["a"]}, r"^alphas: expected numbers, got a list$"),
        ({"penalty": None}, r"^penalty: expected a penalty with an alpha, got None$"),
        ({"penalty": SimpleNamespace(alpha=1.0)}, r"^penalty: expected .*, got a SimpleNamespace$"),
    ):
        with pytest.raises(TypeError, match=message):
            sm.solve_path(X, y, **({"alphas": [0.1]} | options))
