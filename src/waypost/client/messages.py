"""
What can be sent. Each type is one entry of a send request (contract, section 2); ``to_entry`` gives it as JSON.

Only members of the original API are in an entry unless you ask for others; those are marked *additive*, and servers
that do not know them ignore them. Lengths and counts are judged by the server, which names the member at fault.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

Entry = dict[str, Any]
"""One element of ``message`` as JSON."""

MediaKind = Literal["image", "video", "audio", "document", "sticker"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Message(ABC):
    """
    What every message has.

    Args:
        to: country code and number, 10 to 15 digits, ``+`` or not; for a group its id. Not shown by ``repr``.
        source: the id of the number to send from; None: the client's, then the account's default where the type
            allows it.
        recipient_type: ``group`` where the source has groups.
        caller_data: ``x-apiheader``: free text, which webhooks bring back.
        ttl_days: not to be sent later than so many days from now, or from ``scheduled_at``.
        tracks_links: ask for tracking of the links in buttons.
        reply_to: additive; our id or WhatsApp's of the message to quote.
        scheduled_at: additive; when to send it, with its offset, at most 30 days ahead.
        fallback_template: additive; sent instead where the conversation's window has closed.

    """

    to: str = field(repr=False)
    source: str | None = None
    recipient_type: Literal["individual", "group"] = "individual"
    caller_data: str | None = None
    ttl_days: float | None = None
    tracks_links: bool = False
    reply_to: str | None = None
    scheduled_at: datetime | None = None
    fallback_template: "Template | None" = None

    def to_entry(self, *, source: str | None = None) -> Entry:
        """
        Return the entry; ``source`` is taken where the message names none.

        Raises ValueError for a ``scheduled_at`` without an offset, which would be another moment elsewhere.
        """
        entry: Entry = {"recipient_whatsapp": self.to, "recipient_type": self.recipient_type}
        chosen = self.source if self.source is not None else source
        if chosen is not None:
            entry["source"] = chosen
        if self.caller_data is not None:
            entry["x-apiheader"] = self.caller_data
        if self.ttl_days is not None:
            entry["ttl"] = self.ttl_days
        if self.tracks_links:
            entry["cta_link_track"] = "1"
        if self.reply_to is not None:
            entry["context"] = {"message_id": self.reply_to}
        if self.scheduled_at is not None:
            if self.scheduled_at.tzinfo is None:
                raise ValueError("scheduled_at needs an offset, such as datetime(…, tzinfo=UTC)")
            entry["scheduled_at"] = self.scheduled_at.isoformat()
        if self.fallback_template is not None:
            template = self.fallback_template.content()
            entry["fallback_template"] = template.pop("type_template")[0]
            if "type_media_template" in template:
                entry["fallback_template"]["type_media_template"] = template["type_media_template"]
        return entry | self.content()

    @abstractmethod
    def content(self) -> Entry:
        """Return ``message_type`` and the members of its type."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Text(Message):
    """A text of up to 4096 characters; ``preview_url`` shows its first link."""

    body: str
    preview_url: bool = False

    def content(self) -> Entry:
        """See ``Message.content``."""
        preview = "true" if self.preview_url else "false"
        return {"message_type": "text", "type_text": [{"preview_url": preview, "content": self.body}]}


@dataclass(frozen=True, slots=True, kw_only=True)
class Media(Message):
    """
    A file: one that was uploaded (``media_id``), or one to fetch (``url`` and its ``kind``).

    Captions are for images, videos and documents, up to 1024 characters.
    """

    media_id: str | None = None
    url: str | None = None
    kind: MediaKind | None = None
    caption: str | None = None

    def content(self) -> Entry:
        """See ``Message.content``. Raises ValueError unless there is either an id, or a URL and a kind."""
        if (self.media_id is None) == (self.url is None) or (self.url is not None and self.kind is None):
            raise ValueError("a file needs either media_id, or url and kind")
        if self.media_id is not None:
            attachment: Entry = {"attachment_id": self.media_id}
        else:
            attachment = {"attachment_url": self.url, "attachment_type": self.kind}
        if self.caption is not None:
            attachment["caption"] = self.caption
        return {"message_type": "media", "type_media": [{"attachments": [attachment]}]}


@dataclass(frozen=True, slots=True, kw_only=True)
class Location(Message):
    """A place: degrees, and what it is called."""

    longitude: float
    latitude: float
    name: str | None = None
    address: str | None = None

    def content(self) -> Entry:
        """See ``Message.content``."""
        place = {"longitude": self.longitude, "latitude": self.latitude, "name": self.name, "address": self.address}
        return {"message_type": "location", "type_location": [_given(place)]}


@dataclass(frozen=True, slots=True, kw_only=True)
class Template(Message):
    """
    An approved template.

    ``attributes`` are the values of its placeholders in order. ``components`` (additive) are the Cloud API's own,
    forwarded as they are, for what the API has no members for: carousels, offers, authentication, catalogues.
    """

    name: str
    language: str
    attributes: Sequence[str] = ()
    components: Sequence[Mapping[str, Any]] | None = None

    def template_object(self) -> Entry:
        """Return ``type_template[0]``."""
        language = {"locale": self.language, "policy": "deterministic"}
        element: Entry = {"name": self.name, "attributes": list(self.attributes), "language": language}
        if self.components is not None:
            element["components"] = [dict(component) for component in self.components]
        return element

    def content(self) -> Entry:
        """See ``Message.content``."""
        return {"message_type": "template", "type_template": [self.template_object()]}


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaTemplate(Template):
    """
    A template with a file at its head, or with values for its buttons, or both.

    Args:
        header: what the file is; None where only buttons have values.
        media_id: an uploaded file, or
        url: where it is fetched from.
        filename: how a document is called.
        buttons: place of a button, from 0, to its value: the URL or its end, the payload, the coupon's code.

    """

    header: Literal["document", "image", "video"] | None = None
    media_id: str | None = None
    url: str | None = None
    filename: str | None = None
    buttons: Mapping[int, str] = field(default_factory=dict)

    def content(self) -> Entry:
        """See ``Message.content``. Raises ValueError if a file has no header, or a header not one file."""
        files = sum(one is not None for one in (self.media_id, self.url))
        if files != (0 if self.header is None else 1):
            raise ValueError("a header needs either media_id or url, and a file needs a header")
        head = {"type": self.header or "text", "media_id": self.media_id, "url": self.url, "filename": self.filename}
        extras = _given(head)
        if self.buttons:
            extras["button"] = [
                {"index": str(index), "payload": payload} for index, payload in sorted(self.buttons.items())
            ]
        return {
            "message_type": "media_template",
            "type_media_template": extras,
            "type_template": [self.template_object()],
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class ContactCard:
    """A card of a person or firm. ``more`` has any further members of the Cloud API's contact, and overrules."""

    formatted_name: str
    first_name: str | None = None
    last_name: str | None = None
    phones: Sequence[str] = field(default=(), repr=False)
    emails: Sequence[str] = field(default=(), repr=False)
    urls: Sequence[str] = ()
    company: str | None = None
    more: Mapping[str, Any] = field(default_factory=dict, repr=False)

    def to_json(self) -> Entry:
        """Return the card as the Cloud API has it."""
        name = {"formatted_name": self.formatted_name, "first_name": self.first_name, "last_name": self.last_name}
        card: Entry = {"name": _given(name)}
        for member, key, values in (
            ("phones", "phone", self.phones),
            ("emails", "email", self.emails),
            ("urls", "url", self.urls),
        ):
            if values:
                card[member] = [{key: value} for value in values]
        if self.company is not None:
            card["org"] = {"company": self.company}
        return card | dict(self.more)


@dataclass(frozen=True, slots=True, kw_only=True)
class Contacts(Message):
    """Contact cards (additive)."""

    cards: Sequence[ContactCard]

    def content(self) -> Entry:
        """See ``Message.content``."""
        return {"message_type": "contacts", "type_contacts": [{"contacts": [card.to_json() for card in self.cards]}]}


@dataclass(frozen=True, slots=True, kw_only=True)
class Reaction(Message):
    """An emoji under a message, whose id is ours or WhatsApp's (additive); ``""`` takes it back."""

    message_id: str
    emoji: str

    def content(self) -> Entry:
        """See ``Message.content``."""
        return {
            "message_type": "reaction",
            "type_reaction": [{"message_id": self.message_id, "emoji": self.emoji}],
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Custom(Message):
    """Any entry of your own, for what has no type here: ``members`` are taken as they are, with ``message_type``."""

    members: Mapping[str, Any]

    def content(self) -> Entry:
        """See ``Message.content``."""
        return dict(self.members)


def _given(members: Mapping[str, Any]) -> Entry:
    """Leave out what is None."""
    return {name: value for name, value in members.items() if value is not None}
