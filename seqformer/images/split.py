"""Which images are held out: for the test by the names of their files, for validation at random."""

from __future__ import annotations

import hashlib

import numpy as np

from seqformer.images.batches import Labelled

TEST_SHARE = 6  # one file in so many
VALID_SHARE, MOST_VALID = 10, 5000  # a tenth of the training images is held out, and no more than this


def is_test(name: str) -> bool:
    """Return whether a file of this name is a test file, whatever lies beside it."""
    return int.from_bytes(hashlib.blake2b(name.encode(), digest_size=8).digest(), "big") % TEST_SHARE == 0


def split(train: Labelled, seed: int) -> tuple[Labelled, Labelled]:
    """Return the training images without, and those of, a random held-out part."""
    count = max(1, min(len(train) // VALID_SHARE, MOST_VALID))
    order = np.random.default_rng(seed).permutation(len(train))
    return train.take(np.sort(order[count:])), train.take(np.sort(order[:count]))
