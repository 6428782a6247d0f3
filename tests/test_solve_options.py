"""What `solve` makes of its options: weights as copies, degenerate data, warm starts, limits, and what it refuses."""

import re
import warnings

import numpy as np
import pytest
import scipy.sparse
from sklearn.datasets import make_classification

import softmargin as sm
from softmargin import reference

LOSSES = sm.losses.names()
SMOOTH = [name for name in LOSSES if sm.losses.info(name)["smooth"]]
WITH_CLASSES = [name for name in SMOOTH if sm.losses.info(name)["target"] != "real"]
L2 = sm.L2(0.01)


def problem(loss, n=40, d=4, k=3, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, d)) + 1
    S = (X - 1) @ rng.normal(size=(d, k)) + rng.normal(size=(n, k))
    return X, S if sm.losses.info(loss)["target"] == "real" else S.argmax(axis=1)


def solution(X, y, loss, **options):
    """The solver's best; W is within sqrt(2 gap F / l2) of the optimum's, and rounding of F, 1e-15, makes that 4e-7."""
    return sm.solve(X, y, loss=loss, penalty=L2, tol=1e-12, **options)


@pytest.mark.parametrize("loss", SMOOTH)
def test_weights_count_samples(loss):
    """A weight of 2 is the sample twice, and a weight of 0 is none."""
    X, y = problem(loss)
    w = np.random.default_rng(1).integers(0, 3, len(X))
    kept = w > 0
    W0 = np.zeros((3, 4))  # says that there are three classes, whichever are left
    weighted = solution(X, y, loss, sample_weight=w, W0=W0)
    for other in (
        solution(np.repeat(X, w, axis=0), np.repeat(y, w, axis=0), loss, W0=W0),
        solution(X[kept], y[kept], loss, sample_weight=w[kept], W0=W0),
        solution(X, y, loss, sample_weight=1e6 * w, W0=W0),
    ):
        assert abs(other.loss - weighted.loss) <= 1e-12 * weighted.loss
        np.testing.assert_allclose(other.W, weighted.W, rtol=0, atol=1e-6)
        shift = (other.intercept - weighted.intercept).mean() if sm.losses.info(loss)["target"] == "classes" else 0.0
        np.testing.assert_allclose(other.intercept - shift, weighted.intercept, rtol=0, atol=1e-5)


@pytest.mark.parametrize("loss", WITH_CLASSES)
def test_a_class_without_samples(loss):
    """Absent, or there with weight 0 alone: F is finite, the bound is right and the model has a row for it."""
    X, y = problem(loss)
    W0 = np.zeros((5, 4))
    absent = sm.solve(X, y, loss=loss, penalty=L2, W0=W0, tol=1e-6)
    extra = sm.solve(
        np.vstack([X, X[:2]]), np.append(y, [3, 4]), loss=loss, penalty=L2, sample_weight=np.append(np.ones(40), [0, 0]),
        tol=1e-6,
    )  # fmt: skip
    for result in (absent, extra):
        assert result.W.shape == (5, 4)
        assert np.isfinite(result.W).all()
        expected = reference.loss_and_grad(result.W, X, y, loss=loss, intercept=result.intercept, penalty=L2)
        assert abs(result.loss - expected.loss) <= 1e-12 * (1 + expected.loss)
        assert result.gap <= 1e-6
    assert abs(absent.loss - extra.loss) <= 1e-6 * absent.loss


@pytest.mark.parametrize("loss", SMOOTH)
def test_a_constant_feature_and_few_samples(loss):
    """A constant feature, fewer samples than features, one to three samples: a bound that is reached, and finite weights."""
    for n in (1, 2, 3, 5):
        X, y = problem(loss, n=n, d=8)
        X[:, 3] = 7.0
        y = y if sm.losses.info(loss)["target"] == "real" else np.arange(n) % 3
        for options in ({}, {"standardize": True}, {"fit_intercept": False}):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", sm.ConvergenceWarning)  # F* is 0 and out of reach with one class alone
                result = sm.solve(X, y, loss=loss, penalty=L2, W0=np.zeros((3, 8)), **options)
            assert np.isfinite(result.W).all()
            assert result.converged or n < 3
            if options.get("standardize"):
                np.testing.assert_array_equal(result.W[:, 3], 0)
            elif not options:
                # Against the intercept, which is free, its weight is not worth its penalty.
                assert np.abs(result.W[:, 3]).max() <= 1e-3
            Z, V = X, result.W
            if options.get("standardize"):
                units = reference.standardizer(X, np.ones(n))
                Z, (V, b) = units.transform(X), units.from_raw(result.W, result.intercept)
            else:
                b = result.intercept
            expected = reference.loss_and_grad(V, Z, y, loss=loss, intercept=b, penalty=L2)
            assert abs(result.loss - expected.loss) <= 1e-12 * (1 + expected.loss)


@pytest.mark.parametrize("loss", LOSSES)
def test_sparse_rows_without_entries(loss):
    """Nothing is stored: what a pass or a Gram matrix reads is 0, and of the model there is the intercept."""
    X, y = scipy.sparse.csr_array((40, 4)), problem(loss)[1]
    dense = sm.solve(X.toarray(), y, loss=loss, penalty=L2, tol=1e-8)
    separate = sm.losses.info(loss)["target"] != "classes"
    for method in ("auto", "gram", "diagonal", "newton", "rows", *(["dual"] if separate else [])):
        result = sm.solve(X, y, loss=loss, penalty=L2, tol=1e-8, method=method)
        assert result.loss == pytest.approx(dense.loss, rel=2e-8)
        assert not result.W.any()


@pytest.mark.parametrize("method", ["gram", "auto"])
def test_sparse_rows_that_are_all_alike(method):
    """What is left of features that are centred by algebra is rounding, and no Gram matrix of it need have a factor."""
    rng = np.random.default_rng(0)
    for seed in range(20):
        X = scipy.sparse.csr_array(np.repeat(rng.normal(size=(1, 30)), 1 + seed % 3, axis=0))
        y = np.arange(X.shape[0]) % 2
        for penalty in (sm.L1(0.1), L2):
            result = sm.solve(X, y, loss="squared_hinge", penalty=penalty, method=method, warn=False)
            assert np.isfinite(result.W).all()
            assert result.converged or X.shape[0] == 1  # of one label alone F* is 0


@pytest.mark.parametrize("loss", SMOOTH)
def test_all_labels_the_same(loss):
    """With a free intercept F may have no minimum but an infimum, 0: F comes near it, and the bound says no less."""
    X, _ = problem(loss)
    y = np.full(40, 2.5) if sm.losses.info(loss)["target"] == "real" else np.zeros(40, int)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", sm.ConvergenceWarning)
        result = sm.solve(X, y, loss=loss, penalty=L2)
    assert -1e-15 <= result.loss <= 1e-6  # a loss of 0 may be rounded below it
    assert result.loss <= result.gap * result.loss + 1e-15
    penalised = sm.solve(X, y, loss=loss, penalty=L2, intercept_penalty=0.01, tol=1e-6)
    assert penalised.converged


@pytest.mark.parametrize("loss", LOSSES)
def test_warm_start_at_the_optimum(loss):
    X, y = problem(loss, n=200)
    cold = sm.solve(X, y, loss=loss, penalty=L2, tol=1e-5)
    kept = cold.W.copy(), cold.intercept.copy()
    for method in ("newton", "gram", "diagonal"):
        if loss in SMOOTH:
            warm = sm.solve(
                X, y, loss=loss, penalty=L2, tol=1e-4, W0=cold.W, intercept0=cold.intercept, method=method, max_iter=2
            )
            assert warm.converged
            # A look at F, half a pass each for the certificate's scores, its means and the targets'.
            assert warm.n_passes <= 40
            assert warm.loss <= cold.loss * (1 + 1e-4)
    np.testing.assert_array_equal((cold.W, cold.intercept[:, None])[0], kept[0])
    np.testing.assert_array_equal(cold.intercept, kept[1])


@pytest.mark.parametrize("loss", SMOOTH)
def test_float32_data_to_a_tight_tolerance(loss):
    """The certificate is of float64 arithmetic on the same numbers, whatever the type that X is kept in."""
    X, y = problem(loss, n=3000, d=30)
    X = X.astype(np.float32)
    for method in ("auto", "gram"):
        result = sm.solve(X, y, loss=loss, penalty=sm.L2(1e-3), tol=1e-6, method=method)
        wide = sm.solve(X.astype(np.float64), y, loss=loss, penalty=sm.L2(1e-3), tol=1e-10)
        assert result.W.dtype == result.intercept.dtype == np.float64
        assert (result.loss - wide.loss) / result.loss <= result.gap + 1e-12
        assert result.gap <= 1e-6


def test_nothing_given_is_changed():
    rng = np.random.default_rng(2)
    X, y = problem("softmax")
    given = {
        "X": X, "y": y, "W0": rng.normal(size=(3, 4)), "intercept0": rng.normal(size=3),
        "sample_weight": rng.random(40),
    }  # fmt: skip
    for form in (X, X.astype(np.float32), scipy.sparse.csr_array(X)):
        given["X"] = form
        before = {name: value.copy() for name, value in given.items()}
        result = sm.solve(**given, penalty=L2)
        assert not np.may_share_memory(result.W, given["W0"])
        for name, value in before.items():
            if scipy.sparse.issparse(value):
                np.testing.assert_array_equal(given[name].toarray(), value.toarray())
            else:
                np.testing.assert_array_equal(given[name], value)


def test_the_record():
    X, y = problem("softmax", n=500)
    result = sm.solve(X, y, penalty=L2, tol=1e-6)
    assert [r.n_passes for r in result.history] == sorted(r.n_passes for r in result.history)
    assert [r.seconds for r in result.history] == sorted(r.seconds for r in result.history)
    last = [r for r in result.history if r.gap is not None][-1]
    assert (last.loss, last.gap) == (result.loss, result.gap)
    assert result.n_passes >= result.history[-1].n_passes
    np.testing.assert_allclose(result.predict_scores(X), X @ result.W.T + result.intercept, rtol=1e-13, atol=1e-13)
    with pytest.raises(ValueError, match=r"^X: expected 4 features as W has, got 3$"):
        result.predict_scores(X[:, :3])


def test_without_a_penalty():
    """No dual bound is at hand: gap is NaN and the gradient tells; least squares says what it has to be."""
    X, y = problem("mse", k=1)
    result = sm.solve(X, y, loss="mse", penalty=None, tol=1e-10)
    assert result.converged
    assert np.isnan(result.gap)
    expected = np.linalg.lstsq(np.column_stack([X, np.ones(40)]), y[:, 0], rcond=None)[0]
    np.testing.assert_allclose(np.append(result.W[0], result.intercept), expected, rtol=0, atol=1e-8)
    with pytest.warns(sm.ConvergenceWarning, match=r"^solve: reached gradient_norm=.* where tol=1e-10"):
        sm.solve(X, y, loss="mse", penalty=None, tol=1e-10, max_iter=0)


def test_the_warning_says_what_is_left_to_do():
    X, y = problem("softmax")
    for options, hint in (
        ({"tol": 1e-9, "max_iter": 1}, r"after 1 steps; a larger max_iter goes on$"),
        ({"tol": 1e-9, "max_seconds": 1e-9}, r"after 0 steps; stopped by max_seconds or the callback; W0 and .* go on"),
        ({"tol": 1e-9, "callback": lambda info: True}, r"stopped by max_seconds or the callback"),
        (
            {"tol": 1e-9, "penalty": sm.L2(1e-300)},
            r"no step lowers F by more than rounding any more; a larger tol or a",
        ),
    ):
        with pytest.warns(
            sm.ConvergenceWarning, match=r"^solve: reached gap=.* where tol=1e-09 was asked for, .*" + hint
        ):
            sm.solve(X, y, **({"penalty": L2} | options))


def test_refusals():
    X, y = problem("softmax")
    cases = [
        ({"tol": -1.0}, ValueError, "tol: expected a number at least 0, got -1.0"),
        ({"tol": "small"}, TypeError, "tol: expected a number, got 'small' (str)"),
        ({"max_iter": 1.5}, TypeError, "max_iter: expected an integer, got 1.5 (float)"),
        ({"max_iter": -1}, ValueError, "max_iter: expected an integer at least 0, got -1"),
        ({"max_seconds": 0}, ValueError, "max_seconds: expected a number above 0, got 0.0"),
        ({"fit_intercept": 1}, TypeError, "fit_intercept: expected True or False, got 1 (int)"),
        ({"standardize": "yes"}, TypeError, "standardize: expected True or False, got 'yes' (str)"),
        ({"intercept_penalty": -1}, ValueError, "intercept_penalty: expected a number at least 0, got -1.0"),
        ({"W0": np.zeros((3, 5))}, ValueError, "W0: expected shape (n_outputs, 4), got (3, 5)"),
        ({"W0": 3.0}, ValueError, "W0: expected shape (n_outputs, 4), got ()"),
        ({"W0": [["a", "b", "c", "d"]] * 3}, TypeError, "W0: expected float32 or float64, got dtype <U1"),
        ({"W0": np.full((3, 4), np.nan)}, ValueError, "W0: expected finite numbers, got nan at [0, 0]"),
        (
            {"W0": np.zeros((3, 4)), "intercept0": [0, 1]},
            ValueError,
            "intercept0: expected shape (3,), one number a row of W, got (2,)",
        ),
        ({"sample_weight": np.zeros(40)}, ValueError, "sample_weight: expected at least one above 0, got only zeros"),
        ({"y": y[:-1]}, ValueError, "y: expected 40 samples as in X, got 39"),
        (
            {"num_threads": 0},
            ValueError,
            "num_threads: expected an integer at least 1, got 0; None stands for the default",
        ),
    ]
    for changed, kind, text in cases:
        with pytest.raises(kind, match=f"^{re.escape(text)}$"):
            sm.solve(**({"X": X, "y": y, "penalty": L2} | changed))
    with pytest.raises(ValueError, match=r"^method: expected one of 'auto', .*, got 'newtn'; did you mean 'newton'\?$"):
        sm.solve(X, y, method="newtn")
    with pytest.raises(
        ValueError, match=r"^loss: expected one of 'softmax', .*, got 'softmaxx'; did you mean 'softmax'\?$"
    ):
        sm.solve(X, y, loss="softmaxx")
    with pytest.raises(TypeError, match=r"^penalty: expected None or one of sm\.L2\(alpha\), .*, got 'l2' \(str\)$"):
        sm.solve(X, y, penalty="l2")


@pytest.mark.parametrize("loss", SMOOTH)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_an_l1_that_leaves_nothing(loss, dtype):
    """Zeros are the optimum already: of zero weights every gradient is below this alpha, and a step has nowhere to go."""
    X, y = problem(loss)
    result = sm.solve(X.astype(dtype), y, loss=loss, penalty=sm.L1(100.0), fit_intercept=False)
    assert not result.W.any()
    assert result.gap <= 1e-12


@pytest.mark.parametrize("method", ["diagonal", "gram", "newton"])
def test_gradients_whose_square_is_nothing(method):
    """Of one label F* is 0 and an intercept without a penalty goes towards it for ever: 1e-170 is as good as there."""
    X, b = np.random.default_rng(0).normal(size=(3, 4)), np.array([390.0, 0.0, 0.0])
    result = sm.solve(X, [0, 0, 0], penalty=sm.L1(1e-7), W0=np.zeros((3, 4)), intercept0=b, method=method, warn=False)
    assert 0 <= result.loss <= 1e-160
    assert not result.W.any()


def test_an_intercept_to_start_from():
    """As in `fit`: with or without W0, and refused where there is no intercept."""
    X, y = problem("softmax")
    b = np.array([1.0, 0.0, -0.5])
    for start in ({"intercept0": b}, {"intercept0": b, "W0": np.zeros((3, 4))}):
        with pytest.warns(sm.ConvergenceWarning):
            result = sm.solve(X, y, penalty=L2, intercept_penalty=0.1, max_iter=0, **start)
        np.testing.assert_allclose(result.intercept, b, rtol=1e-15)  # with a penalty it is not made the best one
    with pytest.raises(ValueError, match=r"^intercept0: expected None with fit_intercept=False, got an array$"):
        sm.solve(X, y, penalty=L2, W0=np.zeros((3, 4)), intercept0=b, fit_intercept=False)


def test_X_that_is_not_finite_is_named():
    y = np.arange(100) % 3
    for value in (np.nan, np.inf):
        for dtype in (np.float16, np.float32, np.float64):
            X = np.random.default_rng(3).normal(size=(100, 7)).astype(dtype)
            X[93, 6] = value
            for bad in (X, scipy.sparse.csr_array(X.astype(np.float64))):
                for options in ({}, {"standardize": True}, {"fit_intercept": False}):
                    with pytest.raises(ValueError, match=r"^X: .*93"):
                        sm.solve(bad, y, penalty=L2, **options)


def test_without_a_penalty_the_gradient_is_that_of_zero_weights():
    """A start at the optimum has converged at once, as its gradient is small beside that at W = 0."""
    X, y = problem("mse")
    best = sm.solve(X, y, loss="mse", penalty=None, tol=1e-8)
    assert best.converged
    assert np.isnan(best.gap)
    again = sm.solve(X, y, loss="mse", penalty=None, tol=1e-6, W0=best.W, intercept0=best.intercept)
    assert again.converged
    assert again.gradient_norm <= 1e-6


@pytest.mark.parametrize("method", ["gram", "rows", "newton"])
def test_a_callback_sees_every_record_and_can_stop(method):
    """What it is given is the history, with the weights of the moment; True stops the run with a certified point."""
    X, y = problem("softmax")
    seen = []
    result = sm.solve(X, y, penalty=L2, tol=1e-8, method=method, callback=lambda info: seen.append((info, info.W)))
    assert tuple(sm.SolveRecord(i.n_passes, i.seconds, i.loss, i.gap) for i, _ in seen) == result.history
    last, W = seen[-1]
    assert last.gap == result.gap
    np.testing.assert_array_equal(W, result.W)
    np.testing.assert_array_equal(last.intercept, result.intercept)

    stopped = sm.solve(X, y, penalty=L2, tol=1e-8, method=method, callback=lambda info: True, warn=False)
    assert not stopped.converged
    assert len(stopped.history) <= 2  # the one it was stopped at, and the look at the certificate of the end
    value = sm.loss_and_grad(stopped.W, X, y, intercept=stopped.intercept, penalty=L2)
    assert value.loss * (1 - stopped.gap) <= result.loss < value.loss
    with pytest.raises(TypeError, match=r"^callback: expected a callable, got 3 \(int\)$"):
        sm.solve(X, y, callback=3)


def test_float32_that_has_given_all_it_can(monkeypatch):
    """Features far from 0: gradients in float32 never become as small as tol asks; float64 takes over when F stops falling.

    Whether F falls by accident for long depends on how sums are rounded, so on the instruction set: hence three distances.
    """
    rng = np.random.default_rng(0)
    Z = rng.standard_normal((20_000, 120))
    y = (Z @ rng.standard_normal((120, 10)) / 8 + rng.gumbel(size=(20_000, 10))).argmax(axis=1)

    def solved():
        given = {"penalty": sm.L2(1e-4), "tol": 1e-8, "method": "gram", "max_iter": 150, "warn": False}
        return [sm.solve((Z + offset).astype(np.float32), y, **given) for offset in (300, 1000, 3000)]

    results = solved()
    assert all(result.converged for result in results)
    assert max(result.n_iter for result in results) < 75
    monkeypatch.setattr("softmargin.solvers.engine.STALLED", -1.0)  # the control: not before no step helps any more
    assert sum(result.n_passes for result in solved()) > sum(result.n_passes for result in results)


def test_float32_of_a_small_problem_ends_early(monkeypatch):
    """Where the penalty is weak, the pairs of L-BFGS from rounded gradients cost more passes than float32 saves."""
    X, y = make_classification(1000, 200, n_informative=66, n_redundant=66, n_classes=4, flip_y=0.05, random_state=2)

    def passes():
        result = sm.solve(X.astype(np.float32), y, penalty=sm.L2(1e-6), tol=1e-6)
        assert result.converged
        return next(record.n_passes for record in result.history if record.gap is not None and record.gap <= 1e-6)

    early = passes()
    monkeypatch.setattr("softmargin.solvers.engine.ROUNDED_STEP", -1.0)  # the control: not before F itself is rounded
    assert passes() > 1.3 * early


def test_a_loss_beyond_all_numbers():
    """Squares of 1e200 overflow; of 1e30 they do in float32 alone."""
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(30, 3)), rng.normal(size=30)
    with pytest.raises(FloatingPointError, match=r"^F is inf at the start: expected y, X and weights of a size whose"):
        sm.solve(X, y * 1e200, loss="mse", penalty=sm.L2(0.1))
    large = sm.solve(X.astype(np.float32), (y * 1e30).astype(np.float32), loss="mse", penalty=sm.L2(0.1), tol=1e-6)
    expected = sm.solve(X.astype(np.float32), y, loss="mse", penalty=sm.L2(0.1), tol=1e-6)
    np.testing.assert_allclose(large.W, 1e30 * expected.W, rtol=1e-3)


@pytest.mark.parametrize("alpha", [1e-3, 0.1])
def test_a_round_that_begins_at_its_optimum(alpha):
    """The first smoothings are as wide as y, 1000; with l1 alone a gradient that is only rounding has to end a round."""
    for seed in range(3):
        rng = np.random.default_rng(seed)
        X = rng.normal(size=(200, 3)) * 1e3 + 10
        y = rng.normal(size=200) * 3 + X[:, 0]
        assert sm.solve(X, y, loss="mae", penalty=sm.L1(alpha), max_iter=300).gap <= 1e-4
