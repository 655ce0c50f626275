"""Several prepared folders of the same pieces as one, each with a weight."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from seqformer.errors import DataError
from seqformer.storage.files import digest_text, whole_folder
from seqformer.storage.manifest import MANIFEST, SPLITS
from seqformer.text import familiar, prepared
from seqformer.text.encode import SIDES
from seqformer.text.normalize import NORMALIZATION
from seqformer.text.prepared import LINKS, LINKS_DTYPE, TextManifest, Writer, open_pairs, read_split
from seqformer.text.rows import write_rows

CHUNK = 10_000  # pairs in memory at a time
MOST = 1000  # times a pair may be repeated


@dataclass(frozen=True)
class Share:
    """One prepared folder of a mixture."""

    folder: Path
    manifest: TextManifest
    weight: float

    def __post_init__(self) -> None:
        if not 0 < self.weight < float("inf"):
            raise DataError(f"{self.folder}: a weight of {self.weight:g}; it must be above zero")


def mix(shares: Sequence[Share], out: Path, origin: str, seed: int) -> None:
    """Write the mixture into the folder ``out``, which is then complete or absent.

    Of each folder as many training pairs come as its weight says: with 3 and 1, three of the first for each
    of the second. The pairs of one come once each, those of the others again and again. Held-out pairs are
    those of all, once. Raises :class:`DataError`.
    """
    _check(shares)
    times = repetitions([share.manifest.pairs["train"] for share in shares], [s.weight for s in shares])
    for share, count in zip(shares, times, strict=True):
        if count > MOST:
            raise DataError(
                f"{share.folder}: with these weights each of its pairs comes {count:,.0f} times an epoch, "
                f"and {MOST:,} at most make sense; give it less weight"
            )
    first = shares[0].manifest
    with whole_folder(out, replaces=MANIFEST) as folder:
        pairs = {split: _write(folder, split, shares, times, seed) for split in ("train", "valid")}
        linked = [share.manifest.linked * count for share, count in zip(shares, times, strict=True)]
        for split in ("valid", "test"):
            rows = (row for share in shares for row in read_split(share.folder, split, share.manifest))
            pairs[split] = write_rows(folder / f"{split}.tsv", rows)
        for name in first.digests:
            if name.endswith(".model"):
                shutil.copyfile(shares[0].folder / name, folder / name)
        neighbours = familiar.learn(folder, first.dtype, first.vocabulary["source"])
        fingerprint = hashlib.blake2b(origin.encode(), digest_size=8).hexdigest()
        replace(
            first,
            name=out.name,
            pairs={split: pairs[split] for split in SPLITS},
            read=sum(share.manifest.read for share in shares),
            dropped={},
            tokens={side: _total(shares, times, side) for side in SIDES},
            longest={side: max(share.manifest.longest[side] for share in shares) for side in SIDES},
            unknown={side: max(share.manifest.unknown[side] for share in shares) for side in SIDES},
            length_ratio=max(share.manifest.length_ratio for share in shares),
            grouped=[s for s in first.grouped if all(s in share.manifest.grouped for share in shares)],
            single_sentences=all(share.manifest.single_sentences for share in shares),
            with_placeholders=round(
                sum(s.manifest.with_placeholders * count for s, count in zip(shares, times, strict=True))
            ),
            commands=sorted({command for share in shares for command in share.manifest.commands}),
            neighbours=neighbours,
            linked=round(sum(linked)),
            by_heart=any(share.manifest.by_heart for share in shares),
            files=[str(share.folder) for share in shares],
            fingerprint=fingerprint,
            origin=origin,
            digests={},
        ).write(folder)


def repetitions(counts: Sequence[int], weights: Sequence[float]) -> list[float]:
    """Return how often the pairs of each corpus come in an epoch, so that those of one come once."""
    times = [weight / count for count, weight in zip(counts, weights, strict=True)]
    return [each / min(times) for each in times]


def origin_of(shares: Sequence[Share]) -> str:
    """Return a digest of what is mixed."""
    said = [(share.manifest.fingerprint, share.weight) for share in shares]
    return digest_text(repr(said))


def _check(shares: Sequence[Share]) -> None:
    first = shares[0]
    models = {name: d for name, d in first.manifest.digests.items() if name.endswith(".model")}
    settings = first.manifest.prepare_settings
    for other in shares[1:]:
        if {n: d for n, d in other.manifest.digests.items() if n.endswith(".model")} != models:
            raise DataError(
                f"{other.folder} has other pieces than {first.folder}; prepare one like a run of the other "
                "(prepare --like RUN)"
            )
        theirs = other.manifest.prepare_settings
        for name in NORMALIZATION:
            if settings[name] != theirs[name]:
                raise DataError(
                    f"{other.folder} has {name} {theirs[name]} and {first.folder} {settings[name]}"
                )


def _write(folder: Path, split: str, shares: Sequence[Share], times: list[float], seed: int) -> int:
    """Write the encoded pairs of a split, and return how many they are."""
    writers = {side: Writer(folder, f"{split}.{side}", shares[0].manifest.dtype) for side in SIDES}
    if split == "train" and any(share.manifest.linked for share in shares):
        writers[LINKS] = Writer(folder, f"train.{LINKS}", LINKS_DTYPE)
    total = 0
    for number, (share, count) in enumerate(zip(shares, times, strict=True)):
        linked = LINKS in writers and share.manifest.linked > 0
        pairs = open_pairs(share.folder, split, share.manifest, linked=linked)
        lines = np.arange(len(pairs))
        if split == "train":
            whole, part = divmod(count, 1)
            more = np.random.default_rng([seed, number]).permutation(len(pairs))[: round(part * len(pairs))]
            lines = np.concatenate([*[lines] * int(whole), np.sort(more)])
        for begin in range(0, len(lines), CHUNK):
            some = lines[begin : begin + CHUNK]
            for side, writer in writers.items():
                held: prepared.Side | prepared.Taken | None = getattr(pairs, side)
                writer.extend([[] if held is None else held[int(i)].tolist() for i in some])
        total += len(lines)
    for writer in writers.values():
        writer.close()
    return total


def _total(shares: Sequence[Share], times: list[float], side: str) -> int:
    return round(sum(s.manifest.tokens[side] * count for s, count in zip(shares, times, strict=True)))
