"""Many processes are one process: the same batches, gradients, losses, and one writer."""

from __future__ import annotations

import os
import socket
import subprocess
import sys

import pytest
import torch
from conftest import MakeRun

from seqformer.config import OPTIMIZERS
from seqformer.errors import RunError
from seqformer.models import build
from seqformer.runs import assemble
from seqformer.runs.metrics import read_metrics
from seqformer.runs.run import Run
from seqformer.training.distributed import ALONE, Processes

RECIPE = {"max_steps": 12, "validate_every": 6, "tokens_per_batch": 96}


QUIET = os.environ | {"OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}


def together(count: int, *arguments: object) -> tuple[int, str]:
    """The command line in so many processes, as torchrun starts them: the worst exit code, and all stderr."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        meeting = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free.getsockname()[1])}
    command = [sys.executable, "-m", "seqformer", *map(str, arguments)]
    started = [
        subprocess.Popen(
            command,
            stderr=subprocess.PIPE,
            text=True,
            env=QUIET | meeting | {"RANK": str(rank), "WORLD_SIZE": str(count)},
        )
        for rank in range(count)
    ]
    said = [process.communicate(timeout=120)[1] for process in started]
    return max(abs(process.returncode) for process in started), "".join(said)


def test_torchrun_starts_them(make_run: MakeRun) -> None:
    run = make_run(**RECIPE)
    start = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    given = ["-m", "seqformer", "--", "train", "--resume", "--run", str(run.folder), "--device", "cpu"]
    done = subprocess.run([*start, *given], capture_output=True, text=True, timeout=120, env=QUIET)
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("Training has ended") == 1  # one of them talks


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_two_processes_are_one(make_run: MakeRun, optimizer: str) -> None:
    """No dropout, so that nothing is left to chance: the same losses, and one process that writes and talks."""
    recipe = RECIPE | {"optimizer": optimizer}
    one, two = (make_run(name, {"dropout": 0.0}, **recipe) for name in ("one", "two"))
    list(assemble.begin(one, "cpu").trainer.run())
    code, said = together(2, "train", "--resume", "--run", two.folder, "--device", "cpu")
    assert code == 0 and said.count("Training has ended") == 1, said  # one of them talks
    logs = [read_metrics(run.folder / "metrics.jsonl") for run in (one, two)]
    for record, other in zip(*logs, strict=True):
        assert record.keys() == other.keys() and record["units"] == other["units"]
        numbers = [k for k in record if not isinstance(record[k], str)]  # all but a warning, and best_by
        assert all(abs(record[k] - other[k]) < 1e-3 * abs(record[k]) + 1e-6 for k in numbers)
        assert record.get("best_by") == other.get("best_by")

    # as many processes go on bit for bit where they stopped; another number is refused
    steady = recipe | {"schedule": "constant"}
    whole, cut = make_run("whole", **steady), make_run("cut", **steady | {"max_steps": 6})
    assert together(2, "train", "--resume", "--run", whole.folder, "--device", "cpu")[0] == 0
    assert together(2, "train", "--resume", "--run", cut.folder, "--device", "cpu")[0] == 0
    with pytest.raises(RunError, match="trained by 2 processes"):
        assemble.resume(Run(cut.folder), "cpu")
    again = ("train", "--resume", "--run", cut.folder, "--max-steps", 12, "--device", "cpu")
    code, said = together(2, *again)
    assert code == 0, said
    states = [(run.folder / "weights.safetensors").read_bytes() for run in (whole, cut)]
    assert states[0] == states[1]


def test_the_gradients_of_shares_add_up(make_run: MakeRun) -> None:
    run = make_run(model={"dropout": 0.0}, **RECIPE)
    torch.manual_seed(1)
    model, config = build(run.configs.model), run.configs.train
    batches = run.training_task().training_data(model, config, torch.device("cpu"), ALONE).batches
    gradients = []
    for count in (1, 2, 3):
        model.zero_grad()
        for rank in range(count):
            share = batches.plan(0)[0][Processes(rank, count).share]
            sums = model.loss(batches.load(share), smoothing=config.label_smoothing)
            sums.objective.backward()
        gradients.append(torch.cat([p.grad.flatten() for p in model.parameters() if p.grad is not None]))
    for other in gradients[1:]:
        assert (gradients[0] - other).abs().max() < 1e-6 * gradients[0].abs().max()


def test_shares_are_the_whole_in_order() -> None:
    items = list(range(7))
    shares = [items[Processes(rank, 3).share] for rank in range(3)]
    assert sorted(shares[0] + shares[1] + shares[2]) == items and [len(share) for share in shares] == [
        3,
        2,
        2,
    ]


def test_a_process_by_itself_sends_nothing() -> None:
    alone = Processes()
    assert alone.agree(0.5, True) == [0.5, True] and alone.gather(["a", "b"]) == ["a", "b"]
    assert alone.totals(1.5, 0.5, 3) == (1.5, 0.5, 3) and alone.say("word") == "word"
    assert torch.equal(alone.stack(torch.ones(2)), torch.ones(1, 2))
