"""How the exact optimum is found and certified."""

from .certifying import Certified, certify
from .exact import solve
from .path import PathResult, solve_path
from .results import ConvergenceWarning, SolveInfo, SolveRecord, SolveResult

__all__ = [
    "Certified",
    "ConvergenceWarning",
    "PathResult",
    "SolveInfo",
    "SolveRecord",
    "SolveResult",
    "certify",
    "solve",
    "solve_path",
]
