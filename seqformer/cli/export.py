"""``seqformer export``: a run for other engines."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from seqformer.cli.options import RunOption, image_run, open_run
from seqformer.console import note
from seqformer.errors import SeqformerError, nearest

EXAMPLE = "Example: seqformer export --to ctranslate2 exported --quantization int8"
FORMS = ("marian", "ctranslate2")
QUANTIZATIONS = ("int8", "int8_float32", "int8_bfloat16", "int16", "bfloat16", "float16", "float32")


def export(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The folder to make.")],
    to: Annotated[
        str,
        typer.Option(
            metavar="marian|ctranslate2",
            help="marian: opened by Hugging Face transformers; ctranslate2: run by that engine.",
        ),
    ],
    run: RunOption = None,
    quantization: Annotated[
        str | None,
        typer.Option(
            metavar="int8|…", show_default="float32", help="For ctranslate2: how weights are stored there."
        ),
    ] = None,
) -> None:
    """Write a run in the form of another engine.

    The weights, the search and the pieces are the same there; text that was prepared with --lowercase or
    --split-punctuation has to be given so.
    """
    if to not in FORMS:
        raise SeqformerError(f"--to {to}: {nearest(to, FORMS)}")
    if quantization and to != "ctranslate2":
        raise SeqformerError("--quantization does nothing with --to marian; leave one of them out")
    if quantization and quantization not in QUANTIZATIONS:
        raise SeqformerError(f"--quantization {quantization}: {nearest(quantization, QUANTIZATIONS)}")
    found = image_run(run, search=False)
    if found:
        raise SeqformerError(f"{found.folder} classifies images; {to} has a form for translation models only")
    from seqformer import marian

    opened = open_run(run, translation=False)
    if to == "marian":
        marian.write(opened, folder)
    else:
        marian.convert(opened, folder, quantization)
    note(f"{opened.folder} is written to {folder} for {to}.")
    asked = [name.replace("_", " ") for name, on in opened.manifest.normalizer.items() if on]
    if asked:
        note(f"Its text was normalised ({', '.join(asked)}); give it such text there too.")
