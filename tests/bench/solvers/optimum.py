"""The optimum itself in float64: truncated Newton with preconditioned conjugate gradients, a block of rows at a time.

It shares no code with anything that is measured, though it may begin where one of them ended, and ends with a bound: with b at its best for W, F - F* is at most
|dF/dW|^2 / (2 alpha), as F minimised over b is alpha-strongly convex in W.
"""

import time

import numpy as np
import scipy.sparse

from .losses import LOSSES

CACHED = 4e9  # bytes of X in float64 that are kept; a larger X is converted block by block in every pass
MAX_CG = 500  # products with the Hessian for one step; an inexact step is a descent direction all the same


class Newton:
    """F, its gradient and Hessian at one point; parameters are one array Z (k, d + 1), the intercept last."""

    def __init__(self, problem):
        self.problem = problem
        self.n, self.d = problem.X.shape
        whole = problem.X.data.nbytes if scipy.sparse.issparse(problem.X) else 8 * problem.X.size
        self.cached = list(problem.blocks()) if whole <= CACHED else None
        self.penalty = np.full(self.d + 1, problem.alpha)
        self.penalty[-1] *= problem.intercept_penalty
        squares = sum(
            np.ravel((X.multiply(X) if scipy.sparse.issparse(X) else X * X).sum(axis=0)) for _, X in self.blocks()
        )
        # 1/4 is the largest slope of the logistic function; a constant near the typical curvature is all that is needed.
        self.preconditioner = 0.25 * np.append(squares / self.n, 1.0) + self.penalty
        self.curvatures = []

    def blocks(self):
        return self.problem.blocks() if self.cached is None else self.cached

    def scores(self, X, Z):
        return X @ Z[:, :-1].T + Z[:, -1]

    def gather(self, D, X):
        """Return D' [X, 1] (k, d + 1) for D (m, k)."""
        return np.column_stack([(X.T @ D).T, D.sum(axis=0)]) / self.n

    def value_and_gradient(self, Z):
        """Return F and dF/dZ, and remember the curvature of every block."""
        F, G = 0.5 * np.sum(self.penalty * Z**2), self.penalty * Z
        self.curvatures = []
        for rows, X in self.blocks():
            value, slope, curvature = LOSSES[self.problem.loss](self.scores(X, Z), self.problem.y[rows])
            F += value.sum() / self.n
            G += self.gather(slope, X)
            self.curvatures.append(curvature)
        return F, G

    def product(self, V):
        """Return the Hessian times V (k, d + 1)."""
        H = self.penalty * V
        for (_, X), curvature in zip(self.blocks(), self.curvatures, strict=True):
            H += self.gather(curvature(self.scores(X, V)), X)
        return H

    def direction(self, G, tolerance, deadline):
        """Solve Hessian D = -G until the residual is below `tolerance` |G|, in the preconditioner's norm."""
        M = self.preconditioner
        D, R = np.zeros_like(G), -G
        P = Q = R / M
        rho = first = np.sum(R * Q)
        for _ in range(MAX_CG):
            HP = self.product(P)
            curvature = np.sum(P * HP)
            if curvature <= 0:  # flat: all intercepts of a softmax moved by the same number
                break
            step = rho / curvature
            D += step * P
            R = R - step * HP
            Q = R / M
            previous, rho = rho, np.sum(R * Q)
            if rho <= tolerance**2 * first or time.perf_counter() > deadline:
                break
            P = Q + rho / previous * P
        return D


def minimise(problem, seconds=300.0, precision=1e-11, start=None):
    """Return (F, W, b, bound); stops once the bound is below `precision` |F|, the steps no longer help, or time is over.

    start: (W, b) to begin at, by default zeros. Wherever it comes from, the bound is that of the gradient that is worked out here.
    """
    deadline, newton = time.perf_counter() + seconds, Newton(problem)
    Z = np.zeros((problem.n_outputs, newton.d + 1))
    if start is not None:
        Z[:, :-1], Z[:, -1] = start
    F, G = newton.value_and_gradient(Z)
    M, first = newton.preconditioner, None
    for _ in range(100):
        size = np.sqrt(np.sum(G * G / M))
        first = first or size
        bound = np.sum(G[:, :-1] ** 2) / (2 * problem.alpha)
        if bound <= precision * abs(F) or time.perf_counter() > deadline:
            break
        D = newton.direction(G, min(0.1, np.sqrt(size / first)), deadline)
        slope, step = np.sum(G * D), 1.0
        while True:
            F_new, G_new = newton.value_and_gradient(Z + step * D)
            if F_new <= F + 1e-4 * step * slope or step < 1e-6:
                break
            step /= 2
        if F_new >= F:
            break
        Z, F, G = Z + step * D, F_new, G_new
    return F, Z[:, :-1], Z[:, -1], bound
