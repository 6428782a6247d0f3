"""Loss and gradient in one pass over CIFAR-10's shape: ours against NumPy, with the same result."""

import numpy as np
import pytest

import softmargin as sm

from .numpy_pass import BLOCK, NumpyPass
from .timing import report
from .tolerance import check_equal, tolerances

LOSSES = ["softmax", "hinge"]


def ours(data, dtype, loss, threads):
    """Our pass; W in float64 goes with X in float64, else float32."""
    kind = np.float64 if dtype == "float64" else np.float32
    W, b, X = data.W.astype(kind), data.b.astype(kind), data.X(dtype)
    out = np.empty_like(W)
    return lambda: sm.loss_and_grad(W, X, data.y, loss=loss, intercept=b, out=out, num_threads=threads)


def numpys(data, dtype, loss):
    """{name: pass} of NumPy over the same data; "converted before" needs four times the memory and is given it."""
    whole = NumpyPass(data.X("float32"), data.y, len(data.W), loss)
    blocks = NumpyPass(data.X(dtype), data.y, len(data.W), loss, block=BLOCK)
    if dtype == "float32":
        names = ("numpy, all rows at once", "numpy, in blocks of rows")
    else:
        names = ("numpy, X converted before", "numpy, X converted block by block")
    return {name: lambda f=f: f(data.W, data.b) for name, f in zip(names, (whole, blocks), strict=True)}


@pytest.fixture(scope="module")
def expected(data):
    """{loss: (NumPy's result, the tolerance)}; every dtype holds the same numbers."""
    X = data.X("float32")
    return {
        loss: (
            NumpyPass(X, data.y, len(data.W), loss)(data.W, data.b),
            tolerances(data.W, data.b, X, data.y, loss),
        )
        for loss in LOSSES
    }


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("dtype", ["float32", "uint8", "float16", "float64"])
def test_ours(benchmark, measure, measuring, data, threads, expected, dtype, loss):
    run = ours(data, dtype, loss, threads)
    result = measure(f"pass, {loss}, {dtype}", run)
    check_equal(result, *expected[loss])
    if measuring and dtype in ("float32", "uint8"):
        functions = {f"softmargin, {dtype}": run} | numpys(data, dtype, loss)
        report(benchmark, f"pass, {loss}, {dtype}, {len(data.y)} rows, {threads} threads", functions)


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("dtype", ["float32", "uint8"])
@pytest.mark.parametrize("way", [0, 1], ids=["whole", "blocks"])
def test_numpy(measure, data, threads, expected, dtype, loss, way):
    _, run = list(numpys(data, dtype, loss).items())[way]
    result = measure(f"pass, {loss}, {dtype}", run)
    check_equal(result, *expected[loss])


@pytest.mark.parametrize("loss", LOSSES)
def test_equality_would_notice_missing_rows(data, threads, expected, loss):
    """The control: without the last hundredth of the rows, or with one row of W off by a twentieth, it fails."""
    n = len(data.y) - len(data.y) // 100
    fewer = NumpyPass(data.X("float32")[:n], data.y[:n], len(data.W), loss)(data.W, data.b)
    W = data.W.copy()
    W[0] *= 1.05
    off = sm.loss_and_grad(W, data.X("uint8"), data.y, loss=loss, intercept=data.b)
    for wrong in (fewer, off):
        with pytest.raises(AssertionError, match="times the tolerance"):
            check_equal(wrong, *expected[loss])
