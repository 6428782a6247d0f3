"""A pass over CSR rows, as a user calls it: the check of the indices included."""

from __future__ import annotations

from collections.abc import Callable

from softmargin.bench.case import Case, Setting, Work
from softmargin.bench.cases.passes import ours
from softmargin.bench.data import text
from softmargin.bench.peers.numpy_pass import NumpyPass
from softmargin.bench.tolerance import agree_with_first, tolerances


def of_text(n_outputs: int) -> Callable[[Setting], Work]:
    """25 000 × 150 000 with 280 entries a row."""

    def prepare(setting: Setting) -> Work:
        n, loss = setting.rows(25_000), "logistic" if n_outputs == 1 else "softmax"
        data = text(n, 150_000, 280 * n, n_outputs)
        scipy = NumpyPass(data.X, data.y, data.W, loss)
        return Work(
            {"softmargin": ours(data, loss, setting.threads), "scipy": lambda: scipy(data.W, data.b)},
            agree_with_first(tolerances(data.W, data.b, data.X, data.y, loss)),
            n_bytes=data.X.data.nbytes + data.X.indices.nbytes + data.X.indptr.nbytes,
            n_flops=4.0 * data.X.nnz * n_outputs,
        )

    return prepare


_TITLE = "25 000 × 150 000, 7 million entries"
CASES = (
    Case("csr-1", f"CSR pass, logistic, {_TITLE}, k = 1", of_text(1), times=4),
    Case("csr-4", f"CSR pass, softmax, {_TITLE}, k = 4", of_text(4), times=4),
)
