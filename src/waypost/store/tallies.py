"""
Counts of events, written beside the facts they count and in the same transaction.

A transaction appends one row to ``tally_changes`` for each (account, hour, source, template, event, detail) it has
changed: no row is shared, so no writer waits for another, and nothing is read. ``fold_tallies`` sums what has gathered
into ``tallies`` later. Whoever reads sums both in one statement, so figures are exact at once. Decision 24 says why.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from enum import StrEnum
from operator import itemgetter
from typing import Final, NamedTuple

import uuid_utils

from waypost.store.statements import InsertMany, Sql
from waypost.store.tables import TALLIES, TALLY_CHANGES
from waypost.store.transaction import Row, Tx

HOUR_US: Final = 3_600_000_000
DAY_US: Final = 24 * HOUR_US


class TallyEvent(StrEnum):
    """What is counted; the words are stored."""

    ACCEPTED = "accepted"
    SENT = "sent"
    DELIVERED = "delivered"
    READ = "read"
    PLAYED = "played"
    FAILED = "failed"
    """``detail`` is the reason."""
    PRICED = "priced"
    """``detail`` is ``category/type/billable/country code``."""
    CLICKED = "clicked"
    """A message's first click."""
    CLICK = "click"
    """Every click."""
    INBOUND = "inbound"


TallyKey = tuple[str, int, str, str, str, str]
"""(account id, hour, source id, template or ``""``, event, detail or ``""``); an hour is its first microsecond."""

_TOTALLED: Final = tuple(event.value for event in TallyEvent if event is not TallyEvent.PRICED)
"""Events that are told by their number alone."""


class Tally(NamedTuple):
    """How many events of a kind there were in the hour, or the day, that begins then."""

    begin_us: int
    source_id: str
    template: str
    event: str
    detail: str
    number: int


_KEY: Final = ("account_id", "hour_us", "source_id", "template", "event", "detail")
_APPEND: Final = InsertMany(TALLY_CHANGES, ("id", *_KEY, "count"))
_TAKE: Final = Sql(
    "DELETE FROM tally_changes WHERE id IN ("  # noqa: S608
    "SELECT c.id FROM tally_changes c ORDER BY c.id LIMIT :at_most FOR UPDATE SKIP LOCKED"
    f") RETURNING {', '.join(_KEY)}, count"
)
_ADD: Final = InsertMany(
    TALLIES,
    (*_KEY, "count"),
    on_conflict=f"({', '.join(_KEY)}) DO UPDATE SET count = tallies.count + excluded.count",
)
_FORGET: Final = Sql(
    "DELETE FROM tallies WHERE hour_us < :until_us AND (account_id, hour_us) IN ("
    "SELECT t.account_id, t.hour_us FROM tallies t WHERE t.hour_us < :until_us LIMIT :at_most)"
)
_ENDS_TEXT: Final = (
    "SELECT m.account_id, m.ended_at_us, m.source_id, COALESCE(m.template_name, ''), m.failure FROM messages m "
    "WHERE m.id = ANY(:message_ids) AND m.ended_at_us IS NOT NULL AND m.failure IS NOT NULL"
)
_ENDS: Final = Sql(_ENDS_TEXT)
_ENDS_OF_ACCOUNT: Final = Sql(_ENDS_TEXT + " AND m.account_id = :account_id")
_FREE_FORM: Final = Sql(
    "SELECT m.id, m.account_id, m.accepted_at_us, m.source_id FROM messages m "
    "WHERE m.id = ANY(:message_ids) AND m.template_name IS NULL"
)
_SUM: Final = Sql(
    "SELECT t.hour_us - t.hour_us % :unit_us, t.source_id, t.template, t.event, t.detail, "  # noqa: S608
    "CAST(SUM(t.count) AS BIGINT) FROM ("
    f"SELECT {', '.join(_KEY)}, count FROM tallies "
    "WHERE account_id = :account_id AND hour_us >= :from_us AND hour_us < :until_us "
    f"UNION ALL SELECT {', '.join(_KEY)}, count FROM tally_changes "
    "WHERE account_id = :account_id AND hour_us >= :from_us AND hour_us < :until_us"
    ") AS t WHERE (CAST(:source_id AS TEXT) IS NULL OR t.source_id = :source_id) "
    "AND (CAST(:template AS TEXT) IS NULL OR t.template = :template) "
    "GROUP BY 1, 2, 3, 4, 5 HAVING SUM(t.count) <> 0",
    columns=6,
)

_TOTALS: Final = Sql(
    # A sum of its own for each step and event: the index has their rows side by side, and nothing is to be grouped.
    "SELECT n.begin_us - n.begin_us % :unit_us, n.event, CAST(SUM(n.number) AS BIGINT) FROM ("
    "SELECT v.begin_us, v.event, (SELECT SUM(t.count) FROM tallies t INDEXED BY tallies_totals "
    "WHERE t.account_id = :account_id AND t.event = v.event AND t.hour_us >= v.begin_us AND t.hour_us < v.end_us "
    "AND (CAST(:source_id AS TEXT) IS NULL OR t.source_id = :source_id)) AS number "
    "FROM ROWS(:event text, :begin_us bigint, :end_us bigint) AS v "
    "UNION ALL SELECT c.hour_us, c.event, c.count FROM tally_changes c "
    "WHERE c.account_id = :account_id AND c.hour_us >= :from_us AND c.hour_us < :until_us AND c.event <> 'priced' "
    "AND (CAST(:source_id AS TEXT) IS NULL OR c.source_id = :source_id)"
    ") AS n GROUP BY 1, 2 HAVING SUM(n.number) <> 0",
    columns=3,
)
_FAILURES: Final = Sql(
    # The folded ones are added up by themselves: rows that pass through a union cost twice as much.
    "SELECT n.detail, CAST(SUM(n.number) AS BIGINT) FROM ("
    "SELECT t.detail, SUM(t.count) AS number FROM tallies t INDEXED BY tallies_totals "
    "WHERE t.account_id = :account_id AND t.event = 'failed' AND t.hour_us >= :from_us AND t.hour_us < :until_us "
    "AND (CAST(:source_id AS TEXT) IS NULL OR t.source_id = :source_id) GROUP BY t.detail "
    "UNION ALL SELECT c.detail, c.count FROM tally_changes c "
    "WHERE c.account_id = :account_id AND c.event = 'failed' AND c.hour_us >= :from_us AND c.hour_us < :until_us "
    "AND (CAST(:source_id AS TEXT) IS NULL OR c.source_id = :source_id)"
    ") AS n GROUP BY 1 HAVING SUM(n.number) <> 0",
    columns=2,
)
PLANNED: Final = (_SUM, _TOTALS, _FAILURES)
"""The statements of pages, for tests of their plans."""


def hour_of(at_us: int) -> int:
    """Return the hour in which a time lies."""
    return at_us - at_us % HOUR_US


def keep_tallies(tx: Tx, counts: Mapping[TallyKey, int]) -> None:
    """Append the changes of one transaction; those that come to nothing are left out."""
    rows = [(str(uuid_utils.uuid7()), *key, count) for key, count in counts.items() if count]
    if rows:
        tx.write_many(_APPEND, rows)


class AcceptedCounter:
    """Counts rows of messages by the places of their columns; per message it costs a look-up in a dictionary."""

    def __init__(self, columns: Sequence[str]) -> None:
        self._key = itemgetter(*(columns.index(name) for name in ("account_id", "source_id", "accepted_at_us")))
        self._template = itemgetter(columns.index("template_name"))

    def count(self, tx: Tx, rows: Sequence[Row]) -> None:
        """Count messages that are kept in this transaction."""
        counts: dict[TallyKey, int] = {}
        # By time of acceptance first, which all messages of a request share, and most hours hold many of.
        for ((account_id, source_id, at_us), template), number in Counter(
            zip(map(self._key, rows), map(self._template, rows), strict=True)
        ).items():
            key = (account_id, hour_of(at_us), source_id, template or "", TallyEvent.ACCEPTED.value, "")
            counts[key] = counts.get(key, 0) + number
        keep_tallies(tx, counts)


def tally_as_templates(tx: Tx, templates: Mapping[str, str]) -> None:
    """
    Count messages, by id, as messages of these templates from now on; call it before their rows say so.

    For those accepted as free-form, of which nothing but their acceptance is known yet; others are left alone.
    """
    counts: dict[TallyKey, int] = {}
    for message_id, account_id, at_us, source_id in tx.rows(_FREE_FORM, message_ids=list(templates)):
        for template, number in (("", -1), (templates[message_id], 1)):
            key = (account_id, hour_of(at_us), source_id, template, TallyEvent.ACCEPTED.value, "")
            counts[key] = counts.get(key, 0) + number
    keep_tallies(tx, counts)


def tally_ends(tx: Tx, message_ids: Sequence[str]) -> None:
    """
    Count the ends that the gateway itself has drawn, just now and in this transaction, of these messages.

    Read back from the rows, since ends are rare. Name a message once only, and none that had an end before.
    """
    if not message_ids:
        return
    counts: dict[TallyKey, int] = {}
    if tx.account_id is None:
        rows = tx.rows(_ENDS, message_ids=list(message_ids))
    else:
        rows = tx.rows(_ENDS_OF_ACCOUNT, message_ids=list(message_ids), account_id=tx.account_id)
    for account_id, at_us, source_id, template, failure in rows:
        key = (account_id, hour_of(at_us), source_id, template, TallyEvent.FAILED.value, failure)
        counts[key] = counts.get(key, 0) + 1
    keep_tallies(tx, counts)


def fold_tallies(tx: Tx, *, at_most: int) -> int:
    """
    Sum the oldest changes into the table of counts; return how many were taken.

    Several may fold at once: each change is taken by one of them, and counts are locked in the order of their keys.
    """
    taken = tx.rows(_TAKE, at_most=at_most)
    sums: dict[Row, int] = {}
    for row in taken:
        sums[row[:-1]] = sums.get(row[:-1], 0) + row[-1]
    tx.write_many(_ADD, [(*key, count) for key, count in sorted(sums.items()) if count])
    return len(taken)


def forget_tallies(tx: Tx, *, until_us: int, at_most: int) -> int:
    """Remove counts of hours before then, of at most so many hours at once; return how many rows that was."""
    return tx.run(_FORGET, until_us=until_us, at_most=at_most)


def load_tallies(
    tx: Tx,
    account_id: str,
    *,
    from_us: int,
    until_us: int,
    source_id: str | None = None,
    template: str | None = None,
    unit_us: int = HOUR_US,
) -> list[Tally]:
    """
    Return an account's counts of the hours that begin in ``[from_us, until_us)``, folded or not.

    With ``DAY_US`` for ``unit_us`` they are put together by day in UTC, which keeps a span of years small.
    """
    rows = tx.rows(
        _SUM,
        account_id=account_id,
        from_us=from_us,
        until_us=until_us,
        source_id=source_id,
        template=template,
        unit_us=unit_us,
    )
    return [Tally(*row) for row in rows]


def load_totals(
    tx: Tx, account_id: str, *, from_us: int, until_us: int, source_id: str | None = None, unit_us: int = HOUR_US
) -> list[Tally]:
    """
    Return what ``load_tallies`` does, put together over sources, templates and details, which are ``""``.

    For plots, so without prices, of which each says another thing; the work grows with the hours or days of the span.
    """
    begins_us = [max(from_us, step_us) for step_us in range(from_us - from_us % unit_us, until_us, unit_us)]
    steps = [(event, begin_us) for event in _TOTALLED for begin_us in begins_us]
    rows = tx.rows(
        _TOTALS,
        account_id=account_id,
        from_us=from_us,
        until_us=until_us,
        source_id=source_id,
        unit_us=unit_us,
        event=[event for event, _ in steps],
        begin_us=[begin_us for _, begin_us in steps],
        end_us=[min(until_us, begin_us - begin_us % unit_us + unit_us) for _, begin_us in steps],
    )
    return [Tally(begin_us, "", "", event, "", number) for begin_us, event, number in rows]


def load_failures(tx: Tx, account_id: str, *, from_us: int, until_us: int, source_id: str | None = None) -> list[Tally]:
    """Return how many messages failed for which reason, its ``detail``, put together over the whole span."""
    rows = tx.rows(_FAILURES, account_id=account_id, from_us=from_us, until_us=until_us, source_id=source_id)
    return [Tally(from_us, "", "", TallyEvent.FAILED.value, detail, number) for detail, number in rows]
