"""The penalties: generated classes, and their values and subgradients against the reference."""

import copy
import dataclasses
import pickle
import re

import numpy as np
import pytest

import softmargin as sm
from softmargin import _core, reference

REGISTRY = _core.registry()["penalties"]
CALLS = [f"sm.{e['class_name']}({', '.join(option[0] for option in e['parameters'])})" for e in REGISTRY.values()]


def some(name, alpha=0.3):
    """The penalty with parameters inside their ranges."""
    return sm.penalties.get(name)(*(alpha, 0.25)[: len(REGISTRY[name]["parameters"])])


@pytest.mark.parametrize("name", sm.penalties.names())
def test_values_and_subgradients(name):
    rng = np.random.default_rng(0)
    for penalty in (some(name), some(name, 0.0), some(name, 1e3)):
        for k, d in [(1, 1), (2, 63), (3, 64), (5, 65), (10, 257)]:
            W = rng.normal(size=(k, d)) * (rng.random((k, d)) < 0.7)  # with exact zeros
            for dtype in (np.float32, np.float64):
                # All that is left of F is the penalty: the residuals are 0.
                got = sm.loss_and_grad(W.astype(dtype), np.zeros((1, d)), np.zeros((1, k)), loss="mse", penalty=penalty)
                exact = W.astype(dtype).astype(np.float64)
                eps = np.finfo(dtype).eps
                # The value is summed in float64; an element of the gradient takes two or three roundings.
                np.testing.assert_allclose(got.loss, reference.penalties.value(penalty, exact), rtol=1e-13)
                np.testing.assert_allclose(got.grad, reference.penalties.subgradient(penalty, exact), rtol=4 * eps)
                assert np.all(got.grad[exact == 0] == 0)


def test_the_registry_the_classes_and_the_reference_agree():
    assert set(sm.penalties.names()) == set(reference.PENALTIES)
    for name, entry in REGISTRY.items():
        cls = sm.penalties.get(name)
        assert cls is getattr(sm.penalties, entry["class_name"])
        assert (cls.__name__, cls.__module__, cls.name) == (entry["class_name"], "softmargin.penalties", name)
        assert [field.name for field in dataclasses.fields(cls)] == [option[0] for option in entry["parameters"]]
        assert entry["class_name"] in dir(sm.penalties)
        assert all(option[-1][1:] in cls.__doc__ for option in entry["parameters"])
        assert getattr(sm, entry["class_name"]) is cls


@pytest.mark.parametrize("name", sm.penalties.names())
def test_they_behave_like_values(name):
    penalty = some(name)
    for same in (pickle.loads(pickle.dumps(penalty)), copy.deepcopy(penalty), eval(repr(penalty), vars(sm.penalties))):
        assert same == penalty
        assert hash(same) == hash(penalty)
        assert same.spec == penalty.spec
    assert penalty != some(name, 0.5)
    assert dataclasses.replace(penalty, alpha=0.5) == some(name, 0.5)
    assert penalty.spec[0] == name
    with pytest.raises(dataclasses.FrozenInstanceError):
        penalty.alpha = 1.0


def test_examples():
    assert repr(sm.L2(1)) == "L2(alpha=1.0)"
    assert sm.ElasticNet(0.5, l1_ratio=0.25).spec == ("elasticnet", (0.5, 0.25))
    assert sm.L1(np.float32(0.5)) == sm.L1(alpha=0.5)


def test_refusals():
    assert CALLS[:3] == ["sm.L2(alpha)", "sm.L1(alpha)", "sm.ElasticNet(alpha, l1_ratio)"]
    for call, kind, text in [
        (lambda: sm.L2(-1), ValueError, "alpha: expected a number at least 0, got -1.0"),
        (lambda: sm.L2(np.nan), ValueError, "alpha: expected a number at least 0, got nan"),
        (lambda: sm.L2(np.inf), ValueError, "alpha: expected a number at least 0, got inf"),
        (lambda: sm.L2("1"), TypeError, "alpha: expected a number, got '1' (str)"),
        (lambda: sm.ElasticNet(1, 1.5), ValueError, "l1_ratio: expected a number from 0 to 1, got 1.5"),
        (
            lambda: sm.penalties.get("elastic"),
            ValueError,
            f"penalty: expected one of {', '.join(map(repr, REGISTRY))}, got 'elastic'; did you mean 'elasticnet'?",
        ),
        (
            lambda: sm.loss_and_grad(np.zeros((2, 1)), [[1.0]], [0], penalty="l2"),
            TypeError,
            f"penalty: expected None or one of {', '.join(CALLS)}, got 'l2' (str)",
        ),
        (
            lambda: sm.penalties.ElasticNett,
            AttributeError,
            "module 'softmargin.penalties' has no attribute 'ElasticNett'; did you mean 'ElasticNet'?",
        ),
    ]:
        with pytest.raises(kind, match=f"^{re.escape(text)}$"):
            call()
    with pytest.raises(TypeError, match="alpha"):
        sm.L2()
