"""What the results say: a table of seconds to the same objective."""

from ..solvers.report import DISTURBED, formatted
from .measure import AS_IT_COMES, seconds_of

HEADER = f"{'F within':>12}{'scikit-learn':>34}{'softmargin':>30}{'':>11}"


def print_table(results):
    """Print the lines of one case."""
    rows, columns = results["shape"]
    proof = f"F* = {results['F']:.9g}, proven to {results['gap']:.0e}"
    others = results.get("others", 0.0)
    disturbed = f"; others kept {others:.1f} cores busy" if others > DISTURBED else ""
    print(f"\n{results['case']}: {rows} x {columns}, {proof}{disturbed}")
    print(HEADER)
    for name, row in results["rows"].items():
        theirs = cell(row["theirs"], results, name == AS_IT_COMES)
        print(f"{name:>12}{theirs:>34}{cell(row['ours'], results, name == AS_IT_COMES):>30}{ratio(row):>11}")


def cell(fit, results, with_distance):
    """Return seconds, and how far from the optimum that is where the line does not say it."""
    if fit is None and results["best"] is None:
        return f"no first step in {results['budget']:g} s"
    if fit is None:
        return f"F + {distance(results['best'], results):.0e} at best"
    solver = f" ({fit['options']['solver']})" if "solver" in fit["options"] else ""
    text = f"not done in {results['budget']:g} s" if fit.get("cut") else f"{formatted(seconds_of(fit))} s{solver}"
    return f"{text}, F + {distance(fit['F'], results):.0e}" if with_distance else text


def distance(F, results):
    """Return how far F is above the optimum, relative to it."""
    return max(F - results["F"], 0.0) / abs(results["F"])


def ratio(row):
    """Return how many times faster ours is, a bound where one was not done; nothing where neither was."""
    cut = [name for name in ("ours", "theirs") if row[name] is not None and row[name].get("cut")]
    if row["ours"] is None or row["theirs"] is None or len(cut) == 2:
        return ""
    times = seconds_of(row["theirs"]) / seconds_of(row["ours"])
    bound = {"ours": "< ", "theirs": "> "}[cut[0]] if cut else ""
    return f"{bound}{times:.2g} x"
