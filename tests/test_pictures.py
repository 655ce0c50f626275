"""Pictures and tables of any text: nothing crashes, nothing is a formula, columns align, sizes are bounded."""

from __future__ import annotations

import io
import re
import struct
import unicodedata
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from any_text import ODD, WORDS
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console

from seqformer import console
from seqformer.errors import SeqformerError
from seqformer.report import fonts, grid, heatmap, panels, picture, png
from seqformer.report.heatmap import Heatmap
from seqformer.report.panels import Curves, Matrix
from seqformer.report.png import PIXELS, SIDE, Picture

Command = Callable[..., tuple[int, str, str]]
CHINESE, ARABIC = ["▁我们", "▁的", "喜欢吃", "苹果", "。", "</s>"], ["▁مرحبا", "▁بالعالم", "؟", "</s>"]
HOSTILE = [
    "$a$ $b$", r"$\frac{1}{x$", "a_b^c", "100%", "\\", "a\nb", "\t", "\0", "\x1b[31m", "\x9b2J", "\x07", "\ud800",
    "\u202eabc", "\u2066", "\u2028", "\u200b", "\ufeff", "👩‍👩‍👧", "😀", "e" + "\u0301" * 300, "\u0301", "x" * 500,
    "中" * 500, "क्षत्रिय", "שלום", "[bold]", "[/x]", ":smile:", "_", "", " ", "▁", "\U0010fffd",
]  # fmt: skip
TEXTS = st.one_of(
    st.sampled_from(HOSTILE),
    st.text(st.characters(), max_size=12),  # lone surrogates too
    st.sampled_from([*WORDS, *ODD]).map(lambda raw: raw.decode("utf-8", errors="surrogateescape")),
)


def square(pieces: list[str], kind: str = "cross", layer: int = 1, head: int = 1) -> Heatmap:
    share = 1 / len(pieces)
    return Heatmap(kind, layer, head, [[share] * len(pieces)] * len(pieces), pieces, pieces)


def printed(*items: Any, width: int = 200) -> list[str]:
    """The lines that a terminal of this width gets."""
    out = Console(width=width, file=io.StringIO(), highlight=False)
    for item in items:
        out.print(item)
    return out.file.getvalue().splitlines()  # type: ignore[attr-defined, no-any-return]


def size(drawn: Picture) -> tuple[int, int]:
    width, height = struct.unpack(">II", drawn.to_bytes()[16:24])
    return width, height


def disturbing(text: str) -> list[str]:
    """Characters that move the cursor or turn text around."""
    return [
        c
        for c in text
        if unicodedata.category(c) in ("Cc", "Cs", "Zl", "Zp") or c in "\u202a\u202e\u2066\u2069"
    ]


@settings(max_examples=60, deadline=None)
@given(st.lists(TEXTS, min_size=1, max_size=6))
def test_a_table_of_any_text_does_not_disturb_a_terminal(pieces: list[str]) -> None:
    for width in (30, 80):
        for line in printed(heatmap.draw(square(pieces)), width=max(80, width)):
            assert not disturbing(line) and cell_len(line) <= 80
    table = console.table(pieces[0], "a", pieces[-1], caption=None)
    table.add_row(pieces[0], pieces[-1])
    curve: list[tuple[float, float]] = [(0, 0.0), (1, 1.0)]
    for drawn in (
        table,
        Matrix(pieces[0], "x", "y", [[0.0] * len(pieces)] * len(pieces), pieces, pieces).draw(80),
        Curves(pieces[0], pieces[-1], "y", {**dict.fromkeys(pieces, curve), "z": curve}).draw(80),
    ):
        for line in printed(drawn):
            assert not disturbing(line), ascii(line)


def test_tables_align_in_cells() -> None:
    lines = printed(heatmap.draw(square(CHINESE * 2)), width=80)
    rows = [line for line in lines if re.search(r" 8 ", line)]
    assert len(rows) == 2 * len(CHINESE)
    assert len({cell_len(row) for row in rows}) == 1 and "喜欢吃" in rows[2]
    matrix = Matrix("m", "c", "r", [[1.0, 1.0]] * 2, ["我们", "b"], ["一", "二"]).draw(40).plain
    first, second, ends = matrix.split("\n")[1:4]
    assert cell_len(first) == cell_len(second) == cell_len(ends)
    curve: list[tuple[float, float]] = [(0, 0.0), (1, 1.0)]
    drawn = Curves("c", "步", "y", {"线": curve}).draw(60).plain.split("\n")
    assert max(map(cell_len, drawn)) == cell_len(drawn[-1]) == 60
    table = console.table("表", "名", "n")
    table.add_row("中文名", "1")
    table.add_row("a", "22")
    assert len({cell_len(line) for line in printed(table)[2:-1]}) == 1


def test_a_table_of_many_columns_goes_on_below() -> None:
    words = [f"w{n}" for n in range(40)]
    lines = printed(heatmap.draw(square(words)), width=80)
    assert max(map(cell_len, lines)) <= 80
    shown = "\n".join(lines)
    assert (
        all(re.search(rf"\bw{n}\b", shown) for n in range(40)) and sum(" 2 " in line for line in lines) == 120
    )


def test_text_is_cut_by_cells() -> None:
    assert console.cut("abc", 3) == "abc" and console.cut("abcd", 3) == "ab…"
    assert console.cut("中文字", 6) == "中文字" and console.cut("中文字", 5) == "中文…"
    assert console.cut("中文字", 4) == "中…"
    assert len(console.cut("e" + "\u0301" * 10**6, 5)) <= 5 * (1 + console.MARKS)
    assert console.wrapped("aa bb cc dd", 5, 2) == ["aa bb", "cc dd"]
    assert console.wrapped("aa bb cc dd ee", 5, 2) == ["aa bb", "cc…"] or console.wrapped(
        "aa bb cc dd ee", 5, 2
    )[1].endswith("…")
    assert console.wrapped("中" * 6, 4, 3) == ["中中"] * 3
    assert max(map(cell_len, console.wrapped("long " * 10**5, 50, 3))) <= 50


def test_remarks_are_printed_as_they_are(capsys: pytest.CaptureFixture[str]) -> None:
    console.note("a [/x] :smile: \x1b[31m\u202e\n b")
    assert capsys.readouterr().err == "a [/x] :smile: \\x1b[31m\\u202e\n b\n"
    console.page("[/x] \x1b")
    assert capsys.readouterr().out == "[/x] \\x1b\n"


@pytest.fixture(autouse=True)
def bare(monkeypatch: pytest.MonkeyPatch) -> None:
    """No fonts but those of matplotlib, on any machine."""
    monkeypatch.setattr(fonts, "_system_files", list)


@settings(max_examples=20, deadline=None)
@given(st.lists(TEXTS, min_size=1, max_size=5))
def test_any_text_is_drawn(pieces: list[str]) -> None:
    """Warnings are errors here; the remarks name what no font has, in one line."""
    pytest.importorskip("matplotlib")
    drawn = grid.paint([square(pieces)], [pieces[0], pieces[-1]])
    width, height = size(drawn)
    assert max(width, height) <= 1500
    assert len(drawn.remarks) <= 1 and not any(disturbing(remark) for remark in drawn.remarks)


def test_any_text_is_drawn_by_every_picture(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    curve: list[tuple[float, float]] = [(0, 0.0), (1, 1.0)]
    curves = Curves(
        HOSTILE[0],
        HOSTILE[1],
        HOSTILE[2],
        dict.fromkeys(filter(None, HOSTILE), curve),
        remark=" ".join(HOSTILE),
    )
    matrix = Matrix(HOSTILE[0], "x", "y", [[0.5] * len(HOSTILE)] * len(HOSTILE), HOSTILE, HOSTILE)
    drawn = panels.paint([[curves, matrix]], " ".join(HOSTILE))
    assert max(size(drawn)) <= 2000
    legend = [text.get_text() for text in drawn.figure.axes[0].get_legend().get_texts()]
    assert (
        len(legend) == len(HOSTILE) - 1
        and legend[0] == "$a$ $b$"
        and any(text.endswith("_") for text in legend)
    )
    panel = picture.Panel("layer 1", np.full((2, 2), 0.25), 0.0, 1, 1)
    title = picture.paint(np.zeros((1, 4, 4), np.uint8), [panel], "$a$ \x1b " + "x" * 500)
    assert max(size(title)) <= 2000


def test_dollars_are_no_formula() -> None:
    pytest.importorskip("matplotlib")
    from matplotlib.text import Text

    drawn = grid.paint([square(["$a$", "$\\b_$"])], ["$1 $2"])
    texts = [t for t in drawn.figure.findobj(Text) if "$" in t.get_text()]
    assert len(texts) == 5 and {t.get_text() for t in texts} == {"$a$", "$\\b_$", "$1 $2"}
    assert not any(t.get_parse_math() for t in texts)
    drawn.to_bytes()


def test_missing_characters_are_one_remark_and_drawn_all_the_same() -> None:
    pytest.importorskip("matplotlib")
    (remark,) = grid.paint([square(CHINESE)], [" ".join(CHINESE)]).remarks
    assert "\n" not in remark and "Han" in remark and "Noto Sans CJK" in remark and "我" in remark
    assert (
        grid.paint([square(["bonjour", "été", "ελλάς", "привет", "a\u200d\ufe0f\u2009b"])], ["x"]).remarks
        == []
    )


def test_fonts_of_the_system_are_taken_for_what_others_lack(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("matplotlib")
    from matplotlib import get_data_path

    folder = Path(get_data_path()) / "fonts" / "ttf"
    has = {
        name: {
            chr(code)
            for code in fonts.opened(folder / f"{name}.ttf").get_charmap()
            if chr(code).isprintable()
        }
        for name in ("DejaVuSans", "DejaVuSansMono", "STIXGeneral")
    }
    mono = min(has["DejaVuSansMono"] - has["DejaVuSans"] - has["STIXGeneral"])
    stix = min(has["STIXGeneral"] - has["DejaVuSans"] - has["DejaVuSansMono"])
    assert fonts.choose("a" + mono).missing == mono
    files = [str(folder / f"{name}.ttf") for name in ("DejaVuSerif", "DejaVuSansMono", "STIXGeneral")]
    monkeypatch.setattr(fonts, "_system_files", lambda: [__file__, "/no/such.ttf", *files])
    chosen = fonts.choose("a中" + mono + stix)
    assert chosen.missing == "中"
    assert {Path(name).stem for name in chosen.families if "/" in name} == {"DejaVuSansMono", "STIXGeneral"}
    assert not any("/" in name for name in fonts.choose("abc").families)


def test_letters_are_joined_and_written_from_right_to_left(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("matplotlib")

    def drawn(text: str) -> bytes:
        made = Picture(1, 0.5, [text])
        with made.style():
            made.figure.text(0.1, 0.3, text)
        return made.to_bytes()

    if fonts._shapes():
        assert not fonts.choose("".join(ARABIC)).remarks()
        assert drawn("אב") == drawn("\u202dבא\u202c"), "the first letter stands at the right"
        assert drawn("ههه") != drawn("ه\u200cه\u200cه"), "letters are joined"
        assert grid._title(["אב .", "va !"], 40) == ["\u2068אב .\u2069 → va !"]
    monkeypatch.setattr(fonts, "_shapes", lambda: False)
    (remark,) = fonts.choose("".join(ARABIC)).remarks()
    assert "3.11" in remark and not fonts.choose("abc").remarks()


def test_a_font_file_comes_first_or_is_refused(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    from matplotlib import get_data_path

    mono = Path(get_data_path()) / "fonts" / "ttf" / "DejaVuSansMono.ttf"
    widths = {}
    for font in (None, mono):
        drawn = grid.paint([square(["iiiii", "WW"])], ["x"], font)
        texts = {t.get_text(): t.get_window_extent().width for t in drawn.figure.axes[0].texts[:2]}
        widths[font] = texts["iiiii"] / texts["WW"]
    assert widths[mono] == pytest.approx(2.5, rel=0.1) and widths[None] < 1
    text, short = tmp_path / "a.ttf", tmp_path / "b.ttf"
    text.write_text("no font")
    for cut_at in (0, 4, 100, 3000):
        short.write_bytes(mono.read_bytes()[:cut_at])
        with pytest.raises(SeqformerError, match=r"b\.ttf"):
            png.check(tmp_path / "x.png", short)
            grid.paint([square(["abc"])], ["abc"], short).save(tmp_path / "x.png")
    for bad in (text, tmp_path, tmp_path / "none.ttf", Path("/dev/null")):
        with pytest.raises(SeqformerError, match="font") as told:
            png.check(tmp_path / "x.png", bad)
        assert "\n" not in str(told.value) and str(bad) in str(told.value)
    assert not (tmp_path / "x.png").exists()


def test_the_command_line_takes_a_font_and_prints_one_line_of_remarks(
    command: Command, trained: Path, tmp_path: Path
) -> None:
    pytest.importorskip("matplotlib")
    wrong = tmp_path / "wrong.ttf"
    wrong.write_text("no font")
    ask = ("attention", "le $chat$ mange $x 中", "--run", trained)
    code, _, told = command(*ask, "--png", "a.png", "--font", wrong)
    assert code == 2 and told.count("\n") == 1 and "wrong.ttf" in told and not (tmp_path / "a.png").exists()
    code, _, told = command(*ask, "--font", wrong)
    assert code == 2 and "--font does nothing without --png" in told
    code, out, told = command(*ask, "--png", "a.png")
    assert code == 0 and "cross, layer 1" in out and (tmp_path / "a.png").exists()
    assert told.count("No font here has") <= 1 and "Warning" not in told
    for words in (("show", "positions"), ("show", "pooling"), ("runs", "curve", trained)):
        code, _, told = command(*words, "--png", "b.png", "--font", wrong)
        assert code == 2 and told.count("\n") == 1 and "wrong.ttf" in told


def test_a_picture_is_bounded_however_long_the_text_and_however_many_maps(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pytest.importorskip("matplotlib")
    assert SIDE <= 8000 and 4 * PIXELS <= 100 * 2**20, "bytes of a picture in memory"
    for module in (grid, png):
        monkeypatch.setattr(module, "PIXELS", 2_000_000)
    words = [f"▁word{n}" for n in range(150)]
    long = grid.paint([square(words, head=h) for h in (1, 2)], [" ".join(words)] * 2)
    width, height = size(long)
    assert 1_000_000 < width * height <= 2_000_000
    (remark,) = long.remarks
    assert "2 million pixels" in remark and "one label of" in remark
    labels = long.figure.axes[0].texts
    assert 10 < len(labels) < 150, "fewer labels"
    many = [square(["a", "b"], layer=layer, head=head) for layer in range(1, 10) for head in range(1, 9)]
    width, height = size(grid.paint(many, ["x"]))
    assert 1_000_000 < width * height <= 2_000_000
    monkeypatch.setattr(png, "SIDE", 1000)
    assert max(size(grid.paint(many[:20], ["x"]))) <= 1000
    assert grid.paint([square(words[:20])], ["x"]).remarks == []
