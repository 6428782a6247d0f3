"""Model files: what is written is read back; damaged, cut and foreign files are ValueErrors, and run no code."""

import contextlib
import json
import pickle
import struct
import subprocess
import sys

import numpy as np
import pytest
from safetensors.numpy import save_file

import softmargin as sm
from softmargin.model_file import load_model, save_model

RNG = np.random.default_rng(0)
W = RNG.normal(size=(3, 5)).astype(np.float32)
B = RNG.normal(size=3).astype(np.float32)
FACTS = {"loss": "softmax", "classes": ["cat", "dog", "Ωmega"], "feature_names": list("abcde"), "options": {"lr": 0.1}}


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "model.safetensors"
    save_model(path, W, B, **FACTS)
    return path


def parts(path):
    data = path.read_bytes()
    size = struct.unpack("<Q", data[:8])[0]
    return json.loads(data[8 : 8 + size]), data[8 + size :]


def write(path, header, body):
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + body)


def test_round_trip(path):
    model = load_model(path)
    assert model.W.tobytes() == W.tobytes()
    assert model.intercept.tobytes() == B.tobytes()
    assert (model.loss, model.classes, model.feature_names) == ("softmax", ("cat", "dog", "Ωmega"), tuple("abcde"))
    assert model.options == {"lr": 0.1}
    assert model.softmargin_version == sm.__version__
    model.W[0, 0] = 1.0  # an array of its own, not a view of the file


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("classes", [None, [-1, 1], ["no", "yes"], np.array([3, 7])])
def test_one_output_without_intercept(tmp_path, dtype, classes):
    path = tmp_path / "m.safetensors"
    save_model(path, np.ones((1, 2), dtype), loss="logistic", classes=classes)
    model = load_model(path)
    assert model.W.dtype == dtype
    assert model.intercept is None
    assert model.classes == (None if classes is None else tuple(classes))
    assert model.feature_names is None


def test_scores_are_those_of_the_arrays(path):
    X = RNG.normal(size=(7, 5)).astype(np.float32)
    exact = X.astype(np.float64) @ W.T.astype(np.float64) + B
    # five products and an intercept: at most six roundings of 2^-24 each, of the sum of magnitudes
    bound = 6 * 2.0**-24 * (np.abs(X) @ np.abs(W).T + np.abs(B))
    assert (np.abs(load_model(path).predict_scores(X) - exact) <= bound).all()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"W": np.ones((3, 5), np.int64)}, "W: expected float32 or float64, got dtype int64"),
        ({"W": np.ones(5, np.float32)}, r"W: expected shape \(n_outputs, n_features\), got \(5,\)"),
        ({"intercept": np.ones(2, np.float32)}, r"intercept: expected shape \(3,\)"),
        ({"intercept": np.ones(3, np.float64)}, "intercept: expected W's dtype float32, got dtype float64"),
        ({"intercept": np.array([0, np.nan, 0], np.float32)}, r"intercept: expected finite numbers, got nan at \(1,\)"),
        ({"loss": "hing"}, "loss: expected one of 'softmax'"),
        ({"classes": ["a", "b"]}, "classes: expected 3 different names for 3 outputs, got 2"),
        ({"classes": ["a", "b", "b"]}, "classes: expected 3 different names"),
        ({"classes": [1.5, 2.5, 3.5]}, r"classes: expected int or str, got 1.5 \(float\)"),
        ({"classes": "abc"}, r"classes: expected a sequence of names, got 'abc' \(str\)"),
        ({"feature_names": 5}, r"feature_names: expected a sequence of names, got 5 \(int\)"),
        ({"options": [1]}, "options: expected a mapping, got a list"),
        ({"loss": ["hinge"]}, "loss: expected one of 'softmax', .*, got a list"),
        ({"W": np.ma.masked_array(W, mask=W > 0)}, "W: expected an array without a mask"),
        ({"feature_names": ["a"]}, "feature_names: expected 5 names, one a column of W, got 1"),
        ({"options": {"f": print}}, "options: expected JSON values, got <built-in function print>"),
    ],
)
def test_wrong_arguments_leave_the_old_file(path, change, message):
    before = path.read_bytes()
    arguments = {"W": W, "intercept": B, **FACTS, **change}
    with pytest.raises((TypeError, ValueError), match=message):
        save_model(path, **arguments)
    assert path.read_bytes() == before
    assert list(path.parent.iterdir()) == [path]


def test_a_failed_write_leaves_the_old_file(path):
    before = path.read_bytes()
    # The limit on the size of files that a process may write makes the write itself fail, as a full disk does.
    code = (
        "import resource, signal, sys, numpy as np\n"
        "from softmargin.model_file import save_model\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))\n"
        "try:\n    save_model(sys.argv[1], np.ones((10, 1000)), loss='softmax')\n"
        "except OSError as error:\n    print('refused')\n"
    )
    if sys.platform == "win32":
        pytest.skip("Windows has no limit on file sizes to run into")
    done = subprocess.run([sys.executable, "-c", code, path], capture_output=True, text=True, check=True)
    assert done.stdout == "refused\n"
    assert path.read_bytes() == before
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.skipif(sys.platform == "win32", reason="symbolic links need privileges on Windows")
def test_a_link_keeps_pointing(path, tmp_path):
    link = tmp_path / "link.safetensors"
    link.symlink_to(path)
    save_model(link, 2 * W, B, **FACTS)
    assert link.is_symlink()
    assert (load_model(path).W == 2 * W).all()


def test_every_truncation_is_told(path):
    data = path.read_bytes()
    for size in range(len(data)):
        path.write_bytes(data[:size])
        with pytest.raises(ValueError, match=r"^model\.safetensors: expected a softmargin model, got ") as caught:
            load_model(path)
        assert "\n" not in str(caught.value)


def test_every_flipped_bit_is_told(path):
    """Damage is told or harmless; harmless is only a byte of the header that JSON reads the same, as spaces are."""
    data = path.read_bytes()
    unnoticed = 0
    for place in range(len(data)):
        for bit in (0, 3, 7):
            flipped = bytearray(data)
            flipped[place] ^= 1 << bit
            path.write_bytes(flipped)
            with contextlib.suppress(ValueError):
                model = load_model(path)
                unnoticed += 1
                assert (model.W == W).all()
                assert (model.intercept == B).all()
                assert model.classes == tuple(FACTS["classes"])
    assert unnoticed < 10


class Bomb:
    """A pickle of this creates a file when it is loaded."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (open, (str(self.path), "w"))


@pytest.mark.parametrize("protocol", [0, 2, 5])
def test_a_pickle_is_not_loaded(tmp_path, protocol):
    trap = tmp_path / "trap"
    path = tmp_path / "model.safetensors"
    path.write_bytes(pickle.dumps(Bomb(trap), protocol=protocol))
    with pytest.raises(ValueError, match=r"got (something that is not a safetensors file|.* header)"):
        load_model(path)
    assert not trap.exists()
    pickle.loads(path.read_bytes()).close()  # the control: unpickling does run it
    assert trap.exists()


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "got an empty file"),
        (b"hello", "cut short|not a safetensors file"),
        (b"PK\x03\x04" + bytes(100), "not a safetensors file"),
        (struct.pack("<Q", 2**63) + b"{" + bytes(10), "not a safetensors file"),
        (struct.pack("<Q", 50_000_000) + b"{}", "cut short"),
        (struct.pack("<Q", 2) + b"{]", "damaged safetensors header"),
        (struct.pack("<Q", 2) + b"[]", "not a safetensors file"),
        (struct.pack("<Q", 20_000) + b'{"a":' * 4000, "damaged safetensors header"),
    ],
)
def test_foreign_files(tmp_path, data, message):
    path = tmp_path / "model.safetensors"
    path.write_bytes(data)
    with pytest.raises(ValueError, match=message):
        load_model(path)


def test_a_safetensors_file_of_somebody_else(tmp_path):
    path = tmp_path / "other.safetensors"
    save_file({"W": W}, path)
    with pytest.raises(ValueError, match="a safetensors file that softmargin did not write"):
        load_model(path)


@pytest.mark.parametrize(
    ("key", "text", "message"),
    [
        ("format_version", "2", "format version '2'; this softmargin reads version 1"),
        ("classes", '["cat", "dog"]', "damaged contents"),
        ("options", "{}", "damaged contents"),
        ("sha256", "", "damaged contents"),
        ("loss", None, "metadata without 'loss'"),
    ],
)
def test_changed_metadata(path, key, text, message):
    header, body = parts(path)
    if text is None:
        del header["__metadata__"][key]
    else:
        header["__metadata__"][key] = text
    write(path, header, body)
    with pytest.raises(ValueError, match=message):
        load_model(path)


@pytest.mark.parametrize(
    ("key", "text", "message"),
    [
        ("options", "[" * 100_000, "metadata 'options' that is not JSON"),
        ("options", "[1]", "metadata 'options' that is not a JSON object"),
        ("classes", '{"a": 1}', "metadata 'classes' that is not a list of names"),
        ("classes", "[true, false, 1]", "metadata 'classes' that is not a list of names"),
        ("classes", "[1, 2]", "classes: expected 3 different names"),
        ("feature_names", "[1, 2, 3, 4, 5]", "metadata 'feature_names' that is not a list of names"),
        ("loss", "eval", "loss: expected one of"),
    ],
)
def test_wrong_metadata_with_the_right_checksum(path, key, text, message):
    """Even who knows how to sign a file cannot make it more than a ValueError."""
    from softmargin.model_file import _digest, _read

    header, body = parts(path)
    header["__metadata__"][key] = text
    arrays, _ = _read(path)
    header["__metadata__"]["sha256"] = _digest(arrays, header["__metadata__"])
    write(path, header, body)
    with pytest.raises(ValueError, match=message):
        load_model(path)


def test_missing_file_and_directory_are_os_errors(tmp_path):
    with pytest.raises(FileNotFoundError):
        load_model(tmp_path / "none")
    with pytest.raises(OSError, match=r"(?i)directory|denied"):
        load_model(tmp_path)


def test_scores_check_their_arguments(path):
    model, X = load_model(path), np.ones((2, 5), np.float32)
    with pytest.raises(ValueError, match="X: expected 5 features as W has, got 4"):
        model.predict_scores(X[:, :4])
    for threads in (0, -1, 65536):
        with pytest.raises(ValueError, match=f"num_threads: expected an integer at least 1.*, got {threads}"):
            model.predict_scores(X, num_threads=threads)
