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
from waypost.contract.errors import RefusedError, only_one_entry, too_many_entries
from waypost.contract.interactive_shapes import (
    BODY_CHARACTERS_MAX,
    BUTTON_ID_CHARACTERS_MAX,
    BUTTONS_MAX,
    FOOTER_CHARACTERS_MAX,
    HEADER_CHARACTERS_MAX,
    LABEL_CHARACTERS_MAX,
    LIST_BODY_CHARACTERS_MAX,
    ROW_DESCRIPTION_CHARACTERS_MAX,
    ROW_ID_CHARACTERS_MAX,
    ROW_TITLE_CHARACTERS_MAX,
    ROWS_MAX,
    SECTION_TITLE_CHARACTERS_MAX,
    SECTIONS_MAX,
    check_link,
    check_shape,
    check_unique,
)
from waypost.domain.message import Interactive

_BODILESS = "product"
"""The one kind of the provider's that may come without a body."""


def parse_interactive(entry: JsonObject) -> Interactive:
    """
    Return ``type_interactive[0]`` in the provider's shape.

    An element whose ``body`` is an object is in that shape already: it is held to the provider's limits and passed
    through without its nulls, whatever its kind. So is a product without a body.
    """
    element = only_object(entry, "type_interactive")
    body = element.get("body")
    if type(body) is dict or (body is None and element.get("type") == _BODILESS):
        check_shape(element)
        definition = _without_nulls(element)
        if type(definition.get("action")) is dict:
            definition["action"] = _without_nulls(definition["action"])
        return Interactive(definition=definition)
    kind = required_choice(element, "type", tuple(_ACTIONS))
    definition = {"type": kind}
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


def _without_nulls(holder: JsonObject) -> JsonObject:
    return {member: value for member, value in holder.items() if value is not None}


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
    check_unique(replies, "id", "title")
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
    display_text = required_text(parameters, "display_text", at_most=LABEL_CHARACTERS_MAX)
    check_link(parameters, "url")
    return {"name": "cta_url", "parameters": {"display_text": display_text, "url": parameters["url"]}}


def _parse_list(action: JsonObject) -> JsonObject:
    label = required_text(action, "button", at_most=LABEL_CHARACTERS_MAX)
    sections = required_objects(action, "sections", at_most=SECTIONS_MAX)
    parsed = [_parse_section(section, needs_title=len(sections) > 1) for section in sections]
    rows = [row for section in parsed for row in section["rows"]]
    if len(rows) > ROWS_MAX:
        raise RefusedError(too_many_entries("rows", ROWS_MAX))
    check_unique(rows, "id")
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
