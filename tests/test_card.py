"""The model card: whole, and read and written back by the Hub's own library."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from conftest import Command

from seqformer.presets import read_recipe
from seqformer.recipes import card
from seqformer.runs.run import Run


@pytest.fixture
def exported(trained: Path, tmp_path: Path, command: Command) -> str:
    code, _, err = command("export", "--to", "marian", "out", "--run", trained)
    assert code == 0, err
    return (tmp_path / "out/README.md").read_text("utf-8")


def test_the_hub_reads_the_metadata_and_writes_them_back_unchanged(exported: str, trained: Path) -> None:
    hub = pytest.importorskip("huggingface_hub")
    yaml = pytest.importorskip("yaml")
    read = hub.ModelCard(exported)
    assert str(read) == exported
    block = re.match("---\n(.*?)\n---\n", exported, re.DOTALL)
    assert block and read.data.to_dict() == yaml.safe_load(block[1])
    run = Run(trained)
    assert read.data.to_dict() == card.metadata(run, card.scored(run, "cpu"))
    assert {result.metric_type for result in read.data.eval_results} == {"bleu", "chrf", "exact_match"}


def test_values_that_yaml_takes_for_something_else_are_quoted() -> None:
    yaml = pytest.importorskip("yaml")
    values = {
        "language": ["no", "y", "en", "zh-Hant", "نص"],
        "texts": ["a: b", "it's", "- x", "1.5", "2024-01-01", "", "nrefs:1|bs:1000", "#", "null", "a:", " a"],
        "numbers": [1, 2.5, True, None],
        "deep": [{"a": [{"b": 1, "c": ["d"]}], "e": []}, {"f": {"g": "h"}}],
    }
    assert yaml.safe_load("\n".join(card._yaml(values))) == values


def test_a_card_says_what_is_needed_to_use_and_to_repeat(
    exported: str, trained: Path, tmp_path: Path
) -> None:
    run = Run(trained)
    scores = card.scored(run, "cpu")
    assert scores
    for score in scores.scores:
        assert score.signature.replace("|", "\\|") in exported and f"{score.score:.1f}" in exported
    assert "Licence of the data" in exported and "Unicode NFC" in exported
    recipe = re.search("```toml\n(.*?)```", exported, re.DOTALL)
    assert recipe
    (tmp_path / "recipe.toml").write_text(recipe[1], "utf-8")
    assert read_recipe(tmp_path / "recipe.toml").train["max_steps"] == run.configs.train.max_steps
    without = card.text(run, None)
    assert "no test sentences" in without and "model-index" not in without
    assert str(trained.parent) not in exported.split("```console")[0].split("made this run")[0]
