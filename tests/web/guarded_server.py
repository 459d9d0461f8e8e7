"""A guarded server in a thread of its own, with an application that shows what reached it."""

import asyncio
import json
import socket
import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

import uvloop

from waypost.observe import Metrics
from waypost.service import run_services
from waypost.settings import Settings
from waypost.web.server import HttpService

WAIT_SECONDS = 60.0


class Served:
    """
    `with Served(...) as served`: listening on `served.port`; `served.requests` are what the application saw.

    Paths: `/early` answers before reading the body, `/big` answers with 64 MB, `/slow` answers when `release` is set,
    `/eager` begins its answer before it reads the body, `/unread` reads the body when `release` is set; all others answer with what they got.
    """

    def __init__(self, *, loop: str = "asyncio", **http: object) -> None:
        self._run_loop = uvloop.run if loop == "uvloop" else asyncio.run
        trusted_proxies = http.pop("trusted_proxies", None)
        settings = Settings.load(env_file=None, http=http, trusted_proxies=trusted_proxies)
        self.metrics = Metrics()
        self.requests: list[str] = []
        self.disconnects: list[str] = []
        self.release = threading.Event()
        self.service = HttpService(
            "web", self._answer, host="127.0.0.1", port=0, settings=settings, metrics=self.metrics
        )
        self.exit_code: int | None = None
        self._is_ready = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None
        self._thread = threading.Thread(target=lambda: self._run_loop(self._serve()))

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._is_ready.wait(WAIT_SECONDS)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release.set()
        self.stop()
        self._thread.join(30)
        assert not self._thread.is_alive()

    def stop(self) -> None:
        """Ask the server to drain and end; does not wait."""
        assert self._loop is not None
        assert self._stop is not None
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._stop.set)

    @property
    def port(self) -> int:
        return self.service.port

    def connect(self, *, receive_buffer_bytes: int | None = None) -> socket.socket:
        client = socket.socket()
        if receive_buffer_bytes is not None:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer_bytes)
        client.settimeout(WAIT_SECONDS)
        try:
            client.connect(("127.0.0.1", self.port))
        except OSError:
            client.close()
            raise
        return client

    def talk(self, data: bytes) -> bytes:
        """Send, and return all that comes until the server closes; fails after 10 s."""
        with self.connect() as client:
            client.sendall(data)
            return read_all(client)

    def refused(self, reason: str) -> float:
        """Return how often the guard refused for a reason."""
        name = "waypost_http_connections_refused_total"
        return self.metrics.registry.get_sample_value(name, {"reason": reason}) or 0.0

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._stop = asyncio.Event()
        self.exit_code = await run_services(
            [self.service], stop=self._stop, on_ready=self._is_ready.set, handle_signals=False
        )

    async def _wait_for_release(self) -> None:
        await asyncio.to_thread(self.release.wait, WAIT_SECONDS)

    async def _answer(self, scope, receive, send) -> None:
        path = scope["path"]
        self.requests.append(f"{scope['method']} {path}")
        if path == "/early":
            await _reply(send, 413, b"too large")
            return
        if path == "/eager":
            await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"4")]})
            await send({"type": "http.response.body", "body": b"12", "more_body": True})
        if path == "/unread":
            await self._wait_for_release()
        body = b""
        while True:
            event = await receive()
            if event["type"] == "http.disconnect":
                self.disconnects.append(path)
                return
            body += event["body"]
            if not event["more_body"]:
                break
        if path == "/slow":
            await self._wait_for_release()
        if path == "/big":
            await _reply(send, 200, b"x" * 64_000_000)
            return
        names = [name.decode() for name, _ in scope["headers"]]
        await _reply(send, 200, json.dumps({"path": path, "body": body.decode("latin-1"), "headers": names}).encode())


async def _reply(send, status: int, body: bytes) -> None:
    headers = [(b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def read_all(client: socket.socket) -> bytes:
    """Read until the server closes."""
    parts = []
    while part := client.recv(65_536):
        parts.append(part)
    return b"".join(parts)


def read_answer(client: socket.socket) -> tuple[int, bytes]:
    """Read one answer that has a Content-Length: its status and its body."""
    data = b""
    while b"\r\n\r\n" not in data:
        part = client.recv(65_536)
        assert part, f"closed after {data!r}"
        data += part
    head, _, body = data.partition(b"\r\n\r\n")
    length = int(next(line for line in head.split(b"\r\n") if line.startswith(b"content-length:")).split(b":")[1])
    while len(body) < length:
        part = client.recv(65_536)
        assert part, "closed within the body"
        body += part
    return int(head.split()[1]), body[:length]


def wait_until(is_so: Callable[[], bool]) -> None:
    """Wait until something is so, at most 10 s."""
    deadline = time.monotonic() + WAIT_SECONDS
    event = threading.Event()
    while not is_so():
        assert time.monotonic() < deadline, "it did not come to that"
        event.wait(0.005)
