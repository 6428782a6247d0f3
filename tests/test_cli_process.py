"""The command as a process of its own: the demo, pipes, terminals, Ctrl-C, a missing extra, memory."""

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from softmargin.model_file import load_model

COMMAND = [sys.executable, "-m", "softmargin.cli"]
RNG = np.random.default_rng(0)


@pytest.fixture
def start(tmp_path):
    """Start a command line in an empty directory, its stdout and stderr in pipes."""

    def start(*words, command=COMMAND, **options):
        streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, "encoding": "utf-8"}
        environment = {**os.environ, "PYTHONUTF8": "1"}  # the words to come are UTF-8 wherever this runs
        words = [str(word) for word in words]
        return subprocess.Popen([*command, *words], cwd=tmp_path, env=environment, **{**streams, **options})

    return start


@pytest.fixture
def run(start):
    def run(*words, **options):
        process = start(*words, **options)
        out, err = process.communicate(timeout=300)
        return process.returncode, out, err

    return run


def small(path, n=200):
    y = np.arange(n) % 3
    np.savez(path, X=(RNG.normal(size=(n, 4)) + y[:, None]).astype(np.float32), y=y)


def test_demo_and_its_next_command(run, tmp_path):
    """The two commands that a stranger types first."""
    code, out, err = run("demo")
    assert (code, err) == (0, "")
    assert len(re.findall(r"^numerical: \S+ analytic: \S+, relative error: \S+$", out, re.MULTILINE)) == 10
    rungs = "random search|random local search|gradient descent|SGD|minibatch|momentum|Nesterov|Adagrad|RMSProp|Adam"
    assert re.findall(rf"^({rungs})\b", out, re.MULTILINE) == 2 * rungs.split("|")
    folder = tmp_path / "softmargin-demo"
    pictures = ["loss_curves.png", "templates_hinge.png", "templates_softmax.png"]
    assert sorted(path.name for path in folder.iterdir()) == [
        "digits.csv",
        *pictures[:1],
        "model.safetensors",
        *pictures[1:],
    ]
    assert all((folder / name).read_bytes().startswith(b"\x89PNG") for name in pictures)
    words = re.search(r"^  softmargin (predict .*)$", out, re.MULTILINE)[1].split()
    code, out, err = run(*words)
    assert code == 0
    digits = np.loadtxt(folder / "digits.csv", delimiter=",", skiprows=1)
    scores = load_model(folder / "model.safetensors").predict_scores(digits[:, 1:].astype(np.float32))
    assert [int(word) for word in out.split()] == scores.argmax(axis=1).tolist()
    assert err == f"accuracy {np.mean(scores.argmax(axis=1) == digits[:, 0]):.4f} on {len(digits)} rows\n"


def test_demo_json(run):
    code, out, err = run("demo", "--json", "--output", "here")
    assert (code, err) == (0, "")
    report = json.loads(out)
    assert [step["rung"] for step in report["ladder"]].count("Adam") == 2
    assert all(check["ok"] for check in report["gradient_checks"].values())
    fitted = [step for step in report["ladder"] if step["numpy_seconds"] is not None]
    assert len(fitted) == 16
    assert all(step["times_numpy"] == pytest.approx(step["numpy_seconds"] / step["seconds"]) for step in fitted)


def test_the_installed_script(run, tmp_path):
    script = Path(sys.executable).with_name("softmargin.exe" if sys.platform == "win32" else "softmargin")
    if not script.exists():
        pytest.skip("the package is imported here without being installed")
    code, out, err = run("--version", command=[str(script)])
    assert (code, err) == (0, "")
    assert re.fullmatch(r"\d+\.\d+\.\d+\S*\n", out)


def test_errors_leave_no_traceback(run):
    code, out, err = run("train", "nothing.npz")
    assert (code, out) == (2, "")
    assert err == "error: nothing.npz: no such file\n"


@pytest.mark.parametrize("module", ["cyclopts", "rich", "polars", "matplotlib"])
def test_without_the_extra(run, tmp_path, module):
    """A module that cannot be imported, which is what None in sys.modules means to the import system."""
    (tmp_path / "a.csv").write_text("a,b\n1,2\n")
    words = {"polars": ["train", "a.csv", "--target", "b"], "matplotlib": ["demo"]}.get(module, ["info"])
    code = f"import sys; sys.modules[{module!r}] = None; from softmargin.cli import main; sys.exit(main())"
    code, _, err = run(*words, command=[sys.executable, "-c", code])
    assert code == 2
    assert err == f'error: {module} is not installed; run: pip install "softmargin[cli]"\n'


def test_heavy_modules_wait_until_they_are_needed(run, tmp_path):
    small(tmp_path / "a.npz")
    code = (
        "import sys; from softmargin.cli import main; code = main()\n"
        "print([m for m in ('matplotlib', 'polars') if m in sys.modules])"
    )
    _, out, _ = run("train", "a.npz", command=[sys.executable, "-c", code])
    assert out.splitlines()[-1] == "[]"


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGINT for one process")
def test_ctrl_c(start, tmp_path):
    small(tmp_path / "a.npz", 20_000)
    process = start("train", "a.npz", "--epochs", "1000000", "--batch-size", "8")
    for line in process.stdout:
        if line.startswith("epoch"):
            break
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert err == "interrupted\n"
    assert [path.name for path in tmp_path.iterdir()] == ["a.npz"]


def test_ctrl_c_while_a_compiled_module_loads(run):
    """pybind11 makes an ImportError of whatever ends the loading of a module."""
    code = (
        "import sys, softmargin.cli.app as app; from softmargin.cli import main\n"
        "def run(argv):\n    raise ImportError('initialization failed') from {}\n"
        "app.run = run; sys.exit(main())"
    )
    code_of = {"KeyboardInterrupt()": (130, "interrupted\n"), "OSError()": (1, "ImportError: initialization failed\n")}
    for cause, (expected, last) in code_of.items():
        code_now, _, err = run(command=[sys.executable, "-c", code.format(cause)])
        assert code_now == expected
        assert err.splitlines(keepends=True)[-1] == last
        assert ("Traceback" in err) == (expected == 1)


@pytest.mark.skipif(sys.platform == "win32", reason="the shell that closes stdout is POSIX's")
def test_stdout_that_is_narrow_or_closed(run, tmp_path):
    """An encoding without × and … leaves escapes in the text; a closed stdout takes nothing, and neither ends the command."""
    small(tmp_path / "a.npz")
    narrow = ["env", "PYTHONUTF8=0", "PYTHONIOENCODING=ascii", *COMMAND]
    code, out, err = run("train", "a.npz", command=narrow)
    assert (code, err) == (0, "")
    assert out.startswith("read   a.npz: 200 \\xd7 4 float32, 3 classes\n")
    code, out, err = run("train", "--help", command=narrow)
    assert (code, err) == (0, "")
    code, out, err = run("train", "a.npz", command=["sh", "-c", 'exec "$@" >&-', "sh", *COMMAND])
    assert (code, out, err) == (0, "", "")
    assert (tmp_path / "a.safetensors").exists()


@pytest.mark.skipif(sys.platform == "win32", reason="a pipe that is closed is an ordinary error on Windows")
def test_a_reader_that_leaves(start, run, tmp_path):
    small(tmp_path / "a.npz", 200_000)  # more lines than a pipe holds
    assert run("train", "a.npz", "--epochs", "1")[0] == 0
    process = start("predict", "a.safetensors", "a.npz")
    assert process.stdout.readline() in ("0\n", "1\n", "2\n")
    process.stdout.close()
    process.wait(timeout=120)
    assert process.returncode == 0
    assert "Traceback" not in process.stderr.read()
    process.stderr.close()


def test_plain_lines_in_a_pipe(run, tmp_path):
    small(tmp_path / "a.npz")
    _, out, _ = run("train", "a.npz", "--epochs", "200", "--validation", "0")  # nothing to stop early for
    assert "\x1b" not in out
    assert "\r" not in out
    epochs = [int(number) for number in re.findall(r"^epoch +(\d+)/200 ", out, re.MULTILINE)]
    assert epochs == [1, *range(4, 201, 4)]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no pseudo-terminals in Python")
def test_a_live_bar_in_a_terminal(start, tmp_path):
    import pty

    small(tmp_path / "a.npz")
    ours, theirs = pty.openpty()
    process = start("train", "a.npz", "--epochs", "5", stdout=theirs, stderr=theirs)
    os.close(theirs)
    seen = b""
    while True:
        try:
            piece = os.read(ours, 65536)
        except OSError:  # Linux says so when the other side is gone
            break
        if not piece:
            break
        seen += piece
    os.close(ours)
    assert process.wait(timeout=60) == 0
    text = seen.decode()
    assert "\x1b[" in text
    assert "epoch 5/5" in text
    assert "wrote" in text


PEAK = """
import sys
sys.modules["pandas"] = None  # scikit-learn imports it where it is installed: 65 MB that are not the command's
from softmargin.cli import main
{before}
code = main()
with open("/proc/self/status") as status:  # unlike ru_maxrss, not inherited from the process that started this one
    print(next(line for line in status if line.startswith("VmHWM")).split()[1])
sys.exit(code)
"""
A_SECOND_COPY = """
import softmargin.cli.train as train
views = train.hold_out
train.hold_out = lambda X, y, share, seed: views(X.copy(), y, share, seed)
"""


@pytest.fixture(scope="module")
def large(tmp_path_factory):
    """uint8 (50000, 3072), 154 MB, as an .npz that is not compressed."""
    path = tmp_path_factory.mktemp("large") / "large.npz"
    X = RNG.integers(0, 256, size=(50_000, 3072), dtype=np.uint8)
    np.savez(path, X_train=X, y_train=np.arange(50_000) % 10, X_test=X[:100], y_test=np.arange(100) % 10)
    yield path
    path.unlink()


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="peak memory is read from /proc")
@pytest.mark.parametrize("before", ["", A_SECOND_COPY], ids=["softmargin", "control"])
def test_peak_memory(run, large, before):
    """Training with held-out rows stays within 1.3 times the bytes of X plus 150 MB; one more copy of X does not."""
    command = [sys.executable, "-c", PEAK.format(before=before)]
    code, out, err = run("train", large, "--standardize", "--epochs", "1", "--validation", "0.1", command=command)
    assert (code, err) == (0, "")
    peak = 1024 * int(out.splitlines()[-1])
    allowed = 1.3 * 50_000 * 3072 + 150e6
    assert peak > allowed if before else peak <= allowed
