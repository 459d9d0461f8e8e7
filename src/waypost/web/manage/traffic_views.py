"""What the manage API and the command line show of messages, files and queues."""

from datetime import datetime
from typing import Any, Self

import orjson
from pydantic import ConfigDict, Field

from waypost.domain.message import MessageState, Priority
from waypost.store.inspecting_webhooks import DeliveryRow, EndpointLoad, NotificationRow
from waypost.store.inspection import AttemptRow, InboundRow, MediaRow, MessageRow, QueueRow
from waypost.web.manage.notification_views import DeliveryView, NotificationView
from waypost.web.manage.paging import Listing
from waypost.web.manage.views import View, as_optional_time, as_time

_ENDS = frozenset({MessageState.FAILED, MessageState.EXPIRED, MessageState.CANCELLED, MessageState.UNKNOWN})


class MessageView(View):
    """An outbound message, without what it says."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    id: str
    status: str
    wait_reason: str | None = Field(description="Why it waits, while its status is `waiting`.")
    source_id: str
    source: str = Field(description="The source as the caller gave it.")
    recipient: str
    is_group: bool
    kind: str
    priority: str
    x_apiheader: str = Field(alias="x-apiheader")
    wamid: str | None
    accepted_at: datetime
    scheduled_at: datetime | None
    due_at: datetime | None = Field(description="Not before then, while it waits or is scheduled.")
    expires_at: datetime | None
    attempts: int
    failure: str | None
    failure_code: int | None = Field(description="The provider's own code.")
    failure_detail: str | None

    @classmethod
    def of(cls, row: MessageRow) -> Self:
        """Return the view of a message."""
        return cls(**_message_members(row))


class MessagePage(Listing[MessageView]):
    """A page of messages, in the order asked for."""

    previous_cursor: str | None = Field(description="The page before; null: this is the first.")
    looked_to: datetime | None = Field(
        description="Not null: so many messages were looked at that the page ends here, with those of that time. "
        "Go on with `next_cursor`."
    )


class AttemptView(View):
    """One try to hand a message upstream."""

    number: int
    started_at: datetime
    ended_at: datetime | None = Field(description="Null: under way, or its end was lost.")
    outcome: str | None
    http_status: int | None
    provider_code: int | None
    detail: str | None
    wamid: str | None
    node: str

    @classmethod
    def of(cls, row: AttemptRow) -> Self:
        """Return the view of an attempt."""
        return cls(
            number=row.number,
            started_at=as_time(row.started_at_us),
            ended_at=as_optional_time(row.ended_at_us),
            outcome=row.outcome,
            http_status=row.http_status,
            provider_code=row.provider_code,
            detail=row.detail,
            wamid=row.wamid,
            node=row.node,
        )


class MomentView(View):
    """One moment in a message's life."""

    status: str
    at: datetime


class MessageDetailView(MessageView):
    """An outbound message with everything that became of it."""

    content: dict[str, Any] | None = Field(description="What it says; null once retention has taken it.")
    timeline: list[MomentView]
    tries: list[AttemptView]
    notifications: list[NotificationView]
    deliveries: list[DeliveryView] = Field(description="Failed tries to tell webhooks of it.")

    @classmethod
    def assemble(
        cls,
        found: tuple[MessageRow, str],
        *,
        attempts: list[AttemptRow],
        notifications: list[NotificationRow],
        deliveries: list[DeliveryRow],
    ) -> Self:
        """Return the view of a message from all that is stored of it."""
        row, content = found
        return cls(
            **_message_members(row),
            content=orjson.loads(content) if content else None,
            timeline=_timeline(row),
            tries=[AttemptView.of(attempt) for attempt in attempts],
            notifications=[NotificationView.of(one) for one in notifications],
            deliveries=[DeliveryView.of(delivery) for delivery in deliveries],
        )


class InboundView(View):
    """A message that came in, without what it says."""

    id: str
    source_id: str
    provider_id: str
    sender: str
    kind: str
    media_id: str | None
    occurred_at: datetime
    received_at: datetime

    @classmethod
    def of(cls, row: InboundRow) -> Self:
        """Return the view of an inbound message."""
        return cls(
            id=row.id,
            source_id=row.source_id,
            provider_id=row.provider_id,
            sender=row.sender,
            kind=row.kind,
            media_id=row.media_id,
            occurred_at=as_time(row.occurred_at_us),
            received_at=as_time(row.received_at_us),
        )


class MediaView(View):
    """A stored file."""

    id: str
    origin: str
    state: str
    kind: str | None
    mime_type: str | None
    size_bytes: int | None
    filename: str | None
    sha256: str | None = Field(description="Hex digest of its bytes.")
    source_id: str | None = Field(description="The number it came in on.")
    failure_detail: str | None
    created_at: datetime

    @classmethod
    def of(cls, row: MediaRow) -> Self:
        """Return the view of a file."""
        return cls(
            id=row.id,
            origin=row.origin,
            state=row.state,
            kind=row.kind,
            mime_type=row.mime_type,
            size_bytes=row.size_bytes,
            filename=row.filename,
            sha256=row.digest,
            source_id=row.source_id,
            failure_detail=row.failure_detail,
            created_at=as_time(row.created_at_us),
        )


class QueueView(View):
    """What one number still has to do."""

    source_id: str
    name: str
    paused_reason: str | None
    queued: int
    waiting: int
    dispatching: int
    in_doubt: int
    oldest_queued_at: datetime | None

    @classmethod
    def of(cls, row: QueueRow) -> Self:
        """Return the view of a queue."""
        return cls(
            source_id=row.source_id,
            name=row.name,
            paused_reason=row.paused_reason,
            queued=row.queued,
            waiting=row.waiting,
            dispatching=row.dispatching,
            in_doubt=row.in_doubt,
            oldest_queued_at=as_optional_time(row.oldest_queued_at_us),
        )


class EndpointLoadView(View):
    """What one webhook has before it."""

    webhook_id: str
    name: str
    disabled_reason: str | None
    failing_since: datetime | None
    pending: int
    dead: int

    @classmethod
    def of(cls, load: EndpointLoad) -> Self:
        """Return the view of an endpoint's load."""
        return cls(
            webhook_id=load.endpoint_id,
            name=load.name,
            disabled_reason=load.disabled_reason,
            failing_since=as_optional_time(load.failing_since_us),
            pending=load.pending,
            dead=load.dead,
        )


def status_name(state: int) -> str:
    """Return a state as it is written: lower case."""
    return MessageState(state).name.lower()


def _message_members(row: MessageRow) -> dict[str, Any]:
    is_pending = row.state in (MessageState.WAITING, MessageState.SCHEDULED)
    return {
        "id": row.id,
        "status": status_name(row.state),
        "wait_reason": row.wait_reason,
        "source_id": row.source_id,
        "source": row.source_given or "",
        "recipient": row.recipient,
        "is_group": bool(row.is_group),
        "kind": row.kind,
        "priority": Priority(row.priority).name.lower(),
        "x_apiheader": row.caller_data,
        "wamid": row.wamid,
        "accepted_at": as_time(row.accepted_at_us),
        "scheduled_at": as_optional_time(row.scheduled_at_us),
        "due_at": as_time(row.due_at_us) if is_pending else None,
        "expires_at": as_optional_time(row.expires_at_us),
        "attempts": row.attempt_number,
        "failure": row.failure,
        "failure_code": row.failure_code,
        "failure_detail": row.failure_detail,
    }


def _timeline(row: MessageRow) -> list[MomentView]:
    # An end that proof of delivery has lifted since is still a moment of its life.
    end = status_name(row.state) if row.state in _ENDS else "ended by the gateway"
    moments = [
        ("accepted by the gateway", row.accepted_at_us),
        ("sent", row.sent_at_us),
        ("delivered", row.delivered_at_us),
        ("read", row.read_at_us),
        ("played", row.played_at_us),
        ("failed", row.failed_at_us),
        (end, row.ended_at_us),
    ]
    known = [(at_us, place, status) for place, (status, at_us) in enumerate(moments) if at_us is not None]
    return [MomentView(status=status, at=as_time(at_us)) for at_us, _, status in sorted(known)]
