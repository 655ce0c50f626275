"""Averages of the weights, and the loss of two passes: laws of what a training can do beside plain steps."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from conftest import Command, MakeRun, random_model
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch.nn import functional

from seqformer.config import TrainConfig
from seqformer.errors import DamagedError, SeqformerError
from seqformer.images.batches import ImageBatch
from seqformer.models import consistency, vit
from seqformer.models.consistency import consistent_loss, divergence
from seqformer.models.loss import projection_loss
from seqformer.runs import assemble
from seqformer.runs.run import Run
from seqformer.runs.state import read_progress
from seqformer.text.batches import Batch
from seqformer.training.averages import MovingAverage
from seqformer.training.events import Stepped, Validated

AVERAGES: list[dict[str, object]] = [{"ema": 0.9}, {"keep_last": 3}]


def files(opened: Run) -> dict[str, bytes]:
    """The bytes of all that a training has written, but for the clocks in its state."""
    held = {str(p.relative_to(opened.folder)): p for p in opened.folder.rglob("*.safetensors")}
    whole = {name: path.read_bytes() for name, path in held.items() if not name.startswith("state")}
    state = {name: t.numpy().tobytes() for name, t in load_file(held["state.safetensors"]).items()}
    return whole | state | {"metrics": (opened.folder / "metrics.jsonl").read_bytes()}


@pytest.mark.parametrize("average", [*AVERAGES, {"consistency": 5.0, "consistency_from": 0.5}], ids=str)
@pytest.mark.parametrize("stop_at", [4, 7, 10])
def test_resumed_equals_uninterrupted(make_run: MakeRun, stop_at: int, average: dict[str, object]) -> None:
    recipe = {"max_steps": 16, "validate_every": 3, "precision": "bf16"} | average
    whole, cut = make_run("whole", {"dropout": 0.2}, **recipe), make_run("cut", {"dropout": 0.2}, **recipe)
    list(assemble.begin(whole, "cpu").trainer.run())
    trainer = assemble.begin(cut, "cpu").trainer
    for event in trainer.run():
        if isinstance(event, Stepped) and trainer.state.step == stop_at:
            trainer.stop("test")
    torch.manual_seed(99)
    list(assemble.resume(cut, "cpu").trainer.run())
    assert files(whole) == files(cut)


def test_a_killed_training_finds_the_weights_of_its_mean_again(make_run: MakeRun) -> None:
    recipe = {"max_steps": 20, "validate_every": 3, "keep_last": 2}
    whole, killed = make_run("whole", **recipe), make_run("killed", **recipe)
    list(assemble.begin(whole, "cpu").trainer.run())
    trainer = assemble.begin(killed, "cpu").trainer
    for event in trainer.run():
        if isinstance(event, Validated) and trainer.state.step == 12:
            break  # before the state of this step is saved
    list(assemble.resume(killed, "cpu").trainer.run())
    assert files(whole) == files(killed)


def test_the_moving_average_is_what_its_formula_says() -> None:
    torch.manual_seed(0)
    weights, decay = torch.randn(30, 5), 0.5
    average, expected = MovingAverage(weights[0], decay), weights[0].clone()
    for step, now in enumerate(weights[1:]):
        average.update(now, step)
        own = min(decay, (1 + step) / (10 + step))
        expected = own * expected + (1 - own) * now
    torch.testing.assert_close(average.weights, expected)


def test_the_mean_is_that_of_the_last_validations_and_only_their_weights_stay(make_run: MakeRun) -> None:
    opened = make_run(max_steps=15, validate_every=3, keep_last=3)
    trainer = assemble.begin(opened, "cpu").trainer
    seen = [
        {name: w.clone() for name, w in trainer.optimizer.weights().items()}
        for event in trainer.run()
        if isinstance(event, Validated)
    ]
    assert sorted(p.name for p in (opened.folder / "checkpoints").iterdir()) == [
        "step-12.safetensors",
        "step-15.safetensors",
        "step-9.safetensors",
    ]
    mean = trainer.store.mean(trainer.state.checkpoints)
    for name, weights in mean.items():
        torch.testing.assert_close(weights, (seen[-1][name] + seen[-2][name] + seen[-3][name]) / 3)


@pytest.mark.parametrize("average", AVERAGES, ids=str)
def test_the_better_of_weights_and_average_is_kept(make_run: MakeRun, average: dict[str, object]) -> None:
    """And the weights under training are untouched by it."""
    opened = make_run(max_steps=24, validate_every=3, **average)
    plain = make_run("plain", max_steps=24, validate_every=3)
    trainer = assemble.begin(opened, "cpu").trainer
    for event in trainer.run():
        if isinstance(event, Validated) and event.best:
            expected = trainer.optimizer.weights()
            if event.validation.averaged:
                moving = trainer.average
                steps = trainer.state.checkpoints
                expected = trainer.optimizer.named(moving.weights) if moving else trainer.store.mean(steps)
            held = load_file(opened.folder / "weights.safetensors")
            for name, weights in expected.items():
                assert torch.equal(held[name], weights), name
    other = assemble.begin(plain, "cpu").trainer
    list(other.run())
    assert torch.equal(trainer.optimizer.flat, other.optimizer.flat)
    records = [json.loads(line) for line in (opened.folder / "metrics.jsonl").read_text().splitlines()]
    assert any("averaged" in record for record in records)


def test_two_averages_at_once_are_refused(command: Command) -> None:
    with pytest.raises(SeqformerError, match="two averages"):
        TrainConfig(ema=0.9, keep_last=3)
    code, out, err = command("train", "--task", "copy", "--ema", 0.9, "--keep-last", 3)
    assert (code, out) == (2, "") and err.count("\n") == 1 and "leave one of them out" in err
    code, _, err = command("train", "--task", "copy", "--keep-last", 1)
    assert code == 2 and "at least 2" in err


def test_lost_averages_are_named(make_run: MakeRun) -> None:
    def cut(name: str, **average: object) -> Run:
        opened = make_run(name, max_steps=12, validate_every=3, **average)
        trainer = assemble.begin(opened, "cpu").trainer
        for event in trainer.run():
            if isinstance(event, Stepped) and trainer.state.step == 8:
                trainer.stop("test")
        return opened

    opened = cut("means", keep_last=3)
    (opened.folder / "checkpoints/step-3.safetensors").unlink()
    with pytest.raises(SeqformerError, match=r"step-3\.safetensors"):
        assemble.resume(opened, "cpu")


def test_states_and_runs_of_before_there_were_averages_go_on(make_run: MakeRun, tmp_path: Path) -> None:
    """They lack the settings in config.json and conditions, and the list of checkpoints."""
    later = ("ema", "keep_last", "consistency", "consistency_from")
    opened = make_run(max_steps=12)
    trainer = assemble.begin(opened, "cpu").trainer
    for event in trainer.run():
        if isinstance(event, Stepped) and trainer.state.step == 5:
            trainer.stop("test")
    config = opened.folder / "config.json"
    values = json.loads(config.read_text())
    for name in later:
        del values["train"][name]
    config.write_text(json.dumps(values))
    state = opened.folder / "state.safetensors"
    with safe_open(state, "pt") as file:
        metadata = dict(file.metadata())
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    progress, conditions = json.loads(metadata["progress"]), json.loads(metadata["conditions"])
    del progress["checkpoints"]
    for name in later:
        del conditions["configuration"][name]
    metadata |= {"progress": json.dumps(progress), "conditions": json.dumps(conditions)}
    save_file(tensors, state, metadata)
    list(assemble.resume(Run(opened.folder), "cpu").trainer.run())
    assert read_progress(state).step == 12
    del progress["step"]
    save_file(tensors, state, metadata | {"progress": json.dumps(progress)})
    with pytest.raises(DamagedError):
        read_progress(state)


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_two_passes_in_chunks_are_the_formula(smoothing: float, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(consistency, "LOGITS", 4 * 16 * 23)  # several chunks
    torch.manual_seed(1)
    target = torch.randint(0, 23, (70,))
    inputs = [torch.randn(140, 8).requires_grad_(), torch.randn(23, 8).requires_grad_()]
    ours = consistent_loss(*inputs, target, smoothing, 3.0)
    ours.objective.mul(0.5).backward()
    hidden, weight = (each.detach().clone().requires_grad_() for each in inputs)
    logits = hidden @ weight.T
    cross = functional.cross_entropy(logits, target.repeat(2), reduction="sum", label_smoothing=smoothing)
    expected = cross / 2 + 1.5 * divergence(*logits.chunk(2))
    expected.mul(0.5).backward()
    torch.testing.assert_close(ours.objective, expected, rtol=1e-5, atol=1e-4)
    plain = functional.cross_entropy(logits, target.repeat(2), reduction="sum") / 2
    torch.testing.assert_close(ours.plain, plain, rtol=1e-5, atol=1e-4)
    torch.testing.assert_close(inputs[0].grad, hidden.grad, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(inputs[1].grad, weight.grad, rtol=1e-4, atol=1e-4)


def test_divergence_is_that_of_torch() -> None:
    p, q = torch.randn(9, 5).log_softmax(-1), torch.randn(9, 5).log_softmax(-1)
    both = sum(functional.kl_div(a, b, reduction="sum", log_target=True) for a, b in ((p, q), (q, p)))
    torch.testing.assert_close(divergence(p, q), torch.as_tensor(both) / 2)
    assert float(divergence(p, p)) == 0


@pytest.mark.parametrize("arch", ["transformer", "bahdanau"])
def test_without_dropout_two_passes_are_one(arch: str) -> None:
    model = random_model(arch).float().requires_grad_()
    source = torch.tensor([[5, 6, 7, 2], [8, 2, 0, 0]])
    target = torch.tensor([[1, 4, 5], [1, 9, 0]]), torch.tensor([[4, 5, 2], [9, 2, 0]])
    batch = Batch(source, *target)
    once, twice = model.loss(batch, 0.1), model.loss(batch, 0.1, 5.0)
    torch.testing.assert_close(once.objective, twice.objective)
    assert once.units == twice.units == 5
    hidden = model.decode(source, target[0])[target[1] != 0]
    assert model.bias() is not None or torch.allclose(
        projection_loss(hidden, model.projection(), batch.target_out[target[1] != 0], 0.1).plain, twice.plain
    )


def test_images_pass_twice_as_well() -> None:
    torch.manual_seed(0)
    sizes = {"image_height": 8, "image_width": 8, "channels": 1, "classes": 3}
    config = vit.VitConfig(
        **sizes, patch=4, width=16, heads=2, encoder_layers=1, feed_forward=16, dropout=0.0
    )
    model = vit.VisionTransformer(config).train()
    batch = ImageBatch(torch.rand(6, 1, 8, 8), torch.tensor([0, 1, 2, 0, 1, 2]))
    torch.testing.assert_close(model.loss(batch).objective, model.loss(batch, 0.0, 5.0).objective)
    assert model.loss(batch, 0.1, 5.0).units == 6
