"""
The client for customers' URLs: every connection goes through the guard. With `OPERATOR_POLICY` it stands in for the
provider's client.

A name is looked up once; every address it has must pass, and the connection goes to one of those very addresses, with
the name kept for Host, SNI and the certificate. The socket is opened through a factory that judges the address again,
and the connected peer is judged once more, so that no path through the library connects to what was not checked.

The request counts as started from the moment a connection is in hand: the library writes to it without further notice.
"""

import asyncio
import functools
import ssl
from collections.abc import AsyncIterable, AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
from yarl import URL

from waypost.outbound.dialing import UNDER_WAY, GuardedConnector, GuardedResolver, Progress, Resolver, SystemResolver
from waypost.outbound.guard import OutboundPolicy, UrlRefused, parse_target
from waypost.outbound.http import USER_AGENT, EndKind, HttpAnswer, HttpStream, OutboundError, Timeouts
from waypost.outbound.slots import Slots

_TARGETS_MAX = 1024
# Larger bodies are handed over in pieces: aiohttp warns that writing them at once holds the loop.
_PIECE_BYTES = 256 * 1024
_FAILURES = (aiohttp.ClientError, OSError, RuntimeError, TimeoutError)


@functools.cache
def _machines_trust() -> ssl.SSLContext:
    """Return what the machine trusts, read once per process (40 ms); nobody changes it."""
    return ssl.create_default_context()


def _trust_with(ca_pem: bytes) -> ssl.SSLContext:
    tls = ssl.create_default_context()
    tls.load_verify_locations(cadata=ca_pem.decode("ascii"))
    return tls


class AiohttpClient:
    """
    An `HttpClient` over aiohttp. Made inside a running event loop.

    Connections are kept and used again, so a client belongs to one policy: what one customer may reach must not be
    reachable to another through a kept connection.

    Args:
        policy: what may be reached.
        resolver: looks names up; the machine's own by default.
        timeouts: phases of every request that does not bring its own. `dns_seconds` is always the client's.
        connections_max: connections at once; requests over it wait `timeouts.pool_seconds`.
        idle_seconds: how long an idle connection is kept.
        ca_pem: further trusted root certificates, PEM.
    """

    def __init__(
        self,
        *,
        policy: OutboundPolicy,
        resolver: Resolver | None = None,
        timeouts: Timeouts | None = None,
        connections_max: int = 256,
        idle_seconds: float = 4.0,
        ca_pem: bytes | None = None,
    ) -> None:
        self._policy = policy
        self._targets: dict[str, URL] = {}
        self._timeouts = timeouts or Timeouts()
        self._limits_used = (self._timeouts, self._client_timeout(self._timeouts))
        tls = _machines_trust() if ca_pem is None else _trust_with(ca_pem)
        guarded = GuardedResolver(resolver or SystemResolver(), policy, seconds_max=self._timeouts.dns_seconds)
        connector = GuardedConnector(
            policy=policy,
            resolver=guarded,
            limit=0,
            keepalive_timeout=idle_seconds,
            ssl=tls,
        )
        self._slots = Slots(connections_max)
        # aiohttp closes only a resolver that it made itself.
        self._resolver = guarded
        self._session = aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            headers={"User-Agent": USER_AGENT, "Accept-Encoding": "identity"},
            auto_decompress=False,
            trust_env=False,
            raise_for_status=False,
        )

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
        """See `HttpClient.request`. Also raises INVALID_URL and REFUSED_ADDRESS by the policy."""
        progress = Progress()
        UNDER_WAY.set(progress)
        checked = self._checked(url)
        await self._slots.take((timeouts or self._timeouts).pool_seconds)
        try:
            async with self._open(method, checked, headers, body, timeouts=timeouts) as response:
                content = await _read_capped(response, body_bytes_max)
        except _FAILURES as error:
            raise _outbound_error(error, progress) from error
        finally:
            self._slots.free()
        return HttpAnswer(response.status, _plain(response.headers), content)

    @asynccontextmanager
    async def stream(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str],
        timeouts: Timeouts | None = None,
    ) -> AsyncIterator[HttpStream]:
        """See `HttpClient.stream`. Also raises INVALID_URL and REFUSED_ADDRESS by the policy."""
        progress = Progress()
        UNDER_WAY.set(progress)
        checked = self._checked(url)
        await self._slots.take((timeouts or self._timeouts).pool_seconds)
        try:
            try:
                response = await self._open(method, checked, headers, None, timeouts=timeouts)
            except _FAILURES as error:
                raise _outbound_error(error, progress) from error
            try:
                yield HttpStream(response.status, _plain(response.headers), _chunks(response, progress))
            finally:
                # What was not read is not drained, for it may have no end: then the connection is closed instead.
                response.release() if response.content.at_eof() else response.close()
        finally:
            self._slots.free()

    async def close(self) -> None:
        """See `HttpClient.close`."""
        await self._session.close()
        await self._resolver.close()

    def _open(
        self,
        method: str,
        url: URL,
        headers: Mapping[str, str],
        body: bytes | AsyncIterable[bytes] | None,
        *,
        timeouts: Timeouts | None,
    ) -> Any:
        if isinstance(body, bytes) and len(body) > _PIECE_BYTES:
            headers = {**headers, "Content-Length": str(len(body))}
            body = _pieces(body)
        limits = timeouts or self._timeouts
        # One caller brings the same limits each time.
        if limits is not self._limits_used[0]:
            self._limits_used = (limits, self._client_timeout(limits))
        return self._session.request(
            method, url, headers=headers, data=body, allow_redirects=False, timeout=self._limits_used[1]
        )

    def _client_timeout(self, limits: Timeouts) -> aiohttp.ClientTimeout:
        return aiohttp.ClientTimeout(
            total=limits.total_seconds,
            connect=self._timeouts.dns_seconds + limits.connect_seconds,
            sock_connect=limits.connect_seconds,
            # A timer of its own for each read, of which the total is enough where it is no longer.
            sock_read=limits.read_seconds if limits.read_seconds < limits.total_seconds else None,
        )

    def _checked(self, url: str) -> URL:
        """
        Parse by the guard and hand the library only the rebuilt form; where the two differ nothing is sent.

        Parsing takes as long as a tenth of a request, and depends on nothing but the text and the policy: what was
        admitted is kept for the next time. Addresses of names are judged anew for every connection.
        """
        known = self._targets.get(url)
        if known is not None:
            return known
        try:
            target = parse_target(url, self._policy)
        except UrlRefused as error:
            raise OutboundError(EndKind.INVALID_URL, request_started=False, detail=str(error)) from error
        rebuilt = URL(target.url, encoded=True)
        if (rebuilt.scheme, rebuilt.raw_host, rebuilt.port) != (target.scheme, target.host, target.port):
            raise OutboundError(EndKind.INVALID_URL, request_started=False, detail="two parsers read it differently")
        if len(self._targets) >= _TARGETS_MAX:
            del self._targets[next(iter(self._targets))]
        self._targets[url] = rebuilt
        return rebuilt


async def _read_capped(response: aiohttp.ClientResponse, body_bytes_max: int) -> bytes:
    content = bytearray()
    # An answer that is all there ends with its first piece: asking for the next one would cost another coroutine.
    while not response.content.at_eof() and (chunk := await response.content.read(body_bytes_max + 1 - len(content))):
        content += chunk
        if len(content) > body_bytes_max:
            response.close()
            raise OutboundError(
                EndKind.BODY_TOO_LARGE,
                request_started=True,
                detail=f"status {response.status}, more than {body_bytes_max} bytes",
                status=response.status,
            )
    return bytes(content)


async def _pieces(body: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(body), _PIECE_BYTES):
        yield body[start : start + _PIECE_BYTES]


async def _chunks(response: aiohttp.ClientResponse, progress: Progress) -> AsyncIterator[bytes]:
    while True:
        try:
            chunk = await response.content.readany()
        except _FAILURES as error:
            raise _outbound_error(error, progress) from error
        if not chunk:
            return
        yield chunk


def _plain(headers: Mapping[str, str]) -> dict[str, str]:
    """Lower the names, keep the first of each, and turn bytes that are not UTF-8 into Latin-1 instead of surrogates."""
    plain: dict[str, str] = {}
    for name, value in headers.items():
        text = value if value.isascii() else value.encode("utf-8", "surrogateescape").decode("latin-1")
        plain.setdefault(name.lower(), text)
    return plain


def _outbound_error(error: Exception, progress: Progress) -> OutboundError:
    """Map every end of aiohttp to ours."""
    kind = EndKind.RESET
    match error:
        case aiohttp.InvalidURL() | aiohttp.NonHttpUrlClientError():
            return OutboundError(EndKind.INVALID_URL, request_started=False, detail=_described(error))
        case aiohttp.ConnectionTimeoutError():
            kind = EndKind.CONNECT
        case aiohttp.ClientConnectorCertificateError() | aiohttp.ClientConnectorSSLError():
            kind = EndKind.TLS
        case aiohttp.ClientConnectorDNSError():
            kind = EndKind.DNS
        case aiohttp.ClientConnectorError():
            kind = EndKind.CONNECT
        case asyncio.TimeoutError():
            kind = EndKind.TIMEOUT
        case aiohttp.ClientResponseError():
            kind = EndKind.PROTOCOL
    return OutboundError(kind, request_started=progress.is_started, detail=_described(error))


def _described(error: BaseException) -> str:
    """
    Say what happened in the names of errors and the system's words, for logs and for what is kept of an attempt.

    aiohttp's own texts repeat the URL, every header of the request, tokens too, and pieces of a malformed answer.
    """
    parts: list[str] = []
    seen: BaseException | None = error
    while seen is not None:
        words = seen.strerror if isinstance(seen, OSError) else None
        if isinstance(seen, ssl.SSLCertVerificationError):
            # aiohttp's own kind of it has no message; the one below has.
            words = getattr(seen, "verify_message", None)
        part = f"{type(seen).__name__} {words}" if words else type(seen).__name__
        if part not in parts:
            parts.append(part)
        seen = seen.__cause__ or seen.__context__
    return ": ".join(parts)
