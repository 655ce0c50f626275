"""``seqformer evaluate``: scores with their signatures, examples, speed."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from seqformer.cli import compare as comparing
from seqformer.cli import images as image_verbs
from seqformer.cli.options import (
    BeamOption,
    DeviceOption,
    JsonOption,
    LengthPenaltyOption,
    PrecisionOption,
    RunOption,
    image_run,
    open_run,
    refuse_beside,
)
from seqformer.cli.reference import reference_table
from seqformer.errors import SeqformerError, nearest

if TYPE_CHECKING:
    from seqformer.config import DecodeConfig
    from seqformer.decoding.translator import Translator
    from seqformer.report.metrics import Score
    from seqformer.run import Run

EXAMPLE = "Example: seqformer evaluate --bleu --chrf"
SCORES, WHAT = "Scores", "What is evaluated"
SPLITS = ("test", "valid")
SHOWN = 3  # best and worst examples


def evaluate(
    context: typer.Context,
    run: RunOption = None,
    bleu: Annotated[bool, typer.Option("--bleu", rich_help_panel=SCORES, help="BLEU, by sacreBLEU.")] = False,
    chrf: Annotated[bool, typer.Option("--chrf", rich_help_panel=SCORES, help="chrF, by sacreBLEU.")] = False,
    ter: Annotated[bool, typer.Option("--ter", rich_help_panel=SCORES, help="TER, by sacreBLEU.")] = False,
    split: Annotated[
        str, typer.Option(metavar="test|valid", rich_help_panel=WHAT, help="Which held-out part.")
    ] = "test",
    source: Annotated[
        Path | None, typer.Option(metavar="F", rich_help_panel=WHAT, help="Evaluate this file instead …")
    ] = None,
    reference: Annotated[
        Path | None, typer.Option(metavar="F", rich_help_panel=WHAT, help="… against these translations.")
    ] = None,
    compare: Annotated[
        Path | None,
        typer.Option(
            metavar="RUN|F",
            rich_help_panel=WHAT,
            help="Is another run, or a file of translations, better or worse? Two tests of significance.",
        ),
    ] = None,
    reference_sentences: Annotated[
        bool,
        typer.Option(
            "--reference-sentences",
            rich_help_panel=WHAT,
            help="The four sentences of Dive into Deep Learning: greedy, 9 steps at most, its own BLEU.",
        ),
    ] = False,
    beam: BeamOption = 5,
    length_penalty: LengthPenaltyOption = 1.0,
    as_json: JsonOption = False,
    device: DeviceOption = "auto",
    precision: PrecisionOption = "fp32",
) -> None:
    """Translate held-out sentences and score them, or classify test images.

    Without a score named, a text run shows BLEU and chrF, a toy task exact match and token accuracy.
    Scores of sacreBLEU come with their 95% interval.
    Split parts are scored as normalised text, your own files as they are. A run of
    images shows accuracy, class by class, and what is taken for what.
    """
    if reference_sentences:
        refuse_beside("--reference-sentences", context, ("reference_sentences", "run", "as_json", "device"))
        reference_table(open_run(run, translation=True), device, as_json=as_json)
        return
    if images := image_run(run, search=True):
        refuse_beside("a run of images", context, ("run", "as_json", "device"))
        image_verbs.evaluate(images, as_json, device)
        return
    opened = open_run(run, translation=False)
    sources, references = _pairs(opened, split, source, reference)
    names = [name for name, wanted in (("bleu", bleu), ("chrf", chrf), ("ter", ter)) if wanted]
    if not names and opened.is_translation:
        names = ["bleu", "chrf"]
    from seqformer.config import DecodeConfig

    config = DecodeConfig(beam=beam, length_penalty=length_penalty)
    if compare:
        comparing.check(compare, names)
        theirs = comparing.translations(compare, opened, sources, config, device, precision)
    found = _evaluate(opened.translator(device, precision), sources, references, names, config)
    values = found.to_json()
    tested, systems = [], (str(opened.folder), str(compare))
    if compare:
        from seqformer.report import significance

        tested = significance.compare(names, found.translations, theirs, references)
        values["compare"] = comparing.to_json(compare, tested, systems, len(sources))
    if as_json:
        print(json.dumps(values, ensure_ascii=False))
        return
    _show(opened, found, source or split)
    if compare:
        comparing.show(tested, systems, len(sources))


@dataclass(frozen=True)
class _Found:
    sources: list[str]
    references: list[str]
    translations: list[str]
    scores: list[Score]
    exact_match: float
    token_accuracy: float
    seconds: float
    pieces: int

    def to_json(self) -> dict[str, Any]:
        """The one object that ``--json`` prints."""
        return {
            **{
                s.name: {"score": s.score, "interval": s.interval, "signature": s.signature}
                for s in self.scores
            },
            "exact_match": self.exact_match,
            "token_accuracy": self.token_accuracy,
            "sentences": len(self.sources),
            "seconds": self.seconds,
        }


def _pairs(run: Run, split: str, source: Path | None, reference: Path | None) -> tuple[list[str], list[str]]:
    if source is None and reference is None:
        if split not in SPLITS:
            raise SeqformerError(f"there is no split '{split}': {nearest(split, SPLITS)}")
        pairs = run.pairs(split)
        if not pairs:
            raise SeqformerError(f"{run.folder} holds no {split} pairs; give --source and --reference")
        return [s for s, _ in pairs], [r for _, r in pairs]
    if source is None or reference is None:
        raise SeqformerError("--source and --reference go together")
    from seqformer.text.corpus import read_aligned

    rows = list(read_aligned(source, reference))
    if not rows:
        raise SeqformerError(f"{source}: the file is empty")
    return [s for s, _ in rows], [r for _, r in rows]


def _evaluate(
    translator: Translator,
    sources: list[str],
    references: list[str],
    names: list[str],
    config: DecodeConfig,
) -> _Found:
    from seqformer.report import metrics

    begin = time.perf_counter()
    best = [t[0] for t in translator.translate(sources, config)]
    seconds = time.perf_counter() - begin
    texts = [t.text for t in best]
    return _Found(
        sources=sources,
        references=references,
        translations=texts,
        scores=[metrics.corpus_score(name, texts, references, interval=True) for name in names],
        exact_match=metrics.exact_match(texts, references),
        token_accuracy=metrics.token_accuracy(texts, references),
        seconds=seconds,
        pieces=sum(len(t.ids) + 1 for t in best),
    )


def _show(run: Run, found: _Found, what: object) -> None:
    from rich.text import Text

    from seqformer.console import page, table
    from seqformer.report import metrics

    count = len(found.sources)
    scores = table(f"{run.folder} on {what}: {count:,} sentences", "score", "value", "95%", "signature")
    scores.columns[3].justify = "left"
    for score in found.scores:
        assert score.interval is not None
        low, high = score.interval
        title = metrics.TITLES[score.name]
        scores.add_row(title, f"{score.score:.1f}", f"{low:.1f}–{high:.1f}", score.signature)
    scores.add_row("exact match", f"{found.exact_match:.1%}", "", "")
    if not run.is_translation:
        scores.add_row("token accuracy", f"{found.token_accuracy:.1%}", "", "")
    speed = f"{count / found.seconds:,.0f} sentences/s, {found.pieces / found.seconds:,.0f} pieces/s"
    scores.add_row("speed", f"{found.seconds:.1f} s", "", speed)

    ranked = metrics.sentence_scores(found.translations, found.references)
    order = sorted(range(count), key=lambda i: -ranked[i])
    shown = dict.fromkeys([*order[:SHOWN], *order[-SHOWN:]])
    examples = table("Best and worst", "chrF", "source · translation · reference")
    examples.columns[1].justify = "left"
    for i in shown:
        lines = Text(found.sources[i] + "\n")
        lines.append(found.translations[i] + "\n", style="bold")
        lines.append(found.references[i] + "\n", style="dim")
        examples.add_row(f"{ranked[i]:.0f}", lines)
    page(scores, examples)
