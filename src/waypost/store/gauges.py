"""
Counting what waits, through partial indexes only: the cost follows the backlog, never the history.

Everything is counted by source or endpoint, since that is what the indexes begin with; a source leads to its account
and shard. Ids are UUIDv7, so the least id of a count is the time of its oldest message.
"""

from dataclasses import dataclass
from typing import Final

from waypost.domain.message import MessageState
from waypost.store.statements import Sql
from waypost.store.transaction import Tx

_QUEUED: Final = Sql("SELECT source_id, COUNT(*), MIN(id) FROM messages WHERE state = 30 GROUP BY source_id")
_WAITING: Final = Sql("SELECT source_id, COUNT(*), MIN(id) FROM messages WHERE state = 20 GROUP BY source_id")
_OPEN: Final = Sql(
    "SELECT source_id, state, COUNT(*), MIN(id) FROM messages WHERE state IN (40, 50) GROUP BY source_id, state"
)
_SCHEDULED: Final = Sql(
    # Both conditions on the state: the first is the index's own, the bound on the time makes it worth walking.
    "SELECT source_id, COUNT(*), MIN(id) FROM messages "
    "WHERE state IN (10, 20) AND due_at_us >= 0 AND state = 10 GROUP BY source_id"
)
_SOURCES: Final = Sql("SELECT id, account_id, shard FROM sources")
_NOTIFICATIONS_PENDING: Final = Sql(
    "SELECT endpoint_id, COUNT(*), MIN(due_at_us) FROM notifications WHERE state = 0 GROUP BY endpoint_id"
)
_NOTIFICATIONS_DEAD: Final = Sql("SELECT endpoint_id, COUNT(*) FROM notifications WHERE state = 2 GROUP BY endpoint_id")


@dataclass(frozen=True, slots=True)
class SourceDepth:
    """How many messages of one source are in one state; ``oldest_id`` is the first of them."""

    account_id: str
    shard: int
    state: int
    count: int
    oldest_id: str


@dataclass(frozen=True, slots=True)
class EndpointDepth:
    """How many notifications one endpoint still has to be told, and the earliest time one of them is due."""

    endpoint_id: str
    pending: int
    earliest_due_us: int | None
    dead: int


def measure_messages(tx: Tx) -> list[SourceDepth]:
    """Count the messages that have not ended, by source and state."""
    found = [
        (source_id, state.value, count, first)
        for state, sql in (
            (MessageState.QUEUED, _QUEUED),
            (MessageState.WAITING, _WAITING),
            (MessageState.SCHEDULED, _SCHEDULED),
        )
        for source_id, count, first in tx.rows(sql)
    ]
    found += [(row[0], row[1], row[2], row[3]) for row in tx.rows(_OPEN)]
    sources = {row[0]: (row[1], row[2]) for row in tx.rows(_SOURCES)} if found else {}
    return [
        SourceDepth(*sources[source_id], state, count, first)
        for source_id, state, count, first in found
        if source_id in sources
    ]


def measure_notifications(tx: Tx) -> list[EndpointDepth]:
    """Count the notifications that are pending or dead, by endpoint."""
    pending = {row[0]: (row[1], row[2]) for row in tx.rows(_NOTIFICATIONS_PENDING)}
    dead = dict(tx.rows(_NOTIFICATIONS_DEAD))  # type: ignore[var-annotated]
    return [
        EndpointDepth(endpoint_id, *pending.get(endpoint_id, (0, None)), dead.get(endpoint_id, 0))
        for endpoint_id in pending.keys() | dead.keys()
    ]
