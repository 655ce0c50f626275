"""``seqformer explain``: one sentence on its way through a model, box by box."""

from __future__ import annotations

from typing import Annotated

from seqformer.cli.options import (
    BeamOption,
    DeviceOption,
    InputArgument,
    JsonOption,
    RunOption,
    open_for,
    option,
    print_report,
)

EXAMPLE = 'Example: seqformer explain "i\'m home ." --box weights --layer 2'
WHAT = "What is shown"


def explain(
    text: InputArgument,
    run: RunOption = None,
    box: Annotated[
        str,
        option(WHAT, "Open one box: query, scores, weights, norm, probabilities …", "NAME", "all, in short"),
    ] = "",
    layer: Annotated[int | None, option(WHAT, "From 1.", "N", "1")] = None,
    head: Annotated[int | None, option(WHAT, "From 1.", "N", "1; of an open box all")] = None,
    step: Annotated[int | None, option(WHAT, "A step of the decoder, from 1.", "N", "all")] = None,
    beam: BeamOption = None,
    as_json: JsonOption = False,
    device: DeviceOption = "auto",
) -> None:
    """Show a sentence on its way through the model: the paper's figure, box by box, with its numbers.

    Each box has its name, formula and shape, a few values, and why it is there: pieces, embeddings,
    positions, each block of the encoder, the memory, each block of the decoder, the best next pieces, and the
    search.
    """
    from seqformer import api

    explanation = api.load(open_for(text, run), device=device).explain(text, beam=beam)
    print_report(explanation.select(box=box, layer=layer, head=head, step=step), as_json)
