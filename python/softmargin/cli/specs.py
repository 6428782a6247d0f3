"""Words of the command line as softmargin's objects: losses, penalties and update rules, by the compiled registry."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import softmargin as sm
from softmargin import _core
from softmargin.cli.errors import CliError, choose, closest, listed


def loss(name: str) -> str:
    """The registered loss that `name` means."""
    return choose("--loss", name, _core.registry()["losses"])


def penalty(name: str, alpha: float, l1_ratio: float | None) -> Any:
    """The penalty object, or None for 'none'."""
    known = _core.registry()["penalties"]
    name = choose("--penalty", name, (*known, "none"))
    if name == "none":
        return None
    parameters = [parameter[0] for parameter in known[name]["parameters"]]
    given: dict[str, float] = {"alpha": alpha}
    if l1_ratio is not None:
        if "l1_ratio" not in parameters:
            having = [other for other in known if "l1_ratio" in [p[0] for p in known[other]["parameters"]]]
            raise CliError(
                f"--l1-ratio: expected a penalty that has one, got {name!r}", f"--penalty {'|'.join(having)}"
            )
        given["l1_ratio"] = l1_ratio
    elif "l1_ratio" in parameters:
        raise CliError(f"--l1-ratio: expected a number from 0 to 1 with --penalty {name}, got none", "--l1-ratio 0.5")
    return _build(getattr(sm.penalties, known[name]["class_name"]), given)


def optimizer(name: str, lr: float | None, settings: Sequence[str]) -> Any:
    """The update rule with its hyper-parameters; NAME=VALUE words become numbers, true and false, or pairs."""
    known = _core.registry()["optimizers"]
    name = choose("--solver", name, known)
    defaults = {parameter[0]: parameter[1] for parameter in known[name]["hyperparameters"]}
    given: dict[str, Any] = {}
    for setting in settings:
        key, equals, text = setting.partition("=")
        key = key.strip().replace("-", "_")
        if key not in defaults or key == "lr":
            choices = [choice for choice in defaults if choice != "lr"]
            hint = closest(key, choices) if key != "lr" else "say --lr instead"
            raise CliError(f"--set: expected one of {listed(choices)} for {name}, got {key!r}", hint)
        if not equals:
            raise CliError(f"--set: expected NAME=VALUE, got {setting!r}", f"as in --set {key}=0.9")
        given[key] = _value(f"--set {key}", text, defaults[key])
    if lr is None and name == "SGD":
        lr = 0.1  # as `fit` has it; PyTorch's 1e-3 is the default of the class
    if lr is not None:
        given["lr"] = lr
    return _build(getattr(sm.optimizers, name), given)


def describe(spec: Any) -> str:
    """``Adam(lr=0.001)``: a specification with those of its fields that are not at their defaults, and lr."""
    shown = [
        f"{field.name}={getattr(spec, field.name)!r}"
        for field in dataclasses.fields(spec)
        if field.name in ("lr", "alpha") or getattr(spec, field.name) != field.default
    ]
    return f"{type(spec).__name__}({', '.join(shown)})"


def _build(cls: Any, given: dict[str, Any]) -> Any:
    """The object; what its own checks say is told as an error of the option with the same name."""
    try:
        return cls(**given)
    except (TypeError, ValueError) as error:
        text = str(error)
        name = text.partition(":")[0]
        if name in given:
            option = f"--{name.replace('_', '-')}" if name in ("lr", "alpha", "l1_ratio") else f"--set {name}"
            text = option + text[len(name) :]
        raise CliError(text) from None


def _value(what: str, text: str, default: Any) -> Any:
    """`text` read as the kind of value that `default` is."""
    words = [word.strip() for word in text.strip("() ").split(",")]
    if isinstance(default, bool):
        if text.strip().lower() not in ("true", "false", "1", "0"):
            raise CliError(f"{what}: expected true or false, got {text!r}")
        return text.strip().lower() in ("true", "1")
    size = len(default) if isinstance(default, tuple) else 1
    try:
        numbers = tuple(float(word) for word in words)
    except ValueError:
        numbers = ()
    if len(numbers) != size:
        kind = "a number" if size == 1 else f"{size} numbers with commas between"
        raise CliError(f"{what}: expected {kind}, got {text!r}")
    return numbers if isinstance(default, tuple) else numbers[0]
