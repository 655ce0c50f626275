"""Faults planted in a clean corpus are found at their lines, with their counts, and nothing else is."""

from __future__ import annotations

import json
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from conftest import Command, toy_pairs
from hypothesis import given
from hypothesis import strategies as st
from test_punctuation import TEXTS

from seqformer.config import PrepareConfig
from seqformer.formats import corpus
from seqformer.tasks import open_task
from seqformer.text import characters, clean, prepare, rows
from seqformer.text.clean import Cleaner, Filter
from seqformer.text.faults import BLOCK, Faults, Lines
from seqformer.text.normalize import Normalizer
from seqformer.text.prepared import TextManifest

CLEAN = toy_pairs(60)
SMALL = ("--vocab-size", 80)


def tsv(rows: list[tuple[str, str]]) -> bytes:
    return "".join(f"{s}\t{t}\n" for s, t in rows).encode()


def planted(lines: dict[int, bytes]) -> bytes:
    """The clean corpus with some lines (counted from 1) replaced."""
    made = tsv(CLEAN).split(b"\n")
    for number, line in lines.items():
        made[number - 1] = line
    return b"\n".join(made)


def repeated(number: int) -> bytes:
    return "\t".join(CLEAN[number - 1]).encode()


# kind -> what stands at which lines, and what is done about it
PLANTED: dict[str, tuple[dict[int, bytes], str]] = {
    "empty side": ({3: b"\tune maison", 9: b"un chat\t", 20: b"  \tun chien", 31: b""}, "dropped"),
    "copy of the source": ({5: b"un chat rouge\tun chat  rouge"}, "dropped"),
    "duplicate": ({8: repeated(2), 30: repeated(2), 60: repeated(59)}, "dropped"),
    "lopsided": ({7: b"un chat\t" + b"la maison " * 20}, "dropped"),
    "overlong": ({12: b"le " * 70 + b"\t" + b"la " * 70}, "dropped"),
    "not UTF-8": ({4: b"un \xe9t\xe9\tun chat", 44: b"un chat\tun \xff"}, "dropped"),
    "no tab": ({6: b"un chat dort"}, "dropped"),
    "mojibake": ({1: "un Ã©tÃ©\tun chien".encode(), 2: "il dort\tlâ€™été dort".encode()}, "dropped"),
    "replacement character": ({10: "un chat\tun �t�".encode()}, "dropped"),
    "odd script": ({11: "кот и дом\tun chat".encode(), 50: "un chien\t犬です".encode()}, "dropped"),
    "control character": ({13: b"un\x00 chat\til \x7fdort"}, "removed"),
    "invisible character": ({14: "\ufeffun chat gris\tun\u200b chien gris".encode()}, "removed"),
    "direction mark": ({25: "un \u200echat\tun \u2067chien\u2069".encode(), 26: "\u061cil\tla".encode()}, "removed"),
    "special space": ({15: "va\u202f!\tdors\xa0!".encode(), 16: "a\u3000b\tc d".encode()}, "became a plain space"),
    "line separator": (
        {17: "un\u2028deux\ttrois".encode(), 18: "a\x85c\td".encode(), 19: b"e\x0cf\tg\rh"},
        "became a plain space",
    ),
    "stray tab": ({21: b"un\tdeux\ttrois", 22: b"chat\tchien\t"}, "further columns ignored"),
    "CR LF": ({23: b"chat noir\tchien noir\r", 24: b"chat roux\tchien roux\r"}, "read as a line end"),
}  # fmt: skip


def reported(command: Command, *arguments: object) -> list[dict[str, object]]:
    code, _, err = command("prepare", *arguments, *SMALL, "--report", "faults.json")
    assert code == 0, err
    found: list[dict[str, object]] = json.loads(Path("faults.json").read_text("utf-8"))
    for entry in found:
        assert set(entry) == {"kind", "file", "count", "lines", "action", "example"}
        assert str(entry["kind"]) in err
    return found


def facts(entries: list[dict[str, object]]) -> set[tuple[object, ...]]:
    return {(e["kind"], e["count"], tuple(e["lines"]), e["action"]) for e in entries}  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", PLANTED)
def test_a_planted_fault_is_found_and_nothing_else(command: Command, kind: str) -> None:
    lines, action = PLANTED[kind]
    Path("p.tsv").write_bytes(planted(lines))
    found = reported(command, "p.tsv", "--max-pieces", 60, "--max-ratio", 5)
    assert facts(found) == {(kind, len(lines), tuple(sorted(lines)), action)}
    manifest = open_task(Path("prepared/p")).manifest
    assert manifest.dropped == ({kind: len(lines)} if action == "dropped" else {})
    assert manifest.read == 60 == sum(manifest.pairs.values()) + sum(manifest.dropped.values())


def test_all_faults_at_once_keep_their_lines(command: Command) -> None:
    together = {n: line for lines, _ in PLANTED.values() for n, line in lines.items()}
    Path("p.tsv").write_bytes(planted(together) + tsv([(f"{s} et {s}", f"{t} et {t}") for s, t in CLEAN]))
    found = reported(command, "p.tsv", "--max-pieces", 60, "--max-ratio", 5)
    # two of these take the place of lines that a duplicate repeats: lines 8 and 30 repeat each other
    expected = {(k, len(v), tuple(sorted(v)), a) for k, (v, a) in PLANTED.items() if k != "duplicate"}
    assert facts(found) == expected | {("duplicate", 2, (30, 60), "dropped")}


def test_a_clean_corpus_has_an_empty_report(command: Command) -> None:
    Path("p.tsv").write_bytes(tsv(CLEAN).replace(b"\n", b"\tCC-BY\n"))
    assert reported(command, "p.tsv") == []
    code, _, err = command("prepare", "p.tsv", *SMALL, "--strict")
    assert code == 0 and "Faults" not in err


def test_aligned_files_are_named_each(command: Command) -> None:
    sources, targets = ([pair[i] for pair in CLEAN] for i in (0, 1))
    sources[4], targets[4], targets[6] = "un\tchat", "un chien", "la\u2009maison"
    valid = [("le chat dort", "le chat dort"), ("", "vide"), ("ça va", "va Ã§a"), (CLEAN[9][0], "autre")]
    for name, lines in (
        ("a", sources),
        ("b", targets),
        ("c", [s for s, _ in valid]),
        ("d", [t for _, t in valid]),
    ):
        Path(name).write_text("".join(line + "\n" for line in lines), "utf-8")
    for swap in ((), ("--swap",)):
        found = reported(command, "--source", "a", "--target", "b", "--valid-source", "c", "--valid-target", "d",
                         "--out", f"prepared/{len(swap)}", *swap)  # fmt: skip
        told = {(e["kind"], e["file"], tuple(e["lines"]), e["action"]) for e in found}  # type: ignore[arg-type]
        assert told >= {
            ("stray tab", "a", (5,), "became a plain space"),
            ("special space", "b", (7,), "became a plain space"),
            ("copy of the source", "dc"[not swap], (1,), "kept"),
            ("empty side", "dc"[not swap], (2,), "dropped"),
            ("mojibake", "d", (3,), "kept"),
        }
        assert (f"{'target' if swap else 'source'} also held out", "ab"[len(swap)], (10,), "dropped") in told
        assert len(told) == 6
        assert open_task(Path(f"prepared/{len(swap)}")).manifest.pairs["valid"] == 3


@pytest.mark.parametrize("kind", ["duplicate", "overlong", "CR LF"])
def test_strict_leaves_nothing_but_the_report(command: Command, kind: str) -> None:
    Path("p.tsv").write_bytes(planted(PLANTED[kind][0]))
    code, out, err = command("prepare", "p.tsv", *SMALL, "--max-pieces", 60, "--strict", "--report", "f.json")
    assert code == 2 and out == "" and err.count("\n") == 1
    assert f"p.tsv, line {min(PLANTED[kind][0])}" in err and kind in err
    assert [entry["kind"] for entry in json.loads(Path("f.json").read_text("utf-8"))] == [kind]
    assert sorted(p.name for p in Path().rglob("*")) == ["f.json", "p.tsv", "prepared"]
    assert not list(Path("prepared").iterdir())


def test_without_a_filter_faults_are_told_and_pairs_stay(tmp_path: Path) -> None:
    faults = Faults()
    pairs = rows.numbered([*CLEAN, CLEAN[0], ("même", "même"), ("Ã©tÃ©", "was")], faults)
    config = PrepareConfig(filter=False, vocab_size=80)
    manifest = prepare.prepare(pairs, {}, tmp_path / "p", config, faults=faults)
    assert sum(manifest.pairs.values()) == manifest.read == 63 and manifest.dropped == {}
    assert {(f.kind, tuple(f.lines), f.action) for f in faults.entries()} == {
        ("duplicate", (61,), "kept"), ("copy of the source", (62,), "kept"), ("mojibake", (63,), "kept")
    }  # fmt: skip


def test_every_line_of_many_is_kept(command: Command) -> None:
    faults = Faults()
    for _ in rows.numbered([("a\xa0b", "c")] * 70_000, faults):
        faults.look("a\xa0b", "c\xa0d")
    (fault,) = faults.entries()
    assert (fault.count, fault.example) == (70_000, "a\\xa0b")
    assert list(fault.lines) == list(range(1, 70_001)) and fault.lines.first(2) == [1, 2]
    faults.write(Path("f.json"))
    assert json.loads(Path("f.json").read_text("utf-8")) == faults.report()

    more = [(f"{s} {n}", f"{t} {n}") for n in range(5) for s, t in CLEAN]
    Path("p.tsv").write_bytes(tsv([*more, *more[:288]]))
    (duplicates,) = reported(command, "p.tsv")
    assert duplicates["lines"] == list(range(301, 589)) and duplicates["count"] == 288


@given(st.lists(st.integers(0, 3 * BLOCK)))
def test_lines_are_a_set_in_order(numbers: list[int]) -> None:
    lines, known = Lines(), set[int]()
    for number in numbers:
        assert lines.add(number) == (number not in known)
        known.add(number)
    assert list(lines) == sorted(known)


def test_lines_take_a_bit_each() -> None:
    """A fault in every line, and one in a few of them."""
    for step in (1, 1000):
        tracemalloc.start()
        lines = Lines()
        for number in range(0, 4 * BLOCK, step):
            lines.add(number)
        used = tracemalloc.get_traced_memory()[0]
        tracemalloc.stop()
        assert used < 4 * BLOCK / 8 * 1.2


def test_a_side_in_two_scripts_is_not_judged(tmp_path: Path) -> None:
    mixed = [(f"kot {n}", f"un chat {n}") for n in range(8)] + [("кот", "un chat"), ("дом и кот", "maison")]
    cleaner = Cleaner((Normalizer(), Normalizer()), Filter())
    assert clean.clean(rows.numbered(mixed, cleaner.faults), cleaner, tmp_path / "c") == 10


SIGNS = {"3º": "Latin", "2ª": "Latin", "5 µ": "", "ℓ": "", "№ 5": "", "Å": "Latin", "½": "", "5 ៛": ""}


def test_signs_are_no_odd_script(command: Command) -> None:
    pairs = CLEAN + [(f"{s} et {s}", f"{t} et {t}") for s, t in CLEAN]
    signs = [pair for sign in SIGNS for pair in ((sign, "un chat"), ("un chat", sign))]
    Path("p.tsv").write_bytes(tsv(pairs + signs))
    assert reported(command, "p.tsv", "--max-ratio", 9) == []
    manifest = open_task(Path("prepared/p")).manifest
    assert isinstance(manifest, TextManifest)
    assert sum(manifest.pairs.values()) + sum(manifest.dropped.values()) == len(pairs) + len(signs)
    assert set(manifest.dropped) <= {"source also held out", "target also held out"}


@pytest.mark.parametrize(
    ("line", "script"),
    [("3 + 4 = 7", ""), ("Tom's", "Latin"), ("été", "Latin"), ("Привет, Tom", "Cyrillic"), ("犬です。", "Han"),
     ("コーヒー", "Han"), ("ㄅㄆㄇ", "Han"), ("한국어", "Hangul"), ("हिन्दी", "Devanagari"), ("שלום", "Hebrew"), ("дaдa", "mixed"),
     ("Ｔｏｍ", "Latin"), ("\u212b", "Latin"), *SIGNS.items()],
)  # fmt: skip
def test_scripts(line: str, script: str) -> None:
    assert characters.script(line) == script


SENTENCES = [
    "Où est l’été ?",
    "Größe",
    "Здравствуйте",
    "今日は雨です",
    "niño",
    "“naïve”",
    "Łódź jest",
    "β-Test: 20 °C",
]
REAL = ["Fuß“", "CAFÉ\xa0!", "MANHÃ”", "PASÓ…", "passé\xa0»", "Úžasný", "PŘÍŠERNÝ", "Qué…¿No?", "grö\xadße", "IRMÃ…",
        "sä\xad\xadger", "“Ã”", "Ó\xa0Murchú", "TÄMÄ”", "DÉJÀ»", "évoqué\xa0«le", "3×²", "Ö…Ö…"]  # fmt: skip


@pytest.mark.parametrize("sentence", SENTENCES)
def test_mojibake_is_seen(sentence: str) -> None:
    assert characters.mojibake(sentence) is None
    raw = sentence.encode()
    assert characters.mojibake(raw.decode("latin-1")) is not None
    lenient = "".join(bytes([byte]).decode("cp1252", "ignore") or chr(byte) for byte in raw)
    assert characters.mojibake(lenient) is not None


@pytest.mark.parametrize("text", REAL)
def test_real_text_is_no_mojibake(text: str) -> None:
    assert characters.mojibake(text) is None


@given(st.one_of(st.text(), TEXTS), st.sampled_from([1, 2]))
def test_odd_characters_are_those_that_normalising_changes(text: str, rules: int) -> None:
    """What is told as repaired is repaired, and what is repaired is told."""
    told = {kind for kind, _ in characters.odd(text, rules)}
    odd = set("".join(characters.KINDS.values())) - set(characters.DIRECTIONS if rules == 1 else "")
    plain = "".join(
        character
        for at, character in enumerate(text)
        if character not in odd or (character == "\u200b" and rules == 2 and characters.separates(text, at))
    )
    assert bool(told) == (plain != text)
    assert not list(characters.odd(Normalizer(rules=rules)(text), rules))


@given(st.lists(st.integers(0, 40)), st.integers(1, 7))
def test_repeats_are_those_of_a_set(numbers: list[int], part: int) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        marks = Path(folder) / "marks"
        np.array(numbers, "<u8").tofile(marks)
        bitmap = clean.repeats(marks, part)
    known: set[int] = set()
    for place, number in enumerate(numbers):
        assert bool(bitmap[place >> 3] >> (place & 7) & 1) == (number in known)
        known.add(number)


def test_the_embedded_corpus_has_no_damage(tmp_path: Path) -> None:
    faults = Faults()
    cleaner = Cleaner((Normalizer(), Normalizer()), Filter(), faults)
    clean.clean(corpus.open_corpus(rows.embedded(), faults).pairs, cleaner, tmp_path / "clean")
    assert {fault.kind for fault in faults.entries()} <= {"duplicate", "copy of the source"}
