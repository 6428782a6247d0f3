"""The core's exp, log and log1p: their errors in units of the last place, at every instruction set."""

import math

import numpy as np
import pytest

import softmargin as sm
from softmargin import _core

RNG = np.random.default_rng(0)
# Where exp is neither 0 nor infinity (cpp/core/math.h).
RANGE = {np.float32: (-86.643394, 88.72283), np.float64: (-707.7032713517043, 709.782712893384)}
# As math.h states them.
BOUNDS = {"exp": 1.25, "log": 2.0, "log1p": 2.0}


@pytest.fixture(autouse=True, params=sm.simd_levels())
def _level(request):
    before = sm.simd_level()
    sm.set_simd_level(request.param)
    yield
    sm.set_simd_level(before)


def arguments(name, dtype):
    """Numbers over the whole range, and many where errors are largest: near 0 for exp and log1p, near 1 for log."""
    low, high = RANGE[dtype]
    tiny = 10.0 ** RNG.uniform(-30, 0, 200_000)
    x = {
        "exp": [RNG.uniform(low, high, 300_000), RNG.uniform(-1, 1, 300_000), -tiny, tiny],
        "log": [
            np.exp(RNG.uniform(low, high, 300_000)),
            RNG.uniform(0.5, 2, 300_000),
            1 + tiny,
            RNG.uniform(1, 1000, 100_000),
        ],
        "log1p": [RNG.uniform(0, 1, 300_000), tiny],
    }[name]
    return np.concatenate(x).astype(dtype)


def ulps(y, name, x):
    """The errors of y = name(x), in distances between the numbers of y's type around the right result."""
    exact = getattr(np, name)(x.astype(np.longdouble))
    return np.abs(y.astype(np.longdouble) - exact) / np.spacing(np.abs(exact).astype(y.dtype))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", list(BOUNDS))
def test_errors(name, dtype):
    if np.finfo(np.longdouble).nmant <= np.finfo(dtype).nmant + 8:
        pytest.skip("long double is no better than float64 on this platform")
    x = arguments(name, dtype)
    errors = ulps(_core._math(name, x), name, x)
    assert errors.max() <= BOUNDS[name]
    assert errors.mean() <= 0.4  # a rounded result has 0.25: no systematic error beside it


def test_the_measure_finds_what_is_less_accurate():
    """The control: a series cut two terms early, and the logarithm of 1 + u as it should not be written."""
    x = RNG.uniform(-0.35, 0.35, 10_000).astype(np.float32)
    series = sum(x.astype(np.float64) ** i / math.factorial(i) for i in range(6))
    assert ulps(series.astype(np.float32), "exp", x).max() > BOUNDS["exp"]
    u = (10.0 ** RNG.uniform(-7, 0, 10_000)).astype(np.float32)
    assert ulps(np.log(1 + u), "log1p", u).max() > BOUNDS["log1p"]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_exact_values_and_ends(dtype):
    low, high = RANGE[dtype]
    x = np.array([0, low * 1.0001, high * 1.0001, -np.inf, np.inf, low * 0.9999, high * 0.9999], dtype)
    y = _core._math("exp", x)
    np.testing.assert_array_equal(y[:5], [1, 0, np.inf, 0, np.inf])  # below the range 0, and no denormals
    assert np.finfo(dtype).tiny <= y[5] < 2 * np.exp(low)
    assert np.isfinite(y[6])
    assert _core._math("log", np.ones(1, dtype)) == 0
    assert _core._math("log1p", np.zeros(1, dtype)) == 0
    for n in range(70):  # every tail
        v = RNG.uniform(0, 1, n).astype(dtype)
        for name in BOUNDS:
            u = v + (name == "log")
            np.testing.assert_allclose(_core._math(name, u), getattr(np, name)(u), rtol=4 * np.finfo(dtype).eps)
