"""How the exact optimum is found and certified."""

from .results import ConvergenceWarning, SolveRecord, SolveResult
from .solve import solve

__all__ = ["ConvergenceWarning", "SolveRecord", "SolveResult", "solve"]
