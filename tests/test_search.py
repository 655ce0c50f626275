"""Search: beam 1 is greedy, a wide beam is exhaustive, a batch is its sentences one by one."""

from __future__ import annotations

import re
from itertools import product
from pathlib import Path

import pytest
import torch
from conftest import random_model

from seqformer import decoding
from seqformer.config import DecodeConfig
from seqformer.decoding.search import Hypothesis, _best_pieces, search
from seqformer.models.seq2seq import Seq2Seq
from seqformer.symbols import BOS, EOS, PAD, UNK

SOURCES = torch.tensor([[5, 6, 7, 4, EOS], [8, EOS, PAD, PAD, PAD], [9, 4, 4, EOS, PAD]])


def found(model: Seq2Seq, source: torch.Tensor, limit: int = 8, **options: object) -> list[list[Hypothesis]]:
    config = DecodeConfig(**options)  # type: ignore[arg-type]
    return search(model, source, torch.full((len(source),), limit), config)


def log_probabilities(model: Seq2Seq, source: torch.Tensor, ids: list[int]) -> torch.Tensor:
    """Of each next piece after BOS and ``ids``: (len(ids) + 1, V), with PAD and BOS forbidden."""
    logits = model.logits(model.decode(source, torch.tensor([[BOS, *ids]])))[0]
    logits[:, [PAD, BOS]] = float("-inf")
    return logits.float().log_softmax(-1)


def by_hand(model: Seq2Seq, source: torch.Tensor, limit: int) -> list[int]:
    ids: list[int] = []
    while len(ids) < limit:
        best = int(log_probabilities(model, source, ids)[-1].argmax())
        if best == EOS:
            break
        ids.append(best)
    return ids


BOOKS: list[dict[str, object]] = [  # what the models of d2l have that ours usually have not
    {"tie_output": False, "output_bias": True, "attention_bias": False, "learned_start": True},
    {"arch": "bahdanau", "output_bias": True},
]
KINDS: list[dict[str, object]] = [{"norm": "post"}, {"norm": "pre"}, {"arch": "bahdanau"}, *BOOKS]
ARCHS = pytest.mark.parametrize("arch", ["transformer", "bahdanau"])


@pytest.mark.parametrize("kind", KINDS)
def test_beam_one_is_greedy(kind: dict[str, object]) -> None:
    model = random_model(**kind)
    for row, source in zip(found(model, SOURCES, beam=1), SOURCES, strict=True):
        real = source[source != PAD][None]
        assert row[0].ids == by_hand(model, real, 8)


@ARCHS
@pytest.mark.parametrize("penalty", [0.0, 1.0])
def test_a_wide_beam_finds_what_trying_everything_finds(penalty: float, arch: str) -> None:
    """Six pieces may follow each other, five of them words: all sequences of up to three."""
    model = random_model(source_vocabulary=8, target_vocabulary=8, arch=arch)
    source, limit = torch.tensor([[5, 6, EOS]]), 3
    words = [UNK, 4, 5, 6, 7]
    scored: list[tuple[float, list[int]]] = []
    for length in range(limit):
        for ids in map(list, product(words, repeat=length)):
            log_p = log_probabilities(model, source, ids)
            total = sum(float(log_p[i, t]) for i, t in enumerate([*ids, EOS]))
            scored.append((total / (length + 1) ** penalty, ids))
    for ids in map(list, product(words, repeat=limit)):  # cut at the limit
        log_p = log_probabilities(model, source, ids[:-1])
        scored.append((sum(float(log_p[i, t]) for i, t in enumerate(ids)) / limit**penalty, ids))
    scored.sort(reverse=True)
    best = found(model, source, limit, beam=150, n_best=5, length_penalty=penalty)[0]
    assert [h.ids for h in best] == [ids for _, ids in scored[:5]]
    for hypothesis, (score, _) in zip(best, scored, strict=False):
        assert abs(hypothesis.score - score) < 1e-4


@ARCHS
def test_a_batch_is_its_sentences_one_by_one(arch: str) -> None:
    model = random_model(arch=arch)
    together = found(model, SOURCES, beam=4, n_best=4)
    for row, source in zip(together, SOURCES, strict=True):
        alone = found(model, source[source != PAD][None], beam=4, n_best=4)[0]
        assert [h.ids for h in row] == [h.ids for h in alone]
        assert all(abs(a.score - b.score) < 1e-4 for a, b in zip(row, alone, strict=True))


@ARCHS
def test_sentences_read_a_few_at_a_time_are_translated_as_all_at_once(
    monkeypatch: pytest.MonkeyPatch, arch: str
) -> None:
    model = random_model(arch=arch)
    at_once = found(model, SOURCES, beam=3)
    monkeypatch.setattr("seqformer.decoding.search.ENCODED", 5)
    for one, other in zip(at_once, found(model, SOURCES, beam=3), strict=True):
        assert [h.ids for h in one] == [h.ids for h in other]
        assert [h.score for h in one] == pytest.approx([h.score for h in other], abs=1e-5)


@ARCHS
def test_n_best_is_sorted_distinct_and_scored_by_the_model(arch: str) -> None:
    model = random_model(arch=arch)
    for row, source in zip(found(model, SOURCES, beam=5, n_best=5, length_penalty=0.6), SOURCES, strict=True):
        assert [h.score for h in row] == sorted((h.score for h in row), reverse=True)
        assert len({tuple(h.ids) for h in row}) == len(row)
        for hypothesis in row:
            ended = len(hypothesis.ids) < 8
            ids = hypothesis.ids
            log_p = log_probabilities(model, source[source != PAD][None], ids)
            total = sum(float(log_p[i, t]) for i, t in enumerate([*ids, EOS] if ended else ids))
            assert abs(total - hypothesis.log_probability) < 1e-3
            assert abs(hypothesis.score - total / (len(ids) + ended) ** 0.6) < 1e-3


def test_limits_are_kept_sentence_by_sentence() -> None:
    rows = search(random_model(), SOURCES, torch.tensor([1, 2, 3]), DecodeConfig(beam=3))
    assert [len(row[0].ids) <= limit for row, limit in zip(rows, (1, 2, 3), strict=True)] == [True] * 3


def test_a_confident_model_is_not_outrun_by_its_poorer_hypotheses() -> None:
    """Where every step has one clear answer, the beam must not stop on five poor short endings."""

    class Counting(torch.nn.Module):
        """Says 4 5 6 7 8 9 and ends, with a little probability for everything else."""

        def encode(self, source: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
            return source

        def start(
            self, memory: torch.Tensor, mask: torch.Tensor, pieces: torch.Tensor | None = None
        ) -> Counting:
            self.length = 0
            return self

        def select(self, rows: torch.Tensor, sentences: torch.Tensor | None = None) -> None:
            pass

        def step(self, tokens: torch.Tensor, state: object) -> torch.Tensor:
            logits = torch.zeros(len(tokens), 11)
            for row, token in enumerate(tokens.tolist()):
                wanted = 4 if token == BOS else EOS if token >= 9 else token + 1
                logits[row, wanted] = 9.0
            return logits

    best = found(Counting(), SOURCES[:1], limit=20, beam=5)[0][0]  # type: ignore[arg-type]
    assert best.ids == [4, 5, 6, 7, 8, 9]


def test_decoding_knows_no_architecture() -> None:
    """A new one is found without a line here: what search asks of a model is in ``Seq2Seq``."""
    files = sorted(Path(next(iter(decoding.__path__))).glob("*.py"))
    assert {"search.py", "translator.py"} <= {path.name for path in files}
    for path in files:
        text = path.read_text("utf-8")
        assert re.findall(r"(?i)transformer|bahdanau|gru\b|[^a-z]arch|config\.arch", text) == [], path.name


@pytest.mark.parametrize("size", [5, 90, 640, 1311])
@pytest.mark.parametrize("count", [2, 4])
def test_the_best_pieces_are_those_of_sorting_everything(size: int, count: int) -> None:
    logits = 3 * torch.randn(7, size, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    found, ids = _best_pieces(logits.clone(), count)
    logits[:, [PAD, BOS]] = float("-inf")
    wanted, wanted_ids = logits.log_softmax(-1).sort(descending=True)
    real = found.isfinite()
    assert torch.equal(ids[real], wanted_ids[:, :count][real])
    assert (found - wanted[:, :count])[real].abs().max() < 1e-12
