"""The update rules, as PyTorch has them: how W moves, given the gradient and what the rule remembers.

A rule is written below as a function of (W, g, state, lr, ...) that changes `state` and returns the new W with h, how
far the rule moves each weight under a constant gradient of 1 with its scale taken as it is. OPTIMIZERS holds a pair for
each rule:

    init(W)                                             -> state: {"t": 0, and arrays of zeros like W}
    step(W, grad, state, *, lr=..., penalty=None, ...)  -> new W; W itself stays as it is, state goes on by one step

Given a penalty, `grad` is the gradient without it: the step adds the gradient of the penalty's smooth part
and after the rule soft-thresholds every weight by alpha1 h. With this h a weight rests at a value exactly if F is
stationary there, and zeros are exact; lr alone would be too small a threshold under momentum and the wrong one under a
scaled step.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from .penalties import smooth_gradient, soft_threshold, strengths

Float = npt.NDArray[np.float64]
State = dict[str, Any]
Rule = Callable[..., tuple[Float, Any]]


class Optimizer(NamedTuple):
    """A rule: how its state begins, and one step."""

    init: Callable[[npt.ArrayLike], State]
    step: Callable[..., Float]


OPTIMIZERS: dict[str, Optimizer] = {}


def optimizer(*arrays: str) -> Callable[[Rule], Rule]:
    """Enter a rule into OPTIMIZERS under its name; `arrays` names the arrays of its state."""

    def register(rule: Rule) -> Rule:
        def init(W: npt.ArrayLike) -> State:
            return {"t": 0} | {name: np.zeros(np.shape(W)) for name in arrays}

        @functools.wraps(rule)
        def step(W: npt.ArrayLike, grad: npt.ArrayLike, state: State, *, penalty: Any = None, **options: Any) -> Float:
            before = np.asarray(W, dtype=np.float64)
            g = np.asarray(grad, dtype=np.float64) + smooth_gradient(penalty, before)
            state["t"] += 1
            after, h = rule(before, g, state, **options)
            alpha1 = strengths(penalty)[0]
            return soft_threshold(after, alpha1 * h) if alpha1 > 0 else after

        OPTIMIZERS[rule.__name__] = Optimizer(init, step)
        return rule

    return register


@optimizer("momentum_buffer")
def SGD(
    W: Float,
    g: Float,
    state: State,
    lr: float = 1e-3,
    momentum: float = 0.0,
    dampening: float = 0.0,
    nesterov: bool = False,
    weight_decay: float = 0.0,
) -> tuple[Float, float]:
    """Gradient descent: v = momentum v + (1 - dampening) g, W = W - lr v; Nesterov: W = W - lr (g + momentum v).

    The first step has v = g whatever the dampening is; the textbook's moving average v = beta v + (1 - beta) g, which
    is momentum = dampening = beta, would have (1 - beta) g. Without momentum, dampening does nothing.

    Source: Sutskever, Martens, Dahl, Hinton, ICML 2013, with lr outside v as in PyTorch.
    """
    g = g + weight_decay * W
    if momentum == 0:
        return W - lr * g, lr
    v = g if state["t"] == 1 else momentum * state["momentum_buffer"] + (1 - dampening) * g
    state["momentum_buffer"] = v
    h = lr * (1 - dampening) / (1 - momentum)
    return W - lr * (g + momentum * v if nesterov else v), h


@optimizer("sum")
def Adagrad(
    W: Float,
    g: Float,
    state: State,
    lr: float = 1e-2,
    lr_decay: float = 0.0,
    weight_decay: float = 0.0,
    eps: float = 1e-10,
) -> tuple[Float, Float]:
    """A rate for each weight, lower the larger its gradients so far: G = G + g^2, W = W - lr g / (sqrt(G) + eps).

    lr itself falls as lr / (1 + (t - 1) lr_decay). Source: Duchi, Hazan, Singer, JMLR 12 (2011).
    """
    g = g + weight_decay * W
    state["sum"] = state["sum"] + g**2
    h = lr / (1 + (state["t"] - 1) * lr_decay) / (np.sqrt(state["sum"]) + eps)
    return W - h * g, h


@optimizer("square_avg")
def RMSprop(
    W: Float,
    g: Float,
    state: State,
    lr: float = 1e-2,
    alpha: float = 0.99,
    eps: float = 1e-8,
    weight_decay: float = 0.0,
) -> tuple[Float, Float]:
    """Adagrad that forgets: v = alpha v + (1 - alpha) g^2, W = W - lr g / (sqrt(v) + eps).

    Source: Tieleman and Hinton, Neural Networks for Machine Learning, lecture 6.5, 2012.
    """
    g = g + weight_decay * W
    state["square_avg"] = alpha * state["square_avg"] + (1 - alpha) * g**2
    h = lr / (np.sqrt(state["square_avg"]) + eps)
    return W - h * g, h


@optimizer("exp_avg", "exp_avg_sq")
def Adam(
    W: Float,
    g: Float,
    state: State,
    lr: float = 1e-3,
    betas: tuple[float, float] = (0.9, 0.999),
    eps: float = 1e-8,
    weight_decay: float = 0.0,
) -> tuple[Float, Float]:
    """Moving averages of g and g^2, freed from their start at 0: W = W - lr m^ / (sqrt(v^) + eps).

        m = beta1 m + (1 - beta1) g        m^ = m / (1 - beta1^t)
        v = beta2 v + (1 - beta2) g^2      v^ = v / (1 - beta2^t)

    Source: Kingma and Ba, ICLR 2015.
    """
    return adam_step(W, g + weight_decay * W, state, lr, betas, eps)


@optimizer("exp_avg", "exp_avg_sq")
def AdamW(
    W: Float,
    g: Float,
    state: State,
    lr: float = 1e-3,
    betas: tuple[float, float] = (0.9, 0.999),
    eps: float = 1e-8,
    weight_decay: float = 1e-2,
) -> tuple[Float, Float]:
    """Adam whose weight decay shrinks W itself, W = (1 - lr weight_decay) W before the step, and never enters the
    averages.

    Source: Loshchilov and Hutter, ICLR 2019.
    """
    return adam_step((1 - lr * weight_decay) * W, g, state, lr, betas, eps)


def adam_step(
    W: Float, g: Float, state: State, lr: float, betas: tuple[float, float], eps: float
) -> tuple[Float, Float]:
    """What Adam and AdamW share."""
    (beta1, beta2), t = betas, state["t"]
    m = state["exp_avg"] = beta1 * state["exp_avg"] + (1 - beta1) * g
    v = state["exp_avg_sq"] = beta2 * state["exp_avg_sq"] + (1 - beta2) * g**2
    h = lr / (np.sqrt(v / (1 - beta2**t)) + eps)
    return W - h * m / (1 - beta1**t), h
