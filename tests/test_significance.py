"""Intervals and tests: a copy is no different, a wreck is, equals seldom are, and the command says which."""

from __future__ import annotations

import importlib.util
import json
import random
from pathlib import Path

import pytest
from conftest import Command, toy_pairs

from seqformer.report import scores, significance

REFERENCES = [target for _, target in toy_pairs(60)]


def test_the_interval_holds_the_score_and_narrows_with_more_sentences() -> None:
    said = [" ".join(line.split()[:-1]) for line in REFERENCES]
    few = scores.corpus_score("chrf", said[:15], REFERENCES[:15], interval=True)
    many = scores.corpus_score("chrf", said * 4, REFERENCES * 4, interval=True)
    assert few.interval is not None and many.interval is not None
    assert few.interval[0] < few.score < few.interval[1]
    assert many.interval[1] - many.interval[0] < (few.interval[1] - few.interval[0]) / 2
    assert "bs:1000|seed:12345" in few.signature
    assert few == scores.corpus_score("chrf", said[:15], REFERENCES[:15], interval=True)


def test_an_interval_where_some_resamples_score_nothing() -> None:
    said = ["x"] * 40 + REFERENCES[:1]
    found = scores.corpus_score("bleu", said, REFERENCES[:41], interval=True)
    assert found.interval is not None and found.interval[0] <= found.score


@pytest.mark.parametrize("name", ["bleu", "chrf", "ter"])
def test_a_copy_is_no_different_and_a_wreck_is(name: str) -> None:
    wreck = [" ".join(line.split()[:-2]) for line in REFERENCES]
    same, worse = (
        significance.compare([name], REFERENCES, other, REFERENCES)[0] for other in (REFERENCES, wreck)
    )
    assert not same.shown and same.bootstrap == same.randomisation == 1
    assert "no difference that these 60 sentences can show" in same.verdict(("one", "two"), 60)
    assert worse.shown and "one is better" in worse.verdict(("one", "two"), 60)


def test_equal_systems_are_seldom_called_different() -> None:
    path = Path(__file__).parents[1] / "bench/significance.py"
    spec = importlib.util.spec_from_file_location("bench_significance", path)
    assert spec and spec.loader
    bench = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(bench)
    chance = random.Random(2)
    found = bench.false_alarms(bench.synthetic(200, chance), 8, 30, chance, ("bleu",))
    assert len(found) == 3
    for name, values in found.items():
        if name.endswith("verdict"):  # 4 of 8 at 5% come about once in 2,700 times
            assert sum(p < significance.LEVEL for p in values) < 4, name


def test_compare_with_a_file_and_a_run(command: Command, trained: Path, tmp_path: Path) -> None:
    sources, references = tmp_path / "s.txt", tmp_path / "r.txt"
    pairs = toy_pairs(20)
    sources.write_text("".join(f"{s}\n" for s, _ in pairs), "utf-8")
    references.write_text("".join(f"{t}\n" for _, t in pairs), "utf-8")
    own = ("--source", sources, "--reference", references)
    usual = ("evaluate", "--run", trained, "--beam", 1, "--bleu", "--chrf")
    code, out, err = command(*usual, *own, "--compare", references, "--json")
    assert code == 0, err
    told = json.loads(out)
    low, high = told["bleu"]["interval"]
    assert low <= high
    assert told["compare"]["bleu"]["score"] == pytest.approx(100)
    assert (
        told["compare"]["chrf"]["different"]
        and f"{references} is better" in told["compare"]["chrf"]["verdict"]
    )
    code, out, err = command(*usual, "--compare", trained)
    assert code == 0 and "can show" in " ".join(out.split()), err
    references.write_text("one\n", "utf-8")
    for other, message in ((references, "has 1 lines"), (tmp_path / "no", "no such run or file")):
        code, _, err = command(*usual, "--compare", other)
        assert code == 2 and message in err and err.count("\n") == 1, err
