"""Many processes are one process: the same batches, gradients, losses, and one writer."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from conftest import MakeRun

from seqformer.config import OPTIMIZERS
from seqformer.models import build
from seqformer.runs import assemble
from seqformer.runs import resume as resuming
from seqformer.runs.metrics import read_metrics
from seqformer.runs.run import Run
from seqformer.runs.state import load_state
from seqformer.training.distributed import ALONE, Processes

RECIPE = {"max_steps": 12, "validate_every": 6, "tokens_per_batch": 96}


QUIET = os.environ | {"OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
# one process imports what all need, and is then forked: a line of JSON in, one of exit codes out;
# a process of another folder than the first is on another machine: what the first names it finds in its own
FORKED = """
import json, os, sys
import seqformer.api, seqformer.cli.watch, torch.distributed, torch._dynamo
from seqformer.cli import main
from seqformer.training.distributed import Processes
say = Processes.say

def elsewhere(first, place):
    def hidden(event, arguments):
        if event == "open" and str(arguments[0]).startswith(first):
            raise FileNotFoundError(2, "on another machine", str(arguments[0]))
    sys.addaudithook(hidden)
    Processes.say = lambda processes, text: say(processes, text).replace(first, place)

for line in sys.stdin:
    places, port, arguments = json.loads(line)
    children = []
    for rank, place in enumerate(places):
        children.append(os.fork())
        if not children[-1]:
            os.chdir(place)
            os.dup2(os.open(f"said-{rank}", os.O_CREAT | os.O_TRUNC | os.O_WRONLY), 2)
            os.environ |= {"RANK": str(rank), "WORLD_SIZE": str(len(places))}
            os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
            sys.argv = ["seqformer", *arguments]
            if place != places[0]:
                elsewhere(places[0], place)
            main()
    print([os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children], flush=True)
"""
Together = Callable[..., tuple[int, str]]


@pytest.fixture(scope="module")
def together(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Together]:
    """The command line in processes, as torchrun starts them: the worst exit code, and all stderr.

    Each begins in one of the given folders, or so many in an empty one.
    """
    if not hasattr(os, "fork"):
        pytest.skip("processes are forked here")
    command, pipe = [sys.executable, "-c", FORKED], subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, env=QUIET) as server:
        assert server.stdin and server.stdout

        def run(where: int | list[Path], *arguments: object) -> tuple[int, str]:
            count = where if isinstance(where, int) else len(where)
            places = [tmp_path_factory.mktemp("place")] * count if isinstance(where, int) else where
            with socket.socket() as free:
                free.bind(("127.0.0.1", 0))
                port = free.getsockname()[1]
            print(
                json.dumps([[*map(str, places)], port, [*map(str, arguments)]]), file=server.stdin, flush=True
            )
            codes = json.loads(server.stdout.readline())
            said = [(place / f"said-{rank}").read_text() for rank, place in enumerate(places)]
            return max(map(abs, codes)), "".join(said)

        yield run
        server.stdin.close()


def test_torchrun_starts_them(make_run: MakeRun) -> None:
    run = make_run(**RECIPE)
    start = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    given = ["-m", "seqformer", "--", "train", "--resume", "--run", str(run.folder), "--device", "cpu"]
    done = subprocess.run([*start, *given], capture_output=True, text=True, timeout=120, env=QUIET)
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("Training has ended") == 1  # one of them talks


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_two_processes_are_one(make_run: MakeRun, together: Together, optimizer: str) -> None:
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

    # as many processes go on bit for bit where they stopped
    steady = recipe | {"schedule": "constant"}
    whole, cut = make_run("whole", **steady), make_run("cut", **steady | {"max_steps": 6})
    assert together(2, "train", "--resume", "--run", whole.folder, "--device", "cpu")[0] == 0
    assert together(2, "train", "--resume", "--run", cut.folder, "--device", "cpu")[0] == 0
    again = ("train", "--resume", "--run", cut.folder, "--max-steps", 12, "--device", "cpu")
    code, said = together(2, *again)
    assert code == 0, said
    states = [(run.folder / "weights.safetensors").read_bytes() for run in (whole, cut)]
    assert states[0] == states[1]


def losses(folder: Path) -> list[float]:
    """All numbers of the metrics, in order."""
    return [
        v for line in read_metrics(folder / "metrics.jsonl") for v in line.values() if isinstance(v, float)
    ]


def test_another_number_of_processes_goes_on(make_run: MakeRun, together: Together) -> None:
    """Two stop in the middle of an epoch; one and three go on as if one had done it all, but for rounding."""
    recipe = RECIPE | {"schedule": "constant", "learning_rate": 1e-3, "accumulate": 2, "tokens_per_batch": 48}
    whole, cut = (
        make_run(name, {"dropout": 0.0}, **recipe | {"max_steps": steps})
        for name, steps in (("whole", 12), ("cut", 6))
    )
    list(assemble.begin(whole, "cpu").trainer.run())
    resume = ("train", "--resume", "--device", "cpu", "--run")
    assert together(2, *resume, cut.folder)[0] == 0
    progress = Run(cut.folder).progress()
    assert progress and progress.place and progress.shares == 2  # not at the end of an epoch
    shutil.copytree(cut.folder, alone := cut.folder.with_name("alone"))
    opened = Run(alone)
    resuming.change(opened, {"max_steps": 12}, None)
    training = assemble.resume(opened, "cpu")
    assert any("1 process instead of 2: each step takes the same examples" in r for r in training.remarks)
    list(training.trainer.run())
    code, said = together(3, *resume, cut.folder, "--max-steps", 12)
    assert code == 0 and said.count("Resumed by 3 processes instead of 2") == 1, said
    for folder in (alone, cut.folder):
        other = Run(folder).progress()
        assert other and other.units == training.trainer.state.units and other.shares == 2
        assert losses(folder) == pytest.approx(losses(whole.folder), rel=1e-5)


def test_another_number_of_processes_draws_the_same_dropout_each_time(make_run: MakeRun) -> None:
    """The states of processes that there were not are made of the seed, the rank and the step."""
    run = make_run(**RECIPE | {"max_steps": 2})
    list(assemble.begin(run, "cpu").trainer.run())
    state, drawn = run.folder / "state.safetensors", []
    for before, rank in enumerate((0, 1, 2, 1)):
        torch.manual_seed(before)
        load_state(state, Processes(rank, 3), seed=1)
        drawn.append(torch.rand(3).tolist())
    assert drawn[1] == drawn[3] and len({*map(tuple, drawn)}) == 3


def test_no_pair_is_read_twice_or_left_out(make_run: MakeRun) -> None:
    """In an epoch in which the number of processes changes twice."""
    run = make_run(**RECIPE | {"tokens_per_batch": 48})
    data = run.training_task().training_data(run.first_model(), run.configs.train, torch.device("cpu"), ALONE)
    plan, pairs = data.batches.plan(0, 0), []
    for place, cell in enumerate(plan):
        size = (2, 5, 1)[3 * place // len(plan)]
        for rank in range(size):
            pairs += [int(i) for share in Processes(rank, size).shares(2) for i in cell[share].indices]
    assert len(plan) > 6 and sorted(pairs) == list(range(len(data.batches.pairs)))


def test_fewer_processes_take_no_larger_shares() -> None:
    items = list(range(47))
    for begun in (1, 2, 3, 8):
        for size in (1, 2, 3, 5):
            shares = [items[share] for rank in range(size) for share in Processes(rank, size).shares(begun)]
            assert sorted(item for share in shares for item in share) == items
            assert max(map(len, shares)) <= -(-len(items) // begun)
    assert Processes(1, 3).shares(3) == [Processes(1, 3).share]


def test_others_need_not_see_the_folder_of_the_run(
    make_run: MakeRun, together: Together, tmp_path: Path
) -> None:
    """The second process works elsewhere, where the data lie in another place, and an older run in this one."""
    recipe = RECIPE | {"keep_last": 2, "validate_every": 3, "schedule": "constant"}
    near, far = make_run("near", **recipe), make_run("far", **recipe | {"max_steps": 6})
    places = [tmp_path / "first", tmp_path / "second"]
    for place in places:
        shutil.copytree(near.data, place / "prepared")
    shutil.move(far.folder, places[0] / "run")
    shutil.copytree(places[0] / "run", places[1] / "run")
    (places[1] / "run" / "trainer.json").write_text('{"session": "of another time"}')
    resume = ("train", "--resume", "--device", "cpu", "--run")
    assert together(2, *resume, near.folder)[0] == 0
    untouched = sorted((path, path.stat().st_mtime_ns) for path in places[1].rglob("run/*"))
    for limit in ("--patience", 9), ("--max-steps", 12):  # the second time there is a state to be sent
        code, said = together(places, *resume, "run", "--data", "prepared", *limit)
        assert code == 0 and said.count("Training has ended") == 1, said
    assert untouched == sorted((path, path.stat().st_mtime_ns) for path in places[1].rglob("run/*"))
    files = [folder / "weights.safetensors" for folder in (near.folder, places[0] / "run")]
    assert files[0].read_bytes() == files[1].read_bytes()


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
