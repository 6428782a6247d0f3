"""Arguments from outside become what the core expects, or an error that says what was expected, what came, and what to do."""

from .arrays import as_plain
from .matrix import Matrix, as_matrix, read_matrix
from .options import Options, make_class, parameters_section
from .scalars import (
    LARGEST,
    MOST_THREADS,
    as_bool,
    as_generator,
    as_integer,
    as_number,
    as_seed,
    as_threads,
    choose,
    closest,
    describe,
    first_bad,
)
from .targets import as_dtype, as_positive_weight, as_sample_weight, as_targets, of_ordinary_size
from .weights import as_gradient, as_intercept, as_output, as_weights

__all__ = [
    "LARGEST",
    "MOST_THREADS",
    "Matrix",
    "Options",
    "as_bool",
    "as_dtype",
    "as_generator",
    "as_gradient",
    "as_integer",
    "as_intercept",
    "as_matrix",
    "as_number",
    "as_output",
    "as_plain",
    "as_positive_weight",
    "as_sample_weight",
    "as_seed",
    "as_targets",
    "as_threads",
    "as_weights",
    "choose",
    "closest",
    "describe",
    "first_bad",
    "make_class",
    "of_ordinary_size",
    "parameters_section",
    "read_matrix",
]
