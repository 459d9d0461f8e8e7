"""
The one interface through which Waypost speaks HTTP to others.

A request has two possible ends: an `HttpAnswer`, whatever its status, or an `OutboundError`. The error says whether the
request may have begun to leave this machine (`request_started`), because a message whose request certainly never left
may be sent again at once, and any other may not.

    OutboundError(kind, request_started, detail)

Both clients (`pyreqwest_client`, `aiohttp_client`) keep the contract written at `HttpClient`; one conformance suite
holds them to it.
"""

from collections.abc import AsyncIterable, AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple, Protocol

USER_AGENT = "Waypost/1"


class EndKind(Enum):
    """How a request ended without an answer. Values are stable: they stand in stored attempts and metrics."""

    INVALID_URL = "invalid_url"
    REFUSED_ADDRESS = "refused_address"
    DNS = "dns"
    CONNECT = "connect"
    TLS = "tls"
    POOL_WAIT = "pool_wait"
    TIMEOUT = "timeout"
    RESET = "reset"
    PROTOCOL = "protocol"
    BODY_TOO_LARGE = "body_too_large"


class OutboundError(Exception):
    """
    A request that ended without a whole answer.

    `request_started` is False only when it is certain that no byte of the request left: the URL or address was refused,
    the name was not found, the connection or its TLS was not made, no connection came free. It is True whenever a byte
    may have left. `detail` is for the operator's log. `status` is the answer's with BODY_TOO_LARGE, and None otherwise.
    """

    def __init__(self, kind: EndKind, *, request_started: bool, detail: str, status: int | None = None) -> None:
        super().__init__(f"{kind.value}: {detail}")
        self.kind = kind
        self.request_started = request_started
        self.detail = detail
        self.status = status


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeouts:
    """
    Limits in seconds for each phase of one request, and for all of it.

    `pool` waiting for a free connection; `dns` looking the name up; `connect` the TCP and TLS handshakes (for
    pyreqwest, the look-up too); `read` any wait for bytes of the answer, the first included; `total` from the call to
    the last byte. A total that ran out while connecting could not be told from one that ran out later, so the phases
    before the first byte must fit into it.
    """

    total_seconds: float = 40.0
    pool_seconds: float = 5.0
    dns_seconds: float = 2.0
    connect_seconds: float = 5.0
    read_seconds: float = 30.0

    def __post_init__(self) -> None:
        before_first_byte = self.pool_seconds + self.dns_seconds + self.connect_seconds
        if min(self.pool_seconds, self.dns_seconds, self.connect_seconds, self.read_seconds) <= 0:
            raise ValueError("every timeout must be more than 0 seconds")
        if before_first_byte >= self.total_seconds:
            raise ValueError(
                f"pool, dns and connect timeouts together ({before_first_byte} s) must be less than "
                f"the total timeout ({self.total_seconds} s)"
            )


class HttpAnswer(NamedTuple):
    """
    A whole answer. `headers` has lower-case names, the first value of a repeated one; `body` is within the cap.

    A named tuple, as it is made once a request: a frozen dataclass takes 1 us longer.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class HttpStream:
    """
    An answer whose body is still to be read: `chunks` gives it once, in pieces of any size, and never unpacked.

    Reading `chunks` raises `OutboundError` (with `request_started`) when the body breaks off.
    """

    status: int
    headers: Mapping[str, str]
    chunks: AsyncIterator[bytes]


class HttpClient(Protocol):
    """
    Sends one request over one connection, once.

    Every implementation keeps this: no redirect is followed (a 3xx is an answer); no proxy setting, cookie, or password
    file of the environment is used; `Accept-Encoding: identity` is sent and nothing is unpacked; a request that may
    have started is not tried again, except a GET on a kept connection that the server closed. A cancelled call
    raises `CancelledError` and must be counted as started.

    Args of both calls: `headers` are sent as given (names by RFC 9110; the caller has checked foreign ones with
    `guard.check_custom_headers`). `body` that is an iterable is sent with the `Content-Length` that `headers` names, or
    chunked. `timeouts` None means those of the client.
    """

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
        """
        Send and read the whole answer; at most `body_bytes_max` + 1 bytes of its body are held.

        Raises: OutboundError; its kind is BODY_TOO_LARGE when the answer has more than `body_bytes_max` bytes.
        """
        ...

    def stream(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str],
        timeouts: Timeouts | None = None,
    ) -> AbstractAsyncContextManager[HttpStream]:
        """
        Send and give the answer's head; the body is read in the `async with` block, its connection freed at the end.

        Raises: OutboundError, on entry or from `chunks`.
        """
        ...

    async def close(self) -> None:
        """End all connections. Requests under way end with an `OutboundError`. A second call does nothing."""
        ...
