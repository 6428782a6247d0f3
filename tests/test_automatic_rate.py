"""Learning rates that need no tuning: near the optimum on digits, never above zero weights, equivariant to scales."""

import itertools
import re

import numpy as np
import pytest
import scipy.sparse
from sklearn.datasets import load_digits

import softmargin as sm
from softmargin._validation import as_seed
from softmargin.training.anchor import expected_smoothness
from softmargin.training.automatic import AS_FAR, automatic
from softmargin.training.guard import fit_guarded
from softmargin.training.plan import Plan
from softmargin.training.refine import RATIO, arched, falling, rising
from softmargin.training.rows import RowNorms, row_norms
from softmargin.training.standardize import standardization
from softmargin.training.traits import traits
from softmargin.training.trials import Trial, penalty_value

RULES = sm.optimizers.names()
RNG = np.random.default_rng(0)
N, D, K = 400, 12, 3
X = RNG.normal(size=(N, D)) * RNG.uniform(0.3, 2, D) + RNG.normal(size=D)
SCORES = X @ RNG.normal(size=(D, K)) + RNG.normal(size=(N, K))
LABELS, REAL = SCORES.argmax(axis=1), SCORES[:, 0]
WEIGHTS = RNG.integers(0, 3, N) + RNG.random(N)


def target(loss):
    return REAL if sm.losses.info(loss)["target"] == "real" else LABELS


def F(result, data, y, *, loss, penalty, **given):
    """F with the penalty on the weights that the run had: standardised ones where it standardised."""
    W, standardized = result.W.astype(np.float64), result.run_state.options["standardize"] is True
    b = None if result.intercept is None else result.intercept.astype(np.float64)
    value = sm.loss_and_grad(W, data, y, loss=loss, intercept=b, **given).loss
    return value + penalty_value(
        None if penalty is None else penalty.spec, W * result.run_state.scale if standardized else W
    )


@pytest.mark.parametrize("rule", RULES)
def test_digits(rule):
    """Standardised digits, softmax: within 5 % of the optimum after 100 epochs, which is 1 % of F at zero weights."""
    data, y = load_digits(return_X_y=True)
    given = {"loss": "softmax", "penalty": sm.L2(1e-4), "standardize": True}
    best = sm.solve(data, y, tol=1e-6, **given).loss
    plan = automatic(data, y, rule=rule, rng=0, **given)
    options = {"optimizer": plan.optimizer, "schedule": plan.schedule, "batch_size": plan.batch_size, "rng": 0}
    excess = F(sm.fit(data, y, epochs=100, **options, **given), data, y, loss="softmax", penalty=sm.L2(1e-4)) / best - 1
    assert -1e-6 < excess < 0.05


@pytest.mark.parametrize("rule", RULES)
def test_digits_as_they_are(rule):
    """Raw digits, softmax: the optimum is 0.0029, a thousandth of F at zero weights; within 5 % of it after 100 epochs.

    SGD ends 3 % above it, Adam and RMSprop 4.2 to 4.5 %, Adagrad 4.3 to 5.5 % by seed. AdamW comes to rest elsewhere, as its decay
    is not part of F: without it, it is Adam.
    """
    data, y = load_digits(return_X_y=True)
    given = {"loss": "softmax", "penalty": sm.L2(1e-4)}
    best = sm.solve(data, y, tol=1e-6, **given).loss
    optimizer = sm.optimizers.AdamW(weight_decay=0.0) if rule == "AdamW" else rule
    plan = automatic(data, y, rule=optimizer, rng=0, **given)
    excess = F(fit_guarded(data, y, plan, epochs=100, rng=0, **given), data, y, **given) / best - 1
    assert -1e-6 < excess < (0.06 if rule == "Adagrad" else 0.05)


@pytest.mark.parametrize("rule", RULES)
def test_digits_with_kinks(rule):
    """Pixels from 0 to 1, each class against the rest, a loss without curvature: within 1.2 to 2 % of the optimum."""
    data, y = load_digits(return_X_y=True)
    data /= 16
    given = {"loss": "binary_hinge", "penalty": sm.L2(1e-4)}
    best = sm.solve(data, y, tol=1e-4, **given).loss
    plan = automatic(data, y, rule=rule, rng=0, **given)
    excess = F(fit_guarded(data, y, plan, epochs=100, rng=0, **given), data, y, **given) / best - 1
    assert -1e-4 < excess < 0.05


def test_rare_features_that_are_standardised():
    """A few ones in 40000 rows, up to 140 deviations from the mean: Adagrad starts slowly, as its first gradients count for ever.

    Without trials as long as the run, which more rows would not have. The control goes as far, with rates that fall from the start.
    """
    rng = np.random.default_rng(3)
    data = (rng.random((40000, 40)) < np.geomspace(5e-5, 0.5, 40)).astype(np.float32)
    y = np.where(data @ rng.normal(size=40) + rng.logistic(size=40000) > 1, 1.0, -1.0)
    objective = {"loss": "binary_squared_hinge", "penalty": sm.L2(1e-4)}
    given = objective | {"standardize": True}
    best = sm.solve(data, y, tol=1e-4, **given).loss
    plan = automatic(data, y, rule="Adagrad", epochs=10, rng=0, thorough=False, **given)
    steps = plan.schedule.total_iters
    assert plan.schedule == arched(steps)
    control = Plan(plan.slower(AS_FAR).optimizer, falling(steps), plan.batch_size)
    excess, controls = (
        F(fit_guarded(data, y, tried, epochs=10, rng=0, **given), data, y, **objective) / best - 1
        for tried in (plan, control)
    )
    assert -1e-4 < excess < 0.02
    assert controls > 0.05


def test_a_long_trial_is_the_run_itself():
    """Of all samples and to the last bit, so that what was found best is what a run does."""
    data, y = load_digits(return_X_y=True)
    data, y = data[:300], y[:300]
    read = sm.objective.read_data(data, y, "softmax")
    plan = automatic(data, y, rule="SGD", penalty=sm.L2(1e-4), epochs=30, rng=5)
    place = plan.coordinates
    penalty, size, seed = place.penalty(("l2", (1e-4,))), plan.batch_size, as_seed(5)
    trial = Trial(read, plan.optimizer, penalty, True, place.standardization(), size, seed, 1)
    shape = next(shape for shape in (rising, arched, falling) if shape(plan.schedule.total_iters) == plan.schedule)
    tried = trial.full_value(plan.optimizer.lr, 30, shape)
    run = fit_guarded(data, y, plan, penalty=sm.L2(1e-4), epochs=30, rng=5)
    assert tried == pytest.approx(F(run, data, y, loss="softmax", penalty=sm.L2(1e-4)), rel=1e-14)
    # It is the best of its neighbours, and there are no such trials where they were not asked for.
    assert all(tried <= trial.full_value(plan.optimizer.lr * RATIO**i, 30, shape) for i in (-1, 1, 2))
    quick = automatic(data, y, rule="SGD", penalty=sm.L2(1e-4), epochs=30, rng=5, thorough=False)
    assert quick.schedule == falling(plan.schedule.total_iters)
    assert quick.optimizer.lr not in [plan.optimizer.lr * RATIO**i for i in (-1, 0, 1, 2)]


@pytest.mark.parametrize("rule", RULES)
def test_noisy_problems_with_every_loss(rule):
    """Classes that overlap, so that F at the optimum is not small: every loss within 5 % after 20 epochs, and no standardisation."""
    data, y = np.repeat(X, 5, axis=0), None
    flipped = np.where(RNG.random(5 * N) < 0.2, RNG.integers(0, K, 5 * N), np.repeat(LABELS, 5))
    noisy = np.repeat(REAL, 5) + 2 * RNG.normal(size=5 * N)
    for loss in sm.losses.names():
        y = noisy if sm.losses.info(loss)["target"] == "real" else flipped
        given = {"loss": loss, "penalty": sm.L2(1e-3)}
        best = sm.solve(data, y, tol=1e-3, **given).loss
        plan = automatic(data, y, rule=rule, epochs=20, rng=0, **given)
        excess = F(fit_guarded(data, y, plan, epochs=20, rng=0, **given), data, y, **given) / best - 1
        assert -2e-3 < excess < 0.05, (loss, plan, excess)


HOSTILE = {
    "tiny": X * 2.0**-40,
    "huge": X * 2.0**40,
    "huge in float32": (X * 2.0**20).astype(np.float32),
    "columns from 1e-6 to 1e6": X * 10.0 ** np.linspace(-6, 6, D),
    "rows from 1e-3 to 1e3": X * 10.0 ** RNG.uniform(-3, 3, (N, 1)),
    "one column 1e8 times as large": np.where(np.arange(D) == 5, 1e8 * X, X),
    "one row 1e5 times as long": np.where(np.arange(N)[:, None] == 7, 1e5 * X, X),
    "far from zero": X + 1e4,
    "pixels": (40 * X + 100).clip(0, 255).astype(np.uint8),
    "constant": np.ones((N, 2)),
    "zeros": np.zeros((N, 2)),
    "sparse": scipy.sparse.csr_array(np.where(RNG.random((N, D)) < 0.2, X * 10.0 ** RNG.uniform(-4, 4, D), 0.0)),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_never_above_zero_weights(name):
    data = HOSTILE[name]
    for loss, rule in itertools.product(sm.losses.names(), RULES):
        real = sm.losses.info(loss)["target"] == "real"
        for y, penalty in ((target(loss) * 1e6 if real else target(loss), sm.L2(1e-4)), (target(loss), sm.L1(1e-2))):
            given = {"loss": loss, "penalty": penalty}
            plan = automatic(data, y, rule=rule, epochs=2, rng=0, **given)
            value = F(fit_guarded(data, y, plan, epochs=2, rng=1, **given), data, y, **given)
            k = 1 if real else K
            zero = sm.loss_and_grad(np.zeros((k, data.shape[1])), data, y, loss=loss).loss
            # A float32 run was judged in its own arithmetic: roundings of 6e-8 a score, of F's own size.
            assert value <= zero * (1 + (1e-6 if data.dtype != np.float64 else 1e-12)), (loss, rule, plan, value / zero)


def test_the_guard_is_needed_and_works():
    """The control: plans that diverge, or end above zero weights, and what becomes of them."""
    y = np.where(LABELS > 0, 1.0, -1.0)
    for loss, rate in (("mse", 1e3), ("mse", 1e250), ("binary_hinge", 1e4)):
        plan = Plan(sm.optimizers.SGD(lr=rate), sm.schedules.Constant(), 7)
        zero = sm.loss_and_grad(np.zeros((1, D)), X, y, loss=loss).loss
        given = {"loss": loss, "penalty": sm.L2(1e-4), "epochs": 2, "rng": 0}
        try:
            run = sm.fit(X, y, optimizer=plan.optimizer, schedule=plan.schedule, batch_size=7, **given)
            assert F(run, X, y, loss=loss, penalty=sm.L2(1e-4)) > zero
        except FloatingPointError:
            pass
        guarded = fit_guarded(X, y, plan, **given)
        # Ever faster it falls, to 0 at last.
        assert 0 < guarded.history[0].lr < rate or (rate == 1e250 and not guarded.W.any())
        assert F(guarded, X, y, loss=loss, penalty=sm.L2(1e-4)) <= zero


@pytest.mark.parametrize("rule", RULES)
def test_scales(rule):
    """X times c is W over c: a step proportional to the gradient wants lr / c^2, one that does not care for its scale lr / c.

    Exact for powers of two, without what has a scale of its own: intercept, penalty, weight decay, and eps.
    """
    kind = sm.optimizers.get(rule)
    optimizer = kind(**{o.name: 0.0 for o in kind.options if o.name in ("weight_decay", "eps")})
    power = 1 if traits(optimizer).invariant else 2
    for loss in sm.losses.names():
        given = {"rule": optimizer, "loss": loss, "fit_intercept": False, "epochs": 10, "rng": 0}
        plan = automatic(X, target(loss), **given)
        for c in (2.0**-20, 2.0**10):
            scaled = automatic(c * X, target(loss), **given)
            assert scaled.optimizer.lr == plan.optimizer.lr / c**power > 0
            assert (scaled.schedule, scaled.batch_size) == (plan.schedule, plan.batch_size)
        # Standardised, no scale of a feature matters.
        columns = 2.0 ** RNG.integers(-20, 20, D)
        one, other = (automatic(data, target(loss), standardize=True, **given) for data in (X, X * columns))
        assert one.optimizer.lr == pytest.approx(other.optimizer.lr, rel=1e-9)
    for c in (2.0**-20, 2.0**10):  # targets times c are W times c; the gradient of squares is c times as large as well
        given = {"rule": optimizer, "fit_intercept": False, "rng": 0}
        for loss, shift in (("mse", 0 if power == 2 else 1), ("mae", 1)):
            rates = [automatic(X, y, loss=loss, **given).optimizer.lr for y in (REAL, c * REAL)]
            assert rates[1] == pytest.approx(rates[0] * c**shift, rel=1e-9)


def test_the_same_plan_again():
    for rule, data in itertools.product(("SGD", "Adam"), (X, HOSTILE["sparse"])):
        plans = {
            automatic(data, LABELS, rule=rule, rng=seed, num_threads=threads, batch_size=64)
            for threads, seed in ((1, 3), (2, 3), (None, np.random.default_rng(3)))
        }
        assert len(plans) == 1


def test_rules_are_asked_what_they_are():
    assert {name for name in RULES if traits(sm.optimizers.get(name)()).invariant} == {*RULES} - {"SGD"}
    assert {name for name in RULES if traits(sm.optimizers.get(name)()).fading} == {"Adagrad"}
    for rule, reach in [
        (sm.optimizers.SGD(), 1.0),
        (sm.optimizers.SGD(momentum=0.9), 10.0),
        (sm.optimizers.SGD(momentum=0.9, dampening=0.9), 1.0),
        (sm.optimizers.Adam(), 1.0),
        (sm.optimizers.Adagrad(), 0.05),  # 1 / sqrt(400)
    ]:
        assert traits(rule).reach == pytest.approx(reach, rel=1e-6)
    decays = [traits(rule).decay for rule in (sm.optimizers.SGD(weight_decay=0.1), sm.optimizers.AdamW())]
    assert decays == pytest.approx([0.1, 0.01])
    # Where the decay is part of a gradient whose scale does not count, it shrinks nothing in proportion.
    assert traits(sm.optimizers.Adam(weight_decay=0.1)).decay == pytest.approx(0, abs=1e-6)


def test_a_rule_keeps_its_other_options():
    rule = sm.optimizers.SGD(lr=5.0, momentum=0.9, nesterov=True, weight_decay=1e-3)
    plan = automatic(X, LABELS, rule=rule, batch_size=16, epochs=7, rng=0)
    assert plan.optimizer == sm.optimizers.SGD(lr=plan.optimizer.lr, momentum=0.9, nesterov=True, weight_decay=1e-3)
    assert (plan.batch_size, plan.schedule.total_iters) == (16, 7 * 25)
    assert automatic(X, LABELS, rule=sm.optimizers.SGD, rng=0) == automatic(X, LABELS, rule="SGD", rng=0)
    assert plan.slower(4.0).optimizer.lr == plan.optimizer.lr / 4
    # Momentum 0.9 goes ten times as far for each unit of lr.
    plain = automatic(X, LABELS, rule="SGD", batch_size=16, epochs=7, rng=0)
    assert plan.optimizer.lr < plain.optimizer.lr


def test_batch_sizes():
    assert automatic(X, LABELS, rule="SGD", batch_size=None, rng=0).batch_size == N
    assert automatic(X, LABELS, rule="SGD", batch_size=10 * N, rng=0).batch_size == N
    assert [automatic(X, LABELS, rule=rule, rng=0).batch_size for rule in ("SGD", "Adam")] == [8, 24]
    tall = np.repeat(X, 100, axis=0)
    assert automatic(tall, np.repeat(LABELS, 100), rule="SGD", rng=0).batch_size == 32  # 1250 steps an epoch
    # Full batches leave nothing to try: smooth losses get 1 / (2 M), M = L lambda_max + alpha, within the estimate's 10 %.
    Z = np.column_stack([X, np.ones(N)])
    M = 0.5 * np.linalg.eigvalsh(Z.T @ Z / N)[-1] + 0.01
    plan = automatic(X, LABELS, rule="SGD", batch_size=None, penalty=sm.L2(0.01), loss="softmax", rng=0)
    assert plan.optimizer.lr >= 1 / (2.3 * M)


def test_nothing_to_learn():
    for rule in RULES:
        plan = automatic(X, np.zeros(N), loss="mse", rule=rule, rng=0)
        assert plan.optimizer.lr == 0
        assert not fit_guarded(X, np.zeros(N), plan, loss="mse", epochs=1).W.any()


@pytest.mark.parametrize("standardize", [False, True])
@pytest.mark.parametrize("weight", [None, WEIGHTS], ids=["plain", "weighted"])
def test_row_norms(standardize, weight):
    sparse = scipy.sparse.csr_array(np.where(RNG.random((N, D)) < 0.3, X, 0.0))
    omega = np.ones(N) if weight is None else weight / weight.mean()
    for data, fit_intercept in itertools.product(
        (X, sparse, (20 * X + 99).clip(0, 255).astype(np.uint8)), (True, False)
    ):
        read = sm.objective.read_data(data, LABELS, "softmax", sample_weight=weight)
        scaling = standardization(read, centre=fit_intercept, num_threads=0) if standardize else None
        Z = data.toarray() if scipy.sparse.issparse(data) else data.astype(np.float64)
        Z = Z if scaling is None else (Z - scaling.mean) / scaling.scale
        Z = np.column_stack([Z, np.ones(N)]) if fit_intercept else Z
        squares = omega * (Z**2).sum(axis=1)
        got = row_norms(read, scaling, fit_intercept, np.random.default_rng(0))
        tolerance = 1e-5 if data.dtype == np.uint8 else 1e-12  # short types are looked at in float32
        assert (got.mean, got.largest) == pytest.approx((squares.mean(), squares.max()), rel=tolerance)
        # All rows are sampled here; eight iterations come within 20 % from below, and 10 % are added.
        largest = np.linalg.eigvalsh((Z * omega[:, None]).T @ Z / N)[-1]
        assert 0.88 * largest <= got.eigenvalue <= max(1.11 * largest, got.mean)


def test_expected_smoothness():
    """Between the largest norm of single samples and the largest eigenvalue of all; Gower et al. 2019, by hand for b = 2."""
    norms = RowNorms(mean=4.0, largest=10.0, eigenvalue=2.0)
    assert expected_smoothness(norms, 5, 1) == 10.0
    assert expected_smoothness(norms, 5, 5) == 2.0
    assert expected_smoothness(norms, 5, 2) == pytest.approx(5 / 8 * 2 + 3 / 8 * 10)
    assert expected_smoothness(norms, 1, 1) == 10.0


def test_refusals():
    for given, kind, text in [
        (
            {"rule": 3},
            TypeError,
            "rule: expected the name of a rule, a class or an object of sm.optimizers, got 3 (int)",
        ),
        (
            {"rule": "sgd"},
            ValueError,
            "optimizer: expected one of 'SGD', 'Adagrad', 'RMSprop', 'Adam', 'AdamW', got 'sgd'",
        ),
        ({"batch_size": "all"}, ValueError, "batch_size: expected 'auto', None or an integer, got 'all'"),
        ({"batch_size": 0}, ValueError, "batch_size: expected an integer at least 1, got 0"),
        ({"epochs": 0}, ValueError, "epochs: expected an integer at least 1, got 0"),
        ({"standardize": 1}, TypeError, "standardize: expected True or False, got 1 (int)"),
    ]:
        with pytest.raises(kind, match="^" + re.escape(text)):
            automatic(X, LABELS, **{"rule": "SGD"} | given)
    with pytest.raises(ValueError, match=r"^y: "):
        fit_guarded(X, LABELS[:-1], Plan(sm.optimizers.SGD(lr=0.1), sm.schedules.Constant(), 1))
