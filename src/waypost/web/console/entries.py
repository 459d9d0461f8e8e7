"""
From the compose form to one entry of a send request (contract, section 2).

Nothing is judged here: what is missing or wrong in the form is missing or wrong in the entry, and the contract's own
parser says so. The members come out as ``waypost.client`` writes them, so that the page can show both.
"""

from datetime import datetime
from typing import Final

from waypost.web.console.interactive_entries import interactive_members
from waypost.web.console.typed import Members, Typed, as_json, as_number, given

KINDS: Final = (
    ("text", "Text"),
    ("media", "File"),
    ("template", "Template"),
    ("interactive", "Interactive"),
    ("location", "Location"),
    ("contacts", "Contacts"),
    ("reaction", "Reaction"),
    ("raw", "JSON"),
)
"""The choices of the form and their names; ``raw`` is an entry typed as JSON."""
CONTACTS_MAX: Final = 20
"""Cards that the form offers; more go as JSON."""


def entry_of(typed: Typed) -> Members:
    """Return the entry that the form describes."""
    kind = typed.line("type", "text")
    entry = _envelope(typed)
    match kind:
        case "raw":
            found = as_json(typed.text("raw"))
            return {**entry, **found} if isinstance(found, dict) else entry
        case "media":
            return entry | {"message_type": "media", "type_media": [{"attachments": [_attachment(typed)]}]}
        case "location":
            return entry | {"message_type": "location", "type_location": [_place(typed)]}
        case "contacts":
            return entry | {"message_type": "contacts", "type_contacts": [{"contacts": _cards(typed)}]}
        case "reaction":
            reaction = {"message_id": typed.line("r_message_id"), "emoji": typed.line("r_emoji")}
            return entry | {"message_type": "reaction", "type_reaction": [reaction]}
        case "interactive":
            return entry | {"message_type": "interactive", "type_interactive": [interactive_members(typed)]}
        case "template":
            return entry | template_members(typed, "t_")
    return entry | text_members(typed.text("content"), has_preview=typed.is_checked("preview_url"))


def text_members(content: str, *, has_preview: bool = False) -> Members:
    """Return the members of a text."""
    return {
        "message_type": "text",
        "type_text": [{"preview_url": "true" if has_preview else "false", "content": content}],
    }


def _envelope(typed: Typed) -> Members:
    is_group = typed.line("recipient_type") == "group"
    entry: Members = {
        "recipient_whatsapp": typed.line("group" if is_group else "to"),
        "recipient_type": "group" if is_group else "individual",
    }
    entry |= given(source=typed.line("source"))
    entry |= given(**{"x-apiheader": typed.text("caller_data")})
    if typed.line("ttl"):
        entry["ttl"] = as_number(typed.line("ttl"))
    if typed.is_checked("track_links"):
        entry["cta_link_track"] = "1"
    if typed.line("context"):
        entry["context"] = {"message_id": typed.line("context")}
    if typed.line("scheduled_at"):
        entry["scheduled_at"] = _moment(typed.line("scheduled_at"), typed.line("scheduled_offset", "+00:00"))
    entry |= given(delivery=typed.line("delivery"))
    if typed.line("f_template"):
        fallback = template_members(typed, "f_")
        entry["fallback_template"] = fallback["type_template"][0] | given(
            type_media_template=fallback.get("type_media_template")
        )
    return entry


def _moment(local: str, offset: str) -> str:
    """Return a time as a browser's field gives it, with the offset of the viewer's zone at that time."""
    try:
        return datetime.fromisoformat(f"{local}{offset}").isoformat()
    except ValueError:
        return local


def _attachment(typed: Typed) -> Members:
    media_id, url, caption = typed.line("m_id"), typed.line("m_url"), typed.text("m_caption")
    if url and not media_id:
        return {"attachment_url": url, "attachment_type": typed.line("m_kind")} | given(caption=caption)
    return {"attachment_id": media_id} | given(caption=caption)


def _place(typed: Typed) -> Members:
    return {
        "longitude": as_number(typed.line("longitude")),
        "latitude": as_number(typed.line("latitude")),
    } | given(name=typed.line("place_name"), address=typed.line("place_address"))


def _cards(typed: Typed) -> list[Members]:
    count = typed.count("k_name", at_least=1, at_most=CONTACTS_MAX)
    cards = [_card(typed, place) for place in range(count)]
    # Cards left empty are those that nobody meant; a first one is always looked at.
    return [card for place, card in enumerate(cards) if not place or card != {"name": {"formatted_name": ""}}]


def _card(typed: Typed, place: int) -> Members:
    def line(name: str) -> str:
        return typed.item(f"k_{name}", place).strip()

    def several(name: str, member: str) -> list[Members]:
        return [{member: one.strip()} for one in line(name).split(",") if one.strip()]

    address = given(**{part: line(part) for part in ("street", "city", "state", "zip", "country")})
    name = {"formatted_name": line("name")} | given(first_name=line("first_name"), last_name=line("last_name"))
    return {"name": name} | given(
        phones=several("phones", "phone"),
        emails=several("emails", "email"),
        urls=several("urls", "url"),
        org=given(company=line("company"), department=line("department"), title=line("title")),
        addresses=[address] if address else [],
        birthday=line("birthday"),
    )


def template_members(typed: Typed, prefix: str) -> Members:
    """Return the members of a template, chosen from the list or named by hand; fields begin with ``prefix``."""
    chosen, _, language = typed.line(f"{prefix}template").partition("|")
    is_listed = bool(chosen and language)
    element: Members = {
        "name": chosen if is_listed else typed.line(f"{prefix}name"),
        "attributes": _attributes(typed, prefix, is_listed=is_listed),
        "language": {
            "locale": language if is_listed else typed.line(f"{prefix}language"),
            "policy": "deterministic",
        },
    }
    if typed.line(f"{prefix}components"):
        element["components"] = as_json(typed.text(f"{prefix}components"))
    header = typed.line(f"{prefix}header")
    buttons = [
        {"index": str(index), "payload": payload}
        for index in range(10)
        if (payload := typed.line(f"{prefix}button_{index}"))
    ]
    if not header and not buttons:
        return {"message_type": "template", "type_template": [element]}
    media_id, url = typed.line(f"{prefix}media_id"), typed.line(f"{prefix}url")
    extras: Members = {"type": header or "text"}
    if header:
        extras |= {"url": url} if url and not media_id else {"media_id": media_id}
    if header == "document":
        extras |= given(filename=typed.line(f"{prefix}filename"))
    extras |= given(button=buttons)
    return {"message_type": "media_template", "type_media_template": extras, "type_template": [element]}


def _attributes(typed: Typed, prefix: str, *, is_listed: bool) -> list[str]:
    values = typed.lines(f"{prefix}attribute")
    while not is_listed and values and not values[-1]:
        values.pop()
    return values
