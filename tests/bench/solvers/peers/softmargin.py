"""Ours: softmargin.solve, one run a tolerance from the start; the time is that to the certificate."""

import time

import numpy as np
import scipy.sparse

from .peer import Peer, Point, typical

TOLERANCES = (1e-2, 1e-3, 1e-4, 1e-6)


def trajectory(form):
    """Return the trajectory on X itself ("own"), or converted to float32 beforehand ("float32"); standardised by the solver."""

    def run(problem, budget, threads):
        import softmargin as sm

        X = problem.X if form == "own" else problem.X.astype(np.float32)
        found, total = [], 0.0

        def solved(tol):
            start = time.perf_counter()
            result = sm.solve(
                X,
                problem.y,
                loss=problem.loss,
                penalty=sm.L2(problem.alpha),
                standardize=problem.standardize,
                tol=tol,
                num_threads=threads,
            )
            waited = time.perf_counter() - start
            # Where the unknowns are few, solve goes on towards rounding once the certificate is reached.
            certified = [(r.seconds, r.gap) for r in result.history if r.gap is not None and r.gap <= tol]
            seconds, gap = certified[0] if certified else (waited, result.gap)
            W = np.reshape(result.W, (problem.n_outputs, -1))
            b = np.zeros(problem.n_outputs) if result.intercept is None else np.ravel(result.intercept)
            return seconds, W, b, float(gap), waited

        for tol in TOLERANCES:
            found.append(typical(lambda tol=tol: solved(tol)))
            total += found[-1][-1]
            if total > budget:
                break
        # At the end: a worker of BLAS spins on after a product, and the next run would share the cores with it.
        return [Point(seconds, *problem.to_peer_units(W, b), gap=gap) for seconds, W, b, gap, _ in found]

    return run


def solves(problem):
    return True


def solves_as_float32(problem):
    return solves(problem) and not scipy.sparse.issparse(problem.X) and problem.X.dtype != np.float32


PEERS = [
    Peer("softmargin", "softmargin", solves, trajectory("own")),
    Peer("softmargin-float32", "softmargin", solves_as_float32, trajectory("float32")),
]
