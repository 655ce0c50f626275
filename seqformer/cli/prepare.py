"""``seqformer prepare``: from files of sentence pairs to a prepared folder."""

from __future__ import annotations

import contextlib
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from seqformer.cli.options import RecipeOption, refuse_beside
from seqformer.console import note
from seqformer.errors import SeqformerError

if TYPE_CHECKING:
    from seqformer.api import Prepared
    from seqformer.text.faults import Faults

EXAMPLE = "Example: seqformer prepare pairs.tsv --out prepared/mine --lowercase --split-punctuation"
FILES, TEXT, PIECES, SPLIT, FAULTS = "Files", "Text", "Vocabulary", "Selection and splits", "Faults"


def prepare(
    context: typer.Context,
    pairs: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="[PAIRS]...",
            show_default="the embedded English-French corpus",
            help="Tab-separated files, source first, plain or .gz (columns after the second are ignored); "
            "or a folder of images: IDX files, or PNGs by class.",
        ),
    ] = None,
    source: Annotated[
        Path | None, typer.Option(metavar="F", rich_help_panel=FILES, help="Source sentences, a line each.")
    ] = None,
    target: Annotated[
        Path | None,
        typer.Option(metavar="F", rich_help_panel=FILES, help="Their translations, line by line."),
    ] = None,
    valid_source: Annotated[
        Path | None, typer.Option(metavar="F", rich_help_panel=FILES, help="Source sentences to validate on.")
    ] = None,
    valid_target: Annotated[
        Path | None, typer.Option(metavar="F", rich_help_panel=FILES, help="Their translations.")
    ] = None,
    test_source: Annotated[
        Path | None, typer.Option(metavar="F", rich_help_panel=FILES, help="Source sentences to test on.")
    ] = None,
    test_target: Annotated[
        Path | None, typer.Option(metavar="F", rich_help_panel=FILES, help="Their translations.")
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            rich_help_panel=FILES,
            show_default="prepared/NAME",
            help="The folder to make; one prepared earlier is replaced.",
        ),
    ] = None,
    swap: Annotated[
        bool,
        typer.Option("--swap", rich_help_panel=FILES, help="Translate from the second side to the first."),
    ] = False,
    style: Annotated[
        str | None,
        typer.Option(
            metavar="d2l",
            rich_help_panel=TEXT,
            help="Prepare as Dive into Deep Learning does: the first 640 pairs, words, "
            "9 steps; the last 128 are valid [bold]and[/] test, and their sources may stand in train.",
        ),
    ] = None,
    lowercase: Annotated[
        bool | None,
        typer.Option(
            "--lowercase/--keep-case",
            rich_help_panel=TEXT,
            show_default="keep-case; the embedded corpus: lowercase",
            help="Make everything lower case, here and at translation.",
        ),
    ] = None,
    split_punctuation: Annotated[
        bool | None,
        typer.Option(
            "--split-punctuation/--keep-punctuation",
            rich_help_panel=TEXT,
            show_default="keep; the embedded corpus: split",
            help="Set punctuation apart from words, here and at translation.",
        ),
    ] = None,
    vocab_size: Annotated[
        str | None,
        typer.Option(
            metavar="N|auto",
            rich_help_panel=PIECES,
            show_default="auto",
            help="Pieces at most; auto: from the data.",
        ),
    ] = None,
    model_type: Annotated[
        str | None,
        typer.Option(
            metavar="unigram|bpe|word|char",
            rich_help_panel=PIECES,
            show_default="bpe",
            help="How SentencePiece cuts text into pieces.",
        ),
    ] = None,
    separate: Annotated[
        bool | None,
        typer.Option(
            "--separate",
            rich_help_panel=PIECES,
            show_default="joint",
            help="A vocabulary for each side, not a joint one.",
        ),
    ] = None,
    like: Annotated[
        Path | None,
        typer.Option(
            metavar="RUN",
            rich_help_panel=PIECES,
            help="Text and pieces as in this run, which can then be trained on: train --init RUN.",
        ),
    ] = None,
    max_pairs: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            min=0,
            rich_help_panel=SPLIT,
            show_default="all",
            help="Read only the first so many pairs.",
        ),
    ] = None,
    max_pieces: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            min=1,
            rich_help_panel=SPLIT,
            show_default="256",
            help="Drop training pairs with a longer side.",
        ),
    ] = None,
    max_ratio: Annotated[
        float | None,
        typer.Option(
            metavar="R",
            min=1,
            rich_help_panel=SPLIT,
            show_default="9",
            help="Drop pairs with a side R times the other.",
        ),
    ] = None,
    valid_size: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            min=1,
            rich_help_panel=SPLIT,
            show_default="1000",
            help="Sources kept for validation (a tenth at most).",
        ),
    ] = None,
    test_size: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            min=1,
            rich_help_panel=SPLIT,
            show_default="1000",
            help="Sources kept for the test (likewise).",
        ),
    ] = None,
    seed: Annotated[
        int | None,
        typer.Option(
            metavar="N", min=0, rich_help_panel=SPLIT, show_default="1", help="Seed for the splits."
        ),
    ] = None,
    recipe: RecipeOption = None,
    strict: Annotated[
        bool,
        typer.Option("--strict", rich_help_panel=FAULTS, help="Stop if there is any fault in the data."),
    ] = False,
    report: Annotated[
        Path | None,
        typer.Option(metavar="F.json", rich_help_panel=FAULTS, help="Write the faults found, as JSON."),
    ] = None,
) -> None:
    """Read sentence pairs, clean and split them, learn the pieces, and store them for training.

    The valid and test splits are made [bold]by source sentence[/]: no test source is seen in training.
    Faults in the data are reported with their line numbers, and what was done about them.

    A folder of images becomes a prepared folder too, with a tenth held out for validation.
    """
    from seqformer import api
    from seqformer.text.faults import Faults

    given = {name: value for name, value in context.params.items() if name in SETTINGS and value is not None}
    if vocab_size is not None:
        given["vocab_size"] = _vocab_size(vocab_size)
    if style:
        refuse_beside(f"--style {style}", context, ("style", "pairs", "source", "target", "out", "swap"))
    if like:
        own = ("lowercase", "split_punctuation", "vocab_size", "model_type", "separate", "style")
        refuse_beside(
            "--like", context, tuple(p.name or "" for p in context.command.params if p.name not in own)
        )
    paths = list(pairs or [])
    images = len(paths) == 1 and paths[0].is_dir()
    if images:
        refuse_beside("a folder of images", context, ("pairs", "out", "seed", "recipe"))
    faults = Faults(strict)
    with _reported(faults, report):
        made = api.prepare(
            paths[0] if images else paths or None,
            out=out,
            files=_files(source, target, "--source", "--target"),
            valid=_files(valid_source, valid_target, "--valid-source", "--valid-target"),
            test=_files(test_source, test_target, "--test-source", "--test-target"),
            swap=swap,
            style=style or "",
            like=like,
            recipe=recipe,
            faults=faults,
            **given,
        )
    show(made)
    if not images and made.task.manifest.test_is_valid:
        note(
            f"The last {made.task.manifest.pairs['valid']} pairs are both valid and test, and their sources "
            "may stand in train too: a score on them is no measure of what the model does with new sentences."
        )


SETTINGS = (
    "lowercase", "split_punctuation", "model_type", "separate", "max_pairs", "max_pieces", "max_ratio",
    "valid_size", "test_size", "seed",
)  # fmt: skip


def show(made: Prepared) -> None:
    """Show what was kept, what was dropped and why, what the pieces look like, and faults in the data."""
    from rich.console import Group
    from rich.text import Text

    from seqformer.console import page

    held = made.task.manifest
    kept = sum(
        n for split, n in held.pairs.items() if split != "test" or not getattr(held, "test_is_valid", False)
    )
    next_command = f"seqformer train --data {shlex.quote(str(made.folder))}"
    thing = "pairs" if made.task.reads_text else "images"
    page(Group(*made.tables()), Text(f"{kept:,} {thing} in {made.folder}   next: {next_command}"))
    _show_faults(made.faults)


def _show_faults(faults: Faults) -> None:
    """Print two lines for each fault: what, how often and what was done; where, and an example."""
    entries = faults.entries()
    if entries:
        note("Faults in the data:")
    for fault in entries:
        note(f"  {fault.kind:23}{fault.count:>8,}  {fault.action}")
        lines = ", ".join(map(str, fault.lines[:3])) + " …" * (fault.count > 3)
        where = f"    {Path(fault.file).name}, line{'s' * (fault.count > 1)} {lines}: "
        room = max(20, 80 - len(where))
        note(where + (fault.example if len(fault.example) <= room else fault.example[: room - 1] + "…"))


def _vocab_size(text: str) -> int:
    if text == "auto":
        return 0
    if not text.isdecimal() or int(text) < 8:
        raise SeqformerError(f"--vocab-size {text}: give a number of at least 8, or auto")
    return int(text)


@contextlib.contextmanager
def _reported(faults: Faults, report: Path | None) -> Iterator[None]:
    """Write the report when the block ends well, and also when the data cannot be used."""
    from seqformer.storage.files import write_json

    if report and report.is_dir():
        raise SeqformerError(f"--report {report}: that is a folder; name a file")
    if report and not report.absolute().parent.is_dir():
        raise SeqformerError(f"--report {report}: there is no folder {report.parent}; make it first")
    try:
        yield
    finally:
        if report and isinstance(sys.exc_info()[1], SeqformerError | None):
            write_json(report, faults.report())


def _files(source: Path | None, target: Path | None, first: str, second: str) -> tuple[Path, Path] | None:
    if source is None and target is None:
        return None
    if source is None or target is None:
        raise SeqformerError(
            f"{first} and {second} go together: one file of sources, one of their translations"
        )
    return source, target
