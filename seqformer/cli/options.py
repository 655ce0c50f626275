"""Options that commands share, and which run is meant."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from seqformer.console import note, talk
from seqformer.errors import RunError, SeqformerError

if TYPE_CHECKING:
    from seqformer.runs.run import Run

RunOption = Annotated[
    Path | None,
    typer.Option(
        "--run",
        metavar="DIR",
        show_default="the one trained last under runs/ that can be used here",
        help="The run to use.",
    ),
]
DeviceOption = Annotated[
    str,
    typer.Option(
        "--device", metavar="auto|cpu|cuda", help="Where to compute; auto takes a GPU if there is one."
    ),
]
BeamOption = Annotated[
    int | None,
    typer.Option(
        "--beam", metavar="N", show_default="5, or as the run says", help="Beam size; 1 is greedy search."
    ),
]
LengthPenaltyOption = Annotated[
    float | None,
    typer.Option(
        "--length-penalty",
        metavar="A",
        show_default="1, or as the run says",
        help="Rank by log-probability / length^A; higher favours longer translations.",
    ),
]
PrecisionOption = Annotated[
    str,
    typer.Option(
        "--precision",
        metavar="auto|fp32|bf16",
        help="Number format to compute in; auto: bf16 if the hardware supports it.",
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]
RecipeOption = Annotated[
    Path | None,
    typer.Option(metavar="F.toml", help="A recipe file; what is asked for by options is stronger."),
]


def paragraphs(command: Callable[..., Any]) -> str:
    """Return the docstring of a command with each paragraph in one line, for help pages of any width."""
    text = inspect.getdoc(command) or ""
    return "\n\n".join(" ".join(part.split()) for part in text.split("\n\n"))


def refuse_beside(flag: str, context: typer.Context, allowed: tuple[str, ...]) -> None:
    """Refuse the first option on the command line that ``flag`` leaves without effect."""
    for parameter in context.command.params:
        name = parameter.name or ""
        given = context.get_parameter_source(name)
        if given is not None and given.name == "COMMANDLINE" and name not in allowed:
            raise SeqformerError(f"{parameter.opts[0]} does nothing beside {flag}; leave one of them out")


def open_run(folder: Path | None, usable: Callable[[Run], bool], what: str) -> Run:
    """Return the run asked for, or of those that can be used the one trained last, named on stderr."""
    from seqformer.api import RUNS
    from seqformer.runs import find
    from seqformer.runs.run import Run

    if folder is not None:
        return Run(folder)
    try:
        run = find.newest(RUNS, usable, what)
    except RunError as error:
        raise RunError(f"{error}; train one with: seqformer train, or name one with --run") from None
    if talk.is_terminal:
        note(f"Using {run.folder} ({run.task.title}); --run names another.")
    return run


def translates(run: Run) -> bool:
    """Return whether a run translates text, which a toy task is not."""
    return run.task.reads_text and not run.task.manifest.toy
