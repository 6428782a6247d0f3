"""The command in this process: training, predicting, errors in one line, machine output, help."""

import json
import os
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from sklearn.datasets import dump_svmlight_file

import softmargin as sm
from softmargin.model_file import load_model

from .command import QUICK, RNG, X, Y, expect_error

# train


def test_train_is_the_estimator(run):
    """The model that the command writes is, bit for bit, what the estimator gives for the same words."""
    np.savez("a.npz", X_train=X, y_train=Y, X_test=X[:9], y_test=Y[:9])
    options = [
        "--solver",
        "sgd",
        "--lr",
        "0.2",
        "--set",
        "momentum=0.9",
        "--set",
        "nesterov=true",
        "--schedule",
        "constant",
    ]
    penalty = ["--penalty", "elasticnet", "--alpha", "0.01", "--l1-ratio", "0.3", "--batch-size", "32", "--seed", "5"]
    code, out, err = run("train", "a.npz", *options, *penalty, "--standardize", *QUICK)
    assert (code, err) == (0, "")
    result = sm.LinearClassifier(
        penalty=sm.ElasticNet(0.01, 0.3),
        solver=sm.optimizers.SGD(lr=0.2, momentum=0.9, nesterov=True),
        batch_size=32,
        max_epochs=2,
        random_state=5,
        standardize=True,
        tol=1.0,
    ).fit(X, Y)
    model = load_model("a.safetensors")
    assert model.W.tobytes() == result.coef_.tobytes()
    assert model.intercept.tobytes() == result.intercept_.tobytes()
    assert model.classes == (0, 1, 2)
    right = result.score(X[:9], Y[:9])
    lines = out.splitlines()
    assert lines[0] == "read   a.npz: 120 × 3 float32, 9 test rows, 3 classes"
    assert lines[2].startswith("epoch 1/2  loss ")
    assert f"score  accuracy {right:.4f} on 9 test rows" in lines
    assert lines[-1] == "next   softmargin predict a.safetensors a.npz"


@pytest.mark.parametrize("loss", sm.losses.names())
@pytest.mark.parametrize("n_classes", [2, 3])
def test_every_loss_trains_and_predicts(run, loss, n_classes):
    rows = np.less(Y, n_classes)
    names = np.array(["ant", "bee", "cow"])[Y[rows]]
    target = X[rows] @ [1.0, 2.0, 3.0]
    real = sm.losses.info(loss)["target"] == "real"
    np.savez("a.npz", X=X[rows], y=target if real else names)
    code, out, err = run("train", "a.npz", "--loss", loss, "--json", *QUICK)
    assert (code, err) == (0, "")
    report = json.loads(out)
    assert report["score_of"] == "held-out"
    assert report["score_samples"] == round(0.1 * rows.sum())
    assert [record["epoch"] for record in report["history"]] == [1, 2]
    assert all(np.isfinite(record["val_loss"]) for record in report["history"])
    best = min(report["history"], key=lambda record: record["val_loss"])  # whose weights are kept
    assert best["val_score"] == pytest.approx(report["score"])
    model = load_model("a.safetensors")
    assert model.W.shape[0] == (1 if real or n_classes == 2 else n_classes)
    code, out, err = run("predict", "a.safetensors", "a.npz")
    assert code == 0
    predicted = out.split()
    assert len(predicted) == rows.sum()
    if real:
        # 8 significant digits of a float32 are at hand; scores of another block shape may differ in the last bit
        assert np.allclose(
            [float(word) for word in predicted], model.predict_scores(X[rows])[:, 0], rtol=1e-6, atol=1e-6
        )
        assert err.startswith("R² ")
    else:
        assert err == f"accuracy {np.mean(np.array(predicted) == names):.4f} on {rows.sum()} rows (X)\n"


def test_the_default_is_the_certified_optimum(run):
    np.savez("a.npz", X_train=X, y_train=Y, X_test=X[:9], y_test=Y[:9])
    code, out, err = run("train", "a.npz", "--tol", "1e-8", "--json")
    assert (code, err) == (0, "")
    report = json.loads(out)
    best = sm.LinearClassifier(tol=1e-8).fit(X, Y)
    assert report["gap"] == best.gap_ <= 1e-8
    assert report["solver"] == "exact"
    assert load_model("a.safetensors").W.tobytes() == best.coef_.tobytes()
    lines = run("train", "a.npz", "--tol", "1e-8")[1].splitlines()
    assert lines[1].startswith("train  softmax + L2(alpha=0.0001), exact, ")
    assert any(line.startswith("solve  ") and "above the optimum" in line for line in lines)
    assert any(line.startswith("gap    ") for line in lines)


def test_every_rule_penalty_and_schedule(run):
    np.savez("a.npz", X=X, y=Y)
    for rule in sm.optimizers.names():
        assert run("train", "a.npz", "--solver", rule.lower(), *QUICK)[0] == 0
    for penalty in (*sm.penalties.names(), "none"):
        ratio = ["--l1-ratio", "0.5"] if penalty == "elasticnet" else []
        assert run("train", "a.npz", "--penalty", penalty, *ratio, *QUICK)[0] == 0
    for schedule in sm.schedules.names():
        assert run("train", "a.npz", "--schedule", schedule.lower(), *QUICK)[0] == 0
    assert run("train", "a.npz", "--schedule", "step:step_size=1,gamma=0.5", *QUICK)[0] == 0
    assert run("train", "a.npz", "--batch-size", "full", "--no-intercept", *QUICK)[0] == 0
    assert load_model("a.safetensors").intercept is None


def test_the_same_samples_in_every_format_give_the_same_model(run):
    wide = X.astype(np.float64)
    np.savez("a.npz", X=wide, y=Y)
    np.savez_compressed("b.npz", X=wide, y=Y)
    frame = pl.DataFrame({"f0": wide[:, 0], "f1": wide[:, 1], "f2": wide[:, 2], "y": Y})
    frame.write_csv("c.csv")
    frame.write_parquet("d.parquet")
    for name in ("a.npz", "b.npz", "c.csv", "d.parquet"):
        target = ["--target", "y"] if name[0] in "cd" else []
        assert run("train", name, *target, *QUICK)[0] == 0
    models = [load_model(f"{name}.safetensors") for name in "abcd"]
    assert len({model.W.tobytes() for model in models}) == 1
    assert models[2].feature_names == ("f0", "f1", "f2")


def test_libsvm_text_and_a_test_file_with_fewer_features(run):
    dump_svmlight_file(X.astype(np.float64), np.where(Y > 0, 1, -1), "a.svm", zero_based=False)
    assert run("train", "a.svm", "--loss", "binary_hinge", *QUICK)[0] == 0
    model = load_model("a.safetensors")
    assert model.classes == (-1, 1)
    dump_svmlight_file(X[:5, :2].astype(np.float64), np.ones(5), "b.svm", zero_based=False)
    code, out, err = run("predict", "a.safetensors", "b.svm", "--scores")
    narrow = np.hstack([X[:5, :2], np.zeros((5, 1), np.float32)])
    assert code == 0
    assert np.allclose([float(word) for word in out.split()], model.predict_scores(narrow)[:, 0], rtol=1e-5, atol=1e-5)
    assert "on 5 rows" in err


@pytest.mark.skipif(not hasattr(os, "sysconf"), reason="Windows does not tell its memory by sysconf")
def test_features_beyond_the_memory(run):
    rows = [f"{c} 1:0.5 2147483640:1\n" for c in range(1000)]
    Path("a.svm").write_text("".join(rows + rows))
    code, _, err = run("train", "a.svm")
    assert code == 2
    assert "expected features whose weights fit into memory, got 1000 × 2147483640 weights" in err
    Path("b.svm").write_text("1 1:0.5 2:1\n-1 3:2 200000:1\n")  # the control: many, and they fit
    assert run("train", "b.svm", *QUICK)[0] == 0


def test_a_class_that_is_only_among_the_held_out_rows(run):
    for seed in range(5):
        y = np.zeros(40, dtype=np.int64)
        y[:20], y[RNG.integers(40)] = 1, 2
        np.savez("a.npz", X=X[:40], y=y)
        assert run("train", "a.npz", "--validation", "0.5", "--seed", seed, *QUICK)[0] == 0
        assert load_model("a.safetensors").W.shape == (3, 3)
        np.savez("a.npz", X=X[:40], y=y == 2)
        for loss in ("softmax", "binary_hinge"):
            words = ["--loss", loss, "--validation", "0.5", "--seed", seed]
            code, _, err = run("train", "a.npz", *words, *QUICK)
            assert (code, err) == (0, "")


def test_divergence_names_a_way_out(run):
    np.savez("a.npz", X=1e4 * X, y=X @ [1.0, 2.0, 3.0])
    result = run("train", "a.npz", "--loss", "mse", "--solver", "sgd", "--lr", "10", "--epochs", "20")
    expect_error(result, "error: --lr: training diverged at step ", "try one ten times smaller, or --standardize")


def test_large_features_have_a_hint(run):
    np.savez("a.npz", X=(20 * X).clip(0, 255).astype(np.uint8), y=Y)
    assert "hint   features reach" in run("train", "a.npz", *QUICK)[1]
    assert "hint" not in run("train", "a.npz", "--standardize", *QUICK)[1]


@pytest.mark.parametrize(
    ("words", "parts"),
    [
        (["--loss", "hing"], ["--loss: expected one of 'softmax', 'hinge', ", "got 'hing'; did you mean 'hinge'?"]),
        (["--penalty", "l3"], ["--penalty: expected one of 'l2', 'l1', 'elasticnet', ", "'none', got 'l3'"]),
        (["--alpha", "-1"], ["--alpha: expected ", "got -1"]),
        (["--l1-ratio", "0.5"], ["--l1-ratio: expected a penalty that has one, got 'l2'; --penalty elasticnet"]),
        (["--penalty", "elasticnet", "--l1-ratio", "2"], ["--l1-ratio: expected ", "got 2"]),
        (
            ["--penalty", "elasticnet"],
            ["--l1-ratio: expected a number from 0 to 1 with --penalty elasticnet, got none"],
        ),
        (["--solver", "adm"], ["--solver: expected one of 'auto', 'exact', 'SGD', ", "did you mean 'Adam'?"]),
        (["--lr", "-1"], ["--lr: expected ", "got -1"]),
        (["--solver", "exact", "--epochs", "3"], ["--epochs: expected an update rule as --solver, got 'exact'"]),
        (["--tol", "-1"], ["--tol: expected ", "got -1"]),
        (["--lr", "fast"], ["--lr", '"fast"']),
        (["--solver", "adam", "--set", "momentm=1"], ["--set: expected one of 'betas', ", "for Adam, got 'momentm'"]),
        (
            ["--solver", "adam", "--set", "betas=0.9"],
            ["--set betas: expected 2 numbers with commas between, got '0.9'"],
        ),
        (["--solver", "adam", "--set", "eps"], ["--set: expected NAME=VALUE, got 'eps'; as in --set eps=0.9"]),
        (["--solver", "adam", "--set", "lr=1"], ["say --lr instead"]),
        (["--solver", "adam", "--set", "eps=x"], ["--set eps: expected a number, got 'x'"]),
        (["--solver", "sgd", "--set", "nesterov=maybe"], ["--set nesterov: expected true or false, got 'maybe'"]),
        (["--solver", "sgd", "--set", "nesterov=true"], ["nesterov", "momentum"]),
        (["--schedule", "cosin"], ["--schedule: expected one of 'Constant', ", "did you mean 'Cosine'?"]),
        (["--schedule", "step:gama=1"], ["--schedule Step: expected one of ", "did you mean 'gamma'?"]),
        (["--schedule", "constant:a=1"], ["--schedule Constant: expected no parameters, got 'a=1'"]),
        (["--schedule", "step:step_size=0"], ["--schedule Step: step_size: expected ", "got 0"]),
        (["--epochs", "0"], ["--epochs: expected at least 1, got 0"]),
        (["--epochs", "1.5"], ["--epochs: expected an integer, got '1.5'"]),
        (["--batch-size", "0"], ["--batch-size: expected at least 1, or full, got 0"]),
        (["--batch-size", "half"], ["--batch-size: expected an integer, or full, got 'half'"]),
        (["--threads", "0"], ["--threads: expected 1 to 4096, got 0"]),
        (["--threads", "65536"], ["--threads: expected 1 to 4096, got 65536"]),
        (["--epochs", str(2**63)], [f"--epochs: expected an integer at least 1 and at most {2**63 - 1}, got {2**63}"]),
        (["--seed", "-1"], ["--seed: expected 0 or more, got -1"]),
        (["--validation", "1"], ["--validation: expected at least 0 and less than 1, got 1.0"]),
        (["--format", "npy"], ["--format: expected one of 'npz', ", "did you mean 'npz'?"]),
        (["--output", "none/m.safetensors"], ["--output: expected an existing directory, got none"]),
        (["--output", "."], ["--output: expected a file, got the directory ."]),
        (["--output", "a.npz"], ["--output: expected another file than is read, got a.npz"]),
        (["--target", "y"], ["--target: expected a csv or parquet file with it, got npz"]),
        (["--drop", "y"], ["--drop: expected a csv or parquet file with it, got npz"]),
        (["--no-header"], ["--no-header: expected a csv file with it, got npz"]),
        (["--los", "hinge"], ["--los", "--loss", "softmargin train --help"]),
        (["--margin", "-1", "--loss", "hinge"], ["--margin: expected ", "got -1"]),
        (["--loss", "hinge", "--lr"], ["--lr", "requires an argument"]),
        (["b.npz"], ["b.npz"]),
    ],
)
def test_wrong_options_are_one_line(run, tmp_path, words, parts):
    np.savez("a.npz", X=X, y=Y)
    expect_error(run("train", "a.npz", *words), *parts)
    assert [path.name for path in tmp_path.iterdir()] == ["a.npz"]


@pytest.mark.parametrize(
    ("y", "words", "parts"),
    [
        (X[:, 0], [], ["y: expected class labels, got ", "for a regression give --loss mse|mae|huber"]),
        (np.arange(120), [], ["y: expected class labels, got 120 different values in 120 rows"]),
        (np.zeros(120, int), [], ["y: expected at least two classes, got only 0"]),
        (np.where(Y, np.nan, 1.0), [], ["y: expected class labels, got nan in row 2"]),
        (np.where(Y, np.inf, 1.0), ["--loss", "mse"], ["y: expected finite numbers, got inf in row 2"]),
        (np.where(Y, 0.5, 1.0).astype(np.float16), [], ["y: expected class labels, got 0.5 in row 2"]),
        (Y.astype(str), ["--loss", "mse"], ["y: expected real targets, got dtype <U", "--loss softmax"]),
        (np.stack([Y, Y], axis=1), [], ["y: expected one class label a row, got shape (120, 2)"]),
    ],
)
def test_wrong_targets_are_one_line(run, y, words, parts):
    np.savez("a.npz", X=X, y=y)
    expect_error(run("train", "a.npz", *words), *parts)


@pytest.mark.parametrize(
    ("y_test", "words", "parts"),
    [
        (X[:, 0], [], ["y_test: expected class labels, got "]),
        (np.where(Y, np.nan, 1.0), ["--loss", "mse"], ["y_test: expected finite numbers, got nan in row 2"]),
        (X[:, :2], ["--loss", "mse"], ["y_test: expected as many targets a row as y_train has, got shape (120, 2)"]),
    ],
)
def test_wrong_targets_of_a_test_set_are_told_before_training(run, y_test, words, parts):
    np.savez("a.npz", X_train=X, y_train=Y, X_test=X, y_test=y_test)
    code, out, err = run("train", "a.npz", *words)
    expect_error((code, out, err), *parts)
    assert out == ""


def test_bad_numbers_in_X_are_one_line(run):
    """The row is the file's, though rows are held out of training; a test set is looked at before the training, too."""
    bad = X.copy()
    bad[7, 1] = np.nan
    words = "expected finite numbers, got nan"
    np.savez("a.npz", X=bad, y=Y)
    expect_error(run("train", "a.npz", *QUICK), f"error: X: {words} at X[7, 1]")
    np.savez("b.npz", X_train=X, y_train=Y, X_test=bad, y_test=Y)
    code, out, err = run("train", "b.npz", *QUICK)
    expect_error((code, out, err), f"error: X_test: {words} at X_test[7, 1]")
    assert out == ""
    pl.DataFrame({"a": bad[:, 0], "b": bad[:, 1], "y": Y}).write_csv("c.csv")
    expect_error(run("train", "c.csv", "--target", "y", *QUICK), f"error: column 'b': {words} in data row 8")
    lines = [f"{label} 2:{x[0]:g} 4:{x[1]:g}" for label, x in zip(Y, bad, strict=True)]
    Path("d.svm").write_text("\n".join(lines))
    expect_error(run("train", "d.svm", *QUICK), f"error: d.svm: {words} in sample 8 at index 4")


def test_missing_files_and_commands(run):
    expect_error(run("train", "nothing.npz"), "nothing.npz: no such file")
    expect_error(run("trian"), 'Did you mean "train"?')
    expect_error(run("train"), "FILE", "softmargin train --help")
    expect_error(run("bench", "--oops"), "--oops", "softmargin bench --help")
    expect_error(run("predict", "nothing.safetensors", "a.npz"), "no such model; softmargin train writes one")


def test_bench_looks_at_its_files_before_it_measures(run):
    """Of a case that takes microseconds beside the seconds of the machine's limits, nothing is printed."""
    for name in ("bench.json", "roofline.png"):
        Path("out", name).mkdir(parents=True)
        code, out, err = run("bench", "--case", "small-step", "--output", "out")
        expect_error((code, out, err), name)
        assert out == ""
        assert sorted(path.name for path in Path("out").iterdir()) == [name]
        Path("out", name).rmdir()


# info, demo, help


def test_info(run):
    code, out, _ = run("info")
    assert code == 0
    assert f"version             {sm.__version__}" in out
    facts = json.loads(run("info", "--json")[1])
    assert facts["simd_active"] == sm.simd_level()
    assert facts["losses"] == list(sm.losses.names())
    assert facts["packages"]["numpy"] == np.__version__


@pytest.mark.parametrize(
    "words", [[], ["--help"], *([name, "--help"] for name in ("demo", "train", "predict", "info"))]
)
def test_help(run, words):
    code, out, err = run(*words)
    assert (code, err) == (0, "")
    assert "Usage: softmargin" in out


def test_help_lists_what_the_registry_has(run):
    text = " ".join(run("train", "--help")[1].replace("│", " ").split())
    for names in (sm.losses.names(), sm.penalties.names(), sm.optimizers.names(), sm.schedules.names()):
        assert ", ".join(names) in text


def test_version(run):
    assert run("--version")[1] == f"{sm.__version__}\n"


def test_demo_needs_a_directory(run, tmp_path):
    (tmp_path / "file").write_text("")
    expect_error(run("demo", "--output", "file"), "--output: expected a directory, got the file file")
