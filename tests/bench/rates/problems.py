"""The data sets at three scales, the optimum of each loss on them, and F of any estimator."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import scipy.sparse

import softmargin as sm

ALPHA = 1e-4  # LinearClassifier's own


@dataclass(frozen=True, eq=False)
class Problem:
    """X (n_samples, n_features), labels y (n_samples,); with `standardize` the penalty is on the standardised weights."""

    data: str
    scaling: str
    X: np.ndarray | scipy.sparse.csr_array
    y: np.ndarray
    standardize: bool

    @property
    def losses(self):
        """The losses that a classifier has for these labels: two classes have one output."""
        several = self.y.max() > 1
        infos = {name: sm.losses.info(name)["target"] for name in sm.losses.names()}
        return [name for name, target in infos.items() if target == "signs" or (several and target == "classes")]

    def targets(self):
        """Return the labels as the losses read them: -1 and +1 where there are two."""
        return self.y if self.y.max() > 1 else 2.0 * self.y - 1

    def objective(self, model, loss):
        """Return F of a fitted LinearClassifier, in float64."""
        W, b = np.asarray(model.coef_, np.float64), np.asarray(model.intercept_, np.float64)
        value = sm.loss_and_grad(W, self.X, self.targets(), loss=loss, intercept=b).loss
        V = W * self.deviations if self.standardize else W
        return value + ALPHA / 2 * float((V**2).sum())

    @cached_property
    def deviations(self):
        """The deviations (n_features,) in float64, some thousand rows at a time."""
        mean = self.X.mean(axis=0, dtype=np.float64)
        starts = range(0, len(self.X), 2048)
        return np.sqrt(sum(((self.X[i : i + 2048] - mean) ** 2).sum(axis=0) for i in starts) / len(self.X))

    def optimum(self, loss, tol):
        """Return F* and the relative gap that is proven."""
        options = {"loss": loss, "penalty": sm.L2(ALPHA), "standardize": self.standardize}
        result = sm.solve(self.X, self.targets(), tol=tol, max_iter=20_000, warn=False, **options)
        return result.loss, result.gap


def digits(_):
    """scikit-learn's digits: 1797 x 64, float64."""
    from sklearn.datasets import load_digits

    return load_digits(return_X_y=True)


def a9a(folder):
    """Adult: 32 561 x 123, CSR float32; dense where it is standardised, as centred columns are."""
    from sklearn.datasets import load_svmlight_file

    X, y = load_svmlight_file(str(folder / "a9a.svm"), n_features=123, dtype=np.float32)
    return scipy.sparse.csr_array(X), (y > 0).astype(np.int64)


def cifar10(folder):
    """CIFAR-10's pixels: 50 000 x 3072, uint8."""
    with np.load(folder / "cifar10.npz") as file:
        return file["X_train"], file["y_train"].astype(np.int64)


LARGEST = {digits: 16, a9a: 1, cifar10: 255}  # what "scaled" divides by
BUILDERS = {build.__name__: build for build in LARGEST}
SCALINGS = ("raw", "scaled", "standardized")


def scalings(data):
    """Return the scales that a data set has: features of 0 and 1 are scaled as they are."""
    return [name for name in SCALINGS if name != "scaled" or LARGEST[BUILDERS[data]] > 1]


def load(data, scaling, folder):
    """Return a Problem; `folder` holds a9a.svm and cifar10.npz."""
    build = BUILDERS[data]
    X, y = build(None if folder is None else Path(folder))
    if scaling == "scaled":
        X = X / LARGEST[build] if X.dtype == np.float64 else X.astype(np.float32) / np.float32(LARGEST[build])
    if scaling == "standardized" and scipy.sparse.issparse(X):
        X = X.toarray()
    return Problem(data, scaling, X, y, scaling == "standardized")
