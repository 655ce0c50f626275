"""Translation of lines as a stream: any bytes are read, and every line is translated, in order.

Memory holds a chunk of lines at a time, or one line that is longer than that.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, TextIO

from seqformer.console import note

if TYPE_CHECKING:
    from seqformer.config import DecodeConfig
    from seqformer.decoding.translator import Translation, Translator
    from seqformer.decoding.workers import Workers

CHUNK_LINES, CHUNK_CHARACTERS = 2000, 1 << 18  # a chunk is full when either is reached
SHOWN = 20  # warnings of a kind, after which they are only counted
NOT_UTF8 = "not UTF-8; the bytes that are not are replaced"
# JSON may hold these as they are, but some tools end a line there
_LINE_ENDS = str.maketrans({"\x85": "\\u0085", "\u2028": "\\u2028", "\u2029": "\\u2029"})


class Warnings:
    """Warnings on stderr with the number of the line: the first few of each kind, the others counted.

    ``what`` is counted: lines, or units of a document.
    """

    def __init__(self, what: str = "line") -> None:
        self.what = what
        self._counts: Counter[str] = Counter()

    def warn(self, kind: str, line: int, text: str) -> None:
        """Print a warning, or only count it."""
        self._counts[kind] += 1
        if self._counts[kind] <= SHOWN:
            note(f"seqformer: {self.what} {line}: {text}")

    def end(self) -> None:
        """Print how many warnings were only counted."""
        for kind, count in self._counts.items():
            if count > SHOWN:
                note(f"seqformer: {kind}: {count - SHOWN:,} more {self.what}s")


class Printer:
    """Turns the n-best translations of a line into lines of output and, on request, signs into warnings.

    ``ordinary`` makes ordinary text of a translation.
    """

    def __init__(
        self,
        *,
        scores: bool = False,
        as_json: bool = False,
        warn: bool = False,
        what: str = "line",
        ordinary: Callable[[str], str] | None = None,
    ) -> None:
        self.scores, self.as_json, self.warn = scores, as_json, warn
        self.ordinary = ordinary or str
        self.warnings = Warnings(what)

    def __call__(self, number: int, source: str, best: list[Translation]) -> str:
        """Return the output for line ``number``; print its warnings on stderr."""
        if best[0].cut:
            self.warnings.warn(
                "in parts",
                number,
                f"far longer than any in training; translated in {best[0].parts:,} parts",
            )
        if best[0].unseen:
            self.warnings.warn(
                "letters never seen",
                number,
                f"written in letters that the vocabulary never saw ({best[0].unseen}); "
                "its translation has little to do with it",
            )
        if self.warn and best[0].warnings:
            note(f"seqformer: {self.warnings.what} {number}: {', '.join(best[0].warnings)}")
        texts = [self.ordinary(t.text) for t in best]
        if self.as_json:
            return _json(source, best, texts)
        return "\n".join(
            f"{t.score:.4f}\t{text}" if self.scores else text for t, text in zip(best, texts, strict=True)
        )


def _json(source: str, best: list[Translation], texts: list[str]) -> str:
    entries = [
        {"text": text, "score": t.score, "log_probability": t.log_probability, "signs": list(t.warnings)}
        for t, text in zip(best, texts, strict=True)
    ]
    line = {
        "source": source,
        "parts": best[0].parts,
        "unseen": best[0].unseen,
        "translations": entries,
    }
    return json.dumps(line, ensure_ascii=False).translate(_LINE_ENDS)


def given_lines(sentences: Iterable[str]) -> Iterator[bytes]:
    """Return the lines of the arguments of a command, as the bytes they were typed as."""
    # Python passes on bytes that its locale cannot read as lone surrogates
    errors = "surrogatepass" if os.name == "nt" else "surrogateescape"
    return (line for sentence in sentences for line in sentence.encode("utf-8", errors).split(b"\n"))


def decoded(lines: Iterable[bytes], warnings: Warnings) -> Iterator[str]:
    """Yield lines ended by LF, CR LF or nothing as text; replace bytes that are not UTF-8, with a warning."""
    for number, raw in enumerate(lines, 1):
        line = raw.removesuffix(b"\n").removesuffix(b"\r")
        try:
            yield line.decode("utf-8")
        except UnicodeDecodeError:
            warnings.warn("not UTF-8", number, NOT_UTF8)
            yield line.decode("utf-8", errors="replace")


def chunks(lines: Iterable[str]) -> Iterator[list[str]]:
    """Yield neighbouring lines, as many as may be in memory at a time."""
    chunk: list[str] = []
    characters = 0
    for line in lines:
        chunk.append(line)
        characters += len(line)
        if len(chunk) == CHUNK_LINES or characters >= CHUNK_CHARACTERS:
            yield chunk
            chunk, characters = [], 0
    if chunk:
        yield chunk


def translate_lines(
    translator: Translator | Workers, lines: Iterable[bytes], config: DecodeConfig, show: Printer, out: TextIO
) -> None:
    """Translate every line and write its output, in order."""
    number = 0
    for chunk in chunks(decoded(lines, show.warnings)):
        for line, best in zip(chunk, translator.translate(chunk, config), strict=True):
            number += 1
            out.write(show(number, line, best) + "\n")
        out.flush()
    show.warnings.end()
