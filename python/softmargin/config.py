"""Threads, instruction sets, and what this installation is made of."""

import numbers
import platform
import sys
from importlib.metadata import PackageNotFoundError, version
from typing import TypedDict, cast

from softmargin import _core
from softmargin._validation import MOST_THREADS, closest

__all__ = [
    "BuildInfo",
    "build_info",
    "get_num_threads",
    "set_num_threads",
    "set_simd_level",
    "show_versions",
    "simd_level",
    "simd_levels",
]


class BuildInfo(TypedDict):
    """What :func:`build_info` returns."""

    version: str
    compiler: str
    simd_compiled: tuple[str, ...]
    simd_supported: tuple[str, ...]
    simd_active: str
    openmp: int
    openmp_library: str
    num_threads: int
    num_threads_reason: str


def get_num_threads() -> int:
    """Return the number of threads that functions use where `num_threads` is None.

    That is the number given to :func:`set_num_threads`; else what ``OMP_NUM_THREADS`` or threadpoolctl says; else the
    smallest of the number of processors, the affinity mask and the CPU quota of the control group (cgroup, rounded up).
    ``build_info()["num_threads_reason"]`` tells which one it was. Small work may be done by fewer.

    Returns
    -------
    int
        At least 1. Always 1 if the package was built without OpenMP.

    See Also
    --------
    set_num_threads

    Examples
    --------
    >>> import softmargin as sm
    >>> sm.get_num_threads() >= 1
    True
    """
    return _core.get_num_threads()


def set_num_threads(n: int | None) -> None:
    """Set the number of threads that functions use where `num_threads` is None, for the whole process.

    Parameters
    ----------
    n : int or None
        At least 1. None goes back to the number that the environment gives.

    Raises
    ------
    TypeError
        ``n: expected an integer or None, got 2.5``
    ValueError
        ``n: expected an integer from 1 to 4096, got 0; None goes back to the default``

    Notes
    -----
    Results do not depend on it: the same bits come out for any number of threads. Other libraries are not affected
    either, since ``omp_set_num_threads`` is never called.

    Examples
    --------
    >>> import softmargin as sm
    >>> sm.set_num_threads(1)
    >>> sm.get_num_threads()
    1
    >>> sm.set_num_threads(None)
    """
    if n is None:
        _core.set_num_threads(0)
        return
    if not isinstance(n, numbers.Integral) or isinstance(n, bool):
        raise TypeError(f"n: expected an integer or None, got {n!r}")
    if not 1 <= n <= MOST_THREADS:
        raise ValueError(f"n: expected an integer from 1 to {MOST_THREADS}, got {n}; None goes back to the default")
    _core.set_num_threads(int(n))


def simd_levels() -> tuple[str, ...]:
    """Return the instruction sets that this build has kernels for and this CPU can run, lowest first.

    Returns
    -------
    tuple of str
        On x86-64 out of ``"baseline"`` (x86-64-v2), ``"avx2"`` (with FMA and F16C) and ``"avx512"`` (x86-64-v4); on
        arm64 ``"neon"``.

    Examples
    --------
    >>> import softmargin as sm
    >>> sm.simd_level() in sm.simd_levels()
    True
    """
    return _core.simd_levels()


def simd_level() -> str:
    """Return the instruction set in use.

    The one given to :func:`set_simd_level`; else the one in the environment variable ``SOFTMARGIN_SIMD``; else the
    highest one of :func:`simd_levels`.

    Returns
    -------
    str

    Raises
    ------
    ValueError
        ``SOFTMARGIN_SIMD: expected one of 'baseline', 'avx2', got 'sse9'``, here and wherever the kernels are first used.

    Examples
    --------
    >>> import softmargin as sm
    >>> sm.simd_level() == sm.build_info()["simd_active"]
    True
    """
    return _core.simd_level()


def set_simd_level(name: str) -> None:
    """Choose the instruction set, for the whole process.

    Parameters
    ----------
    name : str
        One of :func:`simd_levels`.

    Raises
    ------
    TypeError
        ``name: expected a string, got 2``
    ValueError
        ``name: expected one of 'baseline', 'avx2', got 'avx'; did you mean 'avx2'?`` or
        ``name: expected one of 'baseline', 'avx2', got 'avx512'; this CPU does not support it``

    Notes
    -----
    Levels differ in the last bits of their results, since they sum in a different order. It is meant for tests and for
    measuring what an instruction set is worth.

    Examples
    --------
    >>> import softmargin as sm
    >>> level = sm.simd_level()
    >>> sm.set_simd_level(sm.simd_levels()[0])
    >>> sm.set_simd_level(level)
    """
    if not isinstance(name, str):
        raise TypeError(f"name: expected a string, got {name!r}")
    try:
        _core.set_simd_level(name)
    except ValueError as error:
        # Known levels bring their own hint: that this CPU lacks them.
        hint = "" if "; " in str(error) else closest(name, simd_levels())
        raise ValueError(f"{error}{hint}") from None


def build_info() -> BuildInfo:
    """Return how this build was made and what it does on this machine.

    Returns
    -------
    dict
        ``version`` of the compiled module; ``compiler``; the instruction sets ``simd_compiled``,
        ``simd_supported`` and ``simd_active``; ``openmp``, the date of the OpenMP standard that the
        compiler follows (``_OPENMP``, 0 if built without) and ``openmp_library``, the path of the runtime that is
        loaded; ``num_threads`` and, in words, ``num_threads_reason``.

    Raises
    ------
    ValueError
        As :func:`simd_level`.

    Examples
    --------
    >>> import softmargin as sm
    >>> sm.build_info()["version"] == sm.__version__
    True
    """
    return cast(BuildInfo, _core.build_info())


def show_versions() -> None:
    """Print the versions, the build and the machine: what a bug report should contain.

    Examples
    --------
    >>> import softmargin as sm
    >>> sm.show_versions()
    softmargin: ...
    """
    rows: dict[str, object] = dict(build_info())
    print(f"softmargin: {rows.pop('version')}")
    for key, value in rows.items():
        shown = ", ".join(value) if isinstance(value, tuple) else value
        print(f"  {key}: {shown}")
    print(f"python: {sys.version.split()[0]} ({sys.executable})")
    print(f"machine: {platform.platform()}")
    for package in ("numpy", "scipy", "scikit-learn", "safetensors", "cyclopts", "rich", "matplotlib", "polars"):
        try:
            print(f"{package}: {version(package)}")
        except PackageNotFoundError:
            print(f"{package}: not installed")
