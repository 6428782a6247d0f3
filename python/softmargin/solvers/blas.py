"""The threads of BLAS while a solver runs: one.

Between passes a solver has many small products. BLAS would take all threads for them, and its threads go on spinning for 20 to 90
ms when a product is done: the next pass over X shares the cores with them and takes twice as long (103 against 44 ms, uint8,
50 000 x 3072, two cores). What is worth more threads has those of stripes.py.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

from threadpoolctl import ThreadpoolController

_lock = threading.Lock()
_inside = 0  # solvers that are running: several Python threads may solve at once
_before: list[tuple[Any, int]] = []  # the libraries and their threads when the first of them began


@cache
def _libraries() -> list[Any]:
    return list(ThreadpoolController().select(user_api="blas").lib_controllers)


@contextmanager
def one_thread() -> Iterator[None]:
    """Let BLAS take one thread; the last solver that ends gives back what the first one found."""
    global _inside, _before
    with _lock:
        _inside += 1
        if _inside == 1:
            _before = [(library, library.get_num_threads()) for library in _libraries()]
            for library, _ in _before:
                _limit(library, 1)
    try:
        yield
    finally:
        with _lock:
            _inside -= 1
            if _inside == 0:
                for library, count in _before:
                    _limit(library, count)


def _limit(library: Any, count: int) -> None:
    """Set the threads of a library, whichever Python thread asks.

    threadpoolctl 3.8 heeds only the first thread that ever sets those of OpenBLAS: what another one has to give back would be
    lost, and BLAS left with one thread for good. Who is first and who is last is settled here.
    """
    set_num_threads = getattr(library, "_real_set_num_threads", library.set_num_threads)
    set_num_threads(count)
