"""A run: one folder with everything that using it, resuming it and looking inside need."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path
from typing import Any, final

import torch
from torch.overrides import TorchFunctionMode

from seqformer.config import TrainConfig
from seqformer.device import DTYPES, choose_device, choose_precision
from seqformer.errors import RUN_ADVICE, DataError, RunError, damaged
from seqformer.models import build, to_json
from seqformer.models.seq2seq import lay_out
from seqformer.runs import layout
from seqformer.runs.layout import INITIAL, METRICS, SIGNS, STATE, WEIGHTS
from seqformer.runs.metrics import read_metrics
from seqformer.runs.state import check_vectors, read_progress
from seqformer.storage.files import digest, write_json
from seqformer.storage.tensors import check_shapes, load_weights
from seqformer.tasks import open_task
from seqformer.tasks.task import Task
from seqformer.training.progress import Progress


@final
class Run:
    """An opened run folder. Weights are loaded when they are first needed. Raises :class:`RunError`."""

    def __init__(self, folder: str | Path, training_task: Task[Any] | None = None) -> None:
        self.folder = Path(folder)
        self._training_task = training_task  # where that is open already
        self.info = layout.read_info(self.folder)
        with damaged(RunError, RUN_ADVICE):
            self.configs = layout.read_configs(self.folder)
        self.task: Task[Any] = open_task(self.folder, run=True)
        for name, size in self.task.sizes().items():  # "joint": an imported run keeps a tokenizer a side
            mine = getattr(self.configs.model, name, None)
            if name != "joint" and mine != size:
                raise RunError(
                    f"{self.folder}: the model has {name} {mine} and the data {size}; {RUN_ADVICE}"
                )

    @property
    def data(self) -> Path:
        """The prepared folder it was trained on."""
        return Path(self.info.data)

    @property
    def score(self) -> str:
        """The name of the value that its best weights are chosen by."""
        return self.task.judged_by(self.configs.train.best_by)

    def training_task(self) -> Task[Any]:
        """Return the task of the prepared folder. Raises :class:`RunError` where the data have changed."""
        try:
            task = self._training_task or open_task(self.data)
        except DataError as error:
            raise RunError(
                f"the data of {self.folder} cannot be used: {error}; if they were moved, name their folder"
            ) from None
        if task.manifest.fingerprint != self.info.data_fingerprint:
            raise RunError(
                f"{self.data} was prepared anew since this run began; prepare it as it was, name the folder "
                "that has the same data, or start a new run"
            )
        return task

    def configuration(self) -> dict[str, Any]:
        """Return every setting of model and training, by name."""
        return to_json(self.configs.model) | dataclasses.asdict(self.configs.train)

    def change(self, train: TrainConfig, data: Task[Any] | None = None) -> None:
        """Store another training configuration, and where the data lie now."""
        self.configs = dataclasses.replace(self.configs, train=train)
        layout.write_configs(self.folder, self.configs)
        if data is not None:
            self._training_task = data
            self.info = dataclasses.replace(self.info, data=str(data.folder.resolve()))
            layout.write_info(self.folder, self.info)

    def first_model(self) -> Any:
        """Return the model that training begins with: new, or with the weights of another run."""
        model, path = build(self.configs.model), self.folder / INITIAL
        if path.is_file():
            with self.task.reading():
                check_shapes(path, _shapes(model))
                model.load_state_dict(load_weights(path), strict=False)
        return model

    def load_model(self, device: torch.device) -> Any:
        """Return the best weights, in evaluation mode; the last ones where no validation was reached."""
        if (self.folder / WEIGHTS).is_file():
            path, prefix = self.folder / WEIGHTS, ""
        elif (self.folder / STATE).is_file():
            path, prefix = self.folder / STATE, "weights/"
        else:
            raise RunError(f"{self.folder} has no weights yet: resume its training first")
        model = self.outline()
        with self.task.reading():
            check_shapes(path, _shapes(model), prefix=prefix)
            held = load_weights(path)
        weights = {name.removeprefix(prefix): held[name] for name in held if name.startswith(prefix)}
        # as to_empty(), whose empty_like() of a tensor without memory first imports a compiler
        model._apply(lambda outline: torch.empty(outline.shape, dtype=outline.dtype, device=device))
        model.load_state_dict(weights, strict=False)  # shared matrices have one name of two
        return model.eval()

    def predictor(self, device: str = "auto", precision: str = "fp32") -> Any:
        """Return what answers: a translator or a classifier, in fp32, bf16 or what is faster here (auto)."""
        chosen = choose_device(device)
        model = self.load_model(chosen).to(DTYPES[choose_precision(precision, chosen)])
        lay_out(model)
        predictor = self.task.predictor(model, chosen)
        below = self.unsure if self.task.reads_text else None
        return predictor if below is None else dataclasses.replace(predictor, unsure=below)

    @property
    def unsure(self) -> float | None:
        """The mean log-probability below which a translation is reported, if it was set for these weights."""
        return layout.read_unsure(self.folder)

    @unsure.setter
    def unsure(self, below: float) -> None:
        write_json(self.folder / SIGNS, {"weights": digest(self.folder / WEIGHTS), "unsure": below})

    def check_state(self) -> None:
        """Hold the state to be resumed against the configuration before a model is made."""
        model, config = self.outline(), self.configs.train
        shapes = _shapes(model)
        muon = model.hidden_matrices() if config.optimizer == "muon" else {}
        with self.task.reading():
            check_shapes(self.folder / STATE, shapes, prefix="weights/")
            check_vectors(self.folder / STATE, shapes, muon, moving_average=config.ema > 0)
            needed = 1 - config.keep_last  # with the next one
            for step in read_progress(self.folder / STATE).checkpoints[needed:]:
                check_shapes(self.folder / layout.checkpoint(step), shapes)

    def progress(self) -> Progress | None:
        """Return where its training stands; None before the first save, and of an imported run."""
        path = self.folder / STATE
        with self.task.reading():
            return read_progress(path) if path.is_file() else None

    def metrics(self) -> list[dict[str, Any]]:
        """Return losses and scores as they were logged."""
        return read_metrics(self.folder / METRICS)

    def outline(self) -> Any:
        """Return the model without memory: its modules, and the shapes of its weights."""
        with torch.device("meta"), _Unfilled():
            return build(self.configs.model)

    def weights(self) -> int:
        """Return how many weights the model has."""
        return sum(map(math.prod, _shapes(self.outline()).values()))

    def is_untouched(self) -> bool:
        """Return whether nothing has been learned in it yet, or nothing that was kept."""
        metrics = self.folder / METRICS
        return not self.has_weights and not (metrics.exists() and metrics.stat().st_size)

    @property
    def has_weights(self) -> bool:
        """Whether there are weights that answer: the best, or the last."""
        return (self.folder / STATE).exists() or (self.folder / WEIGHTS).exists()

    def __repr__(self) -> str:
        return f"<Run {self.folder}: {self.task.title}, {self.configs.model.describe()}>"


def _shapes(model: Any) -> dict[str, tuple[int, ...]]:
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
