"""Nothing of the size of X is allocated: peak memory of a process, as the system counts it."""

import sys

import pytest

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="there is no /proc/self/status elsewhere")

CODE = """
import numpy as np, scipy.sparse
import softmargin as sm
from softmargin import _core
from softmargin._validation import as_matrix

def peak():
    with open("/proc/self/status") as file:  # ru_maxrss begins with the parent's
        return next(1024 * int(line.split()[1]) for line in file if line.startswith("VmHWM"))

n, d = 60000, 2000
y, W = np.arange(n) % 10, np.zeros((10, d), np.float32)
sm.fit(np.ones((300, d), np.uint8), y[:300], epochs=1, standardize=True)  # what a first use takes once
X = np.ones((n, d), np.uint8)
X[::3] = 2
S = scipy.sparse.csr_array((np.ones(n * 50, np.float32), np.tile(np.arange(50, dtype=np.int32), n), 50 * np.arange(n + 1)), (n, d))
before = peak()
for data in (X, S):
    sm.loss_and_grad(W, data, y)
    sm.fit(data, y, epochs=1, standardize=True, batch_size=None)
    sm.fit(data, y, epochs=1, optimizer=sm.optimizers.Adam(), batch_size=1024)
    sm.fit(data, y, epochs=1, batch_size=1024)
    _core.scores(W, None, as_matrix(data))
print(X.nbytes, peak() - before)
X.astype(np.float16)
print(peak() - before)
"""


def test_nothing_of_the_size_of_X(in_new_process):
    size, used, with_a_copy = (int(word) for word in in_new_process(CODE).split())
    assert used < 0.25 * size  # the scores are 2 % of it, 16 slots of dW 2 %, y and the order of an epoch 1 %
    assert with_a_copy > 1.5 * size  # the control: a copy shows


ESTIMATOR = """
import warnings
import numpy as np, scipy.sparse, tempfile, os
from softmargin import LinearClassifier

warnings.simplefilter("ignore")  # one epoch has not converged

def peak():
    with open("/proc/self/status") as file:
        return next(1024 * int(line.split()[1]) for line in file if line.startswith("VmHWM"))

n, d = 30000, 2000
y = np.arange(n) % 10
rules = dict(max_epochs=1, random_state=0)
for small in (np.ones((300, d), np.float32), scipy.sparse.csr_array(np.eye(300, d, dtype=np.float32))):
    LinearClassifier(solver="SGD", **rules).fit(small, y[:300]).predict(small)  # what a first use takes once
X = np.ones((n, d), np.{dtype})
X[::3] = 2
S = scipy.sparse.csr_array((np.ones(n * 500, np.float32), np.tile(np.arange(500, dtype=np.int32), n), 500 * np.arange(n + 1)), (n, d))
with open("/proc/self/clear_refs", "w") as file:
    file.write("5")  # the peak is that of now: what making X and S took does not count
before = peak()
for data in (X, S):
    LinearClassifier(solver="SGD", **rules).fit(data, y).predict(data)
    LinearClassifier(solver="Adam", standardize=True, **rules).fit(data, y)
print(min(X.nbytes, S.data.nbytes + S.indices.nbytes), peak() - before)
LinearClassifier(solver="SGD", **rules).fit(np.asfortranarray(X), y)
print(X.nbytes, peak() - before)
"""


@pytest.mark.parametrize("dtype", ["float32", "float16", "uint8"])
def test_an_estimator_takes_next_to_nothing_beside_X(in_new_process, dtype):
    """At most 5 % of X and 50 MB, for row-major arrays and CSR."""
    size, used, of_dense, with_a_copy = (int(word) for word in in_new_process(ESTIMATOR.format(dtype=dtype)).split())
    assert used <= 0.05 * size + 50e6
    assert with_a_copy > 1.5 * of_dense  # the control: another order is copied, and here twice
