"""Options that several commands share, and where prepared folders and runs are looked for."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from seqformer.errors import RunError, SeqformerError

if TYPE_CHECKING:
    from seqformer.image_run import ImageRun
    from seqformer.learn import AnyRun
    from seqformer.run import Run

PREPARED, RUNS = Path("prepared"), Path("runs")
EMBEDDED = "en-fr"

RunOption = Annotated[
    Path | None,
    typer.Option("--run", metavar="DIR", show_default="the newest under runs/", help="The run to use."),
]
DeviceOption = Annotated[
    str,
    typer.Option(
        "--device", metavar="auto|cpu|cuda", help="Where to compute; auto takes a GPU if there is one."
    ),
]
BeamOption = Annotated[
    int, typer.Option("--beam", metavar="N", help="Hypotheses kept at a time; 1 is greedy.")
]
LengthPenaltyOption = Annotated[
    float,
    typer.Option(
        "--length-penalty", metavar="A", help="Rank by log-probability / length^A; higher favours longer."
    ),
]
PrecisionOption = Annotated[
    str,
    typer.Option(
        "--precision",
        metavar="auto|fp32|bf16",
        help="What numbers to compute with; auto: bf16 where the hardware multiplies in it.",
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def refuse_beside(flag: str, context: typer.Context, allowed: tuple[str, ...]) -> None:
    """An error for the first option on the command line that ``flag`` leaves without effect."""
    for parameter in context.command.params:
        name = parameter.name or ""
        given = context.get_parameter_source(name)
        if given is not None and given.name == "COMMANDLINE" and name not in allowed:
            raise SeqformerError(f"{parameter.opts[0]} does nothing beside {flag}; leave one of them out")


def open_run(folder: Path | None, *, translation: bool) -> Run:
    """The run asked for, or the newest one; an error says which command makes one."""
    from seqformer import run

    if folder is not None:
        return run.Run(folder)
    found = run.newest(RUNS, translation=translation)
    if found is None:
        what = "translation run" if translation else "run"
        raise RunError(f"there is no {what} under {RUNS}/ here; train one with: seqformer train")
    return found


def image_run(folder: Path | None, *, search: bool) -> ImageRun | None:
    """The run asked for where it is one of images; where none is asked for, with ``search``, the newest."""
    from seqformer import run_folder
    from seqformer.image_run import ImageRun

    for found in [folder] if folder else run_folder.newest_first(RUNS) if search else []:
        try:
            if run_folder.read_info(found).get("task") == run_folder.IMAGES:
                return ImageRun(found)
        except RunError:
            if folder:
                raise
    return None


def open_any(folder: Path) -> AnyRun:
    """The run in a folder, of whatever kind it is."""
    from seqformer.run import Run

    return image_run(folder, search=False) or Run(folder)


def free(folder: Path) -> Path:
    """The folder itself, or the first of folder-2, folder-3 … that does not exist."""
    number, found = 1, folder
    while found.exists():
        number += 1
        found = folder.with_name(f"{folder.name}-{number}")
    return found
