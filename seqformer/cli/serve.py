"""``seqformer serve``: trained runs as a service over HTTP."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from seqformer.cli.options import (
    BeamOption,
    DeviceOption,
    EngineOption,
    PrecisionOption,
    open_run,
    option,
    translates,
)
from seqformer.console import data, note
from seqformer.errors import SeqformerError

EXAMPLE = "Example: seqformer serve runs/en-fr runs/fr-en --port 5000 --workers 2"
WHERE, BATCHES, BOUNDS = "Where it answers", "Batches", "Bounds"


def serve(
    runs: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="RUN",
            show_default="the newest that translates",
            help="A run for each language pair; en-fr=RUN for one that does not know its languages.",
        ),
    ] = None,
    host: Annotated[str, option(WHERE, "The address; 0.0.0.0 is all of this machine.", "H", "127.0.0.1")] = (
        "127.0.0.1"
    ),
    port: Annotated[int, option(WHERE, "The port; 0 takes one that is free.", "N", "5000")] = 5000,
    keys: Annotated[
        Path | None,
        option(WHERE, "Translate only for requests that hold a key of this file, one a line.", "F", "all"),
    ] = None,
    origins: Annotated[
        list[str] | None,
        option(
            WHERE,
            "Let pages of this site ask from a browser; can be given again.",
            "URL|*",
            "none but its own page",
            "--allow-origin",
        ),
    ] = None,
    beam: BeamOption = None,
    detokenize: Annotated[
        bool,
        option(
            None,
            "Answer with ordinary text: punctuation at its words, capitals at sentence starts.",
            "",
            False,
            "--detokenize",
        ),
    ] = False,
    device: DeviceOption = "auto",
    precision: PrecisionOption = "fp32",
    engine: EngineOption = "auto",
    workers: Annotated[
        int | None,
        option(BATCHES, "Processes that translate, each with all models; one a core is fastest.", "N", "1"),
    ] = None,
    max_wait: Annotated[
        float | None,
        option(BATCHES, "How long a sentence waits for others to share a batch, at most.", "MS", "10"),
    ] = None,
    batch_pieces: Annotated[
        int | None, option(BATCHES, "Source pieces, about, that fill a batch.", "N", "4096")
    ] = None,
    queue: Annotated[
        int | None,
        option(BOUNDS, "Sentences that may wait; what comes beyond is answered with 429.", "N", "4000"),
    ] = None,
    max_characters: Annotated[
        int | None, option(BOUNDS, "Characters that the texts of a request may have.", "N", "100000")
    ] = None,
    timeout: Annotated[
        float | None,
        option(BOUNDS, "Seconds that a request may take to arrive, and to be answered.", "S", "60"),
    ] = None,
) -> None:
    """Serve trained runs over HTTP, as LibreTranslate does, to all that can talk to it.

    POST /translate and /detect, GET /languages, /health and /metrics; GET / is the page that explains the
    run. Sentences of requests that arrive together are translated together. Ctrl-C and SIGTERM answer what
    was taken, and end.
    """
    from seqformer.config import ServeConfig, asked
    from seqformer.service import server
    from seqformer.service.access import Access
    from seqformer.service.pairs import Directory, open_pair, tag
    from seqformer.service.processes import Opening

    server.check_extra()
    settings = {
        "workers": workers, "max_wait": max_wait, "batch_pieces": batch_pieces, "queue": queue,
        "max_characters": max_characters, "timeout": timeout,
    }  # fmt: skip
    config = ServeConfig(**asked(ServeConfig, settings))
    access = Access(_read_keys(keys), origins or ())
    newest = [] if runs else [open_run(None, translates, "that translates")]
    directory = Directory(map(open_pair, [*(runs or ()), *newest]))
    folders = {pair.name: pair.run.folder for pair in directory.pairs.values()}
    opening = Opening(folders, device, precision, engine, beam, detokenize)
    bound = server.bind(host, port)

    def began(_: Any) -> None:
        spoken = ", ".join(f"{tag(s)} → {tag(t)}" for s, t in directory.pairs)
        note(f"Serving {spoken} at {server.address(bound)}; Ctrl-C stops.")
        if not server.is_loopback(bound) and not access.keys:
            note("Anybody who reaches this address can use it: --keys asks for a key.")
        data(server.address(bound))
        sys.stdout.flush()

    try:
        server.serve(directory, opening, bound, config, access, began)
    except KeyboardInterrupt:
        raise typer.Exit(130) from None
    note("Stopped.")


def _read_keys(path: Path | None) -> list[str]:
    """Return the keys of a file."""
    if path is None:
        return []
    from seqformer.formats.corpus import read_lines

    keys = [line.strip() for line in read_lines(path) if line.strip()]
    if not keys:
        raise SeqformerError(f"{path}: there is no key in it")
    return keys
