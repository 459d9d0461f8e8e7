"""Buttons, lists and links, turned into the provider's shape (contract, sections 2.10 and 9.1)."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

from waypost.contract.checks import (
    is_blank,
    only_object,
    optional_text,
    required,
    required_choice,
    required_id,
    required_object,
    required_objects,
    required_text,
)
from waypost.contract.decoding import JsonObject
from waypost.contract.errors import RefusedError, is_invalid, only_one_entry, too_many_entries
from waypost.domain.message import Interactive

# Limits: Cloud API, interactive reply buttons, list and call-to-action messages, Sep 2026; all in characters.
HEADER_CHARACTERS_MAX: Final = 60
BODY_CHARACTERS_MAX: Final = 1024
LIST_BODY_CHARACTERS_MAX: Final = 4096
FOOTER_CHARACTERS_MAX: Final = 60
BUTTONS_MAX: Final = 3
BUTTON_ID_CHARACTERS_MAX: Final = 256
LABEL_CHARACTERS_MAX: Final = 20
SECTIONS_MAX: Final = 10
ROWS_MAX: Final = 10
SECTION_TITLE_CHARACTERS_MAX: Final = 24
ROW_ID_CHARACTERS_MAX: Final = 200
ROW_TITLE_CHARACTERS_MAX: Final = 24
ROW_DESCRIPTION_CHARACTERS_MAX: Final = 72


def parse_interactive(entry: JsonObject) -> Interactive:
    """
    Return ``type_interactive[0]`` in the provider's shape.

    An element whose ``body`` is an object is in that shape already and passed through, whatever its kind.
    """
    element = only_object(entry, "type_interactive")
    if type(element.get("body")) is dict:
        return Interactive(definition=element)
    kind = required_choice(element, "type", tuple(_ACTIONS))
    definition: JsonObject = {"type": kind}
    header = _parse_header(element, kind)
    if header is not None:
        definition["header"] = header
    body_max = LIST_BODY_CHARACTERS_MAX if kind == "list" else BODY_CHARACTERS_MAX
    definition["body"] = {"text": required_text(element, "body", at_most=body_max)}
    footer = optional_text(element, "footer", at_most=FOOTER_CHARACTERS_MAX)
    if footer is not None:
        definition["footer"] = {"text": footer}
    definition["action"] = _ACTIONS[kind](only_object(element, "action"))
    return Interactive(definition=definition)


def _parse_header(element: JsonObject, kind: str) -> JsonObject | None:
    if element.get("header") is None:
        return None
    header = required_object(element, "header")
    # Two forms that clients send with links carry a URL and nothing that upstream could show.
    if kind == "cta_url" and not is_blank(header.get("url")):
        header_type = header.get("type")
        if header_type in ("URL", "url") or (header_type == "text" and is_blank(header.get("text"))):
            return None
    if required_choice(header, "type", ("text",) if kind == "list" else ("text", "image")) == "image":
        return {"type": "image", "image": {"link": required_text(header, "url")}}
    return {"type": "text", "text": required_text(header, "text", at_most=HEADER_CHARACTERS_MAX)}


def _parse_reply_buttons(action: JsonObject) -> JsonObject:
    replies = [_parse_reply(button) for button in required_objects(action, "buttons", at_most=BUTTONS_MAX)]
    for member in ("id", "title"):
        if len({reply[member] for reply in replies}) < len(replies):
            raise RefusedError(is_invalid(member))
    return {"buttons": [{"type": "reply", "reply": reply} for reply in replies]}


def _parse_reply(button: JsonObject) -> JsonObject:
    required_choice(button, "type", ("reply",))
    reply = required_object(button, "reply")
    return {
        "id": required_id(reply, "id", at_most=BUTTON_ID_CHARACTERS_MAX),
        "title": required_text(reply, "title", at_most=LABEL_CHARACTERS_MAX),
    }


def _parse_link(action: JsonObject) -> JsonObject:
    buttons = required_objects(action, "buttons", at_most=SECTIONS_MAX)
    if len(buttons) > 1:
        raise RefusedError(only_one_entry("buttons"))
    parameters = required_object(buttons[0], "parameters")
    return {
        "name": "cta_url",
        "parameters": {
            "display_text": required_text(parameters, "display_text", at_most=LABEL_CHARACTERS_MAX),
            "url": required_text(parameters, "url"),
        },
    }


def _parse_list(action: JsonObject) -> JsonObject:
    label = required_text(action, "button", at_most=LABEL_CHARACTERS_MAX)
    sections = required_objects(action, "sections", at_most=SECTIONS_MAX)
    parsed = [_parse_section(section, needs_title=len(sections) > 1) for section in sections]
    if sum(len(section["rows"]) for section in parsed) > ROWS_MAX:
        raise RefusedError(too_many_entries("rows", ROWS_MAX))
    return {"button": label, "sections": parsed}


def _parse_section(section: JsonObject, *, needs_title: bool) -> JsonObject:
    if needs_title:
        required(section, "title")
    title = optional_text(section, "title", at_most=SECTION_TITLE_CHARACTERS_MAX)
    rows = [_parse_row(row) for row in required_objects(section, "rows", at_most=ROWS_MAX)]
    return {"rows": rows} if title is None else {"title": title, "rows": rows}


def _parse_row(row: JsonObject) -> JsonObject:
    parsed = {
        "id": required_id(row, "id", at_most=ROW_ID_CHARACTERS_MAX),
        "title": required_text(row, "title", at_most=ROW_TITLE_CHARACTERS_MAX),
    }
    description = optional_text(row, "description", at_most=ROW_DESCRIPTION_CHARACTERS_MAX)
    return parsed if description is None else {**parsed, "description": description}


_ACTIONS: Final[Mapping[str, Callable[[JsonObject], JsonObject]]] = MappingProxyType(
    {"button": _parse_reply_buttons, "list": _parse_list, "cta_url": _parse_link}
)
