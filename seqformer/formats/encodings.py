"""Lines of text in UTF-8, UTF-16 or UTF-32, as UTF-8; any other encoding is refused by its name."""

from __future__ import annotations

import codecs
import shlex
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from io import BufferedReader
from itertools import chain
from typing import BinaryIO, NamedTuple

from seqformer.errors import DataError
from seqformer.formats.streams import BLOCK, HEAD

MOST_LINE = 64 << 20  # bytes
FAILING = 0.9  # of the lines that are not plain ASCII: then the file is not in UTF-8 …
MANY = 0.03  # … if they are so many of all its lines
_BOMS = (  # that of UTF-32 begins as that of UTF-16 does
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_SPACES = "\n\r\t "
_CONTROLS = bytes(set(range(32)) - set(b"\t\n\r\f\v\x1b"))


class Encoding(NamedTuple):
    """An encoding that is refused: its name, Python's and iconv's, and what is frequent in its texts."""

    name: str
    codec: str
    iconv: str
    frequent: str  # letters
    usual: float  # their share of the letters beyond ASCII


_WESTERN = "éèàùâêîôûçëïœäöüßñáíóúãõåøæ¿¡«»’“”–…ÉÀÈÇÄÖÜ"
_KNOWN = (
    Encoding("Windows-1252 (Western)", "cp1252", "CP1252", _WESTERN, 0.95),
    Encoding("Windows-1250 (Central European)", "cp1250", "CP1250", "ąćęłńóśźżáčďéěíňřšťúůýžőűăâîșțöü", 0.9),
    Encoding("ISO-8859-2 (Central European)", "iso8859-2", "ISO-8859-2", "ąćęłńśźżčďěňřšťůž", 0.85),
    Encoding("Windows-1254 (Turkish)", "cp1254", "CP1254", "ığşçöüİâî", 0.9),
    Encoding("Windows-1251 (Cyrillic)", "cp1251", "CP1251", "оеаинтсрвлкм", 0.65),
    Encoding("KOI8-R (Cyrillic)", "koi8-r", "KOI8-R", "оеаинтсрвлкм", 0.65),
    Encoding("ISO-8859-5 (Cyrillic)", "iso8859-5", "ISO-8859-5", "оеаинтсрвлкм", 0.65),
    Encoding("IBM866 (Cyrillic)", "cp866", "CP866", "оеаинтсрвлкм", 0.65),
    Encoding("Windows-1253 (Greek)", "cp1253", "CP1253", "αοιετσνρηπκ", 0.65),
    Encoding("Windows-1255 (Hebrew)", "cp1255", "CP1255", "יוהלאתמרשבנ", 0.7),
    Encoding("Windows-1256 (Arabic)", "cp1256", "CP1256", "اليمنتروبةد", 0.7),
    Encoding("TIS-620 (Thai)", "cp874", "CP874", "านรอกเงมยลวด่้", 0.6),
    Encoding(
        "GB18030 (Chinese)", "gb18030", "GB18030", "的一是不了在人有我他这中大来上个国到说们你要就会", 0.2
    ),
    Encoding("Big5 (Chinese)", "big5", "BIG5", "的一是不了在人有我他這中大來上個國到說們你要就會", 0.2),
    Encoding("Shift-JIS (Japanese)", "cp932", "CP932", "のにはをたがてとしでなるいかられすんまも", 0.3),
    Encoding("EUC-JP (Japanese)", "euc-jp", "EUC-JP", "のにはをたがてとしでなるいかられすんまも", 0.3),
    Encoding("EUC-KR (Korean)", "cp949", "CP949", "이다는을가에의를고하한지사아도은나자로어", 0.25),
)


def utf8_lines(file: BinaryIO, name: str, *, live: bool = False) -> Iterator[bytes]:
    """Yield the lines of a file as bytes in UTF-8, without their LF and without a byte order mark.

    UTF-16 and UTF-32 are recognised and converted; what cannot be, stays no UTF-8. Lines of any other
    file come as they are. ``live`` waits for no more than what one line needs: what has arrived first is
    looked at to recognise the encoding. Raises :class:`DataError` for a line that memory should not hold.
    """
    if live:
        assert isinstance(file, BufferedReader)
        encoding, bom = recognise(file.peek(HEAD)[:HEAD])
        rest = b""
        file.read(bom)
    else:
        head = file.read(HEAD)
        encoding, bom = recognise(head)
        rest = head[bom:]
    lines = _own_lines(rest, file) if encoding == "utf-8" else _converted(rest, file, encoding)
    for number, raw in enumerate(lines, 1):
        line = raw.removesuffix(b"\n")
        if len(line) > MOST_LINE:
            raise DataError(f"{name}, line {number:,}: longer than {MOST_LINE >> 20} MiB")
        yield line


def recognise(head: bytes) -> tuple[str, int]:
    """Return the encoding that the first bytes of a file show, else UTF-8; and the length of its mark."""
    for mark, encoding in _BOMS:
        if head.startswith(mark):
            return encoding, len(mark)
    # read as UTF-8, UTF-16 is full of control characters, of TABs (Devanagari) or of what is no character
    if b"\0" in head and _strangeness(head.decode("utf-8", "replace").replace("\t", "\0")) > 0.15:
        for encoding in ("utf-16-le", "utf-16-be"):
            other = "utf-16-be" if encoding == "utf-16-le" else "utf-16-le"
            text = head.decode(encoding, "ignore")
            spaces, swapped = _count_spaces(text), _count_spaces(head.decode(other, "ignore"))
            if spaces > 5 * swapped and _strangeness(text) < 0.1:
                return encoding, 0
    return "utf-8", 0


def _strangeness(text: str) -> float:
    """Return the share of characters that no text holds: controls, unassigned, private, replacements."""
    strange = sum((unicodedata.category(c)[0] == "C" and c not in _SPACES) or c == "\ufffd" for c in text)
    return strange / max(1, len(text))


def _count_spaces(text: str) -> int:
    return sum(map(text.count, _SPACES))


def _own_lines(head: bytes, file: BinaryIO) -> Iterator[bytes]:
    if head and not head.endswith(b"\n"):
        head += file.readline(MOST_LINE + 1)  # the rest of the line that the head ends in
    first = head.split(b"\n")
    if not first[-1]:
        first.pop()
    return chain(first, iter(partial(file.readline, MOST_LINE + 2), b""))


def _converted(head: bytes, file: BinaryIO, encoding: str) -> Iterator[bytes]:
    """Yield lines in UTF-8; half a character becomes a byte that is none."""
    decoder = codecs.getincrementaldecoder(encoding)("surrogatepass" if "16" in encoding else "replace")
    parts: list[str] = []
    size = 0
    for block in chain([head], iter(partial(file.read, BLOCK), b"")):
        *ends, rest = decoder.decode(block).split("\n")
        for end in ends:
            yield "".join([*parts, end]).encode("utf-8", "surrogatepass")
            parts, size = [], 0
        parts.append(rest)
        size += len(rest)
        if size > MOST_LINE:
            break  # the caller refuses it
    last = "".join(parts).encode("utf-8", "surrogatepass") + b"\xff" * bool(decoder.getstate()[0])
    if last:
        yield last


def check(lines: Sequence[bytes], name: str) -> None:
    """Refuse a file in another encoding, by the name that suits its first lines best.

    A few lines that are not UTF-8 in a file that is, are no reason: they are faults of these lines.
    Raises :class:`DataError`.
    """
    odd = [line for line in lines if not line.isascii()]
    failing = [line for line in odd if not _is_utf8(line)]
    if len(failing) < max(FAILING * len(odd), MANY * len(lines), 1):
        return
    content, best = b"".join(failing), _guess(failing)
    if best is None and len(failing) < len(lines) / 2:
        return
    if len(content.translate(None, _CONTROLS)) < 0.95 * len(content):
        raise DataError(f"{name}: not text; give sentences as plain text in UTF-8")
    if best is None:
        raise DataError(f"{name}: not in UTF-8, and in no encoding that is recognised; convert it with iconv")
    target = f"{name.rpartition('.')[0] or name}.utf8.{name.rpartition('.')[2]}"
    command = f"iconv -f {best.iconv} -t UTF-8 {shlex.quote(name)} > {shlex.quote(target)}"
    raise DataError(f"{name}: not in UTF-8 but, it seems, in {best.name}; convert it: {command}")


def _is_utf8(line: bytes) -> bool:
    try:
        line.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _guess(lines: Iterable[bytes]) -> Encoding | None:
    """Return the encoding whose frequent letters the lines have the most of."""
    sample = [line[:4000] for line in lines][:300]
    scored = [(_plausibility(sample, encoding), -rank) for rank, encoding in enumerate(_KNOWN)]
    score, rank = max(scored)
    return _KNOWN[-rank] if score > 0.4 else None


def _plausibility(lines: list[bytes], encoding: Encoding) -> float:
    letters, failed = "", 0
    for line in lines:
        try:
            letters += "".join(c for c in line.decode(encoding.codec) if not c.isascii())
        except UnicodeDecodeError:
            failed += 1
    if failed > 0.1 * len(lines):
        return 0.0
    share = sum(map(letters.count, encoding.frequent)) / max(1, len(letters))
    return round(min(1.0, share / encoding.usual), 2)
