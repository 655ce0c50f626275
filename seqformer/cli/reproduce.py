"""``seqformer reproduce``: repeat a recipe, and say whether its score is reached again."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from seqformer.cli.options import JsonOption, option, print_report
from seqformer.errors import SeqformerError

if TYPE_CHECKING:
    from seqformer.recipes.experiment import Experiment

EXAMPLE = "Examples: seqformer reproduce   ·   seqformer reproduce multi30k-tiny --data multi30k/raw"


def reproduce(
    recipe: Annotated[
        str | None,
        typer.Argument(metavar="NAME|F.toml", help="A recipe by name, or a file; without it all are listed."),
    ] = None,
    data: Annotated[
        Path | None, option(None, "The folder with the files that the recipe wants.", "DIR")
    ] = None,
    run: Annotated[
        Path | None,
        option(
            None,
            "The run folder to make; one that the same recipe has begun is gone on with.",
            "DIR",
            "runs/NAME",
            "--run",
        ),
    ] = None,
    seed: Annotated[
        int | None, option(None, "Seed for weights, dropout and batch order.", "N", "from the recipe")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Repeat a recipe: prepare, train, score, and compare with the score on record.

    If it is stopped by Ctrl-C, the same command goes on, exactly. A run that is finished is scored again.
    Without a name the recipes are listed, with their scores on record and the time they took.
    """
    from seqformer.recipes.experiment import names, open_experiment

    if recipe is None:
        if data or run or seed is not None:
            raise SeqformerError(f"name the recipe to repeat: choose one of {', '.join(names())}")
        _list(as_json)
        return
    experiment = open_experiment(recipe)
    if data is None:
        raise SeqformerError(f"say with --data DIR where the files are: {experiment.wishes()}")
    from seqformer import api
    from seqformer.cli.watch import Screen
    from seqformer.recipes import reproduction

    screen = Screen()
    try:
        made = reproduction.reproduce(recipe, data, run=run, seed=seed, events=_Shown(screen))
    except api.Interrupted as stopped:
        words = ["reproduce", recipe, "--data", str(data), "--run", str(stopped.run.folder)]
        words += [] if seed is None else ["--seed", str(seed)]
        screen.interrupted(stopped, "seqformer " + shlex.join(words))
        raise typer.Exit(130 if stopped.reason == "Ctrl-C" else 143) from None
    print_report(made, as_json)


class _Shown:
    """Shows what happens: a training as ``train`` does, and what goes before and after it."""

    def __init__(self, screen: Any) -> None:
        self.screen = screen

    def __call__(self, event: Any) -> None:
        from seqformer.api import Prepared
        from seqformer.console import note
        from seqformer.recipes.reproduction import Scoring

        if isinstance(event, Prepared):
            for remark in event.faults.remarks:
                note(remark)
            note(f"Prepared: {event.folder}")
        elif isinstance(event, Scoring) and event.trained:
            self.screen.summarize(event.run)
            note("Scoring …")
        elif isinstance(event, Scoring):
            note(
                f"{event.run.folder} was trained so before, and is scored again; "
                "to train anew, name another folder with --run"
            )
        else:
            self.screen(event)


def _list(as_json: bool) -> None:
    from seqformer.console import data, note, page
    from seqformer.recipes.experiment import packaged

    experiments = list(packaged())
    if as_json:
        data(json.dumps([each.to_json() for each in experiments], ensure_ascii=False))
        return
    page(_table(experiments))
    note("Repeat one with: seqformer reproduce NAME --data DIR")


def _table(experiments: list[Experiment]) -> Any:
    from seqformer.console import table
    from seqformer.recipes.measure import MEASURES

    shown = table("Recipes", "name", "task", "score", "on record", "minutes", "machine")
    for column in (1, 2, 5):
        shown.columns[column].justify = "left"
    for each in experiments:
        expected = each.expected
        minutes = "" if expected.minutes is None else f"{expected.minutes:g}"
        title = MEASURES[each.scores[0]].title
        shown.add_row(each.name, each.task, title, str(expected), minutes, expected.machine)
    return shown
