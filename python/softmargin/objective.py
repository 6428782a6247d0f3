"""The objective F(W, b) and its gradient over a whole data set, in one pass of the compiled core."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from softmargin import _core
from softmargin._validation import (
    LARGEST,
    Matrix,
    as_dtype,
    as_intercept,
    as_number,
    as_output,
    as_positive_weight,
    as_sample_weight,
    as_targets,
    as_threads,
    as_weights,
    choose,
    of_ordinary_size,
    read_matrix,
)
from softmargin.penalties import Penalty, as_spec

__all__ = ["LossGrad", "loss_and_grad"]


LOSSES = _core.registry()["losses"]


class LossGrad(NamedTuple):
    """The objective and its gradient.

    Attributes
    ----------
    loss : float
        F(W, b), penalty included, summed in float64.
    grad : ndarray (n_outputs, n_features)
        dF/dW in W's dtype.
    intercept_grad : ndarray (n_outputs,) or None
        dF/db in W's dtype, None without an intercept.
    """

    loss: float
    grad: npt.NDArray[Any]
    intercept_grad: npt.NDArray[Any] | None


_as_loss_grad = tuple.__new__  # LossGrad(*values) and LossGrad._make take 0.2 us more


class Data(NamedTuple):
    """A checked data set with its loss, as the core takes it, and what Python has to know of it."""

    problem: _core.Problem
    matrix: Matrix
    targets: npt.NDArray[Any]
    sample_weight: npt.NDArray[np.float64] | None
    positive_weight: npt.NDArray[np.float64] | None
    kind: str  # of the target: "classes", "signs" or "real"
    n_outputs: int
    dtype: np.dtype[Any]  # of W
    loss: str
    margin: float
    delta: float


def read_data(
    X: Any,
    y: Any,
    loss: object,
    *,
    n_outputs: int | None = None,
    dtype: np.dtype[Any] | None = None,
    sample_weight: Any = None,
    positive_weight: Any = None,
    margin: object = 1.0,
    delta: object = 1.0,
) -> Data:
    """Check a data set and its loss and hand them to the core; n_outputs and dtype are W's where there is a W."""
    name = choose("loss", loss, LOSSES)
    info = LOSSES[name]
    matrix = read_matrix(X)
    n_samples = matrix.n_samples
    targets, n_outputs = as_targets(y, name, info, n_samples, n_outputs)
    weight = of_ordinary_size(as_sample_weight(sample_weight, n_samples))
    positive = as_positive_weight(positive_weight, name, info, n_outputs)
    dtype = matrix.weight_dtype if dtype is None else dtype
    if targets.dtype.kind == "f" and targets.dtype != dtype:
        targets = as_dtype("y", targets, dtype)
    if positive is not None:
        as_dtype("positive_weight", positive, dtype)  # float64 as they are, cast where a loss is multiplied by them
    largest = min(LARGEST, float(np.finfo(dtype).max))
    parameters = as_number("margin", margin, high=largest), as_number("delta", delta, high=largest, low_open=True)
    checked = (targets, name, n_outputs, *parameters)
    problem = _problem(matrix.core, *checked, weight, positive, dtype)
    return Data(problem, matrix, targets, weight, positive, info["target"], n_outputs, dtype, name, *checked[3:])


def in_dtype(data: Data, dtype: np.dtype[Any]) -> _core.Problem:
    """Return the core's problem over the same data with the arithmetic in another dtype."""
    if dtype == data.dtype:
        return data.problem
    targets = data.targets.astype(dtype) if data.targets.dtype.kind == "f" else data.targets
    checked = (targets, data.loss, data.n_outputs, data.margin, data.delta)
    return _problem(data.matrix.core, *checked, data.sample_weight, data.positive_weight, dtype)


def with_matrix(data: Data, matrix: Matrix) -> Data:
    """Return the data with another X for the same rows."""
    checked = (data.targets, data.loss, data.n_outputs, data.margin, data.delta)
    problem = _problem(matrix.core, *checked, data.sample_weight, data.positive_weight, data.dtype)
    return data._replace(problem=problem, matrix=matrix)


def of_output(data: Data, j: int) -> Data:
    """Return the data of one output of a loss that is a sum over outputs; X is shared."""
    y = data.targets
    column = y[:, j : j + 1] if y.ndim == 2 else np.where(y == j, 1.0, -1.0)[:, None]  # labels are one-versus-rest
    targets = np.ascontiguousarray(column, data.dtype)
    positive = None if data.positive_weight is None else data.positive_weight[j : j + 1]
    checked = (targets, data.loss, 1, data.margin, data.delta)
    problem = _problem(data.matrix.core, *checked, data.sample_weight, positive, data.dtype)
    return data._replace(problem=problem, targets=targets, positive_weight=positive, n_outputs=1)


def _problem(
    matrix: _core.Matrix,
    targets: npt.NDArray[Any],
    loss: str,
    n_outputs: int,
    margin: float,
    delta: float,
    sample_weight: npt.NDArray[np.float64] | None,
    positive_weight: npt.NDArray[np.float64] | None,
    dtype: np.dtype[Any],
) -> _core.Problem:
    return _core.Problem(
        matrix,
        targets,
        loss,
        n_outputs,
        margin=margin,
        delta=delta,
        sample_weight=sample_weight,
        positive_weight=positive_weight,
        dtype=dtype.name,
    )


def loss_and_grad(
    W: npt.ArrayLike,
    X: Any,
    y: npt.ArrayLike,
    *,
    loss: str = "softmax",
    intercept: npt.ArrayLike | None = None,
    sample_weight: npt.ArrayLike | None = None,
    positive_weight: npt.ArrayLike | None = None,
    penalty: Penalty | None = None,
    margin: float = 1.0,
    delta: float = 1.0,
    num_threads: int | None = None,
    out: npt.NDArray[Any] | None = None,
) -> LossGrad:
    """Return the objective and its gradient, in one pass over X.

        F(W, b) = sum_i w_i loss(W x_i + b, y_i) / sum_i w_i + alpha R(W)

    Parameters
    ----------
    W : array_like (n_outputs, n_features)
        float32 or float64; the arithmetic is in its dtype, whatever the one of X. Copied only where it is not in C order.
    X : array_like or sparse (n_samples, n_features)
        Dense float32, float64, float16, uint8 or bool with unit stride along the features and any stride between rows, or
        scipy CSR of float32 or float64: read as it is, converted in registers. Anything else is converted first, with a
        copy: Fortran order to C order, other integers to float32 (float64 beyond 2^24), other sparse formats to CSR.
    y : array_like (n_samples,) or (n_samples, n_outputs)
        Labels 0..n_outputs-1, for ``softmax`` also a distribution over the classes a row; for losses of signs -1 and +1, or
        labels for one-versus-rest; or real targets. Labels may come as floats that are integers.
    loss : str, default "softmax"
        One of ``sm.losses.names()``.
    intercept : array_like (n_outputs,), optional
        b; None for none. It is not penalised.
    sample_weight : array_like (n_samples,), optional
        At least 0, not all 0; ones by default.
    positive_weight : array_like (n_outputs,), optional
        Multiplies the terms with target +1, for losses of signs only.
    penalty : Penalty, optional
        ``sm.L2(alpha)``, ``sm.L1(alpha)``, ``sm.ElasticNet(alpha, l1_ratio)``. The gradient of |w| at 0 is taken as 0.
    margin : float, default 1
        Margin of the hinge losses, at least 0; other losses do not read it.
    delta : float, default 1
        Where ``huber`` turns from a square into a line, above 0; other losses do not read it.
    num_threads : int, optional
        Threads; ``sm.get_num_threads()`` by default, fewer for small work. The result does not depend on it.
    out : ndarray (n_outputs, n_features), optional
        Filled with the gradient; C order, W's dtype, no memory shared with W.

    Returns
    -------
    LossGrad
        ``(loss, grad, intercept_grad)``

    Raises
    ------
    TypeError
        ``W: expected float32 or float64, got dtype int64; use W.astype(np.float64)`` and the like.
    ValueError
        ``loss: expected one of 'softmax', ..., got 'hing'; did you mean 'hinge'?``,
        ``y: expected labels 0..2, got 3 at row 7``, ``y: expected finite values, got nan at row 3`` and the like.

    Notes
    -----
    The loss is the weighted mean, not the sum; ``mse`` has no factor 1/2. Nothing of the size of X is allocated. Sums run over
    at most 256 rows in W's dtype and then in float64, so they stay accurate for any number of samples.

    Examples
    --------
    >>> import numpy as np
    >>> import softmargin as sm
    >>> X, y = np.array([[1.0, 2.0], [3.0, 5.0]]), [0, 1]
    >>> result = sm.loss_and_grad(np.zeros((3, 2)), X, y)      # three classes, equally likely: log 3
    >>> round(result.loss, 6)
    1.098612
    >>> result.grad.round(3)
    array([[ 0.167,  0.167],
           [-0.833, -1.333],
           [ 0.667,  1.167]])
    """
    spec = None if penalty is None else as_spec(penalty)
    if sample_weight is None and positive_weight is None:
        plain = _core.plain_pass(W, X, y, loss, intercept, spec, margin, delta, out, num_threads)
        if plain is not None:  # nothing to convert, and nothing wrong
            return _as_loss_grad(LossGrad, plain)
    threads = as_threads(num_threads)
    matrix = read_matrix(X)
    W = as_weights("W", W, matrix.n_features)
    b = None if intercept is None else as_intercept("intercept", intercept, len(W), W.dtype)
    if out is not None:
        as_output("out", out, W.shape, W.dtype)
        if np.may_share_memory(out, W):
            raise ValueError("out: expected an array apart from W, got one that shares its memory")
    data = read_data(
        matrix,
        y,
        loss,
        n_outputs=len(W),
        dtype=W.dtype,
        sample_weight=sample_weight,
        positive_weight=positive_weight,
        margin=margin,
        delta=delta,
    )
    value, grad, intercept_grad = data.problem.loss_and_grad(W, b, penalty=spec, out=out, num_threads=threads)
    assert grad is not None
    return LossGrad(value, grad if out is None else out, intercept_grad)
