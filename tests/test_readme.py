"""The README is true: its file tree is the tree, its commands and options exist."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import typer

from seqformer.cli import app

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text("utf-8")
PAGES = [ROOT / "README.md", ROOT / "data/README.md", *sorted((ROOT / "docs").glob("*.md"))]


def test_the_file_tree_is_complete() -> None:
    block = README.split("## The files", 1)[1].split("```")[1]
    folders: list[str] = []
    listed: set[str] = set()
    for line in block.strip("\n").splitlines():
        name = line.split()[0]
        depth = (len(line) - len(line.lstrip())) // 2
        folders = [*folders[:depth], name]
        path = "".join(folders)
        assert (ROOT / path).exists(), f"the README lists {path}"
        listed.add(path)
    for module in (ROOT / "seqformer").rglob("*.py"):
        relative = module.relative_to(ROOT).as_posix()
        if module.name != "__init__.py":
            assert relative in listed, f"the README does not list {relative}"


def test_commands_and_options_exist() -> None:
    group = typer.main.get_command(app)
    seen = 0
    for page in PAGES:
        for line in re.findall(r"^\s*(?:\$ )?(seqformer [^|>`#\n]*)", page.read_text("utf-8"), re.MULTILINE):
            command, words = group, shlex.split(line.split("…")[0].replace('"…"', "x"), posix=True)[1:]
            while words and words[0] in getattr(command, "commands", {}):
                command = command.commands[words.pop(0)]  # type: ignore[attr-defined]
            assert command is not group or words[:1] == ["--help"], line
            known = {o for p in command.params for o in [*p.opts, *p.secondary_opts]} | {"--help"}
            for word in words:
                assert not word.startswith("--") or word in known, f"{page.name}: {line}: {word}"
            seen += 1
    assert seen >= 5


def test_pictures_and_links_exist() -> None:
    for page in PAGES:
        for target in re.findall(r"\]\(([^)#]+)\)", page.read_text("utf-8")):
            if not target.startswith("http"):
                assert (page.parent / target).exists(), f"{page.name}: {target}"
