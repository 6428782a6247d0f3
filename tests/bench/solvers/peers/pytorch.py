"""Competitor: torch.optim.LBFGS with strong Wolfe line search, as a good user of PyTorch would write it; float32.

Dense X is multiplied as it is; of CSR the transpose is built once, inside the time. Autograd sees only the scores: the gradient of W is one
product more, which spares it the graph of the sparse product.
"""

import warnings

import numpy as np
import scipy.sparse

from .peer import OutOfTimeError, Peer, Recorder

HISTORY = 20  # pairs; PyTorch's default is 100


def products(X):
    """Return the functions W -> X W' (n_samples, n_outputs) and D -> D' X (n_outputs, n_features)."""
    import torch

    if not scipy.sparse.issparse(X):
        X = torch.from_numpy(X)
        return lambda W: X @ W.T, lambda D: D.T @ X

    def csr(X):
        parts = [torch.from_numpy(part) for part in (X.indptr, X.indices, X.data)]
        return torch.sparse_csr_tensor(*parts, size=X.shape, check_invariants=False)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that CSR is in beta
        rows, columns = csr(X), csr(X.T.tocsr())
    return lambda W: rows @ W.T, lambda D: (columns @ D).T.contiguous()


def mean_loss(S, y, loss):
    """Return the mean loss of scores S (n_samples, n_outputs), by autograd's means; y are labels, or +-1 (n_samples, n_outputs)."""
    from torch.nn import functional

    if loss == "softmax":
        return functional.cross_entropy(S, y)
    if loss == "logistic":
        return functional.softplus(-y * S).sum() / len(S)
    if loss == "binary_squared_hinge":
        return functional.relu(1 - y * S).square().sum() / len(S)
    terms = functional.relu(S - S.gather(1, y[:, None]) + 1).square()
    return terms.scatter(1, y[:, None], 0.0).sum() / len(S)  # the term of the right class itself is 1


def targets(problem):
    """Return labels (n_samples,) for losses of all scores together, +-1 (n_samples, n_outputs) for the others."""
    import torch

    y, k = problem.y, problem.n_outputs
    if problem.loss in ("softmax", "squared_hinge"):
        return torch.from_numpy(y.astype(np.int64))
    T = y[:, None] if k == 1 else np.where(y[:, None] == np.arange(k), 1, -1)
    return torch.from_numpy(T.astype(np.float32))


def lbfgs(problem, budget, threads):
    """One run, recorded at every evaluation."""
    import torch

    torch.set_num_threads(threads)
    recorder = Recorder(budget)
    forward, backward = products(problem.peer_X)
    y = targets(problem)
    W, b = torch.zeros((problem.n_outputs, problem.X.shape[1])), torch.zeros(problem.n_outputs)
    rule = torch.optim.LBFGS(
        [W, b], lr=1, max_iter=10**9, max_eval=10**9, tolerance_grad=1e-12, tolerance_change=1e-15,
        history_size=HISTORY, line_search_fn="strong_wolfe",
    )  # fmt: skip

    def closure():
        if recorder(lambda: (W.numpy(), b.numpy())):
            raise OutOfTimeError
        S = (forward(W) + b).requires_grad_()
        loss = mean_loss(S, y, problem.loss)
        loss.backward()
        W.grad = backward(S.grad) + problem.alpha * W
        b.grad = S.grad.sum(dim=0)
        return loss.detach() + problem.alpha / 2 * W.square().sum()

    try:
        rule.step(closure)
    except OutOfTimeError:
        return recorder.points
    recorder.last = 0.0
    recorder(lambda: (W.numpy(), b.numpy()))
    return recorder.points


PEERS = [Peer("torch-lbfgs", "torch", lambda problem: True, lbfgs)]
