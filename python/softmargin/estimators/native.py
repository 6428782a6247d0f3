"""What LinearClassifier and LinearRegressor share: their options, checked, and one way from X and targets to a fitted model."""

from __future__ import annotations

import dataclasses
import time
import warnings
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_random_state

from softmargin._validation import Matrix, describe
from softmargin.optimizers import Optimizer
from softmargin.training import FitResult, fit
from softmargin.training.automatic import automatic

from .base import LinearEstimator
from .callbacks import FIT, Audience, CallbackSupportMixin, as_callbacks
from .inputs import read_X, sklearn_words, take_rows
from .options import AUTOMATIC_RULE, Options, named_rule, read_options
from .running import Outcome, Problem, Recipe, Watch, interrupted, run_exact, run_rule

# Samples a step where neither the user nor the automatic rate says how many.
BATCH_SIZE = 256

_SEEDS = 2**31


class Targets(NamedTuple):
    """What a y means to a loss."""

    y: npt.NDArray[Any]
    loss: str
    n_outputs: int
    sample_weight: npt.NDArray[np.float64] | None


class NativeModel(CallbackSupportMixin, LinearEstimator):  # type: ignore[misc]
    """A linear model with a loss, a penalty and a solver of softmargin."""

    _TARGETS: tuple[str, ...] = ()  # kinds of target of the losses that the estimator takes

    # What the two kinds of estimator say of themselves.

    def _targets(self, y: Any, X: Matrix, sample_weight: Any, *, reset: bool) -> Targets:
        raise NotImplementedError

    def _held_out(self, X: Matrix, targets: Targets, options: Options) -> tuple[npt.NDArray[np.intp], Any]:
        """Return the rows to hold out, and their targets."""
        raise NotImplementedError

    def _attributes(self, W: npt.NDArray[Any], b: npt.NDArray[Any] | None) -> dict[str, Any]:
        raise NotImplementedError

    def _start(self) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
        """Return W and the intercept of the fitted model, as `solve` and `fit` take them."""
        raise NotImplementedError

    def _calibrate(self, X: Matrix, targets: Targets, options: Options) -> Any:
        """Return what makes probabilities of scores, or None."""

    # -- fitting -----------------------------------------------------------------------------------------------------------

    def _fit(self, X: Any, y: Any, sample_weight: Any, validation: Any) -> Any:
        start = time.perf_counter()
        options = read_options(self, self._TARGETS)
        if validation is not None and options.rule is None:
            if self.solver == "exact":
                raise ValueError("validation: expected None with solver='exact', which has no epochs, got a pair")
            options = dataclasses.replace(options, rule=AUTOMATIC_RULE)
        functions = as_callbacks(self.callbacks)
        matrix = read_X(self, X, reset=True)
        targets = self._targets(y, matrix, sample_weight, reset=True)
        data = {"X": X, "y": y, "metadata": None if sample_weight is None else {"sample_weight": sample_weight}}
        with sklearn_words():
            calibration = self._calibrate(matrix, targets, options)
            held_out = self._validation(matrix, targets, options, validation)
            exact = options.rule is None
            audience = Audience(
                self,
                data,
                functions,
                options.verbose,
                "step" if exact else "epoch",
                None if exact else options.max_epochs,
                self._attributes,
            )
            outcome = self._run(matrix, targets, options, held_out, Watch(audience.tell, start, options.max_seconds))
        attributes = self._attributes(*outcome.weights)
        self._remember(attributes, outcome)
        self._calibration = calibration
        audience.close(attributes)
        if outcome.interrupted:
            raise KeyboardInterrupt
        if outcome.shortfall:
            warnings.warn(f"{type(self).__name__}: reached {outcome.shortfall}", ConvergenceWarning, stacklevel=FIT)
        return self

    def _validation(
        self, X: Matrix, targets: Targets, options: Options, given: Any
    ) -> tuple[tuple[Matrix, Any, Any] | None, npt.NDArray[np.float64] | None]:
        """Return the validation set, and the weights that leave the rows it was taken from out of the training."""
        if given is not None:
            if not isinstance(given, tuple | list) or len(given) != 2:
                raise TypeError(f"validation: expected a pair (X_val, y_val), got {describe(given)}")
            matrix = read_X(self, given[0], reset=False)
            shown = self._targets(given[1], matrix, None, reset=False)
            return (matrix, shown.y, shown.sample_weight), targets.sample_weight
        if not options.early_stopping:
            return None, targets.sample_weight
        rows, y = self._held_out(X, targets, options)
        weight = np.ones(X.n_samples) if targets.sample_weight is None else targets.sample_weight.copy()
        of_rows = weight[rows] if weight[rows].any() else None
        weight[rows] = 0.0
        check_left(weight)
        return (take_rows(X, rows), y, of_rows), weight

    def _run(
        self,
        X: Matrix,
        targets: Targets,
        options: Options,
        held_out: tuple[Any, npt.NDArray[np.float64] | None],
        watch: Watch,
    ) -> Outcome:
        validation, weight = held_out
        problem = self._problem(X, targets._replace(sample_weight=weight), options)
        if options.rule is None:
            return run_exact(problem, watch, options.tol, options.max_epochs)
        try:
            recipe = self._recipe(problem, options, thorough=validation is None and options.max_seconds is None)
        except KeyboardInterrupt:
            return interrupted(problem, watch)
        return run_rule(
            problem,
            recipe,
            watch,
            tol=options.tol,
            max_epochs=options.max_epochs,
            n_iter_no_change=options.n_iter_no_change,
            validation=validation,
        )

    def _run_quietly(self, X: Matrix, targets: Targets, options: Options) -> Outcome:
        """Run for a model that nobody is told of: what is calibrated."""
        options = dataclasses.replace(options, early_stopping=False, warm_start=False)
        watch = Watch(_nobody, time.perf_counter(), options.max_seconds)
        outcome = self._run(X, targets, options, (None, targets.sample_weight), watch)
        if outcome.interrupted:
            self._calibration = None
            self._remember(self._attributes(*outcome.weights), outcome)
            raise KeyboardInterrupt
        return outcome

    def _problem(self, X: Matrix, targets: Targets, options: Options) -> Problem:
        shape = (targets.n_outputs, X.n_features)
        W0 = intercept0 = None
        if targets.n_outputs > 1 and targets.y.ndim == 1 and targets.y.max(initial=0) + 1 < targets.n_outputs:
            W0 = np.zeros(shape, X.weight_dtype)  # the last class is not there
        if options.warm_start and hasattr(self, "coef_"):
            W, b = self._start()
            if W.shape == shape:
                W0, intercept0 = W.astype(X.weight_dtype), b if options.fit_intercept else None
        return Problem(
            X,
            targets.y,
            targets.loss,
            options.penalty,
            targets.sample_weight,
            options.fit_intercept,
            options.standardize,
            options.margin,
            options.delta,
            W0,
            intercept0,
            options.num_threads,
            targets.n_outputs,
        )

    def _recipe(self, problem: Problem, options: Options, *, thorough: bool) -> Recipe:
        """Return the rule with its rate, schedule and batch size, found where they are to be.

        `thorough` where the run will have all epochs, and F at their end is what counts.
        """
        seed = int(check_random_state(self.random_state).randint(_SEEDS))
        rule, size = options.rule, options.batch_size
        assert rule is not None
        if isinstance(rule, Optimizer):
            size = BATCH_SIZE if isinstance(size, str) else size
            return Recipe(rule, options.schedule, size, options.average, seed)
        given = problem.shared()
        del given["W0"], given["intercept0"]
        from_zero = options.schedule is None and (problem.W0 is None or not problem.W0.any())
        plan = automatic(
            problem.X,
            problem.y,
            rule=named_rule(rule),
            batch_size=size,
            epochs=options.max_epochs,
            rng=seed,
            thorough=thorough and from_zero,
            **given,
        )
        schedule = plan.schedule if options.schedule is None else options.schedule
        return Recipe(plan.optimizer, schedule, plan.batch_size, options.average, seed, from_zero, plan.coordinates)

    def _remember(self, attributes: dict[str, Any], outcome: Outcome) -> None:
        for name, value in attributes.items():
            setattr(self, name, value)
        self.history_ = outcome.history
        self.n_iter_ = outcome.n_iter
        self.loss_ = outcome.loss
        self.gap_ = outcome.gap
        self._result, self._recipe_of = outcome.result, outcome.recipe

    # -- data that come in parts -------------------------------------------------------------------------------------------

    def _partial_fit(self, X: Any, y: Any, sample_weight: Any) -> Any:
        """Do one epoch on some rows; the rule's state, its rate and its schedule go on where they stood."""
        options = read_options(self, self._TARGETS)
        if options.rule is None:
            options = dataclasses.replace(options, rule=AUTOMATIC_RULE)
        before: FitResult | None = getattr(self, "_result", None)
        first = not hasattr(self, "coef_")
        matrix = read_X(self, X, reset=first)
        targets = self._targets(y, matrix, sample_weight, reset=first and not hasattr(self, "classes_"))
        problem = self._problem(matrix, targets, dataclasses.replace(options, warm_start=True))
        if before is None:
            recipe = self._recipe(problem, options, thorough=False)
        else:
            assert self._recipe_of is not None
            recipe = self._recipe_of
        arguments = problem.shared() | recipe.place()
        if before is not None:
            arguments |= {"W0": None, "intercept0": None, "resume": before, "new_data": True}
        with sklearn_words():
            result = fit(
                problem.X,
                problem.y,
                **arguments,
                optimizer=recipe.optimizer,
                schedule=recipe.schedule,
                batch_size=recipe.batch_size,
                average=recipe.average,
                epochs=1 if before is None else len(before.history) + 1,
                rng=recipe.seed if before is None else None,
            )
        outcome = Outcome(
            (result.W, result.intercept),
            result.history,
            len(result.history),
            result.history[-1].loss,
            np.nan,
            "",
            result=result,
            recipe=recipe,
        )
        self._remember(self._attributes(*outcome.weights), outcome)
        self._calibration = None
        return self


def check_left(weight: npt.NDArray[np.float64]) -> None:
    """Raise ValueError where no weight is left to train on once rows are held out."""
    if not weight.any():
        raise ValueError("validation_fraction: expected a share that leaves samples of weight to train on")


def _nobody(_: Any) -> bool:
    return False
