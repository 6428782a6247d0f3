"""What the promises share: X in every layout, and code that runs in a process of its own."""

import os
import subprocess
import sys

import numpy as np
import pytest
import scipy.sparse


def in_every_layout(X):
    """Return {name: X} in the layouts whose numbers can be NaN, values kept or rounded to the type, and as uint8."""
    forms = {
        "float32": X.astype(np.float32),
        "float64": X.astype(np.float64),
        "float16": X.astype(np.float16),
        "rows apart": np.repeat(X.astype(np.float32), 2, axis=0)[::-2],
        "uint8": np.abs(np.nan_to_num(50 * X, posinf=0, neginf=0)).astype(np.uint8),
    }
    for dtype in (np.float32, np.float64):
        for index in (np.int32, np.int64):
            A = scipy.sparse.csr_array(X.astype(dtype))
            A.indices, A.indptr = A.indices.astype(index), A.indptr.astype(index)
            forms[f"csr {np.dtype(dtype)} {np.dtype(index)}"] = A
    A = forms["csr float32 int32"].copy()
    # Backwards, and each entry in two halves.
    rows = [slice(a, b) for a, b in zip(A.indptr, A.indptr[1:], strict=False)]
    indices = np.concatenate([np.tile(A.indices[row][::-1], 2) for row in rows])
    data = np.concatenate([np.tile(A.data[row][::-1] / 2, 2) for row in rows])
    forms["csr unsorted"] = scipy.sparse.csr_array((data, indices, 2 * A.indptr), shape=A.shape)
    return forms


@pytest.fixture(scope="session")
def layouts():
    """The function `in_every_layout`; the first row of "rows apart" is the last one of X."""
    return in_every_layout


@pytest.fixture(scope="session")
def in_new_process():
    """Return a function that runs code in a new process and returns what it prints."""

    def run(code, *, seconds=120, **variables):
        environment = {k: v for k, v in os.environ.items() if k != "OMP_NUM_THREADS"} | variables
        command = [sys.executable, "-W", "error", "-c", code]
        done = subprocess.run(command, check=False, env=environment, capture_output=True, text=True, timeout=seconds)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    return run
