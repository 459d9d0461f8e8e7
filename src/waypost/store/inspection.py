"""
Messages, files and queues as operators and accounts look at them. Reads only, each for one account.

Looking for messages is in ``store.searching``.
"""

from dataclasses import dataclass
from typing import Final, NamedTuple

from waypost.domain.ids import BEFORE_ALL, first_id_at
from waypost.domain.message import MessageState
from waypost.store.paging import ROWS_SEARCHED_MAX, Page
from waypost.store.statements import Sql
from waypost.store.transaction import Tx

RECENT_ROWS_MAX: Final = 100_000
TIME_DIGITS: Final = 19
"""Fewer than these fit into 64 bits."""
_ID_MARGIN_US: Final = 60_000_000
"""How far a message's id and its time of acceptance may lie apart."""

MESSAGE_ROW_COLUMNS: Final = (
    "m.id, m.source_id, m.source_given, m.recipient, m.is_group, m.kind, m.priority, m.state, m.wait_reason, "
    "m.due_at_us, m.accepted_at_us, m.scheduled_at_us, m.expires_at_us, m.caller_data, m.wamid, m.attempt_number, "
    "m.sent_at_us, m.delivered_at_us, m.read_at_us, m.played_at_us, m.failed_at_us, m.failure, m.failure_code, "
    "m.failure_detail, m.ended_at_us"
)
"""What makes a ``MessageRow``, of messages named ``m``."""
_FIND: Final = Sql(
    f"SELECT {MESSAGE_ROW_COLUMNS}, m.content FROM messages m WHERE m.account_id = :account_id AND m.id = :id"  # noqa: S608
)
_ATTEMPTS: Final = Sql(
    "SELECT number, node, started_at_us, ended_at_us, outcome, http_status, provider_code, detail, wamid "
    "FROM attempts WHERE message_id = :id AND account_id = :account_id ORDER BY number"
)
_INBOUND: Final = Sql(
    "SELECT id, source_id, provider_id, sender, kind, media_id, occurred_at_us, received_at_us FROM inbound_messages "
    "WHERE account_id = :account_id AND id < :before ORDER BY id DESC LIMIT :at_most"
)
_MEDIA_COLUMNS: Final = (
    "m.id, m.origin, m.state, m.digest, m.mime_type, m.kind, m.size_bytes, m.filename, m.source_id, m.created_at_us, "
    "m.failure_detail"
)
_FIND_MEDIA: Final = Sql(
    f"SELECT {_MEDIA_COLUMNS} FROM media_assets m "  # noqa: S608
    "WHERE m.account_id = :account_id AND m.id = :id AND m.deleted_at_us IS NULL"
)
_MEDIA_WALK: Final = (
    "m.account_id = :account_id AND m.deleted_at_us IS NULL AND (m.created_at_us, m.id) < (:before_us, :before_id)"
)
_MEDIA_HORIZON: Final = Sql(
    f"SELECT m.created_at_us, m.id FROM media_assets m WHERE {_MEDIA_WALK} "  # noqa: S608
    "ORDER BY m.created_at_us DESC, m.id DESC LIMIT 1 OFFSET :skipped"
)
_MEDIA_SEARCH: Final = Sql(
    f"SELECT {_MEDIA_COLUMNS} FROM media_assets m WHERE {_MEDIA_WALK} "  # noqa: S608
    "AND (m.created_at_us, m.id) >= (:end_us, :end_id) AND (CAST(:kind AS TEXT) IS NULL OR m.kind = :kind) "
    "AND (CAST(:state AS TEXT) IS NULL OR m.state = :state) "
    "AND (CAST(:origin AS TEXT) IS NULL OR m.origin = :origin) "
    "ORDER BY m.created_at_us DESC, m.id DESC LIMIT :at_most"
)
_QUEUES: Final = Sql(
    # Deleted sources too: what is queued for one must not be out of sight.
    """
    SELECT s.id, s.name, s.paused_reason,
        (SELECT COUNT(*) FROM messages m WHERE m.source_id = s.id AND m.state = 30),
        (SELECT COUNT(*) FROM messages m WHERE m.source_id = s.id AND m.state = 20),
        (SELECT COUNT(*) FROM messages m WHERE m.source_id = s.id AND m.state IN (40, 50) AND m.state = 40),
        (SELECT COUNT(*) FROM messages m WHERE m.source_id = s.id AND m.state IN (40, 50) AND m.state = 50),
        (SELECT MIN(h.accepted_at_us) FROM (
            SELECT m.accepted_at_us, m.id FROM messages m WHERE m.source_id = s.id AND m.state = 30 AND m.priority = 0
                AND m.id = (SELECT MIN(o.id) FROM messages o
                            WHERE o.source_id = s.id AND o.state = 30 AND o.priority = 0)
            UNION ALL
            SELECT m.accepted_at_us, m.id FROM messages m WHERE m.source_id = s.id AND m.state = 30 AND m.priority = 1
                AND m.id = (SELECT MIN(o.id) FROM messages o
                            WHERE o.source_id = s.id AND o.state = 30 AND o.priority = 1)
            UNION ALL
            SELECT m.accepted_at_us, m.id FROM messages m WHERE m.source_id = s.id AND m.state = 30 AND m.priority = 2
                AND m.id = (SELECT MIN(o.id) FROM messages o
                            WHERE o.source_id = s.id AND o.state = 30 AND o.priority = 2)
        ) AS h)
    FROM sources s WHERE s.account_id = :account_id AND (CAST(:source_id AS TEXT) IS NULL OR s.id = :source_id)
    ORDER BY s.id
    """
)
_SCHEDULED: Final = Sql(
    "SELECT COUNT(*) FROM messages INDEXED BY messages_scheduled WHERE account_id = :account_id AND state = 10"
)
_RECENT: Final = Sql(
    "SELECT r.state, COUNT(*) FROM (SELECT state, accepted_at_us FROM messages "
    "WHERE account_id = :account_id AND id >= :floor ORDER BY id DESC LIMIT :searched) AS r "
    "WHERE r.accepted_at_us >= :since_us GROUP BY r.state"
)

PLANNED: Final = (
    _FIND,
    _ATTEMPTS,
    _INBOUND,
    _MEDIA_HORIZON,
    _MEDIA_SEARCH,
    _QUEUES,
    _SCHEDULED,
    _RECENT,
)
"""The statements of pages, for tests of their plans."""


class MessageRow(NamedTuple):
    """One outbound message; ``failed_at_us`` is upstream's word, ``ended_at_us`` the gateway's own end."""

    id: str
    source_id: str
    source_given: str | None
    recipient: str
    is_group: int
    kind: str
    priority: int
    state: int
    wait_reason: str | None
    due_at_us: int
    accepted_at_us: int
    scheduled_at_us: int | None
    expires_at_us: int | None
    caller_data: str
    wamid: str | None
    attempt_number: int
    sent_at_us: int | None
    delivered_at_us: int | None
    read_at_us: int | None
    played_at_us: int | None
    failed_at_us: int | None
    failure: str | None
    failure_code: int | None
    failure_detail: str | None
    ended_at_us: int | None


class AttemptRow(NamedTuple):
    """One try to hand a message upstream; ``ended_at_us`` None: under way, or its end was lost."""

    number: int
    node: str
    started_at_us: int
    ended_at_us: int | None
    outcome: str | None
    http_status: int | None
    provider_code: int | None
    detail: str | None
    wamid: str | None


class InboundRow(NamedTuple):
    """One message that came in, without what it says."""

    id: str
    source_id: str
    provider_id: str
    sender: str
    kind: str
    media_id: str | None
    occurred_at_us: int
    received_at_us: int


class MediaRow(NamedTuple):
    """One stored file."""

    id: str
    origin: str
    state: str
    digest: str | None
    mime_type: str | None
    kind: str | None
    size_bytes: int | None
    filename: str | None
    source_id: str | None
    created_at_us: int
    failure_detail: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaFilter:
    """What files must match; None matches all. ``origin`` is ``upload`` or ``inbound``."""

    kind: str | None = None
    state: str | None = None
    origin: str | None = None


ALL_MEDIA: Final = MediaFilter()


class QueueRow(NamedTuple):
    """What one source still has to do; ``oldest_queued_at_us`` is when its longest queued message was accepted."""

    source_id: str
    name: str
    paused_reason: str | None
    queued: int
    waiting: int
    dispatching: int
    in_doubt: int
    oldest_queued_at_us: int | None


def find_message(tx: Tx, account_id: str, message_id: str) -> tuple[MessageRow, str] | None:
    """Return a message and its content as stored (JSON, ``""`` once retention has taken it)."""
    row = tx.one(_FIND, account_id=account_id, id=message_id)
    return None if row is None else (MessageRow(*row[:-1]), row[-1])


def list_attempts(tx: Tx, account_id: str, message_id: str) -> list[AttemptRow]:
    """Return the tries to hand a message upstream, oldest first."""
    return [AttemptRow(*row) for row in tx.rows(_ATTEMPTS, account_id=account_id, id=message_id)]


def list_inbound(tx: Tx, account_id: str, *, before: str = BEFORE_ALL, at_most: int) -> list[InboundRow]:
    """Return what came in, newest first, older than the id ``before``."""
    rows = tx.rows(_INBOUND, account_id=account_id, before=before, at_most=at_most)
    return [InboundRow(*row) for row in rows]


def find_media(tx: Tx, account_id: str, media_id: str) -> MediaRow | None:
    """Return one file of the account; a deleted one is none."""
    row = tx.one(_FIND_MEDIA, account_id=account_id, id=media_id)
    return None if row is None else MediaRow(*row)


def search_media(
    tx: Tx, account_id: str, *, wanted: MediaFilter = ALL_MEDIA, cursor: str | None = None, at_most: int
) -> Page[MediaRow]:
    """Return a page of the account's files that match, newest first; ``cursor`` is another page's ``next_cursor``."""
    before = (2**62, "") if cursor is None else _parse_place(cursor)
    place = {"account_id": account_id, "before_us": before[0], "before_id": before[1]}
    # Where everything matches, a page ends of itself.
    end = None if wanted == ALL_MEDIA else tx.one(_MEDIA_HORIZON, **place, skipped=ROWS_SEARCHED_MAX - 1)
    rows = tx.rows(
        _MEDIA_SEARCH,
        **place,
        end_us=0 if end is None else end[0],
        end_id="" if end is None else end[1],
        kind=wanted.kind,
        state=wanted.state,
        origin=wanted.origin,
        at_most=at_most,
    )
    found = [MediaRow(*row) for row in rows]
    if len(found) == at_most:
        return Page(rows=found, next_cursor=f"{found[-1].created_at_us}.{found[-1].id}")
    if end is None:
        return Page(rows=found)
    return Page(rows=found, next_cursor=f"{end[0]}.{end[1]}", looked_to_us=end[0])


def _parse_place(cursor: str) -> tuple[int, str]:
    at_us, _, media_id = cursor.partition(".")
    return (int(at_us) if at_us.isascii() and at_us.isdigit() and len(at_us) < TIME_DIGITS else 0), media_id


def measure_queues(tx: Tx, account_id: str, *, source_id: str | None = None) -> list[QueueRow]:
    """Return what each source of the account, or this one, still has to do."""
    return [QueueRow(*row) for row in tx.rows(_QUEUES, account_id=account_id, source_id=source_id)]


def count_scheduled(tx: Tx, account_id: str) -> int:
    """Return how many messages of the account are scheduled for later."""
    [(number,)] = tx.rows(_SCHEDULED, account_id=account_id)
    return int(number)


def count_recent(tx: Tx, account_id: str, *, since_us: int) -> dict[MessageState, int]:
    """Return how many of the account's newest messages, 100,000 at most, stand where; accepted since then."""
    floor = first_id_at(since_us - _ID_MARGIN_US)
    rows = tx.rows(_RECENT, account_id=account_id, floor=floor, searched=RECENT_ROWS_MAX, since_us=since_us)
    return {MessageState(state): count for state, count in sorted(rows)}
