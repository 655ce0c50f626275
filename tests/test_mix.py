"""Corpora with weights: as many pairs of each as its weight says, every one of them, and nothing else."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from conftest import Command

from seqformer import api
from seqformer.errors import DataError
from seqformer.preparation import mixed
from seqformer.text.mix import repetitions
from seqformer.text.prepared import open_pairs


def corpora(tmp_path: Path, other: dict[str, object] | None = None) -> tuple[Path, Path]:
    """Two prepared folders of the same pieces, of 60 and 25 pairs, some of which are held out."""
    words = ["le", "chat", "mange", "dort", "un", "chien", "maison", "rouge", "grand", "voit"]
    lines = [f"{words[i % 10]} {words[i // 10 % 10]} {words[(i * 7) % 10]}" for i in range(85)]
    pairs = [(line, line.replace("a", "o") + " .") for line in lines]
    first = api.prepare(pairs[:60], out=tmp_path / "a", valid_size=5, test_size=5, vocab_size=60)
    run = api.train(first, run=tmp_path / "run", max_steps=1, preset="toy")
    if other is None:
        second = api.prepare(pairs[60:], out=tmp_path / "b", valid_size=2, test_size=2, like=run.folder)
    else:
        second = api.prepare(pairs[60:], out=tmp_path / "b", valid_size=2, test_size=2, **other)
    return first.folder, second.folder


def lines_of(folder: Path) -> Counter[tuple[tuple[int, ...], ...]]:
    task = api.existing(folder)
    pairs = open_pairs(task.folder, "train", task.manifest)
    return Counter(
        (tuple(pairs.source[i].tolist()), tuple(pairs.target[i].tolist())) for i in range(len(pairs))
    )


def test_each_corpus_comes_as_its_weight_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    first, second = corpora(tmp_path)
    one, other = lines_of(first), lines_of(second)
    made = mixed({first: 1, second: 2})
    both = lines_of(made.folder)
    assert set(both) == set(one) | set(other)
    assert sum(both[line] for line in one) == one.total()
    assert abs(sum(both[line] for line in other) - 2 * one.total()) <= 1
    counts = [both[line] for line in other]
    assert max(counts) - min(counts) <= 1
    pairs = made.task.manifest.pairs
    for split in ("valid", "test"):
        parts = [api.existing(folder).manifest.pairs[split] for folder in (first, second)]
        assert pairs[split] == sum(parts)
    assert mixed({first: 1, second: 2}).folder == made.folder
    assert mixed({first: 1, second: 3}).folder != made.folder


def test_repetitions() -> None:
    assert repetitions([100, 100], [1, 1]) == [1, 1]
    assert repetitions([100, 50], [1, 1]) == [1, 2]
    assert repetitions([100, 100], [3, 1]) == [3, 1]


def test_a_mixture_is_trained_on_from_the_command_line(tmp_path: Path, command: Command) -> None:
    first, second = corpora(tmp_path)
    options = ("--data", f"{first}:3", "--data", second, "--max-steps", 2, "--run", tmp_path / "mixed")
    code, _, err = command("train", *options, "--preset", "toy")
    assert code == 0, err
    for weight, word in (("-1", "above zero"), ("x", "no number"), ("0", "above zero")):
        code, _, err = command("train", "--data", f"{first}:{weight}", "--data", second)
        assert code == 2 and word in err and err.count("\n") == 1, err


def test_other_pieces_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    first, second = corpora(tmp_path, {"vocab_size": 50})
    with pytest.raises(DataError, match="has other pieces than"):
        mixed({first: 1, second: 1})
