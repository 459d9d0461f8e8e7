"""Messages that people send to a source's number, and what of them is told."""

from enum import StrEnum
from typing import Any, Final

from waypost.domain.value import value


class InboundKind(StrEnum):
    """What an inbound message is; the provider's words, and ``unknown`` for any other word of theirs."""

    TEXT = "text"
    IMAGE = "image"
    VIDEO = "video"
    AUDIO = "audio"
    DOCUMENT = "document"
    STICKER = "sticker"
    LOCATION = "location"
    CONTACTS = "contacts"
    BUTTON = "button"
    INTERACTIVE = "interactive"
    ORDER = "order"
    REACTION = "reaction"
    SYSTEM = "system"
    EDIT = "edit"
    REVOKE = "revoke"
    UNSUPPORTED = "unsupported"
    UNKNOWN = "unknown"

    @property
    def is_told(self) -> bool:
        """Whether subscribers hear of this kind; the others are only kept (contract, section 9.3)."""
        return self not in _KEPT_ONLY

    @property
    def has_media(self) -> bool:
        """Whether a file belongs to this kind."""
        return self in _WITH_MEDIA


_KEPT_ONLY: Final = frozenset({InboundKind.SYSTEM, InboundKind.EDIT, InboundKind.REVOKE})
_WITH_MEDIA: Final = frozenset(
    {InboundKind.IMAGE, InboundKind.VIDEO, InboundKind.AUDIO, InboundKind.DOCUMENT, InboundKind.STICKER}
)


@value
class InboundContext:
    """
    The message that an inbound one answers.

    ``provider_id`` is the provider's id of it. ``message_id`` is ours and ``caller_data`` what its sender passed along;
    both ``""`` when the message is not one of ours.
    """

    provider_id: str
    message_id: str = ""
    caller_data: str = ""


@value
class InboundMessage:
    """
    One message from a person.

    ``provider_id`` is the provider's message id. ``from_number`` is digits, None where the provider shows no number;
    ``from_user_id`` is its own id of the person, None where it gives none. ``to_number`` is the business number's
    digits. ``payload`` is the provider's object for the kind, with its field names: ``{"body": …}`` for a text; the
    ``id`` of a file is the one under which we serve it; contact cards, an array there, are ``{"contacts": […]}`` here.
    ``has_referral``: it came from an ad and opens the longer window. ``group_id`` None: written to the number itself.
    """

    provider_id: str
    from_number: str | None
    from_user_id: str | None
    to_number: str
    profile_name: str
    occurred_at_us: int
    kind: InboundKind
    payload: dict[str, Any]
    context: InboundContext | None = None
    has_referral: bool = False
    group_id: str | None = None

    @property
    def sender(self) -> str:
        """The person's number, or where there is none the provider's id of the person; ``""`` if neither is known."""
        return self.from_number or self.from_user_id or ""
