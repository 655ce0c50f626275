"""What a resumed training must have as it was, and what it may not have without a word."""

from __future__ import annotations

from typing import Any

import torch

from seqformer.config import CHANGEABLE
from seqformer.errors import RunError
from seqformer.run_folder import CONFIG, RunFolder
from seqformer.training.checkpoint import STATE, WEIGHTS, read_facts, read_progress

CONFIGURATION, COMPUTED = "configuration", "computed"


def facts(run: RunFolder[Any, Any], device: torch.device, precision: str) -> dict[str, Any]:
    """What the state of a training keeps, to be compared when it is resumed."""
    computed = {
        "device": device.type,
        "precision": precision,
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
    }
    return {CONFIGURATION: run.configuration(), COMPUTED: computed}


def check(run: RunFolder[Any, Any]) -> None:
    """A :class:`RunError` that names the first thing in the folder that is not as the training left it."""
    state = run.folder / STATE
    then, now = read_facts(state).get(CONFIGURATION), run.configuration()
    if not isinstance(then, dict):
        raise RunError(f"{state}: not the state of a training of this version")
    for name in sorted((set(then) | set(now)) - set(CHANGEABLE)):
        if then.get(name) != now.get(name):
            allowed = ", ".join("--" + n.replace("_", "-") for n in CHANGEABLE)
            raise RunError(
                f"{run.folder / CONFIG}: '{name}' is {now.get(name)!r}, and {state.name} was trained with "
                f"{then.get(name)!r}; put it back: only {allowed} and --device may change"
            )
    if read_progress(state).best is not None and not (run.folder / WEIGHTS).is_file():
        raise RunError(f"{run.folder / WEIGHTS}: the best weights so far are gone; put them back to resume")


def differences(then: dict[str, Any], now: dict[str, Any]) -> str:
    """In which respect the rest is computed otherwise than what the state ``then`` comes from; or ''."""
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
