"""
Looking names up and opening connections under the guard's rule, for the aiohttp client.

A name is looked up once for each new connection, all its addresses are judged, and only those addresses are dialled:
a second look-up between the check and the connection is what DNS rebinding needs.
"""

import asyncio
import socket
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import ContextVar
from ipaddress import ip_address
from typing import Any, Final, Protocol

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult

from waypost.outbound.guard import IpAddress, OutboundPolicy
from waypost.outbound.http import EndKind, OutboundError

ADDRESSES_MAX = 64
_RESOLVER_THREADS = 8


class Progress:
    """How far one request came."""

    __slots__ = ("is_started",)

    def __init__(self) -> None:
        self.is_started = False


UNDER_WAY: Final[ContextVar[Progress]] = ContextVar("waypost.outbound.progress")
"""
The request that the present task makes: set by the client, marked by its connector.

aiohttp's own way to tell is tracing, which costs a tenth of a request whatever is listened for.
"""


class Resolver(Protocol):
    """Looks names up; tests put their own DNS here."""

    async def resolve(self, host: str) -> Sequence[IpAddress]:
        """
        Return every address of the name, in the order to try them.

        Raises: OSError when the name has none. The caller bounds the time.
        """
        ...

    async def close(self) -> None:
        """Let go of threads and sockets; look-ups under way may still end."""
        ...


class SystemResolver:
    """
    The machine's own resolver (`getaddrinfo`), in threads of its own.

    A look-up cannot be cancelled; slow names may fill these threads, but not those that the rest of Waypost uses.
    """

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(_RESOLVER_THREADS, thread_name_prefix="resolve")

    async def resolve(self, host: str) -> Sequence[IpAddress]:
        """See `Resolver.resolve`."""
        loop = asyncio.get_running_loop()
        try:
            found = await loop.run_in_executor(
                self._threads, lambda: socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
            )
        except UnicodeError as error:
            raise OSError(f"the name cannot be asked for: {error}") from error
        return list(dict.fromkeys(ip_address(entry[4][0]) for entry in found))

    async def close(self) -> None:
        """See `Resolver.close`."""
        self._threads.shutdown(wait=False, cancel_futures=True)


class GuardedResolver(AbstractResolver):
    """
    The step between aiohttp and a `Resolver`: bounded in time, and no address leaves it unless every one passed.
    """

    def __init__(self, resolver: Resolver, policy: OutboundPolicy, *, seconds_max: float) -> None:
        self._resolver = resolver
        self._policy = policy
        self._seconds_max = seconds_max

    async def resolve(
        self,
        host: str,
        port: int = 0,
        family: socket.AddressFamily = socket.AF_UNSPEC,  # noqa: ARG002 - aiohttp's signature; both families are asked
    ) -> list[ResolveResult]:
        """
        Look the name up and judge its addresses.

        Raises: OutboundError (DNS or REFUSED_ADDRESS), with nothing started.
        """
        try:
            async with asyncio.timeout(self._seconds_max):
                addresses = await self._resolver.resolve(host)
        except (OSError, TimeoutError) as error:
            raise OutboundError(EndKind.DNS, request_started=False, detail=f"{host}: {error or 'timed out'}") from error
        if not 0 < len(addresses) <= ADDRESSES_MAX:
            raise OutboundError(EndKind.DNS, request_started=False, detail=f"{host}: {len(addresses)} addresses")
        for address in addresses:
            if not self._policy.admits(address, port):
                raise _refused(address, port)
        return [
            ResolveResult(hostname=host, host=str(address), port=port, family=_family(address), proto=0, flags=0)
            for address in addresses
        ]

    async def close(self) -> None:
        """Close the resolver below."""
        await self._resolver.close()


class GuardedConnector(aiohttp.TCPConnector):
    """
    Opens connections to admitted addresses only, and looks at the peer once connected.

    `_create_connection` is aiohttp's documented-by-source extension point of `BaseConnector` (3.14); a pin test fails
    when it is no longer called.
    """

    def __init__(self, *, policy: OutboundPolicy, resolver: AbstractResolver, **options: Any) -> None:
        super().__init__(
            resolver=resolver,
            use_dns_cache=False,
            socket_factory=self._open_socket,
            **options,
        )
        self._policy = policy

    def _open_socket(self, info: tuple[Any, Any, int, str, tuple[Any, ...]]) -> socket.socket:
        """Make the socket for one address: the last place before a packet leaves."""
        family, kind, protocol, _, address = info
        problem = self._problem(address)
        if problem is not None:
            raise problem
        return socket.socket(family, kind, protocol)

    def _problem(self, socket_address: tuple[Any, ...] | None) -> OutboundError | None:
        if socket_address is None:
            return OutboundError(EndKind.CONNECT, request_started=False, detail="the peer has no address")
        address, port = ip_address(str(socket_address[0])), int(socket_address[1])
        return None if self._policy.admits(address, port) else _refused(address, port)

    async def connect(self, *args: Any, **kwargs: Any) -> aiohttp.connector.Connection:
        """Mark the request under way as started: what is given a connection writes to it without further notice."""
        connection = await super().connect(*args, **kwargs)
        UNDER_WAY.get().is_started = True
        return connection

    async def _create_connection(self, *args: Any, **kwargs: Any) -> Any:
        protocol = await super()._create_connection(*args, **kwargs)
        transport = protocol.transport
        peer = transport.get_extra_info("peername") if transport is not None else None
        problem = self._problem(peer)
        if problem is not None:
            protocol.close()
            raise problem
        return protocol


def _refused(address: IpAddress, port: int) -> OutboundError:
    return OutboundError(
        EndKind.REFUSED_ADDRESS, request_started=False, detail=f"{address} port {port} is not permitted"
    )


def _family(address: IpAddress) -> socket.AddressFamily:
    return socket.AF_INET if address.version == 4 else socket.AF_INET6
