"""The reference's losses and objective: values by hand, derivatives by differences, every name found in LOSSES."""

import functools
import math
from inspect import signature

import numpy as np
import pytest
import scipy.sparse

from softmargin import check_gradient, reference
from softmargin.reference import LOSSES, PENALTIES, TARGETS
from softmargin.reference.registry import READS

N_SAMPLES, N_OUTPUTS = 7, 4

# name, scores of one sample, y, parameters, loss, dS: worked out on paper.
BY_HAND = [
    ("softmax", [0.0, math.log(3)], 1, {}, math.log(4 / 3), [0.25, -0.25]),
    ("softmax", [0.0, math.log(3)], [0.5, 0.5], {}, math.log(4) - math.log(3) / 2, [-0.25, 0.25]),
    ("hinge", [3.2, 5.1, -1.7], 0, {}, 2.9, [-1, 1, 0]),
    ("hinge", [3.2, 5.1, -1.7], 0, {"margin": 5.0}, 7.0, [-2, 1, 1]),
    ("squared_hinge", [2.2, 2.5, -3.1], 2, {}, 83.25, [12.6, 13.2, -25.8]),
    ("squared_hinge", [0.0, 0.0], 0, {"margin": 2.0}, 4.0, [-4, 4]),
    ("crammer_singer", [2.2, 2.5, -3.1], 2, {}, 6.6, [0, 1, -1]),
    ("crammer_singer", [0.0, -3.0], 0, {"margin": 2.0}, 0.0, [0, 0]),
    ("logistic", [math.log(3)], [1], {}, math.log(4 / 3), [-0.25]),
    ("logistic", [math.log(3), 0.0], [-1, 1], {}, math.log(4) + math.log(2), [0.75, -0.5]),
    ("logistic", [math.log(3), 0.0], 1, {}, math.log(4) + math.log(2), [0.75, -0.5]),  # label 1 of 2 outputs
    ("logistic", [math.log(3), 0.0], 1, {"positive_weight": [9, 2]}, math.log(4) + 2 * math.log(2), [0.75, -1.0]),
    ("binary_hinge", [0.25, 0.25], [1, -1], {}, 2.0, [-1, 1]),
    ("binary_hinge", [0.25, 0.25], [1, -1], {"margin": 0.5, "positive_weight": [3, 5]}, 1.5, [-3, 1]),
    ("binary_squared_hinge", [0.5, 0.5], [1, -1], {}, 2.5, [-1, 3]),
    ("binary_squared_hinge", [0.5], [1], {"margin": 2.5}, 4.0, [-4]),
    ("mse", [1.5, 0.0], [1.0, 2.0], {}, 4.25, [1, -4]),
    ("mae", [1.5, 0.0], [1.0, 2.0], {}, 2.5, [1, -1]),
    ("huber", [0.5, 3.0], [0.0, 0.0], {}, 2.625, [0.5, 1]),
    ("huber", [0.5, 3.0], [0.0, 0.0], {"delta": 2.0}, 4.125, [0.5, 2]),
]


@pytest.mark.parametrize(("name", "S", "y", "parameters", "loss", "dS"), BY_HAND)
def test_values_by_hand(name, S, y, parameters, loss, dS):
    got_loss, got_dS = LOSSES[name](np.array([S]), np.array([y]), **parameters)
    # A handful of roundings of numbers below 100.
    np.testing.assert_allclose(got_loss, [loss], rtol=0, atol=1e-13)
    np.testing.assert_allclose(got_dS, [dS], rtol=0, atol=1e-13)


def target_forms(name, rng):
    """Yield every form of y that the loss reads, with the number of outputs."""
    labels = rng.integers(0, N_OUTPUTS, N_SAMPLES)
    if TARGETS[name] == "classes":
        yield "labels", labels, N_OUTPUTS
        yield "labels as floats", labels.astype(float), N_OUTPUTS
        distribution = rng.dirichlet(np.ones(N_OUTPUTS), N_SAMPLES)
        if READS[name] == "distributions":
            yield "distribution", distribution, N_OUTPUTS
        else:
            with pytest.raises(ValueError, match=r"y: expected one label for each sample, .* got shape \(7, 4\)"):
                LOSSES[name](rng.normal(size=(N_SAMPLES, N_OUTPUTS)), distribution)
    elif TARGETS[name] == "signs":
        yield "one output", rng.choice([-1, 1], N_SAMPLES), 1
        yield "a column", rng.choice([-1.0, 1.0], (N_SAMPLES, 1)), 1
        yield "several outputs", rng.choice([-1, 1], (N_SAMPLES, N_OUTPUTS)), N_OUTPUTS
        yield "one versus rest", labels, N_OUTPUTS
    else:
        yield "one output", rng.normal(size=N_SAMPLES), 1
        yield "several outputs", rng.normal(size=(N_SAMPLES, N_OUTPUTS)), N_OUTPUTS


@pytest.mark.parametrize("name", LOSSES)
def test_dS_is_the_derivative(name):
    rng = np.random.default_rng(0)
    for form, y, k in target_forms(name, rng):
        S = 2 * rng.normal(size=(N_SAMPLES, k))
        weights = [None] if TARGETS[name] != "signs" else [None, rng.uniform(0.5, 3, k)]
        for positive_weight in weights:
            for margin, delta in [(1.0, 1.0), (0.3, 0.4), (2.5, 2.0)]:
                options = {"margin": margin, "delta": delta, "positive_weight": positive_weight}
                loss, dS = LOSSES[name](S, y, **options)
                assert (loss.shape, dS.shape) == ((N_SAMPLES,), S.shape)
                # Differences with h = 1e-5 are right to h^2 + 1e-16 / h, some 1e-10; errors are relative to at least
                # 1e-3 of the largest derivative: 1e-7, and 1e-6 is asked for.
                f = functools.partial(
                    lambda name, y, options, S: LOSSES[name](S, y, **options)[0].sum(), name, y, options
                )
                check = check_gradient(f, S, dS)
                assert check.ok, f"{form}, margin {margin}, delta {delta}, {positive_weight}\n{check}"


@pytest.mark.parametrize("name", LOSSES)
def test_gradient_of_the_objective(name):
    """W and b at once, with weights and every penalty."""
    rng = np.random.default_rng(1)
    for form, y, k in target_forms(name, rng):
        X = rng.normal(size=(N_SAMPLES, 3))
        w = rng.integers(0, 4, N_SAMPLES) * 0.5
        for penalty in [
            None,
            *((other, (0.4, 0.25)[: len(signature(f).parameters)]) for other, f in PENALTIES.items()),
        ]:

            def F(parameters, y=y, k=k, X=X, w=w, penalty=penalty):
                W, b = parameters[: 3 * k].reshape(k, 3), parameters[3 * k :]
                options = {"sample_weight": w, "penalty": penalty, "intercept_penalty": 0.7}
                result = reference.loss_and_grad(W, X, y, loss=name, intercept=b, **options)
                return result.loss, np.concatenate([result.grad.ravel(), result.intercept_grad])

            check = check_gradient(F, rng.normal(size=4 * k))
            assert check.ok, f"{form}, {penalty}\n{check}"


@pytest.mark.parametrize("name", LOSSES)
def test_the_objective_is_the_weighted_mean_of_the_losses(name):
    rng = np.random.default_rng(2)
    for _, y, k in target_forms(name, rng):
        X, W, b = rng.normal(size=(N_SAMPLES, 3)), rng.normal(size=(k, 3)), rng.normal(size=k)
        losses, _ = LOSSES[name](X @ W.T + b, y)
        w = rng.uniform(size=N_SAMPLES)
        got = reference.loss_and_grad(W, X, y, loss=name, intercept=b, sample_weight=w, penalty=("l2", (0.5,)))
        assert got.loss == pytest.approx(np.average(losses, weights=w) + 0.25 * np.sum(W**2), rel=1e-14)
        # A weight of 2 is the row twice; a weight of 0 is no row.
        twos = rng.integers(0, 3, N_SAMPLES)
        twos[0] = 1
        repeated = reference.loss_and_grad(W, np.repeat(X, twos, axis=0), np.repeat(y, twos, axis=0), loss=name)
        weighted = reference.loss_and_grad(W, X, y, loss=name, sample_weight=twos)
        assert weighted.intercept_grad is None
        assert weighted.loss == pytest.approx(repeated.loss, rel=1e-13)
        np.testing.assert_allclose(weighted.grad, repeated.grad, rtol=0, atol=1e-13 * np.abs(weighted.grad).max())


def test_kinks_take_the_flat_side():
    def dS(name, S, y, **parameters):
        return LOSSES[name](np.array([S]), np.array([y]), **parameters)[1][0].tolist()

    assert dS("hinge", [2.0, 1.0, 0.0], 0) == [0, 0, 0]  # class 1 is exactly at the margin
    assert dS("hinge", [2.0, 1.5, 0.0], 0, margin=0.5) == [0, 0, 0]
    assert dS("crammer_singer", [2.0, 1.0, 1.0], 0) == [0, 0, 0]
    assert dS("crammer_singer", [0.0, 1.0, 1.0], 0) == [-1, 1, 0]  # of equal scores, the lowest index
    assert dS("crammer_singer", [1.0, 1.0, 1.0], 1) == [1, -1, 0]
    assert dS("binary_hinge", [1.0, -1.0], [1, -1]) == [0, 0]
    assert dS("mae", [2.0], [2.0]) == [0]
    assert dS("huber", [2.0, -2.0], [0.0, 0.0], delta=2.0) == [2, -2]  # no kink: both sides agree
    l1 = reference.loss_and_grad(np.array([[0.0, -2.0]]), np.zeros((1, 2)), [0.0], loss="mse", penalty=("l1", (0.5,)))
    assert l1.grad.tolist() == [[0, -0.5]]


def test_extreme_scores_stay_finite():
    for name in ("softmax", "logistic"):
        y = np.array([0, 1])
        loss, dS = LOSSES[name](np.array([[1e4, -1e4], [1e4, -1e4]]), y)
        expected = {"softmax": [0, 2e4], "logistic": [0, 2e4]}[name]
        assert loss.tolist() == expected
        assert dS.tolist() == {"softmax": [[0, 0], [1, -1]], "logistic": [[0, 0], [1, -1]]}[name]


def test_one_versus_rest_is_signs_written_out():
    rng = np.random.default_rng(3)
    labels = rng.integers(0, 3, 10)
    S, t = rng.normal(size=(10, 3)), np.where(labels[:, None] == np.arange(3), 1, -1)
    for name in (name for name in LOSSES if TARGETS[name] == "signs"):
        for got, expected in zip(LOSSES[name](S, labels), LOSSES[name](S, t), strict=True):
            np.testing.assert_array_equal(got, expected)


def test_layouts_and_dtypes_are_the_same_samples():
    rng = np.random.default_rng(4)
    X = rng.integers(0, 5, (6, 3))
    W, y = rng.normal(size=(2, 3)), rng.integers(0, 2, 6)
    expected = reference.loss_and_grad(W, X, y)
    for same in (X.astype(np.uint8), X.astype(np.float16), X.astype(np.float32), scipy.sparse.csr_array(X), X.tolist()):
        got = reference.loss_and_grad(W, same, y)
        assert got.loss == expected.loss
        np.testing.assert_array_equal(got.grad, expected.grad)


def test_mistakes_are_named():
    S = np.zeros((2, 3))
    with pytest.raises(ValueError, match=r"y: expected labels 0\.\.2, got 3"):
        LOSSES["softmax"](S, [0, 3])
    with pytest.raises(ValueError, match=r"y: expected labels 0\.\.2, got 0\.5"):
        LOSSES["hinge"](S, [0, 0.5])
    with pytest.raises(ValueError, match=r"y: expected -1 or \+1, got 0; labels 0 and 1 become signs by 2 \* y - 1"):
        LOSSES["logistic"](np.zeros((2, 1)), [0, 1])
    with pytest.raises(ValueError, match=r"y: expected shape \(n_samples, 3\), got shape \(2,\)"):
        LOSSES["mse"](S, [0.5, 1.5])
    with pytest.raises(ValueError, match=r"y: expected 2 samples as in X, got 1"):
        LOSSES["softmax"](S, [0])
    with pytest.raises(ValueError, match=r"positive_weight: expected None for 'hinge', which has no signs"):
        LOSSES["hinge"](S, [0, 1], positive_weight=[1, 1, 1])
    with pytest.raises(ValueError, match=r"positive_weight: expected None for 'mse', which has no signs"):
        LOSSES["mse"](S, np.ones((2, 3)), positive_weight=[1, 1, 1])
    with pytest.raises(ValueError, match=r"loss: expected one of 'softmax', 'hinge', .*, got 'hing'"):
        reference.loss_and_grad(S, S, [0, 1], loss="hing")
    with pytest.raises(ValueError, match=r"penalty: expected one of 'l2', 'l1', 'elasticnet'.*, got 'l3'"):
        reference.loss_and_grad(S, S, [0, 1], penalty=("l3", (1.0,)))
