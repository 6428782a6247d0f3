"""How the exact optimum is found and certified."""

from .certifying import Certified, certify
from .exact import solve
from .path import PathResult, solve_path
from .results import ConvergenceWarning, SolveRecord, SolveResult

__all__ = [
    "Certified",
    "ConvergenceWarning",
    "PathResult",
    "SolveRecord",
    "SolveResult",
    "certify",
    "solve",
    "solve_path",
]
