"""Export of a run to CTranslate2, by that engine's own converter of Marian checkpoints."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from seqformer.errors import MissingExtra, RunError
from seqformer.exchange import to_marian
from seqformer.exchange.names import BESIDE
from seqformer.runs.run import Run
from seqformer.storage.files import read_json, whole_folder, write_json

QUANTIZATIONS = ("int8", "int8_float32", "int8_bfloat16", "int16", "bfloat16", "float16", "float32")


def convert(run: Run, out: Path, quantization: str | None) -> None:
    """Write a run as a CTranslate2 model, by CTranslate2's own converter of Marian checkpoints."""
    try:
        from ctranslate2.converters import TransformersConverter
    except ImportError:
        raise MissingExtra("CTranslate2 is", "exchange") from None
    if not to_marian.check_form(run).joint:
        raise RunError(f"{run.folder} has two vocabularies, and CTranslate2's converter of Marian knows one")
    with whole_folder(out, replaces="model.bin") as folder:
        checkpoint = folder / "marian"
        to_marian.write(run, checkpoint)
        try:
            converter = TransformersConverter(
                str(checkpoint), copy_files=["source.spm", "target.spm", BESIDE]
            )
            with _silent():
                converter.convert(str(folder / "made"), quantization=quantization)
            # then whoever feeds it SentencePiece's pieces need not know that a source ends with </s>
            settings = read_json(folder / "made" / "config.json")
            write_json(folder / "made" / "config.json", settings | {"add_source_eos": True})
        except (ValueError, RuntimeError) as error:
            raise RunError(f"CTranslate2 could not convert {run.folder}: {error}") from None
        for file in (folder / "made").iterdir():
            file.rename(folder / file.name)
        (folder / "made").rmdir()
        for file in checkpoint.iterdir():
            file.unlink()
        checkpoint.rmdir()


@contextlib.contextmanager
def _silent() -> Iterator[None]:
    """Hide transformers' progress bars."""
    from transformers.utils import logging

    shown = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        if shown:
            logging.enable_progress_bar()
