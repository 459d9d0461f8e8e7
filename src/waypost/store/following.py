"""What upstream says of messages, as rows: facts, proofs of acceptance, and statuses that came early."""

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

import orjson

from waypost.domain.errors import FailureReason
from waypost.domain.status import Status, StatusFact
from waypost.store.statements import InsertMany, Sql, UpdateMany
from waypost.store.tables import MESSAGES, PARKED_STATUSES
from waypost.store.transaction import Row, Tx

_FIND_BY_WAMID: Final = Sql("SELECT m.wamid, m.id, m.source_id FROM messages m WHERE m.wamid = ANY(:wamids)", columns=3)


class FollowedMessage(NamedTuple):
    """A message as far as upstream's word can change it; columns as stored."""

    id: str
    account_id: str
    source_id: str
    source_given: str | None
    recipient: str
    caller_data: str
    template_name: str | None
    state: int
    attempt_number: int
    wamid: str | None
    sent_at_us: int | None
    delivered_at_us: int | None
    read_at_us: int | None
    played_at_us: int | None
    failed_at_us: int | None
    failure: str | None
    failure_code: int | None
    failure_detail: str | None
    ended_at_us: int | None
    pricing: str | None
    priced_at_us: int | None
    announced: int


_LOAD: Final = Sql(
    f"SELECT {', '.join(f'm.{name}' for name in FollowedMessage._fields)} FROM messages m "  # noqa: S608
    "WHERE m.id = ANY(:ids) ORDER BY m.id FOR UPDATE",
    columns=len(FollowedMessage._fields),
)
_FACTS: Final = (
    "state",
    "sent_at_us",
    "delivered_at_us",
    "read_at_us",
    "played_at_us",
    "failed_at_us",
    "failure",
    "failure_code",
    "failure_detail",
    "pricing",
    "priced_at_us",
    "announced",
)
_SAVE: Final = UpdateMany(MESSAGES, _FACTS, keys=("id",), also="wait_reason = NULL")
_BIND: Final = UpdateMany(MESSAGES, ("wamid",), keys=("id",))
"""Apart from the facts: SQLite writes an index anew for every column that is set, changed or not."""
_PROVE: Final = Sql(
    "UPDATE attempts SET wamid = v.wamid, outcome = COALESCE(v.outcome, attempts.outcome), "
    "ended_at_us = CASE WHEN v.outcome IS NULL THEN attempts.ended_at_us "
    "ELSE COALESCE(attempts.ended_at_us, CAST(:now_us AS BIGINT)) END "
    "FROM ROWS(:message_id text, :number integer, :wamid text, :outcome text) AS v "
    "WHERE attempts.message_id = v.message_id AND attempts.number = v.number AND attempts.wamid IS NULL "
    "RETURNING attempts.message_id, attempts.number"
)
_PARK: Final = InsertMany(PARKED_STATUSES, ("id", "source_id", "wamid", "recipient", "fact", "received_at_us"))
_TAKE: Final = Sql("DELETE FROM parked_statuses WHERE wamid = ANY(:wamids) RETURNING source_id, wamid, fact")
_FIND_LATE: Final = Sql(
    "SELECT DISTINCT p.wamid, m.id FROM parked_statuses p "
    "JOIN messages m ON m.wamid = p.wamid AND m.source_id = p.source_id WHERE p.received_at_us >= :since_us"
)


class Proof(NamedTuple):
    """
    A token that shows an attempt to have been accepted.

    ``outcome`` None leaves the attempt open for the one who still waits for its answer.
    """

    message_id: str
    number: int
    wamid: str
    outcome: str | None


class ParkedStatus(NamedTuple):
    """A status that came before its message was known by the provider's id."""

    source_id: str
    wamid: str
    fact: StatusFact


def find_by_wamid(tx: Tx, wamids: Sequence[str]) -> dict[tuple[str, str], str]:
    """Return the ids of messages by (source id, wamid)."""
    return {(source_id, wamid): message_id for wamid, message_id, source_id in tx.rows(_FIND_BY_WAMID, wamids=wamids)}


def load_followed(tx: Tx, ids: Sequence[str]) -> list[FollowedMessage]:
    """Return these messages in the order of their ids, held until the transaction ends."""
    return [FollowedMessage._make(row) for row in tx.rows(_LOAD, ids=ids)]


def save_followed(tx: Tx, rows: Sequence[Row], *, bound: Mapping[str, str]) -> None:
    """
    Write what upstream says of messages, none of which waits for anything then.

    ``rows`` have the state, the times of sent, delivered, read, played and failed, the failure's reason, code and
    detail, the pricing and its time, the announced flags, and the id. ``bound`` has the ids of messages by the
    provider's ids just learnt.
    """
    tx.write_many(_SAVE, rows)
    tx.write_many(_BIND, sorted(bound.items(), key=lambda item: item[1]))


def prove_attempts(tx: Tx, proofs: Sequence[Proof], *, now_us: int) -> set[tuple[str, int]]:
    """Bind attempts to the provider's ids; return the (message id, number) that were not bound before."""
    if not proofs:
        return set()
    message_ids, numbers, wamids, outcomes = zip(*sorted(proofs, key=lambda proof: proof[:2]), strict=True)
    found = tx.rows(
        _PROVE,
        now_us=now_us,
        message_id=list(message_ids),
        number=list(numbers),
        wamid=list(wamids),
        outcome=list(outcomes),
    )
    return {(message_id, number) for message_id, number in found}


def park_statuses(tx: Tx, rows: Sequence[tuple[str, ParkedStatus, str | None]], *, now_us: int) -> None:
    """Keep (id, status, recipient) until their message is known; the recipient is a hint against sending again."""
    tx.write_many(
        _PARK,
        [
            (row_id, parked.source_id, parked.wamid, recipient, orjson.dumps(parked.fact).decode(), now_us)
            for row_id, parked, recipient in rows
        ],
    )


def take_parked(tx: Tx, wamids: Sequence[str]) -> list[ParkedStatus]:
    """Remove and return what was parked under these ids of the provider; whoever takes it must apply it."""
    return [
        ParkedStatus(source_id, wamid, _decode_fact(fact))
        for source_id, wamid, fact in tx.rows(_TAKE, wamids=wamids)
    ]  # fmt: skip


def find_late_matches(tx: Tx, *, since_us: int) -> Mapping[str, str]:
    """Return the ids of messages, by wamid, that have become known since statuses of them were parked."""
    return dict(tx.rows(_FIND_LATE, since_us=since_us))


def _decode_fact(stored: str) -> StatusFact:
    fields = orjson.loads(stored)
    reason = fields["reason"]
    return StatusFact(
        status=Status(fields["status"]),
        occurred_at_us=fields["occurred_at_us"],
        reason=None if reason is None else FailureReason(reason),
        provider_code=fields["provider_code"],
        detail=fields["detail"],
        pricing=fields.get("pricing"),  # parked before version 0.3: without
    )
