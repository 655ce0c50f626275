"""The converted model that a run keeps, and whether it is of the weights that the run has now.

    RUN/ctranslate2/engine.json   digests of what it was made of, and of its own files
    RUN/ctranslate2/…             the files of CTranslate2

Nothing is trusted without its digest: other weights, settings or pieces, and it is made anew.
"""

from __future__ import annotations

import contextlib
import dataclasses
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from seqformer.errors import RUN_ADVICE, DamagedError, RunError, WriteError, damaged
from seqformer.runs.layout import CONFIG, INFO, WEIGHTS
from seqformer.storage.files import check_plain, digest_each, locked, read_json, whole_folder, write_json
from seqformer.storage.manifest import MANIFEST
from seqformer.storage.records import from_json

FOLDER, RECORD = "ctranslate2", "engine.json"
FORMAT = 1
TRIES = 3  # for a run whose weights change meanwhile


@dataclass(frozen=True)
class Record:
    """What engine.json says."""

    format: int
    made_of: dict[str, str]  # file of the run -> its digest
    files: dict[str, str]  # file beside this one -> its digest
    position_bytes: int  # that a position of a hypothesis takes while decoding
    longest: int  # pieces that the model can read, with the end; 0: any number
    room: int  # positions that the engine makes room for


@dataclass(frozen=True)
class Converted:
    """A converted model that is as it was made."""

    folder: Path
    record: Record


Write = Callable[[Path], tuple[int, int, int]]  # into a folder; returns the last three fields of a record


def current(run: Path) -> Converted | None:
    """Return the model that a run keeps, if it is whole and made of what the run has now."""
    folder = run / FOLDER
    if not (folder / RECORD).is_file():
        return None
    try:
        check_plain(folder)
        record = from_json(Record, read_json(folder / RECORD), str(folder / RECORD))
        whole = record.format == FORMAT and record.files == _own(folder) and record.made_of == _sources(run)
    except (DamagedError, OSError):
        return None
    return Converted(folder, record) if whole else None


@contextlib.contextmanager
def kept(run: Path, write: Write) -> Iterator[Converted]:
    """Yield the converted model of a run, made now where the run keeps none of its weights.

    Where the run cannot be written to, it is made in a temporary folder, which lasts for the block. Raises
    :class:`RunError`.
    """
    made = current(run)
    if made is None:
        with contextlib.suppress(WriteError, OSError), locked(run / FOLDER):
            if current(run) is None:  # another process may have made it while this one waited
                with whole_folder(run / FOLDER, replaces=RECORD) as folder:
                    _make(run, folder, write)
            made = current(run)
    if made is not None:
        yield made
        return
    with tempfile.TemporaryDirectory(prefix="seqformer-") as name:
        yield Converted(Path(name), _make(run, Path(name), write))


def _make(run: Path, folder: Path, write: Write) -> Record:
    """Convert, and record what of; again where a training changed the weights meanwhile."""
    with damaged(RunError, RUN_ADVICE):
        for _ in range(TRIES):
            sources = _sources(run)
            sizes = write(folder)
            if sources == _sources(run):
                record = Record(FORMAT, sources, _own(folder), *sizes)
                write_json(folder / RECORD, dataclasses.asdict(record))
                return record
    raise RunError(f"{run}: its weights change again and again; translate when its training has ended")


def _sources(run: Path) -> dict[str, str]:
    """Return the digests of what a converted model is made of; the manifest has those of the pieces."""
    return digest_each(run / name for name in (INFO, CONFIG, MANIFEST, WEIGHTS))


def _own(folder: Path) -> dict[str, str]:
    """Return the digests of the files of a converted model, but for the record that holds them."""
    return digest_each(path for path in folder.iterdir() if path.name != RECORD)
