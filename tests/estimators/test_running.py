"""How a native estimator runs: early stopping, time, Ctrl-C, callbacks, parts of the data; what is kept and what is said."""

import os
import signal
import threading
import time
import warnings

import numpy as np
import pytest
import sklearn
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import softmargin as sm
from softmargin import LinearClassifier, LinearRegressor

ADAM = sm.optimizers.Adam(lr=0.02)


@pytest.fixture(scope="module")
def digits():
    X, y = load_digits(return_X_y=True)
    return X[:600], y[:600]


def classifier(**options):
    """A classifier that an update rule trains."""
    return LinearClassifier(**({"solver": ADAM, "random_state": 0, "max_epochs": 30, "alpha": 0.01} | options))


def test_a_rate_that_diverges_is_named(digits):
    """And nothing is fitted; a rate that is found instead is not above the loss at zero."""
    X, y = digits
    model = classifier(solver="SGD", learning_rate=1e3, loss="squared_hinge")
    with pytest.raises(
        FloatingPointError, match=r"^lr: training diverged at step .* with a learning rate of 1000: .*try one"
    ):
        model.fit(X, y)
    assert not hasattr(model, "coef_")


# -- stopping --------------------------------------------------------------------------------------------------------------


def test_an_update_rule_trains_as_fit_does(digits):
    X, y = digits
    rate = np.random.RandomState(0).randint(2**31)
    model = classifier(tol=0.0, max_epochs=5)
    with pytest.warns(ConvergenceWarning):
        model.fit(X, y)
    result = sm.fit(X, y, penalty=sm.L2(0.01), optimizer=ADAM, epochs=5, rng=int(rate))
    np.testing.assert_array_equal(model.coef_, result.W)
    np.testing.assert_array_equal(model.intercept_, result.intercept)
    assert [r.loss for r in model.history_] == [r.loss for r in result.history]
    assert np.isnan(model.gap_)


def test_early_stopping_keeps_the_best_weights(digits):
    """Of the epoch with the least loss on the rows held out, which are those of random_state and of no other use."""
    X, y = digits
    seen = []
    model = classifier(
        early_stopping=True, n_iter_no_change=3, max_epochs=200, solver=sm.optimizers.SGD(lr=0.05), batch_size=32
    )
    model.set_params(callbacks=lambda info: seen.append((info.val_loss, info.W, info.intercept))).fit(X, y)
    losses = [loss for loss, _, _ in seen]
    best = int(np.argmin(losses))
    assert best < len(losses) - 1 < 199  # it ended by itself, and not at its best
    np.testing.assert_array_equal(model.coef_, seen[best][1])
    np.testing.assert_array_equal(model.intercept_, seen[best][2])
    # The last three epochs brought nothing.
    assert min(losses[-3:]) >= (1 - model.tol) * min(losses[:-3])


def test_a_given_validation_set_is_the_one_that_counts(digits):
    X, y = digits
    model = classifier(tol=1e-3, n_iter_no_change=2, max_epochs=200).fit(
        X[:400], y[:400], validation=(X[400:], y[400:])
    )
    last = model.history_[-1]
    value = min(record.val_loss for record in model.history_)
    S = X[400:] @ model.coef_.T + model.intercept_
    P = np.exp(S - S.max(axis=1, keepdims=True))
    mean = -np.log((P / P.sum(axis=1, keepdims=True))[np.arange(200), y[400:]]).mean()
    np.testing.assert_allclose(mean, value, rtol=1e-10)
    assert last.val_score is not None


def test_rows_held_out_have_no_share_in_the_training(digits):
    """Other values in them change what is measured on them, and no weight."""
    X, y = digits
    model = classifier(early_stopping=True, n_iter_no_change=50, tol=0.0)
    first = classifier(early_stopping=True, n_iter_no_change=50, tol=0.0)
    rng = np.random.RandomState(0)
    taken = []
    for c in range(10):
        group = np.flatnonzero(y == c)
        count = min(round(0.1 * len(group) + rng.uniform(-0.5, 0.5)), len(group) - 1)
        taken.append(rng.permutation(group)[:count])
    rows = np.concatenate(taken)
    assert 0.08 * 600 < len(rows) < 0.12 * 600
    other = X.copy()
    other[rows] += 1
    seen = {}
    for name, m, A in (("as they are", first, X), ("changed", model, other)):
        seen[name] = []
        m.set_params(callbacks=lambda info, to=seen[name]: to.append(info.W)).fit(A, y)
    np.testing.assert_array_equal(seen["as they are"][-1], seen["changed"][-1])


def test_without_a_validation_set_the_run_ends_where_the_loss_rests(digits):
    X, y = digits
    model = classifier(solver=sm.optimizers.SGD(lr=0.001), batch_size=None, alpha=1.0, max_epochs=3000, tol=1e-6)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model.fit(X, y)
    losses = [record.loss for record in model.history_]
    assert len(losses) < 3000
    assert max(losses[-6:]) - min(losses[-6:]) <= 1e-6 * losses[-1]
    assert max(losses[-7:-1]) - min(losses[-7:-1]) > 1e-6 * losses[-2]


def test_a_warning_says_how_far_and_what_to_change(digits):
    X, y = digits
    with pytest.warns(ConvergenceWarning, match=r"^LinearClassifier: reached a mean loss that still fell from [\d.]+ to [\d.]+ in "
                      r"the last 2 of 3 epochs, where tol=0.0001 was asked for; a larger max_epochs goes on") as caught:  # fmt: skip
        classifier(max_epochs=3).fit(X, y)
    assert caught[0].filename == __file__
    with pytest.warns(
        ConvergenceWarning, match=r"reached a mean loss of [\d.]+ in the only epoch, of which nothing tells whether"
    ):
        classifier(max_epochs=1).fit(X, y)
    with pytest.warns(ConvergenceWarning, match=r"^LinearClassifier: reached gap=[\d.e+-]+ where tol=1e-15 was asked for, after 20 "
                      r"steps; a larger max_epochs goes on$") as caught:  # fmt: skip
        LinearClassifier(max_epochs=1, tol=1e-15).fit(X, y)
    assert caught[0].filename == __file__


@pytest.mark.parametrize("solver", ["exact", ADAM], ids=["exact", "Adam"])
def test_the_best_so_far_when_time_is_up(digits, solver):
    """A callback that takes 0.1 s makes the run longer than max_seconds=0.25, whatever the machine."""
    X, y = digits
    model = LinearClassifier(
        solver=solver, tol=0.0, max_seconds=0.25, max_epochs=1000, callbacks=lambda info: time.sleep(0.1)
    )
    with pytest.warns(ConvergenceWarning, match="max_seconds"):
        model.fit(X, y)
    assert 2 <= len(model.history_) <= 5
    value = sm.loss_and_grad(
        model.coef_.astype(float), X, y, intercept=model.intercept_.astype(float), penalty=sm.L2(1e-4)
    )
    assert value.loss < np.log(10)


@pytest.mark.skipif(os.name == "nt", reason="there a process cannot send itself a Ctrl-C alone")
@pytest.mark.parametrize("solver", ["exact", ADAM], ids=["exact", "Adam"])
def test_an_interrupt_leaves_the_best_weights_in_a_fitted_estimator(digits, solver):
    X, y = digits
    seen = []

    def interrupt(info):
        seen.append((info.loss, info.W))
        if len(seen) == 4:
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(0.01)  # for Python to see it

    assert threading.current_thread() is threading.main_thread()
    model = LinearClassifier(solver=solver, tol=0.0, callbacks=interrupt, random_state=0)
    with pytest.raises(KeyboardInterrupt):
        model.fit(X, y)
    losses = [loss for loss, _ in seen]
    assert len(model.history_) == len(seen) == 4
    np.testing.assert_array_equal(model.coef_, seen[int(np.argmin(losses))][1])
    assert model.predict(X).shape == y.shape
    model.set_params(callbacks=None, tol=1e-4, solver="exact").fit(X, y)  # and it can be fitted again
    assert model.gap_ <= 1e-4


@pytest.mark.skipif(os.name == "nt", reason="there a process cannot send itself a Ctrl-C alone")
def test_an_interrupt_while_a_rate_is_looked_for(digits, monkeypatch):
    """Nothing has been trained yet: the weights are those that the run would have begun with."""
    from softmargin.estimators import native

    X, y = digits
    seen = []
    looking = native.automatic

    def interrupted_look(*args, **options):
        os.kill(os.getpid(), signal.SIGINT)
        seen.append(options["epochs"])
        return looking(*args, **options)

    monkeypatch.setattr(native, "automatic", interrupted_look)
    model = LinearClassifier(solver="Adam", random_state=0)
    with pytest.raises(KeyboardInterrupt):
        model.fit(X, y)
    assert len(seen) <= 1
    assert not model.coef_.any()
    assert model.history_ == ()
    assert model.predict(X).shape == y.shape


def test_warm_start_goes_on_from_the_last_model(digits):
    X, y = digits
    model = LinearClassifier(alpha=0.01, tol=1e-8).fit(X, y)
    cold = model.history_[0].loss
    again = model.set_params(warm_start=True).fit(X, y)
    assert again.history_[0].loss < cold
    np.testing.assert_allclose(again.history_[0].loss, model.loss_, rtol=1e-8)


# -- who is told -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("solver", ["exact", ADAM], ids=["exact", "Adam"])
def test_plain_callbacks_see_every_record_and_can_stop(digits, solver):
    X, y = digits
    seen, also = [], []
    stop = lambda info: seen.append(info) or len(seen) == 3
    model = LinearClassifier(solver=solver, callbacks=[stop, also.append], tol=0.0, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(X, y)
    assert len(also) == len(seen)
    assert [i.loss for i in seen] == [r.loss for r in model.history_]
    assert 3 <= len(seen) <= 4  # the exact solver takes a last look at the certificate


@pytest.mark.skipif(not hasattr(LinearClassifier, "set_callbacks"), reason="callbacks came with scikit-learn 1.9")
@pytest.mark.parametrize("solver", ["exact", ADAM], ids=["exact", "Adam"])
def test_scikit_learns_callbacks(digits, solver):
    """ScoringMonitor scores the model after every record, alone and inside a pipeline and a search; ProgressBar runs."""
    from sklearn.callback import ProgressBar, ScoringMonitor

    X, y = digits
    scores = []

    def record(info):
        scores.append(float(np.mean((X @ info.W.T + info.intercept).argmax(axis=1) == y)))

    monitor = ScoringMonitor(scoring="accuracy")
    model = LinearClassifier(solver=solver, max_epochs=4, callbacks=record, tol=1.0, random_state=0)
    model.set_callbacks(monitor).fit(X, y)
    task = "step" if solver == "exact" else "epoch"
    rows = [row for row in monitor.get_logs().data if row["task_name"] == task]
    np.testing.assert_allclose([row["accuracy"] for row in rows], scores)

    monitor = ScoringMonitor(scoring="accuracy")
    plain = LinearClassifier(solver=solver, max_epochs=4, tol=1.0, random_state=0)
    make_pipeline(StandardScaler(), plain.set_callbacks(monitor)).fit(X, y)
    assert any(row["task_name"] == task for row in monitor.get_logs().data)
    pytest.importorskip("rich", reason="ProgressBar needs rich")
    search = GridSearchCV(LinearClassifier(solver=solver, max_epochs=4, tol=1.0), {"alpha": [0.01, 0.1]}, cv=2)
    search.set_callbacks(ProgressBar(max_propagation_depth=None)).fit(X, y)
    assert search.best_params_["alpha"] in (0.01, 0.1)


def test_scikit_learns_callbacks_are_for_set_callbacks(digits):
    X, y = digits

    class Monitor:
        def on_fit_task_end(self):
            raise AssertionError

    with pytest.raises(TypeError, match=r"^callbacks: expected functions .*, got a Monitor; estimator.set_callbacks"):
        LinearClassifier(callbacks=[Monitor()]).fit(X, y)
    assert tuple(int(part) for part in sklearn.__version__.split(".")[:2]) >= (1, 6)


def test_verbose_shows_how_far_it_is(digits, capsys):
    X, y = digits
    classifier(verbose=1, max_epochs=2, tol=1.0).fit(X, y)
    lines = capsys.readouterr().err.splitlines()
    assert [line.split("]")[1].split()[:2] for line in lines] == [["epoch", "1/2"], ["epoch", "2/2"]]
    LinearClassifier(alpha=0.01, verbose=1).fit(X, y)
    assert "above the optimum" in capsys.readouterr().err.splitlines()[-1]
    LinearClassifier(alpha=0.01).fit(X, y)
    assert capsys.readouterr().err == ""


# -- data that come in parts -----------------------------------------------------------------------------------------------


def test_parts_go_on_bit_for_bit(digits):
    """Five calls with all rows are five epochs of fit: state, schedule and order of the samples go on where they stood."""
    X, y = digits
    schedule = sm.schedules.InverseScaling(power=0.5)
    model = classifier(max_epochs=5, schedule=schedule, tol=0.0)
    with pytest.warns(ConvergenceWarning):
        whole = classifier(max_epochs=5, schedule=schedule, tol=0.0).fit(X, y)
    for _ in range(5):
        model.partial_fit(X, y, classes=range(10))
    np.testing.assert_array_equal(model.coef_, whole.coef_)
    np.testing.assert_array_equal(model.intercept_, whole.intercept_)
    assert [r.lr for r in model.history_] == [r.lr for r in whole.history_]


def test_parts_may_lack_classes_and_differ_in_size(digits):
    X, y = digits
    model = classifier()
    order = np.argsort(y, kind="stable")  # each part has one or two classes
    for part in np.array_split(order, 7):
        model.partial_fit(X[part], y[part], classes=range(10))
    assert model.classes_.tolist() == list(range(10))
    assert model.n_iter_ == 7
    regressor = LinearRegressor(solver=sm.optimizers.SGD(lr=1e-4))
    for part in np.array_split(np.arange(600), 3):
        regressor.partial_fit(X[part], y[part])
    assert regressor.coef_.shape == (64,)


def test_partial_fit_refuses_what_it_cannot_do(digits):
    X, y = digits
    with pytest.raises(ValueError, match=r"^classes: expected all classes at the first call of partial_fit, got None$"):
        classifier().partial_fit(X, y)
    with pytest.raises(ValueError, match=r"^class_weight: expected a dict or None for partial_fit, which never sees"):
        classifier(class_weight="balanced").partial_fit(X, y, classes=range(10))
    model = classifier().partial_fit(X, y, classes=range(10))
    with pytest.raises(ValueError, match=r"^classes: expected those of the first call, \[0, .*\], got \[0, 1\]$"):
        model.partial_fit(X, y, classes=[0, 1])
    with pytest.raises(ValueError, match=r"^y: expected labels among classes_"):
        model.partial_fit(X, y + 1)
    with pytest.raises(ValueError, match=r"^X has 63 features, but LinearClassifier is expecting 64"):
        model.partial_fit(X[:, :63], y)
    assert not hasattr(LinearClassifier(solver="exact"), "partial_fit")
