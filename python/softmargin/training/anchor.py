"""The rate that a linear model suggests before the first step, and the highest that it allows."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from softmargin import _core
from softmargin.losses import info

from .rows import Float, RowNorms, row_norms
from .traits import Traits
from .trials import Trial


class Anchor(NamedTuple):
    """first: the rate to be tried first. highest: what may be where a few rows have been seen; limit: where all have been."""

    first: float
    highest: float
    limit: float


def anchor(loss: float, gradient: Float, trial: Trial, kind: Traits, fit_intercept: bool, seed: int) -> Anchor:
    """Return the first rate to be tried and the highest that may be."""
    l2 = (_core.l1_l2(trial.penalty) or (0.0, 0.0))[1]
    if kind.invariant:
        highest = _quotient(1.0, kind.decay)
        return Anchor(min(_quotient(loss, float(np.abs(gradient).sum()) * kind.reach), highest), highest, highest)
    data, size = trial.data, trial.batch_size
    norms = row_norms(data, trial.scaling, fit_intercept, np.random.default_rng(seed))
    # E ||g_B||^2 <= ||g||^2 + E ||g_i||^2 / |B|, the second by the mean of ||dS||^2 at zero and of ||z||^2.
    square = float(gradient @ gradient) + trial.mean_square_of_dS() * norms.mean / size
    polyak, smooth = _quotient(loss, square), np.inf
    curvature = _core.curvature(data.loss, data.n_outputs)
    if curvature is not None:
        if data.positive_weight is not None:
            curvature *= max(1.0, float(data.positive_weight.max()))
        smooth = _quotient(1.0, 2 * (curvature * expected_smoothness(norms, data.matrix.n_samples, size) + l2))
    limit = highest = _quotient(1.0, kind.reach * l2 + kind.decay)
    ends = info(data.loss)
    if ends["dual_each"] is None and ends["dual_total"] is None:
        highest = min(highest, 4 * smooth / kind.reach)
        return Anchor(min(smooth / kind.reach, highest), highest, limit)
    # A rate beyond 1 / M is of use while gradients are at their bound, far from the optimum: large targets of huber.
    first = polyak if not np.isfinite(smooth) else max(smooth, polyak)
    return Anchor(min(first / kind.reach, highest), highest, limit)


def expected_smoothness(norms: RowNorms, n: int, batch_size: int) -> float:
    """Return M / L of batches drawn without replacement: between the largest eigenvalue (all) and the largest norm (one).

        M = n (b - 1) / (b (n - 1)) L_mean + (n - b) / (b (n - 1)) L_max

    Source: Gower et al. 2019, on sampling b of n without replacement.

    Examples
    --------
    >>> expected_smoothness(RowNorms(2.0, 8.0, 1.0), 100, 1), expected_smoothness(RowNorms(2.0, 8.0, 1.0), 100, 100)
    (8.0, 1.0)
    """
    if n == 1:
        return norms.largest
    b = batch_size
    return n * (b - 1) / (b * (n - 1)) * norms.eigenvalue + (n - b) / (b * (n - 1)) * norms.largest


def _quotient(a: float, b: float) -> float:
    return a / b if b > 0 and a > 0 else np.inf
