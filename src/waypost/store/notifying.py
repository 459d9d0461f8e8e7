"""
Notifications as the notifier takes and settles them.

A notification is pending (0), delivered (1) or dead (2: its schedule is used up). Pending ones of one endpoint and
subject are delivered in the order of their ids: one with an earlier pending one before it is *blocked*. What is
delivered together, a batch, shares ``batch_id`` and always ``due_at_us``; a ``batch_id`` equal to the row's own id
marks one that is alone for ever.
"""

from collections.abc import Collection, Sequence
from typing import Final, NamedTuple

from waypost.store.directory import bump_directory
from waypost.store.statements import Dialect, InsertMany, Sql, UpdateMany
from waypost.store.tables import DELIVERY_ATTEMPTS, NOTIFICATIONS
from waypost.store.transaction import Tx

PENDING: Final = 0
DELIVERED: Final = 1
DEAD: Final = 2

WAITING_ROWS_MAX: Final = 1_000
"""Notifications released at once after an endpoint's recovery; the next success releases the next ones."""

# Statistics of a queue are always out of date: taken while little was pending, they make PostgreSQL believe that a walk
# through all that is pending costs nothing. Where rows are found by another way, "state + 0 = 0" and "id || ''" hide
# the indexes from it that would be such a walk.
_DUE_ENDPOINTS: Final = Sql(
    # A walk from endpoint to endpoint through the index: its cost follows the endpoints that have something pending.
    """
    WITH RECURSIVE pending(endpoint_id) AS (
        SELECT MIN(n.endpoint_id) FROM notifications n WHERE n.state = 0
        UNION ALL
        SELECT (SELECT MIN(n.endpoint_id) FROM notifications n WHERE n.state = 0 AND n.endpoint_id > p.endpoint_id)
        FROM pending p WHERE p.endpoint_id IS NOT NULL
    )
    SELECT p.endpoint_id FROM pending p
    WHERE p.endpoint_id IS NOT NULL AND (
        SELECT n.due_at_us FROM notifications n
        WHERE n.state = 0 AND n.endpoint_id = p.endpoint_id ORDER BY n.due_at_us LIMIT 1
    ) <= :now_us
    """
)


class DueRow(NamedTuple):
    """One pending notification; ``earlier_id`` is the pending one before it in its lane, None for the lane's head."""

    id: str
    endpoint_id: str
    account_id: str
    subject_id: str
    kind: str
    entry: str
    batch_id: str | None
    attempts: int
    created_at_us: int
    due_at_us: int
    earlier_id: str | None


_COLUMNS: Final = """
    n.id, n.endpoint_id, n.account_id, n.subject_id, n.kind, n.entry, n.batch_id, n.attempts, n.created_at_us,
    n.due_at_us, (
        SELECT MAX(e.id || '') FROM notifications e
        WHERE e.subject_id = n.subject_id AND e.endpoint_id = n.endpoint_id AND e.state + 0 = 0
        AND e.id || '' < n.id
    )
"""
_DUE_OF_ONE: Final = """
    SELECT m.id FROM notifications m
    WHERE m.endpoint_id = v.endpoint_id AND m.state = 0 AND m.due_at_us <= :now_us AND NOT m.id = ANY(:busy)
    ORDER BY m.due_at_us LIMIT :at_most
"""
_DUE: Final = {
    # The first rows of each endpoint: PostgreSQL wants LATERAL for it, which SQLite does not have.
    Dialect.SQLITE: Sql(
        f"SELECT {_COLUMNS} FROM ROWS(:endpoint_id text) AS v CROSS JOIN notifications n ON n.id IN ({_DUE_OF_ONE})",  # noqa: S608
        columns=len(DueRow._fields),
    ),
    Dialect.POSTGRESQL: Sql(
        f"SELECT {_COLUMNS} FROM ROWS(:endpoint_id text) AS v CROSS JOIN LATERAL ({_DUE_OF_ONE}) d "  # noqa: S608
        "JOIN notifications n ON n.id = d.id"
    ),
}
_BATCHED: Final = Sql(
    f"SELECT {_COLUMNS} FROM ROWS(:endpoint_id text, :due_at_us bigint) AS v JOIN notifications n "  # noqa: S608
    "ON n.endpoint_id = v.endpoint_id AND n.due_at_us = v.due_at_us "
    "WHERE n.state = 0 AND n.batch_id IS NOT NULL AND n.batch_id <> n.id",
    columns=len(DueRow._fields),
)
_JOIN_BATCH: Final = UpdateMany(NOTIFICATIONS, ["batch_id", "due_at_us"], keys=["id"])
_HEADS: Final = Sql(
    f"SELECT {_COLUMNS} FROM ROWS(:endpoint_id text, :subject_id text) AS v JOIN notifications n ON n.id = ("  # noqa: S608
    "SELECT MIN(h.id || '') FROM notifications h "
    "WHERE h.subject_id = v.subject_id AND h.endpoint_id = v.endpoint_id AND h.state + 0 = 0)",
    columns=len(DueRow._fields),
)
_POSTPONE: Final = UpdateMany(NOTIFICATIONS, ["due_at_us"], keys=["id"])
_DELIVER: Final = Sql(
    "UPDATE notifications SET state = 1, attempts = attempts + 1, ended_at_us = :now_us, last_status = :status, "
    "last_error = NULL WHERE id = ANY(:ids) AND state + 0 = 0"
)
_FAIL: Final = UpdateMany(
    NOTIFICATIONS,
    ["state", "attempts", "due_at_us", "ended_at_us", "last_status", "last_error"],
    keys=["id"],
    only="notifications.state + 0 = 0",
)
_RELEASE_LANES: Final = Sql(
    """
    UPDATE notifications SET due_at_us = :now_us WHERE id IN (
        SELECT n.id FROM ROWS(:endpoint_id text, :subject_id text) AS v JOIN notifications n
        ON n.subject_id = v.subject_id AND n.endpoint_id = v.endpoint_id
        WHERE n.state + 0 = 0 AND n.due_at_us > :now_us
    )
    """
)
_WAITING_END: Final = Sql(
    "SELECT due_at_us FROM notifications WHERE endpoint_id = :endpoint_id AND state = 0 AND due_at_us > :now_us "
    "AND attempts > 0 ORDER BY due_at_us LIMIT 1 OFFSET :skipped"
)
_WAITING: Final = Sql(
    "SELECT id, COALESCE(batch_id, id), due_at_us FROM notifications WHERE endpoint_id = :endpoint_id AND state = 0 "
    "AND due_at_us > :now_us AND due_at_us <= :until_us AND attempts > 0"
)
_RELEASE: Final = Sql("UPDATE notifications SET due_at_us = :now_us WHERE id = ANY(:ids) AND state + 0 = 0")
_INSERT_ATTEMPTS: Final = InsertMany(
    DELIVERY_ATTEMPTS,
    (
        "id",
        "account_id",
        "notification_id",
        "endpoint_id",
        "started_at_us",
        "duration_us",
        "http_status",
        "error",
        "answer",
    ),
)
_MARK_FAILING: Final = Sql(
    "UPDATE webhook_endpoints SET failing_since_us = :now_us WHERE id = ANY(:ids) AND failing_since_us IS NULL"
)
_CLEAR_FAILING: Final = Sql(
    "UPDATE webhook_endpoints SET failing_since_us = NULL WHERE id = ANY(:ids) AND failing_since_us IS NOT NULL"
)
_LONG_FAILING: Final = Sql(
    "SELECT id FROM webhook_endpoints WHERE id = ANY(:ids) AND failing_since_us <= :before_us "
    "AND disabled_reason IS NULL"
)
_DISABLE: Final = Sql(
    "UPDATE webhook_endpoints SET disabled_reason = :reason, disabled_at_us = :now_us "
    "WHERE id = :id AND disabled_reason IS NULL AND deleted_at_us IS NULL"
)


class FailedRow(NamedTuple):
    """What a failed try leaves on a notification; ``state`` is PENDING or DEAD. In the order of the statement."""

    state: int
    attempts: int
    due_at_us: int
    ended_at_us: int | None
    last_status: int | None
    last_error: str
    id: str


AttemptRow = tuple[str, str, str, str, int, int, int | None, str, str | None]
"""(id, account, notification or batch, endpoint, started at, duration, HTTP status, error, answer)."""


def find_due_endpoints(tx: Tx, *, now_us: int) -> list[str]:
    """Return the endpoints that have something due, disabled ones too, in the order of their ids."""
    return [row[0] for row in tx.rows(_DUE_ENDPOINTS, now_us=now_us)]


def load_due(
    tx: Tx, endpoint_ids: Sequence[str], *, at_most_each: int, busy: Collection[str], now_us: int
) -> list[DueRow]:
    """
    Return the longest due notifications of each endpoint, blocked ones too, without those in ``busy``.

    At most ``at_most_each`` of one endpoint. One statement; only the notifications returned are read.
    """
    statement = _DUE[tx.dialect]
    rows = tx.rows(statement, endpoint_id=list(endpoint_ids), busy=list(busy), at_most=at_most_each, now_us=now_us)
    return [DueRow(*row) for row in rows]


def load_batched(tx: Tx, places: Collection[tuple[str, int]]) -> list[DueRow]:
    """Return every notification that belongs to a batch and is due at one of these (endpoint id, due at)."""
    if not places:
        return []
    ordered = sorted(places)
    rows = tx.rows(
        _BATCHED, endpoint_id=[endpoint_id for endpoint_id, _ in ordered], due_at_us=[due for _, due in ordered]
    )
    return [DueRow(*row) for row in rows]


def join_batches(tx: Tx, rows: Sequence[tuple[str, int, str]]) -> None:
    """Make the composition of batches durable: (batch id, due at, notification id)."""
    tx.write_many(_JOIN_BATCH, rows)


def load_heads(tx: Tx, lanes: Collection[tuple[str, str]]) -> list[DueRow]:
    """Return the first pending notification of each (endpoint id, subject id), due or not."""
    if not lanes:
        return []
    ordered = sorted(lanes)
    rows = tx.rows(_HEADS, endpoint_id=[lane[0] for lane in ordered], subject_id=[lane[1] for lane in ordered])
    return [DueRow(*row) for row in rows]


def postpone(tx: Tx, rows: Sequence[tuple[int, str]]) -> None:
    """Let blocked notifications fall due later, so that they are not looked at until then: (due at, id)."""
    tx.write_many(_POSTPONE, rows)


def settle_delivered(tx: Tx, ids: Sequence[str], *, status: int, now_us: int) -> None:
    """Note that these were acknowledged with this HTTP status."""
    tx.run(_DELIVER, ids=list(ids), status=status, now_us=now_us)


def settle_failed(tx: Tx, rows: Sequence[FailedRow]) -> None:
    """Note failed tries; one that is not pending any more is left alone."""
    tx.write_many(_FAIL, rows)


def release_lanes(tx: Tx, lanes: Collection[tuple[str, str]], *, now_us: int) -> None:
    """Let all that waits in these (endpoint id, subject id) fall due: what was before it has ended."""
    if lanes:
        ordered = sorted(lanes)
        tx.run(
            _RELEASE_LANES,
            endpoint_id=[lane[0] for lane in ordered],
            subject_id=[lane[1] for lane in ordered],
            now_us=now_us,
        )


def find_waiting(tx: Tx, endpoint_id: str, *, now_us: int) -> tuple[list[tuple[str, str, int]], bool]:
    """
    Return what failed on an endpoint and waits for its next try: (id, webhook id, due at), the next due first.

    About ``WAITING_ROWS_MAX`` of them, never a part of a batch; and whether more wait.
    """
    end = tx.one(_WAITING_END, endpoint_id=endpoint_id, now_us=now_us, skipped=WAITING_ROWS_MAX - 1)
    until_us = _END_OF_TIME_US if end is None else int(end[0])
    rows = tx.rows(_WAITING, endpoint_id=endpoint_id, now_us=now_us, until_us=until_us)
    return [(row[0], row[1], row[2]) for row in rows], end is not None


_END_OF_TIME_US: Final = 2**62


def release(tx: Tx, ids: Sequence[str], *, now_us: int) -> None:
    """Let these fall due now."""
    tx.run(_RELEASE, ids=list(ids), now_us=now_us)


def insert_delivery_attempts(tx: Tx, rows: Sequence[AttemptRow]) -> None:
    """Keep the record of failed tries."""
    tx.write_many(_INSERT_ATTEMPTS, rows)


def mark_endpoints(tx: Tx, *, succeeded: Collection[str], failed: Collection[str], now_us: int) -> None:
    """
    Keep since when endpoints fail: the successes first, then the failures. Writes only what changes.

    An endpoint in both has failed after it had succeeded.
    """
    changed = 0
    if succeeded:
        changed += tx.run(_CLEAR_FAILING, ids=sorted(succeeded))
    if failed:
        changed += tx.run(_MARK_FAILING, ids=sorted(failed), now_us=now_us)
    if changed:
        bump_directory(tx)


def find_long_failing(tx: Tx, endpoint_ids: Collection[str], *, before_us: int) -> list[str]:
    """Return those that have failed without a success since ``before_us`` or longer, and are not disabled yet."""
    return [row[0] for row in tx.rows(_LONG_FAILING, ids=sorted(endpoint_ids), before_us=before_us)]


def disable_endpoint(tx: Tx, endpoint_id: str, *, reason: str, now_us: int) -> bool:
    """Disable an endpoint; False if it was already. What is pending stays, and goes out once it is enabled again."""
    if not tx.run(_DISABLE, id=endpoint_id, reason=reason, now_us=now_us):
        return False
    bump_directory(tx)
    return True
