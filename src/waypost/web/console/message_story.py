"""What happened to a message, as one list by time: from its acceptance to the last webhook."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import orjson

from waypost.contract.events import WebhookKind, render_body
from waypost.domain.message import MessageState
from waypost.store.directory import Endpoint
from waypost.store.inspecting_webhooks import DeliveryRow, NotificationRow
from waypost.store.inspection import AttemptRow, MessageRow
from waypost.store.message_facts import MessageFacts
from waypost.store.notifying import DEAD, DELIVERED, PENDING
from waypost.web.console.explaining import explain_wait

_STATE_WORDS: Final = {PENDING: "pending", DELIVERED: "delivered", DEAD: "dead"}
_END_TITLES: Final = {
    MessageState.FAILED: "Given up",
    MessageState.EXPIRED: "Expired before it could be sent",
    MessageState.CANCELLED: "Cancelled",
    MessageState.UNKNOWN: "Given up: nobody knows whether it arrived",
}
_OUTCOMES: Final = {
    "accepted": ("taken by WhatsApp", "good"),
    "throttled": ("throttled: upstream wants less", "warn"),
    "transient": ("failed, to be tried again", "warn"),
    "rejected": ("refused for good", "bad"),
    "misconfigured": ("refused: the source's set-up is at fault", "bad"),
    "in_doubt": ("in doubt: it may have arrived", "warn"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """One notification: who was to be told, with which body, and the tries that failed."""

    id: str
    endpoint_id: str
    endpoint: str
    url: str
    is_in_use: bool
    state: str
    what: str
    body: str
    created_at_us: int
    ended_at_us: int | None
    due_at_us: int
    attempts: int
    last_status: int | None
    last_error: str | None
    tries: Sequence[DeliveryRow]

    @property
    def may_replay(self) -> bool:
        """Whether it can be told again now."""
        return self.is_in_use and self.state != "pending"


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """
    One thing that happened; ``at_us`` None: it has not yet. ``tone`` as in badges.

    ``order_us`` is where it stands in the list, if not at its time: upstream's times are whole seconds, often a little
    before the request that they follow from.
    """

    at_us: int | None
    title: str
    order_us: int | None = None
    tone: str = "plain"
    text: str = ""
    attempt: AttemptRow | None = None
    told: Told | None = field(default=None)


def tell_story(
    row: MessageRow,
    facts: MessageFacts,
    attempts: Sequence[AttemptRow],
    told: Sequence[Told],
) -> list[Moment]:
    """Return every moment of an outbound message, oldest first; what is still to come stands at the end."""
    moments = [Moment(at_us=row.accepted_at_us, title="Accepted by the gateway", text=_asked(row))]
    moments += [_attempt(attempt) for attempt in attempts]
    moments += _said_upstream(row, attempts)
    if row.ended_at_us is not None:
        title = _END_TITLES.get(MessageState(row.state), "Ended by the gateway")
        moments.append(Moment(at_us=row.ended_at_us, title=title, tone="bad", text=_why(row)))
    if facts.clicked_at_us is not None:
        times = "once" if facts.clicks == 1 else f"{facts.clicks} times by now"
        moments.append(Moment(at_us=facts.clicked_at_us, title="A link was opened", tone="good", text=times))
    moments += [_webhook(one) for one in told]
    return sorted(moments, key=lambda moment: moment.order_us or moment.at_us or 0) + _pending(row)


def webhook_moments(told: Sequence[Told]) -> list[Moment]:
    """Return what subscribers were told, by time."""
    return [_webhook(one) for one in sorted(told, key=lambda one: one.ended_at_us or one.created_at_us)]


def tellings(
    notifications: Sequence[NotificationRow],
    deliveries: Sequence[DeliveryRow],
    entries: Mapping[str, str],
    endpoints: Mapping[str, Endpoint],
) -> list[Told]:
    """Return notifications with their endpoints, bodies and failed tries."""
    tries: dict[str, list[DeliveryRow]] = {}
    for delivery in deliveries:
        tries.setdefault(delivery.notification_id, []).append(delivery)
    told = []
    for row in notifications:
        endpoint = endpoints.get(row.endpoint_id)
        batch = row.batch_id if row.batch_id not in (None, row.id) else None
        told.append(
            Told(
                id=row.id,
                endpoint_id=row.endpoint_id,
                endpoint="a webhook that is gone" if endpoint is None else endpoint.name,
                url="" if endpoint is None else endpoint.url,
                is_in_use=endpoint is not None and endpoint.disabled_reason is None,
                state=_STATE_WORDS[row.state],
                what=_what(row.kind, entries.get(row.id, "")),
                body=_body(row.kind, entries.get(row.id, "")),
                created_at_us=row.created_at_us,
                ended_at_us=row.ended_at_us,
                due_at_us=row.due_at_us,
                attempts=row.attempts,
                last_status=row.last_status,
                last_error=row.last_error,
                tries=(*tries.get(row.id, ()), *(tries.get(batch, ()) if batch else ())),
            )
        )
    return told


def _what(kind: str, entry: str) -> str:
    """Return in a word what it tells: a status, ``message``, or the type of a notice."""
    if kind == WebhookKind.INCOMING.value:
        return "message"
    found = orjson.loads(entry) if entry else {}
    word = found.get("status" if kind == WebhookKind.EVENT.value else "type") if isinstance(found, dict) else None
    return word if isinstance(word, str) else kind


def _body(kind: str, entry: str) -> str:
    return render_body(WebhookKind(kind), [entry.encode()]).decode() if entry else ""


def _asked(row: MessageRow) -> str:
    return "" if row.scheduled_at_us is None else "to be sent later"


def _why(row: MessageRow) -> str:
    return "" if row.failure is None else row.failure.replace("_", " ")


def _said_upstream(row: MessageRow, attempts: Sequence[AttemptRow]) -> list[Moment]:
    """Return what upstream has said of it, none of it before the attempt that it follows from."""
    handed_us = max((one.ended_at_us or one.started_at_us for one in attempts), default=row.accepted_at_us)
    said = (
        (row.sent_at_us, "Sent: WhatsApp has passed it on", "good", ""),
        (row.delivered_at_us, "Delivered to the phone", "good", ""),
        (row.read_at_us, "Read", "good", ""),
        (row.played_at_us, "Played", "good", ""),
        (row.failed_at_us, "Failed: WhatsApp says so", "bad", _why(row)),
    )
    return [
        Moment(at_us=at_us, order_us=max(at_us, handed_us + place), title=title, tone=tone, text=text)
        for place, (at_us, title, tone, text) in enumerate(said, start=1)
        if at_us is not None
    ]


def _attempt(attempt: AttemptRow) -> Moment:
    text, tone = _OUTCOMES.get(attempt.outcome or "", ("under way, or its end was lost", "soft"))
    return Moment(at_us=attempt.started_at_us, title=f"Attempt {attempt.number}", tone=tone, text=text, attempt=attempt)


def _webhook(told: Told) -> Moment:
    tone = {"delivered": "good", "dead": "bad"}.get(told.state, "soft")
    title = {
        "delivered": f"Webhook {told.endpoint} was told: {told.what}",
        "dead": f"Webhook {told.endpoint} could not be told: {told.what}",
        "pending": f"Webhook {told.endpoint} is to be told: {told.what}",
    }[told.state]
    return Moment(at_us=told.ended_at_us or told.created_at_us, title=title, tone=tone, told=told)


def _pending(row: MessageRow) -> list[Moment]:
    """Return what the gateway will do next, if it waits for a time."""
    if row.state == MessageState.SCHEDULED:
        return [Moment(at_us=row.due_at_us, title="Scheduled for then", tone="soft")]
    if row.state == MessageState.WAITING:
        return [Moment(at_us=row.due_at_us, title="Waits until then", tone="soft", text=explain_wait(row.wait_reason))]
    if row.state == MessageState.QUEUED:
        return [Moment(at_us=None, title="Queued: it goes out as soon as the source's pace allows", tone="soft")]
    if row.state == MessageState.IN_DOUBT:
        return [Moment(at_us=None, title="In doubt: a status is waited for before it is tried again", tone="warn")]
    return []
