"""Tokens as the Moses scripts make them, lower-cased: much of the literature counts BLEU on these.

A line is lower-cased, its punctuation normalised and set apart; words with dashes stay whole, and no
character is escaped. From the raw test sentences of Multi30k this makes the tokens that are published with
them, but for their escapes, in all of 1,000 lines of German and of English and in 999 of French.
"""

from __future__ import annotations

import re
import textwrap
from functools import cache
from typing import Any

from seqformer.errors import MissingExtra, SeqformerError

NAME = "moses-lc"
PART = 1000  # characters that sacremoses is handed at once: its time grows with the square of some lines
_NAMED = re.compile(rf"{NAME}(?:-([a-z]{{2,3}}))?")
_ESCAPES = {
    "&#124;": "|", "&lt;": "<", "&gt;": ">", "&apos;": "'", "&quot;": '"', "&#91;": "[", "&#93;": "]",
    "&amp;": "&",
}  # fmt: skip
_ESCAPED = re.compile("|".join(_ESCAPES))


class Moses:
    """A tokenizer of one language, as sacreBLEU takes one. Raises :class:`MissingExtra`."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._normalizer, self._tokenizer, self._version = _scripts(name.removeprefix(f"{NAME}-"))

    def signature(self) -> str:
        """Return what a signature of sacreBLEU shows."""
        return f"{self._name}-{self._version}"

    def __call__(self, line: str) -> str:
        """Return the tokens of a line, with spaces between them."""
        line = line.lower()
        parts = [line] if len(line) <= PART else textwrap.wrap(line, PART, break_on_hyphens=False)
        return " ".join(filter(None, map(self._tokens, parts)))

    def _tokens(self, part: str) -> str:
        return str(self._tokenizer.tokenize(self._normalizer.normalize(part), return_str=True, escape=False))


@cache
def _scripts(language: str) -> tuple[Any, Any, str]:
    try:
        import sacremoses
    except ImportError:
        raise MissingExtra("sacremoses, which makes Moses tokens, is", "moses") from None
    return (
        sacremoses.MosesPunctNormalizer(language),
        sacremoses.MosesTokenizer(language),
        sacremoses.__version__,
    )


def is_name(asked: str) -> bool:
    """Return whether a tokenizer is meant, such as ``moses-lc-de``; the language may be left out."""
    return bool(_NAMED.fullmatch(asked))


def with_language(asked: str, language: str) -> str:
    """Return the whole name of a tokenizer, which ends in a language: the one named, or else ``language``."""
    match = _NAMED.fullmatch(asked)
    named = match and (match[1] or language)
    if not named:
        raise SeqformerError(
            f"the tokenizer {NAME} needs to know the language of the translations, and the run does not: "
            f"name it, as in {NAME}-de"
        )
    return f"{NAME}-{named}"


def unescaped(tokens: str) -> str:
    """Return tokens of the Moses scripts without their escapes, such as ``&apos;``."""
    return _ESCAPED.sub(lambda match: _ESCAPES[match[0]], tokens)
