"""Competitor: scikit-learn's LogisticRegression with each of its solvers that leaves the intercept alone; C = 1 / (alpha n)."""

import warnings
from unittest import mock

import scipy.optimize
from sklearn.linear_model import LogisticRegression

from .peer import Peer, Recorder, growing_runs

TOL = 1e-10  # far below what is measured: only time or the number of iterations ends a run
# newton-cholesky makes the square matrix of all coefficients: n k^2 d^2 operations a step, far from useful beyond this size.
MAX_CHOLESKY = 1_000


def estimator(problem, solver, max_iter):
    """Return the estimator of the problem."""
    return LogisticRegression(C=problem.C, solver=solver, tol=TOL, max_iter=max_iter, random_state=0)


def fitted(problem, solver, max_iter):
    """Return W (n_outputs, n_features), b (n_outputs,)."""
    model = estimator(problem, solver, max_iter).fit(problem.peer_X, problem.y)
    return model.coef_, model.intercept_


def lbfgs(problem, budget, threads):
    """One run, followed through the callback of scipy.optimize.minimize, which scikit-learn calls."""
    k, minimize = problem.n_outputs, scipy.optimize.minimize
    recorder = Recorder(budget)

    def unpack(Z):
        """Turn scikit-learn's flat vector into W, b: classes lie next to each other."""
        Z = Z.reshape(k, -1, order="F")
        return Z[:, :-1], Z[:, -1]

    def callback(Z):
        if recorder(lambda: unpack(Z)):
            raise StopIteration

    def followed(*args, **options):
        return minimize(*args, **options | {"callback": callback})

    with mock.patch.object(scipy.optimize, "minimize", followed), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        W, b = fitted(problem, "lbfgs", 1_000_000)
    recorder.last = 0.0
    recorder(lambda: (W, b))
    return recorder.points


def runs(solver):
    """Return the trajectory of a solver without a callback."""

    def trajectory(problem, budget, threads):
        return growing_runs(lambda max_iter: fitted(problem, solver, max_iter), problem, budget)

    return trajectory


def solves(problem):
    """Two classes have one output here, as in `logistic`; softmax has three or more."""
    return (problem.loss == "logistic" and problem.n_outputs == 1) or problem.loss == "softmax"


def solves_by_cholesky(problem):
    return solves(problem) and problem.n_outputs * problem.X.shape[1] <= MAX_CHOLESKY


PEERS = [
    Peer("sklearn-lbfgs", "scikit-learn", solves, lbfgs),
    Peer("sklearn-newton-cg", "scikit-learn", solves, runs("newton-cg"), runs=True),
    Peer("sklearn-newton-cholesky", "scikit-learn", solves_by_cholesky, runs("newton-cholesky"), runs=True),
    Peer("sklearn-saga", "scikit-learn", solves, runs("saga"), runs=True),
]
