"""A rate for each output: trainers of single outputs that act as one, and what they gain where outputs want different rates."""

import pickle

import numpy as np
import pytest
from sklearn.datasets import load_digits

import softmargin as sm
from softmargin.objective import of_output, read_data
from softmargin.training.automatic import automatic
from softmargin.training.guard import fit_guarded
from softmargin.training.outputs import EachOutput, alone
from softmargin.training.plan import Plan

from .fits import RNG, RULES, SEED, SHIFTED, SPARSE, WEIGHTS, K, N, X, Y, same_results

ALONE = [name for name in sm.losses.names() if sm.losses.info(name)["target"] != "classes"]
FACTORS = (1.0, 0.25, 0.5)  # powers of two: lr * factor is the same number whoever multiplies
REAL = RNG.normal(size=(N, K))
WAYS = {
    **{f"{type(rule).__name__}{i}": {"optimizer": rule} for i, rule in enumerate(RULES)},
    "sparse": {"X": SPARSE},
    "sparse average": {"X": SPARSE, "average": True},
    "average": {"X": SHIFTED, "average": True, "standardize": True},
    "no intercept": {"fit_intercept": False},
    "float32": {"X": X.astype(np.float32)},
    "positive weight": {"positive_weight": [1.0, 2.0, 0.5], "loss": "logistic", "margin": 0.5},
    "warmup": {"schedule": sm.schedules.Warmup(13)},
}


def target(loss):
    return REAL if sm.losses.info(loss)["target"] == "real" else Y


def column(y, j):
    return y[:, j] if y.ndim == 2 else np.where(y == j, 1.0, -1.0)


def excess(data, y, plan, given, best):
    result = fit_guarded(data, y, plan, epochs=100, rng=0, **given)
    F = sm.loss_and_grad(
        result.W, data, y, loss=given["loss"], intercept=result.intercept, penalty=given["penalty"]
    ).loss
    return F / best - 1


@pytest.mark.parametrize("loss", ALONE)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_f_is_the_sum_of_the_outputs(loss, dtype):
    """Of labels, signs and real targets; each output has few terms, summed in float64."""
    signs = sm.losses.info(loss)["target"] == "signs"
    W, b = RNG.normal(size=(K, X.shape[1])).astype(dtype), RNG.normal(size=K).astype(dtype)
    positive = [2.0, 1.0, 0.5] if signs else None
    for y in (Y, np.where(np.eye(K)[Y] > 0, 1.0, -1.0)) if signs else (REAL,):
        data = read_data(X, y, loss, n_outputs=K, dtype=W.dtype, sample_weight=WEIGHTS, positive_weight=positive)
        assert alone(data)
        parts = [of_output(data, j) for j in range(K)]
        assert not any(alone(part) for part in parts)
        whole, G, db = data.problem.loss_and_grad(W, b)
        values = [part.problem.loss_and_grad(W[j : j + 1], b[j : j + 1]) for j, part in enumerate(parts)]
        eps = float(np.finfo(dtype).eps)
        assert sum(value for value, _, _ in values) == pytest.approx(whole, rel=16 * eps)
        np.testing.assert_allclose(np.vstack([g for _, g, _ in values]), G, rtol=0, atol=64 * eps * np.abs(G).max())
        np.testing.assert_allclose(np.ravel([g for _, _, g in values]), db, rtol=0, atol=64 * eps * np.abs(db).max())


def test_losses_of_classes_are_no_sums():
    assert not any(
        alone(read_data(X, Y, name)) for name in sm.losses.names() if sm.losses.info(name)["target"] == "classes"
    )


@pytest.mark.parametrize("name", WAYS)
def test_outputs_are_runs_of_their_own(name):
    """Bit for bit those of each output alone with a rate that is multiplied by its factor, and gone on from as if never stopped."""
    options = {"X": X, "loss": "binary_squared_hinge", "batch_size": 16, "penalty": sm.L2(0.01), "rng": SEED}
    options |= {"optimizer": sm.optimizers.SGD(lr=0.05), "schedule": sm.schedules.Polynomial(25)} | WAYS[name]
    y, rule = target(options["loss"]), options["optimizer"]
    each = options | {"schedule": EachOutput(options["schedule"], FACTORS)}
    result = sm.fit(y=y, **each, epochs=4)
    for j, factor in enumerate(FACTORS):
        rates = {option.name: getattr(rule, option.name) for option in rule.options} | {"lr": rule.lr * factor}
        single = options | {"optimizer": type(rule)(**rates)}
        if "positive_weight" in options:
            single["positive_weight"] = options["positive_weight"][j : j + 1]
        one = sm.fit(y=column(y, j), **single, epochs=4)
        np.testing.assert_array_equal(result.W[j], one.W[0])
        if one.intercept is not None:
            assert result.intercept[j] == one.intercept[0]
    stopped = pickle.loads(pickle.dumps(sm.fit(y=y, **each, epochs=2)))
    same_results(sm.fit(y=y, **each, epochs=4, resume=stopped, num_threads=2), result)
    with pytest.raises(ValueError, match=r"resume: expected the options of the earlier run, got schedule="):
        sm.fit(y=y, **(each | {"schedule": EachOutput(options["schedule"], (1.0, 1.0, 1.0))}), epochs=4, resume=stopped)


@pytest.mark.parametrize("loss", ALONE)
def test_factors_of_one_change_nothing(loss):
    """But for the order of sums: 1e-13 in float64."""
    y = target(loss)
    options = {"loss": loss, "batch_size": 16, "rng": SEED, "epochs": 3, "sample_weight": WEIGHTS}
    options |= {"optimizer": sm.optimizers.SGD(lr=0.01), "penalty": sm.L2(0.01)}
    plain = sm.fit(X, y, **options)
    each = sm.fit(X, y, **options, schedule=EachOutput(sm.schedules.Constant(), (1.0,) * K))
    np.testing.assert_allclose(each.W, plain.W, rtol=0, atol=1e-13)
    np.testing.assert_allclose(each.intercept, plain.intercept, rtol=0, atol=1e-13)
    for one, other in zip(each.history, plain.history, strict=True):
        assert one.loss == pytest.approx(other.loss, rel=1e-12)
        assert one.lr == other.lr


@pytest.mark.parametrize("rule", sm.optimizers.names())
def test_raw_digits_one_against_the_rest(rule):
    """Within 5 % of the optimum of logistic, and not with the geometric mean of the rates: SGD 4.6 and 12 %, Adam 2.1 and 5."""
    data, y = load_digits(return_X_y=True)
    given = {"loss": "logistic", "penalty": sm.L2(1e-4)}
    best = sm.solve(data, y, tol=1e-6, **given).loss
    optimizer = sm.optimizers.AdamW(weight_decay=0.0) if rule == "AdamW" else rule
    plan = automatic(data, y, rule=optimizer, rng=0, **given)
    reached = excess(data, y, plan, given, best)
    assert -1e-6 < reached < 0.05
    assert max(plan.schedule.factors) == 1.0
    mean = float(np.exp(np.log(plan.schedule.factors).mean()))
    same = Plan(plan.slower(1 / mean).optimizer, plan.schedule.schedule, plan.batch_size, plan.coordinates)
    assert excess(data, y, same, given, best) > 1.5 * reached


def test_only_where_trials_of_the_whole_run_are_cheap():
    data = RNG.normal(size=(20000, 50))
    y = RNG.integers(0, K, len(data))
    assert not isinstance(automatic(data, y, rule="SGD", loss="logistic", rng=0).schedule, EachOutput)
    assert not isinstance(automatic(X, Y, rule="SGD", loss="softmax", epochs=5, rng=0).schedule, EachOutput)
    assert not isinstance(
        automatic(X, Y, rule="SGD", loss="logistic", epochs=5, rng=0, thorough=False).schedule, EachOutput
    )
    assert isinstance(automatic(X, Y, rule="SGD", loss="logistic", epochs=5, rng=0).schedule, EachOutput)
