"""Training that notices: numbers that are not finite, and models that do not look at their source."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import MakeRun, new_run, toy_pairs

from seqformer import api
from seqformer.config import PrepareConfig, TrainConfig
from seqformer.errors import RunError, SeqformerError
from seqformer.models.loss import Loss
from seqformer.report.collapse import Losses, warning
from seqformer.runs import assemble
from seqformer.runs.metrics import read_metrics
from seqformer.runs.state import RunStore, load_state, read_conditions, read_progress
from seqformer.tasks import open_task
from seqformer.tasks.validation import OTHER
from seqformer.text import prepare
from seqformer.text import prepared as store
from seqformer.text.batches import PairBatches
from seqformer.training.events import Ended, Event, Skipped, Stepped, Validated, Validation
from seqformer.training.nonfinite import PATIENCE, RECOVERY, NonFinite
from seqformer.training.trainer import Trainer


class Walk:
    """A model of a few weights; ``spoil`` does what it likes to the loss of each step, by its number.

    With ``resume`` it goes on from what the folder holds.
    """

    def __init__(
        self, folder: Path, spoil: Callable[[int], float], *, resume: bool = False, **recipe: object
    ) -> None:
        folder.mkdir(exist_ok=True)
        torch.manual_seed(1)
        self.model = torch.nn.Linear(4, 1)
        self.spoil = spoil
        usual: dict[str, object] = {"max_steps": 40, "validate_every": 8, "warmup": 2, "learning_rate": 0.01}
        config = TrainConfig(**(usual | recipe))  # type: ignore[arg-type]
        state = folder / "state.safetensors"
        kept = RunStore(folder, {}, metrics_bytes=read_conditions(state)[1] if resume else 0)
        self.trainer = Trainer(
            self.model, self, self.objective, self.validate, config, kept, torch.device("cpu")
        )
        if resume:
            self.trainer.restore(*load_state(state))

    parts = 1

    def plan(self, epoch: int, part: int) -> list[list[int]]:
        return [[number] for number in range(7)]

    def load(self, item: list[int]) -> torch.Tensor:
        return torch.rand(3, 4)

    def objective(self, batch: torch.Tensor, progress: float) -> Loss:
        loss = ((self.model(batch) - 1) ** 2).sum() * self.spoil(self.trainer.state.step)
        return Loss(loss, loss.detach(), len(batch))

    def validate(self) -> Validation:
        loss = float(((self.model(torch.ones(1, 4)) - 1) ** 2).sum())
        return Validation(-loss, {"valid_loss": loss}, warning="look")


def bad(*steps: int) -> Callable[[int], float]:
    return lambda step: math.nan if step in steps else 1.0


def test_a_bad_step_is_left_out_and_the_training_goes_on(tmp_path: Path) -> None:
    walk = Walk(tmp_path / "run", bad(5, 6, 20))
    events, weights = [], walk.model.weight.detach().clone()
    for event in walk.trainer.run():
        events.append(event)
        if isinstance(event, Skipped):
            assert torch.equal(weights, walk.model.weight)  # nothing has moved
        weights = walk.model.weight.detach().clone()
    assert [e for e in events if isinstance(e, Skipped)] == [Skipped("loss", f) for f in (0.5, 0.25, 0.125)]
    assert isinstance(events[-1], Ended) and walk.trainer.state.nonfinite.skipped == 3
    rates = [e.rate for e in events if isinstance(e, Stepped)]
    assert rates[5] < 0.3 * rates[4]  # steps 4 and 7: two of them were left out between
    lines = [r for r in read_metrics(tmp_path / "run/metrics.jsonl") if "skipped" in r]
    assert [(r["step"], r["skipped"], r["rate_factor"]) for r in lines][:2] == [
        (6, "loss", 0.5),
        (7, "loss", 0.25),
    ]


def test_a_gradient_alone_is_noticed_too(tmp_path: Path) -> None:
    walk = Walk(tmp_path / "run", bad())
    weight = walk.model.weight
    weight.register_hook(lambda g: g * math.inf if walk.trainer.state.step == 3 else g)
    assert [e for e in walk.trainer.run() if isinstance(e, Skipped)] == [Skipped("gradient", 0.5)]


def test_the_rate_comes_back() -> None:
    seen = NonFinite()
    seen.step_skipped()
    seen.step_skipped()
    for factor in (0.25, 0.5, 1.0):
        assert seen.factor == factor and seen.in_a_row == (2 if factor == 0.25 else 0)
        for _ in range(RECOVERY):
            seen.step_made()
    assert seen.factor == 1 and seen.skipped == 2


def collect(trainer: Trainer, into: list[Event]) -> None:
    for event in trainer.run():
        into.append(event)  # noqa: PERF402 - what came before an error is wanted


def test_after_a_few_bad_steps_there_is_advice_and_the_last_good_state(tmp_path: Path) -> None:
    walk = Walk(tmp_path / "run", bad(*range(19, 99)))
    events: list[Event] = []
    with pytest.raises(
        SeqformerError,
        match=r"5 steps in a row; .*lower learning rate .*0\.01.*precision fp32; .*of step 16, is kept",
    ):
        collect(walk.trainer, events)
    assert sum(isinstance(e, Skipped) for e in events) == PATIENCE
    assert read_progress(tmp_path / "run/state.safetensors").step == 16


def test_weights_that_run_away_are_never_saved(tmp_path: Path) -> None:
    """The gradient is finite and clipped, and yet the step leads nowhere."""
    walk = Walk(tmp_path / "run", bad(), learning_rate=1e38, warmup=0, validate_every=1)
    events: list[Event] = []
    with pytest.raises(SeqformerError, match="of step 0, is kept"):
        collect(walk.trainer, events)
    assert not any(e.best for e in events if isinstance(e, Validated))
    tensors, progress = load_state(tmp_path / "run/state.safetensors")
    assert progress.step == 0 and all(torch.isfinite(t).all() for t in tensors.values())
    assert not (tmp_path / "run/weights.safetensors").exists()
    assert "NaN" not in (tmp_path / "run/metrics.jsonl").read_text()


def test_a_run_that_diverges_names_its_folder(make_run: MakeRun) -> None:
    opened = make_run(learning_rate=1e38, warmup=0, validate_every=1)
    with pytest.raises(
        RunError, match=r"run: step 5: .*in 5 steps in a row; .*lower learning rate.*of step 0, is"
    ):
        api.resume(opened.folder, device="cpu")
    assert read_progress(opened.folder / "state.safetensors").step == 0


def test_a_last_step_that_is_left_out_spoils_nothing(tmp_path: Path) -> None:
    walk = Walk(tmp_path / "run", bad(39))
    assert isinstance(list(walk.trainer.run())[-1], Ended)
    assert read_progress(tmp_path / "run/state.safetensors").step == 40


@pytest.mark.parametrize("stop_at", [7, 9])  # in trouble, where nothing is saved, and after it
def test_resumed_equals_uninterrupted_through_trouble(tmp_path: Path, stop_at: int) -> None:
    spoil = bad(4, 6, 21)
    list(Walk(tmp_path / "whole", spoil).trainer.run())
    walk = Walk(tmp_path / "cut", spoil)
    for event in walk.trainer.run():
        if isinstance(event, Stepped | Skipped) and walk.trainer.state.step == stop_at:
            walk.trainer.stop("test")
    assert walk.trainer.saved_step == (0 if stop_at == 7 else stop_at)
    list(Walk(tmp_path / "cut", spoil, resume=True).trainer.run())
    for name in ("weights.safetensors", "metrics.jsonl"):
        assert (tmp_path / "whole" / name).read_bytes() == (tmp_path / "cut" / name).read_bytes()
    whole, cut = (load_state(tmp_path / name / "state.safetensors")[1] for name in ("whole", "cut"))
    assert whole.nonfinite == cut.nonfinite and whole.nonfinite.skipped == 3


def test_a_warning_is_not_believed_at_once(tmp_path: Path) -> None:
    walk = Walk(tmp_path / "run", bad(), max_steps=500, validate_every=100)
    told = [e.validation.warning for e in walk.trainer.run() if isinstance(e, Validated)]
    assert told == ["", "", "", "look", "look"]
    assert [r.get("warning") for r in read_metrics(tmp_path / "run/metrics.jsonl") if "best" in r][
        -1
    ] == "look"


MANY = [f"s{i}" for i in range(40)]
OWN = [f"t{i}" for i in range(40)]


@pytest.mark.parametrize(
    ("translations", "references", "right", "other", "sign"),
    [
        (OWN, OWN, 2.0, 4.0, ""),
        (OWN, OWN, 4.0, 4.01, "aligned"),
        (OWN, OWN, 4.1, 4.0, "aligned"),
        (["x"] * 35 + OWN[:5], OWN, 2.0, 4.0, "88% of the sources have one and the same translation"),
        (["x"] * 40, OWN, 4.0, 4.0, "100% of the sources"),
        (["x"] * 40, ["x"] * 40, 0.1, 1.0, ""),  # as it should be
        (["x"] * 20 + OWN[:20], OWN, 2.0, 4.0, ""),
    ],
)
def test_signs_of_collapse(
    translations: list[str], references: list[str], right: float, other: float, sign: str
) -> None:
    told = warning(MANY, translations, references, Losses(right, other, 40), causal=True)
    assert (sign in told) if sign else not told
    few = warning(MANY[:10], translations[:10], references[:10], Losses(right, other, 10), causal=True)
    assert few == ""
    if sign == "aligned":
        open_ended = warning(MANY, translations, references, Losses(right, other, 40), causal=False)
        assert "causal mask" in open_ended


@pytest.mark.parametrize("arch", ["transformer", "bahdanau"])
def test_an_untrained_model_is_known_by_its_deafness(tmp_path: Path, arch: str) -> None:
    folder = tmp_path / "data"
    prepare.prepare(toy_pairs(220), {}, folder, PrepareConfig(vocab_size=80, valid_size=40, test_size=5))
    made = new_run(tmp_path / "run", folder, {"arch": arch}, {"max_steps": 1, "precision": "fp32"})
    trainer = assemble.begin(made, "cpu").trainer
    trainer.model.eval()
    with torch.inference_mode():
        found = trainer.validate()
    assert "does not use the source" in found.warning
    assert found.values[OTHER] == pytest.approx(found.values["valid_loss"], rel=0.05)
    with torch.inference_mode():
        next(trainer.model.parameters()).fill_(math.nan)
        assert math.isnan(trainer.validate().score)
    trainer.store.close()


def test_other_sources_are_other_sources(data: Path) -> None:
    pairs = store.open_pairs(data, "train", open_task(data).manifest)
    batches, order = PairBatches(pairs, 128, 1), np.arange(len(pairs))[::-1]
    first, rest = batches.apart(order, 30)
    drawn, others = ([i for cell in cells for i in cell.indices.tolist()] for cells in (first, rest))
    assert sorted(drawn + others) == sorted(order)  # the loss is over each pair once
    assert 20 < len(drawn) <= 30 and set(drawn) <= set(order[:30].tolist())
    for own in map(batches.load, first):
        other = own.with_next_sources()
        assert own.source.shape == other.source.shape and (own.source != other.source).any(1).all()
        assert torch.equal(own.target_in, other.target_in) and torch.equal(own.target_out, other.target_out)
    few = batches.apart(order[:1], 30)
    assert few[0] == [] and [cell.indices.tolist() for cell in few[1]] == [[order[0]]]
