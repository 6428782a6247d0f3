"""The update rules as frozen dataclasses, one for each entry of the compiled registry, with their state made explicit.

    optimizer = sm.optimizers.Adam(lr=1e-3)
    state = optimizer.init(W)
    optimizer.step(W, grad, state)        # in place

The rules are PyTorch's to the letter; hyper-parameters and bias corrections are computed in double and cast once a step.
The textbook's momentum, the moving average v = beta v + (1 - beta) g, is ``SGD(momentum=beta, dampening=beta)`` but for the
first step: PyTorch, and softmargin with it, starts from v = g, where the textbook has v = (1 - beta) g.

            SGD(lr, momentum=beta, dampening=beta)      textbook
    t = 1   v = g1                                      v = (1 - beta) g1
    t > 1   v = beta v + (1 - beta) g                   v = beta v + (1 - beta) g
            W = W - lr v                                W = W - lr v
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from softmargin import _core
from softmargin._validation import (
    Options,
    as_gradient,
    as_integer,
    as_number,
    as_output,
    choose,
    closest,
    make_class,
    parameters_section,
)
from softmargin.penalties import as_spec

__all__ = ["Optimizer", "OptimizerState", "get", "names"]


@dataclass(eq=False)
class OptimizerState:
    """What a rule remembers between steps: plain arrays and a step count, which can be saved, copied and resumed.

    Parameters
    ----------
    t : int
        Steps done.
    arrays : dict of str to ndarray
        Arrays like W, by the names that PyTorch gives them.

    Examples
    --------
    >>> import numpy as np
    >>> import softmargin as sm
    >>> state = sm.optimizers.Adam().init(np.zeros((2, 3)))
    >>> state.t, sorted(state.arrays)
    (0, ['exp_avg', 'exp_avg_sq'])
    >>> again = sm.optimizers.OptimizerState.from_dict(state.to_dict())
    """

    t: int
    arrays: dict[str, npt.NDArray[Any]]

    def copy(self) -> OptimizerState:
        """Return a state of its own arrays.

        Returns
        -------
        OptimizerState
        """
        return copy.deepcopy(self)

    def to_dict(self) -> dict[str, Any]:
        """Return ``{"t": ..., name: array, ...}`` with copies of the arrays: what numpy.savez or safetensors can store.

        Returns
        -------
        dict
        """
        return {"t": self.t} | {name: array.copy() for name, array in self.arrays.items()}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> OptimizerState:
        """Return the state that :meth:`to_dict` told of.

        Parameters
        ----------
        values : mapping

        Returns
        -------
        OptimizerState

        Raises
        ------
        ValueError
            ``values: expected a step count 't', got keys 'exp_avg'``
        """
        if "t" not in values:
            raise ValueError(f"values: expected a step count 't', got keys {', '.join(map(repr, values)) or 'none'}")
        arrays = {name: np.array(array) for name, array in values.items() if name != "t"}
        return cls(as_integer("t", np.asarray(values["t"]).item(), 0), arrays)


class Optimizer(Options):
    """An update rule with its hyper-parameters: what the generated classes have in common."""

    # What a step asks for, worked out once: it takes longer than a step on few weights. Slots, so that `vars` has the
    # hyper-parameters alone.
    __slots__ = ("_rule", "_state_names")
    _rule: _core.Rule
    _state_names: tuple[str, ...]

    def __post_init__(self) -> None:
        super().__post_init__()
        # PyTorch's condition, for any rule that has the option: without a buffer there is nothing to look ahead along.
        if getattr(self, "nesterov", False) and (self.momentum <= 0 or self.dampening != 0):
            got = f"momentum={self.momentum}, dampening={self.dampening}"
            raise ValueError(f"nesterov: expected momentum above 0 and dampening 0 with it, got {got}")
        object.__setattr__(self, "_rule", _core.Rule(type(self).__name__, self.flat()))
        object.__setattr__(self, "_state_names", self._rule.state_names)

    @property
    def state_names(self) -> tuple[str, ...]:
        """Names of the arrays of the state: PyTorch's, less those that these hyper-parameters leave unused."""
        return self._state_names

    def init(self, W: npt.NDArray[Any]) -> OptimizerState:
        """Return the state before the first step: zeros like W.

        Parameters
        ----------
        W : ndarray
            float32 or float64, C order, of any shape.

        Returns
        -------
        OptimizerState

        Raises
        ------
        TypeError
            ``W: expected float32 or float64, got dtype int64``
        """
        W = _as_updatable(W)
        return OptimizerState(0, {name: np.zeros_like(W) for name in self.state_names})

    def step(
        self,
        W: npt.NDArray[Any],
        grad: npt.ArrayLike,
        state: OptimizerState,
        *,
        penalty: Any = None,
        lr: float | None = None,
    ) -> None:
        """Do one step: W and `state` change in place.

        Parameters
        ----------
        W : ndarray
            float32 or float64, C order, of any shape.
        grad : array_like of W's shape
            Gradient of the loss, without the penalty's. Converted to W's dtype; copied if it shares memory with W or state.
        state : OptimizerState
            As :meth:`init` or an earlier step left it.
        penalty : Penalty, optional
            The gradient of its smooth part is added to `grad`; its l1 part soft-thresholds W after the rule's step.
        lr : float, optional
            Learning rate of this step in place of the rule's own.

        Raises
        ------
        TypeError
            ``W: expected float32 or float64, got dtype int64``, ``state: expected an OptimizerState, got a dict``
        ValueError
            ``grad: expected W's shape (2, 3), got (3,)``, ``state: expected arrays 'sum' for Adagrad, got 'exp_avg'``

        Notes
        -----
        W that leaves the finite numbers is not noticed here; :func:`softmargin.fit` does notice.

        Examples
        --------
        >>> import numpy as np
        >>> import softmargin as sm
        >>> W, optimizer = np.array([1.0, -2.0]), sm.optimizers.SGD(lr=0.5)
        >>> optimizer.step(W, [1.0, 1.0], optimizer.init(W))
        >>> W
        array([ 0.5, -2.5])
        """
        rate = self.lr if lr is None else as_number("lr", lr)
        spec = None if penalty is None else as_spec(penalty)
        if type(state) is OptimizerState and _core.plain_step(
            self._rule, spec, W, grad, state.arrays, self._state_names, state.t + 1, rate
        ):  # nothing to convert, and nothing wrong
            state.t += 1
            return
        W = _as_updatable(W)
        g = as_gradient("grad", grad, W)
        arrays = self._arrays(state, W)
        if any(np.may_share_memory(g, written) for written in (W, *arrays)):
            g = g.copy()
        flat = (1, -1)  # a step goes weight by weight: any shape will do for the core
        _core.update(
            self._rule,
            spec,
            W.reshape(flat),
            g.reshape(flat),
            [array.reshape(flat) for array in arrays],
            state.t + 1,
            rate,
        )
        state.t += 1

    def _arrays(self, state: OptimizerState, W: npt.NDArray[Any]) -> list[npt.NDArray[Any]]:
        if not isinstance(state, OptimizerState):
            raise TypeError(f"state: expected an OptimizerState, got a {type(state).__name__}")
        names = self.state_names
        if set(state.arrays) != set(names):
            wanted, got = (", ".join(map(repr, of)) or "none" for of in (names, state.arrays))
            raise ValueError(f"state: expected arrays {wanted} for {type(self).__name__}, got {got}")
        arrays = [as_output(f"state.{name}", state.arrays[name], W.shape, W.dtype) for name in names]
        for i, (name, array) in enumerate(zip(names, arrays, strict=True)):
            if any(np.may_share_memory(array, other) for other in (W, *arrays[:i])):
                raise ValueError(
                    f"state.{name}: expected an array apart from W and the others, got one that shares memory"
                )
        return arrays


def names() -> tuple[str, ...]:
    """Return the names of the update rules, which are the names of their classes.

    Returns
    -------
    tuple of str

    Examples
    --------
    >>> import softmargin as sm
    >>> sm.optimizers.names()[:2]
    ('SGD', 'Adagrad')
    """
    return tuple(_CLASSES)


def get(name: str) -> type[Optimizer]:
    """Return the class of a rule.

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
        ``optimizer: expected one of 'SGD', ..., got 'sgd'; did you mean 'SGD'?``

    Examples
    --------
    >>> import softmargin as sm
    >>> sm.optimizers.get("SGD")(lr=0.5).lr
    0.5
    """
    return _CLASSES[choose("optimizer", name, _CLASSES)]


def _as_updatable(W: Any) -> npt.NDArray[Any]:
    if isinstance(W, np.ndarray) and W.dtype not in (np.float32, np.float64):
        raise TypeError(f"W: expected float32 or float64, got dtype {W.dtype}")
    array = as_output("W", W, getattr(W, "shape", ()), getattr(W, "dtype", np.float64))
    if array.size == 0:
        raise ValueError(f"W: expected at least one weight, got shape {array.shape}")
    return array


def _docstring(name: str, entry: Any) -> str:
    summary, _, notes = str(entry["doc"]).partition("\n\n")
    states = ", ".join(f"``{state}``" for state in entry["state"]) or "none"
    text = f"State: {states}. An l1 penalty is a proximal step inside the rule, so that zeros are exact.\n{notes}"
    example = (
        ">>> import numpy as np\n"
        ">>> import softmargin as sm\n"
        f">>> optimizer = sm.optimizers.{name}(lr=0.1)\n"
        ">>> W = np.array([[1.0, -2.0]])\n"
        ">>> state = optimizer.init(W)\n"
        ">>> for _ in range(50):\n"
        "...     optimizer.step(W, 2 * W, state)      # the gradient of ||W||^2\n"
        ">>> state.t, bool((W**2).sum() < 5)\n"
        "(50, True)\n"
    )
    parameters = parameters_section(entry["hyperparameters"])
    return f"{summary}\n\n{parameters}\n\nNotes\n-----\n{text.rstrip()}\n\nExamples\n--------\n{example}"


def _make(name: str, entry: Any) -> type[Optimizer]:
    return make_class(Optimizer, name, __name__, entry["hyperparameters"], _docstring(name, entry))


_CLASSES: dict[str, type[Optimizer]] = {n: _make(n, e) for n, e in _core.registry()["optimizers"].items()}
globals().update(_CLASSES)
__all__ += list(_CLASSES)


def __getattr__(name: str) -> type[Optimizer]:
    """Tell type checkers of the generated classes, and users of the one they may have meant."""
    hint = "" if name.startswith("_") else closest(name, _CLASSES)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}{hint}")


def __dir__() -> list[str]:
    return sorted(__all__)
