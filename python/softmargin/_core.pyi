# The compiled core: its signatures. Arguments are checked by the modules that call it.
from collections.abc import Sequence
from typing import Any, TypeAlias, final

import numpy as np
from numpy.typing import NDArray

_Array: TypeAlias = NDArray[Any]
_Penalty: TypeAlias = tuple[str, tuple[float, ...]] | None

@final
class Matrix:
    def __init__(self, *args: Any, **kwargs: Any) -> None: ...  # TypeError: DenseMatrix and CsrMatrix make one
    @property
    def n_samples(self) -> int: ...
    @property
    def n_features(self) -> int: ...
    @property
    def arrays(self) -> tuple[_Array, ...]: ...

def DenseMatrix(array: _Array) -> Matrix: ...
def CsrMatrix(data: _Array, indices: _Array, indptr: _Array, n_features: int) -> Matrix: ...
def empty(shape: Sequence[int]) -> NDArray[np.float64]: ...
def moments(
    X: Matrix, sample_weight: NDArray[np.float64] | None, num_threads: int = 0
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]: ...

@final
class Problem:
    def __init__(
        self,
        X: Matrix,
        y: _Array,
        loss: str,
        n_outputs: int,
        *,
        margin: float = 1.0,
        delta: float = 1.0,
        sample_weight: NDArray[np.float64] | None = None,
        positive_weight: NDArray[np.float64] | None = None,
        dtype: str = "float32",
    ) -> None: ...
    def loss_and_grad(
        self,
        W: _Array,
        b: _Array | None,
        *,
        penalty: _Penalty = None,
        intercept_penalty: float = 0.0,
        out: _Array | None = None,
        gradient: bool = True,
        scores: _Array | None = None,
        num_threads: int = 0,
    ) -> tuple[float, Any, Any]: ...
    def smooth(self, centre: _Array | None, width: float) -> None: ...

def plain_pass(
    W: object,
    X: object,
    y: object,
    loss: object,
    b: object,
    penalty: _Penalty,
    margin: object,
    delta: object,
    out: object,
    num_threads: object,
) -> tuple[float, _Array, _Array | None] | None: ...
def combine(problem: Problem, A: _Array, *, num_threads: int = 0) -> tuple[_Array, _Array]: ...
def row_products(
    problem: Problem, A: _Array, feature_scale: _Array | None = None, *, num_threads: int = 0
) -> _Array: ...
def row_losses(
    problem: Problem, S: _Array, shift: _Array, *, derivatives: bool = True, num_threads: int = 0
) -> tuple[float, Any, NDArray[np.float64]]: ...
def row_hessians(
    problem: Problem, S: _Array, shift: _Array, V: _Array, *, num_threads: int = 0
) -> NDArray[np.float64]: ...
def row_curvatures(
    problem: Problem, S: _Array, *, mean: bool = False, pairs: bool = False, num_threads: int = 0
) -> tuple[_Array, Any]: ...
def row_conjugates(problem: Problem, A: _Array, *, num_threads: int = 0) -> float: ...
def ascend(
    problem: Problem,
    A: NDArray[np.float64],
    W: NDArray[np.float64],
    b: NDArray[np.float64],
    rest: NDArray[np.uint8],
    streak: NDArray[np.uint8],
    squares: NDArray[np.float64],
    *,
    l2: float,
    pull: float,
    feature_scale: NDArray[np.float64] | None = None,
    seed: int = 0,
    epoch: int = 0,
    num_threads: int = 0,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]: ...
def merge_own_features(
    X: Matrix, feature_scale: NDArray[np.float64] | None = None, *, least: float = 0.0
) -> (
    tuple[
        NDArray[np.float64],
        NDArray[np.int32],
        NDArray[np.int64],
        NDArray[np.int64],
        NDArray[np.float64],
        int,
        int,
    ]
    | None
): ...
def row_squares(
    X: Matrix, feature_scale: NDArray[np.float64] | None = None, *, num_threads: int = 0
) -> NDArray[np.float64]: ...
def sparse_gram(X: Matrix, weight: NDArray[np.float64], *, single: bool = False, num_threads: int = 0) -> _Array: ...
def dense_gram(
    X: Matrix,
    centre: NDArray[np.float64],
    scale: NDArray[np.float64] | None,
    weights: NDArray[np.float64],
    index: NDArray[np.int64] | None = None,
    *,
    num_threads: int = 0,
) -> NDArray[np.float64]: ...
def scores(W: _Array, b: _Array | None, X: Matrix, num_threads: int = 0) -> _Array: ...

@final
class Newton:
    def __init__(
        self,
        problem: Problem,
        W: NDArray[np.float64],
        *,
        centre: NDArray[np.float64],
        scale: NDArray[np.float64] | None,
        l2: float,
        intercept_penalty: float,
        fit_intercept: bool,
        levels: int = 0,
        weaker: float = 0.1,
        settled: float = 0.0,
    ) -> None: ...
    def step(self, enough: float, *, num_threads: int = 0) -> int: ...
    @property
    def W(self) -> NDArray[np.float64]: ...
    @property
    def F(self) -> float: ...
    @property
    def gradient_norm(self) -> float: ...
    @property
    def gap(self) -> float: ...

@final
class Trainer:
    def __init__(
        self,
        problem: Problem,
        W0: _Array,
        b0: _Array | None,
        optimizer: str,
        hyperparameters: tuple[float, ...],
        penalty: _Penalty,
        *,
        batch_size: int,
        shuffle: bool,
        seed: int,
        mean: NDArray[np.float64] | None = None,
        scale: NDArray[np.float64] | None = None,
        states: Sequence[_Array] | None = None,
        intercept_states: Sequence[_Array] | None = None,
        t: int = 0,
        average: bool = False,
        averages: tuple[NDArray[np.float64], NDArray[np.float64]] | None = None,
        num_threads: int = 0,
    ) -> None: ...
    @property
    def n_steps_per_epoch(self) -> int: ...
    def start_epoch(self, epoch: int) -> None: ...
    def run(self, lr: NDArray[np.float64]) -> float: ...
    def weights(self) -> tuple[_Array, Any]: ...
    def raw_weights(self) -> tuple[_Array, Any]: ...
    def averages(self) -> Any: ...
    def state(self) -> tuple[list[_Array], list[_Array], int]: ...

@final
class Rule:
    def __init__(self, optimizer: str, hyperparameters: tuple[float, ...]) -> None: ...
    @property
    def state_names(self) -> tuple[str, ...]: ...

def update(
    rule: Rule,
    penalty: _Penalty,
    W: _Array,
    grad: _Array,
    states: Sequence[_Array],
    t: int,
    lr: float,
) -> None: ...
def plain_step(
    rule: Rule,
    penalty: _Penalty,
    W: object,
    grad: object,
    arrays: object,
    names: tuple[str, ...],
    t: int,
    lr: float,
) -> bool: ...
def permutation(n: int, seed: int, epoch: int) -> NDArray[np.int64]: ...
def registry() -> dict[str, Any]: ...
def l1_l2(penalty: _Penalty) -> tuple[float, float] | None: ...
def curvature(loss: str, n_outputs: int) -> float | None: ...
def get_num_threads() -> int: ...
def set_num_threads(n: int) -> None: ...
def simd_level() -> str: ...
def simd_levels() -> tuple[str, ...]: ...
def set_simd_level(name: str) -> None: ...
def build_info() -> dict[str, Any]: ...
def _cgroup_cpus(mount: str, membership: str) -> int: ...
def _set_fork_handler(enabled: bool) -> None: ...
def _throw_in_parallel(rank: int, num_threads: int, kind: str, in_phase: bool = True) -> int: ...
def _math(name: str, x: _Array) -> _Array: ...
def _read(array: NDArray[np.float32], num_threads: int) -> float: ...
def _operations(rounds: int, dtype: str, num_threads: int) -> float: ...
def _move(w: _Array, g: _Array, s0: _Array, s1: _Array, num_threads: int) -> None: ...
def _pass_freely(problem: Problem, W: _Array, b: _Array, num_threads: int) -> tuple[float, _Array, _Array]: ...
def _nothing(a: object, b: object) -> None: ...
