"""Competitor: cyanure, incremental surrogates (MISO) sped up by Catalyst or by limited-memory quasi-Newton steps.

Its objective is mean loss + lambda_1/2 |W|^2 with the intercept unpenalised, and its squared hinge has a factor of 1/2 before it.
Several outputs at once: Catalyst may stop by its own duality gap long before the optimum, whatever tol and in float64 too.
"""

from .peer import Peer, growing_runs


def fitted(problem, solver, max_iter, threads):
    """Return W (n_outputs, n_features), b (n_outputs,)."""
    import logging

    from cyanure.estimators import Classifier

    logging.getLogger("Cyanure").setLevel(logging.ERROR)
    half = problem.loss == "binary_squared_hinge"
    model = Classifier(
        loss="sqhinge" if half else "logistic",
        penalty="l2",
        lambda_1=problem.alpha / 2 if half else problem.alpha,
        solver=solver,
        tol=1e-12,
        max_iter=max_iter,
        fit_intercept=True,
        n_threads=threads,
        verbose=False,
        random_state=0,
    )
    model.fit(problem.peer_X, problem.y)
    return model.coef_.T.reshape(problem.n_outputs, -1), model.intercept_.ravel()


def runs(solver):
    def trajectory(problem, budget, threads):
        return growing_runs(lambda max_iter: fitted(problem, solver, max_iter, threads), problem, budget)

    return trajectory


def solves(problem):
    """Several outputs: softmax for its logistic loss, one-versus-rest for the squared hinge."""
    return problem.loss in ("softmax", "binary_squared_hinge") or (
        problem.loss == "logistic" and problem.n_outputs == 1
    )


PEERS = [
    Peer("cyanure-catalyst-miso", "cyanure", solves, runs("catalyst-miso"), runs=True),
    Peer("cyanure-qning-miso", "cyanure", solves, runs("qning-miso"), runs=True),
]
