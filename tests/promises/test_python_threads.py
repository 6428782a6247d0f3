"""Python threads: several may fit at once and get the bits that each gets alone; none waits for the main thread."""

import signal
import sys
import threading
import time

import numpy as np
import pytest
import scipy.sparse
from threadpoolctl import threadpool_info, threadpool_limits

import softmargin as sm

RNG = np.random.default_rng(0)
X = RNG.normal(size=(8000, 100)).astype(np.float32)
Y = RNG.integers(0, 3, len(X))


def jobs():
    sparse = scipy.sparse.csr_array(np.where(X > 1, X, 0))
    yield lambda: sm.fit(X, Y, rng=0, epochs=3, num_threads=2)
    yield lambda: sm.fit(sparse, Y, rng=1, epochs=3, num_threads=2, penalty=sm.L1(1e-3))
    yield lambda: sm.fit(sparse, Y, rng=2, epochs=3, num_threads=2, optimizer=sm.optimizers.Adam(), standardize=True)
    yield lambda: sm.fit(X, Y, rng=3, epochs=20, num_threads=2, batch_size=None)


def in_threads(functions):
    """What the functions return, each called on a thread of its own, all at once."""
    results = [None] * len(functions)
    start = threading.Barrier(len(functions))

    def run(i):
        start.wait()
        results[i] = functions[i]()

    threads = [threading.Thread(target=run, args=(i,)) for i in range(len(functions))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=120)
        assert not thread.is_alive(), "a thread waits for ever"
    return results


def test_fits_at_once_give_the_bits_of_fits_alone():
    functions = list(jobs())
    alone = [job() for job in functions]
    for together in (in_threads(functions), in_threads(functions[:1] * 3)):
        for one, other in zip(alone if len(together) > 3 else alone[:1] * 3, together, strict=True):
            np.testing.assert_array_equal(one.W, other.W)
            np.testing.assert_array_equal(one.intercept, other.intercept)


@pytest.mark.parametrize("loss", ["softmax", "squared_hinge", "hinge"])
def test_solvers_at_once_give_the_bits_of_solvers_alone(loss):
    """On the main thread, which BLAS listens to first, and on others."""

    def solve():
        return sm.solve(X[:, :60], Y, loss=loss, penalty=sm.L2(1e-2), tol=1e-3)

    alone = solve()
    for result in in_threads([solve] * 3):
        np.testing.assert_array_equal(result.W, alone.W)
        np.testing.assert_array_equal(result.intercept, alone.intercept)


def test_blas_has_its_threads_again():
    """When solvers overlap, whoever is last gives back what the first one found: here another thread than the first."""

    def threads():
        return [info["num_threads"] for info in threadpool_info() if info["user_api"] == "blas"]

    sm.solve(X, Y, penalty=sm.L2(1.0))  # which loads all libraries
    inside, leave = threading.Event(), threading.Event()

    def stay(_):
        inside.set()
        leave.wait(timeout=60)

    other = threading.Thread(target=lambda: sm.solve(X, Y, penalty=sm.L2(1.0), callback=stay))

    def meet(_):
        if not inside.is_set():
            other.start()
            assert inside.wait(timeout=60)
            assert threads() == [1] * len(before)

    with threadpool_limits(2, user_api="blas"):
        before = threads()
        sm.solve(X, Y, penalty=sm.L2(1.0), callback=meet)
        leave.set()
        other.join(timeout=60)
        assert threads() == before


def test_the_comparison_finds_threads_that_share_their_weights():
    """The control: two threads that step the same W at once, as they may not."""
    W = np.zeros((3, 100), np.float32)

    def steps():
        rule, state = sm.optimizers.SGD(lr=0.1), sm.optimizers.SGD(lr=0.1).init(W)
        for _ in range(20):
            rule.step(W, sm.loss_and_grad(W.copy(), X, Y).grad, state)
        return W

    steps()
    alone, W = W, np.zeros_like(W)
    in_threads([steps, steps])
    assert not np.array_equal(W, alone)


def test_the_interpreter_goes_on_beside_a_fit():
    """The GIL is released: the main thread counts while another one fits."""
    done = threading.Event()

    def fit():
        sm.fit(np.broadcast_to(X[0], (10**6, 100)), np.arange(10**6) % 3, epochs=1)
        done.set()

    thread = threading.Thread(target=fit)
    thread.start()
    ticks = 0
    while not done.is_set():
        time.sleep(0.001)
        ticks += 1
    thread.join()
    assert ticks > 3


@pytest.mark.skipif(sys.platform == "win32", reason="there a process cannot send itself a Ctrl-C alone")
def test_ctrl_c_goes_to_the_main_thread():
    """A fit on another thread neither swallows a signal nor ends by it."""
    results = []
    thread = threading.Thread(target=lambda: results.extend(job() for job in jobs()))

    def interrupt():
        thread.start()
        signal.raise_signal(signal.SIGINT)
        thread.join()

    with pytest.raises(KeyboardInterrupt):
        interrupt()
    thread.join(timeout=120)
    assert len(results) == 4
