"""XLIFF 1.2 and 2: read as pairs, or filled with translations.

A unit is translated if its ``<target>`` holds text and its state is not one that says otherwise: ``new`` and
``needs-translation`` (1.2), ``initial`` (2). What machine translation fills gets these states:

    1.2   needs-review-translation, with the qualifier leveraged-mt, as Smartcat and Globalese write it;
          a unit that was approved is so no longer
    2     translated, which comes before reviewed and final, with the substate seqformer:mt

Units and elements with ``translate="no"`` are left alone. Where ``<seg-source>`` cuts a unit of 1.2 into
segments, each is translated by itself.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

from seqformer.errors import DataError
from seqformer.formats import markup
from seqformer.formats.inline import Item, Layout, Mark, plain
from seqformer.formats.units import Document, Unit, agreed, differ, is_swapped, shown
from seqformer.text import languages
from seqformer.text.faults import Faults
from seqformer.text.languages import Languages

WRAPPING = ("g", "mrk", "pc")
UNTRANSLATED = ("new", "needs-translation", "initial")
Pair = tuple[str, str]


@dataclass(frozen=True)
class _Segment:
    """A source and what holds its translation, if anything does."""

    unit: Any
    number: int  # of the unit
    source: Any
    target: Any  # or None
    state: str
    put: Callable[[list[Item]], None]  # puts a translation in its place


@dataclass(frozen=True)
class _Part:
    """A ``<file>`` of XLIFF 1.2, or a whole file of XLIFF 2: the languages are those of its attributes."""

    element: Any
    languages: Languages


def _parts(root: Any, name: str) -> list[_Part]:
    """Return the parts of a file. Raises :class:`DataError` for a version that nothing here reads."""
    version = root.get("version") or ""
    if version.startswith("1."):
        files = root.findall(markup.beside(root, "file"))
        return [_Part(each, _languages(each, "source-language", "target-language")) for each in files]
    if version.startswith("2."):
        return [_Part(root, _languages(root, "srcLang", "trgLang"))]
    raise DataError(f"{name}: XLIFF of version {version or '(none)'}; 1.2 and 2 are read")


def _languages(element: Any, source: str, target: str) -> Languages:
    return languages.code(element.get(source) or ""), languages.code(element.get(target) or "")


def _segments(part: _Part, first: int, name: str) -> Iterator[_Segment]:
    """Yield the segments of a part in order; its units are numbered from ``first``."""
    is_new = markup.local(part.element) == "xliff"
    tag = markup.beside(part.element, "unit" if is_new else "trans-unit")
    for number, unit in enumerate(markup.units(part.element, tag, name), first):
        if not is_new:
            yield from _old_segments(unit, number)
            continue
        for segment in unit.findall(markup.beside(unit, "segment")):
            source, target = (markup.child(segment, side) for side in ("source", "target"))
            state = segment.get("state") or ""
            yield _Segment(unit, number, source, target, state, partial(_put_segment, segment))


def _old_segments(unit: Any, number: int) -> Iterator[_Segment]:
    source, target = markup.child(unit, "source"), markup.child(unit, "target")
    state = "" if target is None else target.get("state") or ""
    cut, there = _cut(markup.child(unit, "seg-source")), _cut(target)
    is_whole = target is not None and not there and state not in UNTRANSLATED and _has_text(target)
    if not cut or is_whole:
        yield _Segment(unit, number, source, target, state, partial(_put_unit, unit))
        return
    put = _PutCut(unit)
    for segment_id, segment in cut.items():
        yield _Segment(unit, number, segment, there.get(segment_id), state, partial(put, segment_id))


def _has_text(element: Any) -> bool:
    return any(text.strip() for text in element.itertext())


def _cut(element: Any) -> dict[str, Any]:
    """Return the segments that an element of XLIFF 1.2 is cut into, by their ids."""
    if element is None:
        return {}
    marks = element.iter(markup.beside(element, "mrk"))
    return {mark.get("mid") or "": mark for mark in marks if mark.get("mtype") == "seg"}


def _is_empty(target: Any, name: str) -> bool:
    return target is None or not plain(markup.items(target, WRAPPING, name))


def read_pairs(
    content: bytes, name: str, asked: Languages, faults: Faults | None
) -> tuple[Iterator[Pair], Languages]:
    """Return the translated segments of an XLIFF file as pairs, and their languages.

    ``asked`` chooses among the parts of a file of several languages. Raises :class:`DataError`.
    """
    parts = _parts(markup.parse(content, name).getroot(), name)
    chosen = [part for part in parts if not differ(part.languages, asked)]
    swapped = not chosen and bool(parts) and is_swapped(name, parts[0].languages, asked)
    if swapped:
        chosen = [part for part in parts if not differ(part.languages[::-1], asked)]
    kinds = list(dict.fromkeys(part.languages for part in chosen))
    if any(differ(kinds[0], other) for other in kinds[1:]):
        listed = ", ".join(map(shown, kinds))
        raise DataError(f"{name}: it is in several languages ({listed}); choose with --languages en-fr")
    there = kinds[0] if kinds else ("", "")
    pairs = _pairs(chosen, name, faults)
    if swapped:
        return ((source, target) for target, source in pairs), there[::-1]
    return pairs, there


def _pairs(parts: list[_Part], name: str, faults: Faults | None) -> Iterator[Pair]:
    if faults is not None:
        faults.begin(name, name)
    for part in parts:
        for each in _segments(part, 1, name):
            if faults is not None:
                faults.line = each.unit.sourceline
            source, target = (
                "" if element is None else plain(markup.items(element, WRAPPING, name))
                for element in (each.source, each.target)
            )
            if source and target and each.state not in UNTRANSLATED:
                yield source, target
            elif faults is not None:
                faults.skip("no target" if source else "no source", source or target)


def open_document(
    content: bytes, name: str, asked: Languages, known: Languages, retranslate: bool
) -> Document:
    """Return an XLIFF file whose segments lack, or are to get anew, a translation."""
    tree = markup.parse(content, name)
    parts = _parts(tree.getroot(), name)
    wanted = asked if any(asked) else known
    fitting = [part for part in parts if not differ(part.languages, wanted)]
    there = (fitting or parts)[0].languages if parts else ("", "")
    pair = agreed(name, there, asked, known)
    if any(differ(part.languages, pair) for part in fitting):
        raise DataError(f"{name}: it is in several languages; choose with --languages en-fr")
    units: list[Unit] = []
    total = 0
    for part in parts:
        segments = list(_segments(part, total + 1, name))
        total = segments[-1].number if segments else total
        if differ(part.languages, wanted):
            continue
        wanting = [each for each in segments if _is_wanted(each, name, retranslate)]
        units += [Unit(each.number, _layout(each, name), each.put) for each in wanting]
        if wanting:
            _name_target(part, pair[1], name)
    return Document("xliff", pair, total, units, lambda: markup.to_bytes(tree, content))


def _is_wanted(segment: _Segment, name: str, retranslate: bool) -> bool:
    """Return whether a segment is to be translated."""
    if segment.source is None or not _is_open(segment.unit):
        return False
    content = markup.items(segment.source, WRAPPING, name)
    if not plain(content):  # elements alone are copied
        return any(isinstance(item, Mark) for item in content) and segment.target is None
    return retranslate or segment.state in UNTRANSLATED or _is_empty(segment.target, name)


def _is_open(unit: Any) -> bool:
    """Return whether a unit may be translated, as it or the nearest element around it says."""
    said = (each.get("translate") for each in (unit, *unit.iterancestors()))
    return next((text for text in said if text), "yes") != "no"


def _layout(segment: _Segment, name: str) -> Layout:
    around = (segment.source, *segment.source.iterancestors())
    space = next((text for each in around if (text := each.get(f"{markup.XML}space"))), "default")
    return Layout(markup.items(segment.source, WRAPPING, name), by_line=space == "preserve")


def _name_target(part: _Part, target: str, name: str) -> None:
    """Write the target language into a part that lacks it; XLIFF 2 demands it where there are targets."""
    if part.languages[1]:
        return
    is_new = markup.local(part.element) == "xliff"
    if target:
        part.element.set("trgLang" if is_new else "target-language", target.replace("_", "-"))
    elif is_new:
        raise DataError(f"{name}: it does not say into which language; say it with --languages en-fr")


def _put_segment(segment: Any, content: list[Item]) -> None:
    """Put a translation into a segment of XLIFF 2."""
    target = markup.child(segment, "target")
    if target is None:
        target = markup.after(markup.child(segment, "source"), "target")
    markup.fill(target, content)
    segment.set("state", "translated")
    segment.set("subState", "seqformer:mt")


def _put_unit(unit: Any, content: list[Item]) -> None:
    """Put a translation into a unit of XLIFF 1.2."""
    markup.fill(_target(unit), content)


def _target(unit: Any) -> Any:
    """Return the target of a unit of XLIFF 1.2, a new one if there is none, marked as machine translation."""
    target = markup.child(unit, "target")
    if target is None:
        cut = markup.child(unit, "seg-source")
        target = markup.after(markup.child(unit, "source") if cut is None else cut, "target")
    target.set("state", "needs-review-translation")
    target.set("state-qualifier", "leveraged-mt")
    if unit.get("approved") == "yes":
        unit.set("approved", "no")
    return target


class _PutCut:
    """Puts translations into the segments of a unit of XLIFF 1.2, whose target is cut as its source is."""

    def __init__(self, unit: Any) -> None:
        self._unit = unit
        self._places: dict[str, Any] = {}

    def __call__(self, segment_id: str, content: list[Item]) -> None:
        """Put a translation into one segment."""
        self._places = self._places or self._made()
        markup.fill(self._places[segment_id], content)

    def _made(self) -> dict[str, Any]:
        target, model = _target(self._unit), copy.deepcopy(markup.child(self._unit, "seg-source"))
        held, places = _cut(target), _cut(model)
        if places.keys() <= held.keys():
            return held
        for segment_id, segment in places.items():
            old = held.get(segment_id)
            markup.fill(segment, [] if old is None else markup.items(old, WRAPPING, ""))
        del target[:]
        target.text = model.text
        target.extend(list(model))
        return places
