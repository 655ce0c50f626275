"""What steers a search from beside the loop: rules on what may follow, words that must come, a sampler.

Each is a small object that sees the hypotheses as they stand and changes the log-probabilities of what
comes next; the loop (:mod:`seqformer.decoding.search`) is the same for all of them.

R rows (hypotheses), V vocabulary, L pieces of a hypothesis so far, BOS included, C candidates of a row.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

import torch
from torch import Tensor

from seqformer.symbols import EOS, PAD

NEVER = float("-inf")
LATE = 10.0  # nats
LOOKED_AT = 16  # candidates of a row whose text is read at a time


@dataclass(frozen=True)
class Grown:
    """The hypotheses that grow."""

    ids: Tensor  # (R, L), BOS first
    sentences: list[int]  # which sentence of the batch each row belongs to

    @property
    def length(self) -> int:
        """Pieces so far, BOS not counted."""
        return self.ids.shape[1] - 1


class Rule(Protocol):
    """Changes the log-probabilities (R, V) of the next piece in place; -inf forbids one."""

    def __call__(self, log_p: Tensor, grown: Grown) -> None: ...


@dataclass(frozen=True)
class MinimumLength:
    """A translation does not end before it has so many pieces."""

    least: int

    def __call__(self, log_p: Tensor, grown: Grown) -> None:
        if grown.length < self.least:
            log_p[:, EOS] = NEVER


@dataclass(frozen=True)
class NoRepeat:
    """No run of so many pieces comes twice in a translation (Paulus et al. 2017, section 2.5)."""

    size: int

    def __call__(self, log_p: Tensor, grown: Grown) -> None:
        for row, (_, *ids) in enumerate(grown.ids.tolist()):
            tail = ids[len(ids) - self.size + 1 :] if self.size > 1 else []
            again = [
                ids[i + self.size - 1]
                for i in range(len(ids) - self.size + 1)
                if ids[i : i + self.size - 1] == tail
            ]
            log_p[row, again] = NEVER


@dataclass(frozen=True)
class Begun:
    """Each translation begins as given: with these pieces, then with this text, if that is part of a word.

    Any pieces may spell the text, and go beyond it.
    """

    ids: list[int]
    rest: str  # as pieces write it, ▁ before a word; '' for none
    pieces: Sequence[str]  # V
    _fits: dict[str, Tensor] = field(default_factory=dict)

    def __call__(self, log_p: Tensor, grown: Grown) -> None:
        length = grown.length
        if length < len(self.ids):
            wanted = log_p[:, self.ids[length]].clone()
            log_p.fill_(NEVER)
            log_p[:, self.ids[length]] = wanted
        elif self.rest:
            for row, ids in enumerate(grown.ids[:, 1 + len(self.ids) :].tolist()):
                text = "".join(self.pieces[i] for i in ids)
                if len(text) < len(self.rest):
                    log_p[row].masked_fill_(~self._fitting(self.rest[len(text) :]).to(log_p.device), NEVER)

    def _fitting(self, text: str) -> Tensor:
        """Return which pieces (V,) a text can begin with, or begin one."""
        if text not in self._fits:
            fits = [bool(p) and (text.startswith(p) or p.startswith(text)) for p in self.pieces]
            self._fits[text] = torch.tensor(fits)
        return self._fits[text]


@dataclass(frozen=True)
class Avoided:
    """No translation holds what the pattern matches, nor begins a word with it and a piece more."""

    pattern: re.Pattern[str]
    pieces: Sequence[str]  # V
    reach: int  # characters that a match spans at most

    def __call__(self, log_p: Tensor, grown: Grown) -> None:
        for row, (_, *ids) in enumerate(grown.ids.tolist()):
            begun = "".join(self.pieces[i] for i in ids)[-self.reach :]
            while True:
                best, candidates = log_p[row].topk(min(LOOKED_AT, log_p.shape[1]))
                wrong = [
                    i
                    for p, i in zip(best.tolist(), candidates.tolist(), strict=True)
                    if p > NEVER and self._matches(begun, i)
                ]
                if not wrong:
                    break
                log_p[row, wrong] = NEVER

    def _matches(self, begun: str, piece: int) -> bool:
        return self.pattern.search(f"▁{begun}{self.pieces[piece]}".replace("▁", " ")) is not None


@dataclass(frozen=True)
class Required:
    """Words that must come in each translation, wherever the model places them (Post and Vilar 2018).

    The hypotheses of a sentence are kept in banks, by how much of the required words they hold, and the beam
    is shared out among the banks; a translation ends only when it holds them all. Where the model would end
    it and words are missing, it loses ``LATE``: they are to stand in the sentence, not behind it.
    """

    phrases: list[list[list[int]]]  # of each sentence: phrases as pieces
    joins: Tensor  # (V,) whether a piece goes on with the word before it

    def __call__(self, log_p: Tensor, grown: Grown) -> None:
        ends = (log_p.argmax(-1) == EOS).tolist()
        for row, status in enumerate(self._statuses(grown)):
            if status.missing:
                if ends[row]:
                    log_p[row] -= LATE
                log_p[row, EOS] = NEVER
            if status.just_met:
                log_p[row].masked_fill_(self.joins.to(log_p.device), NEVER)

    def wanted(self, grown: Grown) -> Tensor:
        """Return the pieces (R, E) that go on with a phrase, or begin one; PAD where there are fewer."""
        rows = [sorted(status.next) for status in self._statuses(grown)]
        most = max(map(len, rows), default=0)
        padded = [row + [PAD] * (most - len(row)) for row in rows]
        return torch.tensor(padded, dtype=torch.long, device=grown.ids.device).view(len(rows), most)

    def banks(self, grown: Grown, ids: Tensor) -> Tensor:
        """Return how many required pieces each hypothesis (R, C) holds with one of these pieces more."""
        counts = []
        for status, row in zip(self._statuses(grown), ids.tolist(), strict=True):
            counts.append([status.met + (status.next.get(i, 0)) for i in row])
        return torch.tensor(counts, device=ids.device)

    def most(self) -> int:
        """Return the pieces that the sentence with the most of them requires."""
        return max((sum(map(len, phrases)) for phrases in self.phrases), default=0)

    def _statuses(self, grown: Grown) -> list[_Status]:
        rows = zip(grown.ids.tolist(), grown.sentences, strict=True)
        return [_status(ids[1:], self.phrases[sentence]) for ids, sentence in rows]


@dataclass(frozen=True)
class _Status:
    """What a hypothesis holds of the phrases that are required."""

    met: int  # pieces of whole phrases
    next: dict[int, int]  # a piece that goes on with a phrase, or begins one -> pieces of it held then
    missing: bool  # whether any phrase is
    just_met: bool  # whether the last piece is the end of a phrase


def _status(ids: list[int], phrases: list[list[int]]) -> _Status:
    missing, just_met = list(phrases), False
    active: list[int] = []
    length = 0  # pieces of the active phrase so far
    for i in ids:
        if not (active and active[length] == i):
            active, length = next((p for p in missing if p[0] == i), []), 0
        just_met = False
        if active:
            length += 1
            if length == len(active):
                missing.remove(active)
                active, length, just_met = [], 0, True
    following = {phrase[0]: 1 for phrase in missing}
    if active:
        following[active[length]] = length + 1
    met = sum(map(len, phrases)) - sum(map(len, missing))
    return _Status(met, following, bool(missing), just_met)


@dataclass(frozen=True)
class Sampler:
    """Draws the next piece from the model's distribution: at a temperature, of the most probable ones.

    Top-k as in Fan et al. 2018 (section 5.4), top-p as in Holtzman et al. 2020 (section 3.1). The numbers
    that decide are given, so that the same ones draw the same translation in every batch.
    """

    uniforms: Tensor  # (N, steps) from 0 to 1, of each sentence
    temperature: float = 1.0
    top_k: int = 0  # 0: all
    top_p: float = 1.0

    def __call__(self, log_p: Tensor, grown: Grown) -> tuple[Tensor, Tensor]:
        """Return the log-probability (R, 1), in the model as it is, and the id (R, 1) of a piece."""
        ordered, ids = (log_p / self.temperature).sort(dim=-1, descending=True, stable=True)  # (R, V)
        p = ordered.softmax(-1)
        if self.top_k:
            p[:, self.top_k :] = 0
        if self.top_p < 1:
            p[(p.cumsum(-1) - p) / p.sum(-1, keepdim=True) >= self.top_p] = 0
        drawn = self.uniforms.to(p.device)[grown.sentences, grown.length, None]  # (R, 1)
        up_to = p.double().cumsum(-1)
        place = torch.searchsorted(up_to, drawn * up_to[:, -1:], right=True)
        last = (p > 0).sum(-1, keepdim=True) - 1
        chosen = ids.gather(1, place.clamp(max=last))
        return log_p.gather(1, chosen), chosen


@dataclass(frozen=True)
class Steering:
    """All that steers one search; nothing of it costs anything where it is not asked for."""

    rules: tuple[Rule, ...] = ()
    required: Required | None = None
    sampler: Sampler | None = None
    diversity: float = 0.0  # taken off for each better sibling, where hypotheses compete

    def __bool__(self) -> bool:
        return bool(self.rules or self.required or self.sampler or self.diversity)
