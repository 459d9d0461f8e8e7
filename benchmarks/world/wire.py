"""
HTTP/1.1 by hand, just enough for bodies with a Content-Length over kept connections.

A parser with callbacks takes about as long as the server that is to be measured; this finds the end of the headers and
the length, and nothing else. Only our own processes speak to it.
"""

import asyncio
import re
from collections.abc import Callable
from typing import Final, cast

_LENGTH: Final = re.compile(rb"(?i)\r\ncontent-length: *(\d+)")
Handler = Callable[[bytes, bytes], bytes]
"""Takes the head and the body of a request, returns the whole answer."""


def split(data: bytes) -> tuple[bytes, bytes, bytes] | None:
    """Return (head, body, rest) of the first whole message, or None while it is not whole."""
    end = data.find(b"\r\n\r\n")
    if end < 0:
        return None
    found = _LENGTH.search(data, 0, end)
    whole = end + 4 + (int(found[1]) if found else 0)
    if len(data) < whole:
        return None
    return data[:end], data[end + 4 : whole], data[whole:]


class ServerProtocol(asyncio.Protocol):
    """One connection of somebody who calls us."""

    def __init__(self, handle: Handler) -> None:
        self._handle = handle
        self._waiting = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's are no subclass

    def data_received(self, data: bytes) -> None:
        assert self._transport is not None
        if self._waiting:
            data = self._waiting + data
        while data and (parts := split(data)) is not None:
            head, body, data = parts
            self._transport.write(self._handle(head, body))
        self._waiting = data


class ClientProtocol(asyncio.Protocol):
    """
    One kept connection on which one request at a time is under way.

    `on_answer(self, is_ok, body)` is called at each answer; a lost connection counts as an answer that is not ok.
    """

    def __init__(self, on_answer: "Callable[[ClientProtocol, bool, bytes], None]") -> None:
        self._on_answer = on_answer
        self._waiting = b""
        self.transport: asyncio.Transport | None = None
        self.started = 0.0
        self.is_busy = False
        self.context: object = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)

    def send(self, request: bytes) -> None:
        assert self.transport is not None
        self.is_busy = True
        self.transport.write(request)

    def data_received(self, data: bytes) -> None:
        if self._waiting:
            data = self._waiting + data
        parts = split(data)
        if parts is None:
            self._waiting = data
            return
        head, body, self._waiting = parts
        self.is_busy = False
        self._on_answer(self, head[9:12] == b"200", body)

    def connection_lost(self, _error: Exception | None) -> None:
        self.transport = None
        if self.is_busy:
            self.is_busy = False
            self._on_answer(self, False, b"")


def post(path: str, body: bytes, headers: str = "") -> bytes:
    """Return a whole request; `headers` is lines that end with CR LF."""
    return f"POST {path} HTTP/1.1\r\nhost: 127.0.0.1\r\n{headers}content-length: {len(body)}\r\n\r\n".encode() + body
