"""
Bodies of webhooks into events (contract, sections 8.2 to 8.4).

Read tolerantly: words in any case, numbers as text and texts as numbers, members that are null or absent, entries of
kinds that are not known. Nothing in an entry makes the others unreadable.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Any, Final

import orjson

from waypost.client.calls import Json, text_at
from waypost.client.errors import WebhookFormatError
from waypost.client.events import (
    Context,
    DeliveryStatus,
    Event,
    Incoming,
    IncomingAudio,
    IncomingButton,
    IncomingContacts,
    IncomingDocument,
    IncomingFlowReply,
    IncomingImage,
    IncomingLocation,
    IncomingOrder,
    IncomingReaction,
    IncomingReply,
    IncomingSticker,
    IncomingText,
    IncomingVideo,
    Notice,
)
from waypost.client.moments import moment_of

_MICROSECONDS: Final = 1_000_000


def parse(body: bytes) -> tuple[Event, ...]:
    """
    Return what a webhook tells, in order. Verify it first.

    Known are ``delivery_status``, ``incoming_message`` and ``notice``, each a list or a lone object, also several in
    one body; an unknown member beside them is left out. Raises WebhookFormatError for all else.
    """
    try:
        content = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise WebhookFormatError("The body is not JSON.") from error
    if not isinstance(content, dict):
        raise WebhookFormatError("The body is not an object.")
    members = {name.lower(): value for name, value in content.items()}
    known = [name for name in _READERS if name in members]
    if not known:
        raise WebhookFormatError("The body has none of delivery_status, incoming_message and notice.")
    return tuple(_READERS[name](entry) for name in known for entry in _entries(members[name]))


def _entries(value: object) -> list[Json]:
    given = value if isinstance(value, list) else [value]
    entries = [entry for entry in given if isinstance(entry, dict)]
    if len(entries) < len(given):
        raise WebhookFormatError("An entry is not an object.")
    return entries


def _status(entry: Json) -> DeliveryStatus:
    message_id, status = text_at(entry, "ncmessage_id"), text_at(entry, "status").lower()
    remark = text_at(entry, "status_remark")
    code = remark.partition(" ")[0]
    return DeliveryStatus(
        key=f"{message_id}:{status}",
        raw=entry,
        message_id=message_id,
        recipient=text_at(entry, "recipient"),
        status=status,
        remark=remark,
        code=code if code.isdecimal() else "",
        received_at=moment_of(entry.get("received_at")),
        source=text_at(entry, "source"),
        caller_data=text_at(entry, "x-apiheader"),
    )


def _notice(entry: Json) -> Notice:
    kind, subject_id, at_us = text_at(entry, "type"), text_at(entry, "subject_id"), entry.get("occurred_at_us")
    at: datetime | None = moment_of(at_us / _MICROSECONDS) if type(at_us) is int else None
    return Notice(
        key=f"{kind}:{subject_id}:{text_at(entry, 'occurred_at_us')}",
        raw=entry,
        type=kind,
        subject_id=subject_id,
        occurred_at=at,
    )


def _incoming(entry: Json) -> Incoming:
    kind = text_at(entry, "message_type").lower()
    message_id = text_at(entry, "message_id")
    common: Json = {
        "key": message_id,
        "raw": entry,
        "message_id": message_id,
        "sender": text_at(entry, "from"),
        "recipient": text_at(entry, "to"),
        "sender_name": text_at(entry, "from_name"),
        "received_at": moment_of(entry.get("received_at")),
        "kind": kind,
        "context": _context(entry.get("context")),
    }
    reader = _CONTENTS.get(kind)
    content = None if reader is None else _content_of(entry, reader[0])
    if reader is None or content is None:
        return Incoming(**common)
    made = reader[1](content, common)
    return Incoming(**common) if made is None else made


def _content_of(entry: Json, member: str) -> Json | None:
    """Return the member with the content; an array of one object, an older form of it, counts as the object."""
    found = entry.get(member)
    if isinstance(found, list) and len(found) == 1:
        found = found[0]
    return found if isinstance(found, dict) else None


def _context(value: object) -> Context | None:
    if not isinstance(value, dict):
        return None
    context = Context(
        message_id=text_at(value, "ncmessage_id"),
        provider_id=text_at(value, "message_id"),
        caller_data=text_at(value, "x-apiheader"),
    )
    return context if context.message_id or context.provider_id else None


def _file(content: Json) -> Json:
    return {
        "media_id": text_at(content, "id"),
        "mime_type": text_at(content, "mime_type"),
        "sha256": text_at(content, "sha256"),
        "caption": text_at(content, "caption"),
    }


def _is_true(value: object) -> bool:
    return value is True or (isinstance(value, str) and value.lower() == "true")


def _objects(value: object) -> tuple[Json, ...]:
    return tuple(one for one in value if isinstance(one, dict)) if isinstance(value, list) else ()


def _degrees(value: object) -> float | None:
    try:
        return float(value) if isinstance(value, str | int | float) and not isinstance(value, bool) else None
    except ValueError:
        return None


def _audio(content: Json, common: Json) -> Incoming:
    is_voice = _is_true(content.get("voice")) or common["kind"] == "voice"
    return IncomingAudio(**common, **_file(content), is_voice=is_voice)


def _document(content: Json, common: Json) -> Incoming:
    return IncomingDocument(**common, **_file(content), filename=text_at(content, "filename"))


def _sticker(content: Json, common: Json) -> Incoming:
    return IncomingSticker(**common, **_file(content), is_animated=_is_true(content.get("animated")))


def _location(content: Json, common: Json) -> Incoming:
    return IncomingLocation(
        **common,
        latitude=_degrees(content.get("latitude")),
        longitude=_degrees(content.get("longitude")),
        name=text_at(content, "name"),
        address=text_at(content, "address"),
        url=text_at(content, "url"),
    )


def _button(content: Json, common: Json) -> Incoming:
    return IncomingButton(**common, payload=text_at(content, "payload"), text=text_at(content, "text"))


def _interactive(content: Json, common: Json) -> Incoming | None:
    kind = text_at(content, "type").lower()
    answer = content.get(kind)
    if not isinstance(answer, dict):
        return None
    if kind == "nfm_reply":
        text = text_at(answer, "response_json")
        return IncomingFlowReply(
            **common,
            name=text_at(answer, "name"),
            body=text_at(answer, "body"),
            response_json=text,
            response=_object_in(text),
        )
    if kind not in {"button_reply", "list_reply"}:
        return None
    return IncomingReply(
        **common,
        style="button" if kind == "button_reply" else "list",
        id=text_at(answer, "id"),
        title=text_at(answer, "title"),
        description=text_at(answer, "description"),
    )


def _object_in(text: str) -> Json:
    try:
        content = orjson.loads(text)
    except orjson.JSONDecodeError:
        return {}
    return content if isinstance(content, dict) else {}


def _order(content: Json, common: Json) -> Incoming:
    return IncomingOrder(
        **common,
        catalog_id=text_at(content, "catalog_id"),
        text=text_at(content, "text"),
        items=_objects(content.get("product_items")),
    )


_Reader = Callable[[Json, Json], Incoming | None]
_CONTENTS: Final[Mapping[str, tuple[str, _Reader]]] = MappingProxyType(
    {
        "text": ("text_type", lambda content, common: IncomingText(**common, text=text_at(content, "text"))),
        "image": ("image_type", lambda content, common: IncomingImage(**common, **_file(content))),
        "video": ("video_type", lambda content, common: IncomingVideo(**common, **_file(content))),
        "audio": ("audio_type", _audio),
        "voice": ("voice_type", _audio),
        "document": ("document_type", _document),
        "sticker": ("sticker_type", _sticker),
        "location": ("location_type", _location),
        "contacts": (
            "contacts_type",
            lambda content, common: IncomingContacts(**common, contacts=_objects(content.get("contacts"))),
        ),
        "button": ("text_type", _button),
        "interactive": ("interactive_type", _interactive),
        "order": ("order_type", _order),
        "reaction": (
            "reaction_type",
            lambda content, common: IncomingReaction(**common, emoji=text_at(content, "emoji")),
        ),
    }
)
_READERS: Final[Mapping[str, Callable[[Any], Event]]] = MappingProxyType(
    {"incoming_message": _incoming, "delivery_status": _status, "notice": _notice}
)
