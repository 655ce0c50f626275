"""Which weights are kept: by the score that was asked for, on sentences drawn from all of valid."""

from __future__ import annotations

import json
import math
import random
from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import Any

import pytest
import torch
from conftest import Command, MakeRun, new_run

from seqformer.config import PrepareConfig
from seqformer.decoding.translator import Translator
from seqformer.errors import RunError, SeqformerError
from seqformer.presets import resolve
from seqformer.report import best, scores, words
from seqformer.report.learning import Learning, label
from seqformer.report.scores import Score
from seqformer.runs import assemble
from seqformer.runs import resume as resuming
from seqformer.runs.overview import Overview, learning_panels
from seqformer.runs.run import Run
from seqformer.runs.state import RunStore, load_state, read_conditions, read_progress
from seqformer.storage.tensors import load_weights
from seqformer.tasks import open_task, translation
from seqformer.tasks.validation import OTHER
from seqformer.text import prepare
from seqformer.training.events import Validation

# --- which result is better


@pytest.mark.parametrize(
    "name", ["bleu", "chrf", "exact_match", "accuracy", "wer", "cer", "ter", "valid_loss"]
)
def test_the_value_decides_and_where_it_is_the_same_the_loss(name: str) -> None:
    sign = -1 if name in ("wer", "cer", "ter", "valid_loss") else 1
    for (value, loss), (other, its_loss) in product(
        product((0.25, 0.5, 40.0, 40.1), (0.01, 2.0, 9.0)), repeat=2
    ):
        here = best.rank(name, {best.LOSS: loss} | {name: value})
        there = best.rank(name, {best.LOSS: its_loss} | {name: other})
        if value != other:
            assert (here > there) == (sign * value > sign * other)
        elif name != best.LOSS:
            assert (here > there) == (loss < its_loss)


@pytest.mark.parametrize("name", ["bleu", "exact_match", "accuracy"])
def test_a_score_of_0_comes_after_every_other(name: str) -> None:
    """However little the other one has, and however high its loss is."""
    nothing, little = {best.LOSS: 0.01, name: 0.0}, {best.LOSS: 12.0, name: 1e-7}
    assert best.rank(name, little) > best.rank(name, nothing) > best.rank(name, nothing | {best.LOSS: 1.0})
    assert best.is_nothing(name, 0.0) and not best.is_nothing(name, 1e-7)
    assert not best.is_nothing("wer", 0.0) and not best.is_nothing(best.LOSS, 0.0)  # it cannot be better


def test_ties_decide_in_their_order() -> None:
    first = {best.LOSS: 2.0, "exact_match": 0.5, "token_accuracy": 0.75}
    for other, is_better in (
        ({"exact_match": 0.4999, "token_accuracy": 1.0, best.LOSS: 0.0}, False),
        ({"token_accuracy": 0.7501, best.LOSS: 9.0}, True),
        ({best.LOSS: 1.99}, True),
    ):
        ranks = [best.rank("exact_match", first | each, ("token_accuracy",)) for each in (other, {})]
        assert (ranks[0] > ranks[1]) == is_better
    assert math.isnan(best.rank("accuracy", {best.LOSS: math.inf, "accuracy": 1.0}))


# --- the sentences that are translated


def lines(count: int) -> list[tuple[str, str]]:
    """Sentences from short to long, as in a sorted file; some sources have two targets."""
    chance = random.Random(5)
    made = []
    for number in range(count):
        source = " ".join(chance.choices("abcdefg", k=2 + number // 20)) + f" {number - number % 10 // 9}"
        made.append((source, f"{source[::-1]} {number}"))
    return made


Validated = tuple[list[str], Validation]
Validate = Callable[[str, list[tuple[str, str]]], Validated]


@pytest.fixture
def validate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Validate:
    """Validate an untrained model on these pairs; give the sentences that were translated, and the result."""

    def validated(name: str, valid: list[tuple[str, str]]) -> Validated:
        folder, asked = tmp_path / name, list[str]()
        prepare.prepare(lines(60), {"valid": valid}, folder, PrepareConfig(vocab_size=60, test_size=1))

        def translate(self: Any, sources: list[str], *_: object) -> list[Any]:
            asked.extend(sources)
            return [[type("Best", (), {"text": f"{source} ."})()] for source in sources]

        monkeypatch.setattr(Translator, "translate", translate)
        trainer = assemble.begin(
            new_run(tmp_path / f"{name}-run", folder, {}, {"precision": "fp32"}), "cpu"
        ).trainer
        trainer.store.close()
        trainer.model.eval()
        with torch.inference_mode():
            return asked, trainer.validate()

    return validated


def test_the_sample_is_the_same_whatever_the_order_of_the_file(
    validate: Validate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(translation, "VALID_PAIRS", 30)
    valid = lines(160)[60:]
    asked, one = validate("one", valid)
    again, other = validate("other", random.Random(1).sample(valid, len(valid)))
    assert len(asked) == 30 and asked == again and one.sample == other.sample
    assert set(one.values) == {best.LOSS, OTHER, "bleu"}
    assert one.values == pytest.approx(other.values, rel=1e-5)


def test_the_sample_is_drawn_from_all_of_the_file(
    validate: Validate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(translation, "VALID_PAIRS", 40)
    valid = lines(260)[60:]
    places = [[source for source, _ in valid].index(each) for each in validate("one", valid)[0]]
    assert len(places) == 40 and 60 < sum(places) / 40 < 140, places
    for quarter in range(4):
        assert 3 <= sum(place // 50 == quarter for place in places) <= 20, places


def test_several_references_stay_one_sentence(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pairs = [("one", "uno"), ("two", "dos"), ("one", "una"), ("three", "tres"), ("one", "un"), ("two", "due")]
    task = open_task(data)
    assert isinstance(task, translation.Translation) and "valid" in task.manifest.grouped
    chosen = []
    for order in (pairs, pairs[::-1]):
        monkeypatch.setattr(task, "pairs", lambda split, order=order: order)
        columns = task.sentences("valid", 2)
        chosen.append(columns)
        for source, *lines in zip(*columns, strict=True):
            assert {line for line in lines if line} == {t for s, t in pairs if s == source}
        assert len(task.sentences("valid")[0]) == len(task.sentences("valid", 3)[0]) == 3
    assert chosen[0] == chosen[1] and len(chosen[0][0]) == 2


# --- what is chosen

STEPS = {"max_steps": 5, "validate_every": 1, "learning_rate": 1e-3, "warmup": 1, "schedule": "constant"}


@pytest.fixture
def scored(monkeypatch: pytest.MonkeyPatch) -> Callable[[dict[str, list[float]]], None]:
    """Let the scores of the validations be these, one after the other; the last one goes on."""

    def script(values: dict[str, list[float]]) -> None:
        rest = {name: iter(each) for name, each in values.items()}
        last: dict[str, float] = {}

        def corpus_score(name: str, *_: object, **__: object) -> Score:
            last[name] = next(rest[name], last.get(name, 0.0))
            return Score(name, last[name], "")

        monkeypatch.setattr(scores, "corpus_score", corpus_score)

    return script


Script = Callable[[dict[str, list[float]]], None]


def trained_by(run: Run) -> tuple[int, list[dict[str, Any]], list[int]]:
    """Train; give the step of the kept weights, the validations, and the steps that were called best."""
    by_step: dict[int, dict[str, torch.Tensor]] = {}
    trainer = assemble.begin(run, "cpu").trainer
    for _ in trainer.run():
        by_step[trainer.state.step] = {name: w.clone() for name, w in trainer.optimizer.weights().items()}
    kept = load_weights(run.folder / "weights.safetensors")
    (step,) = (
        n for n, weights in by_step.items() if all(torch.equal(weights[name], kept[name]) for name in kept)
    )
    assert trainer.state.best_step == step
    records = [record for record in run.metrics() if "best" in record]
    return step, records, [record["step"] for record in records if record["best"]]


@pytest.mark.parametrize(
    ("best_by", "step"), [("auto", 2), ("bleu", 2), ("chrf", 3), ("wer", 4), ("loss", 0)]
)
def test_the_best_is_what_was_asked_for(make_run: MakeRun, scored: Script, best_by: str, step: int) -> None:
    scored({"bleu": [5, 9, 7, 7, 7], "chrf": [5, 9, 11, 10, 1], "wer": [90, 80, 70, 60, 95]})
    run = make_run(**STEPS, best_by=best_by)
    kept, records, called = trained_by(run)
    by_loss = min(records, key=lambda record: record["valid_loss"])["step"]
    assert by_loss not in (2, 3, 4)  # so that it is not by chance
    assert kept == called[-1] == (step or by_loss)
    name = {"auto": "bleu", "loss": "valid_loss"}.get(best_by, best_by)
    assert {record["best_by"] for record in records} == {name} and run.score == name
    assert all({"valid_loss", "bleu", name} <= set(record) for record in records)

    learning = Learning.of(run.metrics(), run.score, run.task.score)
    at_best = next(record for record in records if record["step"] == kept)
    assert learning.best == at_best[name] and learning.best_step == kept
    assert f"BLEU {at_best['bleu']:.1f} " in learning.verdict(0.0)[0]  # of the weights that are kept
    (row,) = Overview.of(run.folder.parent).to_json()
    assert (row["score"], row["value"]) == (name, at_best[name])
    titles = [panel.title for panel in learning_panels([run])]
    own = [f"{label(name)} on valid"] if name in ("chrf", "wer") else []
    assert titles == ["loss", "BLEU on valid", *own]
    shown = " ".join(str(text) for text in learning.draw(80))
    assert ("(decides)" in shown) == (name != "bleu")


@pytest.mark.parametrize("later", [0.0, 0.001])
def test_what_scores_0_is_kept_but_is_not_the_best(make_run: MakeRun, scored: Script, later: float) -> None:
    scored({"bleu": [0.0, 0.0, 0.0, later, 0.0]})
    run = make_run(**STEPS)
    kept, records, called = trained_by(run)
    by_loss = min(records, key=lambda record: record["valid_loss"])["step"]
    assert by_loss != 4
    assert kept == (4 if later else by_loss) and called == ([4] if later else [])
    learning = Learning.of(run.metrics(), run.score)
    assert learning.best == (later or None) and learning.kept == later
    assert learning.verdict(0.0)[0] == "It has not learned: BLEU 0.0 on held-out data."
    assert Overview.of(run.folder.parent).to_json()[0]["value"] == later


def test_the_screen_calls_no_score_of_0_the_best(command: Command, data: Path, scored: Script) -> None:
    scored({"bleu": [0.0]})
    code, _, err = command(
        "train", "--data", data, "--run", "runs/zero", *("--max-steps", 2, "--validate-every", 1)
    )
    assert code == 0 and "best BLEU" not in err and " best\n" not in err
    assert "none: BLEU 0.0 at every validation" in err and "the weights of the lowest loss on valid" in err
    scored({"bleu": [3.0], "chrf": [4.0, 5.0]})
    code, _, err = command(
        "train", "--data", data, "--run", "runs/chrf", "--max-steps", 2, "--validate-every", 1, "--best-by", "chrf"
    )  # fmt: skip
    assert code == 0 and "best by" in err and "chrF2 5.0 best by chrF2\n" in err
    assert "chrF2 5.0 at step 2" in err and "chrF2 (decides) on valid" in err
    shown = command("runs")[1]
    assert "chrF2 5.0" in shown and "BLEU 0.0" in shown


# --- what suits the data, and what is refused


def made(folder: Path, pairs: list[tuple[str, str]]) -> Any:
    prepare.prepare(pairs, {}, folder, PrepareConfig(vocab_size=60, valid_size=10, test_size=5))
    return open_task(folder)


def test_what_suits_the_data(tmp_path: Path, data: Path) -> None:
    sounds = [
        (f"w{chr(97 + n % 26)}{n}", " ".join("aeioustrn"[(n * k) % 9] for k in range(1, 6)))
        for n in range(90)
    ]
    spelled = [(target.replace(" ", "") + source, source) for source, target in sounds]
    for task, asked, best_by in (
        (open_task(data), {}, "bleu"),
        (open_task(data), {"best_by": "auto"}, "bleu"),
        (open_task(data), {"best_by": "cer"}, "cer"),
        (made(tmp_path / "sounds", sounds), {}, "exact-match"),  # words, with their sounds one by one
        (made(tmp_path / "spelled", spelled), {}, "exact-match"),
        (made(tmp_path / "spelled2", spelled), {"best_by": "loss"}, "loss"),
    ):
        assert resolve(task, asked).train.best_by == best_by
    assert not words.are_alone(["他来了。", "我很好", "下雨了"]) and not words.are_alone(["แมวกินปลา"] * 3)
    assert words.are_alone(["cat", "собака", "새"]) and not words.are_alone(["a cat", "dog", "bird"])
    assert not words.are_alone(["one two"] * 3 + ["cat"] * 97) and words.are_alone(["one two"] + ["cat"] * 99)


def test_a_toy_is_kept_by_its_exact_matches(command: Command) -> None:
    toy = ("train", "--task", "alternating", "--max-steps", 1)
    code, _, err = command(*toy, "--run", "runs/toy")
    run = Run("runs/toy")
    assert code == 0 and run.configs.train.best_by == "exact-match" and run.score == "exact_match", err
    code, _, err = command(*toy, "--run", "runs/bleu", "--best-by", "bleu")
    run = Run("runs/bleu")
    assert code == 0 and run.score == "bleu" and {"exact_match", "bleu"} <= set(run.metrics()[-1]), err


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        (("--best-by", "blue"), "best by 'blue' is not known: did you mean 'bleu'?"),
        (
            ("--best-by", "accuracy"),
            "best by 'accuracy' is not for text: did you mean 'token-accuracy'? (one of bleu, chrf, ",
        ),
        (("--task", "copy", "--best-by", "accuracy"), "best by 'accuracy' is not for text"),
        (("--task", "images", "--images", ".", "--best-by", "bleu"), "best by 'bleu' is not for images"),
        (("--data", "DATA", "--best-by", "accuracy"), "best by 'accuracy' is not for translation"),
    ],
)
def test_a_score_that_the_task_has_not_is_refused(
    command: Command, data: Path, tmp_path: Path, asked: tuple[str, ...], message: str
) -> None:
    code, out, err = command("train", *(str(data) if each == "DATA" else each for each in asked))
    assert code == 2 and out == "" and message in err and err.count("\n") == 1, err
    assert not list(tmp_path.iterdir())


# --- resuming


@pytest.mark.parametrize("best_by", ["chrf", "loss"])
def test_resumed_equals_uninterrupted(make_run: MakeRun, best_by: str) -> None:
    recipe = {"max_steps": 8, "validate_every": 2, "best_by": best_by}
    whole, cut = make_run("whole", **recipe), make_run("cut", **recipe)
    list(assemble.begin(whole, "cpu").trainer.run())
    trainer = assemble.begin(cut, "cpu").trainer
    for _ in trainer.run():
        if trainer.state.step == 5:
            trainer.stop("test")
    with pytest.raises(
        RunError, match=f"best_by bleu: .* was begun with {best_by}, and a resumed run keeps it"
    ):
        resuming.change(cut, {"best_by": "bleu"}, None)
    list(assemble.resume(Run(cut.folder), "cpu").trainer.run())
    for name in ("weights.safetensors", "metrics.jsonl"):
        assert (whole.folder / name).read_bytes() == (cut.folder / name).read_bytes()


def as_of_before(run: Run, best_so_far: float) -> None:
    """Make a run what an earlier version left: without the setting, and with a score of other sentences."""
    path = run.folder / "config.json"
    configs = json.loads(path.read_text())
    del configs["train"]["best_by"]
    path.write_text(json.dumps(configs))
    tensors, progress = load_state(run.folder / "state.safetensors")
    conditions, size = read_conditions(run.folder / "state.safetensors")
    del conditions["configuration"]["best_by"]
    progress.best = best_so_far
    store = RunStore(run.folder, conditions, metrics_bytes=size)
    store.save({name: held for name, held in tensors.items() if "rng" not in name}, progress)
    store.close()


def test_a_run_of_an_earlier_version_opens_and_goes_on(make_run: MakeRun, scored: Script) -> None:
    recipe = {"max_steps": 8, "validate_every": 2}
    whole, old = make_run("whole", **recipe), make_run("old", **recipe)
    scored({"bleu": [1.0, 2.0, 1.5, 4.0]})
    list(assemble.begin(whole, "cpu").trainer.run())
    scored({"bleu": [1.0, 2.0]})
    trainer = assemble.begin(old, "cpu").trainer
    for _ in trainer.run():
        if trainer.state.step == 5:
            trainer.stop("test")
    as_of_before(old, best_so_far=21.3)
    opened = Run(old.folder)
    assert opened.configs.train.best_by == "auto" and opened.score == "bleu"
    assert opened.task.judged_by("auto") == "bleu"
    scored({"bleu": [2.0, 1.5, 4.0]})  # of the best weights so far, anew, and then as in the other run
    training = assemble.resume(opened, "cpu")
    assert any("scored anew" in remark for remark in training.remarks)
    assert training.trainer.state.best == pytest.approx(2.0, abs=1e-4)
    list(training.trainer.run())
    for name in ("weights.safetensors", "metrics.jsonl"):
        assert (whole.folder / name).read_bytes() == (old.folder / name).read_bytes()
    assert read_progress(old.folder / "state.safetensors").best_step == 8
    again = assemble.resume(Run(old.folder), "cpu")  # from here on it is a run of today
    again.trainer.store.close()
    assert again.remarks == []


def test_a_score_in_a_damaged_configuration_is_one_line(make_run: MakeRun) -> None:
    run = make_run()
    path = run.folder / "config.json"
    configs = json.loads(path.read_text())
    for name, message in (
        ("accuracy", "'accuracy' is not for translation"),
        ("blue", "best by 'blue' is not known"),
    ):
        configs["train"]["best_by"] = name
        path.write_text(json.dumps(configs))
        with pytest.raises(SeqformerError, match=message):
            assemble.begin(Run(run.folder), "cpu")
