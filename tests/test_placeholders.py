"""Placeholders: hidden from the model, put back as they were, never lost, whatever the model says."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from conftest import toy_pairs
from hypothesis import given
from hypothesis import strategies as st

from seqformer import api
from seqformer.config import PrepareConfig
from seqformer.inference.model import Model
from seqformer.tasks import open_task, text_task
from seqformer.text import prepare, teaching
from seqformer.text.normalize import Normalizer
from seqformer.text.placeholders import SYMBOLS, Hidden, Shield, damaged, find
from seqformer.text.rows import read_rows, write_rows

SPANS = ("{name}", "%s", "<b>", "</b>", "<br/>", "&amp;", "http://x.org/a?b=1", "a.b@c.org", "%(n)d")
WORDS = ("Le", "chat", "日本語", "ไทย", ",", ".", "!", "42", " ", " ")
MIXED = st.lists(st.sampled_from(SPANS + WORDS), max_size=14).map("".join)


@given(MIXED)
def test_a_line_hidden_and_restored_is_that_line(line: str) -> None:
    hidden = Shield().hide(line)
    assert hidden.restored(hidden.text).strip() == line.strip()
    again = Shield().hide(hidden.text)
    assert all(
        (symbol in hidden.text) <= (symbol in again.text) for symbol in SYMBOLS
    )  # they keep their names
    assert again.restored(again.text).strip() == hidden.text.strip()
    assert Shield(on=False).hide(line) == Hidden(line)


@given(MIXED, st.booleans(), st.booleans())
def test_normalisation_leaves_placeholders_alone_and_is_done_once(
    line: str, lower: bool, split: bool
) -> None:
    normalize = Normalizer(lower, split, placeholders=True)
    normal = normalize(line)
    assert normalize(normal) == normal
    assert [span.text for span in find(normal)] == [span.text for span in find(line)]


def test_a_symbol_in_a_text_stands_for_itself() -> None:
    hidden = Shield().hide("⟦2⟧ and {x} and ⟦2⟧")
    assert hidden.text == "⟦2⟧ and ⟦1⟧ and ⟦3⟧" and hidden.restored(hidden.text) == "⟦2⟧ and {x} and ⟦2⟧"


def test_both_sides_of_a_pair_get_the_same_symbols() -> None:
    both = Shield().hide_both("Hi {a}, click <b>here</b> %s", "Klick <b>hier</b>, {A}: {b}")
    assert both == ("Hi ⟦1⟧, click ⟦2⟧ here ⟦3⟧ %s", "Klick ⟦2⟧ hier ⟦3⟧, ⟦1⟧: {b}")
    assert Shield().hide_both("<de> hi", "hallo") == ("<de> hi", "hallo")
    twice = Shield().hide_both("%s and %s or %s", "%s und %s")
    assert twice == ("⟦1⟧ and ⟦2⟧ or %s", "⟦1⟧ und ⟦2⟧")


def test_what_a_model_says_is_put_in_order() -> None:
    hidden = Shield().hide("See <b>{file}</b>s")
    assert hidden.text == "See ⟦1⟧ ⟦2⟧ ⟦3⟧ s"
    assert hidden.restored("⟦1⟧ ⟦2⟧ ⟦3⟧ e siehe") == "<b>{file}</b>e siehe"
    assert (
        hidden.restored("siehe ⟦2⟧ ⟦2⟧ an ⟦7⟧ .") == "siehe {file} an ."
    )  # once, and none that was not there
    assert damaged("<b>x</b>", "</b>x<b>") and damaged("<a><b>x</b></a>", "<a><b>x</a></b>")
    assert not damaged("<b>x<br>y</b>", "<b>x<br>y</b>") and damaged("{x}", "x")


@pytest.fixture(scope="module")
def untrained(tmp_path_factory: pytest.TempPathFactory) -> Model:
    folder = tmp_path_factory.mktemp("placeholders")
    made = api.prepare(toy_pairs(), out=folder / "data", vocab_size=90, valid_size=5, test_size=5)
    return api.load(api.train(made, run=folder / "run", max_steps=2, preset="toy"))


LINES = ["le {chat} dort", "<b>un</b> chien, %s &amp; %s", "le chat", "{a}{b}{c} http://a.b/c. {d}"]


@pytest.mark.parametrize(
    "settings",
    [
        {"beam": 1},
        {"beam": 4},
        {"beam": 4, "n_best": 2},
        {"beam": 1, "max_length": 12},
        {"glossary": {"le": "un"}},
    ],
)
def test_no_placeholder_is_lost_or_said_twice(untrained: Model, settings: dict[str, Any]) -> None:
    found = untrained.translate(LINES, **settings)
    best = [line[0] if isinstance(line, list) else line for line in found]
    for line, translation in zip(LINES, best, strict=True):
        wanted = Counter(span.text for span in find(line))
        assert Counter(span.text for span in find(translation.text)) == wanted
        assert "placeholder" not in translation.warnings or damaged(line, translation.text)


def test_the_model_sees_no_names(untrained: Model) -> None:
    one, other = (untrained.translate(line) for line in ("le {chat} dort", "le {quoi.x} dort"))
    assert one.text.replace("{chat}", "{quoi.x}") == other.text and one.score == other.score
    first, second = (untrained.score([(f"le {{{name}}} dort", f"{{{name}}} x")]) for name in "ab")
    assert first == second
    assert untrained.attention("le {a}").source == ["▁le", "▁", "⟦1⟧", "</s>"]


def test_what_a_constraint_is_about_is_text(untrained: Model) -> None:
    for begun in untrained.translate(["le <b>chat</b> {x} dort", "{x} et <b>"], prefix="un {x} <b>le"):
        assert begun.text.startswith("un {x} <b>le") and not damaged("{x} <b>", begun.text)
    (several,) = untrained.alternatives(["le {chat} dort"], 2)
    assert len(several) == 2


def test_runs_of_before_flag_and_do_nothing_else(untrained: Model, tmp_path: Path) -> None:
    made = api.prepare(
        toy_pairs(), out=tmp_path / "data", vocab_size=80, valid_size=5, test_size=5, placeholders=False
    )
    model = api.load(api.train(made, run=tmp_path / "run", max_steps=2, preset="toy"))
    assert not model.predictor.shield.on and not set(SYMBOLS) & set(
        model.predictor.tokenizer.source.pieces(range(80))
    )
    assert "placeholder" in model.translate("le {chat} dort").warnings
    manifest = model.run.task.manifest
    del manifest.config["placeholders"]  # as older versions wrote it
    assert not manifest.shield().on
    for model_type in ("word", "char"):
        task = api.prepare(toy_pairs(), out=tmp_path / model_type, model_type=model_type).task
        assert not text_task(task).manifest.shield().on


def lines(count: int) -> list[tuple[str, str]]:
    """Pairs whose words translate each other."""
    english, french = (
        ["cat", "dog", "man", "tree", "house", "bird"],
        ["chat", "chien", "homme", "arbre", "maison", "oiseau"],
    )
    pairs = []
    for i in range(count):
        a, b, c = i % 6, (i // 6) % 6, (i // 36) % 6
        pairs.append((f"my {english[a]} saw the {english[b]} and {english[c]}", f"{french[a]} a vu {french[b]} , {french[c]}"))  # fmt: skip
    return pairs


def test_words_that_translate_each_other_teach(tmp_path: Path) -> None:
    pairs = lines(4000)
    for name in ("one", "two"):
        write_rows(tmp_path / f"{name}.tsv", [[*pair, "1"] for pair in pairs])
    shield, hold = teaching.teach(tmp_path / "one.tsv", Shield(), 1)
    assert teaching.teach(tmp_path / "two.tsv", Shield(), 1) == (shield, hold)
    rows = list(read_rows(tmp_path / "one.tsv"))
    assert rows == list(read_rows(tmp_path / "two.tsv")) and len(rows) == len(pairs)
    changed = [(row, pair) for row, pair in zip(rows, pairs, strict=True) if tuple(row[:2]) != pair]
    assert len(changed) == hold and 0.8 < hold / (teaching.SHARE * len(pairs)) < 1.2
    translated = dict(zip(["cat", "dog", "man", "tree", "house", "bird"], ["chat", "chien", "homme", "arbre", "maison", "oiseau"], strict=True))  # fmt: skip
    for (source, target, _), (before, after) in changed:
        symbols = [[w for w in text.split() if w in SYMBOLS] for text in (source, target)]
        assert sorted(symbols[0]) == sorted(symbols[1]) == sorted(set(symbols[0])) and symbols[0]
        gone = [w for w in before.split() if w not in source.split()]
        assert all(translated[w] not in target.split() for w in gone if w in translated)
        assert after.split() != target.split()


def test_small_corpora_stay_as_they_are_and_commands_are_text(tmp_path: Path) -> None:
    pairs = [(f"<fr> {source}", target) for source, target in toy_pairs()]
    config = PrepareConfig(vocab_size=90, valid_size=5, test_size=5)
    manifest = prepare.prepare(pairs, {}, tmp_path / "data", config)
    assert manifest.commands == ["<fr>"] and not manifest.with_placeholders
    task = text_task(open_task(tmp_path / "data"))
    assert task.manifest.shield().hide("<fr> {x}").text == "<fr> ⟦1⟧"
    pieces = task.tokenizer.source.pieces(task.tokenizer.source.encode(["un ⟦9⟧!"])[0])
    assert "⟦9⟧" in pieces
