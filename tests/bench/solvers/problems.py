"""The problems, each in the size that is measured and in one that takes a second ("check", generated, needs no data)."""

import csv
from pathlib import Path

import numpy as np
import scipy.sparse

from .problem import Problem


def cifar10(data, check):
    """CIFAR-10's pixels, standardised: softmax, 10 classes, 50 000 x 3072 uint8."""
    if check:
        rng = np.random.default_rng(0)
        y = rng.integers(0, 10, 400)
        X = rng.integers(0, 192, (400, 48), dtype=np.uint8) + rng.integers(0, 64, (10, 48), dtype=np.uint8)[y]
    else:
        with np.load(Path(data) / "cifar10.npz") as file:
            X, y = file["X_train"], file["y_train"]
    return {"cifar10": Problem("cifar10", X, y, "softmax", 1e-3, 10, standardize=True)}


def tall(data, check):
    """Many rows, few features in units of their own: 1 000 000 x 50, neighbours correlated by 0.9, scales 1e-3 to 1e3.

    alpha = 1 / n_samples, so C = 1. Raw units make the penalty forbid the features of the smallest scales; "tall-standardized" has
    the same data in units of their deviations.
    """
    n, d = (2_000 if check else 1_000_000), 50
    rng = np.random.default_rng(1)
    X = rng.standard_normal((n, d), dtype=np.float32)
    for j in range(1, d):
        X[:, j] = 0.9 * X[:, j - 1] + np.float32(np.sqrt(1 - 0.9**2)) * X[:, j]
    y = np.where(X @ rng.standard_normal(d, dtype=np.float32) + 2 * rng.logistic(size=n) > 1, 1, -1)
    X += rng.standard_normal(d, dtype=np.float32)
    X *= rng.permutation(np.logspace(-1, 1, d) if check else np.logspace(-3, 3, d)).astype(np.float32)
    problem = Problem("tall", X, y, "logistic", 1 / n, 1)
    return {
        "tall": problem,
        "tall-standardized": Problem("tall-standardized", X, y, "logistic", 1 / n, 1, standardize=True),
    }


def embeddings(rng, n, d, labels):
    """Return what a network's last layer looks like: float32 (n, d), labels (n,) told by means (n_classes, d) along the spectrum.

    Eigenvalues of the covariance fall as 1/j, rotated at random, variance 1 a feature on average; the mean is half as large as
    the deviations; three features are ten times as large as the others, as in transformers.
    """
    deviations = np.sqrt(1 / np.arange(1, d + 1))
    deviations *= np.sqrt(d) / np.linalg.norm(deviations)
    classes = rng.standard_normal((labels.max() + 1, d))
    Z = rng.standard_normal((n, d), dtype=np.float32)
    Z += (classes * (1.5 / np.sqrt(np.arange(1, d + 1)))).astype(np.float32)[labels]
    rotation = np.linalg.qr(rng.standard_normal((d, d)))[0]
    X = (Z * deviations.astype(np.float32)) @ rotation.astype(np.float32)
    X += 0.5 * rng.standard_normal(d, dtype=np.float32)
    X[:, rng.choice(d, 3, replace=False)] *= 10
    return X


def probe_binary(data, check):
    """A linear probe on embeddings: logistic, 25 000 x 384 float16, alpha = 1e-4 (C = 0.4)."""
    n, d = (500, 32) if check else (25_000, 384)
    rng = np.random.default_rng(2)
    labels = rng.integers(0, 2, n)
    X = embeddings(rng, n, d, labels).astype(np.float16)
    flipped = rng.random(n) < 0.05  # mislabelled: without them the classes could be told apart perfectly
    y = np.where(labels.astype(bool) ^ flipped, 1, -1)
    return {"probe_binary": Problem("probe_binary", X, y, "logistic", 1e-2 if check else 1e-4, 1)}


def probe_100(data, check):
    """A linear probe on embeddings: softmax, 100 classes, 50 000 x 768 float32, alpha = 1e-4 (C = 0.2)."""
    n, d, k = (600, 24, 5) if check else (50_000, 768, 100)
    rng = np.random.default_rng(3)
    labels = rng.integers(0, k, n)
    X = embeddings(rng, n, d, labels)
    y = np.where(rng.random(n) < 0.05, rng.integers(0, k, n), labels)
    return {"probe_100": Problem("probe_100", X, y, "softmax", 1e-4, k)}


def ag_news(data, check):
    """News in four classes: tf-idf of single words and pairs, 1 + log(tf), all that occur; softmax and one-versus-rest, C = 1 and 10."""
    if check:
        rng = np.random.default_rng(4)
        X, y = zipf_rows(rng, 400, 300, 30), rng.integers(0, 4, 400)
    else:
        from sklearn.feature_extraction.text import TfidfVectorizer

        with (Path(data) / "ag_news.csv").open(newline="", encoding="utf-8") as file:
            rows = [(int(label) - 1, f"{title} {text}") for label, title, text in csv.reader(file)]
        y = np.array([label for label, _ in rows])
        vectorizer = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, dtype=np.float32)
        X = as_csr(vectorizer.fit_transform(text for _, text in rows))
    names = {"softmax": "softmax", "hinge": "binary_squared_hinge"}
    return {
        f"ag_news-{short}-c{C}": Problem(f"ag_news-{short}-c{C}", X, y, loss, 1 / (C * X.shape[0]), 4)
        for short, loss in names.items()
        for C in (1, 10)
    }


def zipf_rows(rng, n, d, draws):
    """Return CSR float32 (n, d) like tf-idf: `draws` words a row with frequencies 1 / (rank + 10), rows of length 1."""
    share = np.cumsum(1 / (np.arange(d) + 10.0))
    words = np.searchsorted(share, rng.random(n * draws) * share[-1])
    rows = np.repeat(np.arange(n), draws)
    X = scipy.sparse.csr_matrix((np.ones(n * draws), (rows, words)), shape=(n, d))
    X.data = 1 + np.log(X.data)
    X = X @ scipy.sparse.diags(np.log((1 + n) / (1 + np.bincount(X.indices, minlength=d))) + 1)
    X = scipy.sparse.diags(1 / np.sqrt(X.power(2).sum(axis=1).A1)) @ X
    return as_csr(X.astype(np.float32))


def as_csr(X):
    """Return X as the oldest of the peers wants it: a csr_matrix with int32 indices, sorted."""
    X = scipy.sparse.csr_matrix(X)
    X.sort_indices()
    X.indices, X.indptr = X.indices.astype(np.int32), X.indptr.astype(np.int32)
    return X


def sparse(data, check):
    """Generated text: 25 000 x 150 000, 7 million entries, C = 1; a tenth of the labels is wrong."""
    n, d, draws = (600, 2_000, 40) if check else (25_000, 150_000, 350)
    rng = np.random.default_rng(5)
    X = zipf_rows(rng, n, d, draws)
    S = X @ rng.standard_normal(d)
    y = np.where((np.median(S) < S) ^ (rng.random(n) < 0.1), 1, -1)
    return {
        f"sparse-{short}": Problem(f"sparse-{short}", X, y, loss, 1 / n, 1)
        for short, loss in (("logistic", "logistic"), ("hinge", "binary_squared_hinge"))
    }


def a9a(data, check):
    """Adult, 123 binary features of 14 questions: 32 561 rows in CSR, C = 1."""
    if check:
        rng = np.random.default_rng(6)
        X = as_csr(rng.random((500, 40)) < 0.2).astype(np.float32)
        y = np.where(X @ rng.standard_normal(40) + rng.logistic(size=500) > 1, 1, -1)
    else:
        from sklearn.datasets import load_svmlight_file

        X, y = load_svmlight_file(str(Path(data) / "a9a.svm"), n_features=123, dtype=np.float32)
        X, y = as_csr(X), y.astype(np.int64)
    return {
        f"a9a-{short}": Problem(f"a9a-{short}", X, y, loss, 1 / X.shape[0], 1)
        for short, loss in (("logistic", "logistic"), ("hinge", "binary_squared_hinge"))
    }


def digits(data, check):
    """scikit-learn's digits, pixels 0 to 1: 1797 x 64, softmax and Weston-Watkins, alpha = 1e-4 (C = 5.6)."""
    from sklearn.datasets import load_digits

    X, y = (array[: 300 if check else None] for array in load_digits(return_X_y=True))
    X = (X / 16).astype(np.float32)
    alpha = 1e-2 if check else 1e-4
    return {
        "digits": Problem("digits", X, y, "softmax", alpha, 10),
        "digits-weston_watkins": Problem("digits-weston_watkins", X, y, "squared_hinge", alpha, 10),
    }


BUILDERS = {
    "cifar10": cifar10,
    "ag_news-softmax-c1": ag_news,
    "ag_news-softmax-c10": ag_news,
    "ag_news-hinge-c1": ag_news,
    "ag_news-hinge-c10": ag_news,
    "sparse-logistic": sparse,
    "sparse-hinge": sparse,
    "a9a-logistic": a9a,
    "a9a-hinge": a9a,
    "digits": digits,
    "digits-weston_watkins": digits,
    "tall": tall,
    "tall-standardized": tall,
    "probe_binary": probe_binary,
    "probe_100": probe_100,
}


def load(name, data=None, scale="full"):
    """Return the problem `name`; `data` is the folder of cifar10.npz, ag_news.csv and a9a.svm, which "check" does not need."""
    return BUILDERS[name](data, scale == "check")[name]
