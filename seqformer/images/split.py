"""Which images are held out: for the test by the names of their files, for validation at random."""

from __future__ import annotations

import hashlib

import numpy as np

from seqformer.images.batches import Labelled

TEST_SHARE = 6  # one file in this many
VALID_SHARE, MOST_VALID = 10, 5000  # a tenth of the training images is held out, at most this many


def is_test(name: str) -> bool:
    """Return whether a file of this name is a test file, whatever other files there are."""
    return int.from_bytes(hashlib.blake2b(name.encode(), digest_size=8).digest(), "big") % TEST_SHARE == 0


def split(train: Labelled, seed: int) -> tuple[Labelled, Labelled]:
    """Return the training images without a random held-out part, and that part."""
    count = max(1, min(len(train) // VALID_SHARE, MOST_VALID))
    order = np.random.default_rng(seed).permutation(len(train))
    return train.take(np.sort(order[count:])), train.take(np.sort(order[:count]))
