"""The pages are true: the file tree is the tree, commands, options and links exist, and every block runs."""

from __future__ import annotations

import importlib.util
import os
import re
import shlex
import sys
from pathlib import Path
from types import ModuleType

import pytest
import typer

from seqformer.cli import app

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text("utf-8")
PAGES = [ROOT / "README.md", ROOT / "data/README.md", *sorted((ROOT / "docs").glob("*.md"))]
MAKEFILE = (ROOT / "Makefile").read_text("utf-8")


def test_the_file_tree_is_complete() -> None:
    block = README.split("## The files", 1)[1].split("```")[1]
    folders: list[str] = []
    listed: set[str] = set()
    for line in block.strip("\n").splitlines():
        name, *phrase = line.split()
        assert phrase, f"the README does not say what {name} is"
        depth = (len(line) - len(line.lstrip())) // 2
        folders = [*folders[:depth], name]
        path = "".join(folders)
        assert (ROOT / path).exists(), f"the README lists {path}"
        listed.add(path)
    assert {"tests/", "data/"} <= listed
    for room in ("seqformer", "bench", "docs"):
        for module in (ROOT / room).rglob("*.py"):
            relative = module.relative_to(ROOT).as_posix()
            if module.name != "__init__.py":
                assert relative in listed, f"the README does not list {relative}"


def commands(text: str) -> list[str]:
    """Return what a page tells its readers to type: lines after $, and code that begins with a command."""
    told = re.findall(r"^\$ (.+)$|`((?:seqformer|make|pip) [^`]+)`", text, re.MULTILINE)
    return [(line or code).rpartition(" | ")[2] for line, code in told]


def test_commands_and_options_exist() -> None:
    group = typer.main.get_command(app)
    seen = 0
    for page in PAGES:
        for line in commands(page.read_text("utf-8")):
            words = shlex.split(line, comments=True)
            where = f"{page.name}: {line}"
            if words[0] == "make":
                assert f"\n{words[1]}:" in MAKEFILE, where
            elif words[0] == "pip":
                extras = re.search(r"\.\[(.+)\]", words[-1])
                assert extras and f"\n{extras[1]} = [" in (ROOT / "pyproject.toml").read_text(), where
            else:
                command, words = group, words[1:]
                while words and words[0] in getattr(command, "commands", {}):
                    command = command.commands[words.pop(0)]  # type: ignore[attr-defined]
                assert command is not group, where
                known = {o for p in command.params for o in [*p.opts, *p.secondary_opts]} | {"--help"}
                for word in words:
                    assert not word.startswith("--") or word in known, f"{where}: {word}"
            seen += 1
    assert seen >= 40


def test_links_and_files_exist() -> None:
    for page in PAGES:
        text = page.read_text("utf-8")
        for target in re.findall(r"\]\(([^)#]+)\)", text):
            if not target.startswith("http"):
                assert (page.parent / target).exists(), f"{page.name}: {target}"
        for file in re.findall(r"`(?:python )?((?:bench|seqformer|docs)/[\w/]+\.\w+)", text):
            assert (ROOT / file).exists(), f"{page.name}: {file}"


def test_the_readme_shows_the_demo() -> None:
    demo = MAKEFILE.split("\ndemo:", 1)[1].split("\n\n")[0].splitlines()[1:]
    for line in demo:
        command = line.strip().replace("$(SEQFORMER)", "seqformer")
        assert f"\n$ {command}\n" in README, command


@pytest.fixture(scope="module")
def runner() -> ModuleType:
    """docs/run.py."""
    sys.path.insert(0, str(ROOT / "docs"))
    try:
        found = importlib.util.spec_from_file_location("docs_run", ROOT / "docs/run.py")
        assert found and found.loader
        module = sys.modules["docs_run"] = importlib.util.module_from_spec(found)
        found.loader.exec_module(module)
    finally:
        sys.path.pop(0)
    return module


@pytest.mark.filterwarnings("ignore")  # those of other engines, and of files that a page leaves open
@pytest.mark.parametrize("page", PAGES[:1] + PAGES[2:], ids=lambda page: page.name)
def test_every_block_runs(
    page: Path, runner: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "environ", os.environ.copy())
    made = runner.Page(page, tmp_path, is_quick=True)
    made.run()
    if made.skipped:
        pytest.skip("; ".join(made.skipped))


PAGE = """A page.

<!-- output: first 1, "cc", last 1 -->
```console
$ printf 'a\\nb\\nbb\\ncc\\nd\\n'; printenv COLUMNS
0
$ make install
```

```python
print(number := 5)
```

```text
4
```

```python
print("not shown", number)
```

<!-- output: none -->
```console
$ seqformer show mask
```
"""


def test_pictures_that_a_page_made_are_put_beside_it(runner: ModuleType, tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("![made](pictures/a.png) ![of before](pictures/b.png)", "utf-8")
    (tmp_path / "made/pictures").mkdir(parents=True)
    (tmp_path / "made/pictures/a.png").write_bytes(b"a")
    runner.Page(page, tmp_path / "made").keep_pictures()
    assert (tmp_path / "pictures/a.png").read_bytes() == b"a"
    assert not (tmp_path / "pictures/b.png").exists()


def test_real_output_is_written(runner: ModuleType, tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(PAGE, "utf-8")
    told = runner.Page(page, tmp_path / "made").run()
    assert told == PAGE.replace("\n0\n", "\na\n…\ncc\n…\n100\n").replace("\n4\n", "\n5\n")
    page.write_text(told, "utf-8")
    assert runner.Page(page, tmp_path / "again").run() == told
