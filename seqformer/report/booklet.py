"""Lessons as one HTML page that needs nothing else: pictures inline, light and dark, for desks and phones."""

from __future__ import annotations

import html
import re
from collections.abc import Mapping
from pathlib import Path

from seqformer.console import html as printed
from seqformer.errors import SeqformerError
from seqformer.report import drawing, panels
from seqformer.report.lessons import QUESTIONS
from seqformer.report.panels import Figure, Panel
from seqformer.report.report import Lesson
from seqformer.storage.files import write_whole

INK = "#010203"  # stands for the colour of the text around a picture
STYLE = """
:root {
  color-scheme: light dark;
  --paper: #fff; --ink: #1c2430; --dim: #5b6676; --rule: #d6dbe3; --box: #f4f6fa;
}
@media (prefers-color-scheme: dark) {
  :root { --paper: #14181f; --ink: #e6eaf0; --dim: #9aa6b6; --rule: #333c4a; --box: #1c222c; }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink); font: 1rem/1.5 system-ui, sans-serif; }
main { max-width: 76rem; margin: 0 auto; padding: 1rem; }
h1 { font-size: 1.6rem; margin: .5rem 0; }
h2 { font-size: 1.25rem; margin: 0 0 .4rem; }
nav ul { display: flex; flex-wrap: wrap; gap: .2rem 1.2rem; padding: 0; list-style: none; }
a { color: inherit; }
section { border-top: 1px solid var(--rule); padding: 1.2rem 0; }
p { max-width: 44rem; margin: .4rem 0; }
.small { color: var(--dim); font-size: .875rem; }
.panels {
  display: grid; gap: 1rem; margin: 1rem 0;
  grid-template-columns: repeat(auto-fill, minmax(min(100%, 23rem), 1fr));
}
svg { display: block; width: 100%; height: auto; max-width: 34rem; }
svg * { stroke-linejoin: round; stroke-linecap: butt; }
pre {
  overflow-x: auto; background: var(--box); padding: .8rem; border-radius: .4rem;
  line-height: 1.3; font-size: .85rem;
}
"""
HEAD = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy"
 content="default-src 'none'; style-src 'unsafe-inline'; img-src data:">
<title>What a Transformer is made of</title>
<style>{style}</style>
</head>
<body>
<main>
<h1>What a Transformer is made of</h1>
<p class="small">Each number on this page is computed by the functions that models are trained with; the
command below each answer prints it, and takes other sizes.</p>
"""


def check(path: Path) -> None:
    """Check that a page can be written to ``path``, before any work is done for it."""
    if path.suffix.lower() not in (".html", ".htm"):
        raise SeqformerError(f"{path}: the name of a page must end in .html")
    if not path.absolute().parent.is_dir():
        raise SeqformerError(f"{path}: the folder {path.parent} does not exist")
    drawing.Picture(1, 1, ())


def save(lessons: Mapping[str, Lesson], path: Path) -> None:
    """Write lessons as a page, complete or not at all; the same lessons give the same bytes."""
    check(path)
    content = page(lessons).encode("utf-8")
    write_whole(path, lambda beside: beside.write_bytes(content))


def page(lessons: Mapping[str, Lesson]) -> str:
    """Return lessons by name as a page: a question, the answer and pictures of each.

    Raises :class:`MissingExtra`.
    """
    links = "".join(f'<li><a href="#{name}">{name}</a></li>' for name in lessons)
    sections = "".join(_section(name, lesson) for name, lesson in lessons.items())
    return f"{HEAD.format(style=STYLE)}<nav><ul>{links}</ul></nav>\n{sections}</main>\n</body>\n</html>\n"


def _section(name: str, lesson: Lesson) -> str:
    if isinstance(lesson, Figure):
        drawn = [panel for row in lesson.panels() for panel in row]
        shown = "".join(_inline(panel, f"{name}{number}") for number, panel in enumerate(drawn, 1))
        shown = f'<div class="panels">\n{shown}</div>'
    else:
        shown = printed(*lesson.tables())
    return (
        f'<section id="{name}">\n<h2>{html.escape(QUESTIONS.get(name, lesson.title))}</h2>\n'
        f'<p>{html.escape(lesson.answer)}</p>\n<p class="small">{html.escape(lesson.title)} · '
        f"<code>seqformer show {name}</code></p>\n{shown}\n</section>\n"
    )


def _inline(panel: Panel, prefix: str) -> str:
    """Return a panel as an SVG for the middle of a page: in its colours, with names that no other has."""
    picture = panels.paint([[panel]], "", ink=INK)
    svg = picture.to_bytes(".svg").decode("utf-8")
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>|<style.*?</style>", "", svg, count=2, flags=re.DOTALL)
    used = set(re.findall(r'#([\w.-]+)[")]', svg))
    svg = re.sub(r' id="([\w.-]+)"', lambda m: f' id="{prefix}-{m[1]}"' if m[1] in used else "", svg)
    svg = re.sub(r'(href="#|url\(#)', rf"\g<1>{prefix}-", svg)
    view = re.search(r'viewBox="([^"]+)"', svg)
    assert view, "matplotlib says how large a picture is"
    first = (
        '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" '
        f'viewBox="{view[1]}" role="img" aria-label="{html.escape(panel.title)}"'
    )
    return (first + svg[svg.index(">") :]).replace(INK, "currentColor")
