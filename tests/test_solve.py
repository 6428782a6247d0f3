"""`solve` against the optimum found another way: what it claims of its distance from it is never less than the truth.

Over losses, penalties, intercepts, standardising, weights and kinds of X. The settings, weights and kinds rotate from one pair of
a loss and a penalty to the next: a smooth loss meets all settings with each penalty, the others two of them, other ones each time.
"""

import itertools
import warnings

import numpy as np
import pytest
import scipy.sparse

import softmargin as sm
from softmargin import reference

from .optimum import optimum

EPS = np.finfo(np.float64).eps
LOSSES = sm.losses.names()
SMOOTH = [name for name in LOSSES if sm.losses.info(name)["smooth"]]
PENALTIES = [sm.L2(0.01), sm.L1(0.02), sm.ElasticNet(0.02, 0.5)]
SETTINGS = [
    {},
    {"fit_intercept": False},
    {"intercept_penalty": 0.1},
    {"standardize": True},
    {"standardize": True, "fit_intercept": False},
    {"standardize": True, "intercept_penalty": 0.1},
]
KINDS = ["float64", "scales", "pixels", "float16", "csr", "far"]
WEIGHTS = ["none", "sample", "positive", "zeros"]


def features(rng, kind, n, d):
    """X (n, d) of a kind, and the same numbers in float64."""
    Z = rng.normal(size=(n, d))
    if kind == "scales":  # columns from 1e-3 to 1e3
        return (X := Z * 10.0 ** np.linspace(-3, 3, d)), X
    if kind == "pixels":
        return (X := np.clip(80 + 60 * Z, 0, 255).astype(np.uint8)), X.astype(np.float64)
    if kind == "float16":
        return (X := Z.astype(np.float16)), X.astype(np.float64)
    if kind == "csr":
        X = np.where(rng.random((n, d)) < 0.5, Z, 0)
        return scipy.sparse.csr_array(X), X
    return (X := Z + 30 if kind == "far" else Z), X


def targets(rng, loss, dense, k):
    """Targets that the features say something about, with a few that they do not."""
    Z = (dense - dense.mean(axis=0)) / dense.std(axis=0)
    S = Z @ rng.normal(size=(dense.shape[1], k)) + rng.normal(size=(len(Z), k))
    return S if sm.losses.info(loss)["target"] == "real" else S.argmax(axis=1)


def weights(rng, loss, kind, n, k):
    if kind == "sample" or (kind == "positive" and sm.losses.info(loss)["target"] != "signs"):
        return {"sample_weight": rng.random(n) + 0.1}
    if kind == "zeros":
        return {"sample_weight": rng.integers(0, 3, n)}
    return {"positive_weight": rng.integers(1, 5, k) / 2} if kind == "positive" else {}


def in_its_units(result, dense, setting, weight):
    """X, W and b in the units in which F has its penalty: standardised, where that is asked for."""
    b = np.zeros(len(result.W)) if result.intercept is None else result.intercept
    if not setting.get("standardize"):
        return dense, result.W, b
    w = np.ones(len(dense)) if weight is None else np.asarray(weight, dtype=np.float64)
    units = reference.standardizer(dense, w, centre=setting.get("fit_intercept", True))
    return units.transform(dense), *units.from_raw(result.W, b)


def rounding(result, dense):
    """What F may be off by: scores are sums of d + 1 terms of these sizes, and F has a slope of at most 4 in each.

    The margins, weights and penalties of these tests make no slope steeper, but for squares, whose slope is twice the root.
    """
    b = 0 if result.intercept is None else np.abs(result.intercept)
    S = np.abs(dense) @ np.abs(result.W).T + b + 1
    return 4 * (dense.shape[1] + 16) * EPS * float((S.mean(axis=0) * (1 + np.sqrt(result.loss))).sum())


def check(result, X, y, dense, best, *, loss, penalty, setting, given, tol):
    weight = given.get("sample_weight")
    Z, V, c = in_its_units(result, dense, setting, weight)
    expected = reference.loss_and_grad(
        V,
        Z,
        y,
        loss=loss,
        intercept=c,
        penalty=penalty,
        intercept_penalty=setting.get("intercept_penalty", 0.0),
        **given,
    )
    slack = rounding(result, dense)
    assert abs(result.loss - expected.loss) <= slack
    # F* is no higher than `best`.
    assert result.loss - best <= result.gap * result.loss + slack
    assert result.converged == (result.gap <= tol)
    assert result.converged
    assert (result.intercept is None) == (setting.get("fit_intercept") is False)


def cases(loss, penalty, n, d, k, count):
    """Problems whose settings, kinds of X and weights go round, each at its own pace; then the optimum."""
    rng = np.random.default_rng(0)
    start = 5 * PENALTIES.index(penalty) + LOSSES.index(loss)
    for i in range(start, start + count):
        setting, kind = SETTINGS[i % len(SETTINGS)], KINDS[(i + i // len(SETTINGS) + start) % len(KINDS)]
        X, dense = features(rng, kind, n, d)
        y = targets(rng, loss, dense, k)
        given = weights(rng, loss, WEIGHTS[i % len(WEIGHTS)], n, k) | {"margin": 0.75, "delta": 0.5}
        Z = dense
        if setting.get("standardize"):
            w = np.asarray(given.get("sample_weight", np.ones(n)), dtype=np.float64)
            Z = reference.standardizer(dense, w, centre=setting.get("fit_intercept", True)).transform(dense)
        own = {name: value for name, value in setting.items() if name != "standardize"}
        best, _, _ = optimum(Z, y, loss=loss, penalty=penalty, k=k, **own, **given)
        yield (kind, setting), X, y, dense, setting, given, best


@pytest.mark.parametrize("penalty", PENALTIES, ids=lambda p: p.name)
@pytest.mark.parametrize("loss", LOSSES)
def test_the_gap_is_never_less_than_the_truth(loss, penalty):
    """At a loose and at a tight tolerance; a smooth loss comes to 1e-8 in float64."""
    smooth = loss in SMOOTH
    n, d, k, count = (40, 4, 3, 6) if smooth else (16, 2, 3, 2)
    for what, X, y, dense, setting, given, best in cases(loss, penalty, n, d, k, count):
        for tol in (1e-1, 1e-3, 1e-8 if smooth else 1e-6):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", sm.ConvergenceWarning)  # `check` says more
                result = sm.solve(X, y, loss=loss, penalty=penalty, tol=tol, **setting, **given)
            try:
                check(result, X, y, dense, best, loss=loss, penalty=penalty, setting=setting, given=given, tol=tol)
            except AssertionError as error:
                raise AssertionError(f"{what}, tol {tol}: {result!r}, optimum {best!r}") from error


@pytest.mark.parametrize("loss", LOSSES)
def test_however_early_it_stops(loss):
    """After 0, 1, 2, 5 steps, and no time: a warning with the gap, which is not below the truth, in every metric."""
    for penalty in PENALTIES:
        ((_, X, y, dense, setting, given, best),) = cases(loss, penalty, 20, 3, 2, 1)
        stops = [{"max_iter": m, "method": method} for m in (0, 1, 2, 5) for method in ("newton", "gram", "diagonal")]
        for stop in [*stops, {"max_seconds": 1e-9}]:
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                result = sm.solve(X, y, loss=loss, penalty=penalty, tol=1e-14, **stop, **setting, **given)
            assert result.loss - best <= result.gap * result.loss + rounding(result, dense), (penalty, stop, setting)
            assert result.n_iter <= stop.get("max_iter", 0) + (20 if result.converged else 0)
            texts = [str(w.message) for w in caught if w.category is sm.ConvergenceWarning]
            assert len(texts) == (not result.converged)
            assert all(text.startswith(f"solve: reached gap={result.gap:.2g} where tol=1e-14") for text in texts)


@pytest.mark.parametrize("loss", SMOOTH)
def test_every_method_finds_the_same_optimum(loss):
    rng = np.random.default_rng(1)
    for penalty, k in itertools.product(PENALTIES, (2, 3)):
        X, dense = features(rng, "float64", 60, 5)
        y = targets(rng, loss, dense, k)
        results = [
            sm.solve(X, y, loss=loss, penalty=penalty, tol=1e-10, method=method)
            for method in ("newton", "gram", "diagonal")
        ]
        assert [result.method for result in results] == ["newton", "gram", "diagonal"]
        for result in results[1:]:
            # Both are within 1e-10 of F*: they are as near to each other.
            assert abs(result.loss - results[0].loss) <= 1.1e-10 * results[0].loss
            if penalty.name != "l1":  # F is l2-strongly convex in W: l2/2 |W - W*|^2 <= F - F*
                l2 = 0.01
                far = 2 * np.sqrt(2 * 1e-10 * result.loss / l2)
                np.testing.assert_allclose(result.W, results[0].W, rtol=0, atol=far)


def test_the_check_finds_a_gap_that_is_too_small():
    """The control: a model 1 % above the optimum that claims a gap of 0.1 %."""
    rng = np.random.default_rng(2)
    X, dense = features(rng, "float64", 40, 4)
    y = targets(rng, "softmax", dense, 3)
    best, W, b = optimum(X, y, loss="softmax", penalty=PENALTIES[0], k=3)
    with pytest.warns(sm.ConvergenceWarning):
        result = sm.solve(X, y, penalty=PENALTIES[0], W0=1.3 * W, intercept0=b, max_iter=0, tol=1e-12)
    assert 0.005 < (result.loss - best) / result.loss <= result.gap
    assert result.loss - best > 0.001 * result.loss + rounding(result, dense)
