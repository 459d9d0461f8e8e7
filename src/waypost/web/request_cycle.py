"""
One request and its answer, between a connection and the ASGI application.

uvicorn's own cycle gives an answer's head and its body to the system one after the other, makes an event for each
request and tries two patterns on each header: half of what a short request costs it. This one writes a short answer
at once, waits only for a body that is still coming, and remembers the header lines that every answer has.
"""

import asyncio
import re
from collections.abc import Callable, Iterable, MutableMapping
from functools import lru_cache
from typing import Any, Final

from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import STATUS_LINE

from waypost.observe import get_logger
from waypost.web.exchange import AsgiApp, Header, Scope

_NAME_FAULT: Final = re.compile(rb"[^!#$%&'*+\-.^_`|~0-9A-Za-z]")
_VALUE_FAULT: Final = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")
_WITHOUT_BODY: Final = frozenset({204, 304})
_USUAL: Final = frozenset({b"content-type", b"content-length"})
# How the answer's body ends, where it is not by a number of bytes still to come.
_NO_BODY: Final = -1
_CHUNKED: Final = -2
_UNTIL_CLOSE: Final = -3
_FAILED: Final = b"Internal Server Error"
_CONTINUE: Final = b"HTTP/1.1 100 Continue\r\n\r\n"
_logger = get_logger("http")


class RequestCycle:
    """
    What an application is called with, and the state of its answer.

    The protocol feeds the body, and says when the client is gone; ``on_response`` is called once, when the answer is
    complete. ``has_written`` says whether any of the answer has left; ``response_complete`` whether all of it has.
    """

    __slots__ = (
        "_head",
        "_is_end_told",
        "_is_started",
        "_left",
        "_waiter",
        "body",
        "disconnected",
        "flow",
        "has_written",
        "keep_alive",
        "more_body",
        "on_response",
        "response_complete",
        "scope",
        "transport",
        "waiting_for_100_continue",
    )

    def __init__(
        self,
        scope: Scope,
        transport: asyncio.Transport,
        flow: FlowControl,
        *,
        keep_alive: bool,
        expects_continue: bool,
        on_response: Callable[[], None],
    ) -> None:
        self.scope = scope
        self.transport = transport
        self.flow = flow
        self.keep_alive = keep_alive
        self.waiting_for_100_continue = expects_continue
        self.on_response: Callable[[], None] | None = on_response
        self.disconnected = False
        self.body = b""
        self.more_body = True
        self.has_written = False
        self.response_complete = False
        self._is_started = False
        self._is_end_told = False
        self._head = b""
        self._left = _NO_BODY
        self._waiter: asyncio.Future[None] | None = None

    # What the protocol calls.

    @property
    def message_event(self) -> "RequestCycle":
        """What uvicorn's protocol sets when a connection is lost."""
        return self

    def set(self) -> None:
        """Wake the application, if it waits for more of the body."""
        waiter = self._waiter
        if waiter is not None and not waiter.done():
            waiter.set_result(None)

    async def run(self, app: AsgiApp) -> None:
        """Call the application; what it leaves undone is answered with 500, or ends the connection."""
        try:
            await app(self.scope, self.receive, self.send)
            if not self.response_complete and not self.disconnected:
                _logger.error("http.incomplete_answer")
                await self._fail()
        except Exception:
            _logger.exception("http.defect")
            await self._fail()
        finally:
            self.on_response = None

    async def _fail(self) -> None:
        if self.has_written or self.response_complete or self.disconnected:
            self.transport.close()
            return
        self._is_started = False
        headers = [
            (b"content-type", b"text/plain; charset=utf-8"),
            (b"content-length", b"%d" % len(_FAILED)),
            (b"connection", b"close"),
        ]
        await self.send({"type": "http.response.start", "status": 500, "headers": headers})
        await self.send({"type": "http.response.body", "body": _FAILED})

    # What the application calls.

    async def receive(self) -> dict[str, Any]:
        """Return what has come of the body, waiting for some; ``http.disconnect`` once nobody waits for an answer."""
        if self._head:
            self._write(b"")
        if self.waiting_for_100_continue and not self.transport.is_closing():
            self.transport.write(_CONTINUE)
            self.waiting_for_100_continue = False
        while not (self.disconnected or self.response_complete or self.body or self._has_untold_end()):
            self.flow.resume_reading()
            self._waiter = asyncio.get_running_loop().create_future()
            await self._waiter
        if self.disconnected or self.response_complete:
            return {"type": "http.disconnect"}
        body, self.body = self.body, b""
        self._is_end_told = not self.more_body
        return {"type": "http.request", "body": body, "more_body": self.more_body}

    def _has_untold_end(self) -> bool:
        return not self.more_body and not self._is_end_told

    async def send(self, message: MutableMapping[str, Any]) -> None:
        """Take the head of the answer, then its body in parts; RuntimeError for any other order."""
        if self.flow.write_paused and not self.disconnected:
            await self.flow.drain()
        if self.disconnected:
            return
        kind = message["type"]
        if kind == "http.response.start" and not self._is_started:
            self._start(message["status"], message.get("headers", ()))
        elif kind == "http.response.body" and self._is_started and not self.response_complete:
            self._continue(message.get("body", b""), has_more=message.get("more_body", False))
        else:
            raise RuntimeError(f"{kind} is out of order in an answer")

    def _start(self, status: int, headers: Iterable[Header]) -> None:
        lines = [STATUS_LINE[status]]
        length = None
        for name, value in headers:
            name = name.lower()  # noqa: PLW2901 - applications may write it either way
            if name == b"connection":
                self.keep_alive = self.keep_alive and value != b"close"
                continue
            if name == b"content-length":
                length = int(value)
            lines.append(_usual_line(name, value) if name in _USUAL else _line(name, value))
        if not self.keep_alive:
            lines.append(b"connection: close\r\n")
        if self.scope["method"] == "HEAD" or status in _WITHOUT_BODY:
            self._left = _NO_BODY
        elif length is not None:
            self._left = length
        elif self.scope["http_version"] == "1.1":
            self._left = _CHUNKED
            lines.append(b"transfer-encoding: chunked\r\n")
        else:
            self._left = _UNTIL_CLOSE
        lines.append(b"\r\n")
        self._is_started = True
        self._head = b"".join(lines)
        if length is None:
            # An answer that comes in parts: whoever waits for it may want to know now that it has begun.
            self._write(b"")

    def _continue(self, body: bytes, *, has_more: bool) -> None:
        left = self._left
        if left == _NO_BODY:
            body = b""
        elif left == _CHUNKED:
            chunk = b"%x\r\n%b\r\n" % (len(body), body) if body else b""
            body = chunk if has_more else chunk + b"0\r\n\r\n"
        elif left != _UNTIL_CLOSE:
            self._left = left = left - len(body)
            if left < 0 or (left > 0 and not has_more):
                raise RuntimeError("the answer is not as long as its content-length says")
        self._write(body)
        if not has_more:
            self.response_complete = True
            self.set()
            if not self.keep_alive:
                self.transport.close()
            if self.on_response is not None:
                self.on_response()

    def _write(self, body: bytes) -> None:
        if self._head:
            body, self._head = self._head + body, b""
        if not body:
            return
        if self.transport.is_closing():
            # The reader has gone, and nothing has said so yet: more requests of it wait to be read before its end is.
            self.disconnected = True
            self.set()
            return
        self.has_written = True
        self.transport.write(body)


def _line(name: bytes, value: bytes) -> bytes:
    if _NAME_FAULT.search(name) or _VALUE_FAULT.search(value):
        raise RuntimeError("a header of the answer has characters that no header may have")
    return b"%b: %b\r\n" % (name, value)


_usual_line: Final = lru_cache(maxsize=4096)(_line)
