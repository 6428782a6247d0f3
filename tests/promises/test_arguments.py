"""Wrong labels, shapes and dtypes are told by name, with what was expected and what came, before anything happens."""

import re

import numpy as np
import pytest
import scipy.sparse

import softmargin as sm

N, D, K = 9, 4, 3
RNG = np.random.default_rng(0)
X = RNG.normal(size=(N, D))
Y = np.arange(N) % K
W = np.zeros((K, D))
SIGNS = np.where(Y > 0, 1.0, -1.0)

# (what differs from a good call, kind, beginning of the message); fit takes W as W0 and intercept as intercept0.
WRONG = [
    ({"y": np.where(Y == 2, 3, Y)}, ValueError, "y: expected labels 0..2, got 3 at row 2"),
    ({"y": Y - 1}, ValueError, "y: expected labels 0..2, got -1 at row 0"),
    ({"y": Y + 0.5}, ValueError, "y: expected integer labels, got 0.5 at row 0"),
    ({"y": Y[:-1]}, ValueError, "y: expected 9 samples as in X, got 8"),
    ({"y": np.array(["a", "b", "c"] * 3)}, TypeError, "y: expected integer labels, got dtype <U1"),
    ({"y": np.zeros((N, 2))}, ValueError, "y: "),
    (
        {"loss": "hinge", "y": np.eye(K)[Y]},
        ValueError,
        "y: expected labels of shape (n_samples,) for 'hinge', got shape (9, 3)",
    ),
    (
        {"loss": "logistic", "W": W[:1], "y": Y % 2},
        ValueError,
        "y: expected -1 or +1 for 'logistic' with one output, got 0 at row 0",
    ),
    (
        {"loss": "mse", "y": np.zeros((N, 2))},
        ValueError,
        "y: expected shape (n_samples, 3), one column a row of W, got (9, 2)",
    ),
    ({"loss": "hing"}, ValueError, "loss: expected one of 'softmax', 'hinge'"),
    ({"loss": 3}, TypeError, "loss: expected one of 'softmax', 'hinge'"),
    ({"X": X[0]}, ValueError, "X: expected shape (n_samples, n_features), got (4,)"),
    ({"X": X[:, :0]}, ValueError, "X: expected at least one feature, got shape (9, 0)"),
    ({"X": X[:0], "y": Y[:0]}, ValueError, "X: expected at least one sample, got shape (0, 4)"),
    ({"X": X.astype(complex)}, TypeError, "X: expected real numbers, got dtype complex128"),
    ({"X": X.astype(object)}, TypeError, "X: expected numbers, got dtype object"),
    ({"X": scipy.sparse.csr_array(X).astype(complex)}, TypeError, "X: expected real numbers, got dtype complex128"),
    ({"W": W[:, :3]}, ValueError, "W: expected shape (n_outputs, 4), got (3, 3)"),
    ({"W": W.astype(int)}, TypeError, "W: expected float32 or float64, got dtype int64"),
    ({"intercept": np.zeros(2)}, ValueError, "intercept: expected shape (3,), one number a row of W, got (2,)"),
    ({"sample_weight": np.ones(N - 1)}, ValueError, "sample_weight: expected shape (9,), got (8,)"),
    (
        {"sample_weight": np.arange(N) - 2},
        ValueError,
        "sample_weight: expected finite numbers at least 0, got -2 at row 0",
    ),
    ({"sample_weight": np.zeros(N)}, ValueError, "sample_weight: expected at least one above 0, got only zeros"),
    ({"positive_weight": np.ones(K)}, ValueError, "positive_weight: expected None for 'softmax', which has no signs"),
    ({"loss": "logistic", "positive_weight": np.ones(2)}, ValueError, "positive_weight: expected shape (3,), got (2,)"),
    ({"penalty": 0.1}, TypeError, "penalty: expected None or one of sm.L2(alpha)"),
    ({"num_threads": 0}, ValueError, "num_threads: expected an integer at least 1, got 0"),
    ({"num_threads": 1.5}, TypeError, "num_threads: expected an integer, got 1.5"),
    ({"margin": -1.0}, ValueError, "margin: expected a number at least 0, got -1.0"),
]


def loss_and_grad(**arguments):
    return sm.loss_and_grad(**arguments)


def fit(W, intercept, **arguments):
    return sm.fit(W0=W, intercept0=intercept, epochs=1, **arguments)


@pytest.mark.parametrize("call", [loss_and_grad, fit])
def test_wrong_arguments(call):
    good = {"W": W, "X": X, "y": Y, "intercept": np.zeros(K)}
    call(**good)  # the control: alone, none of the other arguments is refused
    for wrong, kind, message in WRONG:
        arguments = good | wrong
        if len(arguments["W"]) == 1:
            arguments["intercept"] = np.zeros(1)
        kept = {name: np.array(value) for name, value in arguments.items() if isinstance(value, np.ndarray)}
        if call is fit:
            message = re.sub("^(W|intercept):", r"\g<1>0:", message)
        with pytest.raises(kind) as caught:
            call(**arguments)
        assert str(caught.value).startswith(message), (str(caught.value), message)
        for name, value in kept.items():
            assert np.array_equal(arguments[name], value)


def test_every_choice_says_the_closest_one():
    for name in sm.losses.names():
        with pytest.raises(ValueError, match=f"; did you mean '{name}'\\?$"):
            sm.loss_and_grad(W, X, Y, loss=name[:-1] + "_")
