"""Competitor: IBM's Snap ML, parallel dual coordinate descent; regularizer = alpha n, float32.

Like LIBLINEAR it penalises the intercept, the coefficient of a column of ones (`augmented_intercept`).
"""

from .peer import Peer, growing_runs


def fitted(problem, max_iter, threads):
    """Return W (1, n_features), b (1,)."""
    import snapml

    options = {
        "regularizer": problem.alpha * problem.X.shape[0],
        "max_iter": max_iter,
        "tol": 0.0,
        "n_jobs": threads,
        "fit_intercept": True,
        "intercept_scaling": 1.0,
        "random_state": 0,
    }
    if problem.loss == "logistic":
        model = snapml.LogisticRegression(dual=True, **options)
    else:
        model = snapml.SupportVectorMachine(loss="squared_hinge", **options)
    model.fit(problem.peer_X, problem.y)
    return model.coef_.reshape(problem.n_outputs, -1), model.intercept_.ravel()


def trajectory(problem, budget, threads):
    return growing_runs(lambda max_iter: fitted(problem, max_iter, threads), problem.augmented(), budget)


def solves(problem):
    return problem.loss in ("logistic", "binary_squared_hinge") and problem.n_outputs == 1


PEERS = [Peer("snapml-dual", "snapml", solves, trajectory, augmented_intercept=True, runs=True)]
