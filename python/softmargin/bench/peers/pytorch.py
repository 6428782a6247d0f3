"""A pass and a minibatch loop in PyTorch, on tensors that share NumPy's memory."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray


@cache
def installed() -> bool:
    """Whether there is a PyTorch to compare with that can be imported."""
    try:
        modules()
    except (ImportError, OSError):  # OSError: it is there, and a library that it loads is not
        return False
    return True


def modules() -> tuple[Any, Any]:
    """Return torch and torch.nn.functional; untyped, since type checkers may have them or not."""
    return import_module("torch"), import_module("torch.nn.functional")


def torch_pass(X: NDArray[Any], y: NDArray[Any], loss: str, W: NDArray[Any], b: NDArray[Any]) -> Callable[[], Any]:
    """Return a function of loss, dW and db of all rows at once by autograd; X, W and b of one dtype."""
    torch, F = modules()

    rows, targets = torch.from_numpy(X), torch.from_numpy(y)
    weights, bias = (torch.from_numpy(a.copy()).requires_grad_() for a in (W, b))
    n, k = len(rows), len(W)
    if loss == "logistic":
        T = ((targets > 0)[:, None] if k == 1 else F.one_hot(targets, k)).to(rows.dtype)

    def value() -> Any:
        S = F.linear(rows, weights, bias)
        if loss == "softmax":
            return F.cross_entropy(S, targets)
        if loss == "hinge":
            return k * F.multi_margin_loss(S, targets)  # which divides by the number of classes
        return F.binary_cross_entropy_with_logits(S, T, reduction="sum") / n

    def run() -> tuple[float, Any, Any]:
        weights.grad = bias.grad = None
        total = value()
        total.backward()
        return total.item(), weights.grad.numpy(), bias.grad.numpy()

    return run


def torch_epoch(
    X: NDArray[Any], y: NDArray[Any], n_classes: int, batch_size: int, seed: int, options: dict[str, float]
) -> Callable[[], Any]:
    """Return a function that trains softmax from zeros by Adam for one epoch: (mean loss, W, b)."""
    torch, F = modules()

    samples, labels = torch.from_numpy(X), torch.from_numpy(y)
    n, d = X.shape

    def run() -> tuple[float, Any, Any]:
        W, b = torch.zeros(n_classes, d, requires_grad=True), torch.zeros(n_classes, requires_grad=True)
        rule = torch.optim.Adam([W, b], **options, fused=True)
        order, total, steps = torch.from_numpy(np.random.default_rng(seed).permutation(n)), 0.0, 0
        for rows in order.split(batch_size):
            rule.zero_grad(set_to_none=True)
            loss = F.cross_entropy(F.linear(samples.index_select(0, rows), W, b), labels.index_select(0, rows))
            loss.backward()
            rule.step()
            total, steps = total + loss.item(), steps + 1
        return total / steps, W.detach().numpy(), b.detach().numpy()

    return run


def torch_adam(W: NDArray[Any], grad: NDArray[Any], lr: float, alpha: float) -> tuple[Callable[[], Any], Any]:
    """Return a function that does one fused Adam step with L2, and the weights that it moves."""
    torch, _ = modules()
    weights = torch.from_numpy(W.copy()).requires_grad_()
    weights.grad = torch.from_numpy(grad)
    rule = torch.optim.Adam([weights], lr=lr, weight_decay=alpha, fused=True)
    return rule.step, weights.detach().numpy()
