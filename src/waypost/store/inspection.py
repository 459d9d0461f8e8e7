"""
Messages, files and queues as operators and accounts look at them. Reads only, each for one account.

Listings go from the newest back, and each page looks at a bounded number of rows: a search for something rare answers
with a short page and a cursor to go on from, instead of reading a million rows in one go.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from waypost.domain.ids import BEFORE_ALL, first_id_at
from waypost.domain.message import MessageState
from waypost.store.statements import Sql
from waypost.store.transaction import Tx

ROWS_SEARCHED_MAX: Final = 20_000
"""Messages looked at for one page."""
RECENT_ROWS_MAX: Final = 100_000
_ID_MARGIN_US: Final = 60_000_000
"""How far a message's id and its time of acceptance may lie apart."""

MESSAGE_ROW_COLUMNS: Final = (
    "m.id, m.source_id, m.source_given, m.recipient, m.is_group, m.kind, m.priority, m.state, m.wait_reason, "
    "m.due_at_us, m.accepted_at_us, m.scheduled_at_us, m.expires_at_us, m.caller_data, m.wamid, m.attempt_number, "
    "m.sent_at_us, m.delivered_at_us, m.read_at_us, m.played_at_us, m.failed_at_us, m.failure, m.failure_code, "
    "m.failure_detail, m.ended_at_us"
)
"""What makes a ``MessageRow``, of messages named ``m``."""
_MATCHES: Final = (
    "m.state = ANY(:states) "
    "AND (CAST(:recipient AS TEXT) IS NULL OR m.recipient = :recipient) "
    "AND (CAST(:caller_data AS TEXT) IS NULL OR m.caller_data = :caller_data) "
    "AND (CAST(:source_id AS TEXT) IS NULL OR m.source_id = :source_id) "
    "AND m.accepted_at_us >= :since_us AND m.accepted_at_us < :until_us"
)
_SEARCH: Final = Sql(
    f"SELECT {MESSAGE_ROW_COLUMNS} FROM (SELECT * FROM messages "  # noqa: S608
    "WHERE account_id = :account_id AND id < :before AND id >= :floor "
    f"ORDER BY id DESC LIMIT :searched) AS m WHERE {_MATCHES} ORDER BY m.id DESC LIMIT :at_most"
)
_LAST_SEARCHED: Final = Sql(
    "SELECT id FROM messages WHERE account_id = :account_id AND id < :before AND id >= :floor "
    "ORDER BY id DESC LIMIT 1 OFFSET :skipped"
)
_BY_WAMID: Final = Sql(
    f"SELECT {MESSAGE_ROW_COLUMNS} FROM messages m WHERE m.wamid = :wamid AND m.account_id = :account_id "  # noqa: S608
    f"AND m.id < :before AND {_MATCHES} ORDER BY m.id DESC LIMIT :at_most"
)
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
_MEDIA: Final = Sql(
    "SELECT id, origin, state, digest, mime_type, kind, size_bytes, filename, source_id, created_at_us, "
    "failure_detail FROM media_assets WHERE account_id = :account_id AND deleted_at_us IS NULL "
    "AND (created_at_us < :before_us OR (created_at_us = :before_us AND id < :before_id)) "
    "ORDER BY created_at_us DESC, id DESC LIMIT :at_most"
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
    FROM sources s WHERE s.account_id = :account_id ORDER BY s.id
    """
)
_SCHEDULED: Final = Sql(
    "SELECT COUNT(*) FROM messages WHERE account_id = :account_id AND state IN (10, 20) AND state = 10"
)
_RECENT: Final = Sql(
    "SELECT r.state, COUNT(*) FROM (SELECT state, accepted_at_us FROM messages "
    "WHERE account_id = :account_id AND id >= :floor ORDER BY id DESC LIMIT :searched) AS r "
    "WHERE r.accepted_at_us >= :since_us GROUP BY r.state"
)


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


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageFilter:
    """What messages must match; None matches all. ``since_us`` and ``until_us`` bound the time of acceptance."""

    recipient: str | None = None
    caller_data: str | None = None
    wamid: str | None = None
    source_id: str | None = None
    states: Sequence[MessageState] = field(default=tuple(MessageState))
    since_us: int = 0
    until_us: int = 2**62


@dataclass(frozen=True, slots=True)
class Page:
    """A page of messages; ``next_before`` is where the next one begins, None at the end. It may be short, or empty."""

    rows: list[MessageRow]
    next_before: str | None


def search_messages(tx: Tx, account_id: str, wanted: MessageFilter, *, before: str = BEFORE_ALL, at_most: int) -> Page:
    """Return the newest messages that match, older than the id ``before``."""
    # The id holds the time, so the index narrows the span before any row is read.
    floor = first_id_at(wanted.since_us - _ID_MARGIN_US)
    before = min(before, first_id_at(min(wanted.until_us, 2**55) + _ID_MARGIN_US))
    values = {
        "account_id": account_id,
        "before": before,
        "states": [int(state) for state in wanted.states],
        "recipient": wanted.recipient,
        "caller_data": wanted.caller_data,
        "source_id": wanted.source_id,
        "since_us": wanted.since_us,
        "until_us": wanted.until_us,
        "at_most": at_most,
    }
    if wanted.wamid is not None:
        rows = [MessageRow(*row) for row in tx.rows(_BY_WAMID, wamid=wanted.wamid, **values)]
        return Page(rows, rows[-1].id if len(rows) == at_most else None)
    rows = [MessageRow(*row) for row in tx.rows(_SEARCH, floor=floor, searched=ROWS_SEARCHED_MAX, **values)]
    if len(rows) == at_most:
        return Page(rows, rows[-1].id)
    last = tx.one(_LAST_SEARCHED, account_id=account_id, before=before, floor=floor, skipped=ROWS_SEARCHED_MAX - 1)
    return Page(rows, None if last is None else last[0])


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


def list_media(tx: Tx, account_id: str, *, before: tuple[int, str] = (2**62, ""), at_most: int) -> list[MediaRow]:
    """Return the account's files, newest first, those behind (created at, id)."""
    rows = tx.rows(_MEDIA, account_id=account_id, before_us=before[0], before_id=before[1], at_most=at_most)
    return [MediaRow(*row) for row in rows]


def measure_queues(tx: Tx, account_id: str) -> tuple[list[QueueRow], int]:
    """Return what each source of the account still has to do, and how many messages are scheduled for later."""
    queues = [QueueRow(*row) for row in tx.rows(_QUEUES, account_id=account_id)]
    scheduled = tx.one(_SCHEDULED, account_id=account_id)
    return queues, 0 if scheduled is None else scheduled[0]


def count_recent(tx: Tx, account_id: str, *, since_us: int) -> dict[MessageState, int]:
    """Return how many of the account's newest messages, 100,000 at most, stand where; accepted since then."""
    floor = first_id_at(since_us - _ID_MARGIN_US)
    rows = tx.rows(_RECENT, account_id=account_id, floor=floor, searched=RECENT_ROWS_MAX, since_us=since_us)
    return {MessageState(state): count for state, count in sorted(rows)}
