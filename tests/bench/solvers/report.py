"""What the results say: seconds to each distance from the optimum, as a table and as a picture."""

import numpy as np

TARGETS = (1e-2, 1e-3, 1e-4, 1e-6)
DISTURBED = 0.1  # cores busy with something else, from which on the table says so
FLOOR = 1e-12  # distances below are rounding errors of F; the picture ends here


def proven(optimum):
    """Return whether F* is known far more closely than the smallest of TARGETS."""
    return optimum["bound"] is not None and optimum["bound"] <= 1e-2 * TARGETS[-1] * abs(optimum["F"])


def distances(results, peer):
    """Return seconds (m,), (F - F*) / |F*| (m,) and certified relative gaps (m,) or NaN, in order of time."""
    optimum = results["optimum"][peer["intercept"]]["F"]
    points = sorted(peer["points"], key=lambda point: point["seconds"])
    seconds, F = (np.array([point[key] for point in points]) for key in ("seconds", "F"))
    gaps = np.array([np.nan if point["gap"] is None else point["gap"] for point in points])
    return seconds, (F - optimum) / abs(optimum), gaps


def seconds_to(seconds, distance, target, *, interpolate):
    """Return when the distance first is at most `target`, or infinity.

    Between two separate runs the time is interpolated as if the distance fell geometrically.
    """
    i = int(np.argmax(distance <= target))
    if distance[i] > target or np.isnan(distance[i]):
        return np.inf
    if not interpolate or i == 0 or not distance[i - 1] > target:
        return float(seconds[i])
    high, low = np.log(distance[i - 1]), np.log(max(distance[i], FLOOR))
    share = (high - np.log(target)) / (high - low) if np.isfinite(high) else 1.0
    return float(seconds[i - 1] + share * (seconds[i] - seconds[i - 1]))


def rows(results):
    """Return [(peer, [seconds to each of TARGETS], last distance, note)]; a certifying solver counts until its certificate."""
    table = []
    for name, peer in results["peers"].items():
        if "error" in peer:
            table.append((name, [np.inf] * len(TARGETS), np.nan, peer["error"]))
            continue
        seconds, distance, gaps = distances(results, peer)
        reached = gaps if np.isfinite(gaps).any() else distance
        times = [seconds_to(seconds, reached, target, interpolate=peer["interpolate"]) for target in TARGETS]
        notes = ["intercept penalised"] if peer["intercept"] == "augmented" else []
        if peer.get("others", 0) > DISTURBED:
            notes.append(f"others kept {peer['others']:.1f} cores busy")
        if np.any(gaps < distance - FLOOR):
            notes.append("CERTIFICATE BELOW THE TRUE DISTANCE")
        table.append((name, times, float(np.nanmin(distance)), ", ".join(notes)))
    return sorted(table, key=lambda row: [np.nan_to_num(t, posinf=1e9) for t in reversed(row[1])])


def formatted(seconds):
    """Return seconds with three digits; "-" for never."""
    return f"{seconds:.3g}" if np.isfinite(seconds) else "-"


def print_table(results):
    """Print one line a competitor, the fastest to the smallest distance first."""
    optimum = ", ".join(
        f"F* ({key}) = {value['F']:.9g}{'' if proven(value) else ', NOT PROVEN'}"
        for key, value in results["optimum"].items()
    )
    print(f"\n{results['problem']}: {optimum}, {results['machine']['threads']} threads; seconds to (F - F*) / F* of")
    print(f"{'':26}" + "".join(f"{target:>10.0e}" for target in TARGETS) + f"{'last':>10}")
    for name, times, last, note in rows(results):
        print(f"{name:<26}" + "".join(f"{formatted(t):>10}" for t in times) + f"{last:>10.0e}  {note}")


def plot(results, path):
    """Save time against distance, both logarithmic."""
    from matplotlib import colormaps
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 5), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    least, first = 1.0, np.inf
    colours = iter(colormaps["tab20"].colors)
    for name, peer in results["peers"].items():
        if "error" not in peer:
            seconds, distance, gaps = distances(results, peer)
            certified = np.isfinite(gaps).all()
            shown = np.maximum(np.minimum.accumulate(gaps) if certified else distance, FLOOR)
            least = min(least, shown.min())
            first = min(first, seconds[min(1, len(seconds) - 1)])
            style = {"color": "black", "linewidth": 2.5} if certified else {"color": next(colours)}
            if certified and name.endswith("float32"):
                style["linestyle"] = ":"
            label = f"{name}, certified" if certified else name
            axes.loglog(seconds, shown, marker=".", label=label, **style)
    axes.set(
        xlabel="seconds",
        ylabel="(F - F*) / F*",
        title=results["problem"],
        ylim=(least / 3, None),
        xlim=(first / 2, None),
    )
    axes.grid(alpha=0.3)
    axes.legend(fontsize="small")
    figure.savefig(path, dpi=120)
