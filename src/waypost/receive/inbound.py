"""What follows from inbound messages: windows, consent, files, the quoted message, and news; each for new ones only."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

import orjson

from waypost.domain.consent import is_stop_word
from waypost.domain.conversation import window_end_us
from waypost.domain.inbound import InboundKind, InboundMessage
from waypost.domain.value import value
from waypost.outbox import IncomingNews, News, Notice, consent_notice, number_changed_notice
from waypost.ports import IdFactory
from waypost.store.consents import ConsentKey
from waypost.store.directory import Snapshot, Source
from waypost.store.receiving import (
    INBOUND_ORIGIN,
    InboundRow,
    find_quoted,
    insert_consent_history,
    insert_inbound,
    insert_inbound_media,
    record_inbound_consents,
    widen_windows,
)
from waypost.store.tallies import TallyEvent, TallyKey, hour_of, keep_tallies
from waypost.store.transaction import Row, Tx

_NO_WORD_OF_A_PERSON = frozenset({InboundKind.SYSTEM, InboundKind.EDIT, InboundKind.REVOKE})
"""Kinds that neither open a window nor say anything of consent: the network speaks, or an old message changes."""


@value
class Arrival:
    """One inbound message at one source; ``received_at_us`` is our time."""

    source: Source
    message: InboundMessage
    received_at_us: int

    @property
    def occurred_at_us(self) -> int:
        """The time rules go by: upstream's, but never in our future, so that no window stays open too long."""
        return min(self.message.occurred_at_us, self.received_at_us)

    @property
    def last_possible_us(self) -> int:
        """The last moment of the second that upstream tells, and never in our future."""
        return min(self.message.occurred_at_us + 999_999, self.received_at_us)


def keep_arrivals(tx: Tx, snapshot: Snapshot, ids: IdFactory, arrivals: Sequence[Arrival]) -> list[News]:
    """
    Keep messages with all that follows from them; return the news of those that were not known, and of consents.

    A message known already, by (source, the provider's id), changes nothing. The number of statements does not depend
    on the number of messages.
    """
    by_row_id = dict(_named(tx, ids, arrivals))
    new_ids = insert_inbound(tx, [_row(row_id, by_row_id[row_id]) for row_id in _in_key_order(by_row_id)])
    fresh = {row_id: arrival for row_id, arrival in by_row_id.items() if row_id in new_ids}
    if not fresh:
        return []
    _tally(tx, fresh.values())
    spoken = [arrival for arrival in fresh.values() if arrival.message.kind not in _NO_WORD_OF_A_PERSON]
    widen_windows(tx, _window_rows(spoken))
    changed = _record_consents(tx, snapshot, ids, spoken)
    insert_inbound_media(tx, _media_rows(fresh.values()))
    news: list[News] = [
        IncomingNews(
            account_id=arrival.source.account_id,
            source_id=arrival.source.id,
            inbound_id=row_id,
            message=arrival.message,
        )
        for row_id, arrival in fresh.items()
    ]
    return [*news, *changed, *_changed_numbers(fresh.values())]


def _changed_numbers(arrivals: Iterable[Arrival]) -> Iterable[Notice]:
    """
    Tell who is reached under another number from now on.

    Consent and window stay with the old number: the person agreed as the holder of it, whoever holds it next did not,
    and upstream opens a window for the new one only when something is written from it.
    """
    for arrival in arrivals:
        message = arrival.message
        if message.kind is not InboundKind.SYSTEM:
            continue
        if message.payload.get("type") == "user_changed_user_id":
            former, present = message.payload.get("previous_user_id"), message.from_user_id
        else:
            former, present = message.sender, message.payload.get("wa_id")
        if former and present and isinstance(former, str) and isinstance(present, str) and former != present:
            yield number_changed_notice(
                account_id=arrival.source.account_id,
                source_id=arrival.source.id,
                recipient=former,
                new_recipient=present,
                occurred_at_us=arrival.occurred_at_us,
            )


def _tally(tx: Tx, arrivals: Iterable[Arrival]) -> None:
    counts: dict[TallyKey, int] = {}
    for arrival in arrivals:
        source, at_us = arrival.source, arrival.message.occurred_at_us
        key = (source.account_id, hour_of(at_us), source.id, "", TallyEvent.INBOUND.value, "")
        counts[key] = counts.get(key, 0) + 1
    keep_tallies(tx, counts)


def _named(tx: Tx, ids: IdFactory, arrivals: Sequence[Arrival]) -> Iterable[tuple[str, Arrival]]:
    """Give each message an id, once however often it came, with the message it answers filled in."""
    answered = {arrival.message.context.provider_id for arrival in arrivals if arrival.message.context is not None}
    quoted = find_quoted(tx, sorted(answered)) if answered else {}
    seen: set[tuple[str, str]] = set()
    for arrival in arrivals:
        source, message = arrival.source, arrival.message
        key = (source.id, message.provider_id)
        if key in seen:
            continue
        seen.add(key)
        context = message.context
        found = None if context is None else quoted.get((source.account_id, context.provider_id))
        if context is not None and found is not None:
            context = replace(context, message_id=found[0], caller_data=found[1])
            arrival = replace(arrival, message=replace(message, context=context))  # noqa: PLW2901
        yield ids.new(), arrival


def _in_key_order(arrivals: dict[str, Arrival]) -> list[str]:
    """Return row ids so that nodes that keep the same messages at once lock their keys in one order."""
    return sorted(arrivals, key=lambda row_id: (arrivals[row_id].source.id, arrivals[row_id].message.provider_id))


def _row(row_id: str, arrival: Arrival) -> InboundRow:
    source, message = arrival.source, arrival.message
    return InboundRow(
        id=row_id,
        account_id=source.account_id,
        source_id=source.id,
        provider_id=message.provider_id,
        sender=message.sender,
        chat=message.group_id or message.sender,
        kind=message.kind.value,
        payload=orjson.dumps(message).decode(),
        media_id=_media_id(message),
        occurred_at_us=message.occurred_at_us,
        received_at_us=arrival.received_at_us,
    )


def _media_id(message: InboundMessage) -> str | None:
    media_id: str | None = message.payload.get("id") if message.kind.has_media else None
    return media_id


def _window_rows(arrivals: Sequence[Arrival]) -> list[tuple[str, str, int, int]]:
    """Return one row per (source, person or group), with the latest end and the latest message of the batch."""
    widest: dict[tuple[str, str], tuple[int, int]] = {}
    for arrival in arrivals:
        message, at_us = arrival.message, arrival.occurred_at_us
        person = message.group_id or message.sender
        if not person:
            continue
        closes_at_us = window_end_us(inbound_at_us=at_us, has_referral=message.has_referral)
        known = widest.get((arrival.source.id, person), (0, 0))
        widest[arrival.source.id, person] = (max(known[0], closes_at_us), max(known[1], at_us))
    return [(*key, *times) for key, times in sorted(widest.items())]


def _record_consents(tx: Tx, snapshot: Snapshot, ids: IdFactory, arrivals: Sequence[Arrival]) -> list[Notice]:
    """
    Record what messages say of consent (contract, section 2.12), and return the notices of what has changed.

    Of one person's messages in a batch the latest counts; at the same second a stop word does. Messages in groups say
    nothing: they are not addressed to the account alone.
    """
    optouts: dict[ConsentKey, int] = {}
    optins: dict[ConsentKey, int] = {}
    for arrival in arrivals:
        message = arrival.message
        account = snapshot.accounts.get(arrival.source.account_id)
        if account is None or message.group_id is not None or not message.sender:
            continue
        is_stop = message.kind is InboundKind.TEXT and is_stop_word(message.payload["body"], account.stop_words)
        said = optouts if is_stop else optins
        if is_stop or account.implicit_optin:
            key = (account.id, message.sender)
            # Upstream tells whole seconds: whoever says stop in the second of an opt-in is taken to have said it after.
            at_us = arrival.last_possible_us if is_stop else arrival.occurred_at_us
            said[key] = max(said.get(key, 0), at_us)
    later_optins = {key: at_us for key, at_us in optins.items() if at_us > optouts.get(key, -1)}
    changed = record_inbound_consents(tx, optouts=sorted(optouts.items()), optins=sorted(later_optins.items()))
    insert_consent_history(tx, [(ids.new(), key, action, at_us) for key, action, at_us in changed])
    return [
        consent_notice(
            account_id=account_id, recipient=recipient, action=action, source=INBOUND_ORIGIN, occurred_at_us=at_us
        )
        for (account_id, recipient), action, at_us in changed
    ]


def _media_rows(arrivals: Iterable[Arrival]) -> list[Row]:
    rows: list[Row] = []
    for arrival in arrivals:
        message, source = arrival.message, arrival.source
        media_id = _media_id(message)
        if media_id is None:
            continue
        mime_type, filename = message.payload.get("mime_type"), message.payload.get("filename")
        rows.append(
            (
                source.account_id,
                media_id,
                _storable(mime_type),
                message.kind.value,
                _storable(filename),
                source.id,
                arrival.received_at_us,
            )
        )
    return rows


def _storable(said: object) -> str | None:
    """Return a text of the provider's without NULs, which PostgreSQL cannot store; None if it is no text."""
    return said.replace("\x00", "") if isinstance(said, str) else None
