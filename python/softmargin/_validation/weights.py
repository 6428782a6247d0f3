"""Checks W, b and arrays like them."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from .arrays import as_plain, in_c_order

FLOATS = (np.float32, np.float64)


def as_weights(argument: str, W: Any, n_features: int | None = None) -> npt.NDArray[Any]:
    """Return W (n_outputs, n_features), float32 or float64 in C order; copied only where it has another order.

    Raises
    ------
    TypeError
        ``W: expected float32 or float64, got dtype int64; use W.astype(np.float64)``
    ValueError
        ``W: expected shape (n_outputs, 4), got (4,); one output is W.reshape(1, -1)``

    Examples
    --------
    >>> as_weights("W", [[1.0, 2.0]]).shape
    (1, 2)
    """
    array = _floats(argument, W)
    features = "n_features" if n_features is None else n_features
    if array.ndim != 2 or 0 in array.shape or (n_features is not None and array.shape[1] != n_features):
        hint = f"; one output is {argument}.reshape(1, -1)" if array.shape == (n_features,) else ""
        raise ValueError(f"{argument}: expected shape (n_outputs, {features}), got {array.shape}{hint}")
    _check_finite(argument, array)
    return in_c_order(array, dtype=array.dtype.newbyteorder("="))


def as_intercept(argument: str, b: Any, n_outputs: int, dtype: npt.DTypeLike) -> npt.NDArray[Any]:
    """Return b (n_outputs,) in W's dtype.

    Raises
    ------
    ValueError
        ``intercept: expected shape (3,), one number a row of W, got (2,)``

    Examples
    --------
    >>> as_intercept("intercept", [0.5], 1, np.float32)
    array([0.5], dtype=float32)
    """
    array = as_plain(argument, b)
    if array.dtype.kind not in "biuf":
        raise TypeError(f"{argument}: expected numbers, got dtype {array.dtype}")
    if array.shape != (n_outputs,):
        raise ValueError(f"{argument}: expected shape ({n_outputs},), one number a row of W, got {array.shape}")
    _check_finite(argument, array)
    return in_c_order(array, dtype=dtype)


def as_gradient(argument: str, grad: Any, W: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return an array of W's shape and dtype, in C order.

    Examples
    --------
    >>> as_gradient("grad", [[1, 2]], np.zeros((1, 2)))
    array([[1., 2.]])
    """
    array = as_plain(argument, grad)
    if array.dtype.kind not in "biuf":
        raise TypeError(f"{argument}: expected numbers, got dtype {array.dtype}")
    if array.shape != W.shape:
        raise ValueError(f"{argument}: expected W's shape {W.shape}, got {array.shape}")
    return in_c_order(array, dtype=W.dtype)


def as_output(argument: str, array: Any, shape: tuple[int, ...], dtype: npt.DTypeLike) -> npt.NDArray[Any]:
    """Return `array` if results can be written into it as it is: shape, dtype, C order, writeable.

    Raises
    ------
    TypeError
        ``out: expected an ndarray of float32, got dtype float64``
    ValueError
        ``out: expected a C-contiguous array, got strides (4, 16)``, ``out: expected a writeable array, got a read-only one``

    Examples
    --------
    >>> as_output("out", np.zeros((1, 2)), (1, 2), np.float64)
    array([[0., 0.]])
    """
    dtype = np.dtype(dtype)
    if isinstance(array, np.ma.MaskedArray):
        raise TypeError(f"{argument}: expected an array without a mask, got a masked array")
    if not isinstance(array, np.ndarray):
        raise TypeError(f"{argument}: expected an ndarray of {dtype}, got {type(array).__name__}")
    if array.dtype != dtype:
        raise TypeError(f"{argument}: expected an ndarray of {dtype}, got dtype {array.dtype}")
    if array.shape != shape:
        raise ValueError(f"{argument}: expected shape {shape}, got {array.shape}")
    if not array.flags.c_contiguous:
        raise ValueError(f"{argument}: expected a C-contiguous array, got strides {array.strides}")
    if not array.flags.aligned:
        raise ValueError(f"{argument}: expected aligned elements, got an array that begins between two of them")
    if not array.flags.writeable:
        raise ValueError(f"{argument}: expected a writeable array, got a read-only one")
    return array


def _floats(argument: str, values: Any) -> npt.NDArray[Any]:
    array = as_plain(argument, values)
    if array.dtype.newbyteorder("=") not in FLOATS:
        hint = f"; use {argument}.astype(np.float64)" if array.dtype.kind in "biuf" else ""
        raise TypeError(f"{argument}: expected float32 or float64, got dtype {array.dtype}{hint}")
    return array


def _check_finite(argument: str, array: npt.NDArray[Any]) -> None:
    if not np.isfinite(array).all():
        where = tuple(int(i) for i in np.argwhere(~np.isfinite(array))[0])
        raise ValueError(f"{argument}: expected finite numbers, got {array[where]} at {list(where)}")
