"""The numbers and the behaviour that textbooks teach, of the reference and of the compiled core alike.

`implementation` is each of them in turn, `eps` the unit of its roundings (tests/conftest.py).
"""

import numpy as np
import pytest

CAT, CAR, FROG = 0, 1, 2
SCORES = np.array([[3.2, 5.1, -1.7], [1.3, 4.9, 2.0], [2.2, 2.5, -3.1]])
LABELS = np.array([CAT, CAR, FROG])
MULTICLASS = ["softmax", "hinge", "squared_hinge", "crammer_singer"]


def losses_of_scores(implementation, S, y, loss, **options):
    """Return the loss of each row of scores: with X = S and W the unit matrix, the scores are S."""
    W = np.eye(S.shape[1])
    return [
        implementation.loss_and_grad(W, S[i : i + 1], y[i : i + 1], loss=loss, **options).loss for i in range(len(S))
    ]


# --- The losses ------------------------------------------------------------------------------------------------------


def test_hinge_of_the_cat_the_car_and_the_frog(implementation, eps):
    # Each loss is a sum of two terms of scores up to 6, so three roundings of that size; squares double it, times 6.6.
    hinge = losses_of_scores(implementation, SCORES, LABELS, "hinge", margin=1.0)
    np.testing.assert_allclose(hinge, [2.9, 0, 12.9], rtol=0, atol=20 * eps)
    squared = losses_of_scores(implementation, SCORES, LABELS, "squared_hinge", margin=1.0)
    np.testing.assert_allclose(squared, [8.41, 0, 83.25], rtol=0, atol=260 * eps)  # and not 12.9^2 = 166.41
    strongest = losses_of_scores(implementation, SCORES, LABELS, "crammer_singer", margin=1.0)
    np.testing.assert_allclose(strongest, [2.9, 0, 6.6], rtol=0, atol=20 * eps)
    mean = implementation.loss_and_grad(np.eye(3), SCORES, LABELS, loss="hinge").loss
    assert mean == pytest.approx(15.8 / 3, abs=20 * eps)


@pytest.mark.parametrize("k", [2, 3, 10])
def test_at_zero_weights(implementation, eps, k):
    """The first thing to look at in training: hinge starts at k - 1, softmax at log k."""
    X, y = np.random.default_rng(0).normal(size=(50, 4)), np.arange(50) % k
    W = np.zeros((k, 4))
    assert implementation.loss_and_grad(W, X, y, loss="hinge").loss == k - 1
    assert implementation.loss_and_grad(W, X, y, loss="squared_hinge").loss == k - 1
    assert implementation.loss_and_grad(W, X, y, loss="crammer_singer").loss == 1
    assert implementation.loss_and_grad(W, X, y, loss="softmax").loss == pytest.approx(np.log(k), rel=4 * eps)


@pytest.mark.parametrize("loss", MULTICLASS)
def test_adding_a_constant_to_all_scores_changes_nothing(implementation, eps, loss):
    rng = np.random.default_rng(1)
    X, y, W = rng.normal(size=(30, 4)), rng.integers(0, 3, 30), rng.normal(size=(3, 4))
    plain = implementation.loss_and_grad(W, X, y, loss=loss, intercept=np.zeros(3))
    shifted = implementation.loss_and_grad(W, X, y, loss=loss, intercept=np.full(3, 100.0))
    # Scores around 100 are rounded to 100 eps; squared hinge multiplies that by twice its largest term, 10, and k - 1.
    assert shifted.loss == pytest.approx(plain.loss, abs=100 * 2 * 10 * 2 * eps)
    np.testing.assert_allclose(shifted.grad, plain.grad, rtol=0, atol=100 * 2 * 3 * 2 * eps)
    assert abs(shifted.intercept_grad.sum()) <= 100 * eps  # the derivative along that constant


def test_doubling_the_weights_keeps_a_zero_hinge_loss(implementation):
    """So W is not unique, which is what a penalty is for."""
    X, y = np.array([[1.0, 0.0], [0.0, 1.0], [2.0, 0.5]]), np.array([0, 1, 0])
    W = np.array([[2.0, -2.0], [-2.0, 2.0]])
    for factor in (1, 2, 4):
        for loss in ("hinge", "squared_hinge", "crammer_singer"):
            result = implementation.loss_and_grad(factor * W, X, y, loss=loss)
            assert result.loss == 0
            assert not result.grad.any()


def test_squared_and_absolute_error(implementation):
    X, targets = np.array([[1.0], [2.0], [3.0]]), np.array([1.5, 2.5, 3.5])
    assert implementation.loss_and_grad([[1.0]], X, targets, loss="mse").loss == 0.25
    assert implementation.loss_and_grad([[1.0]], X, targets, loss="mae").loss == 0.5


def test_one_point_by_the_chain_rule(implementation, eps):
    w, b, x, target = 0.8, 0.2, 1.5, 0.8
    result = implementation.loss_and_grad([[w]], [[x]], [target], loss="mse", intercept=[b])
    error = w * x + b - target  # prediction 1.4, error 0.6
    assert error == pytest.approx(0.6)
    assert result.loss / 2 == pytest.approx(0.18, rel=20 * eps)
    assert result.grad[0, 0] / 2 == pytest.approx(error * x, rel=10 * eps)
    assert result.intercept_grad[0] / 2 == pytest.approx(error, rel=10 * eps)


def test_softmax_of_two_outputs_is_logistic_of_their_difference(implementation, eps):
    rng = np.random.default_rng(2)
    X, W, y = rng.normal(size=(40, 5)), rng.normal(size=(2, 5)), rng.integers(0, 2, 40)
    softmax = implementation.loss_and_grad(W, X, y, loss="softmax")
    logistic = implementation.loss_and_grad(W[1:] - W[:1], X, 2 * y - 1, loss="logistic")
    # Scores up to 10, rounded a few times each.
    assert softmax.loss == pytest.approx(logistic.loss, abs=50 * eps)
    np.testing.assert_allclose(softmax.grad[1], logistic.grad[0], rtol=0, atol=50 * eps)
    np.testing.assert_allclose(softmax.grad[0], -logistic.grad[0], rtol=0, atol=50 * eps)


def test_a_one_hot_target_is_a_label(implementation, eps):
    rng = np.random.default_rng(3)
    X, W, y = rng.normal(size=(40, 5)), rng.normal(size=(4, 5)), rng.integers(0, 4, 40)
    label = implementation.loss_and_grad(W, X, y, loss="softmax")
    one_hot = implementation.loss_and_grad(W, X, np.eye(4)[y], loss="softmax")
    assert one_hot.loss == pytest.approx(label.loss, rel=10 * eps)
    np.testing.assert_allclose(one_hot.grad, label.grad, rtol=0, atol=10 * eps)


def test_log_sum_exp_beats_the_naive_logarithm(implementation, eps):
    def naive(S, y):
        with np.errstate(over="ignore", invalid="ignore"):
            p = np.exp(S) / np.exp(S).sum(axis=1, keepdims=True)
        return -np.log(p[np.arange(len(S)), y] + 1e-7)

    S, y = np.array([[0.0, 2.0, 4.0, 6.0]]), np.array([0])
    exact = losses_of_scores(implementation, S, y, "softmax")[0]
    p = np.exp(-exact)
    # -log(p + c) is -log p - c/p, less (c/p)^2 / 2, which is 1e-9 here; and 10 roundings of numbers around 6.
    assert exact - naive(S, y)[0] == pytest.approx(1e-7 / p, abs=1e-8 + 60 * eps)

    extreme = np.array([[1e4, -1e4, 0.0], [1e4, -1e4, 0.0], [-1e4, -1e4, -1e4]])
    labels = np.array([0, 1, 2])
    np.testing.assert_allclose(naive(extreme, labels), [np.nan, -np.log(1e-7), np.nan])
    got = losses_of_scores(implementation, extreme, labels, "softmax")
    np.testing.assert_allclose(got, [0, 2e4, np.log(3)], rtol=4 * eps, atol=2 * eps)
    assert np.isfinite(implementation.loss_and_grad(np.eye(3), extreme, labels, loss="softmax").grad).all()


# --- The penalties ---------------------------------------------------------------------------------------------------


def test_l2_prefers_to_spread_the_weights_and_l1_does_not_care(implementation):
    x = np.ones((1, 4))
    w1, w2 = np.array([[1.0, 0, 0, 0]]), np.full((1, 4), 0.25)

    def F(W, penalty=None):  # the absolute error from the score 1 is 0, so that only the penalty is left
        return implementation.loss_and_grad(W, x, [1.0], loss="mae", penalty=penalty).loss

    assert F(w1) == F(w2) == 0
    assert (F(w1, ("l2", (2.0,))), F(w2, ("l2", (2.0,)))) == (1.0, 0.25)  # 2 x 1/2 ||w||^2
    assert (F(w1, ("l1", (1.0,))), F(w2, ("l1", (1.0,)))) == (1.0, 1.0)
    assert (F(w1, ("elasticnet", (2.0, 0.5))), F(w2, ("elasticnet", (2.0, 0.5)))) == (1.5, 1.125)


# --- Gradient descent ------------------------------------------------------------------------------------------------


def test_fitting_a_line_ends_at_least_squares(implementation, eps):
    rng = np.random.default_rng(4)
    x = rng.uniform(-1, 1, 50)
    y = 3 * x - 1 + 0.2 * rng.normal(size=50)
    descent = {"loss": "mse", "batch_size": None, "optimizer": ("SGD", {"lr": 0.3})}

    # b alone: there is no feature to hold a w; the mean is best. An error shrinks by 1 - 0.3 x 2 = 0.4 a step.
    b_only = implementation.fit(np.zeros((50, 1)), y, epochs=100, **descent)
    assert b_only.W[0, 0] == 0
    assert b_only.intercept[0] == pytest.approx(y.mean(), abs=20 * eps)

    # w and b: the curvature of w is 2 var(x) = 0.6, so that an error shrinks by 0.8 a step.
    both = implementation.fit(x[:, None], y, epochs=300, **descent)
    slope, offset = np.polyfit(x, y, 1)
    # Steps below eps |w| are lost: it stays eps |w| / (0.3 x 0.6) away.
    assert both.W[0, 0] == pytest.approx(slope, abs=50 * eps)
    assert both.intercept[0] == pytest.approx(offset, abs=50 * eps)
    assert np.all(np.diff(both.history) <= 10 * eps)  # plain descent never goes up


def test_a_polynomial_of_high_degree_overfits_and_l2_tames_it(implementation):
    """Degree 19 through 20 noisy points, in Legendre polynomials P_j / j: wiggles need large weights."""
    rng = np.random.default_rng(5)
    x = np.cos(np.pi * (np.arange(20) + 0.5) / 20)
    x_new = np.linspace(-0.95, 0.95, 200)

    def truth(x):
        return np.sin(3 * x)

    y = truth(x) + 0.3 * rng.normal(size=20)

    def features(x, degree):
        j = np.arange(1, degree + 1)
        return np.polynomial.legendre.legvander(x, degree)[:, 1:] * np.sqrt(2 * j + 1) / j

    def fit(degree, penalty=None):
        result = implementation.fit(
            features(x, degree), y, loss="mse", penalty=penalty, batch_size=None, epochs=1500,
            optimizer=("SGD", {"lr": 0.1, "momentum": 0.95}),
        )  # fmt: skip
        predict = lambda x: features(x, degree) @ result.W[0] + result.intercept[0]
        training, held_out = np.mean((predict(x) - y) ** 2), np.mean((predict(x_new) - truth(x_new)) ** 2)
        return training, held_out, np.linalg.norm(result.W)

    wild, tame, right = fit(19), fit(19, ("l2", (0.05,))), fit(5)
    assert wild[0] < 1e-6 < right[0]  # it goes through the points, noise and all
    assert wild[1] > 3 * tame[1]  # and is the worse for it between them
    assert wild[2] > 2 * tame[2]  # with weights that the penalty would not let it have
    assert right[1] < tame[1]  # knowing the right degree would be better still


# --- The update rules ------------------------------------------------------------------------------------------------


def descend(step, gradient, start, n_steps):
    """Return the points that a rule goes through."""
    points = [np.array(start, dtype=float)]
    for _ in range(n_steps):
        points.append(np.asarray(step(points[-1], gradient(points[-1])), dtype=float))
    return np.array(points)


def test_a_long_narrow_bowl(implementation):
    """f = 1/2 x^2 + 50 y^2: plain descent at the largest useful rate zigzags in y, momentum and Adam hardly do."""
    curvature = np.array([1.0, 100.0])

    def path(name, **options):
        return descend(implementation.stepper(name, **options), lambda p: curvature * p, [10.0, 1.0], 60)

    def turns(path):
        return np.sum(np.diff(np.sign(path[:, 1])) != 0)

    plain = path("SGD", lr=0.019)  # y is multiplied by 1 - 1.9 a step, x by 1 - 0.019
    heavy = path("SGD", lr=0.0038, momentum=0.9)  # a fifth of the rate, twice the reach: lr / (1 - momentum) = 0.038
    adam = path("Adam", lr=0.5)
    assert turns(plain) == 60
    # Heavy ball turns the phase of y by arccos((1.9 - 0.38) / (2 sqrt 0.9)) = 36.8 degrees a step: one change in 4.9.
    assert turns(heavy) <= 60 / 4.9 + 1
    assert turns(adam) <= 60 / 4
    assert plain[-1, 0] == pytest.approx(10 * 0.981**60, rel=1e-4)  # and in x it has hardly moved
    for better in (heavy, adam):
        assert abs(better[-1, 0]) < 0.6 * abs(plain[-1, 0])


def test_the_saddle_holds_plain_descent_until_noise_comes(implementation):
    """f = x^2 - y^2: on the ridge y = 0 the gradient never points away from it."""
    gradient = lambda p: np.array([2.0, -2.0]) * p
    stuck = descend(implementation.stepper("SGD", lr=0.1), gradient, [1.0, 0.0], 100)
    assert not stuck[:, 1].any()
    assert abs(stuck[-1, 0]) < 1e-6  # and so it settles on the saddle point
    rng = np.random.default_rng(6)
    noisy = lambda p: gradient(p) + 1e-3 * rng.normal(size=2)
    free = descend(implementation.stepper("SGD", lr=0.1), noisy, [1.0, 0.0], 100)
    assert abs(free[-1, 1]) > 100  # an error of 1e-4 grows by 1.2 a step: 1.2^100 = 8e7
    assert free[-1, 0] ** 2 - free[-1, 1] ** 2 < -1e4
