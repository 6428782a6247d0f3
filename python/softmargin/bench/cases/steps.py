"""A step of a rule on many weights: memory moved."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

import softmargin as sm
from softmargin.bench.case import Case, Figure, Seconds, Setting, Work
from softmargin.bench.machine import Machine
from softmargin.bench.peers.numpy_step import numpy_adam
from softmargin.bench.peers.pytorch import installed, torch_adam

N, ALPHA = 10_000_000, 1e-4


def large_step(setting: Setting) -> Work:
    """Adam with L2; four arrays read, three of them written."""
    n = setting.rows(N)
    rng = np.random.default_rng(0)
    W, grad = (rng.standard_normal((1, n), dtype=np.float32) for _ in range(2))
    rule, penalty = sm.optimizers.Adam(), sm.L2(ALPHA)
    state, own = rule.init(W), W.copy()
    numpy_step, numpy_W = numpy_adam(W, grad, rule.lr, ALPHA)
    functions: dict[str, Callable[[], Any]] = {
        "softmargin": lambda: rule.step(own, grad, state, penalty=penalty),
        "numpy": numpy_step,
    }
    others, moved = [numpy_W], 7 * own.nbytes
    if installed():
        functions["pytorch"], torch_W = torch_adam(W, grad, rule.lr, ALPHA)
        others.append(torch_W)

    def check(results: Any) -> None:
        # Each has done one step, of lr sign(g) but where |g| is as small as eps: a few ulp of it, and one of W.
        for other in others:
            np.testing.assert_allclose(own, other, rtol=2.0**-23, atol=32 * 2.0**-24 * rule.lr)

    def figures(seconds: Seconds, machine: Machine) -> Sequence[Figure]:
        share = moved / seconds["softmargin"] / machine.moves[machine.threads]
        return [Figure("of the bandwidth with 4 reads and 3 writes", share, 0.80)]

    return Work(functions, check, n_moved=moved, figures=figures)


CASES = (Case("step-10m", "Adam step with L2, 10 million weights", large_step),)
