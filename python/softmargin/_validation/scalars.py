"""Checks single values: choices, numbers, switches, thread counts, seeds."""

from __future__ import annotations

import difflib
import math
import numbers
from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt

# What a number may be at most: far beyond any use, and products of two stay finite after a cast of the result.
LARGEST = 1e300
# More than any machine has processors; a team of 65536 overflows the stack on which libgomp starts its threads.
MOST_THREADS = 4096


def choose(argument: str, value: object, choices: Iterable[str]) -> str:
    """Return `value` if it is one of `choices`, else raise with the list and the closest one.

    Raises
    ------
    TypeError
        ``loss: expected one of 'softmax', 'hinge', got 3 (int)``
    ValueError
        ``loss: expected one of 'softmax', 'hinge', got 'hing'; did you mean 'hinge'?``

    Examples
    --------
    >>> choose("loss", "hinge", ["softmax", "hinge"])
    'hinge'
    """
    choices = tuple(choices)
    expected = f"{argument}: expected one of {', '.join(map(repr, choices))}"
    if not isinstance(value, str):
        raise TypeError(f"{expected}, got {describe(value)}")
    if value not in choices:
        raise ValueError(f"{expected}, got {value!r}{closest(value, choices)}")
    return value


def closest(value: str, choices: Iterable[str]) -> str:
    """Return ``; did you mean 'hinge'?`` where one of the choices is close, whatever its case, else nothing.

    Examples
    --------
    >>> closest("sgd", ["SGD", "Adam"])
    "; did you mean 'SGD'?"
    """
    by_lower = {choice.lower(): choice for choice in choices}
    matches = difflib.get_close_matches(value.lower(), by_lower, n=1)
    return f"; did you mean {by_lower[matches[0]]!r}?" if matches else ""


def describe(value: object) -> str:
    """Return how an error names an unexpected value: itself, if it is short, and its type.

    Examples
    --------
    >>> describe(3), describe("a" * 80)
    ('3 (int)', 'a str')
    """
    text = repr(value) if isinstance(value, numbers.Number | str | bytes | bool | tuple | type(None)) else ""
    kind = type(value).__name__
    if value is None:
        return "None"
    return f"{text} ({kind})" if 0 < len(text) <= 60 else f"{'an' if kind[0] in 'aeiouAEIOU' else 'a'} {kind}"


def as_number(
    argument: str,
    value: object,
    low: float = 0.0,
    high: float = LARGEST,
    *,
    low_open: bool = False,
    high_open: bool = False,
) -> float:
    """Return `value` as a float from `low` to `high`; open ends are excluded.

    Raises
    ------
    TypeError
        ``lr: expected a number, got 'fast' (str)``
    ValueError
        ``lr: expected a number at least 0, got -1.0``

    Examples
    --------
    >>> as_number("lr", np.float32(0.5))
    0.5
    """
    if isinstance(value, np.ndarray) and value.ndim == 0:
        value = value.item()
    if isinstance(value, bool | np.bool_) or not isinstance(value, numbers.Real):
        raise TypeError(f"{argument}: expected a number, got {describe(value)}")
    try:
        number = float(value)
    except OverflowError:  # an integer beyond float64
        number = math.inf if value > 0 else -math.inf  # type: ignore[operator]
    inside = (low < number if low_open else low <= number) and (number < high if high_open else number <= high)
    if not inside:  # NaN is never inside
        raise ValueError(f"{argument}: expected {interval(low, high, low_open, high_open)}, got {number!r}")
    return number


def interval(low: float, high: float, low_open: bool = False, high_open: bool = False) -> str:
    """Return an interval in words.

    Examples
    --------
    >>> interval(0, 1e300), interval(0, 1, high_open=True), interval(0, 1e300, low_open=True)
    ('a number at least 0', 'a number from 0 to below 1', 'a number above 0')
    """
    if high >= LARGEST:
        return "a finite number" if low <= -LARGEST else f"a number {'above' if low_open else 'at least'} {low:g}"
    start = f"above {low:g}" if low_open else f"from {low:g}"
    return f"a number {start} to {'below ' if high_open else ''}{high:g}"


def as_integer(argument: str, value: object, low: int = 1, high: int = 2**63 - 1) -> int:
    """Return `value` as an int of at least `low`.

    Raises
    ------
    TypeError
        ``epochs: expected an integer, got 1.5 (float)``
    ValueError
        ``epochs: expected an integer at least 1, got 0``

    Examples
    --------
    >>> as_integer("epochs", np.int64(3))
    3
    """
    if isinstance(value, bool) or not isinstance(value, numbers.Integral):
        raise TypeError(f"{argument}: expected an integer, got {describe(value)}")
    number = int(value)
    if not low <= number <= high:
        end = f" and at most {high}" if number > high else ""
        raise ValueError(f"{argument}: expected an integer at least {low}{end}, got {number}")
    return number


def as_bool(argument: str, value: object) -> bool:
    """Return `value` as a bool; anything but True and False is a TypeError.

    Examples
    --------
    >>> as_bool("shuffle", np.True_)
    True
    """
    if not isinstance(value, bool | np.bool_):
        raise TypeError(f"{argument}: expected True or False, got {describe(value)}")
    return bool(value)


def as_threads(value: object) -> int:
    """Return the number of threads for the core, where 0 stands for the default.

    Raises
    ------
    TypeError
        ``num_threads: expected an integer, got 1.5 (float)``
    ValueError
        ``num_threads: expected an integer at least 1, got 0; None stands for the default``

    Examples
    --------
    >>> as_threads(None), as_threads(2)
    (0, 2)
    """
    if value is None:
        return 0
    try:
        return as_integer("num_threads", value, 1, MOST_THREADS)
    except ValueError as error:
        raise ValueError(f"{error}; None stands for the default") from None


def as_seed(rng: Any) -> int:
    """Draw one 64-bit seed from None, an integer or a numpy Generator.

    Raises
    ------
    TypeError
        ``rng: expected None, an integer or a numpy Generator, got 'a' (str)``
    ValueError
        ``rng: expected an integer at least 0, got -1``

    Examples
    --------
    >>> as_seed(0) == as_seed(np.random.default_rng(0))
    True
    """
    return int(as_generator(rng).integers(0, 2**64, dtype=np.uint64))


def as_generator(rng: Any) -> np.random.Generator:
    """Return a numpy Generator of None, an integer or a Generator."""
    if rng is None or isinstance(rng, np.random.Generator):
        return np.random.default_rng(rng)
    if isinstance(rng, bool) or not isinstance(rng, numbers.Integral):
        raise TypeError(f"rng: expected None, an integer or a numpy Generator, got {describe(rng)}")
    return np.random.default_rng(as_integer("rng", rng, 0, 2**128 - 1))


def first_bad(
    argument: str, values: npt.NDArray[Any], good: npt.NDArray[np.bool_], expected: str, hint: str = ""
) -> None:
    """Raise ValueError that names the first entry of `values` (n,) or (n, k) where `good` is False, if there is one.

    Raises
    ------
    ValueError
        ``y: expected finite values, got nan at row 3``, and ``at row 3, output 1`` for two dimensions

    Examples
    --------
    >>> first_bad("y", np.array([1.0, 2.0]), np.array([True, True]), "finite values")
    """
    if good.all():
        return
    where = tuple(int(i) for i in np.unravel_index(int(np.argmin(good)), good.shape))
    place = f"row {where[0]}" if len(where) == 1 else f"row {where[0]}, output {where[1]}"
    raise ValueError(f"{argument}: expected {expected}, got {show(values[where])} at {place}{hint and '; ' + hint}")


def show(value: Any) -> str:
    """Return a number as an error shows it: integers whole, others as short as they are exact.

    Examples
    --------
    >>> show(np.float64(2.0)), show(np.int64(3)), show(np.float32("nan"))
    ('2', '3', 'nan')
    """
    number = value.item() if isinstance(value, np.generic) else value
    if isinstance(number, float) and math.isfinite(number) and number.is_integer() and abs(number) < 1e15:
        return str(int(number))
    return str(number)
