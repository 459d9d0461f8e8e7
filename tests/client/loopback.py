"""A small server on 127.0.0.1 that does what it is told: answers, loses answers, refuses connections."""

import json
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, Thread
from typing import Any

import httpx

SENT = {"status": "success", "message": "Request received successfully.", "data": {"id": "3f0c9a52"}}


@dataclass(frozen=True)
class Seen:
    """A request that arrived whole."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Reply:
    """
    What to answer; `is_lost` closes the connection instead, after the request was read and `done` with.

    `done` may return the content that is answered.
    """

    status: int = 200
    content: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    is_lost: bool = False
    is_cut: bool = False
    done: Callable[[Seen], Any] | None = None


LOST = Reply(is_lost=True)


@dataclass
class Loopback:
    """Gives the `replies` in order, the last one for good; `seen` is what arrived."""

    url: str
    replies: list[Reply] = field(default_factory=lambda: [Reply(content=SENT)])
    seen: list[Seen] = field(default_factory=list)
    lock: Lock = field(default_factory=Lock)

    def will(self, *replies: Reply) -> None:
        self.replies = list(replies)

    def next(self, seen: Seen) -> Reply:
        with self.lock:
            self.seen.append(seen)
            return self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: "_Server"

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        headers = {name.lower(): value for name, value in self.headers.items()}
        seen = Seen(self.command, self.path, headers, body)
        reply = self.server.loopback.next(seen)
        made = None if reply.done is None else reply.done(seen)
        self.close_connection = True
        if reply.is_lost:
            with suppress(OSError):
                self.connection.shutdown(socket.SHUT_RDWR)
            return
        content = made or reply.content
        content = content if isinstance(content, bytes) else json.dumps(content).encode()
        self.send_response(reply.status)
        for name, value in {"Content-Type": "application/json", **reply.headers}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.send_header("Connection", "close")
        self.end_headers()
        with suppress(OSError):  # who asked may be gone
            self.wfile.write(content[: len(content) // 2] if reply.is_cut else content)

    do_GET = do_POST = do_PUT = do_DELETE = _answer  # noqa: N815 - names that the library looks for

    def log_message(self, *args: Any) -> None:
        """Say nothing."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    loopback: Loopback


@contextmanager
def loopback() -> Iterator[Loopback]:
    with _Server(("127.0.0.1", 0), _Handler) as server:
        server.loopback = Loopback(f"http://127.0.0.1:{server.server_address[1]}")
        thread = Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        yield server.loopback
        server.shutdown()
        thread.join()


def forwarding(base_url: str) -> Callable[[Seen], bytes]:
    """Return what hands a request on to a real server, and returns its answer."""

    def forward(seen: Seen) -> bytes:
        kept = {name: value for name, value in seen.headers.items() if name not in {"host", "content-length"}}
        with httpx.Client(trust_env=False) as http:
            answer = http.request(seen.method, base_url + seen.path, headers=kept, content=seen.body)
        assert answer.status_code == 200, answer.text
        return answer.content

    return forward


def refused_address() -> str:
    """Return an address of this machine where nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{probe.getsockname()[1]}"
