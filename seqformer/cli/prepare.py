"""``seqformer prepare``: from files of sentence pairs to a prepared folder."""

from __future__ import annotations

import contextlib
import shlex
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.cells import cell_len

from seqformer.cli.options import RecipeOption, option, refuse_beside
from seqformer.console import cut, note, visible
from seqformer.errors import SeqformerError

if TYPE_CHECKING:
    from seqformer.api import Prepared
    from seqformer.text.faults import Faults

EXAMPLE = "Example: seqformer prepare pairs.tsv --out prepared/mine --lowercase --split-punctuation"
FILES, TEXT, PIECES, SPLIT, FAULTS = "Files", "Text", "Vocabulary", "Selection and splits", "Faults"
FILTERS = "Filters"


def prepare(
    context: typer.Context,
    pairs: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="PAIRS",
            show_default="the embedded English-French corpus",
            help="Files of pairs, source first: tab-separated, CSV, JSON lines, TMX, XLIFF or PO; or two "
            "aligned files; .gz, .xz, .zst, .bz2 or .zip of these (a.zip:train.en is a file in a.zip). Or a "
            "folder of images: IDX files, or PNGs by class. Or a corpus to fetch: tatoeba:en-fr, "
            "opus:CORPUS:en-fr, multi30k:en-de.",
        ),
    ] = None,
    source: Annotated[Path | None, option(FILES, "Source sentences, a line each.", "F")] = None,
    target: Annotated[Path | None, option(FILES, "Their translations, line by line.", "F")] = None,
    valid_source: Annotated[Path | None, option(FILES, "Source sentences to validate on.", "F")] = None,
    valid_target: Annotated[Path | None, option(FILES, "Their translations.", "F")] = None,
    test_source: Annotated[Path | None, option(FILES, "Source sentences to test on.", "F")] = None,
    test_target: Annotated[Path | None, option(FILES, "Their translations.", "F")] = None,
    guide: Annotated[
        Path | None,
        option(
            FILES,
            "Word links of each line, such as 0-0 1-2, as eflomal, fast_align and align write them; see "
            "train --guide.",
            "F",
        ),
    ] = None,
    out: Annotated[
        Path | None,
        option(FILES, "The folder to make.", "DIR", "prepared/NAME, or the next free name"),
    ] = None,
    swap: Annotated[
        bool, option(FILES, "Translate from the second side to the first.", "", False, "--swap")
    ] = False,
    languages: Annotated[
        str | None,
        option(
            FILES,
            "Languages translated from and to, where the data do not say; of several in the data, which.",
            "en-fr",
            "from the data",
        ),
    ] = None,
    columns: Annotated[
        str | None,
        option(
            FILES,
            "The columns of source and target: numbers, names in the first row (en,fr), or keys of JSON.",
            "N,N",
            "recognised",
        ),
    ] = None,
    style: Annotated[
        str | None,
        option(
            TEXT,
            "Prepare as Dive into Deep Learning does: the first 640 pairs, words, 9 steps; the last 128 are "
            "valid [bold]and[/] test, and their sources may stand in train.",
            "d2l",
        ),
    ] = None,
    lowercase: Annotated[
        bool | None,
        option(
            TEXT,
            "Make everything lower case, here and at translation.",
            "",
            "keep-case; the embedded corpus: lowercase",
            "--lowercase/--keep-case",
        ),
    ] = None,
    split_punctuation: Annotated[
        bool | None,
        option(
            TEXT,
            "Set punctuation apart from words, here and at translation.",
            "",
            "keep; the embedded corpus: split",
            "--split-punctuation/--keep-punctuation",
        ),
    ] = None,
    nfkc: Annotated[
        bool | None,
        option(
            TEXT,
            "Make full-width letters, ligatures and the like plain ones (Unicode NFKC), here and at "
            "translation.",
            "",
            "NFC",
            "--nfkc",
        ),
    ] = None,
    vocab_size: Annotated[
        str | None, option(PIECES, "Pieces at most; auto: from the data.", "N|auto", "auto")
    ] = None,
    model_type: Annotated[
        str | None,
        option(PIECES, "How SentencePiece cuts text into pieces.", "unigram|bpe|word|char", "bpe"),
    ] = None,
    separate: Annotated[
        bool | None,
        option(PIECES, "A vocabulary for each side, not a joint one.", "", "joint", "--separate"),
    ] = None,
    like: Annotated[
        Path | None,
        option(
            PIECES, "Text and pieces as in this run, which can then be trained on: train --init RUN.", "RUN"
        ),
    ] = None,
    split_digits: Annotated[
        bool | None,
        option(
            PIECES,
            "Make each digit a piece of its own.",
            "",
            "split where numbers are frequent",
            "--split-digits/--keep-digits",
        ),
    ] = None,
    byte_fallback: Annotated[
        bool | None,
        option(
            PIECES, "Spell characters in no piece as bytes: none is unknown.", "", False, "--byte-fallback"
        ),
    ] = None,
    symbols: Annotated[
        Path | None, option(PIECES, "Symbols that are always one piece, a line each.", "F")
    ] = None,
    character_coverage: Annotated[
        float | None,
        option(PIECES, "Share of the text whose characters are known, 0.9 to 1.", "C", "0.9999"),
    ] = None,
    placeholders: Annotated[
        bool | None,
        option(
            PIECES,
            "Make tags, {names}, %s and addresses symbols, which the model learns to place: they come out as "
            "they went in.",
            "",
            "symbols; of word and char pieces text",
            "--placeholders/--no-placeholders",
        ),
    ] = None,
    max_pairs: Annotated[int | None, option(SPLIT, "Read only the first so many pairs.", "N", "all")] = None,
    max_pieces: Annotated[
        int | None, option(SPLIT, "Drop training pairs with a longer side.", "N", "256")
    ] = None,
    max_ratio: Annotated[
        float | None, option(FILTERS, "Drop pairs with a side R times the other.", "R", "9")
    ] = None,
    valid_size: Annotated[
        int | None, option(SPLIT, "Sources kept for validation (a tenth at most).", "N", "1000")
    ] = None,
    test_size: Annotated[
        int | None, option(SPLIT, "Sources kept for the test (likewise).", "N", "1000")
    ] = None,
    seed: Annotated[int | None, option(SPLIT, "Seed for the splits.", "N", "1")] = None,
    recipe: RecipeOption = None,
    min_length: Annotated[
        int | None, option(FILTERS, "Drop pairs with a side of fewer characters.", "N", "no bound")
    ] = None,
    max_length: Annotated[
        int | None, option(FILTERS, "Drop pairs with a side of more characters.", "N", "no bound")
    ] = None,
    deduplicate: Annotated[
        str | None,
        option(
            FILTERS,
            "Drop a pair whose source, whose target, or both stand in an earlier pair.",
            "source|target|pair|none",
            "pair",
        ),
    ] = None,
    keep_copies: Annotated[
        bool | None,
        option(
            FILTERS,
            "Keep pairs whose sides are equal, as for correcting or normalising text.",
            "",
            "dropped",
            "--keep-copies",
        ),
    ] = None,
    scripts: Annotated[
        str | None,
        option(
            FILTERS,
            "Drop pairs with a side in another script: that of source and target, or one for both.",
            "Latin,Cyrillic",
            "any",
        ),
    ] = None,
    any_script: Annotated[
        bool | None,
        option(
            FILTERS,
            "Keep lines in another script than nearly all of their side.",
            "",
            "dropped",
            "--any-script",
        ),
    ] = None,
    check_languages: Annotated[
        bool | None,
        option(
            FILTERS,
            "Drop pairs with a side that is surely in another language (20 characters at least).",
            "",
            "not checked",
            "--check-languages",
        ),
    ] = None,
    score_with: Annotated[
        Path | None,
        option(
            FILTERS,
            "Keep only the pairs that this run finds the most probable, by the mean of a piece …",
            "RUN",
        ),
    ] = None,
    score_keep: Annotated[
        float | None, option(FILTERS, "… so large a share of the pairs read, such as 0.9.", "SHARE")
    ] = None,
    strict: Annotated[
        bool, option(FAULTS, "Stop if there is any fault in the data.", "", False, "--strict")
    ] = False,
    report: Annotated[Path | None, option(FAULTS, "Write the faults found, as JSON.", "F.json")] = None,
) -> None:
    """Read sentence pairs, clean and split them, learn the pieces, and store them for training.

    The valid and test splits are made [bold]by source sentence[/]; no text that is held out is trained on.
    Faults in the data are reported with their line numbers, and what was done about them.

    A folder of images becomes a prepared folder too, with a tenth held out for validation.
    """
    from seqformer import api
    from seqformer.formats import corpora
    from seqformer.text.faults import Faults
    from seqformer.text.pieces import read_symbols

    given = {name: value for name, value in context.params.items() if name in SETTINGS and value is not None}
    if vocab_size is not None:
        given["vocab_size"] = _vocab_size(vocab_size)
    if split_digits is not None:
        given["digits"] = "split" if split_digits else "keep"
    if symbols is not None:
        given["symbols"] = read_symbols(symbols)
    if style:
        refuse_beside(
            f"--style {style}",
            context,
            ("style", "pairs", "source", "target", "out", "swap", "columns", "languages"),
        )
    if like:
        fixed = {"lowercase", "split_punctuation", "nfkc", "vocab_size", "model_type", "separate", "style"}
        fixed |= {"split_digits", "byte_fallback", "symbols", "character_coverage", "placeholders"}
        refuse_beside(
            "--like", context, tuple(p.name or "" for p in context.command.params if p.name not in fixed)
        )
    paths = list(pairs or [])
    if name := corpora.name_of(paths):
        note(f"{name}: fetching the corpus, unless it was fetched before; this can take a while.")
    images = len(paths) == 1 and paths[0].is_dir()
    if images:
        refuse_beside("a folder of images", context, ("pairs", "out", "seed", "recipe"))
    faults = Faults(strict) if strict or report else None
    with _reported(faults, report):
        made = api.prepare(
            paths[0] if images else paths or None,
            out=out,
            files=_files(source, target, "--source", "--target"),
            valid=_files(valid_source, valid_target, "--valid-source", "--valid-target"),
            test=_files(test_source, test_target, "--test-source", "--test-target"),
            swap=swap,
            columns=columns,
            style=style or "",
            like=like,
            score_with=score_with,
            score_keep=score_keep,
            guide=guide,
            recipe=recipe,
            faults=faults,
            **given,
        )
    show(made, like=like)
    _show_terms(made)
    if made.task.manifest.test_is_valid and not made.task.manifest.by_heart:
        note(
            f"The last {made.task.manifest.pairs['valid']} pairs are both valid and test, and their sources "
            "may stand in train too: a score on them is no measure of what the model does with new sentences."
        )


SETTINGS = (
    "lowercase", "split_punctuation", "model_type", "separate", "max_pairs", "max_pieces", "max_ratio",
    "valid_size", "test_size", "seed", "byte_fallback", "character_coverage", "min_length", "max_length",
    "deduplicate", "keep_copies", "scripts", "any_script", "check_languages",
    "languages", "nfkc", "placeholders",
)  # fmt: skip


def show(made: Prepared, out: Callable[..., None] | None = None, like: Path | None = None) -> None:
    """Show what was kept, what was dropped and why, what the pieces look like, and faults in the data.

    ``like`` is the run whose pieces they are, which a training can then begin with.
    """
    from rich.console import Group
    from rich.text import Text

    from seqformer.console import page

    held = made.task.manifest
    repeated = ("valid", "test") if held.by_heart else ("test",) if held.test_is_valid else ()
    kept = sum(n for split, n in held.pairs.items() if split not in repeated)
    next_command = f"seqformer train --data {shlex.quote(str(made.folder))}"
    if like:
        next_command += f" --init {shlex.quote(str(like))}"
    thing = "pairs" if made.task.reads_text else "images"
    (out or page)(Group(*made.tables()), Text(f"{kept:,} {thing} in {made.folder}   next: {next_command}"))
    _show_faults(made.faults)


def _show_faults(faults: Faults) -> None:
    """Print remarks; for each fault what, how often and what was done, then where, and an example."""

    for remark in faults.remarks:
        note(remark)
    entries = faults.entries()
    if entries:
        note("Faults in the data:")
    for fault in entries:
        note(f"  {fault.kind:23}{fault.count:>8,}  {fault.action}")
        lines = ", ".join(map(str, fault.lines.first(3))) + " …" * (fault.count > 3)
        where = f"    {Path(fault.file).name}, line{'s' * (fault.count > 1)} {lines}: "
        note(where + cut(visible(fault.example), max(20, 80 - cell_len(where))))


def _show_terms(made: Prepared) -> None:
    """Print the licence of a corpus that was asked for by name, and what to cite."""
    if made.task.reads_text and made.task.manifest.licence:
        note(f"Licence of the corpus: {made.task.manifest.licence}")
    if made.task.reads_text and made.task.manifest.citation:
        note(f"Please cite:\n{made.task.manifest.citation}")


def _vocab_size(text: str) -> int:
    if text == "auto":
        return 0
    if not text.isdecimal() or int(text) < 8:
        raise SeqformerError(f"--vocab-size {text}: give a number of at least 8, or auto")
    return int(text)


@contextlib.contextmanager
def _reported(faults: Faults | None, report: Path | None) -> Iterator[None]:
    """Write the report when the block ends well, and also when the data cannot be used."""
    if report and report.is_dir():
        raise SeqformerError(f"--report {report}: that is a folder; name a file")
    if report and not report.absolute().parent.is_dir():
        raise SeqformerError(f"--report {report}: there is no folder {report.parent}; make it first")
    try:
        yield
    finally:
        if faults and report and isinstance(sys.exc_info()[1], SeqformerError | None):
            faults.write(report)


def _files(source: Path | None, target: Path | None, first: str, second: str) -> tuple[Path, Path] | None:
    if source is None and target is None:
        return None
    if source is None or target is None:
        raise SeqformerError(
            f"{first} and {second} go together: one file of sources, one of their translations"
        )
    return source, target
