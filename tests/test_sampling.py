"""Training pairs changed at random: the same text in other pieces, and hidden pieces."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import WORDS, Command, MakeRun, toy_pairs
from hypothesis import given
from hypothesis import strategies as st

from seqformer.config import PrepareConfig, TrainConfig
from seqformer.runs import assemble
from seqformer.runs.run import Run
from seqformer.runs.state import RunStore, load_state, read_conditions
from seqformer.symbols import BOS, EOS, PAD, UNK
from seqformer.tasks import open_task
from seqformer.text import batches as batching
from seqformer.text import prepare, tokenizer
from seqformer.text.batches import PairBatches
from seqformer.text.merges import Merges
from seqformer.text.pieces import Extras
from seqformer.text.prepared import open_pairs
from seqformer.text.sampling import Sampling
from seqformer.text.tokenizer import Vocabulary
from seqformer.training.distributed import ALONE
from seqformer.training.events import Stepped

KINDS = {
    "plain": Extras(),
    "bytes": Extras(byte_fallback=True),
    "symbols": Extras(symbols=("<name>", "%s"), split_digits=True),
}


def lines() -> list[str]:
    rng = random.Random(5)
    sentences = [" ".join(rng.choices(WORDS, k=rng.randint(1, 12))) for _ in range(300)]
    return [
        f"{line} {rng.randint(0, 99)} <name> < name > ." if n % 3 == 0 else line
        for n, line in enumerate(sentences)
    ]


@pytest.fixture(scope="module")
def vocabularies() -> dict[str, Vocabulary]:
    return {
        name: tokenizer.train(lambda: iter(lines()), "bpe", 90 + extras.size, 1, extras)
        for name, extras in KINDS.items()
    }


def cut(vocabulary: Vocabulary, stored: list[list[int]], dropout: float, seed: int = 1) -> list[list[int]]:
    flat = np.array([i for line in stored for i in line], np.uint16)
    lengths = np.array([len(line) for line in stored])
    lengths, ids = Merges(vocabulary).cut(lengths, flat, dropout, np.random.default_rng(seed))
    return [line.tolist() for line in np.split(ids, np.cumsum(lengths)[:-1])]


@pytest.mark.parametrize("kind", KINDS)
def test_other_pieces_spell_the_same_text(vocabularies: dict[str, Vocabulary], kind: str) -> None:
    vocabulary = vocabularies[kind]
    stored = vocabulary.encode(lines())
    drawn = cut(vocabulary, stored, 0.2)
    assert vocabulary.decode(drawn) == vocabulary.decode(stored) == lines()
    assert drawn != stored and sum(map(len, drawn)) > sum(map(len, stored))
    assert drawn == cut(vocabulary, stored, 0.2) != cut(vocabulary, stored, 0.2, 2)


def test_symbols_stay_whole_and_lines_apart(vocabularies: dict[str, Vocabulary]) -> None:
    vocabulary = vocabularies["symbols"]
    stored = vocabulary.encode(["le <name> chat <name>"])
    (drawn,) = cut(vocabulary, stored, 0.9)
    assert drawn != stored[0] and vocabulary.pieces(drawn).count("<name>") == 2

    first = vocabulary.first_merge
    assert first is not None
    pieces = vocabulary.pieces(range(len(vocabulary)))
    for piece in pieces[first:]:
        if len(piece) == 2:
            left, right = ([pieces.index(letter)] for letter in piece)
            assert cut(vocabulary, [left, [], right, []], 0.0) == [left, [], right, []]
            assert len(cut(vocabulary, [left + right], 0.0)[0]) == 1


@given(st.lists(st.text("le chat où 12<name>%sß☃\u2581 \u3000"), min_size=1, max_size=4), st.integers(0, 9))
def test_any_line_keeps_its_text_and_without_dropout_its_pieces(
    vocabularies: dict[str, Vocabulary], texts: list[str], most: int
) -> None:
    for vocabulary in vocabularies.values():
        whole = vocabulary.encode(texts)
        assert cut(vocabulary, whole, 0.0) == whole
        stored = [ids[:most] for ids in whole]
        for new, old in zip(cut(vocabulary, stored, 0.5), stored, strict=True):
            assert "".join(vocabulary.pieces(new)) == "".join(vocabulary.pieces(old))
            assert vocabulary.decode([new]) == vocabulary.decode([old]) and new.count(UNK) == old.count(UNK)


def test_the_steps_of_a_line_end_in_its_pieces(vocabularies: dict[str, Vocabulary]) -> None:
    for vocabulary in vocabularies.values():
        whole = vocabulary.encode([*lines(), "le <name> chat☃ 12", "☃ ☃"])
        some = [ids[at:] for ids in whole for at in (0, 1)]  # a line can begin inside a word, too
        merges = Merges(vocabulary)
        words = [merges.steps(ids) for ids in some]
        assert [[i for word in line for i in word[-1]] for line in words] == cut(vocabulary, some, 0.0)
        assert all(word[0] for line in words for word in line) and merges.steps([]) == []


def as_in_the_paper(word: str, ranks: dict[str, int], dropout: float, rng: random.Random) -> tuple[str, ...]:
    """Algorithm 1 of Provilkov et al. 2020."""
    pieces = list(word)
    while True:
        pairs = enumerate(pairwise(pieces))
        merges = [(ranks[a + b], i) for i, (a, b) in pairs if a + b in ranks and rng.random() >= dropout]
        if not merges:
            return tuple(pieces)
        _, i = min(merges)
        pieces[i : i + 2] = ["".join(pieces[i : i + 2])]


def test_it_is_the_algorithm_of_the_paper(vocabularies: dict[str, Vocabulary]) -> None:
    vocabulary, rng, count = vocabularies["plain"], random.Random(1), 4000
    first = vocabulary.first_merge
    assert first is not None
    ranks = {piece: i for i, piece in enumerate(vocabulary.pieces(range(len(vocabulary)))) if i >= first}
    stored = vocabulary.encode(["maison"])
    ours = Counter(tuple(vocabulary.pieces(line)) for line in cut(vocabulary, stored * count, 0.3))
    theirs = Counter(as_in_the_paper("▁maison", ranks, 0.3, rng) for _ in range(count))
    assert len(theirs) > 5
    for pieces in ours | theirs:
        assert abs(ours[pieces] - theirs[pieces]) < 0.03 * count, pieces


def test_another_process_draws_the_same(vocabularies: dict[str, Vocabulary], tmp_path: Path) -> None:
    """SentencePiece does not: what it draws from one seed differs."""
    vocabulary = vocabularies["plain"]
    (tmp_path / "model").write_bytes(vocabulary.model)
    code = (
        "import sys, numpy as np; from pathlib import Path; from seqformer.text.merges import Merges\n"
        "from seqformer.text.tokenizer import Vocabulary; v = Vocabulary(Path(sys.argv[1]).read_bytes(), '')\n"
        "ids = np.array(v.encode(['le chat mange une maison'])[0] * 50, np.uint16)\n"
        "print(Merges(v).cut(np.array([len(ids)]), ids, 0.2, np.random.default_rng(1))[1].tolist())"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "model")], capture_output=True, text=True
    )
    stored = vocabulary.encode(["le chat mange une maison"])[0] * 50
    assert done.stdout.strip() == str(cut(vocabulary, [stored], 0.2)[0]), done.stderr


@pytest.mark.parametrize("kind", ["unigram", "word", "char"])
def test_only_bpe_pieces_are_made_by_merges(kind: str) -> None:
    assert tokenizer.train(lambda: iter(lines()), kind, 60, 1).first_merge is None


MakeBatches = Callable[..., PairBatches]


@pytest.fixture
def make(data: Path) -> MakeBatches:
    def made(longest: int = 256, budget: int = 60, **settings: float) -> PairBatches:
        task = open_task(data)
        config = TrainConfig(**settings)  # type: ignore[arg-type]
        sampling = Sampling(task.tokenizer, config, longest) if settings else None
        return PairBatches(open_pairs(data, "train", task.manifest), budget, config.seed, sampling)

    return made


def rows(batches: PairBatches, epoch: int, *, part: int = 0) -> dict[int, list[list[int]]]:
    """Pair -> its source, decoder input and expected output, without padding."""
    result = {}
    for cell in batches.plan(epoch, part):
        batch = batches.load(cell)
        sides = (batch.source.tolist(), batch.target_in.tolist(), batch.target_out.tolist())
        for index, *line in zip(cell.indices.tolist(), *sides, strict=True):
            result[index] = [[i for i in ids if i != PAD] for ids in line]
    return result


def test_seed_and_epoch_decide(make: MakeBatches) -> None:
    for settings in ({"bpe_dropout": 0.3}, {"word_dropout": 0.3}):
        drawn = rows(make(**settings), 1)
        assert drawn == rows(make(**settings), 1)
        late = make(**settings)
        rows(late, 0)
        assert drawn == rows(late, 1), "what was drawn before matters"
        assert drawn not in (rows(make(), 1), rows(make(**settings), 2), rows(make(**settings, seed=2), 1))


def test_with_neither_all_is_as_stored(make: MakeBatches) -> None:
    batches = make()
    for index, (source, target_in, target_out) in rows(batches, 0).items():
        target = batches.pairs.target[index].tolist()
        assert source == [*batches.pairs.source[index].tolist(), EOS]
        assert target_in == [BOS, *target] and target_out == [*target, EOS]


@pytest.mark.parametrize(("part", "budget"), [(1 << 16, 60), (16, 60), (16, 23)])
def test_no_batch_exceeds_its_budget_and_each_pair_comes_once(
    make: MakeBatches, monkeypatch: pytest.MonkeyPatch, part: int, budget: int
) -> None:
    monkeypatch.setattr(batching, "SAMPLED_PART", part)
    monkeypatch.setattr(batching, "RUN", 4)
    batches = make(budget - 1, budget, bpe_dropout=0.6)
    assert batches.parts == -(-len(batches.pairs) // part) and make().parts == 1
    for epoch in range(3):
        cells = [cell for p in range(batches.parts) for cell in batches.plan(epoch, p)]
        assert sorted(i for cell in cells for i in cell.indices) == list(range(len(batches.pairs)))
        for cell in cells:
            batch = batches.load(cell)
            assert len(cell) * max(batch.source.shape[1], batch.target_out.shape[1]) <= budget
    assert batches.growth() > 1.1


def test_no_line_becomes_longer_than_it_may(make: MakeBatches) -> None:
    def lengths(batches: PairBatches) -> dict[int, list[int]]:
        return {index: list(map(len, line)) for index, line in rows(batches, 0).items()}

    stored, free, bound = (
        lengths(make()),
        lengths(make(bpe_dropout=0.9)),
        lengths(make(9, bpe_dropout=0.9)),
    )
    assert max(map(max, free.values())) > 10
    for index, line in bound.items():
        for length, usual in zip(line, stored[index], strict=True):
            assert length <= 10 or length == usual, "BOS or EOS is one of ten"


def test_every_process_draws_the_same(make: MakeBatches) -> None:
    whole, other = (make(bpe_dropout=0.3, word_dropout=0.2) for _ in range(2))
    for cell, same in zip(whole.plan(1), other.plan(1), strict=True):
        batch, shares = whole.load(cell), [other.load(same[rank::2]) for rank in range(min(2, len(cell)))]
        for name in ("source", "target_in", "target_out"):
            for rank, share in enumerate(shares):
                mine = getattr(share, name)
                assert torch.equal(getattr(batch, name)[rank::2, : mine.shape[1]], mine)


def test_words_are_hidden_from_the_input_alone(make: MakeBatches) -> None:
    hidden = {"source": 0, "target_in": 0, "pieces": 0}
    stored = rows(make(), 0)
    for epoch in range(20):
        for index, (source, target_in, target_out) in rows(make(word_dropout=0.3), epoch).items():
            right = stored[index]
            assert target_out == right[2] and source[-1] == EOS and target_in[0] == BOS
            for name, line, usual in (("source", source, right[0]), ("target_in", target_in, right[1])):
                assert len(line) == len(usual)
                hidden[name] += sum(a == UNK != b for a, b in zip(line, usual, strict=True))
                assert all(a in (UNK, b) for a, b in zip(line, usual, strict=True))
            hidden["pieces"] += len(source) - 1
    for name in ("source", "target_in"):
        assert abs(hidden[name] / hidden["pieces"] - 0.3) < 0.02


def test_validation_reads_what_is_stored(make_run: MakeRun) -> None:
    def validate(name: str, **settings: float) -> object:
        run = make_run(name, **settings)
        torch.manual_seed(1)
        model = run.first_model().eval()
        device = torch.device("cpu")
        data = run.training_task().training_data(model, run.configs.train, device, ALONE)
        assert (data.batches.sampling is not None) == bool(settings)
        with torch.inference_mode():
            return data.validate().values

    assert validate("plain") == validate("drawn", bpe_dropout=0.5, word_dropout=0.5)


def test_learned_positions_suffice_and_pieces_stay_as_many_as_were_let_in(make_run: MakeRun) -> None:
    def longest(name: str, model: dict[str, object], **settings: float) -> int:
        run = make_run(name, model, bpe_dropout=0.9, **settings)
        made = assemble.begin(run, "cpu")
        made.trainer.store.close()
        return made.trainer.batches.sampling.longest  # type: ignore[attr-defined, no-any-return]

    assert longest("positions", {"positions": "learned", "max_positions": 40}) == 39
    assert longest("batch", {}, tokens_per_batch=64) == 63
    assert longest("prepared", {}, tokens_per_batch=2048) == PrepareConfig.max_pieces


RECIPE = {"max_steps": 14, "validate_every": 7, "bpe_dropout": 0.3, "word_dropout": 0.1}


def finish(run: Run, stop_at: int = 0) -> None:
    """Train, or go on, to the end or up to a step."""
    training = assemble.resume(run, "cpu")
    for event in training.trainer.run():
        if isinstance(event, Stepped) and training.trainer.state.step == stop_at:
            training.trainer.stop("asked to")


def left(folder: Path) -> list[object]:
    tensors, _ = load_state(folder / "state.safetensors")
    held = {name: tensor.tolist() for name, tensor in tensors.items()}
    return [(folder / name).read_bytes() for name in ("weights.safetensors", "metrics.jsonl")] + [held]


def test_resumed_is_uninterrupted(make_run: MakeRun) -> None:
    whole, cut, plain = (
        make_run("whole", **RECIPE),
        make_run("cut", **RECIPE),
        make_run("plain", max_steps=14),
    )
    for run in (whole, plain):
        finish(run)
    finish(cut, 4)
    np.random.seed(3)
    finish(Run(cut.folder), 11)
    finish(Run(cut.folder))
    assert left(whole.folder) == left(cut.folder)
    assert left(whole.folder)[0] != left(plain.folder)[0]


def test_a_run_from_before_these_settings_goes_on(make_run: MakeRun) -> None:
    recipe = {"max_steps": 12, "validate_every": 6}
    whole, cut = make_run("whole", **recipe), make_run("cut", **recipe)
    finish(whole)
    finish(cut, 5)
    new = ("bpe_dropout", "word_dropout")
    path, state = cut.folder / "config.json", cut.folder / "state.safetensors"
    configs = json.loads(path.read_text())
    configs["train"] = {name: value for name, value in configs["train"].items() if name not in new}
    path.write_text(json.dumps(configs))
    conditions, size = read_conditions(state)
    for name in new:
        del conditions["configuration"][name]
    store = RunStore(cut.folder, conditions, metrics_bytes=size)
    tensors, progress = load_state(state)
    store.save({name: held for name, held in tensors.items() if "rng" not in name}, progress)
    store.close()
    finish(Run(cut.folder))
    assert left(whole.folder) == left(cut.folder)


def test_it_is_refused_where_it_does_nothing(command: Command, tmp_path: Path) -> None:
    prepare.prepare(toy_pairs(), {}, tmp_path / "words", PrepareConfig(model_type="word"))
    prepare.prepare(toy_pairs(), {}, tmp_path / "drawn", PrepareConfig(model_type="unigram", vocab_size=80))
    for kind, arguments in (
        ("word", ("--data", "words")), ("unigram", ("--data", "drawn")), ("word", ("--task", "alternating")),
    ):  # fmt: skip
        code, out, err = command("train", *arguments, "--bpe-dropout", 0.1, "--max-steps", 1)
        assert (code, out) == (2, "") and err.count("\n") == 1 and f"(model type '{kind}')" in err
    assert not (tmp_path / "runs").exists()
    code, _, err = command("train", "--data", "words", "--word-dropout", 1)
    assert code == 2 and "word dropout is 1.0: it must be at least 0 and below 1" in err


def test_from_the_command_line(command: Command, data: Path) -> None:
    options = ("--bpe-dropout", 0.3, "--word-dropout", 0.1, "--max-steps", 2, "--preset", "toy")
    code, _, err = command("train", "--data", data, "--run", "runs/mine", "--device", "cpu", *options)
    assert code == 0 and "cut into other pieces in each epoch" in err, err
    config = Run("runs/mine").configs.train
    assert (config.bpe_dropout, config.word_dropout) == (0.3, 0.1)
