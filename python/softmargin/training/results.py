"""What training tells: a record an epoch, and the result with all that a later run needs to go on from it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from softmargin.model import LinearModel
from softmargin.optimizers import OptimizerState

Weights = tuple[npt.NDArray[Any], npt.NDArray[Any] | None]


@dataclass(frozen=True)
class EpochRecord:
    """What happened in one epoch.

    Attributes
    ----------
    epoch : int
        1 for the first.
    loss : float
        Mean over the epoch's steps of F on the batch, penalty included, before the step.
    lr : float
        Learning rate of the epoch's last step.
    seconds : float
        Time of its steps, without the validation set.
    val_loss : float or None
        Mean loss on the validation set, weighted where it came with weights, without the penalty.
    val_score : float or None
        On the validation set: accuracy for classes and signs, R^2 for real targets.
    """

    epoch: int
    loss: float
    lr: float
    seconds: float
    val_loss: float | None = None
    val_score: float | None = None


@dataclass(frozen=True)
class EpochInfo(EpochRecord):
    """What a callback is given: the record of the epoch, and W and the intercept, made when they are asked for.

    They are those of the moment: ask during the callback.
    """

    weights: Callable[[], Weights] = field(default=lambda: (np.zeros((0, 0)), None), repr=False, compare=False)

    @property
    def W(self) -> npt.NDArray[Any]:
        """W (n_outputs, n_features) in raw units; a copy."""
        return self.weights()[0]

    @property
    def intercept(self) -> npt.NDArray[Any] | None:
        """The intercept (n_outputs,) in raw units, or None; a copy."""
        return self.weights()[1]


@dataclass(frozen=True, eq=False, repr=False)
class RunState:
    """What a run needs to go on, beside the state of the rule: plain arrays and values.

    Attributes
    ----------
    W, intercept : ndarray
        As the core holds them: of standardised features where `fit` standardises, or in the coordinates of an automatic rate.
    intercept_state : list of ndarray (n_outputs,)
        The state of the rule for the intercept.
    seed : int
        What the permutations come from.
    schedule_state : object
        What the schedule remembers.
    mean, scale : ndarray (n_features,) or None
        The standardisation, or the coordinates; scale 0 marks a constant feature.
    options : dict
        The options of the run, which a later run has to share.
    average : pair of ndarray (n_outputs, n_features) and (n_outputs,) or None
        The averages of W and the intercept, in float64; None without ``average=True``.
    """

    W: npt.NDArray[Any]
    intercept: npt.NDArray[Any] | None
    intercept_state: list[npt.NDArray[Any]]
    seed: int
    schedule_state: Any
    mean: npt.NDArray[np.float64] | None
    scale: npt.NDArray[np.float64] | None
    options: Mapping[str, Any]
    average: tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]] | None = None


@dataclass(frozen=True, eq=False, repr=False)
class FitResult(LinearModel):
    """A trained linear model, how it got there, and all that `fit(resume=...)` needs to go on. It can be pickled.

    Attributes
    ----------
    W : ndarray (n_outputs, n_features)
        In raw units; with ``average=True`` the average of the iterates, of which the last is in `run_state`.
    intercept : ndarray (n_outputs,) or None
        In raw units; None with ``fit_intercept=False``.
    history : tuple of EpochRecord
        One an epoch, from the very start.
    n_steps : int
        Steps done from the very start.
    optimizer_state : OptimizerState or None
        The state of the rule for W as the core holds it: of standardised features with ``standardize=True``. None for a search.
    run_state : RunState or None
        What else a later run needs. None for a search.
    """

    W: npt.NDArray[Any]
    intercept: npt.NDArray[Any] | None
    history: tuple[EpochRecord, ...]
    n_steps: int
    optimizer_state: OptimizerState | None = None
    run_state: RunState | None = None

    def __repr__(self) -> str:
        k, d = self.W.shape
        loss = f", loss={self.history[-1].loss:.6g}" if self.history else ""
        return f"FitResult(W=({k}, {d}) {self.W.dtype}, epochs={len(self.history)}, n_steps={self.n_steps}{loss})"
