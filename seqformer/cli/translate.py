"""``seqformer translate``: words, a file, a pipe, or a prompt."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import asdict
from io import BufferedReader, TextIOWrapper
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
    WholeOption,
    open_run,
    option,
    translates,
)
from seqformer.cli.stream import Printer, given_lines, translate_lines
from seqformer.console import counted, note
from seqformer.errors import SeqformerError

if TYPE_CHECKING:
    from seqformer.api import Model
    from seqformer.config import DecodeConfig

EXAMPLE = 'Examples: seqformer translate "i\'m home ."   ·   cat in.txt | seqformer translate > out.txt'
INPUT, SEARCH, OUTPUT = "Input and output", "Search", "What is printed"
DOCUMENTS = "TMX, XLIFF and PO files"


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
    whole: WholeOption = False,
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
    retranslate: Annotated[
        bool,
        option(DOCUMENTS, "Translate the translated units anew, too.", "", False, "--retranslate"),
    ] = False,
    languages: Annotated[
        str,
        option(DOCUMENTS, "Source and target, such as en-fr.", "S-T", "as the document or the run says"),
    ] = "",
    detokenize: Annotated[
        bool,
        option(
            OUTPUT,
            "Print ordinary text: punctuation at its words, capitals at sentence starts.",
            "",
            False,
            "--detokenize",
        ),
    ] = False,
) -> None:
    """Translate sentences with a trained run.

    Prints exactly one line for each input line, in the same order; blank lines stay blank. Where the
    training data were single sentences a line is translated sentence by sentence; a sentence far longer than
    any in training is cut, which is said on stderr.

    A TMX, XLIFF or PO file stays one: units without a translation are filled in (a fuzzy one of PO is none),
    and all else is kept. What is filled is marked: needs-review-translation in XLIFF 1.2, translated in
    XLIFF 2, fuzzy in PO, creationid="MT!" in TMX.
    """
    if text and input:
        raise SeqformerError("give either sentences or --input, not both")
    from seqformer.formats import streams

    if input:
        streams.check([input])
    if input and output and output.exists() and output.samefile(streams.split_name(input)[0]):
        raise SeqformerError(f"{output} is the file to translate: name another --output")
    from seqformer import api

    opened = open_run(run, translates, "that translates")
    model = api.load(opened, device=device, precision=precision, workers=workers)
    model.expect(text=True)
    config = model.decode_config(
        beam=beam,
        length_penalty=length_penalty,
        n_best=n_best,
        max_length=max_length,
        whole=whole or None,
    )
    ordinary = model.detokenizer if detokenize else None
    show = Printer(scores=scores, as_json=as_json, warn=warn, ordinary=ordinary)
    try:
        if not text and not input and sys.stdin.isatty():
            _prompt(model.predictor, config, show)
            return
        with _opened(text, input) as (document, lines):
            asked = {"--retranslate": retranslate, "--languages": languages}
            if document:
                refused = {"--json": as_json, "--scores": scores, "--n-best": n_best > 1}
                _refuse(refused, "does nothing for a TMX, XLIFF or PO file, which stays one")
                settings = {"languages": languages, "retranslate": retranslate, "detokenize": detokenize}
                _fill(model, document, input, output, warn, settings | asdict(config))
                return
            _refuse(asked, "is for TMX, XLIFF and PO files")
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
def _opened(text: list[str] | None, path: Path | None) -> Iterator[tuple[bytes, Iterable[bytes]]]:
    """Yield the content of a document, or b"" and the lines of anything else."""
    if text:
        yield b"", given_lines(text)
        return
    from seqformer.formats import documents
    from seqformer.formats.encodings import utf8_lines
    from seqformer.formats.streams import open_bytes

    stdin: Any = sys.stdin.buffer
    with open_bytes(path) if path else nullcontext(BufferedReader(stdin)) as file:
        if documents.kind(file.peek(documents.HEAD)[: documents.HEAD]):
            yield file.read(documents.MOST + 1), []
        else:
            yield b"", utf8_lines(file, str(path or "stdin"))


def _refuse(options: dict[str, Any], why: str) -> None:
    for name, given in options.items():
        if given:
            raise SeqformerError(f"{name} {why}")


def _fill(
    model: Model, content: bytes, path: Path | None, output: Path | None, warn: bool, settings: dict[str, Any]
) -> None:
    """Fill a document, and say how much of it was translated."""
    from seqformer.formats.units import shown

    show = Printer(warn=warn, what="unit")
    name = str(path or "stdin")
    document = model.translate_document(content, output, name=name, report=show, **settings)
    show.warnings.end()
    if not output:
        sys.stdout.flush()
        sys.stdout.buffer.write(document.to_bytes())
    count = len({unit.number for unit in document.units})
    what = f"{count:,} of {counted(document.total, 'unit')} translated ({shown(document.languages)})"
    note(f"{name}: {what}" if count else f"{name}: nothing to translate; --retranslate translates it anew")


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
