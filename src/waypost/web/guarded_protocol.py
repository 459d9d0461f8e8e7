"""
uvicorn's HTTP protocol with the limits that it lacks.

What uvicorn 0.54 leaves open (measured: slow headers and silent connections stay open for ever, 1 MB of headers is
taken), and what parsers of other servers on the way may read differently (request smuggling), is closed here. Each
connection is in one phase; the guard's sweep compares the time spent in it with its limit.
"""

import asyncio
from collections import deque
from dataclasses import replace
from typing import Any, Final, cast
from urllib.parse import unquote

import httptools
from uvicorn.config import Config
from uvicorn.protocols.http.flow_control import HIGH_WATER_LIMIT
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.protocols.utils import get_remote_addr
from uvicorn.server import ServerState

from waypost.web import connection_guard as refusals
from waypost.web.connection_guard import LINGER_SECONDS, ConnectionGuard, Refusal
from waypost.web.polite_transport import PoliteTransport, unacknowledged_bytes
from waypost.web.request_cycle import RequestCycle

# A client may send this many requests ahead of the answers; each holds memory until its turn.
PIPELINE_MAX: Final = 16
_METHODS: Final = frozenset({b"DELETE", b"GET", b"HEAD", b"OPTIONS", b"PATCH", b"POST", b"PUT"})
_DECISIVE: Final = frozenset({b"expect", b"transfer-encoding", b"upgrade"})
_VERSIONS: Final = frozenset({"1.0", "1.1"})
_ASGI: Final = {"version": "3.0", "spec_version": "2.3"}

# The phases of a connection, in order: from `_DEAF` on what the client sends is thrown away, from `_LINGERING` on
# nothing more is written. Plain numbers, because they are compared several times for each request.
_WAITING: Final = 0  # for the first byte of a request
_HEADERS: Final = 1
_SERVING: Final = 2  # the headers are complete; the body may still be coming
_DEAF: Final = 3  # answering what came before something malformed
_LINGERING: Final = 4  # answered for good; the client may finish talking, so that it gets to read the answer
_CLOSING: Final = 5
_NOT_YET: Final = 0.0  # a clock that starts at the end of the present chunk, if the phase lasts that long


class _RefusedError(Exception):
    """Ends parsing from within a parser's callback."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.reason)
        self.refusal = refusal


class GuardedProtocol(HttpToolsProtocol):
    """One connection. `guard` is shared by all connections of the server."""

    cycle: RequestCycle  # type: ignore[assignment]
    pipeline: deque[RequestCycle]  # type: ignore[assignment]

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
        self._limits = guard.settings
        self._phase = _WAITING
        self._since = _NOT_YET  # when the phase began, or when the present window of the body did
        self._is_used = False
        self._chunk_bytes = 0
        # Of headers: what came after the chunk they began in. Of a body: what came since it last grew, which is
        # trailers and chunk extensions.
        self._pending_bytes = 0
        self._window_bytes = 0
        self._unsent_bytes = 0
        self._unsent_since = 0.0  # when the client last took something of what we owe it

    @property
    def is_closing(self) -> bool:
        """Whether nothing more is written."""
        return self._phase >= _LINGERING

    # What asyncio calls.

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        guarded = PoliteTransport(transport, self)
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
        self._phase = _CLOSING
        self._leave()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        phase = self._phase
        if phase >= _DEAF:
            return
        size = self._chunk_bytes = len(data)
        if phase:
            self._pending_bytes += size
            self._window_bytes += size
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            # No protocol is offered to upgrade to, and what follows cannot be told from a tunnel's bytes.
            self._stop_listening()
        except httptools.HttpParserError as error:
            self._refuse(_refusal_of(error))
        else:
            phase = self._phase
            if phase == _HEADERS or (phase == _SERVING and self.cycle.more_body):
                if self._since == _NOT_YET:
                    self._since = self.loop.time()
                if self._pending_bytes > self._limits.header_bytes_max:
                    self._refuse(refusals.HEADERS_TOO_LARGE)

    # What the parser calls.

    def on_message_begin(self) -> None:
        if len(self.pipeline) >= PIPELINE_MAX:
            raise _RefusedError(refusals.MALFORMED)
        self._phase = _HEADERS
        self._since = _NOT_YET
        self._pending_bytes = 0
        self.url = b""
        self.expect_100_continue = False
        self.headers = []

    def on_headers_complete(self) -> None:
        refusal = self._judge_headers()
        if refusal is not None:
            raise _RefusedError(refusal)
        self._begin_cycle()
        self._phase = _SERVING
        self._since = _NOT_YET
        self._is_used = True
        self._pending_bytes = self._window_bytes = 0
        # The parser appends trailers here, and the application's headers must not grow: they might pass for
        # credentials.
        self.headers = []

    def _begin_cycle(self) -> None:
        """Call the application, or have it called when the requests before this one are answered."""
        parser, version = self.parser, self.parser.get_http_version()
        raw_path, _, query = self.url.partition(b"?")
        path = raw_path.decode("latin-1")
        scope = {
            "type": "http",
            "asgi": _ASGI,
            "http_version": version,
            "server": self.server,
            "client": self.client,
            "scheme": self.scheme,
            "method": parser.get_method().decode("ascii"),
            "root_path": "",
            "path": unquote(path) if "%" in path else path,
            "raw_path": raw_path,
            "query_string": query,
            "headers": self.headers,
        }
        before = self.cycle
        cycle = self.cycle = RequestCycle(
            scope,
            self.transport,
            self.flow,
            keep_alive=version == "1.1" and parser.should_keep_alive(),
            expects_continue=self.expect_100_continue,
            on_response=self.on_response_complete,
        )
        if before is None or before.response_complete:
            self._start_cycle(cycle)
        else:
            self.flow.pause_reading()
            self.pipeline.appendleft(cycle)

    def _start_cycle(self, cycle: RequestCycle) -> None:
        task = self.loop.create_task(cycle.run(self.app))
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    def _judge_headers(self) -> Refusal | None:
        headers, limits, parser = self.headers, self._limits, self.parser
        if len(headers) > limits.header_lines_max:
            return refusals.HEADERS_TOO_LARGE
        # Only what came in with much else has to be added up.
        if self._pending_bytes + self._chunk_bytes > limits.header_bytes_max:
            exact = len(self.url) + sum(len(name) + len(value) + 4 for name, value in headers)
            if exact > limits.header_bytes_max:
                return refusals.HEADERS_TOO_LARGE
        if parser.get_method() not in _METHODS:
            return refusals.METHOD_UNKNOWN
        version = parser.get_http_version()
        if version not in _VERSIONS:
            return refusals.VERSION_UNKNOWN
        if not self.url.startswith(b"/") or b"#" in self.url:
            return refusals.MALFORMED
        by_name = dict(headers)
        if b"host" in by_name and len(by_name) == len(headers) and _DECISIVE.isdisjoint(by_name):
            return None
        return self._judge_decisive_headers(version)

    def _judge_decisive_headers(self, version: str) -> Refusal | None:
        """Judge the headers that say where a request ends and whom it is for; most requests need no such look."""
        values: dict[bytes, list[bytes]] = {}
        for name, value in self.headers:
            values.setdefault(name, []).append(value.strip().lower())
        hosts = len(values.get(b"host", ()))
        codings = values.get(b"transfer-encoding")
        has_length = b"content-length" in values
        if codings is not None and codings != [b"chunked"]:
            return refusals.CODING_UNKNOWN
        if b"expect" in values and not self.expect_100_continue:
            return refusals.EXPECTATION_UNKNOWN
        if (
            # RFC 9112 3.2: a 1.1 request without exactly one Host is answered with 400.
            hosts > 1
            or (hosts == 0 and version == "1.1")
            # RFC 9112 6.1: chunked with a length too, or from a 1.0 client, is how requests are smuggled.
            or (codings is not None and (has_length or version == "1.0"))
            # The parser would take the body of an upgrade for the new protocol's bytes.
            or (b"upgrade" in values and (has_length or codings is not None))
        ):
            return refusals.MALFORMED
        return None

    def on_body(self, body: bytes) -> None:
        self._pending_bytes = 0
        cycle = self.cycle
        if cycle.response_complete:
            return
        cycle.body += body
        if len(cycle.body) > HIGH_WATER_LIMIT:
            self.flow.pause_reading()
        cycle.set()

    def on_message_complete(self) -> None:
        cycle = self.cycle
        if not cycle.response_complete:
            cycle.more_body = False
            cycle.set()

    # What uvicorn's request cycle calls.

    def on_response_complete(self) -> None:
        """Go on to the next request. Replaces uvicorn's, which would start a timer for each."""
        self.server_state.total_requests += 1
        phase = self._phase
        if phase >= _LINGERING:
            return
        self.flow.resume_reading()
        if self.pipeline:
            self._start_cycle(self.pipeline.pop())
        elif phase == _HEADERS:
            self._since = self.loop.time()
        elif phase == _DEAF or self.cycle.more_body:
            # Answered before all of the body was there: nobody will read the rest.
            self.close_politely()
        else:
            self._phase = _WAITING
            self._since = self.loop.time()

    def close_politely(self) -> None:
        """Close, and if the client is still sending let it read the answer first. A second call does nothing."""
        phase = self._phase
        if phase >= _LINGERING:
            return
        is_sending = phase in {_HEADERS, _DEAF} or (phase == _SERVING and self.cycle.more_body)
        if is_sending and self.transport.can_write_eof():
            self._linger()
        else:
            self._close_now()

    # Ours.

    def _linger(self) -> None:
        self._phase = _LINGERING
        self._since = self.loop.time()
        self.transport.write_eof()
        if self.flow is not None:
            self.flow.resume_reading()

    def _close_now(self) -> None:
        self._phase = _CLOSING
        self._since = self.loop.time()
        cast("PoliteTransport", self.transport).close_now()

    def _abort(self) -> None:
        self._phase = _CLOSING
        self.transport.abort()

    def _stop_listening(self) -> None:
        """Read no more, and close after the answers that are owed."""
        self._phase = _DEAF
        last = self.pipeline[0] if self.pipeline else self.cycle
        last.keep_alive = False

    def _refuse(self, refusal: Refusal) -> None:
        """Answer what cannot be served, once what came before it has been served, and close."""
        self.guard.count(refusal)
        cycle = self.cycle
        if cycle is not None and not cycle.response_complete:
            if self.pipeline or self._phase != _SERVING or not cycle.more_body:
                # It is a later request that is refused; its client learns from the close that it was not taken.
                self._stop_listening()
                return
            cycle.disconnected = True
            cycle.set()
            if cycle.has_written:
                refusal = replace(refusal, answer=b"")
        self.transport.write(refusal.answer)
        self._phase = _DEAF
        self.close_politely()

    def check(self, now: float) -> None:
        """Close the connection if a deadline has passed; the guard calls this every sweep."""
        unsent_bytes = self.transport.get_write_buffer_size()
        if unsent_bytes:
            self._check_reader(now, unsent_bytes)
            return
        self._unsent_bytes = 0
        limits, phase, spent = self._limits, self._phase, now - self._since
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
        elif phase == _SERVING:
            if self.cycle.more_body:
                self._check_body(now, spent)
        elif phase >= _LINGERING and spent > LINGER_SECONDS:
            self._abort()

    def _check_reader(self, now: float, unsent_bytes: int) -> None:
        """Cut off a client that takes nothing of its answer; while it takes some, no other clock runs."""
        # The system's buffer of some megabytes reports room only when a third of it is free: too coarse a sign of
        # life of a slow reader.
        unsent_bytes += unacknowledged_bytes(self.transport)
        if self._unsent_bytes == 0 or unsent_bytes < self._unsent_bytes:
            self._unsent_since = now
        self._unsent_bytes = unsent_bytes
        self._since, self._window_bytes = now, 0
        if now - self._unsent_since > self._limits.write_stall_seconds:
            self.guard.count(refusals.STALLED)
            self._abort()

    def _check_body(self, now: float, spent: float) -> None:
        if self.flow.read_paused or self.cycle.waiting_for_100_continue or self.pipeline:
            # It is we who do not read.
            self._since, self._window_bytes = now, 0
        elif spent > self._limits.body_window_seconds:
            if self._window_bytes < spent * self._limits.body_bytes_per_second_min:
                self._refuse(refusals.BODY_SLOW)
            else:
                self._since, self._window_bytes = now, 0


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
