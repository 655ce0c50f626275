"""The shortlist that a run keeps, and whether it is of the weights that the run has now.

    RUN/shortlist.json   its lines, and digests of them and of what it was made of

Other weights or pieces, and it is made anew, from the training pairs.
"""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seqformer.decoding.shortlist import Shortlist
from seqformer.errors import DamagedError, DataError, RunError, WriteError, damaged
from seqformer.runs.layout import SHORTLIST, WEIGHTS
from seqformer.storage.files import digest_each, digest_text, locked, read_json, write_json
from seqformer.storage.manifest import MANIFEST
from seqformer.storage.records import from_json

if TYPE_CHECKING:  # it imports torch
    from seqformer.runs.run import Run

FORMAT = 1
VMAP = "vmap.txt"  # beside a model of CTranslate2


@dataclass(frozen=True)
class Record:
    """What shortlist.json says."""

    format: int
    made_of: dict[str, str]  # file of the run -> its digest
    own: str  # the digest of the lines
    lines: list[str]


def current(run: Path) -> list[str] | None:
    """Return the lines of the shortlist that a run keeps, if it is whole and of the weights it has now."""
    path = run / SHORTLIST
    if not path.is_file():
        return None
    try:
        record = from_json(Record, read_json(path), str(path))
        whole = record.format == FORMAT and record.own == _own(record.lines)
        return record.lines if whole and record.made_of == _sources(run) else None
    except (DamagedError, OSError):
        return None


def kept(run: Run) -> list[str]:
    """Return the lines of the shortlist of a run, made now where the run keeps none of its weights.

    Where the run cannot be written to, it is made each time. Raises :class:`RunError`.
    """
    if not run.task.reads_text:
        raise RunError(f"{run.folder} classifies images, and a shortlist is of pieces")
    if not (run.folder / WEIGHTS).is_file():
        raise RunError(f"{run.folder} has no best weights yet, of which a shortlist is made")
    found, path = current(run.folder), run.folder / SHORTLIST
    if found is None:
        with contextlib.suppress(WriteError, OSError), locked(path):
            found = current(run.folder)  # another process may have made it while this one waited
            if found is None:
                sources, found = _sources(run.folder), _make(run)
                record = Record(FORMAT, sources, _own(found), found)
                write_json(path, dataclasses.asdict(record))
    return _make(run) if found is None else found


def shortened(predictor: Any, lines: Sequence[str]) -> Any:
    """Return what translates with the shortlist of its run, as :func:`kept` returns it."""
    return dataclasses.replace(predictor, shortlist=Shortlist(lines, predictor.tokenizer))


def as_file(lines: Sequence[str]) -> bytes:
    """Return a shortlist as the file of CTranslate2's vocabulary mapping."""
    return "".join(f"{line}\n" for line in lines).encode()


def _make(run: Run) -> list[str]:
    from seqformer.decoding import alignment, piece_links
    from seqformer.tasks import text_task
    from seqformer.text import prepared

    try:
        task = text_task(run.training_task())
    except RunError as error:
        raise RunError(f"a shortlist is made from the training pairs: {error}") from None
    with damaged(DataError, "prepare the data anew"):
        pairs = prepared.open_pairs(task.folder, "train", task.manifest)
        valid = task.sentences("valid", alignment.SAMPLE)[:2] if task.manifest.pairs["valid"] else ()
    sample = list(zip(*valid, strict=True))
    return piece_links.shortlist(run.predictor(), pairs, sample)


def _own(lines: Sequence[str]) -> str:
    return digest_text("\n".join(lines))


def _sources(run: Path) -> dict[str, str]:
    """Return the digests of what a shortlist is made of; the manifest has those of the pieces."""
    return digest_each(run / name for name in (MANIFEST, WEIGHTS))
