"""Texts in, translations out: the queue, the processes, and what a text is made of. HTTP is elsewhere."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Protocol

from seqformer.config import ServeConfig
from seqformer.formats.hypertext import Hypertext
from seqformer.service.batching import Queue
from seqformer.service.pairs import Directory, Pair
from seqformer.service.processes import Answer

SHORT = 40  # characters of a text that is too short to tell its language alone, as LibreTranslate has it
FORMATS = ("text", "html")


class Translates(Protocol):
    """A :class:`seqformer.service.processes.Process`, or something in its place."""

    restarts: int

    async def translate(self, pair: str, lines: list[str], alternatives: int) -> list[list[Answer]]:
        """Return the best answers of each line, best first."""

    async def write_page(self, pair: str, out: Path) -> None:
        """Write the page that explains the run of a pair."""


@dataclass(frozen=True)
class Translated:
    """A text translated: the best translation, others that differ, and the signs of its lines."""

    text: str
    alternatives: list[str]
    warnings: list[str]


class Plain:
    """Text that is translated line by line, as the command line does."""

    def __init__(self, text: str) -> None:
        self.texts = [line.removesuffix("\r") for line in text.split("\n")]

    def fill(self, translations: Sequence[str]) -> str:
        """Return these translations of its lines as a text."""
        return "\n".join(translations)


class Service:
    """Runs by language pair, and the sentences that wait for them. All within one event loop."""

    def __init__(
        self,
        directory: Directory,
        processes: Sequence[Translates],
        config: ServeConfig = ServeConfig(),  # noqa: B008 (it is immutable)
    ) -> None:
        """Make a service of these processes; the queue is to be started."""
        self.directory, self.config = directory, config
        self.named = {pair.name: pair for pair in directory.pairs.values()}
        self._processes = processes
        self.queue = Queue(config, [process.translate for process in processes])
        self._folder = tempfile.TemporaryDirectory(prefix="seqformer-")
        self._pages: dict[str, asyncio.Task[None]] = {}

    @property
    def restarts(self) -> int:
        """How many processes died and were replaced."""
        return sum(process.restarts for process in self._processes)

    async def close(self, now: bool = False) -> None:
        """Answer what waits, or with ``now`` leave it, and end."""
        await self.queue.close(now)
        for task in self._pages.values():
            task.cancel()
        self._folder.cleanup()

    def sources(self, texts: Sequence[str], target: str, form: str) -> list[dict[str, Any]]:
        """Return for each text the language that it is most likely in, with confidence in percent.

        It is one that is translated into the target. A short text is taken to be in the language of all the
        texts together. Raises :class:`SeqformerError`.
        """
        known = self.directory.sources(target)
        plain = [" ".join(Hypertext(text).texts) for text in texts] if form == "html" else texts
        whole = self.directory.detect("\n".join(plain), known)[0]
        return [self.directory.detect(t, known)[0] if len(t) > SHORT else whole for t in plain]

    async def translate(
        self, texts: Sequence[str], pairs: Sequence[Pair], form: str, alternatives: int
    ) -> list[Translated]:
        """Return each text translated by its pair, in order. Raises what the queue raises."""
        in_turn = asyncio.to_thread if form == "html" else _at_once  # HTML can take a while
        opened = await in_turn(_opened, texts, pairs, form)
        answers: list[list[list[Answer]]] = [[] for _ in texts]
        for pair in dict.fromkeys(pairs):
            own = [number for number, each in enumerate(pairs) if each is pair]
            lines = [line for number in own for line in opened[number].texts]
            left = iter(await self.queue.translate((pair.name, alternatives), lines))
            for number in own:
                answers[number] = list(islice(left, len(opened[number].texts)))
        return await in_turn(_filled, opened, answers, alternatives)

    async def page(self, name: str) -> Path:
        """Return the file with the page of a pair, which is made when it is first asked for.

        Raises :class:`SeqformerError` where a run can have none, and :class:`KeyError` for another pair.
        """
        pair = self.named[name]
        out = Path(self._folder.name) / f"{pair.name}.html"
        if name not in self._pages or (self._pages[name].done() and not out.exists()):
            self._pages[name] = asyncio.create_task(self._processes[0].write_page(name, out))
        await asyncio.shield(self._pages[name])
        return out


async def _at_once(work: Callable[..., Any], *given: Any) -> Any:
    return work(*given)


def _opened(texts: Iterable[str], pairs: Iterable[Pair], form: str) -> list[Plain | Hypertext]:
    if form == "text":
        return [Plain(text) for text in texts]
    return [Hypertext(text, pair.shows_symbols) for text, pair in zip(texts, pairs, strict=True)]


def _filled(
    opened: list[Plain | Hypertext], answers: list[list[list[Answer]]], alternatives: int
) -> list[Translated]:
    return [_of_text(*each, alternatives) for each in zip(opened, answers, strict=True)]


def _of_text(opened: Plain | Hypertext, answers: list[list[Answer]], alternatives: int) -> Translated:
    """Return a text with its translations; the k-th alternative has the k-th of each line, or its last."""
    ranks = [
        opened.fill([best[min(rank, len(best) - 1)][0] for best in answers])
        for rank in range(alternatives + 1)
    ]
    best, *others = dict.fromkeys(ranks)
    warnings = dict.fromkeys(sign for of_line in answers for sign in of_line[0][1])
    return Translated(best, others, list(warnings))
