"""The sandbox's own HTTP server: uvicorn with a protocol that can reset its connection."""

import asyncio
import contextlib
import socket
import struct
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from waypost.sandbox.wire import RESET_EXTENSION

if TYPE_CHECKING:
    from waypost.sandbox.app import Sandbox

# Linger on, for no time: close() then sends RST instead of FIN and drops what was not sent.
_LINGER_NONE = struct.pack("ii", 1, 0)


class _ResettableProtocol(HttpToolsProtocol):
    """Give each request's scope a function that resets the connection below it."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.access_log = False

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self.scope["extensions"] = {RESET_EXTENSION: self._reset}  # type: ignore[dict-item]

    def _reset(self) -> None:
        connection = self.transport.get_extra_info("socket")
        if connection is not None:
            with contextlib.suppress(OSError):
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_NONE)
        self.transport.abort()


class _QuietServer(uvicorn.Server):
    """A server that leaves the process's signals to whoever owns the process."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.answers = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets=sockets)
        self.answers.set()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


async def serve(sandbox: "Sandbox", host: str, port: int, ready: Callable[[str], None] | None = None) -> None:
    """Serve the sandbox on its own listening socket until cancelled, starting and stopping its background work.

    Args:
        sandbox: what `build_sandbox` made.
        host: the address to bind.
        port: the port to bind; 0 takes a free one.
        ready: called once with the base URL (no trailing slash) as soon as requests are answered.

    Raises:
        OSError: the address is taken or not ours.

    """
    listener = socket.create_server((host, port), backlog=2048, family=_family(host))
    bound_port = listener.getsockname()[1]
    shown_host = f"[{host}]" if ":" in host else host
    url = f"http://{shown_host}:{bound_port}"
    sandbox.reached_at(url)
    config = uvicorn.Config(
        sandbox,
        http=_ResettableProtocol,
        ws="none",
        lifespan="off",
        log_config=None,
        timeout_keep_alive=75,
        timeout_graceful_shutdown=2,
        server_header=False,
        proxy_headers=False,
    )
    server = _QuietServer(config)
    await sandbox.start()
    serving = asyncio.create_task(server.serve(sockets=[listener]), name="sandbox server")
    try:
        await _first_of(server.answers, serving)
        if ready is not None and not serving.done():
            ready(url)
        await asyncio.shield(serving)
    finally:
        await sandbox.stop()
        server.should_exit = True
        await serving


async def _first_of(event: asyncio.Event, task: "asyncio.Task[None]") -> None:
    waiter = asyncio.create_task(event.wait())
    await asyncio.wait((waiter, task), return_when=asyncio.FIRST_COMPLETED)
    waiter.cancel()


def _family(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET
