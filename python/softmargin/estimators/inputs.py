"""X as users have it - arrays, sparse matrices, tables, tensors - checked in scikit-learn's way and handed to the core as it is."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.utils.validation import validate_data

from softmargin._validation import Matrix, read_matrix

# What the core reads, or makes exact numbers of (see softmargin._validation.matrix): none of these is converted before.
NUMBERS = [
    np.float64,
    np.float32,
    np.float16,
    np.bool_,
    *(np.dtype(f"{kind}{size}") for size in (1, 2, 4, 8) for kind in ("u", "i")),
]

# "X: expected finite values, got ..." of the core, in scikit-learn's words.
NOT_FINITE = "X: expected finite values, got "


def read_X(estimator: Any, X: Any, *, reset: bool) -> Matrix:
    """Return the core's view of X, and let the estimator remember (`reset`) or check the number and the names of its features.

    Row-major float32, float64, float16, uint8 and bool, memory maps, CSR of float32 and float64, and CPU tensors of these are
    read where they lie. Tables become the array that they make of themselves; other layouts and dtypes are copied once.

    Parameters
    ----------
    estimator : estimator
        Gets ``n_features_in_`` and, of tables, ``feature_names_in_``.
    X : array_like, sparse matrix, table or tensor (n_samples, n_features)
    reset : bool
        True in ``fit``.

    Returns
    -------
    Matrix
        What every function of softmargin takes in place of X.

    Raises
    ------
    TypeError, ValueError
        With scikit-learn's texts, as ``X has 3 features, but LinearClassifier is expecting 4 features as input.``
    """
    if not hasattr(X, "__array__") and hasattr(X, "__dlpack__"):
        X = np.from_dlpack(X)
    checked = validate_data(
        estimator,
        X,
        reset=reset,
        accept_sparse=True,
        accept_large_sparse=True,
        dtype=NUMBERS,
        ensure_all_finite=False,  # the core finds it in the scores, and need not read X for it
    )
    return read_matrix(checked)


@contextmanager
def sklearn_words() -> Iterator[None]:
    """Tell an X that is not finite in the words that scikit-learn's users look for, and where it is in ours."""
    try:
        yield
    except ValueError as error:
        text = str(error)
        if not text.startswith(NOT_FINITE):
            raise
        what = "NaN" if "nan" in text else "infinity or a value too large for its dtype"
        raise ValueError(f"Input X contains {what}.\n{text}") from None


def check_scores(scores: npt.NDArray[Any], matrix: Matrix) -> None:
    """Raise ValueError that names the first entry of X that is not finite, where the scores (n_samples, n_outputs) are not.

    Every entry of a row has a share in its scores, so X itself need not be looked at.
    """
    finite = np.isfinite(scores).all(axis=1)
    if finite.all():
        return
    for row in np.flatnonzero(~finite):
        if matrix.layout == "csr":
            data, indices, indptr = matrix.core.arrays
            entries = slice(indptr[row], indptr[row + 1])
            values, columns = data[entries], indices[entries]
        else:
            values = matrix.core.arrays[0][row]
            columns = np.arange(len(values))
        bad = np.flatnonzero(~np.isfinite(values))
        if len(bad):
            raise ValueError(f"{NOT_FINITE}{values[bad[0]]} at row {row}, column {columns[bad[0]]}")
    first = int(np.flatnonzero(~finite)[0])
    raise ValueError(f"X: expected values whose scores {scores.dtype} holds, got {scores[first].max()} for row {first}")


def take_rows(matrix: Matrix, rows: npt.NDArray[np.intp]) -> Matrix:
    """Return some rows of X, copied.

    Examples
    --------
    >>> take_rows(read_matrix(np.eye(3)), np.array([2, 0])).core.arrays[0]
    array([[0., 0., 1.],
           [1., 0., 0.]])
    """
    if matrix.layout == "dense":
        return read_matrix(matrix.core.arrays[0][rows])
    from scipy.sparse import csr_array

    return read_matrix(csr_array(matrix.core.arrays, shape=(matrix.n_samples, matrix.n_features))[rows])
