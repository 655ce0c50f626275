"""The language pairs of a service: which run translates what, and what languages are called outside.

Outside, codes are those of BCP 47 with hyphens, as LibreTranslate has them: ``pt-BR`` for ``pt_BR``.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from seqformer.errors import RunError, SeqformerError
from seqformer.runs.lock import is_training
from seqformer.runs.run import Run
from seqformer.text import identify, languages

AUTO = "auto"


class Unsupported(SeqformerError):
    """A language, or a pair of them, that no run of the service translates."""


@dataclass(frozen=True)
class Pair:
    """A run, and the codes of the languages that it translates between."""

    source: str
    target: str
    run: Run

    @property
    def name(self) -> str:
        """The pair as it is written: ``en-fr``."""
        return languages.joined(self.source, self.target)

    @cached_property
    def shows_symbols(self) -> bool:
        """Whether the model reads a symbol in place of a tag, and shows where it goes."""
        return bool(self.run.task.manifest.shield().on)


def open_pair(text: str | Path | Run) -> Pair:
    """Return the pair of a run: an open one, its folder, or ``en-fr=FOLDER`` where it knows no languages.

    Raises :class:`SeqformerError`, also for a run that is being trained and has no weights yet.
    """
    asked = ""
    if isinstance(text, Run):
        run = text
    else:
        before, equals, after = str(text).partition("=")
        asked, folder = (before, after) if equals and not Path(text).exists() else ("", str(text))
        run = Run(folder)
    if not run.task.reads_text or run.task.manifest.toy:
        raise RunError(f"{run.folder} translates no language ({run.task.title}); name another run")
    if is_training(run.folder) and not run.has_weights:
        raise RunError(f"{run.folder} is being trained and has no weights yet; wait for its first validation")
    source, target = languages.parse(asked) if asked else run.task.manifest.languages
    if not source or not target:
        raise RunError(
            f"{run.folder} does not know its languages; name them before it, as in en-fr={run.folder}"
        )
    return Pair(source, target, run)


def tag(code: str) -> str:
    """Return a code as it is written outside."""
    return code.replace("_", "-")


class Directory:
    """All pairs of a service, by their languages."""

    def __init__(self, pairs: Iterable[Pair]) -> None:
        """Raises :class:`SeqformerError` where there is no pair, or one twice."""
        self.pairs: dict[tuple[str, str], Pair] = {}
        for pair in pairs:
            other = self.pairs.setdefault((pair.source, pair.target), pair)
            if other is not pair:
                raise SeqformerError(
                    f"{other.run.folder} and {pair.run.folder} both translate {pair.name}; leave one out"
                )
        if not self.pairs:
            raise SeqformerError("name at least one run")
        self.codes = list(dict.fromkeys(code for pair in self.pairs for code in pair))

    def listed(self) -> list[dict[str, Any]]:
        """Return every language with its name and the languages it is translated into."""
        return [
            {
                "code": tag(code),
                "name": languages.english_name(code),
                "targets": [tag(target) for source, target in self.pairs if source == code],
            }
            for code in self.codes
        ]

    def language(self, text: str) -> str:
        """Return the code that is meant, of another region if need be. Raises :class:`Unsupported`."""
        code = languages.code(text)
        like = [known for known in self.codes if languages.alike(code, known)]
        if code in like:
            return code
        if not like:
            listed = ", ".join(map(tag, self.codes))
            raise Unsupported(f"{text[:40]} is not supported; the languages here are {listed}")
        return like[0]

    def pair(self, source: str, target: str) -> Pair:
        """Return the pair that translates these languages. Raises :class:`Unsupported`."""
        wanted = self.language(source), self.language(target)
        if wanted not in self.pairs:
            known = ", ".join(f"{tag(s)} → {tag(t)}" for s, t in self.pairs)
            raise Unsupported(f"{tag(wanted[0])} → {tag(wanted[1])} is not available; what is: {known}")
        return self.pairs[wanted]

    def sources(self, target: str) -> list[str]:
        """Return the languages that are translated into another. Raises :class:`Unsupported` for none."""
        wanted = self.language(target)
        sources = [source for source, its in self.pairs if its == wanted]
        if not sources:
            raise Unsupported(f"nothing is translated into {tag(wanted)} here")
        return sources

    @cached_property
    def _detector(self) -> identify.Detector:
        return identify.Detector(self.codes)

    def detect(self, text: str, among: Iterable[str] = ()) -> list[dict[str, Any]]:
        """Return the languages of a text, the likeliest first, with confidence in percent.

        ``among`` are the codes that it can be in, all if none is named. Raises :class:`MissingExtra`.
        """
        wanted = set(among) or set(self.codes)
        return [
            {"confidence": round(100 * share, 1), "language": tag(code)}
            for code, share in self._detector(text)
            if code in wanted
        ]
