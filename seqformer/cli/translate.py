"""``seqformer translate``: words, a file, a pipe, or a prompt."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from io import TextIOWrapper
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from seqformer.cli.options import (
    BeamOption,
    DeviceOption,
    JsonOption,
    LengthPenaltyOption,
    PrecisionOption,
    RunOption,
    open_run,
)
from seqformer.cli.stream import Printer, given_lines, translate_lines
from seqformer.console import note
from seqformer.errors import SeqformerError

if TYPE_CHECKING:
    from seqformer.config import DecodeConfig
    from seqformer.decoding.translator import Translator
    from seqformer.run import Run
    from seqformer.workers import Workers

EXAMPLE = 'Examples: seqformer translate "i\'m home ."   ·   cat in.txt | seqformer translate > out.txt'
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
    warn: Annotated[
        bool,
        typer.Option(
            "--warn",
            rich_help_panel=OUTPUT,
            help="Tell signs of a bad translation on stderr: loop, copy, too long or short, unknown, unsure.",
        ),
    ] = False,
    as_json: JsonOption = False,
    device: DeviceOption = "auto",
    precision: PrecisionOption = "fp32",
    workers: Annotated[
        int,
        typer.Option(
            metavar="N",
            min=1,
            help="Processes that share a file; long ones are fastest with one a core.",
        ),
    ] = 1,
) -> None:
    """Translate sentences with a trained run.

    As many lines come out as go in, in the same order; blank lines stay blank. A line longer than the
    model's reach is translated in parts, which is told on stderr.
    """
    from seqformer.config import DecodeConfig

    config = DecodeConfig(beam=beam, length_penalty=length_penalty, n_best=n_best, max_length=max_length)
    if text and input:
        raise SeqformerError("give either sentences or --input, not both")
    if input and (input.is_dir() or not input.exists()):
        raise SeqformerError(f"{input}: there is no such file")
    with _translator(open_run(run, translation=True), device, precision, workers) as translator:
        show = Printer(scores=scores, as_json=as_json, warn=warn)
        if not text and not input and sys.stdin.isatty():
            _prompt(translator, config, show)
            return
        with _opened(text, input) as lines:
            if not output:
                translate_lines(translator, lines, config, show, sys.stdout)
                return
            from seqformer.files import write_whole

            def write(beside: Path) -> None:
                with open(beside, "w", encoding="utf-8", newline="\n") as file:
                    translate_lines(translator, lines, config, show, file)

            write_whole(output, write)


@contextmanager
def _translator(run: Run, device: str, precision: str, count: int) -> Iterator[Translator | Workers]:
    if count == 1:
        yield run.translator(device, precision)
        return
    from seqformer.workers import Workers

    workers = Workers(run, device, precision, count)
    try:
        yield workers
    finally:
        workers.close()


@contextmanager
def _opened(text: list[str] | None, path: Path | None) -> Iterator[Iterable[bytes]]:
    if text:
        yield given_lines(text)
    elif path:
        with open(path, "rb") as file:
            yield file
    else:
        yield sys.stdin.buffer


def _prompt(translator: Translator | Workers, config: DecodeConfig, show: Printer) -> None:
    note("Type a sentence and press Enter; an empty line or Ctrl-D ends.")
    if isinstance(sys.stdin, TextIOWrapper):
        sys.stdin.reconfigure(errors="replace")
    for number in count(1):
        try:
            line = input("> ")
        except (EOFError, KeyboardInterrupt):
            note("")
            return
        if not line.strip():
            return
        print(show(number, line, translator.translate([line], config)[0]))
