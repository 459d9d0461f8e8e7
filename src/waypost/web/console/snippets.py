"""An entry of a send request as something to copy: JSON, a call by curl, and one by ``waypost.client``."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pprint import pformat
from types import MappingProxyType
from typing import Any, Final

import orjson

from waypost.web.console.typed import Members

PATH: Final = "/api/v2/message/"
PRIORITY_PATH: Final = "/api/v2/message/nc/priority"
_WIDTH: Final = 96
_LANGUAGE_MEMBERS: Final = {"policy": "deterministic"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Snippets:
    """The same request three times."""

    json: str
    curl: str
    python: str


@dataclass(frozen=True, slots=True)
class _Call:
    """A class of the client and what it is made with, in order."""

    name: str
    arguments: Mapping[str, Any]


class _Code(str):
    """Python source, not a text to quote."""

    __slots__ = ()


def snippets_of(entry: Members, *, base_url: str, is_urgent: bool = False) -> Snippets:
    """Return an entry as requests; the key stands in them as the variable ``WAYPOST_API_KEY``."""
    body = orjson.dumps({"message": [entry]}, option=orjson.OPT_INDENT_2).decode()
    url = base_url.rstrip("/") + (PRIORITY_PATH if is_urgent else PATH)
    curl = (
        f"curl -sS -X POST '{url}' \\\n"
        "  -H \"Authorization: Bearer $WAYPOST_API_KEY\" -H 'Content-Type: application/json' \\\n"
        f"  --data-binary @- <<'JSON'\n{body}\nJSON"
    )
    return Snippets(json=body, curl=curl, python=_python(entry, base_url=base_url, is_urgent=is_urgent))


def _python(entry: Members, *, base_url: str, is_urgent: bool) -> str:
    call = _message(entry)
    text = _source(call, depth=2)
    names = sorted({"Client", *_names(call)}, key=str.lower)
    lines = ["import os"]
    if "datetime." in text:
        lines.append("from datetime import datetime")
    lines += [
        "",
        f"from waypost.client import {', '.join(names)}",
        "",
        f'with Client({base_url!r}, os.environ["WAYPOST_API_KEY"]) as client:',
        "    sent = client.send(",
        f"        {text},",
        *(["        has_priority=True,"] if is_urgent else []),
        "    )",
        "    print(sent.id)",
    ]
    return "\n".join(lines)


def _message(entry: Members) -> _Call:
    """Return the message as the client has it; as an entry of one's own where it has no word for something in it."""
    envelope = _envelope(entry)
    write = _WRITERS.get(str(entry.get("message_type")))
    content = None
    if "delivery" not in entry and write is not None:
        try:
            content = write(entry)
        except (KeyError, IndexError, TypeError, AttributeError):
            # Typed as JSON, an entry can have any form.
            content = None
    if content is None:
        shared = ("recipient_whatsapp", "recipient_type")
        members = {name: value for name, value in entry.items() if name not in shared}
        head = {name: value for name, value in envelope.items() if name in ("to", "recipient_type")}
        return _Call("Custom", {**head, "members": members})
    return _Call(content.name, {**envelope, **content.arguments})


def _envelope(entry: Members) -> Members:
    found: Members = {"to": entry.get("recipient_whatsapp", "")}
    if entry.get("recipient_type") not in (None, "individual"):
        found["recipient_type"] = entry["recipient_type"]
    for member, name in (("source", "source"), ("x-apiheader", "caller_data"), ("ttl", "ttl_days")):
        if member in entry:
            found[name] = entry[member]
    if "cta_link_track" in entry:
        found["tracks_links"] = True
    if isinstance(entry.get("context"), dict):
        found["reply_to"] = entry["context"].get("message_id")
    if "scheduled_at" in entry:
        found["scheduled_at"] = _Code(f"datetime.fromisoformat({entry['scheduled_at']!r})")
    if isinstance(entry.get("fallback_template"), dict):
        element = dict(entry["fallback_template"])
        extras = element.pop("type_media_template", None)
        parts = {"type_template": [element]} | ({} if extras is None else {"type_media_template": extras})
        call = _template(parts) or _Call("Custom", {"members": parts})
        found["fallback_template"] = _Call(call.name, {"to": found["to"], **call.arguments})
    return found


def _text(entry: Members) -> _Call | None:
    element = entry["type_text"][0]
    preview = {"preview_url": True} if element.get("preview_url") == "true" else {}
    return _Call("Text", {"body": element["content"], **preview})


def _media(entry: Members) -> _Call | None:
    file = entry["type_media"][0]["attachments"][0]
    found = {"media_id": file["attachment_id"]} if "attachment_id" in file else {
        "url": file["attachment_url"], "kind": file["attachment_type"]
    }  # fmt: skip
    return _Call("Media", found | ({"caption": file["caption"]} if "caption" in file else {}))


def _location(entry: Members) -> _Call | None:
    return _Call("Location", entry["type_location"][0])


def _reaction(entry: Members) -> _Call | None:
    return _Call("Reaction", entry["type_reaction"][0])


def _contacts(entry: Members) -> _Call | None:
    return _Call("Contacts", {"cards": [_card(card) for card in entry["type_contacts"][0]["contacts"]]})


def _card(card: Members) -> _Call:
    found: Members = dict(card["name"])
    more: Members = {}
    for member, value in card.items():
        if member in ("phones", "emails", "urls") and all(len(one) == 1 for one in value):
            found[member] = [next(iter(one.values())) for one in value]
        elif member == "org" and set(value) == {"company"}:
            found["company"] = value["company"]
        elif member != "name":
            more[member] = value
    if set(card["name"]) - {"formatted_name", "first_name", "last_name"}:
        found, more = {"formatted_name": card["name"]["formatted_name"]}, {**card}
    return _Call("ContactCard", found | ({"more": more} if more else {}))


def _template(entry: Members) -> _Call | None:
    element, extras = entry["type_template"][0], entry.get("type_media_template")
    language = dict(element["language"])
    locale = language.pop("locale")
    if language != _LANGUAGE_MEMBERS:
        return None
    found: Members = {"name": element["name"], "language": locale}
    found |= {name: element[name] for name in ("attributes", "components") if element.get(name)}
    if extras is None:
        return _Call("Template", found)
    if extras["type"] != "text":
        found["header"] = extras["type"]
    found |= {name: extras[name] for name in ("media_id", "url", "filename") if name in extras}
    if "button" in extras:
        found["buttons"] = {int(button["index"]): button["payload"] for button in extras["button"]}
    return _Call("MediaTemplate", found)


def _interactive(entry: Members) -> _Call | None:
    element = entry["type_interactive"][0]
    if isinstance(element.get("body"), dict) or "body" not in element:
        return _Call("CloudInteractive", {"definition": element})
    found: Members = {"body": element["body"]}
    found |= {"footer": element["footer"]} if "footer" in element else {}
    header = element.get("header")
    if header is not None:
        found |= {"header": header["text"]} if header["type"] == "text" else {"header_image_url": header["url"]}
    action = element["action"][0]
    match element["type"]:
        case "button":
            buttons = [_Call("ReplyButton", button["reply"]) for button in action["buttons"]]
            return _Call("ReplyButtons", {**found, "buttons": buttons})
        case "list":
            sections = [
                _Call("Section", {
                    "rows": [_Call("Row", row) for row in section["rows"]],
                    **({"title": section["title"]} if "title" in section else {}),
                })
                for section in action["sections"]
            ]  # fmt: skip
            return _Call("ChoiceList", {**found, "button": action["button"], "sections": sections})
        case "cta_url":
            return _Call("LinkButton", {**found, **action["buttons"][0]["parameters"]})
    return None


_WRITERS: Final[Mapping[str, Callable[[Members], _Call | None]]] = MappingProxyType(
    {
        "text": _text,
        "media": _media,
        "location": _location,
        "reaction": _reaction,
        "contacts": _contacts,
        "template": _template,
        "media_template": _template,
        "interactive": _interactive,
    }
)


def _names(found: Any) -> set[str]:
    if isinstance(found, _Call):
        return {found.name}.union(*(_names(value) for value in found.arguments.values()))
    return set().union(*map(_names, found)) if isinstance(found, list) else set()


def _source(found: Any, *, depth: int) -> str:
    """Return Python source; ``depth`` in steps of four spaces is where it stands."""
    pad, end = "    " * (depth + 1), "    " * depth
    if isinstance(found, _Code):
        return str(found)
    if isinstance(found, _Call):
        parts = [f"{name}={_source(value, depth=depth + 1)}" for name, value in found.arguments.items()]
        line = f"{found.name}({', '.join(parts)})"
        if len(line) + len(end) <= _WIDTH and "\n" not in line:
            return line
        return f"{found.name}(\n" + "".join(f"{pad}{part},\n" for part in parts) + f"{end})"
    if isinstance(found, list) and any(isinstance(item, _Call) for item in found):
        return "[\n" + "".join(f"{pad}{_source(item, depth=depth + 1)},\n" for item in found) + f"{end}]"
    return pformat(found, width=_WIDTH - len(end), sort_dicts=False).replace("\n", f"\n{end}")
