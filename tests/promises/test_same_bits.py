"""The same bits for any number of threads: loss and gradient, scores, moments, and fit."""

import itertools

import numpy as np
import pytest
import scipy.sparse
from threadpoolctl import threadpool_limits

import softmargin as sm
from softmargin import _core
from softmargin._validation import as_matrix
from softmargin.solvers.pieces import shape
from softmargin.solvers.stripes import Stripes

THREADS = (1, 2, 3, 4, 8)
RNG = np.random.default_rng(0)


def flat(value):
    """Every number in a nest of results, as bytes."""
    if value is None:
        return b""
    if isinstance(value, tuple | list):
        return b"".join(map(flat, value))
    return np.asarray(value).tobytes()


def bits(function):
    """What a function of the number of threads returns, for each number of threads, without repetition."""
    return {flat(function(n)) for n in THREADS}


def targets(loss, n, k):
    kind = sm.losses.info(loss)["target"]
    return RNG.normal(size=(n, k)) if kind == "real" else RNG.integers(0, k, n)


def test_the_comparison_finds_a_sum_that_depends_on_threads():
    """The control: parts summed by each thread and then together, in float32 as in float64."""
    for dtype in (np.float32, np.float64):
        x = RNG.normal(size=4000).astype(dtype)
        assert len(bits(lambda n, x=x: sum(part.sum() for part in np.array_split(x, n)))) > 1


# Below 16 * 240 rows, blocks of rows with features split, in which many outputs take two tiles of 24 rows together where
# all are whole; from there on, row slots, unless k * d makes them too large. The slots of 4000 weights are merged in parts.
@pytest.mark.parametrize(("n", "d", "k"), [(700, 200, 5), (1032, 130, 13), (3850, 70, 3), (3850, 800, 5)])
def test_loss_and_grad(layouts, n, d, k):
    sparse = np.where(RNG.random((n, d)) < 0.3, RNG.normal(size=(n, d)), 0)
    forms, weight = layouts(sparse), RNG.random(n)
    for loss, dtype in itertools.product(sm.losses.names(), (np.float32, np.float64)):
        y, W, b = targets(loss, n, k), RNG.normal(size=(k, d)).astype(dtype), RNG.normal(size=k)
        options = {"loss": loss, "intercept": b, "sample_weight": weight, "penalty": sm.ElasticNet(0.1, 0.5)}
        for name, X in forms.items():
            same = bits(lambda t, X=X: sm.loss_and_grad(W, X, y, num_threads=t, **options))  # noqa: B023
            assert len(same) == 1, (loss, dtype, name)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_loss_and_grad_of_many_weights(dtype):
    n, d, k = 3900, 13200, 10  # 16 slots of k * d float64 would be 17 MB
    window = RNG.normal(size=n + d).astype(np.float32)
    X = np.lib.stride_tricks.as_strided(window, (n, d), (4, 4))
    sparse = scipy.sparse.random_array((n, d), density=1e-3, format="csr", rng=RNG, dtype=np.float32)
    y, W = RNG.integers(0, k, n), RNG.normal(size=(k, d)).astype(dtype)
    for form in (X, sparse):
        assert len(bits(lambda t, form=form: sm.loss_and_grad(W, form, y, num_threads=t))) == 1


def test_scores_and_moments(layouts):
    sparse = np.where(RNG.random((999, 300)) < 0.3, RNG.normal(size=(999, 300)), 0)
    W, weight = RNG.normal(size=(3, 300)), RNG.random(999)
    for name, X in layouts(sparse).items():
        matrix = as_matrix(X)
        assert len(bits(lambda t, X=matrix: _core.moments(X, weight, t))) == 1, name
        for V in (W, W.astype(np.float32)):
            assert len(bits(lambda t, X=matrix, V=V: _core.scores(V, None, X, t))) == 1, name


RULES = [
    sm.optimizers.SGD(lr=0.05),
    sm.optimizers.SGD(lr=0.05, momentum=0.9, nesterov=True),
    *(sm.optimizers.get(name)(lr=0.05, weight_decay=0.01) for name in sm.optimizers.names()),
]
PENALTIES = [None, sm.L2(0.05), sm.L1(0.01), sm.ElasticNet(0.05, 0.25)]


def fit_bits(X, y, **options):
    def everything(num_threads):
        result = sm.fit(X, y, rng=1, num_threads=num_threads, **options)
        losses = [record.loss for record in result.history]
        return result.W, result.intercept, losses, list(result.optimizer_state.arrays.values())

    return bits(everything)


@pytest.mark.parametrize("rule", RULES, ids=str)
def test_fit(rule):
    n, d, k = 130, 150, 3
    X = np.where(RNG.random((n, d)) < 0.2, RNG.normal(size=(n, d)), 0)
    y = RNG.integers(0, k, n)
    forms = [X.astype(np.float32), scipy.sparse.csr_array(X), X, scipy.sparse.csr_array(X.astype(np.float32))]
    for penalty, standardize in itertools.product(PENALTIES, (False, True)):
        for batch_size, (i, form) in itertools.product((7, 32, 256, None), enumerate(forms)):
            if batch_size == 7 and i >= 2:
                continue  # each layout in one type is enough for the slowest
            options = {"penalty": penalty, "standardize": standardize, "batch_size": batch_size, "epochs": 1}
            assert len(fit_bits(form, y, optimizer=rule, **options)) == 1, (options, type(form), form.dtype)


@pytest.mark.parametrize("standardize", [False, True])
def test_fit_sample_by_sample(standardize):
    X, y = RNG.normal(size=(60, 150)), RNG.integers(0, 3, 60)
    for form, rule in itertools.product((X, scipy.sparse.csr_array(np.where(X > 1, X, 0))), RULES):
        options = {"optimizer": rule, "penalty": sm.ElasticNet(0.05, 0.25), "standardize": standardize}
        assert len(fit_bits(form, y, batch_size=1, epochs=1, **options)) == 1


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.uint8])
def test_fit_by_halves(dtype):
    """Batches of 2^17 numbers go by halves, each with a gradient of its own on two threads; the last one of an epoch is smaller."""
    n, d = 430, 1003
    X, y = RNG.integers(0, 256, (n, d)).astype(dtype), RNG.integers(0, 3, n)
    assert 140 * d > 2**17 > 10 * d
    for rule, standardize in itertools.product(RULES, (False, True)):
        options = {"standardize": standardize, "batch_size": 140, "epochs": 2, "penalty": sm.L2(0.1)}
        assert len(fit_bits(X / 255 if dtype != np.uint8 else X, y, optimizer=rule, **options)) == 1


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.float16, np.uint8])
def test_fit_by_features(dtype):
    """Rows of 1024 features and more, in batches of less than 768 kB and no less than 2e6 operations; the last one is smaller."""
    n, d, k = 130, 1103, 11
    X, y = RNG.integers(0, 256, (n, d)).astype(dtype), RNG.integers(0, k, n)
    for rule, standardize, batch_size in itertools.product(RULES, (False, True), (48, 55)):
        assert 4 * batch_size * d * k >= 2e6
        assert batch_size * d * 8 <= 768 * 2**10
        options = {"standardize": standardize, "batch_size": batch_size, "epochs": 2, "penalty": sm.L2(0.1)}
        data = X if dtype == np.uint8 else (X / dtype(256)).astype(dtype)
        assert len(fit_bits(data, y, optimizer=rule, **options)) == 1


def test_fit_of_batches_beyond_the_cache():
    """Batches above 4096 rows take the gradient of the objective first."""
    X, y = RNG.normal(size=(5000, 65)).astype(np.float32), RNG.integers(0, 3, 5000)
    for form, rule in itertools.product((X, scipy.sparse.csr_array(np.where(X > 1, X, 0))), RULES):
        assert len(fit_bits(form, y, optimizer=rule, batch_size=None, epochs=2, penalty=sm.L1(0.01))) == 1


# Of the three metrics BLAS has a part in two: on one thread, whatever the number of its own.
@pytest.mark.parametrize("method", ["newton", "gram", "diagonal", "interior"])
@pytest.mark.parametrize("loss", sm.losses.names())
def test_solve(loss, method):
    if method == "interior" and shape(loss) is None:
        method = "auto"  # it is for losses of quadratic pieces
    X = RNG.normal(size=(4000, 12))
    S = X @ RNG.normal(size=(12, 3)) + RNG.normal(size=(4000, 3))
    y = S if sm.losses.info(loss)["target"] == "real" else S.argmax(axis=1)
    sparse = scipy.sparse.csr_array(np.where(X > 0.5, X, 0).astype(np.float32))
    for form, penalty in ((X, sm.L2(0.01)), (sparse, sm.L2(0.01)), (X.astype(np.float32), sm.ElasticNet(0.01, 0.5))):

        def everything(num_threads, form=form, penalty=penalty):
            options = {"loss": loss, "penalty": penalty, "method": method, "tol": 1e-2, "num_threads": num_threads}
            result = sm.solve(form, y, **options)
            return result.W, result.intercept, result.loss, result.gap, [record.loss for record in result.history]

        assert len(bits(everything)) == 1


def test_solve_with_many_features():
    """Three stripes of the Gram matrix and of its factor, whatever the threads of ours and of BLAS."""
    X, y = RNG.normal(size=(1200, 600)).astype(np.float32), RNG.integers(0, 4, 1200)
    sparse = scipy.sparse.csr_array(np.where(X > 1, X, 0))

    def everything(n):
        with threadpool_limits({1: 3, 2: 1}.get(n, 2)):
            results = [sm.solve(form, y, penalty=sm.L2(1e-3), num_threads=n) for form in (X, sparse)]
        assert [result.method for result in results] == ["gram", "gram"]
        return [(result.W, result.intercept, result.gap, result.n_iter) for result in results]

    assert len(bits(everything)) == 1


def test_stripes():
    """Against LAPACK, and the same bits for any number of threads."""
    rows = RNG.normal(size=(900, 700)).astype(np.float32)

    def both(n):
        G = np.zeros((700, 700), np.float32, order="F")
        with Stripes(n) as stripes:
            stripes.add_gram(G, rows[:500])
            stripes.add_gram(G, rows[500:])
            factor = G.copy(order="F")
            assert stripes.cholesky(factor)
        return np.tril(G), np.tril(factor)

    assert len(bits(both)) == 1
    G, factor = both(2)
    expected, sizes = rows.astype(np.float64).T @ rows, np.abs(rows).T @ np.abs(rows)
    # A sum of 900 products is off by at most as many roundings of their sizes; the factor's residual by 700 of the diagonal.
    assert np.all(np.abs(G - np.tril(expected)) <= 900 * 2.0**-24 * sizes)
    whole = np.tril(G) + np.tril(G, -1).T
    residual = np.abs(factor.astype(np.float64) @ factor.T - whole).max()
    assert residual <= 700 * 2.0**-24 * whole.diagonal().max()


def test_stripes_tell_what_has_no_factor():
    for place in (3, 650):
        A = np.eye(700, order="F")
        A[place, place] = -1.0
        with Stripes(2) as stripes:
            assert not stripes.cholesky(A)


@pytest.mark.parametrize("loss", [name for name in sm.losses.names() if sm.losses.info(name)["target"] != "classes"])
def test_solve_by_dual_coordinate_ascent(loss):
    """Of five outputs, in pairs and a last odd one."""
    X = scipy.sparse.csr_array(np.where(RNG.random((500, 80)) < 0.2, RNG.normal(size=(500, 80)), 0))
    y = targets(loss, 500, 5)

    def everything(num_threads):
        result = sm.solve(X, y, loss=loss, penalty=sm.L2(0.05), method="dual", tol=1e-2, num_threads=num_threads)
        return result.W, result.intercept, result.loss, result.gap, [record.loss for record in result.history]

    assert len(bits(everything)) == 1


def test_sparse_gram():
    X = scipy.sparse.csr_array(np.where(RNG.random((900, 150)) < 0.2, RNG.normal(size=(900, 150)), 0))
    weight = RNG.random(900)
    assert len(bits(lambda n: np.tril(_core.sparse_gram(as_matrix(X), weight, num_threads=n)))) == 1


def test_dense_gram():
    X, weights = RNG.normal(size=(900, 70)).astype(np.float32), RNG.random((900, 3))
    centre = np.zeros(70)
    assert len(bits(lambda n: _core.dense_gram(as_matrix(X), centre, None, weights, num_threads=n))) == 1
