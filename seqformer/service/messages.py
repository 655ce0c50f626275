"""What a request says, read within bounds; and errors as answers, ``{"error": …}``."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import parse_qsl

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse
from starlette.types import Receive, Scope, Send

from seqformer.errors import MissingExtra, SeqformerError
from seqformer.service.batching import Closed, Full, TooMuch
from seqformer.service.processes import Died

BYTES = 12  # of a character at most, as JSON or a form may spell it
ENVELOPE = 1 << 16  # bytes beside the texts of a request
HELD = 64 << 20  # bytes of requests being read at a time
FIELDS = 10_000  # of a form
LINGER = 2.0  # seconds that a body too large is still taken in, unread, so that its sender sees the answer
KNOWN = ("q", "source", "target", "format", "alternatives", "api_key", "warnings")


class Bodies:
    """Reads the bodies of requests, each within a bound, and all together within one."""

    def __init__(self, characters: int, seconds: float) -> None:
        self._most, self._seconds, self._held = BYTES * characters + ENVELOPE, seconds, 0

    async def values(self, request: Request) -> dict[str, Any]:
        """Return the values in a request, by name. Raises :class:`HTTPException`."""
        try:
            body = await asyncio.wait_for(self._read(request), self._seconds)
        except asyncio.TimeoutError:
            raise HTTPException(408, "the request did not arrive in time") from None
        except ClientDisconnect:
            raise HTTPException(400, "the request ended early") from None
        try:
            body.decode()
            if not body:
                return {}
        except UnicodeDecodeError as error:
            raise HTTPException(400, f"not UTF-8: byte {error.start + 1:,} of the request") from None
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind == "multipart/form-data":
            values = _joined(await _multipart(request.headers, body))
        elif kind == "application/x-www-form-urlencoded":
            values = _joined(_urlencoded(body))
        else:
            values = _from_json(body)
        return {name: values[name] for name in KNOWN if name in values}

    async def _read(self, request: Request) -> bytes:
        length = request.headers.get("content-length", "0")
        if not length.isdecimal() or len(length) > 15 or int(length) > self._most:
            self._refuse()
        chunks, size = [], 0
        try:
            async for chunk in request.stream():
                size += len(chunk)
                self._held += len(chunk)
                if size > self._most:
                    self._refuse()
                if self._held > HELD:
                    raise HTTPException(503, "too much is being sent at once; try again later")
                chunks.append(chunk)
        finally:
            self._held -= size
        return b"".join(chunks)

    def _refuse(self) -> None:
        raise HTTPException(413, f"a request may have {self._most:,} bytes", {"connection": "close"})


def _from_json(body: bytes) -> dict[str, Any]:
    try:
        values = json.loads(body)
        if not isinstance(values, dict):
            raise HTTPException(400, 'not an object of JSON, such as {"q": "…"}')
        json.dumps(values, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise HTTPException(
            400, "half a character in the JSON (a surrogate without its other half)"
        ) from None
    except (ValueError, RecursionError) as error:
        where = (
            f" (line {error.lineno}, column {error.colno})" if isinstance(error, json.JSONDecodeError) else ""
        )
        raise HTTPException(400, f"not JSON{where}; or is it a form, and its Content-Type wrong?") from None
    return values


def _urlencoded(body: bytes) -> list[tuple[str, str]]:
    try:
        return parse_qsl(body.decode(), keep_blank_values=True, errors="strict", max_num_fields=FIELDS)
    except UnicodeDecodeError:
        raise HTTPException(400, "not UTF-8 in the form") from None
    except ValueError:
        raise HTTPException(400, f"a form may have {FIELDS:,} fields") from None


async def _multipart(headers: Headers, body: bytes) -> list[tuple[str, str]]:
    async def stream() -> AsyncIterator[bytes]:
        yield body

    bounds = {"max_files": 0, "max_fields": FIELDS, "max_part_size": len(body)}
    parser = MultiPartParser(headers, stream(), **bounds)
    try:
        form = await parser.parse()
    except (MultiPartException, ValueError, KeyError) as error:
        said = getattr(error, "message", "it is not as RFC 7578 says")
        raise HTTPException(400, f"the form cannot be read: {said}") from None
    return [(name, value) for name, value in form.multi_items() if isinstance(value, str)]


def _joined(fields: list[tuple[str, str]]) -> dict[str, Any]:
    """Return the fields of a form by name; several of a name are a list."""
    values: dict[str, Any] = {}
    for name, value in fields:
        values.setdefault(name, []).append(value)
    return {name: several[0] if len(several) == 1 else several for name, several in values.items()}


def texts(values: dict[str, Any], most: int) -> list[str]:
    """Return what is to be translated. Raises :class:`HTTPException`."""
    if "q" not in values or values["q"] is None:
        raise HTTPException(400, "Invalid request: missing q parameter")
    several = values["q"] if isinstance(values["q"], list) else [values["q"]]
    if not all(isinstance(text, str) for text in several):
        raise HTTPException(400, "Invalid request: q must be a text or a list of texts")
    size = sum(map(len, several))
    if size > most:
        raise HTTPException(400, f"Invalid request: request ({size}) exceeds text limit ({most})")
    return several


def word(values: dict[str, Any], name: str, usual: str = "") -> str:
    """Return a value that is text, the usual one where it is missing. Raises :class:`HTTPException`."""
    value = values.get(name) or usual
    if not value:
        raise HTTPException(400, f"Invalid request: missing {name} parameter")
    if not isinstance(value, str):
        raise HTTPException(400, f"Invalid request: {name} must be text")
    return value


def count(values: dict[str, Any], name: str, most: int) -> int:
    """Return a value that is a whole number, 0 where it is missing. Raises :class:`HTTPException`."""
    value = values.get(name) or 0
    with contextlib.suppress(ValueError):
        value = int(value) if isinstance(value, str) and len(value) < 10 else value
    if not isinstance(value, int) or not 0 <= value <= most:
        raise HTTPException(400, f"Invalid request: {name} must be a number from 0 to {most}")
    return value


def failed(error: Exception) -> JSONResponse | Unread:
    """Return the answer to a request that failed; it says nothing of what is inside."""
    if isinstance(error, HTTPException):
        response = JSONResponse({"error": error.detail}, error.status_code, error.headers)
        return Unread(response) if error.status_code == 413 else response
    if isinstance(error, Full):
        return JSONResponse({"error": f"Slowdown: {error}"}, 429, {"retry-after": "1"})
    for kind_of, status in ((Closed, 503), (TooMuch, 413), (MissingExtra, 501), (SeqformerError, 400)):
        if isinstance(error, kind_of):
            return JSONResponse({"error": str(error)}, status)
    said = "the process that worked on it died" if isinstance(error, Died) else "internal error"
    return JSONResponse({"error": said}, 500)


class Unread:
    """An answer before the request has come: it is sent at once, and what still comes is dropped for a while.

    A client that sends all before it reads would else find the connection closed, and never see the answer.
    """

    def __init__(self, response: JSONResponse) -> None:
        self.status_code, self._response = response.status_code, response

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, and take in the rest."""
        headers = self._response.raw_headers
        await send({"type": "http.response.start", "status": self.status_code, "headers": headers})
        await send({"type": "http.response.body", "body": self._response.body, "more_body": True})

        async def drop() -> None:
            while (await receive()).get("more_body"):
                pass

        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(drop(), LINGER)
        await send({"type": "http.response.body", "body": b"", "more_body": False})


def bearer(request: Request) -> str:
    """Return the key in the header of a request: ``Authorization: Bearer KEY``."""
    scheme, _, key = request.headers.get("authorization", "").partition(" ")
    return key.strip() if scheme.lower() == "bearer" else ""
