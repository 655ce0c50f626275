"""``translate --input F --output F``: a file in parts, so that the same command goes on after a stop."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seqformer import __version__
from seqformer.cli import stream
from seqformer.cli.stream import Printer
from seqformer.console import note

if TYPE_CHECKING:
    from seqformer.cli.stream import Translate
    from seqformer.decoding.constraints import Constraints
    from seqformer.engine.model import LineModel

# options that change no line of the output, or are told otherwise: by their content
APART = ("text", "run", "input", "output", "glossary", "avoid", "warn", "workers")


def made_of(
    source: Path | None, output: Path, model: LineModel, constraints: Constraints, options: dict[str, Any]
) -> dict[str, Any]:
    """Return all that the lines of a translated file depend on; {} for pipes and devices."""
    from seqformer.formats.streams import split_name
    from seqformer.runs.layout import digests
    from seqformer.storage.files import digest

    file, member = split_name(source or Path(""))
    if not file.is_file() or (output.exists() and not output.is_file() and not output.is_dir()):
        return {}
    given = {f"--{name.replace('_', '-')}": value for name, value in options.items() if name not in APART}
    return given | {
        "--input": [digest(file), member],
        "--run": [digests(folder) for folder in model.folders],
        "--glossary": list(map(list, constraints.glossary)),
        "--avoid": list(constraints.avoid),
        "engine": type(model).__name__,
        "version of seqformer": [
            __version__,
            stream.FIRST_LINES,
            stream.CHUNK_LINES,
            stream.CHUNK_BYTES,
        ],
    }


def translate_file(
    output: Path,
    origin: dict[str, Any],
    translate: Translate,
    lines: Iterable[list[bytes]],
    show: Printer,
    keep: Callable[[list[str]], object],
    done: Callable[..., object],
) -> None:
    """Translate the chunks of lines that no part of ``output`` holds yet, and join all parts to it.

    ``keep`` is told the lines of the others; ``done`` the number of lines, and whether they are new.
    Without an ``origin`` there are no parts.
    """
    from seqformer.storage import parts

    if not origin:
        stream.write_text(output, lambda file: stream.translate_lines(translate, lines, show, file, done))
        return
    number, count, made = 0, 0, False
    with parts.making(output, origin) as kept:
        if kept.dropped:
            note(
                f"{kept.folder}: parts made with another {', '.join(kept.dropped)} are dropped; "
                "every line is translated anew"
            )
        try:
            for count, chunk in enumerate(lines, 1):
                held = kept.holds(count - 1, len(chunk) * show.lines)
                if held:
                    keep([raw.decode("utf-8", "replace") for raw in chunk])
                else:
                    if not made and number:
                        note(f"Going on with line {number + 1:,}: those before are kept in {kept.folder}")
                    made = True
                    kept.write(count - 1, "".join(stream.translated(translate, chunk, number, show)))
                number += len(chunk)
                done(len(chunk), not held)
            kept.join(count)
        except BaseException:
            if kept.are_some:
                note(f"What is translated is kept in {kept.folder}; the same command goes on")
            raise
    show.warnings.end()
