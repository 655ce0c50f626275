"""Localisation files, recognised by their content: TMX, XLIFF 1.2 and 2, and PO.

``prepare`` reads their pairs, of which TMX is streamed; ``translate`` fills them in, in memory.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from seqformer.errors import DataError
from seqformer.formats import po, tmx, xliff
from seqformer.formats.streams import open_bytes
from seqformer.formats.units import Document
from seqformer.text.faults import Faults
from seqformer.text.languages import Languages

HEAD = 8192  # bytes that :func:`kind` needs
MOST = 256 << 20  # bytes of a file that is held in memory
Pair = tuple[str, str]

_PROLOGUE = re.compile(r"\s*(?:<\?.*?\?>|<!--.*?-->)", re.DOTALL)
_DOCTYPE = re.compile(r"\s*<!DOCTYPE\s+(?:[\w.-]+:)?([\w.-]+)")
_ROOT = re.compile(r"\s*<(?:[\w.-]+:)?(tmx|xliff)(?=[\s/>])")
_MESSAGE = re.compile(r'(?:#~\s*)?msg(?:id|ctxt)\s*".*"')
_FOLLOWING = re.compile(r'(?:#~\s*)?(?:"|msg(?:id|id_plural|str)(?:\[\d+\])?\s*")')


def kind(head: bytes) -> str:
    """Return what a file is, by its first :data:`HEAD` bytes: tmx, xliff, po, or '' for anything else."""
    text = _decoded(head)
    at = 0
    while match := _PROLOGUE.match(text, at):
        at = match.end()
    match = _DOCTYPE.match(text, at) or _ROOT.match(text, at)
    if match:
        return match[1] if match[1] in ("tmx", "xliff") else ""
    return "po" if _is_po(text) else ""


def _decoded(head: bytes) -> str:
    for mark, name in (
        (codecs.BOM_UTF8, "utf-8"),
        (codecs.BOM_UTF16_LE, "utf-16-le"),
        (codecs.BOM_UTF16_BE, "utf-16-be"),
    ):
        if head.startswith(mark):
            return head[len(mark) :].decode(name, "ignore")
    return head.decode("latin-1")


def _is_po(text: str) -> bool:
    """Return whether the first lines that are no comments are a message and what follows one."""
    lines = (line.strip() for line in text.splitlines())
    lines = (line for line in lines if line and (not line.startswith("#") or line.startswith("#~")))
    first, second = next(lines, ""), next(lines, "")
    return bool(_MESSAGE.fullmatch(first)) and (not second or bool(_FOLLOWING.match(second)))


def read(path: Path) -> bytes:
    """Return the content of a file that is to be opened as a document. Raises :class:`DataError`."""
    with open_bytes(path) as file:
        return file.read(MOST + 1)


def read_pairs(
    content: BinaryIO, kind: str, name: str, asked: Languages, faults: Faults | None
) -> tuple[Iterator[Pair], Languages]:
    """Return the pairs of a file of this kind, and its languages, '' where it does not say.

    ``asked`` chooses in files of several languages, and may be two empty codes. Units without a translation
    are left out and noted in ``faults``, whose lines are those of the file. Raises :class:`DataError`, for a
    file that is not whole as soon as its end is read.
    """
    if kind == "tmx":
        return tmx.read_pairs(content, name, asked, faults)
    held = content.read(MOST + 1)
    _check_size(held, name)
    read = xliff.read_pairs if kind == "xliff" else po.read_pairs
    return read(held, name, asked, faults)


def open_document(
    content: bytes,
    name: str,
    *,
    asked: Languages = ("", ""),
    known: Languages = ("", ""),
    retranslate: bool = False,
) -> Document:
    """Return a document to be filled with translations.

    Its units are those without one, or all with ``retranslate``. ``asked`` are the languages that the user
    named, ``known`` those of the run. Raises :class:`DataError`.
    """
    _check_size(content, name)
    opened = {"tmx": tmx.open_document, "xliff": xliff.open_document, "po": po.open_document}
    what = kind(content[:HEAD])
    if not what:
        raise DataError(f"{name}: no TMX, XLIFF or PO file")
    return opened[what](content, name, asked, known, retranslate)


def _check_size(content: bytes, name: str) -> None:
    if len(content) > MOST:
        raise DataError(
            f"{name}: larger than {MOST >> 20} MiB, the most that can be read of such a file; cut it up"
        )
