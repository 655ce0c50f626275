"""Scores: sacreBLEU's, each with the signature that makes it comparable, and exactness."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Score:
    """A corpus score and how it was computed."""

    name: str
    score: float
    signature: str


def corpus_score(name: str, hypotheses: list[str], references: list[str]) -> Score:
    """``bleu``, ``chrf`` or ``ter`` of a corpus, by sacrebleu with its defaults (Post 2018)."""
    metric = _metric(name)
    found = metric.corpus_score(hypotheses, [references])
    return Score(name, float(found.score), str(metric.get_signature()))


def sentence_scores(hypotheses: list[str], references: list[str]) -> list[float]:
    """chrF of each sentence: steady at sentence level, where BLEU is not."""
    metric = _metric("chrf")
    return [float(metric.sentence_score(h, [r]).score) for h, r in zip(hypotheses, references, strict=True)]


def chapter_bleu(hypothesis: str, reference: str, order: int) -> float:
    """The BLEU of Dive into Deep Learning, "Sequence-to-Sequence Learning for Machine Translation".

    exp(min(0, 1 - len(reference) / len(hypothesis))) · Π p_n^(1/2^n) for n = 1 … ``order``, where p_n is
    the share of the hypothesis' n-grams that the reference has too, each at most as often as it has it.
    Orders that the hypothesis is too short for are left out; an empty hypothesis scores 0. It is meant
    for single short sentences and is no substitute for sacreBLEU.
    """
    said, wanted = hypothesis.split(), reference.split()
    if not said:
        return 0.0
    score = math.exp(min(0.0, 1 - len(wanted) / len(said)))
    for n in range(1, min(order, len(said)) + 1):
        ours, theirs = _ngrams(said, n), _ngrams(wanted, n)
        score *= ((ours & theirs).total() / ours.total()) ** (0.5**n)
    return score


def _ngrams(words: list[str], n: int) -> Counter[tuple[str, ...]]:
    return Counter(tuple(words[i : i + n]) for i in range(len(words) - n + 1))


def exact_match(hypotheses: list[str], references: list[str]) -> float:
    """The share of lines that equal their reference."""
    pairs = list(zip(hypotheses, references, strict=True))
    return sum(h == r for h, r in pairs) / max(1, len(pairs))


def token_accuracy(hypotheses: list[str], references: list[str]) -> float:
    """The share of positions with the right word; a missing or surplus word is a wrong position."""
    right = total = 0
    for hypothesis, reference in zip(hypotheses, references, strict=True):
        h, r = hypothesis.split(), reference.split()
        right += sum(a == b for a, b in zip(h, r, strict=False))
        total += max(len(h), len(r))
    return right / max(1, total)


def _metric(name: str) -> Any:
    from sacrebleu.metrics import BLEU, CHRF, TER

    # text prepared with split punctuation ends in " .", and sacrebleu would remark on it each time
    return BLEU(force=True) if name == "bleu" else {"chrf": CHRF, "ter": TER}[name]()
