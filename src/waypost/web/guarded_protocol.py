"""
uvicorn's HTTP protocol with the limits that it lacks.

What uvicorn 0.54 leaves open (measured: slow headers and silent connections stay open for ever, 1 MB of headers is
taken), and what parsers of other servers on the way may read differently (request smuggling), is closed here. Each
connection is in one phase; the guard's sweep compares the time spent in it with its limit.
"""

import array
import asyncio
import enum
import fcntl
import termios
from typing import Any, Final, cast

import httptools
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.protocols.utils import get_remote_addr
from uvicorn.server import ServerState

from waypost.web import connection_guard as refusals
from waypost.web.connection_guard import LINGER_SECONDS, ConnectionGuard, Refusal

# A client may send this many requests ahead of the answers; each holds memory until its turn.
PIPELINE_MAX: Final = 16
_METHODS: Final = frozenset({b"DELETE", b"GET", b"HEAD", b"OPTIONS", b"PATCH", b"POST", b"PUT"})
_WATCHED: Final = frozenset({b"host", b"content-length", b"transfer-encoding", b"expect"})


class Phase(enum.IntEnum):
    """
    Where a connection stands. The order matters: from `DEAF` on, what the client sends is thrown away, and from
    `LINGERING` on nothing more is written.
    """

    WAITING = 0  # for the first byte of a request
    HEADERS = 1
    BODY = 2
    ANSWERING = 3  # the request is complete
    DEAF = 4  # answering what came before something malformed
    LINGERING = 5  # answered for good; the client may finish talking, so that it gets to read the answer
    CLOSING = 6


# Looking a member up on its class is what a hot path would pay for most.
_WAITING, _HEADERS, _BODY, _ANSWERING, _DEAF, _LINGERING, _CLOSING = Phase


class _RefusedError(Exception):
    """Ends parsing from within a parser's callback."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.reason)
        self.refusal = refusal


class _Transport:
    """
    The transport as uvicorn sees it: closing one that has unread input would send a reset, and the client would lose
    the answer that it was about to read. Such a connection is half-closed first, and read out for a while.
    """

    __slots__ = (
        "_protocol", "_transport", "abort", "can_write_eof", "get_extra_info", "get_write_buffer_size", "pause_reading",
        "resume_reading", "write", "write_eof",
    )  # fmt: skip

    def __init__(self, transport: asyncio.Transport, protocol: "GuardedProtocol") -> None:
        self._transport = transport
        self._protocol = protocol
        self.write = transport.write
        self.write_eof = transport.write_eof
        self.can_write_eof = transport.can_write_eof
        self.abort = transport.abort
        self.pause_reading = transport.pause_reading
        self.resume_reading = transport.resume_reading
        self.get_extra_info = transport.get_extra_info
        self.get_write_buffer_size = transport.get_write_buffer_size

    def is_closing(self) -> bool:
        return self._protocol.phase >= _LINGERING or self._transport.is_closing()

    def close(self) -> None:
        self._protocol.close_politely()

    def close_now(self) -> None:
        self._transport.close()


class GuardedProtocol(HttpToolsProtocol):
    """One connection. `guard` is shared by all connections of the server."""

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
        *,
        guard: ConnectionGuard,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self.guard = guard
        self.phase: Phase = _WAITING
        self._limits = guard.settings
        self._since = 0.0  # when the phase began, or when the present window of the body did
        self._is_used = False
        self._chunk_bytes = 0
        self._header_bytes = 0  # of the headers that are coming in, without the first chunk they began in
        self._window_bytes = 0
        self._hosts = 0
        self._has_length = False
        self._is_chunked = False
        self._unsent_bytes = 0
        self._unsent_since = 0.0  # when the client last took something of what we owe it

    # What asyncio calls.

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        guarded = _Transport(transport, self)
        self._since = self.loop.time()
        peer = get_remote_addr(transport)
        refusal, self._leave = self.guard.admit(self, peer[0] if peer else None)
        if refusal is None:
            super().connection_made(cast("asyncio.Transport", guarded))
            return
        self.transport = cast("asyncio.Transport", guarded)
        transport.write(refusal.answer)
        if self.guard.may_linger(self):
            self._linger()
        else:
            transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        self.phase = _CLOSING
        self._leave()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        phase = self.phase
        if phase >= _DEAF:
            return
        self._chunk_bytes = len(data)
        if phase == _HEADERS:
            self._header_bytes += len(data)
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            # No protocol is offered to upgrade to, and what follows cannot be told from a tunnel's bytes.
            self._stop_listening()
        except httptools.HttpParserError as error:
            self._refuse(_refusal_of(error))
        else:
            if self.phase == _HEADERS and self._header_bytes > self._limits.header_bytes_max:
                self._refuse(refusals.HEADERS_TOO_LARGE)

    # What the parser calls.

    def on_message_begin(self) -> None:
        if len(self.pipeline) >= PIPELINE_MAX:
            raise _RefusedError(refusals.MALFORMED)
        self.phase = _HEADERS
        self._since = self.loop.time()
        self._is_used = True
        self._header_bytes = 0
        self._hosts = 0
        self._has_length = self._is_chunked = False
        super().on_message_begin()

    def on_header(self, name: bytes, value: bytes) -> None:
        if self.phase != _HEADERS:
            # A trailer. The application already has the headers, and must not see them grow.
            self._window_bytes -= len(name) + len(value)
            if self._window_bytes < -self._limits.header_bytes_max:
                raise _RefusedError(refusals.HEADERS_TOO_LARGE)
            return
        name = name.lower()
        if name in _WATCHED:
            self._watch_header(name, value)
        self.headers.append((name, value))

    def _watch_header(self, name: bytes, value: bytes) -> None:
        if name == b"host":
            self._hosts += 1
        elif name == b"content-length":
            self._has_length = True  # The parser refuses a second one.
        elif name == b"transfer-encoding":
            if self._is_chunked or value.strip().lower() != b"chunked":
                raise _RefusedError(refusals.CODING_UNKNOWN)
            self._is_chunked = True
        elif value.lower() == b"100-continue":
            self.expect_100_continue = True
        else:
            raise _RefusedError(refusals.EXPECTATION_UNKNOWN)

    def on_headers_complete(self) -> None:
        refusal = self._judge_headers()
        if refusal is not None:
            raise _RefusedError(refusal)
        super().on_headers_complete()
        self.phase = _BODY
        self._since = self.loop.time()
        self._window_bytes = 0

    def _judge_headers(self) -> Refusal | None:
        limits = self._limits
        if len(self.headers) > limits.header_lines_max:
            return refusals.HEADERS_TOO_LARGE
        # Only what came in with much else has to be added up.
        if self._header_bytes + self._chunk_bytes > limits.header_bytes_max:
            exact = len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers)
            if exact > limits.header_bytes_max:
                return refusals.HEADERS_TOO_LARGE
        if self.parser.get_method() not in _METHODS:
            return refusals.METHOD_UNKNOWN
        version = self.parser.get_http_version()
        if version not in {"1.1", "1.0"}:
            return refusals.VERSION_UNKNOWN
        has_body = self._is_chunked or self._has_length
        if (
            # RFC 9112 3.2: a 1.1 request without exactly one Host is answered with 400.
            self._hosts > 1
            or (self._hosts == 0 and version == "1.1")
            # RFC 9112 6.1: both, or chunked from a 1.0 client, is how requests are smuggled.
            or (self._is_chunked and (self._has_length or version == "1.0"))
            # The parser would take the body of an upgrade for the new protocol's bytes.
            or (has_body and self.parser.should_upgrade())
            or not self.url.startswith(b"/")
            or b"#" in self.url
        ):
            return refusals.MALFORMED
        return None

    def on_body(self, body: bytes) -> None:
        self._window_bytes += len(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        super().on_message_complete()
        if self.phase == _BODY:
            self.phase = _ANSWERING

    # What uvicorn's request cycle calls.

    def on_response_complete(self) -> None:
        """Go on to the next request. Replaces uvicorn's, which would start a timer for each."""
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            return
        self.flow.resume_reading()
        if self.pipeline:
            cycle, app = self.pipeline.pop()
            self._start_asgi_task(cycle, app)
        elif self.phase == _ANSWERING:
            self._wait()
        elif self.phase == _HEADERS:
            self._since = self.loop.time()
        else:
            # Answered before all of the body was there: nobody will read the rest.
            self.close_politely()

    def close_politely(self) -> None:
        """Close, and if the client is still sending let it read the answer first. A second call does nothing."""
        if self.phase >= _LINGERING:
            return
        if self.phase in {_BODY, _DEAF, _HEADERS} and self.transport.can_write_eof():
            self._linger()
        else:
            self._close_now()

    # Ours.

    def _wait(self) -> None:
        self.phase = _WAITING
        self._since = self.loop.time()

    def _linger(self) -> None:
        self.phase = _LINGERING
        self._since = self.loop.time()
        self.transport.write_eof()
        if self.flow is not None:
            self.flow.resume_reading()

    def _close_now(self) -> None:
        self.phase = _CLOSING
        self._since = self.loop.time()
        cast("_Transport", self.transport).close_now()

    def _stop_listening(self) -> None:
        """Read no more, and close after the answers that are owed."""
        self.phase = _DEAF
        last = self.pipeline[0][0] if self.pipeline else self.cycle
        last.keep_alive = False

    def _refuse(self, refusal: Refusal) -> None:
        """Answer what cannot be served, once what came before it has been served, and close."""
        self.guard.count(refusal)
        cycle = self.cycle
        is_owing = cycle is not None and not cycle.response_complete
        if is_owing and (self.pipeline or self.phase != _BODY):
            # The client learns from the close that this one was not taken.
            self._stop_listening()
            return
        if is_owing:
            cycle.disconnected = True
            cycle.message_event.set()
        if not (is_owing and cycle.response_started):
            self.transport.write(refusal.answer)
        self.phase = _DEAF
        self.close_politely()

    def check(self, now: float) -> None:
        """Close the connection if a deadline has passed; the guard calls this every sweep."""
        unsent_bytes = self.transport.get_write_buffer_size()
        if unsent_bytes:
            # The system's buffer of some megabytes reports room only when a third of it is free: too coarse a sign of
            # life of a slow reader.
            unsent_bytes += _unacknowledged_bytes(self.transport)
        if self._unsent_bytes == 0 or unsent_bytes < self._unsent_bytes:
            self._unsent_since = now
        self._unsent_bytes = unsent_bytes
        if unsent_bytes:
            self._check_reader(now)
            return
        limits, phase, spent = self._limits, self.phase, now - self._since
        if phase == _WAITING:
            if spent > (limits.keep_alive_seconds if self._is_used else limits.first_byte_seconds):
                if not self._is_used:
                    self.guard.count(refusals.SILENT)
                self._close_now()
        elif phase == _HEADERS:
            if self.cycle is not None and not self.cycle.response_complete:
                self._since = now  # The answer before this request is ours to give; the client is not late yet.
            elif spent > limits.header_seconds:
                self._refuse(refusals.HEADER_SLOW)
        elif phase == _BODY:
            self._check_body(now, spent)
        elif phase >= _LINGERING and spent > LINGER_SECONDS:
            self.transport.abort()

    def _check_reader(self, now: float) -> None:
        """Cut off a client that takes nothing of its answer; while it takes some, no other clock runs."""
        self._since, self._window_bytes = now, 0
        if now - self._unsent_since > self._limits.write_stall_seconds:
            self.guard.count(refusals.STALLED)
            self.transport.abort()

    def _check_body(self, now: float, spent: float) -> None:
        if self.flow.read_paused or self.cycle.waiting_for_100_continue or self.pipeline:
            # It is we who do not read.
            self._since, self._window_bytes = now, 0
        elif spent > self._limits.body_window_seconds:
            if self._window_bytes < spent * self._limits.body_bytes_per_second_min:
                self._refuse(refusals.BODY_SLOW)
            else:
                self._since, self._window_bytes = now, 0


def _unacknowledged_bytes(transport: asyncio.Transport) -> int:
    """Return how much of what was written the other side has not taken yet (Linux: SIOCOUTQ, see tcp(7))."""
    answer = array.array("i", [0])
    try:
        fcntl.ioctl(transport.get_extra_info("socket").fileno(), termios.TIOCOUTQ, answer)
    except OSError:
        return 0
    return answer[0]


def _refusal_of(error: httptools.HttpParserError) -> Refusal:
    """Return what to answer to what the parser, or a callback of ours inside it, raised."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, _RefusedError):
            return cause.refusal
        cause = cause.__context__
    if isinstance(error, httptools.HttpParserInvalidMethodError):
        return refusals.METHOD_UNKNOWN
    return refusals.MALFORMED
