"""Which pairs are held out for validation and test."""

from __future__ import annotations

import hashlib
import heapq
import shutil
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path

from seqformer.config import PrepareConfig
from seqformer.errors import DataError
from seqformer.text.rows import read_rows, write_rows


def fingerprint(text: str, seed: int = 0) -> int:
    """Return 64 bits of BLAKE2b: the same on every machine, so that a split is reproducible."""
    key = seed.to_bytes(8, "little")
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8, key=key).digest(), "little")


def choose_held_out(sources: Iterable[str], valid: int, test: int, seed: int) -> tuple[set[int], set[int]]:
    """Return the fingerprints of the sources held out for valid and for test.

    The sources with the smallest seeded fingerprints are taken, so the choice needs memory for the
    chosen only, depends on no order, and puts every pair of one source into the same split.
    If the corpus is small each split gets at most a tenth of the sources, and at least one.
    """
    smallest: list[int] = []  # a heap of negated fingerprints
    members: set[int] = set()
    distinct: set[int] = set()  # counted only as far as it matters
    enough = max(3, 10 * max(valid, test))
    for source in sources:
        mark = fingerprint(source, seed)
        if len(distinct) < enough:
            distinct.add(mark)
        if mark in members or not valid + test:
            continue
        if len(smallest) < valid + test:
            heapq.heappush(smallest, -mark)
            members.add(mark)
        elif -mark > smallest[0]:
            members.discard(-heapq.heapreplace(smallest, -mark))
            members.add(mark)
    if len(distinct) < 1 + bool(valid) + bool(test):
        raise DataError(
            f"{len(distinct)} different source sentence{'s' if len(distinct) != 1 else ''} left after "
            "filtering: at least 3 are needed to train, validate and test"
        )
    tenth = max(1, len(distinct) // 10)
    valid, test = min(valid, tenth), min(test, tenth)
    ranked = sorted(members)
    return set(ranked[test : test + valid]), set(ranked[:test])


def split(clean: Path, folder: Path, given: dict[str, int], config: PrepareConfig) -> None:
    """Write train.tsv, and valid.tsv and test.tsv unless they were given."""
    valid, test = choose_held_out(
        (row[0] for row in read_rows(clean)),
        0 if "valid" in given else config.valid_size,
        0 if "test" in given else config.test_size,
        config.seed,
    )
    parts: dict[str, list[list[str]]] = {"valid": [], "test": []}

    def rest() -> Iterator[list[str]]:
        for row in read_rows(clean):
            mark = fingerprint(row[0], config.seed)
            if mark in valid:
                parts["valid"].append(row[:2])
            elif mark in test:
                parts["test"].append(row[:2])
            else:
                yield row

    write_rows(folder / "train.tsv", rest())
    for part, rows in parts.items():
        if part not in given:
            write_rows(folder / f"{part}.tsv", rows)


def split_in_order(clean: Path, folder: Path, valid_size: int) -> None:
    """Write the last pairs as valid and as test, the others as train; a source may be in all of them."""
    edge = sum(1 for _ in read_rows(clean)) - valid_size
    if edge < 1:
        raise DataError(
            f"{edge + valid_size} pairs are too few to train on: the last {valid_size} are held out"
        )
    rows = read_rows(clean)
    write_rows(folder / "train.tsv", islice(rows, edge))
    write_rows(folder / "valid.tsv", (row[:2] for row in rows))
    shutil.copyfile(folder / "valid.tsv", folder / "test.tsv")
