"""A child made by fork after a fit can fit, and answers Ctrl-C."""

import multiprocessing
import os
import signal
import threading
import time

import numpy as np
import pytest

import softmargin as sm
from softmargin import _core

pytestmark = [
    pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system"),
    # Python 3.12 warns of any fork beside threads, since libraries may not survive it: this one does.
    pytest.mark.filterwarnings("ignore:.*multi-threaded, use of (fork|forkpty).*:DeprecationWarning"),
]

RNG = np.random.default_rng(0)
X = RNG.normal(size=(3000, 200)).astype(np.float32)
Y = RNG.integers(0, 3, len(X))


def fitted(seed=0):
    return sm.fit(X, Y, rng=seed, epochs=1, num_threads=2).W


def child(work, seconds=60):
    """Whether a forked child finds work() true within `seconds`."""
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            status = 0 if work() else 1
        finally:
            os._exit(status)
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status) == 0
        time.sleep(0.01)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    return False


def test_parent_and_child_fit():
    before = fitted()
    for _ in range(3):
        assert child(lambda: np.array_equal(fitted(), before))
        assert np.array_equal(fitted(), before)
    assert child(lambda: child(lambda: np.array_equal(fitted(), before)))  # and a grandchild


def test_without_the_handler_the_child_waits():
    """The control: GNU's runtime waits for threads that the child does not have."""
    if "gomp" not in sm.build_info()["openmp_library"]:
        pytest.skip("other OpenMP runtimes see to forks themselves")
    fitted()
    _core._set_fork_handler(False)
    try:
        assert not child(lambda: fitted() is not None, seconds=2)
    finally:
        _core._set_fork_handler(True)
    assert child(lambda: fitted() is not None)


def test_multiprocessing():
    expected = [fitted(seed) for seed in range(4)]
    with multiprocessing.get_context("fork").Pool(2) as pool:
        for got, wanted in zip(pool.map(fitted, range(4)), expected, strict=True):
            np.testing.assert_array_equal(got, wanted)


def test_fork_beside_a_fit_of_another_thread():
    expected, stop = fitted(), threading.Event()

    def fit_on():
        while not stop.is_set():
            fitted()

    thread = threading.Thread(target=fit_on)
    thread.start()
    try:
        for _ in range(5):
            assert child(lambda: np.array_equal(fitted(), expected))
    finally:
        stop.set()
        thread.join()


def interrupted():
    """Whether a Ctrl-C in the middle of a long fit is answered."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGINT)).start()
    try:
        sm.fit(X, Y, epochs=10**6)
    except KeyboardInterrupt:
        return True
    return False


def test_a_child_answers_ctrl_c():
    """Also one that another thread than the main one has made: there, that thread is the main one."""
    fitted()
    assert child(interrupted, seconds=20)
    found = []
    thread = threading.Thread(target=lambda: found.append(child(interrupted, seconds=20)))
    thread.start()
    thread.join()
    assert found == [True]
