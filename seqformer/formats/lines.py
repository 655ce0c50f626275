"""One line of a file: as text, with its faults noted."""

from __future__ import annotations

import re

from seqformer.text.faults import REPAIRS, Faults

_BREAK = re.compile(r"[\r\n]+")


def decoded(raw: bytes, faults: Faults, side: int = 0, *, note_ends: bool = True) -> str | None:
    """Return a line as text and note its faults; None if it is not UTF-8 and the pair is dropped."""
    if raw.endswith(b"\r"):
        raw = raw.removesuffix(b"\r")
        if note_ends:
            faults.note("CR LF", raw.decode("utf-8", "replace"), REPAIRS["CR LF"], side)
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        shown, at = raw.decode("utf-8", "backslashreplace"), len(raw[: error.start].decode("utf-8"))
        if faults.keeping:
            faults.note("not UTF-8", shown, "bad bytes became \ufffd", side, at)
            return raw.decode("utf-8", "replace")
        faults.skip("not UTF-8", shown, side, at)
        return None


def in_line(text: str) -> str:
    """Return a text with its line breaks as spaces."""
    return _BREAK.sub(" ", text) if "\n" in text or "\r" in text else text
