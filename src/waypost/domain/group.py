"""Groups that people and a business write in, and what the provider says of them."""

from enum import StrEnum

from waypost.domain.value import value


class GroupState(StrEnum):
    """Where a group stands; the words are stored and told."""

    CREATING = "creating"
    """Asked for; it has no id of the provider's yet."""
    ACTIVE = "active"
    SUSPENDED = "suspended"
    """By the provider; nothing can be sent to it."""
    FAILED = "failed"
    """It was never made."""
    DELETED = "deleted"


class GroupEvent(StrEnum):
    """What may happen to a group."""

    CREATED = "created"
    FAILED = "failed"
    """An operation that was asked for came to nothing."""
    DELETED = "deleted"
    PARTICIPANTS = "participants"
    JOIN_REQUEST = "join_request"
    SETTINGS = "settings"
    SUSPENDED = "suspended"
    RESUMED = "resumed"


@value
class GroupSettings:
    """What people see of a group; None: not said."""

    subject: str | None = None
    description: str | None = None
    invite_link: str | None = None
    join_approval_mode: str | None = None


@value
class GroupChange:
    """
    One thing the provider says of one group.

    ``group_id`` is the provider's id, None where a group was never made. ``request_id`` names the call that asked for
    it, None where nobody did. ``operation`` is the provider's word for what happened, such as ``participants_add``.
    ``added`` and ``removed`` are digits, or user ids where it shows no number. ``reason`` says how somebody came, or
    who put somebody out. ``refused`` counts participants, or names settings, for whom it was not done.
    """

    event: GroupEvent
    operation: str
    occurred_at_us: int
    group_id: str | None = None
    request_id: str | None = None
    settings: GroupSettings = GroupSettings()
    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    refused: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    reason: str = ""
    join_request_id: str | None = None
    failure_code: int | None = None
    failure: str = ""
