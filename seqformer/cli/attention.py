"""``seqformer attention``: what each piece looked at."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from seqformer.cli.options import (
    BeamOption,
    DeviceOption,
    FigureOption,
    FontOption,
    ForOption,
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

EXAMPLE = 'Example: seqformer attention "i\'m home ." --kind all --figure attention.svg'
WHICH, OUTPUT = "Which weights", "Output"
PICTURES = ("figure", "figures", "made_for", "font")


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
        option(WHICH, "From 1.", "N", "the last; --figure: all"),
    ] = None,
    head: Annotated[int | None, option(WHICH, "From 1.", "N", "all")] = None,
    average: Annotated[bool, option(WHICH, "The mean over the heads.", "", False, "--average")] = False,
    words: Annotated[
        bool,
        option(
            WHICH, "Merge pieces to words: their rows averaged, their columns summed.", "", False, "--words"
        ),
    ] = False,
    figure: FigureOption = None,
    figures: Annotated[
        Path | None,
        option(
            OUTPUT,
            "Draw all heads of each kind of attention into this folder: as SVG, for a paper PDF, "
            "for slides PNG.",
            "DIR",
        ),
    ] = None,
    made_for: ForOption = "screen",
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
    from seqformer.report.attention import KINDS, Attention

    if kind not in KINDS:
        raise SeqformerError(f"there is no attention '{kind}': {nearest(kind, KINDS)}")
    opened = open_for(text, run)
    if not opened.task.reads_text:
        allowed = ("text", "run", "layer", "head", "average", "as_json", "device", *PICTURES)
        refuse_beside("a run of images", context, allowed)
    if figures is None:
        check_picture(figure, made_for, font)
    else:
        check_picture(figures / "cross.svg" if figures.is_dir() else Path("cross.svg"), made_for, font)
    look = api.load(opened, device=device).attention(text, beam=beam, whole=whole or None)
    if words and isinstance(look, Attention):
        look = look.by_words()
    chosen = look.select(kind=kind, layer=layer, head=head, average=average)
    remarks = chosen.save(figure, font, made_for) if figure else []
    if figures:
        for path, more in look.save_all(figures, font, made_for).items():
            remarks += [f"{path} is written.", *more]
    for remark in dict.fromkeys(remarks):
        note(remark)
    print_report(chosen, as_json)
