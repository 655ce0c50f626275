"""Documents of translation units: what of one is to be translated, and which languages it is in."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from seqformer.errors import DataError
from seqformer.formats.inline import Item, Layout, without_symbols
from seqformer.storage.files import write_whole
from seqformer.text import languages
from seqformer.text.languages import Languages


@dataclass(frozen=True)
class Unit:
    """A text without a translation, and what puts the translation in its place."""

    number: int  # of the unit that it belongs to in the document, from 1
    layout: Layout
    put: Callable[[list[Item]], None]


@dataclass(frozen=True)
class Document:
    """A TMX, XLIFF or PO file, in memory, that is filled with translations."""

    kind: str
    languages: Languages
    total: int  # units in all
    units: list[Unit]  # those to be translated
    write: Callable[[], bytes]

    @property
    def sources(self) -> list[str]:
        """The lines to translate: text without elements, or with symbols for them; none of them blank."""
        return [text for unit in self.units for text in unit.layout.texts]

    @property
    def numbers(self) -> list[int]:
        """The number of the unit that each of :attr:`sources` is from."""
        return [unit.number for unit in self.units for _ in unit.layout.texts]

    def show_elements(self) -> None:
        """Let :attr:`sources` hold symbols for inline elements, for a model that knows where these go."""
        for unit in self.units:
            unit.layout.with_symbols = True

    def fill(self, translations: Sequence[str]) -> None:
        """Put translations of all :attr:`sources` in their places; blank ones change nothing."""
        assert len(translations) == len(self.sources)
        left = iter(translations)
        for unit in self.units:
            lines = list(islice(left, len(unit.layout.texts)))
            if not lines or any(map(without_symbols, lines)):
                unit.put(unit.layout.fill(lines))

    def to_bytes(self) -> bytes:
        """Return the document as a file in the encoding it was read in."""
        return self.write()

    def save(self, path: Path) -> None:
        """Write the document to a file, whole or not at all. Raises :class:`WriteError`."""
        content = self.to_bytes()
        write_whole(path, lambda beside: beside.write_bytes(content))


def is_of(there: str, wanted: str) -> bool:
    """Return whether a code is of the language wanted: ``pt_BR`` is of ``pt``, and not of ``pt_PT``."""
    return there == wanted or (languages.alike(there, wanted) and languages.primary(there) in (there, wanted))


def differ(there: Languages, wanted: Languages) -> bool:
    """Return whether two pairs of codes, as far as they are known, are of different languages."""
    pairs = zip(there, wanted, strict=True)
    return any(one and other and not languages.alike(one, other) for one, other in pairs)


def shown(pair: Languages) -> str:
    """Return a pair of languages for a message."""
    return " to ".join(code or "?" for code in pair)


def is_swapped(name: str, there: Languages, asked: Languages) -> bool:
    """Return whether the direction asked for is opposite to the document's. Raises :class:`DataError`."""
    if not differ(there, asked):
        return False
    if differ(there[::-1], asked):
        raise DataError(f"{name}: it is {shown(there)}, and {shown(asked)} was asked for")
    return True


def agreed(name: str, there: Languages, asked: Languages, known: Languages) -> Languages:
    """Return the languages to translate between: the document's, else those asked for, else the run's.

    Raises :class:`DataError` where the document contradicts the others.
    """
    wanted = asked if any(asked) else known
    if differ(there, wanted):
        if any(asked):
            raise DataError(f"{name}: it is {shown(there)}, and {shown(asked)} was asked for")
        raise DataError(
            f"{name}: it is {shown(there)}, and this run translates {shown(known)}; use another run, "
            f"or insist with --languages {languages.joined(*there) or 'en-fr'}"
        )
    return there[0] or wanted[0], there[1] or wanted[1]
