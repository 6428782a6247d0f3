"""Learning-rate schedules: frozen dataclasses that give the rate of every step, without hidden state.

A schedule acts once a step or once an epoch, as its `acts` says. Steps count through the whole run and epochs likewise, both
from 0; a schedule's horizon is its own argument, so that going on with more epochs changes nothing of what was done.
"""

from .formulas import Constant, Cosine, InverseScaling, Polynomial, Step, Warmup
from .plateau import PlateauState, ReduceOnPlateau
from .schedule import Schedule

__all__ = [
    "Constant",
    "Cosine",
    "InverseScaling",
    "PlateauState",
    "Polynomial",
    "ReduceOnPlateau",
    "Schedule",
    "Step",
    "Warmup",
    "names",
]


def names() -> tuple[str, ...]:
    """Return the names of the schedules, which are the names of their classes.

    Examples
    --------
    >>> import softmargin as sm
    >>> sm.schedules.names()
    ('Constant', 'InverseScaling', 'Step', 'Cosine', 'Polynomial', 'Warmup', 'ReduceOnPlateau')
    """
    made = (Constant, InverseScaling, Step, Cosine, Polynomial, Warmup, ReduceOnPlateau)
    return tuple(cls.__name__ for cls in made)
