"""The package from Python: the same as the command line, silent, and with plain types for answers."""

from __future__ import annotations

import json
import os
import shutil
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from conftest import Command, toy_pairs
from test_images import stripes, write_idx, write_png

import seqformer
from seqformer.api import Event, Started, Stopping
from seqformer.errors import DataError, RunError, SeqformerError
from seqformer.inference.model import Classified
from seqformer.report.attention import Attention, ClassAttention
from seqformer.report.chapter import ChapterEvaluation
from seqformer.report.evaluation import ClassEvaluation, TextEvaluation
from seqformer.tasks import text_task
from seqformer.training.events import Ended, Saved, Stepped, Validated

PREPARE: dict[str, Any] = {"vocab_size": 80, "valid_size": 5, "test_size": 5}
TEXT: dict[str, Any] = {
    "preset": "toy", "width": 16, "heads": 2, "feed_forward": 32, "precision": "fp32", "max_steps": 4, "seed": 3,
    "validate_every": 2, "tokens_per_batch": 128,
}  # fmt: skip
VIT: dict[str, Any] = {
    "preset": "vit-d2l", "width": 16, "heads": 2, "feed_forward": 32, "encoder_layers": 1, "max_steps": 2,
    "precision": "fp32",
}  # fmt: skip
FILES = ("config.json", "manifest.json", "metrics.jsonl", "weights.safetensors", "test.tsv")


def flags(settings: dict[str, Any]) -> list[str]:
    return [text for name, value in settings.items() for text in (f"--{name.replace('_', '-')}", str(value))]


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Runs of text and of images, trained from Python."""
    root = tmp_path_factory.mktemp("home")
    text = seqformer.prepare(toy_pairs(), out=root / "text", **PREPARE)
    images = seqformer.prepare(write_idx(root / "raw"), out=root / "images")
    seqformer.train(text, run=root / "runs/text", device="cpu", **TEXT)
    seqformer.train(images, run=root / "runs/images", device="cpu", **VIT)
    return root


@pytest.fixture(scope="module")
def model(home: Path) -> seqformer.Model:
    return seqformer.load(home / "runs/text", device="cpu")


@pytest.fixture(scope="module")
def classifier(home: Path) -> seqformer.Model:
    return seqformer.load(home / "runs/images", device="cpu")


# --- the road


def test_nothing_is_printed(here: Path, capfd: pytest.CaptureFixture[str]) -> None:
    prepared = seqformer.prepare(toy_pairs(), out="prepared/mine", **PREPARE)
    run = seqformer.train(prepared, device="cpu", **TEXT)
    loaded = seqformer.load(run, device="cpu")
    loaded.translate("le chat")
    loaded.attention("le chat").to_json()
    seqformer.evaluate(run, device="cpu")
    seqformer.resume(run, device="cpu", max_steps=6)
    seqformer.train(toy="alternating", device="cpu", **TEXT | {"max_steps": 1})
    images = seqformer.prepare(write_idx(here / "raw"))
    seqformer.evaluate(seqformer.train(images, device="cpu", **VIT), device="cpu")
    assert capfd.readouterr() == ("", "")


def test_prepared_from_a_list_an_iterator_or_files_is_the_same(here: Path) -> None:
    pairs = toy_pairs()
    for name, side in (("s", 0), ("t", 1)):
        Path(name).write_text("".join(f"{pair[side]}\n" for pair in pairs), "utf-8")
    Path("p.tsv").write_text("".join(f"{s}\t{t}\n" for s, t in pairs), "utf-8")
    Path("q.tsv").write_text("".join(f"{t}\t{s}\n" for s, t in pairs), "utf-8")
    made = [
        seqformer.prepare(pairs, out="a", **PREPARE),
        seqformer.prepare(iter(pairs), out="b", **PREPARE),
        seqformer.prepare("p.tsv", **PREPARE),
        seqformer.prepare([Path("p.tsv")], out="c", **PREPARE),
        seqformer.prepare(files=("s", "t"), out="d", **PREPARE),
        seqformer.prepare("q.tsv", swap=True, **PREPARE),
        seqformer.prepare(files=("t", "s"), swap=True, out="e", **PREPARE),
        seqformer.prepare([pair[::-1] for pair in pairs], swap=True, out="f", **PREPARE),
    ]
    assert len({each.task.manifest.fingerprint for each in made}) == 1
    assert [os.fspath(each) for each in made][2:6] == ["prepared/p", "c", "d", "prepared/q"]
    first = made[0]
    assert isinstance(first, seqformer.Prepared) and first.to_json()["pairs"]["valid"] == 5
    assert json.dumps(first.to_json()) and "50 pairs" in repr(first) and "<pre>" in first._repr_html_()
    more = [(f"{s} et {s}", f"{t} et {t}") for s, t in pairs]
    held = seqformer.prepare(pairs + more, out="g", valid=("s", "t"), vocab_size=80, test_size=4)
    assert held.task.manifest.pairs == {"train": 56, "valid": 60, "test": 4}
    assert held.faults.dropped == {"source also held out": 60}


def test_from_python_and_from_the_command_line_come_the_same_bytes(command: Command) -> None:
    pairs = "".join(f"{s}\t{t}\n" for s, t in toy_pairs())
    for name in ("one", "two"):
        Path(name).mkdir()
        Path(name, "pairs.tsv").write_text(pairs, "utf-8")
    assert command("prepare", "one/pairs.tsv", *flags(PREPARE))[0] == 0
    assert command("train", "--data", "prepared/pairs", *flags(TEXT), "--device", "cpu")[0] == 0
    prepared = seqformer.prepare("two/pairs.tsv", out="elsewhere/pairs", **PREPARE)
    run = seqformer.train(prepared, run="runs/two", device="cpu", **TEXT)
    one, two = (
        json.loads(Path("runs/pairs/manifest.json").read_text()),
        json.loads((run.folder / "manifest.json").read_text()),
    )
    assert one | {"files": []} == two | {"files": []}
    for name in FILES:
        if name != "manifest.json":
            assert Path("runs/pairs", name).read_bytes() == (run.folder / name).read_bytes(), name
    code, out, _ = command("translate", "le chat mange", "--run", "runs/two", "--device", "cpu")
    assert code == 0 and out == f"{seqformer.load(run, device='cpu').translate('le chat mange')}\n"
    code, out, _ = command("evaluate", "--run", "runs/two", "--json", "--device", "cpu")
    found = json.loads(json.dumps(seqformer.evaluate(run, device="cpu").to_json()))
    assert code == 0 and json.loads(out) | {"seconds": 0} == found | {"seconds": 0}


def test_a_training_tells_its_events_in_order(here: Path) -> None:
    seqformer.prepare(toy_pairs(), out="prepared/mine", **PREPARE)
    told: list[Event] = []
    run = seqformer.train(events=told.append, device="cpu", **TEXT)  # the newest that is prepared
    assert isinstance(told[0], Started) and told[0].run is run and told[0].precision == "fp32"
    assert isinstance(told[-1], Ended) and not told[-1].interrupted
    kinds = [type(event) for event in told]
    assert kinds.count(Stepped) == 4 and kinds.count(Validated) == 2 and kinds.count(Saved) >= 2
    assert run.folder == Path("runs/mine") and isinstance(run, seqformer.Run)


def test_ctrl_c_is_raised_when_all_is_saved_and_resuming_is_exact(here: Path) -> None:
    data = seqformer.prepare(toy_pairs(), out="prepared/mine", **PREPARE)
    whole = seqformer.train(data, run="runs/whole", device="cpu", **TEXT)
    told: list[Event] = []

    def press(event: Event) -> None:
        told.append(event)
        if isinstance(event, Stepped):
            os.kill(os.getpid(), signal.SIGINT)

    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(seqformer.Interrupted) as stopped:
        seqformer.train(data, run="runs/cut", events=press, device="cpu", **TEXT)
    assert signal.getsignal(signal.SIGINT) is before
    assert stopped.value.reason == "Ctrl-C" and isinstance(stopped.value, KeyboardInterrupt)
    assert any(isinstance(event, Stopping) for event in told)
    progress = stopped.value.run.progress()
    assert progress is not None and progress.step == 1 and not progress.finished
    resumed = seqformer.resume(device="cpu")  # the newest unfinished one
    assert resumed.folder == stopped.value.run.folder
    for name in ("weights.safetensors", "metrics.jsonl"):
        assert (resumed.folder / name).read_bytes() == (whole.folder / name).read_bytes()


def test_a_resumed_run_keeps_what_it_was_begun_with(here: Path) -> None:
    data = seqformer.prepare(toy_pairs(), out="prepared/mine", **PREPARE)
    run = seqformer.train(data, device="cpu", **TEXT)
    with pytest.raises(RunError, match=r"width 32: .* was begun with 16"):
        seqformer.resume(run, width=32)
    os.rename("prepared/mine", "moved")
    with pytest.raises(RunError, match="cannot be used"):
        seqformer.resume(run.folder, device="cpu", max_steps=5)
    other = seqformer.prepare(toy_pairs(50), out="other", **PREPARE)
    with pytest.raises(RunError, match="holds other data"):
        seqformer.resume(run.folder, data=other, device="cpu", max_steps=5)
    run = seqformer.resume(run.folder, data="moved", device="cpu", max_steps=5)
    progress = run.progress()
    assert progress is not None and progress.step == 5
    assert seqformer.resume(run.folder, device="cpu", max_steps=6).configs.train.max_steps == 6  # it is kept


# --- answers


def test_one_sentence_or_several_one_translation_or_the_best(model: seqformer.Model) -> None:
    one = model.translate("le chat mange")
    assert isinstance(one, seqformer.Translation) and str(one) == one.text
    several = model.translate(["le chat mange", "", "un chien"])
    assert several[0].ids == one.ids and several[0].score == pytest.approx(one.score, abs=1e-5)
    assert isinstance(several, list) and several[1].text == "" and len(several) == 3
    streamed = model.translate(line for line in ("le chat mange", ""))
    assert [each.text for each in streamed] == [each.text for each in several[:2]]
    assert model.translate([]) == []
    best = model.translate("le chat mange", n_best=3)
    assert [type(each) for each in best] == [seqformer.Translation] * 3
    assert best[0] == one and best[0].score >= best[1].score >= best[2].score
    table = model.translate(["le chat", ""], n_best=2, beam=2)
    assert [len(row) for row in table] == [2, 1] and table[1][0].text == ""
    assert len(model.translate("le chat", max_length=2).ids) <= 2
    assert model.translate("le chat", beam=None) == model.translate("le chat")


def test_ordinary_text_from_python_and_from_the_command_line(
    model: seqformer.Model, home: Path, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = model.translate("le chat mange", n_best=2)
    assert model.translate("le chat mange", n_best=2, detokenize=True) == plain  # nothing to join in this run
    monkeypatch.setattr("seqformer.text.detokenize.Detokenizer.__call__", lambda self, line: line.upper())
    upper = [best.text.upper() for best in plain]
    assert [b.text for b in model.translate("le chat mange", n_best=2, detokenize=True)] == upper
    assert model.translate(["le chat mange"], detokenize=True)[0].text == upper[0]
    arguments = ("translate", "le chat mange", "--run", home / "runs/text", "--n-best", 2, "--detokenize")
    assert command(*arguments)[1].splitlines() == upper
    scored = [line.split("\t")[1] for line in command(*arguments, "--scores")[1].splitlines()]
    entries = json.loads(command(*arguments, "--json")[1])["translations"]
    assert scored == [entry["text"] for entry in entries] == upper


def test_data_prepared_like_a_run_have_its_rules(home: Path, here: Path) -> None:
    shutil.copytree(home / "runs/text", here / "old")
    manifest = json.loads((here / "old/manifest.json").read_text("utf-8"))
    del manifest["config"]["rules"]
    manifest["config"]["nfkc"] = True
    (here / "old/manifest.json").write_text(json.dumps(manifest), "utf-8")
    made = seqformer.prepare(toy_pairs(), out="new", like="old")
    assert (made.task.manifest.config["rules"], made.task.manifest.config["nfkc"]) == (1, True)


def test_attention_as_data_as_tables_and_as_a_picture(
    model: seqformer.Model, classifier: seqformer.Model, here: Path
) -> None:
    look = model.attention("le chat mange")
    assert isinstance(look, Attention) and isinstance(look, seqformer.Attention)
    values = json.loads(json.dumps(look.to_json()))
    assert values["source"][-1] == "</s>" and {m["kind"] for m in values["maps"]} == {"cross"}
    for each in values["maps"]:
        assert len(each["weights"]) == len(each["rows"]) == len(values["target"])
        assert all(abs(sum(row) - 1) < 1e-4 and len(row) == len(values["source"]) for row in each["weights"])
    chosen = look.select(kind="all", layer=1, average=True).to_json()["maps"]
    assert [(m["kind"], m["layer"], m["head"]) for m in chosen] == [
        ("cross", 1, None), ("encoder", 1, None), ("decoder", 1, None)
    ]  # fmt: skip
    assert "→" in repr(look) and "<pre>" in look._repr_html_()
    with pytest.raises(SeqformerError, match="exclude each other"):
        look.select(head=1, average=True)
    seen = classifier.attention("3")
    assert isinstance(seen, ClassAttention) and seen.to_json()["label"] == "0"
    assert abs(sum(seen.to_json()["probabilities"].values()) - 1) < 1e-5
    pytest.importorskip("matplotlib")
    for name, each in (("text.png", look), ("image.png", seen)):
        each.save(name)
        assert Path(name).read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"


def test_a_run_is_evaluated_and_compared(home: Path, model: seqformer.Model, here: Path) -> None:
    found = seqformer.evaluate(home / "runs/text", metrics=["bleu", "ter"], device="cpu")
    assert isinstance(found, TextEvaluation) and found["bleu"].interval is not None
    assert [score.name for score in found.scores] == ["bleu", "ter"] and len(found.sources) == 5
    assert json.dumps(found.to_json()) and "on test" in repr(found) and "<pre>" in found._repr_html_()
    alone = seqformer.evaluate(home / "runs/text", metrics="ter", split="valid", device="cpu")
    assert isinstance(alone, TextEvaluation) and [score.name for score in alone.scores] == ["ter"]
    Path("s").write_text("le chat\nun chien\n", "utf-8")
    Path("r").write_text("\n".join(str(t) for t in model.translate(["le chat", "un chien"])) + "\n", "utf-8")
    own = seqformer.evaluate(
        home / "runs/text", files=("s", "r"), compare="r", metrics=["chrf"], device="cpu"
    )
    assert isinstance(own, TextEvaluation) and own.exact_match == 1 and own.other == "r"
    assert not own.comparisons[0].shown
    book = seqformer.evaluate(home / "runs/text", chapter=True, device="cpu")
    assert isinstance(book, ChapterEvaluation) and len(book.rows) == 4


def test_images_are_classified(home: Path, classifier: seqformer.Model, here: Path) -> None:
    found = seqformer.evaluate(home / "runs/images", device="cpu")
    assert isinstance(found, ClassEvaluation) and found.confusion.total == 12
    pictures = stripes(3, 7)[0]
    one = classifier.classify(pictures[0])
    assert isinstance(one, Classified) and str(one) == one.label and one.label in "012"
    assert one.probability == max(one.probabilities.values())
    assert abs(sum(one.probabilities.values()) - 1) < 1e-5
    several = classifier.classify(list(pictures))
    assert isinstance(several, list) and [str(each) for each in several][:1] == [one.label]
    assert classifier.classify(pictures[0][None]).label == one.label and classifier.classify([]) == []
    write_png(here / "one.png", pictures[0])
    assert classifier.classify("one.png") == one and classifier.classify([here / "one.png"]) == [one]


# --- mistakes

MISTAKES: list[tuple[str, str]] = [
    ("prepare('no.tsv')", "no.tsv: there is no such file"),
    ("prepare(pairs, vocabsize=80)", "did you mean 'vocab_size'"),
    ("prepare(pairs, files=('a', 'b'))", "not both"),
    ("prepare([('a', 'b', 'c')] * 5)", "pair"),
    ("prepare([1, 2, 3])", "pair"),
    ("prepare(pairs, vocab_size='many')", "vocab size"),
    ("prepare(pairs, vocab_size=80.5)", "vocab size"),
    ("prepare(toy='revers')", "did you mean 'reverse'"),
    ("prepare(pairs, style='d2l', lowercase=False)", "lowercase does nothing beside style d2l"),
    ("prepare(toy='alternating', vocab_size=80)", "vocab_size does nothing beside the toy task"),
    ("prepare(pictures, vocab_size=80)", "vocab_size does nothing beside a folder of images"),
    ("prepare(pairs, like=run, vocab_size=60)", "vocab_size does nothing beside the pieces of a run"),
    ("train(text, widht=8)", "did you mean 'width'"),
    ("train(text, max_steps='3')", "max steps"),
    ("train(text, max_steps=2.5)", "max steps"),
    ("train(text, max_steps=True)", "max steps"),
    ("train(text, max_steps=1, width='16')", "width"),
    ("train(text, toy='copy')", "name one of"),
    ("train('nowhere')", "not a prepared folder"),
    ("train(images='pairs.tsv', max_steps=1)", "there is no such folder"),
    ("train(text, run=run)", "exists"),
    ("train(text, device='tpu')", "no device 'tpu'"),
    ("resume('nowhere')", "is not a run"),
    ("load('nowhere')", "is not a run"),
    ("load(run, workers=0)", "workers is 0"),
    ("model.translate('x', beams=3)", "did you mean 'beam'"),
    ("model.translate('x', beam='3')", "beam"),
    ("model.translate('x', n_best=9)", "needs a beam of at least 9"),
    ("model.classify('x.png')", "translates; name another run"),
    ("model.attention(' ')", "blank"),
    ("classifier.translate('x')", "classifies images; name another run"),
    ("classifier.attention('99')", "has 0 to 11"),
    ("classifier.classify(np.zeros((8, 8)))", "must be bytes of the shape (1, 8, 8)"),
    ("classifier.classify('no.png')", "no such file"),
    ("evaluate(run, metrics=['blue'])", "did you mean 'bleu'"),
    ("evaluate(run, split='train')", "no split 'train'"),
    ("evaluate(run, compare='nowhere')", "no such run or file"),
    ("evaluate(run, compare=seen)", "classifies images"),
    ("evaluate(seen, metrics=['bleu'])", "bleu"),
    ("evaluate(seen, chapter=True)", "images"),
    ("evaluate(seen, files=('pairs.tsv', 'pairs.tsv'))", "images"),
]


@pytest.mark.parametrize(("call", "message"), MISTAKES, ids=[call for call, _ in MISTAKES])
def test_a_mistake_is_one_line(
    home: Path, model: seqformer.Model, classifier: seqformer.Model, here: Path, call: str, message: str
) -> None:
    Path("pairs.tsv").write_text("".join(f"{s}\t{t}\n" for s, t in toy_pairs()), "utf-8")
    names = {name: getattr(seqformer, name) for name in ("prepare", "train", "resume", "load", "evaluate")}
    names |= {"model": model, "classifier": classifier, "np": np, "pairs": toy_pairs(), "text": home / "text"}
    names |= {"run": home / "runs/text", "seen": home / "runs/images", "pictures": home / "raw"}
    with pytest.raises(SeqformerError) as told:
        eval(call, names)
    assert message in str(told.value) and "\n" not in str(told.value)
    assert not Path("runs").exists(), "no run is begun that cannot be trained"


@pytest.mark.parametrize("value", [9.5, True, "9"])
def test_a_wrong_number_does_no_harm_to_a_run(home: Path, here: Path, value: object) -> None:
    folder = shutil.copytree(home / "runs/text", here / "run")
    with pytest.raises(SeqformerError, match="max steps"):
        seqformer.resume(folder, device="cpu", max_steps=value)
    assert seqformer.Run(folder).configs == seqformer.Run(home / "runs/text").configs


def test_errors_are_of_their_kind(home: Path, here: Path) -> None:
    assert issubclass(seqformer.DataError, SeqformerError) and issubclass(seqformer.RunError, SeqformerError)
    for kind, call in (
        (DataError, lambda: seqformer.prepare("no.tsv")),
        (DataError, lambda: seqformer.train(home / "runs/text")),
        (DataError, lambda: seqformer.train("nowhere")),
        (RunError, lambda: seqformer.load(home / "text")),
        (RunError, lambda: seqformer.resume("nowhere")),
        (RunError, lambda: seqformer.evaluate("nowhere")),
    ):
        with pytest.raises(kind):
            call()


def test_a_training_reads_each_manifest_once(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """That of the prepared folder, and the copy that the run keeps; a resumed training too."""
    from seqformer import tasks

    reads: list[str] = []
    read_values = tasks.read_values

    def counting(folder: Path) -> dict[str, Any]:
        reads.append(str(folder))
        return read_values(folder)

    data = seqformer.prepare(toy_pairs(), out="prepared/once", **PREPARE).folder
    monkeypatch.setattr(tasks, "read_values", counting)
    seqformer.train(data, run="runs/once", **TEXT)
    assert sorted(reads) == ["prepared/once", "runs/once"]
    reads.clear()
    seqformer.resume("runs/once", data=data, max_steps=6)
    assert sorted(reads) == ["prepared/once", "runs/once"]


def test_no_prepared_folder_is_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("a", "b"):
        Path(name).mkdir()
        Path(name, "mine.tsv").write_text("".join(f"{s} {name}\t{t}\n" for s, t in toy_pairs(12)), "utf-8")
    first = seqformer.prepare("a/mine.tsv", vocab_size=80)
    inode = (first.folder / "manifest.json").stat().st_ino
    again = seqformer.prepare("a/mine.tsv", vocab_size=80)
    assert again.folder == first.folder == Path("prepared/mine")
    assert any("nothing to do" in remark for remark in again.faults.remarks)
    assert (first.folder / "manifest.json").stat().st_ino == inode
    other = seqformer.prepare("a/mine.tsv", vocab_size=70)
    others = seqformer.prepare("b/mine.tsv", vocab_size=80)
    assert [p.folder.name for p in (other, others)] == ["mine-2", "mine-3"]
    assert any("stays as it is" in remark for remark in others.faults.remarks)
    assert seqformer.prepare("b/mine.tsv", vocab_size=80).folder == others.folder
    with pytest.raises(DataError, match="holds other data"):
        seqformer.prepare("b/mine.tsv", vocab_size=80, out=first.folder)
    assert seqformer.prepare("a/mine.tsv", vocab_size=80, out=first.folder).folder == first.folder
    with pytest.raises(DataError, match="holds something else"):
        seqformer.prepare("b/mine.tsv", out="a")
    assert seqformer.prepare(toy="copy", seed=1).folder != seqformer.prepare(toy="copy", seed=2).folder
    pairs = toy_pairs(12)
    assert seqformer.prepare(pairs).folder == seqformer.prepare(list(pairs)).folder  # the same pairs
    assert seqformer.prepare(iter(pairs)).folder == Path("prepared/pairs-2")  # that can be read only once


def test_a_prepared_folder_knows_its_languages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    pairs = toy_pairs(12)
    for name, side in (("t.de", 0), ("t.fr", 1)):
        Path(name).write_text("".join(pair[side] + "\n" for pair in pairs), "utf-8")
    Path("t.tsv").write_text("German\tFrench\n" + "".join(f"{s}\t{t}\n" for s, t in pairs), "utf-8")

    def spoken(*arguments: Any, **settings: Any) -> tuple[str, str]:
        return text_task(seqformer.prepare(*arguments, vocab_size=80, **settings).task).manifest.languages

    for swap in (False, True):
        found = ("fr", "de") if swap else ("de", "fr")
        assert spoken(files=("t.de", "t.fr"), swap=swap) == spoken("t.tsv", swap=swap) == found
    assert spoken(pairs) == ("", "") and spoken(pairs, languages="pt_BR-zh_Hant") == ("pt_BR", "zh_Hant")
    assert spoken(files=("t.de", "t.fr"), languages="nl-fr") == ("nl", "fr")  # who says so knows
    with pytest.raises(SeqformerError, match="such as en-fr"):
        seqformer.prepare(pairs, languages="english")


def test_a_line_of_two_sentences_is_treated_alike(trained: Path) -> None:
    model = seqformer.load(trained, device="cpu")
    first, second = "le chat mange.", "la maison dort!"
    line, each = f"{first} {second}", [model.translate(text) for text in (first, second)]
    both = model.translate(line)
    assert both.parts == 2 and not both.cut and both.ids == each[0].ids + each[1].ids
    assert model.translate(line, whole=True).parts == 1
    look, alone = model.attention(line), [model.attention(text) for text in (first, second)]
    assert isinstance(look, Attention)
    for kind, weights in look.weights.items():
        assert torch.allclose(weights.sum(-1), torch.ones(()), atol=1e-5)
        row = column = 0
        for own in (each.weights[kind] for each in alone if isinstance(each, Attention)):
            block = weights[..., row : row + own.shape[-2], column : column + own.shape[-1]]
            assert torch.equal(block, own)
            row, column = row + own.shape[-2], column + own.shape[-1]
        assert (row, column) == weights.shape[-2:]
    whole = model.attention(line, whole=True)
    assert (
        isinstance(whole, Attention)
        and whole.weights["cross"].shape[-1] == look.weights["cross"].shape[-1] - 1
    )


def test_an_evaluation_counts_what_it_divided(trained: Path, tmp_path: Path) -> None:
    lines = ["le chat mange. la maison dort!", "le chat", "chat " * 200]
    (tmp_path / "s").write_text("\n".join(lines) + "\n")
    (tmp_path / "r").write_text("un\nune\nun\n")
    files = (tmp_path / "s", tmp_path / "r")
    result = seqformer.evaluate(trained, files=files, device="cpu", beam=1)
    assert isinstance(result, TextEvaluation) and (result.in_parts, result.cut) == (1, 1)
    assert sum("sentence" in note for note in result.notes()) == 2
    whole = seqformer.evaluate(trained, files=files, device="cpu", beam=1, whole=True)
    assert isinstance(whole, TextEvaluation) and (whole.in_parts, whole.cut) == (0, 0)


def test_a_run_is_compared_with_itself_and_a_toy_takes_no_pairs(trained: Path) -> None:
    result = seqformer.evaluate(
        trained, compare=seqformer.load(trained, device="cpu").run, device="cpu", beam=1
    )
    assert isinstance(result, TextEvaluation) and [c.difference for c in result.comparisons] == [0, 0]
    with pytest.raises(SeqformerError, match="makes its own pairs"):
        seqformer.prepare(toy_pairs(9), toy="copy")
