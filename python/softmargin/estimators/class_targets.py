"""What the labels of a classifier become: targets of its loss, for two classes, more, or several labels a sample."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.utils import check_random_state
from sklearn.utils.multiclass import type_of_target
from sklearn.utils.validation import check_array, check_consistent_length

from softmargin import losses
from softmargin._validation import Matrix

from .labels import check_weights, encode, weights_of
from .native import Targets
from .options import Options

# With two classes, or several labels a sample, an output decides alone.
OF_ONE_OUTPUT = {
    "softmax": "logistic",
    "hinge": "binary_hinge",
    "crammer_singer": "binary_hinge",
    "squared_hinge": "binary_squared_hinge",
}


def _has_columns(y: Any) -> bool:
    shape = getattr(y, "shape", None)
    if shape is not None:
        return len(shape) == 2 and shape[1] > 1
    return isinstance(y, list | tuple) and len(y) > 0 and isinstance(y[0], list | tuple | np.ndarray) and len(y[0]) > 1


class ClassTargets:
    """The part of LinearClassifier that reads y, and remembers the classes."""

    loss: str
    class_weight: Any
    random_state: Any
    classes_: npt.NDArray[Any]
    _multilabel: bool

    def _set_classes(self, classes: Any) -> None:
        first = not hasattr(self, "coef_")
        if first and classes is None:
            raise ValueError("classes: expected all classes at the first call of partial_fit, got None")
        if classes is None:
            return
        found = np.unique(np.asarray(classes))
        if first:
            if len(found) < 2:
                raise ValueError(f"classes: expected at least two, got {found.tolist()}")
            self.classes_, self._multilabel = found, False
        elif not np.array_equal(found, self.classes_):
            raise ValueError(
                f"classes: expected those of the first call, {self.classes_.tolist()}, got {found.tolist()}"
            )

    def _targets(self, y: Any, X: Matrix, sample_weight: Any, *, reset: bool) -> Targets:
        n = X.n_samples
        several = _has_columns(y) and type_of_target(y).startswith("multilabel")
        if not reset and several != self._multilabel:
            rows = f"(n_samples, {len(self.classes_)})" if self._multilabel else "(n_samples,)"
            raise ValueError(f"y: expected shape {rows} as the model was made for, got {np.shape(y)}")
        if several:
            return self._several_labels(y, n, sample_weight, reset=reset)
        classes, codes = encode(y, X=range(n), estimator=self)
        if reset:
            if len(classes) < 2:
                raise ValueError(f"y: expected at least two classes, got one class: {classes.tolist()[0]!r}")
            self.classes_ = classes
            self._multilabel = False
        else:
            codes = self._known(classes)[codes]
        weight = weights_of(self.class_weight, self.classes_, codes, sample_weight)
        if reset and weight is not None and np.ptp(codes[weight > 0]) == 0:
            label = self.classes_.tolist()[codes[weight > 0][0]]
            raise ValueError(f"sample_weight: expected weight on at least two classes, got one class: {label!r}")
        if len(self.classes_) == 2:
            loss = OF_ONE_OUTPUT.get(self.loss, self.loss)
            if losses.info(loss)["target"] == "signs":
                return Targets(2 * codes - 1, loss, 1, weight)
        return Targets(codes, self.loss, len(self.classes_), weight)

    def _known(self, classes: npt.NDArray[Any]) -> npt.NDArray[np.int64]:
        """Return the numbers of classes that have to be among those of the model."""
        numbers = {label: number for number, label in enumerate(self.classes_.tolist())}
        unknown = [label for label in classes.tolist() if label not in numbers]
        if unknown:
            raise ValueError(f"y: expected labels among classes_ = {self.classes_.tolist()}, got {unknown[0]!r}")
        return np.array([numbers[label] for label in classes.tolist()], dtype=np.int64)

    def _several_labels(self, y: Any, n: int, sample_weight: Any, *, reset: bool) -> Targets:
        indicators = check_array(y, accept_sparse=True, dtype=None, input_name="y", estimator=self)
        check_consistent_length(range(n), indicators)
        if hasattr(indicators, "toarray"):
            indicators = indicators.toarray()
        loss = OF_ONE_OUTPUT.get(self.loss, self.loss)
        if losses.info(loss)["target"] != "signs":
            raise ValueError(f"loss: expected one of one output for several labels a sample, got {loss!r}")
        if self.class_weight is not None:
            hint = "weigh samples by sample_weight"
            raise ValueError(
                f"class_weight: expected None with several labels a sample, got {self.class_weight!r}; {hint}"
            )
        k = indicators.shape[1]
        if reset:
            self.classes_ = np.arange(k)
            self._multilabel = True
        elif k != len(self.classes_):
            raise ValueError(f"y: expected {len(self.classes_)} labels a sample, got {k}")
        signs = 2.0 * (np.asarray(indicators) > 0) - 1.0
        return Targets(signs, loss, k, check_weights(sample_weight, n))

    def _held_out(self, X: Matrix, targets: Targets, options: Options) -> tuple[npt.NDArray[np.intp], Any]:
        """A share of each class, as many as rounding allows, and no class whole."""
        rng = check_random_state(self.random_state)
        n = X.n_samples
        groups = (
            [np.arange(n)] if targets.y.ndim == 2 else [np.flatnonzero(targets.y == c) for c in np.unique(targets.y)]
        )
        chosen = []
        for group in groups:
            count = min(round(options.validation_fraction * len(group) + rng.uniform(-0.5, 0.5)), len(group) - 1)
            chosen.append(rng.permutation(group)[: max(count, 0)])
        rows = np.sort(np.concatenate(chosen))
        if len(rows) == 0:
            rows = np.array([rng.randint(n)])
        return rows, targets.y[rows]
