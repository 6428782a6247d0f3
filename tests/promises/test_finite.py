"""NaN and infinity in X, y and the weights are a ValueError that names the first one, whatever reads them."""

import re

import numpy as np
import pytest

import softmargin as sm
from softmargin import _core
from softmargin._validation import as_matrix

N, D, K = 300, 70, 3
RNG = np.random.default_rng(0)
Y = RNG.integers(0, K, N)
# In the order of memory; a shuffled epoch meets the last one first with probability 2/3.
PLACES = [(120, 5), (120, 69), (121, 0), (299, 68)]


def readers(X, dtype):
    """What reads X, one function each."""
    W = np.zeros((K, D), dtype)
    yield lambda: sm.loss_and_grad(W, X, Y, num_threads=2)
    yield lambda: sm.loss_and_grad(W, X, Y, sample_weight=np.arange(N) < 3)
    yield lambda: _core.scores(W, None, as_matrix(X), 2)
    for batch_size in (1, 8, None):
        for standardize in (False, True):
            options = {"batch_size": batch_size, "standardize": standardize, "epochs": 1, "W0": W, "rng": 5}
            yield lambda o=options: sm.fit(X, Y, **o)
    options = {"optimizer": sm.optimizers.Adam(), "penalty": sm.L1(0.1), "epochs": 1, "W0": W, "num_threads": 2}
    yield lambda: sm.fit(X, Y, **options)
    yield lambda: _core.moments(as_matrix(X), None, 2)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_first_one_of_X_is_named(layouts, dtype):
    clean = RNG.integers(1, 9, (N, D)) / 4.0 * (RNG.random((N, D)) < 0.5)
    for row, column in PLACES:
        clean[row, column] = 2  # stored, in sparse matrices too
    for X in layouts(clean).values():  # the control: none of them is refused for anything else
        for read in readers(X, dtype):
            read()
    for bad, word in [(np.nan, "nan"), (np.inf, "inf"), (-np.inf, "-inf")]:
        for first in range(len(PLACES)):
            X = clean.copy()
            for place, value in zip(PLACES[first:], (bad, np.inf, -np.inf, np.nan), strict=False):
                X[place] = value
            row, column = PLACES[first]
            message = f"X: expected finite values, got {word} at row {row}, column {column}"
            for name, form in layouts(X).items():
                if name == "uint8" or (name == "rows apart" and first < len(PLACES) - 1):
                    continue  # has no NaN; has the rows in another order
                expected = message.replace("row 299", "row 0") if name == "rows apart" else message
                if name == "csr unsorted" and first == 0:  # its rows are stored backwards
                    expected = "X: expected finite values, got inf at row 120, column 69"
                for read in readers(form, dtype):
                    with pytest.raises(ValueError, match=f"^{re.escape(expected)}$"):
                        read()


def test_numbers_that_the_type_of_W_does_not_hold():
    X = np.ones((N, D))
    X[17, 3] = 1e300
    for run in (sm.loss_and_grad, lambda W, X, y: sm.fit(X, y, W0=W)):
        expected = r"^X: expected finite values, got 1e\+300 \(beyond float32, the dtype of W\) at row 17, column 3$"
        with pytest.raises(ValueError, match=expected):
            run(np.zeros((K, D), np.float32), X, Y)
    assert np.isfinite(sm.loss_and_grad(np.zeros((K, D)), X, Y).loss)


def test_y_weights_and_W():
    X, y = RNG.normal(size=(N, D)), RNG.normal(size=N)
    signs, W = np.sign(y), np.zeros((1, D))
    for bad, word in [(np.nan, "nan"), (np.inf, "inf"), (-np.inf, "-inf")]:
        holed = y.copy()
        holed[[40, 41]] = bad
        weight = np.ones(N)
        weight[[40, 41]] = bad
        w = np.zeros((1, D))
        w[0, 3] = bad
        for loss, target, options, message in [
            ("mse", holed, {}, f"y: expected finite values, got {word} at row 40"),
            (
                "mse",
                y,
                {"sample_weight": weight},
                f"sample_weight: expected finite numbers at least 0, got {word} at row 40",
            ),
            (
                "logistic",
                signs,
                {"positive_weight": [bad]},
                f"positive_weight: expected finite numbers at least 0, got {word}",
            ),
            ("mse", y, {"intercept": [bad]}, f"intercept: expected finite numbers, got {word}"),
            ("mse", y, {"W": w}, f"W: expected finite numbers, got {word} at [0, 3]"),
        ]:
            with pytest.raises(ValueError, match=f"^{re.escape(message)}"):
                sm.loss_and_grad(**{"W": W, "X": X, "y": target, "loss": loss} | options)
            names = {"W": "W0", "intercept": "intercept0"}
            given = {names.get(name, name): value for name, value in options.items()}
            message = re.sub("^(W|intercept):", r"\g<1>0:", message)
            with pytest.raises(ValueError, match=f"^{re.escape(message)}"):
                sm.fit(X, target, loss=loss, **given)


def test_nothing_is_changed():
    X, W0, out = np.ones((N, D)), np.full((K, D), 0.5), np.full((K, D), 7.0)
    X[200, 3] = np.nan
    for run in (lambda: sm.loss_and_grad(W0, X, Y, out=out), lambda: sm.fit(X, Y, W0=W0, batch_size=8)):
        with pytest.raises(ValueError, match="row 200, column 3"):
            run()
    assert np.all(W0 == 0.5)
    assert np.all(out == 7.0)
