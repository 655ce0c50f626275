"""What can go wrong because of what a user gave us.

SeqformerError            one line: what, where, what to do (exit code 2)
├── DataError             a corpus, a line or a prepared folder is not as it should be
├── RunError              a run folder is missing, damaged or of another kind
├── DamagedError          a file is not as this package wrote it; :func:`damaged` makes one of the above
├── WriteError            a file cannot be written: the disk is full, a folder is read-only
└── MissingExtra          an optional package is not installed

Programmers' mistakes are assertions; they are not in this tree.
"""

from __future__ import annotations

import contextlib
import difflib
from collections.abc import Iterable, Iterator

RUN_ADVICE = "the run is damaged: put a copy of it in its place, or train it anew"


class SeqformerError(Exception):
    """A user's mistake, told in one line; the command line prints it and exits with 2."""


class DataError(SeqformerError):
    """A corpus or a prepared folder cannot be used as it is."""


class RunError(SeqformerError):
    """A run folder cannot be used as it is."""


class DamagedError(SeqformerError):
    """A file is missing, or not as this package wrote it."""


class WriteError(SeqformerError):
    """A file cannot be written; what stood in its place is as it was."""


class MissingExtra(SeqformerError):
    """An optional package is needed and not installed."""

    def __init__(self, what: str, extra: str) -> None:
        super().__init__(f"{what} not installed; get it with: pip install 'seqformer[{extra}]'")
        self._given = what, extra

    def __reduce__(self) -> tuple[type[MissingExtra], tuple[str, str]]:
        """Let it come back from another process."""
        return type(self), self._given


@contextlib.contextmanager
def damaged(kind: type[SeqformerError], advice: str) -> Iterator[None]:
    """Turn a :class:`DamagedError` of the block into an error of this kind that says what to do."""
    try:
        yield
    except DamagedError as error:
        raise kind(f"{error}; {advice}") from None


def nearest(word: str, known: Iterable[str]) -> str:
    """Return a clause that names the known words, the nearest first: ``did you mean 'tiny'? ...``."""
    names = list(known)
    close = difflib.get_close_matches(word, names, n=1, cutoff=0.5)
    listed = ", ".join(names)
    return f"did you mean '{close[0]}'? (one of {listed})" if close else f"choose one of {listed}"
