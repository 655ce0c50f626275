"""From run folders to a server that answers: the port, the processes, and an end that loses nothing."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import ipaddress
import os
import signal
import socket
from collections.abc import Callable, Iterator
from typing import Any

from seqformer.config import ServeConfig
from seqformer.errors import MissingExtra, SeqformerError
from seqformer.service.access import Access
from seqformer.service.pairs import Directory
from seqformer.service.processes import Opening, processes
from seqformer.service.service import Service

CONNECTIONS = 1000  # at a time
IDLE = 30  # seconds that a connection without a request stays open


def check_extra() -> None:
    """Raise :class:`MissingExtra` where what serving needs is not installed."""
    try:
        import python_multipart
        import starlette
        import uvicorn
    except ImportError:
        raise MissingExtra(
            "serving needs starlette, uvicorn and python-multipart, which are", "serve"
        ) from None
    del python_multipart, starlette, uvicorn


def bind(host: str, port: int) -> socket.socket:
    """Return a socket for a host and a port, 0 for any that is free. Raises :class:`SeqformerError`."""
    if not 0 <= port <= 65535:
        raise SeqformerError(f"port is {port}: it must be from 0 to 65535")
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except (OSError, UnicodeError):
        raise SeqformerError(f"host {host}: there is no such address here") from None
    bound = socket.socket(family, kind, protocol)
    try:
        if os.name == "posix":  # elsewhere it lets two servers have one port
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind(address)
        bound.listen(2048)
    except OSError as error:
        bound.close()
        in_use = error.errno == errno.EADDRINUSE
        said = "is in use; name another port" if in_use else f"cannot be had ({error.strerror})"
        raise SeqformerError(f"port {port} of {host} {said}") from None
    return bound


def address(bound: socket.socket) -> str:
    """Return the URL of a bound socket."""
    host, port = bound.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def is_loopback(bound: socket.socket) -> bool:
    """Return whether only this machine reaches a socket."""
    return ipaddress.ip_address(bound.getsockname()[0].partition("%")[0]).is_loopback


def serve(
    directory: Directory,
    opening: Opening,
    bound: socket.socket,
    config: ServeConfig,
    access: Access = Access(),  # noqa: B008 (it is immutable)
    began: Callable[[Any], object] = lambda server: None,
) -> None:
    """Answer until a signal asks for the end; then answer what was taken, and return.

    ``began`` is called with uvicorn's server once the models are open. Raises :class:`SeqformerError`.
    """
    check_extra()
    asyncio.run(_serve(directory, opening, bound, config, access, began))


async def _serve(
    directory: Directory,
    opening: Opening,
    bound: socket.socket,
    config: ServeConfig,
    access: Access,
    began: Callable[[Any], object],
) -> None:
    workers = processes(opening, config.workers)
    try:
        await asyncio.gather(*(worker.ready() for worker in workers))
        await answer(Service(directory, workers, config), bound, access, began)
    finally:
        for worker in workers:
            worker.close()


async def answer(
    service: Service, bound: socket.socket, access: Access, began: Callable[[Any], object]
) -> None:
    """Answer for a service until the server that ``began`` was called with is to exit."""
    import uvicorn

    from seqformer.service.application import Application

    settings = uvicorn.Config(
        Application(service, access).starlette(),
        http="h11",
        ws="none",
        lifespan="off",
        log_config=None,
        log_level="critical",  # failures are told by the application, in a line
        access_log=False,
        server_header=False,
        limit_concurrency=CONNECTIONS,
        timeout_keep_alive=IDLE,
        timeout_graceful_shutdown=int(service.config.timeout) + 1,
    )
    server = uvicorn.Server(settings)
    service.queue.start()
    try:
        began(server)
        with _signals_do_no_more():
            await server.serve(sockets=[bound])
    finally:
        await service.close(now=server.force_exit)


@contextlib.contextmanager
def _signals_do_no_more() -> Iterator[None]:
    """Let a signal that ended the server end nothing else: uvicorn raises it again when it is done."""
    before = {}
    with contextlib.suppress(ValueError):  # not the main thread: nothing to do
        for each in (signal.SIGINT, signal.SIGTERM):
            before[each] = signal.signal(each, lambda number, frame: None)
    try:
        yield
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)
