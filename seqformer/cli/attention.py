"""``seqformer attention``: what each piece looked at."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from seqformer.cli.options import (
    BeamOption,
    DeviceOption,
    FontOption,
    InputArgument,
    JsonOption,
    RunOption,
    WholeOption,
    check_picture,
    open_for,
    option,
    print_report,
    refuse_beside,
)
from seqformer.console import note
from seqformer.errors import SeqformerError, nearest

EXAMPLE = 'Example: seqformer attention "i\'m home ." --kind all --png attention.png'
WHICH, OUTPUT = "Which weights", "Output"


def attention(
    context: typer.Context,
    text: InputArgument,
    run: RunOption = None,
    kind: Annotated[
        str,
        option(
            WHICH, "Target over source, source over itself, target over itself.", "cross|encoder|decoder|all"
        ),
    ] = "cross",
    layer: Annotated[
        int | None,
        option(WHICH, "From 1.", "N", "the last; --png: all"),
    ] = None,
    head: Annotated[int | None, option(WHICH, "From 1.", "N", "all")] = None,
    average: Annotated[bool, option(WHICH, "The mean over the heads.", "", False, "--average")] = False,
    png: Annotated[Path | None, option(OUTPUT, "Also draw a grid of heads.", "F")] = None,
    as_json: JsonOption = False,
    beam: BeamOption = None,
    whole: WholeOption = False,
    device: DeviceOption = "auto",
    font: FontOption = None,
) -> None:
    """Translate a sentence and show the attention weights, rows looking at columns.

    Rows of the cross-attention are the pieces being produced. For a run of images, what the class token looks
    at is shown over the picture.
    """
    from seqformer import api
    from seqformer.report.attention import KINDS

    if kind not in KINDS:
        raise SeqformerError(f"there is no attention '{kind}': {nearest(kind, KINDS)}")
    opened = open_for(text, run)
    if not opened.task.reads_text:
        allowed = ("text", "run", "layer", "head", "average", "png", "as_json", "device", "font")
        refuse_beside("a run of images", context, allowed)
    check_picture(png, font)
    model = api.load(opened, device=device)
    look = model.attention(text, beam=beam, whole=whole or None)
    chosen = look.select(kind=kind, layer=layer, head=head, average=average)
    if png:
        for remark in chosen.save(png, font):
            note(remark)
    print_report(chosen, as_json)
