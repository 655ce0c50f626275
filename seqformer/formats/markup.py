"""XML, read safely: elements of TMX and XLIFF, inline ones as :mod:`seqformer.formats.inline` has them.

lxml reads it: of the libraries that know both formats (translate-toolkit wraps lxml too) it alone streams and
writes back all that it read. No entity is replaced, no DTD is loaded, nothing is fetched; libxml2 bounds the
depth (256 elements) and the length of a text (10 MB). A file that declares entities is refused.
"""

from __future__ import annotations

import contextlib
import copy
import io
import re
from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import Any, BinaryIO

from seqformer.errors import DataError, MissingExtra
from seqformer.formats.inline import Item, Mark

MOST_UNREAD = 64 << 20  # bytes without a wanted element, which would all be held in memory
SAFE = {"resolve_entities": False, "load_dtd": False, "no_network": True, "huge_tree": False}
SEPARATING = ("ph", "x")  # placeholders; other elements are the ends of formatting, also within a word
XML = "{http://www.w3.org/XML/1998/namespace}"
# what XML cannot hold
_FORBIDDEN = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def etree() -> Any:
    """Return lxml.etree. Raises :class:`MissingExtra`."""
    try:
        from lxml import etree
    except ImportError:
        raise MissingExtra("reading TMX and XLIFF needs lxml, which is", "formats") from None
    return etree


@contextlib.contextmanager
def _refused(name: str) -> Iterator[None]:
    """Turn an error of the parser into one line."""
    syntax_error = etree().XMLSyntaxError
    try:
        yield
    except syntax_error as error:
        reason = " ".join(str(error.msg or "no element in it").split())
        raise DataError(f"{name}: not a whole XML file ({reason})") from None


def parse(content: bytes, name: str) -> Any:
    """Return the tree of an XML file. Raises :class:`DataError`."""
    lxml = etree()
    with _refused(name):
        tree = lxml.parse(io.BytesIO(content), lxml.XMLParser(strip_cdata=False, **SAFE))
    _check_entities(tree, name)
    return tree


class _Bounded:
    """A file that is read up to a number of bytes after each :meth:`renew`."""

    def __init__(self, file: BinaryIO, name: str) -> None:
        self._file, self._name = file, name
        self.renew()

    def renew(self) -> None:
        """Begin to count again."""
        self._left = MOST_UNREAD

    def read(self, size: int) -> bytes:
        """Return some bytes of the file."""
        self._left -= size
        if self._left < 0:
            raise DataError(f"{self._name}: {MOST_UNREAD >> 20} MiB without the end of a unit")
        return self._file.read(size)


def stream(file: BinaryIO, name: str, tags: Iterable[str]) -> Iterator[Any]:
    """Yield the elements of these names, in any namespace, one at a time; each is emptied after its turn."""
    lxml, bounded = etree(), _Bounded(file, name)
    wanted = [f"{{*}}{tag}" for tag in tags]
    with _refused(name):
        events = lxml.iterparse(bounded, events=("end",), tag=wanted, collect_ids=False, **SAFE)
        checked = False
        for _, element in events:
            if not checked:
                _check_entities(element.getroottree(), name)
                checked = True
            yield element
            element.clear()
            parent = element.getparent()
            while parent is not None and element.getprevious() is not None:
                del parent[0]
            bounded.renew()


def units(element: Any, tag: str, name: str) -> Iterator[Any]:
    """Yield the descendants of this tag. Raises :class:`DataError` where one is inside another."""
    for unit in element.iter(tag):
        if next(unit.iterancestors(tag), None) is not None:
            raise DataError(f"{name}, line {unit.sourceline}: a unit inside a unit")
        yield unit


def _check_entities(tree: Any, name: str) -> None:
    declared = tree.docinfo.internalDTD
    entity = None if declared is None else next(iter(declared.iterentities()), None)
    if entity is not None:
        raise DataError(
            f"{name}: it declares entities ({entity.name!r}), which can lead to other files or grow without "
            "end; put their text in their place"
        )


def to_bytes(tree: Any, content: bytes) -> bytes:
    """Return the tree as a file in the encoding of the one it was read from."""
    info = tree.docinfo
    encoding = info.encoding or "UTF-8"
    if encoding.upper().startswith("UTF-16"):
        encoding = "UTF-16"  # with a byte order mark, as read
    made: bytes = etree().tostring(
        tree, encoding=encoding, xml_declaration=True, standalone=info.standalone or None
    )
    return made + b"\n" * (content.endswith(b"\n") and not made.endswith(b"\n"))


def local(element: Any) -> str:
    """Return the name of an element without its namespace; '' for a comment or an instruction."""
    return element.tag.rpartition("}")[2] if isinstance(element.tag, str) else ""


def child(element: Any, name: str) -> Any:
    """Return the first child of this name and of the element's namespace, or None."""
    return element.find(beside(element, name))


def beside(element: Any, name: str) -> str:
    """Return a tag of this name in the namespace of an element."""
    namespace, brace, _ = element.tag.rpartition("}")
    return f"{namespace}{brace}{name}"


def items(element: Any, wrapping: Iterable[str], name: str) -> list[Item]:
    """Return the content of an element: its text, and its inline elements as marks.

    Those named in ``wrapping`` have text that is translated; the others stand alone with all they hold.
    Comments are left out. Raises :class:`DataError` for an entity that the file does not declare.
    """
    wraps = frozenset(wrapping)
    found: list[Item] = [element.text or ""]
    for each in element:
        if each.tag is etree().Entity:
            raise DataError(
                f"{name}, line {each.sourceline}: an entity that the file does not declare: {each.text}"
            )
        if local(each) in wraps and not is_protected(each):
            found += [Mark(each, "open"), *items(each, wraps, name), Mark(each, "close")]
        elif each.tag is not etree().Comment:
            found.append(Mark(each, "alone", separates=local(each) in SEPARATING))
        found.append(each.tail or "")
    return found


def is_protected(element: Any) -> bool:
    """Return whether the text of an element is not to be translated."""
    said: str = element.get("translate") or element.get("mtype") or ""
    return said in ("no", "protected")


def fill(element: Any, content: Iterable[Item]) -> None:
    """Put text and copies of inline elements into an element, in the place of what it held."""
    element.text = None
    del element[:]
    inside, last = [element], None  # the elements that are open; the one before the next text
    for is_text, group in groupby(content, lambda item: isinstance(item, str)):
        if is_text:
            text = _FORBIDDEN.sub("", "".join(map(str, group)))
            if last is None:
                inside[-1].text = text or None
            else:
                last.tail = text or None
            continue
        for mark in group:
            assert isinstance(mark, Mark)
            if mark.kind == "close":
                last = inside.pop()
                continue
            last = copy.deepcopy(mark.element)
            last.tail = None
            inside[-1].append(last)
            if mark.kind == "open":
                last.text = None
                del last[:]
                inside.append(last)
                last = None


def after(element: Any, name: str) -> Any:
    """Return a new element of this name after another, of its namespace, on a line of its own as it is."""
    parent = element.getparent()
    at = parent.index(element)
    new = element.makeelement(beside(element, name))
    parent.insert(at + 1, new)
    new.tail = element.tail
    before = parent[at - 1].tail if at else parent.text
    element.tail = before if before and not before.strip() else element.tail
    return new
