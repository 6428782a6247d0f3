"""The reference: every loss, penalty and update rule, the objective and `fit` in plain NumPy, written to be read.

Everything is float64 and nothing is fast. What is written here is what softmargin means: the compiled core is tested
against it.

    LOSSES        name -> Loss: (S, y, **options) -> (loss, dS), its conjugate and Hessian   losses.py
    PENALTIES     name -> parameters -> (alpha1, smooth part)                                penalties.py
    OPTIMIZERS    name -> (init, step)                                                       optimizers.py
    loss_and_grad F(W, b) and its gradient                                                   objective.py
    fit           training by minibatches                                                    training.py
    permutation   the order of an epoch                                                      permutation.py
    fit_float32   the same loop as a good NumPy user would write it, to measure against      numpy_loop.py
"""

from . import losses as _losses  # registers the losses  # noqa: F401
from .numpy_loop import fit_float32
from .objective import LossGrad, loss_and_grad, scores
from .optimizers import OPTIMIZERS, Optimizer
from .penalties import PENALTIES, soft_threshold
from .permutation import permutation
from .registry import LOSSES, TARGETS
from .standardize import Standardizer, standardizer
from .training import FitResult, fit

__all__ = [
    "LOSSES",
    "OPTIMIZERS",
    "PENALTIES",
    "TARGETS",
    "FitResult",
    "LossGrad",
    "Optimizer",
    "Standardizer",
    "fit",
    "fit_float32",
    "loss_and_grad",
    "permutation",
    "scores",
    "soft_threshold",
    "standardizer",
]
