"""
What webhooks tell, as types (contract, section 8).

Numbers, and the entry as it came, are not shown by ``repr``. Times are UTC, None where they cannot be read.
"""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """
    Anything a webhook tells.

    ``key`` is the same when it is told again, under whatever ``webhook-id``, and differs for all else. ``raw`` is the
    entry as it came, with members that have no field here.
    """

    key: str
    raw: dict[str, Any] = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryStatus(Event):
    """
    What became of a message that was sent.

    ``status`` is ``sent``, ``delivered``, ``read``, ``failed``, or a later server's word. Of a failure ``remark`` is
    such as ``8003 WhatsApp contact does not exist`` and ``code`` ``8003``; both are ``""`` otherwise. ``source`` and
    ``caller_data`` are as the message had them.
    """

    message_id: str
    recipient: str = field(repr=False)
    status: str
    remark: str
    code: str
    received_at: datetime | None
    source: str
    caller_data: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """
    The message that is answered: our id and WhatsApp's, and its ``x-apiheader``.

    ``message_id`` is ``""`` if it is not one of ours.
    """

    message_id: str
    provider_id: str
    caller_data: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Incoming(Event):
    """
    A message from somebody. As itself: one whose content has no type here, or none at all.

    ``message_id`` is WhatsApp's; ``sender`` a number, or a user's id where WhatsApp shows no number; ``recipient`` the
    business number; ``kind`` the type's word in lower case, ``""`` if there is none; ``context`` None unless it answers
    a message.
    """

    message_id: str
    sender: str = field(repr=False)
    recipient: str = field(repr=False)
    sender_name: str = field(repr=False)
    received_at: datetime | None
    kind: str
    context: Context | None


@dataclass(frozen=True, slots=True, kw_only=True)
class IncomingText(Incoming):
    """A text."""

    text: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class IncomingFile(Incoming):
    """Any file: fetch it with ``client.media``. ``sha256`` is base64; ``caption`` is ``""`` if there is none."""

    media_id: str
    mime_type: str
    sha256: str
    caption: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class IncomingImage(IncomingFile):
    """A picture."""


@dataclass(frozen=True, slots=True, kw_only=True)
class IncomingVideo(IncomingFile):
    """A film."""


@dataclass(frozen=True, slots=True, kw_only=True)
class IncomingAudio(IncomingFile):
    """A sound; ``is_voice`` for voice notes."""

    is_voice: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class IncomingDocument(IncomingFile):
    """A document; ``filename`` is ``""`` if it has no name. It is a stranger's: do not use it as a path."""

    filename: str


@dataclass(frozen=True, slots=True, kw_only=True)
class IncomingSticker(IncomingFile):
    """A sticker."""

    is_animated: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class IncomingLocation(Incoming):
    """A place; the texts are ``""`` where unknown. Coordinates that are no numbers are None."""

    latitude: float | None
    longitude: float | None
    name: str
    address: str
    url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class IncomingContacts(Incoming):
    """Contact cards, as the Cloud API has them."""

    contacts: tuple[dict[str, Any], ...] = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class IncomingButton(Incoming):
    """A tap on a template's quick reply: its payload, and its label."""

    payload: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class IncomingReply(Incoming):
    """A tap on a reply button, or a row of a list: its id, its title, and of a row its description."""

    style: Literal["button", "list"]
    id: str
    title: str
    description: str


@dataclass(frozen=True, slots=True, kw_only=True)
class IncomingFlowReply(Incoming):
    """A form that was filled in: ``response_json`` as it came, and ``response`` if that is a JSON object."""

    name: str
    body: str
    response_json: str = field(repr=False)
    response: dict[str, Any] = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class IncomingOrder(Incoming):
    """An order from a catalogue; items as the Cloud API has them."""

    catalog_id: str
    text: str
    items: tuple[dict[str, Any], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class IncomingReaction(Incoming):
    """An emoji under the message in ``context``; ``""`` when it was taken back."""

    emoji: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice(Event):
    """
    What the gateway itself has to say (additive): ``type`` such as ``message.in_doubt``, and what it is about.

    Further members are in ``raw``.
    """

    type: str
    subject_id: str
    occurred_at: datetime | None
