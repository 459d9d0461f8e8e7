import ssl
from collections.abc import AsyncIterator, Callable
from ipaddress import ip_network
from typing import Any

import pytest
import trustme
from tests.outbound.tracing import _trace, connects

from waypost.outbound.aiohttp_client import AiohttpClient
from waypost.outbound.guard import OPERATOR_POLICY, OutboundPolicy
from waypost.outbound.http import HttpClient, Timeouts
from waypost.outbound.pyreqwest_client import PyreqwestClient

__all__ = ["_trace", "connects"]

QUICK = Timeouts(total_seconds=1.5, pool_seconds=0.3, dns_seconds=0.2, connect_seconds=0.3, read_seconds=0.6)
LOOPBACK = OutboundPolicy(allow_http=True, allowed_networks=(ip_network("127.0.0.0/8"), ip_network("::1/128")))


@pytest.fixture(scope="session")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="session")
def server_tls(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    return context


@pytest.fixture(params=["pyreqwest", "aiohttp", "aiohttp_guarded"])
async def make_client(request: pytest.FixtureRequest) -> AsyncIterator[Callable[..., HttpClient]]:
    """Make clients of each implementation, with quick timeouts unless told; closed at the end."""
    made: list[Any] = []

    def make(**options: Any) -> HttpClient:
        options.setdefault("timeouts", QUICK)
        if request.param == "pyreqwest":
            made.append(PyreqwestClient(**options))
        else:
            policy = LOOPBACK if request.param == "aiohttp_guarded" else OPERATOR_POLICY
            made.append(AiohttpClient(policy=policy, **options))
        return made[-1]

    yield make
    for client in made:
        await client.close()
