"""A run of text: one folder with everything that translating, evaluating and looking inside need.

Beside what every run has (:mod:`seqformer.run_folder`):

manifest.json         how the text was prepared (as in the prepared folder)
tokenizer.model       or source.model and target.model
valid.tsv test.tsv    the held-out pairs
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import torch

from seqformer.config import ARCHITECTURES, DecodeConfig, ModelConfig, TrainConfig
from seqformer.decoding.translator import Translator
from seqformer.device import DTYPES, choose_device, choose_precision
from seqformer.errors import RunError
from seqformer.files import whole_folder, write_json
from seqformer.models import build
from seqformer.models.seq2seq import AttentionMaps, Seq2Seq
from seqformer.run_folder import (
    IMAGES,
    INFO,
    INITIAL,
    Lessons,
    RunFolder,
    check_new,
    new_info,
    newest_first,
    read_info,
    write_configs,
)
from seqformer.text import store, tokenizer
from seqformer.text.batching import pad, pad_sources
from seqformer.text.corpus import read_tsv
from seqformer.text.store import Manifest
from seqformer.text.tasks import Pair
from seqformer.text.tokenizer import BOS
from seqformer.training.checkpoint import save_weights
from seqformer.training.distributed import Processes


@dataclass(frozen=True)
class Attention:
    """The attention of one translation: weights, and the pieces that label rows and columns.

    ``cross`` rows are the pieces being produced; ``decoder`` rows and columns are the pieces fed in.
    """

    maps: AttentionMaps
    source: list[str]  # S pieces, EOS last
    target_in: list[str]  # T pieces, BOS first
    target_out: list[str]  # T pieces, EOS last


class Run(RunFolder[ModelConfig, Seq2Seq]):
    """A run of sentence pairs: those of a toy task or of two languages."""

    config_kind = ModelConfig
    units = "tokens"

    def __init__(self, folder: Path) -> None:
        if read_info(folder)["task"] == IMAGES:
            raise RunError(f"{folder} classifies images, and text was asked for; name another --run")
        super().__init__(folder)
        self.manifest: Manifest = store.read_manifest(folder)

    @property
    def is_translation(self) -> bool:
        """Whether it was trained on text, not on a toy task."""
        return self.manifest.kind == "translation"

    @property
    def score(self) -> str:
        """See :class:`RunFolder`."""
        return "bleu" if self.is_translation else "exact_match"

    def describe(self) -> list[tuple[str, str]]:
        """See :class:`RunFolder`."""
        model, pairs, pieces = self.model_config, self.manifest.pairs, self.manifest.vocabulary
        usual = {f.name: f.default for f in fields(model)}
        own = [
            f"{name.replace('_', ' ')} {getattr(model, name)}"
            for name in ARCHITECTURES[model.arch]
            if name in ("heads", "feed_forward") or getattr(model, name) != usual[name]
        ]
        return [
            ("data", f"{self.manifest.name}: {pairs['train']:,} pairs, {pieces['target']:,} pieces"),
            (
                "model",
                f"{model.arch}, {model.encoder_layers}+{model.decoder_layers} layers, "
                + ", ".join([f"width {model.width}", *own]),
            ),
        ]

    def next_commands(self) -> list[str]:
        """See :class:`RunFolder`."""
        example = "i'm home ." if self.is_translation else self.pairs("test")[0][0]
        return [
            f'seqformer translate "{example}" --run {self.folder}',
            f"seqformer evaluate{' --bleu' if self.is_translation else ''} --run {self.folder}",
            f'seqformer attention "{example}" --run {self.folder}',
        ]

    def build(self) -> Seq2Seq:
        """See :class:`RunFolder`."""
        return build(self.model_config)

    def objective(self, model: Seq2Seq) -> Callable[[Any], tuple[torch.Tensor, int]]:
        """See :class:`RunFolder`."""
        return partial(model.loss, smoothing=self.train_config.label_smoothing)

    def lessons(self, model: Seq2Seq, device: torch.device, processes: Processes) -> Lessons:
        """See :class:`RunFolder`."""
        from seqformer.learn import text_lessons

        return text_lessons(self, model, device, processes)

    @cached_property
    def tokenizer(self) -> tokenizer.Tokenizer:
        """The tokenizer it was trained with."""
        loaded = tokenizer.load(self.folder)
        sizes = (len(loaded.source), len(loaded.target))
        expected = (self.model_config.source_vocabulary, self.model_config.target_vocabulary)
        if sizes != expected:
            raise RunError(
                f"{self.folder}: the tokenizer has {sizes} pieces and the model expects {expected}"
            )
        return loaded

    def pairs(self, split: str) -> list[Pair]:
        """The held-out pairs of ``valid`` or ``test``, normalised."""
        store.check_digest(self.folder, f"{split}.tsv", self.manifest)
        found = list(read_tsv([self.folder / f"{split}.tsv"]))
        if len(found) != self.manifest.pairs[split]:
            raise RunError(
                f"{self.folder / split}.tsv: {len(found)} pairs, expected {self.manifest.pairs[split]}"
            )
        return found

    def translator(self, device: str = "auto", precision: str = "fp32") -> Translator:
        """The run as a translator, that computes in fp32 or bf16 (or ``auto``: what is faster here)."""
        chosen = choose_device(device)
        model = self.load_model(chosen).to(DTYPES[choose_precision(precision, chosen)])
        return self.translator_with(model, chosen)

    def translator_with(self, model: Seq2Seq, device: torch.device) -> Translator:
        """A translator with these weights, of a model of this run's shape."""
        return Translator(model, self.model_config, self.tokenizer, self.manifest, device)


class Model:
    """A trained run in Python.

    >>> model = seqformer.load("runs/en-fr")
    >>> model.translate(["i'm home ."])
    ['je suis chez moi .']
    """

    def __init__(self, run: Run, device: str = "auto") -> None:
        self.run = run
        self._translator = run.translator(device)

    def translate(self, lines: list[str], *, beam: int = 5, length_penalty: float = 1.0) -> list[str]:
        """The best translation of each line, in the order of the lines; blank lines stay blank."""
        config = DecodeConfig(beam=beam, length_penalty=length_penalty)
        return [best[0].text for best in self._translator.translate(lines, config)]

    def attention(self, line: str, *, beam: int = 5) -> Attention:
        """Translate one line and show what every head of every layer looked at."""
        translator = replace(self._translator, whole=True)
        best = translator.translate([line], DecodeConfig(beam=beam))[0][0]
        vocabularies = translator.tokenizer
        source_ids = vocabularies.source.encode([translator.normalizer(line)])[0]
        if not source_ids:
            raise RunError("there is nothing to look at: the text is blank")
        target = vocabularies.target.pieces(best.ids)
        source = pad_sources([source_ids]).to(translator.device)
        with torch.inference_mode():
            maps = translator.model.attention(source, pad([best.ids], BOS, None).to(translator.device))
        return Attention(
            maps=maps,
            source=[*vocabularies.source.pieces(source_ids), "</s>"],
            target_in=["<s>", *target],
            target_out=[*target, "</s>"],
        )


def load(folder: str | Path, device: str = "auto") -> Model:
    """Open a run folder as a :class:`Model`; :class:`RunError` where it is not one."""
    return Model(Run(Path(folder)), device)


def create(
    folder: Path, data: Path, model: ModelConfig, train: TrainConfig, initial: Run | None = None
) -> Run:
    """A new run folder, whole, for a prepared folder. An existing folder is never overwritten.

    ``initial`` is a run whose weights it begins with; they must be of the same shape and pieces.
    """
    check_new(folder)
    manifest = store.read_manifest(data)
    info = new_info(folder, manifest.kind, data, manifest.fingerprint)
    with whole_folder(folder, replaces=INFO) as new:
        write_json(new / INFO, info)
        write_configs(new, model, train)
        for name in (store.MANIFEST, "valid.tsv", "test.tsv", *tokenizer.load(data).files()):
            shutil.copyfile(data / name, new / name)
        if initial:
            weights = initial.load_model(torch.device("cpu")).named_parameters()
            save_weights(new / INITIAL, dict(weights))
    return Run(folder)


def newest(root: Path, *, translation: bool) -> Run | None:
    """The run under ``root`` that was trained last, of text only where ``translation`` is set."""
    for folder in newest_first(root):
        try:
            run = Run(folder)
        except (RunError, ValueError):
            continue
        if run.is_translation or not translation:
            return run
    return None
