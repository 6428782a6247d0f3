"""Labels, signs, real targets, distributions and weights: what they become, and the exact words of every refusal."""

import numpy as np
import scipy.sparse

import softmargin as sm
from softmargin._validation import (
    as_positive_weight,
    as_sample_weight,
    as_targets,
)

from .refusals import refusal

CLASSES = {"target": "classes", "distributions": False}
SOFTMAX = {"target": "classes", "distributions": True}
SIGNS = {"target": "signs"}
REAL = {"target": "real"}


def test_labels():
    for y in ([0, 2, 1], [0.0, 2.0, 1.0], np.array([0, 2, 1], np.uint8), np.array([0, 2, 1], dtype=object)):
        targets, k = as_targets(y, "hinge", CLASSES, 3)
        np.testing.assert_array_equal(targets, [0, 2, 1])
        assert (targets.dtype, k) == (np.int64, 3)
    assert as_targets([False, True], "hinge", CLASSES, 2)[1] == 2
    assert as_targets([0, 0], "hinge", CLASSES, 2)[1] == 2  # at least two classes
    assert as_targets([0, 2], "hinge", CLASSES, 2, 5)[1] == 5
    assert as_targets([0, 2], "logistic", SIGNS, 2)[1] == 3  # one-versus-rest


def test_signs_and_real_targets():
    for y, k in [([1, -1], 1), ([[1.0], [-1.0]], 1), ([[1, -1, 1], [-1, -1, -1]], 3)]:
        targets, n_outputs = as_targets(y, "logistic", SIGNS, 2)
        np.testing.assert_array_equal(targets, np.reshape(y, (2, k)))
        assert (targets.shape, n_outputs) == ((2, k), k)
    for y, dtype in [
        ([1, 2], np.float64),
        (np.array([0.5, 2], np.float32), np.float32),
        ([[1, 2], [3, 4]], np.float64),
    ]:
        targets, n_outputs = as_targets(y, "mse", REAL, 2)
        assert targets.dtype == dtype
        assert targets.flags.c_contiguous
        assert targets.shape == (2, n_outputs)
    columns = np.asfortranarray(np.ones((3, 2)))
    assert as_targets(columns, "mse", REAL, 3)[0].flags.c_contiguous


def test_distributions():
    t = np.array([[0.25, 0.75], [1, 0]])
    for dtype in (np.float32, np.float64, int):
        values = t if dtype is not int else np.eye(2, dtype=int)
        targets, k = as_targets(values.astype(dtype), "softmax", SOFTMAX, 2)
        np.testing.assert_array_equal(targets, values)
        assert (targets.dtype.kind, k) == ("f", 2)
    # Normalised in float32, over many classes: within the tolerance of 1e-4.
    many = np.random.default_rng(0).random((20, 1000)).astype(np.float32)
    many /= many.sum(axis=1, keepdims=True)
    assert as_targets(many, "softmax", SOFTMAX, 20)[1] == 1000


def test_refusals_of_y():
    nan, inf = np.nan, np.inf
    labels_wanted = "y: expected labels of shape (n_samples,) for 'loss', got shape (3, 3)"
    for y, info, k, text in [
        ([0, 1], CLASSES, None, "y: expected 3 samples as in X, got 2"),
        (0, CLASSES, None, "y: expected shape (n_samples,) or (n_samples, n_outputs), got ()"),
        ([0, 3, 1], CLASSES, 3, "y: expected labels 0..2, got 3 at row 1"),
        ([0, 1, -1], CLASSES, None, "y: expected labels 0, 1, 2, ..., got -1 at row 2"),
        (
            [0, 1.5, 1],
            CLASSES,
            None,
            "y: expected integer labels, got 1.5 at row 1; classes are numbered; real targets need another loss",
        ),
        ([0, nan, 1], CLASSES, None, "y: expected finite values, got nan at row 1"),
        (
            [0, 1, 0],
            CLASSES,
            1,
            "W: expected at least 2 rows for 'loss', one a class, got 1; a loss of signs takes one output",
        ),
        ([[0], [1], [0]], CLASSES, None, "y: expected shape (n_samples,), got (3, 1); use y.ravel()"),
        (
            np.eye(3),
            CLASSES,
            None,
            labels_wanted + "; of one-hot rows y.argmax(axis=1) makes labels",
        ),
        (np.eye(3), SOFTMAX, 4, "y: expected shape (n_samples, 4), one column a row of W, got (3, 3)"),
        (np.eye(3) * 1.001, SOFTMAX, 3, "y: expected rows that sum to 1, got 1.001 at row 0"),
        (
            np.array([[0.5, 0.5], [1.5, -0.5], [0, 1]]),
            SOFTMAX,
            2,
            "y: expected probabilities, got -0.5 at row 1, output 1",
        ),
        (np.array([[0.5, 0.5], [0, nan], [0, 1]]), SOFTMAX, 2, "y: expected finite values, got nan at row 1, output 1"),
        (
            [0, 1, 1],
            SIGNS,
            1,
            "y: expected -1 or +1 for 'loss' with one output, got 0 at row 0; labels 0 and 1 become signs by 2 * y - 1",
        ),
        ([1, -1, 2], SIGNS, 1, "y: expected -1 or +1 for 'loss' with one output, got 2 at row 2"),
        ([1, -1, 0], SIGNS, 3, "y: expected labels 0..2, got -1 at row 1; or -1 and +1 for one output"),
        ([[1, -1], [1, 1], [0.5, 1]], SIGNS, 2, "y: expected -1 or +1 for 'loss', got 0.5 at row 2, output 0"),
        ([1.0, inf, 2.0], REAL, None, "y: expected finite values, got inf at row 1"),
        ([1.0, 2.0, 3.0], REAL, 2, "y: expected shape (n_samples, 2), one column a row of W, got (3,)"),
        (
            [[1, 2], [3, 4], [5, 6]],
            REAL,
            1,
            "y: expected shape (n_samples, 1) or (n_samples,), one column a row of W, got (3, 2)",
        ),
        ([[1], [2, 3], [4]], REAL, None, "y: expected one entry a sample, got a ragged sequence"),
        (np.zeros((3, 0)), REAL, None, "y: expected shape (n_samples,) or (n_samples, n_outputs), got (3, 0)"),
    ]:
        assert refusal(as_targets, y, "loss", info, 3, k) == ("ValueError", text)
    hint = "; np.unique(y, return_inverse=True) makes labels of names"
    for y, info, text in [
        (["a", "b"], CLASSES, "y: expected integer labels, got dtype <U1" + hint),
        (np.array(["a", 1], dtype=object), REAL, "y: expected numbers, got dtype object" + hint),
        ([1j, 2], REAL, "y: expected numbers, got dtype complex128"),
        (np.ma.masked_array([0, 1]), CLASSES, "y: expected an array without a mask, got a masked array"),
        (scipy.sparse.csr_array(np.eye(2)), REAL, "y: expected a dense array, got a sparse one; use y.toarray()"),
    ]:
        assert refusal(as_targets, y, "loss", info, 2) == ("TypeError", text)


def test_weights_of_samples_and_outputs():
    assert as_sample_weight(None, 3) is None
    for weight in ([1, 0, 2], np.array([1, 0, 2], np.float32), np.array([1, 9, 0, 9, 2])[::2]):
        got = as_sample_weight(weight, 3)
        assert got.dtype == np.float64
        np.testing.assert_array_equal(got, [1, 0, 2])
    for weight, text in [
        ([1, -1, 2], "expected finite numbers at least 0, got -1 at row 1"),
        ([1, np.nan, 2], "expected finite numbers at least 0, got nan at row 1"),
        ([1, 2], "expected shape (3,), got (2,)"),
        (2.0, "expected shape (3,), got 2"),
        ([0, 0, 0], "expected at least one above 0, got only zeros"),
        ([1e308, 1e308, 1e308], "expected a finite sum, got inf; divide them by their largest"),
    ]:
        assert refusal(as_sample_weight, weight, 3) == ("ValueError", "sample_weight: " + text)
    assert refusal(as_sample_weight, ["a"], 1) == ("TypeError", "sample_weight: expected numbers, got dtype <U1")
    np.testing.assert_array_equal(as_positive_weight([0, 2], "logistic", SIGNS, 2), [0, 2])
    assert refusal(as_positive_weight, [1, 2], "softmax", SOFTMAX, 2)[1] == (
        "positive_weight: expected None for 'softmax', which has no signs, got a list; weigh classes by sample_weight"
    )
    assert (
        refusal(as_positive_weight, [1.0], "logistic", SIGNS, 2)[1] == "positive_weight: expected shape (2,), got (1,)"
    )


def test_numbers_that_float32_does_not_hold():
    X = np.ones((2, 1), np.float32)
    hint = "; X or W of float64 makes the arithmetic float64"
    text = "y: expected numbers that float32 holds, got 1e+300 at row 1, output 0" + hint
    assert refusal(sm.fit, X, [1.0, 1e300], loss="mse") == ("ValueError", text)
    text = "positive_weight: expected numbers that float32 holds, got 1e+300 at row 0" + hint
    assert refusal(sm.fit, X, [1, -1], loss="logistic", positive_weight=[1e300]) == ("ValueError", text)
