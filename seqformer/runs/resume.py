"""What a resumed training must have as it was, and what it may not have without a word."""

from __future__ import annotations

from dataclasses import MISSING, fields, replace
from pathlib import Path
from typing import Any

import torch

from seqformer.config import CHANGEABLE, LIMITS, TrainConfig
from seqformer.errors import RunError
from seqformer.runs.layout import CONFIG, STATE, WEIGHTS, is_run
from seqformer.runs.run import Run
from seqformer.runs.state import read_conditions, read_progress
from seqformer.tasks import open_task
from seqformer.training.schedule import learning_rate
from seqformer.training.trainer import Trainer, reached

CONFIGURATION, COMPUTED = "configuration", "computed"


def conditions(run: Run, device: torch.device, precision: str) -> dict[str, Any]:
    """Return what the state of a training keeps, to be compared when it is resumed."""
    computed = {
        "device": device.type,
        "precision": precision,
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
    }
    return {CONFIGURATION: run.configuration(), COMPUTED: computed}


def change(run: Run, settings: dict[str, Any], data: Path | None) -> None:
    """Take new limits, and a new place of the same data, for a run to be resumed.

    A limit replaces every earlier one, whether that was given or the usual one. Raises :class:`RunError`
    for a setting that would change what is trained, and for other data.
    """
    current = run.configuration()
    for name, value in settings.items():
        had = current.get(name, "none")
        if name not in CHANGEABLE and had != value:
            raise RunError(
                f"{name} {value}: {run.folder} was begun with {had}, and a resumed run keeps it; "
                f"only {_allowed()} may change"
            )
    if data is not None and is_run(data):
        raise RunError(f"{data} is a run, not prepared data; name the prepared folder")
    task = None if data is None else open_task(data)
    if task and task.manifest.fingerprint != run.info.data_fingerprint:
        raise RunError(
            f"{data} holds other data than {run.folder} was begun with; name the folder with the same"
        )
    changes = {name: value for name, value in settings.items() if name in CHANGEABLE}
    if any(changes.get(name) for name in LIMITS):
        changes = dict.fromkeys(LIMITS, 0) | changes
    if changes or task:
        run.change(replace(run.configs.train, **changes), task)


def nothing_left(run: Run) -> str:
    """Return why a run needs no more training; '' if it does, or if that is seen only when it goes on."""
    progress, config = run.progress(), run.configs.train
    if progress is None:
        return ""
    used = {"steps": progress.step, "minutes": progress.seconds / 60}
    for name, limit in config.limits.items():
        if name in used and used[name] >= limit:
            return reached(name, limit)
    same = read_conditions(run.folder / STATE)[0].get(CONFIGURATION) == run.configuration()
    return progress.finished if same else ""


def rate_jump(run: Run, trainer: Trainer) -> str:
    """Return how the learning rate jumps where a resumed training has a new limit; '' where it does not."""
    rates = [record["learning_rate"] for record in run.metrics() if "learning_rate" in record]
    state = trainer.state
    used = trainer.progress(len(trainer.batches.plan(state.epoch, state.part)))
    now = learning_rate(trainer.config, state.step, used)
    if not rates or abs(now - rates[-1]) <= 0.1 * max(now, rates[-1]):
        return ""
    return f"With the new limit the learning rate goes on at {now:.2g}; it was {rates[-1]:.2g}."


def check(run: Run) -> bool:
    """Refuse a folder that is not as its training left it, naming the first thing that changed.

    A setting that a state of an earlier version lacks has its default.
    Returns whether the limits changed, so that a new budget begins.
    """
    state = run.folder / STATE
    with run.task.reading():
        kept, now = read_conditions(state)[0].get(CONFIGURATION), run.configuration()
        best = read_progress(state).best
    if not isinstance(kept, dict):
        raise RunError(f"{state}: not the state of a training of this version")
    then = _defaults(run) | kept  # a state of an earlier version lacks what is new
    changed = [name for name in sorted(set(then) | set(now)) if then.get(name) != now.get(name)]
    for name in changed:
        if name not in CHANGEABLE:
            raise RunError(
                f"{run.folder / CONFIG}: '{name}' is {now.get(name)!r}, and {state.name} was trained with "
                f"{then.get(name)!r}; put it back: only {_allowed()} may change"
            )
    if best is not None and not (run.folder / WEIGHTS).is_file():
        raise RunError(f"{run.folder / WEIGHTS}: the best weights so far are gone; put them back to resume")
    return any(name in LIMITS for name in changed)


def validated_otherwise(then: dict[str, Any]) -> bool:
    """Return whether a state is of an earlier version, which scored other held-out sentences."""
    return "best_by" not in then.get(CONFIGURATION, {})


def _defaults(run: Run) -> dict[str, Any]:
    """Return the values of settings that a state does not name, since they are younger than it."""
    settings = [*fields(run.configs.model), *fields(TrainConfig)]
    return {each.name: each.default for each in settings if each.default is not MISSING}


def differences(then: dict[str, Any], now: dict[str, Any]) -> str:
    """Return in which respect the rest is computed otherwise than the state ``then``; '' for none."""
    before, after = then.get(COMPUTED, {}), now[COMPUTED]
    changed = [
        f"{name} {after[name]} instead of {before.get(name)}"
        for name in after
        if after[name] != before.get(name)
    ]
    if changed:
        return f"Computed with {', '.join(changed)}: not bit for bit what the run would have been."
    if after["device"] != "cpu":
        return "On a GPU, not every kernel adds up in a fixed order: the last bits may differ."
    return ""


def divided(before: int, now: int) -> str:
    """Return what another number of processes changes in the rest of a training; '' where it is the same."""
    if before == now:
        return ""
    many = "1 process" if now == 1 else f"{now:,} processes"
    return (
        f"Resumed by {many} instead of {before:,}: each step takes the same examples, and losses and weights "
        "differ by the order of summation alone, but for dropout, which falls otherwise from here on."
    )


def _allowed() -> str:
    return ", ".join(name.replace("_", "-") for name in CHANGEABLE) + " and the device"
