"""The losses: what a sample costs at its scores, and the derivative of that in the scores.

Each function takes scores S (n, k), one row a sample and one column an output, and targets y, and returns the loss and
dS = d loss / d S (n, k). The first four look at all scores of a sample at once and give one loss a sample, (n,); in the
others every output stands alone, so they give (n, k), which is summed over the outputs.

At a kink, where a loss has no derivative, dS is the one of the flat side: 0 for a hinge exactly at its margin, 0 for
the absolute error at 0.

`@loss` enters a function into LOSSES under its name; the first argument says how y is read, the others are what solvers and
their certificates ask for (registry.py): the conjugate loss*(a) = max over s of a.s - loss(s), and the product of the Hessian
with V, or for a loss that is not smooth the dual variables nearest to a centre.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from .registry import divide, loss

Float = npt.NDArray[np.float64]
Int = npt.NDArray[np.int64]


def x_log_x(x: Float) -> Float:
    """Return x log x, 0 at 0; x below 0 is rounding and taken as 0."""
    x = np.maximum(x, 0)
    return x * np.log(np.where(x > 0, x, 1))


def softmax_conjugate(A: Float, t: Float) -> Float:
    """Sum_j p_j log p_j - m log m, with p = a + t, at least 0 and summing to the mass m of t, which is 1 up to rounding."""
    entropy: Float = x_log_x(A + t).sum(axis=1)
    return entropy - x_log_x(t.sum(axis=1))


def softmax_hessian(S: Float, V: Float, t: Float) -> Float:
    """(diag(p) - p p') V, times the mass of t."""
    e = np.exp(S - S.max(axis=1, keepdims=True))
    p = e / e.sum(axis=1, keepdims=True)
    product: Float = p * V - p * (p * V).sum(axis=1, keepdims=True)
    mass: Float = t.sum(axis=1, keepdims=True)
    return mass * product


@loss("distributions", conjugate=softmax_conjugate, hessian=softmax_hessian)
def softmax(S: Float, t: Float) -> tuple[Float, Float]:
    """Cross-entropy -sum_j t_j log p_j with p = softmax(s); a label y is the distribution with t_y = 1.

    log p_j = s_j - log sum_i exp(s_i) is computed with the largest score taken out of the sum (log-sum-exp), so that
    nothing overflows and no log(0) arises; dS = p - t.

    Examples
    --------
    >>> from softmargin.reference import LOSSES
    >>> value, dS = LOSSES["softmax"]([[1e4, 0.0]], [1])
    >>> value
    array([10000.])
    """
    shifted = S - S.max(axis=1, keepdims=True)
    log_p = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return -(t * log_p).sum(axis=1), t.sum(axis=1, keepdims=True) * np.exp(log_p) - t


def hinge_conjugate(A: Float, y: Int, margin: float) -> Float:
    """-margin sum_{j != y} a_j, for a_j in [0, 1]."""
    paid: Float = others(A, y).sum(axis=1)
    return -margin * paid


def hinge_nearest(S: Float, y: Int, centre: Float, width: Float, margin: float) -> Float:
    """Each a_j, j != y, for itself: centre_j + excess_j / width, clipped to [0, 1]."""
    return paid_by_right_class(np.clip(centre + excess_over_right_class(S, y, margin) / width, 0, 1), y)


@loss("labels", conjugate=hinge_conjugate, nearest=hinge_nearest)
def hinge(S: Float, y: Int, margin: float) -> tuple[Float, Float]:
    """Weston-Watkins hinge: sum_{j != y} max(0, s_j - s_y + margin).

    Every class that comes within the margin pushes its own score down and the right one up.

    Examples
    --------
    >>> from softmargin.reference import LOSSES
    >>> value, dS = LOSSES["hinge"]([[3.2, 5.1, -1.7]], [0])
    >>> value, dS
    (array([2.9]), array([[-1.,  1.,  0.]]))
    """
    excess = excess_over_right_class(S, y, margin)
    dS = (excess > 0).astype(np.float64)
    dS[np.arange(len(S)), y] = -dS.sum(axis=1)
    return np.maximum(excess, 0).sum(axis=1), dS


def squared_hinge_conjugate(A: Float, y: Int, margin: float) -> Float:
    """Sum_{j != y} a_j^2 / 4 - margin a_j, for a_j of at least 0."""
    U = others(A, y)
    value: Float = (U**2 / 4 - margin * U).sum(axis=1)
    return value


def squared_hinge_hessian(S: Float, V: Float, y: Int, margin: float) -> Float:
    """Two (v_j - v_y) for the classes that come within the margin, and minus their sum for y."""
    moved = V - V[np.arange(len(y)), y][:, None]
    return paid_by_right_class(2 * (excess_over_right_class(S, y, margin) > 0) * moved, y)


@loss("labels", conjugate=squared_hinge_conjugate, hessian=squared_hinge_hessian)
def squared_hinge(S: Float, y: Int, margin: float) -> tuple[Float, Float]:
    """Sum of the squared hinge terms: sum_{j != y} max(0, s_j - s_y + margin)^2.

    Each term is squared, not their sum: terms 6.3 and 6.6 make 83.25, where (6.3 + 6.6)^2 would be 166.41.

    Examples
    --------
    >>> from softmargin.reference import LOSSES
    >>> value, dS = LOSSES["squared_hinge"]([[2.2, 2.5, -3.1]], [2])
    >>> value
    array([83.25])
    """
    excess = np.maximum(excess_over_right_class(S, y, margin), 0)
    dS = 2 * excess
    dS[np.arange(len(S)), y] = -dS.sum(axis=1)
    return (excess**2).sum(axis=1), dS


def crammer_singer_nearest(S: Float, y: Int, centre: Float, width: Float, margin: float) -> Float:
    """The a_j, j != y: centre + excess / width, projected onto those of at least 0 that sum to at most 1."""
    target = centre + excess_over_right_class(S, y, margin) / width  # -infinity for j = y
    ordered = -np.sort(-target, axis=1)
    # The shift at which the largest 1, 2, ... of them would sum to 1; the last that leaves its own above 0 is the one.
    shifts = (np.cumsum(ordered, axis=1) - 1) / np.arange(1, target.shape[1] + 1)
    last = np.maximum((ordered > shifts).sum(axis=1), 1) - 1
    shift = np.maximum(shifts[np.arange(len(y)), last], 0)  # 0 where the sum is below 1 without one
    return paid_by_right_class(np.maximum(target - shift[:, None], 0), y)


@loss("labels", conjugate=hinge_conjugate, nearest=crammer_singer_nearest)
def crammer_singer(S: Float, y: Int, margin: float) -> tuple[Float, Float]:
    """Crammer-Singer hinge: max(0, max_{j != y} s_j - s_y + margin); only the strongest wrong class counts.

    Among equally strong wrong classes it is the one with the lowest index.

    Examples
    --------
    >>> from softmargin.reference import LOSSES
    >>> value, dS = LOSSES["crammer_singer"]([[2.0, 2.0, 0.0]], [2])
    >>> value, dS
    (array([3.]), array([[ 1.,  0., -1.]]))
    """
    excess = excess_over_right_class(S, y, margin)
    rows, strongest = np.arange(len(S)), excess.argmax(axis=1)
    worst = excess[rows, strongest]
    dS = np.zeros_like(S)
    dS[rows, strongest] += worst > 0
    dS[rows, y] -= worst > 0
    return np.maximum(worst, 0), dS


@loss(
    "signs",
    conjugate=lambda A, t: x_log_x(-t * A) + x_log_x(1 + t * A),  # for -t a in [0, 1]
    hessian=lambda S, V, t: V * np.exp(-np.logaddexp(0, t * S) - np.logaddexp(0, -t * S)),
)
def logistic(S: Float, t: Float) -> tuple[Float, Float]:
    """Logistic loss of each output: log(1 + exp(-t s)), t = -1 or +1.

    Examples
    --------
    >>> from softmargin.reference import LOSSES
    >>> value, dS = LOSSES["logistic"]([[0.0]], [1])
    >>> value.round(4), dS
    (array([0.6931]), array([[-0.5]]))
    """
    return np.logaddexp(0, -t * S), -t * np.exp(-np.logaddexp(0, t * S))


@loss(
    "signs",
    conjugate=lambda A, t, margin: margin * t * A,  # for -t a in [0, 1]
    nearest=lambda S, t, centre, width, margin: -t * np.clip(-t * centre + divide(margin - t * S, width), 0, 1),
)
def binary_hinge(S: Float, t: Float, margin: float) -> tuple[Float, Float]:
    """Hinge of each output: max(0, margin - t s), t = -1 or +1.

    Examples
    --------
    >>> from softmargin.reference import LOSSES
    >>> value, dS = LOSSES["binary_hinge"]([[0.25], [1.0]], [1, 1])
    >>> value, dS.ravel()
    (array([0.75, 0.  ]), array([-1., -0.]))
    """
    excess = margin - t * S
    return np.maximum(excess, 0), -t * (excess > 0)


@loss(
    "signs",
    conjugate=lambda A, t, margin: A**2 / 4 + margin * t * A,  # for -t a of at least 0
    hessian=lambda S, V, t, margin: 2 * (margin - t * S > 0) * V,
)
def binary_squared_hinge(S: Float, t: Float, margin: float) -> tuple[Float, Float]:
    """Squared hinge of each output: max(0, margin - t s)^2, t = -1 or +1.

    Examples
    --------
    >>> from softmargin.reference import LOSSES
    >>> value, dS = LOSSES["binary_squared_hinge"]([[0.5]], [1])
    >>> value, dS
    (array([0.25]), array([[-1.]]))
    """
    excess = np.maximum(margin - t * S, 0)
    return excess**2, -2 * t * excess


@loss("real", conjugate=lambda A, y: A**2 / 4 + y * A, hessian=lambda _S, V, _y: 2 * V)
def mse(S: Float, y: Float) -> tuple[Float, Float]:
    """Squared error of each output: (s - y)^2, without the 1/2 that some texts put in front.

    Examples
    --------
    >>> from softmargin.reference import LOSSES
    >>> value, dS = LOSSES["mse"]([[1.4]], [0.8])
    >>> value.round(4), dS.round(4)
    (array([0.36]), array([[1.2]]))
    """
    residual = S - y
    return residual**2, 2 * residual


@loss(
    "real",
    conjugate=lambda A, y: y * A,  # for |a| of at most 1
    nearest=lambda S, y, centre, width: np.clip(centre + (S - y) / width, -1, 1),
)
def mae(S: Float, y: Float) -> tuple[Float, Float]:
    """Absolute error of each output: |s - y|; its derivative at 0 is taken as 0.

    Examples
    --------
    >>> from softmargin.reference import LOSSES
    >>> value, dS = LOSSES["mae"]([[1.5], [2.0]], [1.0, 2.0])
    >>> value, dS.ravel()
    (array([0.5, 0. ]), array([1., 0.]))
    """
    residual = S - y
    return np.abs(residual), np.sign(residual)


@loss(
    "real",
    conjugate=lambda A, y: A**2 / 2 + y * A,  # for |a| of at most delta
    hessian=lambda S, V, y, delta: (np.abs(S - y) <= delta) * V,
)
def huber(S: Float, y: Float, delta: float) -> tuple[Float, Float]:
    """Huber loss of each output: r^2 / 2 for |r| <= delta, else delta (|r| - delta / 2), with r = s - y.

    Squared error for small residuals, absolute error for large ones: an outlier pulls no harder than delta.

    Examples
    --------
    >>> from softmargin.reference import LOSSES
    >>> value, dS = LOSSES["huber"]([[0.5], [3.0]], [0.0, 0.0])
    >>> value, dS.ravel()
    (array([0.125, 2.5  ]), array([0.5, 1. ]))
    """
    residual = S - y
    size = np.abs(residual)
    return np.where(size <= delta, residual**2 / 2, delta * (size - delta / 2)), np.clip(residual, -delta, delta)


def excess_over_right_class(S: Float, y: Int, margin: float) -> Float:
    """Return s_j - s_y + margin for every class j, and -infinity (never an excess) for j = y."""
    rows = np.arange(len(S))
    excess = S - S[rows, y][:, None] + margin
    excess[rows, y] = -np.inf
    return excess


def others(A: Float, y: Int) -> Float:
    """Return A with 0 for j = y."""
    return np.where(np.arange(A.shape[1]) == y[:, None], 0.0, A)


def paid_by_right_class(U: Float, y: Int) -> Float:
    """Return U with minus the sum of the other classes for j = y: shifting all scores alike costs nothing."""
    U = others(U, y)
    U[np.arange(len(y)), y] = -U.sum(axis=1)
    return U
