"""A service as an ASGI application: LibreTranslate's paths, and the pages that explain the runs.

https://docs.libretranslate.com/guides/api_usage says what requests and answers hold. Beyond that, a request
with ``"warnings": true`` is answered with the signs that a translation is likely bad.
"""

from __future__ import annotations

import asyncio
import html
import time
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeAlias

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from seqformer.console import note
from seqformer.errors import MissingExtra, SeqformerError
from seqformer.service import messages
from seqformer.service.access import Access
from seqformer.service.metrics import CONTENT_TYPE, Metrics
from seqformer.service.pairs import AUTO, tag
from seqformer.service.service import FORMATS, Service, Translated

ALTERNATIVES = 10  # of a translation at most
GONE = 499  # what nginx calls a client that left; nobody reads the answer
Answered: TypeAlias = Response | messages.Unread
Handler = Callable[[Request], Awaitable[Answered]]
Values = dict[str, Any]


class Application:
    """The handlers of a service's paths."""

    def __init__(self, service: Service, access: Access = Access()) -> None:  # noqa: B008 (it is immutable)
        """Answer for a service those that may ask."""
        self.service, self.access, self.metrics = service, access, Metrics()
        self._bodies = messages.Bodies(service.config.max_characters, service.config.timeout)
        self._began = time.time()

    def starlette(self) -> Starlette:
        """Return the ASGI application."""
        paths: list[tuple[str, Handler, list[str]]] = [
            ("/translate", self._translate, ["POST"]),
            ("/detect", self._detect, ["POST"]),
            ("/languages", self._languages, ["GET"]),
            ("/frontend/settings", self._settings, ["GET"]),
            ("/health", self._health, ["GET"]),
            ("/metrics", self._metrics, ["GET"]),
            ("/", self._index, ["GET"]),
            ("/page/{pair}", self._page, ["GET"]),
        ]
        routes = [Route(path, self._guarded(path, answers), methods=how) for path, answers, how in paths]
        origins = self.access.origins
        headers = {"allow_methods": ["GET", "POST"], "allow_headers": ["Authorization", "Content-Type"]}
        shared = [Middleware(CORSMiddleware, allow_origins=origins, **headers)] if origins else []
        return Starlette(
            routes=routes, middleware=shared, exception_handlers={HTTPException: self._no_such_path}
        )

    def _guarded(self, path: str, answers: Handler) -> Handler:
        """Return a handler whose failures are answers too, and whose requests are counted."""

        async def handle(request: Request) -> Answered:
            begin = time.monotonic()
            try:
                response: Answered = await answers(request)
            except Exception as error:
                response = messages.failed(error)
                if response.status_code == 500:
                    note(f"seqformer: {request.method} {path}: {type(error).__name__}: {error}")
            self.metrics.request(path, response.status_code, time.monotonic() - begin)
            return response

        return handle

    async def _no_such_path(self, request: Request, error: Exception) -> Answered:
        response = messages.failed(error)
        self.metrics.request("other", response.status_code, 0.0)
        return response

    async def _values(self, request: Request) -> Values:
        """Return what a request says, after its key was checked. Raises :class:`HTTPException`."""
        values = dict(request.query_params) | await self._bodies.values(request)
        self._check_key(request, values.get("api_key"))
        return values

    def _check_key(self, request: Request, given: Any) -> None:
        if not self.access.keys:
            return
        key = given if isinstance(given, str) and given else messages.bearer(request)
        if not key:
            raise HTTPException(403, "an API key is needed: api_key in the request")
        if not self.access.allows(key):
            raise HTTPException(403, "Invalid API key")

    async def _translate(self, request: Request) -> Response:
        values = await self._values(request)
        texts = messages.texts(values, self.service.config.max_characters)
        source, target = messages.word(values, "source"), messages.word(values, "target")
        form = messages.word(values, "format", FORMATS[0])
        alternatives = messages.count(values, "alternatives", ALTERNATIVES)
        if form not in FORMATS:
            raise HTTPException(400, f"{form[:40]} format is not supported; it is text or html")
        detected: list[dict[str, Any]] = []
        if source == AUTO:
            detected = await asyncio.to_thread(self.service.sources, texts, target, form)
        sources = [each["language"] for each in detected] or [source] * len(texts)
        pairs = [self.service.directory.pair(each, target) for each in sources]
        if not texts and source != AUTO:
            self.service.directory.pair(source, target)
        work = self.service.translate(texts, pairs, form, alternatives)
        translated = await self._while_connected(request, work)
        self.metrics.characters += sum(map(len, texts))
        several = isinstance(values["q"], list)
        answer: Values = {"translatedText": _one_or_all([t.text for t in translated], several)}
        if detected:
            answer["detectedLanguage"] = _one_or_all(detected, several)
        if alternatives:
            answer["alternatives"] = _one_or_all([t.alternatives for t in translated], several)
        if values.get("warnings") in (True, "true", "1"):
            answer["warnings"] = _one_or_all([t.warnings for t in translated], several)
        return JSONResponse(answer)

    async def _while_connected(
        self, request: Request, work: Coroutine[Any, Any, list[Translated]]
    ) -> list[Translated]:
        """Return what the work gives; end it where it takes too long, or nobody waits for it any more."""
        task, gone = asyncio.create_task(work), asyncio.create_task(_left(request))
        try:
            limit = self.service.config.timeout
            await asyncio.wait({task, gone}, timeout=limit, return_when=asyncio.FIRST_COMPLETED)
            if task.done():
                return task.result()
            if gone.done():
                raise HTTPException(GONE, "the client has left")
            raise HTTPException(504, f"no translation within {limit:g} seconds; send less at a time")
        finally:
            task.cancel()
            gone.cancel()

    async def _detect(self, request: Request) -> Response:
        values = await self._values(request)
        texts = messages.texts(values, self.service.config.max_characters)
        return JSONResponse(await asyncio.to_thread(self.service.directory.detect, "\n".join(texts)))

    async def _languages(self, request: Request) -> Response:
        return JSONResponse(self.service.directory.listed())

    async def _settings(self, request: Request) -> Response:
        """Answer with what LibreTranslate's own page and some clients ask for first."""
        source, target = next(iter(self.service.directory.pairs))
        names = {each["code"]: each for each in self.service.directory.listed()}
        chosen = {side: names[tag(code)] for side, code in (("source", source), ("target", target))}
        return JSONResponse(
            {
                "charLimit": self.service.config.max_characters,
                "frontendTimeout": 500,  # milliseconds without typing before a page asks
                "apiKeys": bool(self.access.keys),
                "keyRequired": bool(self.access.keys),
                "suggestions": False,
                "filesTranslation": False,
                "supportedFilesFormat": [],
                "language": {s: {"code": each["code"], "name": each["name"]} for s, each in chosen.items()},
            }
        )

    async def _health(self, request: Request) -> Response:
        return JSONResponse({"status": "ok"})

    async def _metrics(self, request: Request) -> Response:
        self._check_key(request, request.query_params.get("api_key"))
        queue = self.service.queue
        values = {
            "sentences_total": ("Sentences translated.", "counter", queue.counts.sentences),
            "batches_total": ("Batches that they were translated in.", "counter", queue.counts.batches),
            "restarts_total": ("Processes that died and were replaced.", "counter", self.service.restarts),
            "waiting": ("Places taken in the queue.", "gauge", queue.waiting),
            "translating": ("Sentences being translated.", "gauge", queue.running),
            "start_time_seconds": ("When the service began, since 1970.", "gauge", self._began),
        }
        return PlainTextResponse(self.metrics.text(values), media_type=CONTENT_TYPE)

    async def _index(self, request: Request) -> Response:
        """Answer with the page of the run, or with links to those of several."""
        names = list(self.service.named)
        if len(names) == 1:
            return await self._page_of(names[0])
        links = "".join(f'<li><a href="/page/{html.escape(name)}">{html.escape(name)}</a>' for name in names)
        return HTMLResponse(f"<!doctype html><title>seqformer</title><ul>{links}</ul>")

    async def _page(self, request: Request) -> Response:
        return await self._page_of(request.path_params["pair"])

    async def _page_of(self, name: str) -> Response:
        if name not in self.service.named:
            raise HTTPException(404, "there is no such page")
        try:
            return FileResponse(await self.service.page(name), media_type="text/html")
        except MissingExtra:
            raise
        except SeqformerError as error:
            note(f"seqformer: page of {name}: {error}")
            raise HTTPException(404, f"there is no page of {name}") from None


def _one_or_all(each: list[Any], several: bool) -> Any:
    """Return the list for a list, the one for a text."""
    return each if several else each[0]


async def _left(request: Request) -> None:
    """Return once the client has left; its request was read before."""
    while (await request.receive())["type"] != "http.disconnect":
        pass
