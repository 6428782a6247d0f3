"""Every registered loss against the reference: values and gradients, at kinks and ties too, and what each says of itself."""

import numpy as np
import pytest

import softmargin as sm
from softmargin import reference

LOSSES = sm.losses.names()
SIZES = (1, 2, 63, 64, 65, 257)
# Errors of up to 240 terms that are summed in W's type add like a random walk, to about sqrt(240) = 16 units of the sum of
# their sizes at worst; four times that leaves room for exp and log.
UNITS = 64


def grid(rng, shape):
    """Multiples of 1/8 in -1/2..1/2: scores of X in multiples of 1/2 are exact in float32, so kinks and ties are hit exactly."""
    return rng.integers(-4, 5, shape) / 8


def targets(rng, loss, n, k, form):
    """y in one of the forms that a loss takes."""
    kind = sm.losses.info(loss)["target"]
    if kind == "real":
        return grid(rng, (n, k))
    if form == "labels":
        return rng.integers(0, k, n)
    return rng.dirichlet(np.ones(k), n) if kind == "classes" else rng.choice([-1.0, 1.0], (n, k))


def forms(loss):
    info = sm.losses.info(loss)
    return {
        "classes": ("labels", "values") if info["distributions"] else ("labels",),
        "signs": ("labels", "values"),
    }.get(info["target"], ("values",))


def term_sizes(loss, W, b, X, y, w, options):
    """The sums of the sizes of the terms that make F and its gradient; dS itself is a difference of numbers of order 1."""
    value, dS = reference.LOSSES[loss](reference.scores(W, b, X), y, **options)
    share, dS = w / w.sum(), 1 + np.abs(dS)
    return share @ (1 + np.abs(value)), (share[:, None] * dS).T @ np.abs(X), share @ dS


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("loss", LOSSES)
def test_values_and_gradients(loss, dtype):
    rng = np.random.default_rng(0)
    eps = np.finfo(dtype).eps
    for n in SIZES:
        for d in SIZES:
            for form in forms(loss):
                least = 1 if form == "values" and sm.losses.info(loss)["target"] != "classes" else 2
                k = int(rng.choice([size for size in (1, 2, 3, 10, 17) if size >= least]))
                X, W, b = rng.integers(-2, 3, (n, d)) / 2, grid(rng, (k, d)), grid(rng, k)
                y = targets(rng, loss, n, k, form)
                w = rng.integers(0, 4, n) + (np.arange(n) == n // 2)
                options = {"margin": float(rng.choice([1.0, 0.5])), "delta": float(rng.choice([1.0, 0.25]))}
                if sm.losses.info(loss)["target"] == "signs":
                    options["positive_weight"] = rng.integers(0, 5, k) / 2
                expected = reference.loss_and_grad(W, X, y, loss=loss, intercept=b, sample_weight=w, **options)
                sizes = term_sizes(loss, W, b, X, y, w, options)
                got = sm.loss_and_grad(
                    W.astype(dtype), X.astype(dtype), y, loss=loss, intercept=b, sample_weight=w, **options
                )
                assert got.grad.dtype == got.intercept_grad.dtype == dtype
                for value, wanted, size in zip(got, expected, sizes, strict=True):
                    assert np.all(np.abs(value - wanted) <= UNITS * eps * (size + eps)), (n, d, k, form)


@pytest.mark.parametrize("loss", LOSSES)
def test_extreme_scores_are_finite_and_right(loss):
    kind = sm.losses.info(loss)["target"]
    y = {"classes": [0, 1, 2, 2], "signs": [0, 1, 2, 2], "real": np.zeros((4, 3))}[kind]
    X = np.array([[1.0], [-1.0], [1e4], [-1e4]])
    W = np.array([[1.0], [-1.0], [0.5]])
    expected = reference.loss_and_grad(W, X, y, loss=loss)
    for dtype, tolerance in [(np.float32, 1e-6), (np.float64, 1e-14)]:
        got = sm.loss_and_grad(W.astype(dtype), X.astype(dtype), y, loss=loss)
        np.testing.assert_allclose(got.loss, expected.loss, rtol=tolerance)
        np.testing.assert_allclose(
            got.grad, expected.grad, rtol=tolerance, atol=tolerance * np.abs(expected.grad).max()
        )


def test_the_registry_and_the_reference_know_the_same_losses():
    assert set(LOSSES) == set(reference.LOSSES)
    for loss in LOSSES:
        info = sm.losses.info(loss)
        assert info["target"] == reference.TARGETS[loss]
        assert info["doc"]
        assert set(info["parameters"]) <= {"margin", "delta"}
        assert {type(info[key]) for key in ("convex", "smooth", "distributions")} == {bool}


def test_a_parameter_changes_the_losses_that_name_it_and_no_others():
    rng = np.random.default_rng(1)
    X, W = rng.normal(size=(50, 4)), rng.normal(size=(3, 4))
    for loss in LOSSES:
        y = targets(rng, loss, 50, 3, "labels")
        plain = sm.loss_and_grad(W, X, y, loss=loss).loss
        for parameter in ("margin", "delta"):
            changed = sm.loss_and_grad(W, X, y, loss=loss, **{parameter: 0.5}).loss
            assert (changed != plain) == (parameter in sm.losses.info(loss)["parameters"])


def test_info_is_a_copy():
    sm.losses.info("hinge").clear()
    assert sm.losses.info("hinge")["target"] == "classes"


def test_refusals():
    listed = ", ".join(map(repr, LOSSES))
    with pytest.raises(ValueError, match=f"^loss: expected one of {listed}, got 'hing'; did you mean 'hinge'\\?$"):
        sm.losses.info("hing")
    with pytest.raises(TypeError, match=f"^loss: expected one of {listed}, got None$"):
        sm.losses.info(None)
