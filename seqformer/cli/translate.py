"""``seqformer translate``: words, a file, a pipe, or a prompt."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TextIO

import typer

from seqformer.cli.options import (
    BeamOption,
    DeviceOption,
    JsonOption,
    LengthPenaltyOption,
    RunOption,
    open_run,
)
from seqformer.console import note
from seqformer.errors import SeqformerError

if TYPE_CHECKING:
    from seqformer.config import DecodeConfig
    from seqformer.decoding.translator import Translation, Translator

EXAMPLE = 'Examples: seqformer translate "i\'m home ."   ·   cat in.txt | seqformer translate > out.txt'
CHUNK = 2000  # lines of a file in memory at a time
INPUT, SEARCH, OUTPUT = "Input and output", "Search", "What is printed"


def translate(
    text: Annotated[
        list[str] | None,
        typer.Argument(metavar="[TEXT]...", show_default="stdin", help="Sentences, each in quotes."),
    ] = None,
    run: RunOption = None,
    input: Annotated[
        Path | None,
        typer.Option(metavar="F", rich_help_panel=INPUT, help="Translate this file, line by line."),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            metavar="F", rich_help_panel=INPUT, show_default="stdout", help="Write translations here."
        ),
    ] = None,
    beam: BeamOption = 5,
    length_penalty: LengthPenaltyOption = 1.0,
    n_best: Annotated[
        int, typer.Option(metavar="N", rich_help_panel=SEARCH, help="Print the N best, a line each.")
    ] = 1,
    max_length: Annotated[
        int,
        typer.Option(
            metavar="N",
            min=0,
            rich_help_panel=SEARCH,
            show_default="from the source length",
            help="Pieces a translation may have at most.",
        ),
    ] = 0,
    scores: Annotated[
        bool,
        typer.Option("--scores", rich_help_panel=OUTPUT, help="Put the score and a TAB before each line."),
    ] = False,
    as_json: JsonOption = False,
    device: DeviceOption = "auto",
) -> None:
    """Translate sentences with a trained run.

    As many lines come out as go in, in the same order; blank lines stay blank.
    """
    from seqformer.config import DecodeConfig

    config = DecodeConfig(beam=beam, length_penalty=length_penalty, n_best=n_best, max_length=max_length)
    if text and input:
        raise SeqformerError("give either sentences or --input, not both")
    if input and not input.is_file():
        raise SeqformerError(f"{input}: there is no such file")
    translator = open_run(run, translation=True).translator(device)

    def lines() -> Iterator[str]:
        if text:
            yield from (part for sentence in text for part in sentence.split("\n"))
        else:
            yield from _lines(input)

    show = _Printer(scores, as_json)
    if not text and not input and sys.stdin.isatty():
        _prompt(translator, config, show)
        return
    if output:
        from seqformer.files import write_whole

        def write(beside: Path) -> None:
            with open(beside, "w", encoding="utf-8", newline="\n") as file:
                _translate(translator, lines(), config, show, file)

        write_whole(output, write)
    else:
        _translate(translator, lines(), config, show, sys.stdout)


class _Printer:
    """Turns the n-best translations of a line into lines of output."""

    def __init__(self, scores: bool, as_json: bool) -> None:
        self.scores, self.as_json = scores, as_json

    def __call__(self, source: str, best: list[Translation]) -> list[str]:
        if not self.as_json:
            return [f"{t.score:.4f}\t{t.text}" if self.scores else t.text for t in best]
        found: list[dict[str, Any]] = [
            {"text": t.text, "score": t.score, "log_probability": t.log_probability} for t in best
        ]
        return [json.dumps({"source": source, "translations": found}, ensure_ascii=False)]


def _translate(
    translator: Translator, lines: Iterator[str], config: DecodeConfig, show: _Printer, out: TextIO
) -> None:
    while chunk := list(islice(lines, CHUNK)):
        for line, best in zip(chunk, translator.translate(chunk, config), strict=True):
            out.write("\n".join(show(line, best)) + "\n")
        out.flush()


def _lines(path: Path | None) -> Iterator[str]:
    """Lines of a file or of stdin, ended by LF only; bytes that are not UTF-8 are replaced and told."""
    stream = open(path, "rb") if path else sys.stdin.buffer
    with stream:
        for number, raw in enumerate(stream, 1):
            line = raw.removesuffix(b"\n").removesuffix(b"\r")
            try:
                yield line.decode("utf-8")
            except UnicodeDecodeError:
                note(f"seqformer: line {number}: not UTF-8; the bytes that are not are replaced")
                yield line.decode("utf-8", errors="replace")


def _prompt(translator: Translator, config: DecodeConfig, show: _Printer) -> None:
    note("Type a sentence and press Enter; an empty line or Ctrl-D ends.")
    while True:
        try:
            line = input("> ")
        except (EOFError, KeyboardInterrupt):
            note("")
            return
        if not line.strip():
            return
        print("\n".join(show(line, translator.translate([line], config)[0])))
