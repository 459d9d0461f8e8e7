"""What a message says, as one short text for lists: of outbound content and of inbound payloads as they are stored."""

from collections.abc import Mapping
from typing import Any, Final

import orjson

PREVIEW_CHARACTERS: Final = 200


def preview_outbound(content: str, *, at_most: int = PREVIEW_CHARACTERS) -> str:
    """Return what an outbound message says, from its content as stored; ``""`` where that is no text."""
    fields = _fields(content)
    return _cut(_outbound(fields), at_most)


def preview_inbound(payload: str, *, at_most: int = PREVIEW_CHARACTERS) -> str:
    """Return what an inbound message says, from its payload as stored; ``""`` where that is no text."""
    fields = _fields(payload).get("payload")
    return _cut(_inbound(fields), at_most) if isinstance(fields, dict) else ""


def profile_name_of(payload: str) -> str:
    """Return the name under which an inbound message's sender goes; ``""`` if there is none."""
    name = _fields(payload).get("profile_name")
    return name if isinstance(name, str) else ""


def _fields(stored: str) -> dict[str, Any]:
    """Return the object that is stored; an empty one where retention has taken it."""
    if not stored:
        return {}
    found = orjson.loads(stored)
    return found if isinstance(found, dict) else {}


def _outbound(fields: Mapping[str, Any]) -> object:
    if "definition" in fields:
        return _inside(fields, "definition", "body", "text")
    if "attachment" in fields and "language" not in fields:
        return fields.get("caption") or _inside(fields, "attachment", "filename")
    if "language" in fields:
        words = [word for word in fields.get("attributes") or () if isinstance(word, str)]
        return ": ".join(filter(None, (str(fields.get("name") or ""), ", ".join(words))))
    if "longitude" in fields:
        return fields.get("name") or fields.get("address")
    if "contacts" in fields:
        return _first_contact(fields)
    return fields.get("body") or fields.get("emoji")


def _inbound(fields: Mapping[str, Any]) -> object:
    if isinstance(fields.get("body"), str):
        return fields["body"]
    for reply in ("button_reply", "list_reply"):
        title = _inside(fields, reply, "title")
        if title:
            return title
    if "contacts" in fields:
        return _first_contact(fields)
    return next(
        (fields[name] for name in ("caption", "text", "emoji", "name", "address", "filename") if fields.get(name)), ""
    )


def _first_contact(fields: Mapping[str, Any]) -> object:
    contacts = fields.get("contacts")
    first = contacts[0] if isinstance(contacts, list) and contacts else None
    return _inside(first, "name", "formatted_name") if isinstance(first, dict) else ""


def _inside(fields: Mapping[str, Any], *path: str) -> object:
    found: object = fields
    for name in path:
        found = found.get(name) if isinstance(found, dict) else None
    return found


def _cut(said: object, at_most: int) -> str:
    text = said if isinstance(said, str) else ""
    return text if len(text) <= at_most else text[: at_most - 1] + "…"
