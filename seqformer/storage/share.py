"""Which examples are trained on where only a share of them is: the same ones each time.

Every example has a fingerprint of its source (of its pixels, where it is an image), and those with the
smallest are taken. So a smaller share lies within a larger one, neither seed nor order decides, and the
pairs of one source come together.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

Indices = npt.NDArray[np.int64]


def choose(examples: Iterable[bytes], count: int, share: float) -> Indices:
    """Return the numbers, rising, of a share of ``count`` examples: as many as it rounds to, at least one."""
    marks = np.fromiter(map(_fingerprint, examples), np.uint64, count)
    return np.sort(np.argsort(marks, kind="stable")[: size(count, share)])


def lowest(values: npt.ArrayLike, share: float) -> Indices:
    """Return the numbers of the lowest values, those beyond the share that stays; of equal ones the first."""
    order = np.argsort(np.asarray(values), kind="stable")
    return order[: len(order) - size(len(order), share)]


def size(count: int, share: float) -> int:
    """Return how many of ``count`` examples a share of them is."""
    return max(1, round(share * count))


def _fingerprint(example: bytes) -> int:
    """Return 64 bits of BLAKE2b, the same on every machine."""
    return int.from_bytes(hashlib.blake2b(example, digest_size=8).digest(), "little")
