"""Which words of a line each piece comes from, whatever was done to the line before it was cut into pieces.

The line is normalised word by word, and these words, without the spaces between them, are compared with what
the pieces spell. Both are the same but for what depends on more than a word, such as symbols in place of
placeholders; there each character comes from all words of the stretch that differs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import groupby

from rapidfuzz.distance import Levenshtein

from seqformer.text.tokenizer import Vocabulary


def origins(given: str, read: str, normalize: Callable[[str], str], vocabulary: Vocabulary) -> list[range]:
    """Return for each piece of a line as it is ``read`` the numbers of the words that it comes from.

    Words are those of the line as it was ``given``, between spaces (``str.split``), from 0. The range of a
    piece is empty where nothing given corresponds to it.
    """
    words = ["".join(normalize(word).split()) for word in given.split()]
    word_of = [number for number, word in enumerate(words) for _ in word]
    text, spans = vocabulary.spans(read)
    of: list[range] = []
    for begin, end in _corresponding("".join(words), text):
        numbers = word_of[begin:end]
        of.append(range(numbers[0], numbers[-1] + 1) if numbers else range(0))
    return [_joined(of[begin:end]) for begin, end in spans]


def _corresponding(given: str, read: str) -> Iterator[tuple[int, int]]:
    """Yield for each character read the begin and the end of the characters given that it comes from."""
    for same, group in groupby(Levenshtein.opcodes(given, read), lambda code: code.tag == "equal"):
        codes = list(group)
        begin, end = codes[0].src_start, codes[-1].src_end
        count = codes[-1].dest_end - codes[0].dest_start
        one_by_one = same or end - begin == count
        yield from ((begin + i, begin + i + 1) if one_by_one else (begin, end) for i in range(count))


def _joined(ranges: list[range]) -> range:
    some = [each for each in ranges if each]
    return range(some[0].start, some[-1].stop) if some else range(0)
