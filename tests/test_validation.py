"""What X, W and scalars become, what is copied and what is not, and the exact words of every refusal."""

import re

import numpy as np
import pytest
import scipy.sparse

import softmargin as sm
from softmargin import _core
from softmargin._validation import (
    as_gradient,
    as_integer,
    as_intercept,
    as_matrix,
    as_number,
    as_output,
    as_sample_weight,
    as_seed,
    as_targets,
    as_threads,
    as_weights,
    choose,
    read_matrix,
)

from .refusals import refusal


def scores_of(X):
    """X as the core reads it, in float64: its scores under the unit matrix."""
    matrix = read_matrix(X)
    return _core.scores(np.eye(matrix.n_features), None, matrix.core, 1)


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.float16, np.uint8])
def test_views_are_read_as_they_are(dtype):
    base = np.arange(60).reshape(6, 10).astype(dtype)
    frozen = base.copy()
    frozen.setflags(write=False)
    one_row = np.broadcast_to(base[2], (4, 10))
    for X in (base, base[::2], base[::-1], base[:, 3:7], base[:, :1], frozen, one_row, base[:1].T[:, :1]):
        np.testing.assert_array_equal(scores_of(X), X)
        matrix = read_matrix(X)
        assert (matrix.n_samples, matrix.n_features, matrix.dtype) == (*X.shape, dtype)
    # No copy: what is written into the array afterwards is seen.
    matrix = as_matrix(base)
    before = _core.scores(np.eye(10), None, matrix, 1)
    base[0, 0] += 1
    assert _core.scores(np.eye(10), None, matrix, 1)[0, 0] == before[0, 0] + 1


def test_what_becomes_of_other_arrays():
    values = np.arange(12).reshape(3, 4)
    for X, dtype in [
        (values, np.float32),
        (values.astype(np.int8), np.float32),
        (values.astype(np.uint16), np.float32),
        (values + 2**24 - 11, np.float32),
        (values + 2**24 - 10, np.float64),
        (-values - 2**40, np.float64),
        (values > 5, np.uint8),
        ((values > 5)[:, ::2], np.uint8),
        (values.tolist(), np.float32),
        (values / 2, np.float64),
        ((values / 2).tolist(), np.float64),
        (np.asfortranarray(values / 2), np.float64),
        ((values / 2)[:, ::2], np.float64),
        ((values / 2)[:, ::-1], np.float64),
        ((values / 2).T, np.float64),
        ((values / 2).astype(">f4"), np.float32),
        ((values / 2).astype(">f2"), np.float16),
        (np.frombuffer(b"x" + (values / 2).tobytes(), dtype=np.float64, offset=1, count=12).reshape(3, 4), np.float64),
    ]:
        np.testing.assert_array_equal(scores_of(X), np.asarray(X))
        assert read_matrix(X).dtype == dtype


def between_elements(array):
    """The same values, the first of which begins at an odd address."""
    array = np.ascontiguousarray(array)
    return np.frombuffer(bytearray(b"x" + array.tobytes()), array.dtype, array.size, offset=1).reshape(array.shape)


def test_strides_along_axes_of_length_1():
    """They mean nothing, and numpy leaves there what it likes: also what is no multiple of the element's size."""
    for shape, strides in (((1, 2), (17, 8)), ((1, 1), (17, 3)), ((2, 1), (8, 3)), ((1, 2), (-5, 8))):
        X = np.lib.stride_tricks.as_strided(np.array([1.0, 2.0]), shape, strides)
        np.testing.assert_array_equal(scores_of(X), X)
        assert np.shares_memory(read_matrix(X).core.arrays[0], X)


def test_elements_that_are_not_aligned():
    """Whatever the core reads begins where its type may begin; the values are the same."""
    X, y, W = np.arange(12.0).reshape(4, 3), np.array([0, 1, 1, 0]), np.ones((2, 3))
    for got in (
        as_targets(between_elements(y), "hinge", {"target": "classes"}, 4, 2)[0],
        as_targets(between_elements(X), "mse", {"target": "real"}, 4, 3)[0],
        as_sample_weight(between_elements(np.ones(4)), 4),
        as_weights("W", between_elements(W), 3),
        as_intercept("intercept", between_elements(np.ones(2)), 2, np.float64),
        as_gradient("grad", between_elements(W), W),
    ):
        assert got.flags.aligned
    sparse = scipy.sparse.csr_array(X)
    for name in ("data", "indices", "indptr"):
        setattr(sparse, name, between_elements(getattr(sparse, name)))
        assert not getattr(sparse, name).flags.aligned  # the control: scipy takes them as they are
    assert all(array.flags.aligned for array in read_matrix(sparse).core.arrays)
    np.testing.assert_array_equal(scores_of(sparse), X)


def test_dlpack_and_array_protocols():
    array = np.arange(6.0).reshape(3, 2)

    class OnlyDlpack:
        __dlpack__ = array.__dlpack__
        __dlpack_device__ = array.__dlpack_device__

    class OnlyArray:
        def __array__(self, dtype=None, copy=None):
            return array

    for X in (OnlyDlpack(), OnlyArray()):
        np.testing.assert_array_equal(scores_of(X), array)


@pytest.mark.parametrize("index", [np.int32, np.int64])
def test_sparse_matrices(index):
    dense = np.where(np.random.default_rng(0).random((7, 5)) < 0.4, np.arange(35).reshape(7, 5), 0)
    for kind in (scipy.sparse.csr_array, scipy.sparse.csr_matrix):
        for dtype, stored in [
            (np.float32, np.float32),
            (np.float64, np.float64),
            (np.int64, np.float32),
            (np.uint8, np.float32),
            (bool, np.float32),
        ]:
            X = kind(dense.astype(dtype))
            X.indices, X.indptr = X.indices.astype(index), X.indptr.astype(index)
            np.testing.assert_array_equal(scores_of(X), dense.astype(dtype))
            assert read_matrix(X).dtype == stored
            assert read_matrix(X).layout == "csr"
            for form in ("csc", "coo", "lil", "dok", "bsr"):
                np.testing.assert_array_equal(scores_of(X.asformat(form)), dense.astype(dtype))
    empty = scipy.sparse.csr_array((3, 4))
    np.testing.assert_array_equal(scores_of(empty), np.zeros((3, 4)))
    mixed = scipy.sparse.csr_array(dense.astype(np.float64))
    mixed.indptr = mixed.indptr.astype(np.int64)
    np.testing.assert_array_equal(scores_of(mixed), dense)


def test_csr_that_shares_its_data_is_not_copied():
    X = scipy.sparse.csr_array(np.eye(3))
    matrix = as_matrix(X)
    X.data[0] = 5
    assert _core.scores(np.eye(3), None, matrix, 1)[0, 0] == 5


def test_refusals_of_X():
    shape = "X: expected shape (n_samples, n_features), got "
    for X, kind, text in [
        (np.zeros(3), "ValueError", shape + "(3,); one feature is X.reshape(-1, 1), one sample X.reshape(1, -1)"),
        (np.zeros((2, 3, 4)), "ValueError", shape + "(2, 3, 4); flatten each sample with X.reshape(len(X), -1)"),
        (np.float64(1), "ValueError", shape + "()"),
        (np.zeros((0, 3)), "ValueError", "X: expected at least one sample, got shape (0, 3)"),
        (np.zeros((3, 0)), "ValueError", "X: expected at least one feature, got shape (3, 0)"),
        ([[1, 2], [3]], "ValueError", "X: expected rows of the same length, got a ragged sequence"),
        (
            np.array([[1, "a"]], dtype=object),
            "TypeError",
            "X: expected numbers, got dtype object; convert with X.astype(float)",
        ),
        ([["a"]], "TypeError", "X: expected numbers, got dtype <U1; convert with X.astype(float)"),
        (np.zeros((1, 1), complex), "TypeError", "X: expected real numbers, got dtype complex128"),
        (np.zeros((1, 1), "M8[s]"), "TypeError", "X: expected numbers, got dtype datetime64[s]"),
        (
            np.ma.masked_array(np.zeros((1, 1))),
            "TypeError",
            "X: expected an array without a mask, got a masked array; use X.filled(value)",
        ),
        ("abc", "TypeError", "X: expected an array of shape (n_samples, n_features), got 'abc' (str)"),
        (None, "TypeError", "X: expected an array of shape (n_samples, n_features), got None"),
        (scipy.sparse.csr_array((0, 3)), "ValueError", "X: expected at least one sample, got shape (0, 3)"),
        (scipy.sparse.coo_array(np.ones(3)), "ValueError", shape + "(3,)"),
        (scipy.sparse.csr_array(np.eye(2) * 1j), "TypeError", "X: expected real numbers, got dtype complex128"),
    ]:
        assert refusal(as_matrix, X) == (kind, text)


def test_scalars():
    assert as_number("a", np.float32(0.5)) == 0.5
    assert as_number("a", np.array(2)) == 2
    assert as_integer("a", np.uint8(3)) == 3
    assert (as_threads(None), as_threads(4)) == (0, 4)
    for call, text in [
        ((as_number, "lr", -1), "lr: expected a number at least 0, got -1.0"),
        ((as_number, "lr", np.nan), "lr: expected a number at least 0, got nan"),
        ((as_number, "lr", np.inf), "lr: expected a number at least 0, got inf"),
        ((as_number, "lr", 10**400), "lr: expected a number at least 0, got inf"),
        ((as_number, "lr", -(10**400)), "lr: expected a number at least 0, got -inf"),
        ((as_number, "p", 2, 0, 1), "p: expected a number from 0 to 1, got 2.0"),
        ((as_integer, "epochs", 0), "epochs: expected an integer at least 1, got 0"),
        ((as_integer, "n", 2**70), f"n: expected an integer at least 1 and at most {2**63 - 1}, got {2**70}"),
        ((as_threads, 0), "num_threads: expected an integer at least 1, got 0; None stands for the default"),
        ((as_seed, -1), "rng: expected an integer at least 0, got -1"),
        (
            (choose, "loss", "hing", ["softmax", "hinge"]),
            "loss: expected one of 'softmax', 'hinge', got 'hing'; did you mean 'hinge'?",
        ),
        ((choose, "loss", "zzz", ["softmax", "hinge"]), "loss: expected one of 'softmax', 'hinge', got 'zzz'"),
    ]:
        assert refusal(*call) == ("ValueError", text)
    for call, text in [
        ((as_number, "lr", "fast"), "lr: expected a number, got 'fast' (str)"),
        ((as_number, "lr", True), "lr: expected a number, got True (bool)"),
        ((as_number, "lr", None), "lr: expected a number, got None"),
        ((as_number, "lr", np.zeros(2)), "lr: expected a number, got a ndarray"),
        ((as_integer, "epochs", 1.5), "epochs: expected an integer, got 1.5 (float)"),
        ((as_integer, "epochs", True), "epochs: expected an integer, got True (bool)"),
        ((as_seed, "a"), "rng: expected None, an integer or a numpy Generator, got 'a' (str)"),
        ((choose, "loss", 3, ["softmax"]), "loss: expected one of 'softmax', got 3 (int)"),
    ]:
        assert refusal(*call) == ("TypeError", text)


def test_W():
    W = np.arange(6.0).reshape(2, 3)
    assert np.shares_memory(as_weights("W", W, 3), W)
    for other in (W[::-1], np.asfortranarray(W), W.astype(">f8"), W.tolist()):
        got = as_weights("W", other, 3)
        np.testing.assert_array_equal(got, other)
        assert got.flags.c_contiguous
        assert got.dtype == np.float64
    for bad, kind, text in [
        (W.astype(int), "TypeError", "W: expected float32 or float64, got dtype int64; use W.astype(np.float64)"),
        (
            W.astype(np.float16),
            "TypeError",
            "W: expected float32 or float64, got dtype float16; use W.astype(np.float64)",
        ),
        ([["a"]], "TypeError", "W: expected float32 or float64, got dtype <U1"),
        (W[0], "ValueError", "W: expected shape (n_outputs, 3), got (3,); one output is W.reshape(1, -1)"),
        (W.T, "ValueError", "W: expected shape (n_outputs, 3), got (3, 2)"),
        (np.zeros((0, 3)), "ValueError", "W: expected shape (n_outputs, 3), got (0, 3)"),
        (np.array([[0, 0, np.inf]]), "ValueError", "W: expected finite numbers, got inf at [0, 2]"),
    ]:
        assert refusal(as_weights, "W", bad, 3) == (kind, text)


def test_refused_input_is_left_as_it_was():
    """Bad input changes nothing: neither the arrays nor the generator."""
    rng = np.random.default_rng(0)
    state = rng.bit_generator.state
    X, y = np.ones((3, 2)), np.array([0, 1, 5])
    with pytest.raises(ValueError, match=re.escape("y: expected labels 0..1, got 5 at row 2")):
        sm.fit(X, y, W0=np.zeros((2, 2)), rng=rng)
    assert rng.bit_generator.state == state


def test_outputs():
    W = np.zeros((2, 3))
    assert as_output("out", W, (2, 3), np.float64) is W
    read_only = W.copy()
    read_only.flags.writeable = False
    for bad, kind, text in [
        (W.tolist(), "TypeError", "expected an ndarray of float64, got list"),
        (np.ma.masked_array(W), "TypeError", "expected an array without a mask, got a masked array"),
        (W.astype(np.float32), "TypeError", "expected an ndarray of float64, got dtype float32"),
        (W.T, "ValueError", "expected shape (2, 3), got (3, 2)"),
        (np.asfortranarray(W), "ValueError", "expected a C-contiguous array, got strides (8, 16)"),
        (between_elements(W), "ValueError", "expected aligned elements, got an array that begins between two of them"),
        (read_only, "ValueError", "expected a writeable array, got a read-only one"),
    ]:
        assert refusal(as_output, "out", bad, (2, 3), np.float64) == (kind, f"out: {text}")


def test_masks_and_ragged_sequences_are_refused_everywhere():
    """A mask that is passed over would count what its owner took out."""
    X, y, W = np.ones((2, 2)), np.array([1, -1]), np.zeros((1, 2))
    masked = np.ma.masked_array([1.0, 2.0], mask=[True, False])
    for argument, value in (
        ("W", masked.reshape(1, 2)),
        ("intercept", masked[:1]),
        ("sample_weight", masked),
        ("positive_weight", masked[1:]),
    ):
        arguments = {"W": W, "X": X, "y": y, "loss": "logistic", argument: value}
        message = f"{argument}: expected an array without a mask, got a masked array"
        assert refusal(sm.loss_and_grad, **arguments) == ("TypeError", message)
        arguments[argument] = [[1.0, 2.0], [3.0]]
        message = f"{argument}: expected rows of the same length, got a ragged sequence"
        assert refusal(sm.loss_and_grad, **arguments) == ("ValueError", message)
