"""Bubbles of what people write: every kind of inbound message, whatever its sender has put into it."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

import orjson

from waypost.web.console.bubble_parts import (
    Bubble,
    BubbleFile,
    BubbleRow,
    BubbleSection,
    Envelope,
    contacts_of,
    object_of,
    objects_of,
    place_of,
    short_of,
    text_of,
)

_FILE_KINDS: Final = frozenset({"image", "video", "audio", "document", "sticker"})
_FACTS_MAX: Final = 30
_NOTES: Final = {
    "system": "This person's number or identity has changed.",
    "edit": "A message was edited.",
    "revoke": "A message was deleted by its sender.",
    "unsupported": "WhatsApp could not hand this message over.",
    "unknown": "A kind of message that Waypost does not know.",
}
# An answer to a flow holds the customer's fields; these beside them are the machinery's.
_NOT_FACTS: Final = frozenset({"flow_token"})


def read_inbound(message: Mapping[str, Any], *, file: BubbleFile | None, envelope: Envelope | None) -> Bubble:
    """Return the bubble of an ``InboundMessage``, given as its fields."""
    kind, payload = text_of(message, "kind") or "unknown", object_of(message, "payload")
    context = object_of(message, "context")
    bubble = Bubble(
        is_inbound=True,
        kind=kind,
        profile_name=short_of(message, "profile_name"),
        quotes=short_of(context, "message_id") or short_of(context, "provider_id"),
        envelope=envelope,
    )
    if kind in _FILE_KINDS:
        return replace(bubble, file=_file(kind, payload, file), text=text_of(payload, "caption"))
    match kind:
        case "text":
            return replace(bubble, text=text_of(payload, "body"))
        case "location":
            return replace(bubble, place=place_of(payload))
        case "contacts":
            return replace(bubble, contacts=contacts_of(payload))
        case "reaction":
            emoji = short_of(payload, "emoji")
            return replace(bubble, emoji=emoji, note="" if emoji else "Took a reaction back.")
        case "button":
            return replace(bubble, text=text_of(payload, "text"), note="Pressed a button.")
        case "interactive":
            return _answer(bubble, payload)
        case "order":
            return _order(bubble, payload)
    return replace(bubble, note=_NOTES.get(kind, _NOTES["unknown"]), facts=_reasons(payload))


def _file(kind: str, payload: Mapping[str, Any], known: BubbleFile | None) -> BubbleFile:
    name = short_of(payload, "filename")
    if known is None:
        return BubbleFile(kind=kind, name=name, mime_type=short_of(payload, "mime_type"), is_stored=False)
    return replace(known, kind=kind, name=name or known.name)


def _answer(bubble: Bubble, payload: Mapping[str, Any]) -> Bubble:
    """Return what was chosen: a button, a row of a list, or the fields of a flow."""
    for member, note in (("button_reply", "Pressed a button."), ("list_reply", "Chose from the list.")):
        reply = object_of(payload, member)
        if reply:
            description = short_of(reply, "description")
            shown = replace(bubble, text=text_of(reply, "title"), footer=description, note=note)
            return replace(shown, facts=(("id", short_of(reply, "id")),))
    reply = object_of(payload, "nfm_reply")
    return replace(bubble, text=text_of(reply, "body"), note="Sent a form.", facts=_fields(reply.get("response_json")))


def _fields(response: Any) -> tuple[tuple[str, str], ...]:
    """Return the fields of a form, given as JSON in a text, or by some as an object."""
    if isinstance(response, str):
        try:
            response = orjson.loads(response)
        except orjson.JSONDecodeError:
            return ()
    if not isinstance(response, dict):
        return ()
    return tuple((str(name)[:100], _as_text(value)) for name, value in response.items() if name not in _NOT_FACTS)[
        :_FACTS_MAX
    ]


def _as_text(value: Any) -> str:
    text = value if isinstance(value, str) else orjson.dumps(value).decode()
    return text[:500]


def _order(bubble: Bubble, payload: Mapping[str, Any]) -> Bubble:
    items = [
        BubbleRow(
            title=short_of(item, "product_retailer_id"),
            description=f"{short_of(item, 'quantity')} at {short_of(item, 'item_price')} {short_of(item, 'currency')}",
        )
        for item in objects_of(payload, "product_items")
    ]
    title = f"Catalogue {short_of(payload, 'catalog_id')}"
    return replace(
        bubble,
        text=text_of(payload, "text"),
        note="Ordered.",
        sections=(BubbleSection(title=title, rows=tuple(items)),) if items else (),
    )


def _reasons(payload: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    word = short_of(payload, "type")
    return (("type", word),) if word else ()
