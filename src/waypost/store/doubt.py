"""Attempts in doubt, and the evidence that decides whether one may be released."""

from collections.abc import Sequence
from dataclasses import dataclass

from waypost.store.statements import Sql, UpdateMany
from waypost.store.tables import ATTEMPTS, MESSAGES
from waypost.store.tallies import tally_ends
from waypost.store.transaction import Tx

_IN_DOUBT = Sql(
    "SELECT id, attempt_number, account_id, source_id, source_given, recipient, caller_data, at_most_once, releases, "
    "expires_at_us, attempt_started_at_us, announced FROM messages "
    "WHERE source_id = ANY(:source_ids) AND state = 50 ORDER BY CASE "
    "WHEN attempt_started_at_us <= :started_before_us OR expires_at_us <= :now_us THEN 0 "
    "WHEN at_most_once = 0 AND releases = 0 THEN 1 ELSE 2 END, id LIMIT :places"
)
"""
Those whose time is over come first, then those that might be released, then those that only wait for a status: many of
the last kind, as after a restore, must not keep the others from being judged.
"""
_STILL_IN_DOUBT = Sql("SELECT id FROM messages WHERE id = ANY(:message_ids) AND state = 50 ORDER BY id FOR UPDATE")
_COHORT = Sql(
    "SELECT COUNT(*), COUNT(COALESCE(m.sent_at_us, m.delivered_at_us, m.read_at_us, m.failed_at_us)) "
    "FROM attempts a JOIN messages m ON m.id = a.message_id WHERE a.source_id = :source_id "
    "AND a.started_at_us BETWEEN :from_us AND :to_us AND a.outcome = 'accepted'"
)
_LAST_BEAT = Sql("SELECT CAST(value AS BIGINT) FROM meta WHERE name = 'ingress_beat_at_us'")
_GAPS = Sql("SELECT 1 FROM ingress_gaps WHERE ended_at_us >= :from_us AND started_at_us <= :to_us LIMIT 1")
_HINTS = Sql(
    "SELECT 1 FROM parked_statuses WHERE source_id = :source_id AND recipient = :recipient "
    "AND received_at_us >= :from_us LIMIT 1"
)
_RELEASE = UpdateMany(
    MESSAGES,
    ("due_at_us",),
    keys=("id",),
    also="state = 30, wait_reason = NULL, releases = messages.releases + 1",
    only="messages.state = 50",
)
_GIVE_UP = UpdateMany(
    MESSAGES, ("failure", "ended_at_us", "announced"), keys=("id",), also="state = 230", only="messages.state = 50"
)
_CLOSE = UpdateMany(ATTEMPTS, ("outcome", "ended_at_us"), keys=("message_id", "number"))


@dataclass(frozen=True, slots=True)
class Doubt:
    """A message whose last attempt may or may not have arrived."""

    message_id: str
    number: int
    account_id: str
    source_id: str
    source_given: str | None
    recipient: str
    caller_data: str
    at_most_once: int
    releases: int
    expires_at_us: int | None
    started_at_us: int
    announced: int


@dataclass(frozen=True, slots=True)
class Cohort:
    """The accepted attempts around one in doubt: how many, and of how many a status has come."""

    size: int
    reported: int


def load_doubts(tx: Tx, source_ids: Sequence[str], *, started_before_us: int, now_us: int, places: int) -> list[Doubt]:
    """
    Return messages in doubt of these sources: first those that are over, then those that may be released, then others.

    Over are those whose attempt began by ``started_before_us``, or that have expired. Of each kind the oldest come
    first.
    """
    rows = tx.rows(
        _IN_DOUBT, source_ids=list(source_ids), started_before_us=started_before_us, now_us=now_us, places=places
    )
    return [Doubt(*row) for row in rows]


def hold_doubts(tx: Tx, message_ids: Sequence[str]) -> set[str]:
    """Return those still in doubt, held until the transaction ends: a status can no longer slip in between."""
    return {row[0] for row in tx.rows(_STILL_IN_DOUBT, message_ids=list(message_ids))}


def load_cohort(tx: Tx, *, source_id: str, from_us: int, to_us: int) -> Cohort:
    """Return the cohort of a source between two times."""
    row = tx.one(_COHORT, source_id=source_id, from_us=from_us, to_us=to_us)
    assert row is not None
    return Cohort(*row)


def was_ingress_healthy(tx: Tx, *, from_us: int, now_us: int, gap_us: int) -> bool:
    """Say whether our ingress was up without a gap from then until now."""
    beat_us = find_last_beat(tx)
    if beat_us is None or beat_us < now_us - gap_us:
        return False
    return tx.one(_GAPS, from_us=from_us, to_us=now_us) is None


def find_last_beat(tx: Tx) -> int | None:
    """Return when our ingress was last known to be up; None if it never was."""
    row = tx.one(_LAST_BEAT)
    return None if row is None else int(row[0])


def has_hint(tx: Tx, *, source_id: str, recipient: str, from_us: int) -> bool:
    """Say whether an unmatched status about the same pair came since: it never binds, but it forbids a second send."""
    return tx.one(_HINTS, source_id=source_id, recipient=recipient, from_us=from_us) is not None


def release_doubts(tx: Tx, doubts: Sequence[Doubt], *, now_us: int) -> None:
    """Queue messages again; policy and pacing judge them afresh."""
    tx.write_many(_RELEASE, [(now_us, doubt.message_id) for doubt in doubts])
    tx.write_many(_CLOSE, [("released", now_us, doubt.message_id, doubt.number) for doubt in doubts])


def give_up_doubts(tx: Tx, doubts: Sequence[Doubt], *, failure: str, announced: int, now_us: int) -> None:
    """End held messages as ``unknown``, and count that; proof of acceptance may still lift them."""
    tx.write_many(_GIVE_UP, [(failure, now_us, doubt.announced | announced, doubt.message_id) for doubt in doubts])
    tally_ends(tx, [doubt.message_id for doubt in doubts])
    tx.write_many(_CLOSE, [("unknown", now_us, doubt.message_id, doubt.number) for doubt in doubts])
