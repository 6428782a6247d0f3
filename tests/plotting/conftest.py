"""What all tests of the displays share: pyplot without a window, and two classes that overlap."""

import numpy as np
import pytest
from sklearn.datasets import make_blobs


@pytest.fixture(autouse=True)
def plt():
    """pyplot without a window; figures that a test makes are closed after it."""
    matplotlib = pytest.importorskip("matplotlib")
    before = matplotlib.get_backend()
    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    plt.close("all")
    yield plt
    plt.close("all")
    matplotlib.use(before)


@pytest.fixture(scope="module")
def blobs():
    """Two classes that overlap, as signs."""
    X, y = make_blobs(60, centers=[[-1, 0], [1.5, 1]], random_state=0)
    return X, np.where(y, 1.0, -1.0)
