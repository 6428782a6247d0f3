"""The update rules: ten steps against PyTorch's, the core against the reference, the lasso with exact zeros."""

import copy
import inspect

import numpy as np
import pytest

from softmargin.reference import OPTIMIZERS, soft_threshold

# Where ten steps from START lead on the bowl 1/2 w'Hw + c'w: rule, options, learning rate (ordinary and absurd), W.
# Made with torch 2.15.0 on the CPU in float64:
#
#     torch.set_default_dtype(torch.float64)
#     w = torch.tensor(START, requires_grad=True)
#     optimizer = getattr(torch.optim, name)([w], lr=lr, **options)
#     for _ in range(10):
#         optimizer.zero_grad()
#         (0.5 * (torch.tensor(H) * w**2).sum() + (torch.tensor(C) * w).sum()).backward()
#         optimizer.step()
#     print(w.tolist())
START, H, C = [1.0, -2.0, 0.5], [1.0, 0.1, 3.0], [0.3, -0.2, 0.1]
TORCH = [
    ("SGD", {}, 0.1, [0.15328197213000003, -1.6175283000352176, -0.018267986720000007]),
    ("SGD", {}, 10.0, [4532819721.0, 2.0, 224377191093440.5]),
    ("SGD", {"momentum": 0.9}, 0.1, [-1.06542620544, -0.4843164498824067, 0.2603494758400001]),
    ("SGD", {"momentum": 0.9}, 10.0, [1550582898.9215283, 1.2987340759999988, 167227170157060.16]),
    ("SGD", {"momentum": 0.9, "nesterov": True}, 0.1, [-0.750551623139445, -0.33044445924967947, 0.026875326716018322]),
    ("SGD", {"momentum": 0.9, "nesterov": True}, 10.0, [3714857107991.6074, 2.0000000000000004, 1.5090369982344934e17]),
    ("SGD", {"momentum": 0.9, "dampening": 0.5}, 0.1, [-0.8472009598674024, -1.0884640913691008, -0.13637134472656248]),
    ("SGD", {"momentum": 0.9, "dampening": 0.5}, 10.0, [124922.28381649798, 3.3138335360000015, 168054025521.23428]),
    ("SGD", {"dampening": 0.5}, 0.1, [0.15328197213000003, -1.6175283000352176, -0.018267986720000007]),
    ("SGD", {"dampening": 0.5}, 10.0, [4532819721.0, 2.0, 224377191093440.5]),
    (
        "SGD",
        {"momentum": 0.9, "dampening": 0.9, "weight_decay": 0.1},
        0.1,
        [-0.2006730689613054, -1.4161924038571272, -0.5466516738381323],
    ),
    (
        "SGD",
        {"momentum": 0.9, "dampening": 0.9, "weight_decay": 0.1},
        10.0,
        [8.495707744000004, -6.535304372000003, 6.424075783999954],
    ),
    ("SGD", {"weight_decay": 0.1}, 0.1, [0.12413098092684234, -1.4512184206626404, -0.019237999354579514]),
    ("SGD", {"weight_decay": 0.1}, 10.0, [12727272727.0, -2.000000000000001, 314293064516129.0]),
    (
        "SGD",
        {"momentum": 0.9, "nesterov": True, "weight_decay": 0.1},
        0.1,
        [-0.6686422632365568, 0.21055421956581916, 0.02371162098362],
    ),
    (
        "SGD",
        {"momentum": 0.9, "nesterov": True, "weight_decay": 0.1},
        10.0,
        [10142387424679.6, -14305.206240392603, 2.1073303800678106e17],
    ),
    ("Adagrad", {}, 0.1, [0.5395511803400078, -1.5104804592920826, 0.11326869238172699]),
    ("Adagrad", {}, 10.0, [-0.2999999224697473, 1.9997803664038176, -0.03333333330065196]),
    ("Adagrad", {"lr_decay": 0.1}, 0.1, [0.6334425876208051, -1.617406145966452, 0.17442054794721187]),
    ("Adagrad", {"lr_decay": 0.1}, 10.0, [-0.2999987290908633, 1.9999999410339786, -0.03334921038547487]),
    ("Adagrad", {"weight_decay": 0.1}, 0.1, [0.5405389820413553, -1.5148772145706617, 0.11354059353346989]),
    ("Adagrad", {"weight_decay": 0.1}, 10.0, [-0.2727272078885395, 0.9999558975707564, -0.032258064484028966]),
    ("RMSprop", {}, 0.1, [-0.29999940541359565, 1.4348957195698646, -0.03323275423174413]),
    ("RMSprop", {}, 10.0, [-0.2999999999976282, 1.999999999082695, -0.03333333333323572]),
    ("RMSprop", {"alpha": 0.9}, 0.1, [-0.16193082864611713, -0.4135894051999951, -0.03333107346540536]),
    ("RMSprop", {"alpha": 0.9}, 10.0, [-0.2999454015945604, 1.9977338692081783, -0.033325385404214695]),
    ("RMSprop", {"weight_decay": 0.1}, 0.1, [-0.2727270276103037, 0.8534982214536584, -0.03215748591947327]),
    ("RMSprop", {"weight_decay": 0.1}, 10.0, [-0.2727272727251071, 0.9999999998380611, -0.03225806451603199]),
    ("Adam", {}, 0.1, [0.04794199834009029, -1.0099116984877112, -0.2368203064182647]),
    ("Adam", {}, 10.0, [-4.071542770376954, 3.8806272018154893, -4.6957834162739776]),
    ("Adam", {"betas": (0.8, 0.9)}, 0.1, [0.05242536203882496, -1.0104159033383036, -0.18246551885516316]),
    ("Adam", {"betas": (0.8, 0.9)}, 10.0, [0.23135181056957732, 0.3560512283923116, -0.4603785561746747]),
    ("Adam", {"weight_decay": 0.1}, 0.1, [0.04968639161749894, -1.014188425308369, -0.23581384994640167]),
    ("Adam", {"weight_decay": 0.1}, 10.0, [-4.077389396313423, 3.0300340301926467, -4.695866787822193]),
    ("AdamW", {}, 0.1, [0.04296971699077502, -0.9946742294849151, -0.23641981113114754]),
    ("AdamW", {}, 10.0, [-1.906280301870202, 2.30186343672894, -2.354837130509031]),
    ("AdamW", {"betas": (0.8, 0.9)}, 0.1, [0.04751783373543304, -0.9951868841260683, -0.18191649494098908]),
    ("AdamW", {"betas": (0.8, 0.9)}, 10.0, [1.055806258277456, 0.6035577999115916, 0.9040190383389386]),
    ("AdamW", {"weight_decay": 0.1}, 0.1, [0.0010503650550136023, -0.8643125859600514, -0.23233879424759535]),
    ("AdamW", {"weight_decay": 0.1}, 10.0, [-0.23365352204956502, 1.6058786386144182, -0.023536559342598996]),
]
RULES = [(name, options) for name, options, lr, _ in TORCH if lr == 10.0]
RULES += [(name, {}) for name in OPTIMIZERS if name not in dict(RULES)]
PENALTIES = [("l2", (0.3,)), ("l1", (0.2,)), ("elasticnet", (0.4, 0.25))]


def gradient(W):
    return np.array(H) * W + np.array(C)


@pytest.mark.parametrize(("name", "options", "lr", "expected"), TORCH)
def test_ten_steps_are_those_of_torch(implementation, eps, name, options, lr, expected):
    step = implementation.stepper(name, lr=lr, **options)
    W = np.array([START])
    largest = np.abs(W)
    for _ in range(10):
        W = step(W, gradient(W))
        largest = np.maximum(largest, np.abs(W))
    # The coordinates are independent. A step rounds about ten times; on this bowl an early error grows no faster than
    # the weight itself in the linear rules, and is damped by the bowl in the others, but for Adam at lr = 10, which
    # swings across it: a factor of 10 covers that. So 10 steps x 10 roundings x 10, of the largest weight on the way.
    assert np.all(np.abs(W - [expected]) <= 1e3 * eps * largest)


@pytest.mark.parametrize(("name", "options"), RULES)
def test_steps_are_those_of_the_reference(implementation, eps, name, options):
    """The same gradients go into both, so that errors add up but are not fed back through the gradient."""
    for penalty in [None, *PENALTIES]:
        for lr in [0.1, 10.0]:
            rng = np.random.default_rng(0)
            init, reference_step = OPTIMIZERS[name]
            step = implementation.stepper(name, lr=lr, **options)
            W = expected = rng.normal(size=(3, 67)).astype(np.float32)  # 201 weights: no multiple of a vector register
            largest, state = np.abs(W).max(), init(W)
            for t in range(1, 11):
                g = rng.normal(size=W.shape).astype(np.float32)
                W = step(W, g, penalty)
                expected = reference_step(expected, g, state, lr=lr, penalty=penalty, **options)
                largest = max(largest, np.abs(expected).max())
                # A step rounds about ten times, each relative to the weight before or after it. What feeds W back
                # (weight decay, l2) multiplies an earlier error by |1 - lr (0.1 + 0.3)| = 3 a step at most, as W.
                assert W.dtype == implementation.dtype
                assert np.abs(W - expected).max() <= 20 * t * eps * largest, f"{penalty}, lr {lr}, step {t}"


def lasso(X, y, alpha1, alpha2):
    """Minimise mean (x w - y)^2 + alpha1 ||w||_1 + alpha2/2 ||w||^2 one coordinate at a time, until nothing moves."""
    n, w = len(X), np.zeros(X.shape[1])
    for _ in range(10_000):
        before = w.copy()
        for j in range(len(w)):
            residual = y - X @ w + X[:, j] * w[j]
            w[j] = soft_threshold(2 * X[:, j] @ residual / n, alpha1) / (2 * X[:, j] @ X[:, j] / n + alpha2)
        if np.abs(before - w).max() < 1e-15:
            return w
    raise AssertionError("coordinate descent did not come to rest")


def accepts(name, option):
    return option in inspect.signature(OPTIMIZERS[name].step).parameters


# Weight decay has another optimum, and rates that fall like 1/t do not get anywhere.
LASSO_RULES = [
    (name, options | ({"weight_decay": 0.0} if accepts(name, "weight_decay") else {}))
    for name, options in RULES
    if not {"weight_decay", "lr_decay"} & set(options)
]


@pytest.mark.parametrize(("name", "options"), LASSO_RULES)
def test_every_rule_with_l1_ends_at_the_optimum_of_the_lasso(implementation, eps, name, options):
    rng = np.random.default_rng(5)
    X = rng.normal(size=(60, 12)) @ (np.eye(12) + 0.2 * rng.normal(size=(12, 12)))  # correlated features; four matter
    y = X[:, :4] @ [2.0, -1.5, 1.0, 0.5] + 0.3 * rng.normal(size=60)
    gram, right = 2 * X.T @ X / len(X), 2 * X.T @ y / len(X)  # curvatures from 0.18 to 8.4
    # A step of h g below eps |w| / 2 is lost, so that w stays eps |w| / (2 h 0.18) from the optimum. |w| <= 2, and h is
    # at least 0.003 (Adagrad after 6000 steps): 2000 eps, twice that to be safe.
    tolerance = max(1e-8, 4000 * eps)
    for penalty, strengths in [(("l1", (0.4,)), (0.4, 0.0)), (("elasticnet", (0.8, 0.5)), (0.4, 0.4))]:
        optimum = lasso(X, y, *strengths)
        assert 4 <= np.sum(optimum == 0) <= 8
        step, W, steps_left = implementation.stepper(name, lr=0.1, **options), np.zeros((1, 12)), None
        for _ in range(6000):
            W = step(W, W @ gram - right, penalty)
            if steps_left is None and np.abs(W - optimum).max() < tolerance / 2:
                steps_left = 100  # it has to stay there
            if steps_left is not None:
                steps_left -= 1
                if steps_left == 0:
                    break
        np.testing.assert_array_equal(W[0] == 0, optimum == 0)
        np.testing.assert_allclose(W[0], optimum, rtol=0, atol=tolerance)


def test_a_threshold_of_lr_alone_would_miss_the_optimum():
    """The control of the test above: the same steps, thresholded by lr alpha1, come to rest well above the optimum."""
    init, step = OPTIMIZERS["SGD"]
    curvature, best, alpha1 = (
        2.0,
        1.0,
        0.5,
    )  # minimise curvature/2 (w - best)^2 + alpha1 |w|, at best - alpha1 / curvature
    right, wrong, right_state, wrong_state = np.zeros(1), np.zeros(1), init(np.zeros(1)), init(np.zeros(1))
    options = {"lr": 0.02, "momentum": 0.9}
    for _ in range(1000):
        right = step(right, curvature * (right - best), right_state, penalty=("l1", (alpha1,)), **options)
        wrong = soft_threshold(step(wrong, curvature * (wrong - best), wrong_state, **options), 0.02 * alpha1)
    assert right == pytest.approx(0.75, abs=1e-12)
    assert wrong > 0.95


def test_state_is_explicit_and_a_copy_of_it_goes_on_alike():
    for name in OPTIMIZERS:
        init, step = OPTIMIZERS[name]
        W, g = np.array([[1.0, -2.0]]), np.array([[0.5, 0.25]])
        state = init(W)
        assert state["t"] == 0
        assert all(np.array_equal(array, np.zeros((1, 2))) for key, array in state.items() if key != "t")
        first = step(W, g, state)
        assert W.tolist() == [[1.0, -2.0]]
        assert state["t"] == 1
        copied = copy.deepcopy(state)
        np.testing.assert_array_equal(step(first, g, state), step(first, g, copied))
        assert state["t"] == copied["t"] == 2
