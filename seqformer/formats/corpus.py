"""Sentence pairs from the files that people have: what kind each is, decided here, and by what it holds.

    open_corpus     one or several tables or documents, or two aligned files, in any order of these
    read_aligned    two files whose lines n translate each other
    read_lines      one file of sentences

Every file may be packed (:mod:`seqformer.formats.streams`) and in UTF-8, UTF-16 or UTF-32
(:mod:`seqformer.formats.encodings`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, zip_longest
from pathlib import Path

from seqformer.errors import DataError
from seqformer.formats import columns as choosing
from seqformer.formats import documents, encodings, streams, tables
from seqformer.formats.columns import Columns
from seqformer.formats.lines import decoded
from seqformer.formats.streams import Stream
from seqformer.text import languages
from seqformer.text.faults import Faults
from seqformer.text.languages import Languages
from seqformer.text.rows import Pair

UNKNOWN: Languages = ("", "")
SAMPLE_LINES, SAMPLE_BYTES = 1000, 4 << 20  # that are looked at before a pair is kept
_ENGLISH = frozenset(("the", "i", "you", "is", "to", "of", "and", "he", "she", "it", "was", "that", "are"))
_SIDES = {"source": 0, "src": 0, "target": 1, "tgt": 1, "trg": 1}


@dataclass(frozen=True)
class Corpus:
    """Pairs, to be read once, and their languages as far as the files say them."""

    pairs: Iterator[Pair]
    languages: Languages


def open_corpus(
    paths: Sequence[Path], faults: Faults, *, asked: Languages = UNKNOWN, columns: Columns = None
) -> Corpus:
    """Open the files of a corpus; the first lines of the first are looked at now, the others in their turn.

    ``asked`` are languages, which choose where a file has more than two; ``columns`` two columns of every
    table. What was recognised, skipped or chosen is remarked in ``faults``. Raises :class:`DataError`.
    """
    streams.check(paths)
    aligned = aligned_files(paths, asked)
    if aligned:
        source, target = aligned
        if columns:
            raise DataError(
                f"columns do nothing with {source.name} and {target.name}, which are aligned files"
            )
        faults.remark(f"{source} is the source, {target} the target, line by line")
        return Corpus(read_aligned(source, target, faults), side_languages(source, target))
    named = choosing.parse(columns)
    first = _File(paths[0], faults, named, asked)
    return Corpus(_read_all(first, paths, named, asked), first.languages)


def _read_all(first: _File, paths: Sequence[Path], named: list[str], asked: Languages) -> Iterator[Pair]:
    yield from first.pairs()
    for path in paths[1:]:
        file = _File(path, first.faults, named, asked)
        mine, others = file.languages, first.languages
        if all(mine) and all(others) and mine != others:
            raise DataError(
                f"{path} is {languages.joined(*mine)} and {paths[0]} {languages.joined(*others)}: "
                "prepare files of other languages on their own"
            )
        yield from file.pairs()


class _File:
    """A table or a document that is open; what it is has been recognised."""

    def __init__(self, path: Path, faults: Faults, named: list[str], asked: Languages) -> None:
        self.path, self.faults = path, faults
        self._file = streams.open_bytes(path)
        try:
            self._pairs, self.languages = self._recognised(named, asked)
        except BaseException:
            self._file.close()
            raise

    def pairs(self) -> Iterator[Pair]:
        """Yield the pairs, and close the file."""
        self.faults.begin(str(self.path), str(self.path))
        with self._file:
            yield from self._pairs

    def _recognised(self, named: list[str], asked: Languages) -> tuple[Iterator[Pair], Languages]:
        document = _document(self._file, str(self.path), asked, self.faults)
        if document:
            if named:
                raise DataError(f"{self.path}: columns do nothing here, for it is no table")
            return document
        sample, lines = _lines(self._file, str(self.path))
        try:
            table = tables.recognise(sample, named, asked)
        except DataError as error:
            where = "," if str(error).startswith("line ") else ":"
            raise DataError(f"{self.path}{where} {error}") from None
        for remark in table.remarks:
            self.faults.remark(f"{self.path}: {remark}")
        found = table.choice.languages
        if not all(found):
            found = _named_languages(self.path, table, sample)
        return tables.read(table, lines, self.faults), found


def _document(
    file: Stream, name: str, asked: Languages, faults: Faults
) -> tuple[Iterator[Pair], Languages] | None:
    """Return the pairs and the languages of a TMX, XLIFF or PO file; None for another."""
    kind = documents.kind(file.peek(streams.HEAD)[: streams.HEAD])
    if not kind:
        return None
    faults.begin(name, name)  # what is looked at now may have faults, too
    return documents.read_pairs(file, kind, name, asked, faults)


def _lines(file: Stream, name: str) -> tuple[list[bytes], Iterator[bytes]]:
    """Return the first lines of a file, in UTF-8, and all of them. Raises :class:`DataError`."""
    lines = encodings.utf8_lines(file, name)
    sample: list[bytes] = []
    size = 0
    for line in lines:
        sample.append(line)
        size += len(line)
        if len(sample) == SAMPLE_LINES or size >= SAMPLE_BYTES:
            break
    encodings.check(sample, name)
    return sample, chain(sample, lines)


def read_lines(path: Path) -> Iterator[str]:
    """Yield the lines of a file, ended by LF or CR LF and by nothing else. Raises :class:`DataError`."""
    with streams.open_bytes(path) as file:
        for number, raw in enumerate(_lines(file, str(path))[1], 1):
            yield _text(raw, path, number)


def count_lines(path: Path) -> int:
    """Return how many lines a file has. Raises :class:`DataError`."""
    with streams.open_bytes(path) as file:
        return sum(1 for _ in encodings.utf8_lines(file, str(path)))


def _text(raw: bytes, path: Path, number: int) -> str:
    try:
        return raw.removesuffix(b"\r").decode("utf-8")
    except UnicodeDecodeError as error:
        raise DataError(
            f"{path}, line {number}: not UTF-8 (byte {error.start + 1} of the line); "
            "convert the file first, for example with: iconv -f latin1 -t utf-8"
        ) from None


def read_aligned(source: Path, target: Path, faults: Faults | None = None) -> Iterator[Pair]:
    """Yield line n of one file with line n of the other; both must have equally many lines.

    With ``faults`` a pair with bytes that are not UTF-8 is noted; without, :class:`DataError` is raised.
    """
    if faults is not None:
        faults.begin(str(source), str(target))
    with streams.open_bytes(source) as one, streams.open_bytes(target) as other:
        both = zip_longest(_lines(one, str(source))[1], _lines(other, str(target))[1])
        for number, (left, right) in enumerate(both, 1):
            if left is None or right is None:
                short, long = (source, target) if left is None else (target, source)
                raise DataError(
                    f"{short} ends after line {number - 1} but {long} goes on; "
                    "line n of one file must translate line n of the other"
                )
            if faults is None:
                yield _text(left, source, number), _text(right, target, number)
                continue
            faults.line = number
            first = decoded(left, faults, 0)
            second = None if first is None else decoded(right, faults, 1)
            if first is not None and second is not None:
                yield first, second


# --- what names say -------------------------------------------------------------------------------------


def corpus_name(paths: Iterable[Path]) -> str:
    """Return a name for what is made of files: that of the file; ``train.en-fr`` of train.en and train.fr."""
    stems = [streams.plain_name(path) for path in paths]
    if len(stems) == 2 and Path(stems[0]).stem == Path(stems[1]).stem:
        return stems[0] + "-" + Path(stems[1]).suffix.lstrip(".")
    return Path(stems[0]).stem


def side_languages(source: Path, target: Path) -> Languages:
    """Return the languages of two aligned files by their endings, as of ``train.en`` and ``train.fr.gz``."""
    sides = [languages.named(_side(streams.plain_name(path))[1]) for path in (source, target)]
    return (sides[0], sides[1]) if all(sides) and sides[0] != sides[1] else UNKNOWN


def _side(name: str) -> tuple[str, str]:
    """Return a name without its last part, and that: the language, or the side, of an aligned file."""
    parts = re.split(r"[._-]", name.removesuffix(".txt").rpartition("/")[2])
    return "/".join(parts[:-1]), parts[-1]


def aligned_files(paths: Sequence[Path], asked: Languages) -> tuple[Path, Path] | None:
    """Return source and target where the files are two whose names differ in the language or the side.

    The two may be the members of a zip archive. The languages asked for say which is the source; without
    them it is the first.
    """
    if len(paths) == 1:
        names = streams.members(paths[0])
        pair = [Path(f"{paths[0]}:{name}") for name in names]
    else:
        names, pair = [streams.plain_name(path) for path in paths], list(paths)
    if len(names) != 2:
        return None
    (stem, one), (other_stem, other) = map(_side, names)
    if stem != other_stem or one == other:
        return None
    sides = [_SIDES.get(one.casefold()), _SIDES.get(other.casefold())]
    codes = [languages.named(one), languages.named(other)]
    if sorted(map(str, sides)) == ["0", "1"]:
        swapped = sides[0] == 1
    elif all(codes):
        swapped = all(asked) and languages.alike(codes[0], asked[1]) and languages.alike(codes[1], asked[0])
    else:
        return None
    return (pair[1], pair[0]) if swapped else (pair[0], pair[1])


def _named_languages(path: Path, table: tables.Table, sample: list[bytes]) -> Languages:
    """Return the languages that the name of a table says, as ``corpus.en-fr.tsv`` or ``fra-eng.txt`` does.

    The name does not always say which comes first: where one is English, its side is known by its words.
    """
    words = re.findall(r"[^\W_]+|[-_]+", streams.plain_name(path))
    found = [
        (languages.named(one), languages.named(other))
        for one, mark, other in zip(words, words[1:], words[2:], strict=False)
        if mark in ("-", "_")
    ]
    found = [pair for pair in found if all(pair) and pair[0] != pair[1]]
    if not found:
        return UNKNOWN
    pair = found[-1]
    if "en" in pair:
        unread = Faults()
        unread.begin("", "")
        pairs = list(tables.read(table, sample, unread))
        first, second = (sum(map(_english_words, (pair[side] for pair in pairs))) for side in (0, 1))
        if (first, second) != (second, first) and (pair[0] == "en") != (first > second):
            return pair[1], pair[0]
    return pair


def _english_words(text: str) -> int:
    return sum(word in _ENGLISH for word in text.casefold().split())
