"""Encoding the clean rows of a split as ids on disk, counted on the way."""

from __future__ import annotations

import hashlib
from collections import Counter
from itertools import islice
from pathlib import Path

from seqformer.symbols import UNK
from seqformer.text.faults import Faults
from seqformer.text.linked import Linker
from seqformer.text.placeholders import Shield
from seqformer.text.prepared import LINKS, LINKS_DTYPE, Writer
from seqformer.text.rows import read_rows
from seqformer.text.tokenizer import Tokenizer

CHUNK = 10_000  # lines in memory at a time
SIDES = ("source", "target")
EncodedPair = tuple[list[int], list[int]]


class Encoded:
    """Encodes the splits of a folder and counts pieces and lengths."""

    def __init__(
        self,
        tokenizer: Tokenizer,
        shield: Shield,
        max_pieces: int,
        cut: bool,
        dtype: str,
        linker: Linker | None = None,
    ) -> None:
        self.shield = shield
        self.linker = linker
        self.linked = 0  # training pairs with links
        self.sides = {"source": tokenizer.source, "target": tokenizer.target}
        self.max_pieces = max_pieces
        self.cut = cut
        self.dtype = dtype
        self.tokens: Counter[str] = Counter()  # in train
        self.all_tokens: Counter[str] = Counter()  # in train and valid
        self.unknown: Counter[str] = Counter()
        self.longest: dict[str, int] = dict.fromkeys(SIDES, 0)
        self.length_ratio = 1.0
        self.hash = hashlib.blake2b()

    def encode(self, folder: Path, split: str, faults: Faults) -> int:
        """Encode ``{split}.tsv`` as ids on disk; return how many pairs were kept."""
        writers = [Writer(folder, f"{split}.{side}", self.dtype) for side in SIDES]
        rows, count = read_rows(folder / f"{split}.tsv"), 0
        linker = self.linker if split == "train" else None
        links = Writer(folder, f"train.{LINKS}", LINKS_DTYPE) if linker else None
        while chunk := list(islice(rows, CHUNK)):
            if split != "train":  # those of train are hidden already, see teaching.py
                chunk = [[*self.shield.hide_both(*row)] for row in chunk]
            encoded = [self.sides[side].encode([row[i] for row in chunk]) for i, side in enumerate(SIDES)]
            if self.cut:
                encoded = [[line[: self.max_pieces] for line in lines] for lines in encoded]
            pairs = list(zip(*encoded, strict=True))
            if split == "train":
                pairs, chunk = self._fitting(pairs, chunk, faults)
            if linker and links:
                links.extend(self._linked(linker, pairs, chunk))
            self.append(pairs, split, writers)
            count += len(pairs)
        for writer in [*writers, *([links] if links else [])]:
            writer.close()
        return count

    def append(self, pairs: list[EncodedPair], split: str, writers: list[Writer]) -> None:
        """Count encoded pairs of a split, and append them to its files, one writer a side."""
        if split == "train":
            for source, target in pairs:
                self.length_ratio = max(self.length_ratio, (len(target) + 1) / (len(source) + 1))
        for i, (side, writer) in enumerate(zip(SIDES, writers, strict=True)):
            self._count(split, side, [pair[i] for pair in pairs])
            writer.extend([pair[i] for pair in pairs])

    def _linked(self, linker: Linker, pairs: list[EncodedPair], rows: list[list[str]]) -> list[list[int]]:
        """Return the links of the pieces of pairs, counted."""
        both = zip(pairs, rows, strict=True)
        links = [linker.pieces(row, (len(pair[0]), len(pair[1]))) for pair, row in both]
        self.linked += sum(map(bool, links))
        self.hash.update(repr(links).encode())
        return links

    def _fitting(
        self, pairs: list[EncodedPair], rows: list[list[str]], faults: Faults
    ) -> tuple[list[EncodedPair], list[list[str]]]:
        """Return the pairs that are short enough, and their rows; drop the others, whose places are there."""
        fitting, theirs = [], []
        for pair, row in zip(pairs, rows, strict=True):
            if max(map(len, pair)) <= self.max_pieces:
                fitting.append(pair)
                theirs.append(row)
            else:
                faults.go_to(row[2])
                faults.drop("overlong", row[0], row[1])
        return fitting, theirs

    def _count(self, split: str, side: str, lines: list[list[int]]) -> None:
        tokens = sum(map(len, lines))
        self.all_tokens[side] += tokens
        self.unknown[side] += sum(line.count(UNK) for line in lines)
        if split == "train":
            self.tokens[side] += tokens
            self.longest[side] = max([self.longest[side], *map(len, lines)])
        self.hash.update(repr(lines).encode())
