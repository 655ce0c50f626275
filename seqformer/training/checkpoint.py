"""The state of a training on disk: one safetensors file, whole at every moment, and the metrics.

state.safetensors     weights/…   fp32, by name
                      adam/…      averages over the flat vector, and the step
                      rng/…       states of the random generators
                      and, as its metadata, the JSON of :class:`Progress`, and that of the facts that
                      a resumed training is held against
weights.safetensors   the best weights alone, fp32, by name
metrics.jsonl         one JSON object a line; no clocks, so that a repeated run writes the same bytes
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from seqformer.errors import RunError
from seqformer.files import cannot_write, write_whole
from seqformer.training.tensors import write_tensors
from seqformer.training.trouble import Trouble

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
    trouble: Trouble = field(default_factory=Trouble)


def save_weights(path: Path, weights: dict[str, Tensor]) -> None:
    """Weights by name, whole."""
    write_whole(path, lambda beside: write_tensors(beside, weights, {}))


def load_weights(path: Path) -> dict[str, Tensor]:
    """What :func:`save_weights` wrote."""
    return _read(path)[0]


def save_state(path: Path, tensors: dict[str, Tensor], progress: Progress, facts: dict[str, Any]) -> None:
    """Weights, optimizer, generators, progress and facts (plain JSON) in one whole file."""
    generators = {"rng/cpu": torch.get_rng_state()}
    if torch.cuda.is_available():
        generators["rng/cuda"] = torch.cuda.get_rng_state()
    metadata = {"progress": json.dumps(asdict(progress)), "facts": json.dumps(facts)}
    write_whole(path, lambda beside: write_tensors(beside, tensors | generators, metadata))


def read_progress(path: Path) -> Progress:
    """Only the progress of a state file."""
    return _progress(_read(path, tensors=False)[1], path)


def read_facts(path: Path) -> dict[str, Any]:
    """Only the facts of a state file."""
    metadata = _read(path, tensors=False)[1]
    try:
        facts: Any = json.loads(metadata["facts"])
        if not isinstance(facts, dict):
            raise ValueError
    except (KeyError, ValueError):
        raise RunError(f"{path}: not the state of a training of this version") from None
    return facts


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
        if set(values) != {f.name for f in fields(Progress)}:
            raise ValueError
        return Progress(**(values | {"trouble": Trouble(**values["trouble"])}))
    except (KeyError, ValueError, TypeError):
        raise RunError(f"{path}: not the state of a training of this version") from None


class Metrics:
    """The JSON-lines file of a run; a resumed run goes on where its state was saved.

    A link is not followed: it may lead out of the run. Raises :class:`WriteError`, and
    :class:`RunError` where lines that the state knows of are gone.
    """

    def __init__(self, path: Path, keep_bytes: int) -> None:
        self.path, self.bytes = path, keep_bytes
        no_link = getattr(os, "O_NOFOLLOW", 0)  # not in every system
        try:
            self._file = open(
                path, "ab", buffering=0, opener=lambda p, flags: os.open(p, flags | no_link, 0o666)
            )
        except OSError as error:
            raise cannot_write(path, error) from None
        there = os.fstat(self._file.fileno()).st_size
        if there < keep_bytes:
            self.close()
            raise RunError(
                f"{path}: cut to {there:,} of the {keep_bytes:,} bytes it had; put it back to resume this run"
            )
        self._file.truncate(keep_bytes)

    def append(self, record: dict[str, Any]) -> None:
        """One line."""
        line = (json.dumps(record, ensure_ascii=False) + "\n").encode()
        rest = memoryview(line)
        try:
            while rest:  # near the end of a disk only a part may find room
                rest = rest[self._file.write(rest) :]
        except OSError as error:
            raise cannot_write(self.path, error) from None
        self.bytes += len(line)

    def sync(self) -> None:
        """Bring all lines to the disk itself, before a state that counts on them."""
        os.fsync(self._file.fileno())

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
