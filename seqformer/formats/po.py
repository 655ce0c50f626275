r"""PO, the format of gettext: read as pairs, or filled with translations.

A file is edited as text: only the lines of a translation and of its flags change, and all else stays the same
to the byte. That needs no library, and none does it: translate-toolkit (GPL, Python 3.11) and polib (last
released in 2023) both write comments and flags in another order, and polib the header too.

What machine translation fills is marked fuzzy, as pretranslating tools do: programs leave it out until
somebody has looked at it. A fuzzy entry counts as untranslated. The first of several plural forms translates
``msgid``, the others ``msgid_plural``.
"""

from __future__ import annotations

import codecs
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial

from seqformer.errors import DataError
from seqformer.formats.inline import Item, Layout, plain
from seqformer.formats.units import Document, Unit, agreed, is_swapped
from seqformer.text import languages
from seqformer.text.faults import Faults
from seqformer.text.languages import Languages

Pair = tuple[str, str]
_KEYWORD = re.compile(r"(msgctxt|msgid_plural|msgid|msgstr|domain)(?:\[(\d{1,2})\])?(?=[\s\"])")
_STRING = re.compile(r'\s*"([^"\\]*(?:\\.[^"\\]*)*)"')
_ESCAPE = re.compile(r"\\(x[0-9A-Fa-f]{1,2}|[0-7]{1,3}|.)")
_ESCAPED = {"n": "\n", "t": "\t", "r": "\r", "a": "\a", "b": "\b", "f": "\f", "v": "\v"}
_TO_ESCAPE = str.maketrans({"\\": "\\\\", '"': '\\"', **{c: f"\\{name}" for name, c in _ESCAPED.items()}})
_CHARSET = re.compile(rb"charset=([A-Za-z0-9_.:-]+)")
# the encodings that gettext reads; Python knows others, which take a time that is quadratic in the length
_ENCODINGS = re.compile(r"utf-8|ascii|iso8859|cp\d|koi8|euc_|gb|big5|shift_jis|johab|tis")
HEAD = 1 << 16  # bytes in which the header must be, where it names an encoding


@dataclass(frozen=True)
class _Field:
    """A keyword and its text, on the lines from ``first`` to before ``end``, counted from 0."""

    keyword: str  # msgid, msgstr, msgstr[0] …
    text: str
    first: int
    end: int


@dataclass
class _Entry:
    """One message: the comments above it, by their lines, and its fields."""

    comments: dict[int, str] = field(default_factory=dict)
    fields: dict[str, _Field] = field(default_factory=dict)

    @property
    def targets(self) -> list[_Field]:
        """The translation, or all its plural forms in order."""
        forms = [each for name, each in self.fields.items() if name.startswith("msgstr")]
        return sorted(forms, key=lambda each: int(each.keyword[7:-1] or 0))

    def source_of(self, index: int) -> str:
        """Return the text that a plural form translates."""
        several = "msgid_plural" in self.fields and (index > 0 or len(self.targets) == 1)
        return self.fields["msgid_plural" if several else "msgid"].text

    @property
    def flags(self) -> int | None:
        """The line of the flags."""
        return next((number for number, text in self.comments.items() if text.startswith("#,")), None)

    @property
    def is_fuzzy(self) -> bool:
        """Whether the translation is only a guess."""
        flags = ",".join(text[2:] for text in self.comments.values() if text.startswith("#,"))
        return "fuzzy" in [flag.strip() for flag in flags.split(",")]

    @property
    def begin(self) -> int:
        """The line before which flags stand: that of the previous message, or of the message."""
        previous = (number for number, text in self.comments.items() if text.startswith("#|"))
        return min([*previous, *(each.first for each in self.fields.values())])


class _File:
    """A PO file: its lines, and its entries without the header and the obsolete ones."""

    def __init__(self, content: bytes, name: str) -> None:
        self.name, self.encoding = name, _encoding(content, name)
        try:
            text = content.decode(self.encoding)
        except UnicodeError as error:
            raise DataError(f"{name}: not {self.encoding}, as it says ({error})") from None
        self.lines = list(io.StringIO(text, newline=""))
        self.obsolete: list[int] = []  # the lines of their msgid
        entries = list(self._entries())
        self.entries = [entry for entry in entries if entry.fields["msgid"].text]
        headers = (entry for entry in entries if entry.fields.keys() == {"msgid", "msgstr"})
        self.header = next(
            (each.fields["msgstr"].text for each in headers if not each.fields["msgid"].text), ""
        )

    @property
    def languages(self) -> Languages:
        """The languages that the header names; the source is seldom among them."""
        return self._named("X-Source-Language"), self._named("Language")

    def _named(self, key: str) -> str:
        values = (line.split(":", 1)[1] for line in self.header.split("\n") if line.startswith(f"{key}:"))
        return languages.code(next(values, "").split("@")[0])

    def _bad(self, number: int, why: str) -> DataError:
        return DataError(f"{self.name}, line {number + 1}: {why}; no PO file, or not a whole one")

    def _entries(self) -> Iterator[_Entry]:
        entry = _Entry()
        for each in self._parsed():
            if isinstance(each, _Field):
                ends = each.keyword in ("msgctxt", "msgid") and "msgid" in entry.fields
            else:
                ends = bool(entry.targets)
            if ends:
                yield self._whole(entry)
                entry = _Entry()
            if isinstance(each, int):
                text = self.lines[each].strip()
                entry.comments[each] = text
                if text.startswith("#~"):  # the comments are an obsolete entry's
                    entry.comments.clear()
                    self.obsolete += [each] * text[2:].lstrip().startswith("msgid ")
            elif each.keyword in entry.fields:
                raise self._bad(each.first, f"a second {each.keyword}")
            else:
                entry.fields[each.keyword] = each
        if entry.fields:
            yield self._whole(entry)

    def _whole(self, entry: _Entry) -> _Entry:
        if "msgid" not in entry.fields or not entry.targets:
            last = max(each.end for each in entry.fields.values())
            raise self._bad(last - 1, f"an entry without {'msgstr' if 'msgid' in entry.fields else 'msgid'}")
        return entry

    def _parsed(self) -> Iterator[_Field | int]:
        """Yield the fields, and the lines of comments."""
        keyword, texts, first, end = "", [""], 0, 0
        for number, line in enumerate(self.lines):
            text = line.strip()
            match = _KEYWORD.match(text)
            if keyword and (match or text.startswith("#")):
                yield _Field(keyword, "".join(texts), first, end)
                keyword = ""
            if match and match[1] != "domain":
                keyword = match[1] if match[2] is None else f"{match[1]}[{int(match[2])}]"
                first, end, texts = number, number + 1, [self._text(text[match.end() :], number)]
            elif text.startswith("#"):
                yield number
            elif text.startswith('"') and keyword:
                texts.append(self._text(text, number))
                end = number + 1
            elif text and not match:
                raise self._bad(number, "neither a keyword nor a text in quotes")
        if keyword:
            yield _Field(keyword, "".join(texts), first, end)

    def _text(self, quoted: str, number: int) -> str:
        at, texts = 0, []
        while match := _STRING.match(quoted, at):
            texts.append(match[1])
            at = match.end()
        if not texts or quoted[at:].strip():
            raise self._bad(number, "a text that does not end in its line")
        return _ESCAPE.sub(_character, "".join(texts))


def _character(match: re.Match[str]) -> str:
    code = match[1]
    if code[0] == "x" and len(code) > 1:
        return chr(int(code[1:], 16))
    if code[0] in "01234567":
        return chr(int(code, 8))
    return _ESCAPED.get(code, code)


def _encoding(content: bytes, name: str) -> str:
    """Return the encoding of a file: that of its byte order mark, or of its header, or UTF-8."""
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    if content.startswith(codecs.BOM_UTF8):
        return "utf-8-sig"
    match = _CHARSET.search(content[:HEAD])
    said = match[1].decode() if match else "utf-8"
    if said.upper() == "CHARSET":  # as templates have it
        return "utf-8"
    try:
        known = codecs.lookup(said).name
    except LookupError:
        known = ""
    if not _ENCODINGS.match(known):
        raise DataError(f"{name}: its encoding is {said}, which is not read; convert it: msgconv -t UTF-8")
    return known


def read_pairs(
    content: bytes, name: str, asked: Languages, faults: Faults | None
) -> tuple[Iterator[Pair], Languages]:
    """Return the translated messages of a PO file as pairs, and its languages. Raises :class:`DataError`."""
    file = _File(content, name)
    there, pairs = file.languages, _pairs(file, faults)
    if is_swapped(name, there, asked):
        return ((source, target) for target, source in pairs), there[::-1]
    return pairs, there


def _pairs(file: _File, faults: Faults | None) -> Iterator[Pair]:
    if faults is not None:
        faults.begin(file.name, file.name)
        for faults.line in (number + 1 for number in file.obsolete):
            faults.skip("obsolete", file.lines[faults.line - 1].strip())
    for entry in file.entries:
        for index, target in enumerate(entry.targets):
            if faults is not None:
                faults.line = target.first + 1
            source, translation = plain([entry.source_of(index)]), plain([target.text])
            if translation and not entry.is_fuzzy:
                yield source, translation
            elif faults is not None:
                faults.skip("fuzzy" if translation else "no target", source)


def open_document(
    content: bytes, name: str, asked: Languages, known: Languages, retranslate: bool
) -> Document:
    """Return a PO file whose messages lack, or are to get anew, a translation."""
    file = _File(content, name)
    pair = agreed(name, file.languages, asked, known)
    edits: dict[int, tuple[int, str]] = {}
    units = []
    for number, entry in enumerate(file.entries, 1):
        anew = retranslate or entry.is_fuzzy
        for index, target in enumerate(entry.targets):
            layout = Layout([entry.source_of(index)], by_line=True)
            if layout.texts and (anew or not target.text.strip()):
                units.append(Unit(number, layout, partial(_put, file, edits, entry, target)))
    return Document("po", pair, len(file.entries), units, lambda: _written(file, edits))


def _put(
    file: _File, edits: dict[int, tuple[int, str]], entry: _Entry, target: _Field, content: list[Item]
) -> None:
    """Note the new lines of a translation, and of the flags: first line -> the line after, the text."""
    line = file.lines[target.first]
    end = line[len(line.rstrip("\r\n")) :] or "\n"
    text = "".join(item for item in content if isinstance(item, str))
    parts = [part.translate(_TO_ESCAPE) for part in text.splitlines(keepends=True)]
    quoted = [f'"{part}"' for part in (parts if len(parts) == 1 else ["", *parts])]
    edits[target.first] = (target.end, f"{target.keyword} {end.join(quoted)}{end}")
    if entry.flags is None:
        edits[entry.begin] = (entry.begin, f"#, fuzzy{end}")
    elif not entry.is_fuzzy:
        flags = entry.comments[entry.flags][2:].strip()
        edits[entry.flags] = (entry.flags + 1, f"#, fuzzy, {flags}{end}")


def _written(file: _File, edits: dict[int, tuple[int, str]]) -> bytes:
    at, parts = 0, []
    for first, (end, text) in sorted(edits.items()):
        parts += [*file.lines[at:first], text]
        at = end
    try:
        return "".join([*parts, *file.lines[at:]]).encode(file.encoding)
    except UnicodeEncodeError as error:
        raise DataError(
            f"{file.name}: {file.encoding} has no {error.object[error.start]!r}, which a translation needs; "
            "convert the file first: msgconv -t UTF-8"
        ) from None
