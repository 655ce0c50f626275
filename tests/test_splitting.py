"""Cutting long lines: nothing lost, nothing too long, and no more time than the line has characters."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqformer.decoding.splitting import cut, split


def words(texts: list[str]) -> list[int]:
    return [len(text.split()) for text in texts]


def letters(texts: list[str]) -> list[int]:
    return [len(text.replace(" ", "")) for text in texts]


@pytest.mark.parametrize(
    ("text", "reach", "parts"),
    [
        ("a b. c d? e", 3, ["a b.", "c d?", "e"]),
        ('"a b." c d... e 1.5 f!', 3, ['"a b."', "c d...", "e 1.5 f!"]),
        ("a b, c d; e f g. h", 4, ["a b, c d;", "e f g.", "h"]),
        ("a b c d e, f g", 2, ["a b", "c d", "e,", "f g"]),
        ("a b c d e", 2, ["a b", "c d", "e"]),
        ("a,b.c d", 1, ["a,b.c", "d"]),
        ("a . b , c d e", 3, ["a .", "b ,", "c d e"]),
        ("a b . . . c d . . e f", 5, ["a b .", ". . c d .", ". e f"]),
        ("", 3, []),
    ],
)
def test_by_hand(text: str, reach: int, parts: list[str]) -> None:
    assert split(text, words, reach) == parts


def test_where_no_space_follows_an_end() -> None:
    assert split("他来了。她走了！「是吗？」对", letters, 6) == ["他来了。", "她走了！", "「是吗？」", "对"]
    assert split("一二、三四、五六七八", letters, 6) == ["一二、三四、", "五六七八"]


@settings(max_examples=150, deadline=None)
@given(st.text(st.sampled_from("ab .,;。、?\"'”—"), max_size=80), st.integers(1, 9))
def test_nothing_is_lost_and_nothing_is_longer_than_it_must_be(text: str, reach: int) -> None:
    line = " ".join(text.split())
    parts = split(line, letters, reach)
    assert "".join(parts).replace(" ", "") == line.replace(" ", "")
    assert all(parts) and [part.strip() for part in parts] == parts
    for part in parts:
        assert letters([part])[0] <= reach or " " not in part


def test_pieces_are_cut_at_the_reach() -> None:
    assert cut([1, 2, 3, 4, 5], 2) == [[1, 2], [3, 4], [5]]
    assert cut([], 2) == []


@pytest.mark.parametrize("unit", ["a", ".", ". ", ", ", "a ", "。", '."', "a.b,"])
def test_time_is_linear_in_the_line(unit: str) -> None:
    """Ten times the line would take a hundred times as long if any step looked back."""
    line = (unit * 200_000).strip()
    begin = time.perf_counter()
    split(line, words, 50)
    assert time.perf_counter() - begin < 5
