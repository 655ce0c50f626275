"""Toy tasks. A task is a generator of sentence pairs; from there the road is that of any text.

alternating   1 0 1 0   -> 0 1 0 1     the sequence moved one step on ("smallest Transformer")
copy          3 1 4     -> 3 1 4
reverse       3 1 4     -> 4 1 3
sort          3 1 4     -> 1 3 4
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

from seqformer.errors import SeqformerError, nearest

LONGEST = 20
HELD_OUT_LENGTHS = {"valid": (8, 16), "test": (6, 11, 14)}  # of the alternating task

Pair = tuple[str, str]


@dataclass(frozen=True)
class Split:
    """The three parts of a corpus; no source stands in two of them."""

    train: list[Pair]
    valid: list[Pair]
    test: list[Pair]


def alternating() -> Split:
    """Every alternating sequence of 2 to 20 symbols; some lengths are kept for valid and test."""
    parts: dict[str, list[Pair]] = {"train": [], "valid": [], "test": []}
    for length in range(2, LONGEST + 1):
        held_out = [part for part, lengths in HELD_OUT_LENGTHS.items() if length in lengths]
        part = held_out[0] if held_out else "train"
        for first in (0, 1):
            symbols = [str((first + i) % 2) for i in range(length + 1)]
            parts[part].append((" ".join(symbols[:-1]), " ".join(symbols[1:])))
    return Split(parts["train"], parts["valid"], parts["test"])


def digits(answer: Callable[[list[str]], list[str]], seed: int, pairs: int = 30_000) -> Split:
    """Random sequences of 1 to 20 digits, all distinct, with their answers."""
    rng = random.Random(seed)
    seen: dict[str, str] = {}
    while len(seen) < pairs:
        symbols = [rng.choice("0123456789") for _ in range(rng.randint(1, LONGEST))]
        seen.setdefault(" ".join(symbols), " ".join(answer(symbols)))
    made = list(seen.items())
    rng.shuffle(made)
    return Split(made[700:], made[:200], made[200:700])


TASKS: dict[str, Callable[[int], Split]] = {
    "alternating": lambda seed: alternating(),
    "copy": lambda seed: digits(lambda symbols: symbols, seed),
    "reverse": lambda seed: digits(lambda symbols: symbols[::-1], seed),
    "sort": lambda seed: digits(sorted, seed),
}


def check(name: str) -> str:
    """The name itself, or a :class:`SeqformerError` that suggests the nearest task."""
    if name not in TASKS:
        raise SeqformerError(f"there is no task '{name}': {nearest(name, TASKS)}")
    return name


def generate(name: str, seed: int) -> Split:
    """The pairs of the task called ``name``."""
    return TASKS[check(name)](seed)
