"""Files of words: a glossary, and words to avoid."""

from __future__ import annotations

from pathlib import Path

from seqformer.errors import DataError
from seqformer.formats.corpus import read_lines


def read_glossary(path: Path | str | None) -> list[tuple[str, str]]:
    """Return the entries of a glossary: source term TAB translation, a line each, no header.

    Raises :class:`DataError` that names the line.
    """
    entries = []
    for number, line in enumerate(read_lines(Path(path)) if path else (), 1):
        if not line.strip():
            continue
        source, tab, target = line.partition("\t")
        if not tab or "\t" in target or not source.strip() or not target.strip():
            raise DataError(f"{path}, line {number}: expected a source term, a TAB and its translation")
        entries.append((source.strip(), target.strip()))
    if path and not entries:
        raise DataError(f"{path}: the glossary is empty")
    return entries


def read_words(path: Path | str) -> list[str]:
    """Return words or phrases, a line each. Raises :class:`DataError` where there is none."""
    words = [line.strip() for line in read_lines(Path(path)) if line.strip()]
    if not words:
        raise DataError(f"{path}: there are no words to avoid")
    return words
