"""What the manage API and the command line show of consents and their history."""

from datetime import datetime
from typing import Self

from pydantic import Field

from waypost.store.consents import ConsentRecord, HistoryEntry
from waypost.web.manage.views import View, as_time


class ConsentView(View):
    """A recipient's standing."""

    recipient: str
    state: str | None = Field(description="opted_in, opted_out, or null: only the blocklist knows of this recipient.")
    is_implied: bool = Field(description="The opt-in was implied by an inbound message.")
    is_blocklisted: bool
    source: str
    user_agent: str
    ip: str
    changed_at: datetime

    @classmethod
    def of(cls, record: ConsentRecord) -> Self:
        """Return the view of a consent."""
        consent = record.consent
        return cls(
            recipient=record.recipient,
            state=None if consent.state is None else consent.state.value,
            is_implied=consent.is_implied,
            is_blocklisted=consent.is_blocklisted,
            source=record.origin,
            user_agent=record.user_agent,
            ip=record.ip,
            changed_at=as_time(record.changed_at_us),
        )


class ConsentEntryView(View):
    """One thing recorded about a recipient's consent."""

    id: str
    recipient: str
    action: str
    source: str
    user_agent: str
    ip: str
    at: datetime

    @classmethod
    def of(cls, entry: HistoryEntry) -> Self:
        """Return the view of an entry."""
        return cls(
            id=entry.id,
            recipient=entry.recipient,
            action=entry.action,
            source=entry.origin,
            user_agent=entry.user_agent,
            ip=entry.ip,
            at=as_time(entry.at_us),
        )
