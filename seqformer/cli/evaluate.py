"""``seqformer evaluate``: scores with their signatures, examples, speed."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from seqformer.cli.options import (
    WHAT,
    BeamOption,
    BleuOption,
    CerOption,
    ChrfOption,
    DeviceOption,
    JsonOption,
    LengthPenaltyOption,
    PrecisionOption,
    ReferencesOption,
    RunsOption,
    SourceOption,
    SplitOption,
    TerOption,
    TokenizeOption,
    WerOption,
    WholeOption,
    files_asked,
    named_scores,
    open_runs,
    option,
    print_report,
    refuse_beside,
    translates,
)
from seqformer.errors import SeqformerError

EXAMPLE = "Example: seqformer evaluate --bleu --chrf"


def evaluate(
    context: typer.Context,
    run: RunsOption = None,
    bleu: BleuOption = False,
    chrf: ChrfOption = False,
    ter: TerOption = False,
    wer: WerOption = False,
    cer: CerOption = False,
    tokenize: TokenizeOption = "",
    split: SplitOption = "test",
    data: Annotated[
        list[Path] | None,
        option(
            WHAT,
            "The split of this prepared folder or run instead; several are shown side by side.",
            "DIR",
            "that of the run",
        ),
    ] = None,
    source: SourceOption = None,
    reference: ReferencesOption = None,
    compare: Annotated[
        Path | None,
        option(WHAT, "Test whether another run, or a file of translations, is better or worse.", "RUN|F"),
    ] = None,
    reference_sentences: Annotated[
        bool,
        option(
            WHAT,
            "The four sentences of Dive into Deep Learning: greedy, 9 steps at most, its own BLEU.",
            "",
            False,
            "--reference-sentences",
        ),
    ] = False,
    calibrate: Annotated[
        bool,
        option(
            WHAT,
            "How well the signs of translate --warn tell the bad translations of valid; sets from which "
            "probability on this run reports one as unsure.",
            "",
            False,
            "--calibrate",
        ),
    ] = False,
    beam: BeamOption = None,
    whole: WholeOption = False,
    length_penalty: LengthPenaltyOption = None,
    as_json: JsonOption = False,
    device: DeviceOption = "auto",
    precision: PrecisionOption = "fp32",
    engine: Annotated[
        str,
        option(None, "What translates; both give the same lines but for near ties.", "torch|ctranslate2"),
    ] = "torch",
) -> None:
    """Translate held-out sentences and score them, or classify test images.

    If no score is named, a translation run shows BLEU and chrF, a toy task exact match and token accuracy.
    Scores come with their 95% interval. The signature says how words are counted (tok:).

    Splits are scored as normalised text, your own files as they are. A run of images shows accuracy, class
    by class, and what is taken for what.
    """
    from seqformer import api
    from seqformer.console import note
    from seqformer.report.evaluation import SideBySide, TextEvaluation
    from seqformer.runs.run import Run

    if reference_sentences:
        refuse_beside("--reference-sentences", context, ("reference_sentences", "run", "as_json", "device"))
    searched = {"beam": beam, "length_penalty": length_penalty, "whole": whole or None}
    if calibrate:
        options = ("calibrate", "run", "as_json", "device", "precision", *searched)
        refuse_beside("--calibrate", context, options)
        given = open_runs(run, translates, "that translates")
        if len(given) > 1:
            raise SeqformerError("--calibrate is for one run, and several are given")
        made = api.calibrate(given[0], device=device, precision=precision, **searched)
        print_report(made, as_json)
        note(made.advice)
        return
    metrics = named_scores(bleu=bleu, chrf=chrf, ter=ter, wer=wer, cer=cer)
    text = bool(metrics or data or source or reference or compare or reference_sentences or tokenize)
    runs = open_runs(run, translates if text else lambda r: True, "that translates" if text else "")
    opened = runs[0]
    if not opened.task.reads_text:
        refuse_beside("a run of images", context, ("run", "as_json", "device"))
    files = files_asked(source, reference)
    if compare and compare.is_dir() and Run(compare).info.data_fingerprint != opened.info.data_fingerprint:
        note(
            f"seqformer: {compare} was trained on other pairs than {opened.folder}; "
            "it may have seen these sentences in training"
        )
    folders: list[Path | None] = [*data] if data else [None]
    model = api.load(runs, device=device, precision=precision, engine=engine)
    results = [
        api.evaluate(
            model,
            split=split,
            metrics=metrics,
            data=folder,
            files=files,
            compare=compare,
            chapter=reference_sentences,
            device=device,
            precision=precision,
            tokenize=tokenize,
            engine=engine,
            **searched,
        )
        for folder in folders
    ]
    several = [each for each in results if isinstance(each, TextEvaluation)]
    result = SideBySide(several) if len(several) > 1 else results[0]
    print_report(result, as_json)
    for remark in result.notes() if as_json else ():
        note(remark)
