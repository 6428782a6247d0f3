"""Dual coordinate ascent: for sparse rows, losses of each output alone and an l2 penalty; text above all, hinges too.

Every row has a dual variable a_i for each output, and the weights are kept as V = -sum_i w_i a_i x_i / (l2 sum w). A visit to a row makes
its a_i the best one for all others, which reads and changes the weights of the row's entries only; an epoch visits the rows in an order
that is a function of (seed, epoch). A loss is asked for no more than its derivatives, or its pieces where it is not smooth.

The constraint mean a = 0 of an intercept without a penalty is met by the method of multipliers: within an epoch the intercept is
penalised by pull/2 (b - anchor)^2, and b is the next anchor. pull is about the curvature of F in b, so that the mean of a falls by
half or more in an epoch, and the rows hardly notice the coupling. An intercept with a penalty p below pull is pulled to its anchor by
pull - p just so (the proximal point method): LIBLINEAR's column has p = l2, far stiffer, and takes twice the epochs (AG News, squared
hinge, 14 in place of 28 to 1e-10).

Measured, epochs to a gap of 1e-4 and 1e-6, C = 1: AG News (7600 x 181 000) one-versus-rest squared hinge 5 and 8, logistic 6 and 7, hinge
18 and 86; generated text (25 000 x 150 000) squared hinge 6 and 8, logistic 3 and 5. C = 10 takes two to three times as many. An
epoch takes as long as a pass of two threads where there are two outputs or more.

Source: Hsieh, Chang, Lin, Keerthi and Sundararajan, A Dual Coordinate Descent Method for Large-scale Linear SVM, ICML 2008, whose
shrinking is replaced by rests of 1, 2, 4 and 8 epochs for rows whose last visits changed nothing; Yu, Huang and Lin, Dual Coordinate Descent
Methods for Logistic Regression and Maximum Entropy Models, Machine Learning 85 (2011); Bertsekas, Constrained Optimization and
Lagrange Multiplier Methods (1982); Rockafellar, Monotone Operators and the Proximal Point Algorithm, SIAM J. Control 14 (1976).
"""

from __future__ import annotations

import numpy as np

from softmargin import _core

from .dual import Certificate, Checked, weights_of
from .problem import Float, LinearProblem, sample_mean

# The first epochs say little of those that follow.
WARM_UP = 5

# Epochs whose visits tell F: later ones pass over rows that rest. No less than this share of F at the start is believed; from LONG
# epochs on F is worked out, at each power of 2.
SCALING = 3
LEAST = 1e-3
LONG = 32

# An estimate below the tolerance costs a certificate in vain, three epochs; one above it an epoch too many.
CAUTION = 1.5

# pull in proportion to the curvature of F in the intercept, as it is estimated: 0.1 takes one epoch more on the generated text, 1 two.
PULL = 0.4

# An estimate that has not fallen by HALVED in so many epochs, of a loss that is smooth or not, ends the ascent.
HALVED = 0.5
STALLED_SMOOTH, STALLED = 6, 60


def applies(problem: LinearProblem) -> bool:
    """Return whether the outputs are independent, the dual is strongly concave in V, and V has no centre of its own."""
    l1, l2, intercept = problem.regularizer
    free = problem.fit_intercept and intercept == 0
    separate = problem.data.kind != "classes"
    return separate and problem.is_sparse() and l1 == 0 and l2 > 0 and (free or not problem.centre.any())


def steepness(problem: LinearProblem) -> float:
    """Return the mean of sup loss'' |x_i|^2 / (l2 n): what the losses curve in proportion to the penalty; infinite if not smooth."""
    bound = _core.curvature(problem.data.loss, problem.n_outputs)
    if not bound:
        return np.inf
    return bound * float(problem.row_squares.mean()) / (problem.regularizer.l2 * problem.n_samples)


class CoordinateAscent:
    """Ascent from the dual variables that the losses have at x: from 0 where x is 0.

    Attributes
    ----------
    A : ndarray (n_outputs, n_samples)
        The dual variables.
    b : ndarray (n_outputs,)
        The intercepts of features that are not centred.
    F : float
        A scale for the gap: about F, as the first epochs met it.
    gap : float
        An estimate of what F and the dual value are apart, relative to F.
    """

    is_exact = True  # the arithmetic is float64
    gradient_norm = float("nan")  # never worked out

    def __init__(self, problem: LinearProblem, x: Float) -> None:
        if not applies(problem):
            raise ValueError(
                "method: expected 'dual' with CSR, a loss of each output alone, an l2 penalty alone and an intercept without a "
                "penalty, got another; use 'auto'"
            )
        self.problem = problem
        n, k = problem.n_samples, problem.n_outputs
        self.core = problem.core("float64")
        self.scale = problem.inverse_scale**2 if problem.is_scaled else None
        self.squares = problem.row_squares
        self.rest, self.streak = np.zeros((k, n), dtype=np.uint8), np.zeros((k, n), dtype=np.uint8)
        self.A: Float = np.zeros((k, n))
        self._W = _core.empty((k, problem.n_features))
        self._W[:] = 0
        self.b = problem.raw(x)[1].copy()
        if np.any(x[: problem.n_weights]):
            self._begin_at(x)
        if problem.fit_intercept and not self._free:
            self.b = self.mean() / -problem.regularizer.intercept
        self._first, _, _ = _core.row_losses(
            self.core, np.zeros((n, k)), self.b, derivatives=False, num_threads=problem.num_threads
        )
        self.F = self._first
        bound = _core.curvature(problem.data.loss, k)
        # How far a score goes with its dual variable; not at all where no row has an entry and the loss no curvature.
        self.yielding = (
            float(self.squares.mean()) / (problem.regularizer.l2 * n) + (1.0 / bound if bound else 0.0) or 1.0
        )
        self.pull = self._pull()
        self.epoch, self.gap = 0, np.inf
        self._past: list[float] = []

    @property
    def _free(self) -> bool:
        return self.problem.fit_intercept and self.problem.regularizer.intercept == 0

    def _begin_at(self, x: Float) -> None:
        problem = self.problem
        S = problem.scores(x, "float64")
        _, A, _ = _core.row_losses(self.core, S, np.zeros(problem.n_outputs), num_threads=problem.num_threads)
        G, _ = _core.combine(self.core, A, num_threads=problem.num_threads)
        G *= -1.0 / problem.regularizer.l2 * (1.0 if self.scale is None else self.scale)
        self.A = np.ascontiguousarray(A.T)
        # As the core keeps them: the weights of two outputs side by side.
        self._W = np.concatenate([G[c : c + 2].T.ravel() for c in range(0, len(G), 2)]).reshape(G.shape)

    def _pull(self) -> float:
        """The penalty of the intercept within an epoch; infinite without an intercept."""
        problem = self.problem
        _, l2, intercept = problem.regularizer
        if not problem.fit_intercept:
            return np.inf
        # Moving b is made up for by the weights along the mean row, and each row yields by its own curvature.
        mean = problem.scaled_centre if self._free else sample_mean(problem.data) * problem.inverse_scale
        return max(intercept, PULL / (float(mean @ mean) / l2 + self.yielding))

    def step(self) -> bool:
        """Do an epoch. False if the gap no longer falls."""
        problem = self.problem
        problem.count(1.0)
        values, gaps = _core.ascend(
            self.core,
            self.A,
            self._W,
            self.b,
            self.rest,
            self.streak,
            self.squares,
            l2=problem.regularizer.l2,
            pull=self.pull,
            feature_scale=self.scale,
            epoch=self.epoch,
            num_threads=problem.num_threads,
        )
        self.epoch += 1
        if self.epoch <= SCALING:
            self.F = min(max(float(values.sum()), LEAST * self._first), self._first)
        elif self.epoch >= LONG and self.epoch.bit_count() == 1:
            self.F = Certificate(problem).objective(self.x())
        self._estimate(float(gaps.sum()), self._move_anchor())
        window = STALLED_SMOOTH if problem.is_smooth else STALLED
        past = self._past[WARM_UP:]
        return len(past) <= window or min(past[-window:]) < HALVED * min(past[:-window])

    def _move_anchor(self) -> float:
        """Make b the anchor; returns what it costs that b is not the one of the dual variables, or that their mean is not 0."""
        problem = self.problem
        if not problem.fit_intercept:
            return 0.0
        penalty, r = problem.regularizer.intercept, self.mean()
        if self._free:  # the mean is moved into one variable of each output
            cost = 0.5 * float(r @ r) * self.yielding * problem.n_samples
        else:
            left = r + penalty * self.b
            cost = float(left @ left) / (2 * penalty)
        self.b = (1 - penalty / self.pull) * self.b - r / self.pull
        return cost

    def _estimate(self, met: float, unbalanced: float) -> None:
        """Estimate the gap after an epoch whose visits met the gap `met`: it has fallen by about another epoch's rate since."""
        met = max(met, 0.0)  # rounding
        before = self._past[-2] if len(self._past) >= 2 else 0.0
        self._past.append(met)
        rate = min(float(np.sqrt(met / before)), 1.0) if before > 0 else 1.0
        self.gap = (CAUTION * rate * met + unbalanced) / max(abs(self.F), float(np.finfo(np.float64).tiny))

    def mean(self) -> Float:
        """The weighted mean of the dual variables of each output."""
        return np.asarray(np.average(self.A, axis=1, weights=self.problem.data.sample_weight))

    def refine(self) -> None:
        """Go on, and let no row rest: its visit may have become worth while."""
        self.rest[:] = 0

    def check(self, certificate: Certificate, smoothing: tuple[Float, float] | None = None) -> Checked:
        """Return the certificate of the dual variables and of their weights; no loss is smoothed here."""
        assert smoothing is None
        return certificate.check_dual(np.array(self.A.T, order="C"), self.b)

    def x(self) -> Float:
        """Return the problem's x: half a pass."""
        problem = self.problem
        G, _ = problem.combine(self.A.T, "float64")
        return weights_of(problem, G, self.b)
