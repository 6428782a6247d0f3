"""Who is told while an estimator is fitted: scikit-learn's callbacks, plain functions, and the line of `verbose`."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from softmargin._validation import describe

try:
    from sklearn.callback import CallbackSupportMixin, with_callbacks

    FIT = 4  # frames from a warning in the shared part of fit to the user's line: with_callbacks is one of them
except ImportError:  # before scikit-learn 1.9

    class CallbackSupportMixin:  # type: ignore[no-redef]
        """scikit-learn's callbacks came with version 1.9."""

    def with_callbacks(method: Any) -> Any:
        """Return the method as it is."""
        return method

    FIT = 3

__all__ = ["FIT", "Audience", "CallbackSupportMixin", "as_callbacks", "with_callbacks"]


def as_callbacks(callbacks: Any) -> tuple[Callable[[Any], object], ...]:
    """Return the plain functions to call with what happened; a single one may come alone.

    Raises
    ------
    TypeError
        ``callbacks: expected functions of one argument, got 3 (int)``, and for callbacks of scikit-learn that
        ``set_callbacks`` takes them.

    Examples
    --------
    >>> as_callbacks(print)
    (<built-in function print>,)
    """
    if callbacks is None:
        return ()
    given = (callbacks,) if callable(callbacks) or not isinstance(callbacks, Iterable) else tuple(callbacks)
    for callback in given:
        if hasattr(callback, "on_fit_task_end"):
            raise TypeError(
                f"callbacks: expected functions of one argument, got a {type(callback).__name__}; "
                "estimator.set_callbacks(...) takes scikit-learn's"
            )
        if not callable(callback):
            raise TypeError(f"callbacks: expected functions of one argument, got {describe(callback)}")
    return given


class Audience:
    """All who follow one `fit`.

    Parameters
    ----------
    estimator : estimator
        What is fitted.
    data : dict
        ``X``, ``y`` as the user gave them, and ``metadata``: what scikit-learn's callbacks are shown.
    functions : tuple of callable
        Called with every record; one that returns True stops the run.
    verbose : int
        0 for silence, else a line on stderr that is rewritten where it is a terminal.
    task : str
        What scikit-learn's callbacks call a step of the run.
    n_tasks : int or None
        How many there may be, where that is known.
    attributes : callable
        Makes of W and the intercept what the fitted estimator is told by.
    """

    def __init__(
        self,
        estimator: Any,
        data: dict[str, Any],
        functions: tuple[Callable[[Any], object], ...],
        verbose: int,
        task: str,
        n_tasks: int | None,
        attributes: Callable[..., dict[str, Any]],
    ) -> None:
        self.estimator, self.data, self.functions, self.task = estimator, data, functions, task
        self.attributes = attributes
        self.line = _Line(type(estimator).__name__, n_tasks if task == "epoch" else None) if verbose else None
        self.context: Any = None
        if getattr(estimator, "_skl_callbacks", None):
            self.context = estimator._init_callback_context(max_subtasks=n_tasks)
            self.context.call_on_fit_task_begin(estimator=estimator, **data)
            self.current = self._begin()

    def _begin(self) -> Any:
        context = self.context.subcontext(task_name=self.task)
        context.call_on_fit_task_begin(estimator=self.estimator, **self.data)
        return context

    def tell(self, info: Any) -> bool:
        """Tell everybody of a record; return whether somebody wants the run to stop."""
        if self.line is not None:
            self.line.show(info)
        answers = [_is_true(function(info)) for function in self.functions]
        stop = any(answers)
        if self.context is not None:
            if self.current is None:
                self.current = self._begin()
            made: Callable[[], dict[str, Any]] = lambda: self.attributes(*info.weights())
            stop |= bool(
                self.current.call_on_fit_task_end(estimator=self.estimator, **self.data, reconstruction_attributes=made)
            )
            self.current = None
        return stop

    def close(self, attributes: dict[str, Any] | None = None) -> None:
        """End the task, once `attributes` are those of the fitted estimator."""
        if self.line is not None:
            self.line.close()
        if self.context is not None:
            if self.current is not None:  # begun, and nothing happened in it
                self.current.call_on_fit_task_end(estimator=self.estimator)
            self.context.call_on_fit_task_end(
                estimator=self.estimator, **self.data, reconstruction_attributes=attributes
            )


def _is_true(answer: object) -> bool:
    return isinstance(answer, bool | np.bool_) and bool(answer)


class _Line:
    """A line on stderr that says how far a run is."""

    WIDTH = 24

    def __init__(self, name: str, n_epochs: int | None) -> None:
        self.name, self.n_epochs, self.length = name, n_epochs, 0
        self.rewritten = sys.stderr.isatty()

    def show(self, info: Any) -> None:
        if self.n_epochs is not None:
            done = self.WIDTH * info.epoch // self.n_epochs
            text = f"{self.name} [{'#' * done}{'.' * (self.WIDTH - done)}] epoch {info.epoch}/{self.n_epochs}"
            text += f"  loss {info.loss:.6g}  lr {info.lr:.3g}"
            if info.val_loss is not None:
                text += f"  validation loss {info.val_loss:.6g}, score {info.val_score:.4f}"
        else:
            text = f"{self.name} {info.n_passes:.4g} passes, {info.seconds:.2f} s  loss {info.loss:.8g}"
            if info.gap is not None:
                text += f"  at most {info.gap:.2g} above the optimum"
        end = "" if self.rewritten else "\n"
        start = "\r" if self.rewritten else ""
        sys.stderr.write(f"{start}{text.ljust(self.length)}{end}")
        sys.stderr.flush()
        self.length = len(text)

    def close(self) -> None:
        if self.rewritten and self.length:
            sys.stderr.write("\n")
