"""``seqformer align``: which words of given pairs translate each other."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from itertools import chain, islice, zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from seqformer.cli.options import (
    DeviceOption,
    JsonOption,
    PrecisionOption,
    RunOption,
    open_run,
    option,
    print_report,
    translates,
)
from seqformer.cli.stream import Warnings, json_line, progress, write_text
from seqformer.console import note
from seqformer.errors import DataError, SeqformerError

if TYPE_CHECKING:
    from seqformer.decoding.alignment import Aligner, BothAligner
    from seqformer.formats.pharaoh import Gold
    from seqformer.report.alignment import AlignmentEvaluation

EXAMPLE = "Example: seqformer align --source test.en --target test.fr --output test.links"
CHUNK = 2000  # pairs
WEIGHTS = "Which weights"
TOO_LONG = "too long for the model to align; its line is empty"
Row = tuple[str, str, "Gold | None"]


def align(
    source: Annotated[Path, option(None, "Sentences, a line each.", "F")],
    target: Annotated[Path, option(None, "Their translations, line by line.", "F")],
    run: RunOption = None,
    output: Annotated[
        Path | None,
        option(None, "Write links here; the file grows as F.tmp until it is whole.", "F", "stdout"),
    ] = None,
    gold: Annotated[
        Path | None,
        option(
            None,
            "Compare with these links, possible ones as 1p2 or 1?2, and print precision, recall and AER; "
            "links go to --output only.",
            "F",
        ),
    ] = None,
    reverse: Annotated[
        Path | None,
        option(WEIGHTS, "A run that translates the other way: links of both are symmetrized.", "DIR"),
    ] = None,
    symmetrize: Annotated[
        str | None,
        option(WEIGHTS, "How.", "intersection|union|grow-diag-final", "grow-diag-final, with --reverse"),
    ] = None,
    layer: Annotated[int | None, option(WEIGHTS, "From 1.", "N", "chosen")] = None,
    head: Annotated[int | None, option(WEIGHTS, "From 1.", "N", "chosen, or the mean")] = None,
    as_json: JsonOption = False,
    device: DeviceOption = "auto",
    precision: PrecisionOption = "fp32",
) -> None:
    """Align the words of sentence pairs by the attention of a run.

    Prints exactly one line for each pair, in order: links such as 0-0 1-2 (a source word, a target word, from
    0), and an empty line where nothing aligns. Words are those of the lines as given, between spaces.

    Layer, head and row are chosen without gold links, on validation pairs: by what the model needs, which is
    tried by leaving out source words; with --reverse by the agreement of both directions. stderr says which.
    A run trained with --guide has a head for it.
    """
    if symmetrize and not reverse:
        raise SeqformerError("--symmetrize needs a run of the other direction: name it with --reverse")
    from seqformer import api
    from seqformer.decoding.alignment import SAMPLE
    from seqformer.decoding.symmetrize import GROW_DIAG_FINAL, check_method
    from seqformer.formats import streams
    from seqformer.report.alignment import AlignmentEvaluation

    files = [source, target, *([gold] if gold else [])]
    read = [streams.split_name(path)[0] for path in files]
    if output and output.exists() and any(path.exists() and output.samefile(path) for path in read):
        raise SeqformerError(f"{output} is one of the files to read: name another --output")
    check_method(symmetrize or GROW_DIAG_FINAL)
    if all(path.is_file() for path in read):
        for _ in _rows(source, target, gold):  # all are read to their ends first, and checked
            pass
    opened = open_run(run, translates, "that translates")
    model = api.load(opened, device=device, precision=precision)
    other = api.load(reverse, device=device, precision=precision) if reverse else None
    rows = _rows(source, target, gold)
    first = list(islice(rows, SAMPLE))
    aligner = model.aligner(
        reverse=other,
        symmetrize=symmetrize or GROW_DIAG_FINAL,
        layer=layer,
        head=head,
        pairs=[(left, right) for left, right, _ in first],
    )
    note(f"Alignment: {aligner.how}.")
    score = AlignmentEvaluation(str(opened.folder), str(gold)) if gold else None
    with progress(source, shown=output is not None) as done:
        lines = _lines(aligner, chain(first, rows), score, as_json, done)
        if output:
            write_text(output, lambda file: file.writelines(lines))
        elif score:
            for _ in lines:
                pass
        else:
            sys.stdout.writelines(lines)
    if score:
        print_report(score, as_json)


def _rows(source: Path, target: Path, gold: Path | None) -> Iterator[Row]:
    """Yield the pairs of two aligned files with the gold links of each. Raises :class:`DataError`."""
    from seqformer.formats.corpus import read_aligned
    from seqformer.formats.pharaoh import read_gold

    pairs = read_aligned(source, target)
    if gold is None:
        yield from ((left, right, None) for left, right in pairs)
        return
    for number, (pair, links) in enumerate(zip_longest(pairs, read_gold(gold)), 1):
        if pair is None or links is None:
            short, long = (source, gold) if pair is None else (gold, source)
            raise DataError(
                f"{short} ends after line {number - 1} but {long} goes on; "
                "line n of the gold file must hold the links of pair n"
            )
        links.check(pair[0], pair[1], f"{gold}, line {number}")
        yield *pair, links


def _lines(
    aligner: Aligner | BothAligner,
    rows: Iterator[Row],
    score: AlignmentEvaluation | None,
    as_json: bool,
    done: Callable[[int], object],
) -> Iterator[str]:
    """Yield the line of each pair, and count it in the score."""
    from seqformer.decoding.alignment import by_target
    from seqformer.formats.pharaoh import pharaoh

    warnings = Warnings("pair")
    number = 0
    while chunk := list(islice(rows, CHUNK)):
        found = aligner.align([(left, right) for left, right, _ in chunk])
        for (left, right, gold), links in zip(chunk, found, strict=True):
            number += 1
            if links is None:
                warnings.warn("too long", number, TOO_LONG)
                links = frozenset()
            if score and gold:
                score.add(links, gold.sure, gold.possible)
            if as_json:
                aligned = by_target(links, len(right.split()))
                yield json_line({"source": left, "target": right, "alignment": aligned}) + "\n"
            else:
                yield pharaoh(links) + "\n"
        done(len(chunk))
    warnings.end()
