"""How a formula becomes a loss of the reference: targets are read, its parameters picked, positive weights applied."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Protocol

import numpy as np
import numpy.typing as npt

from .targets import class_labels, distributions, real, signs

Float = npt.NDArray[np.float64]
Formula = Callable[..., tuple[Float, Float]]


class Loss(Protocol):
    """A loss: scores S (n, k) and targets y to the loss of each sample (n,) and dS = d loss / d S (n, k)."""

    def __call__(
        self,
        S: npt.ArrayLike,
        y: npt.ArrayLike,
        *,
        margin: float = 1.0,
        delta: float = 1.0,
        positive_weight: npt.ArrayLike | None = None,
    ) -> tuple[Float, Float]: ...


LOSSES: dict[str, Loss] = {}
TARGETS: dict[str, str] = {}  # name -> "classes", "signs" or "real": what y means to the loss
READS: dict[str, str] = {}  # name -> a name of READERS: the form in which the formula gets it

READERS = {"labels": class_labels, "distributions": distributions, "signs": signs, "real": real}
KINDS = {"labels": "classes", "distributions": "classes", "signs": "signs", "real": "real"}


def loss(reads: str) -> Callable[[Formula], Formula]:
    """Enter a formula into LOSSES under its own name.

    The formula is called with S, the targets as `reads` says, and whichever of margin and delta it names. It gives dS
    (n, k) with the loss of each sample (n,), or of each output (n, k) where every output stands alone; those are
    summed. Where targets are signs, positive_weight (k,) multiplies the terms whose target is +1.
    """

    def register(formula: Formula) -> Formula:
        parameters = inspect.signature(formula).parameters
        wanted = [name for name in ("margin", "delta") if name in parameters]

        def function(
            S: npt.ArrayLike,
            y: npt.ArrayLike,
            *,
            margin: float = 1.0,
            delta: float = 1.0,
            positive_weight: npt.ArrayLike | None = None,
        ) -> tuple[Float, Float]:
            S = np.asarray(S, dtype=np.float64)
            t = READERS[reads](y, S.shape[1])
            if len(t) != len(S):
                raise ValueError(f"y: expected {len(S)} samples as in X, got {len(t)}")
            given = {"margin": margin, "delta": delta}
            value, dS = formula(S, t, **{name: given[name] for name in wanted})
            if positive_weight is not None:
                if reads != "signs":
                    raise ValueError(
                        f"positive_weight: expected None for {formula.__name__!r}, which has no signs, "
                        f"got {positive_weight}"
                    )
                weight = np.where(t > 0, np.asarray(positive_weight, dtype=np.float64), 1.0)
                value, dS = weight * value, weight * dS
            return (value.sum(axis=1) if value.ndim == 2 else value), dS

        function.__name__, function.__doc__ = formula.__name__, formula.__doc__
        name = formula.__name__
        LOSSES[name], TARGETS[name], READS[name] = function, KINDS[reads], reads
        return formula

    return register
