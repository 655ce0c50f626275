"""Training: resumed = uninterrupted, accumulated = one batch, and budgets that are kept."""

from __future__ import annotations

import copy
import json
import math
import os
import time
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import torch
from conftest import MakeRun
from safetensors.torch import load_file

from seqformer import api
from seqformer.config import SCHEDULES, TrainConfig
from seqformer.device import choose_device
from seqformer.errors import DamagedError, RunError
from seqformer.models.loss import Loss
from seqformer.runs import assemble
from seqformer.runs.metrics import Metrics
from seqformer.runs.run import Run
from seqformer.runs.state import RunStore, load_state
from seqformer.text import batches as batching
from seqformer.training.distributed import ALONE, Processes
from seqformer.training.events import Ended, Event, Stepped, Validated, Validating, Validation
from seqformer.training.muon import orthogonal
from seqformer.training.optimizer import FlatOptimizer
from seqformer.training.progress import Progress
from seqformer.training.schedule import learning_rate
from seqformer.training.trainer import Trainer


def finish(trainer: Trainer) -> Ended:
    ended = list(trainer.run())[-1]
    assert isinstance(ended, Ended)
    return ended


def files(opened: Run) -> tuple[bytes, bytes, dict[str, torch.Tensor]]:
    folder = opened.folder
    return (
        (folder / "weights.safetensors").read_bytes(),
        (folder / "metrics.jsonl").read_bytes(),
        load_file(folder / "state.safetensors"),
    )


RECURRENT = {
    "arch": "bahdanau",
    "encoder_layers": 2,
    "decoder_layers": 2,
    "bidirectional": True,
    "dropout": 0.3,
}


@pytest.mark.parametrize("model", [{}, RECURRENT], ids=["transformer", "bahdanau"])
@pytest.mark.parametrize("precision", ["fp32", "bf16"])
@pytest.mark.parametrize("stop_at", [1, 4, 7, 13])
@pytest.mark.parametrize("parts", [1, 4])
def test_resumed_equals_uninterrupted(
    make_run: MakeRun,
    monkeypatch: pytest.MonkeyPatch,
    parts: int,
    stop_at: int,
    precision: str,
    model: dict[str, object],
) -> None:
    if parts > 1:  # of the 50 pairs of an epoch
        monkeypatch.setattr(batching, "RUN", 1)
        monkeypatch.setattr(batching, "PART", 13)
    optimizer = "muon" if precision == "bf16" else "adam"
    recipe: dict[str, object] = {"max_steps": 16, "validate_every": 5, "accumulate": 2}
    recipe |= {"precision": precision, "optimizer": optimizer}
    whole, cut = make_run("whole", model, **recipe), make_run("cut", model, **recipe)
    assert finish(assemble.begin(whole, "cpu").trainer) == Ended(
        "the limit is reached, 16 steps", interrupted=False
    )
    trainer = assemble.begin(cut, "cpu").trainer
    for event in trainer.run():
        if isinstance(event, Stepped) and trainer.state.step == stop_at:
            trainer.stop("test")
    torch.manual_seed(99)  # the state, not luck, must bring the generators back
    assert finish(assemble.resume(cut, "cpu").trainer).interrupted is False
    for one, other in zip(files(whole)[:2], files(cut)[:2], strict=True):
        assert one == other
    for name, tensor in files(whole)[2].items():
        assert torch.equal(tensor, files(cut)[2][name]), name


def test_random_batches_and_dropped_attention_go_on_as_if_never_stopped(make_run: MakeRun) -> None:
    model: dict[str, object] = {"attention_dropout": 0.3}
    recipe = {"max_steps": 10, "validate_every": 4, "sentences_per_batch": 9, "adam_beta2": 0.999}
    whole, cut = make_run("whole", model, **recipe), make_run("cut", model, **recipe)
    finish(assemble.begin(whole, "cpu").trainer)
    trainer = assemble.begin(cut, "cpu").trainer
    for event in trainer.run():
        if isinstance(event, Stepped) and trainer.state.step == 7:  # an epoch has six batches
            trainer.stop("test")
    torch.manual_seed(99)
    finish(assemble.resume(cut, "cpu").trainer)
    assert files(whole)[:2] == files(cut)[:2]


def test_what_was_written_after_the_last_save_is_written_again(make_run: MakeRun) -> None:
    """A run that dies without saving leaves metrics its state does not know of."""
    recipe = {"max_steps": 30, "validate_every": 8}
    whole, killed = make_run("whole", **recipe), make_run("killed", **recipe)
    finish(assemble.begin(whole, "cpu").trainer)
    trainer = assemble.begin(killed, "cpu").trainer
    for _ in trainer.run():
        if trainer.state.step == 22:
            break  # as a kill would: nothing is saved
    finish(assemble.resume(killed, "cpu").trainer)
    assert files(whole)[:2] == files(killed)[:2]


def test_accumulated_batches_are_one_batch() -> None:
    """Gradients of a loss summed over all tokens do not depend on how the tokens were dealt out."""
    x, y = torch.randn(12, 3), torch.randn(12)

    def trained(parts: list[int]) -> torch.Tensor:
        torch.manual_seed(0)
        model = torch.nn.Linear(3, 1)
        optimizer = FlatOptimizer(model, clip=1.0)
        for _ in range(3):
            for a, b in zip(x.split(parts), y.split(parts), strict=True):
                ((model(a)[:, 0] - b) ** 2).sum().backward()
                optimizer.collect()
            optimizer.step(12, 0.1)
        return torch.cat([p.detach().flatten() for p in model.parameters()])

    torch.testing.assert_close(trained([12]), trained([5, 4, 3]))


@pytest.mark.parametrize("beta2", [0.98, 0.999])
def test_flat_adam_is_adam(beta2: float) -> None:
    def model() -> torch.nn.Module:
        torch.manual_seed(0)
        return torch.nn.Sequential(torch.nn.Linear(4, 5), torch.nn.LayerNorm(5), torch.nn.Linear(5, 1))

    x, ours, theirs = torch.randn(8, 4), model(), model()
    flat = FlatOptimizer(ours, clip=0.5, beta2=beta2)
    adam = torch.optim.Adam(theirs.parameters(), betas=(0.9, beta2), eps=1e-9)
    for _ in range(5):
        (ours(x) ** 2).sum().backward()
        flat.collect()
        norm = flat.step(8, 0.01)
        adam.zero_grad()
        (theirs(x) ** 2).mean().backward()
        expected = torch.nn.utils.clip_grad_norm_(theirs.parameters(), 0.5)
        adam.param_groups[0]["lr"] = 0.01
        adam.step()
        assert math.isclose(norm, float(expected), rel_tol=1e-4)
    for p, q in zip(ours.parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(p, q)


def test_fine_tuning_validates_before_the_first_step(data: Path, make_run: MakeRun, tmp_path: Path) -> None:
    """So weights that are worse than those it began with are never the best."""
    first = make_run("first", {}, max_steps=4, validate_every=4)
    finish(assemble.begin(first, "cpu").trainer)
    ruined = {"max_steps": 6, "validate_every": 3, "learning_rate": 10.0, "clip": 100.0, "warmup": 0}
    ruined |= {"precision": "fp32"}
    second = api.train(data, run=tmp_path / "second", init=first, best_by="loss", **ruined)
    records = [record for record in second.metrics() if "valid_loss" in record]
    assert [record["step"] for record in records] == [0, 3, 6]
    progress = second.progress()
    assert progress and progress.best_step == 0
    held = load_file(second.folder / "weights.safetensors")
    begun = dict(first.load_model(torch.device("cpu")).named_parameters())
    assert all(torch.equal(held[name], begun[name]) for name in held)


def test_a_limit_given_to_a_resumed_training_replaces_all_others(make_run: MakeRun) -> None:
    run = make_run("run", {}, max_steps=20, max_epochs=9, validate_every=20)
    finish(assemble.begin(run, "cpu").trainer)
    said: list[Any] = []
    api.resume(run, max_steps=45, events=said.append)
    assert run.configs.train.limits == {"steps": 45}
    assert any("learning rate goes on at" in r for e in said if isinstance(e, api.Started) for r in e.remarks)
    assert said[-1] == Ended("the limit is reached, 45 steps", interrupted=False)
    for settings in ({}, {"max_steps": 7}):
        before, said = files(run), []
        api.resume(run, events=said.append, **settings)
        assert [type(event) for event in said] == [api.NothingLeft] and "the limit is reached" in said[
            0
        ].reason
        assert files(run)[:2] == before[:2]


def test_muon_is_torchs_on_each_matrix() -> None:
    """Matrices that are stacked or of one shape are still updated one by one; the rest is Adam's."""

    def model() -> torch.nn.Module:
        torch.manual_seed(0)
        return torch.nn.Sequential(torch.nn.Linear(8, 24), torch.nn.LayerNorm(24), torch.nn.Linear(24, 8))

    x, ours, theirs = torch.randn(16, 8), model(), model()
    flat = FlatOptimizer(ours, clip=1e9, matrices={"2.weight": 1, "0.weight": 3})
    matrices = [*theirs[0].weight.data.chunk(3), theirs[2].weight.data]  # type: ignore[union-attr, operator]
    muon = torch.optim.Muon(matrices, lr=2 * 0.01, weight_decay=0, adjust_lr_fn="match_rms_adamw")
    rest = [p for p in theirs.parameters() if p.ndim == 1]
    adam = torch.optim.Adam(rest, lr=0.01, betas=(0.9, 0.98), eps=1e-9)
    for _ in range(5):
        (ours(x) ** 2).sum().backward()
        flat.collect()
        flat.step(16, 0.01)
        theirs.zero_grad()
        (theirs(x) ** 2).sum().div(16).backward()
        grads = [*theirs[0].weight.grad.chunk(3), theirs[2].weight.grad]  # type: ignore[union-attr, operator]
        for matrix, grad in zip(matrices, grads, strict=True):
            matrix.grad = grad
        muon.step()
        adam.step()
    for p, q in zip(ours.parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(p, q, rtol=0, atol=3e-3)  # torch's is in bf16


def test_a_step_of_muon_is_orthogonal() -> None:
    torch.manual_seed(0)  # a matrix that is nearly singular takes more steps than five
    for shape in ((3, 16, 16), (2, 8, 40), (1, 40, 8)):
        values = torch.linalg.svdvals(orthogonal(torch.randn(shape)))
        assert float(values.min()) > 0.6 and float(values.max()) < 1.25
    assert not orthogonal(torch.zeros(1, 4, 4)).any()


def test_a_gradient_that_is_not_finite_changes_nothing() -> None:
    model = torch.nn.Linear(2, 1)
    optimizer = FlatOptimizer(model, clip=1.0)
    before = [p.detach().clone() for p in model.parameters()]
    (model(torch.full((1, 2), float("inf"))) * 0).sum().backward()
    optimizer.collect()
    assert not math.isfinite(optimizer.step(1, 0.1))
    assert all(torch.equal(a, b) for a, b in zip(before, model.parameters(), strict=True))
    model(torch.ones(1, 2)).sum().backward()
    optimizer.collect()
    assert math.isfinite(optimizer.step(1, 0.1))


def test_schedules() -> None:
    linear = TrainConfig(learning_rate=1.0, warmup=10)
    assert learning_rate(linear, 0, 0.0) == pytest.approx(0.1)
    assert learning_rate(linear, 9, 0.0) == 1.0 and learning_rate(linear, 50, 0.75) == 0.25
    assert learning_rate(linear, 100, 1.0) == 0
    steady = TrainConfig(learning_rate=1.0, warmup=2, schedule="constant")
    assert [learning_rate(steady, step, 0.9) for step in (0, 1, 2, 500)] == [0.5, 1.0, 1.0, 1.0]
    paper = TrainConfig(learning_rate=1.0, warmup=10, schedule="inverse-sqrt")
    assert learning_rate(paper, 9, 0.5) == 1.0 and learning_rate(paper, 39, 0.5) == pytest.approx(0.5)


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("steps", [10, 60, 5000])
def test_by_itself_the_warm_up_ends_within_the_budget(schedule: str, steps: int) -> None:
    config = TrainConfig(learning_rate=1.0, max_steps=steps, schedule=schedule)
    rates = [learning_rate(config, step, step / steps) for step in range(steps)]
    peak = max(range(steps), key=rates.__getitem__)
    assert peak <= min(200, 0.5 * steps) and rates[peak] >= 0.5 - 1 / steps
    assert rates[:peak] == sorted(rates[:peak])
    asked = TrainConfig(learning_rate=1.0, max_steps=steps, schedule=schedule, warmup=steps)
    assert learning_rate(asked, steps // 2, 0.0) == pytest.approx((steps // 2 + 1) / steps)


class Kept:
    """What a training makes, kept in memory: the trainer itself opens no file."""

    def __init__(self) -> None:
        self.states: list[tuple[dict[str, torch.Tensor], Progress]] = []
        self.best: list[dict[str, torch.Tensor]] = []
        self.records: list[dict[str, Any]] = []

    def save(self, tensors: dict[str, torch.Tensor], progress: Progress) -> None:
        self.states.append(copy.deepcopy((tensors, progress)))

    def keep_best(self, weights: dict[str, torch.Tensor]) -> None:
        self.best.append(copy.deepcopy(weights))

    def log(self, record: dict[str, Any]) -> None:
        self.records.append(record)

    def close(self) -> None:
        """Nothing is held open."""


class Clock:
    """Stands in for the module ``time``: its hands are moved by what happens."""

    now = 1000.0

    def monotonic(self) -> float:
        return self.now


class Countdown:
    """A model whose loss falls, and a validation whose score does as the list says.

    Where it is given a clock, a step takes ``step`` seconds of it, and a validation ``seconds``.
    """

    def __init__(
        self,
        config: TrainConfig,
        scores: list[float],
        seconds: float = 0.0,
        clock: Clock | None = None,
        step: float = 0.0,
        processes: Processes = ALONE,
    ) -> None:
        self.scores, self.seconds, self.clock, self.step = scores, seconds, clock, step
        self.model = torch.nn.Linear(1, 1)
        self.store = Kept()
        self.trainer = Trainer(
            self.model,
            self,
            self.objective,
            self.validate,
            config,
            self.store,
            torch.device("cpu"),
            processes,
            started=clock.now if clock else time.monotonic(),
        )

    parts = 1

    def plan(self, epoch: int, part: int) -> list[list[int]]:
        return [[0], [1], [2]]

    def load(self, item: list[int]) -> torch.Tensor:
        return torch.ones(2, 1)

    def objective(self, batch: torch.Tensor, progress: float) -> Loss:
        if self.clock:
            self.clock.now += self.step
        loss = (self.model(batch) ** 2).sum()
        return Loss(loss, loss.detach(), 2)

    def validate(self) -> Validation:
        if self.clock:
            self.clock.now += self.seconds
        else:
            time.sleep(self.seconds)
        return Validation(self.scores.pop(0), {})


def test_patience_and_best() -> None:
    config = TrainConfig(max_steps=100, validate_every=2, patience=3)
    counted = Countdown(config, [1, 5, 4, 3, 5, 9, 9])
    assert finish(counted.trainer).reason == "no better score in 3 validations"
    assert counted.trainer.state.best == 5 and counted.trainer.state.best_step == 4
    assert counted.trainer.state.step == 10
    assert [record["best"] for record in counted.store.records] == [True, True, False, False, False]
    assert len(counted.store.best) == 2 and counted.store.states[-1][1].finished


def test_steps_and_epochs_end_a_training() -> None:
    counted = Countdown(TrainConfig(max_epochs=4, max_steps=50), [1.0] * 20)
    finish(counted.trainer)
    assert (counted.trainer.state.step, counted.trainer.state.epoch) == (12, 4)


@pytest.mark.parametrize("accumulate", [1, 2])
@pytest.mark.parametrize("parts", [1, 4])
def test_epochs_are_counted_in_parts_and_end_whole(
    make_run: MakeRun, monkeypatch: pytest.MonkeyPatch, parts: int, accumulate: int
) -> None:
    if parts > 1:
        monkeypatch.setattr(batching, "RUN", 1)
        monkeypatch.setattr(batching, "PART", 13)
    trainer = assemble.begin(make_run(max_steps=0, max_epochs=3, accumulate=accumulate), "cpu").trainer
    made = [0.0]
    for event in trainer.run():
        state = trainer.state
        if isinstance(event, Stepped):
            plan = trainer.batches.plan(state.epoch, state.part)
            assert trainer.batches.parts == parts and state.place < len(plan) + accumulate
            made.append(min(3.0, state.epochs(len(plan), parts)))
    assert all(a < b for a, b in pairwise(made))
    assert state.epochs(len(trainer.batches.plan(state.epoch, state.part)), parts) == 3


def test_minutes_include_the_last_validation() -> None:
    budget = 1.5
    counted = Countdown(TrainConfig(max_minutes=budget / 60), [1.0] * 50, seconds=0.1)
    begin = time.monotonic()
    events = list(counted.trainer.run())
    assert time.monotonic() - begin <= budget + 0.2
    assert any(isinstance(e, Validated) for e in events[-3:])


@pytest.mark.parametrize("share", [0.001, 0.01, 0.02, 0.03, 0.06, 0.1])
@pytest.mark.parametrize("step", [0.25, 1.0])
def test_validations_take_a_fifth_of_the_minutes_at_most(
    monkeypatch: pytest.MonkeyPatch, step: float, share: float
) -> None:
    """One that takes this share of a minute: ten in the budget, or fewer, and none right after another."""
    clock = Clock()
    monkeypatch.setattr("seqformer.training.trainer.time", clock)
    counted = Countdown(TrainConfig(max_minutes=1), [1.0] * 99, 60 * share, clock, step)
    begin = clock.now
    at = [counted.trainer.state.step for event in counted.trainer.run() if isinstance(event, Validated)]
    assert clock.now - begin <= 60 + step and at[-1] == counted.trainer.state.step
    assert len(at) * share <= 0.25
    assert len(at) == 10 if share <= 0.02 else 2 <= len(at) < 10
    assert min(b - a for a, b in pairwise(at)) > 1


def test_a_pause_is_not_made_up_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the validations that fell into the sleep of a machine only one is made."""
    clock = Clock()
    monkeypatch.setattr("seqformer.training.trainer.time", clock)
    counted = Countdown(TrainConfig(max_minutes=1), [1.0] * 99, 0.01, clock, 0.5)
    at = []
    for event in counted.trainer.run():
        if isinstance(event, Validated):
            at.append(counted.trainer.state.step)
        elif isinstance(event, Stepped) and counted.trainer.state.step == 20:
            clock.now += 27
    assert at[0] < 20 == at[1] and min(b - a for a, b in pairwise(at)) > 5


@dataclass(frozen=True)
class First(Processes):
    """The first of several processes, whose words are kept."""

    said: list[list[float]] = field(default_factory=list)

    def agree(self, *values: float) -> list[float]:
        self.said.append(list(values))
        return list(values)


@dataclass(frozen=True)
class Another(First):
    """One that hears what the first said."""

    def agree(self, *values: float) -> list[float]:
        return self.said.pop(0)


def test_only_the_clock_of_the_first_process_decides(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that validates, saves or ends when the others do not waits for them for ever."""
    first, told, kept = First(), [], None
    for processes, step, seconds in ((first, 1.0, 0.9), (Another(said=first.said), 1.4, 2.3)):
        clock = Clock()
        monkeypatch.setattr("seqformer.training.trainer.time", clock)
        counted = Countdown(TrainConfig(max_minutes=1), [1.0] * 99, seconds, clock, step, processes)
        events = [(type(event), counted.trainer.state.step) for event in counted.trainer.run()]
        # and given more, in a new budget
        kept = kept or counted.store.states[-1]
        counted = Countdown(TrainConfig(max_minutes=3), [1.0] * 99, seconds, clock, step, processes)
        counted.trainer.restore(*copy.deepcopy(kept), new_budget=True)
        clock.now += seconds  # until it is ready
        events += [(type(event), counted.trainer.state.step) for event in counted.trainer.run()]
        told.append(events)
    assert told[0] == told[1] and not first.said
    assert sum(kind is Validated for kind, _ in told[0]) == 20


def validated(opened: Run) -> list[int]:
    """At which steps."""
    return [record["step"] for record in opened.metrics() if "best" in record]


def test_a_finished_run_given_more_steps_validates_ten_times_in_what_is_left(make_run: MakeRun) -> None:
    whole, cut = make_run("whole", max_steps=10), make_run("cut", max_steps=10)
    for opened in (whole, cut):
        api.resume(opened.folder, device="cpu")
        assert validated(opened) == list(range(1, 11)) and opened.progress().finished  # type: ignore[union-attr]
    api.resume(whole.folder, device="cpu", max_steps=50)
    at = validated(whole)[10:]
    assert len(at) == 10 and at[-1] == 50 and all(3 <= b - a <= 5 for a, b in pairwise([10, *at]))
    # stopped in the new budget, it goes on in the same one
    trainer = None

    def stop_at_23(event: object) -> None:
        nonlocal trainer
        trainer = event.trainer if isinstance(event, api.Started) else trainer
        if isinstance(event, Stepped) and trainer is not None and trainer.state.step == 23:
            trainer.stop("test")

    with pytest.raises(api.Interrupted, match="can be resumed"):
        api.resume(cut.folder, device="cpu", events=stop_at_23, max_steps=50)
    api.resume(cut.folder, device="cpu")
    assert files(whole)[:2] == files(cut)[:2]


def test_a_validation_is_announced(make_run: MakeRun) -> None:
    events: list[Event] = list(assemble.begin(make_run(validate_every=4), "cpu").trainer.run())
    found = [i for i, event in enumerate(events) if isinstance(event, Validating)]
    assert len(found) == 2 and all(isinstance(events[i + 1], Validated) for i in found)


def test_the_loss_without_smoothing_is_logged_too(make_run: MakeRun) -> None:
    """At a rate that leaves the weights where they are, so that smoothing changes the loss alone."""
    recipe: dict[str, Any] = {"max_steps": 20, "learning_rate": 1e-9, "schedule": "constant"}
    logs, steps = [], []
    for name, smoothing in (("smoothed", 0.1), ("plain", 0.0)):
        opened = make_run(name, {"dropout": 0.1}, label_smoothing=smoothing, **recipe)
        events = list(assemble.begin(opened, "cpu").trainer.run())
        steps.append([event for event in events if isinstance(event, Stepped)])
        logs.append(next(record for record in opened.metrics() if "loss" in record))
    smoothed, plain = logs
    assert smoothed["plain_loss"] == pytest.approx(plain["loss"], rel=1e-5)
    assert plain["plain_loss"] == pytest.approx(plain["loss"], rel=1e-6)
    assert abs(smoothed["loss"] - plain["loss"]) > 1e-3
    for one, other in zip(*steps, strict=True):
        assert one.plain_loss == pytest.approx(other.loss, rel=1e-5) and one.units == other.units
    mean = sum(s.plain_loss * s.units for s in steps[0]) / sum(s.units for s in steps[0])
    assert smoothed["plain_loss"] == pytest.approx(mean, rel=1e-6)


def test_the_clock_begins_with_the_training_and_nothing_is_set(data: Path, tmp_path: Path) -> None:
    """The package was imported long before, and neither the device nor a training changes the process."""
    before = dict(os.environ)
    choose_device("auto")
    choose_device("cpu")
    time.sleep(0.3)
    begin = time.monotonic()
    run = api.train(data, run=tmp_path / "run", device="cpu", preset="toy", max_steps=1, precision="fp32")
    progress = run.progress()
    assert progress is not None and 0 < progress.seconds <= time.monotonic() - begin
    begun = api.train(
        data, run=tmp_path / "other", device="cpu", preset="toy", max_steps=1, started=begin - 99
    )
    assert begun.progress().seconds > 99  # type: ignore[union-attr]
    assert dict(os.environ) == before


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="lists open files as Linux does")
@pytest.mark.parametrize("steps", [3, 99])
def test_a_training_that_is_over_holds_no_file(make_run: MakeRun, steps: int) -> None:
    """Whether it ended or was left: its files can be moved, and nothing waits for the collector."""
    opened = make_run(validate_every=2)
    training = assemble.begin(opened, "cpu")
    events = training.trainer.run()
    for event in events:
        if isinstance(event, Stepped) and training.trainer.state.step == steps:
            break
    events.close()  # type: ignore[attr-defined]
    held = []
    for link in Path("/proc/self/fd").iterdir():
        try:
            held.append(os.readlink(link))
        except OSError:  # that of the listing itself
            continue
    assert [path for path in held if path.startswith(str(opened.folder))] == []


def test_a_state_file_is_whole_or_not_there(tmp_path: Path) -> None:
    path, store = tmp_path / "state.safetensors", RunStore(tmp_path, {})
    store.save({"weights/w": torch.ones(3)}, Progress(step=7))
    store.metrics.close()
    tensors, progress = load_state(path)
    assert progress.step == 7 and torch.equal(tensors["weights/w"], torch.ones(3))
    assert sorted(p.name for p in tmp_path.iterdir()) == ["metrics.jsonl", "state.safetensors"]
    path.write_bytes(path.read_bytes()[:-5])
    with pytest.raises(DamagedError, match="not a whole safetensors file"):
        load_state(path)


def test_a_damaged_state_is_told_with_advice(make_run: MakeRun) -> None:
    opened = make_run()
    finish(assemble.begin(opened, "cpu").trainer)
    path = opened.folder / "state.safetensors"
    path.write_bytes(path.read_bytes()[:-5])
    for use in (opened.progress, lambda: assemble.resume(opened, "cpu")):
        with pytest.raises(RunError, match=r"not a whole safetensors file.*put a copy of it"):
            use()


def test_metrics_go_on_where_they_were(tmp_path: Path) -> None:
    metrics = Metrics(tmp_path / "m", 0)
    metrics.append({"a": 1})
    kept = metrics.bytes
    metrics.append({"b": 2})
    metrics.close()
    again = Metrics(tmp_path / "m", kept)
    again.append({"c": 3})
    again.close()
    assert [json.loads(x) for x in (tmp_path / "m").read_text().splitlines()] == [{"a": 1}, {"c": 3}]


def test_another_preparation_is_not_resumed(make_run: MakeRun) -> None:
    opened = make_run()
    opened.info = replace(opened.info, data_fingerprint="0")
    with pytest.raises(RunError, match="prepared anew"):
        assemble.begin(opened, "cpu")
