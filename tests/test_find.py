"""Which run is meant where none is named, what there is, and folders taken for what they are not."""

from __future__ import annotations

import itertools
import json
import os
import shutil
from pathlib import Path

import pytest
from conftest import Command, new_run
from test_images import SMALL as SMALL_VIT
from test_images import write_idx

from seqformer import api
from seqformer.config import TrainConfig
from seqformer.errors import RunError
from seqformer.images import prepare as images
from seqformer.runs import assemble, lock
from seqformer.runs.create import create
from seqformer.runs.layout import Configs
from seqformer.runs.run import Run
from seqformer.tasks import open_task
from seqformer.text.prepare import prepare_toy

RECIPE = {"max_steps": 2, "tokens_per_batch": 256, "precision": "fp32", "validate_every": 1, "warmup": 1}
KINDS = ("text", "toy", "images")


@pytest.fixture(scope="module")
def trained_runs(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of each kind, and a second one of text, trained for two steps each; and one that was stopped."""
    root = tmp_path_factory.mktemp("kinds")
    prepare_toy("alternating", root / "alternating", 1)
    raw = write_idx(root / "raw")
    images.prepare(images.read_dataset(raw, 1), [str(raw)], root / "stripes")
    made = [
        new_run(root / "runs/text", data, {}, RECIPE),
        new_run(root / "runs/text2", data, {}, RECIPE | {"seed": 7}),
        new_run(root / "runs/toy", root / "alternating", {}, RECIPE),
        create(root / "runs/images", open_task(root / "stripes"), Configs(SMALL_VIT, TrainConfig(**RECIPE))),
    ]
    for run in made:
        list(assemble.begin(run, "cpu").trainer.run())
    trainer = assemble.begin(new_run(root / "runs/cut", data, {}, RECIPE), "cpu").trainer
    trainer.stop("test")
    list(trainer.run())
    return root / "runs"


def trained_in_order(source: Path, *names: str) -> Path:
    """A folder ``runs`` here with these runs, the last of them trained last."""
    for number, name in enumerate(names):
        shutil.copytree(source / name, Path("runs") / name)
        for path in Path("runs", name).iterdir():
            os.utime(path, (1e9 + number, 1e9 + number))
    return Path("runs")


def damaged(name: str, content: str = "{") -> Path:
    folder = Path("runs") / name
    folder.mkdir(parents=True)
    (folder / "run.json").write_text(content)
    return folder


def evaluated(command: Command, *arguments: object) -> str:
    """The run that was evaluated, by the title of the table."""
    code, out, err = command("evaluate", *arguments)
    assert code == 0, err
    return out.split(" on ", 1)[0].strip()


# --- which run is meant


@pytest.mark.parametrize("order", list(itertools.permutations(KINDS)), ids="-".join)
def test_each_verb_takes_the_last_run_that_it_can_use(
    command: Command, trained_runs: Path, order: tuple[str, ...]
) -> None:
    trained_in_order(trained_runs, *order)
    assert evaluated(command) == f"runs/{order[-1]}"
    assert evaluated(command, "--bleu") == "runs/text"
    for verb, run in (
        (("translate", "le chat", "--scores"), "runs/text"),
        (("attention", "le chat", "--json"), "runs/text"),
        (("attention", "0", "--json"), "runs/images"),
    ):
        asked, bare = command(*verb, "--run", run), command(*verb)
        assert asked[0] == 0 and bare == asked, bare


def test_of_two_the_one_trained_last_and_resuming_is_training(command: Command, trained_runs: Path) -> None:
    trained_in_order(trained_runs, "text", "text2")
    first, second = (
        command("translate", "le chat", "--scores", "--run", f"runs/{n}") for n in ("text", "text2")
    )
    assert first != second
    assert command("translate", "le chat", "--scores") == second
    assert command("train", "--resume", "--run", "runs/text", "--max-steps", 3)[0] == 0
    assert evaluated(command, "--bleu") == "runs/text"


@pytest.mark.parametrize("content", ["{", "[]", '{"format": 1}', json.dumps({"format": 9, "command": ["x"]})])
def test_a_damaged_neighbour_does_not_disturb(command: Command, trained_runs: Path, content: str) -> None:
    trained_in_order(trained_runs, "text", "images")
    damaged("newest", content)
    broken = shutil.copytree("runs/text", Path("runs/later"))  # whole at the first look
    (broken / "manifest.json").write_text("{}")
    assert evaluated(command) == "runs/images" and evaluated(command, "--bleu") == "runs/text"
    assert command("translate", "le chat")[0] == 0 and command("attention", "0")[0] == 0
    assert command("runs", "--json")[0] == 0


def test_where_there_is_none_of_the_kind_the_newest_of_another_is_named(
    command: Command, trained_runs: Path
) -> None:
    trained_in_order(trained_runs, "images", "toy")
    for arguments in (("translate", "x"), ("evaluate", "--bleu"), ("attention", "x")):
        code, out, err = command(*arguments)
        assert code == 2 and out == "" and err.count("\n") == 1
        assert "there is no run that translates under runs/" in err
        assert "the newest of another kind is runs/toy (alternating)" in err and "seqformer train" in err
    shutil.rmtree("runs/images")
    code, _, err = command("attention", "0")
    assert code == 2 and "no run that classifies images" in err and "runs/toy (alternating)" in err
    shutil.rmtree("runs")
    for arguments in (("translate", "x"), ("evaluate",), ("attention", "0")):
        code, _, err = command(*arguments)
        assert code == 2 and err.count("\n") == 1 and "another kind" not in err and "seqformer train" in err


def test_a_run_that_is_damaged_stays_an_error_where_it_is_named(command: Command, trained_runs: Path) -> None:
    trained_in_order(trained_runs, "text")
    for name, content in (("run.json", "{"), ("config.json", "{}"), ("manifest.json", "{}")):
        broken = shutil.copytree("runs/text", Path(f"runs/no-{name}"))
        (broken / name).write_text(content)
        with pytest.raises(RunError, match="the run is damaged") as told:
            api.load(broken)
        assert "prepare" not in str(told.value) and str(broken / name) in str(told.value)


# --- folders taken for what they are not


def test_a_run_is_no_prepared_folder_and_that_no_run(
    command: Command, data: Path, trained_runs: Path
) -> None:
    trained_in_order(trained_runs, "text", "toy")
    shutil.copytree(data, "prepared/mine")
    shutil.copytree(data, "prepared/other")
    for arguments, words in (
        (("train", "--data", "runs/text"), ["runs/text is a run, not prepared data", "resume"]),
        (("train", "--data", "prepared/no"), ["not a prepared folder", "prepared/mine, prepared/other"]),
        (("train", "--resume", "--run", "prepared/mine"), ["prepared/mine is prepared data, not a run"]),
        (("translate", "x", "--run", "prepared/mine"), ["prepared/mine is prepared data, not a run"]),
        (("evaluate", "--run", "prepared/mine"), ["prepared/mine is prepared data, not a run"]),
        (("translate", "x", "--run", "runs/no"), ["runs/no is not a run", "runs/text, runs/toy"]),
        (("runs", "curve", "runs/no"), ["runs/no is not a run", "runs/text, runs/toy"]),
        (("export", "--to", "marian", "out", "--run", "nowhere"), ["nowhere is not a run"]),
        (("prepare", "--like", "prepared/mine"), ["prepared/mine is prepared data, not a run"]),
    ):
        code, out, err = command(*arguments)
        assert code == 2 and out == "" and err.count("\n") == 1, err
        assert all(word in err for word in words), err


def test_a_run_of_an_earlier_version_says_how_it_was_made(command: Command, trained_runs: Path) -> None:
    trained_in_order(trained_runs, "text")
    asked = ["train", "--data", "prepared/my pairs", "--max-steps", "3"]
    old = shutil.copytree("runs/text", Path("runs/old"))
    values = json.loads((old / "run.json").read_text()) | {"format": 1, "command": asked}
    (old / "run.json").write_text(json.dumps(values))
    made = "an earlier version made it with: seqformer train --data 'prepared/my pairs' --max-steps 3"
    for arguments in (
        ("translate", "x", "--run", old),
        ("train", "--resume", "--run", old),
        ("evaluate", "--run", old),
    ):
        code, out, err = command(*arguments)
        assert code == 2 and out == "" and err.count("\n") == 1 and made in err, err
    assert evaluated(command) == "runs/text"  # it disturbs nobody
    code, out, err = command("runs")
    assert code == 0 and "runs/text" in out and made in err


# --- what there is


def test_runs_are_listed_the_last_first(command: Command, trained_runs: Path) -> None:
    trained_in_order(trained_runs, "text", "images", "toy", "cut")
    untouched = shutil.copytree("runs/text", Path("runs/new"))
    for name in ("weights.safetensors", "state.safetensors", "metrics.jsonl"):
        (untouched / name).unlink()
    os.utime(untouched / "run.json", (9e8, 9e8))
    code, out, err = command("runs", "--json")
    rows = json.loads(out)
    assert code == 0 and err == ""
    assert [row["run"] for row in rows] == [f"runs/{n}" for n in ("cut", "toy", "images", "text", "new")]
    found = {row["run"].removeprefix("runs/"): row for row in rows}
    for name, row in found.items():
        assert {"run", "learned", "arch", "trained", "score", "value", "weights", "state"} == set(row)
        model = Run(row["run"]).first_model()
        assert row["weights"] == sum(p.numel() for p in model.parameters()), name
    assert {name: row["learned"] for name, row in found.items()} == {
        "cut": "translation (toy)", "text": "translation (toy)", "new": "translation (toy)",
        "toy": "alternating (alternating)", "images": "3 classes of images (stripes)",
    }  # fmt: skip
    scores = {"text": "bleu", "toy": "exact_match", "images": "accuracy"}
    for name, score in scores.items():
        lines = [json.loads(line) for line in Path(f"runs/{name}/metrics.jsonl").read_text().splitlines()]
        assert found[name]["score"] == score
        assert found[name]["value"] == max(line[score] for line in lines if score in line)
    states = ("finished at step 2", "not begun", "stopped at step 0")
    assert tuple(found[name]["state"] for name in ("text", "new", "cut")) == states
    assert found["new"]["value"] is None
    with lock.training(Path("runs/text")):
        states = {row["run"]: row["state"] for row in json.loads(command("runs", "--json")[1])}
    assert states["runs/text"] == "being trained" and states["runs/toy"] == "finished at step 2"

    code, out, err = command("runs")
    assert code == 0 and err == "" and all(f"runs/{name}" in out for name in found)
    assert "accuracy" in out and "BLEU" in out and "exact match" in out and "not begun" in out


def test_where_there_are_no_runs_it_is_said(command: Command) -> None:
    assert command("runs", "--json")[:2] == (0, "[]\n")
    code, out, err = command("runs")
    assert code == 0 and out == "" and "no runs" in err and "seqformer train" in err


def test_curves_of_one_run_and_of_several(command: Command, trained_runs: Path, tmp_path: Path) -> None:
    trained_in_order(trained_runs, "text", "text2", "images")
    code, out, err = command("runs", "curve", "runs/text")
    assert code == 0 and err == "" and "loss" in out and "BLEU on valid" in out and "┤" in out
    pytest.importorskip("matplotlib")
    code, out, _ = command("runs", "curve", "runs/text", "runs/text2", "--png", "c.png")
    assert code == 0 and "runs/text valid" in out and "runs/text2 valid" in out and "runs/text2 BLEU" in out
    assert max(map(len, out.splitlines())) <= 120
    assert (tmp_path / "c.png").read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
    assert command("runs", "curve", "runs/text", "runs/images", "runs/text2")[0] == 0
    for arguments, message in (
        (("runs/text", "--png", "c.jpg"), "must end in .png"),
        (("runs/text", "--png", "no/c.png"), "does not exist"),
    ):
        code, out, err = command("runs", "curve", *arguments)
        assert code == 2 and out == "" and message in err and err.count("\n") == 1
    for name in ("weights.safetensors", "state.safetensors", "metrics.jsonl"):
        (tmp_path / "runs/text" / name).unlink()
    code, out, err = command("runs", "curve", "runs/text")
    assert code == 2 and out == "" and "nothing to draw yet" in err and err.count("\n") == 1
