"""scikit-learn's own tests of the classes, with ours in their place."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import sklearn
from sklearn.utils.fixes import parse_version

# Fits that go through each class, at least: fewer would mean that the tests met scikit-learn's.
FITS = {"LogisticRegression": 1000, "LogisticRegressionCV": 100, "RidgeClassifier": 10, "LinearSVC": 40}

MODULES = (
    "sklearn.linear_model.tests.test_logistic",
    "sklearn.linear_model.tests.test_ridge",
    "sklearn.svm.tests.test_svm",
)


@pytest.mark.skipif(
    parse_version(sklearn.__version__) < parse_version("1.9"),
    reason="earlier tests are of earlier parameters and defaults",
)
def test_scikit_learns_own_tests(tmp_path):
    """They pass, but for those listed in the plugin, each with its reason, which fail."""
    counts = tmp_path / "fits.json"
    configuration = tmp_path / "pytest.ini"
    configuration.write_text("[pytest]\n")
    here = str(Path(__file__).parent)
    run = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "-q", "-p", "sklearn_suite", "-p", "no:cacheprovider"),
            *("-c", str(configuration), "--rootdir", str(tmp_path), "--fits", str(counts), "--pyargs", *MODULES),
        ],
        env={**os.environ, "PYTHONPATH": os.pathsep.join([here, os.environ.get("PYTHONPATH", "")])},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stdout[-10_000:] + run.stderr[-2_000:]
    fits = json.loads(counts.read_text())
    assert all(fits[name] >= least for name, least in FITS.items()), fits
