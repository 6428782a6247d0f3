"""Parameters of the native estimators: what cannot be honoured is refused, in words."""

import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning

import softmargin as sm
from softmargin import LinearClassifier, LinearRegressor

from .data import binary


@pytest.mark.parametrize(
    ("given", "error", "text"),
    [
        ({"loss": "sofmax"}, ValueError, "loss: expected one of 'softmax', .*, got 'sofmax'; did you mean 'softmax'"),
        ({"loss": "mse"}, ValueError, "loss: expected one of 'softmax', .*, got 'mse'"),
        ({"penalty": "l3"}, ValueError, "penalty: expected one of 'l2', .*, got 'l3'"),
        ({"alpha": -1.0}, ValueError, "alpha: expected"),
        ({"solver": "lbfgs"}, ValueError, "solver: expected one of 'auto', 'exact', 'SGD', .*, got 'lbfgs'"),
        ({"solver": 3}, TypeError, "solver: expected 'auto', .*, got 3"),
        (
            {"solver": "exact", "early_stopping": True},
            ValueError,
            "early_stopping: expected its default with solver='exact'",
        ),
        ({"solver": "exact", "average": True}, ValueError, "average: expected its default with solver='exact'"),
        ({"learning_rate": "fast"}, TypeError, "learning_rate: expected a number"),
        ({"schedule": "cosine"}, TypeError, "schedule: expected None or one of sm.schedules, got 'cosine'"),
        ({"batch_size": 0}, ValueError, "batch_size: expected an integer at least 1, got 0"),
        ({"max_epochs": 0}, ValueError, "max_epochs: expected an integer at least 1, got 0"),
        ({"validation_fraction": 1.5}, ValueError, "validation_fraction: expected a number between 0 and 1, got 1.5"),
        ({"callbacks": 3}, TypeError, "callbacks: expected functions of one argument, got 3"),
        ({"max_seconds": 0}, ValueError, "max_seconds: expected"),
    ],
)
def test_parameters_that_cannot_be_honoured(given, error, text):
    """An error that names the parameter, when `fit` is called, and an estimator that is not half fitted."""
    X, y = binary()
    model = LinearClassifier(**given)
    with pytest.raises(error, match=f"^{text}"):
        model.fit(X, y)
    assert not hasattr(model, "coef_")


@pytest.mark.parametrize("class_weight", ["auto", "", [1, 2], 3])
def test_class_weights_that_are_none_of_the_three(class_weight):
    """What is not known is not taken for "balanced"."""
    X, y = binary()
    with pytest.raises(ValueError, match=r"^class_weight: expected a dict, 'balanced' or None, got "):
        LinearClassifier(class_weight=class_weight).fit(X, y)


@pytest.mark.parametrize(
    ("verbose", "text"),
    [("a", "verbose: expected an integer, got 'a'"), (None, "verbose: expected an integer, got None")],
)
def test_verbose_that_is_no_number(verbose, text):
    X, y = binary()
    with pytest.raises(TypeError, match=f"^{text}"):
        LinearClassifier(verbose=verbose).fit(X, y)


def test_rows_held_out_leave_some_to_train_on():
    X, y = binary(20)
    share = "^validation_fraction: expected a share that leaves samples of weight to train on$"
    weight = np.zeros(20)
    weight[[0, 1]] = 1.0
    y[[0, 1]] = 0, 1
    held_out = LinearClassifier("hinge", calibrate=True, validation_fraction=0.99, random_state=3)
    with pytest.raises(ValueError, match=share):
        held_out.fit(X, y, sample_weight=weight)
    with pytest.raises(ValueError, match=r"^early_stopping: expected at least two samples, .* got one$"):
        LinearRegressor(early_stopping=True).fit(X[:1], [1.0])


def test_a_penalty_object_stands_for_itself():
    X, y = binary()
    by_name = LinearClassifier(penalty="elasticnet", alpha=0.02, l1_ratio=0.3).fit(X, y)
    as_object = LinearClassifier(penalty=sm.ElasticNet(0.02, 0.3)).fit(X, y)
    np.testing.assert_array_equal(by_name.coef_, as_object.coef_)
    assert np.isnan(LinearClassifier(penalty=None, tol=1e-6).fit(X, y).gap_)  # without a penalty there is no bound


@pytest.mark.parametrize("rate", [0.01, "auto"])
def test_a_rule_by_its_name_has_no_decay_of_its_own(digits, rate):
    """AdamW by name goes for the F that alpha states, which is Adam's; as an object with its decay it goes elsewhere."""
    X, y = digits[0] / 16, digits[1]
    given = {"alpha": 1e-2, "max_epochs": 5, "tol": 0.0, "random_state": 0}

    def W(solver, rate="auto"):
        with pytest.warns(ConvergenceWarning):  # how far F still fell
            return LinearClassifier(solver=solver, learning_rate=rate, **given).fit(X, y).coef_

    by_name = W("AdamW", rate)
    assert np.abs(by_name).max() > 0.01
    # w *= 1 and Adam's step: the same operations, of which the compiler may contract others.
    np.testing.assert_allclose(by_name, W("Adam", rate), rtol=1e-10, atol=1e-12)
    if rate != "auto":
        np.testing.assert_array_equal(by_name, W(sm.optimizers.AdamW(lr=rate, weight_decay=0.0)))
        assert np.abs(by_name - W(sm.optimizers.AdamW(lr=rate, weight_decay=1.0))).max() > 1e-3
