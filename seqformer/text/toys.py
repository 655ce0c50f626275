"""Toy tasks: generators of sentence pairs, which are then treated like any text.

alternating   1 0 1 0   -> 0 1 0 1     the sequence shifted by one step ("smallest Transformer")
copy          3 1 4     -> 3 1 4
reverse       3 1 4     -> 4 1 3
sort          3 1 4     -> 1 3 4
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from seqformer.errors import SeqformerError, nearest
from seqformer.text.rows import Pair

LONGEST = 20
HELD_OUT_LENGTHS = {"valid": (8, 16), "test": (6, 11, 14)}  # of the alternating task


@dataclass(frozen=True)
class ToySplits:
    """The three splits of a toy task; no source is in two of them."""

    train: list[Pair]
    valid: list[Pair]
    test: list[Pair]


def alternating() -> ToySplits:
    """Return every alternating sequence of 2 to 20 symbols; some lengths are in valid and test only."""
    parts: dict[str, list[Pair]] = {"train": [], "valid": [], "test": []}
    for length in range(2, LONGEST + 1):
        held_out = [part for part, lengths in HELD_OUT_LENGTHS.items() if length in lengths]
        part = held_out[0] if held_out else "train"
        for first in (0, 1):
            symbols = [str((first + i) % 2) for i in range(length + 1)]
            parts[part].append((" ".join(symbols[:-1]), " ".join(symbols[1:])))
    return ToySplits(parts["train"], parts["valid"], parts["test"])


def digits(answer: Callable[[list[str]], list[str]], seed: int, pairs: int = 30_000) -> ToySplits:
    """Return random sequences of 1 to 20 digits, all distinct, with their answers."""
    rng = random.Random(seed)
    answers: dict[str, str] = {}
    while len(answers) < pairs:
        symbols = [rng.choice("0123456789") for _ in range(rng.randint(1, LONGEST))]
        answers.setdefault(" ".join(symbols), " ".join(answer(symbols)))
    pairs_made = list(answers.items())
    rng.shuffle(pairs_made)
    return ToySplits(pairs_made[700:], pairs_made[:200], pairs_made[200:700])


TOYS: dict[str, Callable[[int], ToySplits]] = {
    "alternating": lambda seed: alternating(),
    "copy": lambda seed: digits(lambda symbols: symbols, seed),
    "reverse": lambda seed: digits(lambda symbols: symbols[::-1], seed),
    "sort": lambda seed: digits(sorted, seed),
}


# there is one right answer, so no smoothing and no dropout; fp32 distinguishes lengths better
_EXACT = {"dropout": 0.0, "label_smoothing": 0.0, "precision": "fp32", "tokens_per_batch": 1024}
_EXACT |= {"warmup": 200}
RECIPES: dict[str, dict[str, Any]] = {
    "alternating": _EXACT | {"learning_rate": 5e-4, "max_steps": 1000},
    "copy": _EXACT | {"learning_rate": 1e-3, "max_steps": 1500},
    "reverse": _EXACT | {"learning_rate": 1e-3, "max_steps": 1500},
    "sort": _EXACT | {"learning_rate": 1e-3, "max_steps": 1500},
}


def generate(name: str, seed: int) -> ToySplits:
    """Return the splits of a toy task; for an unknown one :class:`SeqformerError` suggests the nearest."""
    if name not in TOYS:
        raise SeqformerError(f"there is no task '{name}': {nearest(name, (*TOYS, 'images'))}")
    return TOYS[name](seed)
