"""Options that commands share, and which run is meant."""

from __future__ import annotations

import inspect
import json
import re
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperCommand

from seqformer.console import data, note, page, talk
from seqformer.errors import RunError, SeqformerError
from seqformer.report.words import TOKENIZERS

if TYPE_CHECKING:
    from seqformer.report.drawing import Picture
    from seqformer.report.report import Report
    from seqformer.runs.run import Run


def option(
    panel: str | None,
    help: str,
    metavar: str = "",
    shown: str | bool = False,
    *names: str,
    hidden: bool = False,
) -> Any:
    """Return an option: its panel in the help, what it takes, and the default that the help shows."""
    return typer.Option(
        *names, metavar=metavar, rich_help_panel=panel, show_default=shown, help=help, hidden=hidden
    )


RunOption = Annotated[
    Path | None,
    option(None, "The run to use.", "DIR", "the one trained last under runs/ that can be used here", "--run"),
]
InputArgument = Annotated[
    str,
    typer.Argument(
        metavar="TEXT|IMAGE|INDEX",
        help="A sentence, in quotes; for a run of images a .png or the number of a test image.",
    ),
]
RunsOption = Annotated[
    list[Path] | None,
    option(
        None,
        "The run to use; several of the same pieces translate together, as an ensemble.",
        "DIR",
        "the one trained last under runs/ that can be used here",
        "--run",
    ),
]
DeviceOption = Annotated[
    str,
    option(None, "Where to compute; auto takes a GPU if there is one.", "auto|cpu|cuda", "auto", "--device"),
]
BeamOption = Annotated[
    int | None,
    option(None, "Beam size; 1 is greedy search.", "N", "5, or as the run says", "--beam"),
]
LengthPenaltyOption = Annotated[
    float | None,
    option(
        None,
        "Rank by log-probability / length^A; higher favours longer translations.",
        "A",
        "1, or as the run says",
        "--length-penalty",
    ),
]
WholeOption = Annotated[
    bool,
    option(
        None,
        "Translate each line at once: no splitting into sentences, no cutting however long it is.",
        "",
        False,
        "--whole",
    ),
]
EngineOption = Annotated[
    str,
    option(
        None,
        "What searches: PyTorch, or CTranslate2 (extra exchange), which starts sooner, is faster on a "
        "processor and prints the same lines. auto takes it where it does all that is asked for.",
        "auto|torch|ctranslate2",
        "auto",
        "--engine",
    ),
]
PrecisionOption = Annotated[
    str,
    option(
        None,
        "Number format to compute in; auto: bf16 if the hardware supports it.",
        "auto|fp32|bf16",
        "fp32",
        "--precision",
    ),
]
FigureOption = Annotated[
    Path | None,
    option(
        "Output",
        "Also draw a picture, in the format that the name ends in.",
        "F.png|svg|pdf",
        False,
        "--figure",
        "--png",
    ),
]
ForOption = Annotated[
    str,
    option("Output", "What the picture is made for: its size, and the size of its letters.",
           "slide|paper|screen", "screen", "--for"),
]  # fmt: skip
FontOption = Annotated[
    Path | None,
    option(
        "Output",
        "Draw the picture with the font of this file, for characters that no font here has.",
        "F.ttf|otf|ttc",
        "those of matplotlib and the system",
        "--font",
    ),
]
JsonOption = Annotated[bool, option(None, "Print JSON.", "", False, "--json")]
SCORES, WHAT = "Scores", "What is evaluated"
BleuOption = Annotated[bool, option(SCORES, "BLEU, by sacreBLEU.", "", False, "--bleu")]
ChrfOption = Annotated[bool, option(SCORES, "chrF, by sacreBLEU.", "", False, "--chrf")]
TerOption = Annotated[bool, option(SCORES, "TER, by sacreBLEU.", "", False, "--ter")]
WerOption = Annotated[
    bool,
    option(
        SCORES,
        "Word error rate: edits / words of the references. Spelling-to-sound work calls so the share of "
        "wrong lines, which is 100% less exact match.",
        "",
        False,
        "--wer",
    ),
]
CerOption = Annotated[bool, option(SCORES, "Character error rate: edits / characters.", "", False, "--cer")]
TokenizeOption = Annotated[
    str,
    option(
        SCORES,
        f"Count the words of BLEU with a tokenizer: {', '.join(TOKENIZERS)}. The last counts lower-cased "
        "Moses tokens, as many papers do; all others are sacreBLEU's.",
        "NAME",
        "the one that suits the script of the references",
    ),
]
SplitOption = Annotated[str, option(WHAT, "Which held-out split.", "test|valid")]
SourceOption = Annotated[Path | None, option(WHAT, "Evaluate this file instead …", "F")]
ReferencesOption = Annotated[
    list[Path] | None,
    option(WHAT, "… against these translations; several files are several references.", "F"),
]
RecipeOption = Annotated[
    Path | None, option(None, "A recipe file; what is asked for by options is stronger.", "F.toml")
]


MARK = "\0"  # before an argument that is text; no argument of a process can hold it
# what begins with a dash and is no option: it holds a blank, or is a number
_TEXT = re.compile(r"-(?=.*\s)|-[\d.,]*\d[\d.,]*%?$", re.DOTALL)


class Command(TyperCommand):
    """A command whose help shows no type for a switch."""

    def get_params(self, ctx: Any) -> Any:
        """Return the parameters."""
        params = super().get_params(ctx)
        for parameter in params:
            if getattr(parameter, "is_flag", False) and parameter.metavar is None:
                parameter.metavar = ""
        return params


class TextCommand(Command):
    """A command whose arguments are text: one that begins with a dash is text if it cannot be an option."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Parse the arguments, with text that begins with a dash."""
        takes_value = {
            name for p in self.get_params(ctx) if not getattr(p, "is_flag", True) for name in p.opts
        }
        before = ["", *args]
        marked = [
            MARK + arg if _TEXT.match(arg) and last not in takes_value else arg
            for last, arg in zip(before, args, strict=False)
        ]
        rest: list[str] = super().parse_args(ctx, marked)
        for name, value in ctx.params.items():
            if isinstance(value, (list, tuple)):
                ctx.params[name] = [v.removeprefix(MARK) if isinstance(v, str) else v for v in value]
            elif isinstance(value, str):
                ctx.params[name] = value.removeprefix(MARK)
        return rest


def add(
    app: typer.Typer,
    name: str,
    command: Callable[..., Any],
    example: str,
    cls: type[Command] = Command,
) -> None:
    """Add a command with its docstring as help and an example below."""
    app.command(name, cls=cls, help=paragraphs(command), epilog=example)(command)


def paragraphs(command: Callable[..., Any]) -> str:
    """Return the docstring of a command with each paragraph in one line, for help pages of any width."""
    text = inspect.getdoc(command) or ""
    return "\n\n".join(" ".join(part.split()) for part in text.split("\n\n"))


def print_report(report: Report, as_json: bool) -> None:
    """Print what ``to_json()`` returns on stdout; or tables on stdout and remarks on stderr."""
    if as_json:
        data(json.dumps(report.to_json(), ensure_ascii=False))
        return
    page(*report.tables())
    for remark in report.notes():
        note(remark)


def named_scores(**asked: bool) -> list[str]:
    """Return the names of the scores that are asked for."""
    return [name for name, wanted in asked.items() if wanted]


def files_asked(source: Path | None, references: list[Path] | None) -> tuple[Path, list[Path]] | None:
    """Return the files to evaluate, if any are named: sources, and one or several of references."""
    if (source is None) != (not references):
        raise SeqformerError("--source and --reference go together")
    return (source, references) if source and references else None


def print_next(run: Run) -> None:
    """Print on stderr what can be done with a run."""
    for command in run.task.next_commands(shlex.quote(str(run.folder))):
        note(f"  {command}")


def refuse_beside(flag: str, context: typer.Context, allowed: tuple[str, ...]) -> None:
    """Refuse the first option on the command line that ``flag`` leaves without effect."""
    for parameter in context.command.params:
        name = parameter.name or ""
        given = context.get_parameter_source(name)
        if given is not None and given.name == "COMMANDLINE" and name not in allowed:
            raise SeqformerError(f"{parameter.opts[0]} does nothing beside {flag}; leave one of them out")


def check_picture(figure: Path | None, made_for: str, font: Path | None) -> None:
    """Check that a picture can be written, if one is asked for, before any work is done for it."""
    from seqformer.report import drawing
    from seqformer.report.medium import SCREEN, medium

    chosen = medium(made_for)
    if figure:
        drawing.check(figure, font)
    elif font or chosen is not SCREEN:
        flag = "--font" if font else "--for"
        raise SeqformerError(f"{flag} does nothing without --figure; leave it out or name a picture")


def save_picture(picture: Picture, figure: Path) -> None:
    """Write a picture, and print on stderr what in it is not as it should be."""
    picture.save(figure)
    for remark in picture.remarks:
        note(remark)


def open_runs(folders: list[Path] | None, usable: Callable[[Run], bool], what: str) -> list[Run]:
    """Return the runs asked for, or the one that :func:`open_run` returns."""
    return [open_run(each, usable, what) for each in folders] if folders else [open_run(None, usable, what)]


def open_run(folder: Path | None, usable: Callable[[Run], bool], what: str) -> Run:
    """Return the run asked for, or of those that can be used the one trained last, named on stderr."""
    from seqformer.runs import find
    from seqformer.runs.run import Run

    if folder is not None:
        return Run(folder)
    try:
        run = find.newest(find.RUNS, usable, what)
    except RunError as error:
        raise RunError(f"{error}; train one with: seqformer train, or name one with --run") from None
    name_run(run.folder, run.task.title)
    return run


def name_run(folder: Path, title: str) -> None:
    """Say on a terminal which run was taken where none was named."""
    if talk.is_terminal:
        note(f"Using {folder} ({title}); --run names another.")


def open_for(what: str, folder: Path | None) -> Run:
    """Return the run asked for, or the newest that answers to an input: a sentence, or an image."""
    if what.isdecimal() or what.lower().endswith(".png"):
        return open_run(folder, lambda run: not run.task.reads_text, "that classifies images")
    return open_run(folder, translates, "that translates")


def translates(run: Run) -> bool:
    """Return whether a run translates text, which a toy task is not."""
    return run.task.reads_text and not run.task.manifest.toy
