"""What may be asked of groups, and what is shown of them."""

from datetime import datetime
from typing import Annotated, Literal, Self

from pydantic import Field, StringConstraints

from waypost.domain.group import GroupState
from waypost.providers.cloud_api.groups import JoinRequest
from waypost.store.groups import GroupRecord
from waypost.web.manage.requests import Request
from waypost.web.manage.views import View, as_optional_time, as_time

PARTICIPANTS_MAX = 8
"""A group holds so many, the business not counted (groups reference, Aug 2026)."""

Subject = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=128)]
Description = Annotated[str, StringConstraints(max_length=2048)]
SourceId = Annotated[str, StringConstraints(min_length=1, max_length=64)]
Participant = Annotated[str, StringConstraints(pattern=r"^\+?[0-9]{5,20}$|^[A-Z]{2}\.[A-Za-z0-9.]{1,140}$")]
RequestId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_=+/:.-]{1,256}$")]


class GroupCreation(Request):
    """A new group of a number that may have groups."""

    subject: Subject = Field(examples=["Sunday ride"])
    description: Description = Field(default="", examples=["Every Sunday at nine"])
    join_approval_mode: Literal["auto_approve", "approval_required"] = "auto_approve"
    source_id: SourceId | None = Field(default=None, description="Left out: the account's default source.")


class GroupChange(Request):
    """What to change of a group."""

    subject: Subject | None = Field(default=None, examples=["Monday ride"])
    description: Description | None = None


class GroupRefresh(Request):
    """Whose groups to read from the provider."""

    source_id: SourceId | None = Field(default=None, description="Left out: the account's default source.")


class ParticipantRemoval(Request):
    """Who is to leave a group; they cannot come back by its invite link."""

    participants: Annotated[list[Participant], Field(min_length=1, max_length=PARTICIPANTS_MAX)] = Field(
        examples=[["12025550143"]]
    )


class JoinDecision(Request):
    """Which requests to join are decided."""

    request_ids: Annotated[list[RequestId], Field(min_length=1, max_length=200)] = Field(
        examples=[["1122334455667788"]]
    )


class GroupView(View):
    """A group as its provider last told of it."""

    id: str = Field(description="The provider's id, for `recipient_whatsapp`; while `creating`, that of the request.")
    source_id: str
    request_id: str | None = Field(description="Of the call that made it; it finds the group too.")
    state: GroupState
    subject: str
    description: str
    invite_link: str | None = Field(description="Null: not known yet.")
    join_approval_mode: str
    participants: list[str] = Field(description="Digits, or user ids where no number is shown; without the business.")
    failure: str | None = Field(description="Why it was never made.")
    created_at: datetime
    changed_at: datetime

    @classmethod
    def of(cls, record: GroupRecord) -> Self:
        """Return the view of a stored group."""
        return cls(
            id=record.id,
            source_id=record.source_id,
            request_id=record.request_id,
            state=record.state,
            subject=record.subject,
            description=record.description,
            invite_link=record.invite_link,
            join_approval_mode=record.join_approval_mode,
            participants=list(record.participants),
            failure=record.failure,
            created_at=as_time(record.created_at_us),
            changed_at=as_time(record.changed_at_us),
        )


class GroupRefreshView(View):
    """What reading a number's groups came to."""

    found: int = Field(description="Groups the provider has.")
    added: int = Field(description="Those of them that were not known here.")


class InviteLinkView(View):
    """The link by which people join a group."""

    invite_link: str


class JoinRequestView(View):
    """A person's wish to join."""

    id: str
    participant: str = Field(description="Digits, or a user id.")
    created_at: datetime | None = Field(description="Null: not said.")

    @classmethod
    def of(cls, found: JoinRequest) -> Self:
        """Return the view of a request as the provider lists it."""
        return cls(id=found.id, participant=found.participant, created_at=as_optional_time(found.created_at_us or None))


class RefusedRequestView(View):
    """A request to join for which it could not be done."""

    id: str
    reason: str


class JoinDecisionView(View):
    """What became of requests to join."""

    done: list[str]
    failed: list[RefusedRequestView]
