"""One case, measured: how long each class takes to come so near to the optimum, and what it does as it comes."""

import time
import warnings
from statistics import median

import numpy as np
from threadpoolctl import ThreadpoolController

from softmargin.bench.timing import interleaved

from ..solvers.peers.peer import growing_runs

TARGETS = (1e-2, 1e-4, 1e-6)
FEW = 3  # iterations that tell which number of threads is the faster
AS_IT_COMES = "as it comes"
SAME = "the same F"


class Side:
    """A class on a problem, and the fits that it was tried with; each ends after `most_seconds` where the class can be told so."""

    def __init__(self, made, problem, most_seconds=None):
        self.made, self.problem, self.fits, self.models = made, problem, [], []
        self.blas_threads = None
        told = "max_seconds" in made().get_params() and most_seconds is not None
        self.libraries = ThreadpoolController()  # once: to look for them takes 4 ms, a seventh of the shortest fits
        self.limits = {"max_seconds": most_seconds} if told else {}

    def fit(self, options):
        """Return the fitted estimator."""
        with self.libraries.limit(limits=self.blas_threads, user_api="blas"), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # each says that it has not converged yet
            return self.made(**self.limits | options).fit(self.problem.peer_X, self.problem.y)

    def choose_blas_threads(self, options, choices):
        """Let BLAS have the number of threads with which a fit is fastest.

        Those of OpenBLAS and those of OpenMP wait for each other's cores: scikit-learn's lbfgs took 0.05 s for the digits with one
        thread of BLAS and 18 s with two, on two cores.
        """
        for self.blas_threads in choices:
            self.fit(options)  # to warm up
        seconds = {}
        for self.blas_threads in choices:
            start = time.perf_counter()
            self.fit(options)
            seconds[self.blas_threads] = time.perf_counter() - start
        self.blas_threads = min(seconds, key=seconds.get)

    def attempt(self, options):
        """Fit, and remember how; return W (n_outputs, n_features), b (n_outputs,)."""
        start = time.perf_counter()
        model = self.fit(options)
        seconds = time.perf_counter() - start
        k, gap = self.problem.n_outputs, getattr(model, "gap_", None)
        n_iter = int(np.max(model.n_iter_))
        self.models.append((np.reshape(model.coef_, (k, -1)), np.broadcast_to(np.ravel(model.intercept_), k)))
        self.fits.append({"options": options, "seconds": [seconds], "n_iter": n_iter, "gap": gap})
        return self.models[-1]

    def evaluate(self):
        """Note F of every fit, in float64; return the least."""
        values = self.problem.objectives(self.models)
        for fit, F in zip(self.fits, values, strict=True):
            fit["F"] = float(F)
        return float(values.min())

    def fastest(self, F):
        """Return the fastest fit that came down to F, or None."""
        reached = [fit for fit in self.fits if fit["F"] <= F]
        return min(reached, key=lambda fit: fit["seconds"][0], default=None)


def measure(case, problem, *, budget, threads, rounds, alone=False):
    """Return the results of a case, as JSON has them; `alone` is ours without the other.

    scikit-learn's class runs from the start with more and more iterations, for `budget` seconds in all; no fit of ours that can be told
    to end takes longer. The fastest fits that reached
    each target run again, in turns, `rounds` times, or fewer where they take longer than the budget.
    """
    problem.peer_X  # noqa: B018 - made here, outside of the measured time
    ours, theirs = Side(case.ours(problem, threads), problem, budget), Side(case.theirs(problem, threads), problem)
    ours.fit(case.attempts[0])  # imports and threads
    for options in case.attempts:
        ours.attempt(options)
    rows = {AS_IT_COMES: {"ours": default(ours), "theirs": None}}
    best = least = ours.evaluate()
    if not alone:
        theirs.choose_blas_threads({"max_iter": FEW, **case.endless}, sorted({1, threads}))
        growing_runs(lambda max_iter: theirs.attempt({"max_iter": max_iter, **case.endless}), problem, budget)
        stopped = rows[AS_IT_COMES]["theirs"] = default(theirs, budget)
        least = theirs.evaluate()
        best = min(best, least)
        rows[SAME] = {"ours": ours.fastest(stopped["F"] + TARGETS[-1] * abs(best)), "theirs": stopped}
    for target in TARGETS:
        F = best + target * abs(best)
        rows[f"{target:.0e}"] = {"ours": ours.fastest(F), "theirs": theirs.fastest(F)}
    for row in rows.values():
        time_in_turns({"ours": ours, "theirs": theirs}, row, budget, rounds)
    return {
        "case": case.name,
        "shape": list(problem.X.shape),
        "F": best,
        "gap": float(np.nanmin([fit["gap"] for fit in ours.fits])),
        "best": None if alone else least,  # of scikit-learn's class
        "budget": budget,
        "blas_threads": theirs.blas_threads,
        "classes": {"ours": ours.made.name, "theirs": theirs.made.name},
        "rows": rows,
    }


def default(side, budget=None):
    """Return the fit without options; with a budget, of no more iterations than it allows, and `cut` where those were too few."""
    most, options = side.made().get_params().get("max_iter"), {}
    if budget is not None:
        longest = max(side.fits, key=lambda fit: fit["seconds"][0])
        affordable = max(1, int(longest["options"]["max_iter"] * budget / longest["seconds"][0]))
        options = {"max_iter": affordable} if affordable < most else {}
    side.attempt(options)
    fit = side.fits[-1]
    fit["cut"] = bool(options) and fit["n_iter"] >= options["max_iter"]
    if side.limits:
        fit["cut"] = fit["seconds"][0] >= side.limits["max_seconds"]
    return fit


def time_in_turns(sides, row, budget, rounds):
    """Let the fits of a row run in turns, as often as the budget allows, and note their seconds.

    Short ones after one that does not count: as in a search, or in a script that has just made X, when cores do not come from a rest.
    """
    fits = {name: fit for name, fit in row.items() if fit is not None}
    once = sum(fit["seconds"][0] for fit in fits.values())
    rounds = min(rounds, int(budget / once) - 1 if fits else 0)  # and one to warm up
    if rounds < 1:
        return
    functions = {name: lambda name=name, fit=fit: sides[name].fit(fit["options"]) for name, fit in fits.items()}
    for name, seconds in interleaved(functions, rounds, warmed=True).items():
        row[name] = fits[name] | {"seconds": [seconds]}


def seconds_of(fit):
    """Return the median of a fit's seconds."""
    return median(fit["seconds"])
