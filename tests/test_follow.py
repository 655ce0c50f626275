"""A logger gets what the metrics have, once; it changes nothing, and its faults stop nothing."""

from __future__ import annotations

import importlib
import json
import sys
import types
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
from conftest import Command, MakeRun

from seqformer import api
from seqformer.errors import MissingExtra, SeqformerError
from seqformer.runs import assemble, follow, loggers
from seqformer.runs.follow import Follower
from seqformer.runs.run import Run
from seqformer.training.events import Stepped, Validated

RECIPE = {"max_steps": 60, "validate_every": 20}
OUTCOME = ("weights.safetensors", "metrics.jsonl")


class Recorder:
    """A logger that keeps what it gets; one for each name, as if it were on disk."""

    logs: ClassVar[dict[str, Recorder]] = {}

    def __new__(cls, folder: Path, identity: str, settings: dict[str, Any]) -> Recorder:
        return cls.logs.setdefault(identity, super().__new__(cls))

    def __init__(self, folder: Path, identity: str, settings: dict[str, Any]) -> None:
        if not hasattr(self, "values"):
            self.values: list[tuple[int, str, float]] = []
            self.rows: list[tuple[int, dict[str, str]]] = []
            self.pictures: list[tuple[int, Any]] = []
        self.settings, self.opened = settings, True

    def numbers(self, values: dict[str, float], step: int) -> None:
        self.values += [(step, name, value) for name, value in values.items()]

    def row(self, name: str, texts: dict[str, str], step: int) -> None:
        self.rows.append((step, texts))

    def image(self, name: str, pixels: Any, step: int) -> None:
        self.pictures.append((step, pixels))

    def close(self) -> None:
        self.opened = False


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> dict[str, Recorder]:
    """The logger ``wandb``, which keeps everything in memory, and its logs by name."""
    monkeypatch.setitem(loggers.LOGGERS, "wandb", Recorder)
    monkeypatch.setattr(loggers, "find_spec", lambda name: True)
    monkeypatch.setattr(Recorder, "logs", {})
    return Recorder.logs


def train(run: Run, logger: str | None, steps: int = 99, *, resumed: bool = False) -> list[str]:
    """To the end, or killed after so many steps; gives what was told."""
    told: list[str] = []
    follower = Follower(run, logger, told.append)
    trainer = (assemble.resume if resumed else assemble.begin)(run, "cpu").trainer
    follower.begin(trainer)
    for event in trainer.run():
        follower(event)
        if isinstance(event, Stepped) and trainer.state.step == steps:
            return told
    follower.close()
    return told


def expected(run: Run) -> list[tuple[int, str, float]]:
    return sorted(
        (record["step"], name, value)
        for record in run.metrics()
        for name, value in follow._numbers(record).items()
    )


def logged(log: Recorder) -> list[tuple[int, str, float]]:
    """Without speeds, which no metrics have."""
    return sorted(each for each in log.values if not each[1].endswith("_per_second"))


def test_a_logger_gets_the_metrics_and_changes_nothing(make_run: MakeRun, log: dict[str, Recorder]) -> None:
    pytest.importorskip("matplotlib")
    plain, followed = make_run("plain", **RECIPE), make_run("followed", **RECIPE)
    assert train(plain, None) == train(followed, "wandb") == []
    assert not (plain.folder / "log.json").exists()
    for name in OUTCOME:
        assert (plain.folder / name).read_bytes() == (followed.folder / name).read_bytes()
    (held,) = log.values()
    assert logged(held) == expected(followed) and not held.opened
    names = {name for _, name, _ in held.values}
    assert names >= {
        "train/loss", "train/learning_rate", "train/gradient_norm", "train/tokens_per_second",
        "valid/loss", "valid/bleu",
    }  # fmt: skip
    assert [step for step, _ in held.rows] == [step for step, _ in held.pictures] == [20, 40, 60]
    assert set(held.rows[0][1]) == {"source", "translation", "reference"}
    first = held.pictures[0][1]
    assert first.dtype == np.uint8 and first.ndim == 3 and first.shape[2] == 3 and first.std() > 1
    assert held.settings == followed.configuration()


@pytest.mark.parametrize("steps", [37, 41, 55])
def test_a_resumed_training_goes_on_in_the_same_log_without_a_step_twice(
    make_run: MakeRun, log: dict[str, Recorder], monkeypatch: pytest.MonkeyPatch, steps: int
) -> None:
    """Killed after metrics that its saved state does not know of; they are written again, and not logged."""
    monkeypatch.setattr(Follower, "_attention", lambda *given: np.zeros((1, 1, 3), np.uint8))
    run = make_run("run", **RECIPE)
    train(run, "wandb", steps)
    train(Run(run.folder), None, resumed=True)
    assert len(log) == 1
    (held,) = log.values()
    assert logged(held) == expected(run) and [step for step, _ in held.rows] == [20, 40, 60]


def test_a_log_begun_later_has_all_that_was_before(make_run: MakeRun, log: dict[str, Recorder]) -> None:
    run = make_run("run", **RECIPE)
    train(run, None, 45)
    train(Run(run.folder), "wandb", resumed=True)
    (held,) = log.values()
    assert logged(held) == expected(run)
    train(Run(run.folder), "none", resumed=True)
    assert not (run.folder / "log.json").exists()


@pytest.mark.parametrize("fails", ["__init__", "numbers", "row", "image", "close"])
def test_a_failing_logger_stops_nothing(
    make_run: MakeRun, log: dict[str, Recorder], monkeypatch: pytest.MonkeyPatch, fails: str
) -> None:
    def failing(*given: object, **also: object) -> None:
        raise ConnectionError("no\nnetwork")

    monkeypatch.setattr(Recorder, fails, failing)
    monkeypatch.setattr(Follower, "_attention", lambda *given: np.zeros((1, 1, 3), np.uint8))
    told: list[str] = []
    run = make_run("run", **RECIPE)

    def hear(event: object) -> None:
        if isinstance(event, api.NotLogged):
            told.append(event.why)

    api._run(run, "cpu", 0.0, api.distributed.join(), hear, [], "wandb", resumed=False)
    assert told == ["wandb: no network; the training goes on without this log"]
    assert Run(run.folder).progress().finished  # type: ignore[union-attr]


def test_a_damaged_note_of_the_log_stops_nothing(make_run: MakeRun, log: dict[str, Recorder]) -> None:
    run = make_run("run", **RECIPE)
    (run.folder / "log.json").write_text('{"to": "elsewhere", "id": "x"}')
    (told,) = train(run, None)
    assert told.startswith("log.json: ") and "not as seqformer writes it" in told and not log


def test_without_matplotlib_only_the_pictures_are_missing(
    make_run: MakeRun, log: dict[str, Recorder], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    run = make_run("run", **RECIPE)
    (told,) = train(run, "wandb")
    assert "no pictures of attention" in told and "pip install 'seqformer[png]'" in told
    (held,) = log.values()
    assert logged(held) == expected(run) and held.rows and not held.pictures


def test_what_cannot_be_logged_with_is_refused_before_any_work(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loggers, "find_spec", lambda name: None)
    for name in loggers.LOGGERS:
        with pytest.raises(MissingExtra, match=rf"pip install 'seqformer\[{name}\]'"):
            loggers.check(name)
    code, out, err = command("train", "--task", "alternating", "--log", "wandb")
    assert (code, out, err.count("\n")) == (2, "", 1) and "wandb" in err
    code, _, err = command("train", "--task", "alternating", "--log", "tensorbord")
    assert code == 2 and "did you mean 'tensorboard'?" in err
    assert not list(tmp_path.iterdir())
    with pytest.raises(SeqformerError):
        api.resume("nowhere", log="comet")


def test_tensorboard_files_hold_the_metrics(make_run: MakeRun) -> None:
    """Read by TensorBoard's own format: records of a length, two checksums and an event."""
    pytest.importorskip("tensorboardX")
    pytest.importorskip("matplotlib")
    event_pb2 = importlib.import_module("tensorboardX.proto.event_pb2")
    run = make_run("run", **RECIPE)
    train(run, "tensorboard", 45)
    assert train(Run(run.folder), None, resumed=True) == []
    held, tags = [], set()
    for path in (run.folder / "tensorboard").iterdir():
        content = path.read_bytes()
        while content:
            size = int.from_bytes(content[:8], "little")
            event = event_pb2.Event.FromString(content[12 : 12 + size])
            content = content[16 + size :]
            tags |= {value.tag for value in event.summary.value}
            held += [
                (event.step, value.tag, value.simple_value)
                for value in event.summary.value
                if value.WhichOneof("value") == "simple_value" and not value.tag.endswith("_per_second")
            ]
    wanted = [(step, name, float(np.float32(value))) for step, name, value in expected(run)]
    assert sorted(held) == sorted(wanted)
    assert {"valid/attention", "valid/sample/text_summary"} <= tags


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, Any]]:
    """Modules in place of wandb and trackio, which write down how they are called."""
    made: list[tuple[str, Any]] = []

    def module(name: str, run: Any) -> types.ModuleType:
        fake = types.ModuleType(name)
        for called in ("init", "log", "finish", "define_metric"):
            setattr(fake, called, lambda *a, _called=called, **k: made.append((_called, (a, k))) or fake)
        for kind in ("Image", "Table", "Settings"):
            setattr(fake, kind, lambda *a, _kind=kind, **k: (_kind, a, k))
        return fake

    for name in ("wandb", "trackio"):
        monkeypatch.setitem(sys.modules, name, module(name, None))
    return made


@pytest.mark.parametrize("name", ["wandb", "trackio"])
def test_hosted_trackers_are_called_as_they_are_meant_to_be(
    name: str, calls: list[tuple[str, Any]], tmp_path: Path
) -> None:
    logger = loggers.LOGGERS[name](tmp_path / "run", "run-1", {"width": 8})
    logger.numbers({"train/loss": 2.0}, 20)
    logger.row("valid/sample", {"source": "a", "translation": "b"}, 20)
    logger.image("valid/attention", np.zeros((2, 2, 3), np.uint8), 20)
    logger.close()
    (begun, (_, how)), *middle, (ended, _) = calls
    assert (begun, ended, how["resume"], how["config"]) == ("init", "finish", "allow", {"width": 8})
    assert how["id" if name == "wandb" else "name"] == "run-1"
    logs = [given for called, given in middle if called == "log"]
    assert len(logs) == 3
    for (values,), keywords in logs:  # of wandb the step is a metric, which may go back
        assert (values["step"] if name == "wandb" else keywords["step"]) == 20
    assert json.dumps(logs[0][0][0]["train/loss"]) == "2.0"
    if name == "wandb":
        assert ("define_metric", (("*",), {"step_metric": "step"})) in middle


def test_classifiers_show_what_they_look_at(
    log: dict[str, Recorder], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A validation without a sample shows the first test image."""
    asked: list[str] = []

    def look(self: Follower, what: str) -> Any:
        asked.append(what)
        return np.zeros((1, 1, 3), np.uint8)

    monkeypatch.setattr(Follower, "_attention", look)
    follower = Follower.__new__(Follower)
    follower._draws, follower._trainer = True, types.SimpleNamespace(state=types.SimpleNamespace(step=5))  # type: ignore[assignment]
    held = Recorder(Path(), "x", {})
    follower._show(held, Validated(types.SimpleNamespace(sample=None), True).validation)  # type: ignore[arg-type]
    assert asked == [follow.FIRST_IMAGE] and [step for step, _ in held.pictures] == [5] and not held.rows
