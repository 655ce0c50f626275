"""The contract of a task: what can be learned from a prepared folder.

A new kind of data is a folder of its own beside ``text`` and ``images``, a task, and one line in
:mod:`seqformer.tasks`.
"""

from __future__ import annotations

import contextlib
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Generic, Protocol, TypeVar

import torch
from rich.console import RenderableType

from seqformer.config import DecodeConfig, TrainConfig
from seqformer.console import counted
from seqformer.errors import SeqformerError, damaged, nearest
from seqformer.report.attention import Look
from seqformer.report.best import value_named
from seqformer.report.evaluation import Evaluation
from seqformer.report.explanation import Explanation
from seqformer.report.scores import Score
from seqformer.report.segmentation import Segmentation
from seqformer.storage import share
from seqformer.storage.manifest import Manifest
from seqformer.training.distributed import Processes
from seqformer.training.events import Validation
from seqformer.training.trainer import Batches

ManifestT = TypeVar("ManifestT", bound=Manifest)


@dataclass(frozen=True)
class TrainingData:
    """What a model is trained and validated on."""

    batches: Batches
    validate: Callable[[], Validation]
    size: str  # of a batch, in words
    remarks: tuple[str, ...] = ()  # on how it is validated


@dataclass(frozen=True)
class Question:
    """What an evaluation is asked for; what a task has no use for it refuses."""

    split: str = "test"
    metrics: tuple[str, ...] = ()
    held: Task[Any] | None = None  # whose split it is, if it is not that of the run
    source: Path | None = None  # files of one's own instead of a split
    references: tuple[Path, ...] = ()  # of the source, one or several files
    chapter: bool = False  # the four sentences of Dive into Deep Learning instead
    decode: DecodeConfig = field(default_factory=DecodeConfig)
    tokenize: str = ""  # the tokenizer of BLEU; '' is the one that suits the references


class Judged(Protocol):
    """What has scores."""

    @property
    def title(self) -> str: ...
    @property
    def best_by(self) -> tuple[str, ...]: ...
    @property
    def usual_best_by(self) -> str: ...


def chosen_best_by(what: Judged, asked: str) -> str:
    """Return the setting asked for, the usual one for ``auto``; refuse a score that the task has not."""
    if asked == "auto":
        return what.usual_best_by
    if asked not in what.best_by:
        raise SeqformerError(f"best by '{asked}' is not for {what.title}: {nearest(asked, what.best_by)}")
    return asked


class Task(ABC, Generic[ManifestT]):
    """A prepared folder, or a run, as something to learn. Opened by :func:`seqformer.tasks.open_task`."""

    manifest_kind: ClassVar[type[Manifest]]
    units: ClassVar[str]  # what losses are averaged over
    architectures: ClassVar[tuple[str, ...]]  # the first where none is named
    metrics: ClassVar[tuple[str, ...]]  # that an evaluation can be asked for
    reads_text: ClassVar[bool]
    inputs: ClassVar[str]  # what a model reads, in a word
    best_by: ClassVar[tuple[str, ...]]  # that the best weights can be chosen by, as settings

    def __init__(self, folder: Path, manifest: ManifestT, kind: type[SeqformerError], advice: str) -> None:
        self.folder, self.manifest = folder, manifest
        self._kind, self._advice = kind, advice

    def reading(self) -> contextlib.AbstractContextManager[None]:
        """Return a block in which a damaged file becomes an error that says what to do about the folder."""
        return damaged(self._kind, self._advice)

    @property
    @abstractmethod
    def title(self) -> str:
        """What is learned, in a word or two."""

    @property
    @abstractmethod
    def score(self) -> str:
        """The name of the value that says whether it learned, among those of a validation."""

    @property
    @abstractmethod
    def usual_best_by(self) -> str:
        """The setting that suits the data best, of :attr:`best_by`."""

    def judged_by(self, best_by: str) -> str:
        """Return the name of the value by which a run with this setting chooses its best weights.

        ``auto`` stands in runs of earlier versions, which chose by the score.
        """
        return self.score if best_by == "auto" else value_named(chosen_best_by(self, best_by))

    @property
    def examples(self) -> int:
        """How many there are to train on."""
        return self.manifest.pairs["train"]

    def share_of(self, config: TrainConfig) -> int:
        """Return how many examples a training with these settings uses."""
        return share.size(self.examples, config.share)

    def share_remarks(self, config: TrainConfig) -> tuple[str, ...]:
        """Say how many examples are used, where that is not all."""
        if config.share == 1:
            return ()
        return (f"Training on {self.share_of(config):,} of {counted(self.examples, 'training example')}.",)

    @abstractmethod
    def batches(self, tokens: int) -> int:
        """Return about how many batches of so many tokens an epoch has, at least 1."""

    @property
    @abstractmethod
    def units_in_epoch(self) -> int:
        """How many units a pass over all training examples has."""

    @property
    def chance(self) -> float:
        """What guessing scores."""
        return 0.0

    @property
    def counts_characters(self) -> bool:
        """Whether the score counts characters, of which more are right by chance than of words."""
        return False

    @property
    def recipe(self) -> dict[str, Any]:
        """Settings of model and training that suit the task, below every other."""
        return {}

    @property
    def preset(self) -> str:
        """The preset to take where none is named; '' where it depends on architecture and size."""
        return ""

    @abstractmethod
    def sizes(self) -> dict[str, Any]:
        """Return the settings of a model that the data decide."""

    @abstractmethod
    def reads_like(self, other: Task[Any]) -> bool:
        """Return whether a model of the other task reads these data as it was trained to."""

    def check(self, model: Any) -> None:
        """Refuse a configuration that cannot read these data."""

    def check_training(self, config: TrainConfig) -> None:
        """Refuse settings of training that do nothing for these data."""

    @abstractmethod
    def kept_files(self) -> list[str]:
        """Return the files of the folder, beside the manifest, that a run must keep."""

    @abstractmethod
    def describe(self) -> str:
        """Return the data in words."""

    @abstractmethod
    def tables(self) -> list[RenderableType]:
        """Return what was kept and dropped, and examples, for a terminal."""

    @abstractmethod
    def next_commands(self, run: str) -> list[str]:
        """Return what can be done with a trained run, as commands."""

    @abstractmethod
    def training_data(
        self, model: Any, config: TrainConfig, device: torch.device, processes: Processes
    ) -> TrainingData:
        """Return batches and validation for a model under training."""

    @abstractmethod
    def predictor(self, model: Any, device: torch.device) -> Any:
        """Return what answers with a trained model on a device."""

    @abstractmethod
    def evaluate(self, predictor: Any, system: str, question: Question) -> Evaluation:
        """Return scores of a predictor on held-out data. ``system`` is its name."""

    @abstractmethod
    def held_out_score(self, predictor: Any, config: DecodeConfig) -> Score:
        """Return the score that "best" means, on all validation examples, with its 95% interval."""

    @abstractmethod
    def explain(self, predictor: Any, what: str, config: DecodeConfig) -> Explanation:
        """Return every number on the way of one input through a model."""

    @abstractmethod
    def look(self, predictor: Any, what: str, config: DecodeConfig) -> Look:
        """Return what a model looked at in one input: a sentence, the number of a test image, a PNG."""

    def segmentation(self, text: str) -> Segmentation:
        """Return how a line is cut into pieces. Raises :class:`SeqformerError` where inputs are no text."""
        raise SeqformerError(f"{self.folder} learns {self.title}: there is no text to cut into pieces")
