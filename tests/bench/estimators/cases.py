"""The cases: a class of scikit-learn and the one of ours that takes its place, on a problem that both mean alike."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from importlib import import_module

from ..solvers.problem import Problem
from ..solvers.problems import load

# What is tried of ours, the last to know F*. The drop-in classes go on to a relative gap of tol^2, LinearClassifier to one of tol;
# where that means a loss with kinks, its update rule is tried too.
DROP_IN = tuple({"tol": tol} for tol in (1.0, 0.3, 1e-1, 1e-2, 1e-3, 1e-5))
RULE = tuple({"solver": "SGD", "max_epochs": epochs, "tol": 0, "random_state": 0} for epochs in (2, 5, 15, 50))
NATIVE = (*RULE, *({"tol": tol} for tol in (1e-1, 3e-2, 1e-2, 1e-4, 1e-6)))


@dataclass(frozen=True)
class Class:
    """An estimator by where it is imported from, and what it is called with beside its defaults."""

    module: str
    name: str
    options: dict

    def __call__(self, **more):
        """Return the estimator, not fitted."""
        return getattr(import_module(self.module), self.name)(**self.options | more)


@dataclass(frozen=True)
class Case:
    """`theirs(problem, threads)` and `ours(problem, threads)` make a Class each.

    `endless` are the options with which theirs stops at nothing but `max_iter`, `attempts` the options that ours is tried with.
    """

    name: str
    problem: Callable[[object, str], Problem]
    theirs: Callable[[Problem, int], Class]
    ours: Callable[[Problem, int], Class]
    endless: dict
    attempts: tuple


def problem_of(name, *, augmented=False, **changes):
    """Return the function (data folder, scale) -> Problem `name`, with changes."""

    def made(data, scale):
        problem = replace(load(name, data, scale), **changes)
        return problem.augmented() if augmented else problem

    return made


def drop_in(module, name, **options):
    """Return scikit-learn's class and ours: the same name from another package, with the same options."""
    return tuple(
        lambda problem, threads, package=package: Class(f"{package}.{module}", name, {"C": problem.C} | options)
        for package in ("sklearn", "softmargin")
    )


def logistic(data):
    """LogisticRegression, solver lbfgs."""
    problems = {"digits": "digits", "a9a": "a9a-logistic", "ag_news": "ag_news-softmax-c1", "cifar10": "cifar10"}
    theirs, ours = drop_in("linear_model", "LogisticRegression")
    return Case(f"LogisticRegression-{data}", problem_of(problems[data]), theirs, ours, {"tol": 1e-10}, DROP_IN)


def svc(data):
    """LinearSVC: one-versus-rest, squared hinge, the intercept penalised as LIBLINEAR does it."""
    problems = {"digits": "digits", "a9a": "a9a-hinge", "ag_news": "ag_news-hinge-c1", "cifar10": "cifar10"}
    theirs, ours = drop_in("svm", "LinearSVC", random_state=0)
    problem = problem_of(problems[data], augmented=True, loss="binary_squared_hinge")
    return Case(f"LinearSVC-{data}", problem, theirs, ours, {"tol": 1e-10}, DROP_IN)


def sgd(data):
    """SGDClassifier as it comes: one-versus-rest, hinge, alpha 1e-4; a thread a class. Ours with the same loss and alpha."""
    problems = {"digits": "digits", "a9a": "a9a-hinge", "ag_news": "ag_news-hinge-c1", "cifar10": "cifar10"}

    def theirs(problem, threads):
        return Class(
            "sklearn.linear_model", "SGDClassifier", {"alpha": problem.alpha, "n_jobs": threads, "random_state": 0}
        )

    def ours(problem, threads):
        return Class("softmargin.linear_model", "LinearClassifier", {"loss": problem.loss, "alpha": problem.alpha})

    problem = problem_of(problems[data], loss="binary_hinge", alpha=1e-4)
    return Case(f"SGDClassifier-{data}", problem, theirs, ours, {"tol": None}, NATIVE)


DATA = ("digits", "a9a", "ag_news", "cifar10")
CASES = {case.name: case for make in (logistic, svc, sgd) for case in map(make, DATA)}
