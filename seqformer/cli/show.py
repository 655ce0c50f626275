"""``seqformer show``: drawings of the parts of a Transformer; most need nothing that is trained."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from seqformer.cli.options import (
    FontOption,
    JsonOption,
    RunOption,
    TextCommand,
    add,
    check_picture,
    open_run,
    option,
    print_report,
)
from seqformer.errors import SeqformerError, nearest

if TYPE_CHECKING:
    from rich.console import Group
    from rich.table import Table

    from seqformer.report.figures import Errors
    from seqformer.report.panels import Figure, Matrix
    from seqformer.report.png import Picture

EXAMPLE = "Examples: seqformer show heads   ·   seqformer show schedule   ·   seqformer show mask"
POOLING_EXAMPLE = "Example: seqformer show pooling --kernel gaussian --width 0.2 --png pooling.png"
POSITIONS_EXAMPLE = "Example: seqformer show positions --length 60 --width 32 --png positions.png"
MASK_EXAMPLE = 'Example: seqformer show mask "the cat sleeps" "go" --png mask.png'
SCHEDULE_EXAMPLE = "Example: seqformer show schedule --max-steps 10000 --warmup 400 --png schedule.png"
SMOOTHING_EXAMPLE = "Example: seqformer show smoothing --label-smoothing 0.1 --vocab-size 8000"
SOFTMAX_EXAMPLE = "Example: seqformer show softmax --head-width 64 --head-width 512 --png softmax.png"
HEADS_EXAMPLE = "Example: seqformer show heads --width 6 --heads 3 --length 4"
PIECES_EXAMPLE = 'Example: seqformer show pieces "the red cat sleeps ."'
WEIGHTS_EXAMPLE = "Example: seqformer show weights --png weights.png"
WHAT, DATA, OUTPUT = "What is shown", "Data", "Output"
WIDTHS = (0.1, 0.2, 0.5, 1.0)
AMOUNTS = (0.0, 0.1, 0.2, 0.5)  # of label smoothing
HEAD_WIDTHS = (4, 16, 64, 256)
MOST_CASES = 5  # columns of a table
MOST_STEPS = 1_000_000
MOST_WORDS = 16  # cells of four columns beside the labels
LARGEST = 1000  # rows or columns of a matrix of positions

Number = TypeVar("Number", int, float)
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
    from seqformer.report.report import SCREEN

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
    from seqformer.report.report import SCREEN

    check_picture(png, font)
    kinds = ("sinusoidal", "sinusoidal-split")
    if positions == "learned":
        raise SeqformerError(
            "learned positions are numbers that a training finds: there is no formula to show"
        )
    if positions not in kinds:
        raise SeqformerError(f"there are no positions '{positions}': {nearest(positions, kinds)}")
    _check("--length", length, 2, LARGEST)
    _check("--width", width, 2, LARGEST)
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
    png: PngOption = None,
    font: FontOption = None,
) -> None:
    """Show the two masks: padding hidden from every query, the future hidden from every target position."""
    from rich.cells import cell_len

    from seqformer.console import page
    from seqformer.report import figures, panels
    from seqformer.report.heatmap import plain

    check_picture(png, font)
    sentences = _sentences(text, length)
    *padding, causal = figures.mask_panels(sentences)
    if png:
        drawn = [*padding, causal]
        rows = [drawn[first : first + 3] for first in range(0, len(drawn), 3)]
        _save(panels.paint(rows, "Masks: a query may see the blue keys", font), png)
    longest = len(causal.columns)
    width = max(4, min(8, 64 // longest, 1 + max(cell_len(plain(word)) for word in chain(*sentences))))
    for number, panel in enumerate(padding, 1):
        one = replace(
            panel, title=f"Padding mask: any query may see the ■ of sentence {number}", rows=["query"]
        )
        page(_drawn(one, width))
    page(_drawn(replace(causal, title="Causal mask: a row sees ■, itself and what came before"), width))


def _sentences(text: list[str] | None, length: int | None) -> list[list[str]]:
    if text and length is not None:
        raise SeqformerError("give either sentences or --length, not both")
    if length is not None:
        _check("--length", length, 1, MOST_WORDS)
        words = [str(number) for number in range(1, length + 1)]
        return [words, words[: (length + 1) // 2]]
    sentences = [sentence.split() for sentence in text or ["the cat sleeps", "go"]]
    if not all(sentences):
        raise SeqformerError("there is nothing to mask: a sentence is blank")
    if max(map(len, sentences)) > MOST_WORDS:
        raise SeqformerError(f"a sentence has more than {MOST_WORDS} words: it would not fit a terminal")
    return sentences


def _drawn(mask: Matrix, width: int) -> Group:
    from rich.text import Text

    from seqformer.report.heatmap import labelled

    shown = mask.values[: len(mask.rows)]
    cells = [[Text(("■" if seen else "·").center(width - 1)) for seen in row] for row in shown]
    return labelled(mask.title, mask.rows, mask.columns, cells, width)


def schedule(
    max_steps: Annotated[int, option(WHAT, "The budget, in steps.", "N", "2,000")] = 2000,
    warmup: Annotated[
        int | None,
        option(WHAT, "Steps in which the learning rate rises.", "N", "200; half of a short budget"),
    ] = None,
    learning_rate: Annotated[float, option(WHAT, "The peak, after the warm-up.", "LR", "0.002")] = 2e-3,
    as_json: JsonOption = False,
    png: PngOption = None,
    font: FontOption = None,
) -> None:
    """Show the warm-up and the three schedules of the learning rate.

    The rates are those that a training of so many steps would use, step by step.
    """
    from seqformer.config import TrainConfig
    from seqformer.report import schedules

    check_picture(png, font)
    _check("--max-steps", max_steps, 2, MOST_STEPS)
    if warmup is not None:
        _check("--warmup", warmup, 0, MOST_STEPS)
    config = TrainConfig(
        max_steps=max_steps, warmup=-1 if warmup is None else warmup, learning_rate=learning_rate
    )
    _show(schedules.schedules(config), as_json, png, font)


def smoothing(
    label_smoothing: Annotated[
        list[float] | None,
        option(
            WHAT,
            "The share ε spread over all pieces; may be given several times.",
            "E",
            "0, 0.1, 0.2 and 0.5",
        ),
    ] = None,
    vocab_size: Annotated[int, option(WHAT, "Pieces in the vocabulary.", "N", "8")] = 8,
    as_json: JsonOption = False,
    png: PngOption = None,
    font: FontOption = None,
) -> None:
    """Show label smoothing: the targets, and the loss for each probability of the right piece.

    Both are computed by the loss that models are trained with.
    """
    from seqformer.report import smoothing as report

    check_picture(png, font)
    amounts = _several("--label-smoothing", label_smoothing or AMOUNTS)
    _show(report.smoothing(amounts, vocab_size), as_json, png, font)


def softmax(
    head_width: Annotated[
        list[int] | None,
        option(
            WHAT, "The width K of queries and keys; may be given several times.", "K", "4, 16, 64 and 256"
        ),
    ] = None,
    keys: Annotated[int, option(DATA, "Keys that each query chooses among.", "N", "16")] = 16,
    seed: Annotated[int, option(DATA, "Seed of queries and keys.", "N", "1")] = 1,
    as_json: JsonOption = False,
    png: PngOption = None,
    font: FontOption = None,
) -> None:
    """Show why scores are divided by √K: what softmax makes of random scores with and without it.

    Variance, entropy and weights are measured on standard normal queries and keys.
    """
    from seqformer.report import softmax as report

    check_picture(png, font)
    widths = _several("--head-width", head_width or HEAD_WIDTHS)
    _show(report.measure(widths, keys, seed), as_json, png, font)


def heads(
    width: Annotated[int, option(WHAT, "Columns, the width of the model.", "D", "8")] = 8,
    heads: Annotated[int, option(WHAT, "Heads, each of D/H columns.", "H", "2")] = 2,
    length: Annotated[int, option(WHAT, "Positions.", "N", "3")] = 3,
    as_json: JsonOption = False,
    png: PngOption = None,
    font: FontOption = None,
) -> None:
    """Show how a width is split into heads: view and transpose, on a small tensor, and what it costs."""
    from seqformer.report import heads as report

    check_picture(png, font)
    _show(report.split(length, width, heads), as_json, png, font)


def pieces(
    text: Annotated[str, typer.Argument(metavar="TEXT", help="A source sentence, in quotes.")],
    run: RunOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show how a sentence is cut into the pieces of a run, with their ids; for BPE merge by merge."""
    opened = open_run(run, lambda each: each.task.reads_text, "that reads text")
    print_report(opened.task.segmentation(text), as_json)


def weights(
    run: RunOption = None,
    as_json: JsonOption = False,
    png: PngOption = None,
    font: FontOption = None,
) -> None:
    """Show where the parameters of a model are: a row for each part; a shared matrix is counted once."""
    from seqformer.report import weights as report

    check_picture(png, font)
    opened = open_run(run, lambda each: True, "to look into")
    counted = report.count(str(opened.folder), opened.configs.model.describe(), opened.outline())
    _show(counted, as_json, png, font)


def _show(figure: Figure, as_json: bool, png: Path | None, font: Path | None) -> None:
    if png:
        _save(figure.paint(font), png)
    print_report(figure, as_json)


def _save(picture: Picture, png: Path) -> None:
    from seqformer.console import note

    picture.save(png)
    for remark in picture.remarks:
        note(remark)


def _several(flag: str, values: Sequence[Number]) -> list[Number]:
    """Return values without repetitions; refuse more than fit a table."""
    different = list(dict.fromkeys(values))
    if len(different) > MOST_CASES:
        raise SeqformerError(f"{flag} is given {len(different)} times: {MOST_CASES} fit a terminal")
    return different


def _check(flag: str, value: int, least: int, most: int) -> None:
    if not least <= value <= most:
        raise SeqformerError(f"{flag} {value}: give a number between {least} and {most:,}")


add(app, "pooling", pooling, POOLING_EXAMPLE)
add(app, "positions", positions, POSITIONS_EXAMPLE)
add(app, "mask", mask, MASK_EXAMPLE)
add(app, "softmax", softmax, SOFTMAX_EXAMPLE)
add(app, "heads", heads, HEADS_EXAMPLE)
add(app, "pieces", pieces, PIECES_EXAMPLE, TextCommand)
add(app, "smoothing", smoothing, SMOOTHING_EXAMPLE)
add(app, "schedule", schedule, SCHEDULE_EXAMPLE)
add(app, "weights", weights, WEIGHTS_EXAMPLE)
