"""What a change of a message's facts does to the counts: one more here, one less there if a time has moved."""

from typing import Final

from waypost.domain.pricing import calling_code
from waypost.domain.status import StatusFacts
from waypost.store.following import FollowedMessage
from waypost.store.tallies import TallyEvent, TallyKey, hour_of

_SENT: Final = TallyEvent.SENT.value
_DELIVERED: Final = TallyEvent.DELIVERED.value
_READ: Final = TallyEvent.READ.value
_PLAYED: Final = TallyEvent.PLAYED.value
_FAILED: Final = TallyEvent.FAILED.value
_PRICED: Final = TallyEvent.PRICED.value

_Moment = tuple[int | None, str]
"""(time, detail); without a time there is nothing to count."""


def count_status(
    counts: dict[TallyKey, int],
    message: FollowedMessage,
    facts: StatusFacts,
    *,
    pricing: str | None,
    priced_at_us: int | None,
) -> None:
    """
    Count what has become known of a message beyond its row.

    A fact is counted in the hour of its own time. If an earlier time becomes known, or another reason or price, the
    count moves: so the counts are a function of the rows, in whatever order statuses came.
    """
    if facts.sent_at_us != message.sent_at_us:
        _move(counts, message, _SENT, (message.sent_at_us, ""), (facts.sent_at_us, ""))
    if facts.delivered_at_us != message.delivered_at_us:
        _move(counts, message, _DELIVERED, (message.delivered_at_us, ""), (facts.delivered_at_us, ""))
    if facts.read_at_us != message.read_at_us:
        _move(counts, message, _READ, (message.read_at_us, ""), (facts.read_at_us, ""))
    if facts.played_at_us != message.played_at_us:
        _move(counts, message, _PLAYED, (message.played_at_us, ""), (facts.played_at_us, ""))
    if facts.failed_at_us is not None:
        known_at_us = message.ended_at_us if message.failed_at_us is None else message.failed_at_us
        known: _Moment = (known_at_us, message.failure or "")
        told: _Moment = (facts.failed_at_us, facts.failure or "")
        if told != known:
            _move(counts, message, _FAILED, known, told)
    if (priced_at_us, pricing) != (message.priced_at_us, message.pricing):
        country = calling_code(message.recipient)
        known, told = (message.priced_at_us, f"{message.pricing}/{country}"), (priced_at_us, f"{pricing}/{country}")
        _move(counts, message, _PRICED, known, told)


def _move(counts: dict[TallyKey, int], message: FollowedMessage, event: str, known: _Moment, told: _Moment) -> None:
    account_id, source_id, template = message.account_id, message.source_id, message.template_name or ""
    for (at_us, detail), number in ((known, -1), (told, 1)):
        if at_us is not None:
            key = (account_id, hour_of(at_us), source_id, template, event, detail)
            counts[key] = counts.get(key, 0) + number
