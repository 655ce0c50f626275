"""What steers a search: each option does what trying everything does, and costs nothing where it is off."""

from __future__ import annotations

import re
from collections import Counter
from functools import cache
from itertools import pairwise, product
from typing import Any

import pytest
import torch
from conftest import random_model
from test_search import SOURCES, log_probabilities

from seqformer.config import DecodeConfig
from seqformer.decoding.rules import Avoided, Begun, MinimumLength, NoRepeat, Required, Sampler, Steering
from seqformer.decoding.search import Hypothesis, search
from seqformer.errors import SeqformerError
from seqformer.models.ensemble import Ensemble
from seqformer.models.seq2seq import Seq2Seq
from seqformer.symbols import BOS, EOS, PAD, UNK

WORDS = [UNK, 4, 5, 6, 7]
PIECES = ["", "", "", "", "▁a", "b", "▁ab", "c"]
SOURCE, LIMIT = torch.tensor([[5, 6, EOS]]), 3
ARCHS = pytest.mark.parametrize("arch", ["transformer", "bahdanau"])


def tiny(arch: str, seed: int = 3) -> Seq2Seq:
    return random_model(source_vocabulary=8, target_vocabulary=8, arch=arch, seed=seed)


@cache
def everything(arch: str) -> list[tuple[float, list[int], bool]]:
    """Return every translation of up to LIMIT pieces: its score, ids, and whether it ends by itself."""
    model, made = tiny(arch), []
    for length in range(LIMIT + 1):
        many = list(map(list, product(WORDS, repeat=length)))
        ended = length < LIMIT
        logits = model.logits(
            model.decode(SOURCE.expand(len(many), -1), torch.tensor([[BOS, *ids] for ids in many]))
        )
        logits[:, :, [PAD, BOS]] = float("-inf")
        log_p = logits.log_softmax(-1)
        for row, ids in zip(log_p, many, strict=True):
            shown = [*ids, EOS] if ended else ids
            total = sum(float(row[i, t]) for i, t in enumerate(shown))
            made.append((total / len(shown), ids, ended))
    return sorted(made, reverse=True)


def found(model: Any, steering: Steering, beam: int = 150, **options: object) -> list[Hypothesis]:
    config = DecodeConfig(beam=beam, **options)  # type: ignore[arg-type]
    return search(model, SOURCE, torch.tensor([LIMIT]), config, steering)[0]


def text(ids: list[int]) -> str:
    return "".join(PIECES[i] for i in ids).replace("▁", " ") + " "


def holds(ids: list[int], phrase: list[int]) -> bool:
    return any(ids[i : i + len(phrase)] == phrase for i in range(len(ids)))


AVOIDED = Avoided(re.compile(r"(?<!\w)(?:ab|abc)(?!\w)"), PIECES, 20)
RULES: dict[str, tuple[Any, Any]] = {
    "minimum length": (MinimumLength(2), lambda ids, ended: len(ids) >= 2),
    "no repeat": (NoRepeat(1), lambda ids, ended: len(set(ids)) == len(ids)),
    "no pair twice": (
        NoRepeat(2),
        lambda ids, ended: len(set(pairwise(ids))) == max(0, len(ids) - 1),
    ),
    "begun": (Begun([6, 4], "", PIECES), lambda ids, ended: ids[:2] == [6, 4]),
    "begun within a word": (
        Begun([], "▁ab", PIECES),
        lambda ids, ended: "".join(PIECES[i] or "?" for i in ids).startswith("▁ab"),
    ),
    "avoided": (
        AVOIDED,
        lambda ids, ended: not any(AVOIDED.pattern.search(text(ids[:n])) for n in range(len(ids) + 1)),
    ),
}


@ARCHS
@pytest.mark.parametrize("name", RULES)
def test_a_rule_finds_what_trying_everything_finds(name: str, arch: str) -> None:
    model = tiny(arch)
    rule, allowed = RULES[name]
    expected = [(score, ids) for score, ids, ended in everything(arch) if allowed(ids, ended)]
    best = found(model, Steering((rule,)), n_best=5)
    assert [h.ids for h in best] == [ids for _, ids in expected[:5]]
    for hypothesis, (score, _) in zip(best, expected, strict=False):
        assert abs(hypothesis.score - score) < 1e-4


@ARCHS
@pytest.mark.parametrize("phrases", [[[4]], [[7, 5]], [[4], [6]], [[4, 4]], [[4], [4]]])
def test_required_words_come_and_the_best_translation_with_them_is_found(
    phrases: list[list[int]], arch: str
) -> None:
    model = tiny(arch)
    joins = torch.zeros(8, dtype=torch.bool)

    def enough(ids: list[int]) -> bool:
        counts = Counter(map(tuple, phrases))
        return all(
            sum(ids[i : i + len(p)] == list(p) for i in range(len(ids))) >= n for p, n in counts.items()
        )

    expected = [ids for _, ids, ended in everything(arch) if ended and enough(ids)]
    best = [h.ids for h in found(model, Steering((), Required([phrases], joins)), n_best=60)]
    assert next(ids for ids in best if len(ids) < LIMIT) == expected[0]
    narrow = found(model, Steering((), Required([phrases], joins)), beam=4)
    assert enough(narrow[0].ids)


def test_a_required_word_is_whole() -> None:
    joins = torch.tensor([bool(re.match(r"\w", piece)) for piece in PIECES])
    for hypothesis in found(tiny("transformer"), Steering((), Required([[[4]]], joins)), n_best=60):
        after = hypothesis.ids[hypothesis.ids.index(4) + 1 :]
        assert not after or not joins[after[0]]


@ARCHS
def test_samples_are_as_frequent_as_the_model_says(arch: str) -> None:
    model = tiny(arch)
    uniforms = torch.rand(1500, LIMIT, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    source = SOURCE.expand(1500, -1)
    drawn = search(
        model, source, torch.full((1500,), LIMIT), DecodeConfig(beam=1), Steering((), None, Sampler(uniforms))
    )
    counts = Counter(tuple(best[0].ids) for best in drawn)
    for score, ids, ended in everything(arch)[:60]:
        p = torch.tensor(score * (len(ids) + ended)).exp().item()
        deviation = (p * (1 - p) / 1500) ** 0.5
        assert abs(counts[tuple(ids)] / 1500 - p) < 4.5 * deviation + 1e-3
    for best in drawn[:20]:
        log_p = log_probabilities(model, SOURCE, best[0].ids[: LIMIT - 1])
        shown = [*best[0].ids, EOS][:LIMIT]
        assert abs(best[0].log_probability - sum(float(log_p[i, t]) for i, t in enumerate(shown))) < 1e-3


def test_top_k_and_top_p_leave_out_what_is_unlikely_and_a_low_temperature_is_greedy() -> None:
    model = tiny("transformer")
    source = SOURCE.expand(200, -1)
    uniforms = torch.rand(200, LIMIT, dtype=torch.float64)

    def drawn(**options: Any) -> list[list[int]]:
        steering = Steering((), None, Sampler(uniforms, **options))
        made = search(model, source, torch.full((200,), LIMIT), DecodeConfig(beam=1), steering)
        return [best[0].ids for best in made]

    greedy = found(model, Steering(), beam=1)[0].ids
    assert all(ids == greedy for ids in drawn(top_k=1) + drawn(top_p=1e-6) + drawn(temperature=1e-3))
    first = log_probabilities(model, SOURCE, [])[0].exp().sort(descending=True)
    for ids in drawn(top_k=2):
        assert ([*ids, EOS])[0] in first.indices[:2].tolist()
    most = int((first.values.cumsum(0) < 0.5).sum()) + 1
    for ids in drawn(top_p=0.5):
        assert ([*ids, EOS])[0] in first.indices[:most].tolist()
    assert drawn() != drawn(temperature=3.0)


def test_a_sample_is_the_same_in_every_batch() -> None:
    model = random_model()
    uniforms = torch.rand(len(SOURCES), 8, dtype=torch.float64)
    limits = torch.full((len(SOURCES),), 8)
    together = search(model, SOURCES, limits, DecodeConfig(beam=1), Steering((), None, Sampler(uniforms)))
    for i, source in enumerate(SOURCES):
        alone = search(
            model,
            source[None],
            limits[:1],
            DecodeConfig(beam=1),
            Steering((), None, Sampler(uniforms[i : i + 1])),
        )
        assert alone[0][0].ids == together[i][0].ids


@ARCHS
def test_an_ensemble_has_the_mean_of_the_probabilities(arch: str) -> None:
    one, other = tiny(arch), tiny("transformer", seed=5)
    both = Ensemble([one, other])
    best = search(both, SOURCE, torch.tensor([LIMIT]), DecodeConfig(beam=150, n_best=5))[0]
    for hypothesis in best:
        shown = [*hypothesis.ids, EOS][:LIMIT]
        p = [log_probabilities(m, SOURCE, shown[:-1]).exp() for m in (one, other)]
        total = sum(float(((p[0][i, t] + p[1][i, t]) / 2).log()) for i, t in enumerate(shown))
        assert abs(hypothesis.log_probability - total) < 1e-3
    twice = search(Ensemble([one, one]), SOURCE, torch.tensor([LIMIT]), DecodeConfig())[0]
    assert [h.ids for h in twice] == [h.ids for h in found(one, Steering(), beam=5)]


@ARCHS
def test_diversity_lets_hypotheses_differ_and_keeps_their_scores(arch: str) -> None:
    model = tiny(arch)
    best = found(model, Steering((), None, None, 100.0), beam=3, n_best=3)
    scores = {tuple(ids): score for score, ids, _ in everything(arch)}
    assert all(abs(h.score - scores[tuple(h.ids)]) < 1e-4 for h in best)
    usual = found(model, Steering(), beam=3, n_best=3)
    assert [h.ids for h in best] != [h.ids for h in usual] or len({h.ids[0] for h in usual if h.ids}) == 3


def test_what_nothing_fits_is_said() -> None:
    nothing = Begun([], "▁zzz", PIECES)
    with pytest.raises(SeqformerError, match="nothing fits all that is asked for"):
        found(tiny("transformer"), Steering((nothing,)), beam=2)
