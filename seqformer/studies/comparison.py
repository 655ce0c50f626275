"""Whether trained runs differ, or one of them was just lucky with these sentences."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from seqformer.engine.model import PathLike
from seqformer.errors import RunError, SeqformerError
from seqformer.inference.evaluation import Files, evaluate
from seqformer.inference.model import load, open_run
from seqformer.report.evaluation import TextEvaluation
from seqformer.report.significance import LEVEL
from seqformer.report.significance import compare as test
from seqformer.report.versus import Versus
from seqformer.runs.run import Run


def compare(
    runs: Sequence[PathLike | Run],
    *,
    split: str = "test",
    metrics: Iterable[str] = (),
    data: PathLike | None = None,
    files: Files | tuple[PathLike, Sequence[PathLike]] | None = None,
    device: str = "auto",
    precision: str = "fp32",
    tokenize: str = "",
    **settings: Any,
) -> Versus:
    """Translate one test set with each of several runs, and test each against the first.

    The set is the ``split`` of the first run, of the folder ``data``, or ``files``; it and all else are as
    for :func:`seqformer.evaluate`. Both of its tests are paired, on the same sentences. With k runs beside
    the first, each test is made at the level 0.05 / k (Bonferroni), so that equal runs are called different
    in one of twenty comparisons at most, however many there are. Raises :class:`SeqformerError`.
    """
    opened = [open_run(run) for run in runs]
    if len({run.folder.resolve() for run in opened}) < max(2, len(opened)):
        raise RunError("a comparison needs at least two runs, and each only once")
    for run in opened:
        if not run.task.reads_text:
            raise RunError(f"{run.folder} classifies images: only runs that translate can be compared")
    if data is None and files is None:
        data = opened[0].folder  # the sentences of the first, for all
    systems = []
    for run in opened:
        result = evaluate(
            load(run, device=device, precision=precision),
            split=split,
            metrics=metrics,
            data=data,
            files=files,
            tokenize=tokenize,
            **settings,
        )
        if not isinstance(result, TextEvaluation) or not result.scores:
            raise SeqformerError("a comparison needs a score: bleu, chrf, ter, wer or cer")
        systems.append(result)
    first, *others = systems
    comparisons = [
        test(
            [score.name for score in first.scores],
            first.translations,
            other.translations,
            first.references,
            first.tokenizer,
            first.others,
            level=LEVEL / len(others),
        )
        for other in others
    ]
    return Versus(systems, comparisons, first.data if files else f"{split} of {first.data}")
