"""What the check of X for NaN and infinity costs: inside our pass, against a pass preceded by np.isfinite(X).all()."""

import numpy as np
import pytest

import softmargin as sm

from .timing import report

# Our check adds up s - s over the scores, n_outputs numbers a row instead of n_features; the entries themselves are
# looked at only once a score is not finite, to name the first one. It cannot be switched off, so what it costs is bounded
# from above by isfinite on an array of the scores' size: the pass itself adds them up in registers.


def before(X, run):
    """Return a function that checks X the usual way and then runs."""

    def checked():
        if not np.isfinite(X).all():
            raise ValueError("X: expected finite values")
        return run()

    return checked


@pytest.mark.parametrize("way", ["inside", "before"])
@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_finite_check(benchmark, measure, measuring, data, threads, dtype, way):
    X = data.X(dtype).copy()
    S = np.zeros((len(X), len(data.W)), dtype=np.float32)

    def run():
        return sm.loss_and_grad(data.W, X, data.y, intercept=data.b, num_threads=threads)

    functions = {"inside": run, "before": before(X, run)}
    result = measure(f"check for NaN, {dtype}", functions[way])
    assert result.loss == run().loss
    assert np.array_equal(result.grad, run().grad)
    if measuring and way == "inside":
        competitors = {
            "softmargin, checked inside": run,
            "np.isfinite(X).all() before softmargin": functions["before"],
            "np.isfinite(X).all() alone": lambda: np.isfinite(X).all(),
            "np.isfinite(scores).all() alone": lambda: np.isfinite(S).all(),
        }
        report(benchmark, f"check for NaN, {dtype}, {len(X)} rows, {threads} threads", competitors)
    X[-1, -1] = np.nan
    with pytest.raises(ValueError, match="X: expected finite values"):
        functions[way]()
