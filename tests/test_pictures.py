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
import torch
from any_text import ODD, WORDS
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console

from seqformer import console
from seqformer.errors import SeqformerError
from seqformer.report import drawing, fonts, grid, heatmap, panels, picture
from seqformer.report.attention import Attention, beside
from seqformer.report.drawing import PIXELS, SIDE, Picture
from seqformer.report.heatmap import Heatmap
from seqformer.report.layout import Shape, lay_out
from seqformer.report.medium import MEDIA, SCREEN, Medium
from seqformer.report.panels import Curves, Matrix

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


def painted(
    maps: list[Heatmap], title: list[str], font: Path | None = None, medium: Medium = SCREEN
) -> Picture:
    return grid.paint(grid.blocks(maps), title, font, medium)


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
    drawn = painted([square(pieces)], [pieces[0], pieces[-1]])
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

    drawn = painted([square(["$a$", "$\\b_$"])], ["$1 $2"])
    texts = [t for t in drawn.figure.findobj(Text) if "$" in t.get_text()]
    assert len(texts) == 5 and {t.get_text() for t in texts} == {"$a$", "$\\b_$", "$1 $2"}
    assert not any(t.get_parse_math() for t in texts)
    drawn.to_bytes()


def test_missing_characters_are_one_remark_and_drawn_all_the_same() -> None:
    pytest.importorskip("matplotlib")
    (remark,) = painted([square(CHINESE)], [" ".join(CHINESE)]).remarks
    assert "\n" not in remark and "Han" in remark and "Noto Sans CJK" in remark and "我" in remark
    assert (
        painted([square(["bonjour", "été", "ελλάς", "привет", "a\u200d\ufe0f\u2009b"])], ["x"]).remarks == []
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
        assert grid._title(["אב .", "va !"], 6, SCREEN) == ["\u2068אב .\u2069 → va !"]
    monkeypatch.setattr(fonts, "_shapes", lambda: False)
    (remark,) = fonts.choose("".join(ARABIC)).remarks()
    assert "3.11" in remark and not fonts.choose("abc").remarks()


def test_a_font_file_comes_first_or_is_refused(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    from matplotlib import get_data_path

    mono = Path(get_data_path()) / "fonts" / "ttf" / "DejaVuSansMono.ttf"
    widths = {}
    for font in (None, mono):
        drawn = painted([square(["iiiii", "WW"])], ["x"], font)
        texts = {t.get_text(): t.get_window_extent().width for t in drawn.figure.axes[0].texts[:2]}
        widths[font] = texts["iiiii"] / texts["WW"]
    assert widths[mono] == pytest.approx(2.5, rel=0.1) and widths[None] < 1
    text, short = tmp_path / "a.ttf", tmp_path / "b.ttf"
    text.write_text("no font")
    for cut_at in (0, 4, 100, 3000):
        short.write_bytes(mono.read_bytes()[:cut_at])
        with pytest.raises(SeqformerError, match=r"b\.ttf"):
            drawing.check(tmp_path / "x.png", short)
            painted([square(["abc"])], ["abc"], short).save(tmp_path / "x.png")
    for bad in (text, tmp_path, tmp_path / "none.ttf", Path("/dev/null")):
        with pytest.raises(SeqformerError, match="font") as told:
            drawing.check(tmp_path / "x.png", bad)
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
    assert code == 2 and "--font does nothing without --figure" in told
    code, out, told = command(*ask, "--png", "a.png")
    assert code == 0 and "cross, layer 1" in out and (tmp_path / "a.png").exists()
    assert told.count("No font here has") <= 1 and "Warning" not in told
    for words in (("show", "positions"), ("show", "pooling"), ("runs", "curve", trained)):
        code, _, told = command(*words, "--png", "b.png", "--font", wrong)
        assert code == 2 and told.count("\n") == 1 and "wrong.ttf" in told


@pytest.mark.parametrize("medium", MEDIA.values(), ids=MEDIA)
def test_a_picture_is_bounded_however_long_the_text_and_however_many_maps(medium: Medium) -> None:
    pytest.importorskip("matplotlib")
    assert SIDE <= 8000 and 4 * PIXELS <= 100 * 2**20, "bytes of a picture in memory"
    words = [f"▁word{n}" for n in range(90)]
    long = painted([square(words, head=h) for h in (1, 2)], [" ".join(words)] * 2, medium=medium)
    (remark,) = long.remarks
    assert "no room for more" in remark and "one label of" in remark and "\n" not in remark
    assert 4 < len(long.figure.axes[0].texts) < 2 * 90, "fewer labels"
    many = [square(["a", "b"], layer=layer, head=head) for layer in range(1, 5) for head in range(1, 9)]
    for drawn in (long, painted(many, ["x"], medium=medium)):
        width, height = drawn.figure.get_size_inches()
        assert width <= medium.width + 0.01 and height <= medium.height + 1
        assert not medium.fixed or (width, height) == (medium.width, medium.height)
        width, height = size(drawn)
        assert max(width, height) <= SIDE and width * height <= PIXELS
    assert painted([square(words[:20])], ["x"], medium=medium).remarks == []


def test_too_many_maps_are_refused_in_a_line() -> None:
    shape = Shape(4000, 8, 30, 30, (0.5,) * 30, (0.5,) * 30, (1.0, 0.3))
    with pytest.raises(SeqformerError, match=r"4,000 maps .* choose one kind") as told:
        lay_out([shape], MEDIA["slide"], (12, 6))
    assert "\n" not in str(told.value)


SHAPES = st.builds(
    Shape,
    st.integers(1, 20),
    st.integers(1, 8),
    st.integers(1, 30),
    st.integers(1, 30),
    st.just((0.3, 0.6)),
    st.just((0.3, 0.6)),
    st.sampled_from([(0.0, 0.0), (0.9, 0.3)]),
    st.booleans(),
)


@settings(max_examples=25, deadline=None)
@given(st.lists(SHAPES, min_size=1, max_size=3), st.sampled_from(list(MEDIA.values())))
def test_maps_lie_in_the_room_and_over_no_other(shapes: list[Shape], medium: Medium) -> None:
    room = medium.width - 1, medium.height - 1
    try:
        layout = lay_out(shapes, medium, room)
    except SeqformerError:
        return
    assert layout.size[0] <= room[0] and layout.size[1] <= room[1]
    boxes: list[tuple[float, float, float, float]] = []
    for place in layout.places:
        assert place.map == (place.shape.columns * place.cell, place.shape.rows * place.cell), "square"
        assert place.cell == layout.places[0].cell <= medium.cell
        boxes += [(*place.corner(n), *place.map) for n in range(place.shape.maps)]
    for n, (x, y, width, height) in enumerate(boxes):
        assert x > -1e-6 and y > -1e-6 and x + width < room[0] + 1e-6 and y + height < room[1] + 1e-6
        for left, top, wide, high in boxes[n + 1 :]:
            apart = x + width < left or left + wide < x or y + height < top or top + high < y
            assert apart


@pytest.mark.parametrize("medium", MEDIA.values(), ids=MEDIA)
def test_cells_are_square_and_the_scale_is_no_stub(medium: Medium) -> None:
    pytest.importorskip("matplotlib")
    wide = Heatmap("cross", 1, 1, [[0.5, 0.3, 0.2]], ["▁a"], ["▁b", "c", "</s>"])
    drawn = painted([wide], ["a .", "b ."], medium=medium)
    axes, bar = drawn.figure.axes
    box = axes.get_window_extent()
    assert box.width / 3 == pytest.approx(box.height, rel=0.02)
    assert bar.get_window_extent().height > 5 * medium.label / 72 * drawn.figure.dpi
    points = {text.get_fontsize() for text in axes.texts}
    assert points == {medium.label} and {t.get_text() for t in axes.texts} == {"▁a", "▁b", "c", "</s>"}


def test_a_title_has_no_line_of_a_lone_word() -> None:
    for words in range(1, 60):
        text = " ".join(f"word{n}" for n in range(words)) + " ."
        lines = grid._balanced(text, 40, 12)
        assert " ".join(lines) == text and max(map(cell_len, lines)) <= 40
        assert len(lines) == 1 or min(map(cell_len, lines)) >= 0.4 * max(map(cell_len, lines))
        assert len(lines) == len(console.wrapped(text, 40, 12)), "no more lines than need be"


def look(source: list[str], target: list[str]) -> Attention:
    count = {
        "cross": (len(target), len(source)),
        "encoder": (len(source),) * 2,
        "decoder": (len(target),) * 2,
    }
    generator = torch.Generator().manual_seed(1)
    weights = {
        kind: torch.randn(2, 2, *size, generator=generator).softmax(-1) for kind, size in count.items()
    }
    return Attention(weights, source, ["<s>", *target[:-1]], target)


def test_pieces_are_merged_to_words_rows_averaged_and_columns_summed() -> None:
    source = ["▁", '"', "▁sky", "sc", "raper", "s", ".", "</s>"]
    target = ["▁l", "'", "école", "▁<0xC3>", "<0xA9>", "!", "</s>"]
    pieces = look(source, target)
    words = pieces.by_words()
    assert words.source == ['"', "skyscrapers", ".", "</s>"]
    assert words.target_out == ["l'école", "é", "!", "</s>"]
    assert words.target_in == ["<s>", "l'école", "é", "!"]
    groups = [range(2), range(2, 6), range(6, 7), range(7, 8)]
    rows = [range(3), range(3, 5), range(5, 6), range(6, 7)]
    cross = pieces.weights["cross"]
    for n, of_row in enumerate(rows):
        for m, of_column in enumerate(groups):
            summed = cross[..., of_row.start : of_row.stop, of_column.start : of_column.stop].sum(-1).mean(-1)
            torch.testing.assert_close(words.weights["cross"][..., n, m], summed)
    for weights in words.weights.values():
        torch.testing.assert_close(weights.sum(-1), torch.ones(weights.shape[:-1]))
    alone = look(["▁a", "▁b", "</s>"], ["▁c", "</s>"])
    for kind, weights in alone.by_words().weights.items():
        torch.testing.assert_close(weights, alone.weights[kind])
    both = beside([pieces, pieces], "", "").by_words()
    assert both.source == words.source * 2 and both.target_in == words.target_in * 2


def test_pieces_keep_the_mark_of_a_word_start_unless_each_is_a_word() -> None:
    assert square(["▁a", "b", "</s>"]).labels[0] == ["▁a", "b", "</s>"]
    assert square(["▁a", "▁b", "</s>"]).labels[1] == ["a", "b", "</s>"]
    assert "▁a" in "\n".join(printed(heatmap.draw(square(["▁a", "b"]))))


def test_rows_of_each_kind_have_a_name_of_their_own() -> None:
    names = [
        block.names for block in grid.blocks(look(["▁a", "</s>"], ["▁b", "</s>"]).select(kind="all").maps)
    ]
    assert len(names) == 3 and len({rows for rows, _ in names}) == 3


@pytest.mark.parametrize("suffix", drawing.FORMATS)
def test_the_same_picture_has_the_same_bytes_and_its_text_stays_text(suffix: str, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    from matplotlib import get_data_path

    mono = Path(get_data_path()) / "fonts" / "ttf" / "DejaVuSansMono.ttf"
    contents = []
    for name in ("a", "b"):
        path = tmp_path / f"{name}{suffix}"
        painted([square(["▁bon", "jour"])], ["bonjour <&>", "أهلا"], mono).save(path)
        contents.append(path.read_bytes())
    assert contents[0] == contents[1] and str(tmp_path).encode() not in contents[0]
    assert b"<dc:date>" not in contents[0] and b"CreationDate" not in contents[0], "no date"
    if suffix == ".svg":
        text = contents[0].decode("utf-8")
        assert "bonjour &lt;&amp;&gt;" in text and ">jour<" in text and "DejaVu Sans Mono" in text
        assert str(mono) not in text, "fonts are known by their names"
    if suffix == ".pdf":
        assert contents[0].startswith(b"%PDF") and b"/Type3" not in contents[0], "glyphs, not drawings"
    with pytest.raises(SeqformerError, match=r"end in \.png, \.svg or \.pdf"):
        painted([square(["a"])], ["x"]).save(tmp_path / "x.jpg")


def test_the_image_stands_once_and_the_maps_have_the_colours_of_the_scale() -> None:
    pytest.importorskip("matplotlib")
    image = np.arange(64, dtype=np.uint8).reshape(1, 8, 8)
    parts = [picture.Panel(f"layer {n}", np.full((2, 2), 0.1 * n), 0.5, n, 1) for n in (1, 2, 3)]
    drawn = picture.paint(image, parts, "t")
    images = [each for axes in drawn.figure.axes[:-1] for each in axes.images]
    assert sum(each.cmap.name == "gray" for each in images) == 1 and len(images) == 4
    maps = [each for each in images if each.cmap.name == grid.COLOURS]
    assert all(each.get_alpha() in (None, 1) and each.get_clim()[0] == 0 for each in maps)
    assert {round(float(each.get_clim()[1]), 6) for each in maps} == {0.3}


def test_one_command_draws_every_kind_of_a_run(command: Command, trained: Path, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    ask = ("attention", "le chat", "--run", trained)
    code, _, told = command(*ask, "--figures", "maps", "--for", "paper", "--words")
    assert code == 0 and told.count("is written.") == 3
    assert {path.name for path in (tmp_path / "maps").iterdir()} == {
        "cross.pdf",
        "encoder.pdf",
        "decoder.pdf",
    }
    (tmp_path / "file").write_text("")
    code, _, told = command(*ask, "--figures", "file")
    assert code == 2 and told.count("\n") == 1 and "file" in told
    code, _, told = command(*ask, "--for", "slide")
    assert code == 2 and "--for does nothing without --figure" in told
