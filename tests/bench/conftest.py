"""What the benchmarks share: generated data of CIFAR-10's shape in every dtype, threads, and a record of the machine."""

from dataclasses import dataclass

import numpy as np
import pytest
import threadpoolctl

import softmargin as sm

N_FEATURES, N_CLASSES = 3072, 10
N_MEASURED = 50_000
# Without --benchmark-enable: just above 16 * 256 rows, from where on a full pass takes the way it takes at 50 000.
N_CHECKED = 4_200


@dataclass
class Data:
    """Pixels as uint8 and labels; every dtype holds the same numbers, as float16 is exact up to 2048."""

    pixels: np.ndarray  # (n_samples, n_features)
    y: np.ndarray  # (n_samples,)
    W: np.ndarray  # (n_outputs, n_features) float32, for scores of about 1
    b: np.ndarray  # (n_outputs,) float32

    def __post_init__(self):
        self.forms = {"uint8": self.pixels}

    def X(self, dtype):
        """Return X in `dtype`, made once."""
        if dtype not in self.forms:
            self.forms[dtype] = self.pixels.astype(dtype)
        return self.forms[dtype]


@pytest.fixture(scope="session")
def measuring(request):
    """Whether times are measured, or only results compared."""
    return request.config.getoption("benchmark_enable")


@pytest.fixture(scope="session")
def data(measuring):
    """A template a class, faint beside the noise."""
    n, rng = N_MEASURED if measuring else N_CHECKED, np.random.default_rng(0)
    y = rng.integers(0, N_CLASSES, n)
    pixels = rng.integers(0, 192, (n, N_FEATURES), dtype=np.uint8)
    pixels += rng.integers(0, 64, (N_CLASSES, N_FEATURES), dtype=np.uint8)[y]
    W = 1e-4 * rng.standard_normal((N_CLASSES, N_FEATURES))
    return Data(pixels, y, W.astype(np.float32), (0.1 * rng.standard_normal(N_CLASSES)).astype(np.float32))


@pytest.fixture
def threads():
    """All threads that the environment allows, for BLAS and for us alike."""
    count = sm.get_num_threads()
    with threadpoolctl.threadpool_limits(limits=count):
        yield count


@pytest.fixture
def measure(benchmark, measuring, threads):
    """The function (group, function) -> its result; a few rounds in pytest-benchmark's table, or one call."""

    def run(group, function, *, rounds=9):
        blas = {p["num_threads"] for p in threadpoolctl.threadpool_info() if p["user_api"] == "blas"}
        assert blas <= {threads}  # Accelerate on macOS is unknown to threadpoolctl and takes all
        benchmark.group = group
        benchmark.extra_info.update(threads=threads, blas_threads=max(blas, default=None), simd_level=sm.simd_level())
        return benchmark.pedantic(function, rounds=rounds, iterations=1, warmup_rounds=1 if measuring else 0)

    return run
