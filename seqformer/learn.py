"""Puts a training together: data, model, objective and validation, for a new run or a resumed one."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from itertools import islice

import torch

from seqformer import run as runs
from seqformer.config import DecodeConfig
from seqformer.decoding.translator import Translator
from seqformer.device import DTYPES, choose_device, choose_precision
from seqformer.errors import RunError
from seqformer.models import build
from seqformer.models.seq2seq import Seq2Seq
from seqformer.report import metrics
from seqformer.text import store
from seqformer.text.batching import PairBatches
from seqformer.training.checkpoint import STATE
from seqformer.training.trainer import Trainer, Validation

VALID_PAIRS = 200  # translated at each validation; the loss is taken over all of valid


@dataclass(frozen=True)
class Learning:
    """A training ready to run."""

    trainer: Trainer
    model: Seq2Seq
    precision: str
    padding: float  # share of the first epoch


def begin(run: runs.Run, device: str, started: float | None = None) -> Learning:
    """A trainer for a new run. ``started`` is when its wall-clock budget began (time.monotonic)."""
    return _learning(run, device, started)


def resume(run: runs.Run, device: str, started: float | None = None) -> Learning:
    """A trainer that goes on where a run was cut off."""
    if not (run.folder / STATE).is_file():
        raise RunError(f"{run.folder} has no saved state to resume; start again with another --run")
    learning = _learning(run, device, started)
    learning.trainer.resume()
    return learning


def _learning(run: runs.Run, device: str, started: float | None) -> Learning:
    manifest = store.read_manifest(run.data)
    if manifest.fingerprint != run.info["data_fingerprint"]:
        raise RunError(
            f"{run.data} was prepared anew since this run began; prepare it as it was, or start a new run"
        )
    config = run.train_config
    chosen = choose_device(device)
    precision = choose_precision(config.precision, chosen)
    torch.manual_seed(config.seed)
    model = build(run.model_config).to(chosen, DTYPES[precision])
    batches = PairBatches(store.open_pairs(run.data, "train", manifest), config.tokens_per_batch, config.seed)
    held_out = store.open_pairs(run.data, "valid", manifest)
    translator = Translator(model, run.tokenizer, manifest.normalize(), manifest.length_ratio, chosen)
    trainer = Trainer(
        model=model,
        batches=batches,
        objective=partial(model.loss, smoothing=config.label_smoothing),
        validate=_validator(run, translator, PairBatches(held_out, config.tokens_per_batch, 0)),
        config=config,
        folder=run.folder,
        device=chosen,
        started=time.monotonic() if started is None else started,
    )
    return Learning(trainer, model, precision, batches.padding(0))


def _validator(run: runs.Run, translator: Translator, batches: PairBatches) -> Callable[[], Validation]:
    pairs = list(islice(run.pairs("valid"), VALID_PAIRS))
    sources, references = [s for s, _ in pairs], [r for _, r in pairs]
    shown = sorted(range(len(pairs)), key=lambda i: len(sources[i]))[len(pairs) // 2]
    plans = batches.in_order()

    def validate() -> Validation:
        total, units = 0.0, 0
        for plan in plans:
            loss, count = translator.model.loss(batches.load(plan).to(translator.device))
            total, units = total + float(loss), units + count
        found = [best[0].text for best in translator.translate(sources, DecodeConfig(beam=1))]
        values = {"valid_loss": total / units}
        if run.is_translation:
            values["bleu"] = metrics.corpus_score("bleu", found, references).score
            score = values["bleu"]
        else:
            values["exact_match"] = metrics.exact_match(found, references)
            values["token_accuracy"] = metrics.token_accuracy(found, references)
            score = values["exact_match"] + values["token_accuracy"]
        # where translations are equally good, or still all bad, the loss decides
        return Validation(
            score - 1e-3 * values["valid_loss"], values, (sources[shown], found[shown], references[shown])
        )

    return validate
