"""Coordinates in which an update rule finds the same minimum of the same F more easily: X centred, and divided by one number."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from softmargin import _core
from softmargin.objective import Data

from .standardize import Standardization

Spec = tuple[str, tuple[float, ...]]


class Coordinates:
    """z = (x - mean) / scale with V = scale W and c = b + W mean: the scores, the penalty and F stay what they are.

    Centred features are not correlated with the intercept, which no penalty holds; divided by one typical deviation they weigh as
    much in the curvature of F as its constant 1. One scale for all, as then the penalty on W is a multiple of that on V:
    alpha/2 ||W||^2 = alpha / (2 scale^2) ||V||^2 and alpha ||W||_1 = alpha / scale ||V||_1. It is a power of two, so that neither
    rounds. It is algebra on W as standardisation is, and takes no memory of the size of X.

    Source: LeCun, Bottou, Orr and Mueller, Efficient BackProp, 1998, section 4.3.

    Examples
    --------
    >>> Coordinates(np.array([3.0, 1.0]), 4.0).penalty(("l2", (0.5,)))
    ('l2', (0.03125,))
    """

    def __init__(self, mean: npt.NDArray[np.float64], scale: float) -> None:
        self.mean, self.scale = mean, scale

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Coordinates) and (self.scale, *self.mean) == (other.scale, *other.mean)

    def __hash__(self) -> int:
        return hash((self.scale, self.mean.tobytes()))

    def __repr__(self) -> str:
        return f"Coordinates({len(self.mean)} means, scale={self.scale:g})"

    def standardization(self) -> Standardization:
        """Return the mean and the scale (n_features,) of every feature, as the trainer takes them."""
        return Standardization(self.mean, np.full_like(self.mean, self.scale))

    def penalty(self, spec: Spec | None) -> Spec | None:
        """Return what a penalty on W is on V."""
        l1, l2 = _core.l1_l2(spec) or (0.0, 0.0)
        l1, l2 = l1 / self.scale, l2 / self.scale / self.scale
        if l1 == l2 == 0:
            return None
        if l1 == 0:
            return "l2", (l2,)
        return ("l1", (l1,)) if l2 == 0 else ("elasticnet", (l1 + l2, l1 / (l1 + l2)))


def coordinates(data: Data, penalty: Spec | None, *, fit_intercept: bool, num_threads: int) -> Coordinates | None:
    """Return the coordinates for a data set, or None where they would be of no use; in one pass over X.

    Without an intercept there is nothing to take up a shift, and a scale alone changes no step, as every rate that is found is
    found with it. On a sparse X a shift would make the steps dense. Penalties other than l1 and l2 have no such form.
    """
    if not fit_intercept or data.matrix.layout == "csr" or _core.l1_l2(penalty) is None:
        return None
    mean, variance, _, _ = _core.moments(data.matrix.core, data.sample_weight, num_threads)
    with np.errstate(over="ignore"):
        deviation = float(np.sqrt(variance.mean()))
    if not (np.isfinite(mean).all() and 0 < deviation < np.inf):
        return None
    found = Coordinates(mean, float(2.0 ** round(np.log2(deviation))))
    with np.errstate(over="ignore"):
        rescaled = found.penalty(penalty)
    return found if rescaled is None or np.isfinite(rescaled[1]).all() else None


def as_coordinates(standardize: Any) -> Coordinates | None:
    """Return the coordinates that a plan has put in the place of `standardize`."""
    return standardize if isinstance(standardize, Coordinates) else None
