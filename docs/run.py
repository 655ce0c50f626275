"""Runs what the pages say, and writes the real output into them: ``make docs``.

A ``console`` block holds commands after ``$``, each followed by its output. The ``python`` blocks of a page
run in one namespace; what one prints stands in the ``text`` block right after it. Each page has a fresh
folder. A comment just before a block says which lines of each output are shown, ``…`` standing for the
others: ``<!-- output: first 9, "valid loss", last 6 -->``.

After ``<!-- output: none -->`` nothing is shown, and so nobody waits for it: the block runs in the folder
``aside``, where trainings end after a few steps. ``--quick`` runs every block so and writes nothing.

A picture that a page links to, and that its commands made under the same path, is put beside the page.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import os
import pty
import re
import shutil
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import quick
from quick import Missing

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
BLOCK = re.compile(
    r"(?:^<!-- output: (?P<rule>.+) -->\n)?^```(?P<kind>console|python)\n(?P<body>(?:.*\n)*?)```\n"
    r"(?P<after>\n```text\n(?:.*\n)*?```\n)?",
    re.MULTILINE,
)
PICTURE = re.compile(r"!\[[^]]*\]\(([^)]+)\)")
RULE = re.compile(r'(first|last) (\d+)|"([^"]*)"')
NOT_RUN = ("make ", "pip ")
TERMINAL = {"TERM": "dumb", "COLUMNS": "100", "LINES": "50"}  # no colours, and no line drawn over another


@dataclass
class Page:
    """A page that runs in a folder of its own."""

    path: Path
    folder: Path
    is_quick: bool = False
    skipped: list[str] = field(default_factory=list)  # why a block, or the rest of one, did not run
    names: dict[str, Any] = field(default_factory=lambda: {"__name__": "page"})

    def run(self) -> str:
        """Run every block in order, and return the text of the page with real outputs."""
        for folder in (self.folder, self.folder / "aside"):
            quick.bring(folder)
        return BLOCK.sub(self._block, self.path.read_text("utf-8"))

    def keep_pictures(self) -> None:
        """Copy the pictures that the page links to and the blocks made to where the links lead."""
        for link in PICTURE.findall(self.path.read_text("utf-8")):
            if (made := self.folder / link).is_file():
                target = self.path.parent / link
                target.parent.mkdir(exist_ok=True)
                shutil.copyfile(made, target)

    def _block(self, block: re.Match[str]) -> str:
        is_aside = block["rule"] == "none"
        is_quick = self.is_quick or is_aside
        with (
            quick.hurried() if is_quick else contextlib.nullcontext(),
            inside(self.folder / "aside" if is_aside else self.folder),
        ):
            try:
                lines = self._console(block, is_quick) if block["kind"] == "console" else self._python(block)
            except Missing as missing:
                self.skipped.append(f"{self.path.name}: {missing}")
                return block[0]
        if is_aside:
            return block[0]
        if block["kind"] == "console":
            return block[0].replace(f"\n{block['body']}```", f"\n{text(lines)}```")
        printed = f"\n```text\n{text(lines)}```\n"
        return block[0].removesuffix(block["after"] or "") + (printed if block["after"] else "")

    def _console(self, block: re.Match[str], is_quick: bool) -> list[str]:
        """Return the commands of a block, each followed by what is shown of its output."""
        lines = []
        for line in block["body"].splitlines():
            command = line.removeprefix("$ ")
            if command == line:
                continue
            run = quick.run if is_quick else at_terminal
            output = "" if command.startswith(NOT_RUN) else run(command)
            lines += [line, *shown(output, block["rule"])]
        return lines

    def _python(self, block: re.Match[str]) -> list[str]:
        """Return what is shown of the output of a block."""
        printed = io.StringIO()
        try:
            with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed):
                exec(compile(block["body"], str(self.path), "exec"), self.names)
        except Exception as error:
            if quick.EXTRA.search(str(error)):
                raise Missing(error) from None
            output = printed.getvalue() + traceback.format_exc()
            raise SystemExit(f"{self.path.name}:\n{block['body']}\n{output}") from None
        return shown(printed.getvalue(), block["rule"])


def shown(output: str, rule: str | None) -> list[str]:
    """Return the lines of an output that a rule keeps, with … where others are left out."""
    lines = [line.rstrip() for line in output.rstrip().splitlines()]
    if not rule:
        return lines
    assert RULE.sub("", rule).strip(", ") in ("", "none"), f"what is shown by {rule!r}?"
    kept: set[int] = set()
    for end, number, part in RULE.findall(rule):
        if part:
            kept.update(i for i, line in enumerate(lines) if part in line)
        elif end == "first":
            kept.update(range(int(number)))
        else:
            kept.update(range(len(lines) - int(number), len(lines)))
    marked = [line if i in kept else "…" for i, line in enumerate(lines)]
    return [line for before, line in zip(["", *marked], marked, strict=False) if (before, line) != ("…", "…")]


def text(lines: list[str]) -> str:
    """Return lines as a text."""
    return "".join(f"{line}\n" for line in lines)


def at_terminal(command: str) -> str:
    """Run a command line of the shell, and return what a terminal shows of it."""
    leader, follower = pty.openpty()
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    process = subprocess.Popen(
        command,
        shell=True,
        stdin=subprocess.DEVNULL,
        stdout=follower,
        stderr=follower,
        env=os.environ | TERMINAL | {"PATH": path},
    )
    os.close(follower)
    parts = []
    with contextlib.suppress(OSError):  # Linux ends the output of a terminal with an error
        while part := os.read(leader, 1 << 16):
            parts.append(part)
    os.close(leader)
    return quick.checked(command, process.wait(), b"".join(parts).decode().replace("\r\n", "\n"))


@contextlib.contextmanager
def inside(folder: Path) -> Iterator[None]:
    """Work in a folder for the block."""
    before = Path.cwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)


def main() -> None:
    """Run the pages named, or all, and write their real outputs into them."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("pages", nargs="*", type=Path, help="README.md and docs/*.md where none is named")
    parser.add_argument("--quick", action="store_true", help="only see that everything runs; write nothing")
    options = parser.parse_args()
    for path in options.pages or PAGES:
        with tempfile.TemporaryDirectory() as folder:
            page = Page(path.resolve(), Path(folder), options.quick)
            written = page.run()
            if not options.quick:
                path.write_text(written, "utf-8")
                page.keep_pictures()
        print(path.name, "runs", *(f"  skipped: {why}" for why in page.skipped), sep="\n")


if __name__ == "__main__":
    main()
