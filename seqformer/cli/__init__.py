"""The command line: one file a verb. Commands parse, call and print; nothing here touches a tensor."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Iterator, Mapping
from functools import cache
from importlib import import_module
from io import TextIOWrapper
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from seqformer import __version__
from seqformer.cli.options import Command, TextCommand, add
from seqformer.console import note
from seqformer.errors import SeqformerError

# what the options of other tools are called here
ALIASES = {
    "--lr": "--learning-rate", "--epochs": "--max-epochs", "--steps": "--max-steps",
    "--batch-size": "--tokens-per-batch", "--model": "--run", "--beam-size": "--beam", "--src": "--source",
    "--tgt": "--target", "--ref": "--reference", "--nbest": "--n-best", "--gpu": "--device",
    "--d-model": "--width", "--layers": "--encoder-layers and --decoder-layers", "--config": "--recipe",
    "--vocab": "--vocab-size", "--minutes": "--max-minutes",
}  # fmt: skip


# in the order of the help; each is a file of this folder, and is read when it is asked for
COMMANDS = (
    "prepare", "train", "translate", "evaluate", "score", "align", "attention", "explain", "page", "distil",
    "serve", "forecast", "export", "average", "import", "reproduce", "runs", "show",
)  # fmt: skip
TAKE_TEXT = ("translate", "attention", "explain")


@cache
def _command(name: str) -> Any:
    """Return a command, or a group of them, from its own file."""
    function = "import_" if name == "import" else name  # a word of Python
    module = import_module(f"seqformer.cli.{function}")
    if hasattr(module, "app"):
        return typer.main.get_group(module.app)
    alone = typer.Typer(add_completion=False, rich_markup_mode="rich")
    kind = TextCommand if name in TAKE_TEXT else Command
    add(alone, name, getattr(module, function), module.EXAMPLE, kind)
    return typer.main.get_command(alone)


class _Read(Mapping[str, Any]):
    """The commands by name. To read all of them takes longer than to translate a sentence."""

    def __getitem__(self, name: str) -> Any:
        if name not in COMMANDS:
            raise KeyError(name)
        return _command(name)

    def get(self, name: str, default: Any = None) -> Any:
        """Return a command; a KeyError in its own file does not make it unknown."""
        return _command(name) if name in COMMANDS else default

    def __iter__(self) -> Iterator[str]:
        return iter(COMMANDS)

    def __len__(self) -> int:
        return len(COMMANDS)


class _Commands(TyperGroup):
    """All commands: a reader of stdout that has seen enough, as ``head`` does, is no error."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.commands = _Read()  # type: ignore[assignment]

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


def main() -> None:
    """Run the command line; a user's mistake is one line on stderr and exit code 2."""
    if os.environ.get("WORLD_SIZE", "1") == "1":
        _main()
        return
    code = 1
    try:
        _main()
    except SystemExit as left:
        code = left.code if isinstance(left.code, int) else int(bool(left.code))
    except BaseException:
        traceback.print_exc()
    finally:  # of several processes: the threads of torch.distributed now and then abort an ordinary end
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _main() -> None:
    # oneDNN compiles a kernel for every shape it meets; its default of 1,024 is less than an epoch has
    os.environ.setdefault("ONEDNN_PRIMITIVE_CACHE_CAPACITY", "8192")
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(encoding="utf-8")  # whatever the locale says: input is UTF-8 too
    try:
        sys.exit(app(standalone_mode=False) or 0)
    except SeqformerError as error:
        note(f"seqformer: {error}")
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        note(f"seqformer: {where}{error.strerror or error}")
    except Exception as error:
        if not hasattr(error, "format_message"):  # the parser's own, wherever its classes live
            raise
        if not error.format_message():  # nothing was asked for: the help has been printed
            sys.exit(0)
        note(_usage(error))
    sys.exit(2)


def _usage(error: Any) -> str:
    """Return a mistake in the command line as one line: what, and what was meant."""
    if context := getattr(error, "ctx", None):
        path = context.command_path
    else:  # an option without its argument does not know its command
        path = " ".join(["seqformer", *(name for name in sys.argv[1:2] if name in COMMANDS)])
    option, text = getattr(error, "option_name", ""), error.format_message().rstrip(".")
    if option in ALIASES:
        text = f"there is no option {option}; it is called {ALIASES[option]} here"
    return f"{path}: {text[:1].lower() + text[1:]} (see {path} --help)"
