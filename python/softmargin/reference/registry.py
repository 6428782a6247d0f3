"""How formulas become a loss of the reference: targets are read, their parameters picked, positive weights applied."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from .targets import class_labels, distributions, real, signs

Float = npt.NDArray[np.float64]
Formula = Callable[..., tuple[Float, Float]]
Part = Callable[..., Float]


@dataclass(frozen=True)
class Loss:
    """A loss: scores S (n, k) and targets y to the loss of each sample (n,) and dS = d loss / d S (n, k).

    The methods take the same options as the call: margin, delta, positive_weight.

    Attributes
    ----------
    name : str
    reads : str
        A name of READERS: the form in which the formulas get y.
    formula, dual, second, nearest : callable
        What `loss` was given: value and dS, the conjugate, the Hessian product, the maximiser of the smoothed loss.

    Examples
    --------
    >>> from softmargin.reference import LOSSES
    >>> huber = LOSSES["huber"]
    >>> S, y = np.array([[0.5]]), [0.0]
    >>> value, dS = huber(S, y)
    >>> value, huber.conjugate(dS, y), dS * S                      # value + conjugate = dS . S
    (array([0.125]), array([0.125]), array([[0.25]]))
    >>> huber.hessian(S, np.array([[3.0]]), y)
    array([[3.]])
    """

    name: str
    reads: str
    formula: Formula
    dual: Part
    second: Part | None
    nearest: Part | None

    def __call__(self, S: npt.ArrayLike, y: npt.ArrayLike, **options: Any) -> tuple[Float, Float]:
        """Return the loss of each sample (n,) and dS (n, k)."""
        S, t, weight = self._read(S, y, options)
        value, dS = self.formula(S, t, **picked(self.formula, options))
        return total(value, weight), weight * dS

    def conjugate(self, A: npt.ArrayLike, y: npt.ArrayLike, **options: Any) -> Float:
        """Return max over s of a.s - loss(s) of each sample (n,), for A (n, k) where that is finite.

        With a weight, (w loss)*(a) = w loss*(a / w); a weight of 0 leaves a = 0, whose conjugate is 0.
        """
        A, t, weight = self._read(A, y, options)
        return total(self.dual(divide(A, weight), t, **picked(self.dual, options)), weight)

    def hessian(self, S: npt.ArrayLike, V: npt.ArrayLike, y: npt.ArrayLike, **options: Any) -> Float:
        """Return the Hessian of each sample's loss at S times V, (n, k); for smooth losses."""
        assert self.second is not None, f"{self.name} has no second derivatives"
        S, t, weight = self._read(S, y, options)
        return weight * self.second(S, np.asarray(V, dtype=np.float64), t, **picked(self.second, options))

    def smoothed(
        self, S: npt.ArrayLike, y: npt.ArrayLike, centre: npt.ArrayLike, width: float, **options: Any
    ) -> tuple[Float, Float]:
        """Return max over a of a.s - loss*(a) - width/2 |a - centre|^2 of each sample (n,), and its a (n, k).

        That a is the derivative in s. For losses that are not smooth; centre (n, k) is in the domain of loss*. For losses of
        classes the norm is that of the a_j with j != y, as a_y is minus their sum.
        """
        assert self.nearest is not None, f"{self.name} is smooth"
        S, t, weight = self._read(S, y, options)
        C = np.asarray(centre, dtype=np.float64)
        # w loss has the dual variables a = w a' with (width w)/2 |a' - centre / w|^2.
        A = weight * self.nearest(S, t, divide(C, weight), width * weight, **picked(self.nearest, options))
        square = (A - C) ** 2
        if self.reads == "labels":
            square[np.arange(len(t)), t] = 0.0
        return (A * S).sum(axis=1) - self.conjugate(A, y, **options) - width / 2 * square.sum(axis=1), A

    def _read(self, S: npt.ArrayLike, y: npt.ArrayLike, options: dict[str, Any]) -> tuple[Float, Any, Float]:
        """S and y as the formulas take them, and the weight of each output, (n, k) for signs, else (1, 1)."""
        unknown = set(options) - {"margin", "delta", "positive_weight"}
        if unknown:
            raise TypeError(
                f"{self.name}: expected the options margin, delta and positive_weight, got {min(unknown)!r}"
            )
        S = np.asarray(S, dtype=np.float64)
        t = READERS[self.reads](y, S.shape[1])
        if len(t) != len(S):
            raise ValueError(f"y: expected {len(S)} samples as in X, got {len(t)}")
        positive_weight = options.get("positive_weight")
        if positive_weight is None:
            return S, t, np.ones((1, 1))
        if self.reads != "signs":
            raise ValueError(
                f"positive_weight: expected None for {self.name!r}, which has no signs, got {positive_weight}"
            )
        return S, t, np.where(t > 0, np.asarray(positive_weight, dtype=np.float64), 1.0)


LOSSES: dict[str, Loss] = {}
TARGETS: dict[str, str] = {}  # name -> "classes", "signs" or "real": what y means to the loss
READS: dict[str, str] = {}  # name -> a name of READERS: the form in which the formula gets it

READERS = {"labels": class_labels, "distributions": distributions, "signs": signs, "real": real}
KINDS = {"labels": "classes", "distributions": "classes", "signs": "signs", "real": "real"}


def loss(
    reads: str, *, conjugate: Part, hessian: Part | None = None, nearest: Part | None = None
) -> Callable[[Formula], Formula]:
    """Enter a formula into LOSSES under its own name, with what solvers ask of it.

    Each is called with the targets as `reads` says, and whichever of margin and delta it names. Where every output stands
    alone they give (n, k), which is summed over the outputs. Where targets are signs, positive_weight (k,) multiplies the
    terms whose target is +1.

    Parameters
    ----------
    reads : str
        A name of READERS.
    conjugate : callable
        (A, y) to loss*(a) = max over s of a.s - loss(s), (n,) or (n, k), where it is finite.
    hessian : callable, for a smooth loss
        (S, V, y) to the Hessian of each sample's loss at S times V, (n, k).
    nearest : callable, for a loss that is not smooth
        (S, y, centre, width) to the a (n, k) that maximises a.s - loss*(a) - width/2 |a - centre|^2; width is a number, (n, k)
        where every output stands alone.
    """

    def register(formula: Formula) -> Formula:
        name = formula.__name__
        LOSSES[name] = Loss(name, reads, formula, conjugate, hessian, nearest)
        TARGETS[name], READS[name] = KINDS[reads], reads
        return formula

    return register


def picked(function: Callable[..., Any], options: dict[str, Any]) -> dict[str, float]:
    """Return margin and delta, 1 by default, where the function names them.

    Examples
    --------
    >>> picked(lambda S, y, margin: S, {"delta": 2.0})
    {'margin': 1.0}
    """
    wanted = inspect.signature(function).parameters
    return {name: options.get(name, 1.0) for name in ("margin", "delta") if name in wanted}


def total(value: Float, weight: Float) -> Float:
    """Return the weighted sum over the outputs, where there is a value for each."""
    return (weight * value).sum(axis=1) if value.ndim == 2 else value


def divide(A: Float, weight: Float) -> Float:
    """Return A / weight, and 0 where the weight is 0."""
    A, weight = np.broadcast_arrays(A, weight)
    return np.divide(A, weight, out=np.zeros(A.shape), where=weight > 0)
