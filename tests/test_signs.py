"""Signs of a bad translation, each planted by hand."""

from __future__ import annotations

import time

import pytest

from seqformer.decoding.signs import Evidence, repeats, signs
from seqformer.symbols import UNK
from seqformer.text import languages
from seqformer.text.negation import disagree
from seqformer.text.placeholders import find, lost


def seen(source: str, text: str, confidence: float = -0.3, cut: bool = False) -> list[str]:
    """Signs where each word is a piece, ``?`` an unknown one."""
    known: dict[str, int] = {"?": UNK}
    source_ids, ids = ([known.setdefault(w, len(known) + 9) for w in t.split()] for t in (source, text))
    return signs(Evidence(source, source_ids, text, ids, 1.0, confidence, cut))


LINE = "the old cat sleeps on a red chair"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("le vieux chat dort sur une chaise rouge", []),
        ("le vieux chat chat chat dort sur une chaise", ["loop"]),
        ("le vieux chat dort dort sur une chaise", []),
        ("le chat le chat le chat dort", ["loop"]),
        ("un deux trois quatre x un deux trois quatre y un deux trois quatre", ["loop"]),
        (LINE, ["copy"]),
        (" ".join(f"w{i}" for i in range(23)), ["too long"]),
        (" ".join(f"w{i}" for i in range(22)), []),
        ("le", ["too short"]),
        ("le chat", []),
        ("le vieux ? dort sur une chaise", ["unknown"]),
    ],
)
def test_one_sign_each(text: str, found: list[str]) -> None:
    assert seen(LINE, text) == found


@pytest.mark.parametrize(
    ("source", "text", "found"),
    [
        ("it is 1,250 metres high", "il fait 1.250 mètres", []),
        ("it is 1 250 metres high", "il fait 1250 mètres", []),
        ("it is 12.5 metres high", "il fait 12,5 mètres", []),
        ("it is 12 metres high", "il fait ١٢ mètres", []),
        ("it is 12 metres high", "il fait 13 mètres", ["numbers"]),
        ("it is 12 metres high", "il fait des mètres", ["numbers"]),
        ("it has 2 doors and walls", "il a deux portes et des murs", []),
        ("THE OLD CAT SLEEPS ON IT", "le vieux chat dort dessus", ["capitals"]),
        ("NATO and the EU say so", "l'OTAN et l'UE le disent", []),
        ("STOP", "arrête", []),
    ],
)
def test_numbers_and_capitals(source: str, text: str, found: list[str]) -> None:
    assert seen(source, text) == found


def test_what_is_like_its_source_is_no_loop() -> None:
    assert seen("ho ho ho said he", "ha ha ha dit il") == []
    assert seen("ho ho said he then", "ha ha ha dit il") == ["loop"]
    assert seen("ho " * 7, "ha " * 5) == []
    assert seen("ho " * 7, "ha " * 6) == ["loop"]  # nobody says that


def test_the_model_says_so_itself() -> None:
    assert seen(LINE, "le vieux chat dort sur une chaise", confidence=-3.0) == ["unsure"]
    assert seen(LINE, "le vieux chat dort sur une chaise", cut=True) == ["too long"]
    assert seen("go now", "go now") == []  # two words may be the same in both languages


def pieces(source: str, text: str) -> list[str]:
    """Signs where each character is a piece, as it may be where there are no spaces."""
    source_ids, ids = ([ord(character) for character in each if character != " "] for each in (source, text))
    return signs(Evidence(source, source_ids, text, ids, 1.0, -0.3, False))


@pytest.mark.parametrize(
    ("source", "text", "found"),
    [
        ("那只老猫睡在红椅子上", "あの古い猫は赤い椅子で寝る", []),
        ("那只老猫睡在红椅子上", "那只老猫睡在红椅子上", ["copy"]),
        ("แมวแก่นอนบนเก้าอี้", "แมวแก่นอนบนเก้าอี้", ["copy"]),
        ("东京都", "东京都", []),  # a name
        ("那只老猫睡在红椅子上", "猫が寝る寝る寝る寝ない", ["loop"]),
        ("那只老猫睡在红椅子上", "猫がねねねで寝ない", []),
        (
            "那只老猫睡在红椅子上，那只狗也睡着了",
            "赤い椅子の上で寝る猫、赤い椅子の上で寝る犬、赤い椅子の上で寝る",
            ["loop"],
        ),
        ("they eat together and drink together and sleep", "他们一起吃饭，他们一起喝水，他们一起睡觉", []),
        ("แมวแก่นอนบนเก้าอี้สีแดง", "ແມວນອນນອນນອນບນ", ["loop"]),
        ("哈哈哈哈哈哈他说", "ハハハハハハと彼は", []),
        ("the old cat sleeps on it", "那只老猫老猫老猫睡", ["loop"]),
    ],
)
def test_scripts_without_spaces_are_counted_by_characters(source: str, text: str, found: list[str]) -> None:
    assert pieces(source, text) == found


@pytest.mark.parametrize(
    ("source", "text", "spoken", "found"),
    [
        ("he does not sleep", "il dort", "en-fr", True),
        ("he sleeps", "il ne dort pas", "en-fr", True),
        ("he doesn't sleep", "il ne dort pas", "en-fr", False),
        ("he doesn’t sleep", "er schläft nicht", "en-de", False),
        ("er hat keine Zeit", "he has time", "de_AT-en", True),
        ("he refuses", "il ne veut pas", "en-fr", False),  # another way to say it
        ("I can't sleep", "je dors sans toi", "en-fr", False),
        ("he does not sleep", "il dort", "en-xx", False),
        ("a knot", "un nœud", "en-fr", False),
    ],
)
def test_denials(source: str, text: str, spoken: str, found: bool) -> None:
    assert disagree(source, text, languages.parse(spoken)) is found
    assert disagree(source.upper(), text.upper(), languages.parse(spoken)) is found


def test_repeats_count_runs_back_to_back() -> None:
    assert [repeats(s) for s in ("", "a", "abab", "abcabcabc", "aaab", "abac", "xababababy")] == [
        0, 1, 2, 3, 3, 1, 4,
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("Hello {name}, see <b>this</b> &amp; that", ["{name}", "<b>", "</b>", "&amp;"]),
        ("%s of %d, %1$s and %(count)d at 5% strength", ["%s", "%d", "%1$s", "%(count)d"]),
        ("write to a.b@c.org or see https://x.org/a?b=1.", ["a.b@c.org", "https://x.org/a?b=1"]),
        ("${user} and {{ no }} and {{yes}}", ["${user}", "{{yes}}"]),
        ("1 < 2 and 3 > 2, A&B; 100 %", []),
    ],
)
def test_placeholders_are_recognised(line: str, found: list[str]) -> None:
    assert [span.text for span in find(line)] == found
    assert lost(line, line.upper()) == [] and lost(line, " ".join(line)) == []
    assert lost(line, "nothing of it") == found


def test_a_long_line_of_half_placeholders_takes_linear_time() -> None:
    begin = time.perf_counter()
    for text in ("<a", "{a", "&a", "%(", "a@", "a." * 2 + "@", "https://"):
        find(text * 50_000)
    assert time.perf_counter() - begin < 20  # quadratic would be hours
