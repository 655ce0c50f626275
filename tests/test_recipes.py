"""Recipes that others are to repeat: all that are shipped are whole, a repetition is exact, and a verdict is fair."""

from __future__ import annotations

import gzip
import json
import signal
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from conftest import Command, toy_pairs
from sacrebleu.metrics import BLEU
from test_presets import assert_same_runs

import seqformer
from seqformer import api
from seqformer.errors import DataError, MissingExtra, SeqformerError
from seqformer.models import build
from seqformer.presets import TABLES, Unprepared, resolve
from seqformer.recipes import reproduction
from seqformer.recipes.experiment import FOLDER, Expected, names, open_experiment, packaged
from seqformer.recipes.measure import MEASURES
from seqformer.recipes.reproduction import Reproduction, Scoring, reproduce, verdict
from seqformer.report import moses, scores, words
from seqformer.report.scores import Score
from seqformer.training.events import Stepped

SETTINGS = """
[prepare]
vocab_size = 80
{languages}

[model]
encoder_layers = 1
decoder_layers = 1
width = 16
heads = 2
feed_forward = 32
dropout = 0.1

[train]
max_steps = 4
tokens_per_batch = 64
warmup = 2
validate_every = 2
precision = "fp32"
seed = 3

[decode]
beam = 2
max_length = 9
"""
ALIGNED = """
[data]
task = "words in reverse"
train = ["train.fr", "train.rev"]
valid = ["val.fr", "val.rev"]
test = ["test.fr", "test.rev"]
where = "the test beside"
"""
TABLE = '[data]\ntrain = ["train.tsv"]\nvalid = ["val.tsv"]\ntest = ["test.tsv"]\n'
SCORED = '\n[evaluate]\nscores = ["exact_match", "bleu"]\n'
ON_TOKENS = '\n[evaluate]\nscores = ["bleu_tok_lc"]\n'


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder with a folder of data, both as aligned files, one of them packed, and as tables."""
    monkeypatch.chdir(tmp_path)
    raw = tmp_path / "raw"
    raw.mkdir()
    pairs = toy_pairs(72)
    for split, part in (("train", pairs[:60]), ("val", pairs[60:66]), ("test", pairs[66:])):
        for side, ending in enumerate(("fr", "rev")):
            (raw / f"{split}.{ending}").write_text("".join(f"{p[side]}\n" for p in part), "utf-8")
        (raw / f"{split}.tsv").write_text("".join(f"{s}\t{t}\n" for s, t in part), "utf-8")
    packed = raw / "train.rev"
    (raw / "train.rev.gz").write_bytes(gzip.compress(packed.read_bytes()))
    packed.unlink()
    return tmp_path


def write_recipe(data: str = ALIGNED, scored: str = SCORED, more: str = "", languages: str = "") -> Path:
    path = Path("mine.toml")
    path.write_text(data + SETTINGS.format(languages=languages) + scored + more, "utf-8")
    return path


# --- those that are shipped


def test_every_recipe_that_is_shipped_is_whole() -> None:
    assert len(names()) == 9 and {"multi30k-tiny", "g2p-english", "scan-jump", "d2l"} <= set(names())
    for experiment in packaged():
        assert experiment.task and experiment.recipe.data["where"], experiment.name
        assert resolve(Unprepared(), {}, experiment.recipe).train.limits, "when it ends"
        expected = experiment.expected
        assert (expected.score is None) == (expected.minutes is None) == (not expected.machine)
        assert (expected.published is None) == (not expected.source), "a number without its source"
        assert json.loads(json.dumps(experiment.to_json()))["name"] == experiment.name


@pytest.mark.parametrize(
    ("name", "most"), [("multi30k-tiny", 2.7e6), ("multi30k-fr", 2.7e6), ("multi30k-base", 1e7)]
)
def test_a_model_is_as_small_as_its_recipe_says(name: str, most: float) -> None:
    recipe = open_experiment(name).recipe
    pieces = recipe.prepare["vocab_size"]
    size = {"source_vocabulary": pieces, "target_vocabulary": pieces, "joint": True}
    model = build(resolve(Unprepared(dimensions=size), {}, recipe).model)
    assert sum(p.numel() for p in model.parameters()) <= most


def test_a_recipe_is_also_one_for_train_and_prepare(command: Command, data: Path) -> None:
    for name in ("multi30k-tiny", "scan-simple"):
        path = FOLDER / f"{name}.toml"
        code, out, _ = command("train", "--data", data, "--recipe", path, "--print-recipe")
        assert code == 0 and f"max_steps = {open_experiment(name).recipe.train['max_steps']}" in out
    Path("p.tsv").write_text("".join(f"go {i} .\tva {i} !\n" for i in range(700)), "utf-8")
    one = api.prepare("p.tsv", recipe=FOLDER / "d2l.toml", out="one").task.manifest
    two = api.prepare("p.tsv", style="d2l", languages="en-fr", out="two").task.manifest
    assert (one.prepare_settings, one.fingerprint) == (two.prepare_settings, two.fingerprint)
    assert one.pairs["train"] == 512


def test_every_score_can_be_on_record() -> None:
    assert set(MEASURES) <= set(TABLES["expected"])


# --- what is wrong is named, in a line, before anything is made

WRONG = [
    (ALIGNED.replace("train.rev", "rev", 1).replace("train =", "trian ="), SCORED, "'trian' is not known: did you mean 'train'?"),
    (ALIGNED.replace('"train.fr", ', '"a", "b", '), SCORED, "'train' must name one file of pairs, or two aligned files"),
    ("", SCORED, "it does not name its files"),
    (ALIGNED.replace('["val.fr", "val.rev"]', '"val"'), SCORED, "'valid' is 'val', expected list[str]"),
    (ALIGNED, "", "it names no scores"),
    (ALIGNED, "[evaluate]\nscores = ['blue']", "there is no score 'blue': did you mean 'bleu'?"),
    (ALIGNED, "[evaluate]\nscores = ['bleu']\nsplit = 'train'", "'split' must be test or valid"),
    (ALIGNED, "[evaluate]\nscore = ['bleu']", "'score' is not known: did you mean 'scores'?"),
    (ALIGNED, SCORED + "[expected]\nexact_match = 3.0", "'exact_match' needs 'spread' or 'tolerance' beside it"),
    (ALIGNED, SCORED + "[expected]\nspread = 3.0", "'spread' means nothing without 'exact_match'"),
    (ALIGNED, SCORED + "[expected]\nexact_match = 3.0\ntolerance = -1", "'tolerance' is -1"),
    (ALIGNED, SCORED + "[expected]\nexact_match = 'all'", "expected float"),
    (ALIGNED, SCORED + "[expekted]\n", "there is no table [expekted]"),
    (ALIGNED, ON_TOKENS, "needs to know the languages ([prepare])"),
]  # fmt: skip


@pytest.mark.parametrize(("data", "scored", "message"), WRONG, ids=[message[:40] for *_, message in WRONG])
def test_what_is_wrong_in_a_recipe_is_named(
    command: Command, home: Path, data: str, scored: str, message: str
) -> None:
    path = write_recipe(data, scored)
    code, out, err = command("reproduce", path, "--data", "raw")
    assert code == 2 and out == "" and message in err and err.count("\n") == 1 and str(path) in err
    assert sorted(each.name for each in home.iterdir()) == ["mine.toml", "raw"]


def test_style_stands_alone(home: Path) -> None:
    with pytest.raises(SeqformerError, match="'vocab_size' does nothing beside 'style'"):
        open_experiment(write_recipe(TABLE, SCORED, languages="style = 'd2l'"))


def test_missing_files_are_named_with_where_people_get_them(command: Command, home: Path) -> None:
    path = write_recipe()
    (home / "raw/val.fr").unlink()
    (home / "raw/train.rev.gz").unlink()
    code, out, err = command("reproduce", path, "--data", "raw")
    assert code == 2 and out == "" and err.count("\n") == 1
    assert "raw has no train.rev, val.fr, packed or not; people usually get them from the test beside" in err
    assert "no such folder" in command("reproduce", path, "--data", "row")[2]
    code, out, err = command("reproduce", "multi30k-tiny")
    assert code == 2 and "--data DIR" in err and "train.en, train.de, val.en" in err and "github.com" in err
    assert "did you mean 'multi30k-tiny'" in command("reproduce", "multi30k-tny", "--data", "raw")[2]
    assert "name the recipe to repeat" in command("reproduce", "--seed", 2)[2]
    assert not Path("runs").exists() and not Path("prepared").exists()


def test_an_extra_is_missed_before_anything_is_made(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sacremoses", None)
    moses._scripts.cache_clear()
    path = write_recipe(scored=ON_TOKENS, languages='languages = "fr-de"')
    with pytest.raises(MissingExtra, match=r"seqformer\[moses\]"):
        reproduce(path, "raw")
    assert not Path("runs").exists() and not Path("prepared").exists()


# --- the whole way


def test_a_recipe_is_repeated_and_scored_again(command: Command, home: Path) -> None:
    path = write_recipe(
        more="\n[expected]\nexact_match = 0.0\nspread = 0.5\nseeds = 3\npublished = 9\nsource = 'X'\n"
    )
    code, out, err = command("reproduce", path, "--data", "raw")
    assert (
        code == 0
        and "Reproduced. exact match (%): 0.00, within 1.00 (2 standard deviations over 3 seeds)" in out
    )
    assert "step 4" in err and "Published: 9.00 (X)" in err and "Scoring" in err and "tok:" in out
    weights = Path("runs/mine/weights.safetensors")
    when = weights.stat().st_mtime_ns
    code, out, err = command("reproduce", path, "--data", "raw", "--json")
    said = json.loads(out)
    assert code == 0 and "trained so before" in err and "step 4" not in err
    assert said["verdict"] == "reproduced" and said["decides"] == "exact_match" and said["seed"] == 3
    assert set(said["scores"]) == {"exact_match", "bleu"} and len(said["scores"]["bleu"]["interval"]) == 2
    assert weights.stat().st_mtime_ns == when and sorted(Path("runs").iterdir()) == [Path("runs/mine")]
    # another seed is another run; a folder that is named must be that of this recipe
    made = seqformer.reproduce(path, "raw", seed=4)
    assert made.run == Path("runs/mine-2") and made.seed == 4 and made["bleu"].signature
    with pytest.raises(SeqformerError, match=r"runs/mine is another training \(seed 3 instead of 4\)"):
        reproduce(path, "raw", seed=4, run="runs/mine")
    with pytest.raises(SeqformerError, match="raw exists and is no run"):
        reproduce(path, "raw", run="raw")


def test_tables_are_the_same_as_aligned_files(home: Path) -> None:
    one = reproduce(write_recipe(), "raw", run="runs/one")
    two = reproduce(write_recipe(TABLE), "raw", run="runs/two")
    assert [s.score for s in one.scores] == [
        s.score for s in two.scores
    ] and one.sentences == two.sentences == 6
    assert_same_runs(one.run, two.run)


def test_interrupted_and_repeated_is_uninterrupted(home: Path) -> None:
    path, seen = write_recipe(), []

    def stop(event: Any) -> None:
        seen.append(event)
        if isinstance(event, Stepped):
            signal.raise_signal(signal.SIGINT)

    with pytest.raises(seqformer.Interrupted) as stopped:
        reproduce(path, "raw", events=stop)
    assert stopped.value.run.folder == Path("runs/mine") and not any(isinstance(e, Scoring) for e in seen)
    again = reproduce(path, "raw", events=seen.append)
    assert again.run == Path("runs/mine") and isinstance(seen[-1], Scoring) and seen[-1].trained
    whole = reproduce(path, "raw", run="runs/whole")
    assert_same_runs(again.run, whole.run)
    assert again.scores == whole.scores


def test_stopped_by_hand_it_says_how_to_go_on(
    command: Command, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, real = write_recipe(), api.train

    def interrupted(*given: Any, **settings: Any) -> Any:
        def stop(event: Any) -> None:
            settings["events"](event)
            if isinstance(event, Stepped):
                signal.raise_signal(signal.SIGINT)

        return real(*given, **(settings | {"events": stop}))

    monkeypatch.setattr(api, "train", interrupted)
    code, out, err = command("reproduce", path, "--data", "raw", "--seed", 5)
    assert code == 130 and out == ""
    (line,) = (line for line in err.splitlines() if line.startswith("  seqformer "))
    assert line.split()[1:] == [
        "reproduce",
        "mine.toml",
        "--data",
        "raw",
        "--run",
        "runs/mine",
        "--seed",
        "5",
    ]
    code, out, err = command(*line.split()[1:])
    assert code == 0 and "resumed" in err and "No score is on record yet for this recipe" in out


def test_recipes_are_listed(command: Command) -> None:
    code, out, err = command("reproduce")
    assert code == 0 and all(name in out for name in names()) and "--data DIR" in err
    listed = json.loads(command("reproduce", "--json")[1])
    assert [each["name"] for each in listed] == names() and listed[0]["wants"]["train"] == ["fra.txt"]


# --- the verdict

EXPECTED = Expected(score=41.0, spread=0.4, seeds=3)


@pytest.mark.parametrize(
    ("score", "expected", "fewer", "wanted"),
    [
        (41.0, EXPECTED, False, "reproduced"),
        (41.8, EXPECTED, False, "reproduced"),
        (40.2, EXPECTED, True, "reproduced"),
        (41.81, EXPECTED, False, "better"),
        (41.81, EXPECTED, True, "not reproduced"),
        (40.19, EXPECTED, False, "not reproduced"),
        (40.19, EXPECTED, True, "better"),
        (40.19, Expected(score=41.0, spread=0.4, tolerance=1.0), False, "reproduced"),
        (41.0, Expected(published=41.0, source="X"), False, "no score on record"),
    ],
)
def test_the_verdict(score: float, expected: Expected, fewer: bool, wanted: str) -> None:
    assert verdict(score, expected, fewer=fewer) == wanted
    name = "wrong_lines" if fewer else "bleu"
    made = Reproduction("r", Path("runs/r"), 1, "test", 9, [Score(name, score, "s")], expected, 2.0)
    assert made.verdict == wanted and made.reproduced == (wanted in ("reproduced", "better"))
    words = {
        "reproduced": "Reproduced",
        "better": "Better than on record",
        "not reproduced": "Not reproduced",
    }
    assert made.sentence().startswith(words.get(wanted, "No score is on record yet"))
    assert made.to_json()["verdict"] == wanted and (expected.score is None) == (
        made.to_json()["expected"] is None
    )


# --- BLEU of Moses tokens

RAW = ["Ein Mann läuft – im Regen!", 'Die „Katze" sagt: Miau.', "Drei rot-weiße Bälle, z.B. hier."]
TOKENS = ["ein mann läuft - im regen !", 'die " katze " sagt : miau .', "drei rot-weiße bälle , z.b. hier ."]


@pytest.fixture
def tokenizer() -> moses.Moses:
    pytest.importorskip("sacremoses", reason="needs the extra 'moses'")
    moses._scripts.cache_clear()
    return moses.Moses("moses-lc-de")


def test_moses_tokens_are_lower_cased_with_whole_words_and_no_escapes(tokenizer: moses.Moses) -> None:
    assert list(map(tokenizer, RAW)) == TOKENS
    assert tokenizer("") == tokenizer("  ") == ""
    assert moses.unescaped("l&apos; &quot; &amp;lt; &#91;") == "l' \" &lt; ["
    line = "le chat dort , " * 3000 + "e" * 2500  # is cut, at spaces where there are some
    assert tokenizer(line).replace(" ", "") == line.replace(" ", "")
    begin = time.monotonic()
    tokenizer("." * 30_000)  # as a whole it takes 8 seconds
    assert time.monotonic() - begin < 4


def test_references_can_be_tokens_already(tokenizer: moses.Moses) -> None:
    name = words.choose("moses-lc", RAW, "de").tokenizer
    given = scores.corpus_score("bleu", RAW, TOKENS, tokenize=name, tokens=True, interval=True)
    made = scores.corpus_score("bleu", RAW, RAW, tokenize=name, interval=True)
    assert given == made and given.score == pytest.approx(100)
    assert "|case:lc|" in given.signature and f"|tok:{tokenizer.signature()}|" in given.signature
    # cut a second time, the French tokens would be others
    said, tokens = ["L'homme dort à l'aube d'un été."], ["l' homme dort à l' ombre d' un arbre ."]
    score = scores.corpus_score("bleu", said, tokens, tokenize="moses-lc-fr", tokens=True)
    plain = BLEU(tokenize="none", force=True).corpus_score(["l' homme dort à l' aube d' un été ."], [tokens])
    assert score.score == plain.score < 90


def test_the_language_must_be_known(tokenizer: moses.Moses) -> None:
    assert words.choose("moses-lc-fr", [], "de").tokenizer == "moses-lc-fr"
    with pytest.raises(SeqformerError, match=r"moses-lc needs to know the language .* moses-lc-de"):
        words.choose("moses-lc", [])
    with pytest.raises(SeqformerError, match="there is no tokenizer 'moses-lc-'"):
        words.choose("moses-lc-", [])


def test_tokens_beside_the_data_are_the_references(home: Path, tokenizer: moses.Moses) -> None:
    with_tokens = ALIGNED + 'tokens = "../tok/test.rev"\n'
    recipe = write_recipe(with_tokens, ON_TOKENS, languages='languages = "fr-de"')
    made = reproduce(recipe, "raw")
    assert made.tokens == "" and any("tokens made of the references" in note for note in made.notes())
    Path("tok").mkdir()
    Path("tok/test.rev.gz").write_bytes(gzip.compress(Path("raw/test.rev").read_bytes()))
    given = reproduce(recipe, "raw")
    assert given.run == made.run and given.tokens == "raw/../tok/test.rev.gz" and given.scores == made.scores
    Path("tok/test.rev.gz").write_bytes(gzip.compress(b"le chat\n"))
    with pytest.raises(DataError, match="has 1 lines and the test 6 sentences"):
        reproduce(recipe, "raw")


def test_it_is_for_one_process(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reproduction.distributed, "join", lambda: reproduction.distributed.Processes(0, 2))
    with pytest.raises(SeqformerError, match="without torchrun"):
        reproduce(write_recipe(), "raw")
