"""How good runs are: scores of held-out data and files, thresholds of signs, what smaller numbers cost."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from seqformer.config import DecodeConfig
from seqformer.engine import opening
from seqformer.engine.model import PathLike
from seqformer.engine.opening import TORCH
from seqformer.errors import SeqformerError
from seqformer.formats import corpus
from seqformer.inference.model import Model, load, open_run
from seqformer.report import quality, scores, significance
from seqformer.report.evaluation import Evaluation, TextEvaluation
from seqformer.report.quality import Calibration
from seqformer.runs.layout import is_run
from seqformer.runs.run import Run
from seqformer.tasks import open_task, text_task
from seqformer.tasks.task import Question

Files = tuple[PathLike, PathLike]  # source sentences, and their translations line by line


def evaluate(
    run: PathLike | Run | Sequence[PathLike | Run] | Model,
    *,
    split: str = "test",
    metrics: Iterable[str] = (),
    data: PathLike | None = None,
    files: Files | tuple[PathLike, Sequence[PathLike]] | None = None,
    compare: PathLike | Run | None = None,
    chapter: bool = False,
    device: str = "auto",
    precision: str = "fp32",
    tokenize: str = "",
    engine: str = TORCH,
    **settings: Any,
) -> Evaluation:
    """Score a run, or an ensemble of several, or a model of them that is open, on held-out data.

    The split is that of the first run; an open model stays as it was opened.

    ``metrics`` are bleu, chrf, ter, wer and cer for text (bleu and chrf where none is named); ``tokenize`` is
    the tokenizer of BLEU, one of :data:`seqformer.report.words.TOKENIZERS` (where none is named, the one that
    suits the references, which the signature shows); ``files`` are sources
    and references, one file or several, instead of a ``split``; ``data`` is another prepared folder, or a
    run, whose split it is;
    ``compare`` is another run, or a file of translations, that is
    tested for significance; ``chapter`` asks for the four sentences of Dive into Deep Learning instead.
    ``engine`` is as for :func:`load`.
    ``settings`` are fields of :class:`seqformer.config.DecodeConfig`. Raises :class:`SeqformerError`.
    """
    compare = compare.folder if isinstance(compare, Run) else compare
    if compare is not None and not Path(compare).exists():
        raise SeqformerError(f"{compare}: there is no such run or file to compare with")
    model = run if isinstance(run, Model) else load(run, device=device, precision=precision, engine=engine)
    opened = model.run
    source: Path | None = None
    references: tuple[Path, ...] = ()
    if files is not None:
        given = [files[1]] if isinstance(files[1], (str, Path)) else files[1]
        source, references = Path(files[0]), tuple(map(Path, given))
    metrics = (metrics,) if isinstance(metrics, str) else tuple(metrics)
    held = None if data is None else open_task(Path(data), run=is_run(Path(data)))
    if held and (files or chapter or not (held.reads_text and opened.task.reads_text)):
        raise SeqformerError(f"{data} has a split of sentence pairs, and something else is to be evaluated")
    question = Question(
        split,
        metrics,
        held,
        source,
        references,
        chapter=chapter,
        decode=model.decode_config(**settings),
        tokenize=tokenize,
    )
    result = opened.task.evaluate(model.predictor, " + ".join(str(r.folder) for r in model.runs), question)
    if compare is None:
        return result
    if not isinstance(result, TextEvaluation) or not result.scores:
        raise SeqformerError("a comparison needs a score: bleu, chrf, ter, wer or cer")
    theirs = _translations(Path(compare), result.sources, question.decode, device, precision)
    tests = significance.compare(
        [score.name for score in result.scores],
        result.translations,
        theirs,
        result.references,
        result.tokenizer,
        result.others,
    )
    return replace(result, other=str(compare), comparisons=tests)


def calibrate(
    run: PathLike | Run, *, device: str = "auto", precision: str = "fp32", **settings: Any
) -> Calibration:
    """Translate ``valid``, and see how well signs and log-probability tell its bad translations.

    The threshold of the sign ``unsure`` found so is that of the run from then on, until its weights change.
    ``settings`` are as for :func:`evaluate`. Raises :class:`SeqformerError`.
    """
    opened = open_run(run)
    model = load(opened, device=device, precision=precision)
    model.expect(text=True)
    task = text_task(opened.task)
    if task.manifest.toy or not task.manifest.pairs["valid"]:
        raise SeqformerError(f"{opened.folder}: there is no valid to translate")
    sources, *references = task.sentences("valid")
    best = model.translate(sources, **settings | {"n_best": 1})
    made = quality.calibrate(
        str(opened.folder),
        "valid",
        [t.log_probability / max(1, t.length) for t in best],
        scores.sentence_scores([t.text for t in best], references[0], references[1:]),
        [t.warnings for t in best],
    )
    if made.threshold is not None:
        opened.unsure = made.threshold
    return made


def quantization_cost(run: Run, exported: Path, shortlist: bool = False) -> tuple[int, str, str, str] | None:
    """Return what smaller numbers cost a run that was exported to CTranslate2, measured on ``valid``.

    With ``shortlist`` it is what both cost together.

    Returns the number of sentences, the name of the score, and its values in float32 and as exported; None
    where there is no ``valid``.
    """
    task = text_task(run.task)
    if not (count := task.manifest.pairs["valid"]):
        return None
    engines = opening.translator(run), opening.exported(run, exported, shortlist)
    whole, less = (task.held_out_score(each, run.configs.decode) for each in engines)
    name = scores.TITLES.get(whole.name, "exact match")
    shown = ".1f" if whole.name in scores.TITLES else ".1%"
    return count, name, format(whole.score, shown), format(less.score, shown)


def _translations(
    other: Path, sources: list[str], config: DecodeConfig, device: str, precision: str
) -> list[str]:
    """Return what the other system makes of the same sources: a run translates them, a file holds them."""
    if other.is_dir():
        model = load(other, device=device, precision=precision)
        return [t.text for t in model.translate(sources, **asdict(replace(config, n_best=1)))]
    lines = list(corpus.read_lines(other))
    if len(lines) != len(sources):
        raise SeqformerError(
            f"{other} has {len(lines):,} lines and there are {len(sources):,} sentences; "
            "line n must translate sentence n"
        )
    return lines
