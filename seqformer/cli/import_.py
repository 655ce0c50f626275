"""``seqformer import``: a Marian checkpoint as a run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from seqformer.cli.options import option, print_next
from seqformer.console import note

EXAMPLE = "Example: seqformer import opus-mt-en-de --run runs/en-de"


def import_(
    checkpoint: Annotated[
        Path,
        typer.Argument(
            metavar="DIR",
            help="A Marian checkpoint, as of transformers or as Marian itself writes it (.npz).",
        ),
    ],
    run: Annotated[
        Path | None,
        option(None, "The run folder to make.", "DIR", "runs/NAME", "--run"),
    ] = None,
) -> None:
    """Open a Marian checkpoint, such as any OPUS-MT model, as a run.

    It translates, evaluates, shows its attention, and can be trained further (train --init).
    """
    from seqformer.exchange import from_marian
    from seqformer.runs.find import RUNS
    from seqformer.storage.files import free

    made = from_marian.read(checkpoint, run or free(RUNS / checkpoint.resolve().name))
    note(f"{checkpoint} is now the run {made.folder}. Next:")
    print_next(made)
