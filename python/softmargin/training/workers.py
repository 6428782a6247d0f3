"""Python threads side by side, which Ctrl-C ends."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor, wait
from threading import Event
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

# Seconds between two looks at signals: they come to the thread that waits, whose wait some handlers do not end.
LOOK = 0.02


class Workers(ThreadPoolExecutor):
    """Threads, and `stop`, which tells them to end: they see no signals themselves."""

    def __init__(self, threads: int) -> None:
        super().__init__(threads)
        self.stop = Event()

    def each(self, function: Callable[[Item], Result], items: Iterable[Item]) -> list[Result]:
        """Return what the function makes of each item, in their order.

        Examples
        --------
        >>> with Workers(2) as workers:
        ...     workers.each(len, ["a", "bc"])
        [1, 2]
        """
        futures = [self.submit(function, item) for item in items]
        try:
            while wait(futures, timeout=LOOK).not_done:
                pass
        except BaseException:
            self.stop.set()
            for future in futures:
                future.cancel()
            raise
        return [future.result() for future in futures]
