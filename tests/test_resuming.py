"""A training goes on exactly where it was cut off, wherever that was, and only as what it was."""

from __future__ import annotations

import errno
import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from conftest import Command, MakeRun, toy_pairs

from seqformer.errors import RunError, SeqformerError
from seqformer.runs import assemble, find, state
from seqformer.runs.assemble import Training
from seqformer.runs.run import Run
from seqformer.runs.state import RunStore, load_state, read_conditions, read_progress
from seqformer.storage import tensors as storage
from seqformer.storage.manifest import Manifest
from seqformer.storage.tensors import write_tensors

RECIPE = {"max_steps": 12, "validate_every": 4}
NAMES = ("weights.safetensors", "metrics.jsonl")


def finish(training: Training) -> None:
    list(training.trainer.run())


def outcome(folder: Path) -> list[object]:
    """All that a training leaves, clocks aside, in a form that can be compared."""
    tensors, progress = load_state(folder / "state.safetensors")
    progress.seconds = progress.validation_seconds = progress.validating_seconds = 0.0
    found = {path.name for path in folder.iterdir()}
    held = {name: tensor.tolist() for name, tensor in tensors.items()}
    return [*((folder / name).read_bytes() for name in NAMES), held, progress, found]


class Killed(BaseException):
    """The process is no more."""


@pytest.mark.parametrize("write", range(8))
def test_killed_in_the_middle_of_any_write(
    make_run: MakeRun, monkeypatch: pytest.MonkeyPatch, write: int
) -> None:
    """Of the first, the second … file that is written, only half comes to lie beside its place."""
    whole, cut = make_run("whole", **RECIPE), make_run("cut", **RECIPE)
    finish(assemble.begin(whole, "cpu"))
    count = 0

    def dying(path: Path, tensors: dict[str, torch.Tensor], metadata: dict[str, str]) -> None:
        nonlocal count
        write_tensors(path, tensors, metadata)
        if count == write:
            half = path.read_bytes()[: path.stat().st_size // 2]
            path.write_bytes(half)
            shutil.copy(path, path.with_name("rest"))  # for a kill clears nothing away
            raise Killed
        count += 1

    with monkeypatch.context() as patched:
        patched.setattr(state, "write_tensors", dying)  # of the state
        patched.setattr(storage, "write_tensors", dying)  # of the weights
        try:
            finish(assemble.begin(cut, "cpu"))
        except Killed:
            name = "state" if write % 2 == 0 else "weights"  # either will do
            (cut.folder / "rest").rename(cut.folder / f"{name}.safetensors.tmp")
    finish(assemble.resume(Run(cut.folder), "cpu"))
    assert outcome(whole.folder) == outcome(cut.folder)


def test_killed_before_the_first_save(make_run: MakeRun) -> None:
    whole, cut = make_run("whole", **RECIPE), make_run("cut", **RECIPE)
    finish(assemble.begin(whole, "cpu"))
    (cut.folder / "metrics.jsonl").touch()
    (cut.folder / "state.safetensors.tmp").write_bytes(b"half")
    assert find.unfinished(cut.folder.parent).folder == cut.folder
    torch.manual_seed(99)
    finish(assemble.resume(cut, "cpu"))
    with pytest.raises(RunError, match="no unfinished run"):
        find.unfinished(cut.folder.parent)
    assert outcome(whole.folder) == outcome(cut.folder)


def test_what_was_lost_is_named(make_run: MakeRun) -> None:
    opened = make_run(**RECIPE)
    finish(assemble.begin(opened, "cpu"))
    (opened.folder / "weights.safetensors").rename(opened.folder / "kept")
    with pytest.raises(RunError, match="the best weights so far are gone"):
        assemble.resume(opened, "cpu")
    (opened.folder / "kept").rename(opened.folder / "weights.safetensors")
    (opened.folder / "state.safetensors").unlink()
    with pytest.raises(RunError, match="no saved state"):
        assemble.resume(opened, "cpu")


@pytest.mark.parametrize(
    ("part", "name", "value", "message"),
    [
        (
            "train",
            "learning_rate",
            0.5,
            "'learning_rate' is 0.5, and state.safetensors was trained with 0.002",
        ),
        ("train", "seed", 7, "'seed' is 7"),
        ("model", "feed_forward", 48, "'feed_forward' is 48, .* with 32; put it back: only max-minutes"),
        ("model", "dropout", 0.4, "'dropout' is 0.4"),
        ("model", "width", 33, "cannot be shared"),
        ("model", "widht", 16, "did you mean 'width'"),
    ],
)
def test_an_edited_configuration_is_named(
    make_run: MakeRun, part: str, name: str, value: object, message: str
) -> None:
    opened = make_run(**RECIPE)
    finish(assemble.begin(opened, "cpu"))
    path = opened.folder / "config.json"
    configs = json.loads(path.read_text())
    configs[part][name] = value
    path.write_text(json.dumps(configs))
    before = outcome(opened.folder)
    with pytest.raises(SeqformerError, match=message):
        assemble.resume(Run(opened.folder), "cpu")
    assert outcome(opened.folder) == before


def test_what_may_change_may_change(make_run: MakeRun) -> None:
    opened = make_run(**RECIPE)
    finish(assemble.begin(opened, "cpu"))
    path = opened.folder / "config.json"
    configs = json.loads(path.read_text())
    configs["train"] |= {"max_steps": 14, "max_epochs": 50, "patience": 3, "validate_every": 2}
    path.write_text(json.dumps(configs))
    finish(assemble.resume(Run(opened.folder), "cpu"))
    assert read_progress(opened.folder / "state.safetensors").step == 14


def test_the_state_of_another_model_is_refused(make_run: MakeRun) -> None:
    opened, other = make_run("one", **RECIPE), make_run("other", {"width": 32}, **RECIPE)
    finish(assemble.begin(opened, "cpu"))
    finish(assemble.begin(other, "cpu"))
    path = opened.folder / "state.safetensors"
    tensors, progress = load_state(other.folder / "state.safetensors")
    conditions, size = read_conditions(path)
    store = RunStore(opened.folder, conditions, metrics_bytes=size)
    store.save({name: held for name, held in tensors.items() if "rng" not in name}, progress)
    store.metrics.close()
    with pytest.raises(RunError, match=r"state.safetensors: the weights .* have the shape .*expected"):
        assemble.resume(opened, "cpu")


def test_other_threads_are_remarked_on(make_run: MakeRun) -> None:
    opened, threads = make_run(**RECIPE), torch.get_num_threads()
    finish(assemble.begin(opened, "cpu"))

    def remark() -> str:
        training = assemble.resume(opened, "cpu")
        training.trainer.store.close()
        return " ".join(training.remarks)

    assert remark() == ""
    torch.set_num_threads(threads + 1)
    try:
        told = remark()
    finally:
        torch.set_num_threads(threads)
    assert f"threads {threads + 1} instead of {threads}" in told


CHILD = """
import resource, signal, sys, time
from seqformer.cli import main
from seqformer.report import scores
if sys.argv[1] == "small disk":
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]),) * 2)
else:  # a validation that does not end
    def forever(*_, **__):
        print("validating", file=sys.stderr, flush=True)
        while True:
            time.sleep(0.01)
    scores.corpus_score = forever
sys.argv[1:3] = []
main()
"""
TRAIN = ["train", "--resume", "--device", "cpu", "--run"]


@pytest.mark.skipif(os.name != "posix", reason="POSIX limits")
def test_a_full_disk_is_told_and_the_last_state_kept(make_run: MakeRun) -> None:
    whole, cut = make_run("whole", **RECIPE), make_run("cut", **RECIPE)
    finish(assemble.begin(whole, "cpu"))
    room = (whole.folder / "state.safetensors").stat().st_size * 2 // 3  # the first holds no averages
    command = [sys.executable, "-c", CHILD, "small disk", str(room), *TRAIN, str(cut.folder)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 2, done.stderr
    last = done.stderr.splitlines()[-1]
    assert f"{cut.folder}/state.safetensors: cannot be written (File too large)" in last
    assert f"the state of step 0 is kept in {cut.folder}: free some space" in last
    assert f"seqformer train --resume --run {cut.folder}" in last and "Traceback" not in done.stderr
    assert not list(cut.folder.glob("*tmp*"))
    finish(assemble.resume(Run(cut.folder), "cpu"))
    assert outcome(whole.folder) == outcome(cut.folder)


@pytest.mark.skipif(os.name != "posix", reason="POSIX signals")
def test_a_second_signal_stops_a_long_validation(make_run: MakeRun) -> None:
    whole, cut = make_run("whole", **RECIPE), make_run("cut", **RECIPE)
    finish(assemble.begin(whole, "cpu"))
    command = [sys.executable, "-c", CHILD, "slow validation", "", *TRAIN, str(cut.folder)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as child:
        assert child.stderr is not None
        for sign in ("validating", "saving and stopping"):
            while sign not in (line := child.stderr.readline()):
                assert line
            child.send_signal(signal.SIGTERM)
        rest = child.stderr.read()
        assert child.wait(60) == 143 and "Traceback" not in rest
    finish(assemble.resume(Run(cut.folder), "cpu"))
    assert outcome(whole.folder) == outcome(cut.folder)


def test_prepare_on_a_full_disk_leaves_nothing(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(Manifest, "write", full)
    (tmp_path / "mine.tsv").write_text("".join(f"{s}\t{t}\n" for s, t in toy_pairs()), "utf-8")
    code, _, err = command("prepare", "mine.tsv", "--vocab-size", 80)
    assert code == 2 and "prepared/mine: cannot be written (No space left on device)" in err
    assert not list((tmp_path / "prepared").iterdir())
