"""Times of competitors taken in turns, as a ratio of two times means something on a noisy machine only if they alternate."""

import statistics
import time

# Idle workers of OpenBLAS and OpenMP spin for some milliseconds before they sleep: whoever comes next shares the cores with
# them. Right after a pass of BLAS ours took 157 ms instead of 57, after a rest 58 (two cores, real-time priority).
REST = 0.1


def interleaved(functions, rounds=9):
    """Call each of {name: function} `rounds` times in turns, after once to warm up; return {name: [seconds]}."""
    times = {name: [] for name in functions}
    for function in functions.values():
        function()
    for _ in range(rounds):
        for name, function in functions.items():
            time.sleep(REST)
            start = time.perf_counter()
            function()
            times[name].append(time.perf_counter() - start)
    return times


def report(benchmark, title, functions, *, rounds=9):
    """Measure in turns; keep the medians, and the median ratio of each round to the first competitor, and print them."""
    times = interleaved(functions, rounds)
    first = next(iter(times))
    ratios = {
        name: statistics.median(t / own for t, own in zip(seconds, times[first], strict=True))
        for name, seconds in times.items()
        if name != first
    }
    medians = {name: 1e3 * statistics.median(seconds) for name, seconds in times.items()}
    benchmark.extra_info["interleaved_median_ms"] = {name: round(ms, 2) for name, ms in medians.items()}
    benchmark.extra_info["ratio"] = {name: round(ratio, 3) for name, ratio in ratios.items()}
    print(f"\n{title}")
    for name, ms in medians.items():
        ratio = f"   x {ratios[name]:.2f}" if name in ratios else ""
        print(f"  {name:<40} {ms:8.1f} ms{ratio}")
