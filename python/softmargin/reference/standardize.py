"""Standardising: every feature has mean 0 and variance 1, and the weights are told in raw units all the same."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Float = npt.NDArray[np.float64]


class Standardizer(NamedTuple):
    """mean (n_features,) and scale (n_features,); scale 0 marks a feature that is left out.

    With z = (x - mean) / scale, scores V z + c of a standardised sample are the scores W x + b of the raw one for

        W = V / scale,  b = c - W mean
    """

    mean: Float
    scale: Float

    def transform(self, X: Float) -> Float:
        """Return Z = (X - mean) / scale, (n_samples, n_features); features left out are 0."""
        return (X - self.mean) * inverse(self.scale)

    def to_raw(self, V: Float, c: Float | None) -> tuple[Float, Float | None]:
        """Return the W and b that give raw samples the scores that V and c give standardised ones."""
        W = V * inverse(self.scale)
        return W, None if c is None else c - W @ self.mean

    def from_raw(self, W: Float, b: Float | None) -> tuple[Float, Float | None]:
        """Return the V and c of raw W and b; what W makes of a constant feature goes into c."""
        return W * self.scale, None if b is None else b + W @ self.mean


def standardizer(X: Float, sample_weight: Float, *, centre: bool = True) -> Standardizer:
    """Return the weighted means and the square roots of the weighted population variances of X's features.

    The sums are taken of X less its first row, so that features far from 0 lose no digits. Without an intercept the
    features are scaled and not centred (centre=False): there would be nothing to take up the shift. Rows of weight 0 do
    not count.

    Examples
    --------
    >>> X = np.array([[1.0, 7.0], [3.0, 7.0]])
    >>> s = standardizer(X, np.ones(2))
    >>> s.mean, s.scale, s.transform(X)
    (array([2., 7.]), array([1., 0.]), array([[-1.,  0.],
           [ 1.,  0.]]))
    """
    X, w = X[sample_weight > 0], sample_weight[sample_weight > 0]
    shifted = X - X[0]
    mean = w @ shifted / w.sum()
    variance = w @ (shifted - mean) ** 2 / w.sum()
    constant = X.min(axis=0) == X.max(axis=0)
    scale = np.where(constant, 0.0, np.sqrt(variance))
    return Standardizer(X[0] + mean if centre else np.zeros(X.shape[1]), scale)


def inverse(scale: Float) -> Float:
    """Return 1 / scale, and 0 where scale is 0."""
    return np.divide(1.0, scale, out=np.zeros_like(scale), where=scale > 0)
