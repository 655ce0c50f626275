"""The bytes of a file that people bring: plain, .gz, .xz, .bz2, .zst, or a member of a .zip.

What a file is, its first bytes say, whatever its name. Everything is unpacked as it is read, in bounded
memory; an archive that unpacks to far more than it holds is refused, as is one that is cut short or lies.
"""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import math
import os
import stat
import zipfile
import zlib
from collections.abc import Callable, Iterable
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO, TypeAlias

from seqformer.errors import DataError, MissingExtra

Stream: TypeAlias = "io.BufferedReader[Raw]"

HEAD = 8192  # bytes that say what a file is
BLOCK = 1 << 16
MOST_TIMES, LEAST_BOUND = 1000, 1 << 30  # unpacked: at most so many times the file, once past so many bytes
XZ_MEMORY = 256 << 20  # for a dictionary; xz -9 needs 65 MiB

_MAGIC = {
    b"\x1f\x8b\x08": "gzip",
    b"\xfd7zXZ\x00": "xz",
    b"\x28\xb5\x2f\xfd": "zstd",
    b"PK\x03\x04": "zip",
    b"PK\x05\x06": "zip",
}
_BZIP2 = (b"1AY&SY", b"\x17\x72\x45\x38\x50\x90")  # after BZh and a digit
_FOREIGN = {
    b"\xd0\xcf\x11\xe0": "an old Office file; save its table as CSV or as tab-separated text",
    b"%PDF-": "a PDF; copy its text into a file first",
    b"7z\xbc\xaf\x27\x1c": "a 7z archive; unpack it first",
    b"Rar!\x1a\x07": "a RAR archive; unpack it first",
    b"PAR1": "a Parquet file; write its columns as CSV or as JSON lines first",
}
_OFFICE = ("[Content_Types].xml", "mimetype")  # members of .xlsx, .docx and .ods
_NOT_DATA = ("readme", "license", "licence", "copying", "citation", "about")
_BROKEN = (EOFError, zlib.error, lzma.LZMAError, zipfile.BadZipFile, gzip.BadGzipFile, ValueError, IndexError)


def open_bytes(path: Path) -> Stream:
    """Open a file, or ``a.zip:member``, unpacked; close it, or use it in a ``with`` block.

    ``peek(HEAD)`` returns its first bytes, all of them. Raises :class:`DataError`, here or when it is read.
    """
    file, member = split_name(path)
    try:
        opened = io.BufferedReader(open(file, "rb", buffering=0), BLOCK)
    except OSError as error:
        raise _unreadable(file, error) from None
    try:
        state = os.fstat(opened.fileno())
        size = state.st_size if stat.S_ISREG(state.st_mode) else math.inf
        kind = recognise(opened.peek(HEAD))
        if member and kind != "zip":
            raise DataError(f"{file} is no zip archive, so there is no {member} in it")
        source = opened if not kind else _unpacked(opened, kind, file, member)
        stream = Raw(source, opened, str(path), kind, MOST_TIMES * size if kind else math.inf)
        made = io.BufferedReader(stream, BLOCK)
        _refuse_foreign(made.peek(HEAD), str(path), inside=bool(kind))
    except OSError as error:
        opened.close()
        raise _unreadable(file, error) from None
    except BaseException:
        opened.close()
        raise
    return made


def check(paths: Iterable[Path]) -> None:
    """Refuse missing files before any work begins."""
    for path in paths:
        file, _ = split_name(path)
        if not file.exists():
            raise DataError(f"{path}: there is no such file")


def recognise(head: bytes) -> str:
    """Return how bytes are packed: gzip, xz, bz2, zstd or zip; '' for bytes that are not."""
    if head[:3] == b"BZh" and head[3:4].isdigit() and head[4:10] in _BZIP2:
        return "bz2"
    return next((kind for magic, kind in _MAGIC.items() if head.startswith(magic)), "")


def members(path: Path) -> list[str]:
    """Return the names of the files in a zip archive, those about the data left out; [] for another file."""
    file, member = split_name(path)
    if member or not file.is_file():
        return []
    try:
        with open(file, "rb") as opened:
            return _names(_archive(opened, file)) if recognise(opened.read(HEAD)) == "zip" else []
    except OSError as error:
        raise _unreadable(file, error) from None


def plain_name(path: Path) -> str:
    """Return the name of a file without its folder and without the endings of how it is packed."""
    file, member = split_name(path)
    pure = PurePosixPath(member) if member else PurePosixPath(file.name)
    return pure.stem if pure.suffix.lower() in (".gz", ".xz", ".bz2", ".zst", ".zip") else pure.name


def split_name(path: Path) -> tuple[Path, str]:
    """Return a file, and the member of it that the path names; a file that exists under the name is it."""
    if not path.exists():
        file, _, member = str(path).rpartition(":")
        if member and file and Path(file).is_file():
            return Path(file), Path(member).as_posix()
    return path, ""


class Raw(io.RawIOBase):
    """Unpacked bytes, counted; whatever goes wrong is a :class:`DataError` that names the file."""

    def __init__(self, source: Any, file: BinaryIO, name: str, kind: str, most: float) -> None:
        self._source, self._file, self._name, self._kind = source, file, name, kind
        self._most, self._count = max(most, LEAST_BOUND), 0

    def readable(self) -> bool:
        """It can be read."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Fill the whole buffer, or what is left."""
        view, filled = memoryview(buffer).cast("B"), 0
        try:
            while filled < len(view):
                data = self._source.read(len(view) - filled)
                if not data:
                    break
                view[filled : filled + len(data)] = data
                filled += len(data)
        except (NotImplementedError, RuntimeError) as error:
            raise DataError(f"{self._name}: cannot be unpacked ({error}); unpack it first") from None
        except Exception as error:
            if not self._kind and isinstance(error, OSError):
                raise _unreadable(Path(self._name), error) from None
            if isinstance(error, (OSError, *_BROKEN)) or type(error).__name__ == "ZstdError":
                raise DataError(
                    f"{self._name}: not a whole {self._kind} file ({error}); get it again"
                ) from None
            raise
        self._count += filled
        if self._count > self._most:
            raise DataError(
                f"{self._name}: it unpacks to more than {MOST_TIMES:,} times its size; "
                "if that is meant, unpack it first"
            )
        return filled

    def close(self) -> None:
        """Close the archive and the file."""
        if not self.closed:
            self._source.close()
            self._file.close()
        super().close()


class _Unpacker:
    """Reads the streams of an xz, bz2 or zstd file, one after another, as a whole file would be read."""

    def __init__(self, file: BinaryIO, new: Callable[[], Any]) -> None:
        self._file, self._new, self._decoder = file, new, new()

    def read(self, size: int) -> bytes:
        """Return at most ``size`` bytes; none at the end."""
        data = b""
        while not data:
            if self._decoder.eof:
                packed = (self._decoder.unused_data or self._file.read(BLOCK)).lstrip(b"\0")
                while not packed:  # padding, or the end
                    packed = self._file.read(BLOCK)
                    if not packed:
                        return b""
                    packed = packed.lstrip(b"\0")
                self._decoder = self._new()
            elif self._decoder.needs_input:
                packed = self._file.read(BLOCK)
                if not packed:
                    raise EOFError("it ends too early")
            else:
                packed = b""
            data = self._decoder.decompress(packed, size)
        return data

    def close(self) -> None:
        """Nothing is held but the file."""


def _unpacked(file: io.BufferedReader[io.FileIO], kind: str, path: Path, member: str) -> Any:
    if kind == "gzip":
        return gzip.GzipFile(fileobj=file)
    if kind == "xz":
        return _Unpacker(file, lambda: lzma.LZMADecompressor(lzma.FORMAT_XZ, XZ_MEMORY))
    if kind == "bz2":
        return _Unpacker(file, bz2.BZ2Decompressor)
    if kind == "zstd":
        return _Unpacker(file, _zstd().ZstdDecompressor)
    return _open_member(_archive(file, path), path, member)


def _zstd() -> Any:
    try:
        from compression import zstd  # Python 3.14
    except ImportError:
        try:
            from backports import zstd
        except ImportError:
            raise MissingExtra("reading .zst needs backports.zstd, which is", "formats") from None
    return zstd


def _archive(file: BinaryIO, path: Path) -> zipfile.ZipFile:
    if not file.seekable():
        raise DataError(f"{path}: a zip archive cannot be read from a pipe; give it as a file")
    try:
        return zipfile.ZipFile(file)
    except (*_BROKEN, NotImplementedError, OSError) as error:
        raise DataError(f"{path}: not a whole zip file ({error}); get it again") from None


def _names(archive: zipfile.ZipFile) -> list[str]:
    """Return the names of the files in an archive, without those about the data."""
    names = [name for name in archive.namelist() if name and not name.endswith("/")]
    if not all(map(str.isprintable, names)):
        raise DataError(f"{archive.filename}: a file in it has a name that cannot be shown; unpack it first")
    pure = [PurePosixPath(name) for name in names]
    return [
        name
        for name, path in zip(names, pure, strict=True)
        if path.parts[:1] != ("__MACOSX",)
        and not path.name.startswith(".")
        and path.stem.strip("_").casefold() not in _NOT_DATA
    ]


def _open_member(archive: zipfile.ZipFile, path: Path, member: str) -> Any:
    names = archive.namelist() if member else _names(archive)
    if not member and any(name in _OFFICE for name in names):
        raise DataError(f"{path}: an Office file; save its table as CSV or as tab-separated text")
    listed = ", ".join(names[:8]) + " …" * (len(names) > 8)
    if member and member not in names:
        raise DataError(f"{path} holds no {member}; it holds {listed}")
    if not member and len(names) != 1:
        advice = f"name one, such as {path}:{names[0]}" if names else "there is nothing to read"
        raise DataError(f"{path} holds {len(names)} files{': ' * bool(names)}{listed}; {advice}")
    info = archive.getinfo(member or names[0])
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise DataError(f"{path}: {info.filename} is packed in a way that is not read here; unpack it first")
    try:
        return archive.open(info)
    except (*_BROKEN, NotImplementedError, RuntimeError) as error:
        raise DataError(f"{path}: {info.filename} cannot be unpacked ({error})") from None


def _refuse_foreign(head: bytes, name: str, *, inside: bool) -> None:
    """Refuse an archive inside an archive, and files that hold no plain text."""
    kind = "tar" if head[257:262] == b"ustar" else recognise(head) if inside else ""
    if kind:
        where = " inside another" if inside else ""
        raise DataError(f"{name}: a {kind} archive{where}; unpack it first")
    for magic, what in _FOREIGN.items():
        if head.startswith(magic):
            raise DataError(f"{name}: {what}")


def _unreadable(path: Path, error: OSError) -> DataError:
    if isinstance(error, IsADirectoryError):
        return DataError(f"{path} is a folder; give the file with the sentences")
    if isinstance(error, FileNotFoundError):
        return DataError(f"{path}: there is no such file")
    return DataError(f"{path}: cannot be read ({error.strerror or error})")
