"""
The notifier: due notifications become signed POSTs, and their ends are written in groups.

Deliveries run while a transaction settles those that ended before and loads the next ones; a notification is in memory
at most once, and an endpoint's slots are its own. What dies with the process is delivered again under the same id.
"""

import asyncio
import random
import time
from collections.abc import Callable, Sequence
from typing import Final

from waypost.notify.courier import Courier
from waypost.notify.holdings import Holdings
from waypost.notify.lane import Lane
from waypost.notify.outcome import DISABLED_GONE, Outcome
from waypost.notify.quarantine import Quarantine
from waypost.notify.turn import Settlement, Turn, TurnResult, take_turn
from waypost.notify.unit import Unit
from waypost.observe import get_logger
from waypost.observe.metrics import Metrics
from waypost.outbound.http import HttpClient
from waypost.ports import Clock, IdFactory
from waypost.settings import NotifySettings
from waypost.store import engine
from waypost.store.directory import Directory, Endpoint
from waypost.store.engine import Database, Step, StoreUnavailableError
from waypost.store.transaction import Tx

SLOW_SECONDS: Final = 1.0
"""A delivery that lasts longer leaves the shared slots for a wider pool, so that hanging endpoints starve nobody."""
SLOW_SLOTS_FACTOR: Final = 3
TURN_SECONDS: Final = 0.02
"""While all slots have work, results are gathered this long before they are written."""
LOADED_BATCHES_MAX: Final = 4
EARLY_RELEASES_MAX: Final = 20_000
DISCOVERY_SHARE: Final = 10
"""Looking for endpoints with something due takes at most one part in so many of the time."""

_logger = get_logger("notify")


class Notifier:
    """
    Delivers what is due to the endpoints this process owns.

    Args:
        database: the store; one transaction of the notify lane is under way at a time.
        directory: endpoints and their secrets.
        http_client: the guarded client; give it ``connections_max`` connections.
        clock: the time.
        ids: for batches, records of failed tries, and notices.
        settings: limits and schedule.
        metrics: what is counted.
        owns: whether this process delivers to an endpoint; answers from memory, on any thread.
        chance: random numbers in [0, 1) for the jitter.

    """

    name = "notifier"

    def __init__(
        self,
        database: Database,
        directory: Directory,
        http_client: HttpClient,
        clock: Clock,
        ids: IdFactory,
        *,
        settings: NotifySettings,
        metrics: Metrics,
        owns: Callable[[str], bool] = lambda _: True,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._database = database
        self._directory = directory
        self._courier = Courier(http_client, clock, settings)
        self._clock = clock
        self._ids = ids
        self._settings = settings
        self._metrics = metrics
        self._owns = owns
        self._chance = chance
        self._step: Step[Turn, TurnResult] = Step("notify", engine.Lane.NOTIFY, _take_turns)
        self._holdings = Holdings(
            slots=settings.concurrency_max,
            slow_slots=settings.concurrency_max * SLOW_SLOTS_FACTOR,
            endpoint_slots=settings.endpoint_concurrency_max,
        )
        self._quarantine = Quarantine(database, self._step, take_over=self._take_over, rows_max=self._rows_max)
        self._ended: list[Settlement] = []
        self._early: dict[str, int] = {}
        self._signal = asyncio.Event()
        self._is_woken = True
        self._is_stopping = False
        self._has_loaded = False
        self._is_gathering = False
        self._next_poll = 0.0
        self._discover_after = 0.0
        self._turn_after = 0.0
        self._last_asked = ""
        self._counted = {outcome: metrics.notify_deliveries.labels(outcome.value) for outcome in Outcome}

    @property
    def connections_max(self) -> int:
        """Most POSTs under way at once, slow ones included."""
        return self._settings.concurrency_max * (1 + SLOW_SLOTS_FACTOR)

    def wake(self) -> None:
        """Say that something may be due; without it the next poll finds it. Called on the event loop."""
        self._is_woken = True
        self._signal.set()

    async def run(self, stopping: asyncio.Event) -> None:
        """
        Deliver until ``stopping``, then let what is under way end, write its results, and return.

        Cancelled, it hands what has ended to the store and returns; deliveries under way are then made again later.
        """
        try:
            async with asyncio.TaskGroup() as group:
                watcher = group.create_task(self._watch(stopping))
                while not self._is_stopping:
                    await self._work(group)
                    await self._wait()
                while self._holdings.in_flight:
                    self._signal.clear()
                    await self._signal.wait()
                watcher.cancel()
        finally:
            if self._ended:
                # The writer takes it at once, even if this wait is cut short.
                await self._quarantine.run(self._turn(is_discovering=False, is_loading=False))

    async def _watch(self, stopping: asyncio.Event) -> None:
        await stopping.wait()
        self._is_stopping = True
        self._signal.set()

    async def _wait(self) -> None:
        """Wait for the end of a delivery, a call of ``wake``, or the next poll."""
        if self._has_loaded and self._holdings.lanes_wanting():
            return
        until = min(self._next_poll, self._discover_after) if self._is_woken else self._next_poll
        if self._ended:
            # More results are on their way: a transaction costs the same for one as for many.
            until = min(until, self._turn_after)
            if self._holdings.in_flight and not self._is_woken and time.monotonic() < until:
                self._is_gathering = True
                await self._wait_until(until)
                self._is_gathering = False
        else:
            await self._wait_until(until)

    async def _wait_until(self, until: float) -> None:
        self._signal.clear()
        if self._is_stopping:
            return
        try:
            async with asyncio.timeout(until - time.monotonic()):
                await self._signal.wait()
        except TimeoutError:
            return

    async def _work(self, group: asyncio.TaskGroup) -> None:
        """Take one turn, and start what it loaded."""
        now = time.monotonic()
        is_polling = now >= self._next_poll
        is_discovering = is_polling or (self._is_woken and now >= self._discover_after)
        if is_polling:
            self._next_poll = now + self._settings.poll_seconds
            self._holdings.sweep(started_before=now - SLOW_SECONDS)
            self._start(group)
        if not (is_discovering or self._ended or self._holdings.lanes_wanting()):
            return
        if is_discovering:
            self._is_woken = False
        turn = self._turn(is_discovering=is_discovering, is_loading=True)
        self._ended = []
        try:
            result = await self._quarantine.run(turn)
        except StoreUnavailableError as error:
            self._ended = [*turn.settlements, *self._ended]
            _logger.warning("notify.store_unavailable", detail=str(error))
            await self._wait_until(time.monotonic() + self._settings.poll_seconds)
            return
        done = time.monotonic()
        if is_discovering:
            self._discover_after = done + (done - now) / DISCOVERY_SHARE
        self._turn_after = done + TURN_SECONDS
        self._has_loaded = result is not None and bool(result.units)
        if result is not None:
            self._take_over(turn, result)
        self._start(group)
        if result is None or result.disabled:
            await self._refresh()

    def _turn(self, *, is_discovering: bool, is_loading: bool) -> Turn:
        ended, holdings = self._ended, self._holdings
        now_us = self._clock.now_us()
        failed = {row_id for one in ended if one.outcome is not Outcome.DELIVERED for row_id in one.unit.row_ids}
        delivered_to = {one.unit.endpoint_id for one in ended if one.outcome is Outcome.DELIVERED}
        return Turn(
            now_us=now_us,
            settlements=ended,
            is_discovering=is_discovering,
            wanted=holdings.lanes_wanting() if is_loading else (),
            rooms={endpoint_id: lane.room for endpoint_id, lane in holdings.lanes.items()},
            room=holdings.room_of_unknown,
            rows_max=self._rows_max(),
            busy=holdings.units.keys() - failed,
            suspects={endpoint_id for endpoint_id in delivered_to if holdings.lane(endpoint_id).is_recovering},
            recovering={endpoint_id for endpoint_id in delivered_to if self._may_release(endpoint_id, now_us)},
            after=self._last_asked,
            is_early=self._early.__contains__,
            may_deliver=self._may_deliver,
            disable_after_us=int(self._settings.disable_after_seconds * 1e6),
            snapshot=self._directory.now,
            ids=self._ids,
        )

    def _rows_max(self) -> int:
        return max(0, self._settings.batch_max * LOADED_BATCHES_MAX - len(self._holdings.units))

    def _may_release(self, endpoint_id: str, now_us: int) -> bool:
        lane = self._holdings.lane(endpoint_id)
        if not lane.is_recovering or lane.held_until_us > now_us:
            return False
        if len(self._early) >= EARLY_RELEASES_MAX:
            self._early = {one: due_at_us for one, due_at_us in self._early.items() if due_at_us > now_us}
        return len(self._early) < EARLY_RELEASES_MAX

    def _endpoint(self, endpoint_id: str) -> Endpoint | None:
        """Return the endpoint if this process may deliver to it now."""
        endpoint = self._directory.now.endpoints.get(endpoint_id)
        return endpoint if endpoint and endpoint.disabled_reason is None and self._owns(endpoint_id) else None

    def _endpoint_of(self, lane: Lane) -> Endpoint | None:
        """Return where a lane delivers to; looked up once for each snapshot and sweep."""
        snapshot = self._directory.now
        if lane.seen is not snapshot:
            # In this order: the writer's thread asks too.
            lane.endpoint = self._endpoint(lane.endpoint_id)
            lane.seen = snapshot
        return lane.endpoint

    def _may_deliver(self, endpoint_id: str) -> bool:
        if self._quarantine.is_held_back(endpoint_id):
            return False
        lane = self._holdings.lanes.get(endpoint_id)
        return (self._endpoint(endpoint_id) if lane is None else self._endpoint_of(lane)) is not None

    def _take_over(self, turn: Turn, result: TurnResult) -> None:
        """Hold what was loaded, and no longer what was settled."""
        holdings = self._holdings
        self._last_asked = result.last_asked
        holdings.forget([settlement.unit for settlement in turn.settlements])
        for endpoint_id, reason in result.disabled.items():
            self._metrics.notify_endpoints_disabled.labels("gone" if reason == DISABLED_GONE else "failing").inc()
            _logger.warning("notify.endpoint_disabled", endpoint_id=endpoint_id, reason=reason)
            holdings.unload(holdings.lane(endpoint_id))
        self._early.update(result.released)
        for endpoint_id in result.recovered:
            holdings.lane(endpoint_id).is_recovering = False
        for unit in result.units:
            holdings.adopt(unit)
        for endpoint_id in result.with_more:
            holdings.lane(endpoint_id).has_more = True
        for endpoint_id in result.without_more:
            holdings.lane(endpoint_id).has_more = False
        if result.released:
            self.wake()
        if turn.settlements:
            self._report(turn.settlements, result)

    def _report(self, settlements: Sequence[Settlement], result: TurnResult) -> None:
        counts = dict.fromkeys(Outcome, 0)
        for settlement in settlements:
            counts[settlement.outcome] += 1
        for outcome, count in counts.items():
            if count:
                self._counted[outcome].inc(count)
        _logger.info(
            "notify.settled",
            **{outcome.value: count for outcome, count in counts.items()},
            loaded=len(result.units),
            released=len(result.released),
            in_flight=len(self._holdings.in_flight),
        )

    def _start(self, group: asyncio.TaskGroup) -> None:
        """Start deliveries while there are slots."""
        if self._is_stopping:
            return
        now = time.monotonic()
        while (unit := self._holdings.start_next(now=now)) is not None:
            group.create_task(self._deliver(unit))

    async def _deliver(self, unit: Unit | None) -> None:
        """Deliver a unit, and then whatever may start in its place."""
        while unit is not None:
            await self._deliver_one(unit)
            if not self._is_gathering or not self._holdings.in_flight or self._is_hungry(unit.endpoint_id):
                self._signal.set()
            unit = None if self._is_stopping else self._holdings.start_next(now=time.monotonic())

    def _is_hungry(self, endpoint_id: str) -> bool:
        lane = self._holdings.lane(endpoint_id)
        return lane.has_more and lane.room > 0

    async def _deliver_one(self, unit: Unit) -> None:
        lane = self._holdings.lane(unit.endpoint_id)
        endpoint = self._endpoint_of(lane)
        if endpoint is None:
            self._holdings.end(lane, unit, is_delivered=False)
            self._holdings.forget([unit])
            return
        settlement = await self._courier.deliver(
            endpoint, lane, unit, free_until_us=self._early.get(unit.webhook_id), random=self._chance()
        )
        self._end(lane, settlement)

    def _end(self, lane: Lane, settlement: Settlement) -> None:
        unit, is_delivered = settlement.unit, settlement.outcome is Outcome.DELIVERED
        if not is_delivered:
            lane.is_recovering = True
        free_until_us = self._early.get(unit.webhook_id)
        if free_until_us is not None and (is_delivered or settlement.ended_at_us >= free_until_us):
            del self._early[unit.webhook_id]
        self._holdings.end(lane, unit, is_delivered=is_delivered)
        self._ended.append(settlement)
        self._metrics.notify_delivery_seconds.observe(settlement.duration_us / 1e6)
        if is_delivered:
            self._metrics.notify_latency_seconds.observe(max(0, settlement.ended_at_us - unit.created_at_us) / 1e6)

    async def _refresh(self) -> None:
        try:
            await self._directory.refresh()
        except StoreUnavailableError:
            return  # the directory's own poll sees the change soon


def _take_turns(tx: Tx, turns: Sequence[Turn]) -> Sequence[TurnResult]:
    return [take_turn(tx, turn) for turn in turns]
