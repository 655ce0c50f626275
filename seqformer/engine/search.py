"""CTranslate2's beam search, ended as :mod:`seqformer.decoding.search` ends its own.

Both grow the same hypotheses: of twice the beam the best that do not end continue, and those of the best W
that end are finished. They differ in when a sentence is done. CTranslate2 stops once a number of hypotheses
have ended; the search here goes on as long as one that still grows scores better than those that ended. So
it is asked for more hypotheses than the beam, and those that ended after the other search would have
stopped are left out again. What still grew then is known by those that it grew into; of the few sentences
where it matters, their log-probabilities piece by piece are asked for. A sentence where that leaves doubt, or
whose best hypothesis is improbable, is searched for to its limit, so that all that grew is known.

W beam, L pieces of a hypothesis, EOS included.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate
from typing import Any

from seqformer.config import DecodeConfig
from seqformer.decoding.lines import LOGITS
from seqformer.decoding.results import Hypothesis
from seqformer.decoding.signs import UNSURE

MORE = 5  # hypotheses beyond the beam at most; as many as the beam has, where that is fewer
AGAIN = (10, 25, 1 << 30)  # where that leaves doubt; at last all until the limit
# a length penalty by which CTranslate2, which drops those it has too many of, drops what ended last
LAST_DROPPED = -10.0


@dataclass(frozen=True)
class Ended:
    """A hypothesis that ended, or was cut at the limit."""

    pieces: list[str]
    log_probability: float  # of all its pieces, EOS included if it ended by itself
    length: int  # L

    def score(self, penalty: float) -> float:
        """Return log-probability / L ** penalty."""
        return self.log_probability / float(self.length**penalty)


@dataclass(frozen=True)
class Engine:
    """A model of CTranslate2, opened twice at most: many sentences are shared among threads, one is not."""

    open: Callable[[int, int], Any]  # how many batches at a time, and threads of each: ctranslate2.Translator
    vocabulary: int  # target pieces
    threads: int
    splits: bool  # whether the products of one sentence can be shared among threads: not those of int8
    shortlist: bool = False  # whether only those of the model's vocabulary mapping come, share by share

    @cached_property
    def many(self) -> Any:
        """The model with a thread for each share of a batch."""
        return self.open(self.threads, 1)

    @cached_property
    def alone(self) -> Any:
        """The model with all threads for one sentence."""
        return self.open(1, self.threads) if self.splits and self.threads > 1 else self.many

    def open_both(self) -> None:
        """Read the model now, for one sentence and for many: its files do not last."""
        _ = self.many, self.alone

    def search(self, sources: list[list[str]], limits: list[int], config: DecodeConfig) -> list[list[Ended]]:
        """Return the n best hypotheses of each source, of at most so many pieces, best first."""
        count = config.beam
        if config.beam > 1 and not config.early_stopping:
            count += min(config.beam, MORE)
        found = self._grown(sources, max(limits), count, config)
        # a search that came to its limit is done again with that limit; all others it leaves as they are
        late = [
            i
            for i, (ended, limit) in enumerate(zip(found, limits, strict=True))
            if limit < max(limits) and any(each.length >= limit for each in ended)
        ]
        self._again(late, sources, limits, count, found, config)
        if count > config.beam:
            found = self._until_sure(sources, limits, found, config)
        penalty = config.length_penalty
        return [sorted(ended, key=lambda h: -h.score(penalty))[: config.n_best] for ended in found]

    def _until_sure(
        self, sources: list[list[str]], limits: list[int], found: list[list[Ended]], config: DecodeConfig
    ) -> list[list[Ended]]:
        """Return of each source what had ended when our search would have stopped, of what ended until now.

        Those with doubt are searched for again, for more hypotheses, and then to the limit.
        """
        sure = self._stopped(sources, found, config)
        for more in AGAIN:
            doubtful = [i for i, best in enumerate(sure) if best is None or _is_unsure(best, config)]
            self._again(doubtful, sources, limits, config.beam + more, found, config)
            few = self._stopped([sources[i] for i in doubtful], [found[i] for i in doubtful], config)
            for i, best in zip(doubtful, few, strict=True):
                sure[i] = best
        return [best or ended for best, ended in zip(sure, found, strict=True)]

    def _again(
        self,
        numbers: list[int],
        sources: list[list[str]],
        limits: list[int],
        count: int,
        found: list[list[Ended]],
        config: DecodeConfig,
    ) -> None:
        """Search for some sources again, each with its own limit, and put in ``found`` what ended."""
        for limit in {limits[i] for i in numbers}:
            some = [i for i in numbers if limits[i] == limit]
            again = self._grown([sources[i] for i in some], limit, min(count, config.beam * limit), config)
            for i, ended in zip(some, again, strict=True):
                found[i] = ended

    def _grown(
        self, sources: list[list[str]], limit: int, count: int, config: DecodeConfig
    ) -> list[list[Ended]]:
        """Return what ended of each source until CTranslate2 had so many hypotheses, or was at the limit."""
        # at 0 it stops when the best hypothesis has ended, which is another search
        penalty = LAST_DROPPED if count > config.beam else config.length_penalty or 1e-9
        results = (self.alone if len(sources) == 1 else self.many).translate_batch(
            sources,
            max_batch_size=-(-len(sources) // self.threads),
            beam_size=config.beam,
            patience=count / config.beam,
            num_hypotheses=count,
            length_penalty=penalty,
            max_decoding_length=limit,
            min_decoding_length=0,
            max_input_length=0,
            use_vmap=self.shortlist,
            return_scores=True,
        )
        return [
            [
                self._ended(*each, limit, penalty)
                for each in zip(result.hypotheses, result.scores, strict=True)
            ]
            for result in results
        ]

    @staticmethod
    def _ended(pieces: list[str], score: float, limit: int, penalty: float) -> Ended:
        length = min(len(pieces) + 1, limit)  # if it ended by itself, EOS took the last position
        return Ended(pieces, score * float(length**penalty), length)

    def _stopped(
        self, sources: list[list[str]], found: list[list[Ended]], config: DecodeConfig
    ) -> list[list[Ended] | None]:
        """Return of each source what had ended when our search would have stopped; None: not yet."""
        first: list[list[Ended] | None] = [_by(ended, _when(ended, config.beam)) for ended in found]
        open_ones = [i for i, ended in enumerate(found) if _differ(ended, config)]
        later = {i: _after(found[i], _when(found[i], config.beam)) for i in open_ones}
        asked = [(sources[i], each) for i in open_ones for each in later[i]]
        paths = iter(self._paths(asked))
        for i in open_ones:
            first[i] = _until_enough(found[i], [(each, next(paths)) for each in later[i]], config)
        return first

    def _paths(self, asked: list[tuple[list[str], Ended]]) -> list[list[float]]:
        """Return the log-probability of each hypothesis for a source after each of its pieces."""
        if not asked:
            return []
        scored = self.many.score_batch(
            [source for source, _ in asked],
            [each.pieces for _, each in asked],
            max_input_length=0,
            max_batch_size=max(1, LOGITS // self.vocabulary),
            batch_type="tokens",
        )
        paths = [list(accumulate(result.log_probs)) for result in scored]
        if self.shortlist:  # there all pieces have a share; what the search had more is spread evenly
            for path, (_, each) in zip(paths, asked, strict=True):
                more = (each.log_probability - path[each.length - 1]) / each.length
                path[:] = [log_p + more * step for step, log_p in enumerate(path, 1)]
        return paths


def _when(ended: list[Ended], beam: int) -> int:
    """Return the step after which W hypotheses have ended."""
    steps = sorted(each.length for each in ended)
    return steps[min(beam, len(steps)) - 1]


def _by(ended: list[Ended], step: int) -> list[Ended]:
    return [each for each in ended if each.length <= step]


def _after(ended: list[Ended], step: int) -> list[Ended]:
    return [each for each in ended if each.length > step]


def _is_unsure(best: list[Ended], config: DecodeConfig) -> bool:
    """Return whether the best is so improbable that what may still grow could well score better."""
    first = max(best, key=lambda h: h.score(config.length_penalty))
    return first.score(1.0) < UNSURE


def _differ(ended: list[Ended], config: DecodeConfig) -> bool:
    """Return whether what ended after the first W scores better than the n best of those."""
    step, penalty = _when(ended, config.beam), config.length_penalty
    worst = sorted((h.score(penalty) for h in _by(ended, step)), reverse=True)[: config.n_best][-1]
    return max((h.score(penalty) for h in _after(ended, step)), default=worst) > worst


def _until_enough(
    ended: list[Ended], later: list[tuple[Ended, list[float]]], config: DecodeConfig
) -> list[Ended] | None:
    """Return what had ended when first nothing alive was better than the n-th best; None: not yet.

    ``later`` are those that ended after the first W, with their log-probability after each piece.
    """
    penalty = config.length_penalty
    for step in range(_when(ended, config.beam), max(each.length for each in ended)):
        done = _by(ended, step)
        alive = [path[step - 1] for each, path in later if each.length > step]
        enough = sorted((each.score(penalty) for each in done), reverse=True)[config.n_best - 1]
        if enough >= max(alive) / step**penalty:
            return done
    return None


def hypothesis(ended: Ended, ids: dict[str, int], penalty: float) -> Hypothesis:
    """Return what ended as ids of pieces."""
    return Hypothesis([ids[piece] for piece in ended.pieces], ended.log_probability, ended.score(penalty))
