"""What a vocabulary is learned from, and what it holds besides: single digits, bytes, symbols of the user.

SentencePiece leaves out, without a word, lines over ``LONGEST`` bytes and lines with its own mark ``▅``.
So it is handed fragments, which it takes all.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from seqformer.config import SUBWORDS, PrepareConfig
from seqformer.errors import DataError
from seqformer.storage.files import read_bytes
from seqformer.text import placeholders
from seqformer.text.normalize import Normalizer

LONGEST = 4192  # bytes of a line; a longer word could also be beyond the 65,535 positions of its BPE
RESERVED = "▅"
BYTES = 256  # pieces
FREQUENT = 0.05  # share of the training lines with a number; see :attr:`Statistics.numbers_are_frequent`
MOST_SYMBOLS, LONGEST_SYMBOL = 1000, 100  # characters
MOST_BYTES = 1 << 20  # of a file of symbols
_NUMBER = re.compile("[0-9０-９]{2}")  # what SentencePiece splits; other scripts' digits stay together
_NAMES = re.compile("<s>|</s>|<unk>|<pad>|<0x[0-9A-F]{2}>")


def fragments(lines: Iterable[str]) -> Iterator[str]:
    """Yield lines that SentencePiece takes; a longer one cut at spaces, or inside a word that is too long."""
    for line in lines:
        if RESERVED in line:
            yield from fragments(filter(None, line.split(RESERVED)))
        elif 4 * len(line) <= LONGEST or len(line.encode()) <= LONGEST:
            if line:
                yield line
        else:
            yield from _cut(line.encode())


def _cut(line: bytes) -> Iterator[str]:
    begin = 0
    while len(line) - begin > LONGEST:
        end = line.rfind(b" ", begin + 1, begin + LONGEST + 1)
        if end < 0:
            end = begin + LONGEST
            while line[end] & 0xC0 == 0x80:  # not inside a character
                end -= 1
        yield line[begin:end].decode()
        begin = end + (line[end : end + 1] == b" ")
    if begin < len(line):
        yield line[begin:].decode()


def drawn(lines: Iterable[str], count: int, most: int, seed: int) -> Iterator[str]:
    """Yield at most ``most`` of ``count`` lines, drawn at random, in their order.

    SentencePiece could draw them itself, but takes other ones in each process, whatever its seed is.
    """
    draw, left, wanted = random.Random(seed), count, most
    for line in lines:
        if wanted >= left or draw.random() * left < wanted:
            wanted -= 1
            yield line
        left -= 1


@dataclass
class Statistics:
    """What the size of a vocabulary and the treatment of digits depend on."""

    characters: int = 0
    lines: int = 0  # of both sides
    numbers: int = 0  # lines that hold a number of two digits or more
    letters: tuple[set[str], set[str]] = field(default_factory=lambda: (set(), set()))  # beyond ASCII, a side
    all_fit: bool = True  # SentencePiece takes every line as it is

    @property
    def numbers_are_frequent(self) -> bool:
        """Whether at least ``FREQUENT`` of the lines hold a number of two digits or more.

        Ordinary prose has far fewer: 0.3 % of the lines of Multi30k, 0.4 % of ManyThings English-French,
        0.7 % of Tatoeba in 149 languages, none of the embedded corpus. There a handful of numbers recur,
        and whole they are the shorter. Where numbers are frequent most of them are rare, and a model
        learns each of them only from its digits.
        """
        return self.numbers >= FREQUENT * max(1, self.lines)


def measure(rows: Iterable[list[str]]) -> Statistics:
    """Return the statistics of clean rows."""
    text = Statistics()
    has_number = _NUMBER.search
    for row in rows:
        text.lines += len(row)
        for side, line in enumerate(row):
            length = len(line)
            text.characters += length
            if has_number(line):
                text.numbers += 1
            if not line.isascii():
                text.letters[side].update(line)
            if not 0 < 4 * length <= LONGEST or RESERVED in line:
                text.all_fit = False
    return text


@dataclass(frozen=True)
class Extras:
    """What a vocabulary holds besides pieces of text, and which characters it leaves out."""

    symbols: tuple[str, ...] = ()
    split_digits: bool = False
    byte_fallback: bool = False
    character_coverage: float = PrepareConfig.character_coverage

    @property
    def size(self) -> int:
        """The number of pieces that are no pieces of text."""
        return len(self.symbols) + BYTES * self.byte_fallback

    def options(self) -> dict[str, Any]:
        """Return options of SentencePiece; those that are off are absent, also from the model it writes."""
        options: dict[str, Any] = {
            "user_defined_symbols": list(self.symbols),
            "split_digits": self.split_digits,
            "byte_fallback": self.byte_fallback,
        }
        return {name: value for name, value in options.items() if value}


def extras(config: PrepareConfig, normalizer: Normalizer, text: Statistics) -> Extras:
    """Return what the settings ask for, with digits as the text has it where they leave it open."""
    may_split = config.model_type in SUBWORDS
    reserved = placeholders.SYMBOLS if config.placeholders else ()
    digits = config.digits == "split" or (config.digits == "auto" and text.numbers_are_frequent)
    return Extras(
        (*symbols(config, normalizer), *reserved),
        may_split and digits,
        config.byte_fallback,
        config.character_coverage,
    )


def symbols(config: PrepareConfig, normalizer: Normalizer) -> tuple[str, ...]:
    """Return the symbols of the settings as normalised text has them. Raises :class:`DataError`."""
    asked = config.symbols.split()
    if len(asked) > MOST_SYMBOLS:
        raise DataError(f"{len(asked):,} symbols: there can be at most {MOST_SYMBOLS:,}")
    known: dict[str, str] = {}
    for symbol in asked:
        shown = repr(symbol if len(symbol) <= LONGEST_SYMBOL else symbol[:20] + "…")
        text = normalizer(symbol)
        if len(symbol) > LONGEST_SYMBOL:
            why = f"it can have at most {LONGEST_SYMBOL} characters"
        elif "▁" in symbol or RESERVED in symbol:
            why = "SentencePiece keeps the characters ▁ and ▅ for itself"
        elif _NAMES.fullmatch(text):
            why = "this name is taken by a special piece"
        elif not text:
            why = "nothing is left of it after normalisation"
        elif " " in text:
            why = f"normalisation makes it {text!r}, which is more than one word"
        elif text in known:
            why = f"it is there twice ({known[text]!r} is the same after normalisation)"
        else:
            known[text] = symbol
            continue
        raise DataError(f"the symbol {shown} cannot be used: {why}")
    return tuple(known)


def read_symbols(path: Path) -> str:
    """Return the symbols of a UTF-8 file, a line each, as the setting ``symbols``: with spaces between."""
    try:
        lines = read_bytes(path, MOST_BYTES).decode("utf-8-sig").split("\n")
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: not UTF-8 (byte {error.start + 1})") from None
    for number, line in enumerate(lines, 1):
        if len(line.split()) > 1:
            raise DataError(f"{path}, line {number}: a symbol cannot hold a space; put one symbol on a line")
    joined = " ".join(" ".join(lines).split())
    if not joined:
        raise DataError(f"{path}: there is no symbol in it; put one on each line")
    return joined
