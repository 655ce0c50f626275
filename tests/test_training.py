"""Training: resumed = uninterrupted, accumulated = one batch, and budgets that are kept."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from seqformer.config import TrainConfig
from seqformer.errors import RunError
from seqformer.runs import assemble as learn
from seqformer.runs import run
from seqformer.runs.state import Metrics, Progress, load_state, save_state
from seqformer.text import batches as batching
from seqformer.training.events import Ended, Stepped, Validated, Validation
from seqformer.training.optimizer import FlatAdam, learning_rate
from seqformer.training.trainer import Trainer

MakeRun = Callable[..., run.Run]


def finish(trainer: Trainer) -> Ended:
    ended = list(trainer.run())[-1]
    assert isinstance(ended, Ended)
    return ended


def files(opened: run.Run) -> tuple[bytes, bytes, dict[str, torch.Tensor]]:
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
    recipe = {"max_steps": 16, "validate_every": 5, "accumulate": 2, "precision": precision}
    whole, cut = make_run("whole", model, **recipe), make_run("cut", model, **recipe)
    assert finish(learn.begin(whole, "cpu").trainer) == Ended("the budget is used", interrupted=False)
    trainer = learn.begin(cut, "cpu").trainer
    for event in trainer.run():
        if isinstance(event, Stepped) and trainer.state.step == stop_at:
            trainer.stop("test")
    torch.manual_seed(99)  # the state, not luck, must bring the generators back
    assert finish(learn.resume(cut, "cpu").trainer).interrupted is False
    for one, other in zip(files(whole)[:2], files(cut)[:2], strict=True):
        assert one == other
    for name, tensor in files(whole)[2].items():
        assert torch.equal(tensor, files(cut)[2][name]), name


def test_what_was_written_after_the_last_save_is_written_again(make_run: MakeRun) -> None:
    """A run that dies without saving leaves metrics its state does not know of."""
    recipe = {"max_steps": 30, "validate_every": 8}
    whole, killed = make_run("whole", **recipe), make_run("killed", **recipe)
    finish(learn.begin(whole, "cpu").trainer)
    trainer = learn.begin(killed, "cpu").trainer
    for _ in trainer.run():
        if trainer.state.step == 22:
            break  # as a kill would: nothing is saved
    finish(learn.resume(killed, "cpu").trainer)
    assert files(whole)[:2] == files(killed)[:2]


def test_accumulated_batches_are_one_batch() -> None:
    """Gradients of a loss summed over all tokens do not depend on how the tokens were dealt out."""
    x, y = torch.randn(12, 3), torch.randn(12)

    def trained(parts: list[int]) -> torch.Tensor:
        torch.manual_seed(0)
        model = torch.nn.Linear(3, 1)
        optimizer = FlatAdam(model, clip=1.0)
        for _ in range(3):
            for a, b in zip(x.split(parts), y.split(parts), strict=True):
                ((model(a)[:, 0] - b) ** 2).sum().backward()
                optimizer.collect()
            optimizer.step(12, 0.1)
        return torch.cat([p.detach().flatten() for p in model.parameters()])

    torch.testing.assert_close(trained([12]), trained([5, 4, 3]))


def test_flat_adam_is_adam() -> None:
    def model() -> torch.nn.Module:
        torch.manual_seed(0)
        return torch.nn.Sequential(torch.nn.Linear(4, 5), torch.nn.LayerNorm(5), torch.nn.Linear(5, 1))

    x, ours, theirs = torch.randn(8, 4), model(), model()
    flat = FlatAdam(ours, clip=0.5)
    adam = torch.optim.Adam(theirs.parameters(), betas=(0.9, 0.98), eps=1e-9)
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


def test_a_gradient_that_is_not_finite_changes_nothing() -> None:
    model = torch.nn.Linear(2, 1)
    optimizer = FlatAdam(model, clip=1.0)
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


class Countdown:
    """A model whose loss falls, and a validation whose score does as the list says."""

    def __init__(self, folder: Path, config: TrainConfig, scores: list[float], seconds: float = 0.0) -> None:
        self.scores = scores
        self.seconds = seconds
        self.model = torch.nn.Linear(1, 1)
        self.trainer = Trainer(
            self.model, self, self.objective, self.validate, config, folder, torch.device("cpu")
        )

    parts = 1

    def plan(self, epoch: int, part: int) -> list[list[int]]:
        return [[0], [1], [2]]

    def load(self, item: list[int]) -> torch.Tensor:
        return torch.ones(2, 1)

    def objective(self, batch: torch.Tensor) -> tuple[torch.Tensor, int]:
        return (self.model(batch) ** 2).sum(), 2

    def validate(self) -> Validation:
        time.sleep(self.seconds)
        return Validation(self.scores.pop(0), {})


def test_patience_and_best(tmp_path: Path) -> None:
    config = TrainConfig(max_steps=100, validate_every=2, patience=3)
    counted = Countdown(tmp_path, config, [1, 5, 4, 3, 5, 9, 9])
    assert finish(counted.trainer).reason == "no better score in 3 validations"
    assert counted.trainer.state.best == 5 and counted.trainer.state.best_step == 4
    assert counted.trainer.state.step == 10


def test_steps_and_epochs_end_a_training(tmp_path: Path) -> None:
    counted = Countdown(tmp_path, TrainConfig(max_epochs=4, max_steps=50), [1.0] * 20)
    finish(counted.trainer)
    assert (counted.trainer.state.step, counted.trainer.state.epoch) == (12, 4)


def test_minutes_include_the_last_validation(tmp_path: Path) -> None:
    budget = 1.5
    counted = Countdown(tmp_path, TrainConfig(max_minutes=budget / 60), [1.0] * 50, seconds=0.1)
    begin = time.monotonic()
    events = list(counted.trainer.run())
    assert time.monotonic() - begin <= budget + 0.2
    assert any(isinstance(e, Validated) for e in events[-3:])


def test_a_state_file_is_whole_or_not_there(tmp_path: Path) -> None:
    path = tmp_path / "state.safetensors"
    save_state(path, {"weights/w": torch.ones(3)}, Progress(step=7), {})
    tensors, progress = load_state(path)
    assert progress.step == 7 and torch.equal(tensors["weights/w"], torch.ones(3))
    assert [p.name for p in tmp_path.iterdir()] == ["state.safetensors"]
    path.write_bytes(path.read_bytes()[:-5])
    with pytest.raises(RunError, match="not a whole safetensors file"):
        load_state(path)


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
    opened.info["data_fingerprint"] = "0"
    with pytest.raises(RunError, match="prepared anew"):
        learn.begin(opened, "cpu")
