"""`solve_path`: the optimum for many strengths of the penalty and many folds, each started from the last."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import numpy.typing as npt

from softmargin._validation import (
    as_bool,
    as_integer,
    as_number,
    as_sample_weight,
    as_threads,
    choose,
    describe,
    first_bad,
    read_matrix,
)
from softmargin.objective import read_data
from softmargin.penalties import Penalty, as_spec

from .automatic import METHODS
from .chain import Chain
from .exact import DEFAULT_PENALTY
from .folds import read_folds
from .problem import Float
from .results import SolveResult, advice, warn_if_not_converged
from .run import Limits


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class PathResult:
    """The optima of a path.

    Attributes
    ----------
    alphas : ndarray (n_alphas,)
        As they were given.
    results : list of list of SolveResult
        ``results[fold][i]`` is the optimum for ``alphas[i]`` on the training rows of the fold; one fold of all rows without
        `folds`.
    val_loss : ndarray (n_folds, n_alphas) or None
        Mean loss on the held-out rows, without the penalty, weighted by `sample_weight`; None without `folds`.
    n_passes : float
        Passes over X in all.
    """

    alphas: npt.NDArray[np.float64]
    results: list[list[SolveResult]]
    val_loss: npt.NDArray[np.float64] | None
    n_passes: float

    @property
    def best_alpha(self) -> float:
        """The alpha of the least mean `val_loss`.

        Raises
        ------
        ValueError
            ``folds: expected folds to choose alpha by, got None``
        """
        if self.val_loss is None:
            raise ValueError("folds: expected folds to choose alpha by, got None")
        return float(self.alphas[int(self.val_loss.mean(axis=0).argmin())])

    def __repr__(self) -> str:
        return f"PathResult(n_folds={len(self.results)}, n_alphas={len(self.alphas)}, n_passes={self.n_passes:g})"


def solve_path(
    X: Any,
    y: npt.ArrayLike,
    *,
    alphas: npt.ArrayLike,
    folds: Any = None,
    loss: str = "softmax",
    penalty: Penalty = DEFAULT_PENALTY,
    tol: float = 1e-4,
    max_iter: int = 1000,
    method: str = "auto",
    fit_intercept: bool = True,
    standardize: bool = False,
    intercept_penalty: float = 0.0,
    sample_weight: npt.ArrayLike | None = None,
    positive_weight: npt.ArrayLike | None = None,
    num_threads: int | None = None,
    margin: float = 1.0,
    delta: float = 1.0,
) -> PathResult:
    """Find the optimum for each alpha, and for each fold of the rows.

    The strongest penalty comes first; every other problem starts from the solution before it, and all share the Gram matrix of
    one sample of rows. A fold is a weight of 0 for the rows held out, and of 2 for a row that is named twice: X is never copied.

    Parameters
    ----------
    X, y, loss, tol, max_iter, method, fit_intercept, standardize, intercept_penalty, sample_weight, positive_weight, num_threads, \
margin, delta
        As in :func:`solve`. With `standardize`, each fold has the means and deviations of its own training rows.
    alphas : array_like (n_alphas,)
        Above 0, in any order.
    folds : int, array_like (n_samples,) of fold numbers, or iterable of (train, test) index arrays, optional
        An integer K deals the rows out in turn, 0, 1, ..., K-1, 0, ...: shuffle them, or pass the splits of one of scikit-learn's
        splitters, ``splitter.split(X, y)``, where their order means something.
    penalty : Penalty, default L2
        Its alpha is replaced by each of `alphas`.

    Returns
    -------
    PathResult
        ``results``, ``val_loss``, ``best_alpha``

    Raises
    ------
    TypeError
        ``folds: expected (train, test) pairs, got 3 (int)`` and the like.
    ValueError
        ``alphas: expected numbers above 0, got 0 at row 2``, ``folds: expected an integer at least 2, got 1``,
        ``folds: expected rows in every part, got an empty one`` and the like.

    Warns
    -----
    ConvergenceWarning
        Where a certificate was not reached.

    Examples
    --------
    >>> import numpy as np
    >>> import softmargin as sm
    >>> rng = np.random.default_rng(0)
    >>> y = rng.integers(0, 2, 60)
    >>> X = rng.standard_normal((60, 5)) + y[:, None]
    >>> path = sm.solve_path(X, y, alphas=[1e-3, 1e-2, 1e-1], folds=3)
    >>> path.val_loss.shape, path.best_alpha in path.alphas
    ((3, 3), True)
    """
    matrix = read_matrix(X)
    n = matrix.n_samples
    strengths = _alphas(alphas)
    as_spec(penalty)
    if not hasattr(penalty, "alpha"):
        raise TypeError(f"penalty: expected a penalty with an alpha, got {describe(penalty)}")
    weights = as_sample_weight(sample_weight, n)
    base = np.ones(n) if weights is None else weights
    pairs = [] if folds is None else [(base * train, base * test) for train, test in read_folds(folds, n)]
    for train, test in pairs:
        if not (train.any() and test.any()):
            raise ValueError("folds: expected rows with a weight above 0 in every part, got a part of zeros")
    chosen, threads = choose("method", method, METHODS), as_threads(num_threads)
    chain = Chain(
        Limits(as_number("tol", tol), as_integer("max_iter", max_iter, 0)),
        method=chosen,
        fit_intercept=as_bool("fit_intercept", fit_intercept),
        standardize=as_bool("standardize", standardize),
        num_threads=threads,
    )
    intercept_penalty = as_number("intercept_penalty", intercept_penalty)
    order = np.argsort(-strengths)
    results: list[list[SolveResult]] = []
    val_loss = np.zeros((len(pairs), len(strengths)))
    n_passes = 0.0
    for fold, own in enumerate([train for train, _ in pairs] or [weights]):
        data = read_data(
            matrix,
            y,
            loss,
            dtype=np.dtype(np.float64),
            sample_weight=own,
            positive_weight=positive_weight,
            margin=margin,
            delta=delta,
        )
        chain.last = None if not results else results[-1][int(order[0])]
        found: dict[int, SolveResult] = {}
        for i in order:
            found[int(i)] = result = chain.solve(data, with_alpha(penalty, float(strengths[i])), intercept_penalty)
            n_passes += result.n_passes
            warn_if_not_converged(
                result, chain.limits.tol, f"alpha={strengths[i]:g}: {advice(result, chain.limits.max_iter)}"
            )
        results.append([found[i] for i in range(len(strengths))])
        if pairs:
            held_out = read_data(
                matrix,
                y,
                loss,
                dtype=np.dtype(np.float64),
                n_outputs=data.n_outputs,
                sample_weight=pairs[fold][1],
                positive_weight=positive_weight,
                margin=margin,
                delta=delta,
            )
            for i, result in enumerate(results[-1]):
                value, _, _ = held_out.problem.loss_and_grad(
                    result.W, result.intercept, gradient=False, num_threads=threads
                )
                val_loss[fold, i] = value
                n_passes += 0.5
    return PathResult(strengths, results, val_loss if pairs else None, n_passes)


def with_alpha(penalty: Any, alpha: float) -> Penalty:
    """Return the penalty with another strength."""
    changed: Penalty = dataclasses.replace(penalty, alpha=alpha)
    return changed


def _alphas(alphas: npt.ArrayLike) -> Float:
    try:
        values = np.array(alphas, dtype=np.float64)
    except (TypeError, ValueError):
        raise TypeError(f"alphas: expected numbers, got {describe(alphas)}") from None
    if values.ndim != 1 or len(values) == 0:
        raise ValueError(f"alphas: expected shape (n_alphas,), got {values.shape}")
    first_bad("alphas", values, np.isfinite(values) & (values > 0), "numbers above 0")
    return values


__all__ = ["PathResult", "solve_path"]
