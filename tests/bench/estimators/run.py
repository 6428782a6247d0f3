"""The driver: python -m tests.bench.estimators.run --data DIR --out DIR [--case NAME ...]

Every case runs in a fresh process, both classes in turns. Results are kept in OUT/<case>.json. F* is the least F seen, and F is evaluated
in float64 by NumPy, the penalty of the intercept as the class has it. What ours certifies is printed beside it.
"""

import argparse
import json
import time
from importlib.metadata import version
from pathlib import Path

from ..machine import NOT_DONE, busy, in_fresh_process
from . import report
from .cases import CASES
from .measure import measure

MARGIN = 300  # seconds for making the data and for ours
# A case is given up after the margin and so many budgets; then ours is measured alone, since not even a first step of the other was done.
BUDGETS = 4


def parse():
    parser = argparse.ArgumentParser(
        prog="python -m tests.bench.estimators.run",
        description="Seconds to the same objective, after one import is changed.",
    )
    parser.add_argument("--data", type=Path, help="folder of cifar10.npz, ag_news.csv, a9a.svm")
    parser.add_argument("--out", type=Path, required=True, help="folder of the results")
    parser.add_argument("--case", nargs="+", choices=list(CASES), default=list(CASES), metavar="NAME")
    parser.add_argument(
        "--budget",
        type=float,
        default=60.0,
        help="seconds for scikit-learn's class, and for a fit of ours that can be told to end (default: 60)",
    )
    parser.add_argument("--rounds", type=int, default=5, help="of which the median is taken (default: 5)")
    parser.add_argument("--threads", type=int, default=2, help="of BLAS, OpenMP and joblib (default: 2)")
    parser.add_argument("--scale", choices=["full", "check"], default="full")
    parser.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--alone", action="store_true", help=argparse.SUPPRESS)
    return parser.parse_args()


def work(options):
    """In the fresh process: measure one case; print JSON."""
    case = CASES[options.case[0]]
    problem = case.problem(options.data, options.scale)
    before, started = busy(), time.perf_counter()
    results = measure(
        case, problem, budget=options.budget, threads=options.threads, rounds=options.rounds, alone=options.alone
    )
    everybody, own = busy() - before
    results["others"] = round(max(0.0, everybody - own) / (time.perf_counter() - started), 3)
    results["scikit-learn"] = version("scikit-learn")
    results["threads"] = options.threads
    print(json.dumps(results))


def main():
    options = parse()
    if options.worker:
        return work(options)
    options.out.mkdir(parents=True, exist_ok=True)
    shared = ["--budget", str(options.budget), "--rounds", str(options.rounds), "--scale", options.scale]
    shared += ["--threads", str(options.threads), "--out", str(options.out), "--worker"]
    shared += ["--data", str(options.data)] if options.data else []
    module, seconds = "tests.bench.estimators.run", MARGIN + BUDGETS * options.budget
    for name in options.case:
        arguments = [*shared, "--case", name]
        results = in_fresh_process(module, arguments, options.threads, seconds)
        if results.get("error", "").startswith(NOT_DONE):
            results = in_fresh_process(module, [*arguments, "--alone"], options.threads, seconds)
        if "error" in results:
            print(f"\n{name}: {results['error']}", flush=True)
            continue
        (options.out / f"{name}.json").write_text(json.dumps(results, indent=1))
        report.print_table(results)
    return None


if __name__ == "__main__":
    main()
