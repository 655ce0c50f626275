"""``seqformer show``: what it draws, that it fits 80 columns, and the mistakes people make."""

from __future__ import annotations

import math
import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from seqformer.cli import app
from seqformer.errors import SeqformerError
from seqformer.report import figures
from seqformer.report.panels import Curves, Matrix


def shown(*arguments: object) -> str:
    result = CliRunner().invoke(app, ["show", *map(str, arguments)], catch_exceptions=False)
    assert result.exit_code == 0
    assert max(map(len, (line.rstrip() for line in result.stdout.splitlines()))) <= 80
    assert not re.search(r"\bnan\b", result.stdout.lower())
    return result.stdout


def test_pooling_draws_every_kernel_and_says_where_no_estimate_is() -> None:
    out = shown("pooling")
    for title in ("gaussian, width 1", "boxcar, width 1", "constant", "epanechnikov, width 1"):
        assert f"\n{title}   o points" in out and f"\n{title}: weights" in out
    assert out.count("\n  gaussian ") == out.count("\n  boxcar ") == 4 and out.count("\n  constant ") == 1
    assert "no estimate" in shown("pooling", "--kernel", "boxcar", "--width", 1e-6, "--points", 2)
    out = shown("pooling", "--kernel", "epanechnikov", "--width", 0.1, "--width", 2, "--seed", 5)
    assert "no point is near x = " in out and "epanechnikov, width 2" in out and " of 101" in out
    assert out == shown("pooling", "--kernel", "epanechnikov", "--width", 0.1, "--width", 2, "--seed", 5)


@pytest.mark.parametrize("kind", ["sinusoidal", "sinusoidal-split"])
def test_positions_are_drawn_beside_a_binary_counter(kind: str) -> None:
    out = shown("positions", "--positions", kind)
    for part in ("The matrix", "Columns", "bit 0, period 2 ", "bit 4, period 32 ", "column 0, period 6.3 "):
        assert part in out
    assert ("column 4, period 62.8" if kind == "sinusoidal-split" else "column 8, period 62.8") in out
    for length, width in ((2, 2), (7, 4), (1000, 1000)):
        shown("positions", "--positions", kind, "--length", length, "--width", width)


def test_the_counter_counts() -> None:
    counter = figures.position_panels(4, 8, split=False)[2]
    assert isinstance(counter, Matrix)
    for t in range(32):
        assert sum((counter.values[bit][t] > 0) << bit for bit in range(5)) == t
    for row, pair in zip(counter.values[5:], range(4), strict=True):
        assert math.isclose(row[9], math.sin(9 / 10_000 ** (2 * pair / 8)), abs_tol=1e-6)


def test_the_masks_are_those_of_the_model() -> None:
    out = shown("mask", "a b c", "d")
    marks = [
        "".join(mark for mark in line if mark in "■·") for line in out.splitlines() if "Mask" not in line
    ]
    drawn = [row for row, line in zip(marks, out.splitlines(), strict=True) if row and "mask" not in line]
    assert drawn == ["■■■", "■··", "■··", "■■·", "■■■"]
    assert "pad" in out and "<s>" in out
    assert shown("mask", "--length", 16).count("■") == 16 + 8 + 16 * 17 // 2 + 3  # and those of the titles


def test_pictures(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    for verb in ("pooling", "positions"):
        shown(verb, "--png", tmp_path / f"{verb}.png")
        assert (tmp_path / f"{verb}.png").read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"


def test_a_matrix_is_shaded_from_its_lowest_to_its_highest_number() -> None:
    drawn = Matrix("m", "columns", "rows", [[0.0, 1.0], [0.5, 0.3]], ["a", "bb"], ["0", "1"]).draw(80).plain
    assert " a     ████" in drawn and "bb ▒▒▒▒░░░░" in drawn and "rows: rows; columns: columns" in drawn
    nothing = Matrix("m", "c", "r", [[0.0]], ["a"], ["0"], high=0.0).draw(80).plain
    assert "█" not in nothing.split("\n")[1]


def test_a_curve_leaves_gaps() -> None:
    curves = Curves("c", "x", "y", {"line": [(0, 0.0), (1, math.nan), (2, 1.0)]}, remark="a gap")
    assert curves.draw(40).plain.count("●") == 2 and "a gap" in curves.draw(40).plain


MISTAKES = [
    (["pooling", "--kernel", "gausian"], "did you mean 'gaussian'"),
    (["pooling", "--width", "0"], "--width 0"),
    (["pooling", "--width", "-1"], "--width -1"),
    (["pooling", "--points", "1"], "--points 1"),
    (["pooling", "--seed", "-1"], "--seed -1"),
    (["pooling", "--png", "x.jpg"], r"end in \.png"),
    (["positions", "--width", "0"], "--width 0"),
    (["positions", "--width", "7"], "--width 7 is odd"),
    (["positions", "--length", "-3"], "--length -3"),
    (["positions", "--positions", "sinusodal"], "did you mean 'sinusoidal'"),
    (["positions", "--positions", "learned"], "learned positions are numbers that a training finds"),
    (["mask", "--length", "0"], "--length 0"),
    (["mask", "a b", "--length", "3"], "not both"),
    (["mask", " "], "a sentence is blank"),
    (["mask", "a " * 17], "more than 16 words"),
]


@pytest.mark.parametrize(
    ("arguments", "message"), MISTAKES, ids=lambda x: " ".join(x)[:40] if isinstance(x, list) else ""
)
def test_a_mistake_is_told(
    arguments: list[str], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SeqformerError, match=message) as told:
        CliRunner().invoke(app, ["show", *arguments], catch_exceptions=False)
    assert "\n" not in str(told.value) and not list(tmp_path.iterdir())
