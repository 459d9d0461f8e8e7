"""Outgoing HTTP: one client for the provider's fixed hosts, one behind the guard for customers' URLs."""

from dataclasses import dataclass

from waypost.app.foundation import Foundation
from waypost.media.fetcher import FETCHES_MAX, Fetcher
from waypost.notify.notifier import SLOW_SLOTS_FACTOR
from waypost.outbound.aiohttp_client import AiohttpClient
from waypost.outbound.guard import OPERATOR_POLICY, OutboundPolicy
from waypost.outbound.http import HttpClient, Timeouts
from waypost.outbound.pyreqwest_client import PyreqwestClient
from waypost.providers.cloud_api.calls import GraphCalls
from waypost.providers.cloud_api.client import CloudApiClient
from waypost.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Clients:
    """The clients of one process."""

    policy: OutboundPolicy
    upstream: HttpClient
    customers: HttpClient
    provider: CloudApiClient
    calls: GraphCalls
    fetcher: Fetcher

    async def close(self) -> None:
        """End all connections; a second call does nothing."""
        await self.upstream.close()
        await self.customers.close()


def open_clients(foundation: Foundation) -> Clients:
    """Open the clients; nothing connects before the first request."""
    settings = foundation.settings
    policy = OutboundPolicy(allow_http=settings.allow_http_urls, allowed_networks=settings.allowed_networks)
    notify, media = settings.notify, settings.media
    customers = AiohttpClient(
        policy=policy,
        timeouts=_timeouts(notify.timeout_seconds, connect_seconds=notify.connect_timeout_seconds),
        # Slow deliveries leave the shared slots for a wider pool, and keep their connections. Fetches have their own.
        connections_max=notify.concurrency_max * (1 + SLOW_SLOTS_FACTOR) + FETCHES_MAX,
    )
    upstream = _upstream_client(settings)
    base_urls = {"meta": settings.graph_url, "sandbox": settings.sandbox_url or settings.graph_url}
    return Clients(
        policy=policy,
        upstream=upstream,
        customers=customers,
        provider=CloudApiClient(upstream, base_urls=base_urls, clock=foundation.clock),
        calls=GraphCalls(upstream, base_urls=base_urls, clock=foundation.clock),
        fetcher=Fetcher(
            customers,
            settings.data_dir / "incoming",
            redirects_max=media.redirects_max,
            fetches_per_account_max=media.account_fetches_max,
            total_seconds=media.fetch_timeout_seconds,
            connect_seconds=media.connect_timeout_seconds,
            first_byte_seconds=media.first_byte_timeout_seconds,
            rate_bytes_per_second_min=media.rate_bytes_per_second_min,
        ),
    )


def _upstream_client(settings: Settings) -> HttpClient:
    dispatch = settings.dispatch
    timeouts = _timeouts(dispatch.request_timeout_seconds, connect_seconds=dispatch.connect_timeout_seconds)
    # Some places besides those of the messages in flight, for media.
    connections_max = dispatch.in_flight_max + 16
    if dispatch.http_client == "pyreqwest":
        return PyreqwestClient(timeouts=timeouts, connections_max=connections_max)
    # The provider's hosts are the operator's choice, wherever they are.
    return AiohttpClient(policy=OPERATOR_POLICY, timeouts=timeouts, connections_max=connections_max)


def _timeouts(total_seconds: float, *, connect_seconds: float) -> Timeouts:
    """Return phases that fit into the total, so that an end before the first byte can be told from one after it."""
    return Timeouts(
        total_seconds=total_seconds,
        pool_seconds=min(5.0, total_seconds / 4),
        dns_seconds=min(2.0, total_seconds / 8),
        connect_seconds=min(connect_seconds, total_seconds / 4),
        read_seconds=total_seconds,
    )
