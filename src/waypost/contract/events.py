"""
What webhooks carry: delivery statuses and incoming messages (contract, section 8).

An entry is rendered once, alone; a POST's body is entries joined. Key order has a meaning to some receivers of
``delivery_status``, so members stand in the contract's order.
"""

from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Final

import orjson

from waypost.contract.errors import remark_of
from waypost.contract.times import TimestampForm, format_time
from waypost.domain.errors import FailureReason
from waypost.domain.inbound import InboundKind, InboundMessage
from waypost.domain.status import Status
from waypost.domain.value import value

ENTRIES_MAX: Final = 1000

JsonObject = dict[str, Any]


class WebhookKind(StrEnum):
    """What a webhook subscribes to; ``notice``, what the gateway itself has to say, is not of the contract."""

    INCOMING = "incoming"
    EVENT = "event"
    NOTICE = "notice"

    @property
    def default_timestamps(self) -> TimestampForm:
        """The form of times while a webhook does not choose."""
        return TimestampForm.UNIX if self is WebhookKind.INCOMING else TimestampForm.DATE

    def timestamps(self, chosen: str | None) -> TimestampForm:
        """Return the form of times for a webhook's setting ``timestamps``, None while it does not choose."""
        return TimestampForm(chosen) if chosen else self.default_timestamps


@value
class StatusNotice:
    """
    One status of one message, to be told.

    ``status`` is any but ``played``; ``reason`` is given with ``failed`` and only then. ``source`` and ``caller_data``
    are as the caller passed them, ``""`` if not.
    """

    message_id: str
    recipient: str
    status: Status
    occurred_at_us: int
    reason: FailureReason | None = None
    source: str = ""
    caller_data: str = ""


def render_status(notice: StatusNotice, *, timestamps: TimestampForm) -> bytes:
    """Return one entry of ``delivery_status``: all seven members, in the contract's order."""
    return orjson.dumps(
        {
            "ncmessage_id": notice.message_id,
            "recipient": notice.recipient,
            "status": notice.status.value,
            "status_remark": remark_of(notice.reason) if notice.reason is not None else "",
            "received_at": format_time(notice.occurred_at_us, timestamps),
            "source": notice.source,
            "x-apiheader": notice.caller_data,
        }
    )


def render_incoming(inbound: InboundMessage, *, timestamps: TimestampForm) -> bytes:
    """
    Return one entry of ``incoming_message``.

    Content without a form in the contract gives an envelope without ``message_type``. The caller leaves out what is
    not told at all (``InboundKind.is_told``). What was written into a group carries ``group_id`` (additive).
    """
    entry: JsonObject = {
        "message_id": inbound.provider_id,
        "from": inbound.sender,
        "to": inbound.to_number,
        "from_name": inbound.profile_name,
        "received_at": format_time(inbound.occurred_at_us, timestamps),
        "context": _render_context(inbound),
    }
    form = _FORMS.get(inbound.kind)
    content = None if form is None else form.render(inbound.payload)
    if form is not None and content is not None:
        entry["message_type"] = form.message_type
        entry[form.member] = content
    if inbound.group_id is not None:
        entry["group_id"] = inbound.group_id
    return orjson.dumps(entry)


def render_body(kind: WebhookKind, entries: Sequence[bytes]) -> bytes:
    """Return the body of a POST with 1 to 1000 rendered entries."""
    return _BEGINNINGS[kind] + b",".join(entries) + b"]}"


_BEGINNINGS: Final = MappingProxyType(
    {
        WebhookKind.INCOMING: b'{"incoming_message":[',
        WebhookKind.EVENT: b'{"delivery_status":[',
        WebhookKind.NOTICE: b'{"notice":[',
    }
)


def _render_context(inbound: InboundMessage) -> dict[str, str]:
    context = inbound.context
    if context is None:
        return {"ncmessage_id": "", "message_id": ""}
    return {
        "ncmessage_id": context.message_id,
        "message_id": context.provider_id,
        "x-apiheader": context.caller_data,
    }


@value
class _Form:
    """How a kind is told: the word, the member, and what stands in it; None when the payload has no such form."""

    message_type: str
    member: str
    render: Callable[[JsonObject], JsonObject | None]


def _text_of(payload: JsonObject, member: str) -> Any:
    found = payload.get(member)
    return "" if found is None else found


def _text(payload: JsonObject) -> JsonObject:
    return {"text": _text_of(payload, "body")}


def _file(payload: JsonObject) -> JsonObject:
    return {member: _text_of(payload, member) for member in ("id", "mime_type", "sha256")}


def _captioned(payload: JsonObject) -> JsonObject:
    caption = payload.get("caption")
    return {**_file(payload), "caption": caption} if caption else _file(payload)


def _audio(payload: JsonObject) -> JsonObject:
    return {**_file(payload), "voice": payload.get("voice") is True}


def _document(payload: JsonObject) -> JsonObject:
    caption = payload.get("caption")
    named = {**_file(payload), "filename": _text_of(payload, "filename")}
    return {**named, "caption": caption} if caption else named


def _sticker(payload: JsonObject) -> JsonObject:
    return {**_file(payload), "animated": payload.get("animated") is True}


def _location(payload: JsonObject) -> JsonObject:
    return {
        "latitude": payload.get("latitude"),
        "longitude": payload.get("longitude"),
        **{member: _text_of(payload, member) for member in ("name", "address", "url")},
    }


def _contacts(payload: JsonObject) -> JsonObject:
    return {"contacts": payload.get("contacts") or []}


def _button(payload: JsonObject) -> JsonObject:
    return {"payload": _text_of(payload, "payload"), "text": _text_of(payload, "text")}


_ANSWERS: Final = MappingProxyType(
    {
        "button_reply": ("id", "title"),
        "list_reply": ("id", "title", "description"),
        "nfm_reply": ("name", "body", "response_json"),
    }
)


def _interactive(payload: JsonObject) -> JsonObject | None:
    for kind, members in _ANSWERS.items():
        answer = payload.get(kind)
        if payload.get("type") == kind and isinstance(answer, dict):
            return {"type": kind, kind: {member: _text_of(answer, member) for member in members}}
    return None


def _order(payload: JsonObject) -> JsonObject:
    return {
        "catalog_id": _text_of(payload, "catalog_id"),
        "text": _text_of(payload, "text"),
        "product_items": payload.get("product_items") or [],
    }


def _reaction(payload: JsonObject) -> JsonObject:
    return {"emoji": _text_of(payload, "emoji")}


_FORMS: Final[Mapping[InboundKind, _Form]] = MappingProxyType(
    {
        kind: _Form(message_type=message_type, member=member, render=render)
        for kind, message_type, member, render in (
            (InboundKind.TEXT, "TEXT", "text_type", _text),
            (InboundKind.IMAGE, "IMAGE", "image_type", _captioned),
            (InboundKind.VIDEO, "VIDEO", "video_type", _captioned),
            (InboundKind.AUDIO, "AUDIO", "audio_type", _audio),
            (InboundKind.DOCUMENT, "DOCUMENT", "document_type", _document),
            (InboundKind.STICKER, "STICKER", "sticker_type", _sticker),
            (InboundKind.LOCATION, "LOCATION", "location_type", _location),
            (InboundKind.CONTACTS, "CONTACTS", "contacts_type", _contacts),
            (InboundKind.BUTTON, "BUTTON", "text_type", _button),
            (InboundKind.INTERACTIVE, "INTERACTIVE", "interactive_type", _interactive),
            (InboundKind.ORDER, "ORDER", "order_type", _order),
            (InboundKind.REACTION, "REACTION", "reaction_type", _reaction),
        )
    }
)
