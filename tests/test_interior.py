"""The interior-point method and its parts: losses as maxima over boxes, the algebra of a step, and problems that others do not solve."""

from fractions import Fraction

import numpy as np
import pytest
import scipy.sparse

import softmargin as sm
from softmargin import _core, reference
from softmargin.objective import read_data
from softmargin.solvers.box import Box
from softmargin.solvers.exact import prepare
from softmargin.solvers.pieces import Pieces, Shape, shape

KINDS = {name: sm.losses.info(name)["target"] for name in sm.losses.names()}
PIECES = [name for name in KINDS if shape(name) is not None]


def draw(loss, n=60, d=5, k=4):
    rng = np.random.default_rng(0)
    X = rng.standard_normal((n, d))
    S = X[:, :k] + rng.standard_normal((n, k))
    labels = S.argmax(axis=1)
    y = {"classes": labels, "signs": np.where(np.eye(k)[labels] > 0, 1.0, -1.0), "real": S}
    return X, y[KINDS[loss]]


def pieces_of(loss, **options):
    X, y = draw(loss)
    data = read_data(X, y, loss, **options)
    return Pieces(
        prepare(
            data, sm.L2(0.1), fit_intercept=True, standardize=False, intercept_penalty=0.0, num_threads=1, deadline=None
        )
    )


def test_which_losses_are_of_quadratic_pieces():
    hinge, squared = Shape(0.0, 1.0), Shape(0.5, 1.0)
    expected = {
        "hinge": hinge, "binary_hinge": hinge, "crammer_singer": hinge, "squared_hinge": squared, "binary_squared_hinge": squared,
        "mae": Shape(0.0, 0.0), "huber": Shape(1.0, 0.0), "mse": Shape(0.5, 0.0),
    }  # fmt: skip
    assert {name: shape(name) for name in PIECES} == expected
    assert {"softmax", "logistic"} <= set(KINDS) - set(PIECES)


@pytest.mark.parametrize("loss", PIECES)
def test_a_loss_is_the_maximum_over_its_box(loss):
    """At random scores, by the formula of the module: term by term, but for the total, whose best u is one unit vector or 0."""
    rng = np.random.default_rng(1)
    options = {"margin": 1.7} if "margin" in sm.losses.info(loss)["parameters"] else {}
    options |= {"delta": 0.6} if "delta" in sm.losses.info(loss)["parameters"] else {}
    options |= {"positive_weight": [0.5, 1.0, 2.0, 3.0]} if KINDS[loss] == "signs" else {}
    pieces = pieces_of(loss, **options)
    y = pieces.problem.data.targets
    S = 2 * rng.standard_normal((len(y), 4))
    e = pieces.excess(S)
    if np.isfinite(pieces.total):
        u = np.where((e == e.max(axis=1, keepdims=True)) & (e > 0), pieces.total, 0.0)
    else:
        with np.errstate(divide="ignore"):
            u = np.clip(np.where(pieces.bend > 0, e / pieces.bend, np.inf * np.sign(e)), pieces.low, pieces.high)
    best = (u * e - 0.5 * pieces.bend * u**2).sum(axis=1)
    value, dS = reference.LOSSES[loss](S, y, **options)
    np.testing.assert_allclose(best, value, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(pieces.derivatives(u), dS, rtol=1e-12, atol=1e-12)
    conjugate = _core.row_conjugates(pieces.problem.core("float64"), pieces.derivatives(u), num_threads=1)
    expected = 0.5 * pieces.bend * u**2 - u * (e - pieces.along(S))
    assert conjugate == pytest.approx(expected.sum() / len(y), rel=1e-12)


@pytest.mark.parametrize("loss", PIECES)
def test_dual_variables_are_within_their_bounds(loss):
    """What steps leave outside by rounding, above all of a total, which clipping at 0 would raise."""
    pieces = pieces_of(loss)
    u = np.random.default_rng(1).normal(size=pieces.high.shape)
    inside = pieces.within(u)
    assert np.all((inside >= pieces.low) & (inside <= pieces.high))
    assert np.all(inside.sum(axis=1) <= pieces.total * (1 + 1e-15))
    np.testing.assert_array_equal(pieces.within(inside * 0.3), inside * 0.3)


@pytest.mark.parametrize("loss", PIECES)
def test_derivatives_are_the_transpose_of_along(loss):
    rng = np.random.default_rng(1)
    pieces = pieces_of(loss)
    S = rng.standard_normal((60, 4))
    u = rng.random(pieces.high.shape)
    assert np.vdot(pieces.derivatives(u), S) == pytest.approx(np.vdot(u, pieces.along(S)), rel=1e-12)


@pytest.mark.parametrize("loss", ["hinge", "crammer_singer", "mae"])
@pytest.mark.parametrize("slack", [1.0, 1e-14])
def test_curvatures_in_the_scores(loss, slack):
    """E' (diag(w) - w w' / (slack + sum w)) E in exact fractions, where floats would cancel to nothing."""
    rng = np.random.default_rng(1)
    pieces = pieces_of(loss)
    w = rng.random(pieces.high.shape) + 0.1
    limited = np.isfinite(pieces.total)
    found = pieces.curvatures(w, np.full((len(w), 1), slack) if limited else None)
    E = np.stack([pieces.along(np.tile(row, (len(w), 1))) for row in np.eye(4)], axis=2)  # (n, terms, outputs)
    left, right = np.triu_indices(4) if pieces.kind == "classes" else (np.arange(4), np.arange(4))
    for i in range(5):
        exact = [Fraction(float(x)) for x in w[i]]
        below = Fraction(slack) + sum(exact)
        M = [
            [(a if j == l else 0) - (a * b / below if limited else 0) for l, b in enumerate(exact)]
            for j, a in enumerate(exact)
        ]
        columns = [[Fraction(int(x)) for x in column] for column in E[i].T]
        expected = [
            float(sum(x * M[j][l] * y for j, x in enumerate(columns[a]) for l, y in enumerate(columns[b])))
            for a, b in zip(left, right, strict=True)
        ]
        np.testing.assert_allclose(found[i], expected, rtol=1e-12)


def boxes():
    rng = np.random.default_rng(1)
    n, m = 7, 3
    half, inf = np.full((n, m), 0.5), np.full((n, m), np.inf)
    excess, weight = rng.standard_normal((n, m)), rng.random(n)
    return {
        "both": Box(-half, half, 0 * half, np.inf, weight, excess, 1.0),
        "below": Box(0 * half, inf, half, np.inf, weight, excess, 1.0),
        "free": Box(-inf, inf, half, np.inf, weight, excess, 1.0),
        "total": Box(0 * half, inf, 0 * half, 1.0, weight, excess, 1.0),
    }, excess


@pytest.mark.parametrize("bounds", ["both", "below", "free", "total"])
def test_a_step_of_a_box_is_newtons(bounds):
    """e = bend u + p - q + total holds at the start and after a step; products become mu up to the products of the changes."""
    rng = np.random.default_rng(1)
    every, excess = boxes()
    box = every[bounds]
    zeros = np.zeros_like(box.u)

    def e():
        return box.bend * box.u + box.p - box.q + box.total

    np.testing.assert_allclose(e(), excess, rtol=1e-12, atol=1e-12)
    box.linearise()
    still = box.still(np.array([0.1]), None)
    change = rng.standard_normal(box.u.shape)
    move = box.move(box.times(change - (still.p - still.q + still.total) if bounds != "free" else change), still)
    t = np.minimum(1.0, 0.5 * box.longest(move))
    if bounds == "total":
        t = t.min()
    before = e(), (box.p * box.over, box.q * box.under, box.total * box.room)
    box.go(t, move)
    np.testing.assert_allclose(e() - before[0], t * change, rtol=1e-9, atol=1e-12)
    after = (box.p * box.over, box.q * box.under, box.total * box.room)
    second = (-move.p * move.u, move.q * move.u, -move.total * move.u.sum(axis=1, keepdims=True))
    there = (box.above, box.below, box.limited)
    for old, new, product, exists in zip(before[1], after, second, there, strict=True):
        if exists:
            np.testing.assert_allclose(
                new, (1 - t) * old + t * 0.1 * box.spread + t**2 * product, rtol=1e-9, atol=1e-12
            )
    assert np.all(box.products(np.zeros(1), box.move(zeros, still)) == box.products())


def test_rooms_that_rounding_would_lose():
    """u at a distance of 1e-30 from its bound, which u itself cannot say."""
    box = boxes()[0]["both"]
    for _ in range(40):
        box.linearise()
        still = box.still(np.zeros(1), None)
        move = box.move(box.times(100.0 - (still.p - still.q)), still)
        box.go(0.9 * np.minimum(1.0, box.longest(move)), move)
    assert box.over.min() > 0
    assert box.over.max() < 1e-25
    assert np.all(np.abs(box.u - 0.5) <= 1e-15)


SOLVED = [name for name in PIECES if name != "mse"]


@pytest.mark.parametrize("loss", SOLVED)
@pytest.mark.parametrize("penalty", [sm.L2(1e-2), sm.L1(1e-2), sm.ElasticNet(1e-2, 0.5)], ids=repr)
@pytest.mark.parametrize("form", [np.asarray, scipy.sparse.csr_array], ids=["dense", "csr"])
def test_the_optimum_of_every_loss(loss, penalty, form):
    """The same as by another method, whose bound says how far that may be; with weights of 0, and in the way of the intercept."""
    rng = np.random.default_rng(1)
    X, y = draw(loss)
    weight = rng.integers(0, 3, len(X)).astype(float)
    for options in (
        {},
        {"sample_weight": weight},
        {"fit_intercept": False},
        {"intercept_penalty": 0.1},
        {"standardize": True},
    ):
        given = {"loss": loss, "penalty": penalty, **options}
        found = sm.solve(form(X), y, method="interior", tol=1e-8, **given)
        assert found.method == "interior"
        assert found.gap <= 1e-8
        other = sm.solve(X, y, method="newton", tol=1e-5, warn=False, **given)
        assert other.loss * (1 - other.gap) - 1e-12 <= found.loss <= other.loss * (1 + 1e-8)


@pytest.mark.parametrize("loss", SOLVED)
def test_what_l1_leaves_out_is_zero(loss):
    X, y = draw(loss, n=200, d=12)
    X[:, 6:] *= 1e-3
    result = sm.solve(X, y, loss=loss, penalty=sm.L1(0.02), tol=1e-6, method="interior")
    assert not result.W[:, 6:].any()
    assert result.W[:, :6].any()


@pytest.mark.parametrize("delta", [1e-6, 1e-3, 1.0])
def test_huber_with_l1_far_from_its_parabola(delta):
    """|y| up to 1e9 delta: steps on the weights alone end at gaps near 1."""
    rng = np.random.default_rng(1)
    X = rng.standard_normal((300, 20))
    y = 1e3 * (X @ rng.standard_normal((20, 1)) + 0.1 * rng.standard_normal((300, 1)))
    result = sm.solve(X, y, loss="huber", delta=delta, penalty=sm.L1(1e-3 * delta), tol=1e-8)
    assert result.method == "interior"
    assert result.gap <= 1e-8


@pytest.mark.parametrize("loss", [name for name in SOLVED if KINDS[name] != "real"])
def test_a_weak_l1_on_separable_data(loss):
    rng = np.random.default_rng(1)
    X, y = draw(loss, n=100, d=30)
    X[np.arange(100), rng.integers(0, 30, 100)] += 3.0
    result = sm.solve(X, y, loss=loss, penalty=sm.L1(1e-6), tol=1e-6)
    assert result.method == "interior"
    assert result.gap <= 1e-6


@pytest.mark.parametrize("loss", SOLVED)
def test_scales_far_apart(loss):
    X, y = draw(loss, n=200, d=8)
    scale = 10.0 ** np.arange(-4, 4)
    result = sm.solve(X * scale, y, loss=loss, penalty=sm.L1(1e-4), tol=1e-6)
    assert result.method == "interior"
    assert result.gap <= 1e-6


@pytest.mark.parametrize("loss", SOLVED)
def test_weights_far_apart(loss):
    """Of rows, by six powers of ten; on features of 1e3, whose best weights are small."""
    X, y = draw(loss, n=240, d=30)
    weight = 10.0 ** np.random.default_rng(1).uniform(-3, 3, len(X))
    result = sm.solve(1e3 * X, y, loss=loss, penalty=sm.L2(0.4), sample_weight=weight, tol=1e-6, method="interior")
    assert result.method == "interior"
    assert result.gap <= 1e-6


def test_it_carries_on_towards_rounding():
    X, y = draw("binary_hinge")
    assert sm.solve(X, y, loss="binary_hinge", penalty=sm.L2(0.01), tol=1e-3).gap <= 1e-11


def test_where_it_starts_is_not_lost():
    """It starts from the middle of its bounds: a good model that it is given is the answer as long as there is no better one."""
    X, y = draw("hinge")
    optimum = sm.solve(X, y, loss="hinge", tol=1e-10)
    given = {"loss": "hinge", "W0": optimum.W, "intercept0": optimum.intercept, "method": "interior", "warn": False}
    assert sm.solve(X, y, tol=1e-12, max_iter=0, **given).loss <= optimum.loss * (1 + 1e-12)


@pytest.mark.parametrize(
    ("options"),
    [
        {"loss": "softmax"},
        {"loss": "hinge", "penalty": None},
        {"loss": "binary_hinge", "positive_weight": [0.0, 1.0, 1.0]},
    ],
)
def test_what_it_does_not_apply_to(options):
    rng = np.random.default_rng(1)
    X, y = rng.standard_normal((20, 3)), rng.integers(0, 3, 20)
    with pytest.raises(ValueError, match=r"^method: expected 'interior' with a loss of quadratic pieces"):
        sm.solve(X, y, method="interior", **options)
