"""Inline elements: left out of what is translated, put back in order, at the same relative place."""

from __future__ import annotations

import re
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqformer.formats.inline import Item, Layout, Mark, plain

TAG = re.compile(r"(<[^<>]+>)")


def parsed(text: str) -> list[Item]:
    """<b> opens, </b> closes, <x/> stands alone, <br/> separates words too."""
    items: list[Item] = []
    for part in TAG.split(text):
        if not TAG.fullmatch(part):
            items.append(part)
        elif part.endswith("/>"):
            items.append(Mark(part, "alone", separates=part == "<br/>"))
        else:
            items.append(Mark(part, "close" if part.startswith("</") else "open"))
    return items


def written(items: list[Item]) -> str:
    return "".join(item if isinstance(item, str) else str(item.element) for item in items)


@pytest.mark.parametrize(
    ("source", "text", "translation", "expected"),
    [
        ("Hello <b>big</b> world", "Hello big world", "Bonjour grand monde", "Bonjour <b>grand</b> monde"),
        ("<b>Hello</b>", "Hello", "Bonjour à tous", "<b>Bonjour à tous</b>"),
        ("<x/>Hello<y/>", "Hello", "Bonjour", "<x/>Bonjour<y/>"),
        ("<x/> Hello <y/>", "Hello", "Bonjour", "<x/> Bonjour <y/>"),
        ("Press <x/> to start", "Press to start", "Appuyez pour commencer", "Appuyez <x/> pour commencer"),
        ("Name: <x/>, please", "Name: , please", "Nom, s'il vous plaît", "Nom, s'il <x/> vous plaît"),
        ("Click <b>here</b>.", "Click here.", "Cliquez ici.", "Cliquez <b>ici</b>."),
        ("<b>A</b> <i>dog</i>", "A dog", "Un chien", "<b>Un</b> <i>chien</i>"),
        ("<b><i>All</i></b> of it", "All of it", "Tout cela", "<b><i>Tout</i></b> cela"),
        ("One<br/>Two", "One Two", "Un Deux", "Un<br/>Deux"),
        ("un<b>happy</b>", "unhappy", "triste", "<b>triste</b>"),
        ("a <b>red</b> cat", "a red cat", "一只红色的猫", "一<b>只红</b>色的猫"),
        ("  Hello ", "Hello", "Bonjour", "  Bonjour "),
        ("a <x/> b", "a b", "", "<x/>"),
        ("<b>a</b> very long line", "a very long line", "une ligne", "<b>une</b> ligne"),
        ("a very long <b>x</b>", "a very long x", "un mot", "un <b>mot</b>"),
        ("<b>a</b><i>b</i> is a line", "ab is a line", "une ligne", "<b>une </b><i>ligne</i>"),
    ],
)
def test_elements_go_where_they_stood(source: str, text: str, translation: str, expected: str) -> None:
    layout = Layout(parsed(source), by_line=False)
    assert layout.texts == [text]
    assert written(layout.fill([translation])) == expected


def test_lines_are_translated_by_themselves_where_line_ends_are_text() -> None:
    items = parsed("One <b>two\n\n  three</b> four\r\n")
    layout = Layout(items, by_line=True)
    assert layout.texts == ["One two", "three four"]
    assert written(layout.fill(["UN DEUX", "TROIS QUATRE"])) == "UN <b>DEUX\n\n  TROIS</b> QUATRE\r\n"
    assert Layout(items, by_line=False).texts == ["One two three four"]


def test_nothing_to_translate_is_kept_as_it_is() -> None:
    layout = Layout(parsed(" <x/> \n<y/>"), by_line=True)
    assert layout.texts == [] and written(layout.fill([])) == " <x/> \n<y/>"


WORDS = st.sampled_from(
    ["go", "c'est", "(well)", "…", "%s", "中文字", "ก็ดี", "e\u0301", "3.14", " ", "  ", "\n", ""]
)


@st.composite
def nested(draw: st.DrawFn) -> list[Item]:
    """Any text with elements that are well nested, each with a number of its own."""
    items: list[Item] = []
    opened: list[int] = []
    for number in range(draw(st.integers(0, 12))):
        kind = draw(st.sampled_from(["text", "text", "open", "close", "alone", "br"]))
        if kind == "text":
            items.append(draw(WORDS))
        elif kind == "open":
            opened.append(number)
            items.append(Mark(number, "open"))
        elif kind != "close":
            items.append(Mark(number, "alone", separates=kind == "br"))
        elif opened:
            items.append(Mark(opened.pop(), "close"))
    return items + [Mark(number, "close") for number in reversed(opened)]


@settings(max_examples=300, deadline=None)
@given(nested(), st.booleans(), st.data())
def test_no_element_and_no_word_is_lost(items: list[Item], by_line: bool, data: st.DataObject) -> None:
    layout = Layout(items, by_line)
    lines = [data.draw(st.lists(WORDS, max_size=6).map(" ".join)) for _ in layout.texts]
    filled = layout.fill(lines)
    assert [item for item in filled if isinstance(item, Mark)] == [i for i in items if isinstance(i, Mark)]
    text = "".join(item for item in filled if isinstance(item, str))
    assert Counter(text.replace(" ", "").replace("\n", "")) == Counter("".join("".join(lines).split()))
    if by_line:
        assert text.count("\n") == "".join(i for i in items if isinstance(i, str)).count("\n")
    assert plain(layout.items) == " ".join(" ".join(Layout(items, by_line=False).texts).split())


@pytest.mark.parametrize(
    ("source", "text", "translation", "expected"),
    [
        ("A <b>red</b> cat", "A ⟦1⟧red⟦2⟧ cat", "Un chat ⟦1⟧rouge⟦2⟧", "Un chat <b>rouge</b>"),
        ("<b>a</b> <i>b</i>", "⟦1⟧a⟦2⟧ ⟦3⟧b⟦4⟧", "⟦3⟧y⟦4⟧ et ⟦1⟧x⟦2⟧", "<i>y</i> et <b>x</b>"),
        ("Press <x/> now", "Press ⟦1⟧ now", "Maintenant ⟦1⟧.", "Maintenant <x/>."),
        ("a <b>red</b> cat", "a ⟦1⟧red⟦2⟧ cat", "un ⟦2⟧chat⟦1⟧ rouge", "un <b>chat</b> rouge"),  # not nested
        ("a <b>red</b> cat", "a ⟦1⟧red⟦2⟧ cat", "un chat ⟦1⟧rouge", "un <b>chat</b> rouge"),  # one is lost
        ("<b>a <i>b</i></b>", "⟦1⟧a ⟦2⟧b⟦3⟧⟦4⟧", "⟦1⟧x ⟦2⟧y⟦4⟧⟦3⟧", "<b>x <i>y</i></b>"),  # crossing
        ("plain", "plain", "simple", "simple"),
    ],
)
def test_a_model_that_knows_symbols_places_elements(
    source: str, text: str, translation: str, expected: str
) -> None:
    layout = Layout(parsed(source), by_line=False, with_symbols=True)
    assert layout.texts == [text] and written(layout.fill([translation])) == expected


@settings(deadline=None)
@given(st.permutations(["⟦1⟧", "⟦2⟧", "⟦3⟧", "⟦4⟧", "x", "y", "z"]), st.booleans())
def test_whatever_a_model_makes_of_symbols_no_element_is_lost_or_crosses(
    order: list[str], glued: bool
) -> None:
    layout = Layout(parsed("<b>one <i>two</i> three</b>"), by_line=False, with_symbols=True)
    shown = written(layout.fill([("" if glued else " ").join(order)]))
    assert Counter(TAG.findall(shown)) == Counter(["<b>", "<i>", "</i>", "</b>"]) and "⟦" not in shown
    opened: list[str] = []
    for tag in TAG.findall(shown):
        if tag.startswith("</"):
            assert opened.pop() == tag.replace("/", "")
        else:
            opened.append(tag)
