"""``seqformer prepare``: from files of sentence pairs to a prepared folder."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from seqformer.cli.options import EMBEDDED, PREPARED, refuse_beside
from seqformer.console import note
from seqformer.errors import SeqformerError

if TYPE_CHECKING:
    from seqformer.text.faults import Faults
    from seqformer.text.prepare import Options
    from seqformer.text.store import Manifest
    from seqformer.text.tasks import Pair

EXAMPLE = "Example: seqformer prepare pairs.tsv --out prepared/mine --lowercase --split-punctuation"
FILES, TEXT, PIECES, SPLIT, FAULTS = "Files", "Text", "Vocabulary", "Selection and splits", "Faults"


def prepare(
    context: typer.Context,
    pairs: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="[PAIRS]...",
            show_default="the embedded English-French corpus",
            help="Tab-separated files, source first; plain or .gz. Columns after the second are ignored.",
        ),
    ] = None,
    source: Annotated[
        Path | None, typer.Option(metavar="F", rich_help_panel=FILES, help="Source sentences, a line each.")
    ] = None,
    target: Annotated[
        Path | None,
        typer.Option(metavar="F", rich_help_panel=FILES, help="Their translations, line by line."),
    ] = None,
    valid_source: Annotated[
        Path | None, typer.Option(metavar="F", rich_help_panel=FILES, help="Source sentences to validate on.")
    ] = None,
    valid_target: Annotated[
        Path | None, typer.Option(metavar="F", rich_help_panel=FILES, help="Their translations.")
    ] = None,
    test_source: Annotated[
        Path | None, typer.Option(metavar="F", rich_help_panel=FILES, help="Source sentences to test on.")
    ] = None,
    test_target: Annotated[
        Path | None, typer.Option(metavar="F", rich_help_panel=FILES, help="Their translations.")
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            rich_help_panel=FILES,
            show_default="prepared/NAME",
            help="The folder to make; one prepared earlier is replaced.",
        ),
    ] = None,
    swap: Annotated[
        bool,
        typer.Option("--swap", rich_help_panel=FILES, help="Translate from the second side to the first."),
    ] = False,
    style: Annotated[
        str | None,
        typer.Option(
            metavar="d2l",
            rich_help_panel=TEXT,
            help="All that follows at once, as Dive into Deep Learning has it: the first 640 pairs, words, "
            "9 steps; the last 128 are valid [bold]and[/] test, and their sources may stand in train.",
        ),
    ] = None,
    lowercase: Annotated[
        bool | None,
        typer.Option(
            "--lowercase/--keep-case",
            rich_help_panel=TEXT,
            show_default="keep-case; the embedded corpus: lowercase",
            help="Make everything lower case, here and at translation.",
        ),
    ] = None,
    split_punctuation: Annotated[
        bool | None,
        typer.Option(
            "--split-punctuation/--keep-punctuation",
            rich_help_panel=TEXT,
            show_default="keep; the embedded corpus: split",
            help="Set punctuation apart from words, here and at translation.",
        ),
    ] = None,
    vocab_size: Annotated[
        str,
        typer.Option(metavar="N|auto", rich_help_panel=PIECES, help="Pieces at most; auto: from the data."),
    ] = "auto",
    model_type: Annotated[
        str,
        typer.Option(
            metavar="unigram|bpe|word|char",
            rich_help_panel=PIECES,
            help="How SentencePiece cuts text into pieces.",
        ),
    ] = "bpe",
    separate: Annotated[
        bool,
        typer.Option(
            "--separate", rich_help_panel=PIECES, help="A vocabulary for each side, not a joint one."
        ),
    ] = False,
    like: Annotated[
        Path | None,
        typer.Option(
            metavar="RUN",
            rich_help_panel=PIECES,
            help="Text and pieces as in this run, which can then be trained on: train --init RUN.",
        ),
    ] = None,
    max_pairs: Annotated[
        int,
        typer.Option(
            metavar="N", min=0, rich_help_panel=SPLIT, help="Read only the first so many pairs; 0: all."
        ),
    ] = 0,
    max_pieces: Annotated[
        int,
        typer.Option(
            metavar="N", min=1, rich_help_panel=SPLIT, help="Drop training pairs with a longer side."
        ),
    ] = 256,
    max_ratio: Annotated[
        float,
        typer.Option(
            metavar="R", min=1, rich_help_panel=SPLIT, help="Drop pairs with a side R times the other."
        ),
    ] = 9.0,
    valid_size: Annotated[
        int,
        typer.Option(
            metavar="N", min=1, rich_help_panel=SPLIT, help="Sources kept for validation (a tenth at most)."
        ),
    ] = 1000,
    test_size: Annotated[
        int,
        typer.Option(metavar="N", min=1, rich_help_panel=SPLIT, help="Sources kept for the test (likewise)."),
    ] = 1000,
    seed: Annotated[
        int, typer.Option(metavar="N", min=0, rich_help_panel=SPLIT, help="Decides the splits.")
    ] = 1,
    strict: Annotated[
        bool,
        typer.Option("--strict", rich_help_panel=FAULTS, help="Stop where there is any fault in the data."),
    ] = False,
    report: Annotated[
        Path | None,
        typer.Option(metavar="F.json", rich_help_panel=FAULTS, help="Write the faults found, as JSON."),
    ] = None,
) -> None:
    """Read sentence pairs, clean and split them, learn the pieces, and store them for training.

    The valid and test parts are split off [bold]by source sentence[/]: no test source is seen in training.
    Faults in the data are told with their line numbers, and what was done about them.
    """
    from seqformer.text import prepare as road
    from seqformer.text.corpus import Filter, Normalizer
    from seqformer.text.faults import Faults

    own = bool(pairs or source or target)
    options = road.Options(
        normalizer=Normalizer(
            lowercase=not own if lowercase is None else lowercase,
            split_punctuation=not own if split_punctuation is None else split_punctuation,
        ),
        filter=Filter(max_ratio),
        model_type=model_type,
        vocab_size=_vocab_size(vocab_size),
        separate=separate,
        max_pairs=max_pairs,
        max_pieces=max_pieces,
        valid_size=valid_size,
        test_size=test_size,
        seed=seed,
    )
    if style:
        refuse_beside(f"--style {style}", context, ("style", "pairs", "source", "target", "out", "swap"))
        options = road.style(style)
    if like:
        options = _like(like, options, context)
    faults = Faults(strict)
    rows, files = _rows(pairs or [], source, target, swap, faults)
    held_out = {
        part: _aligned(s, t, f"--{part}-source", f"--{part}-target", swap, faults)
        for part, s, t in (("valid", valid_source, valid_target), ("test", test_source, test_target))
        if s or t
    }
    folder = out or PREPARED / (_name(files) if own else EMBEDDED)
    with _reported(faults, report):
        manifest = road.prepare(rows, held_out, folder, options, [str(file) for file in files], faults)
    show(folder, manifest)
    show_faults(faults)
    if options.in_order:
        note(
            f"The last {options.valid_size} pairs are both valid and test, and their sources may stand in "
            "train too: a score on them is no measure of what the model does with new sentences."
        )


def _like(run: Path, options: Options, context: typer.Context) -> Options:
    """The options with text and pieces as a run has them."""
    from seqformer.text import store, tokenizer

    given = ("lowercase", "split_punctuation", "vocab_size", "model_type", "separate", "style")
    others = tuple(p.name or "" for p in context.command.params if p.name not in given)
    refuse_beside("--like", context, others)
    manifest = store.read_manifest(run)
    return replace(
        options,
        normalizer=manifest.normalize(),
        model_type=manifest.model_type,
        tokenizer=tokenizer.load(run),
    )


def prepare_embedded(out: Path) -> None:
    """The embedded corpus, as ``seqformer prepare`` without arguments prepares it."""
    from seqformer.text import corpus
    from seqformer.text.faults import Faults
    from seqformer.text.prepare import Options
    from seqformer.text.prepare import prepare as run

    files = corpus.embedded()
    options = Options(normalizer=corpus.Normalizer(lowercase=True, split_punctuation=True))
    faults = Faults()
    rows = corpus.read_tsv(files, faults)
    show(out, run(rows, {}, out, options, [file.name for file in files], faults))
    show_faults(faults)


def show(folder: Path, manifest: Manifest) -> None:
    """What was kept, what was dropped and why, and what the pieces look like."""
    from rich.console import Group
    from rich.text import Text

    from seqformer.console import page, table
    from seqformer.text import corpus, tokenizer

    kept = sum(manifest.pairs.values())
    pairs = table("Pairs", "", "pairs")
    pairs.add_row("read", f"{manifest.seen:,}")
    for reason, count in sorted(manifest.dropped.items(), key=lambda item: -item[1]):
        pairs.add_row(f"dropped: {reason}", f"{count:,}")
    for part, count in manifest.pairs.items():
        pairs.add_row(part, f"{count:,}")

    sides = table("Pieces", "", "source", "target")
    rows: list[tuple[str, dict[str, int], str]] = [
        ("vocabulary" + (f" (asked: {manifest.vocabulary_asked})"), manifest.vocabulary, ","),
        ("pieces in train", manifest.tokens, ","),
        ("longest line", manifest.longest, ","),
    ]
    for name, values, form in rows:
        sides.add_row(name, *(format(values[side], form) for side in ("source", "target")))
    mean = [manifest.tokens[side] / max(1, manifest.pairs["train"]) for side in ("source", "target")]
    sides.add_row("mean length", *(f"{value:.1f}" for value in mean))
    sides.add_row("unknown pieces", *(f"{manifest.unknown[side]:.2%}" for side in ("source", "target")))

    examples = table("Some pairs as pieces", "source", "target")
    examples.columns[1].justify = "left"
    learned = tokenizer.load(folder)
    for s, t in list(corpus.read_tsv([folder / "valid.tsv"]))[:4]:
        examples.add_row(
            *(
                Text(" ".join(v.pieces(v.encode([line])[0])))
                for v, line in ((learned.source, s), (learned.target, t))
            )
        )
    page(
        Group(pairs, sides, examples),
        Text(f"{kept:,} pairs in {folder}   next: seqformer train --data {folder}"),
    )


def show_faults(faults: Faults) -> None:
    """Two lines on stderr for each fault: what, how often and what was done; where, and an example."""
    entries = faults.entries()
    if entries:
        note("Faults in the data:")
    for fault in entries:
        note(f"  {fault.kind:23}{fault.count:>8,}  {fault.action}")
        lines = ", ".join(map(str, fault.lines[:3])) + " …" * (fault.count > 3)
        where = f"    {Path(fault.file).name}, line{'s' * (fault.count > 1)} {lines}: "
        room = max(20, 80 - len(where))
        note(where + (fault.example if len(fault.example) <= room else fault.example[: room - 1] + "…"))


def _vocab_size(text: str) -> int:
    if text == "auto":
        return 0
    if not text.isdecimal() or int(text) < 8:
        raise SeqformerError(f"--vocab-size {text}: give a number of at least 8, or auto")
    return int(text)


@contextlib.contextmanager
def _reported(faults: Faults, report: Path | None) -> Iterator[None]:
    """Write the report when the block ends well, and also when the data cannot be used."""
    from seqformer.files import write_json

    if report and report.is_dir():
        raise SeqformerError(f"--report {report}: that is a folder; name a file")
    if report and not report.absolute().parent.is_dir():
        raise SeqformerError(f"--report {report}: there is no folder {report.parent}; make it first")
    try:
        yield
    finally:
        if report and isinstance(sys.exc_info()[1], SeqformerError | None):
            write_json(report, faults.report())


def _rows(
    pairs: list[Path], source: Path | None, target: Path | None, swap: bool, faults: Faults
) -> tuple[Iterable[Pair], list[Path]]:
    from seqformer.text import corpus

    if pairs and (source or target):
        raise SeqformerError("give either tab-separated files, or --source and --target, not both")
    if source or target:
        rows = _aligned(source, target, "--source", "--target", swap, faults)
        return rows, [f for f in (source, target) if f]
    files = pairs or corpus.embedded()
    _check(files)
    read = corpus.read_tsv(files, faults)
    return ((second, first) for first, second in read) if swap else read, files


def _aligned(
    source: Path | None, target: Path | None, first: str, second: str, swap: bool, faults: Faults
) -> Iterable[Pair]:
    from seqformer.text import corpus

    if source is None or target is None:
        raise SeqformerError(
            f"{first} and {second} go together: one file of sources, one of their translations"
        )
    _check([source, target])
    return corpus.read_aligned(*((target, source) if swap else (source, target)), faults)


def _check(files: list[Path]) -> None:
    """Missing files are told before any work begins."""
    for file in files:
        if not file.exists():
            raise SeqformerError(f"{file}: there is no such file")


def _name(files: list[Path]) -> str:
    """A name for the prepared folder: of one file its own, of two aligned files their extensions."""
    stems = [file.name.removesuffix(".gz") for file in files]
    if len(stems) == 2 and Path(stems[0]).stem == Path(stems[1]).stem:
        return "-".join(Path(stem).suffix.lstrip(".") or stem for stem in stems)
    return Path(stems[0]).stem
