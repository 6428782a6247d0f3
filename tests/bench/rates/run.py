"""The driver: python -m tests.bench.rates.run --data DIR [--set digits a9a] [--scaling ...] [--loss ...] [--rule ...] [--seeds 5]

A line for each data set, scaling and loss: how far above the optimum, in per cent of it, LinearClassifier(solver=RULE) ends with
learning_rate="auto", the median and the worst of the seeds, and the median of the seconds that a fit takes, planning included.
`solve` gives the optimum. Nothing is skipped or cut; what is above the loss at zero weights is marked with "!".
"""

import argparse
import time
import warnings
from statistics import median

import numpy as np

import softmargin as sm
from softmargin import LinearClassifier

from .problems import ALPHA, BUILDERS, SCALINGS, load, scalings

PROVEN = 1e-4  # the relative gap of F*: a hundredth of a per cent
WIDTH = 26


def parse():
    parser = argparse.ArgumentParser(
        prog="python -m tests.bench.rates.run",
        description="How far above the optimum rates without tuning end.",
    )
    parser.add_argument("--data", help="folder of a9a.svm and cifar10.npz")
    parser.add_argument("--set", nargs="+", choices=list(BUILDERS), default=["digits"])
    parser.add_argument("--scaling", nargs="+", choices=SCALINGS, default=list(SCALINGS))
    parser.add_argument("--loss", nargs="+", choices=sm.losses.names(), help="default: all of classes")
    parser.add_argument("--rule", nargs="+", choices=sm.optimizers.names(), default=list(sm.optimizers.names()))
    parser.add_argument("--seeds", type=int, default=1, help="random states 0, 1, ... (default: 1)")
    parser.add_argument("--epochs", type=int, default=100)
    return parser.parse_args()


def measure(problem, loss, rule, seeds, epochs, best):
    """Return the excesses over the optimum in per cent, the seconds, and whether all ended below F at zero weights."""
    zero = LinearClassifier(loss=loss)
    zero.coef_ = np.zeros((1 if problem.y.max() == 1 else problem.y.max() + 1, problem.X.shape[1]))
    zero.intercept_ = np.zeros(len(zero.coef_))
    at_zero, excesses, seconds = problem.objective(zero, loss), [], []
    for seed in range(seeds):
        given = {"alpha": ALPHA, "standardize": problem.standardize, "max_epochs": epochs, "tol": 0.0}
        model = LinearClassifier(loss=loss, solver=rule, random_state=seed, **given)
        start = time.perf_counter()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # by how much the loss still fell
            model.fit(problem.X, problem.y)
        seconds.append(time.perf_counter() - start)
        excesses.append(100 * (problem.objective(model, loss) / best - 1))
    return excesses, seconds, max(excesses) <= 100 * (at_zero / best - 1)


def cell(excesses, seconds, safe):
    """Return the median, the worst and the seconds as a line has them."""
    worst = "" if len(excesses) == 1 else f" to {max(excesses):.2f}"
    return f"{median(excesses):.2f}{worst} % {median(seconds):.2f} s{'' if safe else ' !'}"


def main():
    options = parse()
    print(f"{'':46}" + "".join(f"{rule:>{WIDTH}}" for rule in options.rule))
    for data in options.set:
        for scaling in (name for name in scalings(data) if name in options.scaling):
            problem = load(data, scaling, options.data)
            for loss in problem.losses if options.loss is None else options.loss:
                best, gap = problem.optimum(loss, PROVEN)
                line = f"{data:8} {scaling:13} {loss:21}"
                if gap > 10 * PROVEN:
                    line += f" (F* within {gap:.0e})"
                print(f"{line:46}", end="", flush=True)
                for rule in options.rule:
                    text = cell(*measure(problem, loss, rule, options.seeds, options.epochs, best))
                    print(f"{text:>{WIDTH}}", end="", flush=True)
                print(flush=True)


if __name__ == "__main__":
    main()
