"""Standardisation as algebra on W and b: X itself is never centred or scaled."""

from __future__ import annotations

import warnings
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from softmargin import _core
from softmargin.objective import Data

# Scores of standardised features are computed from raw ones in W's dtype, which loses about 3e-7 |mean| / scale in float32.
FAR_FROM_ZERO = 100.0

Float = npt.NDArray[np.float64]


class Standardization(NamedTuple):
    """mean and scale (n_features,) of the features, z = (x - mean) / scale; scale 0 marks a constant one, whose weight is 0."""

    mean: Float
    scale: Float

    def from_raw(
        self, W: npt.NDArray[Any], b: npt.NDArray[Any] | None
    ) -> tuple[npt.NDArray[Any], npt.NDArray[Any] | None]:
        """Return the weights that give standardised samples the scores that W and b give raw ones.

        With W x + b = V z + c:  V = W scale,  c = b + W mean; what W makes of a constant feature goes into c.
        """
        V = (W * self.scale).astype(W.dtype)
        return V, None if b is None else (b + W.astype(np.float64) @ self.mean).astype(b.dtype)


def standardization(data: Data, *, centre: bool, num_threads: int) -> Standardization:
    """Return weighted means and roots of the weighted population variances, in one pass over X.

    Without an intercept the features are scaled and not centred, as there is nothing to take up the shift.

    Warns
    -----
    UserWarning
        Where features lie so far from 0 that float32 loses digits.
    """
    mean, variance, low, high = _core.moments(data.matrix.core, data.sample_weight, num_threads)
    scale = np.where(low == high, 0.0, np.sqrt(variance))
    if not centre:
        return Standardization(np.zeros_like(mean), scale)
    ratio = np.divide(np.abs(mean), scale, out=np.zeros_like(mean), where=scale > 0)
    far = int(np.count_nonzero(ratio > FAR_FROM_ZERO))
    if far and data.dtype == np.float32:
        worst = int(ratio.argmax())
        warnings.warn(
            f"standardize: {far} of {len(mean)} features have a mean more than {FAR_FROM_ZERO:g} times their deviation "
            f"(feature {worst}: {ratio[worst]:.3g} times), where float32 scores lose about 3e-7 of that ratio; "
            "subtract a constant from these features, or compute in float64 by a W0 of that dtype",
            UserWarning,
            stacklevel=3,
        )
    return Standardization(mean, scale)
