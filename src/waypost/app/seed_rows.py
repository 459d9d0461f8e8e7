"""
Invented traffic: messages, answers, attempts and notifications as they would stand after a month of work.

Everything follows from a seed number and the span of time. Numbers are from ranges that are kept for fiction (North
American 555-0100 to 555-0199), no person is named, and everything has ended: nothing of it can be sent, apart from
what is queued at a number that is paused.
"""

import math
import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

import orjson

from waypost.app.seed_fates import SECOND_US, Fate
from waypost.contract.events import StatusNotice, render_status
from waypost.contract.times import TimestampForm
from waypost.domain.errors import FailureReason
from waypost.domain.inbound import InboundKind, InboundMessage
from waypost.domain.message import (
    Attachment,
    Content,
    Interactive,
    Location,
    Media,
    MediaKind,
    MessageKind,
    MessageState,
    Template,
    Text,
)
from waypost.domain.pricing import calling_code, pricing_text
from waypost.domain.status import Status
from waypost.store.content import encode_content
from waypost.store.notifying import DEAD, DELIVERED
from waypost.store.tallies import TallyEvent, TallyKey, hour_of
from waypost.store.transaction import Row

DAY_US: Final = 86_400 * SECOND_US
PEOPLE_MAX: Final = 30_000
QUEUED_MAX: Final = 300

_AREAS: Final = tuple(code for code in range(203, 990) if code % 100 not in (11, 55) and code % 10 != 9)
_ORIGINS: Final = ("WEB", "SHOP", "APP")

MESSAGE_COLUMNS: Final = (
    "id", "account_id", "source_id", "recipient", "kind", "priority", "state", "due_at_us", "accepted_at_us",
    "caller_data", "content", "template_name", "attempt_number", "failed_attempts", "attempt_started_at_us", "wamid",
    "sent_at_us", "delivered_at_us", "read_at_us", "failed_at_us", "failure", "failure_code", "failure_detail",
    "ended_at_us", "announced", "pricing", "priced_at_us",
)  # fmt: skip
ATTEMPT_COLUMNS: Final = (
    "message_id", "number", "account_id", "source_id", "node", "epoch", "started_at_us", "ended_at_us", "outcome",
    "http_status", "provider_code", "detail", "wamid",
)  # fmt: skip
INBOUND_COLUMNS: Final = (
    "id", "account_id", "source_id", "provider_id", "sender", "chat", "kind", "payload", "occurred_at_us",
    "received_at_us",
)  # fmt: skip
NOTIFICATION_COLUMNS: Final = (
    "id", "account_id", "endpoint_id", "subject_id", "kind", "entry", "state", "batch_id", "due_at_us", "attempts",
    "created_at_us", "ended_at_us", "last_status", "last_error",
)  # fmt: skip
DELIVERY_COLUMNS: Final = (
    "id", "account_id", "notification_id", "endpoint_id", "started_at_us", "duration_us", "http_status", "error",
    "answer",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Sample:
    """What some of the messages say; ``share`` of all."""

    share: int
    kind: MessageKind
    content: Content
    category: str

    @property
    def template_name(self) -> str | None:
        return self.content.name if isinstance(self.content, Template) else None


_SAMPLES: Final = (
    _Sample(24, MessageKind.TEMPLATE, Template(name="repair_done", language="en", attributes=("you", "B-52")),
            "utility"),
    _Sample(14, MessageKind.TEMPLATE, Template(name="spring_rates", language="en"), "marketing"),
    _Sample(10, MessageKind.TEMPLATE, Template(name="login_code", language="en", attributes=("418-220",)),
            "authentication"),
    _Sample(6, MessageKind.MEDIA_TEMPLATE, Template(
        name="bicycle_photo", language="en", header=MediaKind.IMAGE,
        attachment=Attachment(url="https://shop.example.org/photos/b-52.png", kind=MediaKind.IMAGE)), "utility"),
    _Sample(16, MessageKind.TEXT, Text(body="Your bicycle is ready. We are open until six."), "service"),
    _Sample(9, MessageKind.TEXT, Text(body="The spare part comes on Thursday. Shall we fit it at once?"), "service"),
    _Sample(9, MessageKind.MEDIA, Media(
        attachment=Attachment(url="https://shop.example.org/bills/118.pdf", kind=MediaKind.DOCUMENT,
                              filename="bill-118.pdf"), caption="Your bill"), "service"),
    _Sample(6, MessageKind.INTERACTIVE, Interactive(definition={
        "type": "button", "body": {"text": "Shall we order it?"},
        "action": {"buttons": [{"type": "reply", "reply": {"id": "yes", "title": "Yes"}},
                               {"type": "reply", "reply": {"id": "no", "title": "No"}}]}}), "service"),
    _Sample(6, MessageKind.LOCATION, Location(longitude=-77.0365, latitude=38.8977, name="Demo shop"), "service"),
)  # fmt: skip
_STORED: Final = tuple(
    (sample.kind.value, encode_content(sample.content), sample.template_name,
     pricing_text(sample.category, "regular" if sample.category != "service" else "free_customer_service",
                  is_billable=sample.category != "service"))
    for sample in _SAMPLES for _ in range(sample.share)
)  # fmt: skip
_SAYINGS: Final = ("Thank you!", "Is my bicycle ready?", "What does it cost?", "Yes, please order it.", "On my way")


@dataclass(frozen=True, slots=True, kw_only=True)
class Cast:
    """
    Who plays: the account, its sources with the paused one last, and the endpoint that is told.

    ``people`` is how many recipients there are.
    """

    account_id: str
    source_ids: tuple[str, ...]
    source_phones: tuple[str, ...]
    endpoint_id: str
    people: int


@dataclass(slots=True)
class Batch:
    """Rows of some messages in a row, by table, and what they count."""

    messages: list[Row] = field(default_factory=list)
    attempts: list[Row] = field(default_factory=list)
    inbound: list[Row] = field(default_factory=list)
    notifications: list[Row] = field(default_factory=list)
    deliveries: list[Row] = field(default_factory=list)
    windows: dict[tuple[str, str], int] = field(default_factory=dict)
    counts: Counter[TallyKey] = field(default_factory=Counter)


def person_at(place: int) -> str:
    """Return the number of one of ``PEOPLE_MAX`` people."""
    return f"1{_AREAS[place % len(_AREAS)]}55501{place // len(_AREAS) % 100:02d}"


def consent_rows(account_id: str, places: range, *, at_us: int) -> tuple[list[Row], list[Row]]:
    """Return (account, recipient, state, implied, blocklisted, origin, time) of people, and their one past change."""
    standing: list[Row] = []
    history: list[Row] = []
    for place in places:
        state = "opted_out" if place % 40 == 7 else "opted_in"
        is_implied = int(place % 10 == 3)
        origin = "WHATSAPP" if is_implied else _ORIGINS[place % 3]
        changed_at_us = at_us - place % 2_000 * 3_600 * SECOND_US
        person = person_at(place)
        standing.append((account_id, person, state, is_implied, int(place % 100 == 9), origin, changed_at_us))
        row_id = _id(changed_at_us, place)
        action = "optout" if state == "opted_out" else "optin"
        history.append((row_id, account_id, person, action, origin, "", "", changed_at_us))
    return standing, history


class Inventor:
    """
    Invents messages ``first`` to ``until`` of a seed, in the order of their times, evenly over ``days`` before ``now``.

    By day there are more than by night. The same arguments give the same rows.
    """

    def __init__(self, cast: Cast, *, seed: int, first: int, until: int, now_us: int, days: int = 30) -> None:
        self._cast = cast
        self._random = random.Random(f"{seed}/{first}")  # noqa: S311 - nothing secret is drawn
        self._first = first
        self._until = until
        self._now_us = now_us
        self._span_us = days * DAY_US
        self._days = days
        # Only the first time: what waits at the paused number is to stay a handful.
        self._queued = min(QUEUED_MAX, until // 100) if first == 0 else 0

    def batches(self, size: int) -> Iterator[Batch]:
        """Yield all rows, so many messages at a time."""
        count = self._until - self._first
        for begin in range(0, count, size):
            batch = Batch()
            for place in range(begin, min(count, begin + size)):
                at_us = self._moment((place + self._random.random()) / count)
                if place >= count - self._queued:
                    self._queue(batch, at_us)
                else:
                    self._tell(batch, at_us)
            yield batch

    def _moment(self, share: float) -> int:
        days = share * self._days
        days -= 0.8 * math.sin(2 * math.pi * days) / (2 * math.pi)
        # The last minute stays free: every message has time to end.
        return self._now_us - 60 * SECOND_US - int((1 - days / self._days) * (self._span_us - 3_600 * SECOND_US))

    def _new_id(self, at_us: int) -> str:
        return _id(at_us, self._random.getrandbits(74))

    def _person(self) -> str:
        return person_at(int(self._random.random() ** 2 * self._cast.people))

    def _count(
        self, batch: Batch, source_id: str, template: str | None, event: TallyEvent, *, at_us: int, detail: str = ""
    ) -> None:
        batch.counts[self._cast.account_id, hour_of(at_us), source_id, template or "", event.value, detail] += 1

    def _queue(self, batch: Batch, at_us: int) -> None:
        source_id = self._cast.source_ids[-1]
        kind, content, template, _ = _STORED[60]
        batch.messages.append(
            (
                self._new_id(at_us), self._cast.account_id, source_id, self._person(), kind, 1,
                MessageState.QUEUED.value, at_us, at_us, "", content, template, 0, 0, None, None, None, None, None,
                None, None, None, None, None, 0, None, None,
            )
        )  # fmt: skip
        self._count(batch, source_id, template, TallyEvent.ACCEPTED, at_us=at_us)

    def _tell(self, batch: Batch, at_us: int) -> None:
        """Invent one message with all that became of it."""
        draw = self._random.random
        chance = draw()
        source_id = self._cast.source_ids[0 if chance < 0.7 else 1 if chance < 0.95 else -1]
        kind, content, template, pricing = _STORED[int(draw() * len(_STORED))]
        recipient = self._person()
        message_id = self._new_id(at_us)
        chance = draw()
        tag = f"order-{int(chance * 1_000_000)}" if chance < 0.4 else ""
        started_us = at_us + int(2_000 + draw() ** 4 * 3 * SECOND_US)
        handed_us = started_us + int(60_000 + draw() ** 3 * 900_000)
        fate = Fate.draw(draw(), draw, handed_us, latest_us=self._now_us)
        number = 0 if fate.is_unsent else 2 if draw() < 0.03 else 1
        wamid = f"wamid.{message_id.replace('-', '').upper()}" if fate.is_taken else None
        for one in range(1, number + 1):
            is_last = one == number
            batch.attempts.append(
                (
                    message_id, one, self._cast.account_id, source_id, "demo", 1,
                    started_us if is_last else at_us + 1_000, handed_us if is_last else at_us + 1_900,
                    fate.outcome if is_last else "transient", fate.http_status if is_last else 503,
                    fate.code if is_last and not fate.is_taken else None,
                    fate.detail if is_last and not fate.is_taken else None if is_last else "Service unavailable",
                    wamid if is_last else None,
                )
            )  # fmt: skip
        priced_us = fate.sent_us if fate.sent_us is not None and fate.failed_us is None else None
        batch.messages.append(
            (
                message_id, self._cast.account_id, source_id, recipient, kind, 1, fate.state.value, at_us, at_us, tag,
                content, template, number, max(0, number - 1), started_us if number else None, wamid, fate.sent_us,
                fate.delivered_us, fate.read_us, fate.failed_us, fate.failure, fate.code, fate.detail, fate.ended_us,
                fate.announced, pricing if priced_us else None, priced_us,
            )
        )  # fmt: skip
        self._count(batch, source_id, template, TallyEvent.ACCEPTED, at_us=at_us)
        for event, moment_us in (
            (TallyEvent.SENT, fate.sent_us),
            (TallyEvent.DELIVERED, fate.delivered_us),
            (TallyEvent.READ, fate.read_us),
        ):
            if moment_us is not None:
                self._count(batch, source_id, template, event, at_us=moment_us)
        end_us = fate.failed_us or fate.ended_us
        if end_us is not None:
            self._count(batch, source_id, template, TallyEvent.FAILED, at_us=end_us, detail=fate.failure or "")
        if priced_us is not None:
            detail = f"{pricing}/{calling_code(recipient)}"
            self._count(batch, source_id, template, TallyEvent.PRICED, at_us=priced_us, detail=detail)
        if draw() < 0.2:
            self._notify(batch, message_id, recipient, tag, fate)
        if fate.read_us is not None and draw() < 0.2:
            self._answer(batch, source_id, recipient, min(fate.read_us + int(draw() * 300 * SECOND_US), self._now_us))

    def _notify(self, batch: Batch, message_id: str, recipient: str, tag: str, fate: Fate) -> None:
        for status, at_us in fate.told():
            row_id = self._new_id(at_us)
            notice = StatusNotice(
                message_id=message_id, recipient=recipient, status=status, occurred_at_us=at_us,
                reason=FailureReason(fate.failure) if status is Status.FAILED and fate.failure else None,
                caller_data=tag,
            )  # fmt: skip
            entry = render_status(notice, timestamps=TimestampForm.DATE).decode()
            is_dead = self._random.random() < 0.005
            batch.notifications.append(
                (
                    row_id, self._cast.account_id, self._cast.endpoint_id, message_id, "event", entry,
                    DEAD if is_dead else DELIVERED, row_id, at_us, 10 if is_dead else 1, at_us, at_us + 40_000,
                    503 if is_dead else 200, "answered 503" if is_dead else None,
                )
            )  # fmt: skip
            for _ in range(3 if is_dead else 0):
                batch.deliveries.append(
                    (
                        self._new_id(at_us), self._cast.account_id, row_id, self._cast.endpoint_id, at_us, 30_000, 503,
                        "answered 503", "Service unavailable",
                    )
                )  # fmt: skip

    def _answer(self, batch: Batch, source_id: str, person: str, at_us: int) -> None:
        row_id = self._new_id(at_us)
        provider_id = f"wamid.IN{row_id.replace('-', '').upper()}"
        message = InboundMessage(
            provider_id=provider_id, from_number=person, from_user_id=None,
            to_number=self._cast.source_phones[self._cast.source_ids.index(source_id)], profile_name="",
            occurred_at_us=at_us, kind=InboundKind.TEXT,
            payload={"body": _SAYINGS[int(self._random.random() * len(_SAYINGS))]},
        )  # fmt: skip
        batch.inbound.append(
            (
                row_id, self._cast.account_id, source_id, provider_id, person, person, InboundKind.TEXT.value,
                orjson.dumps(message).decode(), at_us, at_us,
            )
        )  # fmt: skip
        key = (source_id, person)
        batch.windows[key] = max(batch.windows.get(key, 0), at_us)
        self._count(batch, source_id, None, TallyEvent.INBOUND, at_us=at_us)


def _id(at_us: int, number: int) -> str:
    """Return a UUIDv7 of a time, with these 74 bits for the random ones (RFC 9562)."""
    stamp = f"{at_us // 1_000:012x}"
    high, low = number >> 62 & 0xFFF, number & 0x3FFF_FFFF_FFFF_FFFF | 0x8000_0000_0000_0000
    tail = f"{low:016x}"
    return f"{stamp[:8]}-{stamp[8:]}-7{high:03x}-{tail[:4]}-{tail[4:]}"
