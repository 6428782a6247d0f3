"""A run that cannot end above zero weights: it looks at where it has ended, and goes again more slowly if need be."""

from __future__ import annotations

from typing import Any

import numpy as np

from softmargin.objective import loss_and_grad
from softmargin.penalties import as_spec

from .loop import fit
from .plan import RETREATS, Plan
from .results import FitResult
from .trials import penalty_value


def fit_guarded(X: Any, y: Any, plan: Plan, **options: Any) -> FitResult:
    """Return what :func:`softmargin.fit` makes of a plan; where it ends above F at zero weights, of a slower one.

    Parameters
    ----------
    X, y : array_like
        As in `fit`.
    plan : Plan
        Of the same data and options.
    **options
        Those of `fit`, without optimizer, schedule, batch_size, W0, intercept0 and resume. A callback sees all runs, if there
        are several; give an rng that is an integer, so that they draw the same samples.

    Returns
    -------
    FitResult
        With F, penalty included, at most that of zero weights. The optimizer's rate is that of ``history``.

    Examples
    --------
    >>> import softmargin as sm
    >>> from softmargin.training.plan import Plan
    >>> X, y = np.array([[0.0], [1.0], [2.0], [3.0]]), [0.0, 1.0, 2.0, 3.0]
    >>> wild = Plan(sm.optimizers.SGD(lr=1e3), sm.schedules.Constant(), 1)
    >>> result = fit_guarded(X, y, wild, loss="mse", epochs=2, rng=0)
    >>> result.history[0].lr, sm.loss_and_grad(result.W, X, y, loss="mse", intercept=result.intercept).loss < 3.5
    (0.1, True)
    """
    names = ("loss", "sample_weight", "positive_weight", "margin", "delta", "num_threads")
    given = {name: options[name] for name in names if name in options}
    if plan.coordinates is not None:
        options = options | {"standardize": plan.coordinates}
    for factor in (1.0, *RETREATS):
        plan = plan.slower(factor)
        try:
            result = fit(X, y, optimizer=plan.optimizer, schedule=plan.schedule, batch_size=plan.batch_size, **options)
            loss = loss_and_grad(result.W, X, y, intercept=result.intercept, **given).loss
        except FloatingPointError:
            continue
        except ValueError as error:
            if not str(error).startswith("W: expected weights whose scores are finite"):
                raise
            continue
        assert result.run_state is not None
        scale = result.run_state.scale if plan.coordinates is None else None  # where the penalty is on W itself
        V = result.W if scale is None else (result.W * scale).astype(result.W.dtype)
        zeros = np.zeros_like(result.W)
        if loss + penalty_value(as_spec(options.get("penalty")), V) <= loss_and_grad(zeros, X, y, **given).loss:
            break
    return result
