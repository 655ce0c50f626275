"""What is trained where several sources say something, and recipes: read strictly, printed so that they repeat."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any

import pytest
from conftest import Command
from test_images import TINY, write_idx

from seqformer import api
from seqformer.errors import SeqformerError
from seqformer.presets import Recipe, Unprepared, epochs_for, peak_rate, read_recipe, recipe_of, resolve
from seqformer.tasks import open_task
from seqformer.tasks.task import Task
from seqformer.text.prepare import prepare_toy

SMALL = ("--preset", "toy", "--width", 16, "--heads", 2, "--feed-forward", 32, "--precision", "fp32")


@pytest.fixture(scope="module")
def toy(tmp_path_factory: pytest.TempPathFactory) -> Task[Any]:
    """The toy task that is made in a moment; its recipe says 5e-4 and 1,000 steps."""
    out = tmp_path_factory.mktemp("prepared") / "alternating"
    prepare_toy("alternating", out, 1)
    return open_task(out)


# --- who wins

RATES = {"preset": 1.5e-3, "recipe": 2e-3, "settings": 3e-3}  # the preset is d2l; the weakest first
STEPS = {"recipe": 200, "settings": 300}
SUBSETS = [set(some) for count in range(4) for some in itertools.combinations(RATES, count)]


@pytest.mark.parametrize("present", SUBSETS, ids=lambda some: "+".join(sorted(some)) or "none")
def test_the_strongest_that_says_something_wins(toy: Task[Any], present: set[str]) -> None:
    recipe = Recipe(train={"learning_rate": 2e-3, "max_steps": 200} if "recipe" in present else {})
    settings: dict[str, Any] = {"learning_rate": 3e-3, "max_steps": 300} if "settings" in present else {}
    preset = {"preset": "d2l"} if "preset" in present else {}
    for by_name in (settings | preset, settings):  # a preset is one and the same wherever it is named
        named = recipe if by_name is not settings else Recipe(model=preset, train=recipe.train)
        found = resolve(toy, by_name, named)
        told = [layer for layer in RATES if layer in present]
        assert found.train.learning_rate == (RATES[told[-1]] if told else 5e-4)
        limits = [STEPS[layer] for layer in STEPS if layer in present]
        usual = 0 if "preset" in present else 1000  # the preset has another limit, which takes its place
        assert found.train.max_steps == (limits[-1] if limits else usual)
        assert bool(found.train.max_epochs) == ("preset" in present and not limits)
        assert found.train.label_smoothing == found.train.max_minutes == 0
        assert found.model.width == (256 if "preset" in present else 128)


def test_the_weakest_is_what_suits_the_data(data: Path) -> None:
    found = resolve(open_task(data), {})
    assert found.train.learning_rate == peak_rate(found.model.width) and found.model.dropout == 0.1
    assert any("chosen for 50 training examples" in remark for remark in found.remarks)
    assert (
        found.train.limits == {"epochs": 240} and "No limit given: 240 epochs." in found.remarks
    )  # of a batch each
    assert resolve(open_task(data), {"preset": "tiny", "max_steps": 5}).remarks == []


def test_a_limit_replaces_every_limit_below_and_a_remark_says_so(toy: Task[Any]) -> None:
    found = resolve(toy, {"max_minutes": 2.0})
    assert found.train.limits == {"minutes": 2.0}
    assert "The limit given replaces the usual one (1000 steps)." in found.remarks
    recipe = Recipe(train={"max_epochs": 7, "max_minutes": 3.0})
    assert resolve(toy, {}, recipe).train.limits == {"epochs": 7, "minutes": 3.0}
    found = resolve(toy, {"max_steps": 9, "max_minutes": 4.0}, recipe)
    assert found.train.limits == {"steps": 9, "minutes": 4.0}
    assert any("(3 minutes, 7 epochs)" in remark for remark in found.remarks)
    told = resolve(toy, {"learning_rate": 1e-4}, recipe)  # no limit: those of the recipe stay
    assert told.train.limits == {"epochs": 7, "minutes": 3.0}
    assert not any("replaces" in remark for remark in told.remarks)


def test_one_size_of_batches_replaces_the_other(toy: Task[Any]) -> None:
    def sizes(settings: dict[str, Any], recipe: dict[str, Any] | None = None) -> tuple[int, int]:
        train = resolve(toy, settings, Recipe(train=recipe or {})).train
        return train.tokens_per_batch, train.sentences_per_batch

    assert sizes({}) == (1024, 0) and sizes({"preset": "d2l"}) == (1024, 128)
    assert sizes({"preset": "d2l", "tokens_per_batch": 300}) == (300, 0)
    assert sizes({"sentences_per_batch": 9}, {"tokens_per_batch": 300}) == (300, 9)
    assert sizes({}, {"tokens_per_batch": 300, "sentences_per_batch": 9}) == (
        300,
        9,
    )  # as recipes are printed
    plain = Unprepared(examples=100)
    assert resolve(plain, {"preset": "tiny", "sentences_per_batch": 25}).train.max_epochs == 60  # of 4 steps
    assert resolve(plain, {"preset": "tiny", "sentences_per_batch": 100}).train.max_epochs == 240
    with pytest.raises(SeqformerError, match="give tokens_per_batch or sentences_per_batch"):
        sizes({"tokens_per_batch": 300, "sentences_per_batch": 9})


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"initialization": "xavier"}, "initialization 'xavier' is not known: choose one of small, torch"),
        ({"preset": "gru", "tie_output": False}, "tie output does nothing in architecture 'bahdanau'"),
        ({"dropout_embeddings": False}, "dropout embeddings does nothing in architecture 'transformer'"),
        ({"attention_dropout": 1.0}, "attention dropout is 1.0: it must be at least 0 and below 1"),
        ({"adam_beta2": 1}, "adam beta2 is 1: it must be at least 0 and below 1"),
        ({"sentences_per_batch": -1}, "sentences per batch is -1"),
        ({"widht": 8}, "there is no setting 'widht': did you mean 'width'"),
        (
            {"arch": "bahdanau", "heads": 2},
            "heads does nothing in architecture 'bahdanau'; it belongs to transf",
        ),
        ({"preset": "gru", "norm": "pre"}, "norm does nothing in architecture 'bahdanau'"),
        ({"patch": 4}, "patch does nothing in architecture 'transformer'; it belongs to vit"),
        ({"preset": "gru", "arch": "transformer"}, "preset gru is of another architecture: .*tiny"),
        ({"preset": "vit-d2l"}, "preset vit-d2l is not for alternating: .*transformer, bahdanau"),
        ({"source_vocabulary": 8}, "there is no setting 'source_vocabulary'"),
        ({"preset": "tinny"}, "preset 'tinny' is not known: did you mean 'tiny'"),
    ],
)
def test_a_setting_that_would_change_nothing_is_refused(
    toy: Task[Any], settings: dict[str, Any], message: str
) -> None:
    with pytest.raises(SeqformerError, match=message):
        resolve(toy, settings)


def test_a_recipe_for_another_architecture_is_refused(toy: Task[Any]) -> None:
    """It must not be half of what is trained."""
    with pytest.raises(SeqformerError, match="heads does nothing in architecture 'bahdanau'"):
        resolve(toy, {"arch": "bahdanau"}, Recipe(model={"heads": 2}))
    with pytest.raises(SeqformerError, match="preset gru is of another architecture"):
        resolve(toy, {"preset": "gru"}, Recipe(model={"arch": "transformer"}))


# --- what a recipe may say

WRONG = [
    ("[trian]\nseed = 1", "there is no table [trian]: did you mean 'train'?"),
    ("train = 3", "'train' must be a table: [train]"),
    ("[train", "not TOML"),
    ("[train]\nlearning_rat = 1e-3", "'learning_rat' is not known: did you mean 'learning_rate'?"),
    ("[train]\nlearning_rate = 'fast'", "'learning_rate' is 'fast', expected float"),
    ("[train]\nmax_steps = 1.5", "'max_steps' is 1.5, expected int"),
    ("[train]\nmax_steps = true", "'max_steps' is True, expected int"),
    ("[train]\nschedule = 'linaer'", "did you mean 'linear'?"),
    ("[train]\nlabel_smoothing = 2.0", "label smoothing is 2.0"),
    ("[train]\nwidth = 8", "'width' is not known"),
    ("[model]\narch = 'rnn'", "architecture 'rnn' is not known"),
    ("[model]\npreset = 'tinny'", "preset 'tinny' is not known: did you mean 'tiny'?"),
    ("[model]\nwidht = 8", "'widht' is not known: did you mean 'width'?"),
    ("[model]\nwidth = '8'", "'width' is '8', expected int"),
    ("[model]\narch = 'bahdanau'\nheads = 2", "'heads' is not known"),
    ("[model]\npreset = 'gru'\nheads = 2", "'heads' is not known"),
    ("[model]\nsource_vocabulary = 99", "'source_vocabulary' is not known"),
    ("[prepare]\nvocab_sise = 80", "'vocab_sise' is not known: did you mean 'vocab_size'?"),
    ("[prepare]\nlowercase = 1", "'lowercase' is 1, expected bool"),
    ("[prepare]\nmodel_type = 'bep'", "did you mean 'bpe'?"),
    ("[decode]\nbeams = 3", "'beams' is not known: did you mean 'beam'?"),
    ("[decode]\nbeam = 0", "beam is 0"),
    ("[expected]\nblue = 36.9", "'blue' is not known: did you mean 'bleu'?"),
]


@pytest.mark.parametrize(("text", "message"), WRONG, ids=[text.replace("\n", " ") for text, _ in WRONG])
def test_what_is_wrong_in_a_recipe_is_named(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "r.toml"
    path.write_text(text)
    with pytest.raises(SeqformerError) as told:
        read_recipe(path)
    assert message in str(told.value) and "\n" not in str(told.value)
    assert str(told.value).startswith(str(path)), "which file it is"


def test_a_recipe_that_is_not_there_or_no_text(tmp_path: Path) -> None:
    with pytest.raises(SeqformerError, match=r"no\.toml: there is no such file"):
        read_recipe(tmp_path / "no.toml")
    (tmp_path / "r.toml").write_bytes(b"[train]\nseed = 1 # \xff")
    with pytest.raises(SeqformerError, match=r"r\.toml: not TOML"):
        read_recipe(tmp_path / "r.toml")


def test_what_a_recipe_writes_it_reads(toy: Task[Any], tmp_path: Path) -> None:
    for settings in ({}, {"preset": "d2l", "max_minutes": 0.5}, {"arch": "bahdanau", "bidirectional": True}):
        recipe = recipe_of(toy, resolve(toy, settings))
        (tmp_path / "r.toml").write_text(recipe.to_toml(), "utf-8")
        assert read_recipe(tmp_path / "r.toml") == recipe
        again = resolve(toy, {}, recipe)
        first = resolve(toy, settings)
        assert (again.model, again.train, again.decode) == (first.model, first.train, first.decode)


# --- through the command line


def printed(command: Command, *arguments: object) -> Path:
    """The recipe that --print-recipe prints, as a file; nothing is trained for it."""
    code, out, err = command("train", *arguments, "--print-recipe")
    assert code == 0, err
    assert not Path("runs").exists()
    path = Path("r.toml")
    path.write_text(out, "utf-8")
    return path


def assert_same_runs(one: Path, other: Path) -> None:
    for name in ("config.json", "weights.safetensors", "metrics.jsonl"):
        assert (one / name).read_bytes() == (other / name).read_bytes(), name


@pytest.mark.parametrize("kind", ["toy", "text", "images"])
def test_a_printed_recipe_trains_the_same_run(
    command: Command, data: Path, tmp_path: Path, kind: str
) -> None:
    if kind == "images":
        api.prepare(write_idx(tmp_path / "raw"), out="prepared/x")
    where = {"toy": ("--task", "alternating"), "text": ("--data", data), "images": ("--data", "prepared/x")}[
        kind
    ]
    shape = TINY if kind == "images" else (*SMALL, "--max-steps", 3, "--seed", 5)
    recipe = printed(command, *where, *shape)
    assert command("train", *where, *shape, "--run", "runs/one")[0] == 0
    assert command("train", *where, "--recipe", recipe, "--run", "runs/two")[0] == 0
    assert_same_runs(Path("runs/one"), Path("runs/two"))
    # and what is asked for beside it is stronger
    assert command("train", *where, "--recipe", recipe, "--max-steps", 1, "--run", "runs/three")[0] == 0
    one, three = (json.loads(Path(f"runs/{name}/config.json").read_text()) for name in ("one", "three"))
    assert three["train"] == one["train"] | {"max_steps": 1} and three["model"] == one["model"]


def test_a_recipe_prepares_too(command: Command, data: Path, tmp_path: Path) -> None:
    pairs = "".join(f"{w} chat {i}\t{i} tahc {w}\n" for i, w in enumerate(["le", "un", "ce"] * 20))
    (tmp_path / "p.tsv").write_text(pairs, "utf-8")
    asked = ("--vocab-size", 60, "--valid-size", 4, "--test-size", 3, "--lowercase")
    assert command("prepare", "p.tsv", *asked, "--out", "prepared/one")[0] == 0
    recipe = printed(command, "--data", "prepared/one", *SMALL)
    assert command("prepare", "p.tsv", "--recipe", recipe, "--out", "prepared/two")[0] == 0
    assert (
        command("prepare", "p.tsv", "--recipe", recipe, "--valid-size", 2, "--out", "prepared/three")[0] == 0
    )
    one, two, three = (open_task(Path("prepared") / name).manifest for name in ("one", "two", "three"))
    assert (one.config, one.fingerprint) == (two.config, two.fingerprint)
    assert three.config == one.config | {"valid_size": 2} and three.pairs["valid"] == 2


def test_a_run_searches_as_its_recipe_says(command: Command, data: Path, tmp_path: Path) -> None:
    (tmp_path / "r.toml").write_text("[decode]\nbeam = 2\nlength_penalty = 0.5\n\n[expected]\nbleu = 1.5\n")
    assert command("train", "--data", data, *SMALL, "--max-steps", 1, "--recipe", "r.toml")[0] == 0
    model = api.load("runs/toy", device="cpu")
    assert (model.decode_config().beam, model.decode_config().length_penalty) == (2, 0.5)
    assert (model.decode_config(beam=4).beam, model.decode_config(beam=4).length_penalty) == (4, 0.5)
    code, out, _ = command("translate", "le chat", "--json", "--n-best", 2)
    assert code == 0 and len(json.loads(out)["translations"]) == 2
    code, _, err = command("translate", "le chat", "--n-best", 3)
    assert code == 2 and "needs a beam of at least 3, not 2" in err


@pytest.mark.parametrize("verb", ["train", "prepare"])
def test_a_wrong_recipe_leaves_nothing(command: Command, tmp_path: Path, verb: str) -> None:
    (tmp_path / "r.toml").write_text("[train]\nlearning_rat = 1\n")
    code, out, err = command(verb, "--recipe", "r.toml")
    assert code == 2 and out == "" and "did you mean 'learning_rate'" in err and err.count("\n") == 1
    assert list(tmp_path.iterdir()) == [tmp_path / "r.toml"]


def test_a_handful_of_examples_is_seen_often_enough() -> None:
    for examples in (1, 20, 500, 29_000, 900_000):
        for steps in (1, 7, 400):
            epochs = epochs_for(examples, steps)
            assert epochs * steps >= 240 and (steps < 240 or 3 <= epochs <= 60)
