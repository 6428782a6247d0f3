"""The order in which an epoch takes the samples: a function of the seed and the epoch, the same on every machine."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

TWO_64 = 2**64
GOLDEN = 0x9E3779B97F4A7C15  # 2^64 / golden ratio: multiples of it are spread evenly over 64 bits


def mix(z: int) -> int:
    """Scramble 64 bits one to one: the finaliser of SplitMix64 (Steele, Lea, Flood, OOPSLA 2014).

    Examples
    --------
    >>> hex(mix(GOLDEN))  # the first output of SplitMix64 with seed 0
    '0xe220a8397b1dcdaf'
    """
    z ^= z >> 30
    z = z * 0xBF58476D1CE4E5B9 % TWO_64
    z ^= z >> 27
    z = z * 0x94D049BB133111EB % TWO_64
    return z ^ z >> 31


def permutation(n: int, seed: int, epoch: int) -> npt.NDArray[np.int64]:
    """Return a permutation of 0..n-1: Fisher-Yates with the random number mix(key + i * GOLDEN) for place i.

    A 64-bit u becomes one of 0..i as the upper half of the 128-bit product u (i + 1), without a division.

    Examples
    --------
    >>> permutation(8, seed=0, epoch=0).tolist() == permutation(8, seed=0, epoch=1).tolist()
    False
    """
    key = mix(seed ^ mix((epoch + GOLDEN) % TWO_64))
    p = list(range(n))
    for i in range(n - 1, 0, -1):
        u = mix((key + i * GOLDEN) % TWO_64)
        j = u * (i + 1) >> 64
        p[i], p[j] = p[j], p[i]
    return np.array(p, dtype=np.int64)
