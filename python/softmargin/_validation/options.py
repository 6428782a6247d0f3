"""Frozen dataclasses made of what the compiled registry says of a penalty or a rule: names, defaults, ranges, docs."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, TypeVar

from .scalars import as_bool, as_number, describe, interval


class Option(NamedTuple):
    """An entry of the registry: a number, or a pair of numbers, or yes or no, which the default tells."""

    name: str
    default: Any  # None where it must be given
    low: float
    high: float
    low_open: bool  # the end itself is excluded
    high_open: bool
    doc: str


class Options:
    """Base of the generated classes: checks every option and stores numbers as float, switches as bool, pairs as tuple."""

    options: ClassVar[tuple[Option, ...]] = ()

    if TYPE_CHECKING:  # the generated dataclasses have them; type checkers see only this base

        def __init__(self, *values: Any, **named: Any) -> None: ...
        def __getattr__(self, name: str) -> Any: ...

    def __post_init__(self) -> None:
        for option in self.options:
            object.__setattr__(self, option.name, check_option(option, getattr(self, option.name)))

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), tuple(getattr(self, option.name) for option in self.options)

    def flat(self, **changed: float) -> tuple[float, ...]:
        """Return the options as the core takes them: floats in the registry's order, pairs flattened."""
        values: list[float] = []
        for option in self.options:
            value = changed.get(option.name, getattr(self, option.name))
            values.extend(map(float, value if isinstance(value, tuple) else (value,)))
        return tuple(values)


OptionsT = TypeVar("OptionsT", bound=Options)


def make_class(
    base: type[OptionsT], class_name: str, module: str, entries: Iterable[Any], doc: str, **attributes: Any
) -> type[OptionsT]:
    """Return a frozen dataclass with a field for each option of the registry, which pickles by its name in `module`.

    Examples
    --------
    >>> entries = [("alpha", None, 0.0, 1e300, False, False, "strength")]
    >>> Ridge = make_class(Options, "Ridge", __name__, entries, "Ridge penalty.")
    >>> Ridge(1)
    Ridge(alpha=1.0)
    """
    options = tuple(Option(*entry) for entry in entries)
    fields: list[Any] = []
    for name, default, *_ in options:
        kind: Any = tuple[float, float] if isinstance(default, tuple) else bool if isinstance(default, bool) else float
        fields.append((name, kind) if default is None else (name, kind, dataclasses.field(default=default)))
    namespace = {"__doc__": doc, "options": options, **attributes}
    made: Any = dataclasses.make_dataclass(class_name, fields, bases=(base,), frozen=True, namespace=namespace)
    made.__module__ = module
    return made  # type: ignore[no-any-return]


def check_option(option: Option, value: Any) -> Any:
    """Return `value` as the option's kind, within its range.

    Examples
    --------
    >>> check_option(Option("betas", (0.9, 0.999), 0.0, 1.0, False, True, ""), [0.5, 0])
    (0.5, 0.0)
    """
    if isinstance(option.default, bool):
        return as_bool(option.name, value)
    if not isinstance(option.default, tuple):
        return _number(option.name, option, value)
    if not isinstance(value, tuple | list) or len(value) != len(option.default):
        raise TypeError(f"{option.name}: expected {len(option.default)} numbers, got {describe(value)}")
    return tuple(_number(f"{option.name}[{i}]", option, part) for i, part in enumerate(value))


def _number(argument: str, option: Option, value: Any) -> float:
    return as_number(argument, value, option.low, option.high, low_open=option.low_open, high_open=option.high_open)


def parameters_section(entries: Iterable[Any]) -> str:
    """Return the Parameters section of a numpydoc docstring, of options of the registry.

    Examples
    --------
    >>> print(parameters_section([("lr", 0.1, 0.0, 1e300, False, False, "learning rate")]))
    Parameters
    ----------
    lr : float, default 0.1
        Learning rate; a number at least 0.
    """
    lines = ["Parameters", "----------"]
    for option in (Option(*entry) for entry in entries):
        default = option.default
        kind = "bool" if isinstance(default, bool) else "pair of float" if isinstance(default, tuple) else "float"
        lines.append(f"{option.name} : {kind}" + ("" if default is None else f", default {default!r}"))
        bounds = "" if kind == "bool" else "; " + interval(option.low, option.high, option.low_open, option.high_open)
        lines.append(f"    {option.doc[:1].upper()}{option.doc[1:]}{bounds}.")
    return "\n".join(lines)
