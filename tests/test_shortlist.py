"""A shortlist leaves out unlikely pieces, for torch and CTranslate2 alike; one of all pieces changes nothing."""

from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import WORDS, Command, MakeRun, random_model
from test_marian import random_run

import seqformer
from seqformer.config import DecodeConfig
from seqformer.decoding import piece_links, shortlist, word_attention
from seqformer.decoding.alignment import Head
from seqformer.decoding.results import Hypothesis
from seqformer.decoding.rules import NoRepeat, Steering
from seqformer.decoding.search import search
from seqformer.decoding.shortlist import Shortlist
from seqformer.engine import opening
from seqformer.errors import RunError, SeqformerError, WriteError
from seqformer.runs import several
from seqformer.runs import shortlist as kept
from seqformer.runs.layout import SHORTLIST, WEIGHTS
from seqformer.storage.files import read_json, write_json
from seqformer.storage.tensors import load_weights, save_weights
from seqformer.symbols import SPECIALS
from seqformer.tasks import text_task
from seqformer.text import prepared

torch = pytest.importorskip("torch")
LINES = [" ".join(WORDS[(i * 7 + j * (1 + i % 3)) % len(WORDS)] for j in range(1 + i % 7)) for i in range(20)]


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Shortlists as short as a vocabulary of eighty pieces needs, so that most pieces are left out."""
    monkeypatch.setattr(shortlist, "MOST", 2)
    monkeypatch.setattr(shortlist, "FREQUENT", 10)


@pytest.fixture
def run(trained: Path, tmp_path: Path) -> Path:
    """A trained run of our own."""
    return Path(shutil.copytree(trained, tmp_path / "runs" / "own"))


def everything(model: Any) -> Any:
    """The model with a shortlist of all pieces."""
    pieces = model.tokenizer.target.pieces(range(len(model.tokenizer.target)))
    listed = Shortlist(["\t" + " ".join(pieces)], model.tokenizer)
    model.predictor = dataclasses.replace(model.predictor, shortlist=listed)
    return model


@pytest.mark.parametrize("arch", ["transformer", "bahdanau"])
@pytest.mark.parametrize("beam", [1, 4])
def test_a_list_of_all_pieces_changes_nothing(arch: str, beam: int) -> None:
    model, source = random_model(arch), torch.tensor([[4, 5, 6, 3], [7, 8, 3, 0]])
    limits, config = torch.tensor([6, 9]), DecodeConfig(beam=beam, n_best=beam)
    for steering in (Steering(), Steering((NoRepeat(2),))):
        whole = search(model, source, limits, config, steering)
        listed = search(model, source, limits, config, steering, pieces=torch.arange(11))
        assert _ids(listed) == _ids(whole)
        assert [h.score for b in listed for h in b] == pytest.approx([h.score for b in whole for h in b])


@pytest.mark.parametrize("arch", ["transformer", "bahdanau"])
@pytest.mark.parametrize("steering", [Steering(), Steering((NoRepeat(1),))])
def test_a_search_among_some_pieces_is_that_of_a_model_of_those(arch: str, steering: Steering) -> None:
    """One whose other logits are -inf."""
    model, source = random_model(arch, output_bias=True), torch.tensor([[4, 5, 6, 3], [7, 8, 3, 0]])
    pieces, limits = torch.tensor([0, 1, 2, 3, 6, 7, 9]), torch.tensor([7, 7])
    config = DecodeConfig(beam=3, n_best=3)
    found = search(model, source, limits, config, steering, pieces=pieces)
    bias = model.get_parameter("output_bias" if arch == "transformer" else "output.bias")
    others = torch.ones(11, dtype=torch.bool)
    others[pieces] = False
    bias[others] = float("-inf")
    expected = search(model, source, limits, config, steering)
    assert _ids(found) == _ids(expected)
    assert [h.score for b in found for h in b] == pytest.approx([h.score for b in expected for h in b])


def test_every_piece_is_in_the_list_of_its_batch(run: Path, few: None) -> None:
    model = seqformer.load(run, device="cpu", shortlist=True)
    tokenizer = model.tokenizer
    batch = model.predictor.shortlist.of(tokenizer.source.encode(LINES))
    assert len(batch) < len(tokenizer.target) and batch[:SPECIALS] == list(range(SPECIALS))
    for settings in ({"beam": 1}, {"beam": 4, "n_best": 4}, {"min_length": 4}, {"sample": True, "n_best": 3}):
        best = model.translate(LINES, **settings)
        flat = [t for each in best for t in (each if isinstance(each, list) else [each])]
        assert {i for t in flat for i in t.ids} <= set(batch)
    without = seqformer.load(run, device="cpu").translate(LINES, beam=1)
    assert {i for t in without for i in t.ids} - set(batch), "it would have left nothing out"


def test_words_that_must_come_are_not_left_out(run: Path, few: None) -> None:
    model = seqformer.load(run, device="cpu", shortlist=True)
    whole = seqformer.load(run, device="cpu")
    for words in ({"prefix": "rouge rouge"}, {"glossary": {"chat": "mange voit"}}):
        lines = ["le chat dort"]
        assert model.translate(lines, **words) == whole.translate(lines, **words)


def test_a_source_piece_has_what_it_is_linked_to_most_often(run: Path) -> None:
    tokenizer = seqformer.load(run).tokenizer
    a, b, c, d = map(tokenizer.target.encode(["le la un une"])[0].__getitem__, range(4))
    links = np.array([a, a, a, a, a, b]), np.array([c, d, d, b, b, a])
    counts = np.zeros(len(tokenizer.target), np.int64)
    counts[a] = 1
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shortlist, "MOST", 2)
        patch.setattr(shortlist, "FREQUENT", 1)
        made = Shortlist(shortlist.lines(links, counts, tokenizer), tokenizer)
    assert made.always == {0, 1, 2, 3, a}
    assert set(made.of([[a]])) == made.always | {b, d}  # the two most often
    assert set(made.of([[a], [b]])) == set(made.of([[a]])) | set(made.of([[b]]))
    assert set(made.of([[c]])) == made.always | {c}  # no link: it may stay as it is


def test_links_are_those_of_alignment(run: Path) -> None:
    """Of pairs whose words are single pieces, both rules say the same."""
    model = seqformer.load(run, device="cpu")
    task, translator = text_task(model.run.training_task()), model.predictor
    pairs = prepared.open_pairs(task.folder, "train", task.manifest)
    source, target = translator.tokenizer.source, translator.tokenizer.target
    whole = {p for p in source.pieces(range(len(source))) if p.startswith("▁") and p[1:] in WORDS}
    numbers = [
        i
        for i in range(len(pairs))
        if set(source.pieces(pairs.source[i].tolist())) | set(target.pieces(pairs.target[i].tolist()))
        <= whole
    ]
    assert len(numbers) > 3
    head = Head(1, 2, word_attention.INPUT)
    found = piece_links.links(translator, pairs, np.array(numbers), head)
    texts = [
        tuple(v.decode([side[i].tolist()])[0] for v, side in ((source, pairs.source), (target, pairs.target)))
        for i in numbers
    ]
    (links,) = word_attention.WordAttention(translator).every(texts, [head])  # type: ignore[arg-type]
    expected = [
        (int(pairs.source[i][s]), int(pairs.target[i][t]))
        for i, each in zip(numbers, links, strict=True)
        for s, t in each
    ]
    assert sorted(zip(*(each.tolist() for each in found), strict=True)) == sorted(expected)


def test_it_is_made_once_and_anew_when_the_weights_change(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened = seqformer.Run(run)
    first = kept.kept(opened)
    monkeypatch.setattr(kept, "_make", lambda run: pytest.fail("it is there"))
    assert kept.kept(opened) == kept.current(run) == first
    monkeypatch.undo()
    held = read_json(run / SHORTLIST)
    for damage in ({"lines": ["\tx"]}, {"format": 0}, {"own": 3}):
        write_json(run / SHORTLIST, held | damage)
        assert kept.current(run) is None
    write_json(run / SHORTLIST, held)
    weights = load_weights(run / WEIGHTS)
    save_weights(run / WEIGHTS, {name: -tensor for name, tensor in weights.items()})
    assert kept.current(run) is None
    kept.kept(opened)
    assert read_json(run / SHORTLIST)["made_of"] != held["made_of"]
    assert not [path for path in run.iterdir() if path.name.startswith(".")]


def test_a_run_that_cannot_be_written(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = kept.kept(seqformer.Run(run))
    (run / SHORTLIST).unlink()

    def refused(path: Path, values: object) -> None:
        raise WriteError(f"{path}: cannot be written")

    monkeypatch.setattr(kept, "write_json", refused)
    assert kept.kept(seqformer.Run(run)) == expected and not (run / SHORTLIST).exists()


def test_who_cannot_have_one_is_told(run: Path, make_run: MakeRun, data: Path, command: Command) -> None:
    with pytest.raises(RunError, match="not of an ensemble"):
        seqformer.load([run, run], shortlist=True)
    with pytest.raises(RunError, match="no best weights"):
        seqformer.load(make_run(), shortlist=True)
    info = read_json(run / "run.json")
    write_json(run / "run.json", info | {"data": "elsewhere"})
    code, printed, said = command("translate", "le chat", "--run", run, "--shortlist")
    assert code == 2 and not printed and "training pairs" in said and "elsewhere" in said
    code, _, said = command("export", "out", "--to", "marian", "--run", run, "--shortlist")
    assert code == 2 and "--shortlist does nothing with --to marian" in said
    assert not (run / SHORTLIST).exists()


def test_the_command_says_that_it_is_made_once(run: Path, few: None, command: Command) -> None:
    arguments = ["translate", *LINES, "--run", run, "--beam", 1, "--shortlist"]
    code, printed, said = command(*arguments)
    assert code == 0 and "Making the shortlist" in said
    expected = seqformer.load(run, device="cpu", shortlist=True).translate(LINES, beam=1)
    assert printed.splitlines() == [t.text for t in expected]
    assert command(*arguments)[1] == printed and "Making" not in command(*arguments)[2]


def test_workers_have_it(run: Path, few: None) -> None:
    opened = several.open_predictor((run,), "cpu", "fp32", True)
    assert opened.shortlist.lines == kept.current(run)


class TestCTranslate2:
    """The same, by the other engine."""

    @pytest.fixture(autouse=True)
    def installed(self, monkeypatch: pytest.MonkeyPatch) -> Any:
        """CTranslate2 by one thread, which has all of a batch, or the test is skipped."""
        monkeypatch.setenv("OMP_NUM_THREADS", "1")
        return pytest.importorskip("ctranslate2")

    @pytest.mark.parametrize(
        "settings",
        # of one length: a batch is then searched once, and whole
        [{"beam": 1, "max_length": 7}, {"beam": 4, "n_best": 3, "early_stopping": True, "max_length": 7}],
    )
    def test_the_same_lines_as_torch(self, settings: dict[str, Any], run: Path, few: None) -> None:
        one, other = (
            seqformer.load(run, engine=e, device="cpu", shortlist=True) for e in ("torch", "ctranslate2")
        )
        found = [[str(t) for t in _flat(m.translate(LINES, **settings))] for m in (one, other)]
        assert found[0] == found[1]
        assert "torch" not in vars(other.predictor)
        without = seqformer.load(run, engine="ctranslate2").translate(LINES, **settings)
        assert [str(t) for t in _flat(without)] != found[1], "the list left nothing out"

    @pytest.mark.parametrize("settings", [{"beam": 1}, {"beam": 4, "n_best": 2}, {"beam": 50}])
    def test_a_list_of_all_pieces_changes_nothing(self, settings: dict[str, Any], make_run: MakeRun) -> None:
        run = random_run(make_run)
        lines = everything(seqformer.load(run)).predictor.shortlist.lines
        whole = seqformer.load(run, engine="ctranslate2")
        made = opening.converted.current(run.folder)
        assert made is not None
        whole_lines = whole.translate(LINES, **settings)
        whole.predictor = opening._translator(run.folder, made, "float32", lines)
        for a, b in zip(_flat(whole_lines), _flat(whole.translate(LINES, **settings)), strict=True):
            assert a.ids == b.ids and a.score == pytest.approx(b.score, abs=1e-3)

    def test_torch_has_it_where_the_list_is_too_short_for_the_beam(self, run: Path, few: None) -> None:
        one, other = (
            seqformer.load(run, engine=e, device="cpu", shortlist=True) for e in ("torch", "ctranslate2")
        )
        assert [str(t) for t in one.translate(LINES, beam=9)] == [
            str(t) for t in other.translate(LINES, beam=9)
        ]
        assert "torch" in vars(other.predictor)

    def test_what_was_searched_for_is_followed_with_its_probability(self, run: Path, few: None) -> None:
        """CTranslate2 scores a translation among all pieces; the stop of a search must not see that."""
        model = seqformer.load(run, engine="ctranslate2", shortlist=True)
        engine, config = model.predictor.engine, DecodeConfig(beam=4)
        sources = [model.tokenizer.source.pieces(ids) for ids in model.tokenizer.source.encode(LINES)]
        for source, every in zip(sources, engine._grown(sources, 9, 8, config), strict=True):
            paths = engine._paths([(source, each) for each in every])
            ends = [path[each.length - 1] for path, each in zip(paths, every, strict=True)]
            assert ends == pytest.approx([each.log_probability for each in every], abs=1e-3)

    def test_an_exported_model_has_it(self, run: Path, few: None, command: Command, tmp_path: Path) -> None:
        import ctranslate2

        code, _, said = command("export", "out", "--to", "ctranslate2", "--run", run, "--shortlist")
        assert code == 0 and "use_vmap=True" in said and "with the shortlist" in said
        assert (tmp_path / "out" / "vmap.txt").read_text("utf-8").splitlines() == kept.current(run)
        tokenizer = seqformer.load(run).tokenizer
        ids = tokenizer.source.encode(LINES[:3])
        listed = set(tokenizer.target.pieces(Shortlist(kept.current(run) or [], tokenizer).of(ids)))
        engine = ctranslate2.Translator(str(tmp_path / "out"))
        found = engine.translate_batch(list(map(tokenizer.source.pieces, ids)), use_vmap=True)
        assert {piece for each in found for piece in each.hypotheses[0]} <= listed

    def test_no_torch_is_imported_once_there_is_one(self, run: Path) -> None:
        seqformer.load(run, engine="ctranslate2", shortlist=True)
        assert opening.ready(run, shortlist=True) is not None
        (run / SHORTLIST).unlink()
        assert opening.ready(run) is not None and opening.ready(run, shortlist=True) is None


def _ids(found: list[list[Hypothesis]]) -> list[list[list[int]]]:
    return [[h.ids for h in best] for best in found]


def _flat(best: list[Any]) -> list[Any]:
    return [t for each in best for t in (each if isinstance(each, list) else [each])]


def test_pieces_of_the_same_name_are_refused(run: Path) -> None:
    tokenizer = seqformer.load(run).tokenizer

    class Twice:
        def __len__(self) -> int:
            return 8

        def pieces(self, ids: Any) -> list[str]:
            return ["same" for _ in ids]

    twice: Any = dataclasses.replace(tokenizer, target=Twice())
    with pytest.raises(SeqformerError, match="same name"):
        shortlist.lines((np.zeros(0, int), np.zeros(0, int)), np.zeros(8, int), twice)
