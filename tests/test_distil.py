"""Distillation: what the teacher says is what the student learns, and nothing is lost or translated twice."""

from __future__ import annotations

import json
import shutil
import signal
from collections import Counter
from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import Command, new_run
from test_images import write_idx

import seqformer
from seqformer.api import Started
from seqformer.errors import DataError, RunError, SeqformerError
from seqformer.presets import resolve
from seqformer.runs import assemble
from seqformer.runs.run import Run
from seqformer.storage.share import lowest
from seqformer.studies import distil as study
from seqformer.studies import translations
from seqformer.studies.distil import Distillation, Event, Student, Translated
from seqformer.studies.selection import BAD
from seqformer.tasks import open_task, text_task
from seqformer.text.distilled import Base, Row, has_symbols
from seqformer.text.split import Earlier, enlarged, marked
from seqformer.training.events import Stepped

ARTICLES = {"the": "le", "a": "un", "this": "ce"}
NOUNS = {"cat": "chat", "dog": "chien", "horse": "cheval", "bird": "oiseau"}
VERBS = {"sleeps": "dort", "eats": "mange", "sings": "chante", "runs": "court", "plays": "joue"}
WORDS = ARTICLES | NOUNS | VERBS
STUDENT: dict[str, Any] = {
    "preset": "toy", "width": 16, "heads": 2, "feed_forward": 32, "encoder_layers": 1, "decoder_layers": 1,
    "max_steps": 6, "validate_every": 3, "tokens_per_batch": 256, "precision": "fp32",
}  # fmt: skip


def corpus() -> list[tuple[str, str]]:
    """Word-by-word translations; six sources have a second target, and twelve pairs a placeholder."""
    sources = [*product(ARTICLES, NOUNS, VERBS), *product(["the", "a"], NOUNS, ["eats"], ["this"], NOUNS)]
    pairs = [(" ".join(words), " ".join(WORDS[word] for word in words)) for words in sources]
    again = [(source, f"{target} !") for source, target in pairs[:6]]
    return pairs + again + [(f"{s} {{name}}", f"{{name}} {t}") for s, t in pairs[10:22]]


def teach(folder: Path, data: Path, **recipe: object) -> Path:
    """Train a teacher that says different things, mostly wrong, and says some words again and again."""
    usual: dict[str, object] = {
        "max_steps": 32, "tokens_per_batch": 512, "warmup": 5, "learning_rate": 8e-3, "precision": "fp32",
        "validate_every": 40,
    }  # fmt: skip
    run = new_run(folder, data, {"width": 32, "feed_forward": 64}, usual | recipe)
    list(assemble.begin(run, "cpu").trainer.run())
    return folder


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data") / "pairs"
    seqformer.prepare(corpus(), out=folder, vocab_size=90, valid_size=5, test_size=5, languages="en-fr")
    return folder


@pytest.fixture(scope="module")
def teacher(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return teach(tmp_path_factory.mktemp("runs") / "teacher", data)


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder to work in, and parts of sixteen lines."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(translations, "LINES", 16)
    return tmp_path


def only_data(teacher: Any, **settings: Any) -> Distillation:
    return seqformer.distil(teacher, only_data=True, device="cpu", **settings)


def rows(folder: Path) -> list[Row]:
    task = text_task(open_task(folder))
    return list(Base(task.folder, task.manifest, task.tokenizer).rows())


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def translated(data: Path) -> list[Row]:
    """The pairs whose sources a teacher translates: the first of each source, those with symbols aside."""
    first: dict[str, Row] = {}
    for row in rows(data):
        if not has_symbols(row):
            first.setdefault(row.source, row)
    return list(first.values())


def expected(data: Path, teacher: Any, **settings: Any) -> list[tuple[str, str]]:
    """What :meth:`Model.translate` makes of these sources, where no sign is against it."""
    sources = [row.source for row in translated(data)]
    best = seqformer.load(teacher, device="cpu").translate(sources, **settings)
    return [(s, t.text) for s, t in zip(sources, best, strict=True) if not set(BAD) & set(t.warnings)]


# --- what a student learns from


def test_targets_are_what_the_teacher_says_and_all_else_stays(data: Path, teacher: Path) -> None:
    made = only_data(teacher, keep=1, originals="none", out="made")
    learned, wanted = rows(Path("made")), expected(data, teacher)
    assert [(r.source, r.target) for r in learned if not has_symbols(r)] == wanted
    assert any(r.target != o.target for r, o in zip(learned, translated(data), strict=False))
    with_symbols = [row for row in rows(data) if has_symbols(row)]
    assert [row for row in learned if has_symbols(row)] == with_symbols and with_symbols
    held, before = text_task(made.prepared.task).manifest, text_task(open_task(data)).manifest
    bad = len(translated(data)) - len(wanted)
    assert bad and sum(n for reason, n in held.dropped.items() if reason in BAD) == bad
    repeated = len(rows(data)) - len(with_symbols) - len(translated(data))
    assert held.dropped["source translated already"] == repeated > 0
    assert held.read == len(rows(data)) == held.pairs["train"] + sum(held.dropped.values())
    assert held.with_placeholders == len(with_symbols) == held.unchanged["placeholders"]
    files, old = contents(Path("made")), contents(data)
    assert set(files) == set(old)
    for name in old:
        if name.startswith(("valid", "test", "tokenizer")):
            assert files[name] == old[name], name
    encoded = [made.prepared.task.tokenizer.target.encode([row.target])[0] for row in learned]  # type: ignore[attr-defined]
    assert encoded == [row.target_ids for row in learned]
    assert held.tokens["target"] == sum(map(len, encoded)) and held.config == before.config


@pytest.mark.parametrize("share", [0.5, 0.9])
def test_the_share_that_stays_is_the_most_probable(data: Path, teacher: Path, share: float) -> None:
    good = expected(data, teacher)
    model = seqformer.load(teacher, device="cpu")
    means = [t.log_probability / t.length for t in model.translate([source for source, _ in good])]
    worst = set(lowest(means, share).tolist())
    assert max(means[i] for i in worst) <= min(m for i, m in enumerate(means) if i not in worst)
    made = only_data(teacher, keep=share, originals="none")
    kept = [(r.source, r.target) for r in rows(made.prepared.folder) if not has_symbols(r)]
    assert kept == [pair for i, pair in enumerate(good) if i not in worst]
    assert len(worst) == len(good) - round(share * len(good))
    gone = {good[i][0] for i in worst}
    count = sum(row.source in gone for row in rows(data))
    assert made.to_json()["dropped"]["improbable"] == count >= len(worst)


def test_the_source_of_a_dropped_translation_keeps_its_targets(data: Path, teacher: Path) -> None:
    made = only_data(teacher, keep=0.5)
    good = dict(expected(data, teacher))
    learned = [(row.source, row.target) for row in rows(made.prepared.folder)]
    before = [(row.source, row.target) for row in rows(data)]
    sources = {source for source, _ in before}
    assert {source for source, _ in learned} == sources, "no source is lost"
    changed = [pair for pair in learned if pair not in before]
    assert changed and all(good[source] == target for source, target in changed)
    values = made.to_json()
    assert values["unchanged"]["improbable"] and set(values["dropped"]) == {"source translated already"}
    every = only_data(teacher, keep=0.5, originals="all", out="every")
    more = Counter((row.source, row.target) for row in rows(every.prepared.folder))
    assert not Counter(before) - more and sum(more.values()) > len(before)
    with pytest.raises(SeqformerError, match="did you mean 'none'"):
        only_data(teacher, originals="non")


def test_what_is_trained_on_is_known_afterwards(data: Path, teacher: Path) -> None:
    made = only_data(teacher, keep=1)
    seen = text_task(made.prepared.task).seen()
    for row in (*rows(data), *rows(made.prepared.folder)):
        if not has_symbols(row):
            assert seen.trained_on(row.source) and seen.trained_on(row.target)
    assert not all(seen.trained_on(f"never {number}") for number in range(50))


def test_a_bitmap_that_is_enlarged_forgets_nothing() -> None:
    bits, texts = bytearray(8), [(f"source {n}", f"target {n}") for n in range(6)]
    list(marked(texts, bits))
    larger = enlarged(bytes(bits), 1000)
    assert len(larger) > len(bits) == 8
    others = [f"other {n}" for n in range(300)]
    small, large = Earlier("", {}, bytes(bits)), Earlier("", {}, bytes(larger))
    assert all(large.trained_on(text) for pair in texts for text in pair)
    assert [large.trained_on(text) for text in others] == [small.trained_on(text) for text in others]


def test_an_ensemble_teaches(data: Path, teacher: Path, here: Path) -> None:
    both = [teacher, teach(here / "other", data, seed=2)]
    made = only_data(both, keep=1, originals="none", beam=2)
    learned = [(r.source, r.target) for r in rows(made.prepared.folder) if not has_symbols(r)]
    assert learned == expected(data, both, beam=2) != expected(data, teacher, beam=2)
    values = made.to_json()
    assert sorted(values["teachers"].values()) == ["other", "teacher"] and values["distillation"]["beam"] == 2


def test_other_text_is_translated_too_but_nothing_held_out(data: Path, teacher: Path) -> None:
    held_out = text_task(open_task(data)).pairs("test")[0][0]
    known = rows(data)[0].source
    new = [" ".join(words) for words in product(["the", "a"], NOUNS, ["sings"], ["this"], NOUNS)]
    new += ["the bird plays {name} eats", "this cat sees <b>this</b> dog"]
    lines = [new[0], "", held_out, known, new[0], *new[1:], "dog " * 300]
    Path("text.txt").write_text("\n".join(lines) + "\n", "utf-8")
    made = only_data(teacher, monolingual="text.txt", keep=1)
    values = made.to_json()
    counts = {"blank line": 1, "source also held out": 1, "duplicate": 2, "overlong": 1}
    assert counts.items() <= values["dropped"].items()
    best = seqformer.load(teacher, device="cpu").translate(new)
    good = [t for t in best if not set(BAD) & set(t.warnings) and "⁇" not in t.text]
    assert good, "the teacher translates some of it"
    added = rows(made.prepared.folder)[-len(good) :]
    hides = text_task(made.prepared.task).manifest.shield().hide_both
    wanted = [hides(s, t.text) for s, t in zip(new, best, strict=True) if t in good]
    assert [(row.source, row.target) for row in added] == wanted
    assert values["distillation"]["translated"] == len(translated(data)) + len(new)
    with open("text.txt", "a", encoding="utf-8") as file:
        file.write("a dog sings a cat\n")
    other = only_data(teacher, monolingual="text.txt", keep=1).to_json()
    assert other["distillation"]["translated"] == values["distillation"]["translated"] + 1
    with pytest.raises(DataError, match=r"nothing\.txt: there is no such file"):
        only_data(teacher, monolingual=["text.txt", "nothing.txt"])


def test_another_teacher_is_refused_unless_its_pieces_may_differ(
    data: Path, teacher: Path, here: Path
) -> None:
    seqformer.prepare(corpus(), out="small", vocab_size=60, valid_size=5, test_size=5, languages="en-fr")
    with pytest.raises(
        DataError, match=r"small has other pieces than the teacher .*teacher: prepare it like"
    ):
        only_data(teacher, data="small")
    assert not Path("distillations").exists() and not Path("prepared").exists()
    made = only_data(teacher, data="small", other_pieces=True, keep=1, originals="none")
    learned = [(r.source, r.target) for r in rows(made.prepared.folder) if not has_symbols(r)]
    assert set(learned) == set(expected(Path("small"), teacher))
    assert contents(made.prepared.folder)["tokenizer.model"] == contents(Path("small"))["tokenizer.model"]
    turned = seqformer.prepare(corpus(), swap=True, like=teacher, out="turned", valid_size=5, test_size=5)
    with pytest.raises(DataError, match="translates en-fr, and turned holds pairs of fr-en"):
        only_data(teacher, data=turned)


# --- going on


class Stop(Exception):
    pass


def stopping(part: int) -> Callable[[Event], None]:
    def stop(event: Event) -> None:
        if isinstance(event, Translated) and event.done == 16 * part:
            raise Stop

    return stop


def test_interrupted_is_uninterrupted_and_nothing_is_translated_twice(
    data: Path, teacher: Path, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = only_data(teacher, out="whole/made")
    shutil.move("distillations", "whole/distillations")
    for part in (1, 3):
        with pytest.raises(Stop):
            only_data(teacher, out="made", events=stopping(part))
        assert not Path("made").exists() and len(list(Path("distillations").glob("*/*"))) == part
    begun = {path: path.stat().st_mtime_ns for path in Path("distillations").glob("*/*")}
    events: list[Event] = []
    again = only_data(teacher, out="made", events=events.append)
    assert contents(again.prepared.folder) == contents(whole.prepared.folder)
    assert {path: path.stat().st_mtime_ns for path in begun} == begun
    first = events[0]
    assert isinstance(first, Translated) and (first.done, first.total) == (48, len(translated(data)))
    assert not [path for path in here.iterdir() if path.name not in ("whole", "made", "distillations")]
    with monkeypatch.context() as patched:
        patched.setattr("seqformer.studies.teacher.load", None)
        other = only_data(teacher, out="other", keep=0.3)
        assert other.to_json()["unchanged"]["improbable"] > again.to_json()["unchanged"]["improbable"]
        assert only_data(teacher, out="made").to_json() == again.to_json()
    with pytest.raises(DataError, match="made holds other data"):
        only_data(teacher, out="made", keep=0.3)
    assert contents(again.prepared.folder) == contents(whole.prepared.folder)


def test_a_damaged_part_is_named_and_made_again_once_it_is_removed(teacher: Path) -> None:
    whole = contents(only_data(teacher, out="whole").prepared.folder)
    part = sorted(Path("distillations").glob("*/*"))[1]
    values = json.loads(part.read_text())
    for damaged in ("[", json.dumps(values[:-1]), json.dumps([*values[:-1], ["le", "0", []]])):
        part.write_text(damaged)
        with pytest.raises(DataError, match=f"{part.name}.*remove it, and it is translated again"):
            only_data(teacher, out="made", keep=0.5)
        assert not Path("made").exists()
    part.unlink()
    shutil.rmtree("whole")
    assert contents(only_data(teacher, out="whole").prepared.folder) == whole


def test_the_student_is_trained_to_its_end_once(data: Path, teacher: Path) -> None:
    def interrupting(event: Event) -> None:
        if isinstance(event, Started):
            interrupting.trainer = event.trainer  # type: ignore[attr-defined]
        elif isinstance(event, Stepped) and interrupting.trainer.state.step == 4:  # type: ignore[attr-defined]
            signal.raise_signal(signal.SIGINT)

    whole = seqformer.distil(teacher, run="whole", device="cpu", **STUDENT)
    assert whole.run and whole.run.info.data_fingerprint == whole.prepared.task.manifest.fingerprint
    with pytest.raises(seqformer.Interrupted):
        seqformer.distil(teacher, device="cpu", events=interrupting, **STUDENT)
    events: list[Event] = []
    again = seqformer.distil(teacher, device="cpu", events=events.append, **STUDENT)
    assert again.run and again.run.folder == Path("runs/pairs-distilled")
    weights = [(each.run.folder / "weights.safetensors").read_bytes() for each in (whole, again) if each.run]
    assert weights[0] == weights[1]
    seqformer.distil(teacher, device="cpu", events=events.append, **STUDENT)
    assert [e.state for e in events if isinstance(e, Student)] == ["resumed", "finished"]
    other = seqformer.distil(teacher, device="cpu", **STUDENT | {"max_steps": 1})
    assert other.run and other.run.folder == Path("runs/pairs-distilled-2")
    with pytest.raises(RunError, match="whole holds another training"):
        seqformer.distil(teacher, run="whole", device="cpu", **STUDENT | {"seed": 2})


def test_the_usual_student_is_deep_and_shallow(data: Path) -> None:
    for preset, layers in (("deep-shallow", 1), ("deep-shallow-2", 2)):
        model: Any = resolve(open_task(data), {"preset": preset}).model
        assert (model.encoder_layers, model.decoder_layers) == (6, layers)
    assert study._training({}, study.Recipe()) == {"preset": "deep-shallow"}
    assert study._training({"arch": "bahdanau"}, study.Recipe()) == {"arch": "bahdanau"}
    assert study._training({"max_steps": None}, study.Recipe(model={"preset": "tiny"})) == {}


def test_the_lowest_values_go_and_one_stays_always() -> None:
    values = np.random.default_rng(1).normal(size=40)
    for share in (0.01, 0.3, 0.5, 1.0):
        low = lowest(values, share)
        assert len(low) == 40 - max(1, round(share * 40)) and len(set(low)) == len(low)
        assert not len(low) or values[low].max() <= np.delete(values, low).min()
    assert lowest([1.0, 1.0, 1.0], 0.4).tolist() == [0, 1]


# --- what cannot be


def test_what_cannot_be_distilled_is_refused_in_a_line(
    command: Command, data: Path, teacher: Path, here: Path
) -> None:
    moved = shutil.copytree(teacher, here / "moved")
    info = json.loads((moved / "run.json").read_text())
    (moved / "run.json").write_text(json.dumps(info | {"data": str(here / "gone")}))
    untrained = new_run(here / "untrained", data, {}, {"max_steps": 1}).folder
    Path("taken").mkdir()
    Path("taken/file").touch()
    before = sorted(path.name for path in here.iterdir())
    for arguments, reason in (
        ([data], f"{data} is prepared data, not a run"),
        ([moved], "name their folder"),
        ([teacher, "--data", "nothing"], "nothing is not a prepared folder"),
        ([teacher, "--keep", "0"], "the share to keep is 0.0: it must be above 0"),
        ([teacher, "--preset", "tinny"], "did you mean 'tiny'"),
        ([teacher, "--only-data", "--max-steps", "3"], "max_steps does nothing where no student is trained"),
        ([teacher, "--only-data", "--out", "taken"], "taken holds something else"),
        ([untrained, "--only-data"], "has no weights that were validated yet"),
    ):
        code, out, err = command("distil", *arguments, "--device", "cpu")
        assert (code, out, err.count("\n")) == (2, "", 1) and reason in err, err
    assert sorted(path.name for path in here.iterdir()) == before
    for name in ("toy", "init", "images"):
        with pytest.raises(SeqformerError, match=f"{name} is not for a student"):
            seqformer.distil(teacher, **{name: "x"})


def test_images_teach_no_translation(data: Path, teacher: Path, here: Path) -> None:
    images = seqformer.prepare(write_idx(here / "raw", train=80), out="images")
    small = {"preset": "vit-d2l", "width": 16, "heads": 2, "feed_forward": 32, "encoder_layers": 1}
    run = seqformer.train(images, run="vit", max_steps=1, device="cpu", **small)
    with pytest.raises(RunError, match="classifies images"):
        only_data(run, data=data)
    with pytest.raises(SeqformerError, match="text was asked for"):
        only_data(teacher, data=images)


def test_the_command(command: Command, teacher: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Path("r.toml").write_text("[model]\npreset = 'toy'\nwidth = 16\nheads = 2\n[train]\nmax_steps = 2\n")
    asked = ("distil", teacher, "--recipe", "r.toml", "--device", "cpu")
    code, out, err = command(*asked, "--json")
    assert code == 0, err
    values = json.loads(out)
    assert values["run"] == "runs/pairs-distilled" == str(Run(values["run"]).folder)
    assert (
        f"Translating {values['distillation']['translated']:,} lines\n" in err
        and f"--compare {teacher}" in err
    )
    assert f"{values['train']:,} pairs to train on" in err
    code, out, err = command(*asked)
    assert code == 0 and "Translations by teacher" in out and "finished already" in err
    for reason, count in values["unchanged"].items():
        assert f"keeps its target: {reason}" in out and f"{count:,}" in out

    def stopped(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(study, "distil", stopped)
    code, out, err = command("distil", teacher)
    assert (code, out) == (130, "") and f"seqformer distil {teacher}" in err
