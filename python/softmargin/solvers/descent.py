"""Descent on F: steps of L-BFGS in a metric, with a line search; with l1, within the orthant of the current signs.

With l1 the unknowns that are 0 and would stay there (|dF_smooth/dv| <= l1) are held; the others are free, and a step in the
metric of the free ones is projected back onto their orthant. Source: Andrew and Gao, Scalable Training of L1-Regularized
Log-Linear Models, ICML 2007; Gafni and Bertsekas, Two-Metric Projection Methods, SIAM J. Control and Optimization 22 (1984).
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from .lbfgs import Memory
from .line_search import best_steps
from .metric import Metric
from .problem import Array, Float, LinearProblem, not_finite

# A step is taken if F falls by this share of what the slope promises ...
SUFFICIENT = 1e-4
# ... and the slope along the step falls to this share.
FLATTER = 0.9

# Evaluations of one line search, and what a step is multiplied by whose end is beyond all numbers.
TRIES = 20
SHORTER = 0.1

# Unknowns that reach 0 within one step, each at the price of a factor.
PIVOTS = 100

# F is a sum of losses, each rounded in the arithmetic of its dtype; a rise by this many roundings of F is not seen as one.
NOISE = 8


class Descent:
    """The current point of a descent.

    Attributes
    ----------
    x : ndarray (size,)
    F : float
        The objective, l1 part included.
    g : ndarray (size,)
        The gradient of the smooth part.
    S : ndarray (n_samples, n_outputs)
        The scores at x.
    strained : bool
        Whether the metric has been wrong about the length of a step since this was last set to False.
    """

    def __init__(self, problem: LinearProblem, x: Float, dtype: str) -> None:
        self.problem, self.x = problem, x
        self.memory = Memory(problem.size)
        self.strained = False
        self.use(dtype)

    def use(self, dtype: str) -> None:
        """Go on in an arithmetic, "float32" or "float64"."""
        self.dtype, self.noise = dtype, NOISE * float(np.finfo(dtype).eps)
        shape = (self.problem.n_samples, self.problem.n_outputs)
        self.S: Array = np.empty(shape, dtype=dtype)
        self._other: Array = np.empty(shape, dtype=dtype)
        self.restart()

    def restart(self) -> None:
        """Evaluate F anew, after the smoothing or the arithmetic have changed; FloatingPointError if it is not finite."""
        self.F, self.g = self._evaluate(self.x)
        if not np.isfinite(self.F) and self.dtype == "float32":
            self.use("float64")
            return
        if not np.isfinite(self.F):
            raise not_finite(self.F)
        self.S, self._other = self._other, self.S

    def _evaluate(self, x: Float) -> tuple[float, Float]:
        value, g = self.problem.smooth(x, self.dtype, self._other)
        return value + self._l1(x), g

    def _l1(self, x: Float) -> float:
        l1 = self.problem.regularizer.l1
        return l1 * float(np.abs(x[: self.problem.n_weights]).sum()) if l1 > 0 else 0.0

    def pseudo_gradient(self) -> Float:
        """Return the subgradient of F of least length: 0 for all unknowns only at the optimum."""
        l1, n = self.problem.regularizer.l1, self.problem.n_weights
        if l1 == 0:
            return self.g
        result = self.g.copy()
        v, g = self.x[:n], self.g[:n]
        result[:n] = np.where(v != 0, g + l1 * np.sign(v), np.sign(g) * np.maximum(np.abs(g) - l1, 0.0))
        return result

    def step(self, metric: Metric) -> bool:
        """Take a step; False if none was found that lowers F by more than rounding."""
        if self.problem.regularizer.l1 == 0:
            return self._smooth_step(self.memory.direction(self.g, metric)) or self._smooth_step(-metric.solve(self.g))
        return self._orthant_step(metric)

    def _smooth_step(self, p: Float) -> bool:
        """Take the whole step; if it is too long or too short, the best one along the scores that it has shown: two passes at most."""
        slope = float(self.g @ p)
        if not slope < 0:
            return False
        for _ in range(TRIES):
            x = self.x + p
            F, g = self._evaluate(x)
            if np.isfinite(F):
                break
            p, slope = SHORTER * p, SHORTER * slope
        if self._lower(F, slope) and abs(float(g @ p)) <= FLATTER * abs(slope):
            return self._accept(x, F, g)
        self.strained = True
        t = best_steps(self.problem, self.S, self._other - self.S, self.x, p)
        V, c = self.problem.split(p)
        p = self.problem.join(t[:, None] * V, t * c)
        x = self.x + p
        F, g = self._evaluate(x)
        return self._lower(F, float(self.g @ p)) and self._accept(x, F, g)

    def _lower(self, F: float, promised: float) -> bool:
        """Whether F is below the current one by a share of what the slope promises, up to rounding."""
        return promised < 0 and self.F + SUFFICIENT * promised + self.noise * abs(self.F) >= F

    def _orthant_step(self, metric: Metric) -> bool:
        """Backtrack along the projection of the step onto the orthant."""
        n, l1 = self.problem.n_weights, self.problem.regularizer.l1
        pseudo = self.pseudo_gradient()
        free = np.ones(len(self.x), dtype=bool)
        free[:n] = (self.x[:n] != 0) | (np.abs(self.g[:n]) > l1)
        signs = np.where(self.x[:n] != 0, np.sign(self.x[:n]), -np.sign(pseudo[:n]))
        noise = self.noise * abs(self.F)
        if not float(pseudo @ pseudo) > 0:  # the optimum, to the last bit: at the start, where l1 leaves nothing
            return False
        for p in self._directions(pseudo, metric, free, signs):
            # An unknown that leaves 0 leaves it downhill.
            p[:n] = np.where((self.x[:n] == 0) & (p[:n] * pseudo[:n] >= 0), 0.0, p[:n])
            if not float(pseudo @ p) < 0:
                continue
            t = 1.0
            for _ in range(TRIES):
                x = self.x + t * p
                x[:n] = np.where(x[:n] * signs > 0, x[:n], 0.0)
                F, g = self._evaluate(x)
                promised = float(pseudo @ (x - self.x))
                if self.F + SUFFICIENT * promised + (noise if promised < 0 else 0.0) >= F and promised < 0:
                    return self._accept(x, F, g)
                t *= 0.5 if t > 0.1 else 0.1
                self.strained = True
        return False

    def _directions(self, pseudo: Float, metric: Metric, free: npt.NDArray[np.bool_], signs: Float) -> Iterator[Float]:
        """Yield steps to try, the best first; the last one goes downhill in every unknown, so that its projection does too."""
        if self.memory:
            yield self.memory.direction(pseudo, metric, free)
        yield self._within_orthant(pseudo, metric, free, signs)
        step = -metric.solve(np.where(free, pseudo, 0.0), free)
        yield step.copy()
        yield pseudo * (float(pseudo @ step) / float(pseudo @ pseudo))

    def _within_orthant(self, pseudo: Float, metric: Metric, free: npt.NDArray[np.bool_], signs: Float) -> Float:
        """Lower the model g p + p'M p / 2 within the orthant: to its minimum over the free unknowns, or until one of them is 0.

        That one is held there, and the others go on from where they are: projected at the end of the whole step instead, they
        would be where the model is often above its start.
        """
        n, free, p = self.problem.n_weights, free.copy(), np.zeros_like(pseudo)
        for _ in range(PIVOTS):
            if not free.any():
                break
            slope = pseudo + metric.multiply(p) if p.any() else pseudo
            q = -metric.solve(np.where(free, slope, 0.0), free)
            at, ahead = (self.x + p)[:n] * signs, q[:n] * signs
            crossing = free[:n] & (at + ahead < 0)
            if not crossing.any():
                return p + q
            reach = np.divide(np.maximum(at, 0.0), -ahead, out=np.full(n, np.inf), where=crossing)
            first = reach.min()
            p += first * q
            ends = np.flatnonzero(reach <= first)
            p[ends], free[ends] = -self.x[ends], False
        return p

    def _accept(self, x: Float, F: float, g: Float) -> bool:
        self.memory.add(x - self.x, g - self.g)
        self.decrease = self.F - F
        self.x, self.F, self.g = x, F, g
        self.S, self._other = self._other, self.S
        return True
