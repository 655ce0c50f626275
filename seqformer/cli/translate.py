"""``seqformer translate``: words, a file, a pipe, or a prompt."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from io import TextIOWrapper
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from seqformer.cli.options import (
    BeamOption,
    DeviceOption,
    JsonOption,
    LengthPenaltyOption,
    PrecisionOption,
    RunOption,
    open_run,
    option,
    translates,
)
from seqformer.cli.stream import Printer, given_lines, translate_lines
from seqformer.console import note
from seqformer.errors import SeqformerError

if TYPE_CHECKING:
    from seqformer.config import DecodeConfig

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
        option(INPUT, "Translate this file, line by line; .gz, .xz, .zst, .bz2 and .zip are unpacked.", "F"),
    ] = None,
    output: Annotated[
        Path | None,
        option(INPUT, "Write translations here.", "F", "stdout"),
    ] = None,
    beam: BeamOption = None,
    length_penalty: LengthPenaltyOption = None,
    n_best: Annotated[int, option(SEARCH, "Print the N best, a line each.", "N")] = 1,
    max_length: Annotated[
        int | None,
        option(SEARCH, "Pieces a translation may have at most.", "N", "from the source length"),
    ] = None,
    scores: Annotated[
        bool,
        option(OUTPUT, "Print the score and a TAB before each line.", "", False, "--scores"),
    ] = False,
    warn: Annotated[
        bool,
        option(
            OUTPUT,
            "Report likely bad translations on stderr: loop, copy, too long or short, unknown, unsure.",
            "",
            False,
            "--warn",
        ),
    ] = False,
    as_json: JsonOption = False,
    device: DeviceOption = "auto",
    precision: PrecisionOption = "fp32",
    workers: Annotated[
        int,
        option(None, "Processes that share a file; long ones are fastest with one a core.", "N"),
    ] = 1,
) -> None:
    """Translate sentences with a trained run.

    Prints exactly one line for each input line, in the same order; blank lines stay blank. A line longer than
    the model can read is translated in parts, which is said on stderr.
    """
    if text and input:
        raise SeqformerError("give either sentences or --input, not both")
    if input:
        from seqformer.text import streams

        streams.check([input])
    from seqformer import api

    opened = open_run(run, translates, "that translates")
    model = api.load(opened, device=device, precision=precision, workers=workers)
    model.expect(text=True)
    config = model.decode_config(
        beam=beam, length_penalty=length_penalty, n_best=n_best, max_length=max_length
    )
    show = Printer(scores=scores, as_json=as_json, warn=warn)
    try:
        if not text and not input and sys.stdin.isatty():
            _prompt(model.predictor, config, show)
            return
        with _opened(text, input) as lines:
            if not output:
                translate_lines(model.predictor, lines, config, show, sys.stdout)
                return
            from seqformer.storage.files import write_whole

            def write(beside: Path) -> None:
                with open(beside, "w", encoding="utf-8", newline="\n") as file:
                    translate_lines(model.predictor, lines, config, show, file)

            write_whole(output, write)
    finally:
        model.close()


@contextmanager
def _opened(text: list[str] | None, path: Path | None) -> Iterator[Iterable[bytes]]:
    if text:
        yield given_lines(text)
        return
    from seqformer.text.encodings import utf8_lines
    from seqformer.text.streams import open_bytes

    if path:
        with open_bytes(path) as file:
            yield utf8_lines(file, str(path))
    else:
        yield utf8_lines(sys.stdin.buffer, "stdin")


def _prompt(translator: Any, config: DecodeConfig, show: Printer) -> None:
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
