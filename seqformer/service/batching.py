"""Sentences that wait, in batches: what is asked for at about the same time is translated at once.

A batch holds sentences of one kind: of one pair, with as many alternatives. A process that is free takes one

    once the sentences of a kind are ``batch_pieces`` long together, or
    once the first of them has waited for ``max_wait``,

the kind that waits longest first, and no more than its share of all sentences in the house, so that every
process has something to do. What arrives while all are busy waits; what is beyond the bound of the queue is
refused.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

from seqformer.config import ServeConfig
from seqformer.errors import SeqformerError
from seqformer.service.processes import Answer, Died

BYTES = 4  # of UTF-8 in a piece, about
CHARACTERS = 1000  # a sentence takes one more place in the queue for each of so many
Kind = tuple[str, int]  # the name of a pair, and how many alternatives
Translates = Callable[[str, list[str], int], Awaitable[list[list[Answer]]]]  # pair, lines, alternatives


class Full(SeqformerError):
    """More sentences wait than may; the same request can be made again later."""


class TooMuch(SeqformerError):
    """A request has more sentences than may ever wait."""


class Closed(SeqformerError):
    """The service is being stopped."""


@dataclass(eq=False)
class _Request:
    """The sentences of a request, and their answers as they come."""

    kind: Kind
    answers: list[list[Answer]]
    missing: int
    done: asyncio.Future[list[list[Answer]]]

    def answer(self, index: int, answer: list[Answer]) -> None:
        self.answers[index] = answer
        self.missing -= 1
        if not self.missing and not self.done.done():
            self.done.set_result(self.answers)

    def fail(self, error: BaseException) -> None:
        if not self.done.done():
            self.done.set_exception(error)


@dataclass(frozen=True)
class _Sentence:
    """A sentence of a request."""

    request: _Request
    index: int
    line: str
    since: float = field(default_factory=time.monotonic)

    @property
    def places(self) -> int:
        """How many places of the queue it takes."""
        return places(self.line)

    @property
    def pieces(self) -> int:
        """How many pieces it has, about."""
        return 1 + len(self.line.encode()) // BYTES


def places(line: str) -> int:
    """Return how many places of a queue a sentence takes."""
    return 1 + len(line) // CHARACTERS


@dataclass
class Counts:
    """What a queue has done."""

    batches: int = 0
    sentences: int = 0  # in these batches


class Queue:
    """Sentences that wait for a process that is free. All within one event loop."""

    def __init__(self, config: ServeConfig, processes: Sequence[Translates]) -> None:
        self.config, self.counts = config, Counts()
        self.waiting = 0  # places taken
        self.running = 0  # sentences being translated
        self._processes = processes
        self._queues: dict[Kind, deque[_Sentence]] = {}
        self._pieces: dict[Kind, int] = {}  # of what waits
        self._changed = asyncio.Event()
        self._closing = False
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Begin to hand out batches."""
        self._tasks = [asyncio.create_task(self._serve(process)) for process in self._processes]

    async def close(self, now: bool = False) -> None:
        """Answer what waits, or with ``now`` leave it; refuse what comes, and end."""
        self._closing = True
        self._changed.set()
        for task in self._tasks if now else ():
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def translate(self, kind: Kind, lines: Sequence[str]) -> list[list[Answer]]:
        """Return the answers to each line, in order.

        Cancelled, it takes what still waits out of the queue. Raises :class:`Full`, :class:`TooMuch`,
        :class:`Closed`, and what translating raises.
        """
        if self._closing:
            raise Closed("the service is being stopped")
        if not lines:
            return []
        self._check_room(sum(map(places, lines)))
        done: asyncio.Future[list[list[Answer]]] = asyncio.get_running_loop().create_future()
        request = _Request(kind, [[] for _ in lines], len(lines), done)
        queue = self._queues.setdefault(kind, deque())
        for index, line in enumerate(lines):
            self._enter(queue, _Sentence(request, index, line))
        self._changed.set()
        try:
            return await done
        finally:
            if request.missing:
                self._remove(request)

    def _check_room(self, wanted: int) -> None:
        most = self.config.queue
        if wanted > most:
            raise TooMuch(
                f"a request of {wanted:,} lines is too much: {most:,} may wait; send some at a time"
            )
        if self.waiting + wanted > most:
            raise Full(f"{self.waiting:,} sentences wait, and {most:,} may; try again later")

    def _enter(self, queue: deque[_Sentence], sentence: _Sentence) -> None:
        queue.append(sentence)
        self.waiting += sentence.places
        kind = sentence.request.kind
        self._pieces[kind] = self._pieces.get(kind, 0) + sentence.pieces

    def _leave(self, sentence: _Sentence) -> None:
        self.waiting -= sentence.places
        self._pieces[sentence.request.kind] -= sentence.pieces

    def _remove(self, request: _Request) -> None:
        queue = self._queues.get(request.kind, deque())
        for sentence in queue:
            if sentence.request is request:
                self._leave(sentence)
        kept = deque(sentence for sentence in queue if sentence.request is not request)
        self._keep(request.kind, kept)

    def _keep(self, kind: Kind, queue: deque[_Sentence]) -> None:
        if queue:
            self._queues[kind] = queue
        else:  # kinds are named by requests: those of which nothing waits take no memory
            self._queues.pop(kind, None)
            self._pieces.pop(kind, None)

    async def _serve(self, translate: Translates) -> None:
        while batch := await self._batch():
            self.counts.batches += 1
            self.counts.sentences += len(batch)
            self.running += len(batch)
            try:
                await self._answer(translate, batch)
            finally:
                self.running -= len(batch)

    async def _batch(self) -> list[_Sentence]:
        """Return the next batch once it is due; an empty one at the end."""
        while True:
            if not self._queues:
                if self._closing:
                    return []
                self._changed.clear()
                await self._changed.wait()
                continue
            kind = min(self._queues, key=lambda each: self._queues[each][0].since)
            full = next((k for k, count in self._pieces.items() if count >= self.config.batch_pieces), None)
            left = self._queues[kind][0].since + self.config.max_wait / 1000 - time.monotonic()
            if left <= 0 or self._closing:
                return self._take(kind)
            if full is not None:
                return self._take(full)
            self._changed.clear()
            try:
                await asyncio.wait_for(self._changed.wait(), left)
            except asyncio.TimeoutError:  # in Python 3.10 not the built-in one
                continue

    def _take(self, kind: Kind) -> list[_Sentence]:
        queue, batch, pieces = self._queues[kind], list[_Sentence](), 0
        every = self.running + sum(map(len, self._queues.values()))
        most = math.ceil(every / len(self._processes))
        while queue and len(batch) < most:
            if batch and pieces + queue[0].pieces > self.config.batch_pieces:
                break
            sentence = queue.popleft()
            self._leave(sentence)
            pieces += sentence.pieces
            batch.append(sentence)
        self._keep(kind, queue)
        return batch

    async def _answer(self, translate: Translates, batch: list[_Sentence]) -> None:
        try:
            await self._translate(translate, batch)
            return
        except Died:
            pass
        except Exception as error:
            _fail(batch, error)
            return
        # one request may be what it died of: each alone, once more
        for request in dict.fromkeys(sentence.request for sentence in batch):
            own = [sentence for sentence in batch if sentence.request is request]
            try:
                await self._translate(translate, own)
            except Exception as error:
                _fail(own, error)

    async def _translate(self, translate: Translates, batch: list[_Sentence]) -> None:
        pair, alternatives = batch[0].request.kind
        answers = await translate(pair, [sentence.line for sentence in batch], alternatives)
        for sentence, answer in zip(batch, answers, strict=True):
            sentence.request.answer(sentence.index, answer)


def _fail(batch: list[_Sentence], error: Exception) -> None:
    for sentence in batch:
        sentence.request.fail(error)
