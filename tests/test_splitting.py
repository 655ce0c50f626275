"""Cutting long lines: nothing lost, nothing too long, and no more time than the line has characters."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqformer.decoding.splitting import Divider, cut, joined, split
from seqformer.errors import SeqformerError
from seqformer.text import tokenizer
from seqformer.text.normalize import Normalizer
from seqformer.text.sentences import are_single, sentences


def words(texts: list[str]) -> list[int]:
    return [len(text.split()) for text in texts]


def letters(texts: list[str]) -> list[int]:
    return [len(text.replace(" ", "")) for text in texts]


@pytest.mark.parametrize(
    ("text", "reach", "parts"),
    [
        ("a b, c d; e f g. h", 4, ["a b, c d;", "e f g. h"]),
        ("a b c d e, f g", 2, ["a b", "c d", "e,", "f g"]),
        ("a b c d e", 2, ["a b", "c d", "e"]),
        ("a,b.c d", 1, ["a,b.c", "d"]),
        ("a b , c d e", 3, ["a b ,", "c d e"]),
        ("", 3, []),
    ],
)
def test_a_sentence_is_cut_by_hand(text: str, reach: int, parts: list[str]) -> None:
    assert split(text, words, reach) == parts


def test_where_no_space_follows_an_end() -> None:
    assert split("一二、三四、五六七八", letters, 6) == ["一二、三四、", "五六七八"]


@pytest.mark.parametrize(
    ("line", "language", "found"),
    [
        ("Where is the station? I lost my keys.", "en", ["Where is the station? ", "I lost my keys."]),
        ("where is it ? i am here .", "en", ["where is it ? ", "i am here ."]),
        (
            "Dr. Smith lives in the U.S. now. He is 3.5 m tall.",
            "en",
            ["Dr. Smith lives in the U.S. now. ", "He is 3.5 m tall."],
        ),
        ("wait ... what ?", "en", ["wait ... what ?"]),
        ("Am 3. Mai kam Dr. Meier. Er ging.", "de", ["Am 3. Mai kam Dr. Meier. ", "Er ging."]),
        ("他来了。她走了！是吗？", "zh", ["他来了。", "她走了！", "是吗？"]),
        ("मैं ठीक हूँ। आप कैसे हैं?", "hi", ["मैं ठीक हूँ। ", "आप कैसे हैं?"]),
        ("أين المحطة؟ فقدت مفاتيحي.", "ar", ["أين المحطة؟ ", "فقدت مفاتيحي."]),
        ("ሰላም። እንዴት ነህ።", "", ["ሰላም። ", "እንዴት ነህ።"]),
        ("", "en", []),
    ],
)
def test_sentences(line: str, language: str, found: list[str]) -> None:
    assert sentences(line, language) == found


ENDS = st.text(st.one_of(st.sampled_from("ab AB.!?。\"'()\u2028\xa0\n"), st.characters()), max_size=60)


@settings(max_examples=200, deadline=None)
@given(ENDS, st.sampled_from(["", "en", "zh", "de", "xx"]))
def test_sentences_are_the_line(line: str, language: str) -> None:
    assert "".join(sentences(line, language)) == line


@pytest.mark.parametrize("unit", ["' ", "a. ", '"a. ', "。", "A b c. ", "a", "Mr. "])
def test_sentences_take_time_linear_in_the_line(unit: str) -> None:
    begin = time.perf_counter()
    sentences(unit * (600_000 // len(unit)), "en")
    assert time.perf_counter() - begin < 5


def test_what_a_corpus_is_of() -> None:
    assert are_single(["a man sleeps .", "Two dogs run."] * 500, "en")
    assert not are_single(["Where are you? Here I am.", *["Two dogs run."] * 100], "en")


def divider(single: bool, reach: int = 4, most: int | None = None) -> Divider:
    text = ["a b c d e f g h i j . ? ! , ... A B C D E F G H I J"] * 30
    learned = tokenizer.train(lambda: iter(text), "word", 100, 1)
    return Divider(learned, Normalizer(split_punctuation=True), "en", reach, most, single)


def divided(line: str, kind: Divider, *, whole: bool = False) -> tuple[list[str], bool]:
    (found,) = kind.divide([line], [kind.normalizer(line)], whole=whole)
    assert all(kind.vocabulary.encode([part.text]) == [part.ids] for part in found.parts)
    return [part.text for part in found.parts], found.cut


def test_one_piece_beyond_the_longest_is_no_second_sentence() -> None:
    for single in (True, False):
        assert divided("a b c d e", divider(single)) == (["a b c d e"], False)
        assert divided("a b , c d", divider(single)) == (["a b , c d"], False)
        assert divided("a b c d e f g h , j", divider(single, reach=8)) == (["a b c d e f g h , j"], False)
        assert divided("a b c d e f g h , i j", divider(single, reach=8))[1]
        assert divided("a b c , d e f g", divider(single)) == (["a b c ,", "d e f g"], True)


def test_two_sentences_are_two_where_training_had_one_a_line() -> None:
    assert divided("A b? C d.", divider(True)) == (["A b ?", "C d ."], False)
    assert divided("A b? C.", divider(True, reach=9)) == (["A b ?", "C ."], False)
    assert divided("A b? C.", divider(False, reach=9)) == (["A b ? C ."], False)
    assert divided("A b? C d.", divider(False)) == (["A b ?", "C d ."], False)  # longer than any line there
    assert divided("A b! ...", divider(True))[0] == ["A b ! ..."]
    assert divided("A b? C d.", divider(True), whole=True) == (["A b ? C d ."], False)
    assert divided("  ", divider(True)) == ([], False)
    with pytest.raises(SeqformerError, match="reads 5 at most"):
        divided("a b c d e f", divider(True, most=5), whole=True)


def test_parts_are_joined_as_their_script_wants() -> None:
    assert joined(["Je suis là .", "", "Et toi ?"]) == "Je suis là . Et toi ?"
    assert joined(["我很好。", "你呢？"]) == "我很好。你呢？"
    assert joined(["สวัสดี", "ไปไหน"]) == "สวัสดีไปไหน"
    assert joined(["NATO", "我"]) == "NATO 我" and joined([]) == ""


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
