"""Training of one model by many processes: each takes its share of every batch; gradients are summed.

They are started by torchrun, which gives each its rank and their number N; a single process is rank 0
of 1 and sends nothing. Since every process makes the same update from the same summed gradient, the
weights never differ and are never sent.
"""

from __future__ import annotations

import atexit
import contextlib
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from seqformer.errors import SeqformerError


@dataclass(frozen=True)
class Processes:
    """This process among those that train together."""

    rank: int = 0
    size: int = 1

    @property
    def first(self) -> bool:
        """Whether this is the process that writes files and messages."""
        return self.rank == 0

    @property
    def share(self) -> slice:
        """This process's share of any list: every N-th item, so that shares of a sorted list are alike."""
        return slice(self.rank, None, self.size)

    def shares(self, count: int) -> list[slice]:
        """Return this process's share of any list in pieces, none larger than one of ``count`` shares.

        So fewer processes than a batch was made for need no more memory; as many or more have one piece,
        their :attr:`share`.
        """
        pieces = max(1, -(-count // self.size))
        return [slice(self.rank + i * self.size, None, pieces * self.size) for i in range(pieces)]

    def sum(self, tensor: Tensor) -> Tensor:
        """Sum a tensor over all processes, in place."""
        if self.size > 1:
            with _gone_named():
                torch.distributed.all_reduce(tensor)
        return tensor

    def agree(self, *values: float) -> list[float]:
        """Return the values of the first process, so that clocks and signals lead to one decision."""
        if self.size == 1:
            return list(values)
        return [float(value) for value in self.send(torch.tensor(values, dtype=torch.float64))]

    def send(self, tensor: Tensor) -> Tensor:
        """Give the tensor of the first process to all, in place of theirs, which are of the same shape."""
        if self.size > 1:
            with _gone_named():
                torch.distributed.broadcast(tensor, 0)
        return tensor

    def count(self, holds: bool) -> int:
        """Return for how many processes it holds."""
        return int(self.sum(torch.tensor(int(holds))))

    def totals(self, total: float, other: float, units: int) -> tuple[float, float, int]:
        """Return two sums and the units they are over, of all processes."""
        sums = self.sum(torch.tensor([total, other, units], dtype=torch.float64))
        return float(sums[0]), float(sums[1]), int(sums[2])

    def stack(self, tensor: Tensor) -> Tensor:
        """Return the tensors of all processes, of one shape, as rows in the order of ranks."""
        rows = tensor.new_zeros(self.size, *tensor.shape)
        rows[self.rank] = tensor
        return self.sum(rows)

    def gather(self, lines: list[str]) -> list[str]:
        """Return the lines of all processes, each of which has its :attr:`share`, in their order."""
        if self.size == 1:
            return lines
        mine = torch.frombuffer(bytearray(json.dumps(lines).encode()), dtype=torch.uint8)
        lengths = self.stack(torch.tensor(len(mine)))
        rows = self.stack(functional.pad(mine, (0, int(lengths.max()) - len(mine))))
        parts = [json.loads(bytes(row[:n].tolist())) for row, n in zip(rows, lengths.tolist(), strict=True)]
        lines_of_all = [""] * sum(map(len, parts))
        for rank, part in enumerate(parts):
            lines_of_all[rank :: self.size] = part
        return lines_of_all

    def say(self, text: str) -> str:
        """Return the text of the first process."""
        said = self.gather([text])
        return said[0]


ALONE = Processes()


@contextlib.contextmanager
def _gone_named() -> Iterator[None]:
    try:
        yield
    except RuntimeError as error:
        first = str(error).splitlines()[0]
        raise SeqformerError(
            f"another process of this training is gone ({first}); the last saved state is whole: "
            "start all of them again, to resume"
        ) from None


def join() -> Processes:
    """Join the processes that torchrun started and return this one; :data:`ALONE` if it started none."""
    size = int(os.environ.get("WORLD_SIZE", "1"))
    if size == 1:
        return ALONE
    if torch.cuda.is_available():
        torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", "0")))
    if not torch.distributed.is_initialized():  # by an earlier training of this process
        with _gone_named():
            torch.distributed.init_process_group(
                "cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo"
            )
        atexit.register(torch.distributed.destroy_process_group)  # its threads may abort the end otherwise
    return Processes(torch.distributed.get_rank(), size)
