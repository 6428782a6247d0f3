"""Problems solved one after the other, each with what the last one found: the steps of a path."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np

from softmargin.model import LinearModel
from softmargin.objective import Data
from softmargin.penalties import Penalty

from .automatic import arithmetic, automatic
from .blas import one_thread
from .engine import Engine
from .exact import finish, prepare
from .problem import Array
from .results import SolveInfo, SolveResult
from .run import Limits


class Chain:
    """Problems on one X, solved one after the other: each starts where the last one ended, with the same sampled Gram matrix.

    Parameters
    ----------
    limits, method, fit_intercept, standardize, num_threads
        As in :func:`solve`, checked.
    last : SolveResult, optional
        Where the first one starts; anything with ``W`` and ``intercept``.
    """

    def __init__(
        self,
        limits: Limits,
        *,
        method: str = "auto",
        fit_intercept: bool = True,
        standardize: bool = False,
        num_threads: int = 0,
        last: LinearModel | None = None,
    ) -> None:
        self.limits, self.method, self.last = limits, method, last
        self.fit_intercept, self.standardize, self.num_threads = fit_intercept, standardize, num_threads
        self.grams: list[Array] | None = None
        self._columns: tuple[bool, int] | None = None  # which the Gram matrices are of

    def solve(
        self,
        data: Data,
        penalty: Penalty | None,
        intercept_penalty: float = 0.0,
        callback: Callable[[SolveInfo], object] | None = None,
    ) -> SolveResult:
        """Solve the next problem; whether it has converged is for the caller to tell."""
        start = time.perf_counter()
        with one_thread():
            problem = prepare(
                data,
                penalty,
                fit_intercept=self.fit_intercept,
                standardize=self.standardize,
                intercept_penalty=intercept_penalty,
                num_threads=self.num_threads,
                deadline=None,
            )
            x = np.zeros(problem.size)
            if self.last is not None:
                b = self.last.intercept
                x = problem.from_model(self.last.W, np.zeros(problem.n_outputs) if b is None else b)
            columns = problem.own is None, problem.n_features  # with l1 no features are merged
            if columns != self._columns:
                self.grams, self._columns = None, columns
            method = automatic(problem) if self.method == "auto" else self.method
            engine = Engine(problem, x, method, self.limits, arithmetic(problem, method), self.grams, callback)
            result = finish(engine, start)
        self.last, self.grams = result, engine.first_grams
        return result
