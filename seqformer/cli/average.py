"""``seqformer average``: one run of the mean of the weights of several."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from seqformer.cli.options import option, print_next
from seqformer.console import note

EXAMPLE = "Example: seqformer average runs/tuned runs/tuned-2 --out runs/mean"


def average(
    runs: Annotated[list[Path], typer.Argument(metavar="RUN", help="Runs of one shape and pieces.")],
    out: Annotated[Path, option(None, "The run folder to make.", "DIR")],
) -> None:
    """Make a run of the mean of the weights of several runs.

    It helps where they began alike, such as fine-tunings of one run; of models that were trained apart,
    translate with an ensemble instead (translate --run A --run B).
    """
    from seqformer import api

    made = api.average(runs, out)
    note(f"{made.folder} holds the mean of {len(runs)} runs. Next:")
    print_next(made)
