"""Linear models on CPUs: from a matrix and labels to a linear classifier that you can trust, fast.

Everything loads on first touch (PEP 562), so that ``import softmargin`` costs next to nothing and brings neither
scikit-learn nor scipy.optimize nor matplotlib along.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from softmargin import losses, optimizers, penalties, plotting, reference, schedules
    from softmargin.config import (
        build_info,
        get_num_threads,
        set_num_threads,
        set_simd_level,
        show_versions,
        simd_level,
        simd_levels,
    )
    from softmargin.estimators.classifier import LinearClassifier
    from softmargin.estimators.regressor import LinearRegressor
    from softmargin.gradcheck import GradientCheck, check_gradient, numerical_gradient
    from softmargin.objective import LossGrad, loss_and_grad
    from softmargin.search import random_local_search, random_search
    from softmargin.solvers import (
        Certified,
        ConvergenceWarning,
        PathResult,
        SolveInfo,
        SolveRecord,
        SolveResult,
        certify,
        solve,
        solve_path,
    )
    from softmargin.training import EpochRecord, FitResult, fit

    # Generated from the compiled registry; mypy does not follow an import of such names through a cycle.
    L1: type[penalties.Penalty]
    L2: type[penalties.Penalty]
    ElasticNet: type[penalties.Penalty]
    __version__: str

__all__ = [
    "loss_and_grad",
    "LossGrad",
    "losses",
    "penalties",
    "plotting",
    "optimizers",
    "schedules",
    "L1",
    "L2",
    "ElasticNet",
    "fit",
    "FitResult",
    "EpochRecord",
    "solve",
    "solve_path",
    "certify",
    "SolveResult",
    "PathResult",
    "Certified",
    "SolveInfo",
    "SolveRecord",
    "ConvergenceWarning",
    "LinearClassifier",
    "LinearRegressor",
    "random_search",
    "random_local_search",
    "numerical_gradient",
    "check_gradient",
    "GradientCheck",
    "reference",
    "show_versions",
    "build_info",
    "get_num_threads",
    "set_num_threads",
    "simd_level",
    "simd_levels",
    "set_simd_level",
    "__version__",
]

# Where a public name lives: the submodules themselves, and the names in them.
_SUBMODULES = ("linear_model", "losses", "optimizers", "penalties", "plotting", "reference", "schedules", "svm")
_NAMES = {
    "config": (
        "build_info",
        "get_num_threads",
        "set_num_threads",
        "set_simd_level",
        "show_versions",
        "simd_level",
        "simd_levels",
    ),
    "estimators.classifier": ("LinearClassifier",),
    "estimators.regressor": ("LinearRegressor",),
    "gradcheck": ("GradientCheck", "check_gradient", "numerical_gradient"),
    "objective": ("LossGrad", "loss_and_grad"),
    "penalties": ("L1", "L2", "ElasticNet"),
    "search": ("random_local_search", "random_search"),
    "solvers": (
        "Certified",
        "ConvergenceWarning",
        "PathResult",
        "SolveInfo",
        "SolveRecord",
        "SolveResult",
        "certify",
        "solve",
        "solve_path",
    ),
    "training": ("EpochRecord", "FitResult", "fit"),
}
_HOME = {name: module for module, names in _NAMES.items() for name in names}


def __getattr__(name: str) -> Any:
    if name in _SUBMODULES:
        return import_module(f"softmargin.{name}")
    if name == "__version__":
        from importlib.metadata import version

        value: Any = version("softmargin")
    elif name in _HOME:
        value = getattr(import_module(f"softmargin.{_HOME[name]}"), name)
    else:
        # The registry may have more penalties than are listed above for type checkers; classes begin with a capital.
        penalties = import_module("softmargin.penalties") if name[:1].isupper() else None
        made = {cls.__name__: cls for cls in map(penalties.get, penalties.names())} if penalties else {}
        if name not in made:
            message = f"module 'softmargin' has no attribute {name!r}"
            raise AttributeError(message)
        value = made[name]
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
