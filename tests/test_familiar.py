"""Sources unlike those of training are seen by their neighbouring pieces."""

from __future__ import annotations

import random
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from seqformer import api
from seqformer.errors import RunError
from seqformer.symbols import BOS, EOS
from seqformer.tasks import text_task
from seqformer.tasks.translation import Translation
from seqformer.text import familiar
from seqformer.text.prepared import open_pairs

NOUNS, VERBS = (
    ["cat", "dog", "man", "tree", "house", "bird", "boat", "road"],
    ["saw", "liked", "left", "found"],
)


def sentences(count: int, seed: int) -> list[str]:
    draw = random.Random(seed)
    made = []
    for _ in range(count):
        a, b, c = draw.choices(NOUNS, k=3)
        made.append(f"my {a} {draw.choice(VERBS)} the old {b} of your {c} number {draw.randrange(9999)} .")
    return made


@pytest.fixture(scope="module")
def task(tmp_path_factory: pytest.TempPathFactory) -> Translation:
    pairs = [(line, line.upper()) for line in sentences(2500, 1)]
    folder = tmp_path_factory.mktemp("familiar")
    return text_task(
        api.prepare(pairs, out=folder / "data", vocab_size=300, valid_size=200, test_size=100).task
    )


def test_exactly_the_neighbours_of_training_are_known(task: Translation) -> None:
    seen: set[tuple[int, int]] = set()
    train = open_pairs(task.folder, "train", task.manifest).source
    lines = [train[i].tolist() for i in range(len(train))]
    for line in lines:
        seen.update(pairwise([BOS, *line, EOS]))
    known = familiar.Familiar(task.familiar.bits)  # type: ignore[union-attr]
    least = known.deviation(lines[0])
    assert (least < 0 and known.deviation([5]) > least) or (BOS, 5) in seen
    draw = np.random.default_rng(1)
    wrong = 0
    for _ in range(300):
        ids = draw.integers(4, task.manifest.vocabulary["source"], 6).tolist()
        new = sum(pair not in seen for pair in pairwise([BOS, *ids, EOS]))
        expected = 7 * known.share
        wrong += known.deviation(ids) != pytest.approx(
            (new - expected) / (expected * (1 - known.share)) ** 0.5
        )
    assert wrong < 30  # a bitmap takes one now and then for known


def test_shuffled_words_are_strange_and_ordinary_lines_are_not(task: Translation) -> None:
    found = task.familiar
    assert found is not None
    ordinary = sentences(400, 2)
    shuffled = [" ".join(random.Random(line).sample(line.split(), len(line.split()))) for line in ordinary]

    def flagged(lines: list[str]) -> float:
        return sum(map(found.is_strange, task.tokenizer.source.encode(lines))) / len(lines)

    assert flagged(ordinary) < 0.03 and flagged(shuffled) > 0.9


def test_a_run_keeps_it_and_says_so(task: Translation, tmp_path: Path) -> None:
    run = api.train(task.folder, run=tmp_path / "run", max_steps=2, preset="toy")
    line = sentences(1, 3)[0]
    mixed = " ".join(sorted(line.split()))
    model = api.load(run)
    assert "strange" not in model.translate(line).warnings and "strange" in model.translate(mixed).warnings
    both = api.mixed({str(task.folder): 1})
    assert both.task.manifest.neighbours == pytest.approx(task.manifest.neighbours)
    few = api.prepare(sentences_with_sides(40), out=tmp_path / "few", valid_size=5, test_size=5)
    assert text_task(few.task).familiar is None  # too few to say what is usual
    (run.folder / familiar.PAIRS).write_bytes(b"123")
    with pytest.raises(RunError, match=r"pairs\.bits"):
        api.load(run.folder)


def sentences_with_sides(count: int) -> list[tuple[str, str]]:
    return [(line, line.upper()) for line in sentences(count, 4)]
