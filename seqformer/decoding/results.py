"""What a search finds: a hypothesis as ids, and a translation as text."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Hypothesis:
    """A translation as ids, without BOS and EOS."""

    ids: list[int]
    log_probability: float  # of all its pieces, EOS included if it ended by itself
    score: float  # log-probability / length ** length penalty


@dataclass(frozen=True)
class Translation:
    """One translation of one line."""

    text: str
    tokens: list[str]  # target pieces, without BOS and EOS
    ids: list[int]  # of these pieces
    score: float  # mean log-probability of a piece, in nats, if the length penalty is 1
    log_probability: float  # of all pieces, in nats
    length: int = 0  # pieces that the score is over, with EOS if the translation ended by itself
    parts: int = 1  # number of parts the line was translated in: sentences, and parts of long ones
    cut: bool = False  # a sentence was cut, since it is far longer than any in training
    warnings: tuple[str, ...] = ()  # signs that it is likely bad, see :mod:`seqformer.decoding.signs`
    unseen: str = ""  # the script of a line whose letters the vocabulary never saw, '' if it did
    alignment: list[list[int]] | None = None  # for each word the source words it aligns to, if asked for

    def __str__(self) -> str:
        return self.text
