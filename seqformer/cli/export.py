"""``seqformer export``: a run for other engines."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from seqformer.cli.opening import announce
from seqformer.cli.options import RunOption, open_run, option
from seqformer.console import note
from seqformer.errors import SeqformerError, nearest

if TYPE_CHECKING:
    from seqformer.runs.run import Run

EXAMPLE = "Example: seqformer export --to ctranslate2 exported --quantization int8"
FORMS = ("marian", "ctranslate2", "onnx")


def export(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The folder to make.")],
    to: Annotated[
        str,
        option(
            None,
            "marian: opened by Hugging Face transformers, with a model card; ctranslate2: run by that "
            "engine; onnx: run by ONNX Runtime.",
            "marian|ctranslate2|onnx",
        ),
    ],
    run: RunOption = None,
    quantization: Annotated[
        str | None,
        option(None, "For ctranslate2: how weights are stored there.", "int8|…", "float32"),
    ] = None,
    shortlist: Annotated[
        bool,
        option(
            None,
            "For ctranslate2: also write which target pieces are likely for which source pieces, as its "
            "vmap.txt.",
            "",
            False,
            "--shortlist",
        ),
    ] = False,
) -> None:
    """Write a run in the form of another engine.

    Weights, search and pieces are the same there. How text must be normalised first is said on stderr and in
    seqformer.json beside the weights, which import reads again.
    """
    if to not in FORMS:
        raise SeqformerError(f"--to {to}: {nearest(to, FORMS)}")
    for name, given in (("--quantization", quantization), ("--shortlist", shortlist)):
        if given and to != "ctranslate2":
            raise SeqformerError(f"{name} does nothing with --to {to}; leave one of them out")
    from seqformer.exchange import ctranslate2, names, to_marian, to_onnx
    from seqformer.recipes import card
    from seqformer.tasks import text_task

    if quantization and quantization not in ctranslate2.QUANTIZATIONS:
        raise SeqformerError(
            f"--quantization {quantization}: {nearest(quantization, ctranslate2.QUANTIZATIONS)}"
        )
    opened = open_run(run, lambda r: r.task.reads_text, "of text")
    config = text_task(opened.task).manifest.prepare_config()
    if to == "marian":
        to_marian.check_form(opened)
        note("Translating the test sentences: their scores go into the model card, README.md.")
        to_marian.write(opened, folder, card.text(opened, card.scored(opened)))
    elif to == "onnx":
        to_onnx.write(opened, folder)
    else:
        announce([opened], shortlist)
        ctranslate2.convert(opened, folder, quantization, shortlist)
    note(f"{opened.folder} is written to {folder} for {to}.")
    if shortlist or (quantization or "").startswith("int8"):
        _tell_cost(opened, folder, quantization or "float32", shortlist)
    form = names.normal_form(config)
    note(f"Text for it must be normalised as in training: {form}; seqformer.json says so, too.")
    if config.placeholders:
        note(
            "Tags, {names}, %s and addresses are symbols to it: put ⟦1⟧ … ⟦9⟧ in their place, set apart from "
            "words, and put them back afterwards."
        )
    if to == "ctranslate2":
        note("Feed it the pieces of source.spm; </s> is added. Its output is pieces of target.spm.")
        if shortlist:
            note("The shortlist is vmap.txt: translate_batch(…, use_vmap=True) takes it.")
    if to == "onnx":
        note(
            "Feed it the ids of SentencePiece and the id of the end; seqformer.json names files, inputs, "
            "outputs and ids. Adjacent words that are wholly unknown are one id to SentencePiece, and one "
            "each to this model."
        )


def _tell_cost(run: Run, folder: Path, quantization: str, shortlist: bool) -> None:
    """Say what smaller numbers and a shortlist cost on ``valid``, where there is one."""
    from seqformer.inference import evaluation

    if cost := evaluation.quantization_cost(run, folder, shortlist):
        count, name, whole, less = cost
        how, other = f"in {quantization}", "in float32"
        if shortlist:
            how, other = f"{how} with the shortlist", f"{other} without"
        note(f"{name} on valid ({count:,} sentences): {less} {how}, {whole} {other}.")
