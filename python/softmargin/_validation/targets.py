"""Checks y and the weights of samples and outputs, and brings them into the form that the core reads."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from .arrays import as_plain, in_c_order
from .scalars import describe, first_bad, show

# A row of a distribution may be off 1 by this much: k numbers that were normalised in float32 sum to 1 within about
# k * 6e-8, so this serves more than a thousand classes and still finds rows that were never normalised.
SUM_TOLERANCE = 1e-4


def as_targets(
    y: Any, loss: str, info: Mapping[str, Any], n_samples: int, n_outputs: int | None = None, argument: str = "y"
) -> tuple[npt.NDArray[Any], int]:
    """Return y as the core reads it, and the number of outputs.

    Parameters
    ----------
    y : array_like (n_samples,) or (n_samples, n_outputs)
    loss : str
        For the messages.
    info : mapping
        What the registry says of the loss: ``target`` is ``"classes"`` (labels 0..k-1, and a distribution over the classes
        where ``distributions`` says so), ``"signs"`` (-1 and +1, or labels 0..k-1 for one-versus-rest) or ``"real"``.
    n_samples : int
    n_outputs : int, optional
        The number of rows of W where it is known. Else the columns of a y of two dimensions; one for signs and real targets
        of one dimension; for labels the largest one plus 1, at least 2.

    Returns
    -------
    targets : ndarray
        int64 (n_samples,) labels, or float32 or float64 (n_samples, n_outputs) values in C order.
    n_outputs : int

    Raises
    ------
    TypeError
        ``y: expected integer labels, got dtype <U3; np.unique(y, return_inverse=True) makes labels of names``
    ValueError
        ``y: expected labels 0..2, got 3 at row 7`` and the like

    Examples
    --------
    >>> as_targets([0, 2, 1], "hinge", {"target": "classes"}, 3)
    (array([0, 2, 1]), 3)
    """
    kind = info["target"]
    values = _numbers(y, argument, "integer labels" if kind == "classes" else "numbers")
    if values.ndim not in (1, 2) or (values.ndim == 2 and values.shape[1] == 0):
        raise ValueError(f"{argument}: expected shape (n_samples,) or (n_samples, n_outputs), got {values.shape}")
    if len(values) != n_samples:
        raise ValueError(f"{argument}: expected {n_samples} samples as in X, got {len(values)}")
    if values.dtype.kind == "f":
        first_bad(argument, values, np.isfinite(values), "finite values")
    if kind == "classes":
        if n_outputs == 1:
            hint = "a loss of signs takes one output"
            raise ValueError(f"W: expected at least 2 rows for {loss!r}, one a class, got 1; {hint}")
        if values.ndim == 1:
            return _labels(values, n_outputs, argument)
        return _distribution(values, loss, bool(info.get("distributions")), n_outputs, argument)
    if kind == "signs":
        return _signs(values, loss, n_outputs, argument)
    return _columns(values, n_outputs, argument)


def _numbers(y: Any, argument: str, what: str) -> npt.NDArray[Any]:
    if isinstance(y, np.ma.MaskedArray):
        raise TypeError(f"{argument}: expected an array without a mask, got a masked array")
    if hasattr(y, "tocsr"):
        raise TypeError(f"{argument}: expected a dense array, got a sparse one; use {argument}.toarray()")
    try:
        values = np.asarray(y)
    except ValueError:
        raise ValueError(f"{argument}: expected one entry a sample, got a ragged sequence") from None
    if values.dtype.kind not in "biuf":
        if values.dtype.kind == "O" and values.ndim == 1 and all(isinstance(v, int | np.integer) for v in values):
            return values.astype(np.int64)
        named = values.dtype.kind in "OUS"
        hint = f"; np.unique({argument}, return_inverse=True) makes labels of names" if named else ""
        raise TypeError(f"{argument}: expected {what}, got dtype {values.dtype}{hint}")
    if values.dtype == np.float16 or values.dtype.itemsize > 8:
        values = values.astype(np.float64)
    return values.astype(values.dtype.newbyteorder("="), copy=False)


def _labels(
    values: npt.NDArray[Any], n_outputs: int | None, argument: str, hint: str = ""
) -> tuple[npt.NDArray[np.int64], int]:
    """Labels 0..k-1, also where they come as floats with integer values."""
    if values.dtype.kind == "f":
        hint = hint or "classes are numbered; real targets need another loss"
        first_bad(argument, values, values == np.floor(values), "integer labels", hint)
    if n_outputs is None:
        first_bad(argument, values, values >= 0, "labels 0, 1, 2, ...", hint)
        n_outputs = max(int(values.max()) + 1, 2)
        if n_outputs > 2**31:
            raise ValueError(f"{argument}: expected labels below {2**31}, got {n_outputs - 1}")
    else:
        first_bad(argument, values, (values >= 0) & (values < n_outputs), f"labels 0..{n_outputs - 1}", hint)
    return in_c_order(values, dtype=np.int64), n_outputs


def _distribution(
    values: npt.NDArray[Any], loss: str, allowed: bool, n_outputs: int | None, argument: str
) -> tuple[npt.NDArray[Any], int]:
    """A row of probabilities a sample."""
    shape = values.shape
    if shape[1] == 1:
        raise ValueError(f"{argument}: expected shape (n_samples,), got {shape}; use {argument}.ravel()")
    if not allowed:
        hint = f"of one-hot rows {argument}.argmax(axis=1) makes labels"
        raise ValueError(f"{argument}: expected labels of shape (n_samples,) for {loss!r}, got shape {shape}; {hint}")
    values, k = _columns(values, n_outputs, argument)
    first_bad(argument, values, values >= 0, "probabilities")
    sums = values.sum(axis=1, dtype=np.float64)
    wrong = np.abs(sums - 1) > SUM_TOLERANCE
    if wrong.any():
        row = int(np.argmax(wrong))
        raise ValueError(f"{argument}: expected rows that sum to 1, got {sums[row]:.6g} at row {row}")
    return values, k


def _signs(values: npt.NDArray[Any], loss: str, n_outputs: int | None, argument: str) -> tuple[npt.NDArray[Any], int]:
    """-1 and +1 for each output, or labels 0..k-1 of which the core makes one-versus-rest."""
    if values.dtype.kind in "bu":
        values = values.astype(np.int64)
    flat = values.ndim == 1
    signs = np.abs(values) == 1
    if flat and n_outputs is None:
        n_outputs = 1 if signs.all() else None
    if flat and n_outputs != 1:
        return _labels(values, n_outputs, argument, "or -1 and +1 for one output" if (values < 0).any() else "")
    hint = "labels 0 and 1 become signs by 2 * y - 1" if (values == 0).any() else ""
    outputs = " with one output" if n_outputs == 1 or (not flat and values.shape[1] == 1) else ""
    first_bad(argument, values, signs, f"-1 or +1 for {loss!r}{outputs}", hint)
    return _columns(values, n_outputs, argument)


def _columns(values: npt.NDArray[Any], n_outputs: int | None, argument: str) -> tuple[npt.NDArray[Any], int]:
    """(n_samples, n_outputs) values in C order, float32 or float64."""
    shape = values.shape
    columns = values[:, None] if values.ndim == 1 else values
    if n_outputs is not None and columns.shape[1] != n_outputs:
        expected = f"(n_samples, {n_outputs})" + (" or (n_samples,)" if n_outputs == 1 else "")
        raise ValueError(f"{argument}: expected shape {expected}, one column a row of W, got {shape}")
    dtype = np.float32 if columns.dtype == np.float32 else np.float64
    return in_c_order(columns, dtype=dtype), columns.shape[1]


def as_dtype(argument: str, values: npt.NDArray[Any], dtype: npt.DTypeLike) -> npt.NDArray[Any]:
    """Return finite `values` in W's dtype.

    Raises
    ------
    ValueError
        ``y: expected numbers that float32 holds, got 1e+300 at row 0; X or W of float64 makes the arithmetic float64``

    Examples
    --------
    >>> as_dtype("y", np.array([0.5]), np.float32)
    array([0.5], dtype=float32)
    """
    with np.errstate(over="ignore"):
        cast = values.astype(dtype)
    hint = "X or W of float64 makes the arithmetic float64"
    first_bad(argument, values, np.isfinite(cast), f"numbers that {np.dtype(dtype)} holds", hint)
    return cast


def as_sample_weight(sample_weight: Any, n_samples: int) -> npt.NDArray[np.float64] | None:
    """Return sample_weight (n_samples,) as float64, or None.

    Raises
    ------
    ValueError
        ``sample_weight: expected finite numbers at least 0, got -1 at row 2``, ``expected shape (10,), got (9,)``,
        ``expected at least one above 0, got only zeros``

    Examples
    --------
    >>> as_sample_weight([1, 2], 2)
    array([1., 2.])
    """
    weight = _weights("sample_weight", sample_weight, n_samples)
    if weight is not None:
        if not weight.any():
            raise ValueError("sample_weight: expected at least one above 0, got only zeros")
        with np.errstate(over="ignore"):
            total = weight.sum()
        if not np.isfinite(total):
            raise ValueError("sample_weight: expected a finite sum, got inf; divide them by their largest")
    return weight


def of_ordinary_size(sample_weight: npt.NDArray[np.float64] | None) -> npt.NDArray[np.float64] | None:
    """Return weights of which the largest is between 2^-10 and 2^10: F does not change when all are scaled alike.

    float32 holds no weight of 1e-50, and no gradient of one of 1e38. A power of two changes no bit of what is left.

    Examples
    --------
    >>> of_ordinary_size(np.array([1.0, 3.0])), of_ordinary_size(np.array([2.0**-60, 2.0**-61]))
    (array([1., 3.]), array([0.5 , 0.25]))
    """
    if sample_weight is None:
        return None
    exponent = int(np.frexp(sample_weight.max())[1])
    return sample_weight if abs(exponent) <= 10 else np.ldexp(sample_weight, -exponent)


def as_positive_weight(
    positive_weight: Any, loss: str, info: Mapping[str, Any], n_outputs: int
) -> npt.NDArray[np.float64] | None:
    """Return positive_weight (n_outputs,) as float64, or None; only losses of signs take it.

    Raises
    ------
    ValueError
        ``positive_weight: expected None for 'softmax', which has no signs, got ...; weigh classes by sample_weight``

    Examples
    --------
    >>> as_positive_weight([2.0], "logistic", {"target": "signs"}, 1)
    array([2.])
    """
    if positive_weight is not None and info["target"] != "signs":
        got = describe(positive_weight)
        hint = "weigh classes by sample_weight"
        raise ValueError(f"positive_weight: expected None for {loss!r}, which has no signs, got {got}; {hint}")
    return _weights("positive_weight", positive_weight, n_outputs)


def _weights(argument: str, values: Any, length: int) -> npt.NDArray[np.float64] | None:
    """Numbers of at least 0 and finite, (length,) float64."""
    if values is None:
        return None
    array = as_plain(argument, values)
    if array.dtype.kind not in "biuf":
        raise TypeError(f"{argument}: expected numbers, got dtype {array.dtype}")
    if array.shape != (length,):
        got = show(array[()]) if array.ndim == 0 else array.shape
        raise ValueError(f"{argument}: expected shape ({length},), got {got}")
    weight = in_c_order(array, dtype=np.float64)
    first_bad(argument, weight, np.isfinite(weight) & (weight >= 0), "finite numbers at least 0")
    return weight
