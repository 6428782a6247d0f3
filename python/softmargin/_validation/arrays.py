"""Makes plain arrays of what stands for W, b, gradients and weights, as the core reads them."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt


def as_plain(argument: str, values: Any) -> npt.NDArray[Any]:
    """Return `values` as numpy makes an array of it, but no mask is passed over.

    Raises
    ------
    TypeError
        ``sample_weight: expected an array without a mask, got a masked array``
    ValueError
        ``W: expected rows of the same length, got a ragged sequence``

    Examples
    --------
    >>> as_plain("W", [[1.0, 2.0]]).shape
    (1, 2)
    """
    if isinstance(values, np.ma.MaskedArray):
        raise TypeError(f"{argument}: expected an array without a mask, got a masked array")
    try:
        return np.asarray(values)
    except ValueError as error:
        if "inhomogeneous" not in str(error):
            raise
        raise ValueError(f"{argument}: expected rows of the same length, got a ragged sequence") from None


def in_c_order(array: npt.NDArray[Any], dtype: npt.DTypeLike | None = None) -> npt.NDArray[Any]:
    """Return `array` in C order and with aligned elements, to which numpy.ascontiguousarray does not see.

    Examples
    --------
    >>> shifted = np.frombuffer(bytes(17), np.float64, 2, offset=1)
    >>> shifted.flags.aligned, in_c_order(shifted).flags.aligned
    (False, True)
    """
    return np.require(array, dtype, ("C", "A"))
