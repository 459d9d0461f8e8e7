"""What is delivered by one POST: a notification, or a batch of them."""

from collections.abc import Sequence
from enum import Enum
from types import MappingProxyType
from typing import Final

from waypost.contract.events import WebhookKind, render_body
from waypost.store.notifying import DueRow

_END: Final = b"]}"
_BEGINNINGS: Final = MappingProxyType({kind.value: render_body(kind, [b""]).removesuffix(_END) for kind in WebhookKind})
"""Bodies without their entries."""


class UnitState(Enum):
    """Where a unit stands in memory."""

    LOADED = 0
    IN_FLIGHT = 1
    DELIVERED = 2
    DROPPED = 3


class Unit:
    """
    One POST to be, with its id and bytes.

    ``rows`` are notifications of one endpoint and kind, in the order of their ids. ``after`` is the id of the
    notification that must be acknowledged first, None if there is none; ``next`` is the unit that waits for this one.
    """

    __slots__ = (
        "account_id",
        "after",
        "attempts",
        "created_at_us",
        "endpoint_id",
        "entries",
        "is_ended",
        "is_slow",
        "kind",
        "next",
        "row_ids",
        "started",
        "state",
        "subject_ids",
        "webhook_id",
    )

    def __init__(self, rows: Sequence[DueRow], *, webhook_id: str, after: str | None) -> None:
        first = rows[0]
        self.webhook_id = webhook_id
        self.endpoint_id = first.endpoint_id
        self.account_id = first.account_id
        self.kind = first.kind
        self.attempts = first.attempts
        self.created_at_us = first.created_at_us
        self.row_ids = [row.id for row in rows]
        self.subject_ids = [row.subject_id for row in rows]
        self.entries = [row.entry for row in rows]
        self.after = after
        self.next: Unit | None = None
        self.state = UnitState.LOADED
        self.started = 0.0
        self.is_ended = False
        self.is_slow = False

    def body(self) -> bytes:
        """Return the POST's body; the same bytes each time."""
        return _BEGINNINGS[self.kind] + ",".join(self.entries).encode() + _END
