"""Turns X, dense or sparse, into the core's view of it: without a copy wherever the core can read it as it is.

| X | becomes |
| --- | --- |
| float32, float64, float16, uint8 with unit stride along the features, any stride between rows | a view, nothing copied |
| bool | a view as uint8 |
| other integers | a float32 copy if all lie within -2^24..2^24, where float32 is exact; else float64 |
| Fortran order, other strides, foreign byte order, misaligned | a copy in C order |
| scipy CSR (csr_array, csr_matrix) of float32 or float64, int32 or int64 indices | a view |
| scipy CSR of other numbers | CSR with data copied as above |
| other scipy formats | CSR by their own tocsr() |
| anything with __array__ or __dlpack__, nested lists | as numpy makes an array of it |
"""

from __future__ import annotations

import sys
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from softmargin import _core

from .arrays import in_c_order
from .scalars import describe

# Largest integer up to which float32 holds every integer.
EXACT_IN_FLOAT32 = 2**24


class Matrix(NamedTuple):
    """X as the core sees it, and what Python has to know of it."""

    core: _core.Matrix
    dtype: np.dtype[Any]  # of the stored numbers
    layout: str  # "dense" or "csr"

    @property
    def n_samples(self) -> int:
        """Rows of X."""
        return self.core.n_samples

    @property
    def n_features(self) -> int:
        """Columns of X."""
        return self.core.n_features

    @property
    def weight_dtype(self) -> np.dtype[Any]:
        """dtype of a W that is made for X: float64 for float64, else float32."""
        return np.dtype(np.float64 if self.dtype == np.float64 else np.float32)

    def check_again(self) -> None:
        """Check the indices of CSR once more, as the core uses them unchecked and a callback may have written to them."""
        if self.layout == "csr":
            data, indices, indptr = self.core.arrays
            _core.CsrMatrix(data, indices, indptr, self.n_features)


def as_matrix(X: Any, argument: str = "X") -> _core.Matrix:
    """Return the core's view of X (n_samples, n_features).

    Raises
    ------
    TypeError
        ``X: expected numbers, got dtype object; convert with X.astype(float)`` and the like
    ValueError
        ``X: expected shape (n_samples, n_features), got (10,); one feature is X.reshape(-1, 1), one sample X.reshape(1, -1)``

    Examples
    --------
    >>> matrix = as_matrix(np.zeros((3, 2), dtype=np.uint8))
    >>> matrix.n_samples, matrix.n_features
    (3, 2)
    """
    return read_matrix(X, argument).core


def read_matrix(X: Any, argument: str = "X") -> Matrix:
    """Return the core's view of X (n_samples, n_features) with dtype and layout.

    Examples
    --------
    >>> read_matrix([[True, False]]).dtype
    dtype('uint8')
    """
    if isinstance(X, Matrix):
        return X
    sparse = sys.modules.get("scipy.sparse")  # a sparse X exists only if someone has imported it
    if sparse is not None and sparse.issparse(X):
        return _csr(X, argument)
    array = as_numbers(_as_array(X, argument), argument)
    _check_shape(array.shape, argument)
    if 1 in array.shape:  # numpy leaves any stride along an axis of length 1
        ordinary = (array.shape[1] * array.itemsize, array.itemsize)
        strides = (o if n == 1 else s for n, s, o in zip(array.shape, array.strides, ordinary, strict=True))
        array = np.lib.stride_tricks.as_strided(array, strides=tuple(strides))
    if array.strides[1] != array.itemsize or not array.flags.aligned:
        array = np.array(array, order="C")
    return Matrix(_core.DenseMatrix(array), array.dtype, "dense")


def _csr(X: Any, argument: str) -> Matrix:
    if X.ndim != 2:
        raise ValueError(f"{argument}: expected shape (n_samples, n_features), got {X.shape}")
    if X.dtype.kind == "c":
        raise TypeError(f"{argument}: expected real numbers, got dtype {X.dtype}")
    if X.format != "csr":
        if hasattr(X, "check_format"):  # CSC and BSR: tocsr writes through their indices unchecked
            X.check_format(full_check=True)
        X = X.tocsr()
    _check_shape(X.shape, argument)
    data = as_numbers(X.data, argument)
    if data.dtype not in (np.float32, np.float64):
        data = data.astype(np.float32)
    indices, indptr = (in_c_order(part) for part in (X.indices, X.indptr))
    if indptr.shape != (X.shape[0] + 1,):
        raise ValueError(f"{argument}.indptr: expected {X.shape[0] + 1} entries, one more than rows, got {indptr.size}")
    core = _core.CsrMatrix(in_c_order(data), indices, indptr, X.shape[1])
    return Matrix(core, data.dtype, "csr")


def _as_array(X: Any, argument: str) -> npt.NDArray[Any]:
    if isinstance(X, np.ma.MaskedArray):
        hint = f"use {argument}.filled(value)"
        raise TypeError(f"{argument}: expected an array without a mask, got a masked array; {hint}")
    if isinstance(X, str | bytes) or X is None:
        raise TypeError(f"{argument}: expected an array of shape (n_samples, n_features), got {describe(X)}")
    if not hasattr(X, "__array__") and hasattr(X, "__dlpack__"):
        return np.from_dlpack(X)
    try:
        return np.asarray(X)
    except ValueError as error:
        if "inhomogeneous" not in str(error):
            raise
        raise ValueError(f"{argument}: expected rows of the same length, got a ragged sequence") from None


def as_numbers(array: npt.NDArray[Any], argument: str) -> npt.NDArray[Any]:
    """Return `array` in a dtype that the core reads, in this machine's byte order, as the table above says.

    Examples
    --------
    >>> as_numbers(np.array([1, 2]), "X").dtype, as_numbers(np.array([1, 2**24 + 1]), "X").dtype
    (dtype('float32'), dtype('float64'))
    """
    dtype = array.dtype
    if dtype == np.bool_:
        return array.view(np.uint8)
    if dtype.kind in "iu" and dtype != np.uint8:
        exact = dtype.itemsize <= 2 or array.size == 0
        exact = exact or (int(array.min()) >= -EXACT_IN_FLOAT32 and int(array.max()) <= EXACT_IN_FLOAT32)
        return array.astype(np.float32 if exact else np.float64, order="C")
    if dtype.kind == "c":
        raise TypeError(f"{argument}: expected real numbers, got dtype {dtype}")
    if dtype.newbyteorder("=") not in (np.float32, np.float64, np.float16, np.uint8):
        hint = f"; convert with {argument}.astype(float)" if dtype.kind in "OUSf" else ""
        raise TypeError(f"{argument}: expected numbers, got dtype {dtype}{hint}")
    return array if dtype.isnative else array.astype(dtype.newbyteorder("="))


def _check_shape(shape: tuple[int, ...], argument: str) -> None:
    if len(shape) == 1:
        hint = f"one feature is {argument}.reshape(-1, 1), one sample {argument}.reshape(1, -1)"
        raise ValueError(f"{argument}: expected shape (n_samples, n_features), got {shape}; {hint}")
    if len(shape) != 2:
        hint = f"; flatten each sample with {argument}.reshape(len({argument}), -1)" if len(shape) > 2 else ""
        raise ValueError(f"{argument}: expected shape (n_samples, n_features), got {shape}{hint}")
    if shape[0] == 0 or shape[1] == 0:
        what = "sample" if shape[0] == 0 else "feature"
        raise ValueError(f"{argument}: expected at least one {what}, got shape {shape}")
