"""The state of a training on disk: one safetensors file, whole at every moment, and the metrics.

state.safetensors     weights/…   fp32, by name
                      adam/…      averages over the flat vector, and the step
                      rng/…       states of the random generators
                      and, as its metadata, the JSON of :class:`Progress`
weights.safetensors   the best weights alone, fp32, by name
metrics.jsonl         one JSON object a line; no clocks, so that a repeated run writes the same bytes
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from seqformer.errors import RunError
from seqformer.files import write_whole

STATE, WEIGHTS, METRICS = "state.safetensors", "weights.safetensors", "metrics.jsonl"


@dataclass
class Progress:
    """Where a training stands: everything beside tensors that the next step depends on."""

    step: int = 0
    epoch: int = 0
    place: int = 0  # batches of this epoch already used
    units: int = 0  # seen in all
    seconds: float = 0.0  # of wall clock, over all sessions
    validations: int = 0
    validated_step: int = -1
    validation_seconds: float = 0.0  # the longest so far
    best: float | None = None
    best_step: int = 0
    worse: int = 0  # validations since the best
    loss_sum: float = 0.0  # since the last line of the metrics
    loss_units: int = 0
    metrics_bytes: int = 0
    finished: str = ""  # why it ended, where it did


def save_weights(path: Path, weights: dict[str, Tensor]) -> None:
    """Weights by name, whole."""
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in weights.items()}
    write_whole(path, lambda beside: save_file(tensors, beside))


def load_weights(path: Path) -> dict[str, Tensor]:
    """What :func:`save_weights` wrote."""
    return _read(path)[0]


def save_state(path: Path, tensors: dict[str, Tensor], progress: Progress) -> None:
    """Weights, optimizer, generators and progress in one whole file."""
    generators = {"rng/cpu": torch.get_rng_state()}
    if torch.cuda.is_available():
        generators["rng/cuda"] = torch.cuda.get_rng_state()
    kept = {name: tensor.detach().cpu().contiguous() for name, tensor in (tensors | generators).items()}
    metadata = {"progress": json.dumps(asdict(progress))}
    write_whole(path, lambda beside: save_file(kept, beside, metadata))


def read_progress(path: Path) -> Progress:
    """Only the progress of a state file."""
    return _progress(_read(path, tensors=False)[1], path)


def load_state(path: Path) -> tuple[dict[str, Tensor], Progress]:
    """What :func:`save_state` wrote; the random generators are set as they were."""
    tensors, metadata = _read(path)
    progress = _progress(metadata, path)
    if "rng/cpu" in tensors:
        torch.set_rng_state(tensors["rng/cpu"])
    if "rng/cuda" in tensors and torch.cuda.is_available():
        torch.cuda.set_rng_state(tensors["rng/cuda"])
    return tensors, progress


def _read(path: Path, tensors: bool = True) -> tuple[dict[str, Tensor], dict[str, str]]:
    try:
        with safe_open(path, framework="pt") as file:
            names = file.keys() if tensors else []
            return {name: file.get_tensor(name) for name in names}, file.metadata() or {}
    except FileNotFoundError:
        raise RunError(f"{path}: there is no such file") from None
    except (SafetensorError, OSError, ValueError) as error:
        raise RunError(f"{path}: not a whole safetensors file ({error})") from None


def _progress(metadata: dict[str, str], path: Path) -> Progress:
    try:
        values: Any = json.loads(metadata["progress"])
        known = {field.name for field in fields(Progress)}
        if set(values) != known:
            raise ValueError
        return Progress(**values)
    except (KeyError, ValueError, TypeError):
        raise RunError(f"{path}: not the state of a training of this version") from None


class Metrics:
    """The JSON-lines file of a run; a resumed run goes on where its state was saved."""

    def __init__(self, path: Path, keep_bytes: int) -> None:
        self._file = open(path, "ab")
        self._file.truncate(keep_bytes)
        self.bytes = keep_bytes

    def append(self, record: dict[str, Any]) -> None:
        """One line."""
        line = (json.dumps(record, ensure_ascii=False) + "\n").encode()
        self._file.write(line)
        self._file.flush()
        self.bytes += len(line)

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def read_metrics(path: Path) -> list[dict[str, Any]]:
    """All whole lines of a metrics file."""
    records = []
    for line in path.read_text("utf-8").splitlines() if path.is_file() else []:
        try:
            records.append(json.loads(line))
        except ValueError:
            break
    return records
