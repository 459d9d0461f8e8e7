"""How fast messages went: from acceptance to the phone, and how many a minute each number sends."""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import groupby
from typing import Final, NamedTuple

from waypost.domain.ids import made_at_us
from waypost.store.searching import span_of
from waypost.store.statements import Sql
from waypost.store.transaction import Tx

MESSAGES_MAX: Final = 2_000
"""Messages looked at for one set of figures."""
MINUTE_US: Final = 60_000_000
MINUTES: Final = 60

_MOMENTS: Final = Sql(
    # Of a scheduled message the wait for its time is no latency. Upstream's own times are whole seconds, so the
    # acceptance by upstream is taken from the attempt.
    "SELECT m.id, CASE WHEN m.scheduled_at_us > m.accepted_at_us THEN m.scheduled_at_us ELSE m.accepted_at_us END, "
    "(SELECT t.ended_at_us FROM attempts t WHERE t.message_id = m.id AND t.number = m.attempt_number "
    "AND t.wamid IS NOT NULL), m.delivered_at_us, m.read_at_us FROM messages m "
    "WHERE m.account_id = :account_id AND m.id >= :floor AND m.id < :ceiling "
    "AND m.accepted_at_us >= :from_us AND m.accepted_at_us < :until_us "
    "AND (CAST(:source_id AS TEXT) IS NULL OR m.source_id = :source_id) "
    "ORDER BY m.id DESC LIMIT :at_most",
    columns=5,
)
_HORIZON: Final = Sql(
    "SELECT m.id FROM messages m WHERE m.account_id = :account_id AND m.id >= :floor AND m.id < :ceiling "
    "ORDER BY m.id DESC LIMIT 1 OFFSET :skipped"
)
_SENDING: Final = Sql(
    # A minute's tries lie side by side in the index, so they are counted there, without their rows and without sorting.
    "SELECT s.id, s.name, s.rate_per_second, s.burst, s.paused_reason, (SELECT COUNT(*) FROM attempts t "
    "WHERE t.source_id = s.id AND t.started_at_us >= v.begin_us AND t.started_at_us < v.begin_us + :minute_us) "
    "FROM sources s CROSS JOIN ROWS(:begin_us bigint) AS v "
    "WHERE s.account_id = :account_id AND s.deleted_at_us IS NULL "
    "AND (CAST(:source_id AS TEXT) IS NULL OR s.id = :source_id) ORDER BY s.id, v.begin_us",
    columns=6,
)
PLANNED: Final = (_MOMENTS, _HORIZON, _SENDING)
"""All statements there are, for tests of their plans."""


class Percentiles(NamedTuple):
    """Of so many durations the 50th, 90th and 99th percentile, microseconds."""

    number: int
    p50_us: int
    p90_us: int
    p99_us: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Latencies:
    """
    How long messages took from step to step; None: none has made that step.

    ``messages`` is how many were looked at, the newest of the range. ``looked_to_us``: there are more, made earlier.
    """

    accepted_to_sent: Percentiles | None
    sent_to_delivered: Percentiles | None
    delivered_to_read: Percentiles | None
    messages: int
    looked_to_us: int | None


class SendingRate(NamedTuple):
    """
    What a number sends a minute, attempts and all, over the last hour, oldest minute first, and what it may send.

    ``rate_per_second`` and ``burst`` None: what the settings say of all numbers.
    """

    source_id: str
    name: str
    rate_per_second: float | None
    burst: int | None
    paused_reason: str | None
    per_minute: tuple[int, ...]


def measure_latencies(
    tx: Tx,
    account_id: str,
    *,
    from_us: int,
    until_us: int,
    source_id: str | None = None,
    at_most: int = MESSAGES_MAX,
) -> Latencies:
    """Return how long the newest messages accepted in ``[from_us, until_us)`` took, of ``at_most`` looked at."""
    span = span_of(since_us=from_us, until_us=until_us)
    place = {"account_id": account_id, "ceiling": span.ceiling}
    horizon = tx.one(_HORIZON, **place, floor=span.floor, skipped=at_most)
    rows = tx.rows(
        _MOMENTS,
        **place,
        # One bound and no second one beside it: of two SQLite takes the first, and reads on to that.
        floor=span.floor if horizon is None else horizon[0],
        from_us=from_us,
        until_us=until_us,
        source_id=source_id,
        at_most=at_most,
    )
    return Latencies(
        accepted_to_sent=_percentiles((began, sent) for _, began, sent, _, _ in rows),
        sent_to_delivered=_percentiles((sent, delivered) for _, _, sent, delivered, _ in rows),
        delivered_to_read=_percentiles((delivered, read) for _, _, _, delivered, read in rows),
        messages=len(rows),
        looked_to_us=None if horizon is None else made_at_us(horizon[0]),
    )


def measure_sending(tx: Tx, account_id: str, *, now_us: int, source_id: str | None = None) -> list[SendingRate]:
    """
    Return what each number of the account, or this one, sent in each of the last 60 whole minutes.

    Exact, so it reads an index entry for each try of that hour: at a number's usual 80 a second at most 288,000.
    """
    until_us = now_us - now_us % MINUTE_US
    rows = tx.rows(
        _SENDING,
        account_id=account_id,
        source_id=source_id,
        begin_us=list(range(until_us - MINUTES * MINUTE_US, until_us, MINUTE_US)),
        minute_us=MINUTE_US,
    )
    return [
        SendingRate(id_, name, rate_per_second, burst, paused_reason, tuple(row[-1] for row in minutes))
        for (id_, name, rate_per_second, burst, paused_reason), minutes in groupby(rows, key=lambda row: row[:-1])
    ]


def _percentiles(spans: Iterable[tuple[int | None, int | None]]) -> Percentiles | None:
    """Return the percentiles of what has both ends; an end before its beginning, by another's clock, is no time."""
    durations = sorted(
        max(0, end_us - begin_us) for begin_us, end_us in spans if begin_us is not None and end_us is not None
    )
    if not durations:
        return None
    return Percentiles(len(durations), *(durations[(len(durations) - 1) * share // 100] for share in (50, 90, 99)))
