"""Teaching a model where placeholders go: in a share of the training pairs, symbols in place of words.

What both sides of a pair hold becomes a symbol in any pair (:mod:`seqformer.text.placeholders`). Most corpora
have no placeholders at all, so words that translate each other get symbols too: one in their place, as of a
name, or two around them, as of a tag. Which words those are is seen from how often they come together, by the
Dice coefficient 2 n(s, t) / (n(s) + n(t)) over pairs of lines. Where a line has no such words, as without
spaces between words, a symbol stands at its beginning or its end.
"""

from __future__ import annotations

import random
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path

from seqformer.text.characters import UNSPACED, UNSPACED_LETTER
from seqformer.text.placeholders import SYMBOLS, Shield
from seqformer.text.rows import read_rows, write_rows

SHARE = 0.05  # of the training pairs
FEWEST = 1000  # pairs of a corpus that teaches at all
SAMPLE, WORDS = 10_000, 30  # pairs whose words are counted, and words of a line: bounds of time and memory
LEAST, DICE = 3, 0.4  # times that words come together, and how exclusively
RARE, COMMON = 5, 0.001  # times, and share of the pairs, from which on a placeholder of sources alone is one
SLOTS, WEIGHTS = (1, 2, 3), (6, 3, 1)  # words of a pair that get symbols
IN_PLACE = 0.6  # of these; around the others
_WORD = re.compile(rf"(?<![\w'’⟦-])(?:(?![{UNSPACED}])\w)+(?![\w'’⟧-])")
Edit = tuple[int, int, str]  # what stands between two places is to be that text
Known = dict[str, dict[str, float]]  # word -> words that translate it, with their Dice coefficients


def teach(path: Path, shield: Shield, seed: int) -> tuple[Shield, int]:
    """Rewrite the rows of training pairs with symbols; return the shield used, and how many pairs have some.

    The shield spares also what sources alone hold so often that it tells the model something, such as the
    language to translate into.
    """
    count = sum(1 for _ in read_rows(path))
    shield = Shield(shield.on, shield.exempt | _own(read_rows(path), count, shield))
    teaches = count >= FEWEST
    known = translations(path, count) if teaches else {}
    draw, hold = random.Random(seed), 0

    def taught() -> Iterator[list[str]]:
        nonlocal hold
        for source, target, *rest in read_rows(path):
            pair = shield.hide_both(source, target)
            if teaches and draw.random() < SHARE and pair == (source, target):
                pair = with_symbols(source, target, known, draw)
            hold += pair != (source, target)
            yield [*pair, *rest]

    new = path.with_suffix(".taught")
    write_rows(new, taught())
    new.replace(path)
    return shield, hold


def _own(rows: Iterable[list[str]], count: int, shield: Shield) -> set[str]:
    """Return the placeholders that sources of so many rows hold often, and their targets do not."""
    alone: Counter[str] = Counter()
    for source, target, *_ in rows:
        if spans := shield.find(source):
            there = {span.key for span in shield.find(target)}
            alone.update({span.text for span in spans if span.key not in there})
    return {text for text, times in alone.items() if times >= max(RARE, COMMON * count)}


def _words(line: str) -> dict[str, tuple[int, int]]:
    """Return where the words of a line stand that occur in it once."""
    found: dict[str, tuple[int, int]] = {}
    twice = set()
    for match in _WORD.finditer(line):
        word = match[0].lower()
        twice |= {word} & found.keys()
        found[word] = match.span()
    return {word: place for word, place in list(found.items())[:WORDS] if word not in twice}


def translations(path: Path, count: int) -> Known:
    """Return which words translate each other, from a sample of the rows of a file, ``count`` in all."""
    every = -(-count // SAMPLE)
    lines = [(_words(row[0]), _words(row[1])) for n, row in enumerate(read_rows(path)) if n % every == 0]
    sources, targets = (Counter(word for line in lines for word in line[side]) for side in (0, 1))
    together: Counter[tuple[str, str]] = Counter()
    for source, target in lines:
        right = [word for word in target if targets[word] >= LEAST]
        together.update((s, t) for s in source if sources[s] >= LEAST for t in right)
    known: Known = defaultdict(dict)
    for (s, t), times in together.items():
        dice = 2 * times / (sources[s] + targets[t])
        if times >= LEAST and dice >= DICE:
            known[s][t] = dice
    return known


def with_symbols(source: str, target: str, known: Known, draw: random.Random) -> tuple[str, str]:
    """Return a pair with symbols for some words that translate each other, or at one end."""
    slots = draw.choices(SLOTS, WEIGHTS)[0]
    places = _chosen(_words(source), _words(target), known, slots, draw)
    if not places:
        return _at_an_end(source, target, draw)
    kinds = [1 if draw.random() < IN_PLACE else 2 for _ in places]
    symbols = iter(_symbols(sum(kinds), draw))
    edits: tuple[list[Edit], list[Edit]] = ([], [])
    for both, kind in zip(places, kinds, strict=True):  # in the order of the source
        names = [next(symbols) for _ in range(kind)]
        for line, (begin, end), side in zip((source, target), both, edits, strict=True):
            side.append((begin, end, names[0] if kind == 1 else f" {line[begin:end]} ".join(names)))
    return _edited(source, edits[0]), _edited(target, edits[1])


def _symbols(count: int, draw: random.Random) -> list[str]:
    """Return so many symbols in their order: the first, as a line's are, or any, so that all are learned."""
    if draw.random() < 0.5:
        return list(SYMBOLS[:count])
    return sorted(draw.sample(SYMBOLS, count))


def _chosen(
    source: dict[str, tuple[int, int]],
    target: dict[str, tuple[int, int]],
    known: Known,
    most: int,
    draw: random.Random,
) -> list[tuple[tuple[int, int], tuple[int, int]]]:
    """Return places of at most so many pairs of words, the surest matches first taken, in source order."""
    matches = sorted(((-d, s, t) for s in source for t, d in known.get(s, {}).items() if t in target))
    left, right = dict(source), dict(target)
    sure = []
    for _, s, t in matches:
        if s in left and t in right:
            sure.append((left.pop(s), right.pop(t)))
    return sorted(draw.sample(sure, min(most, len(sure))))


def _edited(line: str, edits: list[Edit]) -> str:
    for begin, end, text in sorted(edits, reverse=True):
        line = line[:begin] + text + line[end:]
    return line


def _at_an_end(source: str, target: str, draw: random.Random) -> tuple[str, str]:
    """Return a pair with a symbol at the beginning or the end; as it is if it is hardly a sentence."""
    if any(len(line.split()) < 3 and not UNSPACED_LETTER.search(line) for line in (source, target)):
        return source, target
    (symbol,) = _symbols(1, draw)
    if draw.random() < 0.5:
        source, target = (f"{symbol}{_space(line[0])}{line}" for line in (source, target))
    else:
        source, target = (f"{line}{_space(line[-1])}{symbol}" for line in (source, target))
    return source, target


def _space(beside: str) -> str:
    return "" if UNSPACED_LETTER.match(beside) else " "
