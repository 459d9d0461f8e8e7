"""What the notifier holds in memory of one endpoint."""

from collections import deque
from collections.abc import Mapping
from typing import Final

from waypost.notify.signing import SigningKey, sign
from waypost.notify.unit import Unit, UnitState
from waypost.store.directory import Endpoint, Snapshot

PREFETCH_PER_SLOT: Final = 8
PREFETCH_MIN: Final = 16


class Lane:
    """
    One endpoint's loaded units and what is known of its health.

    ``ready`` may be delivered now; units behind another of their subject hang on that one. ``held_until_us`` is what
    the endpoint asked for by Retry-After: no success releases anything before. ``endpoint`` is where to deliver, None
    if not at all, as of the snapshot ``seen``.
    """

    __slots__ = (
        "endpoint",
        "endpoint_id",
        "failures",
        "has_more",
        "held_until_us",
        "in_flight",
        "is_queued",
        "is_recovering",
        "loaded",
        "ready",
        "seen",
        "signer",
        "slots",
        "slow",
    )

    def __init__(self, endpoint_id: str, *, slots: int) -> None:
        self.endpoint_id = endpoint_id
        self.slots = slots
        self.ready: deque[Unit] = deque()
        self.in_flight = 0
        self.loaded = 0
        self.slow = 0
        self.failures = 0
        self.has_more = False
        # Until a look at the store says otherwise, something may wait from before this process.
        self.is_recovering = True
        self.held_until_us = 0
        self.is_queued = False
        self.signer: Signer | None = None
        self.endpoint: Endpoint | None = None
        self.seen: Snapshot | None = None

    @property
    def slots_now(self) -> int:
        """How many deliveries may run at once: a failing endpoint is only probed."""
        return 1 if self.failures else self.slots

    @property
    def can_start(self) -> bool:
        return bool(self.ready) and self.in_flight < self.slots_now

    @property
    def room(self) -> int:
        """How many notifications to load next, 0 while enough are in memory."""
        if self.failures or self.slow:
            return max(0, self.slots_now - self.loaded)
        prefetch = max(PREFETCH_MIN, self.slots * PREFETCH_PER_SLOT)
        # Always the same number, so that one statement loads for many endpoints.
        return prefetch // 2 if self.loaded * 2 <= prefetch else 0

    @property
    def is_idle(self) -> bool:
        return not self.loaded and not self.has_more and not self.failures

    def unload(self) -> list[Unit]:
        """Forget what has not started and return it: it stays due in the store."""
        units = list(self.ready)
        self.ready.clear()
        return [dropped for unit in units for dropped in drop_chain(unit)]


def drop_chain(unit: Unit | None) -> list[Unit]:
    """Mark a unit and all that hang on it as dropped, and return them."""
    dropped: list[Unit] = []
    while unit is not None:
        unit.state = UnitState.DROPPED
        dropped.append(unit)
        unit.next, unit = None, unit.next
    return dropped


class Signer:
    """The headers of an endpoint's POSTs, as the directory knew it when this was made."""

    __slots__ = ("_base", "_keys", "_keys_with_old", "_old_until_us", "endpoint")

    def __init__(self, endpoint: Endpoint) -> None:
        self.endpoint = endpoint
        self._base: Mapping[str, str] = {**endpoint.headers, "Content-Type": "application/json"}
        self._keys = [SigningKey(endpoint.secret)]
        self._keys_with_old = self._keys
        self._old_until_us = endpoint.secret_old_until_us or 0
        if endpoint.secret_old is not None:
            self._keys_with_old = [*self._keys, SigningKey(endpoint.secret_old)]

    def headers(self, *, webhook_id: str, body: bytes, now_us: int) -> dict[str, str]:
        """Return the headers of one try; the timestamp and signature are of now, the id is not."""
        timestamp = str(now_us // 1_000_000)
        keys = self._keys_with_old if now_us < self._old_until_us else self._keys
        return {
            **self._base,
            "webhook-id": webhook_id,
            "webhook-timestamp": timestamp,
            "webhook-signature": sign(keys, webhook_id=webhook_id, timestamp=timestamp, body=body),
        }
