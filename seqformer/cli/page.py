"""``seqformer page``: a run as one offline HTML file that translates and explains itself."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from seqformer.cli.options import open_run, option, translates

EXAMPLE = "Example: seqformer page runs/en-fr --out translator.html"
OUTPUT = "Output"


def page(
    run: Annotated[
        Path | None,
        typer.Argument(metavar="RUN", show_default="the newest that translates", help="The run folder."),
    ] = None,
    out: Annotated[Path | None, option(OUTPUT, "The file to write.", "F.html", "NAME.html")] = None,
    weights: Annotated[
        str,
        option(
            OUTPUT, "How the weights are kept: rounded to 8 bits, in 16 bits, or in full.", "int8|fp16|fp32"
        ),
    ] = "int8",
) -> None:
    """Write a run as one HTML file that runs in a browser, offline: nothing is loaded, and nothing is sent.

    It translates as you type, greedily or with a beam. It shows all attention as a matrix or as lines, the
    search as a tree, and the paper's figure with the numbers of your sentence; and it lets you switch off
    what the model is made of, to see what each part is for.
    """
    from seqformer.console import data, note
    from seqformer.page import bundle

    opened = open_run(run, translates, "that translates")
    written = bundle.write(opened, out or Path(f"{opened.info.name}.html"), weights)
    note(
        f"{written.path}: {written.size / 1e6:.1f} MB, weights as {written.weights}; a logit moves by "
        f"{written.moved:.2g} at most by that, on {bundle.EXAMPLES} sentences. Open it in a browser."
    )
    data(str(written.path))
