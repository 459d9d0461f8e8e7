"""
Rows that no batch can write, one by one.

Each statement touches one message, and as little of it as can be: what makes a row poisonous is not known.
"""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from waypost.store.claiming import CANDIDATE_COLUMNS, Candidate
from waypost.store.statements import Sql
from waypost.store.tallies import tally_ends
from waypost.store.transaction import Tx

_QUEUED: Final = Sql(
    "SELECT id FROM messages WHERE source_id = :source_id AND state = 30 ORDER BY priority, id LIMIT :places"
)
_QUEUED_ONE: Final = Sql(
    f"SELECT {CANDIDATE_COLUMNS} FROM messages m WHERE m.id = :message_id AND m.state = 30 FOR UPDATE SKIP LOCKED"  # noqa: S608
)
_DUE: Final = Sql(
    "SELECT id, source_id FROM messages WHERE state IN (10, 20) AND due_at_us <= :now_us "
    "ORDER BY due_at_us LIMIT :places"
)
_PROMOTE_ONE: Final = Sql(
    "UPDATE messages SET state = 30, wait_reason = NULL "
    "WHERE id = :message_id AND state IN (10, 20) AND due_at_us <= :now_us"
)
_PROMOTE_OTHERS: Final = Sql(
    "UPDATE messages SET state = 30, wait_reason = NULL WHERE id IN ("
    "SELECT id FROM messages WHERE state IN (10, 20) AND due_at_us <= :now_us AND NOT (id = ANY(:withheld)) "
    "ORDER BY due_at_us LIMIT :places) AND state IN (10, 20) AND due_at_us <= :now_us"
)
_NEXT_DUE_OF_OTHERS: Final = Sql(
    "SELECT MIN(due_at_us) FROM messages WHERE state IN (10, 20) AND NOT (id = ANY(:withheld))"
)
_END: Final = Sql(
    "UPDATE messages SET state = 200, wait_reason = NULL, failure = :failure, failure_detail = :detail, "
    "ended_at_us = :now_us, announced = announced | :announced WHERE id = :message_id AND state IN (10, 20, 30) "
    "RETURNING account_id, source_id, source_given, recipient, caller_data"
)
_HOLD: Final = Sql(
    "UPDATE messages SET state = 50, releases = releases + :releases "
    "WHERE id = :message_id AND attempt_number = :number AND state = 40"
)
_HOLD_ATTEMPT: Final = Sql(
    "UPDATE attempts SET outcome = 'in_doubt', detail = :detail "
    "WHERE message_id = :message_id AND number = :number AND outcome IS NULL"
)


@dataclass(frozen=True, slots=True)
class EndedMessage:
    """A message just ended, as far as telling of it needs to know."""

    account_id: str
    source_id: str
    source_given: str | None
    recipient: str
    caller_data: str


def find_queued(tx: Tx, source_id: str, *, places: int) -> list[str]:
    """Return the ids of a source's first queued messages, in the order of ``load_candidates``."""
    return [row[0] for row in tx.rows(_QUEUED, source_id=source_id, places=places)]


def load_queued_one(tx: Tx, message_id: str) -> list[Candidate]:
    """Return this message, held, if it is still queued and nobody else holds it."""
    return list(map(Candidate._make, tx.rows(_QUEUED_ONE, message_id=message_id)))


def find_due(tx: Tx, *, now_us: int, places: int) -> list[tuple[str, str]]:
    """Return (message id, source id) of waiting and scheduled messages that are due, the longest due first."""
    return [(message_id, source_id) for message_id, source_id in tx.rows(_DUE, now_us=now_us, places=places)]


def promote_one(tx: Tx, message_id: str, *, now_us: int) -> None:
    """Queue one waiting or scheduled message, if it is still due."""
    tx.run(_PROMOTE_ONE, message_id=message_id, now_us=now_us)


def find_next_due(tx: Tx, withheld: Collection[str]) -> int | None:
    """Return when the first waiting or scheduled message is due, those in ``withheld`` left out."""
    row = tx.one(_NEXT_DUE_OF_OTHERS, withheld=sorted(withheld))
    assert row is not None
    due_at_us: int | None = row[0]
    return due_at_us


def promote_others(tx: Tx, withheld: Collection[str], *, now_us: int, places: int) -> tuple[int, int | None]:
    """Do what ``claiming.promote_due`` does, as if the messages in ``withheld`` were not there."""
    left_out = sorted(withheld)
    promoted = tx.run(_PROMOTE_OTHERS, withheld=left_out, now_us=now_us, places=places)
    following = tx.one(_NEXT_DUE_OF_OTHERS, withheld=left_out)
    assert following is not None
    return promoted, following[0]


def end_unsent(
    tx: Tx, message_id: str, *, failure: str, detail: str, announced: int, now_us: int
) -> EndedMessage | None:
    """End a message ``failed`` that waits to be sent, and count it; None if it has moved on."""
    row = tx.one(_END, message_id=message_id, failure=failure, detail=detail, announced=announced, now_us=now_us)
    if row is None:
        return None
    tally_ends(tx, [message_id])
    return EndedMessage(*row)


def hold_in_doubt(tx: Tx, message_id: str, *, number: int, may_release: bool) -> bool:
    """
    Hold a ``dispatching`` message in doubt; False if it has moved on.

    ``may_release`` False: upstream is known to have it, so the release rule must never send it again.
    """
    releases = 0 if may_release else 1
    return tx.run(_HOLD, message_id=message_id, number=number, releases=releases) > 0


def mark_in_doubt(tx: Tx, message_id: str, *, number: int, detail: str) -> None:
    """Say of an attempt without an end that it is in doubt, and why."""
    tx.run(_HOLD_ATTEMPT, message_id=message_id, number=number, detail=detail)
