"""What the benchmarks share: the size of their cases, and threads."""

import pytest

import softmargin as sm
from softmargin.bench.case import Setting

# Without --benchmark-enable results are only compared, on the fewest rows that take the way of a full pass.
CHECKED = 1e-9


@pytest.fixture(scope="session")
def measuring(request):
    """Whether times are measured, or only results compared."""
    return request.config.getoption("benchmark_enable")


@pytest.fixture
def setting(measuring):
    """All threads that the environment allows, for BLAS and for us alike."""
    return Setting(sm.get_num_threads(), 1.0 if measuring else CHECKED)
