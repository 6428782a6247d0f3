"""Reading samples: every kind of file becomes the same matrix, and every wrong file is an error that names the spot."""

import zipfile

import numpy as np
import polars as pl
import pytest
from scipy.sparse import csr_matrix, save_npz
from sklearn.datasets import dump_svmlight_file

from softmargin.cli.errors import CliError
from softmargin.cli.frames import GUESSED_FROM
from softmargin.cli.npz import Npz
from softmargin.cli.split import hold_out
from softmargin.cli.tables import Reading, read_table

RNG = np.random.default_rng(0)
X = RNG.integers(0, 256, size=(30, 6)).astype(np.uint8)
Y = RNG.integers(0, 3, size=30)


def read(path, purpose="train", **how):
    return read_table(path, Reading(**how), purpose)


# .npz


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
@pytest.mark.parametrize("dtype", ["u1", "<f2", "<f4", "<f8", ">f4", "<i8", "?"])
@pytest.mark.parametrize("order", ["C", "F"])
def test_npz_of_every_kind(tmp_path, save, dtype, order):
    stored = np.asarray(X.astype(dtype), order=order)
    save(tmp_path / "a.npz", X=stored, y=Y)
    table = read(tmp_path / "a.npz")
    assert np.array_equal(table.X, stored)
    assert table.X.flags.c_contiguous
    assert table.X.dtype.isnative
    assert table.X.dtype.name in ("uint8", "float16", "float32", "float64")
    assert (table.y == Y).all()


def test_stored_members_are_mapped_and_the_file_stays_as_it_is(tmp_path):
    path = tmp_path / "a.npz"
    np.savez(path, X=X, y=Y)
    before = path.read_bytes()
    array = Npz(path).read("X")
    base = array
    while isinstance(base, np.ndarray) and not isinstance(base, np.memmap):
        base = base.base
    assert isinstance(base, np.memmap)
    array[:] = 0
    assert path.read_bytes() == before


def test_only_the_arrays_asked_for_are_read(tmp_path):
    path = tmp_path / "a.npz"
    np.savez(path, X_train=X, y_train=Y, X_test=X[:5], y_test=Y[:5], junk=np.array([object()], dtype=object))
    table = read(path)
    assert table.part == "X_train"
    assert (table.X_test == X[:5]).all()
    assert read(path, "predict").part == "X_test"


def test_images_become_rows_and_names_are_taken(tmp_path):
    names = np.array(["cat", "dog", "frog"])
    np.savez(tmp_path / "a.npz", X=X.reshape(30, 2, 3), y=Y[:, None], classes=names)
    table = read(tmp_path / "a.npz")
    assert (table.X == X).all()
    assert table.y.shape == (30,)
    assert table.class_names == ("cat", "dog", "frog")


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"a": X, "y": Y}, r"expected arrays X and y, or X_train and y_train, got 'a', 'y'"),
        ({"X": X}, "expected an array y beside X, got 'X'"),
        ({"X_train": X, "y": Y}, "expected an array y_train beside X_train"),
        ({"X": X, "y": Y[:9]}, r"y: expected shape \(30,\), one target a row of X, got \(9,\)"),
        ({"X": X[:, 0], "y": Y}, r"X: expected shape \(n_samples, n_features\), got \(30,\)"),
        ({"X": X.astype(complex), "y": Y}, "X: expected numbers, got dtype complex128"),
        ({"X": X.astype(str), "y": Y}, "X: expected numbers, got dtype <U3"),
        ({"X": X.astype(object), "y": Y}, "array 'X' cannot be read: it holds pickled Python objects"),
        ({"X": X[:0], "y": Y[:0]}, r"expected samples with features, got shape \(0, 6\)"),
        ({"X": X[:, :0], "y": Y}, r"expected samples with features, got shape \(30, 0\)"),
        ({"X_train": X, "y_train": Y, "X_test": X[:, 1:], "y_test": Y}, "X_test: expected 6 features as X_train has"),
    ],
)
def test_npz_with_wrong_arrays(tmp_path, arrays, message):
    np.savez(tmp_path / "a.npz", **arrays)
    with pytest.raises(CliError, match=message):
        read(tmp_path / "a.npz")


def test_npz_of_a_sparse_matrix_has_a_hint(tmp_path):
    save_npz(tmp_path / "a.npz", csr_matrix(X))
    with pytest.raises(CliError, match="sparse matrix; save libsvm text instead"):
        read(tmp_path / "a.npz")


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_damaged_npz(tmp_path, save):
    """Every byte damaged and every cut: an error in one line, or the very same arrays (a time stamp was hit)."""
    path = tmp_path / "a.npz"
    save(path, X=X, y=Y)
    data = path.read_bytes()
    damaged = [data[:i] + bytes([data[i] ^ 0xFF]) + data[i + 1 :] for i in range(0, len(data), 3)]
    caught = 0
    for changed in [*damaged, *(data[:size] for size in range(0, len(data), 7))]:
        path.write_bytes(changed)
        try:
            table = read(path)
        except CliError as error:
            caught += 1
            assert "\n" not in str(error)  # noqa: PT017
        else:
            assert (table.X == X).all()
            assert (table.y == Y).all()
    assert caught > len(damaged) / 2


def test_not_an_npz(tmp_path):
    (tmp_path / "a.npz").write_text("hello")
    with pytest.raises(CliError, match=r"a\.npz: expected an \.npz archive, got File is not a zip file"):
        read(tmp_path / "a.npz")
    with zipfile.ZipFile(tmp_path / "b.npz", "w") as archive:
        archive.writestr("X.npy", "hello")
        archive.writestr("y.npy", "hello")
    with pytest.raises(CliError, match="array 'X' cannot be read"):
        read(tmp_path / "b.npz")


# .csv and .parquet


@pytest.fixture
def frame():
    return pl.DataFrame(
        {"age": [31, 45, 28], "dose": [0.5, 1.5, 2.5], "ok": [True, False, True], "kind": ["b", "a", "b"]}
    )


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_frames(tmp_path, frame, kind):
    path = tmp_path / f"a.{kind}"
    getattr(frame, f"write_{kind}")(path)
    table = read(path, target="kind")
    assert table.feature_names == ("age", "dose", "ok")
    assert (table.X == [[31, 0.5, 1], [45, 1.5, 0], [28, 2.5, 1]]).all()
    assert table.X.flags.c_contiguous
    assert table.y.tolist() == ["b", "a", "b"]
    assert read(path, target="-1").target == "kind"
    assert read(path, target="kind", drop=["dose"]).feature_names == ("age", "ok")
    by_model = read(path, "predict", target="kind", columns=("dose", "age"))
    assert (by_model.X[:, 0] == frame["dose"].to_numpy()).all()


@pytest.mark.parametrize(
    ("types", "dtype"),
    [([pl.UInt8, pl.UInt8], "uint8"), ([pl.Float32, pl.Int16], "float32"), ([pl.Float32, pl.Int32], "float64")],
)
def test_parquet_keeps_narrow_types(tmp_path, types, dtype):
    columns = {name: pl.Series([1, 2, 3], dtype=kind) for name, kind in zip("ab", types, strict=True)}
    pl.DataFrame({**columns, "y": [0, 1, 0]}).write_parquet(tmp_path / "a.parquet")
    assert read(tmp_path / "a.parquet", target="y").X.dtype == dtype


@pytest.mark.parametrize(
    ("text", "how", "message"),
    [
        ("a,b\n1,2\n", {}, r"--target: expected the column to predict, got none; one of 'a', 'b'"),
        (
            "age,b\n1,2\n",
            {"target": "aeg"},
            r"--target: expected one of the columns 'age', 'b', got 'aeg'; did you mean 'age'\?",
        ),
        ("a,b\n1,2\n", {"target": "7"}, "--target: expected one of the columns"),
        ("a,b\n1,2\n", {"target": "b", "drop": ["c"]}, "--drop: expected one of the columns"),
        ("a,b\n1,2\n", {"target": "b", "drop": ["a"]}, "expected a column beside the target, got none"),
        ("a,b\nx,1\ny,2\n", {"target": "b"}, "column 'a': expected numbers, got text such as 'x'; encode it"),
        (
            "a,b\n1,1\n2,2\n3,3\n?,4\n",
            {"target": "b"},
            r"column 'a': expected numbers, got '\?' in data row 4; replace",
        ),
        (
            "a,b\n1,1\n,2\n",
            {"target": "b"},
            "column 'a': expected a number in every row, got 1 empty, the first in data row 2",
        ),
        ("a,b\n1,\n1,2\n", {"target": "b"}, "column 'b': expected a target in every row, got none in data row 1"),
        ("a,b\n1,2\n1,2,3\n", {"target": "b"}, "expected comma-separated values, got something else"),
        ("", {"target": "b"}, "expected comma-separated values, got something else"),
    ],
)
def test_wrong_csv(tmp_path, text, how, message):
    (tmp_path / "a.csv").write_text(text)
    with pytest.raises(CliError, match=message) as caught:
        read(tmp_path / "a.csv", **how)
    assert "\n" not in str(caught.value)


def test_csv_types_come_from_all_rows(tmp_path):
    rows = "".join(f"{i},{i % 2}\n" for i in range(2000))
    (tmp_path / "a.csv").write_text(f"a,b\n{rows}0.5,1\n")
    assert read(tmp_path / "a.csv", target="b").X[-1, 0] == 0.5


def test_numbers_that_polars_takes_for_text(tmp_path):
    """Blanks around them, or a nan among integers, do not make numbers text."""
    (tmp_path / "a.csv").write_text("a,b\n 1, 0\n2 , 1\n")
    table = read(tmp_path / "a.csv", target="b")
    assert table.X.tolist() == [[1.0], [2.0]]
    assert table.y.tolist() == [0.0, 1.0]
    (tmp_path / "a.csv").write_text("a,b\n1,0\nnan,1\n")
    with pytest.raises(CliError, match="column 'a': expected finite numbers, got nan in data row 2"):
        read(tmp_path / "a.csv", target="b")
    (tmp_path / "a.csv").write_text("a,b\n1,0\n2,nan\n")
    assert np.isnan(read(tmp_path / "a.csv", target="b").y[1])  # which `encode` refuses


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_a_frame_without_rows(tmp_path, kind):
    frame = pl.DataFrame(schema={"a": pl.Float64, "b": pl.Int64})
    getattr(frame, f"write_{kind}")(tmp_path / f"a.{kind}")
    with pytest.raises(CliError, match=r"expected samples with features, got shape \(0, 1\)"):
        read(tmp_path / f"a.{kind}", target="b")


@pytest.mark.parametrize("dtype", [pl.String, pl.Date, pl.List(pl.Int64), pl.Categorical, pl.Binary, pl.Null])
@pytest.mark.parametrize("n", [0, 2])
def test_columns_of_other_types(tmp_path, dtype, n):
    values = {pl.String: "x", pl.List(pl.Int64): [1, 2], pl.Categorical: "x", pl.Binary: b"x", pl.Null: None}
    column = pl.Series([values.get(dtype, 1)] * n, dtype=dtype)
    pl.DataFrame({"a": column, "b": [0, 1][:n]}).write_parquet(tmp_path / "a.parquet")
    with pytest.raises(CliError, match="column 'a': expected numbers, got ") as caught:
        read(tmp_path / "a.parquet", target="b")
    assert "\n" not in str(caught.value)


def test_a_target_of_lists(tmp_path):
    pl.DataFrame({"a": [1, 2], "b": [[1], [2]]}).write_parquet(tmp_path / "a.parquet")
    with pytest.raises(CliError, match=r"column 'b': expected numbers or text as target, got type List\(Int64\)"):
        read(tmp_path / "a.parquet", target="b")


def test_csv_without_header(tmp_path):
    (tmp_path / "a.csv").write_text("1,2\n3,4\n")
    table = read(tmp_path / "a.csv", header=False, target="0")
    assert table.feature_names == ("column_1",)
    assert table.y.tolist() == [1, 3]


def test_not_a_parquet(tmp_path):
    (tmp_path / "a.parquet").write_text("hello")
    with pytest.raises(CliError, match="expected a parquet file, got something else"):
        read(tmp_path / "a.parquet", target="b")


def test_a_frame_that_lacks_a_column_of_the_model(tmp_path):
    (tmp_path / "a.csv").write_text("age,dosis\n1,2\n")
    with pytest.raises(CliError, match=r"expected a column 'dose', got 'age', 'dosis'"):
        read(tmp_path / "a.csv", "predict", columns=("age", "dose"), n_features=2)


# libsvm text


@pytest.mark.parametrize("zero_based", [True, False])
def test_libsvm(tmp_path, zero_based):
    dense = X.astype(np.float64) * (RNG.random(X.shape) < 0.5)
    dense[0, 0] = 1  # a 0 among the indices tells how they count
    dump_svmlight_file(dense, Y, str(tmp_path / "a.svm"), zero_based=zero_based)
    table = read(tmp_path / "a.svm")
    assert table.zero_based is zero_based
    assert (table.X.toarray() == dense).all()
    assert table.X.dtype == np.float32
    wider = read(tmp_path / "a.svm", "predict", n_features=9, zero_based=zero_based)
    assert wider.X.shape == (30, 9)
    with pytest.raises(CliError, match=r"expected the model's 4 features, got an index"):
        read(tmp_path / "a.svm", "predict", n_features=4, zero_based=zero_based)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1 1:2 3:4\n0 1:x\n", r"got line 2: '0 1:x'"),
        ("1 3:2 1:4\n", "got line 1: indices that do not rise"),
        ("hello world\n", "got line 1: 'hello world'"),
        ("1 5\n", "got line 1: '1 5'"),
        ("1 5:1\n0 2147483648:1\n", "got line 2: the index 2147483648"),
    ],
)
def test_wrong_libsvm(tmp_path, text, message):
    (tmp_path / "a.svm").write_text(text)
    with pytest.raises(CliError, match=message):
        read(tmp_path / "a.svm")


# all


def test_missing_directory_and_unknown_ending(tmp_path):
    (tmp_path / "digits.csv").write_text("a\n1\n")
    with pytest.raises(CliError, match=r"digit\.csv: no such file; did you mean 'digits\.csv'\?"):
        read(tmp_path / "digit.csv")
    with pytest.raises(CliError, match="expected a file, got a directory"):
        read(tmp_path)
    (tmp_path / "a.dat").write_text("1 1:2\n0 2:1\n")
    with pytest.raises(
        CliError, match=r"expected one of the endings '\.npz', .*, got '\.dat'; say what it is with --format"
    ):
        read(tmp_path / "a.dat")
    assert read(tmp_path / "a.dat", format="libsvm").X.shape == (2, 2)
    with pytest.raises(CliError, match=r"--format: expected one of 'npz', .*, got 'libsvn'; did you mean 'libsvm'\?"):
        read(tmp_path / "a.dat", format="libsvn")


# holding rows out


@pytest.mark.parametrize("share", [0.01, 0.1, 0.5, 0.99])
@pytest.mark.parametrize("n", [2, 3, 63, 64, 65, 3000])
def test_held_out_rows_change_places_with_the_last(n, share):
    X, y = np.arange(2 * n).reshape(n, 2).astype(np.float32), np.arange(n, dtype=np.float64)  # of no classes
    original = X.copy()
    X_train, y_train, X_val, y_val = hold_out(X, y, share, seed=0)
    assert len(y_val) == min(max(round(share * n), 1), n - 1)
    assert len(y_train) + len(y_val) == n
    assert X_train.base is X
    assert X_val.base is X
    assert sorted([*y_train, *y_val]) == list(range(n))
    assert (X_train == original[y_train.astype(int)]).all()  # rows and targets moved together
    assert (X_val == original[y_val.astype(int)]).all()
    again = hold_out(csr_matrix(original), np.arange(n, dtype=np.float64), share, seed=0)
    assert sorted(again[3]) == sorted(y_val)  # dense or sparse, the seed holds out the same rows
    assert (again[2].toarray() == original[again[3].astype(int)]).all()


def test_of_every_class_a_row_stays():
    """Two rows of six are drawn; those that are alone in their class are not held out."""
    left = set()
    for seed in range(30):
        y = np.array([1, 2, 0, 0, 0, 0])
        try:
            _, y_train, _, y_val = hold_out(np.zeros((6, 1), np.float32), y, 0.34, seed)
        except CliError as error:
            assert str(error).startswith("--validation: expected rows to hold out, got only such as are alone")  # noqa: PT017
            left.add(0)
            continue
        assert set(y_train) == {0, 1, 2}
        assert set(y_val) == {0}
        left.add(len(y_val))
    assert left == {0, 1, 2}


def test_a_file_sorted_by_class_holds_out_every_class():
    y = np.repeat(np.arange(10), 200)
    held = hold_out(np.zeros((2000, 1), np.float32), y, 0.1, seed=0)[3]
    assert set(held) == set(range(10))


def test_csv_types_beyond_the_rows_they_are_guessed_from(tmp_path):
    """A first value of another kind beyond the rows that types are guessed from."""
    for last, values in (("1.5", [1, 1.5]), (" 2", [1, 2]), ("-3", [1, -3]), ("nan", None), ("abc", None), ("", None)):
        path = tmp_path / "late.csv"
        path.write_text("x,y\n" + "1,0\n" * GUESSED_FROM + f"{last},1\n")
        if values is None:
            with pytest.raises(CliError, match=rf"column 'x': expected .* in data row {GUESSED_FROM + 1}"):
                read(path, target="y")
        else:
            table = read(path, target="y")
            np.testing.assert_array_equal(table.X[[0, -1], 0], values)
            np.testing.assert_array_equal(table.y, [0] * GUESSED_FROM + [1])
