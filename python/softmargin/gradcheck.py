"""Numerical gradients, and the check of an analytic gradient against them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from softmargin._validation import as_bool, as_generator, as_integer, as_number, as_plain, choose

Float = npt.NDArray[np.float64]
Index = tuple[int, ...]

_METHODS = ("central", "forward")
_LINES = 10  # how many coordinates str(GradientCheck) shows: what fits a screen


class GradientCheck(NamedTuple):
    """What `check_gradient` found; `print` shows the classic lines.

    ok: whether no relative error is above rtol. max_relative_error, and worst_index, where in x it is. analytic: the
    gradient that was checked, like x. numerical: like x, NaN at the coordinates that were not checked.
    """

    ok: bool
    max_relative_error: float
    worst_index: Index
    numerical: Float
    analytic: Float

    def __str__(self) -> str:
        """Return a line for each checked coordinate, of many only for the worst ones, and a summary."""
        checked = [tuple(map(int, index)) for index in np.argwhere(~np.isnan(self.numerical))]
        floor = _error_floor(self.analytic)
        errors = np.array([_relative_error(self.numerical[i], self.analytic[i], floor) for i in checked])
        worst = np.sort(np.argsort(-errors, kind="stable")[:_LINES])
        lines = [_line(self.numerical[checked[j]], self.analytic[checked[j]], errors[j]) for j in worst]
        if len(checked) > _LINES:
            lines.append(f"(the worst {_LINES} of {len(checked)} coordinates)")
        verdict = "ok" if self.ok else "WRONG"
        lines.append(f"{verdict}: largest relative error {self.max_relative_error:.1e} at index {self.worst_index}")
        return "\n".join(lines)


def numerical_gradient(
    f: Callable[[Float], Any],
    x: npt.ArrayLike,
    *,
    h: float = 1e-5,
    method: Literal["central", "forward"] = "central",
) -> Float:
    """Return the gradient of f at x by finite differences.

        central  (f(x + h e) - f(x - h e)) / 2h,  error of order h^2
        forward  (f(x + h e) - f(x)) / h,         error of order h

    for each unit vector e, so 2 or 1 evaluations of f a coordinate (and one more for forward).

    Parameters
    ----------
    f : callable
        Takes a float64 array like x (a copy of its own) and returns the loss, or a tuple that begins with it.
    x : array of any shape
        Where; promoted to float64 and left as it was.
    h : float
        Step, > 0. Rounding adds an error of about 1e-16 |f| / h, so that 1e-5 suits central differences.
    method : {"central", "forward"}
        Which difference.

    Returns
    -------
    ndarray like x, float64

    Raises
    ------
    TypeError
        ``x: expected real numbers, got dtype <U1``; ``f: expected a function that returns the loss, got str``
    ValueError
        ``h: expected a number above 0, got 0.0``; ``method: expected one of 'central', 'forward', got 'backward'``;
        ``f: expected a finite loss, got nan at x moved by 1e-05 at index (0, 1)``

    Examples
    --------
    >>> import numpy as np
    >>> import softmargin as sm
    >>> sm.numerical_gradient(lambda x: np.sum(x**2), [1.0, -3.0]).round(6)
    array([ 2., -6.])
    """
    point = _as_point(x)
    h, central = as_number("h", h, low_open=True), choose("method", method, _METHODS) == "central"
    base = _loss(_call(f, point), "x") if not central else 0.0
    gradient = np.empty_like(point)
    for index in np.ndindex(point.shape):
        gradient[index] = _difference(f, point, index, h, None if central else base)
    return gradient


def check_gradient(
    f: Callable[[Float], Any],
    x: npt.ArrayLike,
    grad: npt.ArrayLike | Callable[[Float], npt.ArrayLike] | None = None,
    *,
    n_checks: int | None = None,
    h: float = 1e-5,
    rtol: float = 1e-6,
    rng: Any = None,
    verbose: bool = False,
) -> GradientCheck:
    """Compare an analytic gradient with central differences.

    The error of a coordinate is |a - n| / max(|a|, |n|, 1e-3 max|a|), with a the analytic and n the numerical value:
    relative, but coordinates far smaller than the largest are not blamed for the rounding of f.

    Parameters
    ----------
    f : callable
        Takes a float64 array like x and returns the loss, or (loss, grad, ...) such as a `LossGrad`.
    x : array of any shape
        Where; promoted to float64 and left as it was.
    grad : array like x, callable or None
        The gradient at x, or a function of x that returns it. None: f returns it behind the loss.
    n_checks : int or None
        How many coordinates to check, drawn by rng without repetition; None for all.
    h : float
        Step, > 0.
    rtol : float
        The check is ok if no error is above this. At a kink of f (a hinge at its margin) the two gradients may differ.
    rng : None, int or numpy Generator
        Where the sample of coordinates comes from.
    verbose : bool
        Whether to print a line for each coordinate as it is checked.

    Returns
    -------
    GradientCheck
        (ok, max_relative_error, worst_index, numerical, analytic); prints as lines of numbers.

    Raises
    ------
    TypeError
        ``x: expected real numbers, got dtype <U1``; ``f: expected (loss, grad) where grad=None, got float``
    ValueError
        ``grad: expected shape (2, 3) as x, got shape (3, 2)``; ``n_checks: expected an integer at least 1, got 0``;
        ``grad: expected finite numbers, got nan at index (0,)``; and those of `numerical_gradient`

    Examples
    --------
    >>> import numpy as np
    >>> import softmargin as sm
    >>> check = sm.check_gradient(lambda x: (np.sum(x**3), 3 * x**2), [0.5, 1.0])
    >>> check.ok
    True
    >>> print(sm.check_gradient(lambda x: (np.sum(x**3), 3 * x), [0.5, 1.0]))
    numerical: 0.750000 analytic: 1.500000, relative error: 5.0e-01
    numerical: 3.000000 analytic: 3.000000, relative error: ...e-11
    WRONG: largest relative error 5.0e-01 at index (0,)
    """
    point = _as_point(x)
    h, rtol, verbose = as_number("h", h, low_open=True), as_number("rtol", rtol), as_bool("verbose", verbose)
    generator = as_generator(rng)
    if n_checks is not None:
        n_checks = as_integer("n_checks", n_checks)
    if point.size == 0:
        raise ValueError(f"x: expected at least one coordinate, got shape {point.shape}")
    analytic = _analytic(f, point, grad)

    places = np.arange(point.size)
    if n_checks is not None and n_checks < point.size:
        places = generator.choice(point.size, size=n_checks, replace=False)
    numerical = np.full(point.shape, np.nan)
    floor, worst_error = _error_floor(analytic), -1.0
    worst_index: Index = ()
    for place in places:
        index = tuple(int(i) for i in np.unravel_index(int(place), point.shape))
        numerical[index] = _difference(f, point, index, h, None)
        error = _relative_error(numerical[index], analytic[index], floor)
        if verbose:
            print(_line(numerical[index], analytic[index], error))
        if error > worst_error:
            worst_error, worst_index = error, index
    return GradientCheck(worst_error <= rtol, worst_error, worst_index, numerical, analytic)


def _as_point(x: npt.ArrayLike) -> Float:
    """Return a float64 copy of x, in C order."""
    array = as_plain("x", x)
    if array.dtype.kind not in "biuf":
        raise TypeError(f"x: expected real numbers, got dtype {array.dtype}")
    point = np.array(array, dtype=np.float64, order="C")
    if not np.all(np.isfinite(point)):
        index = _first(~np.isfinite(point))
        raise ValueError(f"x: expected finite numbers, got {point[index]} at index {index}")
    return point


def _difference(f: Callable[[Float], Any], point: Float, index: Index, h: float, base: float | None) -> float:
    """Return the difference quotient at one coordinate: forward from f(x) = base, or central where base is None.

    The quotient divides by the step that was taken, (x + h) - (x - h) as rounded, not by 2h.
    """
    high, low = point.copy(), point.copy()
    high[index] += h
    if base is None:
        low[index] -= h
    step = float(high[index] - low[index])
    if step == 0:
        raise ValueError(f"h: expected a step that changes x, got {h!r} where x is {point[index]!r}, at index {index}")
    upper = _loss(_call(f, high), f"x moved by {h:g} at index {index}")
    lower = _loss(_call(f, low), f"x moved by {-h:g} at index {index}") if base is None else base
    return (upper - lower) / step


def _call(f: Any, point: Float) -> Any:
    """Return f of a copy of the point, which f may do with as it likes."""
    if not callable(f):
        raise TypeError(f"f: expected a function that returns the loss, got {type(f).__name__}")
    return f(point.copy())


def _loss(result: Any, where: str) -> float:
    """Return the loss out of what f returned."""
    value = np.asarray(result[0] if isinstance(result, tuple) else result)
    if value.dtype.kind not in "biuf":
        raise TypeError(f"f: expected a real number for the loss, got {type(result).__name__} of dtype {value.dtype}")
    if value.ndim != 0:
        raise ValueError(f"f: expected one number for the loss, got shape {value.shape}")
    if not np.isfinite(value):
        raise ValueError(f"f: expected a finite loss, got {value} at {where}")
    return float(value)


def _analytic(
    f: Callable[[Float], Any], point: Float, grad: npt.ArrayLike | Callable[[Float], npt.ArrayLike] | None
) -> Float:
    """Return the gradient to be checked, as float64 like x."""
    given: Any = grad
    if grad is None:
        result = _call(f, point)
        _loss(result, "x")
        if not isinstance(result, tuple) or len(result) < 2:
            raise TypeError(f"f: expected (loss, grad) where grad=None, got {type(result).__name__}")
        given = result[1]
    elif callable(grad):
        given = grad(point.copy())
    array = as_plain("grad", given)
    if array.dtype.kind not in "biuf":
        raise TypeError(f"grad: expected real numbers, got dtype {array.dtype}")
    if array.shape != point.shape:
        raise ValueError(f"grad: expected shape {point.shape} as x, got shape {array.shape}")
    if not np.all(np.isfinite(array)):
        index = _first(~np.isfinite(array))
        raise ValueError(f"grad: expected finite numbers, got {array[index]} at index {index}")
    return np.array(array, dtype=np.float64)


def _first(where: npt.NDArray[np.bool_]) -> Index:
    """Return the index of the first True."""
    return tuple(int(i) for i in np.argwhere(where)[0])


def _error_floor(analytic: Float) -> float:
    """Return what relative errors are at least relative to: 1e-3 of the largest analytic coordinate."""
    return 1e-3 * float(np.abs(analytic).max())


def _relative_error(numerical: float, analytic: float, floor: float) -> float:
    size = max(abs(analytic), abs(numerical), floor)
    return float(abs(analytic - numerical) / size) if size > 0 else 0.0


def _line(numerical: float, analytic: float, error: float) -> str:
    """Return the classic line; numbers too small for six decimals in scientific notation."""
    form = ".6f" if max(abs(numerical), abs(analytic)) >= 1e-3 else ".6e"
    return f"numerical: {numerical:{form}} analytic: {analytic:{form}}, relative error: {error:.1e}"
