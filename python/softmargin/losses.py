"""The losses by name, and what each says of itself: straight from the compiled registry."""

from __future__ import annotations

from typing import Any

from softmargin import _core
from softmargin._validation import choose

__all__ = ["info", "names"]


def names() -> tuple[str, ...]:
    """Return the names of the losses.

    Returns
    -------
    tuple of str
        What `loss=` takes everywhere in softmargin.

    See Also
    --------
    info : What a loss says of itself.

    Examples
    --------
    >>> import softmargin as sm
    >>> sm.losses.names()[:2]
    ('softmax', 'hinge')
    """
    return tuple(_core.registry()["losses"])


def info(name: str) -> dict[str, Any]:
    """Return what a loss says of itself.

    Parameters
    ----------
    name : str
        One of :func:`names`.

    Returns
    -------
    dict
        ``target``: ``"classes"`` (labels 0..k-1), ``"signs"`` (-1 and +1 for each output) or ``"real"``;
        ``distributions``: whether a distribution over the classes may stand for a label;
        ``convex``; ``smooth``: whether its gradient is Lipschitz continuous;
        ``parameters``: those it reads, out of ``margin`` and ``delta``;
        ``doc``: its formula, for scores s and label y (classes) or for one output.

    Raises
    ------
    TypeError
        ``loss: expected one of 'softmax', 'hinge', ..., got 3 (int)``
    ValueError
        ``loss: expected one of 'softmax', 'hinge', ..., got 'hing'; did you mean 'hinge'?``

    Notes
    -----
    The squared hinge squares each term (terms 6.3 and 6.6 make 83.25), where one lecture note squares the sum of a
    sample's terms (12.9^2). ``mse`` is the squared error without the factor 1/2.

    Examples
    --------
    >>> import softmargin as sm
    >>> sm.losses.info("hinge")["target"], sm.losses.info("hinge")["parameters"]
    ('classes', ('margin',))
    """
    losses = _core.registry()["losses"]
    return dict(losses[choose("loss", name, losses)])
