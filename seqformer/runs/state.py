"""The state of a training in its run folder: one safetensors file, whole at every moment.

state.safetensors     weights/…   fp32, by name
                      adam/…      averages of all weights but Muon's, in a flat vector, and the step
                      muon/…      the momentum of the matrices that Muon trains, likewise
                      ema         the moving average of the weights, a flat vector, if there is one
                      rng/…       states of the random generators
                      and, as its metadata, the JSON of :class:`Progress`, how long the metrics are, and
                      the conditions that a resumed training is held against
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from seqformer.errors import DamagedError
from seqformer.runs.layout import CHECKPOINTS, METRICS, STATE, WEIGHTS, checkpoint
from seqformer.runs.metrics import Metrics
from seqformer.storage.files import parse_json, write_whole
from seqformer.storage.records import from_json
from seqformer.storage.tensors import (
    load_weights,
    read_metadata,
    read_shapes,
    read_tensors,
    save_weights,
    write_tensors,
)
from seqformer.training.averages import EMA
from seqformer.training.distributed import ALONE, Processes
from seqformer.training.nonfinite import NonFinite
from seqformer.training.optimizer import MOMENTUM
from seqformer.training.progress import MOST_PROCESSES, Progress

LATER = {"checkpoints", "shares"}  # fields of the progress that states of earlier versions lack


class RunStore:
    """Keeps what a :class:`Trainer` makes in a run folder: state, best weights, metrics."""

    def __init__(
        self,
        folder: Path,
        conditions: dict[str, Any],
        processes: Processes = ALONE,
        *,
        metrics_bytes: int = 0,
    ) -> None:
        self.folder, self.conditions, self.processes = folder, conditions, processes
        self.metrics = Metrics(folder / METRICS, metrics_bytes, processes.first)

    def save(self, tensors: dict[str, Tensor], progress: Progress) -> None:
        """Write the whole state; each process gives the states of its generators, the first one writes."""
        self.metrics.sync()
        generators = {"rng/cpu": self.processes.stack(torch.get_rng_state())}
        if torch.cuda.is_available():
            generators["rng/cuda"] = self.processes.stack(torch.cuda.get_rng_state())
        if not self.processes.first:
            return
        metadata = {
            "progress": json.dumps(asdict(progress)),
            "metrics_bytes": str(self.metrics.bytes),
            "conditions": json.dumps(self.conditions),
        }
        path = self.folder / STATE
        write_whole(path, lambda beside: write_tensors(beside, tensors | generators, metadata))

    def keep_best(self, weights: dict[str, Tensor]) -> None:
        """Write the best weights so far."""
        if self.processes.first:
            save_weights(self.folder / WEIGHTS, weights)

    def keep_checkpoint(self, weights: dict[str, Tensor], steps: list[int]) -> None:
        """Write the weights of the last of these steps, and remove those of steps not among them."""
        if not self.processes.first:
            return
        wanted = [self.folder / checkpoint(step) for step in steps]
        wanted[-1].parent.mkdir(exist_ok=True)
        save_weights(wanted[-1], weights)
        for path in set((self.folder / CHECKPOINTS).glob("step-*.safetensors")) - set(wanted):
            path.unlink()

    def mean(self, steps: list[int]) -> dict[str, Tensor]:
        """Return the mean of the weights written at these steps."""
        total: dict[str, Tensor] = {}
        for step in steps:
            for name, weights in load_weights(self.folder / checkpoint(step)).items():
                total[name] = total[name] + weights if name in total else weights
        return {name: weights / len(steps) for name, weights in total.items()}

    def close(self) -> None:
        """Close the metrics."""
        self.metrics.close()

    def log(self, record: dict[str, Any]) -> None:
        """Write a line of the metrics."""
        self.metrics.append(record)


def read_progress(path: Path) -> Progress:
    """Return the progress of a state file alone."""
    return _progress(read_metadata(path), path)


def read_conditions(path: Path) -> tuple[dict[str, Any], int]:
    """Return the conditions of a state file, and how long the metrics were."""
    metadata = read_metadata(path)
    try:
        conditions: Any = json.loads(metadata["conditions"])
        if not isinstance(conditions, dict):
            raise ValueError
        return conditions, int(metadata["metrics_bytes"][:18])
    except (KeyError, ValueError):
        raise DamagedError(f"{path}: not the state of a training of this version") from None


def load_state(path: Path, processes: Processes = ALONE, seed: int = 1) -> tuple[dict[str, Tensor], Progress]:
    """Return what :meth:`RunStore.save` wrote; the random generators of this process are set as they were.

    Those of a process beyond the ones that saved are set by the ``seed``, its rank and the step.
    """
    tensors, metadata = read_tensors(path)
    progress = _progress(metadata, path)
    states = tensors.get("rng/cpu", torch.empty(0, 0))
    progress.shares = progress.shares or min(len(states), MOST_PROCESSES)
    try:
        if processes.rank >= len(states) > 0:
            torch.manual_seed(seed + 1000 * processes.rank + 1_000_003 * progress.step)
        else:
            torch.set_rng_state(states[processes.rank].clone())  # a view will not do
            if "rng/cuda" in tensors and torch.cuda.is_available():
                torch.cuda.set_rng_state(tensors["rng/cuda"][processes.rank].clone())
    except (RuntimeError, TypeError, IndexError):
        raise DamagedError(f"{path}: the states of the random generators are damaged") from None
    return tensors, progress


def processes_of(path: Path) -> int:
    """Return how many processes saved a state."""
    return read_shapes(path).get("rng/cpu", (0,))[0]


def check_vectors(
    path: Path, shapes: dict[str, tuple[int, ...]], muon: Iterable[str], *, moving_average: bool
) -> None:
    """Refuse a state whose averages are not those of weights of these shapes; Adam has none at step 0.

    ``muon`` names the matrices that Muon trains, ``moving_average`` says whether the weights have one.
    """
    held = read_shapes(path)
    count = sum(map(math.prod, shapes.values()))
    if moving_average and held.get(EMA) != (count,):
        raise DamagedError(f"{path}: the moving average does not fit the {count:,} weights")
    matrices = sum(math.prod(shapes[name]) for name in muon)
    wanted = {MOMENTUM: (matrices,)} if matrices else {}
    if any(name.startswith("adam/") for name in held):
        wanted |= dict.fromkeys(("adam/exp_avg", "adam/exp_avg_sq"), (count - matrices,))
        wanted["adam/step"] = (1,)
    if {name: shape for name, shape in held.items() if name.startswith(("adam/", "muon/"))} != wanted:
        raise DamagedError(f"{path}: the optimizer's averages do not fit the {count:,} weights")


def _progress(metadata: dict[str, str], path: Path) -> Progress:
    try:
        values = parse_json(metadata["progress"], str(path))
        if set(values) | LATER != {each.name for each in fields(Progress)}:
            raise ValueError
        nonfinite = from_json(NonFinite, values.pop("nonfinite"), "progress")
        return replace(from_json(Progress, values, "progress"), nonfinite=nonfinite)
    except (KeyError, ValueError, TypeError):
        raise DamagedError(f"{path}: not the state of a training of this version") from None
    except DamagedError as error:
        raise DamagedError(f"{path}: not the state of a training of this version ({error})") from None
