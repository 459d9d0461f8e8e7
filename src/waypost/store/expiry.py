"""Messages whose time is over before they were sent, and what is left on sources that were taken out of use."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from waypost.store.statements import Sql, UpdateMany
from waypost.store.tables import ATTEMPTS, MESSAGES
from waypost.store.tallies import tally_ends
from waypost.store.transaction import Tx

_COLUMNS: Final = (
    "m.id, m.account_id, m.source_id, m.source_given, m.recipient, m.caller_data, m.attempt_number, m.announced"
)
_EXPIRED: Final = Sql(
    # The first two terms are the partial index's own condition, in its words: SQLite uses it only then.
    f"SELECT {_COLUMNS} FROM messages m WHERE m.expires_at_us IS NOT NULL AND m.state <= 50 "  # noqa: S608
    "AND m.state IN (10, 20, 30) AND m.expires_at_us <= :now_us "
    "ORDER BY m.expires_at_us LIMIT :places FOR UPDATE SKIP LOCKED"
)
_OF_DELETED_SOURCES: Final = tuple(
    Sql(
        f"SELECT {_COLUMNS} FROM sources s CROSS JOIN messages m "  # noqa: S608
        f"WHERE s.deleted_at_us IS NOT NULL AND m.source_id = s.id AND m.state = {state} "
        "LIMIT :places FOR UPDATE OF m SKIP LOCKED"
    )
    for state in (20, 30)
)
_ABANDONED: Final = Sql(
    f"SELECT {_COLUMNS} FROM sources s CROSS JOIN messages m "  # noqa: S608
    "WHERE s.deleted_at_us IS NOT NULL AND m.source_id = s.id AND m.state IN (40, 50) "
    "AND m.attempt_started_at_us <= :before_us LIMIT :places FOR UPDATE OF m SKIP LOCKED"
)
_END: Final = UpdateMany(
    MESSAGES, ("state", "failure", "ended_at_us", "announced"), keys=("id",), also="wait_reason = NULL"
)
_CLOSE_ATTEMPT: Final = UpdateMany(ATTEMPTS, ("outcome", "ended_at_us"), keys=("message_id", "number"))


@dataclass(frozen=True, slots=True)
class OverdueMessage:
    """A message to be ended, as far as its end must be told; its row is held until the transaction ends."""

    id: str
    account_id: str
    source_id: str
    source_given: str | None
    recipient: str
    caller_data: str
    attempt_number: int
    announced: int


def hold_expired(tx: Tx, *, now_us: int, places: int) -> list[OverdueMessage]:
    """Return messages that wait to be sent and whose time to live is over, the longest over first."""
    return [OverdueMessage(*row) for row in tx.rows(_EXPIRED, now_us=now_us, places=places)]


def hold_unsent_of_deleted_sources(tx: Tx, *, places: int) -> list[OverdueMessage]:
    """
    Return messages queued or waiting on sources that were deleted; at most ``places`` of each of the two states.

    Scheduled ones are found once they fall due and are queued.
    """
    return [OverdueMessage(*row) for sql in _OF_DELETED_SOURCES for row in tx.rows(sql, places=places)]


def hold_abandoned(tx: Tx, *, before_us: int, places: int) -> list[OverdueMessage]:
    """Return messages of deleted sources whose attempt began before then and whose end nobody has learnt."""
    return [OverdueMessage(*row) for row in tx.rows(_ABANDONED, before_us=before_us, places=places)]


def end_overdue(
    tx: Tx, messages: Sequence[OverdueMessage], *, state: int, failure: str, announced: int, now_us: int
) -> None:
    """End held messages, and count that; ``announced`` is joined to what was announced of each before."""
    tx.write_many(_END, [(state, failure, now_us, m.announced | announced, m.id) for m in messages])
    tally_ends(tx, [m.id for m in messages])


def close_abandoned(tx: Tx, messages: Sequence[OverdueMessage], *, now_us: int) -> None:
    """Write that nobody will learn how the last attempts of these messages ended."""
    tx.write_many(_CLOSE_ATTEMPT, [("unknown", now_us, m.id, m.attempt_number) for m in messages])
