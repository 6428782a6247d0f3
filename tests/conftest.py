"""The two implementations that must give the same numbers: the reference, and the core in float64 and float32."""

import os
import signal
import sys
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

# Threads that wait for each other sleep instead of spinning: with other work on the machine, as where tests run side by side, the
# suite takes a fraction of the time. It has to be set before the core is loaded; results do not depend on it, benchmarks do.
if "--benchmark-enable" not in sys.argv:
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")

from softmargin import reference


def pytest_configure() -> None:
    """Take SIGINT as a person's Ctrl-C, even where a shell has started the tests in the background and ignores it."""
    if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


class Reference:
    """softmargin.reference, called as the tests call the core."""

    dtype = np.float64

    def loss_and_grad(self, W, X, y, **options):
        return reference.loss_and_grad(W, X, y, **options)

    def fit(self, X, y, **options):
        return reference.fit(X, y, **options)

    def stepper(self, name, **options):
        """Return a function (W, grad, penalty=None) -> new W that remembers the rule's state."""
        init, step = reference.OPTIMIZERS[name]
        state: dict[str, Any] = {}

        def advance(W, grad, penalty=None):
            if not state:
                state.update(init(W))
            return step(W, grad, state, penalty=penalty, **options)

        return advance


@dataclass
class Core:
    """The compiled core; `dtype` is W's."""

    dtype: type

    def loss_and_grad(self, W, X, y, *, intercept=None, penalty=None, **options):
        import softmargin as sm

        W = np.asarray(W, dtype=self.dtype)
        b = None if intercept is None else np.asarray(intercept, dtype=self.dtype)
        return sm.loss_and_grad(W, np.asarray(X), y, intercept=b, penalty=as_penalty(penalty), **options)

    def fit(self, X, y, *, W0=None, penalty=None, optimizer=("SGD", {"lr": 0.1}), **options):
        import softmargin as sm

        name, hyperparameters = optimizer
        W0 = None if W0 is None else np.asarray(W0, dtype=self.dtype)
        rule = getattr(sm.optimizers, name)(**hyperparameters)
        X = np.asarray(X, dtype=self.dtype)
        result = sm.fit(X, y, W0=W0, penalty=as_penalty(penalty), optimizer=rule, **options)
        history = [record.loss for record in result.history]
        return reference.FitResult(result.W, result.intercept, history, result.n_steps, 0)

    def stepper(self, name, **options):
        import softmargin as sm

        rule = getattr(sm.optimizers, name)(**options)
        state = None

        def advance(W, grad, penalty=None):
            nonlocal state
            W = np.array(W, dtype=self.dtype)
            state = rule.init(W) if state is None else state
            rule.step(W, np.asarray(grad, dtype=self.dtype), state, penalty=as_penalty(penalty))
            return W

        return advance


def as_penalty(spec):
    """Return the penalty object of (name, parameters)."""
    import softmargin as sm

    return None if spec is None else sm.penalties.get(spec[0])(*spec[1])


@pytest.fixture(params=["reference", "core-float64", "core-float32"])
def implementation(request):
    """Each implementation in turn."""
    return {"reference": Reference(), "core-float64": Core(np.float64), "core-float32": Core(np.float32)}[request.param]


@pytest.fixture
def eps(implementation):
    """The unit that roundings of the implementation are counted in."""
    return float(np.finfo(implementation.dtype).eps)


@pytest.fixture
def run(capsys, tmp_path, monkeypatch):
    """Run a command line in an empty directory; code, stdout and stderr."""
    from softmargin.cli import main

    monkeypatch.chdir(tmp_path)

    def run(*words):
        code = main([str(word) for word in words])
        return code, *capsys.readouterr()

    return run
