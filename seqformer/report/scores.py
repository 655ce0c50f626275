"""Scores: sacreBLEU's and error rates, each with the signature that makes it comparable; exact matches."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from seqformer.report import words

TITLES = {"bleu": "BLEU", "chrf": "chrF2", "ter": "TER", "wer": "WER", "cer": "CER"}  # as the metrics do
ERRORS = ("ter", "wer", "cer")  # fewer are better
DRAWS = 10_000_000  # sentences resampled in all at most: resampling takes memory in proportion
RESAMPLES, FEWEST = 1000, 200
Streams = Sequence[list[str]]


@dataclass(frozen=True)
class Score:
    """A corpus score and how it was computed."""

    name: str
    score: float
    signature: str
    interval: tuple[float, float] | None = None  # 95%, by bootstrap, if asked for

    def to_json(self) -> dict[str, Any]:
        """Return the score without its name, as plain JSON values."""
        return {"score": self.score, "interval": self.interval, "signature": self.signature}


def corpus_score(
    name: str,
    hypotheses: list[str],
    references: list[str],
    *,
    interval: bool = False,
    tokenize: str = "",
    others: Streams = (),
    tokens: bool = False,
) -> Score:
    """Return the score ``name``, one of :data:`TITLES`, of a corpus.

    ``bleu``, ``chrf`` and ``ter`` are sacrebleu's, with its defaults (Post 2018) but for what the script of
    the references needs. ``tokenize`` names the tokenizer of BLEU; '' is the one that suits the references.
    ``others`` are further references, each list in the order of the first, '' where there is none.
    With ``tokens`` the references are BLEU's words already, and only the hypotheses are cut into words.
    The ``interval`` is that of sacrebleu's bootstrap (Koehn 2004), of as many resamples as the signature
    says; they are drawn with sacrebleu's seed, so they are reproducible.
    """
    metric = metric_for(name, references, tokenize)
    if tokens:
        hypotheses, metric.tokenizer = list(map(metric.tokenizer, hypotheses)), str
    if not interval:
        result = metric.corpus_score(hypotheses, [references, *others])
        return Score(name, float(result.score), str(metric.get_signature()))
    from sacrebleu.significance import PairedTest

    # a test of one system is the bootstrap of its score; corpus_score(…, n_bootstrap) is the same, and fails
    # if one resample scores 0 (statistics.mean of a float among NumPy's)
    samples = bounded(RESAMPLES, len(hypotheses))
    signatures, scores = PairedTest(
        [("A", hypotheses)], {name: metric}, [references, *others], test_type="bs", n_samples=samples
    )()
    title = TITLES[name]
    (alone,) = scores[title]
    between = (float(alone.mean - alone.ci), float(alone.mean + alone.ci))  # mean and half width
    return Score(name, float(alone.score), str(signatures[title]), between)


def bounded(wanted: int, sentences: int) -> int:
    """Return how often to resample: as wanted up to thousands of sentences, less often for more."""
    return min(wanted, max(FEWEST, DRAWS // sentences))


def sentence_scores(hypotheses: list[str], references: list[str], others: Streams = ()) -> list[float]:
    """Return the chrF of each sentence, which is stable for single sentences, unlike BLEU."""
    metric = metric_for("chrf", references)
    every = zip(references, *others, strict=True)
    return [float(metric.sentence_score(h, list(r)).score) for h, r in zip(hypotheses, every, strict=True)]


def chapter_bleu(hypothesis: str, reference: str, order: int) -> float:
    """Return the BLEU of Dive into Deep Learning, "Sequence-to-Sequence Learning for Machine Translation".

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


def exact_match(hypotheses: list[str], references: list[str], others: Streams = ()) -> float:
    """Return the share of lines that equal one of their references."""
    pairs = list(zip(hypotheses, zip(references, *others, strict=True), strict=True))
    return float(sum(h == every[0] or (bool(h) and h in every) for h, every in pairs) / max(1, len(pairs)))


def proportion_interval(share: float, total: int) -> tuple[float, float]:
    """Return the 95% interval of a share of ``total`` independent examples (Wilson 1927)."""
    z = 1.96
    middle, width = (
        share + z * z / (2 * total),
        z * math.sqrt(share * (1 - share) / total + (z / total / 2) ** 2),
    )
    return (middle - width) / (1 + z * z / total), (middle + width) / (1 + z * z / total)


def token_accuracy(hypotheses: list[str], references: list[str], others: Streams = ()) -> float:
    """Return the share of positions with the right word, by the reference of each line that fits best.

    A missing or surplus word is a wrong position.
    """
    right = total = 0
    for hypothesis, every in zip(hypotheses, zip(references, *others, strict=True), strict=True):
        counts = [_right(hypothesis.split(), reference.split()) for reference in dict.fromkeys(every)]
        best = max(counts, key=lambda count: count[0] / max(1, count[1]))
        right, total = right + best[0], total + best[1]
    return right / max(1, total)


def _right(words: list[str], wanted: list[str]) -> tuple[int, int]:
    return sum(a == b for a, b in zip(words, wanted, strict=False)), max(len(words), len(wanted))


def metric_for(name: str, references: list[str], tokenize: str = "") -> Any:
    """Return the metric object of a name, as sacrebleu's tests take it, for references of this script."""
    from sacrebleu.metrics import CHRF, TER

    if name == "bleu":
        return words.bleu(words.choose(tokenize, references).tokenizer)
    if name == "ter":
        asian = words.has_asian_rules(references)
        return TER(normalized=asian, asian_support=asian)
    if name == "chrf":
        return CHRF()
    from seqformer.report.error_rate import ErrorRate

    return ErrorRate({"wer": "word", "cer": "character"}[name])
