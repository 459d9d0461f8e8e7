"""The notifications in memory: each at most once, those of one subject in a chain, those of one endpoint in a lane."""

from collections import deque
from collections.abc import Iterable

from waypost.notify.lane import Lane, drop_chain
from waypost.notify.unit import Unit, UnitState


class Holdings:
    """
    Everything loaded and not yet settled.

    Slots are shared: at most ``slots`` deliveries at once, and ``slow_slots`` more of those that have been running for
    long; an endpoint has at most ``endpoint_slots`` of either.
    """

    def __init__(self, *, slots: int, slow_slots: int, endpoint_slots: int) -> None:
        self._slots = slots
        self._slow_slots = slow_slots
        self._endpoint_slots = endpoint_slots
        self.lanes: dict[str, Lane] = {}
        self.units: dict[str, Unit] = {}
        self.in_flight: set[Unit] = set()
        self._slow = 0
        self._runnable: deque[Lane] = deque()

    @property
    def room_of_unknown(self) -> int:
        """How many notifications to load for an endpoint that has no lane yet."""
        return Lane("", slots=self._endpoint_slots).room

    def lane(self, endpoint_id: str) -> Lane:
        """Return an endpoint's lane, a new one if need be."""
        lane = self.lanes.get(endpoint_id)
        if lane is None:
            lane = self.lanes[endpoint_id] = Lane(endpoint_id, slots=self._endpoint_slots)
        return lane

    def lanes_wanting(self) -> list[str]:
        """Return the endpoints known to have more due than is loaded, and with room for it."""
        return [lane.endpoint_id for lane in self.lanes.values() if lane.has_more and lane.room]

    def adopt(self, unit: Unit) -> None:
        """Hold a loaded unit: ready, or behind the one it follows; where that one has failed, not at all."""
        lane = self.lane(unit.endpoint_id)
        before = None
        if unit.after is not None:
            before = self.units.get(unit.after)
            if before is None or before.state is UnitState.DROPPED:
                lane.has_more = True
                return
            if before.state is UnitState.DELIVERED:
                before = None
            elif before.next is not None or len(before.row_ids) > 1:
                lane.has_more = True
                return
        lane.loaded += 1
        for row_id in unit.row_ids:
            self.units[row_id] = unit
        if before is None:
            self._make_ready(lane, unit)
        else:
            before.next = unit

    def start_next(self, *, now: float) -> Unit | None:
        """Return the next unit to deliver, in flight from now on, or None if nothing may start; lanes take turns."""
        while self._runnable and len(self.in_flight) - self._slow < self._slots:
            lane = self._runnable.popleft()
            if not lane.can_start:
                lane.is_queued = False
                continue
            self._runnable.append(lane)
            unit = lane.ready.popleft()
            unit.state = UnitState.IN_FLIGHT
            unit.started = now
            lane.in_flight += 1
            self.in_flight.add(unit)
            return unit
        return None

    def end(self, lane: Lane, unit: Unit, *, is_delivered: bool) -> None:
        """
        Take a unit out of flight; it is held until it is settled.

        What hangs on it becomes ready, or is forgotten if it failed; with a failure so is all else that is ready, since
        a failing endpoint is only probed.
        """
        self.in_flight.discard(unit)
        lane.in_flight -= 1
        lane.loaded -= 1
        if unit.is_slow:
            self._slow -= 1
            lane.slow -= 1
        unit.is_ended = True
        if is_delivered:
            unit.state = UnitState.DELIVERED
            lane.failures = 0
            if unit.next is not None:
                follower, unit.next = unit.next, None
                self._make_ready(lane, follower)
        else:
            lane.failures += 1
            chain = unit.next
            unit.state = UnitState.DROPPED
            unit.next = None
            self.forget(drop_chain(chain))
            self.unload(lane)
        self._queue(lane)

    def unload(self, lane: Lane) -> None:
        """Forget what has not started; it stays due in the store."""
        dropped = lane.unload()
        if dropped:
            lane.has_more = True
            self.forget(dropped)

    def forget(self, units: Iterable[Unit]) -> None:
        """Hold these no longer."""
        for unit in units:
            is_held = False
            for row_id in unit.row_ids:
                if self.units.get(row_id) is unit:
                    del self.units[row_id]
                    is_held = True
            if is_held and not unit.is_ended and (lane := self.lanes.get(unit.endpoint_id)) is not None:
                lane.loaded -= 1

    def sweep(self, *, started_before: float) -> None:
        """
        Move deliveries that run for long to the slow slots, and drop lanes that hold nothing.

        The others look up anew where they deliver to: who owns an endpoint may have changed.
        """
        for unit in self.in_flight:
            if not unit.is_slow and unit.started < started_before and self._slow < self._slow_slots:
                unit.is_slow = True
                self._slow += 1
                lane = self.lane(unit.endpoint_id)
                lane.slow += 1
                self.unload(lane)
        for endpoint_id in [lane.endpoint_id for lane in self.lanes.values() if lane.is_idle]:
            del self.lanes[endpoint_id]
        for lane in self.lanes.values():
            lane.seen = None

    def _make_ready(self, lane: Lane, unit: Unit) -> None:
        lane.ready.append(unit)
        self._queue(lane)

    def _queue(self, lane: Lane) -> None:
        if not lane.is_queued and lane.can_start:
            lane.is_queued = True
            self._runnable.append(lane)
