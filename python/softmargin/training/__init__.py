"""Training by minibatches: `fit`, what it returns, and how a run goes on."""

from .loop import fit
from .results import EpochInfo, EpochRecord, FitResult, RunState

__all__ = ["EpochInfo", "EpochRecord", "FitResult", "RunState", "fit"]
