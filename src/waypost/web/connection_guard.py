"""
The limits of reliability: how many connections, how slow, how large. Decided here, enforced by `guarded_protocol`.

One `ConnectionGuard` serves one listening server. It counts connections, in all and by address, and sweeps over them
with one shared timer, so that a request pays for no timer of its own.
"""

import asyncio
import ipaddress
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol

from waypost.observe import Metrics
from waypost.settings import HttpSettings, Networks

_SWEEP_SECONDS_MAX: Final = 0.5
_SWEEP_SECONDS_MIN: Final = 0.01
# Refused connections wait this long for the client to read the refusal, and there are at most this many of them.
LINGER_SECONDS: Final = 2.0
_LINGERING_MAX: Final = 256
# One client usually holds a whole /64 of IPv6 and would otherwise have 2**64 addresses to come from.
_IPV6_CLIENT_BITS: Final = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """An answer of the guard's own: `reason` is for the metric, `answer` the bytes on the wire (empty: only close)."""

    reason: str
    answer: bytes = b""


def _refusal(reason: str, status: str, message: str, *headers: str) -> Refusal:
    """Build a refusal in the contract's three-key form (contract, section 1.3)."""
    code, _, phrase = status.partition(" ")
    body = f'{{"error":"{phrase}","message":"{message}","status":{code}}}'
    lines = [f"HTTP/1.1 {status}", "content-type: application/json", f"content-length: {len(body)}"]
    lines += ["connection: close", *headers]
    return Refusal(reason=reason, answer=("\r\n".join(lines) + "\r\n\r\n" + body).encode())


MALFORMED: Final = _refusal("malformed", "400 Bad Request", "Invalid HTTP request")
METHOD_UNKNOWN: Final = _refusal(
    "method", "405 Method Not Allowed", "Method not supported", "allow: DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT"
)
HEADER_SLOW: Final = _refusal("header_timeout", "408 Request Timeout", "Request headers took too long")
BODY_SLOW: Final = _refusal("slow_body", "408 Request Timeout", "Request body came too slowly")
EXPECTATION_UNKNOWN: Final = _refusal("expectation", "417 Expectation Failed", "Expectation not supported")
HEADERS_TOO_LARGE: Final = _refusal(
    "header_size", "431 Request Header Fields Too Large", "Request headers too large or too many"
)
CODING_UNKNOWN: Final = _refusal("transfer_coding", "501 Not Implemented", "Transfer coding not supported")
FULL: Final = _refusal("full", "503 Service Unavailable", "Service overloaded", "retry-after: 1")
ADDRESS_FULL: Final = _refusal("address_full", "503 Service Unavailable", "Service overloaded", "retry-after: 1")
VERSION_UNKNOWN: Final = _refusal("version", "505 HTTP Version Not Supported", "HTTP version not supported")
SILENT: Final = Refusal(reason="first_byte_timeout")
STALLED: Final = Refusal(reason="write_stall")


class Guarded(Protocol):
    """A connection, as far as the guard knows it."""

    def check(self, now: float) -> None:
        """Close the connection if a deadline of its present phase has passed; `now` is the loop's time in seconds."""


class ConnectionGuard:
    """Counts and sweeps the connections of one server. `metrics` may be left out."""

    def __init__(
        self, settings: HttpSettings, *, trusted_proxies: Networks = (), metrics: Metrics | None = None
    ) -> None:
        self.settings = settings
        self._trusted_proxies = trusted_proxies
        self._metrics = metrics
        self._connections: set[Guarded] = set()
        self._by_address: dict[str, int] = {}
        self._open = 0
        self._timer: asyncio.TimerHandle | None = None
        shortest = min(
            settings.header_seconds,
            settings.first_byte_seconds,
            settings.keep_alive_seconds,
            settings.body_window_seconds,
            settings.write_stall_seconds,
        )
        self._sweep_seconds = min(_SWEEP_SECONDS_MAX, max(_SWEEP_SECONDS_MIN, shortest / 4))

    def start(self) -> None:
        """Begin to sweep, on the running loop; a second call does nothing."""
        if self._timer is None:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(self._sweep_seconds, self._sweep, loop)

    def stop(self) -> None:
        """Stop sweeping; a second call does nothing."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def admit(self, connection: Guarded, address: str | None) -> tuple[Refusal | None, Callable[[], None]]:
        """
        Count a new connection from an address, None for a local socket.

        Returns:
            The refusal, when there are too many already, and what to call when the connection has gone.
        """
        settings = self.settings
        client = self._client_of(address)
        refusal: Refusal | None = None
        if self._open >= settings.connections_max:
            refusal = FULL
        elif client is not None and self._by_address.get(client, 0) >= settings.address_connections_max:
            refusal = ADDRESS_FULL
        if refusal is not None:
            self.count(refusal)
            return refusal, lambda: self._connections.discard(connection)
        self._open += 1
        self._connections.add(connection)
        if client is not None:
            self._by_address[client] = self._by_address.get(client, 0) + 1
        if self._metrics is not None:
            # Counted up and down, never set: the operations port has a guard of its own and shares the gauge.
            self._metrics.http_connections.inc()
        return None, lambda: self._leave(connection, client)

    def may_linger(self, connection: Guarded) -> bool:
        """Return whether a refused connection may stay until the client has read why, and sweep it if so."""
        if len(self._connections) - self._open >= _LINGERING_MAX:
            return False
        self._connections.add(connection)
        return True

    def count(self, refusal: Refusal) -> None:
        """Count a refusal by its reason."""
        if self._metrics is not None:
            self._metrics.http_connections_refused.labels(refusal.reason).inc()

    def _leave(self, connection: Guarded, client: str | None) -> None:
        self._open -= 1
        self._connections.discard(connection)
        if client is not None:
            left = self._by_address[client] - 1
            if left:
                self._by_address[client] = left
            else:
                del self._by_address[client]
        if self._metrics is not None:
            self._metrics.http_connections.dec()

    def _client_of(self, address: str | None) -> str | None:
        """Return the name a client is counted under; None for those that are not counted one by one."""
        if address is None:
            return None
        try:
            ip = ipaddress.ip_address(address.partition("%")[0])
        except ValueError:
            return address
        if isinstance(ip, ipaddress.IPv6Address):
            ip = ip.ipv4_mapped or ip
        if any(ip in network for network in self._trusted_proxies if network.version == ip.version):
            return None
        if isinstance(ip, ipaddress.IPv6Address):
            return str(ipaddress.ip_network((ip, _IPV6_CLIENT_BITS), strict=False))
        return str(ip)

    def _sweep(self, loop: asyncio.AbstractEventLoop) -> None:
        now = loop.time()
        for connection in tuple(self._connections):
            connection.check(now)
        self._timer = loop.call_later(self._sweep_seconds, self._sweep, loop)
