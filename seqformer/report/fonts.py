"""Fonts for any text: those of matplotlib first, and others of the system for characters that these lack."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fontTools import unicodedata

from seqformer.errors import SeqformerError

DEFAULT = "DejaVu Sans"  # comes with matplotlib
MOST = 8  # fonts taken from the system for one picture
NAMED = 6  # characters named in a remark
# of a collection for Chinese, Japanese and Korean, and of fonts for one of them, the form that a text needs
_FORMS = {"Hira": "JP", "Kana": "JP", "Hang": "KR"}
_NOTO = dict.fromkeys(("Han", "Hiragana", "Katakana", "Hangul", "Bopomofo"), "Noto Sans CJK")
_FACES = ("bold", "black", "light", "thin", "medium", "italic", "oblique", "condensed", "mono", "serif")
# scripts that run from left to right and whose letters change with their neighbours
_JOINED = (
    "Deva", "Beng", "Guru", "Gujr", "Orya", "Taml", "Telu", "Knda", "Mlym", "Sinh", "Khmr", "Mymr", "Tibt",
)  # fmt: skip
UNREADABLE = (RuntimeError, ValueError, TypeError)  # what matplotlib raises for a file that is no font


@dataclass(frozen=True)
class Fonts:
    """The fonts of a picture: names for matplotlib, and the characters that none of them has."""

    families: tuple[str, ...]
    missing: str = ""
    shaped: bool = True  # whether letters are joined and ordered as their script asks
    known_as: tuple[tuple[str, str], ...] = ()  # of fonts from files: our name, and the one others know

    def named(self, svg: bytes) -> bytes:
        """Return an SVG with the fonts by the names that they have elsewhere, not by their files here."""
        for ours, known in self.known_as:
            svg = svg.replace(f"'{ours}'".encode(), f"'{known}'".encode())
        return svg

    def remarks(self) -> list[str]:
        """Return in words what is not drawn as it should be."""
        remarks = [_lacking(self.missing)] if self.missing else []
        if not self.shaped:
            remarks.append(
                "This version of matplotlib draws Arabic, Hebrew, Hindi and the like letter by letter from "
                "left to right; matplotlib 3.11 (Python 3.11) draws them as they are written."
            )
        return remarks


def choose(text: str, font: Path | None = None) -> Fonts:
    """Return fonts for every character of a text that some font here has.

    A ``font`` of the user's comes first. Files of the system are opened only for characters that neither
    this nor the fonts of matplotlib have. Raises :class:`SeqformerError` for a file that is no font.
    """
    import matplotlib
    from matplotlib.font_manager import FontProperties, findfont
    from matplotlib.ft2font import FT2Font

    characters = set(text)
    form = next((_FORMS[s] for s in map(unicodedata.script, sorted(characters)) if s in _FORMS), "SC")
    families, known_as = [*matplotlib.rcParams["font.family"], DEFAULT], []
    lacking = {c for c in characters if _is_drawn(c)}
    if font:
        face = opened(font)
        families.insert(0, _registered(face, form))
        known_as.append((families[0], face.family_name))
        lacking -= _covered(face, lacking)
    for wanted in (FontProperties(), DEFAULT):
        lacking -= _covered(FT2Font(findfont(wanted)), lacking)
    for found in _of_system(lacking, form):
        families.append(_registered(found, form))
        known_as.append((families[-1], found.family_name))
        lacking -= _covered(found, lacking)
    shaped = _shapes() or not any(map(_needs_shaping, characters))
    return Fonts(tuple(dict.fromkeys(families)), "".join(sorted(lacking)), shaped, tuple(known_as))


def opened(path: Path) -> Any:
    """Return the font of a file. Raises :class:`SeqformerError` if it is none that can be drawn with."""
    from matplotlib.ft2font import FT2Font

    if path.is_dir() or not path.exists():
        raise SeqformerError(f"{path}: there is no such file; name a font file (.ttf, .otf or .ttc)")
    with contextlib.suppress(*UNREADABLE):
        if path.is_file() and (face := FT2Font(str(path))).scalable:
            return face
    raise SeqformerError(f"{path} is not a font with outlines; name a .ttf, .otf or .ttc file")


def _is_drawn(character: str) -> bool:
    """Return whether a character needs a glyph: spaces, controls, joiners and selectors do not."""
    if unicodedata.category(character) in ("Cc", "Cf", "Cs", "Zs", "Zl", "Zp"):
        return False
    return not any(low <= character <= high for low, high in _IGNORED)


# characters that Unicode has shown as nothing where a font lacks them, but for those of the categories above
_IGNORED = (
    ("\u034f", "\u034f"), ("\u115f", "\u1160"), ("\u17b4", "\u17b5"), ("\u180b", "\u180f"),
    ("\u3164", "\u3164"), ("\ufe00", "\ufe0f"), ("\uffa0", "\uffa0"), ("\U000e0000", "\U000e0fff"),
)  # fmt: skip


def _covered(face: Any, characters: Iterable[str]) -> set[str]:
    return {c for c in characters if face.get_char_index(ord(c))}


def _of_system(lacking: set[str], form: str) -> Iterator[Any]:
    """Yield fonts of the system that together have as many of the lacking characters as can be had.

    One that has all of them ends the search.
    """
    from matplotlib.ft2font import FT2Font

    if not lacking:
        return
    scripts = {_script(c).replace(" ", "").lower() for c in lacking}
    useful = []
    for path in sorted(_system_files(), key=lambda path: _rank(path, scripts, form)):
        try:
            face = FT2Font(path)
        except (*UNREADABLE, OSError):
            continue
        if face.scalable and (has := _covered(face, lacking)):
            useful.append((has, face))
            if has == lacking:
                break
    rest = set(lacking)
    for _ in range(MOST):
        best = max(useful, key=lambda pair: len(pair[0] & rest), default=None)
        if best is None or not best[0] & rest:
            return
        rest -= best[0]
        yield best[1]


def _system_files() -> list[str]:
    from matplotlib.font_manager import findSystemFonts

    return list(findSystemFonts())  # those installed now: matplotlib's own list can be older


def _rank(path: str, scripts: set[str], form: str) -> tuple[bool, bool, int, str]:
    """Return how likely a file is to be the font wanted, the likeliest first."""
    name = Path(path).stem
    lower = name.lower()
    of_script = any(script in lower for script in scripts) or "cjk" in lower or form in name
    return not of_script, "sans" not in lower, sum(face in lower for face in _FACES), name


def _registered(face: Any, form: str) -> str:
    """Make a font known to matplotlib under a name of its own, and return the name."""
    from matplotlib.font_manager import FontEntry, fontManager

    index = _index(face, form)
    name = f"{face.fname}#{index}"
    if all(entry.name != name for entry in fontManager.ttflist):
        own: dict[str, Any] = {"index": index} if index else {}
        fontManager.ttflist.append(
            FontEntry(str(face.fname), name=name, weight=400, stretch="normal", size="scalable", **own)
        )
    return name


def _index(face: Any, form: str) -> int:
    """Return which font of a collection has the forms of Chinese, Japanese or Korean that a text needs."""
    from matplotlib.ft2font import FT2Font

    if not _shapes():  # versions that take the first of a collection
        return 0
    for index in range(face.num_faces):
        name = FT2Font(face.fname, face_index=index).family_name
        if name.endswith(form) and "Mono" not in name:
            return index
    return 0


def _shapes() -> bool:
    """Return whether this matplotlib orders and joins letters (3.11 and later, with libraqm)."""
    from matplotlib import ft2font

    return hasattr(ft2font, "__libraqm_version__")


def _needs_shaping(character: str) -> bool:
    return unicodedata.bidirectional(character) in ("R", "AL") or unicodedata.script(character) in _JOINED


def _script(character: str) -> str:
    return str(unicodedata.script_name(unicodedata.script(character)))


def _lacking(characters: str) -> str:
    """Return in words which characters no font here has, and what would help."""
    names = sorted({_script(c) for c in characters} - {"Common", "Inherited", "Unknown"})
    fonts = list(dict.fromkeys(_NOTO.get(name, f"Noto Sans {name}") for name in names))
    shown = " ".join(c if c.isprintable() else f"U+{ord(c):04X}" for c in characters[:NAMED]) + (
        " …" if len(characters) > NAMED else ""
    )
    many = f"{len(characters):,} characters" if len(characters) > 1 else "a character"
    of_scripts = f" of {', '.join(names[:NAMED])}" if names else ""
    advice = ", ".join(fonts[:NAMED]) or "Noto Sans Symbols 2 or Noto Emoji"
    return (
        f"No font here has {many}{of_scripts} ({shown}), drawn as boxes: "
        f"install fonts such as {advice}, or name a font file that has them."
    )
