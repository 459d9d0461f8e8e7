"""
Messages as reports and exports read them: page by page in the order of their ids, and what happened to each.

``events_of`` is what the counts of ``store.tallies`` stand for, told from a message's own row; a property test holds
the two equal.
"""

from collections.abc import Iterator
from typing import Final, NamedTuple

from waypost.domain.ids import first_id_at
from waypost.domain.pricing import calling_code
from waypost.store.statements import Sql
from waypost.store.tallies import HOUR_US, Tally, TallyEvent
from waypost.store.transaction import Tx

TAGS_SEARCHED_MAX: Final = 100_000
"""Messages looked at for the list of tags."""
_ID_MARGIN_US: Final = 60_000_000
"""How far a message's id and its time of acceptance may lie apart."""


class ReportedMessage(NamedTuple):
    """One outbound message without its content; columns as stored."""

    id: str
    account_id: str
    source_id: str
    source_given: str | None
    recipient: str
    is_group: int
    kind: str
    template_name: str | None
    caller_data: str
    state: int
    accepted_at_us: int
    scheduled_at_us: int | None
    wamid: str | None
    sent_at_us: int | None
    delivered_at_us: int | None
    read_at_us: int | None
    played_at_us: int | None
    failed_at_us: int | None
    ended_at_us: int | None
    failure: str | None
    failure_code: int | None
    failure_detail: str | None
    pricing: str | None
    priced_at_us: int | None
    clicked_at_us: int | None
    clicks: int


class InboundEvent(NamedTuple):
    """One inbound message, without what it says."""

    id: str
    source_id: str
    provider_id: str
    sender: str
    kind: str
    occurred_at_us: int


class ReportedEvent(NamedTuple):
    """One thing that happened to a message; ``detail`` as in ``TallyEvent``."""

    event: TallyEvent
    at_us: int
    detail: str


_COLUMNS: Final = ", ".join(f"m.{name}" for name in ReportedMessage._fields)
_SPAN: Final = (
    "m.account_id = :account_id AND m.id > :after AND m.id < :ceiling "
    "AND m.accepted_at_us >= :from_us AND m.accepted_at_us < :until_us"
)
_PAGE: Final = Sql(
    f"SELECT {_COLUMNS} FROM messages m WHERE {_SPAN} ORDER BY m.id LIMIT :at_most",  # noqa: S608
    columns=len(ReportedMessage._fields),
)
_PAGE_OF_TAG: Final = Sql(
    # The second term is the partial index's own condition, in its words: SQLite uses it only then.
    f"SELECT {_COLUMNS} FROM messages m WHERE {_SPAN} AND m.caller_data <> '' AND m.caller_data = :tag "  # noqa: S608
    "ORDER BY m.caller_data, m.id LIMIT :at_most",
    columns=len(ReportedMessage._fields),
)
_INBOUND_PAGE: Final = Sql(
    "SELECT i.id, i.source_id, i.provider_id, i.sender, i.kind, i.occurred_at_us FROM inbound_messages i "
    "WHERE i.account_id = :account_id AND i.id > :after AND i.id < :ceiling "
    "AND i.received_at_us >= :from_us AND i.received_at_us < :until_us ORDER BY i.id LIMIT :at_most",
    columns=len(InboundEvent._fields),
)
_TAGS: Final = Sql(
    "SELECT n.caller_data, COUNT(*) FROM (SELECT m.caller_data, m.accepted_at_us FROM messages m "
    "WHERE m.account_id = :account_id AND m.id < :ceiling AND m.id > :floor ORDER BY m.id DESC LIMIT :searched"
    ") AS n WHERE n.caller_data <> '' AND n.accepted_at_us >= :from_us AND n.accepted_at_us < :until_us "
    "GROUP BY n.caller_data ORDER BY COUNT(*) DESC, n.caller_data LIMIT :at_most",
    columns=2,
)
_SEARCHED: Final = Sql(
    "SELECT COUNT(*) FROM (SELECT m.id FROM messages m "
    "WHERE m.account_id = :account_id AND m.id < :ceiling AND m.id > :floor LIMIT :searched) AS n"
)
_MOMENTS: Final = (
    (TallyEvent.ACCEPTED, "m.accepted_at_us", "''", "1"),
    (TallyEvent.SENT, "m.sent_at_us", "''", "1"),
    (TallyEvent.DELIVERED, "m.delivered_at_us", "''", "1"),
    (TallyEvent.READ, "m.read_at_us", "''", "1"),
    (TallyEvent.PLAYED, "m.played_at_us", "''", "1"),
    (TallyEvent.FAILED, "COALESCE(m.failed_at_us, m.ended_at_us)", "COALESCE(m.failure, '')", "1"),
    (TallyEvent.CLICKED, "m.clicked_at_us", "''", "1"),
    (TallyEvent.CLICK, "m.clicked_at_us", "''", "m.clicks"),
)
_OF_TAG: Final = tuple(
    (
        event,
        Sql(
            f"SELECT {at} - {at} % {HOUR_US}, m.source_id, COALESCE(m.template_name, ''), {detail}, "  # noqa: S608
            f"CAST(SUM({number}) AS BIGINT) FROM messages m WHERE m.account_id = :account_id "
            f"AND m.caller_data <> '' AND m.caller_data = :tag AND {at} >= :from_us AND {at} < :until_us "
            "AND (CAST(:source_id AS TEXT) IS NULL OR m.source_id = :source_id) "
            "AND (CAST(:template AS TEXT) IS NULL OR m.template_name = :template) "
            "GROUP BY 1, 2, 3, 4",
            columns=5,
        ),
    )
    for event, at, detail, number in _MOMENTS
)


def page_messages(
    tx: Tx, account_id: str, *, from_us: int, until_us: int, after: str, at_most: int, tag: str | None = None
) -> list[ReportedMessage]:
    """Return messages accepted in ``[from_us, until_us)``, oldest first, behind the id ``after`` or from ``""``."""
    after = max(after, first_id_at(from_us - _ID_MARGIN_US))
    ceiling = first_id_at(until_us + _ID_MARGIN_US)
    if tag is None:
        rows = tx.rows(
            _PAGE,
            account_id=account_id,
            after=after,
            ceiling=ceiling,
            from_us=from_us,
            until_us=until_us,
            at_most=at_most,
        )
    else:
        rows = tx.rows(
            _PAGE_OF_TAG,
            account_id=account_id,
            after=after,
            ceiling=ceiling,
            from_us=from_us,
            until_us=until_us,
            tag=tag,
            at_most=at_most,
        )
    return list(map(ReportedMessage._make, rows))


def page_inbound(
    tx: Tx, account_id: str, *, from_us: int, until_us: int, after: str, at_most: int
) -> list[InboundEvent]:
    """Return inbound messages received in ``[from_us, until_us)``, oldest first, behind the id ``after``."""
    rows = tx.rows(
        _INBOUND_PAGE,
        account_id=account_id,
        after=max(after, first_id_at(from_us - _ID_MARGIN_US)),
        ceiling=first_id_at(until_us + _ID_MARGIN_US),
        from_us=from_us,
        until_us=until_us,
        at_most=at_most,
    )
    return list(map(InboundEvent._make, rows))


def events_of(message: ReportedMessage) -> Iterator[ReportedEvent]:
    """Yield what happened to a message; several clicks are one event, at the time of the first."""
    yield ReportedEvent(TallyEvent.ACCEPTED, message.accepted_at_us, "")
    for event, at_us in (
        (TallyEvent.SENT, message.sent_at_us),
        (TallyEvent.DELIVERED, message.delivered_at_us),
        (TallyEvent.READ, message.read_at_us),
        (TallyEvent.PLAYED, message.played_at_us),
        (TallyEvent.CLICKED, message.clicked_at_us),
    ):
        if at_us is not None:
            yield ReportedEvent(event, at_us, "")
    failed_at_us = message.ended_at_us if message.failed_at_us is None else message.failed_at_us
    if failed_at_us is not None:
        yield ReportedEvent(TallyEvent.FAILED, failed_at_us, message.failure or "")
    if message.priced_at_us is not None:
        country = calling_code(message.recipient)
        yield ReportedEvent(TallyEvent.PRICED, message.priced_at_us, f"{message.pricing}/{country}")


def load_tallies_of_tag(
    tx: Tx,
    account_id: str,
    tag: str,
    *,
    from_us: int,
    until_us: int,
    source_id: str | None = None,
    template: str | None = None,
) -> list[Tally]:
    """
    Count the events of the messages that bear a tag, as ``store.tallies.load_tallies`` does of all.

    Counted from the messages: the cost follows how many bear the tag, and those that retention has taken are missing.
    All clicks of a message count in the hour of its first.
    """
    return [
        Tally(hour_us, source, name, event.value, detail, number)
        for event, sql in _OF_TAG
        for hour_us, source, name, detail, number in tx.rows(
            sql,
            account_id=account_id,
            tag=tag,
            from_us=from_us,
            until_us=until_us,
            source_id=source_id,
            template=template,
        )
    ]


def count_tags(
    tx: Tx, account_id: str, *, from_us: int, until_us: int, at_most: int
) -> tuple[list[tuple[str, int]], bool]:
    """
    Return the tags (``x-apiheader``) that most messages bear, with how many; and whether all messages were looked at.

    Of more than ``TAGS_SEARCHED_MAX`` messages in the span only the newest are.
    """
    span = {
        "account_id": account_id,
        "floor": first_id_at(from_us - _ID_MARGIN_US),
        "ceiling": first_id_at(until_us + _ID_MARGIN_US),
    }
    rows = tx.rows(_TAGS, searched=TAGS_SEARCHED_MAX, from_us=from_us, until_us=until_us, at_most=at_most, **span)
    searched = tx.one(_SEARCHED, searched=TAGS_SEARCHED_MAX + 1, **span)
    assert searched is not None
    return [(tag, number) for tag, number in rows], searched[0] <= TAGS_SEARCHED_MAX
