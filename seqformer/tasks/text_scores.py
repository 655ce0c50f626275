"""Scores of translations: of held-out sentences, of files, of the chapter's four sentences."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import replace

from seqformer.config import DecodeConfig
from seqformer.console import counted
from seqformer.decoding.lines import LineTranslator
from seqformer.errors import RunError, SeqformerError, nearest
from seqformer.report import chapter, scores, words
from seqformer.report.chapter import ChapterEvaluation
from seqformer.report.evaluation import TextEvaluation
from seqformer.tasks.task import Question
from seqformer.text.normalize import differences
from seqformer.text.prepared import TextManifest

Columns = list[list[str]]  # sources, their references, and further references, '' where there is none


def scored(
    manifest: TextManifest, predictor: LineTranslator, system: str, question: Question, columns: Columns
) -> TextEvaluation:
    """Return the scores of the translations of sources, the first of ``columns``, by all references."""
    sources, references, *others = columns
    for name in question.metrics:
        if name not in scores.TITLES:
            raise SeqformerError(f"there is no score '{name}': {nearest(name, scores.TITLES)}")
    names = question.metrics or (() if manifest.toy else ("bleu", "chrf"))
    tokenizer, remarks = _tokenizer_of_bleu(question.tokenize, names, references, manifest.languages[1])
    begin = time.perf_counter()
    best = [t[0] for t in predictor.translate(sources, replace(question.decode, n_best=1))]
    seconds = time.perf_counter() - begin
    texts = [t.text for t in best]
    normalised, differs = _normalised(manifest, [references, *others] if question.references else [])
    return TextEvaluation(
        system=system,
        data=str(question.source or (question.held and question.held.folder) or question.split),
        sources=sources,
        references=references,
        translations=texts,
        scores=[
            scores.corpus_score(name, texts, references, interval=True, tokenize=tokenizer, others=others)
            for name in names
        ],
        exact_match=scores.exact_match(texts, references, others),
        token_accuracy=scores.token_accuracy(texts, references, others),
        toy=bool(manifest.toy),
        seconds=seconds,
        pieces=sum(len(t.ids) + 1 for t in best),
        unseen=sum(bool(t.unseen) for t in best),
        others=others,
        in_parts=sum(t.parts > 1 and not t.cut for t in best),
        cut=sum(t.cut for t in best),
        tokenizer=tokenizer,
        remarks=[*remarks, *([differs] if differs else [])],
        normalised=[
            scores.corpus_score(
                name, texts, normalised[0], interval=True, tokenize=tokenizer, others=normalised[1:]
            )
            for name in (names if normalised else ())
        ],
    )


def of_chapter(manifest: TextManifest, translator: LineTranslator, system: str) -> ChapterEvaluation:
    """Return the scores of the four sentences of Dive into Deep Learning, searched as the chapter does."""
    if manifest.toy:
        raise RunError(f"{system} was trained on the task {manifest.toy}: it reads no English")
    greedy = DecodeConfig(beam=1, max_length=chapter.STEPS)
    best = translator.translate(list(chapter.SENTENCES), greedy)
    references = list(map(manifest.normalizer("target"), chapter.SENTENCES.values()))
    return ChapterEvaluation(system, [b[0].text for b in best], references)


def _normalised(manifest: TextManifest, columns: Columns) -> tuple[Columns, str]:
    """Return references normalised as in training, and in what they differ; nothing if in nothing."""
    normalize = manifest.normalizer("target")
    after = [list(map(normalize, column)) for column in columns]
    pairs = [
        (given, normal)
        for before, changed in zip(columns, after, strict=True)
        for given, normal in zip(before, changed, strict=True)
        if given.strip() != normal or given != given.strip()
    ]
    if not pairs:
        return [], ""
    kinds = Counter(kind for pair in pairs for kind in differences(*pair))
    shown = ", ".join(f"{kind} ({count:,})" for kind, count in kinds.most_common())
    return after, (
        f"{counted(len(pairs), 'reference')} differ from what this run writes: {shown}. The scores below "
        "compare with references normalised as the training data were."
    )


def _tokenizer_of_bleu(
    asked: str, names: tuple[str, ...], references: list[str], language: str
) -> tuple[str, list[str]]:
    """Return the tokenizer, '' where BLEU is not asked for, and remarks on what counts as a word."""
    remark, tokenizer = "", ""
    if "bleu" in names:
        chosen = words.choose(asked, references, language)
        remark, tokenizer = chosen.remark, chosen.tokenizer
    elif asked:
        raise SeqformerError(f"the tokenizer {asked} is for BLEU, which is not asked for")
    return tokenizer, [each for each in (remark, words.remark_on_spaces(names, references)) if each]
