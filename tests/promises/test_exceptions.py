"""What goes wrong in a callback or inside a parallel region comes back as a Python exception, with nothing half-changed."""

import numpy as np
import pytest

import softmargin as sm
from softmargin import _core

RNG = np.random.default_rng(0)
X = RNG.normal(size=(3000, 200))
Y = RNG.integers(0, 3, len(X))


@pytest.mark.parametrize("in_phase", [True, False])
def test_exceptions_of_any_thread(in_phase):
    """Thrown on any rank of a real region, in the middle of its phases or after them; the pool stays whole."""
    expected = sm.fit(X, Y, rng=0, epochs=1, num_threads=4).W
    size = 4 if sm.build_info()["openmp"] else 1
    for rank in range(size):
        with pytest.raises(RuntimeError, match=f"^thrown on rank {rank}$"):
            _core._throw_in_parallel(rank, 4, "runtime_error", in_phase)
        with pytest.raises(MemoryError):
            _core._throw_in_parallel(rank, 4, "bad_alloc", in_phase)
        np.testing.assert_array_equal(sm.fit(X, Y, rng=0, epochs=1, num_threads=4).W, expected)
    # The control: what does not throw comes back from its second phase on all threads.
    assert _core._throw_in_parallel(0, 4, "none", in_phase) == size


def test_exceptions_of_a_callback():
    W0, expected = np.ones((3, 200)), sm.fit(X, Y, rng=0, epochs=3, W0=np.ones((3, 200)))
    for error in (LookupError("mine"), MemoryError(), KeyboardInterrupt(), SystemExit(3)):

        def callback(info, error=error):
            if info.epoch == 2:
                info.W[:] = 7  # a copy: what the callback does with it does not matter
                raise error

        with pytest.raises(type(error)) as caught:
            sm.fit(X, Y, rng=0, epochs=3, W0=W0, callback=callback)
        assert caught.value is error
        assert np.all(W0 == 1)
        np.testing.assert_array_equal(sm.fit(X, Y, rng=0, epochs=3, W0=W0).W, expected.W)
    # The control: without an exception the callback's view of W is what the fit returns.
    seen = []
    sm.fit(X, Y, rng=0, epochs=3, W0=W0, callback=lambda info: seen.append(info.W))
    np.testing.assert_array_equal(seen[-1], expected.W)


OUT_OF_MEMORY = """
import resource
import numpy as np, softmargin as sm

k, d = 2, 1_000_000
X, y = np.broadcast_to(np.ones((1, d), np.float32), (300, d)), np.arange(300) % 2
W, out = np.ones((k, d), np.float32), np.full((k, d), 7, np.float32)
small = np.eye(3), [0, 1, 2]
expected = sm.fit(*small, rng=0, num_threads=2).W
calls = [
    lambda: sm.loss_and_grad(W, X, y, out=out, num_threads=2),
    lambda: sm.fit(X, y, W0=W, optimizer=sm.optimizers.Adam(), epochs=1, num_threads=2),
]
def size():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[0]) * resource.getpagesize()

for call in calls:
    failed = worked = 0
    out[:] = 7
    for megabytes in range(2, 300, 3):
        resource.setrlimit(resource.RLIMIT_AS, (size() + megabytes * 2**20, resource.RLIM_INFINITY))
        try:
            call()
            worked += 1
        except MemoryError:
            failed += 1
        finally:
            resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        assert np.all(W == 1)
        assert worked or np.all(out == 7)
        assert np.array_equal(sm.fit(*small, rng=0, num_threads=2).W, expected)
        if worked:
            break
    print(failed, worked)
"""


def test_memory_that_is_refused(in_new_process):
    """With less and less of it missing, every allocation is once the one that fails; with enough, the call works (the control)."""
    pytest.importorskip("resource", reason="limits of memory are set by a module that Windows lacks")
    for line in in_new_process(OUT_OF_MEMORY).splitlines():
        failed, worked = map(int, line.split())
        assert failed >= 3
        assert worked == 1


def test_a_callback_that_writes_to_y(in_new_process):
    """Labels are looked at before the first step; what they become later may be any number, and must end no process."""
    code = """
import numpy as np
import softmargin as sm
X = np.random.default_rng(0).normal(size=(3000, 200))
for loss in sm.losses.names():
    if sm.losses.info(loss)["target"] == "real":
        continue
    y = np.arange(3000) % 3
    def overwrite(info):
        y[:] = np.resize([10**12, -(10**12), 7], 3000)
    sm.fit(X, y, loss=loss, epochs=2, rng=0, callback=overwrite, optimizer=sm.optimizers.SGD(lr=1e-3))
    print(loss)
"""
    expected = [name for name in sm.losses.names() if sm.losses.info(name)["target"] != "real"]
    assert in_new_process(code).split() == expected


def test_a_callback_that_writes_to_the_indices_of_X(in_new_process):
    """Of the training or the validation set: the core uses them unchecked, so they are looked at again; values may change."""
    code = """
import numpy as np, scipy.sparse
import softmargin as sm
y = np.arange(3000) % 3
for place in (0, 1):
    for part, value in (("data", 0.5), ("indices", 10**9), ("indptr", -(10**9))):
        X, X_val = (scipy.sparse.csr_array(np.random.default_rng(seed).normal(size=(3000, 20))) for seed in (0, 1))
        def overwrite(info):
            getattr((X, X_val)[place], part)[1:] = value
        try:
            print(len(sm.fit(X, y, epochs=3, rng=0, validation=(X_val, y), callback=overwrite).history))
        except ValueError as error:
            print(str(error).split(":")[0])
"""
    assert in_new_process(code).split() == 2 * ["3", "X.indices", "X.indptr"]
