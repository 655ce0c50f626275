"""The scores of a recipe: one name each, whatever it takes to measure them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from seqformer.errors import DataError
from seqformer.formats.corpus import read_lines
from seqformer.inference.evaluation import evaluate
from seqformer.report import moses
from seqformer.report.chapter import ChapterEvaluation
from seqformer.report.evaluation import TextEvaluation
from seqformer.report.scores import ERRORS, TITLES, Score, corpus_score
from seqformer.report.words import choose
from seqformer.runs.run import Run

TOKENS = "bleu_tok_lc"


@dataclass(frozen=True)
class Measure:
    """A score by name."""

    title: str
    fewer: bool = False  # is better


MEASURES = {name: Measure(title, name in ERRORS) for name, title in TITLES.items()}
MEASURES[TOKENS] = Measure("BLEU tok lc")  # tokenised, lower-cased
MEASURES |= {
    "exact_match": Measure("exact match (%)"),
    "wrong_lines": Measure("wrong lines (%)", fewer=True),  # spelling-to-sound work calls it WER
    "token_accuracy": Measure("token accuracy (%)"),
    "chapter_exact": Measure("exact sentences (of 4)"),  # Dive into Deep Learning
    "chapter_bleu": Measure("the book's BLEU"),
}
_SHARES: dict[str, Callable[[TextEvaluation], float]] = {
    "exact_match": lambda result: result.exact_match,
    "wrong_lines": lambda result: 1 - result.exact_match,
    "token_accuracy": lambda result: result.token_accuracy,
}
CHAPTER: dict[str, Callable[[ChapterEvaluation], float]] = {
    "chapter_exact": lambda result: float(result.exact),
    "chapter_bleu": lambda result: result.mean,
}


def check(scores: Iterable[str], language: str) -> None:
    """Refuse scores that cannot be measured here; an extra is missed before a model is trained, not after."""
    if TOKENS in scores:
        choose(moses.NAME, (), language)


def check_tokens(path: Path, sentences: int) -> None:
    """Refuse references as tokens that are not as many as the sentences."""
    count = sum(1 for _ in read_lines(path))
    if count != sentences:
        raise DataError(
            f"{path} has {count:,} lines and the test {sentences:,} sentences: not its references"
        )


def measure(run: Run, scores: Iterable[str], split: str, tokens: Path | None) -> tuple[list[Score], int]:
    """Return the scores of a run in their order, and over how many sentences they are.

    ``tokens`` are references that are tokens already; without such a file those of the split are made tokens.
    """
    scores = list(scores)
    chapter = [name for name in scores if name in CHAPTER]
    measured: dict[str, Score] = {}
    sentences = 0
    if chapter:
        book = evaluate(run, chapter=True)
        assert isinstance(book, ChapterEvaluation)
        measured |= {name: Score(name, CHAPTER[name](book), "") for name in chapter}
        sentences = len(book.translations)
    if len(chapter) < len(scores):
        result = evaluate(run, split=split, metrics=[name for name in scores if name in TITLES] or ["bleu"])
        assert isinstance(result, TextEvaluation)
        measured |= {score.name: score for score in result.scores}
        measured |= {name: Score(name, 100 * share(result), "") for name, share in _SHARES.items()}
        if TOKENS in scores:
            measured[TOKENS] = _on_tokens(result, run.task.manifest.languages[1], tokens)
        sentences = len(result.sources)
    return [measured[name] for name in scores], sentences


def _on_tokens(result: TextEvaluation, language: str, tokens: Path | None) -> Score:
    """Return the BLEU of lower-cased Moses tokens, with its interval."""
    references, others = result.references, result.others
    if tokens:
        references, others = list(map(moses.unescaped, read_lines(tokens))), []
    tokenizer = choose(moses.NAME, references, language).tokenizer
    score = corpus_score(
        "bleu",
        result.translations,
        references,
        interval=True,
        tokenize=tokenizer,
        others=others,
        tokens=tokens is not None,
    )
    return replace(score, name=TOKENS)
