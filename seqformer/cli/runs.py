"""``seqformer runs``: which runs there are, their curves, whether they differ, and removing them."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from seqformer.cli.options import (
    WHAT,
    BeamOption,
    BleuOption,
    CerOption,
    ChrfOption,
    DeviceOption,
    FigureOption,
    FontOption,
    ForOption,
    JsonOption,
    LengthPenaltyOption,
    PrecisionOption,
    ReferencesOption,
    SourceOption,
    SplitOption,
    TerOption,
    TokenizeOption,
    WerOption,
    WholeOption,
    add,
    check_picture,
    files_asked,
    named_scores,
    option,
    print_report,
    save_picture,
)
from seqformer.errors import SeqformerError

EXAMPLE = "Examples: seqformer runs   ·   seqformer runs curve runs/en-fr runs/en-fr-2 --figure curves.png"
COMPARE_EXAMPLE = "Example: seqformer runs compare runs/en-fr runs/en-fr-2 --bleu"
REMOVE_EXAMPLE = "Example: seqformer runs remove runs/en-fr-2"

app = typer.Typer(
    name="runs", help="List runs, or draw their curves.", epilog=EXAMPLE, rich_markup_mode="rich"
)


@app.callback(invoke_without_command=True)
def list_runs(context: typer.Context, as_json: JsonOption = False) -> None:
    """List the runs under runs/: what was learned, when, score, size and state."""
    if context.invoked_subcommand:
        return
    from seqformer.console import data, note, page
    from seqformer.runs import find
    from seqformer.runs.overview import Overview

    overview = Overview.of(find.RUNS)
    if as_json:
        data(json.dumps(overview.to_json(), ensure_ascii=False))
        return
    if not overview.rows and not overview.damaged:
        note(f"There are no runs under {find.RUNS}/ here; train one with: seqformer train")
        return
    page(*overview.tables())
    for remark in overview.damaged:
        note(f"seqformer: {remark}")


def curve(
    runs: Annotated[list[Path], typer.Argument(metavar="RUN", help="Run folders.")],
    figure: FigureOption = None,
    made_for: ForOption = "screen",
    font: FontOption = None,
) -> None:
    """Draw losses and scores of one run, or of several over each other."""
    from seqformer.console import page
    from seqformer.report import panels
    from seqformer.report.medium import medium
    from seqformer.runs.overview import learning_panels
    from seqformer.runs.run import Run

    check_picture(figure, made_for, font)
    drawn = learning_panels([Run(folder) for folder in runs])
    if not drawn:
        raise SeqformerError(f"{', '.join(map(str, runs))}: there is nothing to draw yet")
    if figure:
        save_picture(panels.paint([drawn], ", ".join(map(str, runs)), font, medium(made_for)), figure)
    page(*(panel.draw(80) for panel in drawn))


def compare(
    runs: Annotated[list[Path], typer.Argument(metavar="RUN", help="Run folders; the first is A.")],
    bleu: BleuOption = False,
    chrf: ChrfOption = False,
    ter: TerOption = False,
    wer: WerOption = False,
    cer: CerOption = False,
    tokenize: TokenizeOption = "",
    split: SplitOption = "test",
    data: Annotated[
        Path | None,
        option(WHAT, "The split of this prepared folder or run instead.", "DIR", "that of A"),
    ] = None,
    source: SourceOption = None,
    reference: ReferencesOption = None,
    beam: BeamOption = None,
    length_penalty: LengthPenaltyOption = None,
    whole: WholeOption = False,
    as_json: JsonOption = False,
    device: DeviceOption = "auto",
    precision: PrecisionOption = "fp32",
) -> None:
    """Test whether runs differ on one test set, each of them against the first.

    All translate the same sentences. Paired bootstrap and paired approximate randomisation ask how often a
    difference as large would be luck; two runs are called different only if both tests do.
    """
    from seqformer.console import note
    from seqformer.runs.run import Run
    from seqformer.studies.comparison import compare as compared

    opened = [Run(folder) for folder in runs]
    files = files_asked(source, reference)
    if data and files:
        raise SeqformerError("give either --data or --source and --reference, not both")
    for run in opened[1:] if files is None and data is None else ():
        if run.info.data_fingerprint != opened[0].info.data_fingerprint:
            note(
                f"seqformer: {run.folder} was trained on other pairs than {opened[0].folder}; "
                "it may have seen these sentences in training"
            )
    result = compared(
        opened,
        split=split,
        metrics=named_scores(bleu=bleu, chrf=chrf, ter=ter, wer=wer, cer=cer),
        data=data,
        files=files,
        device=device,
        precision=precision,
        tokenize=tokenize,
        beam=beam,
        length_penalty=length_penalty,
        whole=whole or None,
    )
    print_report(result, as_json)


def remove(
    runs: Annotated[list[Path], typer.Argument(metavar="RUN", help="Run folders.")],
    yes: Annotated[bool, option(None, "Remove them without asking.", "", False, "--yes")] = False,
) -> None:
    """Remove runs, with all that their folders hold, after asking whether that is meant."""
    from seqformer.console import counted, note
    from seqformer.runs import remove as removing

    removing.check(runs)
    for folder in dict.fromkeys(runs):
        note(f"{folder}  {removing.size(folder) / 1e6:,.1f} MB")
    if not yes and not _agreed(f"Remove {counted(len(set(runs)), 'run')} for good?"):
        raise SeqformerError("nothing was removed")
    for folder in dict.fromkeys(runs):
        removing.remove(folder)
        note(f"{folder} is removed.")


def _agreed(question: str) -> bool:
    """Ask at the terminal. Raises :class:`SeqformerError` where there is nobody to answer."""
    if not sys.stdin.isatty():
        raise SeqformerError(f"{question} There is no terminal to answer at; say --yes if it is meant")
    sys.stderr.write(f"{question} [y/N] ")
    sys.stderr.flush()
    return sys.stdin.readline().strip().lower() in ("y", "yes")


add(app, "curve", curve, EXAMPLE)
add(app, "compare", compare, COMPARE_EXAMPLE)
add(app, "remove", remove, REMOVE_EXAMPLE)
