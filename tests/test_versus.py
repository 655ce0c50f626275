"""Runs against each other on one set, and runs that are removed."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from conftest import Command, MakeRun

import seqformer
from seqformer.errors import RunError, SeqformerError
from seqformer.report import significance
from seqformer.runs import assemble, lock
from seqformer.runs import remove as removing
from seqformer.runs.run import Run

FEW = 200  # resamples and trials, which these laws do not depend on


@pytest.fixture
def runs(trained: Path, make_run: MakeRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """A run, a copy of it, and one that learned something else."""
    monkeypatch.setattr(significance, "TRIALS", FEW)
    copy = shutil.copytree(trained, tmp_path / "copy")
    other = make_run("other", max_steps=3, seed=7)
    list(assemble.begin(other, "cpu").trainer.run())
    return [trained, copy, other.folder]


def test_the_same_as_evaluate_compare_says_with_a_level_for_several(runs: list[Path]) -> None:
    versus = seqformer.compare(runs, device="cpu", metrics=["chrf"])
    for other, tests in zip(runs[1:], versus.comparisons, strict=True):
        alone = seqformer.evaluate(runs[0], compare=other, device="cpu", metrics=["chrf"])
        assert [c.level for c in tests] == [significance.LEVEL / 2]
        for mine, its in zip(tests, alone.comparisons, strict=True):  # type: ignore[attr-defined]
            assert (mine.first, mine.second) == (its.first, its.second)
            assert (mine.bootstrap, mine.randomisation) == (its.bootstrap, its.randomisation)
    copied = versus.comparisons[0][0]
    assert copied.difference == 0 and not copied.shown


def test_a_p_value_counts_by_the_level_that_it_is_held_against() -> None:
    for level, shown in ((0.05, True), (0.02, False)):
        comparison = significance.Comparison("bleu", 1.0, 2.0, 0.03, 0.03, ("", ""), level)
        assert comparison.shown is shown
        assert ("is better" in comparison.verdict(("A", "B"), 9)) is shown


def test_compare_on_the_command_line(runs: list[Path], command: Command) -> None:
    code, out, err = command("runs", "compare", *runs, "--chrf", "--device", "cpu")
    assert code == 0 and out.count(str(runs[0])) >= 2 and "made at 0.05 / 2" in err
    code, out, _ = command("runs", "compare", *runs[:2], "--chrf", "--device", "cpu", "--json")
    values = json.loads(out)
    assert code == 0 and set(values["scores"]) == set(map(str, runs[:2]))
    assert values["compare"][0]["chrf"]["different"] is False
    for wrong in (runs[:1], [runs[0], runs[0]], [runs[0], runs[0] / "gone"]):
        code, out, err = command("runs", "compare", *wrong)
        assert (code, out, err.count("\n")) == (2, "", 1), err
    code, _, err = command(
        "runs", "compare", *runs[:2], "--data", runs[0], "--source", "x", "--reference", "y"
    )
    assert code == 2 and "not both" in err
    with pytest.raises(SeqformerError):
        seqformer.compare([])


def test_only_what_is_a_run_and_not_in_use_is_removed(
    trained: Path, tmp_path: Path, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = (shutil.copytree(trained, tmp_path / "runs" / name) for name in ("one", "two"))
    (tmp_path / "notes").mkdir()
    (tmp_path / "link").symlink_to(first)
    for wrong, why in (("notes", "not a run"), ("gone", "not a run"), ("link", "is a link")):
        code, _, err = command("runs", "remove", second, wrong, "--yes")
        assert (code, err.count("\n")) == (2, 1) and why in err
    with lock.training(first):
        code, _, err = command("runs", "remove", second, first, "--yes")
        assert code == 2 and "is being trained" in err
    code, _, err = command("runs", "remove", first)
    assert code == 2 and "--yes" in err.splitlines()[-1]
    assert first.is_dir() and second.is_dir()

    for answer in (False, True):
        with monkeypatch.context() as patched:
            patched.setattr("seqformer.cli.runs._agreed", lambda question, says=answer: says)
            code, out, _ = command("runs", "remove", first)
        assert (code == 0, out, first.exists()) == (answer, "", not answer)
    assert command("runs", "remove", second, "--yes")[0] == 0
    assert not list((tmp_path / "runs").iterdir())


def test_a_damaged_run_can_be_removed_and_a_removal_cut_off_leaves_no_run(
    trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = shutil.copytree(trained, tmp_path / "runs" / "one")
    (folder / "config.json").write_text("{")
    with pytest.raises(RunError):
        Run(folder)

    def cut_off(path: Path) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(removing.shutil, "rmtree", cut_off)
        with pytest.raises(KeyboardInterrupt):
            removing.remove(folder)
    assert not folder.exists() and not list((tmp_path / "runs").glob("*/run.json"))
    with pytest.raises(RunError, match="not a run"):
        removing.remove(folder)
