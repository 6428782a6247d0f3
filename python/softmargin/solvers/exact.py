"""`solve`: the optimum of a linear model, with a certificate."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from softmargin import _core
from softmargin._validation import (
    as_bool,
    as_integer,
    as_intercept,
    as_number,
    as_threads,
    as_weights,
    choose,
    describe,
    read_matrix,
)
from softmargin.objective import Data, read_data
from softmargin.penalties import Penalty, as_spec, get
from softmargin.training.standardize import standardization

from .automatic import METHODS, arithmetic, automatic
from .blas import one_thread
from .engine import Engine
from .own_features import merged
from .problem import LinearProblem, Regularizer, sample_mean
from .results import SolveInfo, SolveResult, advice, warn_if_not_converged
from .run import Limits

DEFAULT_PENALTY = get("l2")(alpha=1e-4)


def solve(
    X: Any,
    y: npt.ArrayLike,
    *,
    loss: str = "softmax",
    penalty: Penalty | None = DEFAULT_PENALTY,
    tol: float = 1e-4,
    max_iter: int = 1000,
    method: str = "auto",
    fit_intercept: bool = True,
    standardize: bool = False,
    intercept_penalty: float = 0.0,
    sample_weight: npt.ArrayLike | None = None,
    positive_weight: npt.ArrayLike | None = None,
    W0: npt.ArrayLike | None = None,
    intercept0: npt.ArrayLike | None = None,
    max_seconds: float | None = None,
    callback: Callable[[SolveInfo], object] | None = None,
    warn: bool = True,
    num_threads: int | None = None,
    margin: float = 1.0,
    delta: float = 1.0,
) -> SolveResult:
    """Find the optimum of a linear model, with a certificate of how near it is.

    Minimises ``F(W, b) = sum_i w_i loss(W x_i + b, y_i) / sum_i w_i + alpha R(W)``, and proves by a dual feasible point that the
    result is within ``gap`` of the least value there is.

    Parameters
    ----------
    X : array_like or sparse (n_samples, n_features)
        Read as it is where :func:`softmargin.loss_and_grad` does; nothing of its size is allocated, unless it is small, or text
        (see Notes).
    y : array_like (n_samples,) or (n_samples, n_outputs)
        Labels 0..k-1, signs, a distribution over the classes or real targets, as the loss reads them.
    loss : str, default "softmax"
        One of ``sm.losses.names()``: all are convex, smooth or not.
    penalty : Penalty or None, default L2(1e-4)
        ``sm.L2(alpha)``, ``sm.L1(alpha)``, ``sm.ElasticNet(alpha, l1_ratio)``. scikit-learn's ``C`` is alpha = 1 / (C * sum of the
        sample weights). None where nothing is penalised; then there is no bound, and `tol` is for ``gradient_norm``.
    tol : float, default 1e-4
        The relative gap to reach: (F - F*) / |F|.
    max_iter : int, default 1000
        Steps on the way to `tol`; a step is one pass over X or little more, with l1 as many as its line search takes. Where the unknowns
        are few, more follow once `tol` is reached, towards rounding, for as many passes again.
    method : {"auto", "gram", "diagonal", "newton", "interior", "rows", "dual"}, default "auto"
        The metric of the steps. "gram": the Gram matrix of a sample of rows, factorised, n_features^2 numbers; "diagonal": mean
        squares of the features; "newton": the Hessian, (n_outputs * n_features)^2 numbers, or n_outputs * n_features^2 where the loss is
        of each output alone. "interior": a primal-dual interior-point method for losses of quadratic pieces (hinges and their squares,
        mae, huber, mse), as large; it does not start from W0. Or, with an l2 penalty alone, no metric:
        "rows", steps in the span of the rows; "dual", coordinate ascent on the dual variables of the rows, for CSR
        and a loss of each output alone, smooth or not, whose outputs are what the threads share.
        "auto" takes "newton" where the Hessian of at most 2000 unknowns takes 0.1 ms or, of sparse rows, three passes, or 250 where the
        loss or its slope is not smooth (hinges, their squares, huber), and in place of it "interior" where the loss itself is not
        smooth, or with l1. It takes "newton" too, each output by itself in the core, where a dense X has at most 4096 rows and half a
        million numbers, outputs are apart, l2 is all the penalty, and the slope is not smooth or there are few features. Else "gram"
        up to 5000 features, or 10 000 of a dense X whose passes are as long; beyond that "dual" where it applies, unless "rows" does,
        there are half as many rows as features at most, and the losses curve less than the penalty (sup loss'' C mean |x|^2 < 1);
        then "rows"; else "diagonal".
    fit_intercept : bool, default True
        Whether there is a b.
    standardize : bool, default False
        Penalise as if every feature had mean 0 and variance 1 (weighted; scaled but not centred without an intercept). W and the
        intercept are told in raw units all the same, and a constant feature gets the weight 0. Not needed for speed: features are
        centred and scaled for the steps anyway.
    intercept_penalty : float, default 0
        Adds intercept_penalty / 2 * ||b||^2, as LIBLINEAR's augmented column does; with `standardize` it is on the intercept that
        goes with the centred features.
    sample_weight : array_like (n_samples,), optional
        At least 0, not all 0.
    positive_weight : array_like (n_outputs,), optional
        Multiplies the terms with target +1, for losses of signs only.
    W0, intercept0 : array_like (n_outputs, n_features) and (n_outputs,), optional
        Where to start, in raw units; zeros by default.
    max_seconds : float, optional
        Return the best point so far, with its gap, at the first pass that begins after so long.
    callback : callable, optional
        Called with a SolveInfo at every step and every look at the certificate; returning True stops the run, as `max_seconds`.
    warn : bool, default True
        Whether to warn where `tol` was not reached; ``converged`` and ``gap`` tell in any case.
    num_threads : int, optional
        ``sm.get_num_threads()`` by default, fewer for small work. The result does not depend on it, to the last bit.
    margin, delta : float, default 1
        Parameters of the losses that read them.

    Returns
    -------
    SolveResult
        ``W``, ``intercept``, ``loss``, ``gap``, ``converged``, ``gradient_norm``, ``n_iter``, ``n_passes``, ``method``, ``history``; W
        is float64.

    Raises
    ------
    TypeError, ValueError
        As :func:`softmargin.loss_and_grad`, and ``penalty: expected one with an l1 and an l2 part alone, got ...``,
        ``method: expected one of 'auto', ..., got 'lbfgs'``.
    FloatingPointError
        ``F is inf at the start: expected y, X and weights of a size whose loss is finite``

    Warns
    -----
    ConvergenceWarning
        Only where `tol` was not reached, with the gap that was; not with ``warn=False``.

    Notes
    -----
    Steps are those of L-BFGS in a metric (scores in float32 where X is, float64 once that ends), within the orthant of the current
    signs where there is an l1 part; a loss that is not smooth is replaced by smooth ones around the last dual variables, but with
    "interior", which takes such losses and l1 as they are. With "dual"
    a step is an epoch of coordinate ascent, which takes such losses as they are, in float64. The
    certificate is computed in float64 whatever X's dtype, one pass over X each time. Memory beyond X: the metric, a few arrays
    (n_samples, n_outputs), "interior" some twenty, and 20 pairs of vectors of the size of W; Hessians of classes take
    n_outputs (n_outputs + 1) / 2 numbers a sample. With an l2 penalty alone, the features of CSR that one row alone has are merged
    into one for the row where they hold a tenth of the entries: methods see fewer features, and X is copied, in float64.

    Unlike scikit-learn's solvers, whose tolerances are for gradients in the units of the data, `tol` means the same for every
    scale of X and every loss.

    Source: Liu and Nocedal, Mathematical Programming 45 (1989) for L-BFGS; Frangella, Rathore, Zhao and Udell, JMLR 25 (2024) for
    metrics from a sample of rows; Keerthi and DeCoste, JMLR 6 (2005), for Newton's method on squared hinges; Hsieh, Chang, Lin,
    Keerthi and Sundararajan, ICML 2008, for dual coordinate ascent; Mehrotra, SIAM J. Optimization 2 (1992), for "interior"; the
    modules of ``softmargin.solvers`` name the rest.

    Examples
    --------
    >>> import numpy as np
    >>> import softmargin as sm
    >>> X = np.array([[0.0], [1.0], [2.0], [3.0]])
    >>> result = sm.solve(X, [0, 0, 1, 1], penalty=sm.L2(0.01), tol=1e-6)
    >>> result.converged, result.gap <= 1e-6
    (True, True)
    >>> result.predict_scores(X).argmax(axis=1)
    array([0, 0, 1, 1])
    """
    start = time.perf_counter()
    matrix = read_matrix(X)
    W = None if W0 is None else as_weights("W0", W0, matrix.n_features)
    data = read_data(
        matrix,
        y,
        loss,
        n_outputs=None if W is None else len(W),
        dtype=np.dtype(np.float64),
        sample_weight=sample_weight,
        positive_weight=positive_weight,
        margin=margin,
        delta=delta,
    )
    k = data.n_outputs
    b = None if intercept0 is None else as_intercept("intercept0", intercept0, k, data.dtype)
    if b is not None and not as_bool("fit_intercept", fit_intercept):
        raise ValueError("intercept0: expected None with fit_intercept=False, got an array")
    seconds = None if max_seconds is None else as_number("max_seconds", max_seconds, low_open=True)
    warned = as_bool("warn", warn)
    if callback is not None and not callable(callback):
        raise TypeError(f"callback: expected a callable, got {describe(callback)}")
    with one_thread():
        problem = prepare(
            data,
            penalty,
            fit_intercept=as_bool("fit_intercept", fit_intercept),
            standardize=as_bool("standardize", standardize),
            intercept_penalty=as_number("intercept_penalty", intercept_penalty),
            num_threads=as_threads(num_threads),
            deadline=None if seconds is None else start + seconds,
        )
        limits = Limits(as_number("tol", tol), as_integer("max_iter", max_iter, 0))
        chosen = choose("method", method, METHODS)
        if chosen == "auto":
            chosen = automatic(problem)
        x = np.zeros(problem.size)
        if W is not None and W.any():
            x = problem.from_model(W.astype(np.float64), np.zeros(k) if b is None else b)
        elif b is not None:
            x[problem.n_weights :] = b
        engine = Engine(problem, x, chosen, limits, arithmetic(problem, chosen), callback=callback)
        result = finish(engine, start)
    if warned:
        warn_if_not_converged(result, limits.tol, advice(result, limits.max_iter, engine.stopped))
    return result


def prepare(
    data: Data,
    penalty: Penalty | None,
    *,
    fit_intercept: bool,
    standardize: bool,
    intercept_penalty: float,
    num_threads: int,
    deadline: float | None,
    merge: bool = True,
) -> LinearProblem:
    """Return the problem that the solvers work on: its penalty in numbers, its centre and scale, its features merged where it may."""
    parts = _core.l1_l2(as_spec(penalty))
    if parts is None:
        raise ValueError(
            f"penalty: expected one with an l1 and an l2 part alone, got {penalty!r}; sm.fit takes every penalty"
        )
    l1, l2 = parts
    regularizer = Regularizer(l1, l2, intercept_penalty)
    centred = fit_intercept and intercept_penalty == 0
    mean = scale = own = None
    if standardize:
        mean, scale = standardization(data, centre=fit_intercept, num_threads=num_threads)
    if merge and l1 == 0 and l2 > 0:
        data, own = merged(data, scale)
    d = data.matrix.n_features
    if mean is not None:
        centre = mean if own is None else own.centre_of_columns(mean)
    else:
        centre = sample_mean(data) if centred else np.zeros(d)
    if own is not None:
        scale = own.scale_of_columns()
    scale = np.ones(d) if scale is None else scale
    return LinearProblem(data, regularizer, fit_intercept, centre, scale, num_threads, deadline, own)


def finish(engine: Engine, start: float) -> SolveResult:
    """Run and report."""
    engine.start = start
    best = engine.run()
    problem = engine.problem
    W, b = problem.model(best.x)
    return SolveResult(
        W=W,
        intercept=b if problem.fit_intercept else None,
        loss=best.F,
        gap=engine.gap if engine.certifiable else float("nan"),
        converged=engine.done(),
        gradient_norm=engine.gradient_norm,
        n_iter=engine.n_iter,
        n_passes=problem.n_passes,
        method=engine.method,
        history=tuple(engine.history),
    )
