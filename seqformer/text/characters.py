"""Checks of the characters of one line: odd ones, mojibake, and the script it is written in.

Everything here is a function of a single line of text, as it stands in the file.
"""

from __future__ import annotations

import difflib
import re
from collections import Counter
from collections.abc import Iterator
from functools import lru_cache

from fontTools import unicodedata
from fontTools.unicodedata import Scripts

from seqformer.config import RULES
from seqformer.errors import DataError

# Replaced by a plain space: line ends that only some tools split on, and spaces that are not U+0020.
SEPARATORS = "\v\f\r\x1c\x1d\x1e\x1f\x85\u2028\u2029"
SPACES = "\xa0\u1680\u202f\u205f\u3000" + "".join(map(chr, range(0x2000, 0x200B)))
# Removed. The joiners U+200C and U+200D stay: Persian, Hindi and emoji are spelled with them; a zero-width
# space stays where it separates words (see separates).
ZERO_WIDTH_SPACE = "\u200b"
INVISIBLE = "\xad\u2060\ufeff" + ZERO_WIDTH_SPACE
DIRECTIONS = "\u061c\u200e\u200f" + "".join(map(chr, [*range(0x202A, 0x202F), *range(0x2066, 0x206A)]))
CONTROLS = "".join(chr(c) for c in [*range(0x20), *range(0x7F, 0xA0)] if chr(c) not in SEPARATORS + "\t\n")
KINDS = {
    "stray tab": "\t",
    "line separator": SEPARATORS,
    "special space": SPACES,
    "invisible character": INVISIBLE,
    "direction mark": DIRECTIONS,
    "control character": CONTROLS,
}
_KIND_OF = {character: kind for kind, characters in KINDS.items() for character in characters}
_ODD = re.compile(f"[{re.escape(''.join(_KIND_OF))}]")

# Letters of scripts that put no spaces between words, as ranges of a regular expression: Chinese, Japanese …
EAST = (
    "\u2e80-\u2fdf\u3005-\u3007\u3021-\u3029\u3031-\u3035\u3038-\u303c\u3041-\u30ff\u3105-\u312f\u31a0-\u31ff"
    "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uff66-\uff9f\U0001aff0-\U0001b16f\U00020000-\U0003ffff"
)
# … Thai, Lao, Burmese, Khmer, Tai scripts, Balinese, Javanese, Cham: zero-width spaces separate their words
SOUTHEAST = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u1950-\u19ff\u1a20-\u1aaf\u1b00-\u1b7f\ua980-\ua9ff\uaa00-\uaadf"
)
UNSPACED = EAST + SOUTHEAST + "\u0f00-\u0fff"  # … and Tibetan, which marks syllables
UNSPACED_LETTER = re.compile(f"[{UNSPACED}]")
_SOUTHEAST = re.compile(f"[{SOUTHEAST}]")
_REMOVED = frozenset(INVISIBLE + DIRECTIONS + CONTROLS)


def odd(line: str, rules: int = RULES) -> Iterator[tuple[str, int]]:
    """Yield each kind of odd character in a line once, with its first position.

    ``rules`` is a version of the text rules (:mod:`seqformer.text.normalize`): the first had no direction
    marks, and no zero-width space that stays.
    """
    kinds = {"direction mark"} if rules == 1 else set()
    for match in _ODD.finditer(line):
        kind = _KIND_OF[match[0]]
        stays = match[0] == ZERO_WIDTH_SPACE and rules > 1 and separates(line, match.start())
        if kind not in kinds and not stays:
            kinds.add(kind)
            yield kind, match.start()


def separates(line: str, at: int) -> bool:
    """Return whether the zero-width space at a position separates words.

    There is a letter or digit on each side, one of them of a script that has such spaces; of several spaces
    the last one counts. Time is linear in the distance to those letters.
    """
    after = at + 1
    while after < len(line) and line[after] in _REMOVED and line[after] != ZERO_WIDTH_SPACE:
        after += 1
    if after == len(line) or _category(line[after], 0) not in "LN":
        return False
    before = at - 1
    while before >= 0 and (line[before] in _REMOVED or _category(line[before], -1) == "M"):
        before -= 1
    if before < 0 or _category(line[before], -1) not in "LN":
        return False
    return bool(_SOUTHEAST.match(line[before]) or _SOUTHEAST.match(line[after]))


@lru_cache(1 << 14)
def _category(character: str, index: int) -> str:
    """Return L, M, N, P, S, Z or C, of the first (0) or last (-1) that NFKC makes of a character."""
    return str(unicodedata.category(unicodedata.normalize("NFKC", character)[index]))[0]


# Mojibake: UTF-8 read as Latin-1 or Windows-1252. The bytes of one character then show as a letter (the
# lead byte, C2..F4) and one to three signs (80..BF): é is Ã©, ’ is â€™, при is Ð¿Ñ€Ð¸.
# Lead bytes that hardly any text uses (C6..CD, DC..DF: phonetic signs, Syriac, NKo) are left out: they
# show as É È Ê Ç Ü ß and Í, which in real text often stand before a quote, a dash or a space.
_SIGNS = {bytes([b]).decode("cp1252", "ignore") or chr(b): b for b in range(0x80, 0xC0)}
_SIGNS |= {chr(b): b for b in range(0x80, 0xC0)}
_TO_BYTES = {ord(character): byte for character, byte in _SIGNS.items()}
_SIGN = f"[{re.escape(''.join(_SIGNS))}]"
_GROUP = f"[\xc2-\xc5\xce-\xdb]{_SIGN}|[\xe0-\xef]{_SIGN}{{2}}|[\xf0-\xf4]{_SIGN}{{3}}"
_RUN = re.compile(f"(?:{_GROUP})+")
_GROUPS = re.compile(_GROUP)
# Signs that may end a word in real text; all that may follow a letter there; the letters among them.
_ENDS = frozenset("\xa0«»‹›‘’‚“”„…–—")
_NATURAL = _ENDS | frozenset("\xad•·¡¿´°ºª¹²³®™€£ŠšŒœŽžŸ")
_LETTERS = frozenset("ŠšŒœŽžŸ")
_OPENING = frozenset('"(«‹‘“„‚')


def mojibake(line: str) -> int | None:
    """Return where a line holds UTF-8 that was read as Latin-1 or Windows-1252; None if it does not.

    If in doubt it returns None: one pair such as ``Ó…`` counts only if the letters around it could
    not occur in real text (``PASÓ…``, ``MANHÃ”`` and ``passé\xa0»`` are no mojibake).
    """
    if "â€" in line:
        return line.index("â€")
    for match in _RUN.finditer(line):
        try:
            match[0].translate(_TO_BYTES).encode("latin-1").decode("utf-8")
        except UnicodeError:
            continue
        groups = _GROUPS.findall(match[0])
        before, after = line[match.start() - 1 : match.start()], line[match.end() : match.end() + 1]
        if len(set(groups)) > 1 or _telling(groups[0], before, after):
            return match.start()
    return None


def _telling(group: str, before: str, after: str) -> bool:
    """Return whether a single group, between two characters, cannot be real text."""
    if not _NATURAL.issuperset(group[1:]):
        return group[0] != "×"
    if len(group) != 2:
        return len(group) == 4
    if group[0] in "ÂÃ":  # a sign may follow these only at the end of a word in capitals
        ends = group[1] in _ENDS and (before.isupper() or before in _OPENING)
        return not ends or after.islower()
    if group[0] == "×" or group[1] == "\xa0":
        return False
    return before.islower() or (after.islower() and not before.isupper() and group[1] not in _LETTERS)


MIXED = "mixed"
_SAME = dict.fromkeys(("Hiragana", "Katakana", "Bopomofo"), "Han")
_SAME |= dict.fromkeys(("Common", "Inherited", "Unknown"), "")
# names and codes of scripts as they may be asked for -> as they are called here
_CALLED = {
    word.casefold(): _SAME.get(name, name)
    for code in Scripts.NAMES
    for name in (unicodedata.script_name(code),)
    for word in (name, code)
    if _SAME.get(name, name)
}


class _Scripts(dict[str, str]):
    """Maps a letter to its Unicode script, kana to Han; all else, and letters of no one script, to ''.

    Signs such as ៛ have a script too (Khmer), but occur in text of any script.
    """

    def __missing__(self, character: str) -> str:
        name = ""
        if unicodedata.category(character).startswith("L"):
            name = unicodedata.script_name(unicodedata.script(character))
        self[character] = script = _SAME.get(name, name)
        return script


_SCRIPTS = _Scripts()


def parse_scripts(text: str) -> tuple[str, str]:
    """Return the scripts of source and target of ``Latin,Cyrillic``; one name is for both, '' for any."""
    sides = [side.strip().replace("_", " ") for side in text.split(",")]
    if len(sides) > 2:
        raise DataError(f"scripts {text!r}: expected one script, or two with a comma, such as Latin,Cyrillic")
    for side in filter(None, sides):
        if side.casefold() not in _CALLED:
            close = difflib.get_close_matches(side.casefold(), _CALLED, n=1)
            meant = (
                f"did you mean {_CALLED[close[0]]}?" if close else "name it as Unicode does, such as Latin"
            )
            raise DataError(f"scripts {text!r}: there is no script '{side}'; {meant}")
    names = [_CALLED.get(side.casefold(), "") for side in sides]
    return names[0], names[-1]


_LATIN = re.compile("[A-Za-z]")


def script(line: str) -> str:
    """Return the script of more than half the letters: ``Latin``, ``Cyrillic``, ``Han`` (kana too) …

    ``mixed`` if no script has more than half, '' if no letter belongs to a script (``5 µ``).
    """
    if line.isascii():
        return "Latin" if _LATIN.search(line) else ""
    scripts = set(map(_SCRIPTS.__getitem__, line)) - {""}
    if len(scripts) < 2:
        return scripts.pop() if scripts else ""
    counts = Counter(filter(None, map(_SCRIPTS.__getitem__, line)))
    name, most = counts.most_common(1)[0]
    return name if 2 * most > counts.total() else MIXED
