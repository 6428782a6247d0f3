"""Threads, instruction sets and regions: what decides, what comes back, and what a fork leaves."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from threadpoolctl import threadpool_limits

import softmargin as sm
from softmargin import _core

OPENMP = sm.build_info()["openmp"] > 0
needs_openmp = pytest.mark.skipif(not OPENMP, reason="built without OpenMP: always one thread")
needs_affinity = pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="no affinity masks on this system")
needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")


@pytest.fixture(autouse=True)
def _restore():
    level = sm.simd_level()
    yield
    sm.set_num_threads(None)
    sm.set_simd_level(level)


def in_new_process(code, **variables):
    """Run `code` after `import softmargin as sm`, with these environment variables, and return what it prints."""
    environment = {k: v for k, v in os.environ.items() if k not in {"OMP_NUM_THREADS", "SOFTMARGIN_SIMD"}}
    command = [sys.executable, "-W", "error", "-c", f"import softmargin as sm\n{code}"]
    done = subprocess.run(
        command, check=False, env=environment | variables, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


# Thread counts


def test_set_num_threads():
    sm.set_num_threads(3)
    assert sm.get_num_threads() == 3
    assert sm.build_info()["num_threads_reason"] == "set_num_threads"
    sm.set_num_threads(None)
    assert sm.build_info()["num_threads_reason"] != "set_num_threads"


@pytest.mark.parametrize(
    ("n", "error", "message"),
    [
        (0, ValueError, "n: expected an integer from 1 to 4096, got 0; None goes back to the default"),
        (-1, ValueError, "n: expected an integer from 1 to 4096, got -1; None goes back to the default"),
        (
            1 << 40,
            ValueError,
            "n: expected an integer from 1 to 4096, got 1099511627776; None goes back to the default",
        ),
        (2.5, TypeError, "n: expected an integer or None, got 2.5"),
        (True, TypeError, "n: expected an integer or None, got True"),
        ("2", TypeError, "n: expected an integer or None, got '2'"),
    ],
)
def test_set_num_threads_refuses(n, error, message):
    before = sm.get_num_threads()
    with pytest.raises(error) as caught:
        sm.set_num_threads(n)
    assert str(caught.value) == message
    assert sm.get_num_threads() == before


@needs_openmp
def test_omp_num_threads_is_obeyed():
    code = "print(sm.get_num_threads(), sm.build_info()['num_threads_reason'])"
    for n in (1, 5):  # 5: also above the number of processors
        for said in (f"{n}", f" {n} ", f"{n},2"):
            assert in_new_process(code, OMP_NUM_THREADS=said) == f"{n} OMP_NUM_THREADS"
    without = in_new_process(code)
    assert "OMP_NUM_THREADS" not in without  # the control: without it, something else decides
    for said in ("", "abc", "0", "3x", "3,"):
        assert in_new_process(code, OMP_NUM_THREADS=said).split(maxsplit=1)[1] == without.split(maxsplit=1)[1]


@needs_openmp
def test_threadpoolctl_is_obeyed():
    default = sm.get_num_threads()
    limit = max(default, os.cpu_count() or 1) + 1  # no other reason gives so many
    with threadpool_limits(limits=limit, user_api="openmp"):
        assert sm.get_num_threads() == limit
        assert "omp_set_num_threads" in sm.build_info()["num_threads_reason"]
    assert sm.get_num_threads() == default


@needs_openmp
@needs_affinity
def test_affinity_is_obeyed():
    if len(os.sched_getaffinity(0)) < 2:
        pytest.skip("one processor only")
    code = """
import os
os.sched_setaffinity(0, [min(os.sched_getaffinity(0))])
print(sm.get_num_threads(), sm.build_info()["num_threads_reason"])"""
    assert in_new_process(code) == "1 CPU affinity"


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def test_cgroup_quota(tmp_path):
    """Quotas are read from real files, of both versions of the interface."""
    membership, mount = tmp_path / "cgroup", tmp_path / "mount"

    def cpus():
        return _core._cgroup_cpus(str(mount), str(membership))

    assert cpus() == 0  # no such files
    write(membership, "0::/a/b\n")
    write(mount / "a/b/cpu.max", "max 100000\n")
    assert cpus() == 0
    write(mount / "a/b/cpu.max", "350000 100000\n")
    assert cpus() == 4  # 3.5, rounded up
    write(mount / "a/cpu.max", "50000 100000\n")
    assert cpus() == 1  # an ancestor allows less
    write(membership, "0::/the/host/knows/this\n")
    assert cpus() == 0
    write(mount / "cpu.max", "200000 100000\n")
    assert cpus() == 2  # ... and a container sees only the root

    write(membership, "12:memory:/x\n4:cpu,cpuacct:/x\n3:cpuset:/\n0::/\n")
    (mount / "cpu.max").unlink()
    write(mount / "cpu,cpuacct/x/cpu.cfs_quota_us", "-1\n")
    write(mount / "cpu,cpuacct/x/cpu.cfs_period_us", "100000\n")
    assert cpus() == 0
    write(mount / "cpu,cpuacct/x/cpu.cfs_quota_us", "250000\n")
    assert cpus() == 3


# Instruction sets


def test_every_supported_level_in_one_process():
    info = sm.build_info()
    assert set(sm.simd_levels()) <= set(info["simd_compiled"])
    assert sm.simd_levels()
    for level in sm.simd_levels():
        sm.set_simd_level(level)
        assert sm.simd_level() == sm.build_info()["simd_active"] == level


def test_unsupported_level():
    before = sm.simd_level()
    supported = ", ".join(repr(level) for level in sm.simd_levels())
    with pytest.raises(ValueError) as caught:
        sm.set_simd_level("sse9")
    assert str(caught.value) == f"name: expected one of {supported}, got 'sse9'"
    typo = before.upper()
    with pytest.raises(ValueError) as caught:
        sm.set_simd_level(typo)
    assert str(caught.value) == f"name: expected one of {supported}, got '{typo}'; did you mean '{before}'?"
    for level in set(sm.build_info()["simd_compiled"]) - set(sm.simd_levels()):
        with pytest.raises(ValueError) as caught:
            sm.set_simd_level(level)
        assert str(caught.value) == f"name: expected one of {supported}, got '{level}'; this CPU does not support it"
    with pytest.raises(TypeError, match=r"^name: expected a string, got 2$"):
        sm.set_simd_level(2)
    assert sm.simd_level() == before


def test_simd_variable():
    for level in sm.simd_levels():
        assert in_new_process("print(sm.simd_level())", SOFTMARGIN_SIMD=level) == level
    assert in_new_process("print(sm.simd_level())", SOFTMARGIN_SIMD="") == sm.simd_levels()[-1]
    code = """
for _ in range(2):
    try:
        sm.simd_level()
    except ValueError as error:
        print(error)
sm.set_simd_level(sm.simd_levels()[0])
print(sm.simd_level())"""
    supported = ", ".join(repr(level) for level in sm.simd_levels())
    message = f"SOFTMARGIN_SIMD: expected one of {supported}, got 'sse9'"
    assert in_new_process(code, SOFTMARGIN_SIMD="sse9").splitlines() == [message, message, sm.simd_levels()[0]]


# What the installation says of itself


def test_build_info(capsys):
    info = sm.build_info()
    assert info["version"] == sm.__version__
    assert info["num_threads"] == sm.get_num_threads()
    assert info["compiler"].split()[0] in {"GCC", "Clang"}
    assert (info["openmp"] > 0) == bool(info["openmp_library"]) or sys.platform == "win32"
    sm.show_versions()
    printed = capsys.readouterr().out
    for word in (info["version"], info["compiler"], info["simd_active"], info["num_threads_reason"], "numpy: "):
        assert word in printed


def test_names():
    assert set(sm.__all__) <= set(dir(sm))
    for name in sm.__all__:
        assert getattr(sm, name) is not None
    with pytest.raises(AttributeError, match="module 'softmargin' has no attribute 'softmax'"):
        sm.softmax  # noqa: B018


def test_import_is_light():
    heavy = "[m for m in ('sklearn', 'scipy.optimize', 'matplotlib', 'polars') if m in sys.modules]"
    assert in_new_process(f"import sys; print({heavy})") == "[]"
    # The control: the same question does see one.
    assert in_new_process(f"import sys, sklearn; print({heavy}[0])") == "sklearn"


# Regions


@pytest.mark.parametrize("num_threads", [1, 2, 3, 8])
def test_exceptions_leave_a_region(num_threads):
    """On whatever rank, in a phase or after it; when several throw, the lowest rank's comes back. No thread is left waiting."""
    size = num_threads if OPENMP else 1
    for _ in range(50):
        for rank in range(size):
            for in_phase in (True, False):
                with pytest.raises(RuntimeError, match=f"^thrown on rank {rank}$"):
                    _core._throw_in_parallel(rank, num_threads, "runtime_error", in_phase)
                with pytest.raises(MemoryError):
                    _core._throw_in_parallel(rank, num_threads, "bad_alloc", in_phase)
        # The control: all threads arrive if none throws, and the pool is still whole.
        assert _core._throw_in_parallel(0, num_threads, "none") == size


def test_regions_of_several_python_threads():
    results = []

    def work():
        for _ in range(200):
            results.append(_core._throw_in_parallel(0, 2, "none"))
            try:
                _core._throw_in_parallel(1, 2, "runtime_error")
            except RuntimeError as error:
                results.append(str(error))

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results.count(2 if OPENMP else 1) == 600
    assert results.count("thrown on rank 1") == (600 if OPENMP else 0)


def child_comes_back(seconds):
    """Fork now; whether the child runs a region of 4 threads and exits within `seconds`."""
    child = os.fork()
    if child == 0:
        status = 1
        try:
            status = 0 if _core._throw_in_parallel(0, 4, "none") == 4 else 1
        finally:
            os._exit(status)
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status) == 0
        time.sleep(0.01)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return False


@needs_fork
@needs_openmp
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_fork_after_a_region():
    for _ in range(3):
        assert _core._throw_in_parallel(0, 4, "none") == 4
        assert child_comes_back(60)
    assert _core._throw_in_parallel(0, 4, "none") == 4
    if "gomp" not in sm.build_info()["openmp_library"]:
        return  # other runtimes see to forks themselves
    # The control: without the handler the child waits for threads that it does not have.
    _core._set_fork_handler(False)
    try:
        assert not child_comes_back(2)
    finally:
        _core._set_fork_handler(True)
