"""A prepared folder whose training targets are translations: pieces, valid and test are those of another."""

from __future__ import annotations

import itertools
import shutil
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

from seqformer.errors import DataError
from seqformer.storage.files import whole_folder
from seqformer.storage.manifest import MANIFEST
from seqformer.storage.records import Scalar
from seqformer.text import familiar, prepared
from seqformer.text.encode import CHUNK, SIDES, Encoded
from seqformer.text.placeholders import SYMBOLS
from seqformer.text.prepared import TextManifest, Writer, open_pairs
from seqformer.text.split import TRAINED, enlarged, marked, read_bits
from seqformer.text.tokenizer import Tokenizer


class Row(NamedTuple):
    """A training pair as text and as pieces."""

    source: str
    target: str
    source_ids: list[int]
    target_ids: list[int]


def has_symbols(row: Row) -> bool:
    """Return whether symbols stand for placeholders in the source of a pair."""
    return any(symbol in row.source for symbol in SYMBOLS)


@dataclass(frozen=True)
class Base:
    """The prepared folder whose training sources were translated."""

    folder: Path
    manifest: TextManifest
    tokenizer: Tokenizer

    def rows(self) -> Iterator[Row]:
        """Yield the training pairs in their order; texts as their pieces spell them."""
        pairs = open_pairs(self.folder, "train", self.manifest)
        for begin in range(0, len(pairs), CHUNK):
            some = range(begin, min(begin + CHUNK, len(pairs)))
            sides = [[side[i].tolist() for i in some] for side in (pairs.source, pairs.target)]
            texts = [
                vocabulary.decode(ids)
                for vocabulary, ids in zip((self.tokenizer.source, self.tokenizer.target), sides, strict=True)
            ]
            yield from itertools.starmap(Row, zip(*texts, *sides, strict=True))


@dataclass(frozen=True)
class Origin:
    """Where the translations come from."""

    origin: str  # see :class:`seqformer.storage.manifest.Manifest`
    teachers: dict[str, str]  # of these and the following see TextManifest
    distillation: dict[str, Scalar]
    files: list[str]  # of monolingual text
    dropped: Mapping[str, int]  # complete once all rows have come …
    unchanged: Mapping[str, int]  # … as this is


def write(base: Base, rows: Iterable[Row], most: int, out: Path, origin: Origin) -> None:
    """Write the folder ``out``, which is then complete or absent.

    ``rows`` are the training pairs, ``most`` at most; all held-out files are those of the base. Raises
    :class:`DataError` where there are no rows.
    """
    manifest = base.manifest
    shield, limit = manifest.shield(), manifest.prepare_config().max_pieces
    counts = Encoded(base.tokenizer, shield, limit, cut=False, dtype=manifest.dtype)
    with whole_folder(out, replaces=MANIFEST) as folder:
        for name in ("valid.tsv", "test.tsv", *base.tokenizer.files()):
            manifest.check_digest(base.folder, name)
            shutil.copyfile(base.folder / name, folder / name)
        written = _write_train(base, rows, most, folder, counts)
        if not written.pairs:
            why = ", ".join(f"{reason}: {count:,}" for reason, count in origin.dropped.items())
            raise DataError(f"no translation is left to train on ({why})")
        _copy_valid(base, folder, counts)
        neighbours = (
            familiar.learn(folder, counts.dtype, manifest.vocabulary["source"]) if manifest.neighbours else {}
        )
        replace(
            manifest,
            name=out.name,
            pairs=manifest.pairs | {"train": written.pairs},
            read=written.pairs + sum(origin.dropped.values()),
            dropped=dict(origin.dropped),
            tokens=dict(counts.tokens),
            longest=dict(counts.longest),
            unknown={side: counts.unknown[side] / max(1, counts.all_tokens[side]) for side in SIDES},
            length_ratio=min(counts.length_ratio, prepared.MOST_RATIO),
            with_placeholders=written.with_placeholders,
            neighbours=neighbours,
            files=[*manifest.files, *origin.files],
            fingerprint=counts.hash.hexdigest()[:16],
            origin=origin.origin,
            teachers=origin.teachers,
            distillation=origin.distillation,
            unchanged=dict(origin.unchanged),
            linked=0,  # links were of the words of other targets
            digests={},
        ).write(folder)


@dataclass(frozen=True)
class _Written:
    pairs: int
    with_placeholders: int


def _write_train(base: Base, rows: Iterable[Row], most: int, folder: Path, counts: Encoded) -> _Written:
    """Write the training pairs, and the bitmap of their texts and of those of the base."""
    bits = bytearray(1)
    if TRAINED in base.manifest.digests:
        base.manifest.check_digest(base.folder, TRAINED)
        bits = enlarged(read_bits(base.folder / TRAINED), base.manifest.pairs["train"] + most)
    writers = [Writer(folder, f"train.{side}", counts.dtype) for side in SIDES]
    pairs = hold = 0
    stream = marked(rows, bits)
    while chunk := list(itertools.islice(stream, CHUNK)):
        counts.append([(row.source_ids, row.target_ids) for row in chunk], "train", writers)
        pairs += len(chunk)
        hold += sum(map(has_symbols, chunk))
    for writer in writers:
        writer.close()
    if TRAINED in base.manifest.digests:
        (folder / TRAINED).write_bytes(bits)
    return _Written(pairs, hold)


def _copy_valid(base: Base, folder: Path, counts: Encoded) -> None:
    """Write the validation pairs as they are, counted."""
    valid = open_pairs(base.folder, "valid", base.manifest)
    writers = [Writer(folder, f"valid.{side}", counts.dtype) for side in SIDES]
    for begin in range(0, len(valid), CHUNK):
        some = range(begin, min(begin + CHUNK, len(valid)))
        pairs = [(valid.source[i].tolist(), valid.target[i].tolist()) for i in some]
        counts.append(pairs, "valid", writers)
    for writer in writers:
        writer.close()
