"""Running the command in this process, and data for it."""

import numpy as np

RNG = np.random.default_rng(0)
CENTRES = np.array([[0, 0, 0], [4, 0, 0], [0, 4, 0]], dtype=np.float32)
Y = np.arange(120) % 3
X = (CENTRES[Y] + RNG.normal(size=(120, 3))).astype(np.float32)
QUICK = ["--epochs", "2", "--threads", "1"]


def expect_error(result, *parts):
    code, _, err = result
    assert code == 2
    assert err.startswith("error: ")
    assert err.count("\n") == 1
    for part in parts:
        assert part in err
