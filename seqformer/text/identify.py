"""Which language a text is in, by py3langid.

Of training data it recognises only lines that are certainly in another language than they should be.

A line is taken to be in another language if that has at least ``SURE`` of the probability and its own at most
``DOUBTFUL``. Measured on lines of 20 characters or more in English, German and French, 18,000 captions and
49,000 everyday sentences: one false alarm; of lines in another language 99.5% and 94% are recognised.
It reads about 22,000 sides a second.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

from seqformer.errors import DataError, MissingExtra
from seqformer.text import languages
from seqformer.text.faults import Faults

SURE, DOUBTFUL = 0.7, 0.05
SHORTEST, SHORTEST_BYTES = 20, 40  # characters, or bytes of UTF-8 for scripts that say more in each
LONGEST = 500  # characters looked at
# languages that are written so alike that one is no evidence against the other
_ALIKE = [
    set(group.split()) for group in ("no nb nn", "bs hr sr", "id ms", "ar ary arz", "zh yue wuu", "ku sdh")
]
_NO_LANGUAGE = "zxx"


@cache
def load_model() -> Any:
    """Return py3langid's model, which takes half a second to load. Raises :class:`MissingExtra`."""
    try:
        from py3langid.langid import MODEL_FILE, LanguageIdentifier
    except ImportError:
        raise MissingExtra("checking languages needs py3langid, which is", "filters") from None
    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)


class Identifier:
    """Recognises pairs with a side in another language than the pair should be in."""

    def __init__(self, source: str, target: str) -> None:
        """Check pairs of these languages. Raises :class:`DataError` if none of them is known."""
        self._model = load_model()
        self._own = tuple(_labels(self._model, code) for code in (source, target))
        if not any(self._own):
            reason = f"py3langid knows none of {source} and {target}"
            if not source:
                reason = "which they should be is not known; name them, such as en-fr"
            raise DataError(f"the languages cannot be checked: {reason}")
        self.unchecked = [code for code, own in zip((source, target), self._own, strict=True) if not own]

    def foreign(self, source: str, target: str) -> bool:
        """Return whether a side is certainly in another language."""
        return any(
            own and self._is_foreign(line, own) for line, own in zip((source, target), self._own, strict=True)
        )

    def _is_foreign(self, line: str, own: frozenset[str]) -> bool:
        if len(line) < SHORTEST and len(line.encode()) < SHORTEST_BYTES:
            return False
        line = line[:LONGEST]
        best, probability = self._model.classify(line)
        if best in own or best == _NO_LANGUAGE or probability < SURE:
            return False
        shares: dict[str, float] = dict(self._model.rank(line))
        return sum(shares[label] for label in own) <= DOUBTFUL


class Detector:
    """Says which of some languages a text is in."""

    def __init__(self, codes: Sequence[str]) -> None:
        """Expect texts in these languages. Raises :class:`MissingExtra`."""
        self._model = load_model()
        self._labels = {code: _labels(self._model, code) for code in codes}

    def __call__(self, text: str) -> list[tuple[str, float]]:
        """Return each language with its probability among all that py3langid knows, the likeliest first.

        One that py3langid does not know has probability 0.
        """
        shares: dict[str, float] = dict(self._model.rank(text[:LONGEST]))
        found = [(code, sum(shares[label] for label in own)) for code, own in self._labels.items()]
        return sorted(found, key=lambda each: -each[1])


def _labels(model: Any, code: str) -> frozenset[str]:
    """Return what the model calls a language and those like it; nothing where it does not know it."""
    first = languages.primary(code)
    labels = {first}.union(*(group for group in _ALIKE if first in group))
    return frozenset(labels.intersection(model.labels))


def identifier(source: str, target: str, faults: Faults) -> Identifier:
    """Return an identifier; a side whose language the model does not know is remarked on."""
    made = Identifier(source, target)
    for code in made.unchecked:
        faults.remark(
            f"py3langid does not know the language {code or 'of one side'}: that side is not checked."
        )
    return made
