"""The x87 registers are left as they were: what computes in long double after us, as LAPACK's norms do, gets numbers and not NaN.

A compiler may move a pair of integers by way of an MMX register, which is a part of them; the core is built without MMX.
"""

import ctypes
import mmap
import platform
import warnings

import numpy as np
import pytest
import scipy.sparse

import softmargin as sm

RNG = np.random.default_rng(0)
N, D, K = 400, 70, 3
X, Y = RNG.normal(size=(N, D)), np.arange(N) % K
SPARSE = scipy.sparse.csr_array(np.where(RNG.random((N, D)) < 0.3, X, 0.0))


def intact():
    """Whether a cast to long double and back keeps numbers, in every one of the eight registers."""
    values = RNG.normal(size=64)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return np.array_equal(values.astype(np.longdouble).astype(np.float64), values)


def machine_code(code):
    """A function without arguments made of bytes."""
    memory = mmap.mmap(-1, len(code), prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    memory.write(code)
    function = ctypes.CFUNCTYPE(None)(ctypes.addressof(ctypes.c_char.from_buffer(memory)))
    return memory, function


@pytest.fixture(autouse=True)
def _restore():
    level = sm.simd_level()
    yield
    sm.set_simd_level(level)


@pytest.mark.parametrize("data", [X, X.astype(np.float32), SPARSE, SPARSE.astype(np.float32)])
@pytest.mark.parametrize("level", sm.simd_levels())
def test_every_way_into_the_core(level, data):
    sm.set_simd_level(level)
    for work in (
        lambda: sm.loss_and_grad(np.zeros((K, D)), data, Y, num_threads=1),
        lambda: sm.loss_and_grad(np.zeros((K, D), np.float32), data, Y, num_threads=2),
        lambda: sm.fit(data, Y, epochs=1, rng=0, standardize=True),
        lambda: sm.fit(data, Y, epochs=1, rng=0, optimizer=sm.optimizers.Adam()),
        lambda: sm.solve(data, Y, penalty=sm.L2(0.1), num_threads=1),
        lambda: sm.solve(data, Y, loss="binary_hinge", penalty=sm.L2(0.1), num_threads=1),
    ):
        work()
        assert intact()


@pytest.mark.skipif(platform.machine() not in ("x86_64", "AMD64") or platform.system() == "Windows", reason="x86 code")
def test_the_check_finds_an_mmx_move():
    """The control: `movq %mm1, %mm0; ret`, and afterwards `emms; ret`."""
    kept, move = machine_code(b"\x0f\x6f\xc1\xc3")
    also_kept, clean = machine_code(b"\x0f\x77\xc3")
    try:
        move()
        assert not intact()
    finally:
        clean()
    assert intact()
    assert kept is not also_kept
