"""
After a restore: everything the backup holds unsent is held in doubt, in statements over whole sets.

Nobody knows what was sent between the backup and now, so each such message gets an attempt whose end was lost. From
then on it is like any other in doubt, but for one thing: it is marked to be sent at most once, so that no evidence can
ever release it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from waypost.store.receiving import save_beat
from waypost.store.statements import Dialect, Sql
from waypost.store.transaction import Tx

_LOCK_MESSAGES: Final = Sql("LOCK TABLE messages IN EXCLUSIVE MODE")
_OTHERS: Final = Sql(
    "SELECT COUNT(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'waypost' "
    "AND pid <> pg_backend_pid()"
)
_UNSENT: Final = tuple(
    # One condition for each partial index, in its words: the cost follows the backlog, never the history.
    Sql(f"SELECT state, COUNT(*) FROM messages WHERE {condition} GROUP BY state")  # noqa: S608
    for condition in ("state IN (10, 20)", "state = 30", "state IN (40, 50)")
)
_INVENT_ATTEMPTS: Final = tuple(
    Sql(
        "INSERT INTO attempts (message_id, number, account_id, source_id, node, epoch, started_at_us, outcome, detail) "  # noqa: S608
        "SELECT m.id, m.attempt_number + 1, m.account_id, m.source_id, CAST(:node AS TEXT), 0, "
        f"CAST(:since_us AS BIGINT), 'in_doubt', CAST(:detail AS TEXT) FROM messages m WHERE {condition}"
    )
    for condition in ("m.state IN (10, 20)", "m.state = 30")
)
_HOLD: Final = tuple(
    Sql(
        "UPDATE messages SET state = 50, attempt_number = attempt_number + 1, attempt_started_at_us = :now_us, "  # noqa: S608
        f"wait_reason = NULL, at_most_once = 1 WHERE {condition}"
    )
    for condition in ("state IN (10, 20)", "state = 30")
)
_UNDER_WAY: Final = Sql(
    "SELECT m.id, m.account_id, m.source_id FROM messages m WHERE m.state IN (40, 50) AND m.state = 40 ORDER BY m.id"
)
_DOUBT_ATTEMPTS: Final = Sql(
    "UPDATE attempts SET outcome = 'in_doubt', detail = :detail FROM messages m "
    "WHERE m.state IN (40, 50) AND m.state = 40 AND attempts.message_id = m.id AND attempts.number = m.attempt_number "
    "AND attempts.wamid IS NULL"
)
_FORBID_RELEASE: Final = Sql("UPDATE messages SET state = 50, at_most_once = 1 WHERE state IN (40, 50)")
_HELD: Final = Sql(
    "SELECT m.id, m.account_id, m.source_id FROM messages m "
    "JOIN attempts a ON a.message_id = m.id AND a.number = m.attempt_number "
    "WHERE m.source_id = :source_id AND m.state IN (40, 50) AND m.id > :after AND a.node = :node "
    "ORDER BY m.id LIMIT :places"
)
_RECORD_GAP: Final = Sql(
    "INSERT INTO ingress_gaps (started_at_us, ended_at_us) VALUES (:started_at_us, :ended_at_us) "
    "ON CONFLICT (started_at_us) DO UPDATE SET ended_at_us = CASE "
    "WHEN excluded.ended_at_us > ingress_gaps.ended_at_us THEN excluded.ended_at_us ELSE ingress_gaps.ended_at_us END"
)


@dataclass(frozen=True, slots=True)
class HeldMessage:
    """A message just put in doubt, as far as telling of it needs to know."""

    id: str
    account_id: str
    source_id: str


def stand_alone(tx: Tx) -> int:
    """
    Keep everybody from claiming messages until the transaction ends; return how many other processes are connected.

    On SQLite the writing transaction itself keeps others out, and who else serves is told by the lock of the data
    directory: 0.
    """
    if tx.dialect is Dialect.SQLITE:
        return 0
    tx.run(_LOCK_MESSAGES)
    row = tx.one(_OTHERS)
    assert row is not None
    return int(row[0])


def count_unsent(tx: Tx) -> dict[int, int]:
    """Return how many messages are in each state before ``accepted``; a state without any is left out."""
    return {state: count for sql in _UNSENT for state, count in tx.rows(sql)}


def record_absence(tx: Tx, *, since_us: int, now_us: int) -> None:
    """Keep that our ingress was away, however short it was, and count on from now; a second call widens the gap."""
    tx.run(_RECORD_GAP, started_at_us=min(since_us, now_us), ended_at_us=max(since_us, now_us))
    save_beat(tx, now_us)


def hold_under_way(tx: Tx, *, detail: str) -> list[HeldMessage]:
    """
    Put attempts that were under way in doubt, and return their messages; they are bounded by what was in flight.

    Whatever stood in doubt before may not be released either from now on.
    """
    held = [HeldMessage(*row) for row in tx.rows(_UNDER_WAY)]
    tx.run(_DOUBT_ATTEMPTS, detail=detail)
    tx.run(_FORBID_RELEASE)
    return held


def hold_waiting(tx: Tx, *, node: str, detail: str, since_us: int, now_us: int) -> None:
    """
    Put all that is scheduled, waiting or queued in doubt, each with one more attempt.

    The attempt bears the name ``node`` and began at ``since_us``, the earliest that it can have; the time in doubt is
    counted from ``now_us``, so that statuses have their day to come in.
    """
    for invent, hold in zip(_INVENT_ATTEMPTS, _HOLD, strict=True):
        tx.run(invent, node=node, detail=detail, since_us=since_us)
        tx.run(hold, now_us=now_us)


def list_held(tx: Tx, *, source_id: str, node: str, after: str, places: int) -> Sequence[HeldMessage]:
    """Return messages of a source that ``hold_waiting`` has held under this name, in the order of their ids."""
    return [
        HeldMessage(*row) for row in tx.rows(_HELD, source_id=source_id, node=node, after=after, places=places)
    ]  # fmt: skip
