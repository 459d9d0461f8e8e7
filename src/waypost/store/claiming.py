"""
Finding messages that may go, and writing the intent to send them.

What is read here is read in the transaction that writes the intent, so nothing can change between the verdict and the
intent. Every statement is for the whole batch.
"""

from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import Final, NamedTuple

from waypost.domain.value import value
from waypost.store.statements import Dialect, InsertMany, Sql, UpdateMany, power_of_two
from waypost.store.tables import ATTEMPTS, MESSAGES
from waypost.store.tallies import tally_as_templates, tally_ends
from waypost.store.transaction import Row, Tx


class Candidate(NamedTuple):
    """A queued message, as far as sending it needs to know."""

    id: str
    account_id: str
    source_id: str
    source_given: str | None
    recipient: str
    is_group: int
    kind: str
    priority: int
    accepted_at_us: int
    expires_at_us: int | None
    caller_data: str
    content: str
    context_id: str | None
    media_key: str | None
    template_name: str | None
    fallback: str | None
    track_links: int
    at_most_once: int
    attempt_number: int
    failed_attempts: int


CANDIDATE_COLUMNS: Final = ", ".join(f"m.{name}" for name in Candidate._fields)
_CANDIDATES = Sql(
    f"SELECT {CANDIDATE_COLUMNS} FROM ROWS(:source_id text, :places integer) AS v "  # noqa: S608
    f"CROSS JOIN LATERAL (SELECT * FROM messages c WHERE c.source_id = v.source_id AND c.state = 30 "
    "ORDER BY c.priority, c.id LIMIT v.places FOR UPDATE SKIP LOCKED) AS m"
)
_WAITING_SOURCES = Sql(
    "SELECT v.source_id FROM ROWS(:source_id text, :place integer) AS v "
    "WHERE EXISTS (SELECT 1 FROM messages m WHERE m.source_id = v.source_id AND m.state = 20)"
)
_WAITING_HEADS = Sql(
    """
    SELECT m.source_id, m.recipient, m.priority, MIN(m.id)
    FROM ROWS(:source_id text, :recipient text) AS v
    JOIN messages m ON m.source_id = v.source_id AND m.recipient = v.recipient AND m.state = 20
    GROUP BY m.source_id, m.recipient, m.priority
    """,
    columns=4,
)
_CONTEXT_WAMIDS = Sql(
    "SELECT m.account_id, m.id, m.wamid FROM ROWS(:account_id text, :context_id text) AS v "
    "JOIN messages m ON m.id = v.context_id AND m.account_id = v.account_id"
)
_PROMOTE = Sql(
    "UPDATE messages SET state = 30, wait_reason = NULL WHERE id IN ("
    "SELECT id FROM messages WHERE state IN (10, 20) AND due_at_us <= :now_us ORDER BY due_at_us LIMIT :places"
    # Asked again of the row itself: it may have been moved while its lock was waited for.
    ") AND state IN (10, 20) AND due_at_us <= :now_us"
)
_WAKE_UNWATCHED = Sql(
    "UPDATE messages SET due_at_us = :now_us WHERE source_id = ANY(:source_ids) AND state = 20 "
    "AND wait_reason IN ('lane', 'media') AND due_at_us > :now_us"
)
_NEXT_DUE = Sql("SELECT MIN(due_at_us) FROM messages WHERE state IN (10, 20)")
_PROMOTE_MEDIA = Sql(
    "UPDATE messages SET state = 30, wait_reason = NULL "
    "WHERE source_id = :source_id AND state = 20 AND wait_reason IN ('media', 'media_retry') AND media_key = :media_key"
)
_MEDIA_WAITING = Sql(
    f"SELECT {CANDIDATE_COLUMNS} FROM messages m "  # noqa: S608
    "WHERE m.source_id = :source_id AND m.state = 20 AND m.wait_reason IN ('media', 'media_retry') "
    "AND m.media_key = :media_key "
    "ORDER BY m.id FOR UPDATE"
)
_LANE_HEADS = Sql(
    """
    SELECT h.source_id, h.recipient, h.head, m.wait_reason
    FROM (
        SELECT v.source_id, v.recipient,
            (SELECT w.id FROM messages w WHERE w.source_id = v.source_id AND w.recipient = v.recipient AND w.state = 20
             ORDER BY w.priority, w.id LIMIT 1) AS head
        FROM ROWS(:source_id text, :recipient text) AS v
    ) AS h
    JOIN messages m ON m.id = h.head
    """,
    columns=4,
)
_SOURCES_WITH_WORK = Sql(
    "SELECT v.source_id FROM ROWS(:source_id text, :place integer) AS v "
    "WHERE EXISTS (SELECT 1 FROM messages m WHERE m.source_id = v.source_id AND m.state = 30)"
)
_RECENT_STARTS = Sql(
    "SELECT m.recipient, a.started_at_us FROM attempts a JOIN messages m ON m.id = a.message_id "
    "WHERE a.source_id = :source_id AND a.started_at_us > :since_us ORDER BY a.started_at_us LIMIT :places"
)

_INSERT_ATTEMPTS = InsertMany(
    ATTEMPTS, ("message_id", "number", "account_id", "source_id", "node", "epoch", "started_at_us")
)
_START = UpdateMany(
    MESSAGES,
    ("attempt_number", "attempt_started_at_us"),
    keys=("id",),
    also="state = 40, wait_reason = NULL",
)
_PARK = UpdateMany(MESSAGES, ("due_at_us", "wait_reason"), keys=("id",), also="state = 20", only="state IN (20, 30)")
_FALL_BACK = UpdateMany(
    MESSAGES, ("kind", "content", "media_key", "template_name"), keys=("id",), also="fallback = NULL"
)
_END = UpdateMany(MESSAGES, ("state", "failure", "ended_at_us", "announced"), keys=("id",))

RECENT_STARTS_MAX: Final = 100_000
_SOURCES_PER_STATEMENT_MAX: Final = 64


@value
class AttemptStart:
    """The intent to send one message now."""

    message_id: str
    number: int
    account_id: str
    source_id: str
    epoch: int


LaneKey = tuple[str, str]
"""(source id, recipient)."""


def load_candidates(tx: Tx, places: Mapping[str, int]) -> list[Candidate]:
    """
    Return, per source, its first queued messages: high priority first, then oldest first.

    ``places`` is how many of each source. The rows stay locked until the transaction ends.
    """
    if tx.dialect is Dialect.SQLITE:
        wanted = list(places.items())
        rows = []
        for start in range(0, len(wanted), _SOURCES_PER_STATEMENT_MAX):
            rows += _load_of_sources(tx, wanted[start : start + _SOURCES_PER_STATEMENT_MAX])
    else:
        rows = tx.rows(_CANDIDATES, source_id=list(places), places=list(places.values()))
    # Neither database promises that rows come in the order of the parts they were found in.
    return sorted(map(Candidate._make, rows), key=_turn)


def _load_of_sources(tx: Tx, wanted: Sequence[tuple[str, int]]) -> list[Row]:
    size = power_of_two(len(wanted))
    parameters: dict[str, str | int] = {}
    for place, (source_id, count) in enumerate([*wanted, *[("", 0)] * (size - len(wanted))]):
        parameters[f"source{place}"], parameters[f"places{place}"] = source_id, count
    return tx.rows(_candidates_of_sources(size), **parameters)


@cache
def _candidates_of_sources(count: int) -> Sql:
    """
    Return the statement for so many sources on SQLite, which has no LATERAL, nor a LIMIT by a column.

    One statement and not one for each source: each gives up the interpreter (see ``SqliteRows``). Only asked for powers
    of two, so that few are prepared; sources over are asked for nothing.
    """
    return Sql(
        " UNION ALL ".join(
            f"SELECT * FROM (SELECT {CANDIDATE_COLUMNS} FROM messages m "  # noqa: S608
            f"WHERE m.source_id = :source{place} AND m.state = 30 ORDER BY m.priority, m.id LIMIT :places{place})"
            for place in range(count)
        ),
        columns=len(Candidate._fields),
    )


def _turn(candidate: Candidate) -> tuple[str, int, str]:
    return candidate.source_id, candidate.priority, candidate.id


def load_waiting_heads(tx: Tx, lanes: Iterable[LaneKey]) -> dict[tuple[str, str, int], str]:
    """
    Return the first waiting message of each lane that has any, by (source, recipient, priority).

    Sources without a waiting message cost one probe each, whatever the number of their recipients.
    """
    by_source: dict[str, set[str]] = {}
    for source_id, recipient in lanes:
        by_source.setdefault(source_id, set()).add(recipient)
    asked = list(by_source)
    with_waiting = {row[0] for row in tx.rows(_WAITING_SOURCES, source_id=asked, place=list(range(len(asked))))}
    keys = [(source_id, recipient) for source_id in with_waiting for recipient in by_source[source_id]]
    if not keys:
        return {}
    rows = tx.rows(_WAITING_HEADS, source_id=[key[0] for key in keys], recipient=[key[1] for key in keys])
    return {(source_id, recipient, priority): first for source_id, recipient, priority, first in rows}


def load_context_wamids(tx: Tx, keys: Sequence[tuple[str, str]]) -> dict[tuple[str, str], str | None]:
    """Return the provider's ids of our own messages, by (account id, our id); None while upstream knows none."""
    rows = tx.rows(_CONTEXT_WAMIDS, account_id=[key[0] for key in keys], context_id=[key[1] for key in keys])
    return {(account_id, message_id): wamid for account_id, message_id, wamid in rows}


def promote_due(tx: Tx, *, now_us: int, places: int) -> tuple[int, int | None]:
    """Queue the waiting and scheduled messages that are due, oldest first; return how many, and when the next is."""
    next_due = tx.one(_NEXT_DUE)
    assert next_due is not None
    if next_due[0] is None or next_due[0] > now_us:
        return 0, next_due[0]
    promoted = tx.run(_PROMOTE, now_us=now_us, places=places)
    following = tx.one(_NEXT_DUE)
    assert following is not None
    return promoted, following[0]


def wake_unwatched(tx: Tx, source_ids: Sequence[str], *, now_us: int) -> int:
    """
    Let messages of these sources fall due now that wait to be woken by their owner's memory; return how many.

    For a new owner, who has none of that: what waits for its place in its lane, or for a file that was being made
    ready. What waits for a time (pacing, a retry) keeps it.
    """
    return tx.run(_WAKE_UNWATCHED, source_ids=list(source_ids), now_us=now_us)


def promote_media(tx: Tx, *, source_id: str, media_key: str) -> int:
    """Queue the messages that waited for this file; return how many."""
    return tx.run(_PROMOTE_MEDIA, source_id=source_id, media_key=media_key)


def load_media_waiting(tx: Tx, *, source_id: str, media_key: str) -> list[Candidate]:
    """Return the messages that wait for this file."""
    return list(map(Candidate._make, tx.rows(_MEDIA_WAITING, source_id=source_id, media_key=media_key)))


def find_lane_heads(tx: Tx, lanes: Sequence[LaneKey]) -> dict[LaneKey, tuple[str, str]]:
    """Return the first waiting message of each lane that has any, and what it waits for."""
    rows = tx.rows(_LANE_HEADS, source_id=[key[0] for key in lanes], recipient=[key[1] for key in lanes])
    return {(source_id, recipient): (head, reason) for source_id, recipient, head, reason in rows}


def find_sources_with_work(tx: Tx, source_ids: Sequence[str]) -> list[str]:
    """Return those of the sources that have a queued message."""
    rows = tx.rows(_SOURCES_WITH_WORK, source_id=list(source_ids), place=list(range(len(source_ids))))
    return [row[0] for row in rows]


def load_recent_starts(tx: Tx, *, source_id: str, since_us: int) -> list[tuple[str, int]]:
    """Return (recipient, time) of the source's attempts since then, oldest first."""
    rows = tx.rows(_RECENT_STARTS, source_id=source_id, since_us=since_us, places=RECENT_STARTS_MAX)
    return [(recipient, started_at_us) for recipient, started_at_us in rows]


def write_intents(tx: Tx, starts: Sequence[AttemptStart], *, node: str, now_us: int) -> None:
    """Write the intent to send: a row per attempt, and the messages ``dispatching``."""
    tx.write_many(
        _INSERT_ATTEMPTS,
        [(s.message_id, s.number, s.account_id, s.source_id, node, s.epoch, now_us) for s in starts],
    )
    tx.write_many(_START, [(s.number, now_us, s.message_id) for s in starts])


def park_messages(tx: Tx, rows: Sequence[tuple[int, str, str]]) -> None:
    """Let queued or waiting messages wait: (not before, why, message id)."""
    tx.write_many(_PARK, rows)


def save_fallen_back(tx: Tx, candidates: Sequence[Candidate]) -> None:
    """Keep what messages have become that go out as the template they fall back to, and count them as such."""
    if candidates:
        tally_as_templates(tx, {c.id: c.template_name for c in candidates if c.template_name is not None})
    tx.write_many(_FALL_BACK, [(c.kind, c.content, c.media_key, c.template_name, c.id) for c in candidates])


def end_messages(tx: Tx, rows: Sequence[tuple[int, str, int, int, str]]) -> None:
    """Draw an end before anything was sent, and count it: (state, failure, time, announced, message id)."""
    tx.write_many(_END, rows)
    tally_ends(tx, [row[-1] for row in rows])
