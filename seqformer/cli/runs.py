"""``seqformer runs``: which runs there are, what they learned, and their curves."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from seqformer.cli.options import (
    FigureOption,
    FontOption,
    ForOption,
    JsonOption,
    add,
    check_picture,
    save_picture,
)
from seqformer.errors import SeqformerError

EXAMPLE = "Examples: seqformer runs   ·   seqformer runs curve runs/en-fr runs/en-fr-2 --figure curves.png"

app = typer.Typer(rich_markup_mode="rich")


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
    runs: Annotated[list[Path], typer.Argument(metavar="RUN...", help="Run folders.")],
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


add(app, "curve", curve, EXAMPLE)
