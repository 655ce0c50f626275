"""HTML: what is no language comes out byte for byte, whatever is open, odd or hostile in it."""

from __future__ import annotations

import html
import random
import time

import pytest

from seqformer.formats.hypertext import Hypertext
from seqformer.text.placeholders import SYMBOLS

WHOLE = (
    "<!DOCTYPE html><html lang=en><head><title>A page</title><style>b > i {}</style></head>\n"
    '<body><!-- a > b --><p class="x>y">Hello <b>big <i>old</i></b> world!<br/>Again</p>\n'
    "<ul><li>One<li>Two</ul><pre>  x = 1 </pre><script>if (a < b) f('<p>')</script>"
    '<p translate="no">Stay <p>here</p></p> <span class="notranslate">This too</span>'
    '<img alt="a"> end</body></html>'
)
PARTS = ("<p>", "</p>", "<b>", "</b>", "<i x='>'>", "</i>", "<br>", "<code>", "</code>", "<!--", "-->", "<script>",
         "</script>", "<a href=\"", "\"", "<", ">", "&amp;", "&eacute;", " ", "word ", "<img>", "</", "<!x>")  # fmt: skip


@pytest.mark.parametrize("with_symbols", [False, True])
def test_all_but_the_texts_stays_as_it_is(with_symbols: bool) -> None:
    opened = Hypertext(WHOLE, with_symbols)
    big = "Hello ⟦1⟧big ⟦2⟧old⟦3⟧⟦4⟧ world!" if with_symbols else "Hello big old world!"
    end = "⟦1⟧⟦2⟧ end" if with_symbols else "end"
    assert opened.texts == ["A page", big, "Again", "One", "Two", end]
    assert opened.fill(opened.texts) == WHOLE
    filled = opened.fill([text.replace("e", "<é>") for text in opened.texts])
    assert filled == WHOLE.replace("A page", "A pag&lt;é&gt;").replace("Hello", "H&lt;é&gt;llo").replace(
        "One<", "On&lt;é&gt;<"
    ).replace(" end<", " &lt;é&gt;nd<")


def test_elements_go_where_their_symbols_go() -> None:
    opened = Hypertext("A <b>red</b> dog &amp; me", with_symbols=True)
    assert opened.texts == ["A ⟦1⟧red⟦2⟧ dog & me"]
    assert opened.fill(["Ein Hund, ⟦1⟧rot⟦2⟧ & ich"]) == "Ein Hund, <b>rot</b> &amp; ich"


def test_text_without_tags_is_text() -> None:
    for text in ("", " \n ", "a", "3 < 4 > 2", "x <y", "a & b", "< p>", "⟦1⟧"):
        for with_symbols in (False, True):
            opened = Hypertext(text, with_symbols)
            assert html.unescape(opened.fill(opened.texts)) == text
            assert opened.texts == ([text.strip()] if text.strip() else [])


def test_whatever_comes_comes_out() -> None:
    """Nothing fails, and nothing but the places of elements changes: not even these where there are symbols."""
    random.seed(1)
    for _ in range(2000):
        text = "".join(random.choice(PARTS) for _ in range(random.randint(1, 12)))
        letters = "".join(html.unescape(text).split())
        for with_symbols in (False, True):
            opened = Hypertext(text, with_symbols)
            filled = "".join(html.unescape(opened.fill(opened.texts)).split())
            assert sorted(filled) == sorted(letters), text
            few = text.count("<") <= len(SYMBOLS)
            assert not (with_symbols and few) or filled == letters, text


def test_the_time_is_linear() -> None:
    for part in (
        '<a "',
        "<a '",
        '<a ">',
        "<!--",
        "<script>",
        "<b>",
        "<b></b>",
        "</b>",
        "<",
        "<code>",
        "<b>x ",
    ):
        begin = time.process_time()
        opened = Hypertext(part * (20_000 // len(part)))
        opened.fill(opened.texts)
        assert time.process_time() - begin < 2, part
