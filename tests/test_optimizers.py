"""The update rules: generated classes with explicit state, and their steps against the reference."""

import copy
import dataclasses
import inspect
import pickle
import re

import numpy as np
import pytest

import softmargin as sm
from softmargin import _core, reference

OptimizerState = sm.optimizers.OptimizerState
REGISTRY = _core.registry()["optimizers"]
RULES = sm.optimizers.names()
PENALTIES = [None, *(made(*(0.1, 0.5)[: len(made.options)]) for made in map(sm.penalties.get, sm.penalties.names()))]


def variants(name):
    """Options of a rule away from their defaults: each one alone, all numbers at once, and those that go together."""
    yield {}
    everything = {}
    for option, default, _, high, *_ in REGISTRY[name]["hyperparameters"]:
        if option in ("lr", "nesterov"):
            continue
        value = (0.5, 0.75) if isinstance(default, tuple) else 0.5 if high == 1 else 0.01
        yield {option: value}
        everything[option] = value
    yield everything
    if any(option[0] == "nesterov" for option in REGISTRY[name]["hyperparameters"]):
        yield {"momentum": 0.9, "nesterov": True}


@pytest.mark.parametrize("name", RULES)
def test_ten_steps(name):
    rng = np.random.default_rng(0)
    for size in (1, 2, 63, 64, 65, 257):
        for options in variants(name):
            for penalty in PENALTIES:
                W0, grads = rng.normal(size=(2, size)), rng.normal(size=(10, 2, size))
                init, step = reference.OPTIMIZERS[name]
                W, state = W0, init(W0)
                for grad in grads:
                    W = step(W, grad, state, penalty=penalty, lr=0.1, **options)
                # Ten steps of a few roundings each. Where g is small beside sqrt(v) nothing is magnified, as g is of order 1;
                # a threshold may fall on either side of a weight within its rounding, which moves it by no more than that.
                for dtype, tolerance in [(np.float64, 1e-13), (np.float32, 1e-4)]:
                    optimizer = sm.optimizers.get(name)(lr=0.1, **options)
                    got = W0.astype(dtype)
                    memory = optimizer.init(got)
                    for grad in grads:
                        optimizer.step(got, grad.astype(dtype), memory, penalty=penalty)
                    scale = max(1.0, np.abs(W).max())
                    np.testing.assert_allclose(got, W, rtol=0, atol=tolerance * scale, err_msg=f"{options} {penalty}")
                    assert memory.t == 10
                    for key, array in memory.arrays.items():
                        size_of_state = np.abs(state[key]).max()
                        np.testing.assert_allclose(array, state[key], rtol=0, atol=tolerance * size_of_state)


@pytest.mark.parametrize("name", RULES)
def test_an_absurd_learning_rate(name):
    """Rate 10 on a bowl: numbers grow or jump about, and must do so as in the reference."""
    curvature = np.array([1.0, 0.15, 0.01])
    init, step = reference.OPTIMIZERS[name]
    W, state = np.array([1.0, -2.0, 3.0]), None
    state = init(W)
    got = W.copy()
    optimizer = sm.optimizers.get(name)(lr=10)
    memory = optimizer.init(got)
    for _ in range(10):
        W = step(W, curvature * W, state, lr=10)
        optimizer.step(got, curvature * got, memory)
        np.testing.assert_allclose(got, W, rtol=1e-11)


def test_defaults_and_states_are_the_references():
    assert set(RULES) == set(reference.OPTIMIZERS)
    for name in RULES:
        cls = sm.optimizers.get(name)
        assert cls is getattr(sm.optimizers, name)
        W0, grad = np.array([[1.0, -2.0]]), np.array([[0.5, 0.25]])
        init, step = reference.OPTIMIZERS[name]
        W, state = W0, init(W0)
        got = W0.copy()
        memory = cls().init(got)
        for _ in range(3):
            W = step(W, grad, state)
            cls().step(got, grad, memory)
        np.testing.assert_allclose(got, W, rtol=1e-14)
        assert set(memory.arrays) <= set(REGISTRY[name]["state"])
        assert set(REGISTRY[name]["state"]) == set(state) - {"t"}
    assert sm.optimizers.SGD().init(W0).arrays == {}  # plain SGD remembers nothing
    assert list(sm.optimizers.SGD(momentum=0.9).init(W0).arrays) == ["momentum_buffer"]


def test_classes_are_generated_from_the_registry():
    for name, entry in REGISTRY.items():
        cls = sm.optimizers.get(name)
        assert (cls.__name__, cls.__qualname__, cls.__module__) == (name, name, "softmargin.optimizers")
        parameters = inspect.signature(cls).parameters
        assert [(p.name, p.default) for p in parameters.values()] == [(o[0], o[1]) for o in entry["hyperparameters"]]
        assert name in dir(sm.optimizers)
        for option in entry["hyperparameters"]:
            assert f"{option[0]} : " in cls.__doc__
            assert option[-1][1:] in cls.__doc__
    assert "Adam" in sm.optimizers.__all__
    assert str(inspect.signature(sm.optimizers.Adam)).startswith(
        "(lr: float = 0.001, betas: tuple[float, float] = (0.9, 0.999)"
    )


@pytest.mark.parametrize("name", RULES)
def test_they_behave_like_values(name):
    optimizer = sm.optimizers.get(name)(lr=1)
    for same in (
        pickle.loads(pickle.dumps(optimizer)),
        copy.copy(optimizer),
        eval(repr(optimizer), vars(sm.optimizers)),
    ):
        assert same == optimizer
        assert hash(same) == hash(optimizer)
    assert type(optimizer.lr) is float
    assert optimizer != sm.optimizers.get(name)(lr=2)
    assert dataclasses.replace(optimizer, lr=2) == sm.optimizers.get(name)(lr=2)
    with pytest.raises(dataclasses.FrozenInstanceError):
        optimizer.lr = 2.0


@pytest.mark.parametrize("name", RULES)
def test_a_state_can_be_saved_copied_and_resumed(name):
    rng = np.random.default_rng(1)
    optimizer = sm.optimizers.get(name)(**({"lr": 0.1, "momentum": 0.9} if name == "SGD" else {"lr": 0.1}))
    W, grads = rng.normal(size=(3, 5)).astype(np.float32), rng.normal(size=(8, 3, 5)).astype(np.float32)
    straight = W.copy()
    state = optimizer.init(straight)
    for grad in grads:
        optimizer.step(straight, grad, state)

    def saved(state):
        return sm.optimizers.OptimizerState.from_dict(state.to_dict())

    for stored in (saved, pickle.dumps, copy.deepcopy, sm.optimizers.OptimizerState.copy):
        halting = W.copy()
        state = optimizer.init(halting)
        for grad in grads:
            kept = stored(state)
            state = pickle.loads(kept) if isinstance(kept, bytes) else kept
            optimizer.step(halting, grad, state)
        np.testing.assert_array_equal(halting, straight)
    assert state.t == 8
    apart = state.copy()
    optimizer.step(halting, grads[0], apart)
    assert (state.t, apart.t) == (8, 9)
    assert all(not np.array_equal(state.arrays[key], apart.arrays[key]) for key in state.arrays)


def test_lr_of_one_step():
    W = np.array([1.0, 2.0])
    optimizer = sm.optimizers.SGD(lr=0.1)
    state = optimizer.init(W)
    optimizer.step(W, [1.0, 1.0], state, lr=0.5)
    np.testing.assert_array_equal(W, [0.5, 1.5])
    optimizer.step(W, [1, 1], state)
    np.testing.assert_array_equal(W, [0.4, 1.4])


def test_l1_zeros_are_exact():
    W = np.array([0.05, -0.05, 1.0])
    optimizer = sm.optimizers.SGD(lr=0.1)
    optimizer.step(W, np.zeros(3), optimizer.init(W), penalty=sm.L1(1.0))
    np.testing.assert_array_equal(W, [0.0, 0.0, 0.9])


def test_refusals_of_options():
    optimizers = sm.optimizers
    for call, kind, text in [
        (lambda: optimizers.SGD(lr=-1), ValueError, "lr: expected a number at least 0, got -1.0"),
        (lambda: optimizers.SGD(momentum=1), ValueError, "momentum: expected a number from 0 to below 1, got 1.0"),
        (lambda: optimizers.SGD(nesterov=1), TypeError, "nesterov: expected True or False, got 1 (int)"),
        (
            lambda: optimizers.SGD(nesterov=True),
            ValueError,
            "nesterov: expected momentum above 0 and dampening 0 with it, got momentum=0.0, dampening=0.0",
        ),
        (
            lambda: optimizers.SGD(momentum=0.9, dampening=0.5, nesterov=True),
            ValueError,
            "nesterov: expected momentum above 0 and dampening 0 with it, got momentum=0.9, dampening=0.5",
        ),
        (lambda: optimizers.Adam(betas=0.9), TypeError, "betas: expected 2 numbers, got 0.9 (float)"),
        (
            lambda: optimizers.Adam(betas=(0.9, 1)),
            ValueError,
            "betas[1]: expected a number from 0 to below 1, got 1.0",
        ),
        (lambda: optimizers.Adam(betas=("a", 0)), TypeError, "betas[0]: expected a number, got 'a' (str)"),
        (
            lambda: optimizers.get("adam"),
            ValueError,
            f"optimizer: expected one of {', '.join(map(repr, RULES))}, got 'adam'; did you mean 'Adam'?",
        ),
        (
            lambda: optimizers.RMSProp,
            AttributeError,
            "module 'softmargin.optimizers' has no attribute 'RMSProp'; did you mean 'RMSprop'?",
        ),
        (
            lambda: optimizers.OptimizerState.from_dict({"sum": [1.0]}),
            ValueError,
            "values: expected a step count 't', got keys 'sum'",
        ),
    ]:
        with pytest.raises(kind, match=f"^{re.escape(text)}$"):
            call()


def test_refused_steps_change_nothing():
    W = np.array([[1.0, 2.0]])
    optimizer = sm.optimizers.Adagrad(lr=0.1)
    grad = np.ones((1, 2))
    frozen = W.copy()
    frozen.setflags(write=False)
    other = sm.optimizers.Adam().init(W)
    small = optimizer.init(W[:, :1].copy())
    for arguments, kind, text in [
        ((W.astype(int), grad), TypeError, "W: expected float32 or float64, got dtype int64"),
        ((W.tolist(), grad), TypeError, "W: expected an ndarray of float64, got list"),
        ((frozen, grad), ValueError, "W: expected a writeable array, got a read-only one"),
        ((np.zeros((2, 4))[:, ::2], grad), ValueError, "W: expected a C-contiguous array, got strides (32, 16)"),
        ((np.zeros((0, 2)), grad), ValueError, "W: expected at least one weight, got shape (0, 2)"),
        ((W, grad[0]), ValueError, "grad: expected W's shape (1, 2), got (2,)"),
        ((W, [["a", "b"]]), TypeError, "grad: expected numbers, got dtype <U1"),
        ((W, grad, {}), TypeError, "state: expected an OptimizerState, got a dict"),
        ((W, grad, other), ValueError, "state: expected arrays 'sum' for Adagrad, got 'exp_avg', 'exp_avg_sq'"),
        ((W, grad, small), ValueError, "state.sum: expected shape (1, 2), got (1, 1)"),
        (
            (W, grad, OptimizerState(0, {"sum": W})),
            ValueError,
            "state.sum: expected an array apart from W and the others, got one that shares memory",
        ),
    ]:
        state = optimizer.init(W)
        used = arguments if len(arguments) == 3 else (*arguments, state)
        with pytest.raises(kind, match=f"^{re.escape(text)}$"):
            optimizer.step(*used)
        assert state.t == 0
    state = optimizer.init(W)
    for named, kind in [({"lr": -1}, ValueError), ({"penalty": "l2"}, TypeError)]:
        with pytest.raises(kind):
            optimizer.step(W, grad, state, **named)
    np.testing.assert_array_equal(W, [[1.0, 2.0]])
    assert state.t == 0


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", RULES)
def test_gradients_that_share_memory(name, dtype):
    """A gradient that lies across W or the state gives the step of a copy of it, whichever weights are written first."""
    optimizer, n = sm.optimizers.get(name)(lr=0.1), 1000
    memory = np.random.default_rng(0).normal(size=2 * n).astype(dtype)
    for shift in (-8, -1, 0, 1, 8):
        shared = memory.copy()
        W, grad = shared[8 : 8 + n], shared[8 + shift : 8 + shift + n]
        alone = W.copy()
        optimizer.step(alone, grad.copy(), optimizer.init(alone))
        optimizer.step(W, grad, optimizer.init(W))
        np.testing.assert_array_equal(W, alone)
    for part in optimizer.init(memory).arrays:
        state = optimizer.init(memory)
        np.abs(memory, out=state.arrays[part])
        other, again = state.copy(), memory.copy()
        before = state.arrays[part].copy()
        optimizer.step(again, before, other)
        optimizer.step(W := memory.copy(), state.arrays[part], state)
        np.testing.assert_array_equal(W, again)


def test_states_that_share_memory_are_refused():
    W, both = np.ones(3), np.zeros(4)
    state = OptimizerState(0, {"exp_avg": both[:3], "exp_avg_sq": both[1:]})
    with pytest.raises(ValueError, match=r"^state.exp_avg_sq: expected an array apart from W and the others"):
        sm.optimizers.Adam().step(W, np.ones(3), state)
    assert state.t == 0
    assert np.all(W == 1)
    assert np.all(both == 0)
