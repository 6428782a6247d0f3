"""Models for the displays to draw."""

import numpy as np

import softmargin as sm


class Fitted:
    """A fitted linear model, as far as displays look at it."""

    def __init__(self, **attributes):
        vars(self).update(attributes)


def run(X, y, **options):
    """A FitResult and its path, the start included."""
    points = []
    result = sm.fit(X, y, rng=0, callback=lambda info: points.append((info.W, info.intercept)), **options)
    return result, [(np.zeros_like(result.W), np.zeros_like(result.intercept)), *points]
