"""The parameters of LinearClassifier and LinearRegressor, checked, and which solver they mean."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from softmargin import losses, optimizers, penalties
from softmargin._validation import as_bool, as_integer, as_number, choose, describe
from softmargin.optimizers import Optimizer
from softmargin.penalties import Penalty
from softmargin.schedules import Schedule

from .running import solvable

# The rule where solver="auto" is asked for what only a rule can do.
AUTOMATIC_RULE = "SGD"


@dataclasses.dataclass(frozen=True)
class Options:
    """The parameters of a native estimator, checked."""

    penalty: Penalty | None
    rule: Optimizer | str | None  # None: the exact solver
    learning_rate: float | None
    schedule: Schedule | None
    batch_size: int | str | None
    max_epochs: int
    tol: float
    early_stopping: bool
    validation_fraction: float
    n_iter_no_change: int
    average: bool
    warm_start: bool
    max_seconds: float | None
    fit_intercept: bool
    standardize: bool
    margin: float
    delta: float
    verbose: int
    num_threads: int | None


def read_options(estimator: Any, targets: tuple[str, ...]) -> Options:
    """Return the parameters of an estimator, checked.

    Parameters
    ----------
    estimator : LinearClassifier or LinearRegressor
    targets : tuple of str
        The kinds of target of the losses that it takes.

    Raises
    ------
    TypeError, ValueError
        ``alpha: expected a finite number at least 0, got -1`` and the like.
    """
    given = vars(estimator)
    names = [name for name in losses.names() if losses.info(name)["target"] in targets]
    choose("loss", given["loss"], names)
    fraction = as_number("validation_fraction", given["validation_fraction"], low_open=True)
    if fraction >= 1:
        raise ValueError(f"validation_fraction: expected a number between 0 and 1, got {fraction:g}")
    schedule, seconds, size, threads = (given[n] for n in ("schedule", "max_seconds", "batch_size", "num_threads"))
    verbose = given["verbose"]
    if schedule is not None and not isinstance(schedule, Schedule):
        raise TypeError(f"schedule: expected None or one of sm.schedules, got {describe(schedule)}")
    flags = ("early_stopping", "average", "warm_start", "fit_intercept", "standardize")
    options = Options(
        penalty=_penalty(given),
        rule=None,
        learning_rate=None if _is_auto(given["learning_rate"]) else _rate(given["learning_rate"]),
        schedule=schedule,
        batch_size=size if size is None or _is_auto(size) else as_integer("batch_size", size),
        max_epochs=as_integer("max_epochs", given["max_epochs"]),
        tol=as_number("tol", given["tol"]),
        validation_fraction=fraction,
        n_iter_no_change=as_integer("n_iter_no_change", given["n_iter_no_change"]),
        max_seconds=None if seconds is None else as_number("max_seconds", seconds, low_open=True),
        margin=as_number("margin", given.get("margin", 1.0)),
        delta=as_number("delta", given.get("delta", 1.0), low_open=True),
        verbose=as_integer("verbose", int(verbose) if isinstance(verbose, bool | np.bool_) else verbose, 0),
        num_threads=None if threads is None else as_integer("num_threads", threads),
        **{name: as_bool(name, given[name]) for name in flags},
    )
    return dataclasses.replace(options, rule=_rule(given, options))


def takes_parts(estimator: Any) -> bool:
    """Return True where partial_fit is to be had; AttributeError says why not."""
    if isinstance(estimator.solver, str) and estimator.solver == "exact":
        raise AttributeError("partial_fit needs an update rule, got solver='exact', which needs all rows at once")
    if getattr(estimator, "calibrate", False):
        raise AttributeError("partial_fit holds no rows out, which calibrate=True needs")
    if estimator.early_stopping:
        raise AttributeError("partial_fit is called as often as wanted, and early_stopping=True is for fit")
    return True


def _penalty(given: dict[str, Any]) -> Penalty | None:
    penalty = given["penalty"]
    if penalty is None or isinstance(penalty, Penalty):
        return penalty
    made = penalties.get(choose("penalty", penalty, penalties.names()))
    return made(
        **{name: given[name] for name in ("alpha", "l1_ratio") if name in {option.name for option in made.options}}
    )


def _rule(given: dict[str, Any], options: Options) -> Optimizer | str | None:
    """Return the rule, by its name where its learning rate is to be found, or None for the exact solver."""
    solver, asked, rate = given["solver"], _asked_of_a_rule(options), options.learning_rate
    if isinstance(solver, Optimizer):
        of_any_kind: Any = solver
        return solver if rate is None else dataclasses.replace(of_any_kind, lr=rate)
    if not isinstance(solver, str):
        raise TypeError(
            f"solver: expected 'auto', 'exact', the name of an update rule or a rule such as sm.optimizers.SGD(lr=0.1), "
            f"got {describe(solver)}"
        )
    rules = {name.lower(): name for name in optimizers.names()}
    chosen = rules.get(solver.lower()) or choose("solver", solver, ("auto", "exact", *optimizers.names()))
    exact = solvable(given["loss"], options.penalty)
    if chosen == "auto":
        if exact and not asked:
            return None
        chosen = AUTOMATIC_RULE
    if chosen == "exact":
        if not exact:
            raise ValueError(f"solver: expected an update rule for {options.penalty!r}, got 'exact'")
        if asked:
            hint = "an update rule takes it"
            raise ValueError(f"{asked}: expected its default with solver='exact', got {given[asked]!r}; {hint}")
        return None
    return chosen if rate is None else named_rule(chosen, lr=rate)


def named_rule(name: str, **given: float) -> Optimizer:
    """Return the rule that a name stands for: without a weight decay of its own, which `penalty` and `alpha` do not state.

    Examples
    --------
    >>> named_rule("AdamW", lr=0.1)
    AdamW(lr=0.1, betas=(0.9, 0.999), eps=1e-08, weight_decay=0.0)
    """
    made: Any = optimizers.get(name)
    rule: Optimizer = made(**given, **{option.name: 0.0 for option in made.options if option.name == "weight_decay"})
    return rule


def _asked_of_a_rule(options: Options) -> str:
    """Return the name of a parameter that only an update rule can honour, if one is asked for."""
    asked = {
        "learning_rate": options.learning_rate is not None,
        "schedule": options.schedule is not None,
        "batch_size": not _is_auto(options.batch_size),
        "early_stopping": options.early_stopping,
        "average": options.average,
    }
    return next((name for name, given in asked.items() if given), "")


def _is_auto(value: Any) -> bool:
    return isinstance(value, str) and value == "auto"


def _rate(value: Any) -> float:
    return as_number("learning_rate", value, low_open=True)
