"""Guided alignment: links stay with their pair, become those of its pieces, and teach a head."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
import torch
from conftest import WORDS, Command, model_config, new_run, random_model

from seqformer import api
from seqformer.decoding import alignment
from seqformer.decoding.alignment import Aligner, BothAligner
from seqformer.decoding.word_attention import INPUT
from seqformer.formats.pharaoh import Links, pharaoh
from seqformer.models import build
from seqformer.preparation import Prepared, mixed
from seqformer.report.alignment import AlignmentEvaluation
from seqformer.runs import assemble
from seqformer.runs.run import Run
from seqformer.symbols import BOS, EOS
from seqformer.text.batches import Batch, PairBatches, pad
from seqformer.text.prepared import Pairs, open_pairs
from seqformer.training.events import Stepped

Row = tuple[str, str, Links]
FOREIGN = {word: word[::-1].capitalize() + "o" for word in WORDS}


def corpus(count: int, seed: int = 1) -> list[Row]:
    """Sentences of different words, each word of which is translated, in another order, and its links."""
    draw, rows = random.Random(seed), []
    for _ in range(count):
        words = draw.sample(WORDS, draw.randint(3, 6))
        order = [*range(1, len(words)), 0]
        target = " ".join(FOREIGN[words[i]] for i in order)
        rows.append((" ".join(words), target, frozenset((s, t) for t, s in enumerate(order))))
    return rows


def write(folder: Path, rows: list[Row], name: str = "pairs") -> dict[str, Path]:
    """A table and the links of its lines, as what prepare takes."""
    folder.mkdir(parents=True, exist_ok=True)
    table, links = folder / f"{name}.tsv", folder / f"{name}.links"
    table.write_text("".join(f"{source}\t{target}\n" for source, target, _ in rows), "utf-8")
    links.write_text("".join(pharaoh(each) + "\n" for *_, each in rows), "utf-8")
    return {"pairs": table, "guide": links}


def opened(folder: Path, share: float = 1.0, *, linked: bool = True) -> Pairs:
    return open_pairs(folder, "train", api.existing(folder).manifest, share, linked=linked)


def word_links(folder: Path, share: float = 1.0) -> dict[tuple[str, str], Links]:
    """The links of the words of each training pair, of which every piece has those of its word."""
    tokenizer, pairs = api.existing(folder).tokenizer, opened(folder, share)
    assert pairs.links is not None
    found = {}
    for i in range(len(pairs)):
        sides = [(tokenizer.source, pairs.source[i].tolist()), (tokenizer.target, pairs.target[i].tolist())]
        of = []  # for each side: the number of the word of each piece
        for vocabulary, ids in sides:
            begins = [piece.startswith("▁") for piece in vocabulary.pieces(ids)]
            of.append([sum(begins[: piece + 1]) - 1 for piece in range(len(begins))])
        numbers = pairs.links[i].tolist()
        pieces = set(zip(numbers[::2], numbers[1::2], strict=True))
        words = frozenset((of[0][s], of[1][t]) for s, t in pieces)
        every = {(s, t) for s, a in enumerate(of[0]) for t, b in enumerate(of[1]) if (a, b) in words}
        assert pieces == every
        text = [vocabulary.decode([ids])[0] for vocabulary, ids in sides]
        found[text[0], text[1]] = words
    return found


# --- links and pairs ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["table", "swap", "aligned"])
def test_each_pair_keeps_its_own_links(tmp_path: Path, how: str) -> None:
    """Whatever is dropped around it: faults, doubles, what is held out, what is too long."""
    draw = random.Random(3)
    rows = [
        (source, target, frozenset(link for link in links if draw.random() < 0.7))
        for source, target, links in corpus(150)
    ]
    expected: dict[tuple[str, str], Links] = {}
    for source, target, links in rows:
        expected.setdefault((source, target), links)
    none = frozenset[tuple[int, int]]()
    odd = [("chat", "", none), ("", "Tahco", none), ("chat chat", "chat chat", none)]
    odd += [("mange " * 40, "Egnamo " * 40, frozenset({(39, 0)})), ("le", "Elo " * 20, none)]
    for number in range(0, 150, 10):
        rows.insert(number, odd[number // 10 % len(odd)])
        rows.append((rows[number + 1][0], rows[number + 1][1], none))  # again, with other links
    given: dict[str, object] = dict(write(tmp_path, rows))
    if how == "aligned":
        del given["pairs"]
        given["files"] = tmp_path / "a", tmp_path / "b"
        for side, file in enumerate(given["files"]):
            file.write_text("".join(row[side] + "\n" for row in rows), "utf-8")
    made = api.prepare(
        **given, out=tmp_path / "made", swap=how == "swap", vocab_size=60, max_pieces=39, valid_size=9,
        test_size=9,
    )  # fmt: skip
    manifest = made.task.manifest
    assert {"duplicate", "overlong", "empty side", "lopsided", "copy of the source"} <= set(manifest.dropped)
    found = word_links(made.folder)
    assert len(found) == manifest.pairs["train"] > 100
    for (source, target), links in found.items():
        turned = (target, source) if how == "swap" else (source, target)
        assert expected[turned] == (frozenset((t, s) for s, t in links) if how == "swap" else links)
    assert manifest.linked == sum(map(bool, found.values()))
    some = word_links(made.folder, 0.4)
    assert 0 < len(some) < len(found) and some.items() <= found.items()


def test_links_are_of_the_words_as_given(tmp_path: Path) -> None:
    """Normalisation splits and joins nothing of them; symbols and cut lines have the links of what they hold."""
    line = (
        "Le chat, http://a.b/c !",
        "Tahco  Elo: http://a.b/c",
        frozenset({(0, 1), (1, 0), (2, 2), (3, 2)}),
    )
    given = write(tmp_path, [line] * 3)
    how = {"lowercase": True, "split_punctuation": True, "vocab_size": 60}
    made = api.prepare(**given, out=tmp_path / "made", **how)
    tokenizer, pairs = made.task.tokenizer, opened(made.folder)
    assert pairs.links is not None
    source, target = (
        vocabulary.pieces(side[0].tolist())
        for vocabulary, side in ((tokenizer.source, pairs.source), (tokenizer.target, pairs.target))
    )
    numbers = pairs.links[0].tolist()
    found = {(source[s], target[t]) for s, t in zip(numbers[::2], numbers[1::2], strict=True)}
    words = {("▁,", "▁tahco"), ("▁chat", "▁tahco"), ("▁le", "▁elo"), ("▁le", "▁:")}
    assert words | {("⟦1⟧", "⟦1⟧"), ("▁!", "⟦1⟧")} <= found
    assert {b for a, b in found if a in ("▁,", "▁chat")} == {"▁tahco"}
    cut = api.prepare(**given, out=tmp_path / "cut", **how, max_pieces=3, cut=True)
    short = opened(cut.folder).links
    assert short is not None and len(short[0]) and max(short[0].tolist()) < 3


def test_a_mixture_has_the_links_of_each(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with_links, without = write(tmp_path, corpus(70), "a"), write(tmp_path, corpus(70, 2), "b")
    small: dict[str, object] = {"valid_size": 5, "test_size": 5}
    one = api.prepare(**with_links, out="a", vocab_size=60, **small)
    run = api.train(one, run="run", max_steps=1, preset="toy", guide=0.05)
    other = api.prepare(without["pairs"], out="b", like=run.folder, **small)
    links, every = word_links(one.folder), word_links(mixed({one.folder: 1, other.folder: 1}).folder)
    assert {pair: every[pair] for pair in links} == links
    assert not any(found for pair, found in every.items() if pair not in links)


# --- the loss -----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def guided(tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    """A word-for-word language, with its links."""
    folder = tmp_path_factory.mktemp("guided")
    small: dict[str, object] = {"vocab_size": 70, "valid_size": 40, "test_size": 40}
    return api.prepare(**write(folder, corpus(600)), out=folder / "made", **small)


@pytest.mark.parametrize("shape", [{"decoder_layers": 3}, {"decoder_layers": 1}, {"arch": "bahdanau"}])
def test_the_guided_loss_is_the_cross_entropy_of_a_head(shape: dict[str, object]) -> None:
    """Of the first of the last layer but one, with each target piece where it is fed in."""
    model = random_model(**shape)  # type: ignore[arg-type]
    source, target = pad([[3, 4, 5], [6, 7, 8]], None, EOS), [[5, 4], [8, 7, 6]]
    links = torch.zeros(2, 4, 4, dtype=torch.double)  # the last piece of the first pair has none
    links[0, 1, 2] = links[1, 1, 2] = links[1, 3, 0] = 1
    links[1, 2, :2] = 0.5
    batch = Batch(source, pad(target, BOS, None), pad(target, None, EOS), links)
    cross = model.attention(batch.source, batch.target_in).cross  # (L, B, H, T, S)
    rows = cross[max(0, len(cross) - 2), :, 0]
    expected = -(
        rows[0, 1, 2].log() + rows[1, 1, 2].log() + rows[1, 3, 0].log() + rows[1, 2, :2].log().mean()
    )
    plain, more, twice = (
        model.loss(batch, 0.1),
        model.loss(batch, 0.1, 0.0, 0.5),
        model.loss(batch, 0.1, 5.0, 0.5),
    )
    torch.testing.assert_close(
        (more.objective - plain.objective).float(), 0.5 * expected.float(), atol=1e-4, rtol=1e-5
    )
    assert (more.plain, more.units) == (plain.plain, plain.units)
    torch.testing.assert_close(twice.objective, more.objective, atol=1e-4, rtol=1e-5)  # without dropout


def test_links_stand_where_their_piece_is_fed_in(guided: Prepared) -> None:
    pairs = opened(guided.folder)
    assert pairs.links is not None
    batches = PairBatches(pairs, 400, 1)
    for cell in batches.plan(0)[:5]:
        batch = batches.load(cell)
        assert batch.links is not None and batch.links.shape == (
            *batch.target_in.shape,
            batch.source.shape[1],
        )
        for row, i in zip(batch.links, cell.indices.tolist(), strict=True):
            numbers = pairs.links[i].tolist()
            assert row.nonzero().tolist() == sorted(
                [t + 1, s] for s, t in zip(numbers[::2], numbers[1::2], strict=True)
            )
        sums = batch.links.sum(-1)
        torch.testing.assert_close(sums, (sums > 0).float())


TRAINING: dict[str, object] = {
    "preset": "toy", "tokens_per_batch": 512, "warmup": 10, "precision": "fp32", "label_smoothing": 0.0,
    "device": "cpu",
}  # fmt: skip


def test_unguided_is_as_without_links(guided: Prepared, tmp_path: Path) -> None:
    """The same pieces, and the same bytes after a training."""
    rows = guided.folder.parent / "pairs.tsv"
    bare = api.prepare(rows, out=tmp_path / "bare", vocab_size=70, valid_size=40, test_size=40)
    digests = [each.task.manifest.digests for each in (bare, guided)]
    assert digests[0] == {name: mark for name, mark in digests[1].items() if "links" not in name}
    left = []
    for name, data, weight in (("a", bare, 0.0), ("b", guided, 0.0), ("c", guided, 0.05)):
        run = api.train(data, run=tmp_path / name, max_steps=3, guide=weight, **TRAINING)
        left.append([(run.folder / file).read_bytes() for file in ("weights.safetensors", "metrics.jsonl")])
    assert left[0] == left[1] and left[0][0] != left[2][0]


def error_rate(aligner: Aligner, rows: list[Row]) -> float:
    score = AlignmentEvaluation("", "")
    found = aligner.align([(source, target) for source, target, _ in rows])
    for links, (*_, right) in zip(found, rows, strict=True):
        score.add(links or frozenset(), right, right)
    assert score.error_rate is not None
    return score.error_rate


@pytest.mark.parametrize(
    ("arch", "shape", "rate"),
    [
        ("transformer", {"decoder_layers": 2, "feed_forward": 64}, 5e-3),
        ("bahdanau", {"bidirectional": True}, 1e-2),
    ],
)
def test_a_guided_head_learns_the_links(
    tmp_path: Path, arch: str, shape: dict[str, object], rate: float
) -> None:
    """And it is the head that is chosen without them, in a training too short to translate."""
    given = write(tmp_path, corpus(1200))
    words = api.prepare(**given, out=tmp_path / "made", model_type="word", separate=True, valid_size=20)
    torch.manual_seed(1)
    model = build(model_config(arch, **words.task.sizes(), **shape, width=32, dropout=0.0))
    batches = PairBatches(opened(words.folder), 0, 1, sentences=64)
    optimizer, far = torch.optim.Adam(model.parameters(), lr=rate, betas=(0.9, 0.98)), []
    for epoch in range(7):
        for cell in batches.plan(epoch):
            loss = model.loss(batches.load(cell), guide=1.0)
            far.append(float(loss.objective.detach() - loss.plain) / loss.units)
            optimizer.zero_grad()
            (loss.objective / loss.units).backward()  # type: ignore[no-untyped-call]
            optimizer.step()
    assert sum(far[-10:]) < 0.3 * sum(far[:10]), (len(far), far[::10])
    rows = corpus(100, 7)
    translator = words.task.predictor(model.eval().requires_grad_(False), torch.device("cpu"))
    chosen = alignment.aligner(translator, None, [(s, t) for s, t, _ in rows[:20]], "")
    assert isinstance(chosen, Aligner)
    assert chosen.head.row == INPUT and error_rate(chosen, rows) < 0.1, chosen.how
    taught = alignment.taught_head(translator)
    assert error_rate(Aligner(translator, taught, ""), rows) < 0.1


# --- runs ---------------------------------------------------------------------------------------------------


def test_resumed_is_uninterrupted(guided: Prepared, tmp_path: Path) -> None:
    def finish(run: Run, stop_at: int = 0) -> None:
        training = assemble.resume(run, "cpu")
        for event in training.trainer.run():
            if isinstance(event, Stepped) and training.trainer.state.step == stop_at:
                training.trainer.stop("asked to")

    recipe: dict[str, object] = {"max_steps": 6, "tokens_per_batch": 256, "warmup": 2, "precision": "fp32"}
    recipe |= {"guide": 0.3, "consistency": 1.0, "word_dropout": 0.1}
    whole, cut = (new_run(tmp_path / name, guided.folder, {}, recipe) for name in ("whole", "cut"))
    finish(whole)
    finish(cut, 3)
    finish(Run(cut.folder))
    for name in ("weights.safetensors", "metrics.jsonl"):
        assert (whole.folder / name).read_bytes() == (cut.folder / name).read_bytes()


def test_a_guided_run_aligns_by_its_head(guided: Prepared, tmp_path: Path, command: Command) -> None:
    """Alone, and with a run of the other direction; a layer can be asked for all the same."""
    run = api.train(guided, run=tmp_path / "run", max_steps=1, guide=0.05, **TRAINING)
    model = api.load(run)
    chosen = model.aligner()
    assert isinstance(chosen, Aligner) and chosen.head == alignment.taught_head(model.predictor)  # type: ignore[arg-type]
    assert chosen.head.layer == run.configs.model.decoder_layers - 1
    both = model.aligner(reverse=model)
    assert isinstance(both, BothAligner) and both.forward.head == both.backward.head == chosen.head
    other = model.aligner(layer=2)
    assert isinstance(other, Aligner) and other.head.layer == 2
    for side, file in enumerate("st"):
        (tmp_path / file).write_text("".join(row[side] + "\n" for row in corpus(3)), "utf-8")
    code, out, err = command("align", "--run", tmp_path / "run", "--source", "s", "--target", "t")
    assert code == 0 and out.count("\n") == 3 and "taught by word links" in err, err


def test_mistakes_are_one_line_and_write_nothing(command: Command, tmp_path: Path) -> None:
    rows = corpus(20)
    write(tmp_path, rows)
    good = (tmp_path / "pairs.links").read_text().splitlines()
    (tmp_path / "po").write_text('msgid "a"\nmsgstr "b"\n')
    for name, lines in (
        ("short", good[:-1]),
        ("long", [*good, ""]),
        ("bad", [*good[:4], "0-0 1:1", *good[5:]]),
        ("beyond", [*good[:4], "0-0 9-1", *good[5:]]),
        ("one", ["0-0"]),
        ("two", ["0-0"] * 2),
        ("empty", [""] * 20),
    ):
        (tmp_path / name).write_text("\n".join(lines) + "\n")
    for arguments, message in (
        (
            ("pairs.tsv", "--guide", "short"),
            "short has 19 lines and pairs.tsv 20; line n must hold the links",
        ),
        (("pairs.tsv", "--guide", "long"), "long has 21 lines and pairs.tsv 20"),
        (("pairs.tsv", "--guide", "bad"), "bad, line 5: '1:1' is no link; links are like 0-0"),
        (("pairs.tsv", "--guide", "beyond"), "beyond, line 5: the link 9-1, but the source has"),
        (("pairs.tsv", "--guide", "none"), "none"),
        (("pairs.tsv", "--guide", "empty"), "no pair that is left to train on has a link"),
        (("pairs.tsv", "pairs.tsv", "--guide", "pairs.links"), "one file of pairs, or two aligned files"),
        (("po", "--guide", "two"), "po is a document"),
        (("--guide", "one"), "one file of pairs, or two aligned files"),
    ):
        code, out, err = command("prepare", *arguments, "--out", "made")
        assert code and out == "" and err.count("\n") <= 2, err
        assert message in err.splitlines()[-1] and not (tmp_path / "made").exists(), (arguments, err)
    api.prepare(tmp_path / "pairs.tsv", out="bare", vocab_size=60)
    api.prepare(tmp_path / "pairs.tsv", out="linked", vocab_size=60, guide=tmp_path / "pairs.links")
    for arguments, message in (
        (("--data", "bare", "--guide", 0.05), "bare was prepared without word links"),
        (("--task", "copy", "--guide", 0.05), "was prepared without word links"),
        (("--data", "linked", "--guide", -1), "guide is -1.0: it must be at least 0"),
        (("--data", "linked", "--guide", 0.05, "--bpe-dropout", 0.1), "do not go together"),
    ):
        code, out, err = command("train", *arguments, "--run", "none", "--max-steps", 1)
        assert code == 2 and out == "" and err.count("\n") == 1 and message in err, err
        assert not (tmp_path / "none").exists()
