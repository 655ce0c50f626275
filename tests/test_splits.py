"""Splits: what is held out stays held out, in both directions, and for those who train a run further."""

from __future__ import annotations

from pathlib import Path

import pytest
from conftest import toy_pairs
from hypothesis import given
from hypothesis import strategies as st

import seqformer
from seqformer.api import Prepared
from seqformer.config import PrepareConfig
from seqformer.report.scores import corpus_score, exact_match, token_accuracy
from seqformer.tasks import open_task, text_task
from seqformer.tasks.translation import Translation
from seqformer.text import prepare
from seqformer.text.faults import Faults
from seqformer.text.prepared import open_pairs, read_split
from seqformer.text.rows import Pair, numbered
from seqformer.text.split import FEWEST, choose_held_out, folded

LETTERS = "abcdefghijklmnop"


def prepared(folder: Path, pairs: list[Pair], **settings: object) -> tuple[Translation, Faults]:
    """Prepare pairs; valid and test have at most eight sources each."""
    held_out = {name: settings.pop(name) for name in ("valid", "test") if name in settings}
    config = PrepareConfig(**{"vocab_size": 80, "valid_size": 8, "test_size": 8, **settings})  # type: ignore[arg-type]
    faults = Faults()
    prepare.prepare(numbered(pairs, faults), held_out, folder, config, faults=faults)  # type: ignore[arg-type]
    return text_task(open_task(folder)), faults


def split_of(task: Translation, name: str) -> list[Pair]:
    return read_split(task.folder, name, task.manifest)


def trained_on(task: Translation) -> list[Pair]:
    train = open_pairs(task.folder, "train", task.manifest)
    sides = [
        vocabulary.decode([side[n].tolist() for n in range(len(train))])
        for vocabulary, side in ((task.tokenizer.source, train.source), (task.tokenizer.target, train.target))
    ]
    return list(zip(*sides, strict=True))


@given(
    st.lists(st.text(LETTERS, min_size=1), min_size=FEWEST, max_size=90, unique=True),
    st.integers(0, 5),
    st.integers(1, 9),
)
def test_a_source_is_in_one_split_only(sources: list[str], seed: int, size: int) -> None:
    pairs = [(source, source.upper()) for source in sources]
    valid, test = choose_held_out(pairs, size, size, seed)
    assert not valid & test
    assert 1 <= len(valid) <= size and 1 <= len(test) <= size
    assert choose_held_out(reversed(pairs), size, size, seed) == (valid, test)
    assert len(set(sources) - valid - test) >= 1


def test_splits_share_no_source(data: Path) -> None:
    task = text_task(open_task(data))
    assert task.manifest.pairs == {"train": 50, "valid": 5, "test": 5}
    seen = {source for source, _ in trained_on(task)}
    held_out = {source for name in ("valid", "test") for source, _ in split_of(task, name)}
    assert len(seen) == 50 and not seen & held_out


def test_no_text_that_is_held_out_is_trained_on_in_either_direction(tmp_path: Path) -> None:
    pairs = [*toy_pairs(100), ("another source", toy_pairs(100)[7][1])]
    there, faults = prepared(tmp_path / "there", pairs)
    back, _ = prepared(tmp_path / "back", [(t, s) for s, t in pairs])
    held_out: set[Pair] = set()
    for task in (there, back):
        own = [pair for name in ("valid", "test") for pair in split_of(task, name)]
        assert not {text for pair in trained_on(task) for text in pair} & {
            text for pair in own for text in pair
        }
        held_out |= {(t, s) for s, t in own} if task is back else set(own)
    assert not held_out & {*trained_on(there), *((t, s) for s, t in trained_on(back))}
    assert set(faults.dropped) <= {"target also held out", "copy of the source"}


def test_targets_that_nearly_all_pairs_share_are_no_leak(tmp_path: Path) -> None:
    pairs = [(source, "yes" if number % 2 else "no") for number, (source, _) in enumerate(toy_pairs(100))]
    task, faults = prepared(tmp_path / "labels", pairs)
    assert task.manifest.pairs == {"train": 84, "valid": 8, "test": 8}
    assert any("labels" in remark for remark in faults.remarks)


def test_own_test_pairs_stay_and_cost_the_training_pairs_that_equal_them(tmp_path: Path) -> None:
    pairs = [pair for pair in toy_pairs(100) if pair[0] != pair[1]]
    own = [pairs[3], ("quite new", pairs[5][1]), (pairs[9][0], "quite new"), pairs[3]]
    task, faults = prepared(tmp_path / "own", pairs, test=own)
    assert split_of(task, "test") == own
    assert task.manifest.grouped == ["valid"]
    assert faults.dropped == {"source also held out": 2, "target also held out": 1}
    assert not {pairs[n] for n in (3, 5, 9)} & set(trained_on(task))


def test_near_duplicates_of_held_out_sources_are_counted(tmp_path: Path) -> None:
    pairs = [(f"On day {n} : {source} .", target) for n, (source, target) in enumerate(toy_pairs(60))]
    own = [
        (f"on day {n + 400}: {source}!", f"{target} {n}")
        for n, (source, target) in enumerate(toy_pairs(60)[:5])
    ]
    _, faults = prepared(tmp_path / "near", pairs, test=own)
    assert any(remark.startswith("5 training sources like held-out ones") for remark in faults.remarks)
    assert folded("It's 3:15 —  no\u200e!") == folded("its no") != folded("its yes")


def test_too_few_pairs_are_learned_by_heart(tmp_path: Path) -> None:
    few = toy_pairs(FEWEST - 1)
    task, faults = prepared(tmp_path / "few", few)
    assert task.manifest.by_heart and task.manifest.pairs == dict.fromkeys(
        ("train", "valid", "test"), len(few)
    )
    assert sorted(split_of(task, "test")) == sorted(trained_on(task)) == sorted(few)
    assert sum("by heart" in remark for remark in faults.remarks) == 1
    enough, _ = prepared(tmp_path / "enough", toy_pairs(FEWEST))
    assert not enough.manifest.by_heart and enough.manifest.pairs["test"] == FEWEST // 10


@pytest.mark.parametrize("swap", [False, True])
def test_what_a_run_held_out_stays_held_out(tmp_path: Path, swap: bool) -> None:
    pairs = toy_pairs(120)
    first = seqformer.prepare(pairs[:90], out=tmp_path / "first", vocab_size=80, valid_size=8, test_size=8)
    run = seqformer.train(first, run=tmp_path / "run", max_steps=1, preset="tiny", tokens_per_batch=64)
    assert isinstance(run.task, Translation)
    old = text_task(open_task(first.folder))
    before = {text for pair in trained_on(old) for text in pair}
    kept_out = {text for name in ("valid", "test") for pair in split_of(old, name) for text in pair}

    def again(some: list[Pair], name: str) -> Prepared:
        return seqformer.prepare(some, out=tmp_path / name, like=run, swap=swap)

    for name, some in (("same", pairs[:90]), ("grown", pairs), ("few", pairs[:60])):
        made = again(some, name)
        new = text_task(open_task(made.folder))
        held_out = {text for split in ("valid", "test") for pair in split_of(new, split) for text in pair}
        assert held_out and not held_out & before, name
        assert not kept_out & {text for pair in trained_on(new) for text in pair}, name


def test_several_targets_of_one_source_are_one_sentence_with_several_references(tmp_path: Path) -> None:
    pairs = [
        pair for source, target in toy_pairs(60) for pair in ((source, target), (source, f"{target} et"))
    ]
    task, _ = prepared(tmp_path / "several", pairs)
    assert task.manifest.grouped == ["valid", "test"]
    sources, references, others = task.sentences("test")
    assert len(sources) == len(set(sources)) == 6 and all(map(bool, others))
    for hypotheses in (
        references,
        others,
        [r if n % 2 else o for n, (r, o) in enumerate(zip(references, others, strict=True))],
    ):
        assert corpus_score("bleu", hypotheses, references, others=[others]).score == pytest.approx(100)
        assert (
            exact_match(hypotheses, references, [others])
            == token_accuracy(hypotheses, references, [others])
            == 1
        )
    assert corpus_score("bleu", others, references).score < 100 and exact_match(others, references) == 0
    assert exact_match([""], ["a"], [[""]]) == 0  # where there is no second reference
    own, _ = prepared(tmp_path / "own", pairs, test=pairs[:6])
    assert own.sentences("test") == [[s for s, _ in pairs[:6]], [t for _, t in pairs[:6]]]
