"""``seqformer translate``: words, a file, a pipe, or a prompt."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import asdict
from functools import partial
from io import BufferedReader, TextIOWrapper
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from seqformer.cli import parts
from seqformer.cli.opening import open_model
from seqformer.cli.options import (
    BeamOption,
    DeviceOption,
    EngineOption,
    JsonOption,
    LengthPenaltyOption,
    RunsOption,
    WholeOption,
    option,
)
from seqformer.cli.stream import Arriving, Printer, chunks, given_lines, progress, translate_lines
from seqformer.console import counted, note
from seqformer.errors import SeqformerError

if TYPE_CHECKING:
    from seqformer.decoding.constraints import Constraints
    from seqformer.decoding.results import Translation
    from seqformer.engine.model import LineModel

EXAMPLE = 'Examples: seqformer translate "i\'m home ."   ·   cat in.txt | seqformer translate > out.txt'
INPUT, SEARCH, OUTPUT = "Input and output", "Search", "What is printed"
CONSTRAINTS, SAMPLING = "Constraints", "Sampling"
DOCUMENTS = "TMX, XLIFF and PO files"


def translate(
    context: typer.Context,
    text: Annotated[
        list[str] | None,
        typer.Argument(metavar="TEXT", show_default="stdin", help="Sentences, each in quotes."),
    ] = None,
    run: RunsOption = None,
    input: Annotated[
        Path | None,
        option(INPUT, "Translate this file, line by line; .gz, .xz, .zst, .bz2 and .zip are unpacked.", "F"),
    ] = None,
    output: Annotated[
        Path | None,
        option(
            INPUT,
            "Write translations here when all are made. Those of --input are kept in F.parts until then: "
            "stopped or killed, the same command goes on.",
            "F",
            "stdout",
        ),
    ] = None,
    beam: BeamOption = None,
    whole: WholeOption = False,
    length_penalty: LengthPenaltyOption = None,
    n_best: Annotated[
        int,
        option(SEARCH, "Print the N best, always N lines for a line: those that are missing are empty.", "N"),
    ] = 1,
    max_length: Annotated[
        int | None,
        option(SEARCH, "Pieces a translation may have at most.", "N", "from the source length"),
    ] = None,
    min_length: Annotated[int | None, option(SEARCH, "Pieces a translation has at least.", "N", "0")] = None,
    no_repeat_ngram: Annotated[
        int | None, option(SEARCH, "No run of N pieces comes twice in a translation.", "N", "it may")
    ] = None,
    diversity: Annotated[
        float | None,
        option(
            SEARCH,
            "Let the beam differ: taken off a log-probability for each better sibling (Li et al. 2016).",
            "D",
            "0",
        ),
    ] = None,
    coverage_penalty: Annotated[
        float | None,
        option(SEARCH, "Prefer translations that looked at all of the source (Wu et al. 2016).", "B", "0"),
    ] = None,
    replace_unknown: Annotated[
        bool,
        option(
            SEARCH,
            "Print the source word that an unknown piece looked at most in its place.",
            "",
            False,
            "--replace-unknown",
        ),
    ] = False,
    glossary: Annotated[
        Path | None,
        option(
            CONSTRAINTS,
            "Translate these terms as this file says: source TAB translation, a line each. Whole words.",
            "F.tsv",
        ),
    ] = None,
    avoid: Annotated[
        Path | None, option(CONSTRAINTS, "Never use the words of this file, a line each.", "F")
    ] = None,
    prefix: Annotated[
        str, option(CONSTRAINTS, "Go on with this begun translation, which may end within a word.", "TEXT")
    ] = "",
    alternatives: Annotated[
        int | None,
        option(
            CONSTRAINTS, "Print N translations that differ in the first word, or the one after --prefix.", "N"
        ),
    ] = None,
    sample: Annotated[
        bool,
        option(
            SAMPLING,
            "Draw translations at random from the model; --n-best says how many.",
            "",
            False,
            "--sample",
        ),
    ] = False,
    temperature: Annotated[
        float | None,
        option(SAMPLING, "Below 1 likely pieces are drawn more often, above 1 less often.", "T", "1"),
    ] = None,
    top_k: Annotated[
        int | None, option(SAMPLING, "Draw from the K most probable pieces.", "K", "all")
    ] = None,
    top_p: Annotated[
        float | None,
        option(SAMPLING, "Draw from the fewest pieces that have P of the probability.", "P", "1"),
    ] = None,
    seed: Annotated[
        int | None, option(SAMPLING, "Seed; the same one draws the same from each line.", "N", "1")
    ] = None,
    mbr: Annotated[
        int | None,
        option(SAMPLING, "Of N samples print the one that is most like all of them, by chrF.", "N", "no"),
    ] = None,
    scores: Annotated[
        bool,
        option(OUTPUT, "Print the score and a TAB before each line.", "", False, "--scores"),
    ] = False,
    numbers: Annotated[
        bool,
        option(
            OUTPUT, "Print the number of the input line and a TAB before each line.", "", False, "--numbers"
        ),
    ] = False,
    warn: Annotated[
        bool,
        option(
            OUTPUT,
            "Report likely bad translations on stderr: loop, copy, too long or short, unknown, unsure, "
            "numbers, capitals, placeholder.",
            "",
            False,
            "--warn",
        ),
    ] = False,
    as_json: JsonOption = False,
    align: Annotated[
        bool,
        option(
            OUTPUT,
            "Add to --json, for each word of a translation, the numbers of the source words it aligns to.",
            "",
            False,
            "--align",
        ),
    ] = False,
    device: DeviceOption = "auto",
    precision: Annotated[
        str,
        option(
            None,
            "Number format to compute in; auto: bf16 if the hardware supports it. int8 is CTranslate2's.",
            "auto|fp32|bf16|int8",
            "fp32",
        ),
    ] = "fp32",
    engine: EngineOption = "auto",
    shortlist: Annotated[
        bool,
        option(
            None,
            "Leave out target pieces that are unlikely for the source, which is faster where there are many. "
            "What is likely is read from the training pairs, once a run.",
            "",
            False,
            "--shortlist",
        ),
    ] = False,
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
    """Translate sentences with a trained run, or with several as an ensemble.

    Prints exactly one line for each input line, in the same order; blank lines stay blank. Where the
    training data were single sentences a line is translated sentence by sentence; a sentence far longer than
    any in training is cut, which is said on stderr. Lines from a pipe are answered as they arrive.

    A TMX, XLIFF or PO file stays one: units without a translation are filled in (a fuzzy one of PO is none),
    and all else is kept. What is filled is marked: needs-review-translation in XLIFF 1.2, translated in
    XLIFF 2, fuzzy in PO, creationid="MT!" in TMX.
    """
    if text and input:
        raise SeqformerError("give either sentences or --input, not both")
    if not text and not input and sys.stdin is None:
        raise SeqformerError("standard input is closed; give sentences, or a file with --input")
    if alternatives is not None and (n_best > 1 or sample or mbr):
        raise SeqformerError("--alternatives is a list by itself: leave out --n-best and sampling")
    _refuse({"--align": align and not as_json}, "adds to --json, which is missing")
    from seqformer.formats import streams

    if input:
        streams.check([input])
    if input and output and output.exists() and output.samefile(streams.split_name(input)[0]):
        raise SeqformerError(f"{output} is the file to translate: name another --output")
    _refuse({"--align": align and (len(run or ()) > 1 or workers > 1)}, "needs one run and one process")
    settings = {
        "beam": beam, "length_penalty": length_penalty, "n_best": n_best, "max_length": max_length,
        "whole": whole or None, "min_length": min_length, "no_repeat_ngram": no_repeat_ngram,
        "diversity": diversity, "coverage_penalty": coverage_penalty,
        "replace_unknown": replace_unknown or None, "sample": sample or None, "temperature": temperature,
        "top_k": top_k, "top_p": top_p, "seed": seed, "mbr": mbr,
    }  # fmt: skip
    alone = {
        "--glossary": glossary, "--avoid": avoid, "--prefix": prefix, "--align": align,
        "--alternatives": alternatives is not None,
    }  # fmt: skip
    how = {"device": device, "precision": precision, "workers": workers, "shortlist": shortlist}
    model = open_model(run, engine, [name for name, given in alone.items() if given], settings, how)
    try:
        model.expect(text=True)
        config = model.decode_config(**settings)
        constraints = model.constraints(glossary, avoid, prefix)
        terms = Terms(model, constraints)
        show = Printer(
            scores=scores, as_json=as_json, warn=warn, n_best=alternatives or n_best, numbers=numbers,
            ordinary=model.detokenizer if detokenize else None,
        )  # fmt: skip

        full: Any = model  # what torch alone does is only asked of a model of torch

        def answer(lines: list[str]) -> list[list[Translation]]:
            terms.look(lines)
            search = model.predictor.translate
            if alternatives is not None:
                search = partial(full.alternatives, count=alternatives)
            best: list[list[Translation]] = search(lines, config=config, constraints=constraints)
            return full.aligned(lines, best, show.ordinary) if align else best

        if not text and not input and sys.stdin.isatty():
            _prompt(answer, show)
            return
        with _opened(text, input) as (document, lines):
            asked = {"--retranslate": retranslate, "--languages": languages}
            if document:
                refused = {
                    "--json": as_json,
                    "--scores": scores,
                    "--n-best": n_best > 1,
                    "--numbers": numbers,
                }
                refused |= {"--alternatives": alternatives is not None, "--prefix": bool(prefix)}
                _refuse(refused, "does nothing for a TMX, XLIFF or PO file, which stays one")
                how = {"languages": languages, "retranslate": retranslate, "detokenize": detokenize}
                words = {"glossary": glossary, "avoid": avoid}
                _fill(model, document, input, output, warn, how | words | asdict(config))
                return
            _refuse(asked, "is for TMX, XLIFF and PO files")
            live = not text and not input
            if not live:
                terms.expect(text, input)
            with progress(input, shown=not text and (output is not None or not sys.stdout.isatty())) as done:
                arriving = Arriving(lines) if live else chunks(lines)
                if not output:
                    translate_lines(answer, arriving, show, sys.stdout, done)
                else:
                    origin = parts.made_of(input, output, model, constraints, context.params)
                    parts.translate_file(output, origin, answer, arriving, show, terms.look, done)
            terms.tell()
    finally:
        model.close()


class Terms:
    """How often the terms of a glossary occur: one of which none does is refused, or told at the end."""

    def __init__(self, model: LineModel, constraints: Constraints) -> None:
        self.constrained = model.constrained(constraints)
        self.counts: Counter[str] = Counter()

    @property
    def _are_some(self) -> bool:
        return bool(self.constrained.constraints.glossary)

    def look(self, lines: list[str]) -> None:
        """Count the terms in lines that are translated."""
        if self._are_some:
            for line in lines:
                self.counts += self.constrained.occurrences(line)

    def expect(self, text: list[str] | None, path: Path | None) -> None:
        """Refuse a glossary of which no term occurs, before anything is translated."""
        if not self._are_some:
            return
        with _opened(text, path) as (_, lines):
            if not any(self.constrained.occurrences(raw.decode("utf-8", "replace")) for raw in lines):
                raise SeqformerError("no term of the glossary occurs in the text; terms are whole words")

    def tell(self) -> None:
        """Say how many of the terms occurred."""
        if self._are_some:
            count = sum(self.counts.values())
            note(
                f"Glossary: {len(self.counts):,} of {counted(len(self.constrained.glossary), 'term')} "
                f"occurred, {counted(count, 'time')}."
            )


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
    # a reader over its buffer would wait until that is full
    live = BufferedReader(getattr(stdin, "raw", stdin))
    with open_bytes(path) if path else nullcontext(live) as file:
        if documents.kind(file.peek(documents.HEAD)[: documents.HEAD]):
            yield file.read(documents.MOST + 1), []
        else:
            yield b"", utf8_lines(file, str(path or "stdin"), live=path is None)


def _refuse(options: dict[str, Any], why: str) -> None:
    for name, given in options.items():
        if given:
            raise SeqformerError(f"{name} {why}")


def _fill(
    model: LineModel,
    content: bytes,
    path: Path | None,
    output: Path | None,
    warn: bool,
    settings: dict[str, Any],
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


def _prompt(answer: Callable[[list[str]], list[list[Translation]]], show: Printer) -> None:
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
        print(show(number, line, answer([line])[0]))
