"""Translations of many lines, kept in parts of a folder: whoever is stopped goes on with the next part.

A part is made of the same lines whether it is the first that is translated or the last, so that the numbers
of its batches, and with them its bytes, are the same too.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from seqformer.decoding.results import Translation
from seqformer.errors import DamagedError, DataError, damaged
from seqformer.storage.files import read_json, write_json

LINES = 1000  # of a part


class Kept(NamedTuple):
    """What is kept of a translation."""

    text: str
    mean: float  # log-probability of a piece, in nats
    signs: list[str]  # that it is likely bad


def translate(
    lines: Iterable[str],
    folder: Path,
    translator: Callable[[list[str]], list[Translation]],
    report: Callable[[int], object],
) -> None:
    """Translate lines into the parts of a folder that are not there yet.

    ``report`` is called with the number of lines that are translated: at first, then after each new part.
    """
    folder.mkdir(parents=True, exist_ok=True)
    stream, done, begun = iter(lines), 0, False
    for number in itertools.count():
        chunk = list(itertools.islice(stream, LINES))
        path = _part(folder, number)
        if chunk and path.exists():
            done += len(chunk)
            continue
        if not begun:
            report(done)
            begun = True
        if not chunk:
            return
        write_json(path, [_kept(best) for best in translator(chunk)])
        done += len(chunk)
        report(done)


def _kept(best: Translation) -> Kept:
    return Kept(best.text, best.log_probability / max(1, best.length), list(best.warnings))


def read(folder: Path, count: int) -> Iterator[Kept]:
    """Yield ``count`` translations in the order of the lines. Raises :class:`DataError` if one is damaged."""
    for number, begin in enumerate(range(0, count, LINES)):
        path = _part(folder, number)
        with damaged(DataError, "remove it, and it is translated again"):
            values = read_json(path)
            if not isinstance(values, list) or len(values) != min(LINES, count - begin):
                raise DamagedError(f"{path}: not as many translations as lines")
            if not all(map(_is_kept, values)):
                raise DamagedError(f"{path}: not as seqformer writes it")
        yield from itertools.starmap(Kept, values)


def _is_kept(value: object) -> bool:
    if not isinstance(value, list) or [type(each) for each in value] != [str, float, list]:
        return False
    return all(isinstance(sign, str) for sign in value[2])


def _part(folder: Path, number: int) -> Path:
    return folder / f"{number:06}.json"
