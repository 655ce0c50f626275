"""What lies where in a run folder.

run.json              what it is: task, versions, command, where the data lie
config.json           the configurations of model, training and decoding
manifest.json         how the data were prepared, and what else the task keeps: tokenizer, held-out examples
weights.safetensors   the best weights
initial.safetensors   the weights it began with, where those are of another run
state.safetensors     the last weights, and all that resuming needs
checkpoints/          weights of the last validations, where their mean is asked for
metrics.jsonl         losses and scores, a line each
signs.json            below which probability a translation is reported, where that was set
shortlist.json        target pieces likely for each source piece, made when it is first asked for
ctranslate2/          the model as CTranslate2 runs it, made when it first does (:mod:`seqformer.engine`)
log.json              with which logger the training is followed, and under which name there
tensorboard/          its events, if that is TensorBoard
run.lock trainer.json the lock of the process that trains the run, and which process that is
"""

from __future__ import annotations

import dataclasses
import platform
import shlex
import sys
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seqformer import __version__
from seqformer.config import DecodeConfig, TrainConfig
from seqformer.errors import RUN_ADVICE, DamagedError, RunError, damaged
from seqformer.storage.files import check_plain, digest, digest_each, neighbours, read_json, write_json
from seqformer.storage.manifest import MANIFEST, check_format, is_prepared
from seqformer.storage.records import from_json

if TYPE_CHECKING:  # models need torch, which a run that another engine translates with does without
    from seqformer.models import ModelConfig

FORMAT = 2
INFO, CONFIG = "run.json", "config.json"
WEIGHTS, INITIAL, STATE = "weights.safetensors", "initial.safetensors", "state.safetensors"
METRICS, LOCK, TRAINER = "metrics.jsonl", "run.lock", "trainer.json"
SIGNS, LOG, SHORTLIST = "signs.json", "log.json", "shortlist.json"
CHECKPOINTS = "checkpoints"


@dataclass(frozen=True)
class Info:
    """What run.json says."""

    format: int
    name: str
    task: str
    data: str
    data_fingerprint: str
    command: list[str]
    created: str
    versions: dict[str, str]


@dataclass(frozen=True)
class Configs:
    """What config.json says."""

    model: ModelConfig
    train: TrainConfig
    decode: DecodeConfig = dataclasses.field(default_factory=DecodeConfig)


def new_info(folder: Path, task: str, data: Path, fingerprint: str) -> Info:
    """Return what run.json says of a run that begins now."""
    import torch

    versions = {"seqformer": __version__, "torch": torch.__version__, "python": platform.python_version()}
    now = datetime.now(timezone.utc).isoformat(timespec="seconds")
    return Info(FORMAT, folder.name, task, str(data.resolve()), fingerprint, sys.argv[1:], now, versions)


def checkpoint(step: int) -> str:
    """Return the file of the weights of a step, within a run folder."""
    return f"{CHECKPOINTS}/step-{step}.safetensors"


def write_info(folder: Path, info: Info) -> None:
    """Write run.json."""
    write_json(folder / INFO, dataclasses.asdict(info))


def is_run(folder: Path) -> bool:
    """Return whether there is a run in a folder."""
    try:
        return (folder / INFO).is_file()
    except OSError:  # such as a name too long to be one
        return False


def read_info(folder: Path) -> Info:
    """Return what run.json says. Raises :class:`RunError`."""
    if not is_run(folder):
        raise RunError(f"{folder} is {_instead(folder)}")
    with damaged(RunError, RUN_ADVICE):
        check_plain(folder)
        values = read_json(folder / INFO)
        where = str(folder / INFO)
        check_format(values, FORMAT, folder / INFO, RunError)
        if not isinstance(values, dict) or values.get("format") != FORMAT:
            raise DamagedError(f"{where}: not a run of format {FORMAT}{_again(values)}")
        return from_json(Info, values, where)


def _instead(folder: Path) -> str:
    """Say what a folder is that is not a run, and name runs that are there."""
    what = f"not a run (no {INFO})"
    if is_prepared(folder):
        what = "prepared data, not a run"
    there = neighbours(folder, INFO)
    more = f" and {len(there) - 8} more" if len(there) > 8 else ""
    return what + (f"; runs there: {', '.join(there[:8])}{more}" if there else "")


def _again(values: Any) -> str:
    """Say how a run of an earlier version was made."""
    command = values.get("command") if isinstance(values, dict) else None
    if not isinstance(command, list) or values.get("format") != 1:
        return ", but of another version"
    return f"; an earlier version made it with: seqformer {shlex.join(map(str, command))}"


def write_configs(folder: Path, configs: Configs) -> None:
    """Write config.json."""
    from seqformer.models import to_json

    others = {name: dataclasses.asdict(getattr(configs, name)) for name in ("train", "decode")}
    write_json(folder / CONFIG, {"model": to_json(configs.model), **others})


def read_configs(folder: Path) -> Configs:
    """Return what config.json says. Raises :class:`DamagedError`."""
    from seqformer.models import config_from_json

    where = str(folder / CONFIG)
    values = read_json(folder / CONFIG)
    if not isinstance(values, dict) or set(values) != {"model", "train", "decode"}:
        raise DamagedError(f"{where}: expected the three parts 'model', 'train' and 'decode'")
    return Configs(
        config_from_json(values["model"], where),
        from_json(TrainConfig, values["train"], where),
        from_json(DecodeConfig, values["decode"], where),
    )


def digests(folder: Path) -> dict[str, str]:
    """Return digests of the files that the answers of a run depend on; its manifest has those of others."""
    weights = WEIGHTS if (folder / WEIGHTS).is_file() else STATE
    files = (MANIFEST, CONFIG, SIGNS, weights)
    return digest_each(folder / name for name in files if (folder / name).is_file())


def read_unsure(folder: Path) -> float | None:
    """Return what signs.json says, if that is of the weights there are. Raises :class:`RunError`."""
    path = folder / SIGNS
    if not path.is_file():
        return None
    with damaged(RunError, RUN_ADVICE):
        values = read_json(path)
        if set(values) != {"weights", "unsure"} or not isinstance(values["unsure"], float):
            raise DamagedError(f"{path}: not as seqformer writes it")
        return float(values["unsure"]) if values["weights"] == digest(folder / WEIGHTS) else None
