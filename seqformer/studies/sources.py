"""What a teacher is to translate: the training sources of a prepared folder, and lines of other text.

Pairs with symbols for placeholders are not translated. Where placeholders go is learned from few pairs, and
in these they stand right, which cannot be said of the translations of a model.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryFile

from seqformer.formats.corpus import read_lines
from seqformer.tasks.translation import Translation
from seqformer.text.distilled import Base, Row, has_symbols
from seqformer.text.split import HELD_OUT, fingerprint


class Sources:
    """All lines to translate in their order, each once, to be gone through again and again.

    Of other text none comes that is trained on or held out already.
    """

    def __init__(self, task: Translation, files: Sequence[Path]) -> None:
        self.base = Base(task.folder, task.manifest, task.tokenizer)
        self.dropped: Counter[str] = Counter()  # lines of other text
        self._spool = TemporaryFile("w+", encoding="utf-8", newline="\n")
        self._hides = task.manifest.shield().on
        self._size = sum(1 for _ in self.rows())
        if files:
            self._read(task, files)

    def _read(self, task: Translation, files: Sequence[Path]) -> None:
        normalize = task.manifest.normalizer("source")
        held_out = {text for split in HELD_OUT for pair in task.pairs(split) for text in pair}
        marks = {fingerprint(row.source) for row in self.base.rows()}
        most = task.manifest.prepare_config().max_pieces
        for file in files:
            for line in read_lines(file):
                text = normalize(line)
                mark = fingerprint(text)
                if not text:
                    self.dropped["blank line"] += 1
                elif text in held_out:
                    self.dropped["source also held out"] += 1
                elif mark in marks:
                    self.dropped["duplicate"] += 1
                elif len(self.base.tokenizer.source.encode([text])[0]) > most:
                    self.dropped["overlong"] += 1
                else:
                    marks.add(mark)
                    self._size += 1
                    self._spool.write(line + "\n")

    def __len__(self) -> int:
        return self._size

    def __iter__(self) -> Iterator[str]:
        for row in self.rows():
            yield row.source
        yield from self.others()

    def rows(self) -> Iterator[Row]:
        """Yield the training pairs whose sources are translated: of several of one source the first."""
        marks: set[int] = set()
        for row in self.base.rows():
            mark = fingerprint(row.source)
            if mark not in marks and not self.stays(row):
                marks.add(mark)
                yield row

    def others(self) -> Iterator[str]:
        """Yield the lines of other text."""
        self._spool.seek(0)
        return (line.removesuffix("\n") for line in self._spool)

    def stays(self, row: Row) -> bool:
        """Return whether a training pair stays as it is."""
        return self._hides and has_symbols(row)

    def __enter__(self) -> Sources:
        return self

    def __exit__(self, *_: object) -> None:
        self._spool.close()
