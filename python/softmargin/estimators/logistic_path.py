"""Logistic regressions for every fold, C and l1_ratio, and their scores: what `LogisticRegressionCV` chooses among."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from sklearn.metrics import make_scorer
from sklearn.utils.validation import _check_method_params

from softmargin._validation import Matrix

from .logistic import LogisticRegression, centred
from .optimum import Float, Optimum, Start, Task, say

Fold = tuple[npt.NDArray[Any], npt.NDArray[Any]]  # indices of the rows to train on, and of those held out


class Paths(NamedTuple):
    """What was found for each fold, C and l1_ratio.

    ``coefs`` (n_folds, n_cs, n_l1_ratios, n_outputs, n_dof), the intercept last where there is one; ``scores``, ``n_iter`` and
    ``gaps`` (n_folds, n_cs, n_l1_ratios); those that did not converge; whether every fold trained on all classes.
    """

    coefs: Float
    scores: Float
    n_iter: npt.NDArray[np.int32]
    gaps: Float
    unconverged: list[Optimum]
    complete: bool


def fit_paths(
    task: Task,
    folds: Sequence[Fold],
    Cs: Float,
    l1_ratios: Sequence[float],
    sample_weight: Float | None,
    score: Callable[[Fold, Float, Float, float], float],
    verbose: int,
) -> Paths:
    """Solve for each fold, C and l1_ratio, the strongest penalty first, and score on the rows held out.

    A fold is a weight for each row, 0 for one held out and 2 for one that is there twice: X is never copied. Where a fold lacks a
    class, whose intercept has no optimum but -inf there, the others start from zeros and not from its models.
    """
    n = task.X.n_samples
    base = np.ones(n) if sample_weight is None else sample_weight
    shape = (len(folds), len(Cs), len(l1_ratios))
    n_dof = task.X.n_features + int(task.fit_intercept)
    coefs = np.zeros((*shape, task.n_outputs, n_dof))
    scores, gaps, n_iter = np.zeros(shape), np.zeros(shape), np.zeros(shape, dtype=np.int32)
    of_fold = [base * np.bincount(np.arange(n)[train], minlength=n) for train, _ in folds]
    n_classes = len(np.unique(task.y))
    complete = all(len(np.unique(task.y[weights > 0])) == n_classes for weights in of_fold)
    unconverged, first = [], None
    for i, (fold, weights) in enumerate(zip(folds, of_fold, strict=True)):
        for k, l1_ratio in enumerate(l1_ratios):
            task.start_from(first)
            for j in np.argsort(Cs):
                found = task.minimise(1 / Cs[j], l1_ratio, weights)
                if complete and first is None:
                    first = Start(found.coef, found.intercept)
                W, b = centred(found.coef, found.intercept, l1_ratio)
                coefs[i, j, k] = np.column_stack([W, b]) if task.fit_intercept else W
                scores[i, j, k] = score(fold, W, b, Cs[j])
                gaps[i, j, k], n_iter[i, j, k] = found.gap, found.n_iter
                if not found.converged(task.tol):
                    unconverged.append(found)
                if verbose:
                    say(f"LogisticRegressionCV, fold {i}, C={Cs[j]:.3g}, l1_ratio={l1_ratio:g}", found)
    return Paths(coefs, scores, n_iter, gaps, unconverged, complete)


def fold_score(
    scoring: Any,
    X: Matrix,
    y: npt.NDArray[Any],
    classes: npt.NDArray[Any],
    sample_weight: Float | None,
    score_params: dict[str, Any],
) -> Callable[[Fold, Float, Float, float], float]:
    """Return the function that scores a model, W and its intercept, on the rows that a fold holds out."""
    rows = rows_of(X)
    scorer = with_labels(scoring, classes)

    def score(fold: Fold, W: Float, b: Float, C: float) -> float:
        model = LogisticRegression(C=C)
        model.classes_, model.coef_, model.intercept_ = classes, W, b
        test = fold[1]
        if scorer is None:
            return float(
                model.score(rows[test], y[test], sample_weight=None if sample_weight is None else sample_weight[test])
            )
        params = _check_method_params(X=rows, params=score_params, indices=test)
        return float(scorer(model, rows[test], y[test], **params))

    return score


def rows_of(X: Matrix) -> Any:
    """Return X as an array or a CSR matrix, of which rows can be taken."""
    if X.layout == "dense":
        return X.core.arrays[0]
    from scipy.sparse import csr_matrix

    return csr_matrix(X.core.arrays, shape=(X.n_samples, X.n_features), copy=False)


def with_labels(scoring: Any, classes: npt.NDArray[Any]) -> Any:
    """Return a scorer that knows all classes, since a fold may hold out samples of some of them alone."""
    if scoring is None or not hasattr(scoring, "_score_func"):
        return scoring
    parameters = inspect.signature(scoring._score_func).parameters
    if "labels" not in parameters:
        return scoring
    known: dict[str, Any] = {"labels": classes}
    if len(classes) == 2 and "pos_label" in parameters:
        known["pos_label"] = classes[-1]
    return make_scorer(
        scoring._score_func,
        greater_is_better=scoring._sign == 1,
        response_method=scoring._response_method,
        **{**known, **getattr(scoring, "_kwargs", {})},
    )


def worst(found: Iterable[Optimum]) -> Optimum:
    """Return the one that is furthest from its optimum."""
    return max(found, key=lambda one: one.gradient if np.isnan(one.gap) else one.gap)
