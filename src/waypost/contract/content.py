"""Texts, places, contact cards and reactions (contract, sections 2.5, 2.7 and 2.11)."""

import re
from typing import Any, Final

from waypost.contract.checks import only_object, optional_text, required, required_id, required_object, required_text
from waypost.contract.decoding import JsonObject
from waypost.contract.errors import (
    PARAMETER_MISSING,
    RefusedError,
    cannot_be_blank,
    is_invalid,
    too_many_entries,
)
from waypost.domain.message import Contacts, Location, Reaction, Text

TEXT_CHARACTERS_MAX: Final = 4096
"""Cloud API, text messages, Sep 2026."""

CONTACTS_MAX: Final = 257
"""Cloud API, contacts messages, Sep 2026."""

_DEGREES: Final = re.compile(r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)", re.ASCII)
_BIRTHDAY: Final = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
# One symbol as people see it: a flag, a keycap, or pictures joined into one. Ranges, not a list, so that emoji of later
# years count too (Unicode Technical Standard 51, section 1.4.9).
_PICTURE: Final = (
    "[\u00a9\u00ae\u203c\u2049\u2122\u2139\u2190-\u21ff\u2300-\u27bf\u2900-\u297f\u2b00-\u2bff\u3030\u303d"
    "\u3297\u3299\U0001f000-\U0001f1e5\U0001f200-\U0001faff]\ufe0f?[\U0001f3fb-\U0001f3ff]?\ufe0f?"
)
_EMOJI: Final = re.compile(
    "[\U0001f1e6-\U0001f1ff]{2}|[0-9#*]\ufe0f?\u20e3|"
    f"{_PICTURE}(?:[\U000e0020-\U000e007e]+\U000e007f|(?:\u200d{_PICTURE})*)"
)
_CARD_ARRAYS: Final = ("phones", "emails", "urls", "addresses")


def parse_text(entry: JsonObject) -> Text:
    """Return ``type_text[0]``."""
    element = only_object(entry, "type_text")
    body = required_text(element, "content", at_most=TEXT_CHARACTERS_MAX)
    preview = element.get("preview_url")
    return Text(body=body, preview_url=preview is True or preview == "true")


def parse_location(entry: JsonObject) -> Location:
    """Return ``type_location[0]``; numeric texts are taken for numbers."""
    element = only_object(entry, "type_location")
    return Location(
        longitude=_degrees(element, "longitude", limit=180.0),
        latitude=_degrees(element, "latitude", limit=90.0),
        name=optional_text(element, "name"),
        address=optional_text(element, "address"),
    )


def _degrees(element: JsonObject, member: str, *, limit: float) -> float:
    value = required(element, member)
    if type(value) is str and _DEGREES.fullmatch(value):
        value = float(value)
    if type(value) not in (float, int) or not -limit <= value <= limit:
        raise RefusedError(is_invalid(member))
    return float(value)


def parse_contacts(entry: JsonObject) -> Contacts:
    """Return the cards of ``type_contacts[0]``: the element itself, or those in its ``contacts``."""
    element = only_object(entry, "type_contacts")
    cards = element.get("contacts", element)
    if cards is element:
        return Contacts(contacts=[_card(element)])
    if cards is None:
        raise RefusedError(cannot_be_blank("contacts"))
    if type(cards) is not list or not all(type(card) is dict for card in cards):
        raise RefusedError(is_invalid("contacts"))
    if not cards:
        raise RefusedError(PARAMETER_MISSING)
    if len(cards) > CONTACTS_MAX:
        raise RefusedError(too_many_entries("contacts", CONTACTS_MAX))
    return Contacts(contacts=[_card(card) for card in cards])


def _card(card: JsonObject) -> Any:
    """Return a card as it came, without its nulls at any depth, which upstream does not take."""
    required_text(required_object(card, "name"), "formatted_name")
    for member in _CARD_ARRAYS:
        value = card.get(member)
        if value is not None and not (type(value) is list and all(type(item) is dict for item in value)):
            raise RefusedError(is_invalid(member))
    if card.get("org") is not None and type(card["org"]) is not dict:
        raise RefusedError(is_invalid("org"))
    birthday = optional_text(card, "birthday")
    if birthday is not None and not _BIRTHDAY.fullmatch(birthday):
        raise RefusedError(is_invalid("birthday"))
    return _without_nulls(card)


def _without_nulls(value: Any) -> Any:
    if type(value) is dict:
        return {member: _without_nulls(inner) for member, inner in value.items() if inner is not None}
    return [_without_nulls(inner) for inner in value if inner is not None] if type(value) is list else value


def parse_reaction(entry: JsonObject) -> Reaction:
    """Return ``type_reaction[0]``: one emoji, or ``""``, which takes the reaction back."""
    element = only_object(entry, "type_reaction")
    message_id = required_id(element, "message_id")
    emoji = "" if element.get("emoji") == "" else required_text(element, "emoji")
    if emoji and not _EMOJI.fullmatch(emoji):
        raise RefusedError(is_invalid("emoji"))
    return Reaction(message_id=message_id, emoji=emoji)
