"""``seqformer distil``: a small, fast student of a trained run."""

from __future__ import annotations

import shlex
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from seqformer.cli.options import (
    DeviceOption,
    JsonOption,
    PrecisionOption,
    RecipeOption,
    option,
    print_report,
)
from seqformer.console import note, talk

if TYPE_CHECKING:
    from seqformer.studies.distil import Event

EXAMPLE = "Example: seqformer distil runs/mine --max-minutes 30   ·   seqformer distil runs/a runs/b --beam 8"
TRANSLATIONS, STUDENT = "Translations", "Student"
SETTINGS = ("preset", "max_minutes", "max_steps", "max_epochs", "patience", "validate_every", "seed")
LINE_EVERY = 15.0  # seconds between lines where there is no terminal


def distil(
    context: typer.Context,
    teachers: Annotated[
        list[Path],
        typer.Argument(
            metavar="TEACHER", help="The run that translates; several of the same pieces do so together."
        ),
    ],
    data: Annotated[
        Path | None,
        option(
            TRANSLATIONS,
            "The prepared folder whose training sources are translated.",
            "DIR",
            "the one that the teacher was trained on",
        ),
    ] = None,
    monolingual: Annotated[
        list[Path] | None,
        option(TRANSLATIONS, "Translate the lines of this file too; can be given again.", "F"),
    ] = None,
    beam: Annotated[
        int | None, option(TRANSLATIONS, "Beam size of the teacher.", "N", "5, or as the run says")
    ] = None,
    keep: Annotated[
        float | None,
        option(
            TRANSLATIONS,
            "Share of the translations that stays, those that the teacher finds the most probable; those "
            "that look bad are dropped before.",
            "SHARE",
            "0.95",
        ),
    ] = None,
    originals: Annotated[
        str,
        option(
            TRANSLATIONS,
            "Pairs of the data to train on as they are: those whose translation is dropped, all, or none.",
            "dropped|all|none",
            "dropped",
        ),
    ] = "dropped",
    other_pieces: Annotated[
        bool,
        option(
            TRANSLATIONS,
            "Take a teacher with other pieces than the data; its text is cut into those of the data.",
            "",
            False,
            "--other-pieces",
        ),
    ] = False,
    out: Annotated[
        Path | None,
        option(TRANSLATIONS, "The prepared folder to make.", "DIR", "prepared/NAME-distilled"),
    ] = None,
    workers: Annotated[
        int, option(TRANSLATIONS, "Processes that share the translating; one thread or more each.", "N", "1")
    ] = 1,
    precision: PrecisionOption = "fp32",
    only_data: Annotated[
        bool, option(STUDENT, "Make the prepared folder, and train no student.", "", False, "--only-data")
    ] = False,
    run: Annotated[
        Path | None, option(STUDENT, "The student's run folder.", "DIR", "runs/NAME-distilled", "--run")
    ] = None,
    preset: Annotated[
        str | None,
        option(
            STUDENT,
            "Sets all dimensions of the student, as for train; deep-shallow: 6 encoder layers, 1 of the "
            "decoder.",
            "deep-shallow|deep-shallow-2|tiny|…",
            "deep-shallow",
        ),
    ] = None,
    recipe: RecipeOption = None,
    max_minutes: Annotated[
        float | None, option(STUDENT, "Wall clock of the training; translating does not count.", "M")
    ] = None,
    max_steps: Annotated[int | None, option(STUDENT, "Optimizer steps.", "N")] = None,
    max_epochs: Annotated[
        int | None,
        option(STUDENT, "Passes over the training pairs.", "N", "from the data size, if nothing else limits"),
    ] = None,
    patience: Annotated[
        int | None, option(STUDENT, "Stop after so many validations without a better score.", "N", "never")
    ] = None,
    validate_every: Annotated[
        int | None, option(STUDENT, "Steps between validations.", "N", "a tenth of the budget")
    ] = None,
    seed: Annotated[
        int | None, option(STUDENT, "Seed for weights, dropout and batch order.", "N", "1")
    ] = None,
    as_json: JsonOption = False,
    device: DeviceOption = "auto",
) -> None:
    """Train a small, fast student on the translations of a teacher.

    The teacher translates all training sources by beam search; the student learns from these translations
    instead of the references (sequence-level knowledge distillation). What looks bad, or is improbable, is
    dropped and counted; valid and test stay as they are. Ctrl-C loses little: the same command goes on.
    """
    from seqformer.api import Interrupted
    from seqformer.cli.watch import Screen
    from seqformer.studies import distil as study

    screen, bar = Screen(), _Bar()
    given: dict[str, Any] = {name: context.params[name] for name in SETTINGS}

    def show(event: Event) -> None:
        if isinstance(event, study.Translated):
            bar(event.done, event.total)
        elif isinstance(event, study.Distilled):
            pairs = event.prepared.task.manifest.pairs["train"]
            note(f"{event.prepared.folder}: {pairs:,} pairs to train on")
        elif isinstance(event, study.Student):
            state = {"new": "", "resumed": ": going on", "finished": ": finished already"}[event.state]
            note(f"The student, {event.folder}{state}")
        else:
            screen(event)

    try:
        result = study.distil(
            teachers,
            data=data,
            monolingual=monolingual or (),
            beam=beam,
            keep=study.KEEP if keep is None else keep,
            originals=originals,
            other_pieces=other_pieces,
            out=out,
            run=run,
            only_data=only_data,
            recipe=recipe,
            device=device,
            precision=precision,
            workers=workers,
            events=show,
            **given,
        )
    except KeyboardInterrupt as stopped:
        reason = stopped.reason if isinstance(stopped, Interrupted) else "Ctrl-C"
        note(f"Stopped by {reason}; what is done is kept. The same command goes on:")
        note(f"  seqformer {shlex.join(sys.argv[1:])}")
        raise typer.Exit(143 if reason == "SIGTERM" else 130) from None
    finally:
        bar.close()
    if result.run is not None:
        screen.summarize(result.run)
    print_report(result, as_json)
    if result.run is None:
        note("Next:")
        note(f"  seqformer train --data {shlex.quote(str(result.prepared.folder))} --preset {study.PRESET}")
    else:
        student, teacher = (shlex.quote(str(each)) for each in (result.run.folder, teachers[0]))
        note("Compare it with the teacher:")
        note(f"  seqformer evaluate --run {student} --compare {teacher}")


class _Bar:
    """How far the teacher is: a bar at a terminal, now and then a line elsewhere."""

    def __init__(self) -> None:
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        self.progress = Progress(
            TextColumn("translating"),
            BarColumn(bar_width=None),
            MofNCompleteColumn(),
            TextColumn("{task.percentage:>3.0f}%"),
            TimeRemainingColumn(),
            console=talk,
            disable=not talk.is_terminal,
            transient=True,
        )
        self._task: Any = None
        self._first = (0, 0.0)  # lines that were there already, and when this began
        self._since = 0.0

    def __call__(self, done: int, total: int) -> None:
        """Show that so many lines of all are translated."""
        from seqformer.cli.watch import clock

        now = time.monotonic()
        if self._task is None:
            self._first, self._since = (done, now), now
            note(f"Translating {total:,} lines" + (f", {done:,} of them already there" if done else ""))
            self._task = self.progress.add_task("", total=total, completed=done)
            self.progress.start()
            return
        self.progress.update(self._task, completed=done)
        if done == total:
            self.close()
        elif not talk.is_terminal and now - self._since >= LINE_EVERY:
            self._since, (before, began) = now, self._first
            left = clock((now - began) * (total - done) / (done - before))
            note(f"translated {done:,} of {total:,} lines  {left} left  {done / total:.0%}")

    def close(self) -> None:
        """Take the bar away."""
        self.progress.stop()
