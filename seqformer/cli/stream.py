"""Translation of lines as a stream: any bytes are read, and every line is translated, in order.

Memory holds a chunk of lines at a time, or one line that is longer than that.
"""

from __future__ import annotations

import json
import os
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Condition, Thread
from typing import TYPE_CHECKING, Any, TextIO

from rich.progress import BarColumn, Progress, TextColumn

from seqformer.console import note, talk

if TYPE_CHECKING:
    from seqformer.decoding.results import Translation

    Translate = Callable[[list[str]], list[list[Translation]]]

CHUNK_LINES, CHUNK_BYTES = 2000, 1 << 18  # a chunk is full when either is reached
FIRST_LINES = 250  # in the first chunk of a file, so that progress shows soon; then twice as many each time
GRACE = 0.01  # seconds within which more lines of a pipe are waited for
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

    ``ordinary`` makes ordinary text of a translation. There are always ``n_best`` lines for a line, of which
    those that are missing are empty; ``numbers`` puts the number of the line and a TAB before each.
    """

    def __init__(
        self,
        *,
        scores: bool = False,
        as_json: bool = False,
        warn: bool = False,
        what: str = "line",
        ordinary: Callable[[str], str] | None = None,
        n_best: int = 1,
        numbers: bool = False,
    ) -> None:
        self.scores, self.as_json, self.warn = scores, as_json, warn
        self.n_best, self.numbers = n_best, numbers
        self.ordinary = ordinary or str
        self.warnings = Warnings(what)

    @property
    def lines(self) -> int:
        """How many lines of output there are for a line."""
        return 1 if self.as_json else self.n_best

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
        shown = [
            f"{t.score:.4f}\t{text}" if self.scores else text for t, text in zip(best, texts, strict=True)
        ]
        shown += [""] * (self.n_best - len(shown))
        return "\n".join(f"{number}\t{line}" if self.numbers else line for line in shown)


def _json(source: str, best: list[Translation], texts: list[str]) -> str:
    entries: list[dict[str, Any]] = [
        {"text": text, "score": t.score, "log_probability": t.log_probability, "signs": list(t.warnings)}
        | ({} if t.alignment is None else {"alignment": t.alignment})
        for t, text in zip(best, texts, strict=True)
    ]
    line = {
        "source": source,
        "parts": best[0].parts,
        "unseen": best[0].unseen,
        "translations": entries,
    }
    return json_line(line)


def json_line(values: dict[str, Any]) -> str:
    """Return values as JSON in one line, whatever a tool takes for the end of one."""
    return json.dumps(values, ensure_ascii=False).translate(_LINE_ENDS)


def write_text(output: Path, write: Callable[[TextIO], object]) -> None:
    """Let ``write`` make a text file, whole or not at all."""
    from seqformer.storage.files import write_whole

    def whole(beside: Path) -> None:
        with open(beside, "w", encoding="utf-8", newline="\n") as file:
            write(file)

    write_whole(output, whole)


def given_lines(sentences: Iterable[str]) -> Iterator[bytes]:
    """Return the lines of the arguments of a command, as the bytes they were typed as."""
    # Python passes on bytes that its locale cannot read as lone surrogates
    errors = "surrogatepass" if os.name == "nt" else "surrogateescape"
    return (line for sentence in sentences for line in sentence.encode("utf-8", errors).split(b"\n"))


def decoded(raw: bytes, number: int, warnings: Warnings) -> str:
    """Return a line ended by LF, CR LF or nothing as text; replace what is not UTF-8, with a warning."""
    line = raw.removesuffix(b"\n").removesuffix(b"\r")
    try:
        return line.decode("utf-8")
    except UnicodeDecodeError:
        warnings.warn("not UTF-8", number, NOT_UTF8)
        return line.decode("utf-8", errors="replace")


def chunks(lines: Iterable[bytes]) -> Iterator[list[bytes]]:
    """Yield neighbouring lines, at most as many as may be in memory at a time, and fewer to begin with."""
    chunk: list[bytes] = []
    size, most = 0, min(FIRST_LINES, CHUNK_LINES)
    for line in lines:
        chunk.append(line)
        size += len(line)
        if len(chunk) == most or size >= CHUNK_BYTES:
            yield chunk
            chunk, size, most = [], 0, min(2 * most, CHUNK_LINES)
    if chunk:
        yield chunk


class Arriving:
    """The lines of a pipe in chunks: whenever nothing more is waiting, what has arrived.

    A thread reads ahead, up to a chunk that is full.
    """

    def __init__(self, lines: Iterable[bytes]) -> None:
        self._lines = lines
        self._waiting: list[bytes] = []
        self._size = 0
        self._ended: BaseException | bool = False  # True, or what reading failed with
        self._changed = Condition()

    def __iter__(self) -> Iterator[list[bytes]]:
        Thread(target=self._read, daemon=True).start()
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting or self._ended)
                while not self._full and not self._ended:
                    before = len(self._waiting)
                    if not self._changed.wait_for(lambda: len(self._waiting) > before or self._ended, GRACE):  # noqa: B023
                        break
                chunk, self._waiting, self._size = self._waiting, [], 0
                ended = self._ended
                self._changed.notify_all()
            if chunk:
                yield chunk
            if ended and not self._waiting:
                if isinstance(ended, BaseException):
                    raise ended
                return

    @property
    def _full(self) -> bool:
        return len(self._waiting) >= CHUNK_LINES or self._size >= CHUNK_BYTES

    def _read(self) -> None:
        ended: BaseException | bool = True
        try:
            for line in self._lines:
                with self._changed:
                    self._changed.wait_for(lambda: not self._full)
                    self._waiting.append(line)
                    self._size += len(line)
                    self._changed.notify_all()
        except BaseException as error:
            ended = error
        with self._changed:
            self._ended = ended
            self._changed.notify_all()


@contextmanager
def progress(path: Path | None, *, shown: bool) -> Iterator[Callable[..., object]]:
    """Show how many lines are done, lines a second and the time left, on stderr, if that is a terminal.

    Yields what is told of lines that are done, and whether they are new. How many there are is counted first,
    in a file.
    """
    if not shown or not talk.is_terminal:
        yield lambda count, new=True: None
        return
    total = None
    if path:
        from seqformer.formats.corpus import count_lines

        total = count_lines(path)
    columns = (
        TextColumn("{task.completed:,.0f}" + (f" of {total:,} lines" if total is not None else " lines")),
        BarColumn(),
        TextColumn("{task.fields[speed]}"),
    )
    begin, before = time.monotonic(), 0
    with Progress(*columns, console=talk, transient=True) as bar:
        task = bar.add_task("", total=total, speed="")

        def done(count: int, new: bool = True) -> None:
            nonlocal before
            before += 0 if new else count
            bar.advance(task, count)
            completed, elapsed = bar.tasks[0].completed - before, time.monotonic() - begin
            if not completed:
                return
            speed = f"{completed / elapsed:,.{0 if completed >= 10 * elapsed else 1}f} lines/s"
            if total:
                left = divmod(round(elapsed * (total - before - completed) / completed), 60)
                speed += f"  {left[0]}:{left[1]:02} left"
            bar.update(task, speed=speed)

        yield done


def translated(translate: Translate, chunk: list[bytes], before: int, show: Printer) -> Iterator[str]:
    """Yield the output of each line of a chunk, of which so many lines come ``before``."""
    texts = [decoded(raw, before + i, show.warnings) for i, raw in enumerate(chunk, 1)]
    for number, (line, best) in enumerate(zip(texts, translate(texts), strict=True), before + 1):
        yield show(number, line, best) + "\n"


def translate_lines(
    translate: Translate,
    lines: Iterable[list[bytes]],
    show: Printer,
    out: TextIO,
    done: Callable[[int], object] = lambda count: None,
) -> None:
    """Translate the lines of each chunk and write their output, in order; tell ``done`` how many they are."""
    number = 0
    for chunk in lines:
        for text in translated(translate, chunk, number, show):
            out.write(text)
        number += len(chunk)
        out.flush()
        done(len(chunk))
    show.warnings.end()
