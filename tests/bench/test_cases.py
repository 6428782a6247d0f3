"""The cases of `softmargin bench`: every function of each gives the same result; measured with --benchmark-enable."""

import dataclasses
import sys

import numpy as np
import pytest

import softmargin as sm
from softmargin.bench import report
from softmargin.bench.case import Figure, Setting, limit
from softmargin.bench.cases import CASES
from softmargin.bench.data import pixels
from softmargin.bench.machine import Machine, measure
from softmargin.bench.peers.numpy_pass import NumpyPass
from softmargin.bench.peers.pytorch import installed
from softmargin.bench.roofline import draw
from softmargin.bench.run import Measured, blas_threads, run
from softmargin.bench.tolerance import check_equal, tolerances


@pytest.fixture(scope="session")
def machine(measuring):
    """This machine's limits; where nothing is measured, one of round numbers."""
    count = sm.get_num_threads()
    if measuring:
        return measure(count)
    peaks = {sm.simd_level(): {dtype: dict.fromkeys({1, count}, 1e11) for dtype in ("float32", "float64")}}
    speeds = dict.fromkeys({1, count}, 1e10)
    return Machine(count, sm.simd_level(), sm.simd_levels(), {"L1d": "32K"}, speeds, speeds, peaks)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_results_agree(case, benchmark, measuring, setting, machine):
    if measuring:
        measured = run(case, machine, setting)
        print("\n" + "\n".join(report.lines(measured)))
        benchmark.extra_info.update(seconds=measured.seconds)
    with blas_threads(setting.threads):
        work = case.prepare(setting)
        results = {name: function() for name, function in work.functions.items()}
        work.check(results)
        assert next(iter(results)) == "softmargin"
        rounds, calls = (5, work.repeat) if measuring else (1, 1)
        benchmark.pedantic(next(iter(work.functions.values())), rounds=rounds, iterations=calls)


@pytest.mark.parametrize("loss", ["softmax", "hinge", "logistic"])
def test_equality_would_notice_missing_rows(setting, loss):
    """The control: without the last hundredth of the rows, or with one row of W off by a twentieth, it fails."""
    data = pixels(setting.rows(50_000), "float32")
    allowed = tolerances(data.W, data.b, data.X, data.y, loss)
    n = len(data.y) - len(data.y) // 100
    expected = NumpyPass(data.X, data.y, data.W, loss)(data.W, data.b)
    fewer = NumpyPass(data.X[:n], data.y[:n], data.W, loss)(data.W, data.b)
    W = data.W.copy()
    W[0] *= 1.05
    off = sm.loss_and_grad(W, data.X, data.y, loss=loss, intercept=data.b)
    check_equal(sm.loss_and_grad(data.W, data.X, data.y, loss=loss, intercept=data.b), expected, allowed)
    for wrong in (fewer, off):
        with pytest.raises(AssertionError, match="times the tolerance"):
            check_equal(wrong, expected, allowed)


def test_limit_is_the_larger_of_memory_and_arithmetic(machine, setting):
    work = CASES[0].prepare(Setting(setting.threads, 1e-9))
    machine = dataclasses.replace(machine, reads=dict.fromkeys(machine.reads, work.n_bytes / 3))  # three seconds
    assert limit(work, machine) == max(3, work.n_flops / machine.peak("float32"))


def test_report_and_picture_tell_what_was_measured(machine):
    missed, met = Figure("of the limit", 0.5, 0.6), Figure("a call", 3.0, 4.0, at_least=False, unit="µs")
    seconds = {"softmargin": 0.02, "numpy": 0.05}
    measured = Measured(CASES[0], seconds, 0.01, 1e8, 4e9, [missed, met, Figure("more", 1.0)])
    assert report.summary([measured]) == {"targets": 2, "met": 1}
    text = "\n".join(report.lines(measured))
    for part in ("20.00 ms", "2.50 ×", "ours: 5.0 GB/s, 200 GFLOP/s", "at least 0.6: missed", "3 µs a call"):
        assert part in text
    values = report.as_json(machine, 1.0, [measured])
    assert values["cases"][0]["seconds"] == seconds
    axes = draw(machine, [measured]).axes[0]
    points = [tuple(np.ravel(line.get_xydata())) for line in axes.lines if len(line.get_xdata()) == 1]
    assert points == [(40.0, 80.0), (40.0, 200.0)]  # operations a byte, GFLOP/s: theirs, ours


@pytest.mark.parametrize("error", ["ImportError", "OSError"])
def test_a_pytorch_that_cannot_be_imported_is_left_out(error, setting, monkeypatch, tmp_path):
    (tmp_path / "torch.py").write_text(f"raise {error}('a library is missing')")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "torch", raising=False)
    installed.cache_clear()
    try:
        assert not installed()
        case = next(case for case in CASES if case.name == "softmax-float32")
        names = list(case.prepare(setting).functions)
        assert "softmargin" in names
        assert "pytorch" not in names
    finally:
        installed.cache_clear()
