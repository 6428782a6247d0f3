"""Random targets, options and dual variables for any registered loss, drawn by what the registry says of it alone."""

import numpy as np

import softmargin as sm
from softmargin import reference


def grid(rng, shape, least=-4, most=4):
    """Multiples of 1/8: sums and products of a few of them are exact in float32, and kinks are hit exactly."""
    return rng.integers(least, most + 1, shape) / 8


def forms(loss):
    """The forms in which a loss takes its targets."""
    info = sm.losses.info(loss)
    if info["target"] == "classes":
        return ("labels", "values") if info["distributions"] else ("labels",)
    return {"signs": ("labels", "values"), "real": ("values",)}[info["target"]]


def fewest_outputs(loss, form):
    """Labels are of two classes at least; signs and real targets may have one column."""
    return 1 if form == "values" and sm.losses.info(loss)["target"] != "classes" else 2


def targets(rng, loss, n, k, form):
    """y in one of the forms: labels, a distribution in multiples of 1/8, signs, or multiples of 1/8."""
    kind = sm.losses.info(loss)["target"]
    if kind == "real":
        return grid(rng, (n, k), -16, 16)
    if form == "labels":
        return rng.integers(0, k, n)
    return rng.multinomial(8, np.full(k, 1 / k), n) / 8 if kind == "classes" else rng.choice([-1.0, 1.0], (n, k))


def options(rng, loss, k):
    """Margin, delta and, for losses of signs, weights of the positive targets."""
    chosen = {"margin": float(rng.choice([1.0, 0.5])), "delta": float(rng.choice([1.0, 0.25]))}
    if sm.losses.info(loss)["target"] == "signs" and rng.random() < 0.5:
        chosen["positive_weight"] = rng.integers(0, 5, k) / 2
    return chosen


def limits(loss, y, k, given):
    """What the dual variables of each sample may be: the largest size of each entry (n, k), and of a sample's sum."""
    info = sm.losses.info(loss)
    each = np.full((len(y), k), np.inf if info["dual_each"] is None else info["dual_each"])
    if "delta" in info["parameters"]:
        each = each * given.get("delta", 1.0)
    if info["target"] == "signs" and given.get("positive_weight") is not None:
        positive = reference.registry.READERS["signs"](y, k) > 0
        weight = np.where(positive, given["positive_weight"], 1.0)
        each = np.where(weight > 0, each * np.where(weight > 0, weight, 1.0), 0.0)
    return each, np.inf if info["dual_total"] is None else info["dual_total"]


def to_classes(U, y, k):
    """The dual variables a of a loss of classes that move mass U (n, k) to the classes: a = U - (sum of U) t."""
    return U - U.sum(axis=1, keepdims=True) * reference.registry.READERS["distributions"](y, k)


def duals(rng, loss, y, k, given):
    """Random A (n, k) in the domain of the conjugate, a third of the entries at one of its ends or at 0."""
    each, total = limits(loss, y, k, given)
    top = np.where(np.isfinite(each), each, 3.0)
    U = top * np.where(rng.random(each.shape) < 1 / 3, rng.integers(0, 2, each.shape), rng.random(each.shape))
    kind = sm.losses.info(loss)["target"]
    if kind == "real":
        return U * rng.choice([-1.0, 1.0], U.shape)
    if kind == "signs":
        return -U * reference.registry.READERS["signs"](y, k)
    if np.isfinite(total):
        share = rng.integers(0, 3, (len(U), 1)) / 2 * total
        U = share * U / np.maximum(U.sum(axis=1, keepdims=True), share + 1e-300)
    return to_classes(U, y, k)


def outside(A, loss, y, given):
    """By how much the entries of A (n, k), or their sums, leave the domain of the conjugate at most."""
    k = A.shape[1]
    each, total = limits(loss, y, k, given)
    kind = sm.losses.info(loss)["target"]
    if kind == "real":
        return float((np.abs(A) - each).max())
    if kind == "signs":
        U = -A * reference.registry.READERS["signs"](y, k)
        return float(max((-U).max(), (U - each).max()))
    t = reference.registry.READERS["distributions"](y, k)
    unbalanced = float(np.abs(A.sum(axis=1)).max())
    if np.isfinite(total):
        return max(unbalanced, float((-(A + total * t)).max()))
    U = np.where(t > 0, 0.0, A)
    return max(unbalanced, float((-U).max()), float((U - each).max()))
