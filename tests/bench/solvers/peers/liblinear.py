"""Competitor: LIBLINEAR through scikit-learn, dual coordinate descent and primal trust-region Newton; C = 1 / (alpha n).

It penalises the intercept (`augmented_intercept`): with intercept_scaling=1 that is the problem in which b is the coefficient of a
column of ones, and it is measured against that optimum. A large intercept_scaling would come closer to the other problem at the
price of its conditioning, and is left alone. One thread, float64: it converts X, as part of the time.
"""

from sklearn.linear_model import LogisticRegression
from sklearn.svm import LinearSVC

from .peer import Peer, growing_runs


def fitted(problem, dual, max_iter):
    """Return W (n_outputs, n_features), b (n_outputs,)."""
    options = {"C": problem.C, "dual": dual, "tol": 1e-10, "max_iter": max_iter, "random_state": 0}
    if problem.loss == "logistic":
        model = LogisticRegression(solver="liblinear", intercept_scaling=1, **options)
    else:
        model = LinearSVC(loss="squared_hinge", intercept_scaling=1, **options)
    model.fit(problem.peer_X, problem.y)
    return model.coef_, model.intercept_


def runs(dual):
    def trajectory(problem, budget, threads):
        return growing_runs(lambda max_iter: fitted(problem, dual, max_iter), problem.augmented(), budget)

    return trajectory


def solves(problem):
    return problem.loss == "binary_squared_hinge" or (problem.loss == "logistic" and problem.n_outputs == 1)


PEERS = [
    Peer("liblinear-dual", "scikit-learn", solves, runs(dual=True), augmented_intercept=True, runs=True),
    Peer("liblinear-primal", "scikit-learn", solves, runs(dual=False), augmented_intercept=True, runs=True),
]
