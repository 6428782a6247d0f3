"""The penalties alpha R(W): value and gradient, and the share of the l1 norm, which the update rules treat apart.

    l2          alpha/2 ||W||^2
    l1          alpha ||W||_1
    elasticnet  alpha (rho ||W||_1 + (1 - rho)/2 ||W||^2),  rho = l1_ratio

A penalty is alpha1 ||W||_1 plus a smooth part. Each function returns alpha1 and the smooth part: alpha2, a number, where
it is alpha2/2 ||W||^2, else a function of W that gives the value at each weight and the derivative there, both of W's
shape and 0 at 0.

`@penalty` enters a function into PENALTIES under its name.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

Float = npt.NDArray[np.float64]


Smooth = float | Callable[[Float], tuple[Float, Float]]

PENALTIES: dict[str, Callable[..., tuple[float, Smooth]]] = {}


def penalty(function: Callable[..., tuple[float, Smooth]]) -> Callable[..., tuple[float, Smooth]]:
    """Enter a penalty into PENALTIES under its name."""
    PENALTIES[function.__name__] = function
    return function


@penalty
def l2(alpha: float) -> tuple[float, Smooth]:
    """Half the squared length of W: (alpha1, alpha2) = (0, alpha)."""
    return 0.0, alpha


@penalty
def l1(alpha: float) -> tuple[float, Smooth]:
    """The sum of the sizes of W: (alpha1, alpha2) = (alpha, 0)."""
    return alpha, 0.0


@penalty
def elasticnet(alpha: float, l1_ratio: float) -> tuple[float, Smooth]:
    """A mixture of both: (alpha1, alpha2) = (alpha l1_ratio, alpha (1 - l1_ratio))."""
    return alpha * l1_ratio, alpha * (1.0 - l1_ratio)


def strengths(penalty: Any) -> tuple[float, Smooth]:
    """Return (alpha1, alpha2 or the smooth part) of None, of (name, parameters) or of an object whose `.spec` is that.

    Examples
    --------
    >>> strengths(("elasticnet", (0.5, 0.25)))
    (0.125, 0.375)
    """
    if penalty is None:
        return 0.0, 0.0
    name, parameters = getattr(penalty, "spec", penalty)
    if name not in PENALTIES:
        raise ValueError(f"penalty: expected one of {', '.join(map(repr, PENALTIES))}, got {name!r}")
    return PENALTIES[name](*parameters)


def value(penalty: Any, W: Float) -> float:
    """Return alpha R(W)."""
    alpha1, smooth = strengths(penalty)
    part = smooth(W)[0].sum() if callable(smooth) else 0.5 * smooth * (W**2).sum()
    return float(alpha1 * np.abs(W).sum() + part)


def subgradient(penalty: Any, W: Float) -> Float:
    """Return the derivative of alpha R(W), with 0 for the l1 norm's kink at 0."""
    return strengths(penalty)[0] * np.sign(W) + smooth_gradient(penalty, W)


def smooth_gradient(penalty: Any, W: Float) -> Float:
    """Return the derivative of the smooth part."""
    smooth = strengths(penalty)[1]
    return smooth(W)[1] if callable(smooth) else smooth * W


def soft_threshold(W: Float, threshold: float | Float) -> Float:
    """Move every weight towards 0 by `threshold`, and no further than 0: the proximal step of the l1 norm.

    Examples
    --------
    >>> soft_threshold(np.array([1.0, -0.5, 0.25]), 0.5)
    array([ 0.5, -0. ,  0. ])
    """
    return np.sign(W) * np.maximum(np.abs(W) - threshold, 0.0)
