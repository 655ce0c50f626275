"""The command line: one file a verb. Commands parse, call and print; nothing here touches a tensor."""

from __future__ import annotations

import os
import sys
from io import TextIOWrapper
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from seqformer import __version__
from seqformer.cli import attention, evaluate, export, import_, prepare, show, train, translate
from seqformer.console import note, talk
from seqformer.errors import SeqformerError


class _Commands(TyperGroup):
    """All commands: a reader of stdout that has seen enough, as ``head`` does, is no error."""

    def invoke(self, context: Any) -> Any:
        """Run the command asked for."""
        try:
            result = super().invoke(context)
            sys.stdout.flush()
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise typer.Exit from None
        return result


app = typer.Typer(
    name="seqformer",
    cls=_Commands,
    help="Learn, train, trust and ship encoder-decoder models.",
    epilog="Start with: seqformer train   (it learns English to French before your eyes)",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        print(f"seqformer {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and leave.")
    ] = False,
) -> None:
    pass


app.command("prepare", epilog=prepare.EXAMPLE)(prepare.prepare)
app.command("train", epilog=train.EXAMPLE)(train.train)
app.command("translate", epilog=translate.EXAMPLE)(translate.translate)
app.command("evaluate", epilog=evaluate.EXAMPLE)(evaluate.evaluate)
app.command("attention", epilog=attention.EXAMPLE)(attention.attention)
app.command("export", epilog=export.EXAMPLE)(export.export)
app.command("import", epilog=import_.EXAMPLE)(import_.import_)
app.add_typer(show.app, name="show", help="Draw what a Transformer is made of.", epilog=show.EXAMPLE)


def main() -> None:
    """Run the command line; a user's mistake is one line on stderr and exit code 2."""
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(encoding="utf-8")  # whatever the locale says: input is UTF-8 too
    try:
        app()
    except SeqformerError as error:
        talk.quiet = False  # a process that only helps another is silent but for this
        note(f"seqformer: {error}")
        sys.exit(2)
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        note(f"seqformer: {where}{error.strerror or error}")
        sys.exit(2)
