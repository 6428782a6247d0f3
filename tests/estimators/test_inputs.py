"""The same model whatever X is kept in, and numbers that cannot be."""

import numpy as np
import pytest
import scipy.sparse
from sklearn.utils.validation import _get_feature_names

import softmargin as sm
from softmargin import LinearClassifier

from .data import of_gap


def containers(X):
    """X, whose numbers every one of these holds exactly, in whatever users have it; small integers."""
    kinds = {
        "float32": X.astype(np.float32),
        "float16": X.astype(np.float16),
        "uint8": X.astype(np.uint8),
        "int64": X.astype(np.int64),
        "Fortran order": np.asfortranarray(X),
        "read-only": np.frombuffer(X.tobytes(), dtype=X.dtype).reshape(X.shape),
        "list": X.tolist(),
    }
    for form in ("csr", "csc", "coo"):
        for kind in ("array", "matrix"):
            kinds[f"{form}_{kind}"] = getattr(scipy.sparse, f"{form}_{kind}")(X)
    return kinds


def test_every_container_gives_the_same_model(digits, tmp_path):
    """To the gap that was asked for: arithmetic in float32 takes other steps to the same optimum."""
    X, y = digits
    reference = LinearClassifier(alpha=0.01, tol=1e-10).fit(X, y)
    kinds = containers(X)
    mapped = np.lib.format.open_memmap(tmp_path / "X.npy", "w+", np.uint8, X.shape)
    mapped[:] = X
    mapped.flush()
    kinds["memory map"] = np.load(tmp_path / "X.npy", mmap_mode="r")
    for name, A in kinds.items():
        model = LinearClassifier(alpha=0.01, tol=1e-10).fit(A, y)
        bound = of_gap(reference, 0.01) + of_gap(model, 0.01)
        np.testing.assert_allclose(model.coef_, reference.coef_, rtol=0, atol=bound, err_msg=name)
        np.testing.assert_array_equal(model.predict(A), model.predict(X), err_msg=name)


@pytest.mark.parametrize("library", ["pandas", "polars", "pyarrow", "torch"])
def test_tables_and_tensors(digits, library):
    """Each where it is installed: none of them is needed by the package."""
    module = pytest.importorskip(library, reason=f"{library} is not installed")
    X, y = digits
    names = [f"pixel {j}" for j in range(64)]
    table = {
        "pandas": lambda: module.DataFrame(X, columns=names),
        "polars": lambda: module.DataFrame(X, schema=names),
        "pyarrow": lambda: module.table({name: X[:, j] for j, name in enumerate(names)}),
        "torch": lambda: module.from_numpy(X),
    }[library]()
    model = LinearClassifier(alpha=0.01, tol=1e-10).fit(table, y)
    np.testing.assert_array_equal(model.coef_, LinearClassifier(alpha=0.01, tol=1e-10).fit(X, y).coef_)
    np.testing.assert_array_equal(model.predict(table), model.predict(table))
    if (
        _get_feature_names(table) is not None
    ):  # tensors have none, and scikit-learn 1.6 finds none in a table of polars 2
        assert model.feature_names_in_.tolist() == names


def test_X_that_is_not_finite_is_named(digits):
    X, y = digits
    bad = X.copy()
    bad[17, 5] = np.nan
    for estimator in (LinearClassifier(), LinearClassifier(solver=sm.optimizers.SGD(lr=0.01))):
        for A in (bad, scipy.sparse.csr_array(bad)):
            with pytest.raises(
                ValueError, match=r"^Input X contains NaN.\nX: expected finite values, got nan at row 17, col"
            ):
                estimator.fit(A, y)
    model = LinearClassifier().fit(X, y)
    for A in (bad, scipy.sparse.csr_array(bad)):
        with pytest.raises(
            ValueError, match=r"^Input X contains NaN.\nX: expected finite values, got nan at row 17, column 5$"
        ):
            model.predict(A)
    bad[17, 5] = np.inf
    with pytest.raises(ValueError, match=r"^Input X contains infinity .*\n.* got inf at row 17, column 5$"):
        model.predict(bad)
