"""Scores on cases worked by hand, and pictures that hold what they should."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from seqformer.console import counted
from seqformer.errors import SeqformerError
from seqformer.report import curves, drawing, grid, heatmap, panels, scores
from seqformer.report.heatmap import Heatmap
from seqformer.report.learning import Learning
from seqformer.report.panels import Curves


def test_exactness() -> None:
    assert scores.exact_match(["a b", "c"], ["a b", "d"]) == 0.5
    assert scores.token_accuracy(["a b", "c d e"], ["a x", "c"]) == pytest.approx(2 / 5)
    assert scores.token_accuracy([""], ["a b"]) == 0


def test_scores_are_sacrebleus_own() -> None:
    hypotheses, references = ["the cat sat on the mat", "a dog"], ["the cat sat on a mat", "a dog"]
    import sacrebleu

    bleu = scores.corpus_score("bleu", hypotheses, references)
    assert bleu.score == sacrebleu.corpus_bleu(hypotheses, [references]).score
    assert "tok:13a" in bleu.signature and "version:" in bleu.signature
    assert scores.corpus_score("chrf", hypotheses, references).signature.startswith("nrefs:1")
    assert scores.corpus_score("ter", references, references).score == 0


@pytest.mark.parametrize(
    ("hypothesis", "reference", "expected"),
    [
        ("va !", "va !", 1.0),
        ("a b c", "a b c", 1.0),
        # p1 = 2/3, p2 = 1/2: (2/3)^(1/2) (1/2)^(1/4)
        ("a b x", "a b c", (2 / 3) ** 0.5 * 0.5**0.25),
        # a word counts as often as the reference has it: p1 = 1/2; no bigram is right
        ("a a", "a b", 0.0),
        # p1 = 3/4, p2 = 1/3, longer than the reference: no penalty
        ("a b b c", "a b c d", (3 / 4) ** 0.5 * (2 / 3) ** 0.25),
        # too short for bigrams, and for the reference: exp(1 - 3/1)
        ("a", "a b c", math.exp(-2)),
        ("a b", "a b c d", math.exp(-1)),
        ("a b c d", "a b", 0.5**0.5 * (1 / 3) ** 0.25),
        ("", "a", 0.0),
        ("x y", "a b", 0.0),
    ],
)
def test_the_books_bleu_on_cases_worked_by_hand(hypothesis: str, reference: str, expected: float) -> None:
    assert scores.chapter_bleu(hypothesis, reference, 2) == pytest.approx(expected)


MAP = Heatmap("cross", 1, 2, [[0.9, 0.1], [0.25, 0.75]], ["▁bon", "</s>"], ["▁good", "▁morning"])


def test_a_table_shows_labels_and_hundredths() -> None:
    console = Console(width=80, record=True, file=open("/dev/null", "w", encoding="utf-8"))
    console.print(heatmap.draw(MAP))
    text = console.export_text()
    for part in ("cross, layer 1, head 2", "bon", "good", "morni", "90", "10", "25", "75"):
        assert part in text, text
    console.file.close()


def test_ten_words_fit_eighty_columns() -> None:
    words = [f"▁word{i}" for i in range(12)]
    wide = Heatmap("encoder", 1, 1, [[1 / 12] * 12] * 12, words, words)
    console = Console(width=80, record=True, file=open("/dev/null", "w", encoding="utf-8"))
    console.print(heatmap.draw(wide))
    lines = console.export_text().splitlines()
    console.file.close()
    assert max(map(len, lines)) <= 80 and sum("8" in line for line in lines) >= 12


def test_a_png_is_drawn_or_refused_early(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    path = tmp_path / "maps.png"
    drawing.check(path)
    grid.paint(grid.blocks([MAP]), ["good morning"]).save(path)
    assert path.read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
    assert grid.paint(grid.blocks([MAP]), [""]).to_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
    with pytest.raises(SeqformerError, match=r"end in \.png"):
        drawing.check(tmp_path / "maps.jpg")
    with pytest.raises(SeqformerError, match="does not exist"):
        drawing.check(tmp_path / "no" / "maps.png")


@pytest.mark.parametrize(
    ("number", "text"),
    [(1, "1 minute"), (1.0, "1 minute"), (2.5, "2.5 minutes"), (0, "0 minutes"), (0.5, "0.5 minutes"),
     (1000, "1,000 minutes"), (1234567, "1,234,567 minutes")],
)  # fmt: skip
def test_what_is_counted_is_one_or_several(number: float, text: str) -> None:
    assert counted(number, "minute") == text


# (score, its values, validation losses, training losses) -> what is said
FALLING, CLOSE = [3.0, 2.0], [2.9, 2.5]
VERDICTS: list[tuple[str, list[float], list[float], list[float], str, str]] = [
    ("bleu", [0.0, 0.1], [3.0, 2.9], CLOSE, "It has not learned: BLEU 0.1 on held-out data.", "more time"),
    ("bleu", [2.0, 10.0], [3.0, 2.0], CLOSE, "It has begun to learn: BLEU 10.0", "more time"),
    ("bleu", [40.0, 60.0], FALLING, CLOSE, "It learned: BLEU 60.0 on held-out data.", ""),
    ("bleu", [60.0, 3.0], FALLING, CLOSE, "It learned: BLEU 60.0", ""),  # the best weights are kept
    (
        "bleu",
        [1.0, 0.5, 0.2],
        [2.0, 2.1, 2.4],
        CLOSE,
        "It has not learned",
        "rose: try a lower learning rate",
    ),
    ("bleu", [6.0, 5.0, 4.0], [2.0, 2.5, 3.5], [2.0, 1.0, 0.1], "It has begun", "by heart"),
    ("bleu", [3.0, 2.0, 1.0], [2.0, 1.9, 1.95], CLOSE, "It has not", "stopped getting better"),
    ("exact_match", [0.5, 0.95], FALLING, CLOSE, "It learned: exact match 95.0%", ""),
    ("exact_match", [0.0, 0.4], FALLING, CLOSE, "It has begun to learn: exact match 40.0%", "more time"),
    ("accuracy", [0.11, 0.12], FALLING, CLOSE, "It has not learned: accuracy 12.0%", "more time"),
    ("accuracy", [0.11, 0.3], FALLING, CLOSE, "It has begun to learn: accuracy 30.0%", "more time"),
    ("accuracy", [0.6, 0.8], FALLING, CLOSE, "It learned: accuracy 80.0%", ""),
    ("bleu", [], [], CLOSE, "There was no validation", "longer"),
    ("bleu", [0.2], [3.0], CLOSE, "It has not learned: BLEU 0.2", "more time"),
]


@pytest.mark.parametrize(("name", "scores", "valid", "train", "verdict", "advice"), VERDICTS)
def test_a_verdict_says_whether_it_learned_and_what_to_try(
    name: str, scores: list[float], valid: list[float], train: list[float], verdict: str, advice: str
) -> None:
    records: list[dict[str, Any]] = [{"step": n, "plain_loss": loss} for n, loss in enumerate(train)]
    for n, (loss, score) in enumerate(zip(valid, scores, strict=True)):
        is_best = score > max([0.0, *scores[:n]])
        records.append({"step": n, "valid_loss": loss, name: score, "best": is_best})
    records.append({"step": 9, "skipped": "loss", "plain_loss": None})
    learning = Learning.of(records, name)
    said, tried = learning.verdict(chance=0.1)
    assert said.startswith(verdict) and said.endswith(".")
    assert (advice in tried) if advice else tried == ""
    assert learning.best == (max(scores) if scores else None)


def test_what_has_begun_to_learn_lies_between_chance_and_enough() -> None:
    for classes in (2, 3, 10, 1000):
        chance = 1 / classes
        said = [
            Learning.of([{"step": 1, "accuracy": chance + share * (1 - chance)}], "accuracy").verdict(chance)[
                0
            ]
            for share in (0, 0.4, 0.6)
        ]
        assert [each.split(":")[0] for each in said] == [
            "It has not learned", "It has begun to learn", "It learned"
        ], classes  # fmt: skip


def test_a_curve_marks_first_and_last() -> None:
    drawn = curves.draw("loss", {"train": [(0, 4.0), (50, 2.0), (100, 1.0)]}, 60)
    assert drawn is not None
    lines = drawn.plain.splitlines()
    assert lines[1].startswith("       4 ┤●") and lines[-2].endswith("●") and lines[-1].endswith("100")
    assert curves.draw("loss", {"train": [(3, 1.0)]}, 60) is None


def test_every_curve_is_drawn_however_many_there_are() -> None:
    many = {f"line {n}": [(0, float(n)), (9, float(n))] for n in range(7)}
    drawn = curves.draw("loss", many, 60)
    assert drawn is not None and all(name in drawn.plain for name in many)
    pytest.importorskip("matplotlib")
    figure = panels.paint([[Curves("loss", "step", "nats", many)]], "many").figure
    assert len(figure.axes[0].lines) == len(many)
