"""Word alignment: which words pieces come from, weights by word, the choice of a head, symmetrizing, AER."""

from __future__ import annotations

import json
import random
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import torch
from any_text import LINES, random_translator
from conftest import WORDS, Command, model_config
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from seqformer import api
from seqformer.decoding import alignment, word_attention
from seqformer.decoding.alignment import Aligner, BothAligner
from seqformer.decoding.symmetrize import METHODS, symmetrize, transposed
from seqformer.decoding.translator import Translator
from seqformer.decoding.word_attention import INPUT, OUTPUT, Head, WordAttention
from seqformer.errors import RunError, SeqformerError
from seqformer.formats.pharaoh import Links, pharaoh, read_gold
from seqformer.models import build
from seqformer.report.alignment import AlignmentEvaluation
from seqformer.symbols import BOS, EOS
from seqformer.tasks import open_task, text_task
from seqformer.tasks.translation import Translation
from seqformer.text import tokenizer
from seqformer.text.batches import Batch, pad, pad_sources
from seqformer.text.normalize import Normalizer
from seqformer.text.origins import origins
from seqformer.text.pieces import Extras
from seqformer.text.placeholders import Shield
from seqformer.text.tokenizer import Vocabulary

PAIRS = [
    ("le chat mange", "mange chat le"),
    ("un chien", ""),
    ("", "la"),
    ("la maison rouge " * 9, "où dort"),
]


# --- words and pieces ---------------------------------------------------------------------------------------


def vocabulary(*, has_bytes: bool) -> Vocabulary:
    text = ["le grand chat mange et dort , où la maison rouge ! ⟦1⟧ ⟦2⟧"] * 30
    return tokenizer.train(
        lambda: iter(text),
        "bpe",
        330 if has_bytes else 60,
        1,
        Extras(byte_fallback=has_bytes, symbols=("⟦1⟧", "⟦2⟧")),
    )


BYTES, PLAIN = vocabulary(has_bytes=True), vocabulary(has_bytes=False)
STRICT = Normalizer(lowercase=True, split_punctuation=True, language="fr")


def words_of(line: str, read: str, vocabulary: Vocabulary, normalize: Normalizer = STRICT) -> list[set[int]]:
    """For each word of what is read, the words given that its pieces come from."""
    found: list[set[int]] = []
    for piece, words in zip(
        vocabulary._spelled(read), origins(line, read, normalize, vocabulary), strict=True
    ):
        if piece.startswith("▁"):
            found.append(set())
        found[-1] |= set(words)
    return found


@pytest.mark.parametrize("vocabulary", [BYTES, PLAIN])
@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("le chat", [{0}, {1}]),
        ("Le chat, OÙ", [{0}, {1}, {1}, {2}]),
        ("  le\u00a0chat !\t", [{0}, {1}, {2}]),
        ("ou\u0300 la", [{0}, {1}]),  # composed to one letter
        ("le \u200b chat", [{0}, {2}]),  # the second word has no letter
        ("漢字 zq le", [{0}, {1}, {2}]),  # in no piece, or spelled by bytes
        ("", []),
    ],
)
def test_pieces_come_from_the_words_given(
    vocabulary: Vocabulary, line: str, expected: list[set[int]]
) -> None:
    assert words_of(line, STRICT(line), vocabulary) == expected
    assert all(origins(line, STRICT(line), STRICT, vocabulary))  # a space and each byte are of a word, too


@pytest.mark.parametrize(
    ("tag", "words"), [("<a>", {1}), ("<a 1>", {1, 2}), ("<a1 b>", {1, 2}), ("<a b q>", {1, 2, 3})]
)
def test_a_symbol_comes_from_all_words_of_its_placeholder(tag: str, words: set[int]) -> None:
    normalize = Normalizer(split_punctuation=True, placeholders=True)
    line = f"le {tag}chat, {{name}}"
    read, _ = Shield().hide_both(normalize(line), normalize(line))
    assert read == "le ⟦1⟧ chat , ⟦2⟧"
    last = max(words)
    assert words_of(line, read, PLAIN, normalize) == [{0}, words, {last}, {last}, {last + 1}]


@settings(deadline=None, max_examples=60)
@given(
    st.lists(st.one_of(st.sampled_from([*WORDS, "L'eau,", "«Où»", "漢"]), st.text(max_size=5)), max_size=8),
    st.sampled_from([BYTES, PLAIN]),
)
@example(["<a", "b>X"], PLAIN)
def test_pieces_come_from_words_in_their_order(words: list[str], vocabulary: Vocabulary) -> None:
    line = " ".join(words)
    ranges = origins(line, STRICT(line), STRICT, vocabulary)
    assert len(ranges) == len(vocabulary.encode([STRICT(line)])[0])
    some = [each for each in ranges if each]
    assert all(0 <= each.start < each.stop <= len(line.split()) for each in some)
    assert all(one.start <= other.start and one.stop <= other.stop for one, other in pairwise(some))
    if "".join(STRICT(line).split()) == "".join("".join(STRICT(word).split()) for word in line.split()):
        read = {number for number, word in enumerate(line.split()) if STRICT(word)}
        assert {number for each in some for number in each} == read


# --- weights ------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def small(data: Path) -> Translator:
    """A translator with random weights, two heads in a layer."""
    return random_translator(data)


@pytest.fixture(scope="module")
def recurrent(data: Path) -> Translator:
    """One of GRUs with random weights."""
    torch.manual_seed(3)
    task = text_task(open_task(data))
    shape = model_config("bahdanau", **task.sizes())
    return task.predictor(build(shape).eval().requires_grad_(False), torch.device("cpu"))


@pytest.mark.parametrize("row", [INPUT, OUTPUT])
@pytest.mark.parametrize("name", ["small", "recurrent"])
def test_weights_by_word_are_those_of_the_pieces(name: str, row: str, request: pytest.FixtureRequest) -> None:
    """Rows averaged, columns summed, EOS left out: by hand, piece by piece."""
    translator: Translator = request.getfixturevalue(name)
    found = Aligner(translator, Head(1, 1, row), "").weights(PAIRS)
    assert [tuple(each.shape) for each in found if each is not None] == [(3, 3), (0, 2), (1, 0), (2, 27)]
    source, target = PAIRS[0]
    ids = [translator.tokenizer.source.encode([source])[0], translator.tokenizer.target.encode([target])[0]]
    pieces = [
        v.pieces(i)
        for v, i in zip((translator.tokenizer.source, translator.tokenizer.target), ids, strict=True)
    ]
    numbers = [
        [sum(p.startswith("▁") for p in side[: i + 1]) - 1 for i in range(len(side))] for side in pieces
    ]
    cross = translator.model.attention(torch.tensor([[*ids[0], EOS]]), torch.tensor([[BOS, *ids[1]]])).cross[
        0, 0, 0
    ]
    weights = found[0]
    assert weights is not None
    for t in range(3):
        rows = [i for i, number in enumerate(numbers[1]) if number == t]
        for s in range(3):
            columns = [j for j, number in enumerate(numbers[0]) if number == s]
            by_hand = sum(float(cross[i + (row == INPUT), j]) for i in rows for j in columns) / len(rows)
            assert float(weights[t, s]) == pytest.approx(by_hand, abs=1e-6)
    for each in found:
        assert each is not None and bool((each >= 0).all()) and bool((each.sum(-1) <= 1 + 1e-5).all())


def test_the_words_of_one_piece_share_its_weight(small: Translator) -> None:
    """A tag of two words and one of a word are the same symbol to the model."""
    two, one = Aligner(small, Head(1, 1, INPUT), "").weights(
        [("le <a b> chat", "chat <a b>"), ("le <ab> chat", "chat <ab>")]
    )
    assert two is not None and one is not None
    torch.testing.assert_close(two[:, 1], two[:, 2])
    torch.testing.assert_close(two[:, 1] + two[:, 2], torch.cat((one[:, 1], one[1:, 1])))


def test_batches_and_padding_change_nothing(small: Translator, monkeypatch: pytest.MonkeyPatch) -> None:
    pairs = [*PAIRS, ("le chien", "un " * 30), ("où", "où")] * 3
    head = Head(1, None, INPUT)
    at_once = Aligner(small, head, "").weights(pairs)
    alone = [Aligner(small, head, "").weights([pair])[0] for pair in pairs]
    sizes = []
    attend = type(small.model).attention

    def watched(model: Any, source: torch.Tensor, target: torch.Tensor) -> Any:
        sizes.append(len(source))
        maps = attend(model, source, target)
        assert len(source) == 1 or sum(m.numel() for m in (maps.cross, maps.encoder, maps.decoder)) <= most
        return maps

    monkeypatch.setattr(type(small.model), "attention", watched)
    most = 20_000
    monkeypatch.setattr(word_attention, "WEIGHTS", most)
    batched = Aligner(small, head, "").weights(pairs)
    assert 1 < max(sizes) < len(pairs)
    for one, other, third in zip(at_once, alone, batched, strict=True):
        assert one is not None and other is not None and third is not None
        torch.testing.assert_close(one, other, atol=1e-5, rtol=0)
        torch.testing.assert_close(one, third, atol=1e-5, rtol=0)


@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(LINES, LINES), max_size=5), st.sampled_from([INPUT, OUTPUT]))
def test_links_of_any_text_are_of_its_words(
    small: Translator, raw: list[tuple[bytes, bytes]], row: str
) -> None:
    pairs = [(source.decode("utf-8", "replace"), target.decode("utf-8", "replace")) for source, target in raw]
    for (source, target), links in zip(pairs, Aligner(small, Head(1, 2, row), "").align(pairs), strict=True):
        assert links is not None
        assert all(s < len(source.split()) and t < len(target.split()) for s, t in links)
        assert len({t for _, t in links}) == len(links)


def test_a_pair_that_is_too_long_has_no_links(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    learned = random_translator(data, positions="learned", max_positions=40)
    long = ("chat " * 60, "chat")
    just = len(learned.tokenizer.source.encode(["chat " * 5])[0]) + 1  # with EOS
    for room, fits in ((just, True), (just - 1, False)):
        exact = random_translator(data, positions="learned", max_positions=room)
        (found_exactly,) = Aligner(exact, Head(1, 1, INPUT), "").align([("chat " * 5, "chat")])
        assert (found_exactly is not None) == fits
    found = Aligner(learned, Head(1, 1, INPUT), "").align([long, ("chat", "chat")])
    assert found == [None, frozenset({(0, 0)})]
    assert alignment.choose(learned, [long, ("chat", "chat")])[0].layer == 1
    words = ("chat " + "\u200b " * 100, "chat")  # of which only the first has pieces
    monkeypatch.setattr(word_attention, "WEIGHTS", 1000)
    assert Aligner(learned, Head(1, 1, INPUT), "").align([words]) == [None]
    assert Aligner(random_translator(data), Head(1, 1, INPUT), "").align([long]) == [None]


# --- the choice ---------------------------------------------------------------------------------------------


def reversed_pairs(count: int) -> list[tuple[str, str]]:
    """Sentences of different words, and the same from the end in capitals."""
    rng = random.Random(4)
    made = [rng.sample("abcdefghijkl", rng.randint(2, 5)) for _ in range(count)]
    return [(" ".join(words), " ".join(reversed(words)).upper()) for words in made]


@pytest.fixture(scope="module")
def backwards(tmp_path_factory: pytest.TempPathFactory) -> Translation:
    """The task of writing sentences from the end."""
    folder = tmp_path_factory.mktemp("backwards") / "data"
    api.prepare(
        reversed_pairs(400), out=folder, model_type="word", separate=True, valid_size=20, test_size=20
    )
    return text_task(open_task(folder))


@pytest.mark.parametrize(
    ("arch", "rate", "shape"),
    [
        ("transformer", 5e-3, {"decoder_layers": 2, "feed_forward": 64}),
        ("bahdanau", 1e-2, {"bidirectional": True}),
    ],
)
def test_what_was_learned_is_aligned(
    backwards: Translation, arch: str, rate: float, shape: dict[str, Any]
) -> None:
    """By any row of any layer that the model has learned to use."""
    torch.manual_seed(1)
    model = build(model_config(arch, **backwards.sizes(), **shape, width=32, dropout=0.0))
    pairs = reversed_pairs(4000)
    sides = (backwards.tokenizer.source, backwards.tokenizer.target)
    sources, targets = (
        v.encode(list(lines)) for v, lines in zip(sides, zip(*pairs, strict=True), strict=True)
    )
    optimizer, steps, rng = torch.optim.Adam(model.parameters(), betas=(0.9, 0.98)), 300, random.Random(1)
    for step in range(steps):
        some = rng.sample(range(400, 4000), 64)
        source, target = pad_sources([sources[i] for i in some]), [targets[i] for i in some]
        loss = model.loss(Batch(source, pad(target, BOS, None), pad(target, None, EOS)))
        optimizer.param_groups[0]["lr"] = rate * min(1, (step + 1) / 30) * (1 - step / steps)
        optimizer.zero_grad()
        (loss.objective / loss.units).backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
    translator = backwards.predictor(model.eval().requires_grad_(False), torch.device("cpu"))
    score = AlignmentEvaluation("", "")
    chosen = alignment.aligner(translator, None, pairs[:50], "")
    for (source_line, _), links in zip(pairs[:400], chosen.align(pairs[:400]), strict=True):
        count = len(source_line.split())
        right = frozenset((i, count - 1 - i) for i in range(count))
        score.add(links or frozenset(), right, right)
    assert score.error_rate is not None and score.error_rate < 0.05, (chosen.how, score)


def test_the_sample_is_bounded_by_its_words(small: Translator, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    monkeypatch.setattr(alignment, "choose", lambda _, pairs, *__: (seen.append(len(pairs)), (None, ""))[1])
    for length, count in ((10, 20), (100, 2), (1000, 1)):
        alignment.aligner(small, None, [("chat " * length, "chat " * 100)] * 50, "")
        assert seen.pop() == count


def test_the_choice_can_be_made_for_it(small: Translator) -> None:
    pairs = [("le chat mange", "mange chat le"), ("la maison", "maison la")]
    every = WordAttention(small).candidates()
    assert len(every) == len(set(every)) == 6  # two heads and their mean, both rows
    for head in (1, 2):
        assert alignment.choose(small, pairs, 1, head)[0] in {Head(1, head, INPUT), Head(1, head, OUTPUT)}
        one, other, _ = alignment.choose_both(
            small, small, pairs, (WordAttention(small).candidates(1, head), every)
        )
        assert one.head == head and other in every
    swapped = [(target, source) for source, target in pairs]
    found = WordAttention(small).every(pairs, every)
    reverse = [list(map(transposed, each)) for each in WordAttention(small).every(swapped, every)]
    both = alignment.choose_both(small, small, pairs, (every, every))
    assert both[2] == max(alignment.agreement(a, b) for a in found for b in reverse)
    assert both[2] == alignment.agreement(found[every.index(both[0])], reverse[every.index(both[1])])


# --- both directions ----------------------------------------------------------------------------------------

LINKS = st.frozensets(st.tuples(st.integers(0, 5), st.integers(0, 5)), max_size=14)


@given(LINKS, LINKS)
def test_symmetrizing_lies_between_intersection_and_union(one: Links, other: Links) -> None:
    made = {method: symmetrize(method, one, other) for method in METHODS}
    assert made["intersection"] == one & other <= made["grow-diag-final"] <= made["union"] == one | other
    for method in METHODS:
        assert symmetrize(method, one, one) == one
    for side in (0, 1):  # in the end each word of the union has a link
        assert {link[side] for link in made["grow-diag-final"]} == {link[side] for link in one | other}


@given(LINKS, LINKS)
def test_symmetrizing_does_not_depend_on_the_direction(one: Links, other: Links) -> None:
    for method in METHODS:
        both = symmetrize(method, one, other)
        assert symmetrize(method, other, one) == both
        assert symmetrize(method, transposed(other), transposed(one)) == transposed(both)


def test_links_grow_along_the_diagonal_and_join_what_is_left() -> None:
    one, other = frozenset({(0, 0), (1, 1), (5, 1)}), frozenset({(0, 0), (0, 1), (1, 1), (1, 2)})
    # (0, 1) joins no word that has no link, (1, 2) touches one and does; (5, 1) touches none: it comes last
    assert symmetrize("grow-diag-final", one, other) == frozenset({(0, 0), (1, 1), (1, 2), (5, 1)})
    # (6, 6) is at a corner of (5, 5) and grows first, so that (0, 6) is left with no word to join
    one, other = frozenset({(5, 5), (0, 9), (6, 6)}), frozenset({(5, 5), (0, 9), (0, 6)})
    assert symmetrize("grow-diag-final", one, other) == frozenset({(5, 5), (0, 9), (6, 6)})
    with pytest.raises(SeqformerError, match="did you mean 'union'"):
        symmetrize("unoin", one, other)


# --- gold ---------------------------------------------------------------------------------------------------


@given(st.lists(st.tuples(LINKS, LINKS, LINKS), min_size=1, max_size=4))
def test_the_error_rate(rows: list[tuple[Links, Links, Links]]) -> None:
    score, of_gold, disjoint = (AlignmentEvaluation("", "") for _ in range(3))
    for links, sure, more in rows:
        score.add(links, sure, sure | more)
        of_gold.add(sure, sure, sure | more)
        disjoint.add(frozenset((s + 10, t) for s, t in links), sure, sure | more)
    if score.error_rate is None:
        assert not score.links and not score.sure
        return
    assert 0 <= score.error_rate <= 1 and disjoint.error_rate == 1
    assert of_gold.error_rate in (0, None)
    assert score.precision in (None, sum(len(a & (s | m)) for a, s, m in rows) / max(1, score.links))
    if score.precision is not None and score.recall is not None:  # a weighted mean of both
        weighted = (score.links * score.precision + score.sure * score.recall) / (score.links + score.sure)
        assert score.error_rate == pytest.approx(1 - weighted)


@given(LINKS)
def test_lines_of_links_are_read_back(tmp_path_factory: pytest.TempPathFactory, links: Links) -> None:
    path = tmp_path_factory.mktemp("links") / "gold"
    path.write_text(pharaoh(links) + "\n0?0 1p2 3-3\n")
    first, second = read_gold(path)
    assert first.sure == first.possible == links
    assert second.sure == {(3, 3)} and second.possible == {(0, 0), (1, 2), (3, 3)}


# --- the commands -------------------------------------------------------------------------------------------


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    """The pairs in two files."""
    for side, name in enumerate(("s", "t")):
        (tmp_path / name).write_text("".join(pair[side] + "\n" for pair in PAIRS))
    return tmp_path / "s", tmp_path / "t"


def test_align_prints_a_line_for_each_pair(
    trained: Path, files: tuple[Path, Path], command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = ("align", "--run", trained, "--source", files[0], "--target", files[1])
    code, out, err = command(*asked)
    assert code == 0 and "leaving out source words" in err
    lines = out.split("\n")
    assert len(lines) == 5 and lines[1] == lines[2] == lines[4] == ""
    for line, (source, target) in zip(lines, PAIRS, strict=False):
        links = [tuple(map(int, link.split("-"))) for link in line.split()]
        assert all(s < len(source.split()) and t < len(target.split()) for s, t in links)
        assert len({t for _, t in links}) == len(links) == len(target.split()) * bool(source)
    assert [line.split() for line in lines[:4]] == [
        pharaoh(frozenset(links)).split() for links in api.load(trained).align(PAIRS)
    ]
    code, json_out, _ = command(*asked, "--json")
    values = [json.loads(line) for line in json_out.splitlines()]
    assert [(v["source"], v["target"]) for v in values] == PAIRS
    assert [
        pharaoh(frozenset((s, t) for t, each in enumerate(v["alignment"]) for s in each)) for v in values
    ] == lines[:4]
    monkeypatch.setattr("seqformer.cli.align.CHUNK", 1)
    assert command(*asked, "--output", tmp_path / "links")[:2] == (0, "")
    assert (tmp_path / "links").read_text() == out and not (tmp_path / "links.tmp").exists()
    monkeypatch.setattr(word_attention, "WEIGHTS", 1500)
    code, short, err = command(*asked)
    assert code == 0 and short.count("\n") == 4 and "pair 4: too long" in err


def test_align_compares_with_gold(
    trained: Path, files: tuple[Path, Path], command: Command, tmp_path: Path
) -> None:
    asked = ("align", "--run", trained, "--source", files[0], "--target", files[1])
    own = command(*asked)[1]
    (tmp_path / "gold").write_text(own)
    code, out, _ = command(*asked, "--gold", tmp_path / "gold", "--json")
    values = json.loads(out)
    assert code == 0 and (values["aer"], values["precision"], values["recall"]) == (0, 1, 1)
    assert values["pairs"] == 4
    (tmp_path / "gold").write_text(own.replace("-", "p"))
    code, out, _ = command(*asked, "--gold", tmp_path / "gold", "--output", tmp_path / "links")
    assert code == 0 and "100.0%" in out and "AER" in out and (tmp_path / "links").read_text() == own


def test_both_directions_say_the_links(small: Translator) -> None:
    both = alignment.aligner(small, small, PAIRS, "union")
    assert isinstance(both, BothAligner)
    swapped = [(target, source) for source, target in PAIRS]
    every = zip(both.align(PAIRS), both.forward.align(PAIRS), both.backward.align(swapped), strict=True)
    for links, forward, backward in every:
        assert links is not None and forward is not None and backward is not None
        assert links == forward | transposed(backward)


def test_both_directions(trained: Path, files: tuple[Path, Path], command: Command) -> None:
    asked = ("align", "--run", trained, "--source", files[0], "--target", files[1])
    found = {}
    for method in METHODS:
        code, out, err = command(*asked, "--reverse", trained, "--symmetrize", method)
        assert code == 0 and "both directions agree" in err and out.count("\n") == 4
        found[method] = [set(line.split()) for line in out.split("\n")]
    for small, middle, large in zip(
        *(found[m] for m in ("intersection", "grow-diag-final", "union")), strict=True
    ):
        assert small <= middle <= large
    assert command(*asked, "--reverse", trained)[1].split("\n")[3].split() == sorted(
        found["grow-diag-final"][3], key=lambda link: tuple(map(int, link.split("-")))
    )


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"--target": "short"}, "short ends after line 1 but"),
        ({"--target": "latin"}, "latin: not in UTF-8"),
        ({"--target": "nowhere"}, "nowhere: there is no such file"),
        ({"--layer": 2}, "there is no layer 2: this model has layers 1 to 1"),
        ({"--head": 0}, "there is no head 0: this model has heads 1 to 2"),
        ({"--symmetrize": "union"}, "--reverse"),
        ({"--symmetrize": "onion", "--reverse": "nowhere"}, "did you mean 'union'"),
        ({"--gold": "short"}, "short, line 1: 'le' is no link"),
        ({"--gold": "few"}, "few ends after line 1 but"),
        ({"--gold": "far"}, "far, line 2: the link 5-0, but the source has 2 words"),
        ({"--output": "s"}, "s is one of the files to read"),
        ({"--output": "nowhere/links"}, "nowhere/links"),
    ],
)
def test_mistakes_are_one_line_and_write_nothing(
    trained: Path,
    files: tuple[Path, Path],
    command: Command,
    tmp_path: Path,
    changes: dict[str, Any],
    message: str,
) -> None:
    for name, content in (
        ("short", b"le chat\n"),
        ("few", b"0-0\n"),
        ("far", b"\n5-0\n\n\n"),
        ("latin", b"\xe9\n" * 4),
    ):
        (tmp_path / name).write_bytes(content)
    before = sorted(tmp_path.iterdir())
    options = {"--run": trained, "--source": "s", "--target": "t"} | changes
    code, out, err = command("align", *(word for option in options.items() for word in option))
    lines = [line for line in err.splitlines() if not line.startswith("Alignment: ")]
    assert code == 2 and not out and len(lines) == 1 and message in lines[0], err
    assert sorted(tmp_path.iterdir()) == before
    assert (tmp_path / "s").read_text().startswith(PAIRS[0][0])


def test_a_file_that_ends_late_is_refused_before_a_line_is_printed(
    trained: Path, tmp_path: Path, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("seqformer.cli.align.CHUNK", 1)
    (tmp_path / "s").write_text("le chat\n" * (alignment.SAMPLE + 9))
    (tmp_path / "t").write_text("le chat\n" * (alignment.SAMPLE + 8))
    code, out, err = command("align", "--run", trained, "--source", "s", "--target", "t")
    assert (
        code == 2
        and not out
        and err
        == "seqformer: t ends after line 58 but s goes on; "
        + ("line n of one file must translate line n of the other\n")
    )


def test_a_reverse_of_the_same_direction_is_refused(trained: Path) -> None:
    model, other = api.load(trained), api.load(trained)
    for each in (model, other):
        manifest = replace(
            each.predictor.manifest, config=each.predictor.manifest.config | {"languages": "fr-en"}
        )
        each.predictor = replace(each.predictor, manifest=manifest)
    with pytest.raises(RunError, match="fr-en too: the reverse must be a run of en-fr"):
        model.align(PAIRS, reverse=other)
    with pytest.raises(RunError, match="ensemble"):
        api.load([trained, trained]).align(PAIRS)


def test_translations_are_aligned_to_their_source(trained: Path, command: Command) -> None:
    lines = ["le chat mange", "", "Un grand chien."]
    code, out, err = command(
        "translate", *lines, "--run", trained, "--json", "--align", "--n-best", 2, "--detokenize"
    )
    assert code == 0, err
    model = api.load(trained)
    for line, values in zip(lines, map(json.loads, out.splitlines()), strict=True):
        for translation in values["translations"]:
            alignment = translation["alignment"]
            assert len(alignment) == len(translation["text"].split())
            links = [[s, t] for t, sources in enumerate(alignment) for s in sources]
            assert sorted(map(tuple, links)) == model.align([(line, translation["text"])])[0]
    plain = json.loads(command("translate", lines[0], "--run", trained, "--json")[1])
    assert "alignment" not in plain["translations"][0]
    for wrong in ((), ("--json", "--workers", 2), ("--json", "--run", trained)):
        code, out, err = command("translate", "le", "--run", trained, "--align", *wrong)
        assert code == 2 and not out and err.count("\n") == 1 and "--align" in err
