"""Run folders: one trainer at a time, any number of readers, and a place that may change."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from conftest import Command, MakeRun, new_run, toy_pairs

from seqformer import api
from seqformer.config import PrepareConfig
from seqformer.runs import assemble, lock
from seqformer.runs.run import Run
from seqformer.runs.state import load_state
from seqformer.text import prepare
from seqformer.training.events import Stepped

RECIPE = {"max_steps": 12, "validate_every": 4, "tokens_per_batch": 64, "precision": "fp32"}
RESUME = ("train", "--device", "cpu", "--resume")
THREADS = str(torch.get_num_threads())  # other threads add up in another order
QUIET = os.environ | {"OMP_NUM_THREADS": THREADS, "CUDA_VISIBLE_DEVICES": ""}


def train(opened: Run, steps: int = 99) -> None:
    """To the end, or for so many steps, as if stopped then."""
    trainer = assemble.begin(opened, "cpu").trainer
    for event in trainer.run():
        if isinstance(event, Stepped) and trainer.state.step == steps:
            trainer.stop("test")


def learned(folder: Path) -> list[object]:
    """All that a training leaves, its clocks aside, in a form that can be compared."""
    tensors, progress = load_state(folder / "state.safetensors")
    names = sorted(path.name for path in folder.iterdir())
    contents = [(folder / name).read_bytes() for name in ("weights.safetensors", "metrics.jsonl")]
    return [names, contents, progress.step, {name: held.tolist() for name, held in tensors.items()}]


def told(result: tuple[int, str, str]) -> str:
    """The one line of a command that was refused."""
    code, out, err = result
    assert (code, out) == (2, "") and err.startswith("seqformer: ") and err.count("\n") == 1, result
    return err


def test_a_second_trainer_is_refused_and_disturbs_nothing(make_run: MakeRun, command: Command) -> None:
    whole, held = make_run("whole", **RECIPE), make_run("held", **RECIPE)
    train(whole)
    answers, config = [], (held.folder / "config.json").read_bytes()

    def intrude(event: api.Event) -> None:
        if isinstance(event, Stepped) and len(answers) < 2:
            answers.append(command(*RESUME, "--run", held.folder))
            answers.append(command(*RESUME, "--run", held.folder, "--max-steps", 50))

    api.resume(held.folder, device="cpu", events=intrude)
    for answer in answers:
        line = told(answer)
        assert f"{held.folder} is being trained by process {os.getpid()} on " in line
        assert "wait for it, or stop it" in line
    assert len(answers) == 2 and (held.folder / "config.json").read_bytes() == config
    assert learned(whole.folder) == learned(held.folder)


def test_a_newer_format_is_refused_as_such(
    trained: Path, data: Path, tmp_path: Path, command: Command
) -> None:
    run, prepared = shutil.copytree(trained, tmp_path / "run"), shutil.copytree(data, tmp_path / "data")
    for path in (run / "run.json", run / "manifest.json", prepared / "manifest.json"):
        held = path.read_bytes()
        values = json.loads(held)
        path.write_text(json.dumps(values | {"format": values["format"] + 1, "new": {}}))
        arguments = ("train", "--data", prepared) if path.parent == prepared else ("evaluate", "--run", run)
        line = told(command(*arguments))
        assert f"{path}: of format {values['format'] + 1}" in line and "install a newer seqformer" in line
        path.write_bytes(held)


def test_those_who_read_a_run_ask_for_no_lock(trained: Path, tmp_path: Path, command: Command) -> None:
    folder = shutil.copytree(trained, tmp_path / "runs/one")
    with lock.training(folder):
        assert command("translate", "le chat", "--run", folder)[0] == 0
        assert command("translate", "le chat")[0] == 0  # as the newest, too
        assert command("evaluate", "--run", folder)[0] == 0
        code, out, _ = command("runs", "--json")
        assert code == 0 and json.loads(out)[0]["state"] == "being trained"
        assert lock.is_training(folder)
    code, out, _ = command("runs", "--json")
    assert code == 0 and json.loads(out)[0]["state"] == "finished at step 20"


HOLD = """
import sys, time
from seqformer import api
from seqformer.training.events import Stepped

steps = 0
def hold(event):
    global steps
    steps += isinstance(event, Stepped)
    if steps == 6:
        print("holding", flush=True)
        time.sleep(600)

api.resume(sys.argv[1], device="cpu", events=hold)
"""


@pytest.mark.skipif(os.name != "posix", reason="POSIX signals")
def test_a_killed_trainer_leaves_no_lock_and_a_copy_has_none(
    make_run: MakeRun, command: Command, tmp_path: Path
) -> None:
    whole, cut = make_run("whole", **RECIPE), make_run("cut", **RECIPE)
    train(whole)
    copied = tmp_path / "copied"
    child = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(cut.folder)], stdout=subprocess.PIPE, text=True, env=QUIET
    )
    with child:
        try:
            assert child.stdout and child.stdout.readline() == "holding\n"
            assert lock.is_training(cut.folder)
            line = told(command(*RESUME, "--run", cut.folder))
            assert f"is being trained by process {child.pid} on " in line
            shutil.copytree(cut.folder, copied)
            assert not lock.is_training(copied) and lock.is_training(cut.folder)
        finally:
            child.kill()
    assert child.returncode == -signal.SIGKILL and not lock.is_training(cut.folder)
    wanted = learned(whole.folder)
    for folder in (cut.folder, copied):
        code, _, err = command(*RESUME, "--run", folder)
        assert code == 0, err
        assert learned(folder) == wanted


def test_resume_passes_over_what_is_being_trained(data: Path, tmp_path: Path, command: Command) -> None:
    older, newer = (new_run(tmp_path / "runs" / name, data, {}, RECIPE) for name in ("older", "newer"))
    with lock.training(newer.folder):
        assert command(*RESUME)[0] == 0
        assert older.progress() is not None and newer.progress() is None
        assert "no unfinished run" in told(command(*RESUME))
    assert command(*RESUME)[0] == 0
    assert newer.progress().finished  # type: ignore[union-attr]


AT_ONCE = """
import os, sys, time
import torch._dynamo  # the first step of an optimizer imports it: once is enough
from seqformer import api
from seqformer.cli import main
from seqformer.runs import create

chosen = create.check_new
def slowly(folder):  # time passes between the choice of a name and the folder
    chosen(folder)
    time.sleep(0.2)

create.check_new = slowly
children = []
for _ in range(4):
    children.append(os.fork())
    if not children[-1]:
        main()
sys.exit(sum(os.waitpid(child, 0)[1] != 0 for child in children))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="begins them by fork, for the import takes seconds")
def test_four_trainings_begun_at_once_are_four_runs(data: Path, tmp_path: Path) -> None:
    shutil.copytree(data, tmp_path / "prepared/toy")
    given = ("train", "--max-steps", "2", "--preset", "toy", "--precision", "fp32", "--device", "cpu")
    done = subprocess.run(
        [sys.executable, "-c", AT_ONCE, *given],
        cwd=tmp_path, env=QUIET | {"OMP_NUM_THREADS": "1"}, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0 and done.stdout == "", done.stderr
    made = sorted(path for path in (tmp_path / "runs").iterdir() if not path.name.startswith("."))
    assert [path.name for path in made] == ["toy", "toy-2", "toy-3", "toy-4"]
    for folder in made:
        progress = Run(folder).progress()
        assert progress is not None and progress.step == 2 and progress.finished
    assert done.stderr.count("Training has ended") == 4
    assert [path.name for path in (tmp_path / "prepared").iterdir() if path.name[0] != "."] == ["toy"]


def test_a_run_moved_with_its_data_goes_on_as_if_it_had_stayed(
    data: Path, tmp_path: Path, command: Command
) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    shutil.copytree(data, here / "prepared/toy")
    whole, cut = (
        new_run(here / "runs" / name, here / "prepared/toy", {}, RECIPE) for name in ("whole", "cut")
    )
    train(whole)
    train(cut, 6)
    here.rename(there)
    moved, toy, other = there / "runs/cut", there / "prepared/toy", tmp_path / "other"
    prepare.prepare(toy_pairs(61), {}, other, PrepareConfig(vocab_size=80, valid_size=5, test_size=5))
    before = {path: path.read_bytes() for path in moved.iterdir()}

    line = told(command(*RESUME, "--run", moved))
    assert str(here / "prepared/toy") in line and "if they were moved, name their folder" in line
    assert "nowhere is not a prepared folder" in told(command(*RESUME, "--run", moved, "--data", "nowhere"))
    assert "other holds other data" in told(command(*RESUME, "--run", moved, "--data", other))
    told(command(*RESUME, "--run", moved, "--data", moved))  # it keeps a copy of the manifest
    assert {path: path.read_bytes() for path in moved.iterdir()} == before

    code, _, err = command(*RESUME, "--run", moved, "--data", toy)
    assert code == 0, err
    assert learned(moved) == learned(there / "runs/whole")
    assert command(*RESUME, "--run", moved, "--max-steps", 13)[0] == 0  # it knows now
