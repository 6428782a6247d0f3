"""Numerical gradients and the check of analytic ones: right values, every mistake named, a planted error found."""

import re

import numpy as np
import pytest

import softmargin as sm
from softmargin import check_gradient, numerical_gradient
from softmargin.reference import LossGrad


def cubic(x):
    return np.sum(x**3)


@pytest.mark.parametrize("shape", [(), (1,), (5,), (2, 3), (2, 1, 3)])
def test_numerical_gradient_of_any_shape(shape):
    x = np.random.default_rng(0).normal(size=shape)
    for method, error in [("central", 1e-9), ("forward", 1e-4)]:  # h^2 f'''/6 + rounding 1e-16/h, and h f''/2
        got = numerical_gradient(cubic, x, method=method)
        assert got.dtype == np.float64
        assert got.shape == shape
        np.testing.assert_allclose(got, 3 * x**2, rtol=0, atol=error)


def test_central_is_of_order_h_squared_and_forward_of_order_h():
    x = np.array([0.7])
    errors = {
        (method, h): abs(numerical_gradient(cubic, x, h=h, method=method)[0] - 3 * 0.49)
        for method in ("central", "forward")
        for h in (1e-2, 1e-3)
    }
    assert errors["central", 1e-2] / errors["central", 1e-3] == pytest.approx(100, rel=0.01)
    assert errors["forward", 1e-2] / errors["forward", 1e-3] == pytest.approx(10, rel=0.01)


def test_x_is_left_as_it_was_and_f_may_do_what_it_likes_with_its_own():
    def spoils(x):
        value = cubic(x)
        x[:] = 0
        return value, 3 * np.array([1.0, 4.0])

    for x in (np.array([1.0, 2.0]), np.array([1, 2]), np.array([1, 2], dtype=np.float32), [1, 2]):
        before = np.array(x)
        np.testing.assert_allclose(numerical_gradient(spoils, x), [3, 12], rtol=1e-8)
        assert check_gradient(spoils, x).ok
        np.testing.assert_array_equal(x, before)
    read_only = np.array([1.0, 2.0])
    read_only.setflags(write=False)
    assert check_gradient(spoils, read_only).ok


def test_f_gets_float64_whatever_x_is():
    seen = []
    numerical_gradient(lambda x: seen.append(x.dtype) or 0.0, np.ones(2, dtype=np.float16))
    assert set(seen) == {np.dtype(np.float64)}


def test_every_way_to_hand_over_the_gradient():
    x = np.array([[1.0, -2.0, 0.5]])
    expected = 3 * x**2
    checks = [
        check_gradient(lambda x: (cubic(x), 3 * x**2), x),
        check_gradient(lambda x: LossGrad(cubic(x), 3 * x**2, None), x),
        check_gradient(lambda x: sm.LossGrad(cubic(x), 3 * x**2, None), x),
        check_gradient(cubic, x, expected),
        check_gradient(cubic, x, expected.tolist()),
        check_gradient(cubic, x, lambda x: 3 * x**2),
        check_gradient(lambda x: (cubic(x), "not looked at"), x, expected),
    ]
    for check in checks:
        assert check.ok is True
        assert check.max_relative_error < 1e-9
        np.testing.assert_array_equal(check.analytic, expected)
        np.testing.assert_allclose(check.numerical, expected, rtol=1e-9)
        assert check == tuple(check)
    ok, error, index, numerical, _ = checks[0]
    assert (ok, error) == (True, checks[0].max_relative_error)
    assert abs(numerical[index] - expected[index]) == pytest.approx(error * max(numerical[index], expected[index]))


def test_a_planted_error_is_found_where_it_is():
    x = np.random.default_rng(1).normal(size=(3, 4))
    for index in np.ndindex(3, 4):
        grad = 3 * x**2
        grad[index] *= 1 + 1e-5
        check = check_gradient(cubic, x, grad)
        if abs(grad[index]) > 1e-2 * grad.max():
            assert not check.ok
            assert check.worst_index == index
            assert check.max_relative_error == pytest.approx(1e-5, rel=0.01)
            assert check_gradient(cubic, x, grad, rtol=2e-5).ok


def test_error_is_relative_to_a_thousandth_of_the_largest_coordinate_at_least():
    analytic = np.array([1.0, 1e-5, 0.0])
    f = np.array([1.0, 2e-5, 0.0]).dot
    check = check_gradient(f, np.zeros(3), analytic)
    assert check.max_relative_error == pytest.approx(1e-5 / 1e-3)
    assert check.worst_index == (1,)
    nothing = check_gradient(lambda x: 1.0, np.zeros(2), np.zeros(2))  # 0 against 0 is no error
    assert (nothing.ok, nothing.max_relative_error) == (True, 0.0)


def test_a_sample_of_the_coordinates():
    x = np.random.default_rng(2).normal(size=(10, 10))
    check = check_gradient(cubic, x, 3 * x**2, n_checks=7, rng=3)
    checked = ~np.isnan(check.numerical)
    assert checked.sum() == 7
    np.testing.assert_allclose(check.numerical[checked], 3 * x[checked] ** 2, atol=1e-8)
    assert not np.isnan(check.analytic).any()
    np.testing.assert_array_equal(check_gradient(cubic, x, 3 * x**2, n_checks=7, rng=3).numerical, check.numerical)
    generator = np.random.default_rng(3)
    np.testing.assert_array_equal(
        check_gradient(cubic, x, 3 * x**2, n_checks=7, rng=generator).numerical, check.numerical
    )
    calls = []
    check_gradient(lambda x: calls.append(0) or cubic(x), x, 3 * x**2, n_checks=7)
    assert len(calls) == 14
    assert not np.isnan(check_gradient(cubic, x, 3 * x**2, n_checks=1000).numerical).any()


def test_the_classic_lines(capsys):
    x = np.array([1.234567**0.5])
    check = check_gradient(lambda x: (x[0] ** 2 / 2, x), x, verbose=True)
    line = r"numerical: 1\.111111 analytic: 1\.111111, relative error: \d\.\de-\d\d"
    assert re.fullmatch(line + "\n", capsys.readouterr().out)
    assert re.fullmatch(line + r"\nok: largest relative error \d\.\de-\d\d at index \(0,\)", str(check))
    small = check_gradient(lambda x: 2e-6 * x[0], [1.0], [1e-6])
    assert (
        str(small).splitlines()[0].startswith("numerical: 2.000000e-06 analytic: 1.000000e-06, relative error: 5.0e-01")
    )
    assert str(small).splitlines()[-1] == "WRONG: largest relative error 5.0e-01 at index (0,)"
    many = str(check_gradient(cubic, np.arange(50.0), 3 * np.arange(50.0) ** 2)).splitlines()
    assert len(many) == 12
    assert many[-2] == "(the worst 10 of 50 coordinates)"
    check_gradient(cubic, x, 3 * x**2)
    assert capsys.readouterr().out == ""


def test_compiled_losses_pass_the_check():
    rng = np.random.default_rng(4)
    X, y = rng.normal(size=(20, 5)), rng.integers(0, 3, 20)
    for loss in ("softmax", "hinge", "squared_hinge"):
        check = check_gradient(lambda W, loss=loss: sm.loss_and_grad(W, X, y, loss=loss), rng.normal(size=(3, 5)))
        assert check.ok, f"{loss}\n{check}"


X2 = np.array([1.0, 2.0])
MISTAKES = [
    (TypeError, "x: expected real numbers, got dtype <U1", lambda: numerical_gradient(cubic, ["a"])),
    (TypeError, "x: expected real numbers, got dtype complex128", lambda: numerical_gradient(cubic, [1j])),
    (ValueError, "x: expected finite numbers, got nan at index (1,)", lambda: numerical_gradient(cubic, [1, np.nan])),
    (ValueError, "x: expected at least one coordinate, got shape (0,)", lambda: check_gradient(cubic, [], [])),
    (ValueError, "h: expected a number above 0, got 0.0", lambda: numerical_gradient(cubic, X2, h=0)),
    (ValueError, "h: expected a number above 0, got inf", lambda: check_gradient(cubic, X2, X2, h=np.inf)),
    (TypeError, "h: expected a number, got '1' (str)", lambda: numerical_gradient(cubic, X2, h="1")),
    (
        ValueError,
        "h: expected a step that changes x, got 1e-05 where x is",
        lambda: numerical_gradient(cubic, [1e300]),
    ),
    (
        ValueError,
        "method: expected one of 'central', 'forward', got 'backward'",
        lambda: numerical_gradient(cubic, X2, method="backward"),
    ),
    (TypeError, "f: expected a function that returns the loss, got str", lambda: numerical_gradient("f", X2)),
    (ValueError, "f: expected one number for the loss, got shape (2,)", lambda: numerical_gradient(lambda x: x, X2)),
    (TypeError, "f: expected a real number for the loss, got NoneType", lambda: numerical_gradient(lambda x: None, X2)),
    (
        ValueError,
        "f: expected a finite loss, got nan at x moved by 1e-05 at index (0,)",
        lambda: numerical_gradient(lambda x: np.nan, X2),
    ),
    (
        ValueError,
        "f: expected a finite loss, got inf at x moved by -1e-05 at index (1,)",
        lambda: numerical_gradient(lambda x: np.inf if x[1] < 2 else 1.0, X2),
    ),
    (TypeError, "f: expected (loss, grad) where grad=None, got float64", lambda: check_gradient(cubic, X2)),
    (ValueError, "grad: expected shape (2,) as x, got shape (3,)", lambda: check_gradient(cubic, X2, [1, 2, 3])),
    (ValueError, "grad: expected shape (2,) as x, got shape (2, 1)", lambda: check_gradient(cubic, X2, X2[:, None])),
    (
        ValueError,
        "grad: expected finite numbers, got nan at index (1,)",
        lambda: check_gradient(lambda x: (1.0, [1, np.nan]), X2),
    ),
    (TypeError, "grad: expected real numbers, got dtype <U1", lambda: check_gradient(cubic, X2, ["a", "b"])),
    (
        ValueError,
        "n_checks: expected an integer at least 1, got 0",
        lambda: check_gradient(cubic, X2, X2, n_checks=0),
    ),
    (
        TypeError,
        "n_checks: expected an integer, got 1.5 (float)",
        lambda: check_gradient(cubic, X2, X2, n_checks=1.5),
    ),
    (ValueError, "rtol: expected a number at least 0, got -1.0", lambda: check_gradient(cubic, X2, X2, rtol=-1)),
    (
        TypeError,
        "rng: expected None, an integer or a numpy Generator, got 'a' (str)",
        lambda: check_gradient(cubic, X2, X2, rng="a"),
    ),
    (TypeError, "verbose: expected True or False, got 'no' (str)", lambda: check_gradient(cubic, X2, X2, verbose="no")),
    (
        TypeError,
        "method: expected one of 'central', 'forward', got None",
        lambda: numerical_gradient(cubic, X2, method=None),
    ),
    (
        TypeError,
        "x: expected an array without a mask, got a masked array",
        lambda: numerical_gradient(cubic, np.ma.masked_array(X2, mask=[True, False])),
    ),
]


@pytest.mark.parametrize(("error", "message", "call"), MISTAKES, ids=[message for _, message, _ in MISTAKES])
def test_mistakes_are_named(error, message, call):
    with pytest.raises(error, match=re.escape(message)):
        call()
