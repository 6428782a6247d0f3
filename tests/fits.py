"""Data, rules and comparisons that the tests of fit share."""

import numpy as np
import scipy.sparse

import softmargin as sm

N, D, K = 65, 17, 3
RNG = np.random.default_rng(0)
X = RNG.normal(size=(N, D)) * RNG.uniform(0.5, 2, D)
SPARSE = scipy.sparse.csr_array(np.where(RNG.random((N, D)) < 0.3, X, 0.0))
SHIFTED = X + RNG.normal(size=D)
Y = RNG.integers(0, K, N)
WEIGHTS = RNG.integers(0, 3, N) + RNG.random(N)
SEED = 7
PENALTIES = [None, *(made(*(0.05, 0.25)[: len(made.options)]) for made in map(sm.penalties.get, sm.penalties.names()))]
RULES = [
    sm.optimizers.SGD(lr=0.05),
    sm.optimizers.SGD(lr=0.05, weight_decay=0.1),
    sm.optimizers.SGD(lr=0.02, momentum=0.9),
    sm.optimizers.SGD(lr=0.02, momentum=0.9, nesterov=True),
    sm.optimizers.SGD(lr=0.05, momentum=0.5, dampening=0.5, weight_decay=0.01),
    *(sm.optimizers.get(name)(lr=0.05) for name in sm.optimizers.names() if name != "SGD"),
    *(sm.optimizers.get(name)(lr=0.05, weight_decay=0.1) for name in sm.optimizers.names() if name != "SGD"),
]


def same_arrays(a, b):
    assert (a is None) == (b is None)
    if a is not None:
        np.testing.assert_array_equal(a, b)


def same_results(a, b):
    """Everything that a run leaves, bit for bit; times apart."""
    same_arrays(a.W, b.W)
    same_arrays(a.intercept, b.intercept)
    assert a.n_steps == b.n_steps
    for one, other in zip(a.history, b.history, strict=True):
        assert {**vars(one), "seconds": 0} == {**vars(other), "seconds": 0}
    assert a.optimizer_state.t == b.optimizer_state.t
    assert a.optimizer_state.arrays.keys() == b.optimizer_state.arrays.keys()
    for name in a.optimizer_state.arrays:
        same_arrays(a.optimizer_state.arrays[name], b.optimizer_state.arrays[name])
    same_arrays(a.run_state.W, b.run_state.W)
    same_arrays(a.run_state.intercept, b.run_state.intercept)
    assert (a.run_state.average is None) == (b.run_state.average is None)
    for one, other in zip(a.run_state.average or (), b.run_state.average or (), strict=True):
        same_arrays(one, other)
    assert a.run_state.seed == b.run_state.seed
    assert a.run_state.schedule_state == b.run_state.schedule_state


def close(got, expected, tolerance):
    """W, b and the losses of the epochs, each within the tolerance relative to its largest entry."""
    pairs = [(got.W, expected.W), ([record.loss for record in got.history], expected.history)]
    if expected.intercept is not None:
        pairs.append((got.intercept, expected.intercept))
    for value, wanted in pairs:
        np.testing.assert_allclose(value, wanted, rtol=0, atol=tolerance * max(1.0, np.abs(wanted).max()))
