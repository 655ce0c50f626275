"""``seqformer score``: how probable given translations are."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Annotated

import typer

from seqformer.cli.options import (
    DeviceOption,
    JsonOption,
    PrecisionOption,
    RunsOption,
    open_runs,
    option,
    translates,
)
from seqformer.errors import DataError, SeqformerError

EXAMPLE = "Example: seqformer score pairs.tsv > scored.tsv"
CHUNK = 2000  # pairs


def score(
    pairs: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="PAIRS",
            show_default="stdin",
            help="Sources and translations: a tab-separated file, or two aligned files.",
        ),
    ] = None,
    run: RunsOption = None,
    mean: Annotated[
        bool,
        option(None, "Print the mean of a piece instead: long and short lines compare.", "", False, "--mean"),
    ] = False,
    as_json: JsonOption = False,
    device: DeviceOption = "auto",
    precision: PrecisionOption = "fp32",
) -> None:
    """Print the log-probability of each given translation, in nats, with its end, before the pair.

    A line each, in order. With --json the log-probability of each piece too. The perplexity of a piece is
    exp(-mean).
    """
    from seqformer import api

    if pairs and len(pairs) > 2:
        raise SeqformerError(f"{len(pairs)} files: give one of pairs, or two aligned files")
    if not pairs and sys.stdin is None:
        raise SeqformerError("standard input is closed; name a file of pairs")
    model = api.load(open_runs(run, translates, "that translates"), device=device, precision=precision)
    lines = _pairs(pairs)
    while chunk := list(islice(lines, CHUNK)):
        for (source, target), scored in zip(chunk, model.score(chunk), strict=True):
            shown = scored.mean if mean else scored.log_probability
            if as_json:
                values = {
                    "source": source, "target": target, "log_probability": scored.log_probability,
                    "mean": scored.mean, "tokens": scored.tokens, "each": scored.each,
                }  # fmt: skip
                print(json.dumps(values, ensure_ascii=False))
            else:
                print(f"{shown:.4f}\t{source}\t{target}")
        sys.stdout.flush()


def _pairs(paths: list[Path] | None) -> Iterator[tuple[str, str]]:
    from seqformer.formats.corpus import read_aligned, read_lines

    if paths and len(paths) == 2:
        for _ in read_aligned(paths[0], paths[1]):  # both files are read to their ends first
            pass
        yield from read_aligned(paths[0], paths[1])
        return
    name = str(paths[0]) if paths else "stdin"
    lines: Iterable[str] = read_lines(paths[0]) if paths else (line.rstrip("\r\n") for line in sys.stdin)
    for number, line in enumerate(lines, 1):
        source, tab, target = line.partition("\t")
        if not tab or "\t" in target:
            raise DataError(f"{name}, line {number}: expected a source, a TAB and its translation")
        yield source, target
