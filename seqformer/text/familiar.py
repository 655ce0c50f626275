"""Which texts are unlike those a model was trained on: neighbouring pieces that never were neighbours there.

Of ordinary text of the same kind a small share of neighbours is new, 12 % in Multi30k English; of words in a
random order most are. How far the new ones of a line are beyond that share, in standard deviations of a
binomial distribution, is compared with nearly all lines of ``valid``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt

from seqformer.errors import DamagedError
from seqformer.symbols import BOS, EOS
from seqformer.text.prepared import Side, TextManifest
from seqformer.text.split import read_bits

PAIRS = "pairs.bits"  # neighbours in training sources, as a bitmap
SPARSE = 8  # bits of it for each piece, about
LEAST, MOST = 16, 27  # powers of two: of its bits
ENOUGH = 100  # lines of valid
USUAL = 0.99  # share of them that is ordinary
FEW = 0.005  # new neighbours in ordinary text, at least
CHUNK = 1 << 16  # lines at a time
_WORD = (1 << 64) - 1
_FACTOR = 0x9E3779B97F4A7C15  # 2^64 over the golden ratio: Knuth, The Art of Computer Programming 3, 6.4


@dataclass(frozen=True)
class Familiar:
    """The neighbours of the training sources."""

    bits: bytes
    share: float = FEW  # of new neighbours in ordinary text
    most: float = math.inf  # deviation of ordinary text

    def deviation(self, ids: list[int]) -> float:
        """Return by how many standard deviations a line has more new neighbours than usual."""
        shift, bits, new = _shift(len(self.bits)), self.bits, 0
        for one, other in pairwise([BOS, *ids, EOS]):  # as _places does it, but quicker for one line
            place = ((one << 32 | other) * _FACTOR & _WORD) >> shift
            new += not bits[place >> 3] >> (place & 7) & 1
        expected = (len(ids) + 1) * self.share
        return (new - expected) / math.sqrt(expected * (1 - self.share))

    def is_strange(self, ids: list[int]) -> bool:
        """Return whether a line is unlike nearly all ordinary ones."""
        return self.deviation(ids) > self.most


def learn(folder: Path, dtype: str, vocabulary: int) -> dict[str, float]:
    """Write the neighbours of ``train`` in a folder, and return what is usual in its ``valid``.

    {} and no file where ``valid`` has too few lines to say.
    """
    train, valid = (Side(folder, f"{split}.source", dtype, vocabulary) for split in ("train", "valid"))
    if len(valid) < ENOUGH:
        return {}
    pieces = int(train.lengths(np.arange(len(train))).sum())
    power = min(MOST, max(LEAST, math.ceil(math.log2(SPARSE * pieces + 1))))
    bits = np.zeros(1 << (power - 3), np.uint8)
    for begin in range(0, len(train), CHUNK):
        lengths, ids = train.gather(np.arange(begin, min(begin + CHUNK, len(train))))
        places = _places(_neighbours(lengths, ids.astype(np.uint64)), bits)
        np.bitwise_or.at(bits, places >> 3, (1 << (places & 7)).astype(np.uint8))
    (folder / PAIRS).write_bytes(bits.tobytes())
    lengths, ids = valid.gather(np.arange(len(valid)))
    places = _places(_neighbours(lengths, ids.astype(np.uint64)), bits)
    new = 1 - (bits[places >> 3] >> (places & 7) & 1)
    share = max(FEW, float(new.mean()))
    familiar = Familiar(bits.tobytes(), share)
    deviations = [familiar.deviation(valid[line].tolist()) for line in range(len(valid))]
    return {"share": share, "most": float(np.quantile(deviations, USUAL))}


def kept(folder: Path, manifest: TextManifest) -> Familiar | None:
    """Return the neighbours that a folder keeps, or None. Raises :class:`DamagedError`."""
    if PAIRS not in manifest.digests:
        return None
    manifest.check_digest(folder, PAIRS)
    return load(folder, manifest.neighbours)


def load(folder: Path, usual: dict[str, float]) -> Familiar:
    """Return the neighbours that :func:`learn` has written. Raises :class:`DamagedError`."""
    bits = read_bits(folder / PAIRS, 1 << MOST)
    if set(usual) != {"share", "most"}:
        raise DamagedError(f"{folder / PAIRS}: not what a manifest describes")
    return Familiar(bits, usual["share"], usual["most"])


def _shift(size: int) -> int:
    """Return how far to shift 64 bits to get a place in a bitmap of so many bytes."""
    return 64 - (size.bit_length() + 2)


def _neighbours(lengths: npt.NDArray[np.int64], ids: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """Return a number for each two neighbours of lines, BOS before and EOS after each."""
    ends = np.cumsum(lengths)
    before = np.insert(ids, np.append(0, ends), [BOS, *[BOS] * len(lengths)])[:-1]
    after = np.insert(ids, ends, EOS)
    pairs: npt.NDArray[np.uint64] = before << np.uint64(32) | after
    return pairs


def _places(pairs: npt.NDArray[np.uint64], bits: npt.NDArray[np.uint8]) -> npt.NDArray[np.int64]:
    shift = np.uint64(_shift(len(bits)))
    places: npt.NDArray[np.int64] = (pairs * np.uint64(_FACTOR) >> shift).astype(np.int64)
    return places
