"""Which translations of a teacher a student learns from.

Dropped are translations

empty         without a word
loop, …       with one of the signs :data:`BAD` (:mod:`seqformer.decoding.signs`); those of a source alone,
              and "unsure", which the share to keep decides about, do no harm
improbable    beyond the share to keep, by the mean log-probability of a piece
unknown       with a piece that the vocabulary lacks
overlong      with more pieces than training pairs may have

A source comes once, however many targets it had. The source of a dropped translation keeps the targets that
it had in the data, unless it had none or is to go too: what a teacher cannot translate, a student can still
learn from people.
"""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Callable, Iterable, Iterator

from seqformer.storage.share import lowest
from seqformer.studies.sources import Sources
from seqformer.studies.translations import Kept
from seqformer.symbols import UNK
from seqformer.text.distilled import Row
from seqformer.text.split import fingerprint

BAD = ("loop", "copy", "too long", "too short", "numbers", "negation", "placeholder")
REASONS = ("", "empty", "improbable", *BAD)  # by number; '' for a translation that stays
ORIGINALS = ("dropped", "all", "none")  # pairs of the data to train on as they are


class Selection:
    """Chooses among the translations of all sources, and counts what it drops."""

    def __init__(
        self, sources: Sources, read: Callable[[], Iterable[Kept]], keep: float, originals: str
    ) -> None:
        self.sources, self._read, self.originals = sources, read, originals
        self.dropped = Counter(sources.dropped)  # why -> pairs that are not trained on
        self.unchanged: Counter[str] = Counter()  # why -> pairs that keep their target
        manifest = sources.base.manifest
        self._normalizers = manifest.normalizer("source"), manifest.normalizer("target")
        self._config, self._shield = manifest.prepare_config(), manifest.shield()
        self._reasons = self._judged(keep)

    def _judged(self, keep: float) -> bytearray:
        """Return for each translation the number of the reason to drop it."""
        reasons, means = bytearray(), array("d")
        for kept in self._read():
            sign = next((sign for sign in BAD if sign in kept.signs), "")
            reasons.append(REASONS.index(sign if kept.text.strip() else "empty"))
            if not reasons[-1]:
                means.append(kept.mean)
        good = [number for number, reason in enumerate(reasons) if not reason]
        for number in lowest(means, keep):
            reasons[good[number]] = REASONS.index("improbable")
        return reasons

    def rows(self) -> Iterator[Row]:
        """Yield the pairs to train on, in the order of the sources, then the original ones."""
        base = self.sources.base
        faults: dict[int, str] = {}  # of the translation of each source
        judged = zip(self._read(), self._reasons, strict=True)
        for row in base.rows():
            if self.sources.stays(row):
                self.unchanged["placeholders"] += 1
                yield row
                continue
            mark = fingerprint(row.source)
            if mark not in faults:
                kept, number = next(judged)
                made = self._paired(row.source, row.source_ids, self._normalizers[1](kept.text))
                faults[mark] = REASONS[number] or self._fault(made)
                if not faults[mark]:
                    yield made
                    continue
            if not (reason := faults[mark]):
                self.dropped["source translated already"] += 1
            elif self.originals == "dropped":
                self.unchanged[reason] += 1
                yield row
            else:
                self.dropped[reason] += 1
        yield from self._others(judged)
        if self.originals == "all":
            yield from (row for row in base.rows() if not self.sources.stays(row))

    def _others(self, judged: Iterable[tuple[Kept, int]]) -> Iterator[Row]:
        """Yield pairs of other text, with symbols for placeholders that both sides hold."""
        encode = self.sources.base.tokenizer.source.encode
        for line, (kept, number) in zip(self.sources.others(), judged, strict=True):
            sides = zip(self._normalizers, (line, kept.text), strict=True)
            source, target = self._shield.hide_both(*(normalize(text) for normalize, text in sides))
            made = self._paired(source, encode([source])[0], target)
            if reason := REASONS[number] or self._fault(made):
                self.dropped[reason] += 1
            else:
                yield made

    def _paired(self, source: str, ids: list[int], target: str) -> Row:
        target_ids = self.sources.base.tokenizer.target.encode([target])[0]
        most = self._config.max_pieces if self._config.cut else None
        return Row(source, target, ids, target_ids[:most])

    def _fault(self, row: Row) -> str:
        """Return why a pair cannot be trained on, '' if it can."""
        if not row.target_ids:
            return "empty"
        if UNK in row.target_ids:
            return "unknown"
        return "overlong" if max(len(row.source_ids), len(row.target_ids)) > self._config.max_pieces else ""
