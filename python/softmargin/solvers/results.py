"""What `solve` and its relatives return."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from softmargin.model import LinearModel


class ConvergenceWarning(UserWarning):
    """The certificate that was asked for was not reached."""


@dataclass(frozen=True)
class SolveRecord:
    """One look at the objective on the way to the optimum.

    Attributes
    ----------
    n_passes : float
        Passes over X so far; reading it for the scores alone, or for the gradient alone, is half a pass.
    seconds : float
        Since `solve` was called.
    loss : float
        F, penalty included; in float64 where `gap` is given.
    gap : float or None
        The certified bound on the relative distance from the optimum; None where it was not computed.
    """

    n_passes: float
    seconds: float
    loss: float
    gap: float | None = None


@dataclass(frozen=True)
class SolveInfo(SolveRecord):
    """What a callback of `solve` is given: the record, and W and the intercept in raw units, made when they are asked for."""

    weights: Callable[[], tuple[npt.NDArray[np.float64], npt.NDArray[np.float64] | None]] = field(
        default=lambda: (np.zeros((0, 0)), None), repr=False, compare=False
    )

    @property
    def W(self) -> npt.NDArray[np.float64]:
        """W (n_outputs, n_features) in raw units; a copy."""
        return self.weights()[0]

    @property
    def intercept(self) -> npt.NDArray[np.float64] | None:
        """The intercept (n_outputs,) in raw units, or None; a copy."""
        return self.weights()[1]


@dataclass(frozen=True, eq=False, repr=False)
class SolveResult(LinearModel):
    """The optimum of a linear model, and how near it is.

    Attributes
    ----------
    W : ndarray (n_outputs, n_features)
        float64, in the units of X.
    intercept : ndarray (n_outputs,) or None
        float64; None with ``fit_intercept=False``.
    loss : float
        F(W, b), penalty included, in float64.
    gap : float
        (F - F*) / max(|F|, tiny) is at most this, proven by a dual feasible point. NaN without a penalty, where no such proof is
        at hand: see `gradient_norm`.
    converged : bool
        Whether `gap` (without a penalty `gradient_norm`) reached `tol`.
    gradient_norm : float
        Of F at the result in the units the solver works in (features centred and scaled), the subgradient of least length for l1,
        in proportion to that at the start; without a penalty, to that at zero weights. NaN with methods "dual" and "interior".
    n_iter : int
        Steps of the solver.
    n_passes : float
        Passes over X.
    method : str
        What was chosen by ``method="auto"``; the one that went on where "dual", "rows" or "interior" ended before the tolerance.
    history : tuple of SolveRecord
    """

    W: npt.NDArray[np.float64]
    intercept: npt.NDArray[np.float64] | None
    loss: float
    gap: float
    converged: bool
    gradient_norm: float
    n_iter: int
    n_passes: float
    method: str
    history: tuple[SolveRecord, ...]

    def __repr__(self) -> str:
        k, d = self.W.shape
        return (
            f"SolveResult(W=({k}, {d}), loss={self.loss:.8g}, gap={self.gap:.2g}, converged={self.converged}, "
            f"n_passes={self.n_passes:g}, method={self.method!r})"
        )


def advice(result: SolveResult, max_iter: int, stopped: bool = False) -> str:
    """Return what is left to do where `tol` was not reached; stopped: by max_seconds or a callback."""
    if stopped:
        return "stopped by max_seconds or the callback; W0 and intercept0 go on from here"
    if result.n_iter >= max_iter:
        return "a larger max_iter goes on"
    return "no step lowers F by more than rounding any more; a larger tol or a stronger penalty is left"


def warn_if_not_converged(result: SolveResult, tol: float, hint: str, stacklevel: int = 3) -> None:
    """Warn with the gap that was reached and what to do about it."""
    if result.converged:
        return
    reached = f"gradient_norm={result.gradient_norm:.2g}" if np.isnan(result.gap) else f"gap={result.gap:.2g}"
    warnings.warn(
        f"solve: reached {reached} where tol={tol:g} was asked for, after {result.n_iter} steps; {hint}",
        ConvergenceWarning,
        stacklevel=stacklevel,
    )
