"""Word links of a corpus, read beside its pairs: line n of a file holds the links of line n of the corpus."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from seqformer.errors import DataError
from seqformer.formats import documents, streams
from seqformer.formats.corpus import count_lines
from seqformer.formats.pharaoh import Gold, read_gold
from seqformer.text.faults import Faults
from seqformer.text.linked import column


class Guide:
    """The links in a file of Pharaoh lines, for pairs whose lines ``faults`` names.

    ``corpus`` is the table that the pairs are read from, or one of two aligned files; with ``swap`` the sides
    of the pairs have been exchanged, and those of the links are as in the files. Raises :class:`DataError`
    where the lines are not equally many.
    """

    def __init__(self, path: Path, corpus: Path, faults: Faults, *, swap: bool = False) -> None:
        streams.check([path, corpus])
        with streams.open_bytes(corpus) as file:
            if documents.kind(file.peek(streams.HEAD)[: streams.HEAD]):
                raise DataError(
                    f"{corpus} is a document, and links are of the lines of tables or aligned files"
                )
        links, lines = count_lines(path), count_lines(corpus)
        if links != lines:
            raise DataError(
                f"{path} has {links:,} lines and {corpus} {lines:,}; line n must hold the links of pair n"
            )
        self.path, self.faults, self.swap = path, faults, swap
        self._read: Iterator[Gold] = read_gold(path)
        self._line = 0
        self._links = Gold(frozenset(), frozenset())

    def __call__(self, source: str, target: str) -> str:
        """Return the links of the pair that was read last, as a column of its row.

        Raises :class:`DataError` for one that is no link, or of a word that the pair does not have.
        """
        while self._line < self.faults.line:
            self._line, self._links = self._line + 1, next(self._read)
        sides = (target, source) if self.swap else (source, target)
        self._links.check(*sides, f"{self.path}, line {self._line:,}")
        links = self._links.possible
        return column(source, target, ((t, s) for s, t in links) if self.swap else links)
