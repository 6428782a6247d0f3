"""Calls so small that what they cost is the way into the core."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

import softmargin as sm
from softmargin import _core
from softmargin.bench.case import Case, Figure, Seconds, Setting, Work
from softmargin.bench.data import uniform
from softmargin.bench.machine import Machine
from softmargin.bench.peers.numpy_pass import NumpyPass
from softmargin.bench.peers.numpy_step import numpy_adam
from softmargin.bench.tolerance import agree_with_first, tolerances

_REPEAT = 2000


def one_pass(setting: Setting) -> Work:
    """64 rows of 64 features: 0.16 million multiply-adds."""
    data = uniform(64, 64, 10)
    numpy = NumpyPass(data.X, data.y, data.W, "softmax")
    W, X, y, b, out = data.W, data.X, data.y, data.b, np.empty_like(data.W)

    def ours() -> sm.LossGrad:  # a dict of options, unpacked at every call, would be 0.3 us of the 6
        return sm.loss_and_grad(W, X, y, intercept=b, out=out, num_threads=1)

    def figures(seconds: Seconds, machine: Machine) -> Sequence[Figure]:
        return [Figure("a call", 1e6 * seconds["softmargin"], 4, at_least=False, unit="µs")]

    return Work(
        {"softmargin": ours, "numpy": lambda: numpy(W, b)},
        agree_with_first(tolerances(data.W, data.b, data.X, data.y, "softmax")),
        repeat=_REPEAT,
        figures=figures,
    )


def one_step(setting: Setting) -> Work:
    """Adam on 640 weights."""
    rng = np.random.default_rng(0)
    W, grad = rng.standard_normal((2, 10, 64)).astype(np.float32)
    rule = sm.optimizers.Adam()
    state, own = rule.init(W), W.copy()
    numpy_step, numpy_W = numpy_adam(W, grad, rule.lr, 0.0)

    def figures(seconds: Seconds, machine: Machine) -> Sequence[Figure]:
        beyond = seconds["softmargin"] - seconds["a bare call"]
        return [Figure("beyond a bare pybind11 call", 1e6 * beyond, 1, at_least=False, unit="µs")]

    return Work(
        {
            "softmargin": lambda: rule.step(own, grad, state),
            "numpy": numpy_step,
            "a bare call": lambda: _core._nothing(own, grad),
        },
        # Each has done one step: a move of lr, in which Adam's few roundings are a few ulp; and one of W.
        lambda results: np.testing.assert_allclose(own, numpy_W, rtol=2.0**-23, atol=16 * 2.0**-24 * rule.lr),
        repeat=_REPEAT,
        figures=figures,
    )


CASES = (
    Case("small-pass", "loss_and_grad, 64 × 64, k = 10", one_pass, times=8),
    Case("small-step", "Adam step, 640 weights", one_step, times=8),
)
