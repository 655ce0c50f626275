"""What every run folder has, whatever was trained in it.

run.json              what it is: task, versions, command, where the data lie
config.json           the model's and the training's configuration
weights.safetensors   the best weights
initial.safetensors   the weights it began with, where those are of another run
state.safetensors     the last weights, and all that resuming needs
metrics.jsonl         losses and scores, a line each
"""

from __future__ import annotations

import math
import platform
import sys
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, ClassVar, Generic, TypeVar

import torch
from torch import nn
from torch.overrides import TorchFunctionMode

from seqformer import __version__
from seqformer.config import ModelConfig, TrainConfig, VitConfig, to_json
from seqformer.errors import RunError
from seqformer.fields import check, from_json
from seqformer.files import check_plain, read_json, write_json
from seqformer.training.checkpoint import (
    METRICS,
    STATE,
    WEIGHTS,
    check_adam,
    check_shapes,
    load_weights,
    read_progress,
)
from seqformer.training.distributed import Processes
from seqformer.training.events import Validation
from seqformer.training.trainer import Batches

FORMAT = 1
INFO, CONFIG, INITIAL = "run.json", "config.json", "initial.safetensors"
FIELDS = {
    "format": "int", "name": "str", "task": "str", "data": "str", "data_fingerprint": "str",
    "command": "list[str]", "created": "str", "versions": "dict[str, str]",
}  # fmt: skip  # of run.json
IMAGES = "images"  # the task of a run that classifies images; all others are of text

ConfigT = TypeVar("ConfigT", ModelConfig, VitConfig)
ModelT = TypeVar("ModelT", bound=nn.Module)


@dataclass(frozen=True)
class Lessons:
    """What a model learns from, and how it is examined."""

    batches: Batches
    validate: Callable[[], Validation]
    size: str  # of a batch, in words


class RunFolder(ABC, Generic[ConfigT, ModelT]):
    """An opened run folder. The model is loaded when it is first needed."""

    config_kind: ClassVar[type]
    units: ClassVar[str]  # what losses are averaged over
    model_config: ConfigT

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.info = read_info(folder)
        configs = read_json(folder / CONFIG)
        if not isinstance(configs, dict) or set(configs) != {"model", "train"}:
            raise RunError(f"{folder / CONFIG}: expected the two parts 'model' and 'train'")
        self.model_config = from_json(self.config_kind, configs["model"], str(folder / CONFIG))
        self.train_config = from_json(TrainConfig, configs["train"], str(folder / CONFIG))

    @property
    def data(self) -> Path:
        """What it was trained on."""
        return Path(str(self.info["data"]))

    @property
    @abstractmethod
    def score(self) -> str:
        """The name of the score among what a validation finds."""

    @abstractmethod
    def describe(self) -> list[tuple[str, str]]:
        """Its data and its model, in words."""

    @abstractmethod
    def next_commands(self) -> list[str]:
        """What can be done with it once it is trained."""

    @abstractmethod
    def build(self) -> ModelT:
        """A model of its configuration, freshly initialised."""

    @abstractmethod
    def objective(self, model: ModelT) -> Callable[[Any], tuple[torch.Tensor, int]]:
        """batch -> (summed loss, number of units), as it is trained."""

    @abstractmethod
    def lessons(self, model: ModelT, device: torch.device, processes: Processes) -> Lessons:
        """Its data in batches, and its validation; :class:`RunError` where the data have changed."""

    def configuration(self) -> dict[str, Any]:
        """Every field of both configurations, by name."""
        return to_json(self.model_config) | to_json(self.train_config)

    def change(self, train: TrainConfig) -> None:
        """Store another training configuration."""
        self.train_config = train
        write_configs(self.folder, self.model_config, train)

    def first_model(self) -> ModelT:
        """The model that training begins with: freshly initialised, or with the weights of another run."""
        model, path = self.build(), self.folder / INITIAL
        if path.is_file():
            check_shapes(path, _shapes(model))
            model.load_state_dict(load_weights(path), strict=False)
        return model

    def load_model(self, device: torch.device) -> ModelT:
        """The best weights, in evaluation mode; the last ones where no validation was reached."""
        if (self.folder / WEIGHTS).is_file():
            path, prefix = self.folder / WEIGHTS, ""
        elif (self.folder / STATE).is_file():
            path, prefix = self.folder / STATE, "weights/"
        else:
            raise RunError(
                f"{self.folder} has no weights yet; go on with: seqformer train --resume --run {self.folder}"
            )
        model, shapes = self._outline()
        check_shapes(path, shapes, prefix=prefix)
        held = load_weights(path)
        weights = {name.removeprefix(prefix): held[name] for name in held if name.startswith(prefix)}
        model.to_empty(device=device)
        model.load_state_dict(weights, strict=False)  # shared matrices have one name of two
        return model.eval()

    def check_state(self) -> None:
        """Hold the state to be resumed against the configuration before a model is made."""
        _, shapes = self._outline()
        check_shapes(self.folder / STATE, shapes, prefix="weights/")
        check_adam(self.folder / STATE, sum(map(math.prod, shapes.values())))

    def _outline(self) -> tuple[ModelT, dict[str, tuple[int, ...]]]:
        """A model that takes no memory, and the shape of each of its weights."""
        with torch.device("meta"), _Unfilled():
            model = self.build()
        return model, _shapes(model)


def _shapes(model: nn.Module) -> dict[str, tuple[int, ...]]:
    return {name: tuple(weights.shape) for name, weights in model.named_parameters()}


class _Unfilled(TorchFunctionMode):
    """Within it nothing is filled at random: it means nothing without memory, and costs a second."""

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        given = kwargs or {}
        if getattr(func, "__name__", "") in ("normal_", "uniform_"):
            return given["tensor"] if "tensor" in given else args[0]
        return func(*args, **given)


def read_info(folder: Path) -> dict[str, Any]:
    """What run.json says."""
    if not (folder / INFO).is_file():
        raise RunError(f"{folder} is not a run (no {INFO}); train one with: seqformer train --run {folder}")
    check_plain(folder)
    info = read_json(folder / INFO)
    if not isinstance(info, dict) or info.get("format") != FORMAT:
        raise RunError(f"{folder / INFO}: not a run of format {FORMAT}; it was made by another version")
    for name in sorted(set(FIELDS) ^ set(info)):
        raise RunError(f"{folder / INFO}: {name!r} is {'missing' if name in FIELDS else 'unknown'}")
    for name, kind in FIELDS.items():
        check(kind, name, info[name], str(folder / INFO))
    return info


def new_info(folder: Path, task: str, data: Path, fingerprint: str) -> dict[str, Any]:
    """What run.json says of a run that begins now."""
    return {
        "format": FORMAT,
        "name": folder.name,
        "task": task,
        "data": str(data.resolve()),
        "data_fingerprint": fingerprint,
        "command": sys.argv[1:],
        "created": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "versions": {
            "seqformer": __version__,
            "torch": torch.__version__,
            "python": platform.python_version(),
        },
    }


def check_new(folder: Path) -> None:
    """An existing folder is never overwritten."""
    if folder.exists():
        raise RunError(f"{folder} exists; resume it with --resume, or choose another --run")


def write_configs(folder: Path, model: ModelConfig | VitConfig, train: TrainConfig) -> None:
    """Both configurations as indented JSON."""
    write_json(folder / CONFIG, {"model": to_json(model), "train": to_json(train)})


def newest_first(root: Path) -> list[Path]:
    """The run folders under ``root``, the one that was trained last first."""
    return [info.parent for info in sorted(root.glob(f"*/{INFO}"), key=_touched, reverse=True)]


def unfinished(root: Path) -> Path | None:
    """The newest run folder under ``root`` whose training was cut off, before its first save too."""
    for folder in newest_first(root):
        state = folder / STATE
        if not read_progress(state).finished if state.is_file() else is_untouched(folder):
            return folder
    return None


def is_untouched(folder: Path) -> bool:
    """Whether nothing has been learned in a run folder yet, or nothing that was kept."""
    metrics = folder / METRICS
    learned = (folder / STATE).exists() or (folder / WEIGHTS).exists()
    return not learned and not (metrics.exists() and metrics.stat().st_size)


def _touched(info: Path) -> float:
    """When a run was last written to."""
    times = [
        path.stat().st_mtime for path in (info, info.parent / WEIGHTS, info.parent / STATE) if path.exists()
    ]
    return max(times)
