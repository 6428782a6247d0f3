"""`LogisticRegressionCV` against scikit-learn's: the path of each fold, its scores, the choice, and the shapes of it all."""

import inspect
import re

import numpy as np
import pytest
import scipy.sparse
import sklearn.linear_model
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import KFold, ShuffleSplit, StratifiedKFold
from sklearn.utils.fixes import parse_version

import softmargin as sm
import softmargin.linear_model
from softmargin.linear_model import LogisticRegression, LogisticRegressionCV

from .agreement import BINARY, PROMISE, WEIGHTS, X, Y, assert_agrees, converged

NEWEST = parse_version(sklearn.__version__) >= parse_version("1.9")
CS = [0.01, 1.0, 0.1]  # in no order
NEW = {"l1_ratios": (0,), "scoring": "neg_log_loss", "use_legacy_attributes": False}
LEGACY = {**NEW, "use_legacy_attributes": True}
newest = pytest.mark.skipif(not NEWEST, reason="the attributes are those of scikit-learn 1.9")


def close(ours, theirs, tolerance=PROMISE):
    """In proportion to the largest number of the array."""
    ours, theirs = np.asarray(ours), np.asarray(theirs)
    assert ours.shape == theirs.shape
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=tolerance * np.abs(theirs).max())


@newest
@pytest.mark.parametrize("y", [Y, BINARY], ids=["three", "two"])
@pytest.mark.parametrize("refit", [True, False])
def test_path_scores_and_choice(y, refit):
    options = {**NEW, "Cs": CS, "cv": 3, "refit": refit, "solver": "newton-cg"}
    ours = LogisticRegressionCV(**options).fit(X, y)
    theirs = converged(sklearn.linear_model.LogisticRegressionCV(tol=1e-10, max_iter=100_000, **options), X, y)
    assert_agrees(ours, theirs)
    assert (ours.C_, ours.l1_ratio_) == (theirs.C_, theirs.l1_ratio_)
    close(ours.coefs_paths_, theirs.coefs_paths_)
    close(ours.scores_, theirs.scores_)
    assert ours.n_iter_.shape == theirs.n_iter_.shape
    np.testing.assert_array_equal(ours.Cs_, theirs.Cs_)
    np.testing.assert_array_equal(ours.l1_ratios_, theirs.l1_ratios_)
    assert ours.score(X, y) == pytest.approx(theirs.score(X, y), rel=PROMISE)


@newest
@pytest.mark.filterwarnings("ignore:.*l1_ratios:FutureWarning")
@pytest.mark.parametrize("y", [Y, BINARY], ids=["three", "two"])
@pytest.mark.parametrize("l1_ratios", [None, (0.0,)])
@pytest.mark.parametrize("refit", [True, False])
def test_legacy_attributes(y, l1_ratios, refit):
    options = {**LEGACY, "Cs": CS, "l1_ratios": l1_ratios, "cv": 3, "refit": refit}
    ours = LogisticRegressionCV(**options).fit(X, y)
    theirs = converged(sklearn.linear_model.LogisticRegressionCV(tol=1e-10, **options, max_iter=1000), X, y)
    np.testing.assert_array_equal(ours.C_, theirs.C_)
    np.testing.assert_array_equal(ours.l1_ratio_, theirs.l1_ratio_)
    for name in ("coefs_paths_", "scores_"):
        assert list(getattr(ours, name)) == list(getattr(theirs, name))
        for label in getattr(ours, name):
            assert getattr(ours, name)[label].shape == getattr(theirs, name)[label].shape
    assert ours.n_iter_.shape == theirs.n_iter_.shape


@pytest.mark.parametrize("class_weight", [None, {0: 2.0, 1: 0.5}])
@pytest.mark.parametrize("X", [X, scipy.sparse.csr_array(X)], ids=["dense", "sparse"])
def test_a_fold_is_its_rows_alone(X, class_weight):
    """Each model of the path is the one of LogisticRegression on the rows of the fold, drawn at random and of another number."""
    cv = ShuffleSplit(3, train_size=0.6, random_state=0)
    options = {"class_weight": class_weight, "tol": 1e-10}  # to rounding: gaps of 1e-15, of which the root counts
    ours = LogisticRegressionCV(Cs=CS, cv=cv, **options, **NEW).fit(X, Y, sample_weight=WEIGHTS)
    for i, (train, _) in enumerate(cv.split(X)):
        for j, C in enumerate(CS):
            alone = LogisticRegression(C=C, **options).fit(X[train], Y[train], WEIGHTS[train])
            close(ours.coefs_paths_[i, 0, j], np.column_stack([alone.coef_, alone.intercept_]), 1e-7)
    best = LogisticRegression(C=ours.C_, **options).fit(X, Y, WEIGHTS)
    close(ours.coef_, best.coef_, 1e-7)


def test_l1_ratios():
    """Each model is the one of LogisticRegression with its l1_ratio; scikit-learn's saga is not near enough to compare with."""
    ratios, cv = (0.5, 1.0), KFold(2)
    options = {**NEW, "l1_ratios": ratios}
    ours = LogisticRegressionCV(Cs=CS, cv=cv, solver="saga", **options).fit(X, Y)
    for i, (train, _) in enumerate(cv.split(X)):
        for k, l1_ratio in enumerate(ratios):
            for j, C in enumerate(CS):
                alone = LogisticRegression(C=C, l1_ratio=l1_ratio, solver="saga").fit(X[train], Y[train])
                close(ours.coefs_paths_[i, k, j], np.column_stack([alone.coef_, alone.intercept_]))
    best = np.unravel_index(ours.scores_.sum(axis=0).argmax(), (2, 3))
    assert (ours.l1_ratio_, ours.C_) == (ratios[best[0]], CS[best[1]])
    assert_agrees(ours, LogisticRegression(C=ours.C_, l1_ratio=ours.l1_ratio_, solver="saga").fit(X, Y))


def test_liblinear_scales_its_column_in_the_last_fit_too():
    options = {"solver": "liblinear", "intercept_scaling": 0.1}
    ours = LogisticRegressionCV(Cs=[0.1], cv=2, **options, **NEW).fit(X + 1, BINARY)
    alone = LogisticRegression(C=0.1, **options).fit(X + 1, BINARY)
    close(ours.intercept_, alone.intercept_, 1e-7)


@pytest.mark.parametrize(
    "scoring", [None, "accuracy", "neg_brier_score", lambda model, X, y: -np.mean(model.predict(X) != y)]
)
def test_scoring(scoring):
    """The score of each fold is the scorer's, on the rows held out."""
    if scoring == "neg_brier_score" and not NEWEST:
        pytest.skip("the Brier score of three classes came with scikit-learn 1.7")
    cv = StratifiedKFold(3)
    options = {**NEW, "scoring": scoring, "Cs": CS, "cv": cv}
    ours = LogisticRegressionCV(**options).fit(X, Y)
    _, test = list(cv.split(X, Y))[1]
    alone = LogisticRegressionCV(**options).fit(X, Y)
    alone.coef_, alone.intercept_ = ours.coefs_paths_[1, 0, 2, :, :-1], ours.coefs_paths_[1, 0, 2, :, -1]
    assert ours.scores_[1, 0, 2] == pytest.approx(alone.score(X[test], Y[test]), rel=1e-12)
    assert len(np.unique(ours.scores_)) > 1


def test_classes_that_a_fold_has_not():
    """The order of the labels leaves each fold without one of them, whose probability goes to 0 there."""
    order = np.argsort(Y, kind="stable")
    model = LogisticRegressionCV(Cs=CS, cv=KFold(3), **NEW).fit(X[order], Y[order])
    assert model.coefs_paths_.shape == (3, 1, 3, 3, 13)
    assert np.isfinite(model.coefs_paths_).all()
    assert (model.scores_ < np.log(1 / 3)).all()


@pytest.mark.parametrize("refit", [True, False])
def test_the_gap_is_told(refit):
    model = LogisticRegressionCV(Cs=CS, cv=2, refit=refit, **NEW).fit(X, Y)
    assert 0 <= model.gap_ <= 1e-10
    if refit:
        options = {"penalty": sm.L2(1 / (model.C_ * len(Y))), "tol": 1e-12}
        assert model.history_[-1].loss <= sm.solve(X, Y, **options).loss * (1 + 1e-12)


def test_one_warning_for_all_fits():
    with pytest.warns(ConvergenceWarning) as caught:
        LogisticRegressionCV(Cs=CS, cv=2, max_iter=1, **NEW).fit(X, Y)
    assert len(caught) == 1
    assert str(caught[0].message).startswith("lbfgs failed to converge. ")
    assert "of 7 fits did not converge, the worst: After 1 iterations" in str(caught[0].message)


@pytest.mark.parametrize("n_jobs", [1, 2, -1])
def test_jobs_are_threads_and_change_nothing(n_jobs):
    one, more = (LogisticRegressionCV(Cs=CS, cv=2, n_jobs=jobs, **NEW).fit(X, Y) for jobs in (None, n_jobs))
    np.testing.assert_array_equal(one.coef_, more.coef_)


def test_verbose_prints_a_line_for_each_fit(capsys):
    LogisticRegressionCV(Cs=CS, cv=2, verbose=1, **NEW).fit(X, Y)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 7
    assert lines[0].startswith("[LogisticRegressionCV, fold 0, C=0.01, l1_ratio=0]")


def test_defaults_that_will_change_are_told():
    with pytest.warns(FutureWarning) as caught:
        LogisticRegressionCV(Cs=[1.0], cv=2).fit(X, Y)
    texts = [str(warning.message) for warning in caught]
    for beginning in (
        "The default value for l1_ratios will change from None to (0.0,) in version 1.10.",
        "The default value of the parameter 'scoring' will change from None, i.e. accuracy, to 'neg_log_loss'",
        "The fitted attributes of LogisticRegressionCV will be simplified in scikit-learn 1.10",
    ):
        assert any(text.startswith(beginning) for text in texts)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"l1_ratios": (1,)}, "Solver lbfgs supports only 'l2' or None penalties, got l1 penalty."),
        ({"l1_ratios": [0.5, 2], "solver": "saga"}, "l1_ratios must be an array-like of numbers between 0 and 1;"),
        ({"class_weight": {7: 1}}, "The given class_weight dict must have the class labels as keys;"),
        (
            {"solver": "liblinear"},
            "The 'liblinear' solver does not support multiclass classification (n_classes >= 3).",
        ),
        (
            {"Cs": 0},
            "The 'Cs' parameter of LogisticRegressionCV must be an int in the range [1, inf) or an array-like.",
        ),
    ],
)
def test_refusals_are_scikit_learns(options, message):
    for cls in [LogisticRegressionCV] + [sklearn.linear_model.LogisticRegressionCV] * NEWEST:
        with pytest.raises(ValueError, match=re.escape(message)):
            cls(**{**NEW, **options}).fit(X, Y)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"Cs": []}, "Cs: expected at least one number in a sequence, got shape (0,)"),
        ({"Cs": [[1.0]]}, "Cs: expected at least one number in a sequence, got shape (1, 1)"),
        ({"Cs": [1.0, 0.0]}, "Cs: expected numbers above 0, got 0"),
        ({"Cs": [1.0, -1.0]}, "Cs: expected numbers above 0, got -1"),
        ({"Cs": [np.nan]}, "Cs: expected numbers above 0, got nan"),
        ({"l1_ratios": []}, "l1_ratios must be an array-like of numbers between 0 and 1; got (l1_ratios=[])"),
    ],
)
def test_nothing_to_choose_from_is_named(options, message):
    """Where scikit-learn divides by zero, or fits a penalty that is negative."""
    model = LogisticRegressionCV(**{**NEW, **options})
    with pytest.raises(ValueError, match=re.escape(message)):
        model.fit(X, Y)
    assert not hasattr(model, "classes_")


@newest
@pytest.mark.parametrize("name", ["LogisticRegression", "LogisticRegressionCV"])
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_the_deprecated_penalty_is_told_in_scikit_learns_words(name):
    """To the letter."""

    def told(module):
        with pytest.warns(FutureWarning) as caught:
            getattr(module, name)(penalty="l2").fit(X, Y)
        return [str(warning.message) for warning in caught if "'penalty'" in str(warning.message)]

    assert told(softmargin.linear_model) == told(sklearn.linear_model)


@newest
def test_parameters_are_scikit_learns():
    def parameters(cls):
        return [(p.name, p.kind, p.default) for p in inspect.signature(cls.__init__).parameters.values()]

    cls = sklearn.linear_model.LogisticRegressionCV
    assert parameters(LogisticRegressionCV) == parameters(cls)
    assert set(LogisticRegressionCV._parameter_constraints) == set(cls._parameter_constraints)
