"""Every schedule against its formula written out a second time, and ReduceOnPlateau against hand-made courses."""

import math
import pickle
import re

import numpy as np
import pytest

import softmargin as sm
from softmargin.schedules import (
    Constant,
    Cosine,
    InverseScaling,
    PlateauState,
    Polynomial,
    ReduceOnPlateau,
    Schedule,
    Step,
    Warmup,
    names,
)

EXAMPLES = [
    Constant(),
    InverseScaling(power=0.75, horizon=10),
    Step(3, gamma=0.5),
    Cosine(10, eta_min=0.01),
    Cosine(25, acts="step"),
    Polynomial(40),
    Polynomial(12, power=2, acts="epoch"),
    Warmup(7, after=Cosine(10)),
    Warmup(2, start_factor=0.1, acts="epoch"),
    ReduceOnPlateau(patience=1),
]
# What each example says of step t and epoch e, at a base rate of 0.5.
FORMULAS = [
    lambda t, e: 0.5,
    lambda t, e: 0.5 / (1 + t / 10) ** 0.75,
    lambda t, e: 0.5 * [1, 1, 1, 0.5, 0.5, 0.5, 0.25, 0.25, 0.25, 0.125][e],
    lambda t, e: 0.01 + 0.49 * (1 + math.cos(math.pi * e / 10)) / 2,
    lambda t, e: 0.25 * (1 + math.cos(math.pi * t / 25)),
    lambda t, e: 0.5 * max(0, 40 - t) / 40,
    lambda t, e: 0.5 * ((12 - e) / 12) ** 2,
    lambda t, e: 0.25 * (1 + math.cos(math.pi * e / 10)) * min(1, 1 / 3 + t * 2 / 21),
    lambda t, e: 0.5 * (0.1, 0.55, 1)[min(e, 2)],
    lambda t, e: 0.5,
]


@pytest.mark.parametrize(("schedule", "formula"), list(zip(EXAMPLES, FORMULAS, strict=True)), ids=map(str, EXAMPLES))
def test_rates(schedule, formula):
    steps = 5  # an epoch
    for epoch in range(10):
        rates = schedule.lr(epoch * steps, steps, epoch, 0.5, schedule.start())
        assert (rates.shape, rates.dtype) == ((steps,), np.float64)
        np.testing.assert_allclose(rates, [formula(epoch * steps + i, epoch) for i in range(steps)], rtol=1e-14)
        # In parts as at once: fit asks in chunks.
        parts = [schedule.lr(epoch * steps + i, 1, epoch, 0.5, schedule.start()) for i in range(steps)]
        np.testing.assert_array_equal(np.concatenate(parts), rates)
        if schedule.acts == "epoch":
            assert len(set(rates)) == 1


def test_each_says_when_it_acts():
    assert [schedule.acts for schedule in EXAMPLES] == [
        "epoch",
        "step",
        "epoch",
        "epoch",
        "step",
        "step",
        "epoch",
        "step",
        "epoch",
        "epoch",
    ]
    assert {type(schedule).__name__ for schedule in EXAMPLES} == set(names())


def test_other_librarys_constants():
    """scikit-learn's invscaling: eta0 / t^power_t with t from 1; StepLR and CosineAnnealingLR of PyTorch's documentation."""
    np.testing.assert_allclose(InverseScaling(power=0.25).lr(0, 16, 0, 0.01)[15], 0.01 / 16**0.25, rtol=1e-15)
    rates = [Step(30, gamma=0.1).lr(0, 1, epoch, 0.05)[0] for epoch in (0, 29, 30, 59, 60)]
    np.testing.assert_allclose(rates, [0.05, 0.05, 0.005, 0.005, 0.0005], rtol=1e-15)
    # Past T_max the cosine rises again, as PyTorch's does.
    rates = [Cosine(4).lr(0, 1, epoch, 1.0)[0] for epoch in range(9)]
    np.testing.assert_allclose(rates, rates[::-1], atol=1e-15)
    assert rates[4] == 0


def course(schedule, values, base_lr=1.0, name="loss"):
    """The rates of the epochs after each value."""
    state, rates = schedule.start(), []
    for epoch, value in enumerate(values, start=1):
        record = sm.EpochRecord(**{"epoch": epoch, "loss": 0.0, "lr": 1.0, "seconds": 0.0} | {name: value})
        state = schedule.observe(state, record, base_lr)
        rates.append(schedule.lr(0, 1, epoch, base_lr, state)[0])
    return rates


def test_reduce_on_plateau():
    # Patience 1: the second epoch in a row without a better value brings the rate down, and the count starts anew.
    assert course(ReduceOnPlateau(0.5, patience=1), [5, 4, 4, 4, 4, 4, 3]) == [1, 1, 1, 0.5, 0.5, 0.25, 0.25]
    assert course(ReduceOnPlateau(0.5, patience=0), [5, 5, 5]) == [1, 0.5, 0.25]
    # Better is by more than the threshold, relative or absolute.
    assert course(ReduceOnPlateau(0.5, patience=0, threshold=0.1), [10, 9.1, 8.9]) == [1, 0.5, 0.5]
    assert course(ReduceOnPlateau(0.5, patience=0, threshold=0.1, threshold_mode="abs"), [10, 9.95, 9.5]) == [
        1,
        0.5,
        0.5,
    ]
    # During the cooldown nothing counts.
    assert course(ReduceOnPlateau(0.5, patience=0, cooldown=2), [5, 5, 5, 5, 5]) == [1, 0.5, 0.5, 0.5, 0.25]
    # Neither below min_lr nor by less than eps.
    assert course(ReduceOnPlateau(0.5, patience=0, min_lr=0.4), [5, 5, 5, 5]) == [1, 0.5, 0.4, 0.4]
    assert course(ReduceOnPlateau(0.5, patience=0, eps=0.3), [5, 5, 5, 5]) == [1, 0.5, 0.5, 0.5]
    # NaN is never better.
    assert course(ReduceOnPlateau(0.5, patience=0), [5, math.nan, 4]) == [1, 0.5, 0.5]
    # Of a score more is better; of a negative loss less is.
    plateau = ReduceOnPlateau(0.5, patience=0, monitor="val_score")
    assert course(plateau, [0.5, 0.6, 0.6, 0.7], name="val_score") == [1, 1, 0.5, 0.5]
    assert course(ReduceOnPlateau(0.5, patience=0, threshold_mode="abs"), [-1, -2, -2]) == [1, 1, 0.5]
    # "auto" is the validation loss where there is one.
    assert course(ReduceOnPlateau(0.5, patience=0), [3, 2, 2], name="val_loss") == [1, 1, 0.5]
    with pytest.raises(
        ValueError, match=r"^schedule: expected validation=\(X_val, y_val\) with monitor='val_loss', got None$"
    ):
        course(ReduceOnPlateau(monitor="val_loss"), [1])


def test_observing_leaves_the_state_alone():
    schedule = ReduceOnPlateau(0.5, patience=0)
    state = PlateauState(lr=0.5, best=1.0)
    after = schedule.observe(state, sm.EpochRecord(epoch=1, loss=2.0, lr=0.5, seconds=0.0), 1.0)
    assert state == PlateauState(lr=0.5, best=1.0)
    assert after == PlateauState(lr=0.25, best=1.0)


def test_warmup_passes_the_state_on():
    schedule = Warmup(1, start_factor=0.5, after=ReduceOnPlateau(0.5, patience=0), acts="epoch")
    state = schedule.start()
    for loss in (1.0, 1.0):
        state = schedule.observe(state, sm.EpochRecord(epoch=1, loss=loss, lr=0.5, seconds=0.0), 1.0)
    assert schedule.lr(10, 1, 2, 1.0, state) == [0.5]


@pytest.mark.parametrize("schedule", EXAMPLES, ids=str)
def test_they_behave_like_values(schedule):
    same = pickle.loads(pickle.dumps(schedule))
    assert same == schedule
    assert hash(same) == hash(schedule)
    assert eval(repr(schedule), vars(sm.schedules)) == schedule
    with pytest.raises(AttributeError):
        schedule.acts = "epoch"


def test_schedules_of_users_compare_by_what_they_hold():
    class Mine(Schedule):
        def __init__(self, x):
            self.x = x

    assert Mine(1) == Mine(1)
    assert Mine(1) != Mine(2)
    assert len({Mine(1), Mine(1)}) == 1
    with pytest.raises(NotImplementedError):
        Mine(1).lr(0, 1, 0, 0.1)


def test_refusals():
    for call, kind, text in [
        (lambda: InverseScaling(-1), ValueError, "power: expected a number at least 0, got -1.0"),
        (lambda: InverseScaling(horizon=0), ValueError, "horizon: expected a number above 0, got 0.0"),
        (lambda: Step(0), ValueError, "step_size: expected an integer at least 1, got 0"),
        (lambda: Step(1.5), TypeError, "step_size: expected an integer, got 1.5 (float)"),
        (lambda: Cosine(0), ValueError, "T_max: expected an integer at least 1, got 0"),
        (
            lambda: Cosine(5, acts="steps"),
            ValueError,
            "acts: expected one of 'step', 'epoch', got 'steps'; did you mean 'step'?",
        ),
        (lambda: Warmup(5, start_factor=2), ValueError, "start_factor: expected a number from 0 to 1, got 2.0"),
        (lambda: Warmup(5, after=0.1), TypeError, "after: expected a schedule, got 0.1 (float)"),
        (lambda: ReduceOnPlateau(factor=1), ValueError, "factor: expected a number from 0 to below 1, got 1.0"),
        (
            lambda: ReduceOnPlateau(monitor="accuracy"),
            ValueError,
            "monitor: expected one of 'auto', 'loss', 'val_loss', 'val_score', got 'accuracy'",
        ),
    ]:
        with pytest.raises(kind, match=f"^{re.escape(text)}$"):
            call()


def test_fit_refuses_what_a_schedule_of_a_user_gets_wrong():
    class Wrong(Schedule):
        def __init__(self, rates):
            self.rates = rates

        def lr(self, first_step, n_steps, epoch, base_lr, state=None):
            return self.rates

    for rates, text in [
        ([0.1, 0.1], "schedule: expected rates of shape (1,), one a step, got (2,)"),
        ([-0.1], "schedule: expected finite rates at least 0, got -0.1"),
        ([math.nan], "schedule: expected finite rates at least 0, got nan"),
    ]:
        with pytest.raises(ValueError, match=f"^{re.escape(text)}$"):
            sm.fit(np.eye(2), [0, 1], schedule=Wrong(rates))
