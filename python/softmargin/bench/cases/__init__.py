"""All cases, in the order in which they are shown."""

from softmargin.bench.case import Case
from softmargin.bench.cases import checks, elementary, epochs, passes, scaling, sizes, small, sparse, steps

CASES: tuple[Case, ...] = (
    *passes.CASES,
    *epochs.CASES,
    *sparse.CASES,
    *small.CASES,
    *steps.CASES,
    *checks.CASES,
    *elementary.CASES,
    *scaling.CASES,
    *sizes.CASES,
)
