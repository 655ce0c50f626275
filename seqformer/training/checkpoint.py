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

import contextlib
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from io import FileIO
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from seqformer.errors import RunError, SeqformerError
from seqformer.fields import from_json
from seqformer.files import cannot_write, parse_json, write_whole
from seqformer.training.distributed import ALONE, Processes
from seqformer.training.tensors import write_tensors
from seqformer.training.trouble import Trouble

STATE, WEIGHTS, METRICS = "state.safetensors", "weights.safetensors", "metrics.jsonl"
OURS, ANY = ("F32",), ("F32", "F16", "BF16")  # types of weights in a safetensors file: of runs, of others
MOST_HEADER = 16 << 20  # bytes of the list of tensors that opens a safetensors file
Shapes = Mapping[str, tuple[int, ...]]


@dataclass
class Progress:
    """Where a training stands: everything beside tensors that the next step depends on."""

    step: int = 0
    epoch: int = 0
    part: int = 0  # of this epoch
    place: int = 0  # batches of this part already used
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

    def __post_init__(self) -> None:
        counts = (self.step, self.epoch, self.part, self.place, self.units, self.validations, self.best_step)
        if min(*counts, self.worse, self.metrics_bytes, self.loss_units, self.validated_step + 1) < 0:
            raise RunError("a count is below zero")
        if min(self.seconds, self.validation_seconds) < 0:
            raise RunError("a time is below zero")

    def next_part(self, parts: int) -> None:
        """Begin the next of the ``parts`` of an epoch, after the last one those of the next epoch."""
        self.epoch, self.part = divmod(self.epoch * parts + self.part + 1, parts)
        self.place = 0


def save_weights(path: Path, weights: dict[str, Tensor]) -> None:
    """Weights by name, whole."""
    write_whole(path, lambda beside: write_tensors(beside, weights, {}))


def load_weights(path: Path, kinds: tuple[str, ...] = OURS) -> dict[str, Tensor]:
    """What :func:`save_weights` wrote, or another program in one of these types: as fp32."""
    return _read(path, kinds=kinds)[0]


def check_shapes(path: Path, expected: Shapes, *, prefix: str = "") -> None:
    """Hold a file's list of tensors against the names and shapes of a model before any memory is taken.

    Tensors whose names do not begin with ``prefix`` are not looked at.
    """
    found = {name.removeprefix(prefix): s for name, s in _shapes(path).items() if name.startswith(prefix)}
    for name in sorted(set(expected) ^ set(found)):
        raise RunError(f"{path}: the weights {name!r} are {'missing' if name in expected else 'unknown'}")
    for name, shape in expected.items():
        if found[name] != shape:
            shapes = f"{list(found[name])}, expected {list(shape)}"
            raise RunError(f"{path}: the weights {name!r} have the shape {shapes}")


def check_adam(path: Path, count: int) -> None:
    """Refuse a state whose averages are not those of so many weights; none at all are those of step 0."""
    found = {name: shape for name, shape in _shapes(path).items() if name.startswith("adam/")}
    if found and found != {"adam/exp_avg": (count,), "adam/exp_avg_sq": (count,), "adam/step": (1,)}:
        raise RunError(f"{path}: the optimizer's averages do not fit the {count:,} weights")


def save_state(
    path: Path,
    tensors: dict[str, Tensor],
    progress: Progress,
    facts: dict[str, Any],
    processes: Processes = ALONE,
) -> None:
    """Weights, optimizer, generators, progress and facts (plain JSON) in one whole file.

    All processes of a training call it; each gives the states of its generators, the first one writes.
    """
    generators = {"rng/cpu": processes.stack(torch.get_rng_state())}
    if torch.cuda.is_available():
        generators["rng/cuda"] = processes.stack(torch.cuda.get_rng_state())
    if not processes.first:
        return
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


def load_state(path: Path, processes: Processes = ALONE) -> tuple[dict[str, Tensor], Progress]:
    """What :func:`save_state` wrote; the random generators of this process are set as they were."""
    tensors, metadata = _read(path)
    progress = _progress(metadata, path)
    states = tensors.get("rng/cpu", torch.empty(0, 0))
    if len(states) != processes.size:
        raise RunError(
            f"{path}: trained by {len(states)} processes and to be resumed by {processes.size}; "
            f"resume it with as many as before (torchrun --nproc-per-node {len(states)} -m …)"
        )
    try:
        torch.set_rng_state(states[processes.rank].clone())  # a view will not do
        if "rng/cuda" in tensors and torch.cuda.is_available():
            torch.cuda.set_rng_state(tensors["rng/cuda"][processes.rank].clone())
    except (RuntimeError, TypeError):
        raise RunError(f"{path}: the states of the random generators are damaged") from None
    return tensors, progress


def _read(
    path: Path, tensors: bool = True, kinds: tuple[str, ...] = OURS
) -> tuple[dict[str, Tensor], dict[str, str]]:
    with _open(path) as file:
        held = {name: _tensor(file, name, path, kinds) for name in (file.keys() if tensors else [])}
        return held, file.metadata() or {}


@contextlib.contextmanager
def _open(path: Path) -> Iterator[Any]:
    """A safetensors file of which the list of tensors is read, and is not larger than one can be."""
    try:
        if not path.is_file():
            raise RunError(f"{path}: there is no such file")
        with open(path, "rb") as raw:
            header = int.from_bytes(raw.read(8), "little")
        if header > MOST_HEADER:
            raise RunError(f"{path}: not a whole safetensors file: its header would be {header:,} bytes long")
        with safe_open(path, framework="pt") as file:
            yield file
    except (SafetensorError, OSError, ValueError) as error:
        raise RunError(f"{path}: not a whole safetensors file ({error})") from None


def _shapes(path: Path) -> dict[str, tuple[int, ...]]:
    with _open(path) as file:
        return {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118


def _tensor(file: Any, name: str, path: Path, kinds: tuple[str, ...]) -> Tensor:
    """A tensor of the kind that is expected: finite numbers as fp32, or the bytes of a random generator."""
    kind, expected = file.get_slice(name).get_dtype(), ("U8",) if name.startswith("rng/") else kinds
    if kind not in expected:
        raise RunError(f"{path}: {name!r} is of the type {kind}, expected {' or '.join(expected)}")
    tensor: Tensor = file.get_tensor(name)
    if kind == "U8":
        return tensor
    if not tensor.isfinite().all():
        raise RunError(f"{path}: {name!r} holds numbers that are not finite")
    return tensor.float()


def _progress(metadata: dict[str, str], path: Path) -> Progress:
    try:
        values = parse_json(metadata["progress"], str(path))
        if set(values) != {f.name for f in fields(Progress)}:
            raise ValueError
        trouble = from_json(Trouble, values.pop("trouble"), "progress")
        return replace(from_json(Progress, values, "progress"), trouble=trouble)
    except (KeyError, ValueError, TypeError):
        raise RunError(f"{path}: not the state of a training of this version") from None
    except SeqformerError as error:
        raise RunError(f"{path}: not the state of a training of this version ({error})") from None


class Metrics:
    """The JSON-lines file of a run; a resumed run goes on where its state was saved.

    A link is not followed: it may lead out of the run. Raises :class:`WriteError`, and
    :class:`RunError` where lines that the state knows of are gone.
    """

    def __init__(self, path: Path, keep_bytes: int, writes: bool = True) -> None:
        self.path, self.bytes = path, keep_bytes
        self._file: FileIO | None = None
        if not writes:  # another process does
            return
        kept = path.read_bytes()[:keep_bytes] if keep_bytes and path.is_file() else b""
        if len(kept) < keep_bytes:
            raise RunError(
                f"{path}: cut to {len(kept):,} of the {keep_bytes:,} bytes it had; "
                "put it back to resume this run"
            )
        # a new file in its place: what the old one's name led to, by a link of either kind, stays as it is
        write_whole(path, lambda beside: beside.write_bytes(kept))
        self._file = open(path, "ab", buffering=0)

    def append(self, record: dict[str, Any]) -> None:
        """One line."""
        if self._file is None:
            return
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
        if self._file is not None:
            os.fsync(self._file.fileno())

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()


def read_metrics(path: Path) -> list[dict[str, Any]]:
    """All whole lines of a metrics file, up to the first that is not one: plain values by name."""
    records = []
    for line in path.read_bytes().split(b"\n") if path.is_file() else []:
        try:
            values = parse_json(line, str(path))
        except RunError:
            break
        if not isinstance(values, dict) or "step" not in values:
            break
        if not all(value is None or isinstance(value, (int, float, str)) for value in values.values()):
            break
        records.append(values)
    return records
