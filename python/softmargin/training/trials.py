"""A run in miniature: a few steps of a rule from zero weights, judged on the samples that come next."""

from __future__ import annotations

from collections.abc import Callable
from threading import Event
from typing import Any

import numpy as np
import numpy.typing as npt

from softmargin import _core
from softmargin.objective import Data, of_output
from softmargin.optimizers import Optimizer
from softmargin.schedules import Polynomial, Schedule

from .outputs import Trainers, trainer_of
from .rows import inverse
from .standardize import Standardization

Float = npt.NDArray[np.float64]

# Samples that judge a trial, in proportion to those it was trained on.
JUDGES = 0.5


class Trial:
    """Trials of one rule on one data set; all take the same samples in the same order, so that they differ by the rate alone."""

    def __init__(
        self,
        data: Data,
        optimizer: Optimizer,
        penalty: Any,
        fit_intercept: bool,
        scaling: Standardization | None,
        batch_size: int,
        seed: int,
        num_threads: int,
    ) -> None:
        self.data, self.optimizer, self.penalty, self.scaling = data, optimizer, penalty, scaling
        self.batch_size, self.seed, self.num_threads = batch_size, seed, num_threads
        self.W = np.zeros((data.n_outputs, data.matrix.n_features), data.dtype)
        self.b = np.zeros(data.n_outputs, data.dtype) if fit_intercept else None

    def outputs(self) -> list[Trial]:
        """Return trials of each output alone."""
        given = (self.optimizer, self.penalty, self.b is not None, self.scaling, self.batch_size, self.seed)
        return [Trial(of_output(self.data, j), *given, self.num_threads) for j in range(self.data.n_outputs)]

    def value(self, rate: float, n_steps: int) -> float:
        """Return the mean of F over the batches after `n_steps` steps whose rates fall linearly to zero; inf if they diverge."""
        trainer = self._trainer(self.num_threads)
        judges = max(1, int(JUDGES * n_steps))
        try:
            self._run(trainer, rate, n_steps)
            if trainer.n_steps_per_epoch - n_steps < judges:  # the samples of the trial itself, in another order
                trainer.start_epoch(1)
            value = trainer.run(np.zeros(judges)) / judges  # at a rate of 0 nothing moves
        except FloatingPointError:
            return np.inf
        return value if np.isfinite(value) else np.inf

    def full_value(
        self,
        rate: float,
        epochs: int = 1,
        shape: Callable[[int], Schedule] = Polynomial,
        num_threads: int | None = None,
        stop: Event | None = None,
    ) -> float:
        """Return F of all samples after a run whose rates have a shape; inf if it diverges, or is told to stop."""
        threads = self.num_threads if num_threads is None else num_threads
        trainer = self._trainer(threads)
        steps = trainer.n_steps_per_epoch
        schedule = shape(epochs * steps)
        try:
            for epoch in range(epochs):
                if stop is not None and stop.is_set():
                    return np.inf
                trainer.start_epoch(epoch)
                trainer.run(schedule.lr(epoch * steps, steps, epoch, rate))
            W, b = trainer.raw_weights()
            loss = self.data.problem.loss_and_grad(W, b, gradient=False, num_threads=threads)[0]
        except (FloatingPointError, ValueError):  # ValueError: scores that overflow
            return np.inf
        value = loss + penalty_value(self.penalty, trainer.weights()[0])
        return value if np.isfinite(value) else np.inf

    def _run(self, trainer: _core.Trainer | Trainers, rate: float, n_steps: int) -> None:
        trainer.start_epoch(0)
        trainer.run(rate * (1 - np.arange(n_steps) / n_steps))

    def _trainer(self, num_threads: int) -> _core.Trainer | Trainers:
        return trainer_of(
            self.data,
            self.W,
            self.b,
            self.optimizer,
            self.penalty,
            batch_size=self.batch_size,
            shuffle=True,
            seed=self.seed,
            mean=None if self.scaling is None else self.scaling.mean,
            scale=None if self.scaling is None else self.scaling.scale,
            num_threads=num_threads,
        )

    def at_zero(self) -> tuple[float, Float]:
        """Return F and all its derivatives at zero weights: of V as the rule sees it, then of b."""
        problem = self.data.problem
        loss, G, db = problem.loss_and_grad(self.W, np.zeros_like(self.W[:, 0]), num_threads=self.num_threads)
        G, db = G.astype(np.float64), db.astype(np.float64)
        if self.scaling is not None:
            G = (G - np.outer(db, self.scaling.mean)) * inverse(self.scaling.scale)
        return loss, G.ravel() if self.b is None else np.append(G, db)

    def mean_square_of_dS(self) -> float:
        """Return the weighted mean over samples of ||dS||^2 at zero scores: of equal scores, labels alone make a difference."""
        n = self.data.matrix.n_samples
        S, shift = np.zeros((n, self.data.n_outputs), self.data.dtype), np.zeros(self.data.n_outputs, self.data.dtype)
        _, dS, _ = _core.row_losses(self.data.problem, S, shift, num_threads=self.num_threads)
        weight = self.data.sample_weight
        return float(np.average((dS.astype(np.float64) ** 2).sum(axis=1), weights=weight))


def penalty_value(penalty: Any, W: npt.NDArray[Any]) -> float:
    """Return alpha R(W): F of one sample of zeros, of which nothing is asked.

    Examples
    --------
    >>> penalty_value(("l2", (0.5,)), np.array([[1.0, -2.0]]))
    1.25
    """
    flat = W.reshape(1, -1)
    zeros = _core.DenseMatrix(np.zeros_like(flat))
    problem = _core.Problem(zeros, np.zeros((1, 1), W.dtype), "mse", 1, dtype=W.dtype.name)
    return float(problem.loss_and_grad(flat, None, penalty=penalty, gradient=False)[0])
