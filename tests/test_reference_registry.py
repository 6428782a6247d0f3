"""The reference and the compiled core know the same losses, penalties and rules, with the same options and defaults."""

import inspect

import pytest

from softmargin import _core
from softmargin.reference import LOSSES, OPTIMIZERS, PENALTIES, TARGETS
from softmargin.reference.registry import READS

REGISTRY = _core.registry()


def test_the_names_are_the_same_in_the_same_order():
    assert list(REGISTRY["losses"]) == list(LOSSES)
    assert list(REGISTRY["penalties"]) == list(PENALTIES)
    assert list(REGISTRY["optimizers"]) == list(OPTIMIZERS)


@pytest.mark.parametrize("name", LOSSES)
def test_losses_mean_the_same_by_y(name):
    entry = REGISTRY["losses"][name]
    assert entry["target"] == TARGETS[name]
    assert entry["distributions"] == (READS[name] == "distributions")


@pytest.mark.parametrize("name", PENALTIES)
def test_penalties_have_the_same_parameters(name):
    assert [p[0] for p in REGISTRY["penalties"][name]["parameters"]] == list(
        inspect.signature(PENALTIES[name]).parameters
    )


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_rules_have_the_same_options_defaults_and_state(name):
    init, step = OPTIMIZERS[name]
    options = list(inspect.signature(step).parameters.values())[3:]  # after W, g, state
    assert [(o[0], o[1]) for o in REGISTRY["optimizers"][name]["hyperparameters"]] == [
        (o.name, o.default) for o in options
    ]
    assert list(REGISTRY["optimizers"][name]["state"]) == [key for key in init([0.0]) if key != "t"]
