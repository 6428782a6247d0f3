"""The penalties alpha R(W) as small frozen dataclasses, one for each entry of the compiled registry.

| class | name | alpha R(W) |
| --- | --- | --- |
| ``L2(alpha)`` | ``l2`` | alpha/2 ||W||^2 |
| ``L1(alpha)`` | ``l1`` | alpha ||W||_1 |
| ``ElasticNet(alpha, l1_ratio)`` | ``elasticnet`` | alpha (l1_ratio ||W||_1 + (1 - l1_ratio)/2 ||W||^2) |

A penalty never touches the intercept. scikit-learn's ``C`` is alpha = 1 / (C * sum of the sample weights).
"""

from __future__ import annotations

from typing import Any, ClassVar

from softmargin import _core
from softmargin._validation import Options, choose, closest, describe, make_class, parameters_section

__all__ = ["Penalty", "get", "names"]


class Penalty(Options):
    """A penalty with its strength: what the generated classes have in common."""

    name: ClassVar[str]

    # Worked out once: it takes as long as a step on few weights. A slot, so that `vars` has the options alone.
    __slots__ = ("_spec",)
    _spec: tuple[str, tuple[float, ...]]

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "_spec", (self.name, self.flat()))

    @property
    def spec(self) -> tuple[str, tuple[float, ...]]:
        """The penalty as the core takes it: its name and its parameters."""
        return self._spec


def names() -> tuple[str, ...]:
    """Return the names of the penalties.

    Returns
    -------
    tuple of str

    Examples
    --------
    >>> import softmargin as sm
    >>> sm.penalties.names()[:3]
    ('l2', 'l1', 'elasticnet')
    """
    return tuple(_CLASSES)


def get(name: str) -> type[Penalty]:
    """Return the class of a penalty.

    Parameters
    ----------
    name : str
        One of :func:`names`.

    Returns
    -------
    type

    Raises
    ------
    ValueError
        ``penalty: expected one of 'l2', 'l1', ..., got 'l3'; did you mean 'l2'?``

    Examples
    --------
    >>> import softmargin as sm
    >>> sm.penalties.get("l2")(alpha=0.1)
    L2(alpha=0.1)
    """
    return _CLASSES[choose("penalty", name, _CLASSES)]


def as_spec(penalty: object, argument: str = "penalty") -> tuple[str, tuple[float, ...]] | None:
    """Return a penalty, or None, as the core takes it.

    Raises
    ------
    TypeError
        ``penalty: expected None or one of sm.L2(alpha), ..., got 'l2' (str)``
    """
    if penalty is None:
        return None
    if not isinstance(penalty, Penalty):
        calls = [f"sm.{made.__name__}({', '.join(o.name for o in made.options)})" for made in _CLASSES.values()]
        raise TypeError(f"{argument}: expected None or one of {', '.join(calls)}, got {describe(penalty)}")
    return penalty.spec


def _docstring(entry: Any) -> str:
    call = f"{entry['class_name']}({', '.join(['0.1', '0.5', '0.5'][: len(entry['parameters'])])})"
    summary, _, notes = str(entry["doc"]).partition("\n\n")
    parts = [summary, parameters_section(entry["parameters"])]
    if notes:
        parts.append(f"Notes\n-----\n{notes}")
    parts.append(
        "Examples\n--------\n"
        ">>> import numpy as np\n"
        ">>> import softmargin as sm\n"
        f">>> penalty = sm.penalties.{call}\n"
        ">>> X, y, W = np.zeros((1, 2)), [0.0], np.array([[1.0, -2.0]])      # nothing but the penalty is left of F\n"
        '>>> sm.loss_and_grad(W, X, y, loss="mse", penalty=penalty).loss > 0\n'
        "True\n"
    )
    return "\n\n".join(parts)


def _make(name: str, entry: Any) -> type[Penalty]:
    return make_class(Penalty, entry["class_name"], __name__, entry["parameters"], _docstring(entry), name=name)


_CLASSES: dict[str, type[Penalty]] = {n: _make(n, e) for n, e in _core.registry()["penalties"].items()}
globals().update({made.__name__: made for made in _CLASSES.values()})
__all__ += [made.__name__ for made in _CLASSES.values()]


def __getattr__(name: str) -> type[Penalty]:
    """Tell type checkers of the generated classes, and users of the one they may have meant."""
    hint = "" if name.startswith("_") else closest(name, [made.__name__ for made in _CLASSES.values()])
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}{hint}")


def __dir__() -> list[str]:
    return sorted(__all__)
