"""
Notifications as an account looks at them, and dead ones brought back to life.

What was once delivered together has one webhook id and stays together: bringing back one notification of a batch brings
back all of it that is dead, so that the same id never carries another body (HOOK-2).
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

from waypost.domain.ids import BEFORE_ALL
from waypost.store.notifying import DEAD, DELIVERED, PENDING
from waypost.store.paging import Page, Walk
from waypost.store.statements import Sql
from waypost.store.transaction import Row, Tx

REPLAYED_AT_ONCE_MAX: Final = 10_000
_TIME_DIGITS: Final = 19
"""Fewer than these fit into 64 bits."""
STATES: Final = {"pending": PENDING, "delivered": DELIVERED, "dead": DEAD}

_COLUMNS: Final = (
    "n.id, n.endpoint_id, n.subject_id, n.kind, n.state, n.batch_id, n.due_at_us, n.attempts, n.created_at_us, "
    "n.ended_at_us, n.last_status, n.last_error"
)
_LIST_DEAD: Final = Sql(
    f"SELECT {_COLUMNS} FROM notifications n INDEXED BY notifications_dead "  # noqa: S608
    "WHERE n.endpoint_id = :endpoint_id AND n.state = 2 "
    "AND n.account_id = :account_id AND n.id < :before ORDER BY n.id DESC LIMIT :at_most"
)
_LIST_PENDING: Final = Sql(
    f"SELECT {_COLUMNS} FROM notifications n WHERE n.endpoint_id = :endpoint_id AND n.state = 0 "  # noqa: S608
    "AND n.account_id = :account_id AND n.id < :before ORDER BY n.id DESC LIMIT :at_most"
)
_OF_SUBJECT: Final = Sql(
    f"SELECT {_COLUMNS} FROM notifications n WHERE n.subject_id = :subject_id AND n.account_id = :account_id "  # noqa: S608
    "ORDER BY n.id LIMIT :at_most"
)
_FIND: Final = Sql(
    f"SELECT {_COLUMNS}, n.entry FROM notifications n WHERE n.account_id = :account_id AND n.id = :id"  # noqa: S608
)
_ATTEMPTS: Final = Sql(
    "SELECT notification_id, endpoint_id, started_at_us, duration_us, http_status, error, answer "
    "FROM delivery_attempts WHERE notification_id = ANY(:ids) AND account_id = :account_id "
    "ORDER BY started_at_us LIMIT :at_most"
)
# One that was alone takes its own id for its batch's, so that no later batch takes it in: same id, same bytes (HOOK-2).
_REVIVE: Final = (
    "UPDATE notifications INDEXED BY notifications_dead SET state = 0, attempts = 0, due_at_us = :now_us, "
    "ended_at_us = NULL, batch_id = COALESCE(batch_id, id) "
    "WHERE account_id = :account_id AND endpoint_id = :endpoint_id AND state = 2"
)
_REVIVE_ONE: Final = Sql(
    f"{_REVIVE} AND (id = :id OR (batch_id IS NOT NULL AND batch_id = (SELECT b.batch_id FROM notifications b "  # noqa: S608
    "WHERE b.id = :id AND b.account_id = :account_id)))"
)
_REVIVE_SPAN: Final = Sql(
    f"{_REVIVE} AND COALESCE(batch_id, id) IN (SELECT COALESCE(d.batch_id, d.id) FROM notifications d "  # noqa: S608
    "INDEXED BY notifications_dead WHERE d.endpoint_id = :endpoint_id AND d.state = 2 AND d.account_id = :account_id "
    "AND d.created_at_us >= :since_us AND d.created_at_us < :until_us ORDER BY d.id LIMIT :at_most)"
)
_COUNTS: Final = Sql(
    # The index has what is pending by when it is due; of more than so many, the oldest is as good as among them.
    """
    SELECT e.id, e.name, e.disabled_reason, e.failing_since_us,
        (SELECT COUNT(*) FROM notifications n INDEXED BY notifications_due
            WHERE n.endpoint_id = e.id AND n.state = 0),
        (SELECT COUNT(*) FROM notifications n INDEXED BY notifications_dead
            WHERE n.endpoint_id = e.id AND n.state = 2),
        (SELECT MIN(o.created_at_us) FROM (
            SELECT n.created_at_us FROM notifications n INDEXED BY notifications_due
            WHERE n.endpoint_id = e.id AND n.state = 0
            ORDER BY n.due_at_us LIMIT 10000) AS o)
    FROM webhook_endpoints e WHERE e.account_id = :account_id AND e.deleted_at_us IS NULL
        AND (CAST(:endpoint_id AS TEXT) IS NULL OR e.id = :endpoint_id) ORDER BY e.id
    """
)

_OWNS: Final = Sql("SELECT 1 FROM webhook_endpoints WHERE id = :endpoint_id AND account_id = :account_id")
_DELIVERED_WALK: Final = Walk(
    _COLUMNS,
    "notifications n INDEXED BY notifications_delivered",
    keys="n.endpoint_id = :endpoint_id AND n.state = 1 AND n.account_id = :account_id",
)
_DEAD_WALK: Final = Walk(
    _COLUMNS,
    "notifications n INDEXED BY notifications_dead",
    keys="n.endpoint_id = :endpoint_id AND n.state = 2 AND n.account_id = :account_id",
)
_ALL_DEAD_WALK: Final = Walk(
    _COLUMNS,
    "notifications n INDEXED BY notifications_dead_of_account",
    keys="n.account_id = :account_id AND n.state = 2",
)
_TRIES_WALK: Final = Walk(
    "t.id, t.notification_id, t.endpoint_id, t.started_at_us, t.duration_us, t.http_status, t.error, t.answer",
    "delivery_attempts t",
    keys="t.endpoint_id = :endpoint_id AND t.account_id = :account_id",
)
_NEXT_PENDING: Final = Sql(
    f"SELECT {_COLUMNS} FROM notifications n INDEXED BY notifications_due "  # noqa: S608
    "WHERE n.endpoint_id = :endpoint_id AND n.state = 0 "
    "AND n.account_id = :account_id AND n.due_at_us >= :after_us "
    "AND (n.due_at_us > :after_us OR n.id > :after_id) ORDER BY n.due_at_us, n.id LIMIT :at_most"
)
PLANNED: Final = (
    _OF_SUBJECT,
    _FIND,
    _ATTEMPTS,
    _COUNTS,
    _NEXT_PENDING,
    *_DELIVERED_WALK.statements,
    *_DEAD_WALK.statements,
    *_ALL_DEAD_WALK.statements,
    *_TRIES_WALK.statements,
)
"""The statements of pages, for tests of their plans."""


class NotificationRow(NamedTuple):
    """One event for one endpoint; ``batch_id`` None or its own id: it has never been tried, or always alone."""

    id: str
    endpoint_id: str
    subject_id: str
    kind: str
    state: int
    batch_id: str | None
    due_at_us: int
    attempts: int
    created_at_us: int
    ended_at_us: int | None
    last_status: int | None
    last_error: str | None


class DeliveryRow(NamedTuple):
    """One failed try to deliver; ``notification_id`` is a notification's id, or that of its batch."""

    notification_id: str
    endpoint_id: str
    started_at_us: int
    duration_us: int
    http_status: int | None
    error: str | None
    answer: str | None


class EndpointLoad(NamedTuple):
    """What an endpoint has before it; ``oldest_pending_at_us`` is when the event that waits longest was made."""

    endpoint_id: str
    name: str
    disabled_reason: str | None
    failing_since_us: int | None
    pending: int
    dead: int
    oldest_pending_at_us: int | None


def list_dead(
    tx: Tx, account_id: str, endpoint_id: str, *, before: str = BEFORE_ALL, at_most: int
) -> list[NotificationRow]:
    """Return what an endpoint was never told although every try was made: newest first, older than ``before``."""
    rows = tx.rows(_LIST_DEAD, account_id=account_id, endpoint_id=endpoint_id, before=before, at_most=at_most)
    return [NotificationRow(*row) for row in rows]


def list_pending(
    tx: Tx, account_id: str, endpoint_id: str, *, before: str = BEFORE_ALL, at_most: int
) -> list[NotificationRow]:
    """Return what an endpoint is still to be told: newest first, older than ``before``."""
    rows = tx.rows(_LIST_PENDING, account_id=account_id, endpoint_id=endpoint_id, before=before, at_most=at_most)
    return [NotificationRow(*row) for row in rows]


def list_notifications(
    tx: Tx, account_id: str, endpoint_id: str, *, state: int, cursor: str | None = None, at_most: int
) -> Page[NotificationRow]:
    """
    Return a page of an endpoint's notifications in a state: newest first, but pending ones in the order they are due.

    ``cursor`` is one of another page of the same listing. An endpoint of another account has none.
    """
    keys = {"endpoint_id": endpoint_id, "account_id": account_id}
    if tx.one(_OWNS, **keys) is None:
        return Page(rows=[])
    if state == PENDING:
        return _page_pending(tx, keys, cursor=cursor, at_most=at_most)
    if state == DEAD:
        return _DEAD_WALK.page(tx, keys, cursor=cursor, at_most=at_most).of(_notification)
    return _DELIVERED_WALK.page(tx, keys, cursor=cursor, at_most=at_most).of(_notification)


def list_all_dead(tx: Tx, account_id: str, *, cursor: str | None = None, at_most: int) -> Page[NotificationRow]:
    """Return a page of what any endpoint of the account was never told, newest first."""
    return _ALL_DEAD_WALK.page(tx, {"account_id": account_id}, cursor=cursor, at_most=at_most).of(_notification)


def list_tries(
    tx: Tx, account_id: str, endpoint_id: str, *, cursor: str | None = None, at_most: int
) -> Page[DeliveryRow]:
    """Return a page of an endpoint's failed tries, newest first."""
    keys = {"endpoint_id": endpoint_id, "account_id": account_id}
    return _TRIES_WALK.page(tx, keys, cursor=cursor, at_most=at_most).of(lambda row: DeliveryRow(*row[1:]))


def _page_pending(tx: Tx, keys: dict[str, str], *, cursor: str | None, at_most: int) -> Page[NotificationRow]:
    after_us, _, after_id = (cursor or "0.").partition(".")
    is_ours = after_us.isascii() and after_us.isdigit() and len(after_us) < _TIME_DIGITS
    rows = tx.rows(_NEXT_PENDING, **keys, after_us=int(after_us) if is_ours else 0, after_id=after_id, at_most=at_most)
    found = [NotificationRow(*row) for row in rows]
    last = found[-1] if len(found) == at_most else None
    return Page(rows=found, next_cursor=None if last is None else f"{last.due_at_us}.{last.id}")


def _notification(row: Row) -> NotificationRow:
    return NotificationRow(*row)


def list_of_subject(tx: Tx, account_id: str, subject_id: str, *, at_most: int) -> list[NotificationRow]:
    """Return what was told, or is to be, of one message: oldest first."""
    rows = tx.rows(_OF_SUBJECT, account_id=account_id, subject_id=subject_id, at_most=at_most)
    return [NotificationRow(*row) for row in rows]


def find_notification(tx: Tx, account_id: str, notification_id: str) -> tuple[NotificationRow, str] | None:
    """Return one notification and its entry (JSON)."""
    row = tx.one(_FIND, account_id=account_id, id=notification_id)
    return None if row is None else (NotificationRow(*row[:-1]), row[-1])


def list_deliveries(
    tx: Tx, account_id: str, notifications: Sequence[NotificationRow], *, at_most: int
) -> list[DeliveryRow]:
    """Return the failed tries of these notifications, oldest first; one of a batch stands for all of it."""
    ids = {row.id for row in notifications} | {row.batch_id for row in notifications if row.batch_id is not None}
    rows = tx.rows(_ATTEMPTS, account_id=account_id, ids=sorted(ids), at_most=at_most)
    return [DeliveryRow(*row) for row in rows]


def replay_one(tx: Tx, account_id: str, endpoint_id: str, notification_id: str, *, now_us: int) -> int:
    """Let one dead notification, with its batch, be delivered again at once; return how many: 0 if it is not dead."""
    return tx.run(_REVIVE_ONE, account_id=account_id, endpoint_id=endpoint_id, id=notification_id, now_us=now_us)


def replay_span(tx: Tx, account_id: str, endpoint_id: str, *, since_us: int, until_us: int, now_us: int) -> int:
    """
    Let the dead notifications made in a span be delivered again, the oldest 10,000; return how many.

    A second call takes the next ones: what was brought back is not dead any more.
    """
    return tx.run(
        _REVIVE_SPAN,
        account_id=account_id,
        endpoint_id=endpoint_id,
        since_us=since_us,
        until_us=until_us,
        now_us=now_us,
        at_most=REPLAYED_AT_ONCE_MAX,
    )


def measure_endpoints(tx: Tx, account_id: str, *, endpoint_id: str | None = None) -> list[EndpointLoad]:
    """Return what each endpoint of the account, or this one, has before it."""
    return [EndpointLoad(*row) for row in tx.rows(_COUNTS, account_id=account_id, endpoint_id=endpoint_id)]
