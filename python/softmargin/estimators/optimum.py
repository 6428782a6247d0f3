"""From scikit-learn's C, tol and max_iter to the certified optimum: what the drop-in classes have in common."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from sklearn.exceptions import ConvergenceWarning

from softmargin._validation import Matrix, as_threads, read_matrix
from softmargin.model import LinearModel
from softmargin.objective import Data, read_data
from softmargin.penalties import Penalty, get
from softmargin.solvers import SolveInfo, SolveRecord, SolveResult
from softmargin.solvers.chain import Chain
from softmargin.solvers.run import Limits

from .inputs import sklearn_words

Float = npt.NDArray[np.float64]

# Where rounding in float64 ends every descent: the relative decrease of the objective at which scipy's L-BFGS stops in scikit-learn.
ROUNDING = 64 * float(np.finfo(np.float64).eps)

# A gap from which rounding may be what is left, and looks at the certificate that did not halve it before the run ends.
NEAR_ROUNDING, FRUITLESS_LOOKS = 1e-10, 3


class Optimum(NamedTuple):
    """What a drop-in class has found.

    ``coef`` (n_outputs, n_features) and ``intercept`` (n_outputs,), float64; the relative ``gap`` to the optimum, NaN where nothing
    is penalised; ``gradient``, the largest entry of the (sub)gradient, or 0 where the certificate makes it superfluous.
    """

    coef: Float
    intercept: Float
    gap: float
    gradient: float
    n_iter: int
    loss: float
    history: tuple[SolveRecord, ...]

    def converged(self, tol: float) -> bool:
        """Return whether the certificate or scikit-learn's own criterion, the largest gradient, is at most `tol`."""
        return self.gap <= max(tol, ROUNDING) or self.gradient <= tol


class Start(LinearModel):
    """Where a run starts."""

    def __init__(self, W: Float, intercept: Float) -> None:
        self.W, self.intercept = W, intercept


class Task:
    """A loss on a data set, to be minimised for one or several strengths of the penalty.

    Minimises ``sum_i w_i loss_i + strength * (l1_ratio ||W||_1 + (1 - l1_ratio) / 2 ||W||^2)``, ``strength = 1 / C``: in the words
    of :func:`softmargin.solve` alpha = strength / sum of the weights.

    Parameters
    ----------
    X : Matrix
    y : ndarray (n_samples,) or (n_samples, n_outputs)
    loss : str
    n_outputs : int
    tol : float
        The relative gap to go for is ``(tol / 10)**2``: coefficients and gradients err by about the square root of it.
    max_iter : int
    fit_intercept : bool
    intercept_scaling : float, optional
        The value of LIBLINEAR's additional column, whose weight is penalised as any other; by default the intercept is not.
    positive_weight : ndarray (n_outputs,), optional
    num_threads : int, optional
    start : Start, optional
        Where the first run starts; every other one starts from the result before it.
    """

    def __init__(
        self,
        X: Matrix,
        y: npt.NDArray[Any],
        *,
        loss: str,
        n_outputs: int,
        tol: float,
        max_iter: int,
        fit_intercept: bool,
        intercept_scaling: float | None = None,
        positive_weight: Float | None = None,
        num_threads: int | None = None,
        start: LinearModel | None = None,
    ) -> None:
        self.X, self.y, self.loss, self.n_outputs = X, y, loss, n_outputs
        self.positive_weight = positive_weight
        self.fit_intercept = fit_intercept
        self.intercept_scaling = intercept_scaling if fit_intercept else None
        self.tol, self.max_iter = tol, max_iter
        threads = as_threads(num_threads)
        limits = Limits(max((tol / 10) ** 2, ROUNDING), max_iter, finish=False)
        self.chain = Chain(limits, fit_intercept=fit_intercept, num_threads=threads, last=start)
        self._widened: Chain | None = None

    def start_from(self, start: LinearModel | None) -> None:
        """Start the next run from there, or from zeros."""
        self.chain.last, self._widened = start, None

    def minimise(
        self,
        strength: float,
        l1_ratio: float = 0.0,
        sample_weight: Float | None = None,
        callback: Callable[[SolveInfo], object] | None = None,
    ) -> Optimum:
        """Return the optimum, starting from the last one."""
        n = self.X.n_samples
        alpha = strength / (n if sample_weight is None else float(sample_weight.sum()))
        scaling = self.intercept_scaling
        if scaling is not None and l1_ratio > 0 and alpha > 0:
            return self._with_column(alpha, l1_ratio, sample_weight, scaling, callback)
        with sklearn_words():
            data = self._data(self.X, sample_weight)
            on_intercept = 0.0 if scaling is None else alpha / scaling**2
            result = self.chain.solve(data, penalty_of(alpha, l1_ratio), on_intercept, Patience(callback))
            return self._told(result, data, alpha, l1_ratio, on_intercept)

    def _data(self, X: Matrix, sample_weight: Float | None) -> Data:
        return read_data(
            X,
            self.y,
            self.loss,
            n_outputs=self.n_outputs,
            dtype=np.dtype(np.float64),
            sample_weight=sample_weight,
            positive_weight=self.positive_weight,
        )

    def _with_column(
        self,
        alpha: float,
        l1_ratio: float,
        sample_weight: Float | None,
        scaling: float,
        callback: Callable[[SolveInfo], object] | None,
    ) -> Optimum:
        """An l1 penalty on the intercept is one on the weight of a column that is really there: X is copied for it."""
        if self._widened is None:
            start = self.chain.last
            if start is not None and start.intercept is not None:
                start = Start(np.column_stack([start.W, start.intercept / scaling]), np.zeros(self.n_outputs))
            self._widened = Chain(
                self.chain.limits, fit_intercept=False, num_threads=self.chain.num_threads, last=start
            )
            self._wide = with_column(self.X, scaling)

        def narrow(W: Float) -> tuple[Float, Float]:
            return W[:, :-1].copy(), W[:, -1] * scaling

        def tell(info: SolveInfo) -> object:
            return callback is not None and callback(replace(info, weights=lambda: narrow(info.weights()[0])))

        with sklearn_words():
            data = self._data(self._wide, sample_weight)
            result = self._widened.solve(data, penalty_of(alpha, l1_ratio), 0.0, Patience(tell))
            found = self._told(result, data, alpha, l1_ratio, 0.0)
        coef, intercept = narrow(found.coef)
        return found._replace(coef=coef, intercept=intercept)

    def _told(self, result: SolveResult, data: Data, alpha: float, l1_ratio: float, on_intercept: float) -> Optimum:
        gradient = 0.0
        if not result.converged:
            gradient = largest_gradient(data, result, alpha, l1_ratio, on_intercept)
        b = np.zeros(self.n_outputs) if result.intercept is None else result.intercept
        n_iter = min(result.n_iter, self.max_iter)
        return Optimum(result.W, b, result.gap, gradient, n_iter, result.loss, result.history)


def penalty_of(alpha: float, l1_ratio: float) -> Penalty | None:
    """Return the penalty, None for none.

    Examples
    --------
    >>> penalty_of(0.1, 0.0), penalty_of(0.1, 1), penalty_of(0.0, 1)
    (L2(alpha=0.1), L1(alpha=0.1), None)
    """
    if alpha == 0:
        return None
    if l1_ratio in (0, 1):
        return get("l1" if l1_ratio else "l2")(alpha=alpha)
    return get("elasticnet")(alpha=alpha, l1_ratio=float(l1_ratio))


def largest_gradient(data: Data, model: LinearModel, alpha: float, l1_ratio: float, on_intercept: float) -> float:
    """Return the largest absolute entry of the gradient of F; for l1 of the subgradient of least length."""
    W, b = model.W, model.intercept
    _, dW, db = data.problem.loss_and_grad(W, b)
    l1 = alpha * l1_ratio
    dW = dW + alpha * (1 - l1_ratio) * W
    at_zero = np.sign(dW) * np.maximum(np.abs(dW) - l1, 0.0)
    dW = np.where(W == 0, at_zero, dW + l1 * np.sign(W))
    largest = float(np.abs(dW).max())
    return largest if b is None else max(largest, float(np.abs(db + on_intercept * b).max()))


def with_column(X: Matrix, value: float) -> Matrix:
    """Return X with one more column, all `value`, in float64: a copy.

    Examples
    --------
    >>> with_column(read_matrix([[1.0], [2.0]]), 3.0).core.arrays[0]
    array([[1., 3.],
           [2., 3.]])
    """
    column = np.full((X.n_samples, 1), float(value))
    if X.layout == "dense":
        return read_matrix(np.hstack([X.core.arrays[0].astype(np.float64), column]))
    from scipy.sparse import csr_matrix, hstack

    rows = csr_matrix(X.core.arrays, shape=(X.n_samples, X.n_features), copy=False)
    return read_matrix(csr_matrix(hstack([rows.astype(np.float64), column], format="csr")))


class Patience:
    """Ends a run where rounding has ended it, and else does what another callback says."""

    def __init__(self, callback: Callable[[SolveInfo], object] | None = None) -> None:
        self.callback, self.best, self.fruitless = callback, np.inf, 0

    def __call__(self, info: SolveInfo) -> bool:
        """Return whether to stop."""
        stop = self.callback is not None and bool(self.callback(info))
        if info.gap is None:
            return stop
        if info.gap > NEAR_ROUNDING or info.gap < self.best / 2:
            self.best, self.fruitless = min(self.best, info.gap), 0
        else:
            self.fruitless += 1
        return stop or self.fruitless >= FRUITLESS_LOOKS


def warn_unless_converged(found: Optimum, tol: float, begins: str, stacklevel: int = 3) -> None:
    """Warn in the words that scikit-learn's solver of the same name begins with, and go on with how far it is, in figures."""
    if found.converged(tol):
        return
    reached = f"the largest gradient is {found.gradient:.2g}"
    if not np.isnan(found.gap):
        reached = (
            f"the objective is certified to be at most {found.gap:.2g} (relative) above its optimum, and {reached}"
        )
    warnings.warn(
        f"{begins} After {found.n_iter} iterations {reached}, where tol={tol:g} was asked for. Increase the number of iterations "
        f"(max_iter) to improve the convergence; scaling the data is not needed for it.",
        ConvergenceWarning,
        stacklevel=stacklevel,
    )


def say(name: str, found: Optimum) -> None:
    """Print what `verbose` asks for: a line for each fit."""
    seconds = found.history[-1].seconds if found.history else 0.0
    print(f"[{name}] {found.n_iter} iterations, {seconds:.2g} s: objective {found.loss:.8g}, gap {found.gap:.2g}")
