"""Writing how attempts ended, and what follows for their messages."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from waypost.domain.value import value
from waypost.store.statements import Dialect, Sql, UpdateMany
from waypost.store.tables import ATTEMPTS, MESSAGES
from waypost.store.tallies import tally_ends
from waypost.store.transaction import Tx

_HOLD_MESSAGES = Sql("SELECT m.id FROM messages m WHERE m.id = ANY(:message_ids) ORDER BY m.id FOR UPDATE")
_CLOSE_ATTEMPTS = UpdateMany(
    ATTEMPTS,
    ("ended_at_us", "outcome", "http_status", "provider_code", "detail", "wamid"),
    keys=("message_id", "number"),
)
_CLOSE_FAILED = UpdateMany(
    ATTEMPTS,
    ("ended_at_us", "outcome", "http_status", "provider_code", "detail"),
    keys=("message_id", "number"),
    only="attempts.wamid IS NULL",
)
_CLOSE_PROVEN = UpdateMany(
    ATTEMPTS,
    ("ended_at_us", "http_status", "provider_code", "detail"),
    keys=("message_id", "number"),
    also="outcome = 'resolved'",
    only="attempts.wamid IS NOT NULL",
)
"""For an attempt of which a status has shown, before its own end was known, that it had arrived."""
_ACCEPT = UpdateMany(
    MESSAGES,
    ("wamid",),
    keys=("id",),
    also="state = CASE WHEN messages.state IN (40, 50) THEN 60 ELSE messages.state END",
    only="messages.wamid IS NULL",
)
_CLOSE_UNSENT = UpdateMany(
    MESSAGES,
    (
        "state",
        "due_at_us",
        "wait_reason",
        "failed_attempts",
        "failure",
        "failure_code",
        "failure_detail",
        "ended_at_us",
        "announced",
    ),
    keys=("id", "attempt_number"),
    only="messages.state = 40",
)
_STILL_OPEN = Sql(
    "SELECT m.id, m.announced FROM ROWS(:message_id text, :number integer) AS v "
    "JOIN messages m ON m.id = v.message_id AND m.attempt_number = v.number "
    "WHERE m.state = 40 ORDER BY m.id FOR UPDATE",
    columns=2,
)
_OTHER_WAMIDS = Sql(
    "SELECT m.id, m.wamid FROM messages m WHERE m.id = ANY(:message_ids) AND m.wamid IS NOT NULL "
    "ORDER BY m.id FOR UPDATE"
)
_PAUSE_SOURCE = Sql(
    "UPDATE sources SET paused_reason = :reason, paused_at_us = :now_us "
    "WHERE id = :source_id AND paused_reason IS NULL "
    "AND COALESCE(set_up_at_us, 0) <= :since_us"
)
_OPEN_ATTEMPTS = Sql(
    "SELECT m.id, m.attempt_number, m.account_id, m.source_id, a.node, a.epoch FROM messages m "
    "JOIN attempts a ON a.message_id = m.id AND a.number = m.attempt_number "
    "WHERE m.source_id = ANY(:source_ids) AND m.state = 40 ORDER BY m.id FOR UPDATE OF m"
)
_DOUBT = UpdateMany(MESSAGES, (), keys=("id",), also="state = 50", only="messages.state = 40")
_DOUBT_ATTEMPT = UpdateMany(ATTEMPTS, ("outcome", "detail"), keys=("message_id", "number"))

OUTCOME_ACCEPTED: Final = "accepted"


@value
class AttemptEnd:
    """How one attempt ended; ``outcome`` is ``accepted`` or a ``SendFailureKind``."""

    message_id: str
    number: int
    ended_at_us: int | None
    outcome: str
    http_status: int | None = None
    provider_code: int | None = None
    detail: str | None = None
    wamid: str | None = None


@value
class UnsentChange:
    """What becomes of a message whose attempt was not accepted."""

    message_id: str
    number: int
    state: int
    due_at_us: int
    wait_reason: str | None
    failed_attempts: int
    failure: str | None
    failure_code: int | None
    failure_detail: str | None
    ended_at_us: int | None
    announced: int


@dataclass(frozen=True, slots=True)
class OpenAttempt:
    """An attempt whose end nobody has written."""

    message_id: str
    number: int
    account_id: str
    source_id: str
    node: str
    epoch: int


def close_attempts(tx: Tx, ends: Sequence[AttemptEnd]) -> None:
    """
    Write the ends of attempts; one that a status has already shown to have arrived is ``resolved``, however it ended.

    The messages are held first, in the order of their ids: so does whoever joins a status to them, and the two never
    wait for each other in a circle.
    """
    if tx.dialect is Dialect.POSTGRESQL:
        tx.rows(_HOLD_MESSAGES, message_ids=[e.message_id for e in ends])
    tx.write_many(
        _CLOSE_ATTEMPTS,
        [
            (e.ended_at_us, e.outcome, e.http_status, e.provider_code, e.detail, e.wamid, e.message_id, e.number)
            for e in ends
            if e.wamid is not None
        ],
    )
    failed = [e for e in ends if e.wamid is None]
    if failed:
        rest = [(e.http_status, e.provider_code, e.detail, e.message_id, e.number) for e in failed]
        tx.write_many(_CLOSE_PROVEN, [(e.ended_at_us, *tail) for e, tail in zip(failed, rest, strict=True)])
        tx.write_many(_CLOSE_FAILED, [(e.ended_at_us, e.outcome, *tail) for e, tail in zip(failed, rest, strict=True)])


def bind_wamids(tx: Tx, rows: Sequence[tuple[str, str]]) -> None:
    """Bind (wamid, message id) and make the messages ``accepted``, unless a status has done it already."""
    tx.write_many(_ACCEPT, rows)


def find_other_wamids(tx: Tx, message_ids: Sequence[str]) -> dict[str, str]:
    """Return the wamids that messages are bound to already."""
    return dict(tx.rows(_OTHER_WAMIDS, message_ids=list(message_ids)))


def find_still_open(tx: Tx, keys: Sequence[tuple[str, int]]) -> dict[str, int]:
    """Return, for the (message id, number) that are still ``dispatching``, what was announced of them."""
    rows = tx.rows(_STILL_OPEN, message_id=[key[0] for key in keys], number=[key[1] for key in keys])
    return dict(rows)


def change_unsent(tx: Tx, changes: Sequence[UnsentChange]) -> None:
    """
    Write what becomes of messages whose attempts were not accepted, and count those that have ended.

    All must be held, and found still open, in this transaction.
    """
    tx.write_many(
        _CLOSE_UNSENT,
        [
            (
                c.state,
                c.due_at_us,
                c.wait_reason,
                c.failed_attempts,
                c.failure,
                c.failure_code,
                c.failure_detail,
                c.ended_at_us,
                c.announced,
                c.message_id,
                c.number,
            )
            for c in changes
        ],
    )
    tally_ends(tx, [c.message_id for c in changes if c.ended_at_us is not None])


def pause_source(tx: Tx, *, source_id: str, reason: str, since_us: int, now_us: int) -> bool:
    """
    Stop a source from sending until somebody resumes it; return whether it was running.

    What was found out since ``since_us`` says nothing against a source that has been set up anew after that.
    """
    return tx.run(_PAUSE_SOURCE, source_id=source_id, reason=reason, since_us=since_us, now_us=now_us) > 0


def load_open_attempts(tx: Tx, source_ids: Sequence[str]) -> list[OpenAttempt]:
    """Return the attempts under way or left behind on these sources, and hold their messages."""
    return [OpenAttempt(*row) for row in tx.rows(_OPEN_ATTEMPTS, source_ids=list(source_ids))]


def put_in_doubt(tx: Tx, attempts: Sequence[OpenAttempt], *, detail: str) -> None:
    """Mark attempts whose end was lost with their node."""
    tx.write_many(_DOUBT, [(a.message_id,) for a in attempts])
    tx.write_many(_DOUBT_ATTEMPT, [("in_doubt", detail, a.message_id, a.number) for a in attempts])
