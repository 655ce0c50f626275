"""TMX, the format of translation memories: streamed as pairs, or filled with translations.

A unit (``<tu>``) holds a variant (``<tuv>``) for each language; files of more than two languages are read two
at a time. The codes of formatting (``<bpt> <ept> <it> <ph> <ut>``) are no text; ``<hi>`` wraps some. A new
variant gets ``creationid="MT!"``, the usual mark of machine translation in a TMX file.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain, islice
from typing import Any, BinaryIO

from seqformer.errors import DataError
from seqformer.formats import markup
from seqformer.formats.inline import Item, Layout, plain
from seqformer.formats.units import Document, Unit, is_of
from seqformer.text import languages
from seqformer.text.faults import Faults
from seqformer.text.languages import Languages

PEEK = 1000  # units that are looked at for their languages
WRAPPING = ("hi",)
MT = "MT!"
Pair = tuple[str, str]


@dataclass(frozen=True)
class _Unit:
    line: int
    source: str  # the code of its language, where the file says
    variants: list[tuple[str, str]]  # code, text


def _code(element: Any) -> str:
    return languages.code(element.get(f"{markup.XML}lang") or element.get("lang") or "")


def _units(content: BinaryIO, name: str) -> Iterator[_Unit]:
    source = ""
    for element in markup.stream(content, name, ("header", "tu")):
        own = languages.code(element.get("srclang") or "")
        if markup.local(element) == "header":
            source = own
            continue
        variants = []
        for variant in element.iterchildren(markup.beside(element, "tuv")):
            segment = markup.child(variant, "seg")
            text = "" if segment is None else plain(markup.items(segment, WRAPPING, name))
            variants.append((_code(variant), text))
        yield _Unit(element.sourceline, own or source, variants)


def _listed(codes: Iterable[str]) -> str:
    return ", ".join(sorted(codes)) or "none is named"


def _only(name: str, codes: Counter[str], source: str) -> Languages:
    """Return the two languages of a file, its source first. Raises :class:`DataError`."""
    if len(codes) != 2:
        raise DataError(
            f"{name}: the languages in it are {_listed(codes)}; choose two of them, such as --languages en-fr"
        )
    first, second = codes
    return (second, first) if is_of(second, source) and not is_of(first, source) else (first, second)


def read_pairs(
    content: BinaryIO, name: str, asked: Languages, faults: Faults | None
) -> tuple[Iterator[Pair], Languages]:
    """Return the pairs of a TMX file, as they are read, and their languages.

    ``asked`` chooses two; without, the file must be in two. Raises :class:`DataError`.
    """
    units = _units(content, name)
    first = list(islice(units, PEEK))
    codes = Counter(code for unit in first for code, _ in unit.variants if code)
    chosen = asked if all(asked) else _only(name, codes, next((u.source for u in first if u.source), ""))
    return _pairs(chain(first, units), name, chosen, faults, strict=not all(asked)), chosen


def _pairs(
    units: Iterable[_Unit], name: str, chosen: Languages, faults: Faults | None, *, strict: bool
) -> Iterator[Pair]:
    codes: Counter[str] = Counter()
    if faults is not None:
        faults.begin(name, name)
    for unit in units:
        codes.update(code for code, _ in unit.variants if code)
        if strict and len(codes) > 2:
            _only(name, codes, "")
        if faults is not None:
            faults.line = unit.line
        sources, targets = (_texts(unit, wanted) for wanted in chosen)
        yield from ((sources[0], target) for target in targets if sources)
        if faults is not None and not (sources and targets):
            faults.skip("no target" if sources else "no source", (sources + targets + [""])[0])
    for wanted in chosen:
        alike = [code for code in codes if is_of(code, wanted)]
        if not alike:
            raise DataError(f"{name}: no {wanted} in it; the languages in it are {_listed(codes)}")
        if faults is not None and len(alike) > 1:
            faults.remark(f"{name}: {_listed(alike)} are all read as {wanted}")


def _texts(unit: _Unit, wanted: str) -> list[str]:
    """Return the texts in a language: those of exactly its code, else of others of the language."""
    exact = [text for code, text in unit.variants if code == wanted and text]
    return exact or [text for code, text in unit.variants if is_of(code, wanted) and text]


def open_document(
    content: bytes, name: str, asked: Languages, known: Languages, retranslate: bool
) -> Document:
    """Return a TMX file whose units lack, or are to get anew, a variant in the target language."""
    tree = markup.parse(content, name)
    root = tree.getroot()
    elements = list(markup.units(root, markup.beside(root, "tu"), name))
    variants = [list(unit.iterchildren(markup.beside(root, "tuv"))) for unit in elements]
    codes = Counter(code for each in chain(*variants) if (code := _code(each)))
    header = markup.child(root, "header")
    told = languages.code(header.get("srclang") or "") if header is not None else ""
    chosen = next((pair for pair in (asked, known) if all(pair)), None) or _only(name, codes, told)
    if elements and not any(is_of(code, chosen[0]) for code in codes):
        raise DataError(f"{name}: no {chosen[0]} in it; the languages in it are {_listed(codes)}")
    tag = next((_tag(each) for each in chain(*variants) if is_of(_code(each), chosen[1])), None)
    writing = tag or chosen[1].replace("_", "-")
    units = []
    for number, inside in enumerate(variants, 1):
        source, target = (_variant(inside, wanted) for wanted in chosen)
        segment = None if source is None else markup.child(source, "seg")
        if segment is None:
            continue
        layout = Layout(markup.items(segment, WRAPPING, name), by_line=True)
        if layout.texts and (retranslate or not _is_translated(target, name)):
            units.append(Unit(number, layout, _Put(source, target, writing)))
    return Document("tmx", chosen, len(elements), units, lambda: markup.to_bytes(tree, content))


def _tag(variant: Any) -> str:
    return str(variant.get(f"{markup.XML}lang") or variant.get("lang"))


def _variant(variants: list[Any], wanted: str) -> Any:
    """Return the first variant of exactly this code, else of the language, or None."""
    exact = (each for each in variants if _code(each) == wanted)
    alike = (each for each in variants if is_of(_code(each), wanted))
    return next(chain(exact, alike), None)


def _is_translated(variant: Any, name: str) -> bool:
    segment = None if variant is None else markup.child(variant, "seg")
    return segment is not None and bool(plain(markup.items(segment, WRAPPING, name)))


@dataclass
class _Put:
    """Puts a translation into the variant of the target language, a new one if there is none."""

    source: Any
    target: Any
    tag: str

    def __call__(self, content: list[Item]) -> None:
        """Put it there."""
        if self.target is None:
            self.target = self._new()
        segment = markup.child(self.target, "seg")
        if segment is None:
            segment = self.target.makeelement(markup.beside(self.target, "seg"))
            segment.tail = markup.child(self.source, "seg").tail
            self.target.append(segment)
        markup.fill(segment, content)
        self.target.set("creationid", MT)

    def _new(self) -> Any:
        new = markup.after(self.source.getparent().findall(self.source.tag)[-1], "tuv")
        new.text = self.source.text
        named = f"{markup.XML}lang" if f"{markup.XML}lang" in self.source.attrib else "lang"
        new.set(named, self.tag)
        return new
