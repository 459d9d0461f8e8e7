"""
The client for the provider's fixed hosts: fast, kept connections, no address guard.

pyreqwest's exception classes do not separate "before" from "after the first byte": a reset after the server read the
request and a refused connection are both `ConnectError`, a silent server and a full backlog both `ConnectTimeoutError`.
What does separate them is the chain of causes: hyper-util names an end of its connect phase (name, TCP, TLS)
`client error (Connect)` and nothing else. So only that link proves that no byte left (pyreqwest 0.15.1, reqwest
0.13.5, hyper-util 0.1.21; pinned by tests/outbound/test_clients.py).

A cancelled call is not recalled by pyreqwest: its request may still be sent and answered until its total timeout ends.
"""

from collections.abc import AsyncIterable, AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from datetime import timedelta

from pyreqwest.client import Client, ClientBuilder
from pyreqwest.exceptions import (
    BuilderError,
    ClientClosedError,
    DecodeError,
    DetailedPyreqwestError,
    PyreqwestError,
    RequestTimeoutError,
)
from pyreqwest.http import HeaderMap
from pyreqwest.request import StreamRequest
from pyreqwest.response import Response

from waypost.outbound.http import USER_AGENT, EndKind, HttpAnswer, HttpStream, OutboundError, Timeouts
from waypost.outbound.slots import Slots

_CONNECT_PHASE = "client error (Connect)"


class PyreqwestClient:
    """
    An `HttpClient` over pyreqwest: HTTP/1.1, TLS by rustls with the system's roots, no redirects, proxies or cookies.

    Args:
        timeouts: phases of every request; a request may only shorten or lengthen `total_seconds`.
        connections_max: requests under way at once; more wait up to `timeouts.pool_seconds`.
        idle_seconds: how long an idle connection is kept. Short, because a request written to a connection that the
            server is just closing ends in doubt.
        ca_pem: further trusted root certificates, PEM.
    """

    def __init__(
        self,
        *,
        timeouts: Timeouts | None = None,
        connections_max: int = 256,
        idle_seconds: float = 4.0,
        ca_pem: bytes | None = None,
    ) -> None:
        self._timeouts = timeouts or Timeouts()
        builder = (
            ClientBuilder()
            .timeout(timedelta(seconds=self._timeouts.total_seconds))
            .connect_timeout(timedelta(seconds=self._timeouts.connect_seconds + self._timeouts.dns_seconds))
            .read_timeout(timedelta(seconds=self._timeouts.read_seconds))
            .pool_idle_timeout(timedelta(seconds=idle_seconds))
            .pool_max_idle_per_host(connections_max)
            .follow_redirects(False)
            .referer(False)
            .error_for_status(False)
            .no_proxy()
            .gzip(False)
            .brotli(False)
            .zstd(False)
            .deflate(False)
            .http1_only()
            .tcp_nodelay(True)
            .user_agent(USER_AGENT)
            .default_headers({"accept-encoding": "identity"})
        )
        if ca_pem is not None:
            builder = builder.add_root_certificate_pem(ca_pem)
        self._client: Client = builder.build()
        self._slots = Slots(connections_max)
        self._is_closed = False

    async def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str],
        body: bytes | AsyncIterable[bytes] | None = None,
        timeouts: Timeouts | None = None,
        body_bytes_max: int,
    ) -> HttpAnswer:
        """See `HttpClient.request`."""
        request = self._build(method, url, headers, body, timeouts)
        if not self._slots.take_now():
            await self._slots.take(self._timeouts.pool_seconds)
        try:
            response = await request.__aenter__()
            try:
                content = await response.body_reader.read(body_bytes_max + 1)
            except BaseException:
                await request.__aexit__(None, None, None)
                raise
        except (PyreqwestError, ValueError) as error:
            raise _outbound_error(error, url) from error
        finally:
            self._slots.free()
        answer_body = b"" if content is None else bytes(content)
        if len(answer_body) > body_bytes_max:
            await request.__aexit__(None, None, None)
            detail = f"status {response.status}, more than {body_bytes_max} bytes"
            raise OutboundError(EndKind.BODY_TOO_LARGE, request_started=True, detail=detail)
        # A body read to its end has freed its connection: leaving the context as well would cost 6 us a request.
        return HttpAnswer(response.status, _Headers(response), answer_body)

    @asynccontextmanager
    async def stream(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str],
        timeouts: Timeouts | None = None,
    ) -> AsyncIterator[HttpStream]:
        """See `HttpClient.stream`."""
        request = self._build(method, url, headers, None, timeouts)
        await self._slots.take(self._timeouts.pool_seconds)
        try:
            try:
                response = await request.__aenter__()
            except (PyreqwestError, ValueError) as error:
                raise _outbound_error(error, url) from error
            try:
                yield HttpStream(response.status, _Headers(response), _chunks(response, url))
            finally:
                await request.__aexit__(None, None, None)
        finally:
            self._slots.free()

    async def close(self) -> None:
        """See `HttpClient.close`."""
        self._is_closed = True
        await self._client.close()

    def _build(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: bytes | AsyncIterable[bytes] | None,
        timeouts: Timeouts | None,
    ) -> StreamRequest:
        if self._is_closed:
            raise OutboundError(EndKind.RESET, request_started=False, detail="the client is closed")
        try:
            builder = self._client.request(method, url)
            for name, value in headers.items():
                builder = builder.header(name, value)
            if timeouts is not None and timeouts is not self._timeouts:
                builder = builder.timeout(timedelta(seconds=timeouts.total_seconds))
            if isinstance(body, bytes):
                builder = builder.body_bytes(body)
            elif body is not None:
                builder = builder.body_stream(body)
            return builder.build_streamed()
        except (BuilderError, ClientClosedError, ValueError) as error:
            raise OutboundError(EndKind.INVALID_URL, request_started=False, detail=str(error)) from error


class _Headers(Mapping[str, str]):
    """The answer's headers, copied out of the library on first use: most answers' headers are never looked at."""

    __slots__ = ("_response", "_values")

    def __init__(self, response: Response) -> None:
        self._response: Response | None = response
        self._values: dict[str, str] | None = None

    def _read(self) -> dict[str, str]:
        if self._values is None:
            assert self._response is not None
            self._values = _decoded(self._response.headers)
            self._response = None
        return self._values

    def __getitem__(self, name: str) -> str:
        return self._read()[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._read())

    def __len__(self) -> int:
        return len(self._read())


def _decoded(headers: HeaderMap) -> dict[str, str]:
    values: dict[str, str] = {}
    for name in headers:
        try:
            values.setdefault(name, headers[name])
        except ValueError:
            # A value that is not ASCII text cannot be read through pyreqwest; no header we use has one.
            continue
    return values


async def _chunks(response: Response, url: str) -> AsyncIterator[bytes]:
    reader = response.body_reader
    while True:
        try:
            chunk = await reader.read_chunk()
        except PyreqwestError as error:
            raise _outbound_error(error, url) from error
        if chunk is None:
            return
        yield bytes(chunk)


def _outbound_error(error: PyreqwestError | ValueError, url: str) -> OutboundError:
    """Map every end of pyreqwest to ours; what is not known to be before the first byte counts as after it."""
    if isinstance(error, BuilderError):
        return OutboundError(EndKind.INVALID_URL, request_started=False, detail=str(error.message))
    causes = _causes(error)
    detail = "; ".join(causes[1:]) or str(error.args[0] if error.args else error)
    if len(causes) > 1 and causes[1] == _CONNECT_PHASE:
        if "dns error" in causes[2:3]:
            return OutboundError(EndKind.DNS, request_started=False, detail=detail)
        tcp_was_made = "tcp connect error" not in causes[2:3] and "operation timed out" not in causes[2:3]
        kind = EndKind.TLS if url[:6].lower() == "https:" and tcp_was_made else EndKind.CONNECT
        return OutboundError(kind, request_started=False, detail=detail)
    if isinstance(error, RequestTimeoutError):
        return OutboundError(EndKind.TIMEOUT, request_started=True, detail=detail)
    if isinstance(error, DecodeError) and "end of file before message length reached" not in detail:
        return OutboundError(EndKind.PROTOCOL, request_started=True, detail=detail)
    return OutboundError(EndKind.RESET, request_started=True, detail=detail)


def _causes(error: PyreqwestError | ValueError) -> list[str]:
    if not isinstance(error, DetailedPyreqwestError):
        return []
    return [cause["message"] for cause in error.details.get("causes") or []]
