"""Punctuation set apart from words, and ordinary text made of tokens again, in many scripts."""

from __future__ import annotations

import re
import time
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqformer.text import punctuation
from seqformer.text.characters import EAST
from seqformer.text.detokenize import Detokenizer
from seqformer.text.normalize import Normalizer

# what means something to one of the rules, alone or beside another
TRAPS = [
    *" .,:;!?…'’\"()[]{}<>&%@#$/\\-_+=·01aiIıßΣς", "\u200b", "\u200c", "\u200d", "\u200e", "\u061c", "\u2066", "\xad",
    "\u0301", "\u0316", "\u0307", "\u0344", "\u0338", "ก", "ำ", "่", "ក", "ា", "្", "က", "ﾞ", "ﾊ", "ﷺ", "ﹰ", "½", "ﬁ",
    "क़", "가", "ᄀ", "ᅡ", "ᆨ", "我", "。", "，", "「", "」", "は", "http://", "www.", "a.b", "{a}", "%s", "%(x)s", "<b>",
    "&amp;", "x@y.z", ".5", "...", "?!", "؟", "،", "।", "።", "፡", "«", "»", "“", "”", "„", "😀", "\U00011047", "\ud800",
    "İ", "ij", "p.m", "1,", "3:", "\t", "▁", "⁇",
]  # fmt: skip
TEXTS = st.lists(st.one_of(st.sampled_from(TRAPS), st.text(max_size=2)), max_size=14).map("".join)
LANGUAGES = ("", "en", "fr", "fr_CA", "de", "tr", "nl", "el", "sv")


def split(line: str) -> str:
    return Normalizer(split_punctuation=True)(line)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("(there)! Is it (here)? So...", "( there ) ! Is it ( here ) ? So ..."),
        ('Really?! "No!!", he said; [well], yes: go…', 'Really ?! " No !! " , he said ; [ well ] , yes : go …'),
        ("यह घर है।वह कहाँ है॥", "यह घर है । वह कहाँ है ॥"),
        ("أين البيت؟ هنا، نعم؛ لا.", "أين البيت ؟ هنا ، نعم ؛ لا ."),
        ("یہ گھر ہے۔وہ کہاں ہے؟", "یہ گھر ہے ۔ وہ کہاں ہے ؟"),
        ("ሰላም፡ለዓለም።", "ሰላም ፡ ለዓለም ።"),
        ("你好，世界！（真的？）「是。」", "你好 ， 世界 ！ （ 真的 ？ ） 「 是 。 」"),
        ("他说:“走.”", "他说 : “ 走 . ”"),
        ("ផ្ទះ។ အိမ်၊ ཁང་པ།", "ផ្ទះ ។ အိမ် ၊ ཁང་པ །"),
        ("¿Qué?¡No! «Oui»", "¿ Qué ? ¡ No ! « Oui »"),
        ("3.14, 1,000; 12:30: 2024-01-01, -.5 (.5), ３，０００。", "3.14 , 1,000 ; 12:30 : 2024-01-01 , -.5 ( .5 ) , ３，０００ 。"),
        ("l'eau, dogs' well-known e.g. U.S. EU:n col·lega", "l'eau , dogs' well-known e.g . U.S . EU:n col·lega"),
        ("कि.मी. กม.ก.", "कि.मी . กม.ก ."),
        ("'I know.' he", "'I know . ' he"),
        ("(see https://a.example.com/b?c=d,e:f.)", "( see https://a.example.com/b?c=d,e:f . )"),
        ("example.com/a:b?c, a.b2@mail.example.com.", "example.com/a:b?c , a.b2@mail.example.com ."),
        ("请看https://a.example.com/b，谢谢", "请看https://a.example.com/b ， 谢谢"),
        ("{name}: ${a.b}, {{x}}! { y } %(n)s; %.2f, %s.", "{name} : ${a.b} , {{x}} ! { y } %(n)s ; %.2f , %s ."),
        ('<a href="x.html">a</a>, <b>c</b>! &amp;, &#39;d;', '<a href="x.html">a</a> , <b>c</b> ! &amp; , &#39;d ;'),
        ("😀! 50%, $5.", "😀 ! 50% , $5 ."),
    ],
)  # fmt: skip
def test_marks_stand_alone_and_the_rest_stays_whole(line: str, expected: str) -> None:
    assert split(line) == expected
    assert split(expected) == expected


def test_every_terminal_mark_of_unicode_is_one() -> None:
    regex = pytest.importorskip("regex")
    known = set(regex.findall(r"\p{Terminal_Punctuation}", "".join(map(chr, range(0x30000)))))
    assert punctuation.terminal() and set(punctuation.terminal()) <= known
    usual = set(".,:;!?؟،؛।॥።፡。，！？：；、၊။។།։")
    assert usual <= set(punctuation.terminal())
    for mark in sorted(punctuation.marks() - {"·"}):
        assert split(f"ab{mark} cd") == f"ab {unicodedata.normalize('NFC', mark)} cd"


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("en", 'I\'m home. Is it (there)! "Yes, I do," he said... and then? Go at 3 p.m. or so.'),
        ("fr", "Va\u202f! Est-ce «\u202foui\u202f»\u202f; non\u202f: 12:30\u202f? (Bien.) Quoi\u202f?!"),
        ("fr_CA", "Va! C'est «\u202foui\u202f»\u202f: bien; non?"),
        ("de", "Er sagte: „Komm!“ »Ja«, sagte sie. [So] ist es."),
        ("es", "¿Qué tal? ¡Hola, (amigo)!"),
        ("sv", "”Ja”, sa han. »Nej»"),
        ("zh", "他说：“你好，世界！”（真的）。Python 3 很好，然后…走了。"),
        ("ja", "「はい」と言った。行く！"),
        ("ko", "네, 좋아요. “그래요?”"),
        ("tr", "Işık istanbul'da. İyi mi? Ilık!"),
        ("el", "Τι κάνεις; Καλά. “Ναι”"),
        ("hi", "यह घर है। वह “कहाँ” है?"),
        ("ar", "كيف حالك؟ نعم، لا؛ “أهلا”."),
        ("am", "ሰላም፡ለዓለም። እንዴት ነህ?"),
        ("hy", "Բարև։ Ինչպե՞ս ես։"),
        ("ka", "სახლი. კარგი."),
        ("nl", "IJs is koud. Dit ook."),
        ("", "»Ja«, »nein«. See https://a.example.com/b?c, {name} and {0}."),
    ],
)
def test_ordinary_text_comes_back(language: str, text: str) -> None:
    normalize = Normalizer(lowercase=True, split_punctuation=True, language=language)
    tokens = normalize(text)
    assert tokens != text.replace("\u202f", " ") and Detokenizer(language, True)(tokens) == text
    cased = Normalizer(split_punctuation=True, language=language)(text)
    assert Detokenizer(language)(cased) == text


def test_what_only_some_languages_have() -> None:
    assert Detokenizer("en", True)("and i ? i'm in .") == "And I? I'm in."
    assert Detokenizer("sv", True)("och i ?") == "Och i?"
    assert Detokenizer("en")("i'm home .") == "i'm home."
    assert Detokenizer("de")("ja ! « oui » non ?") == "ja! «oui» non?"
    assert Detokenizer("fr")("oui » . « non »") == "oui\u202f». «\u202fnon\u202f»"
    assert Detokenizer("zh")("我 爱 你 。 Python 3") == "我爱你。Python 3"


def test_text_that_was_not_set_apart_only_gets_its_capitals() -> None:
    text = 'i\'m home. go on! "yes," i said... and left. (it is 3.5. so.)'
    capitals = 'I\'m home. Go on! "Yes," I said... and left. (It is 3.5. So.)'
    assert Detokenizer("en", True)(text) == capitals and Detokenizer("en")(text) == text
    assert Detokenizer("en")('( " he said )! ." Then') == '("he said)!." Then'  # runs of earlier rules


def test_what_would_not_be_set_apart_again_keeps_its_spaces() -> None:
    assert Detokenizer()("no ! ! ( ( yes ) ) ?! . .") == "no! ! ((yes))?!. ."
    assert Detokenizer()("{ name } and ( &amp ; )") == "{ name } and ( &amp ; )"
    assert Detokenizer()("( { x } ) { a , b }") == "( { x } ) {a, b}"


@given(TEXTS, st.sampled_from(LANGUAGES), st.booleans(), st.booleans())
def test_what_is_joined_is_set_apart_again(text: str, language: str, lowercase: bool, nfkc: bool) -> None:
    """For any text but Chinese with spaces, which are not ordinary, and markup with spaces in it."""
    normalize = Normalizer(lowercase, True, nfkc, language)
    tokens = normalize(text.replace("<", ""))
    ordinary = Detokenizer(language, lowercase)(tokens)
    if not re.search(f"[{EAST}] [{EAST}]", tokens):
        assert normalize(ordinary) == tokens
    assert normalize(ordinary).replace(" ", "") == tokens.replace(" ", "")


@pytest.mark.parametrize(
    "trap", ["(", '"', "!", ". ", "%(", "{a", "<a", "&a", "a@", "a://", "a/.", "1,", "我 ", "»"]
)
def test_a_long_line_takes_linear_time(trap: str) -> None:
    line = trap * (200_000 // len(trap))
    begin = time.perf_counter()
    Detokenizer("fr", True)(Normalizer(True, True)(line))
    assert time.perf_counter() - begin < 20  # of a busy machine; quadratic would be hours
