"""The teacher of a distillation: what it is asked, and the prepared folder of its answers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from seqformer import __version__
from seqformer.config import DecodeConfig
from seqformer.engine.model import PathLike
from seqformer.errors import DataError, RunError
from seqformer.formats import streams
from seqformer.inference.model import load
from seqformer.preparation import PREPARED, Prepared, prepare_into
from seqformer.runs.layout import WEIGHTS
from seqformer.runs.run import Run
from seqformer.storage.files import digest, digest_text, locked
from seqformer.storage.records import Scalar
from seqformer.studies import translations
from seqformer.studies.selection import Selection
from seqformer.studies.sources import Sources
from seqformer.tasks import text_task
from seqformer.tasks.translation import Translation
from seqformer.text import distilled, languages
from seqformer.text.distilled import Origin
from seqformer.text.faults import Faults
from seqformer.text.normalize import NORMALIZATION

DISTILLATIONS = Path("distillations")
Report = Callable[[int, int], object]  # told how many lines are translated, and how many there are


def checked(runs: list[Run], task: Translation, *, other_pieces: bool) -> Faults:
    """Refuse teachers that cannot translate the sources of a task; return remarks on the others."""
    faults, spoken = Faults(), task.manifest.languages
    for run in runs:
        held = text_task(run.task).manifest
        if all(spoken) and all(held.languages) and held.languages != spoken:
            raise DataError(
                f"{run.folder} translates {languages.joined(*held.languages)}, and {task.folder} holds pairs "
                f"of {languages.joined(*spoken)}: name a teacher of the same direction"
            )
        if not other_pieces and not task.reads_like(run.task):
            raise DataError(
                f"{task.folder} has other pieces than the teacher {run.folder}: prepare it like that run, "
                "name the folder that the run was trained on, or allow a teacher with other pieces"
            )
        for name in NORMALIZATION:
            theirs, ours = (each.prepare_settings[name] for each in (held, task.manifest))
            if theirs != ours:
                setting = name.replace("_", " ")
                faults.remark(f"{run.folder} was trained with {setting} {theirs} and the data have {ours}")
    return faults


@dataclass(frozen=True)
class Question:
    """What is to be translated, by which runs and how."""

    runs: list[Run]
    task: Translation
    files: tuple[Path, ...]  # of monolingual text
    decode: DecodeConfig
    precision: str
    device: str
    workers: int

    @cached_property
    def teachers(self) -> dict[str, str]:
        """The digests of the weights, and the names of the runs."""
        for run in self.runs:
            if not (run.folder / WEIGHTS).is_file():
                raise RunError(f"{run.folder} has no weights that were validated yet; train it further first")
        return {digest(run.folder / WEIGHTS): run.info.name for run in self.runs}

    @cached_property
    def identity(self) -> str:
        """What identifies all translations; the manifest of the data holds digests of its files."""
        held = self.task.manifest
        data = sorted((name, mark) for name, mark in held.digests.items())
        texts = [digest(streams.split_name(file)[0]) for file in self.files]
        how = [data, held.config, *self.teachers, asdict(self.decode), self.precision, translations.LINES]
        return _digest(__version__, *how, *texts, *map(str, self.files))

    def translate(self, sources: Sources, folder: Path, report: Report) -> None:
        """Translate what is not translated yet into the parts of a folder."""
        model = None

        def translator(lines: list[str]) -> list[Any]:
            nonlocal model
            model = model or load(
                self.runs, device=self.device, precision=self.precision, workers=self.workers
            )
            return [best[0] for best in model.predictor.translate(lines, self.decode)]

        def progressed(done: int) -> None:
            report(done, len(sources))

        try:
            translations.translate(sources, folder, translator, progressed)
        finally:
            if model is not None:
                model.close()


def _digest(*values: object) -> str:
    return digest_text(repr(values))


def prepare(
    question: Question,
    keep: float,
    *,
    originals: str,
    out: PathLike | None,
    faults: Faults,
    report: Report,
) -> Prepared:
    """Return the prepared folder of the translations, which is made unless it is there."""
    task = question.task
    first = PREPARED / f"{task.manifest.name}-distilled" if out is None else Path(out)
    parts = DISTILLATIONS / f"{task.manifest.name}-{question.identity[:8]}"

    def make(place: Path, origin: str) -> None:
        with locked(parts), task.reading(), Sources(task, question.files) as sources:
            question.translate(sources, parts, report)
            selection = Selection(sources, lambda: translations.read(parts, len(sources)), keep, originals)
            most = len(sources) + task.manifest.pairs["train"]
            record: dict[str, Scalar] = {
                "data": task.manifest.fingerprint,
                "translated": len(sources),
                "beam": question.decode.beam,
                "length_penalty": question.decode.length_penalty,
                "precision": question.precision,
                "keep": float(keep),
                "originals": originals,
            }
            files = list(map(str, question.files))
            counts = selection.dropped, selection.unchanged
            where = Origin(origin, question.teachers, record, files, *counts)
            distilled.write(sources.base, selection.rows(), most, place, where)

    origin = _digest(question.identity, float(keep), originals)
    return prepare_into(first, out, origin, make, faults)
