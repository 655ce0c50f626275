"""``seqformer attention``: what each piece looked at."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from seqformer.cli import images as image_verbs
from seqformer.cli.options import (
    BeamOption,
    DeviceOption,
    JsonOption,
    RunOption,
    image_run,
    open_run,
    refuse_beside,
)
from seqformer.errors import SeqformerError, nearest

if TYPE_CHECKING:
    from seqformer.report.heatmap import Heatmap
    from seqformer.run import Attention

EXAMPLE = 'Example: seqformer attention "i\'m home ." --kind all --png attention.png'
KINDS = ("cross", "encoder", "decoder", "all")
WHICH, OUTPUT = "Which weights", "Output"


def attention(
    context: typer.Context,
    text: Annotated[
        str,
        typer.Argument(
            metavar="TEXT|IMAGE|INDEX",
            help="A sentence, in quotes; for a run of images a .png or the number of a test image.",
        ),
    ],
    run: RunOption = None,
    kind: Annotated[
        str,
        typer.Option(
            metavar="cross|encoder|decoder|all",
            rich_help_panel=WHICH,
            help="Target over source, source over itself, target over itself.",
        ),
    ] = "cross",
    layer: Annotated[
        int | None,
        typer.Option(metavar="N", rich_help_panel=WHICH, show_default="the last; --png: all", help="From 1."),
    ] = None,
    head: Annotated[
        int | None, typer.Option(metavar="N", rich_help_panel=WHICH, show_default="all", help="From 1.")
    ] = None,
    average: Annotated[
        bool, typer.Option("--average", rich_help_panel=WHICH, help="The mean over the heads.")
    ] = False,
    png: Annotated[
        Path | None, typer.Option(metavar="F", rich_help_panel=OUTPUT, help="Also draw a grid of heads.")
    ] = None,
    as_json: JsonOption = False,
    beam: BeamOption = 5,
    device: DeviceOption = "auto",
) -> None:
    """Translate a sentence and show the attention weights, rows looking at columns.

    Rows of the cross-attention are the pieces being produced. Of a run of images it is shown what the
    class token looks at, over the picture.
    """
    if kind not in KINDS:
        raise SeqformerError(f"there is no attention '{kind}': {nearest(kind, KINDS)}")
    if images := image_run(run, search=image_verbs.is_picture(text)):
        allowed = ("text", "run", "layer", "head", "average", "png", "as_json", "device")
        refuse_beside("a run of images", context, allowed)
        image_verbs.attention(
            images, text, layer=layer, head=head, average=average, png=png, as_json=as_json, device=device
        )
        return
    opened = open_run(run, translation=True)
    if png:
        from seqformer.report import heatmap

        heatmap.check(png)
    from seqformer.run import Model

    seen = Model(opened, device).attention(text, beam=beam)
    maps = _heatmaps(seen, kind, average)
    chosen = _chosen(maps, layer, head, average)
    if png:
        heatmap.draw_png(png, chosen if layer or head else maps, _title(seen))
    if as_json:
        print(json.dumps(_json(seen, chosen), ensure_ascii=False))
        return
    if layer is None:
        last = {m.kind: m.layer for m in chosen}
        chosen = [m for m in chosen if m.layer == last[m.kind]]
    from seqformer.console import note, page
    from seqformer.report import heatmap

    page(*(heatmap.draw(m) for m in chosen))
    note(_title(seen))


def _heatmaps(seen: Attention, kind: str, average: bool) -> list[Heatmap]:
    """Every map of the kinds asked for, layer by layer and head by head."""
    from seqformer.report.heatmap import Heatmap

    labels = {
        "cross": (seen.maps.cross, seen.target_out, seen.source),
        "encoder": (seen.maps.encoder, seen.source, seen.source),
        "decoder": (seen.maps.decoder, seen.target_in, seen.target_in),
    }
    made = []
    for name in labels if kind == "all" else [kind]:
        weights, rows, columns = labels[name]
        if weights is None:
            if kind != "all":
                raise SeqformerError(f"this model has no {name} attention; it has cross attention")
            continue
        for number, of_layer in enumerate(weights[:, 0].float(), 1):  # (H, rows, columns)
            heads = of_layer.mean(0, keepdim=True) if average else of_layer
            for index, matrix in enumerate(heads.tolist(), 1):
                made.append(Heatmap(name, number, 0 if average else index, matrix, rows, columns))
    return made


def _chosen(maps: list[Heatmap], layer: int | None, head: int | None, average: bool) -> list[Heatmap]:
    if head is not None and average:
        raise SeqformerError("--head and --average exclude each other")
    for name, number, most in (
        ("layer", layer, max(m.layer for m in maps)),
        ("head", head, max(m.head for m in maps)),
    ):
        if number is not None and not 1 <= number <= most:
            raise SeqformerError(f"--{name} {number}: this model has {name}s 1 to {most}")
    return [m for m in maps if layer in (None, m.layer) and head in (None, m.head)]


def _title(seen: Attention) -> str:
    from seqformer.report.heatmap import plain

    return " → ".join(" ".join(map(plain, pieces[:-1])) for pieces in (seen.source, seen.target_out))


def _json(seen: Attention, maps: list[Heatmap]) -> dict[str, Any]:
    return {
        "source": seen.source,
        "target": seen.target_out,
        "maps": [
            {
                "kind": m.kind,
                "layer": m.layer,
                "head": m.head or None,
                "rows": m.rows,
                "columns": m.columns,
                "weights": m.weights,
            }
            for m in maps
        ],
    }
