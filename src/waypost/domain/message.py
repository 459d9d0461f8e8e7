"""
Outbound messages: what they can contain, the states they pass through, and what callers hand in.

The states are a table: tests hold the code and ``docs/states.md`` to it.
"""

from dataclasses import replace
from enum import IntEnum, StrEnum
from typing import Any, Final

from waypost.domain.value import value


class MessageKind(StrEnum):
    """The contract's ``message_type``, lower case."""

    TEXT = "text"
    MEDIA = "media"
    LOCATION = "location"
    TEMPLATE = "template"
    MEDIA_TEMPLATE = "media_template"
    INTERACTIVE = "interactive"
    CONTACTS = "contacts"
    REACTION = "reaction"

    @property
    def is_free_form(self) -> bool:
        """Say whether the conversation window must be open to send this kind."""
        return self not in _TEMPLATE_KINDS


_TEMPLATE_KINDS: Final = frozenset({MessageKind.TEMPLATE, MessageKind.MEDIA_TEMPLATE})


class MediaKind(StrEnum):
    """What a media message shows as on the phone."""

    IMAGE = "image"
    VIDEO = "video"
    AUDIO = "audio"
    DOCUMENT = "document"
    STICKER = "sticker"


class RecipientType(StrEnum):
    """Who a recipient is."""

    INDIVIDUAL = "individual"
    GROUP = "group"


class Priority(IntEnum):
    """Order among the queued messages of one source: lower is sent first."""

    HIGH = 0
    NORMAL = 1
    LOW = 2
    """Bulk sends: whatever is sent one by one goes before them."""


@value
class Attachment:
    """
    A file a caller attached: by the id of an uploaded file, or by URL; exactly one of the two.

    ``kind`` is None with an id until policy looks the file up, and given with a URL.
    """

    media_id: str | None = None
    url: str | None = None
    kind: MediaKind | None = None
    filename: str | None = None


@value
class Text:
    """Plain text, at most 4096 characters."""

    body: str
    preview_url: bool = False


@value
class Media:
    """A file with an optional caption of at most 1024 characters."""

    attachment: Attachment
    caption: str | None = None


@value
class Location:
    """A place; degrees, longitude within ±180 and latitude within ±90."""

    longitude: float
    latitude: float
    name: str | None = None
    address: str | None = None


@value
class TemplateButton:
    """The value of one dynamic button; ``index`` counts the template's buttons from 0."""

    index: int
    payload: str


@value
class Template:
    """
    A message from an approved template.

    ``header`` is the kind of the header file, with ``attachment`` holding it; ``components``, when given, are the
    provider's own and overrule attributes, header and buttons.
    """

    name: str
    language: str
    attributes: tuple[str, ...] = ()
    header: MediaKind | None = None
    attachment: Attachment | None = None
    buttons: tuple[TemplateButton, ...] = ()
    components: list[dict[str, Any]] | None = None

    @property
    def kind(self) -> MessageKind:
        """The kind of a message that is this template without having been asked for as one or the other."""
        return MessageKind.MEDIA_TEMPLATE if self.header is not None or self.buttons else MessageKind.TEMPLATE


@value
class Interactive:
    """Buttons, a list or a link; ``definition`` is already in the provider's shape, checked against its limits."""

    definition: dict[str, Any]


@value
class Contacts:
    """One or more contact cards in the provider's shape."""

    contacts: list[dict[str, Any]]


@value
class Reaction:
    """An emoji on a message; ``message_id`` is ours or the provider's, an empty emoji takes the reaction back."""

    message_id: str
    emoji: str


Content = Text | Media | Location | Template | Interactive | Contacts | Reaction


@value
class MessageDraft:
    """
    One entry of a send request, valid in form; policy has not judged it.

    ``recipient`` is digits without ``+``, or a group id. ``source_given`` is the caller's word, None when absent;
    ``caller_data`` is the contract's ``x-apiheader``, ``""`` when absent. ``ttl_seconds`` counts from acceptance or
    from ``scheduled_at_us``. ``context_message_id`` is ours or the provider's id of the quoted message.
    ``at_most_once`` says whether an attempt in doubt is never repeated; None leaves it to the account. ``fallback`` is
    what a free-form message is sent as should the conversation window be closed.
    """

    recipient: str
    kind: MessageKind
    content: Content
    recipient_type: RecipientType = RecipientType.INDIVIDUAL
    source_given: str | None = None
    caller_data: str = ""
    ttl_seconds: float | None = None
    scheduled_at_us: int | None = None
    context_message_id: str | None = None
    track_links: bool = False
    priority: Priority = Priority.NORMAL
    at_most_once: bool | None = None
    fallback: Template | None = None

    def fallen_back(self) -> "MessageDraft":
        """Return the draft as the template it falls back to; only for one that has a fallback."""
        assert self.fallback is not None
        return replace(self, kind=self.fallback.kind, content=self.fallback, fallback=None)

    @property
    def names_source(self) -> bool:
        """Whether the caller named a source; if not, the account's default source is meant."""
        return self.source_given is not None and not (self.source_given == "" or self.source_given.isspace())

    @property
    def refers_to(self) -> str | None:
        """The message this one quotes or reacts to, by our id or the provider's."""
        return self.content.message_id if isinstance(self.content, Reaction) else self.context_message_id

    @property
    def attachment(self) -> Attachment | None:
        """The file this message carries, if any."""
        if isinstance(self.content, Media | Template):
            return self.content.attachment
        return None


class MessageState(IntEnum):
    """
    Where an outbound message stands. The numbers are stored.

    Up to ``IN_DOUBT`` the gateway still has work to do; from ``ACCEPTED`` on upstream's facts decide
    (``domain.status``).
    """

    SCHEDULED = 10
    WAITING = 20
    QUEUED = 30
    DISPATCHING = 40
    IN_DOUBT = 50
    ACCEPTED = 60
    SENT = 70
    DELIVERED = 80
    READ = 90
    PLAYED = 100
    FAILED = 200
    EXPIRED = 210
    CANCELLED = 220
    UNKNOWN = 230


_TAKEN: Final = frozenset({MessageState.SENT, MessageState.DELIVERED, MessageState.READ, MessageState.PLAYED})
"""What upstream can say of a message that it took."""

_LEARNT: Final = frozenset({MessageState.ACCEPTED, MessageState.FAILED}) | _TAKEN
"""What can become known of an attempt whose end was lost, even after it was released and the message queued again."""

_RESTORED: Final = frozenset({MessageState.IN_DOUBT})
"""What becomes of everything unsent when an older backup was restored: it may have been sent since."""

MESSAGE_TRANSITIONS: Final[dict[MessageState, frozenset[MessageState]]] = {
    MessageState.SCHEDULED: frozenset({MessageState.QUEUED, MessageState.CANCELLED, MessageState.EXPIRED}) | _RESTORED,
    MessageState.WAITING: frozenset({MessageState.QUEUED, MessageState.CANCELLED, MessageState.EXPIRED})
    | _LEARNT
    | _RESTORED,
    MessageState.QUEUED: frozenset(
        {MessageState.WAITING, MessageState.DISPATCHING, MessageState.CANCELLED, MessageState.EXPIRED}
    )
    | _LEARNT
    | _RESTORED,
    MessageState.DISPATCHING: frozenset(
        {MessageState.WAITING, MessageState.QUEUED, MessageState.IN_DOUBT, MessageState.EXPIRED}
    )
    | _LEARNT,
    MessageState.IN_DOUBT: frozenset({MessageState.QUEUED, MessageState.UNKNOWN}) | _LEARNT,
    MessageState.ACCEPTED: frozenset({MessageState.FAILED}) | _TAKEN,
    MessageState.SENT: frozenset({MessageState.DELIVERED, MessageState.READ, MessageState.PLAYED, MessageState.FAILED}),
    MessageState.DELIVERED: frozenset({MessageState.READ, MessageState.PLAYED}),
    MessageState.READ: frozenset({MessageState.PLAYED}),
    MessageState.PLAYED: frozenset(),
    MessageState.FAILED: _TAKEN,
    MessageState.EXPIRED: frozenset({MessageState.FAILED}) | _TAKEN,
    MessageState.CANCELLED: frozenset(),
    MessageState.UNKNOWN: _LEARNT,
}
"""Every change of state there is; a property test holds the code to it."""

PENDING_STATES: Final = frozenset(
    {MessageState.SCHEDULED, MessageState.WAITING, MessageState.QUEUED, MessageState.DISPATCHING, MessageState.IN_DOUBT}
)
"""States in which the gateway still owes the message something."""

CANCELLABLE_STATES: Final = frozenset({MessageState.SCHEDULED, MessageState.WAITING, MessageState.QUEUED})
"""States in which no attempt is under way, so that a cancel can promise that nothing is sent."""
