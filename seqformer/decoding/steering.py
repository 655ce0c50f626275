"""What a search is asked for, batch by batch: options and constraints as rules, and samples as jobs."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from seqformer.config import DecodeConfig
from seqformer.decoding.constraints import Constrained
from seqformer.decoding.rules import Begun, MinimumLength, NoRepeat, Rule, Sampler, Steering
from seqformer.decoding.splitting import Part
from seqformer.errors import SeqformerError

BANK = 4  # hypotheses for each number of required pieces, about


@dataclass(frozen=True)
class Job:
    """A part to be searched for, or a sample of its translations to be drawn."""

    part: int  # its number
    text: str
    sample: int = 0  # its number
    required: tuple[tuple[int, ...], ...] = ()  # phrases that the translation must hold


@dataclass(frozen=True)
class Steerer:
    """Steers the searches of one call."""

    asked: DecodeConfig
    constrained: Constrained
    begun: Begun | None = None  # how each translation begins
    holding: bool = False  # each symbol of a source must come in its translation

    def __post_init__(self) -> None:
        """Refuse what no search can do. Raises :class:`SeqformerError`."""
        if self.asked.samples and self.constrained.constraints.glossary:
            raise SeqformerError("samples cannot be made to hold the words of a glossary; search instead")

    @cached_property
    def config(self) -> DecodeConfig:
        """How the loop itself searches: each sample by itself, all hypotheses where they are ranked later."""
        if self.asked.samples:
            return DecodeConfig(beam=1, length_penalty=self.asked.length_penalty)
        return replace(self.asked, n_best=self.asked.beam) if self.asked.coverage_penalty else self.asked

    def jobs(self, parts: list[Part]) -> list[Job]:
        """Return a job for each part, or for each sample of it."""
        return [
            Job(number, part.text, sample, tuple(map(tuple, required)))
            for number, (part, required) in enumerate(zip(parts, self._phrases(parts), strict=True))
            for sample in range(self.asked.samples or 1)
        ]

    def _phrases(self, parts: list[Part]) -> list[list[list[int]]]:
        """Return what the translation of each part must hold."""
        phrases = self.constrained.required([part.text for part in parts])
        if not self.holding:
            return phrases
        symbols = self.constrained.symbols.items()
        return [
            [*required, *([piece] for symbol, piece in symbols if symbol in part.text)]
            for required, part in zip(phrases, parts, strict=True)
        ]

    def groups(self, jobs: list[Job]) -> Iterator[tuple[int, list[Job]]]:
        """Yield jobs that are searched with one beam; a search for words that must come needs a wider one."""
        free = [job for job in jobs if not job.required]
        bound = [job for job in jobs if job.required]
        if free:
            yield self.config.beam, free
        if bound:
            most = max(sum(map(len, job.required)) for job in bound)
            yield max(self.config.beam, BANK * (most + 1)), bound

    def names_pieces(self, jobs: list[Job]) -> bool:
        """Return whether pieces must come that no shortlist knows of: a prefix, or required words."""
        return self.begun is not None or any(job.required for job in jobs)

    def needed(self, parts: list[Part]) -> list[int]:
        """Return how many pieces must come in each translation."""
        begun = self.begun
        first = len(begun.ids) + bool(begun.rest) if begun else 0
        return [first + sum(map(len, required)) for required in self._phrases(parts)]

    def limits(self, parts: list[Part], limits: list[int]) -> list[int]:
        """Return the pieces each translation may have, with room for what must come.

        Raises :class:`SeqformerError` where a limit that was asked for leaves none.
        """
        begun, needed = self.begun, self.needed(parts)
        if not self.asked.max_length:
            spelled = len(begun.rest) if begun else 0  # a letter may be a piece
            return [limit + more + spelled for limit, more in zip(limits, needed, strict=True)]
        if (worst := max(needed, default=0)) >= self.asked.max_length:
            raise SeqformerError(
                f"what must come takes {worst + 1:,} pieces with the end, and max length is "
                f"{self.asked.max_length:,}"
            )
        return limits

    @cached_property
    def _rules(self) -> tuple[Rule, ...]:
        rules: list[Rule] = []
        if self.asked.min_length:
            rules.append(MinimumLength(self.asked.min_length))
        if self.asked.no_repeat_ngram:
            rules.append(NoRepeat(self.asked.no_repeat_ngram))
        rules += filter(None, (self.begun, self.constrained.avoided))
        return tuple(rules)

    def steering(self, jobs: list[Job], limits: Tensor) -> Steering:
        """Return what steers the search of a batch of jobs, at most so many pieces each."""
        required = self.constrained.required_rule([list(map(list, job.required)) for job in jobs])
        sampler = None
        if self.asked.samples:
            numbers = torch.stack([self._uniforms(job, int(limits.max())) for job in jobs])
            sampler = Sampler(numbers, self.asked.temperature, self.asked.top_k, self.asked.top_p)
        return Steering(self._rules, required, sampler, self.asked.diversity)

    def _uniforms(self, job: Job, steps: int) -> Tensor:
        """Return the numbers (steps,) that decide a sample: of the seed, the line and its number alone."""
        text = int.from_bytes(hashlib.blake2b(job.text.encode(), digest_size=8).digest(), "little")
        generator = np.random.default_rng([self.asked.seed, text, job.sample])
        return torch.from_numpy(generator.random(steps))
