"""What a loss says of itself to solvers, in the reference: its conjugate, the domain of that, Hessian and smoothing.

The losses are found by name; numbers are float64 of order 1 to 10, so that rounding is some 1e-14.
"""

import itertools

import numpy as np
import pytest

import softmargin as sm
from softmargin import reference

from . import draws

LOSSES = sm.losses.names()
SMOOTH = [name for name in LOSSES if sm.losses.info(name)["smooth"]]
OTHERS = [name for name in LOSSES if name not in SMOOTH]
ROUNDING = 1e-12


def cases(loss, n=200, seed=0):
    """Every form of targets with a few numbers of outputs and options."""
    rng = np.random.default_rng(seed)
    for form, k, _ in itertools.product(draws.forms(loss), (1, 2, 3, 7), range(2)):
        if k >= draws.fewest_outputs(loss, form):
            yield rng, draws.targets(rng, loss, n, k, form), k, draws.options(rng, loss, k)


@pytest.mark.parametrize("loss", LOSSES)
def test_value_and_conjugate_meet_at_the_derivative(loss):
    """Fenchel-Young with equality, at scores of any size and exactly at the kinks."""
    for rng, y, k, options in cases(loss):
        for S in (draws.grid(rng, (200, k), -16, 16), 3 * rng.normal(size=(200, k))):
            value, dS = reference.LOSSES[loss](S, y, **options)
            assert draws.outside(dS, loss, y, options) <= ROUNDING
            conjugate = reference.LOSSES[loss].conjugate(dS, y, **options)
            np.testing.assert_allclose(value + conjugate, (dS * S).sum(axis=1), rtol=ROUNDING, atol=ROUNDING * k)


@pytest.mark.parametrize("loss", LOSSES)
def test_no_dual_point_is_above_the_loss(loss):
    """Fenchel-Young for any a of the domain and any s: were the domain said to be too large, some s would show it."""
    for rng, y, k, options in cases(loss):
        A = draws.duals(rng, loss, y, k, options)
        assert draws.outside(A, loss, y, options) <= ROUNDING
        conjugate = reference.LOSSES[loss].conjugate(A, y, **options)
        for scale in (0.3, 3.0, 100.0):
            S = scale * rng.normal(size=A.shape)
            value, _ = reference.LOSSES[loss](S, y, **options)
            bound = (A * S).sum(axis=1) - conjugate
            assert np.all(bound <= value + ROUNDING * (1 + np.abs(bound) + np.abs(value)))


@pytest.mark.parametrize("loss", LOSSES)
def test_outside_the_domain_the_bound_is_wrong(loss):
    """The control: with a dual point outside by 1/2 or more the inequality breaks at scores far along that point."""
    for _, y, k, options in cases(loss):
        kind = sm.losses.info(loss)["target"]
        each, _ = draws.limits(loss, y, k, options)
        if kind == "real":
            bad = each + 0.5  # infinite where there is no limit
        elif kind == "signs":
            bad = 0.5 * reference.registry.READERS["signs"](y, k)
        else:
            right = reference.registry.READERS["distributions"](y, k).argmax(axis=1)
            bad = 1.5 * (np.eye(k)[right] - np.eye(k)[(right + 1) % k])
        if np.isfinite(bad).all():
            assert draws.outside(bad, loss, y, options) >= 0.5
            S = 1e3 * np.sign(bad)
            value, _ = reference.LOSSES[loss](S, y, **options)
            conjugate = reference.LOSSES[loss].conjugate(bad, y, **options)
            assert np.all((bad * S).sum(axis=1) - conjugate > value + 100)


@pytest.mark.parametrize("loss", SMOOTH)
def test_hessian_is_the_derivative_of_dS(loss):
    """Central differences: right to h^2 and eps / h, some 1e-10, in all rows but those with a kink within h."""
    h = 1e-5
    for rng, y, k, options in cases(loss):
        S, V = 2 * rng.normal(size=(200, k)), rng.normal(size=(200, k))

        def dS(at, y=y, options=options):
            return reference.LOSSES[loss](at, y, **options)[1]

        got = reference.LOSSES[loss].hessian(S, V, y, **options)
        forward, backward = (dS(S + h * V) - dS(S)) / h, (dS(S) - dS(S - h * V)) / h
        # Where both sides agree to h times a third derivative there is no kink between them.
        regular = np.all(np.abs(forward - backward) < 1e-3, axis=1)
        assert regular.mean() > 0.98
        np.testing.assert_allclose(got[regular], ((forward + backward) / 2)[regular], rtol=0, atol=1e-8)
        bound = sm._core.curvature(loss, k)
        if bound is not None:
            weight = np.max(options.get("positive_weight", [1.0]), initial=1.0)
            assert np.all((V * got).sum(axis=1) <= weight * bound * (V**2).sum(axis=1) * (1 + ROUNDING))


@pytest.mark.parametrize("loss", OTHERS)
def test_smoothed_is_what_it_says(loss):
    """Between loss - width/2 |dS - centre|^2 and the loss, with equality to a.s - loss*(a) - ...; its a is the derivative."""
    for (rng, y, k, options), width in itertools.product(cases(loss), (4.0, 0.5, 1e-3)):
        S, centre = 2 * rng.normal(size=(200, k)), draws.duals(rng, loss, y, k, options)
        value, dS = reference.LOSSES[loss](S, y, **options)
        got, A = reference.LOSSES[loss].smoothed(S, y, centre, width, **options)
        assert draws.outside(A, loss, y, options) <= ROUNDING / width
        slack = ROUNDING * (1 + np.abs(value)) / width
        assert np.all(got <= value + slack)
        for trial in (dS, draws.duals(rng, loss, y, k, options)):  # no other dual point does better
            square = (trial - centre) ** 2
            if sm.losses.info(loss)["target"] == "classes":
                square[np.arange(200), y] = 0
            conjugate = reference.LOSSES[loss].conjugate(trial, y, **options)
            assert np.all(got >= (trial * S).sum(axis=1) - conjugate - width / 2 * square.sum(axis=1) - slack)
        # The value is a quadratic between kinks of a, so a central difference is right but within h of one.
        h, V = 1e-6, rng.normal(size=S.shape)
        ends = [reference.LOSSES[loss].smoothed(S + step * V, y, centre, width, **options)[0] for step in (h, -h)]
        reach = (np.abs(V).sum(axis=1) ** 2) * h / width  # a moves by at most this times 4
        assert np.all(np.abs((ends[0] - ends[1]) / (2 * h) - (A * V).sum(axis=1)) <= 4 * reach + 1e-8)


def test_smoothed_by_hand():
    """Around 0 with width 1: u^2 / 2 for excesses u of up to 1, then u - 1/2; two equal classes share a sum of 1."""
    for name, S, y, value, A in [
        ("binary_hinge", [[0.5]], [1.0], 0.125, [-0.5]),
        ("binary_hinge", [[-2.0]], [1.0], 2.5, [-1.0]),
        ("mae", [[0.25]], [0.0], 0.03125, [0.25]),
        ("hinge", [[0.0, -0.5, -3.0]], [0], 0.125, [-0.5, 0.5, 0.0]),
        ("crammer_singer", [[0.0, 1.0, 1.0]], [0], 2 - 0.25, [-1.0, 0.5, 0.5]),
    ]:
        got, derivative = reference.LOSSES[name].smoothed(S, y, np.zeros_like(S), 1.0)
        np.testing.assert_allclose(got, [value], atol=1e-15, err_msg=name)
        np.testing.assert_allclose(derivative, [A], atol=1e-15, err_msg=name)


def test_conjugates_by_hand():
    half = np.log(0.5)
    for name, A, y, value in [
        ("softmax", [[0.5, -0.5]], [1], half),
        ("softmax", [[0.0, 0.0]], [[0.25, 0.75]], 0.25 * np.log(0.25) + 0.75 * np.log(0.75)),
        ("hinge", [[-1.5, 1.0, 0.5]], [0], -1.5),
        ("squared_hinge", [[-3.0, 2.0, 1.0]], [0], 1.25 - 3.0),
        ("crammer_singer", [[-0.5, 0.5]], [0], -0.5),
        ("logistic", [[-0.5]], [1.0], 2 * 0.5 * half),
        ("logistic", [[1.0]], [-1.0], 0.0),
        ("binary_hinge", [[0.5]], [-1.0], -0.5),
        ("binary_squared_hinge", [[-1.0]], [1.0], -0.75),
        ("mse", [[1.0]], [2.0], 2.25),
        ("mae", [[-0.5]], [2.0], -1.0),
        ("huber", [[1.0]], [2.0], 2.5),
    ]:
        np.testing.assert_allclose(reference.LOSSES[name].conjugate(A, y), [value], atol=1e-15, err_msg=name)
