"""Puts a training together: data, model, objective and validation, for a new run or a resumed one."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from itertools import islice
from typing import TYPE_CHECKING, Any, TypeAlias

import torch
from torch import nn

from seqformer import resuming
from seqformer.config import DecodeConfig
from seqformer.device import DTYPES, choose_device, choose_precision
from seqformer.errors import RunError
from seqformer.models.seq2seq import Seq2Seq
from seqformer.report import collapse, metrics
from seqformer.run_folder import Lessons, RunFolder, is_untouched
from seqformer.text import store
from seqformer.text.batching import Batch, PairBatches
from seqformer.training.checkpoint import STATE, read_facts
from seqformer.training.distributed import ALONE, Processes
from seqformer.training.events import Validation
from seqformer.training.trainer import Trainer

if TYPE_CHECKING:
    from seqformer.decoding.translator import Translator
    from seqformer.run import Run

AnyRun: TypeAlias = RunFolder[Any, Any]
VALID_PAIRS = 200  # translated at each validation; the loss is taken over all of valid
OTHER_PAIRS = 400  # whose loss is also taken with another pair's source
OTHER = "valid_loss_other_source"


@dataclass(frozen=True)
class Learning:
    """A training ready to run."""

    trainer: Trainer
    model: nn.Module
    precision: str
    size: str  # of a batch, in words
    remark: str = ""  # on what a resumed training will not be


def begin(run: AnyRun, device: str, started: float | None = None, processes: Processes = ALONE) -> Learning:
    """A trainer for a new run. ``started`` is when its wall-clock budget began (time.monotonic)."""
    return _learning(run, device, started, processes)


def resume(run: AnyRun, device: str, started: float | None = None, processes: Processes = ALONE) -> Learning:
    """A trainer that goes on where a run was cut off: at its beginning, if that was before its first save.

    Raises :class:`RunError` where something that must stay has changed since.
    """
    state = run.folder / STATE
    if processes.agree(is_untouched(run.folder))[0]:  # the first process may have begun to write already
        return begin(run, device, started, processes)
    if not state.is_file():
        raise RunError(f"{run.folder} has no saved state to resume; start again with another --run")
    resuming.check(run)
    run.check_state()
    learning = _learning(run, device, started, processes)
    learning.trainer.resume()
    remark = resuming.differences(read_facts(state), learning.trainer.facts)
    return replace(learning, remark=remark)


def _learning(run: AnyRun, device: str, started: float | None, processes: Processes) -> Learning:
    config = run.train_config
    chosen = choose_device(device)
    precision = choose_precision(config.precision, chosen)
    torch.manual_seed(config.seed)
    model = run.first_model().to(chosen, DTYPES[precision])
    lessons = run.lessons(model, chosen, processes)
    if not processes.first:  # dropout must not fall alike on every share of a batch
        torch.manual_seed(config.seed + 1000 * processes.rank)
    trainer = Trainer(
        model=model,
        batches=lessons.batches,
        objective=run.objective(model),
        validate=lessons.validate,
        config=config,
        folder=run.folder,
        device=chosen,
        facts=resuming.facts(run, chosen, precision),
        processes=processes,
        started=time.monotonic() if started is None else started,
    )
    return Learning(trainer, model, precision, lessons.size)


def text_lessons(run: Run, model: Seq2Seq, device: torch.device, processes: Processes) -> Lessons:
    """The pairs of the prepared folder, and a validation that translates some."""
    manifest = store.read_manifest(run.data)
    if manifest.fingerprint != run.info["data_fingerprint"]:
        raise RunError(
            f"{run.data} was prepared anew since this run began; prepare it as it was, or start a new run"
        )
    model_sizes = (run.model_config.source_vocabulary, run.model_config.target_vocabulary)
    if model_sizes != tuple(manifest.vocabulary[side] for side in ("source", "target")):
        raise RunError(f"{run.folder}: its model was made for {model_sizes} pieces and {run.data} has others")
    config = run.train_config
    batches = PairBatches(store.open_pairs(run.data, "train", manifest), config.tokens_per_batch, config.seed)
    held_out = store.open_pairs(run.data, "valid", manifest)
    translator = run.translator_with(model, device)
    tokens = config.tokens_per_batch * config.accumulate
    return Lessons(
        batches=batches,
        validate=_validator(run, translator, PairBatches(held_out, config.tokens_per_batch, 0), processes),
        size=f"{tokens:,} tokens at most, {batches.padding():.1%} padding",
    )


def _validator(
    run: Run, translator: Translator, batches: PairBatches, processes: Processes
) -> Callable[[], Validation]:
    pairs = list(islice(run.pairs("valid"), VALID_PAIRS))
    sources, references = [s for s, _ in pairs], [r for _, r in pairs]
    shown = sorted(range(len(pairs)), key=lambda i: len(sources[i]))[len(pairs) // 2]
    plans, swapped = batches.in_order(), batches.with_other_sources(OTHER_PAIRS)

    def mean_loss(some: Iterable[Batch]) -> float:
        """Of this process's share of the batches and all others' together."""
        total, units = 0.0, 0
        for batch in some:
            loss, count = translator.model.loss(batch.to(translator.device))
            total, units = total + float(loss), units + count
        total, units = processes.totals(total, units)
        return total / units

    def validate() -> Validation:
        values = {"valid_loss": mean_loss(batches.load(plan) for plan in plans[processes.share])}
        if not math.isfinite(values["valid_loss"]):  # nothing can be searched for
            return Validation(math.nan, values)
        mine = translator.translate(sources[processes.share], DecodeConfig(beam=1))
        found = processes.gather([best[0].text for best in mine])
        losses = None
        if swapped:
            right, other = (mean_loss(pair[i] for pair in swapped[processes.share]) for i in (0, 1))
            losses = collapse.Losses(right, other, sum(len(own.source) for own, _ in swapped))
            values[OTHER] = other
        if run.is_translation:
            values["bleu"] = metrics.corpus_score("bleu", found, references).score
            score = values["bleu"]
        else:
            values["exact_match"] = metrics.exact_match(found, references)
            values["token_accuracy"] = metrics.token_accuracy(found, references)
            score = values["exact_match"] + values["token_accuracy"]
        # where translations are equally good, or still all bad, the loss decides
        return Validation(
            score=score - 1e-3 * values["valid_loss"],
            values=values,
            sample=(sources[shown], found[shown], references[shown]),
            warning=collapse.warning(sources, found, references, losses, run.model_config.causal),
        )

    return validate
