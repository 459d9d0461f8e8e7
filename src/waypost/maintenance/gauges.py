"""
How full the gateway is: read from the store every few seconds, shown as metrics, and the reason to refuse more.

Counting walks partial indexes on a reader, so its cost follows the backlog. When it takes long it is done less often:
it never takes more than one part in ``COST_SHARE`` of the time.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from waypost.domain.ids import made_at_us
from waypost.domain.message import PENDING_STATES, MessageState
from waypost.observe import get_logger
from waypost.observe.metrics import Metrics
from waypost.ports import Clock, ShardLeases
from waypost.service import rest
from waypost.settings import LimitSettings
from waypost.store.directory import Account, Directory
from waypost.store.engine import Database, StoreUnavailableError
from waypost.store.gauges import EndpointDepth, SourceDepth, measure_messages, measure_notifications
from waypost.store.transaction import Tx

TURN_SECONDS: Final = 2.0
COST_SHARE: Final = 20


@dataclass(frozen=True, slots=True)
class Backlog:
    """How many messages have not been sent yet, in all and by account."""

    total: int = 0
    by_account: dict[str, int] = field(default_factory=dict)


class Gauges:
    """
    Measures every two seconds or less often; a service, and the ``Overload`` that the send endpoint asks.

    The answer to ``refuses`` comes from memory. A backlog may outgrow its limit by what comes in between two
    measurements.

    Args:
        leases: metrics of queues tell of the shards owned here, so that nodes add up; limits count all of them.
        owns_endpoint: the same for endpoints.
        queue_items_max: most writes waiting for a transaction of this process.

    """

    name = "gauges"

    def __init__(
        self,
        *,
        database: Database,
        directory: Directory,
        leases: ShardLeases,
        clock: Clock,
        metrics: Metrics,
        limits: LimitSettings,
        queue_items_max: int,
        owns_endpoint: Callable[[str], bool] = lambda _: True,
    ) -> None:
        self._database = database
        self._directory = directory
        self._leases = leases
        self._clock = clock
        self._metrics = metrics
        self._limits = limits
        self._queue_items_max = queue_items_max
        self._owns_endpoint = owns_endpoint
        self._backlog = Backlog()
        self._log = get_logger("gauges")

    def refuses(self, account: Account) -> int | None:
        """Return 503 while the gateway as a whole is full, 429 while this account is, else None."""
        if self._backlog.total >= self._limits.queued_max or self._database.waiting_items() >= self._queue_items_max:
            return 503
        at_most = account.queued_messages_max
        if at_most is None:
            at_most = self._limits.account_queued_max
        return 429 if self._backlog.by_account.get(account.id, 0) >= at_most else None

    async def run(self, stopping: asyncio.Event) -> None:
        """Measure until stopped; while the store is away the last measurement stands."""
        while not stopping.is_set():
            started = time.perf_counter()
            try:
                await self.turn()
            except StoreUnavailableError as error:
                self._log.warning("gauges.store_unavailable", error=str(error))
            seconds = time.perf_counter() - started
            await rest(stopping, max(TURN_SECONDS, seconds * COST_SHARE))

    async def turn(self) -> None:
        """Measure once. Raises StoreUnavailableError, and then nothing has changed."""
        messages, endpoints = await self._database.read(_measure)
        by_account: dict[str, int] = {}
        for depth in messages:
            by_account[depth.account_id] = by_account.get(depth.account_id, 0) + depth.count
        self._backlog = Backlog(sum(by_account.values()), by_account)
        self._show_messages(messages)
        self._show_notifications(endpoints)
        self._show_paused()
        self._metrics.store_waiting_items.set(self._database.waiting_items())
        self._metrics.dispatch_shards_owned.set(len(self._leases.owned()))

    def _show_messages(self, depths: Sequence[SourceDepth]) -> None:
        owned = self._leases.owned()
        now_us = self._clock.now_us()
        for state in sorted(PENDING_STATES):
            own = [depth for depth in depths if depth.state == state and depth.shard in owned]
            label = state.name.lower()
            oldest_us = min((made_at_us(depth.oldest_id) for depth in own), default=now_us)
            count = sum(depth.count for depth in own)
            self._metrics.dispatch_queue_messages.labels(label).set(count)
            self._metrics.dispatch_queue_oldest_seconds.labels(label).set(max(0, now_us - oldest_us) / 1_000_000)
            if state is MessageState.IN_DOUBT:
                self._metrics.dispatch_in_doubt.set(count)

    def _show_notifications(self, depths: Sequence[EndpointDepth]) -> None:
        # What waits for a deleted endpoint is told to nobody, and soon ended.
        known = self._directory.now.endpoints
        own = [depth for depth in depths if depth.endpoint_id in known and self._owns_endpoint(depth.endpoint_id)]
        now_us = self._clock.now_us()
        earliest_us = min((d.earliest_due_us for d in own if d.earliest_due_us is not None), default=now_us)
        self._metrics.notify_notifications.labels("pending").set(sum(depth.pending for depth in own))
        self._metrics.notify_notifications.labels("dead").set(sum(depth.dead for depth in own))
        self._metrics.notify_oldest_seconds.set(max(0, now_us - earliest_us) / 1_000_000)

    def _show_paused(self) -> None:
        # Without the reason: it is for people and may hold anything, as a label it would be series without bound.
        owned = self._leases.owned()
        paused = [
            source
            for source in self._directory.now.sources.values()
            if source.paused_reason is not None and source.shard in owned
        ]
        self._metrics.dispatch_sources_paused.set(len(paused))


def _measure(tx: Tx) -> tuple[list[SourceDepth], list[EndpointDepth]]:
    return measure_messages(tx), measure_notifications(tx)
