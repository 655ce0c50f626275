"""Text: normalising, reading, splitting, pieces, the prepared folder."""

from __future__ import annotations

import gzip
import itertools
import time
import unicodedata
from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
from conftest import toy_pairs
from hypothesis import given
from hypothesis import strategies as st
from test_punctuation import TEXTS

from seqformer.config import MODEL_TYPES, PrepareConfig
from seqformer.errors import DataError, SeqformerError
from seqformer.formats.corpus import open_corpus, read_aligned, read_lines
from seqformer.symbols import BOS, EOS, PAD, SPECIALS, UNK
from seqformer.tasks import open_task, text_task
from seqformer.text import clean, prepare, tokenizer, toys
from seqformer.text.clean import Cleaner, Filter
from seqformer.text.faults import Faults
from seqformer.text.normalize import Normalizer
from seqformer.text.prepared import open_pairs, read_split
from seqformer.text.rows import embedded, numbered, read_rows

NORMALIZERS = [
    Normalizer(*flags, language, rules)
    for flags in itertools.product((False, True), repeat=3)
    for language in ("", "tr")
    for rules in (1, 2)
]


@given(st.one_of(st.text(), TEXTS), st.sampled_from(NORMALIZERS))
def test_normalising_twice_changes_nothing(text: str, normalizer: Normalizer) -> None:
    once = normalizer(text)
    assert normalizer(once) == once
    form: Literal["NFC", "NFKC"] = "NFKC" if normalizer.nfkc else "NFC"
    assert once == unicodedata.normalize(form, once) and "\n" not in once and "  " not in once
    assert once == once.strip()


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("\u200fשלום\u200e (\u202bא\u202c) \u2067ב\u2069\u061c", "שלום (א) ב"),
        ("ខ្ញុំ\u200bទៅ\u200b\u200bផ្ទះ\u200b។ \u200b", "ខ្ញុំ\u200bទៅ\u200bផ្ទះ។"),
        ("ฉัน\u200bไป\u2060\u200bบ้าน ငါ\u200bသွား ຂ້ອຍ\u200bໄປ", "ฉัน\u200bไป\u200bบ้าน ငါ\u200bသွား ຂ້ອຍ\u200bໄປ"),
        ("ไป\u200bA4\u200b, A\u200bไป \u200bไป ก\u200b่", "ไป\u200bA4, A\u200bไป ไป ก่"),
        ("mot\u200bs 你\u200b好 \u200b", "mots 你好"),
        ("می\u200cخواهم क्\u200dष 👩\u200d👧", "می\u200cخواهم क्\u200dष 👩\u200d👧"),
    ],
)  # fmt: skip
def test_what_is_not_seen_goes_unless_it_means_something(line: str, expected: str) -> None:
    assert Normalizer()(line) == Normalizer(nfkc=True)(line) == expected


def test_lower_case_is_that_of_the_language() -> None:
    def lower(text: str, language: str = "", rules: int = 2) -> str:
        return Normalizer(lowercase=True, language=language, rules=rules)(text)

    for turkish in ("tr", "tr_TR", "az", "crh"):
        assert lower("IŞIK İstanbul I\u0307yi", turkish) == "ışık istanbul iyi"
    assert (
        lower("IN İstanbul") == lower("IN İstanbul", "en") == lower("IN İstanbul", "tr", 1) == "in i̇stanbul"
    )
    assert lower("ΟΔΟΣ ΣΟΦΟΣ", "el") == "οδος σοφος" and lower("Į̃ J\u0300", "lt") == "į̃ j\u0300"


def test_nfkc_is_a_choice() -> None:
    assert Normalizer(nfkc=True)("ﬁn Ａ１ ½ ﾊﾞ ①…") == "fin A1 1⁄2 バ 1..."
    assert Normalizer()("ﬁn Ａ１ ½ ﾊﾞ ①…") == "ﬁn Ａ１ ½ ﾊﾞ ①…"


def test_each_side_has_its_language(tmp_path: Path) -> None:
    pairs = [(f"IŞIK {number}", f"IN {number}") for number in range(60)]
    config = PrepareConfig(languages="tr-en", lowercase=True, vocab_size=60, valid_size=2, test_size=2)
    manifest = prepare.prepare(pairs, {"valid": [("ISI", "I")]}, tmp_path / "p", config)
    assert read_split(tmp_path / "p", "valid", manifest) == [("ısı", "i")]
    words = {word for pair in read_split(tmp_path / "p", "test", manifest) for word in " ".join(pair).split()}
    assert {word for word in words if word.isalpha()} == {"ışık", "in"}
    assert manifest.normalizer("source")("ISI") == "ısı" and manifest.normalizer("target")("ISI") == "isi"


def test_a_run_keeps_the_rules_of_its_data(data: Path) -> None:
    """Manifests of before the rules had a number are of the first."""
    held = text_task(open_task(data)).manifest
    assert held.config["rules"] == held.normalizer("source").rules == 2
    values = {name: value for name, value in held.config.items() if name not in ("rules", "nfkc")}
    old = replace(held, config=values | {"split_punctuation": True, "lowercase": True})
    normalize = old.normalizer("target")
    assert old.prepare_settings["rules"] == normalize.rules == 1
    assert normalize("\u200e(A.B)! ក\u200bខ।") == "\u200e ( a . b )! កខ।"


@pytest.mark.parametrize(
    "text", ["\u0301", "\u200b", "ก\u200b", "\u200e", "e\u0301\u0316", "ᄀ", "a", "\u0316\u0301", "Σ'"]
)
def test_a_long_line_is_normalised_in_linear_time_and_once(text: str) -> None:
    line = text * (400_000 // len(text))
    for normalizer in (Normalizer(True), Normalizer(True, True, True, "tr")):
        begin = time.perf_counter()
        once = normalizer(line)
        assert normalizer(once) == once
        assert time.perf_counter() - begin < 20  # of a busy machine; quadratic would be an hour


def test_the_same_sentence_in_two_spellings() -> None:
    normalizer = Normalizer(lowercase=True, split_punctuation=True)
    assert normalizer("I'm home.") == normalizer("i'm  home .") == "i'm home ."
    assert normalizer("Va\u202f!") == "va !"
    assert normalizer("e\u0301t\u00e9\u200b, 3.5 (ou 8:30) …") == "été , 3.5 ( ou 8:30 ) …"


def test_lines_end_at_lf_and_nowhere_else(tmp_path: Path) -> None:
    file = tmp_path / "a.txt"
    file.write_bytes("un\u2028deux\r\ntrois\x85quatre\rcinq".encode())
    assert list(read_lines(file)) == ["un\u2028deux", "trois\x85quatre\rcinq"]


def test_files_of_different_lengths(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("1\n2\n3\n")
    (tmp_path / "b").write_text("1\n2\n")
    with pytest.raises(DataError, match="b ends after line 2"):
        list(read_aligned(tmp_path / "a", tmp_path / "b"))
    (tmp_path / "c.gz").write_bytes(gzip.compress(b"sentences\n")[:-4])
    with pytest.raises(DataError, match="not a whole gzip file"):
        list(read_lines(tmp_path / "c.gz"))


def test_every_dropped_pair_has_a_reason(tmp_path: Path) -> None:
    pairs = [("a b", "c d"), ("", "x"), ("same", "same"), ("a", "w " * 30), ("a b", "c d"), ("e", "f")]
    cleaner = Cleaner((Normalizer(), Normalizer()), Filter())
    assert clean.clean(numbered(pairs, cleaner.faults), cleaner, tmp_path / "clean") == 2
    assert [row[:2] for row in read_rows(tmp_path / "clean")] == [["a b", "c d"], ["e", "f"]]
    assert cleaner.faults.dropped == {
        "empty side": 1, "copy of the source": 1, "lopsided": 1, "duplicate": 1
    }  # fmt: skip
    assert cleaner.seen == 2 + cleaner.faults.dropped.total()


def test_the_store_gives_back_what_was_encoded(data: Path) -> None:
    task = text_task(open_task(data))
    learned, valid = task.tokenizer, open_pairs(data, "valid", task.manifest)
    for number, (source, target) in enumerate(read_rows(data / "valid.tsv")):
        assert valid.source[number].tolist() == learned.source.encode([source])[0]
        assert valid.target[number].tolist() == learned.target.encode([target])[0]
    assert valid.source.lengths(np.arange(5)).tolist() == [len(valid.source[i]) for i in range(5)]


def test_preparing_again_gives_the_same_bytes(data: Path, tmp_path: Path) -> None:
    again = tmp_path / data.name
    prepare.prepare(toy_pairs(), {}, again, PrepareConfig(vocab_size=80, valid_size=5, test_size=5))
    for file in sorted(data.iterdir()):
        assert (again / file.name).read_bytes() == file.read_bytes(), file.name


@pytest.mark.parametrize("model_type", MODEL_TYPES)
@pytest.mark.parametrize("size", [8, 200, 32_000])
def test_decoding_undoes_encoding_at_any_size(model_type: str, size: int) -> None:
    lines = [s for s, _ in toy_pairs()] + ["où ?", "l'été , 3.5 !", "ខ្ញុំ\u200bទៅ\u200bផ្ទះ ។"]
    vocabulary = tokenizer.train(lambda: iter(lines), model_type, size, 1)
    if size == 8 and model_type in ("word", "char"):  # here the size decides what is unknown
        assert len(vocabulary) == 8
        return
    assert vocabulary.decode(vocabulary.encode(lines)) == lines
    assert [vocabulary.pieces([i])[0] for i in (PAD, UNK, BOS, EOS)] == ["<pad>", "<unk>", "<s>", "</s>"]
    assert vocabulary.decode([[BOS, *vocabulary.encode(["le chat"])[0], EOS, PAD]]) == ["le chat"]
    assert vocabulary.encode(["</s> <s>"])[0].count(EOS) == 0  # text cannot spell a special symbol


def chapter_pairs(count: int = 700) -> list[tuple[str, str]]:
    """Lines as ManyThings has them: capitals, narrow spaces, punctuation at the word, repeated sources."""
    made = [(f"Word{i // 3}\u202f!", f"Mot{i % 7}, oui.") for i in range(count - 1)]
    return [("One two three four five six seven eight nine.", "Un Un."), *made]


def test_the_chapters_style(tmp_path: Path) -> None:
    manifest = prepare.prepare(chapter_pairs(), {}, tmp_path / "d2l", prepare.style("d2l"))
    assert manifest.pairs == {"train": 512, "valid": 128, "test": 128} and manifest.dropped == {}
    held_out = list(map(tuple, read_rows(tmp_path / "d2l/valid.tsv")))
    # in the order of the file, normalised: the first held-out pair is number 512 of 640
    assert held_out[0] == ("word170 !", "mot0 , oui .") and held_out[-1] == ("word212 !", "mot1 , oui .")
    assert held_out == list(map(tuple, read_rows(tmp_path / "d2l/test.tsv")))
    learned = tokenizer.load(tmp_path / "d2l", manifest)
    assert not learned.joint
    # known is what all 640 pairs have twice, those held out included; not what they have once, or what follows
    for word, known in (("word169", True), ("word170", True), ("one", False), ("word200", True)):
        assert (UNK not in learned.source.encode([word])[0]) == known, word
    assert learned.source.encode(["one two word3 three"]) == [
        [UNK, UNK, *learned.source.encode(["word3"])[0], UNK]
    ]
    train = open_pairs(tmp_path / "d2l", "train", manifest)
    assert len(train.source[0]) == 8 and manifest.longest["source"] == 8  # ten pieces, cut
    counts = {w for row in range(512) for w in train.target[row].tolist()}
    assert UNK not in counts and len(learned.target) == SPECIALS + 7 + len({"un", ",", "oui", "."})


def test_a_style_needs_more_pairs_than_it_holds_out(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="128 pairs are too few"):
        prepare.prepare(chapter_pairs(128), {}, tmp_path / "few", prepare.style("d2l"))
    assert not (tmp_path / "few").exists()


def test_nothing_is_left_half_written(tmp_path: Path) -> None:
    out = tmp_path / "prepared"
    with pytest.raises(DataError, match="corpus is empty"):
        prepare.prepare([], {}, out, PrepareConfig())
    with pytest.raises(DataError, match="no pair is left"):
        prepare.prepare([("", "c d")], {}, out, PrepareConfig())
    assert not list(tmp_path.iterdir())
    out.mkdir()
    (out / "thesis.txt").write_text("precious")
    with pytest.raises(SeqformerError, match="holds something else"):
        prepare.prepare(toy_pairs(), {}, out, PrepareConfig())
    assert (out / "thesis.txt").read_text() == "precious"
    assert set(tmp_path.rglob("*")) == {out, out / "thesis.txt"}


@pytest.mark.parametrize("name", sorted(toys.TOYS))
def test_tasks_are_right_and_held_out(name: str) -> None:
    split = toys.generate(name, 1)
    held_out = {s for s, _ in split.valid + split.test}
    assert not held_out & {s for s, _ in split.train} and split.train and split.valid and split.test
    answers = {"copy": list, "reverse": lambda x: x[::-1], "sort": sorted}
    for source, target in split.train[:200] + split.test:
        symbols = source.split()
        assert 1 <= len(symbols) <= 20
        expected = answers[name](symbols) if name in answers else [str(1 - int(s)) for s in symbols]
        assert target.split() == expected


def test_alternating_holds_out_lengths() -> None:
    split = toys.alternating()
    lengths = [{len(s.split()) for s, _ in part} for part in (split.train, split.valid, split.test)]
    assert set.union(*lengths) == set(range(2, 21)) and sum(map(len, lengths)) == 19


def test_the_embedded_corpus_holds_the_chapters_sentences() -> None:
    pairs = dict(open_corpus(embedded(), Faults()).pairs)
    normalizer = Normalizer(lowercase=True, split_punctuation=True)
    known = {normalizer(s): normalizer(t) for s, t in pairs.items()}
    assert known["go ."] == "va !" and known["i lost ."] == "j'ai perdu ."
    assert known["he's calm ."] == "il est calme ." and known["i'm home ."] == "je suis chez moi ."
    assert len(pairs) >= 21_500
