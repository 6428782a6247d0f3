"""The penalties alpha R(W): value and gradient, and the share of the l1 norm, which the update rules treat apart.

    l2          alpha/2 ||W||^2
    l1          alpha ||W||_1
    elasticnet  alpha (rho ||W||_1 + (1 - rho)/2 ||W||^2),  rho = l1_ratio

All three are alpha1 ||W||_1 + alpha2/2 ||W||^2, and only these two numbers are asked for.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

Float = npt.NDArray[np.float64]


def l2(alpha: float) -> tuple[float, float]:
    """Half the squared length of W: (alpha1, alpha2) = (0, alpha)."""
    return 0.0, alpha


def l1(alpha: float) -> tuple[float, float]:
    """The sum of the sizes of W: (alpha1, alpha2) = (alpha, 0)."""
    return alpha, 0.0


def elasticnet(alpha: float, l1_ratio: float) -> tuple[float, float]:
    """A mixture of both: (alpha1, alpha2) = (alpha l1_ratio, alpha (1 - l1_ratio))."""
    return alpha * l1_ratio, alpha * (1.0 - l1_ratio)


PENALTIES: dict[str, Callable[..., tuple[float, float]]] = {f.__name__: f for f in (l2, l1, elasticnet)}


def strengths(penalty: Any) -> tuple[float, float]:
    """Return (alpha1, alpha2) of None, of (name, parameters) or of an object whose `.spec` is that.

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
    alpha1, alpha2 = strengths(penalty)
    return float(alpha1 * np.abs(W).sum() + 0.5 * alpha2 * (W**2).sum())


def subgradient(penalty: Any, W: Float) -> Float:
    """Return the derivative of alpha R(W), with 0 for the l1 norm's kink at 0."""
    alpha1, alpha2 = strengths(penalty)
    return alpha1 * np.sign(W) + alpha2 * W


def smooth_gradient(penalty: Any, W: Float) -> Float:
    """Return the derivative of the part with a derivative, alpha2/2 ||W||^2."""
    return strengths(penalty)[1] * W


def soft_threshold(W: Float, threshold: float | Float) -> Float:
    """Move every weight towards 0 by `threshold`, and no further than 0: the proximal step of the l1 norm.

    Examples
    --------
    >>> soft_threshold(np.array([1.0, -0.5, 0.25]), 0.5)
    array([ 0.5, -0. ,  0. ])
    """
    return np.sign(W) * np.maximum(np.abs(W) - threshold, 0.0)
