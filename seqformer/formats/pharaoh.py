"""Word alignments as text: a line for each pair, ``0-0 1-2``, empty where nothing is aligned.

A link is the number of a source word and that of a target word, from 0 (the format of the decoder Pharaoh,
which fast_align, eflomal and others write). In a gold file ``1-2`` is a sure link, and ``1p2`` or ``1?2`` a
possible one (Och and Ney 2003).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from seqformer.errors import DataError
from seqformer.formats.corpus import read_lines

Links = frozenset[tuple[int, int]]  # the numbers of a source word and of a target word, from 0
_LINK = re.compile(r"([0-9]{1,6})([-p?])([0-9]{1,6})")


@dataclass(frozen=True)
class Gold:
    """The links of a pair that are sure, and all that are possible, the sure ones among them."""

    sure: Links
    possible: Links

    def check(self, source: str, target: str, where: str) -> None:
        """Raise :class:`DataError` if a link is to a word that the pair does not have."""
        counts = len(source.split()), len(target.split())
        for link in sorted(self.possible):
            for side, number, count in zip(("source", "target"), link, counts, strict=True):
                if number >= count:
                    raise DataError(
                        f"{where}: the link {link[0]}-{link[1]}, but the {side} has {count} words, "
                        "and they are counted from 0"
                    )


def pharaoh(links: Links) -> str:
    """Return links as a line."""
    return " ".join(f"{s}-{t}" for s, t in sorted(links))


def read_gold(path: Path) -> Iterator[Gold]:
    """Yield the gold links of each line of a file. Raises :class:`DataError`."""
    for number, line in enumerate(read_lines(path), 1):
        yield gold_links(line.split(), f"{path}, line {number}")


def gold_links(words: Iterable[str], where: str) -> Gold:
    """Return the gold links that these words are, such as 0-0 and 1p2. Raises :class:`DataError`."""
    sure, possible = set[tuple[int, int]](), set[tuple[int, int]]()
    for word in words:
        match = _LINK.fullmatch(word)
        if not match:
            raise DataError(f"{where}: '{word[:40]}' is no link; links are like 0-0 or 1p2")
        link = int(match[1]), int(match[3])
        possible.add(link)
        if match[2] == "-":
            sure.add(link)
    return Gold(frozenset(sure), frozenset(possible))
