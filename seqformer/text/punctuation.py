"""Punctuation marks of every script, and setting them apart from words.

A mark is a character with Unicode's property Terminal_Punctuation (``. , ? ! : ;`` and their like: danda,
Arabic, Ethiopic, Khmer, full-width …), a bracket, a quotation mark, ``…``, ``¿`` or ``¡``. Each is a token of
its own, but for runs of one mark (``...``) and of question and exclamation marks (``?!``).
These stay whole:

    numbers               3.14   1,000   12:30   .5   and whatever has no marks: 2024-01-01
    words                 e.g   U.S   EU:n   col·lega   l'eau   dogs'   well-known   example.com
    addresses             https://example.com/a?b=c   example.com/a   a.b@example.com
    placeholders          {name}   ${name}   {{name}}   %(name)s   %.2f
    markup                <b>   </a>   <a href="x">   &amp;   &#39;

Apostrophes and single quotation marks (``' ‘ ’``) look alike and stay at their word. Time is linear in the
length of a line.
"""

from __future__ import annotations

import re
import unicodedata
from functools import cache

from seqformer.text.characters import EAST

# Unicode 16, PropList.txt: code points and ranges. They are written out so that no Python and no library
# changes what a run does to its text.
_TERMINAL = """
21 2C 2E 3A-3B 3F 589 5C3 60C 61B 61D-61F 6D4 700-70A 70C 7F8-7F9 830-835 837-83E 85E 964-965 E5A-E5B F08
F0D-F12 104A-104B 1361-1368 166E 16EB-16ED 1735-1736 17D4-17D6 17DA 1802-1805 1808-1809 1944-1945 1AA8-1AAB
1B4E-1B4F 1B5A-1B5B 1B5D-1B5F 1B7D-1B7F 1C3B-1C3F 1C7E-1C7F 2024 203C-203D 2047-2049 2CF9-2CFB 2E2E 2E3C 2E41
2E4C 2E4E-2E4F 2E53-2E54 3001-3002 A4FE-A4FF A60D-A60F A6F3-A6F7 A876-A877 A8CE-A8CF A92F A9C7-A9C9 AA5D-AA5F
AADF AAF0-AAF1 ABEB FE12 FE15-FE16 FE50-FE52 FE54-FE57 FF01 FF0C FF0E FF1A-FF1B FF1F FF61 FF64 1039F 103D0
10857 1091F 10A56-10A57 10AF0-10AF5 10B3A-10B3F 10B99-10B9C 10F55-10F59 10F86-10F89 11047-1104D 110BE-110C1
11141-11143 111C5-111C6 111CD 111DE-111DF 11238-1123C 112A9 113D4-113D5 1144B-1144D 1145A-1145B 115C2-115C5
115C9-115D7 11641-11642 1173C-1173E 11944 11946 11A42-11A43 11A9B-11A9C 11AA1-11AA2 11C41-11C43 11C71
11EF7-11EF8 11F43-11F44 12470-12474 16A6E-16A6F 16AF5 16B37-16B39 16B44 16D6E-16D6F 16E97-16E98 1BC9F
1DA87-1DA8A
"""
EXCLAMATIONS = "!?؟‼‽⁇⁈⁉！？"  # one run, in any order
INVERTED = "¿¡⸘"
_ELLIPSES, _MIDDLE = "…‥", "·"
BRACKETS = ("Ps", "Pe", "Pi", "Pf")  # Unicode's categories of those that open and close
_SINGLE_QUOTES = "‘’‚‛"
# Between letters these belong to the word (Unicode's MidLetter and MidNumLet), between digits to the number.
IN_WORDS = _MIDDLE + ".:․﹒﹕．："
IN_NUMBERS = ".,:،﹐﹒﹕，．："
TRIGGER = re.compile(r"[@%<&{/]")  # in all that stays whole, but for words and numbers
_RARE = re.compile(r"[@%<&{/\U00010000-\U0010ffff]")
# what stays whole; each pattern either has a bounded length, or begins where no other begins
_WHOLE = rf"""
    [A-Za-z][A-Za-z0-9+.\-]{{0,15}}://(?:(?![{EAST}])[\w!#$%&'()*+,\-./:;=?@\[\]~])*(?<=[\w/#&=+~$%@*\-])
  | (?<![\w.\-])[\w\-]+(?:\.[\w\-]+)+/(?:(?![{EAST}])[\w!#$%&'()*+,\-./:;=?@\[\]~])*(?<=[\w/#&=+~$%@*\-])
  | (?<![\w.+\-])[\w.+\-]+@[\w\-]+(?:\.[\w\-]+)+
  | [$%\#@]?[{{]{{1,3}}[\w.:!$\-]{{1,64}}[}}]{{1,3}}
  | %(?:\(\w{{1,64}}\))?[\-+\#0]{{0,4}}\d{{0,4}}(?:\.\d{{1,4}})?[A-Za-z]
  | </?[A-Za-z][^<>]*>
  | &(?:\#\d{{1,7}}|\#[xX][0-9A-Fa-f]{{1,6}}|[A-Za-z][A-Za-z0-9]{{1,31}});
"""


def terminal() -> str:
    """Return all characters with the property Terminal_Punctuation."""
    ranges = [[int(end, 16) for end in text.split("-")] for text in _TERMINAL.split()]
    return "".join(chr(point) for ends in ranges for point in range(ends[0], ends[-1] + 1))


@cache
def paired() -> dict[str, str]:
    """Return all brackets and quotation marks but single ones, with their categories: Ps, Pe, Pi, Pf, Po."""
    characters = map(chr, (*range(0x3100), *range(0xFD00, 0x10000)))  # there are none elsewhere
    kinds = {c: unicodedata.category(c) for c in characters if c not in _SINGLE_QUOTES}
    return {c: kind for c, kind in kinds.items() if kind in BRACKETS} | dict.fromkeys('"＂', "Po")


@cache
def marks() -> frozenset[str]:
    """Return all marks."""
    return frozenset([*terminal(), *_ELLIPSES, *INVERTED, *_MIDDLE, *paired()])


@cache
def _patterns() -> tuple[re.Pattern[str], re.Pattern[str]]:
    """Return a pattern of the marks of most lines, and one of every mark and of what stays whole.

    Group 1 is the mark, empty for what stays whole. The first pattern knows no mark beyond U+FFFF, because
    Python scans for a set with such characters many times more slowly.
    """
    every, single = (re.escape("".join(sorted(each))) for each in (marks(), paired()))
    in_words, in_numbers = map(re.escape, (IN_WORDS, IN_NUMBERS))
    left, right = rf"[^\s\d<>'’{every}{EAST}]", rf"(?![{EAST}])[^\W\d_]"
    # the first mark is matched alone, so that a line is scanned for it quickly, and then looked back at
    rest = rf"""
        (?: (?<=[{in_words}{in_numbers}])
            (?: \2+
              | (?! (?<=\d[{in_numbers}])\d
                  | (?<={left}[{in_words}]){right}
                  | (?<!.\.)(?<=\.)\d
                  | (?<=[\s+\-−±$€£{single}]\.)\d ))
          | (?<=[{EXCLAMATIONS}])[{EXCLAMATIONS}]*
          | (?<=[{INVERTED}])[{INVERTED}]*
          | (?<=[{single}])
          | (?<=[^{in_words}{in_numbers}{EXCLAMATIONS}{INVERTED}{single}])\2* )
    """
    usual = re.escape("".join(sorted(mark for mark in marks() if mark <= "\uffff")))
    return (
        re.compile(rf"(([{usual}]){rest})", re.VERBOSE),
        re.compile(rf"{_WHOLE} | (([{every}]){rest})", re.VERBOSE),
    )


def is_run(two: str) -> bool:
    """Return whether two neighbouring marks are one token."""
    alike = two[0] == two[1] and two[0] not in paired()
    return alike or all(mark in EXCLAMATIONS for mark in two) or all(mark in INVERTED for mark in two)


def split(line: str) -> str:
    """Return a line with a space on each side of each mark; there may be several in a row."""
    usual, every = _patterns()
    if _RARE.search(line) is None:
        return usual.sub(r" \1 ", line)
    return every.sub(lambda match: f" {match[1]} " if match[1] else match[0], line)
