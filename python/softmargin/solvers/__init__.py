"""How the exact optimum is found and certified."""

from .certify import Certified, certify
from .path import PathResult, solve_path
from .results import ConvergenceWarning, SolveRecord, SolveResult
from .solve import solve

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
