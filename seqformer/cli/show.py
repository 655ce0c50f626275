"""``seqformer show``: drawings of the parts of a Transformer; most need nothing that is trained."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from seqformer.cli.options import (
    FigureOption,
    FontOption,
    ForOption,
    JsonOption,
    RunOption,
    TextCommand,
    add,
    check_picture,
    open_run,
    option,
    print_report,
    save_picture,
)
from seqformer.console import note
from seqformer.errors import SeqformerError

if TYPE_CHECKING:
    from seqformer.report.panels import Figure
    from seqformer.report.report import Lesson

EXAMPLE = "Examples: seqformer show heads   ·   seqformer show --all --html show.html"
POOLING_EXAMPLE = "Example: seqformer show pooling --kernel gaussian --width 0.2 --figure pooling.svg"
POSITIONS_EXAMPLE = "Example: seqformer show positions --length 60 --width 32 --figure positions.svg"
MASK_EXAMPLE = 'Example: seqformer show mask "the cat sleeps" "go" --figure mask.pdf --for paper'
SCHEDULE_EXAMPLE = "Example: seqformer show schedule --max-steps 10000 --warmup 400 --figure schedule.svg"
SMOOTHING_EXAMPLE = "Example: seqformer show smoothing --label-smoothing 0.1 --vocab-size 8000"
SOFTMAX_EXAMPLE = "Example: seqformer show softmax --head-width 64 --head-width 512 --figure softmax.svg"
HEADS_EXAMPLE = "Example: seqformer show heads --width 6 --heads 3 --length 4"
PIECES_EXAMPLE = 'Example: seqformer show pieces "the red cat sleeps ."'
WEIGHTS_EXAMPLE = "Example: seqformer show weights --figure weights.png --for slide"
WHAT, DATA = "What is shown", "Data"
MOST_CASES = 5  # columns of a table
MOST_STEPS = 1_000_000

Number = TypeVar("Number", int, float)
app = typer.Typer(
    name="show",
    help="Draw what a Transformer is made of.",
    epilog=EXAMPLE,
    no_args_is_help=True,
    rich_markup_mode="rich",
)


@app.callback(invoke_without_command=True)
def show(
    context: typer.Context,
    every: Annotated[bool, option(None, "Show everything, one after the other.", "", False, "--all")] = False,
    html: Annotated[
        Path | None,
        option(None, "With --all: write one page for browsers, with all pictures and answers.", "F.html"),
    ] = None,
    run: RunOption = None,
) -> None:
    """Show the parts of a Transformer: a question, the answer in two sentences, numbers and pictures.

    With --all, pieces and weights are those of a run, and are left out where there is none.
    """
    if context.invoked_subcommand or not every:
        if html or run or every:
            raise SeqformerError("--all shows everything; --html and --run go with it, and no other command")
        return
    from seqformer.report import booklet
    from seqformer.report.lessons import lessons

    if html:
        booklet.check(html)
    shown = {**lessons(), **_of_run(run)}
    if html:
        booklet.save(shown, html)
        note(f"{html}: {len(shown)} pictures and answers; open it in a browser.")
        return
    for each in shown.values():
        print_report(each, as_json=False)


def _of_run(folder: Path | None) -> dict[str, Lesson]:
    """Return what can be shown of a run: its weights, and how a sentence of its own is cut into pieces."""
    from seqformer.runs.overview import lessons_of

    try:
        run = open_run(folder, lambda each: True, "to look into")
    except SeqformerError as error:
        if folder is not None:
            raise
        note(f"Pieces and weights are left out: {error}")
        return {}
    return lessons_of(run)


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
    as_json: JsonOption = False,
    figure: FigureOption = None,
    made_for: ForOption = "screen",
    font: FontOption = None,
) -> None:
    """Show attention pooling: a curve from noisy points, each estimate a weighted mean of nearby values.

    The points are y = 2 sin x + x with standard normal noise, x in [0, 5]. A query is an x, a key
    the x of a point, a value its y.
    """
    from seqformer.report import pooling as report

    check_picture(figure, made_for, font)
    pooled = report.pooling(kernel, tuple(width or report.WIDTHS), points, seed)
    _show(pooled, as_json, figure, made_for, font)


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
    as_json: JsonOption = False,
    figure: FigureOption = None,
    made_for: ForOption = "screen",
    font: FontOption = None,
) -> None:
    """Show the matrix of sinusoidal positions, some of its columns, and a binary counter beside it."""
    from seqformer.report import positions as report

    check_picture(figure, made_for, font)
    _show(report.positions(length, width, positions), as_json, figure, made_for, font)


def mask(
    text: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="TEXT",
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
    as_json: JsonOption = False,
    figure: FigureOption = None,
    made_for: ForOption = "screen",
    font: FontOption = None,
) -> None:
    """Show the two masks: padding hidden from every query, the future hidden from every target position."""
    from seqformer.report import masks as report

    check_picture(figure, made_for, font)
    _show(report.masks(text, length), as_json, figure, made_for, font)


def schedule(
    max_steps: Annotated[int, option(WHAT, "The budget, in steps.", "N", "2,000")] = 2000,
    warmup: Annotated[
        int | None,
        option(WHAT, "Steps in which the learning rate rises.", "N", "200; half of a short budget"),
    ] = None,
    learning_rate: Annotated[float, option(WHAT, "The peak, after the warm-up.", "LR", "0.002")] = 2e-3,
    as_json: JsonOption = False,
    figure: FigureOption = None,
    made_for: ForOption = "screen",
    font: FontOption = None,
) -> None:
    """Show the warm-up and the three schedules of the learning rate.

    The rates are those that a training of so many steps would use, step by step.
    """
    from seqformer.config import TrainConfig
    from seqformer.report import schedules

    check_picture(figure, made_for, font)
    _check("--max-steps", max_steps, 2, MOST_STEPS)
    if warmup is not None:
        _check("--warmup", warmup, 0, MOST_STEPS)
    config = TrainConfig(
        max_steps=max_steps, warmup=-1 if warmup is None else warmup, learning_rate=learning_rate
    )
    _show(schedules.schedules(config), as_json, figure, made_for, font)


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
    figure: FigureOption = None,
    made_for: ForOption = "screen",
    font: FontOption = None,
) -> None:
    """Show label smoothing: the targets, and the loss for each probability of the right piece.

    Both are computed by the loss that models are trained with.
    """
    from seqformer.report import smoothing as report
    from seqformer.report.lessons import AMOUNTS

    check_picture(figure, made_for, font)
    amounts = _several("--label-smoothing", label_smoothing or AMOUNTS)
    _show(report.smoothing(amounts, vocab_size), as_json, figure, made_for, font)


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
    figure: FigureOption = None,
    made_for: ForOption = "screen",
    font: FontOption = None,
) -> None:
    """Show why scores are divided by √K: what softmax makes of random scores with and without it.

    Variance, entropy and weights are measured on standard normal queries and keys.
    """
    from seqformer.report import softmax as report
    from seqformer.report.lessons import HEAD_WIDTHS

    check_picture(figure, made_for, font)
    widths = _several("--head-width", head_width or HEAD_WIDTHS)
    _show(report.measure(widths, keys, seed), as_json, figure, made_for, font)


def heads(
    width: Annotated[int, option(WHAT, "Columns, the width of the model.", "D", "8")] = 8,
    heads: Annotated[int, option(WHAT, "Heads, each of D/H columns.", "H", "2")] = 2,
    length: Annotated[int, option(WHAT, "Positions.", "N", "3")] = 3,
    as_json: JsonOption = False,
    figure: FigureOption = None,
    made_for: ForOption = "screen",
    font: FontOption = None,
) -> None:
    """Show how a width is split into heads: view and transpose, on a small tensor, and what it costs."""
    from seqformer.report import heads as report

    check_picture(figure, made_for, font)
    _show(report.split(length, width, heads), as_json, figure, made_for, font)


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
    figure: FigureOption = None,
    made_for: ForOption = "screen",
    font: FontOption = None,
) -> None:
    """Show where the parameters of a model are: a row for each part; a shared matrix is counted once."""
    from seqformer.runs.overview import weights_of

    check_picture(figure, made_for, font)
    opened = open_run(run, lambda each: True, "to look into")
    _show(weights_of(opened), as_json, figure, made_for, font)


def _show(shown: Figure, as_json: bool, figure: Path | None, made_for: str, font: Path | None) -> None:
    from seqformer.report.medium import medium

    if figure:
        save_picture(shown.paint(font, medium(made_for)), figure)
    print_report(shown, as_json)


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
