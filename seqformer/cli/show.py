"""``seqformer show``: drawings of the parts of a Transformer; nothing needs to be trained."""

from __future__ import annotations

from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from seqformer.cli.options import FontOption, add, check_picture, option
from seqformer.errors import SeqformerError, nearest

if TYPE_CHECKING:
    from rich.console import Group
    from rich.table import Table

    from seqformer.report.figures import Errors

EXAMPLE = "Examples: seqformer show pooling   ·   seqformer show positions   ·   seqformer show mask"
POOLING_EXAMPLE = "Example: seqformer show pooling --kernel gaussian --width 0.2 --png pooling.png"
POSITIONS_EXAMPLE = "Example: seqformer show positions --length 60 --width 32 --png positions.png"
MASK_EXAMPLE = 'Example: seqformer show mask "the cat sleeps" "go"'
WHAT, DATA, OUTPUT = "What is shown", "Data", "Output"
WIDTHS = (0.1, 0.2, 0.5, 1.0)
SCREEN = 80  # columns of a terminal that everything fits in
MOST_WORDS = 16  # cells of four columns beside the labels
LARGEST = 1000  # rows or columns of a matrix of positions

app = typer.Typer(no_args_is_help=True, rich_markup_mode="rich")

PngOption = Annotated[Path | None, option(OUTPUT, "Also draw a picture.", "F", False, "--png")]


def pooling(
    kernel: Annotated[
        str,
        option(
            WHAT,
            "How weight falls with distance. One is drawn at every width, all at the widest.",
            "gaussian|boxcar|constant|epanechnikov|all",
        ),
    ] = "all",
    width: Annotated[
        list[float] | None,
        option(WHAT, "How far a kernel reaches; may be given several times.", "W", "0.1, 0.2, 0.5 and 1"),
    ] = None,
    points: Annotated[int, option(DATA, "Points to learn from.", "N")] = 40,
    seed: Annotated[int, option(DATA, "Seed of the points.", "N")] = 1,
    png: PngOption = None,
    font: FontOption = None,
) -> None:
    """Show attention pooling: a curve from noisy points, each estimate a weighted mean of nearby values.

    The points are y = 2 sin x + x with standard normal noise, x in [0, 5]. A query is an x, a key
    the x of a point, a value its y.
    """
    from seqformer.console import page
    from seqformer.models.pooling import KERNELS, sample
    from seqformer.report import figures, panels

    check_picture(png, font)
    if kernel not in (*KERNELS, "all"):
        raise SeqformerError(f"there is no kernel '{kernel}': {nearest(kernel, (*KERNELS, 'all'))}")
    widths = tuple(dict.fromkeys(width or WIDTHS))
    kernels = KERNELS if kernel == "all" else (kernel,)
    keys, values = sample(points, seed)
    cases = [(name, w) for name in kernels for w in (widths if name != "constant" else widths[:1])]
    errors = [(name, w, figures.pooling_errors(name, w, keys, values)) for name, w in cases]
    drawn = [(name, w) for name, w in cases if len(kernels) == 1 or name == "constant" or w == max(widths)]
    pairs = [figures.pooling_panels(name, w, keys, values) for name, w in drawn]
    if png:
        curves, weights = zip(*pairs, strict=True)
        panels.paint([curves, weights], f"Attention pooling of {points} points", font).save(png)
    page(_pooling_table(errors))
    page(*(line for pair in pairs for panel in pair for line in (panel.draw(SCREEN), "")))


def _pooling_table(rows: list[tuple[str, float, Errors]]) -> Table:
    """Return a row for each kernel and width; the constant kernel has no width."""
    from seqformer.console import table

    drawn = table(
        "Error of the estimates (root of the mean square)",
        "kernel", "width", "from the curve", "from the points", "queries unanswered",
        caption="The noise is 1: what comes nearer to the points than that has learned noise.",
    )  # fmt: skip
    for kernel, width, errors in rows:
        drawn.add_row(
            kernel,
            "any" if kernel == "constant" else f"{width:g}",
            f"{errors.from_curve:.3f}" if errors.bare < errors.queries else "no estimate",
            f"{errors.from_points:.3f}",
            f"{errors.bare} of {errors.queries}" if errors.bare else "none",
        )
    return drawn


def positions(
    length: Annotated[int, option(WHAT, "Positions.", "N")] = 60,
    width: Annotated[int, option(WHAT, "Columns, the width of the model.", "D")] = 32,
    positions: Annotated[
        str,
        option(
            WHAT,
            "Sines and cosines in turn (the paper), or all sines before all cosines.",
            "sinusoidal|sinusoidal-split",
        ),
    ] = "sinusoidal",
    png: PngOption = None,
    font: FontOption = None,
) -> None:
    """Show the matrix of sinusoidal positions, some of its columns, and a binary counter beside it."""
    from seqformer.console import note, page
    from seqformer.report import figures, panels

    check_picture(png, font)
    kinds = ("sinusoidal", "sinusoidal-split")
    if positions == "learned":
        raise SeqformerError(
            "learned positions are numbers that a training finds: there is no formula to show"
        )
    if positions not in kinds:
        raise SeqformerError(f"there are no positions '{positions}': {nearest(positions, kinds)}")
    for name, value in (("length", length), ("width", width)):
        if not 2 <= value <= LARGEST:
            raise SeqformerError(f"--{name} {value}: give a number between 2 and {LARGEST:,}")
    if width % 2:
        raise SeqformerError(f"--width {width} is odd: sine and cosine come in pairs")
    drawn = figures.position_panels(length, width, split=positions == "sinusoidal-split")
    if png:
        panels.paint([[panel] for panel in drawn], f"{positions.capitalize()} positions", font).save(png)
    page(*(line for panel in drawn for line in (panel.draw(SCREEN), "")))
    note("A shift by δ positions turns each pair of sine and cosine by the same angle, δ times its rate.")


def mask(
    text: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[TEXT]...",
            show_default='"the cat sleeps" "go"',
            help="Sentences of a batch, each in quotes; words are set apart by spaces.",
        ),
    ] = None,
    length: Annotated[
        int | None,
        option(
            WHAT, "Numbered words instead: a sentence of N beside one of half as many.", "N", "from the text"
        ),
    ] = None,
) -> None:
    """Show the two masks: padding hidden from every query, the future hidden from every target position."""
    from rich.cells import cell_len

    from seqformer.console import page
    from seqformer.report import figures
    from seqformer.report.heatmap import plain

    sentences = _sentences(text, length)
    longest = max(sentences, key=len)
    width = max(4, min(8, 64 // len(longest), 1 + max(cell_len(plain(word)) for word in chain(*sentences))))
    masks = zip(sentences, figures.padding_rows([len(words) for words in sentences]), strict=True)
    for number, (words, row) in enumerate(masks, 1):
        padded = words + ["pad"] * (len(longest) - len(words))
        page(
            _drawn(
                f"Padding mask: any query may see the ■ of sentence {number}", ["query"], padded, [row], width
            )
        )
    fed = ["<s>", *longest[:-1]]
    page(
        _drawn(
            "Causal mask: a row sees ■, itself and what came before",
            fed,
            fed,
            figures.causal_rows(len(fed)),
            width,
        )
    )


def _sentences(text: list[str] | None, length: int | None) -> list[list[str]]:
    if text and length is not None:
        raise SeqformerError("give either sentences or --length, not both")
    if length is not None:
        if not 1 <= length <= MOST_WORDS:
            raise SeqformerError(f"--length {length}: give a number between 1 and {MOST_WORDS}")
        words = [str(number) for number in range(1, length + 1)]
        return [words, words[: (length + 1) // 2]]
    sentences = [sentence.split() for sentence in text or ["the cat sleeps", "go"]]
    if not all(sentences):
        raise SeqformerError("there is nothing to mask: a sentence is blank")
    if max(map(len, sentences)) > MOST_WORDS:
        raise SeqformerError(f"a sentence has more than {MOST_WORDS} words: it would not fit a terminal")
    return sentences


def _drawn(title: str, rows: list[str], columns: list[str], mask: list[list[bool]], width: int) -> Group:
    from rich.text import Text

    from seqformer.report.heatmap import labelled

    cells = [[Text(("■" if seen else "·").center(width - 1)) for seen in row] for row in mask]
    return labelled(title, rows, columns, cells, width)


add(app, "pooling", pooling, POOLING_EXAMPLE)
add(app, "positions", positions, POSITIONS_EXAMPLE)
add(app, "mask", mask, MASK_EXAMPLE)
