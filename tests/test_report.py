"""Scores on cases worked by hand, and pictures that hold what they should."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from rich.console import Console

from seqformer.errors import SeqformerError
from seqformer.report import curves as curve
from seqformer.report import heatmap
from seqformer.report import scores as metrics
from seqformer.report.heatmap import Heatmap


def test_exactness() -> None:
    assert metrics.exact_match(["a b", "c"], ["a b", "d"]) == 0.5
    assert metrics.token_accuracy(["a b", "c d e"], ["a x", "c"]) == pytest.approx(2 / 5)
    assert metrics.token_accuracy([""], ["a b"]) == 0


def test_scores_are_sacrebleus_own() -> None:
    hypotheses, references = ["the cat sat on the mat", "a dog"], ["the cat sat on a mat", "a dog"]
    import sacrebleu

    bleu = metrics.corpus_score("bleu", hypotheses, references)
    assert bleu.score == sacrebleu.corpus_bleu(hypotheses, [references]).score
    assert "tok:13a" in bleu.signature and "version:" in bleu.signature
    assert metrics.corpus_score("chrf", hypotheses, references).signature.startswith("nrefs:1")
    assert metrics.corpus_score("ter", references, references).score == 0


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
    assert metrics.chapter_bleu(hypothesis, reference, 2) == pytest.approx(expected)


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
    heatmap.check(path)
    heatmap.draw_png(path, [MAP], "good morning")
    assert path.read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
    with pytest.raises(SeqformerError, match=r"end in \.png"):
        heatmap.check(tmp_path / "maps.jpg")
    with pytest.raises(SeqformerError, match="does not exist"):
        heatmap.check(tmp_path / "no" / "maps.png")


def test_a_curve_marks_first_and_last() -> None:
    drawn = curve.draw("loss", {"train": [(0, 4.0), (50, 2.0), (100, 1.0)]}, 60)
    assert drawn is not None
    lines = drawn.plain.splitlines()
    assert lines[1].startswith("       4 ┤●") and lines[-2].endswith("●") and lines[-1].endswith("100")
    assert curve.draw("loss", {"train": [(3, 1.0)]}, 60) is None
