"""What an update rule says of itself, found by trial steps: nothing here knows a rule by its name."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from softmargin.optimizers import Optimizer

# A factor between two made-up gradients, and the exponent of it in the step that counts as invariance.
SCALE = 1024.0
INVARIANT = 0.25

# Constant gradients after which moving averages have settled: 0.99^400 is 0.02.
SETTLED = 400


# Steps as 1 / sqrt(t) fall by half over four times the time, moving averages by less than a fifth.
FADING = 0.7


class Traits(NamedTuple):
    """How a rule answers to gradients.

    invariant: a gradient a thousand times as large makes about the same step. reach: how far a step goes under a constant
    gradient g once averages have settled, in units of lr g, or of lr if the rule is invariant. fading: whether the rule itself
    makes its steps smaller as time goes by. decay: the share of a weight that a step takes off whatever the gradient, for each unit of lr.
    """

    invariant: bool
    reach: float
    fading: bool
    decay: float

    @property
    def forgetful(self) -> bool:
        """Whether steps are measured by the size of late gradients alone."""
        return self.invariant and not self.fading


def traits(optimizer: Optimizer) -> Traits:
    """Return the traits of a rule with its hyper-parameters.

    Examples
    --------
    >>> import softmargin as sm
    >>> traits(sm.optimizers.SGD(lr=0.1, momentum=0.9)).invariant, traits(sm.optimizers.Adam()).invariant
    (False, True)
    >>> traits(sm.optimizers.Adam()).fading, traits(sm.optimizers.Adagrad()).fading
    (False, True)
    """
    small, large = _moves(optimizer, 1.0, 1), _moves(optimizer, SCALE, 1)
    invariant = large[0] / small[0] < SCALE**INVARIANT
    settled = _moves(optimizer, 1.0, SETTLED)
    fading = settled[-1] < FADING * settled[SETTLED // 4]
    return Traits(bool(invariant), float(settled[-1]), bool(fading), _decay(optimizer))


def _decay(optimizer: Optimizer) -> float:
    """What a step under the same gradient takes off two weights, one twice the other, differs by the decay of their difference."""
    W = np.array([1.0, 2.0])
    with_rate(optimizer, 1.0).step(W, np.ones(2), optimizer.init(W))
    return abs(1.0 - float(W[1] - W[0]))


def _moves(optimizer: Optimizer, g: float, steps: int) -> list[float]:
    """How far a weight is moved by each step under a constant gradient, at lr = 1 and without decay of the weight."""
    plain = with_rate(optimizer, 1.0, weight_decay=0.0)
    W = np.zeros(1)
    state, moves = plain.init(W), []
    for _ in range(steps):
        before = W.copy()
        plain.step(W, np.array([g]), state)
        moves.append(abs(float((W - before)[0])))
    return moves


def with_rate(optimizer: Optimizer, lr: float, **changed: float) -> Optimizer:
    """Return the rule with another rate, and other values of those of `changed` that it has."""
    given = {option.name: getattr(optimizer, option.name) for option in optimizer.options}
    return type(optimizer)(**given | {"lr": lr} | {name: value for name, value in changed.items() if name in given})
