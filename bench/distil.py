"""A student beside its teacher, on Multi30k English-German: BLEU, decoding speed, size on disk.

    python bench/distil.py --multi30k DIR --minutes 30 --student-minutes 30
    python bench/distil.py --teachers runs/a runs/b --presets deep-shallow deep-shallow-2 tiny
    python bench/distil.py --teachers runs/a --originals dropped none all --keeps 0.95 1

Without --teachers one is trained for --minutes. Each preset, share and choice of originals is a student; they
share the translations. Scores are cased BLEU on valid and test by sacreBLEU, by a beam of 5 and greedily. The
speed is that of all of test by one process: teacher and student take turns (A B A B …, --rounds times), and
the ratio is the median of the ratios of neighbours, so that a machine that slows down slows down both. The
size is that of CTranslate2's model.bin in int8 (extra exchange). What is in --out is not trained again.
"""

from __future__ import annotations

import itertools
import statistics
import time
from argparse import Namespace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from common import arguments, keep, prepare_multi30k

import seqformer
from seqformer.errors import MissingExtra
from seqformer.exchange import ctranslate2
from seqformer.studies.distil import KEEP, PRESET
from seqformer.studies.selection import ORIGINALS
from seqformer.tasks import text_task

BEAMS = (5, 1)


def scores(model: seqformer.Model) -> dict[str, float]:
    """Return BLEU on valid and test, by each beam."""
    return {
        f"{split}, beam {beam}": seqformer.evaluate(model, split=split, metrics=["bleu"], beam=beam)[
            "bleu"
        ].score
        for split, beam in itertools.product(("valid", "test"), BEAMS)
    }


def seconds(model: seqformer.Model, lines: list[str], beam: int) -> float:
    """Return how long the translation of some lines takes."""
    begin = time.perf_counter()
    model.translate(lines, beam=beam)
    return time.perf_counter() - begin


def ratios(teacher: seqformer.Model, student: seqformer.Model, rounds: int) -> dict[str, float]:
    """Return how many times as fast the student is: at the same beam, and greedily against beam 5."""
    lines = [source for source, _ in text_task(teacher.run.task).pairs("test")]
    found = {}
    for name, ours, theirs in (("beam 5", 5, 5), ("greedy", 1, 1), ("greedy to beam 5", 1, 5)):
        turns = [(seconds(teacher, lines, theirs), seconds(student, lines, ours)) for _ in range(rounds)]
        found[f"speed, {name}"] = statistics.median(before / after for before, after in turns)
    return found


def size(run: seqformer.Run) -> float | None:
    """Return the megabytes of the model in int8; None where CTranslate2 is missing."""
    with TemporaryDirectory() as scratch:
        try:
            ctranslate2.convert(run, Path(scratch) / "int8", "int8")
        except MissingExtra:
            return None
        return (Path(scratch) / "int8" / "model.bin").stat().st_size / 1e6


def teach(options: Namespace) -> list[Path]:
    """Return the teachers: those named, or one that is trained now."""
    if options.teachers:
        return [path.resolve() for path in options.teachers]
    folder: Path = options.out / "teacher"
    if not folder.is_dir():
        data = prepare_multi30k(options.out, options.multi30k)
        limit = {"max_steps": options.steps} if options.steps else {"max_minutes": options.minutes}
        seqformer.train(data, run=folder, preset=options.teacher_preset, seed=options.seed, **limit)
    return [folder]


def students(options: Namespace, teachers: list[Path]) -> dict[str, seqformer.Run]:
    """Return the student of each preset, share to keep and choice of originals."""
    limit = {"max_steps": options.steps} if options.steps else {"max_minutes": options.student_minutes}
    runs = {}
    for preset, share, originals in itertools.product(options.presets, options.keeps, options.originals):
        name = f"{preset}, keep {share:g}, originals {originals}"
        place = name.replace(", ", "-").replace(" ", "-")
        out = options.out / f"{share:g}-{originals}"
        how = {"keep": share, "originals": originals, "workers": options.workers}
        student = {"run": options.out / place, "preset": preset, "seed": options.seed, **limit}
        made = seqformer.distil(teachers, data=options.data, out=out, **how, **student)
        assert made.run
        runs[name] = made.run
    return runs


def main() -> None:
    """Print a line for the teacher and for each student."""
    parser = arguments(__doc__)
    parser.add_argument("--multi30k", type=Path, metavar="DIR", help="its raw files, to train a teacher")
    parser.add_argument("--teachers", type=Path, nargs="+", metavar="RUN")
    parser.add_argument("--data", type=Path, metavar="DIR", help="the prepared folder; that of the teacher")
    parser.add_argument("--teacher-preset", default="small")
    parser.add_argument("--presets", nargs="+", default=[PRESET])
    parser.add_argument("--keeps", type=float, nargs="+", default=[KEEP])
    parser.add_argument("--originals", nargs="+", choices=ORIGINALS, default=ORIGINALS[:1])
    parser.add_argument("--minutes", type=float, default=30, help="of the teacher's training")
    parser.add_argument("--student-minutes", type=float, default=30)
    parser.add_argument("--steps", type=int, help="of every training instead, to try it out")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--workers", type=int, default=1, help="processes that translate")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, default=Path("distil"), metavar="DIR")
    options = parser.parse_args()
    if (options.multi30k is None) == (options.teachers is None):
        parser.error("give either --multi30k or --teachers")
    options.out.mkdir(parents=True, exist_ok=True)
    teachers = teach(options)
    runs = students(options, teachers)
    teacher = seqformer.load(teachers, device="cpu")
    figures: dict[str, dict[str, Any]] = {"teacher": scores(teacher)}
    for name, run in runs.items():
        model = seqformer.load(run, device="cpu")
        figures[name] = scores(model) | ratios(teacher, model, options.rounds)
        figures[name]["weights"] = run.weights()
        figures[name]["int8 MB"] = size(run)
    for name, values in figures.items():
        print(name)
        for what, value in values.items():
            print(f"    {what:24} {'not measured' if value is None else f'{value:,.2f}'}")
    keep("distil", figures)


if __name__ == "__main__":
    main()
