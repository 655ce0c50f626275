"""Constraints in words: a glossary, words to avoid, a begun translation; turned into rules on pieces."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from seqformer.errors import SeqformerError
from seqformer.symbols import SPECIALS, UNK
from seqformer.text.characters import UNSPACED_LETTER
from seqformer.text.placeholders import SYMBOLS
from seqformer.text.tokenizer import Vocabulary

if TYPE_CHECKING:  # rules need torch, which is loaded when there are some
    from torch import Tensor

    from seqformer.decoding.rules import Avoided, Begun, Required

Normalize = Callable[[str], str]
_JOINS = re.compile(r"\w")  # a piece that begins so goes on with the word before it


@dataclass(frozen=True)
class Constraints:
    """What the translations of lines must hold, must not hold, and begin with."""

    glossary: tuple[tuple[str, str], ...] = ()  # a source term, and the words it is translated by
    avoid: tuple[str, ...] = ()  # words that never come
    prefix: str = ""  # each translation begins so; it may end within a word

    @property
    def words(self) -> list[str]:
        """What is said of words: all but the prefix."""
        return [*(text for pair in self.glossary for text in pair), *self.avoid]

    def __bool__(self) -> bool:
        return bool(self.glossary or self.avoid or self.prefix)


def pattern(terms: Iterable[str], flags: int = 0) -> re.Pattern[str]:
    """Return what matches any of these terms as whole words, the longest first.

    Where a term begins or ends with a letter of a script without spaces, no word end is asked for there.
    """
    return re.compile("|".join(map(_whole, sorted(terms, key=lambda term: (-len(term), term)))), flags)


def _whole(term: str) -> str:
    begin = r"(?<!\w)" if _JOINS.match(term[0]) and not UNSPACED_LETTER.match(term[0]) else ""
    end = r"(?!\w)" if _JOINS.match(term[-1]) and not UNSPACED_LETTER.match(term[-1]) else ""
    return begin + re.escape(term) + end


@dataclass(frozen=True)
class Constrained:
    """Constraints for the vocabulary and the normalisation of one model."""

    constraints: Constraints
    target: Vocabulary
    normalize_source: Normalize
    normalize_target: Normalize

    def __post_init__(self) -> None:
        """Refuse what no translation can do. Raises :class:`SeqformerError`."""
        _ = self.glossary, self.begun
        if self.avoided is None:
            return
        wanted = [target for _, target in self.constraints.glossary]
        for text in map(self.normalize_target, [*wanted, self.constraints.prefix]):
            if found := self.avoided.pattern.search(text):
                raise SeqformerError(
                    f"{found[0]!r} is to be avoided and is part of {text!r}, which must come"
                )

    @cached_property
    def pieces(self) -> list[str]:
        """Every piece of the vocabulary; '' for those that are no text."""
        return [
            "" if i < SPECIALS else piece
            for i, piece in enumerate(self.target.pieces(range(len(self.target))))
        ]

    @cached_property
    def glossary(self) -> dict[str, list[int]]:
        """Source term -> the pieces of its translation, both normalised."""
        found: dict[str, tuple[str, list[int]]] = {}
        for source, target in self.constraints.glossary:
            term, text = self.normalize_source(source), self.normalize_target(target)
            if not term or not text:
                raise SeqformerError(f"glossary: {source!r} and {target!r} must both be words")
            if found.setdefault(term, (text, []))[0] != text:
                raise SeqformerError(
                    f"glossary: {source!r} has two translations, {found[term][0]!r} and {text!r}"
                )
            found[term] = text, self._ids(text, "glossary")
        return {term: ids for term, (_, ids) in found.items()}

    @cached_property
    def terms(self) -> re.Pattern[str] | None:
        """What matches the source terms of the glossary in a normalised line."""
        return pattern(self.glossary) if self.glossary else None

    def required(self, texts: list[str]) -> list[list[list[int]]]:
        """Return the phrases that the translation of each normalised source must hold."""
        if self.terms is None:
            return [[] for _ in texts]
        return [[self.glossary[term] for term in self.terms.findall(text)] for text in texts]

    @cached_property
    def symbols(self) -> dict[str, int]:
        """Symbol of a placeholder -> its piece, where the vocabulary has them."""
        return {piece: i for i, piece in enumerate(self.pieces) if piece in SYMBOLS}

    def occurrences(self, line: str) -> Counter[str]:
        """Return how often each term of the glossary occurs in a line."""
        return Counter(self.terms.findall(self.normalize_source(line))) if self.terms else Counter()

    @cached_property
    def joins(self) -> Tensor:
        """Which pieces go on with the word before them, (V,); none of a script without spaces."""
        import torch

        goes_on = [bool(_JOINS.match(p)) and not UNSPACED_LETTER.match(p) for p in self.pieces]
        return torch.tensor(goes_on)

    @cached_property
    def avoided(self) -> Avoided | None:
        """The rule on words to avoid."""
        words = [self.normalize_target(word) for word in self.constraints.avoid]
        if not words:
            return None
        for word, text in zip(self.constraints.avoid, words, strict=True):
            if not text:
                raise SeqformerError(f"avoid: {word!r} is no word")
        from seqformer.decoding.rules import Avoided

        return Avoided(pattern(words, re.I), self.pieces, 2 * max(map(len, words)) + 16)

    @cached_property
    def begun(self) -> Begun | None:
        """The rule on how translations begin."""
        given = self.constraints.prefix
        text = self.normalize_target(given)
        if not text:
            if given.strip():
                raise SeqformerError(f"prefix: {given!r} holds no text")
            return None
        from seqformer.decoding.rules import Begun

        whole, _, last = ("", "", text) if " " not in text else text.rpartition(" ")
        if given[-1:].isspace():
            return Begun(self._ids(text, "prefix"), "", self.pieces)
        self._ids(text, "prefix")
        return Begun(self._ids(whole, "prefix") if whole else [], f"▁{last}", self.pieces)

    def required_rule(self, phrases: list[list[list[int]]]) -> Required | None:
        """Return the rule that these phrases must come, each list in its sentence of a batch."""
        from seqformer.decoding.rules import Required

        return Required(phrases, self.joins) if any(phrases) else None

    def _ids(self, text: str, what: str) -> list[int]:
        (ids,) = self.target.encode([text])
        if UNK in ids or not ids:
            raise SeqformerError(f"{what}: the vocabulary has no pieces for {text!r}")
        if UNSPACED_LETTER.match(text) and len(ids) > 1 and self.pieces[ids[0]] == "▁":
            return ids[1:]
        return ids
