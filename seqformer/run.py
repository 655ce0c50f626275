"""A run: one folder with everything that translating, evaluating and looking inside need.

run.json              what it is: task, versions, command, where the data lie
config.json           the model's and the training's configuration
manifest.json         how the text was prepared (as in the prepared folder)
tokenizer.model       or source.model and target.model
valid.tsv test.tsv    the held-out pairs
weights.safetensors   the best weights
state.safetensors     the last weights, and all that resuming needs
metrics.jsonl         losses and scores, a line each
"""

from __future__ import annotations

import platform
import shutil
import sys
from dataclasses import dataclass
from datetime import datetime, timezone
from functools import cached_property
from pathlib import Path
from typing import Any

import torch

from seqformer import __version__
from seqformer.config import DecodeConfig, ModelConfig, TrainConfig, from_json, to_json
from seqformer.decoding.translator import Translator
from seqformer.device import choose_device
from seqformer.errors import RunError
from seqformer.files import read_json, whole_folder, write_json
from seqformer.models import build
from seqformer.models.seq2seq import AttentionMaps, Seq2Seq
from seqformer.text import store, tokenizer
from seqformer.text.batching import pad, pad_sources
from seqformer.text.corpus import read_tsv
from seqformer.text.store import Manifest
from seqformer.text.tasks import Pair
from seqformer.text.tokenizer import BOS
from seqformer.training.checkpoint import STATE, WEIGHTS, load_weights, read_progress

FORMAT = 1
INFO, CONFIG = "run.json", "config.json"


@dataclass(frozen=True)
class Attention:
    """The attention of one translation: weights, and the pieces that label rows and columns.

    ``cross`` rows are the pieces being produced; ``decoder`` rows and columns are the pieces fed in.
    """

    maps: AttentionMaps
    source: list[str]  # S pieces, EOS last
    target_in: list[str]  # T pieces, BOS first
    target_out: list[str]  # T pieces, EOS last


class Run:
    """An opened run folder. The model is loaded when it is first needed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        if not (folder / INFO).is_file():
            raise RunError(
                f"{folder} is not a run (no {INFO}); train one with: seqformer train --run {folder}"
            )
        info = read_json(folder / INFO)
        if not isinstance(info, dict) or info.get("format") != FORMAT:
            raise RunError(f"{folder / INFO}: not a run of format {FORMAT}; it was made by another version")
        self.info: dict[str, Any] = info
        configs = read_json(folder / CONFIG)
        if not isinstance(configs, dict) or set(configs) != {"model", "train"}:
            raise RunError(f"{folder / CONFIG}: expected the two parts 'model' and 'train'")
        self.model_config = from_json(ModelConfig, configs["model"], str(folder / CONFIG))
        self.train_config = from_json(TrainConfig, configs["train"], str(folder / CONFIG))
        self.manifest: Manifest = store.read_manifest(folder)

    @property
    def is_translation(self) -> bool:
        """Whether it was trained on text, not on a toy task."""
        return self.manifest.kind == "translation"

    @property
    def data(self) -> Path:
        """The prepared folder it was trained on."""
        return Path(str(self.info["data"]))

    def configuration(self) -> dict[str, Any]:
        """Every field of both configurations, by name."""
        return to_json(self.model_config) | to_json(self.train_config)

    def change(self, train: TrainConfig) -> None:
        """Store another training configuration."""
        self.train_config = train
        write_json(self.folder / CONFIG, {"model": to_json(self.model_config), "train": to_json(train)})

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
        return list(read_tsv([self.folder / f"{split}.tsv"]))

    def load_model(self, device: torch.device) -> Seq2Seq:
        """The best weights, in evaluation mode; the last ones where no validation was reached."""
        if (self.folder / WEIGHTS).is_file():
            path = self.folder / WEIGHTS
            weights = load_weights(path)
        elif (self.folder / STATE).is_file():
            path = self.folder / STATE
            held = load_weights(path)
            weights = {k.removeprefix("weights/"): v for k, v in held.items() if k.startswith("weights/")}
        else:
            raise RunError(
                f"{self.folder} has no weights yet; go on with: seqformer train --resume --run {self.folder}"
            )
        model = build(self.model_config)
        expected = dict(model.named_parameters())
        for name in sorted(set(expected) ^ set(weights)):
            raise RunError(f"{path}: the weights '{name}' are {'missing' if name in expected else 'unknown'}")
        for name, parameter in expected.items():
            if parameter.shape != weights[name].shape:
                shapes = f"{list(weights[name].shape)}, expected {list(parameter.shape)}"
                raise RunError(f"{path}: the weights '{name}' have the shape {shapes}")
        model.load_state_dict(weights, strict=False)  # shared matrices have one name of two
        return model.to(device).eval()

    def translator(self, device: str = "auto") -> Translator:
        """The run as a translator."""
        chosen = choose_device(device)
        return Translator(
            model=self.load_model(chosen),
            tokenizer=self.tokenizer,
            normalizer=self.manifest.normalize(),
            length_ratio=self.manifest.length_ratio,
            device=chosen,
        )


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
        translator = self._translator
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


def create(folder: Path, data: Path, model: ModelConfig, train: TrainConfig) -> Run:
    """A new run folder, whole, for a prepared folder. An existing folder is never overwritten."""
    if folder.exists():
        raise RunError(f"{folder} exists; resume it with --resume, or choose another --run")
    manifest = store.read_manifest(data)
    info = {
        "format": FORMAT,
        "name": folder.name,
        "task": manifest.kind,
        "data": str(data.resolve()),
        "data_fingerprint": manifest.fingerprint,
        "command": sys.argv[1:],
        "created": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "versions": {
            "seqformer": __version__,
            "torch": torch.__version__,
            "python": platform.python_version(),
        },
    }
    with whole_folder(folder, replaces=INFO) as partial:
        write_json(partial / INFO, info)
        write_json(partial / CONFIG, {"model": to_json(model), "train": to_json(train)})
        for name in (store.MANIFEST, "valid.tsv", "test.tsv", *tokenizer.load(data).files()):
            shutil.copyfile(data / name, partial / name)
    return Run(folder)


def newest(root: Path, *, translation: bool) -> Run | None:
    """The run under ``root`` that was trained last, of text only where ``translation`` is set."""
    found = sorted(root.glob(f"*/{INFO}"), key=_touched, reverse=True)
    for info in found:
        try:
            run = Run(info.parent)
        except (RunError, ValueError):
            continue
        if run.is_translation or not translation:
            return run
    return None


def unfinished(root: Path) -> Run | None:
    """The newest run under ``root`` whose training was cut off."""
    for info in sorted(root.glob(f"*/{INFO}"), key=_touched, reverse=True):
        state = info.parent / STATE
        if state.is_file() and not read_progress(state).finished:
            return Run(info.parent)
    return None


def _touched(info: Path) -> float:
    """When a run was last written to."""
    times = [
        path.stat().st_mtime for path in (info, info.parent / WEIGHTS, info.parent / STATE) if path.exists()
    ]
    return max(times)
