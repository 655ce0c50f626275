"""Word and character error rate, as metrics of sacreBLEU, so that its bootstrap and its tests take them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import rapidfuzz
from rapidfuzz.distance import Levenshtein
from sacrebleu.metrics.base import Metric, Score, Signature


class _Signature(Signature):  # type: ignore[misc]
    def __init__(self, metric: dict[str, Any]) -> None:
        super().__init__(metric)
        self.info |= {"case": "mixed", "edits": metric["unit"]}
        self.info["version"] = f"rapidfuzz-{rapidfuzz.__version__}"


class ErrorRate(Metric):  # type: ignore[misc]
    """Insertions, deletions and substitutions, in percent of what the references have (Levenshtein 1966).

    The unit is a word (between spaces) or a character; spaces inside a line are characters too. Of several
    references of a line the nearest counts.
    """

    _SIGNATURE_TYPE = _Signature

    def __init__(self, unit: str) -> None:
        super().__init__()
        assert unit in ("word", "character")
        self.unit = unit
        self.title = "WER" if unit == "word" else "CER"

    def _preprocess_segment(self, sent: str) -> Any:
        return sent.split() if self.unit == "word" else sent.strip()

    def _extract_reference_info(self, refs: Sequence[Any]) -> dict[str, Any]:
        return {"references": refs}

    def _compute_segment_statistics(self, hypothesis: Any, ref_kwargs: dict[str, Any]) -> list[int]:
        """Return the edits and the length of the nearest reference."""
        edits = [(Levenshtein.distance(hypothesis, r), len(r)) for r in ref_kwargs["references"]]
        return list(min(edits))

    def _aggregate_and_compute(self, stats: Any) -> Any:
        return self._compute_score_from_stats([sum(column) for column in zip(*stats, strict=True)])

    def _compute_score_from_stats(self, stats: Any) -> Any:
        edits, length = map(float, stats)
        rate = edits / length if length else float(edits > 0)
        return Score(self.title, 100 * rate)
