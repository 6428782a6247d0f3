"""The command `predict` in this process: labels, scores, probabilities, and models that do not fit."""

import csv
import json

import numpy as np
import polars as pl
import pytest

from softmargin.model_file import save_model

from .command import X, expect_error


@pytest.fixture
def model(run):
    W = np.array([[1, 0, 0], [0, 1, 0], [0, 0, 1]], dtype=np.float32)
    save_model("m.safetensors", W, loss="softmax", classes=["ant", "bee", "cow"])
    np.savez("x.npz", X=X)
    return "m.safetensors"


def test_labels_scores_and_probabilities(run, model):
    code, out, err = run("predict", model, "x.npz")
    assert (code, err) == (0, "")
    assert out.split() == [("ant", "bee", "cow")[i] for i in X.argmax(axis=1)]
    rows = list(csv.reader(run("predict", model, "x.npz", "--scores")[1].splitlines()))
    assert rows[0] == ["ant", "bee", "cow"]
    assert (np.array(rows[1:], dtype=np.float32) == X).all()  # printed so that reading gives the same float32
    rows = list(csv.reader(run("predict", model, "x.npz", "--proba")[1].splitlines()))
    p = np.exp(X.astype(np.float64))
    # each side rounds its exponentials, their sum and the quotient: a few units of 2^-53
    assert np.allclose(np.array(rows[1:], dtype=float), p / p.sum(axis=1, keepdims=True), rtol=1e-14, atol=0)


@pytest.mark.parametrize("outputs", [1, 3])
def test_logistic_probabilities(run, outputs):
    W = np.eye(3, dtype=np.float32)[:outputs]
    classes = [-1, 1] if outputs == 1 else [3, 4, 5]
    save_model("m.safetensors", W, loss="logistic", classes=classes)
    np.savez("x.npz", X=1000 * X, y=np.full(120, classes[0]))
    _, out, err = run("predict", "m.safetensors", "x.npz", "--proba")
    rows = list(csv.reader(out.splitlines()))
    assert rows[0] == [str(name) for name in classes]
    p = np.array(rows[1:], dtype=float)
    assert np.isfinite(p).all()
    assert np.allclose(p.sum(axis=1), 1, rtol=1e-14)
    scores = 1000 * X @ W.T
    labels = np.array(classes)[(scores[:, 0] > 0).astype(int) if outputs == 1 else scores.argmax(axis=1)]
    assert err == f"accuracy {np.mean(labels == classes[0]):.4f} on 120 rows (X)\n"


def test_output_file_and_json(run, model, tmp_path):
    code, out, _ = run("predict", model, "x.npz", "--output", "p.csv")
    assert (code, out) == (0, "")
    lines = (tmp_path / "p.csv").read_text().splitlines()
    assert lines[0] == "prediction"
    assert len(lines) == 121
    report = json.loads(run("predict", model, "x.npz", "--json")[1])
    assert report["labels"] == lines[1:]
    assert report["score"] is None
    report = json.loads(run("predict", model, "x.npz", "--json", "--proba")[1])
    assert np.array(report["proba"]).shape == (120, 3)


def test_labels_of_a_file_are_matched_by_name(run, model):
    names = np.array(["ant", "bee", "cow"])
    right = X.argmax(axis=1)
    np.savez("y.npz", X=X, y=right, classes=names)
    assert run("predict", model, "y.npz")[2] == "accuracy 1.0000 on 120 rows (X)\n"
    np.savez("y.npz", X=X, y=names[right])
    assert run("predict", model, "y.npz")[2] == "accuracy 1.0000 on 120 rows (X)\n"
    np.savez("y.npz", X=X, y=np.where(right == 0, "ape", names[right]))
    err = run("predict", model, "y.npz")[2]
    assert f"accuracy {np.mean(right != 0):.4f}" in err
    assert f"note: {np.sum(right == 0)} rows have labels that the model does not know" in err
    np.savez("y.npz", X=X, y=right + 10)
    code, out, err = run("predict", model, "y.npz")
    assert code == 0
    assert len(out.split()) == 120
    assert "no accuracy: none of the file's labels" in err


def test_columns_are_found_by_name(run):
    save_model("m.safetensors", np.array([[1, -1]], np.float64), loss="mse", feature_names=["a", "b"])
    pl.DataFrame({"b": [1, 2], "extra": ["x", "y"], "a": [5, 7]}).write_csv("f.csv")
    code, out, err = run("predict", "m.safetensors", "f.csv")
    assert (code, err) == (0, "")
    assert [float(word) for word in out.split()] == [4.0, 5.0]
    pl.DataFrame({"b": [1, 2], "aa": [5, 7]}).write_csv("f.csv")
    expect_error(run("predict", "m.safetensors", "f.csv"), "expected a column 'a', got 'b', 'aa'")
    expect_error(run("predict", "m.safetensors", "f.csv", "--target", "c"), "--target: expected one of the columns")


def test_wrong_predictions_are_one_line(run, model, tmp_path):
    np.savez("wide.npz", X=np.ones((4, 5), np.float32))
    expect_error(run("predict", model, "wide.npz"), "expected the model's 3 features, got 5")
    np.savez("bad.npz", X=np.full((4, 3), np.nan, np.float32))
    expect_error(run("predict", model, "bad.npz"), "nan")
    expect_error(run("predict", model, "x.npz", "--scores", "--proba"), "expected one of --scores and --proba")
    expect_error(run("predict", model, "x.npz", "--output", "no/p.csv"), "--output: expected an existing directory")
    expect_error(run("predict", model, "x.npz", "--threads", "0"), "--threads")
    expect_error(run("predict", model, "x.npz", "--threads", "65536"), "--threads")
    for name in (model, "x.npz"):
        before = (tmp_path / name).read_bytes()
        expect_error(run("predict", model, "x.npz", "--output", name), "--output: expected another file than is read")
        assert (tmp_path / name).read_bytes() == before
    expect_error(run("predict", model, "x.npz", "--target", "y"), "--target: expected a csv or parquet file with it")
    expect_error(run("predict", "x.npz", "x.npz"), "x.npz: expected a softmargin model, got something that is not")
    (tmp_path / model).write_bytes((tmp_path / model).read_bytes()[:-1])
    expect_error(run("predict", model, "x.npz"), "expected a softmargin model, got a file cut short")
    save_model("h.safetensors", np.eye(3, dtype=np.float32), loss="hinge", classes=[0, 1, 2])
    expect_error(run("predict", "h.safetensors", "x.npz", "--proba"), "got 'hinge'; use --scores instead")
