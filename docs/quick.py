"""Commands that run in this process, on small files and for a few steps: for pages that nobody waits for."""

from __future__ import annotations

import contextlib
import io
import re
import shlex
import struct
import subprocess
import sys
from collections.abc import Callable, Iterator
from itertools import product
from pathlib import Path
from typing import Any
from unittest.mock import patch

EXTRA = re.compile(r"not installed; get it with: pip install \S+")
LIMITS = ("max_minutes", "max_steps", "max_epochs")
CHECKPOINT = "opus-mt-en-de"  # stands for a Marian checkpoint that a reader has

NOUNS = {"cat": "chat", "dog": "chien", "horse": "cheval", "bird": "oiseau", "wolf": "loup", "bear": "ours"}
QUALITIES = {"red": "rouge", "black": "noir", "white": "blanc", "sad": "triste", "quick": "rapide"}
VERBS = {"sleeps": "dort", "eats": "mange", "sings": "chante", "runs": "court", "plays": "joue"}
ARTICLES = {"the": "le", "a": "un", "this": "ce"}


class Missing(Exception):
    """A command or a line of Python needs an optional package that is not installed."""


def run(command: str) -> str:
    """Run ``seqformer …``, after an optional ``… |`` and before ``> FILE``, and return its output."""
    if f"import {CHECKPOINT}" in command:
        run(f"seqformer export --to marian {CHECKPOINT}")
    before, _, own = command.rpartition(" | ")
    given = subprocess.run(before, shell=True, stdout=subprocess.PIPE, check=True).stdout if before else b""
    words = shlex.split(own, comments=True)
    arguments = words[: words.index(">")] if ">" in words else words
    if arguments[0] != "seqformer":
        raise SystemExit(f"{command}: only seqformer, make and pip can stand on a page")
    from seqformer.cli import main

    code: Any = 0
    with (
        patch.multiple(sys, argv=arguments, stdin=io.TextIOWrapper(io.BytesIO(given))),
        contextlib.redirect_stdout(io.TextIOWrapper(io.BytesIO(), write_through=True)) as data,
        contextlib.redirect_stderr(io.StringIO()) as talk,
    ):
        try:
            main()
        except SystemExit as left:
            code = left.code or 0
        told = data.buffer.getvalue()
    if arguments != words:
        Path(words[-1]).write_bytes(told)
    return checked(command, code, told.decode() + talk.getvalue())


def checked(command: str, code: int, output: str) -> str:
    """Return the output of a command that went well; say what went wrong with any other."""
    if code and (extra := EXTRA.search(output)):
        raise Missing(f"{command} ({extra[0]})")
    if code:
        raise SystemExit(f"$ {command}\n{output}\nThis command left with exit code {code}.")
    return output


@contextlib.contextmanager
def hurried() -> Iterator[None]:
    """Let every training of the block end after a few steps, on few pairs, by one thread."""
    import torch

    from seqformer import api

    api_prepare = api.prepare  # images, toy tasks and styles take no number of pairs

    def short(call: Callable[..., Any], **instead: Any) -> Callable[..., Any]:
        def called(*given: Any, **named: Any) -> Any:
            folder = given and isinstance(given[0], (str, Path)) and Path(given[0]).is_dir()
            alone = call is api_prepare and (folder or named.get("toy") or named.get("style"))
            kept = {} if alone else instead
            return call(*given, **{n: value for n, value in named.items() if n not in LIMITS} | kept)

        return called

    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # in steps as small as these, several threads mostly wait for each other
    try:
        with (
            patch.object(api, "prepare", short(api.prepare, max_pairs=300)),
            patch.object(api, "train", short(api.train, max_steps=3, validate_every=3)),
            patch.object(api, "resume", short(api.resume, max_steps=6, validate_every=3)),
        ):
            yield
    finally:
        torch.set_num_threads(threads)


def bring(folder: Path) -> None:
    """Make a folder with the files that a reader brings: sentence pairs, sentences alone, and images."""
    folder.mkdir(parents=True, exist_ok=True)
    sources = [" ".join(words) for words in product(ARTICLES, QUALITIES, NOUNS, VERBS)]
    targets = [
        " ".join((ARTICLES[a], NOUNS[n], QUALITIES[q], VERBS[v]))
        for a, q, n, v in product(ARTICLES, QUALITIES, NOUNS, VERBS)
    ]
    pairs = "".join(f"{source} .\t{target} .\n" for source, target in zip(sources, targets, strict=True))
    unit = '<trans-unit id="1"><source>my sister is <g id="1">too tall</g> .</source></trans-unit>'
    file = f'<file source-language="en" target-language="fr"><body>{unit}</body></file>'
    menu = f'<xliff version="1.2">{file}</xliff>'
    written = {"pairs.tsv": pairs, "mine.tsv": pairs, "new.txt": "\n".join(sources[:5]), "menu.xlf": menu}
    for name, text in written.items():
        (folder / name).write_text(text, "utf-8")
    images = folder / "fashion-mnist"
    images.mkdir(exist_ok=True)
    for part, count in (("train", 60), ("t10k", 20)):
        labels = bytes(number % 10 for number in range(count))
        pixels = b"".join(bytes([25 * label] * 28 * 28) for label in labels)
        headers = struct.pack(">4I", 0x803, count, 28, 28), struct.pack(">2I", 0x801, count)  # of IDX files
        (images / f"{part}-images-idx3-ubyte").write_bytes(headers[0] + pixels)
        (images / f"{part}-labels-idx1-ubyte").write_bytes(headers[1] + labels)
