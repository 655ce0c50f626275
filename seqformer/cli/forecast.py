"""``seqformer forecast``: is it worth collecting more data?"""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import Annotated

import typer

from seqformer.cli.options import DeviceOption, JsonOption, RecipeOption, option, print_report

EXAMPLE = "Example: seqformer forecast --data prepared/mine --max-minutes 10"


def forecast(
    data: Annotated[
        Path | None, option(None, "A prepared folder.", "DIR", "the newest under prepared/")
    ] = None,
    max_minutes: Annotated[
        float | None,
        option(None, "Wall clock of each of the three trainings.", "M", "5, or as the recipe limits them"),
    ] = None,
    recipe: RecipeOption = None,
    out: Annotated[
        Path | None, option(None, "The folder that keeps the three trainings.", "DIR", "forecasts/NAME")
    ] = None,
    as_json: JsonOption = False,
    device: DeviceOption = "auto",
) -> None:
    """Say what more data would give: is it worth collecting them?

    Trains on an eighth, a quarter and a half of the training examples, as long on each, and foretells what
    the whole, and twice the whole, would score in the same time, with a 95% range. The trainings are kept;
    after Ctrl-C the same command goes on.
    """
    from seqformer.api import Event, Interrupted
    from seqformer.cli.watch import Screen
    from seqformer.console import note
    from seqformer.studies import forecast as study

    screen = Screen()

    def show(event: Event | study.Turn) -> None:
        nonlocal screen
        if not isinstance(event, study.Turn):
            screen(event)
            return
        screen = Screen()
        note(event.name + {"new": "", "resumed": ": going on", "finished": ": finished already"}[event.state])

    try:
        result = study.forecast(
            data, max_minutes=max_minutes, recipe=recipe, out=out, device=device, events=show
        )
    except KeyboardInterrupt as stopped:
        reason = stopped.reason if isinstance(stopped, Interrupted) else "Ctrl-C"
        note(f"Stopped by {reason}; what is done is kept. The same command goes on:")
        note(f"  seqformer {shlex.join(sys.argv[1:])}")
        raise typer.Exit(143 if reason == "SIGTERM" else 130) from None
    print_report(result, as_json)
