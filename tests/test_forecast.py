"""What more data would give: shares of the data, trainings on them, and the law that they are fitted by."""

from __future__ import annotations

import dataclasses
import itertools
import json
import math
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from conftest import WORDS, Command, MakeRun, model_config, toy_pairs
from test_images import stripes, write_idx
from test_resuming import finish, outcome

import seqformer
from seqformer.api import Event, Started
from seqformer.config import DecodeConfig, TrainConfig
from seqformer.errors import DataError, RunError, SeqformerError
from seqformer.images.batches import ImageBatches, Labelled
from seqformer.models import build
from seqformer.presets import resolve
from seqformer.report.forecast import REPEATS, Forecast, Point, foretell, worth
from seqformer.report.scores import proportion_interval
from seqformer.runs import assemble
from seqformer.runs.run import Run
from seqformer.storage import share
from seqformer.storage.tensors import read_tensors, write_tensors
from seqformer.studies.forecast import Turn
from seqformer.tasks import open_task
from seqformer.tasks.translation import Translation
from seqformer.text.prepared import Pairs, TextManifest, open_pairs
from seqformer.training.distributed import ALONE
from seqformer.training.events import Stepped

SETTINGS: dict[str, Any] = {
    "preset": "toy", "width": 16, "heads": 2, "feed_forward": 32, "encoder_layers": 1, "decoder_layers": 1,
    "precision": "fp32", "max_steps": 6, "tokens_per_batch": 128, "device": "cpu",
}  # fmt: skip
RECIPE = """[model]
preset = "toy"
width = 16
heads = 2
feed_forward = 32
encoder_layers = 1
decoder_layers = 1
[train]
precision = "fp32"
max_steps = 3
tokens_per_batch = 128
"""


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A prepared folder of 965 training pairs; some sources come twice."""
    words = itertools.islice(itertools.product(WORDS, WORDS, WORDS, WORDS[:1]), 900)
    pairs = [(" ".join(line), " ".join(reversed(line))) for line in words]
    pairs += [(source, f"{target} !") for source, target in pairs[:100]]
    folder = tmp_path_factory.mktemp("many") / "many"
    seqformer.prepare(pairs, out=folder, vocab_size=60, valid_size=10, test_size=6)
    return folder


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


# --- shares


def test_a_smaller_share_lies_within_a_larger_one_whatever_the_order() -> None:
    examples = [f"{number % 700}".encode() for number in range(1000)]
    before: set[int] = set()
    for part in (1e-6, 0.01, 0.125, 0.25, 0.5, 0.75, 1.0):
        chosen = share.choose(iter(examples), 1000, part).tolist()
        assert chosen == sorted(set(chosen)) and len(chosen) == max(1, round(1000 * part))
        assert before <= set(chosen)
        before = set(chosen)
    other = np.random.default_rng(1).permutation(1000)
    chosen, shuffled = (
        share.choose(examples, 1000, 0.25),
        share.choose([examples[i] for i in other], 1000, 0.25),
    )
    assert sorted(examples[i] for i in chosen) == sorted(examples[other[i]] for i in shuffled)


def texts(pairs: Pairs) -> list[tuple[bytes, bytes]]:
    return [(pairs.source[i].tobytes(), pairs.target[i].tobytes()) for i in range(len(pairs))]


def test_a_share_of_the_pairs_is_the_same_whatever_the_seed(many: Path) -> None:
    task = open_task(many)
    assert isinstance(task.manifest, TextManifest)
    every = texts(open_pairs(many, "train", task.manifest))
    quarter = texts(open_pairs(many, "train", task.manifest, 0.25))
    half = open_pairs(many, "train", task.manifest, 0.5)
    assert len(quarter) == round(len(every) / 4) and set(quarter) < set(texts(half)) < set(every)
    lengths = half.target.lengths(np.arange(len(half))).tolist()
    assert lengths == [len(half.target[i]) for i in range(len(half))] and len(set(lengths)) > 1
    sources = {source for source, _ in quarter}
    assert sum(source in sources for source, _ in every) <= len(quarter) + 1, (
        "pairs of a source come together"
    )
    losses = []
    for seed, part in ((1, 0.25), (2, 0.25), (1, 1.0)):
        config = TrainConfig(max_steps=1, seed=seed, share=part, tokens_per_batch=128)
        torch.manual_seed(1)
        model = build(model_config(**task.sizes())).eval()
        data = task.training_data(model, config, torch.device("cpu"), ALONE)
        batches: Any = data.batches
        plans = [batches.plan(0, part) for part in range(batches.parts)]
        lines = [i for cells in plans for cell in cells for i in cell.indices.tolist()]
        trained = texts(batches.pairs)
        assert sorted(trained[i] for i in lines) == sorted(quarter if part < 1 else every)
        assert data.remarks[:1] == (("Training on 241 of 965 training examples.",) if part < 1 else ())
        with torch.inference_mode():
            losses.append(data.validate().values["valid_loss"])
    assert losses[0] == losses[1] == losses[2], "what is held out stays the same"


def test_a_share_of_the_images() -> None:
    pixels, labels = stripes(80, 0)
    labelled = Labelled(pixels[:, None], labels.astype(np.int64))
    every, half = ImageBatches(labelled, 8, 1), ImageBatches(labelled, 8, 1, 0.5)
    other = ImageBatches(labelled, 8, 2, 0.5)
    sets = [set(np.concatenate(each.plan(3)).tolist()) for each in (half, other, every)]
    assert sets[0] == sets[1] == set(share.choose(labelled.contents(), 80, 0.5)) < sets[2]
    assert len(sets[0]) == 40 and len(sets[2]) == 80 and sets[0] != set(range(40))


def test_the_model_is_chosen_for_the_whole_and_the_epochs_for_the_share(many: Path) -> None:
    task = open_task(many)
    whole, eighth = resolve(task, {}), resolve(task, {"share": 0.125})
    assert whole.model == eighth.model and whole.train.max_epochs < eighth.train.max_epochs
    for wrong in (0.0, 1.5, -1.0):
        with pytest.raises(SeqformerError, match="share is"):
            TrainConfig(share=wrong)


def test_resumed_is_uninterrupted_with_a_share(make_run: MakeRun) -> None:
    settings = {"share": 0.5, "max_steps": 9, "validate_every": 3}
    whole, cut = make_run("whole", **settings), make_run("cut", **settings)
    finish(assemble.begin(whole, "cpu"))
    training = assemble.begin(cut, "cpu")
    for event in training.trainer.run():
        if isinstance(event, Stepped) and training.trainer.state.step == 5:
            training.trainer.stop("the test")
    finish(assemble.resume(Run(cut.folder), "cpu"))
    assert outcome(whole.folder) == outcome(cut.folder)
    with pytest.raises(RunError, match=r"share 0.25: .* was begun with 0.5, and a resumed run keeps it"):
        seqformer.resume(cut.folder, share=0.25, device="cpu")


def test_a_run_of_before_there_were_shares_goes_on(make_run: MakeRun) -> None:
    opened = make_run(max_steps=4)
    finish(assemble.begin(opened, "cpu"))
    config, state = opened.folder / "config.json", opened.folder / "state.safetensors"
    values = json.loads(config.read_text())
    del values["train"]["share"]
    values["train"]["max_steps"] = 6
    config.write_text(json.dumps(values))
    tensors, metadata = read_tensors(state)
    conditions = json.loads(metadata["conditions"])
    del conditions["configuration"]["share"]
    beside = state.with_name("beside")  # the file itself is mapped
    write_tensors(beside, tensors, metadata | {"conditions": json.dumps(conditions)})
    beside.replace(state)
    finish(assemble.resume(Run(opened.folder), "cpu"))
    progress = Run(opened.folder).progress()
    assert progress and progress.step == 6


# --- the law


def points(scores: list[float], seen: float = 1e6, half_width: float = 0.0) -> list[Point]:
    """Trainings that passed over ``seen`` times the whole, or over the shares of it as often."""
    shares = (0.125, 0.25, 0.5)
    return [
        Point(s, round(8000 * s), y, y - half_width, y + half_width, 100, seen / s, 60.0, "run")
        for s, y in zip(shares, scores, strict=True)
    ]


def told(scores: list[float], name: str = "bleu", **settings: float) -> Forecast:
    return foretell("data", name, "pairs", "5 minutes", points(scores, **settings), examples=8000)


def test_a_score_that_rises_with_the_logarithm_is_foretold_exactly() -> None:
    result = told([10.0, 15.0, 20.0])
    assert result.whole and result.twice
    assert [result.whole.score, result.twice.score] == pytest.approx([25, 30], abs=1e-6)
    assert (result.whole.examples, result.twice.examples) == (8000, 16000)
    assert result.verdict == (
        "More data are worth collecting: twice the data would give about 5.0 BLEU more in the same 5 minutes."
    )
    flat = told([20.0, 20.0, 20.0])
    assert flat.whole and flat.twice and flat.whole.score == flat.twice.score == pytest.approx(20)
    assert "More data would hardly help" in flat.verdict


@pytest.mark.parametrize("seen", [0.2, 1.0, 3.0, 11.0, 60.0])
def test_repeated_examples_are_worth_less_and_the_law_is_exact_in_what_they_are_worth(seen: float) -> None:
    def score(part: float) -> float:
        return 20 + 4 * math.log2(worth(part, seen / part))

    result = told([score(part) for part in (0.125, 0.25, 0.5)], seen=seen)
    assert result.whole and result.twice
    assert [result.whole.score, result.twice.score] == pytest.approx([score(1), score(2)], abs=1e-6)
    assert result.twice.score - result.whole.score < 4


def test_what_repeated_examples_are_worth() -> None:
    assert worth(0.5, 1) == 0.5 and worth(0.5, 0.5) == 0.25
    assert worth(1, 2) == pytest.approx(2, rel=0.04) and worth(1, 1e9) == pytest.approx(1 + REPEATS)
    rising = [worth(1, epochs / 10) for epochs in range(1, 400)]
    assert all(a < b for a, b in itertools.pairwise(rising))
    per_epoch = foretell(
        "d", "bleu", "pairs", "3 epochs", points([10, 15, 20]), examples=8000, same_epochs=True
    )
    assert per_epoch.epochs == 2e6 and told([10, 15, 20]).epochs == 1e6


def test_little_time_is_told_apart_from_enough_data() -> None:
    assert "time is too short" in told([20.0, 20.4, 20.6], seen=1.0).verdict
    assert "hardly help" in told([20.0, 20.1, 20.2], seen=100.0).verdict
    assert "help a little" in told([20.0, 20.7, 21.4], seen=1000.0).verdict


@pytest.mark.parametrize(
    ("scores", "reason"),
    [
        ([10.0, math.nan, 20.0], "not a number"),
        ([20.0, 18.0, 15.0], "fell with more data, from 20.0 to 15.0"),
        ([0.1, 0.2, 0.3], "Nothing was learned yet"),
    ],
)
def test_where_nothing_can_be_foretold_that_is_said(scores: list[float], reason: str) -> None:
    result = told(scores)
    assert result.whole is None and result.twice is None and reason in result.verdict
    assert result.notes() == [result.verdict] and len(result.tables()) == 1
    assert result.to_json()["whole"] is None


def test_the_range_grows_with_what_is_not_known() -> None:
    def widths(result: Forecast) -> list[float]:
        return [each.high - each.low for each in result.predictions]

    sure, unsure = widths(told([10.0, 15.0, 20.0])), widths(told([10.0, 15.0, 20.0], half_width=1.3))
    bent = widths(told([10.0, 18.0, 20.0]))
    assert all(a < b for a, b in zip(sure, unsure, strict=True))
    assert all(a < b for a, b in zip(sure, bent, strict=True))
    for result in (sure, unsure, bent):
        assert 0 < result[0] < result[1]
    assert sure[0] > 4, "the law itself may be wrong"
    accuracy = told([0.7, 0.8, 0.95], "accuracy", half_width=0.02)
    assert accuracy.twice and accuracy.twice.score <= 1 and accuracy.twice.high <= 1
    assert "points more" in accuracy.verdict


def test_a_busy_machine_is_reported() -> None:
    slow = [dataclasses.replace(p, seconds=60.0 + 60 * n) for n, p in enumerate(points([10, 15, 20]))]
    result = foretell("d", "bleu", "pairs", "5 minutes", slow, examples=8000)
    assert "not equally fast (100, 50, 33 steps a minute)" in result.notes()[0]
    assert len(foretell("d", "bleu", "pairs", "100 steps", slow, examples=8000).notes()) == 1


def test_the_interval_of_a_proportion() -> None:
    low, high = proportion_interval(0.5, 100)
    assert (low, high) == pytest.approx((0.4038, 0.5962), abs=1e-4)  # worked by hand
    assert proportion_interval(0.0, 10)[0] == pytest.approx(0) and proportion_interval(1.0, 10)[
        1
    ] == pytest.approx(1)


# --- the whole study


def same(result: Forecast) -> list[Any]:
    """All but clocks and places."""
    return [dataclasses.replace(point, seconds=0.0, run="") for point in result.points] + result.predictions


def seen_by(events: list[Event | Turn]) -> Callable[[Event | Turn], None]:
    return events.append


def test_a_forecast_goes_on_where_it_was_stopped_and_trains_nothing_twice(
    many: Path, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = seqformer.forecast(many, out="whole", **SETTINGS)
    assert [point.examples for point in whole.points] == [121, 241, 482]
    configs = [Run(f"whole/{name}").configs for name in ("eighth", "quarter", "half")]
    assert len({repr(each.model) for each in configs}) == 1
    assert [each.train.share for each in configs] == [0.125, 0.25, 0.5]
    assert whole.points[0].epochs > 1.5 * whole.points[1].epochs > 0

    def stopping(event: Event | Turn) -> None:
        if isinstance(event, Started):
            stopping.run = event  # type: ignore[attr-defined]
        started = getattr(stopping, "run", None)
        if (
            isinstance(event, Stepped)
            and started.run.folder.name == "quarter"
            and started.trainer.state.step == 3
        ):
            signal.raise_signal(signal.SIGINT)

    with pytest.raises(seqformer.Interrupted):
        seqformer.forecast(many, events=stopping, **SETTINGS)
    turns: list[Event | Turn] = []
    again = seqformer.forecast(many, events=seen_by(turns), **SETTINGS)
    states = [event.state for event in turns if isinstance(event, Turn)]
    assert states == ["finished", "resumed", "new"] and same(again) == same(whole)
    weights = [Path(root, "quarter/weights.safetensors").read_bytes() for root in ("whole", "forecasts/many")]
    assert weights[0] == weights[1]
    turns.clear()
    with monkeypatch.context() as patched:  # what was scored is not scored again
        patched.setattr(Translation, "held_out_score", None)
        third = seqformer.forecast(many, events=seen_by(turns), **SETTINGS)
    assert {type(event) for event in turns} == {Turn} and third == again
    seqformer.forecast(many, **SETTINGS | {"max_steps": 2})
    assert sorted(path.name for path in Path("forecasts").iterdir()) == ["many", "many-2"]
    with pytest.raises(RunError, match="whole holds another forecast"):
        seqformer.forecast(many, out="whole", **SETTINGS | {"max_steps": 2})
    Path("forecasts/many/forecast.json").write_text('{"question": {}, "points": {}}')
    seqformer.forecast(many, **SETTINGS | {"max_steps": 2})  # passes over what it cannot use


def test_a_forecast_of_images_and_of_a_toy(here: Path) -> None:
    images = seqformer.prepare(write_idx(here / "raw", train=1000), out="images")
    small = {"preset": "vit-d2l", "width": 16, "heads": 2, "feed_forward": 32, "encoder_layers": 1}
    result = seqformer.forecast(images, max_steps=2, device="cpu", **small)
    assert result.name == "accuracy" and result.to_json()["points"][2]["share"] == 0.5
    assert all(0 <= point.low <= point.score <= point.high <= 1 for point in result.points)
    task = open_task(Path("images"))
    answers = task.held_out_score(Run("forecasts/images/half").predictor("cpu"), DecodeConfig())
    assert answers.score == result.points[2].score
    toy = seqformer.train(toy="alternating", **SETTINGS | {"max_steps": 1})
    score = toy.training_task().held_out_score(toy.predictor("cpu"), DecodeConfig(beam=1))
    assert score.name == "exact_match" and score.interval and score.interval[1] > score.score == 0


def test_the_command(command: Command, many: Path) -> None:
    Path("r.toml").write_text(RECIPE)
    code, out, err = command("forecast", "--data", many, "--recipe", "r.toml", "--json", "--device", "cpu")
    assert code == 0 and "quarter\nTraining on 241 of 965 training examples." in err
    values = json.loads(out)
    assert values["limit"] == "3 steps" and [p["steps"] for p in values["points"]] == [3, 3, 3]
    code, out, err = command("forecast", "--data", many, "--recipe", "r.toml", "--device", "cpu")
    assert (
        code == 0
        and "an eighth" in out
        and "a half" in out
        and "half: finished already" in err
        and "Training on" not in err
    )
    assert values["verdict"] in err.replace("\n", " ")


def test_what_cannot_be_forecast_is_refused_in_a_line(command: Command, many: Path, data: Path) -> None:
    code, out, err = command("forecast", "--data", data)
    assert (code, out) == (2, "") and err.count("\n") == 1
    assert f"{data} has 50 training examples, too few" in err and "needs at least 800" in err
    Path("r.toml").write_text(RECIPE + "share = 0.5\n")
    code, out, err = command("forecast", "--data", many, "--recipe", "r.toml")
    assert (code, out) == (2, "") and "share is not for a forecast" in err and err.count("\n") == 1
    assert not Path("forecasts").exists()
    for name in ("toy", "init", "images", "share"):
        with pytest.raises(SeqformerError, match=f"{name} is not for a forecast"):
            seqformer.forecast(many, **{name: "x"})
    heart = seqformer.prepare(toy_pairs(40) * 25, out="heart", vocab_size=60, deduplicate="none")
    with pytest.raises(DataError, match="holds nothing out"):
        seqformer.forecast(heart)
    Path("taken").mkdir()
    Path("taken/file").touch()
    with pytest.raises(RunError, match="taken holds another forecast, or something else"):
        seqformer.forecast(many, out="taken", **SETTINGS)


def test_ctrl_c_says_how_to_go_on(command: Command, many: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from seqformer.studies import forecast as study

    def stopped(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(study, "forecast", stopped)
    code, out, err = command("forecast", "--data", many)
    assert (code, out) == (130, "") and f"seqformer forecast --data {many}" in err
