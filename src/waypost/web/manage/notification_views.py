"""What the manage API and the command line show of notifications, and of the tries to deliver them."""

from datetime import datetime
from typing import Self

from pydantic import Field

from waypost.store.inspecting_webhooks import STATES, DeliveryRow, NotificationRow
from waypost.web.manage.views import View, as_optional_time, as_time

_STATE_NAMES = {number: name for name, number in STATES.items()}


class NotificationView(View):
    """One event for one webhook."""

    id: str
    webhook_id: str
    subject_id: str = Field(description="The message it is about.")
    kind: str
    state: str = Field(description="pending, delivered or dead.")
    attempts: int
    due_at: datetime | None = Field(description="When it is tried next, while it is pending.")
    created_at: datetime
    ended_at: datetime | None
    last_status: int | None
    last_error: str | None

    @classmethod
    def of(cls, row: NotificationRow) -> Self:
        """Return the view of a notification."""
        state = _STATE_NAMES[row.state]
        return cls(
            id=row.id,
            webhook_id=row.endpoint_id,
            subject_id=row.subject_id,
            kind=row.kind,
            state=state,
            attempts=row.attempts,
            due_at=as_time(row.due_at_us) if state == "pending" else None,
            created_at=as_time(row.created_at_us),
            ended_at=as_optional_time(row.ended_at_us),
            last_status=row.last_status,
            last_error=row.last_error,
        )


class DeliveryView(View):
    """One failed try to tell a webhook."""

    notification_id: str = Field(description="The notification, or the batch it was delivered in.")
    webhook_id: str
    started_at: datetime
    duration_ms: float
    http_status: int | None
    error: str | None
    answer: str | None = Field(description="The beginning of what the webhook answered.")

    @classmethod
    def of(cls, row: DeliveryRow) -> Self:
        """Return the view of a failed try."""
        return cls(
            notification_id=row.notification_id,
            webhook_id=row.endpoint_id,
            started_at=as_time(row.started_at_us),
            duration_ms=row.duration_us / 1_000,
            http_status=row.http_status,
            error=row.error,
            answer=row.answer,
        )
