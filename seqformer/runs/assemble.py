"""Puts a training together: data, model, objective, validation and store, for a new run or a resumed one."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, field
from typing import Any

import torch

from seqformer.device import DTYPES, choose_device, choose_precision
from seqformer.errors import RunError
from seqformer.runs import resume as resuming
from seqformer.runs.layout import INITIAL, STATE
from seqformer.runs.run import Run
from seqformer.runs.state import RunStore, load_state, processes_of, read_conditions
from seqformer.tasks.task import Task
from seqformer.training.distributed import ALONE, Processes
from seqformer.training.objective import Objective
from seqformer.training.trainer import Trainer


@dataclass(frozen=True)
class Training:
    """A training ready to go."""

    trainer: Trainer
    precision: str
    size: str  # of a batch, in words
    remarks: list[str] = field(default_factory=list)  # on validation; on what a resumed training will not be


def begin(
    run: Run, device: str = "auto", started: float | None = None, processes: Processes = ALONE
) -> Training:
    """Return the training of a new run. ``started`` is when its wall-clock budget began (time.monotonic)."""
    return _assemble(run, device, started, processes, resumed=False)


def resume(
    run: Run, device: str = "auto", started: float | None = None, processes: Processes = ALONE
) -> Training:
    """Return a training that goes on where a run was cut off: at its beginning, if nothing was saved yet.

    Raises :class:`RunError` where something that must stay has changed since.
    """
    if processes.agree(run.is_untouched())[0]:  # the first process may have begun to write already
        return begin(run, device, started, processes)
    if not (run.folder / STATE).is_file():
        raise RunError(f"{run.folder} has no saved state to resume; start again with another run")
    return _assemble(run, device, started, processes, resumed=True)


def _assemble(
    run: Run, device: str, started: float | None, processes: Processes, *, resumed: bool
) -> Training:
    new_budget = resumed and resuming.check(run)
    if resumed:
        run.check_state()
    task, config = run.training_task(), run.configs.train
    chosen = choose_device(device)
    precision = choose_precision(config.precision, chosen)
    torch.manual_seed(config.seed)
    model = run.first_model().to(chosen, DTYPES[precision])
    data = task.training_data(model, config, chosen, processes)
    if not processes.first:  # dropout must not fall alike on every share of a batch
        torch.manual_seed(config.seed + 1000 * processes.rank)
    now = resuming.conditions(run, chosen, precision)
    with run.task.reading():
        then, metrics_bytes = read_conditions(run.folder / STATE) if resumed else ({}, 0)
        state = load_state(run.folder / STATE, processes, config.seed) if resumed else None
        divided = resuming.divided(processes_of(run.folder / STATE), processes.size) if resumed else ""
        anew = state is not None and state[1].best is not None and resuming.validated_otherwise(then)
        if state and anew:
            state[1].best = _best_score(run, task, chosen, DTYPES[precision], processes)
        store = RunStore(run.folder, now, processes, metrics_bytes=metrics_bytes)
        trainer = Trainer(
            model=model,
            batches=data.batches,
            objective=Objective(model, config),
            validate=data.validate,
            config=config,
            store=store,
            device=chosen,
            processes=processes,
            validate_first=(run.folder / INITIAL).is_file(),
            matrices=model.hidden_matrices() if config.optimizer == "muon" else {},
            started=time.monotonic() if started is None else started,
        )
        if state:
            trainer.restore(*state, new_budget=new_budget)
    other = resuming.differences(then, now) if resumed else ""
    jump = resuming.rate_jump(run, trainer) if new_budget else ""
    scored = "An earlier version scored other held-out sentences: the best weights so far are scored anew."
    remarks = [*data.remarks, *filter(None, [other, divided, jump, scored if anew else ""])]
    return Training(trainer, precision, data.size, remarks)


def _best_score(
    run: Run, task: Task[Any], device: torch.device, dtype: torch.dtype, processes: Processes
) -> float | None:
    """Return the score that the best weights so far have now; None where it is not finite."""
    model = run.load_model(device).to(dtype)
    with torch.inference_mode():
        result = task.training_data(model, run.configs.train, device, processes).validate()
    return result.score if math.isfinite(result.score) else None
