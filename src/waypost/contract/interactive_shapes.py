"""
Interactive messages in the provider's own shape, held to its limits before they are accepted (contract, section 2.10).

``_SHAPES`` is the table: one row a kind. What it names is checked, everything else in a message is left alone, and
kinds that it does not know pass. Facts and limits: Cloud API, interactive message pages, Sep 2026; lengths in
characters.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

from waypost.contract.checks import (
    is_blank,
    required,
    required_choice,
    required_object,
    required_objects,
    required_text,
)
from waypost.contract.decoding import JsonObject
from waypost.contract.errors import PARAMETER_MISSING, RefusedError, is_invalid, too_many_entries
from waypost.domain.value import value

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
FLOW_LABEL_CHARACTERS_MAX: Final = 30
PRODUCTS_MAX: Final = 30
CARDS_MIN: Final = 2
CARDS_MAX: Final = 10
CARD_BODY_CHARACTERS_MAX: Final = 160
QUICK_REPLY_ID_CHARACTERS_MAX: Final = 20

Check = Callable[[JsonObject, str], None]
"""Looks at one member of an object; raises ``RefusedError``."""
Rules = Mapping[str, Check]
"""Checks by member, in the order in which faults are found."""


def check_shape(element: JsonObject) -> None:
    """Check an interactive message in the provider's shape; raises ``RefusedError``. Unknown kinds pass."""
    shape = _SHAPES.get(required_text(element, "type"))
    if shape is None:
        return
    if shape.headers:
        (_header(shape.headers) if shape.needs_header else _maybe(_header(shape.headers)))(element, "header")
    elif element.get("header") is not None:
        raise RefusedError(is_invalid("header"))
    body = _object({"text": _text(shape.body_characters_max)})
    (body if shape.needs_body else _maybe(body))(element, "body")
    _maybe(_object({"text": _text(FOOTER_CHARACTERS_MAX)}))(element, "footer")
    action = required_object(element, "action")
    _apply(shape.action, action)
    for also in shape.also:
        also(action)


def check_unique(holders: list[JsonObject], *members: str) -> None:
    """Refuse two objects with the same value of a member."""
    for member in members:
        if len({holder[member] for holder in holders}) < len(holders):
            raise RefusedError(is_invalid(member))


def check_link(holder: JsonObject, member: str) -> None:
    """Refuse what a phone could not open: a link has a scheme, http or https, and no white space."""
    url = required_text(holder, member)
    if not url.lower().startswith(("http://", "https://")) or any(map(str.isspace, url)):
        raise RefusedError(is_invalid(member))


def _apply(rules: Rules, holder: JsonObject) -> None:
    for member, check in rules.items():
        check(holder, member)


def _text(at_most: int | None = None) -> Check:
    def check(holder: JsonObject, member: str) -> None:
        required_text(holder, member, at_most=at_most)

    return check


def _word(*words: str) -> Check:
    def check(holder: JsonObject, member: str) -> None:
        required_choice(holder, member, words)

    return check


def _object(rules: Rules) -> Check:
    def check(holder: JsonObject, member: str) -> None:
        _apply(rules, required_object(holder, member))

    return check


def _objects(rules: Rules, *, at_least: int = 1, at_most: int) -> Check:
    def check(holder: JsonObject, member: str) -> None:
        found = required_objects(holder, member, at_most=at_most)
        if len(found) < at_least:
            raise RefusedError(is_invalid(member))
        for one in found:
            _apply(rules, one)

    return check


def _maybe(check: Check) -> Check:
    """Return the check for a member that may be left out or null."""

    def checked(holder: JsonObject, member: str) -> None:
        if holder.get(member) is not None:
            check(holder, member)

    return checked


def _header(kinds: tuple[str, ...]) -> Check:
    """Return the check of a header: a text, or a file by exactly one of ``id`` and ``link``."""

    def check(holder: JsonObject, member: str) -> None:
        header = required_object(holder, member)
        kind = required_choice(header, "type", kinds)
        if kind == "text":
            required_text(header, "text", at_most=HEADER_CHARACTERS_MAX)
        else:
            _either(required_object(header, kind), "id", "link")

    return check


def _either(holder: JsonObject, first: str, second: str) -> None:
    """Check that exactly one of two texts is there."""
    given = [member for member in (first, second) if not is_blank(holder.get(member))]
    if not given:
        raise RefusedError(PARAMETER_MISSING)
    if len(given) > 1:
        raise RefusedError(is_invalid(second))
    required_text(holder, given[0])


def _replies_are_unique(action: JsonObject) -> None:
    check_unique([button["reply"] for button in action["buttons"]], "id", "title")


def _sections_have_titles(action: JsonObject) -> None:
    if len(action["sections"]) > 1:
        for section in action["sections"]:
            required(section, "title")


def _rows_are_few_and_unique(action: JsonObject) -> None:
    rows = [row for section in action["sections"] for row in section["rows"]]
    if len(rows) > ROWS_MAX:
        raise RefusedError(too_many_entries("rows", ROWS_MAX))
    check_unique(rows, "id")


def _products_are_few(action: JsonObject) -> None:
    if sum(len(section["product_items"]) for section in action["sections"]) > PRODUCTS_MAX:
        raise RefusedError(too_many_entries("product_items", PRODUCTS_MAX))


def _flow_is_named_once(action: JsonObject) -> None:
    _either(action["parameters"], "flow_id", "flow_name")


def _cards_are_alike(action: JsonObject) -> None:
    """Check each card, their numbers from 0 on, and that all have one kind of button, or products of one catalogue."""
    cards = action["cards"]
    if [card["card_index"] for card in cards] != list(range(len(cards))):
        raise RefusedError(is_invalid("card_index"))
    if len({_card_kind(card) for card in cards}) > 1:
        raise RefusedError(is_invalid("cards"))


def _card_kind(card: JsonObject) -> str:
    action = required_object(card, "action")
    if card["type"] == "product":
        _apply(_PRODUCT, action)
        return f"product of {action['catalog_id']}"
    _apply(_MEDIA_CARD, card)
    if action.get("buttons") is None:
        _apply(_LINK, action)
        return "link"
    _apply(_QUICK_REPLIES, action)
    return "replies"


def _whole_number(holder: JsonObject, member: str) -> None:
    if type(required(holder, member)) is not int:
        raise RefusedError(is_invalid(member))


@value
class _Shape:
    """
    What one kind must hold.

    ``headers`` are the kinds of header it may have; ``also`` are rules about several members of the action at once,
    asked after ``action``.
    """

    action: Rules
    headers: tuple[str, ...] = ()
    needs_header: bool = False
    body_characters_max: int = BODY_CHARACTERS_MAX
    needs_body: bool = True
    also: tuple[Callable[[JsonObject], None], ...] = ()


_ANY_HEADER: Final = ("text", "image", "video", "document")
_REPLY: Final = {"id": _text(BUTTON_ID_CHARACTERS_MAX), "title": _text(LABEL_CHARACTERS_MAX)}
_QUICK_REPLY: Final = {"id": _text(QUICK_REPLY_ID_CHARACTERS_MAX), "title": _text(LABEL_CHARACTERS_MAX)}
_QUICK_REPLIES: Final = {
    "buttons": _objects({"type": _word("quick_reply"), "quick_reply": _object(_QUICK_REPLY)}, at_most=BUTTONS_MAX)
}
_LINK: Final = {
    "name": _word("cta_url"),
    "parameters": _object({"display_text": _text(LABEL_CHARACTERS_MAX), "url": check_link}),
}
_PRODUCT: Final = {"catalog_id": _text(), "product_retailer_id": _text()}
_MEDIA_CARD: Final = {
    "header": _header(("image", "video")),
    "body": _maybe(_object({"text": _text(CARD_BODY_CHARACTERS_MAX)})),
}
_ROW: Final = {
    "id": _text(ROW_ID_CHARACTERS_MAX),
    "title": _text(ROW_TITLE_CHARACTERS_MAX),
    "description": _maybe(_text(ROW_DESCRIPTION_CHARACTERS_MAX)),
}
_FLOW: Final = {
    "flow_message_version": _text(),
    "flow_cta": _text(FLOW_LABEL_CHARACTERS_MAX),
    "mode": _maybe(_word("draft", "published")),
    "flow_token": _maybe(_text()),
    "flow_action": _maybe(_word("navigate", "data_exchange")),
    "flow_action_payload": _maybe(_object({})),
}


def _section(member: str, rules: Rules, *, at_most: int) -> Check:
    return _objects(
        {"title": _maybe(_text(SECTION_TITLE_CHARACTERS_MAX)), member: _objects(rules, at_most=at_most)},
        at_most=SECTIONS_MAX,
    )


_SHAPES: Final[Mapping[str, _Shape]] = MappingProxyType(
    {
        "button": _Shape(
            headers=_ANY_HEADER,
            action={"buttons": _objects({"type": _word("reply"), "reply": _object(_REPLY)}, at_most=BUTTONS_MAX)},
            also=(_replies_are_unique,),
        ),
        "list": _Shape(
            headers=("text",),
            body_characters_max=LIST_BODY_CHARACTERS_MAX,
            action={"button": _text(LABEL_CHARACTERS_MAX), "sections": _section("rows", _ROW, at_most=ROWS_MAX)},
            also=(_sections_have_titles, _rows_are_few_and_unique),
        ),
        "cta_url": _Shape(headers=_ANY_HEADER, action=_LINK),
        "flow": _Shape(
            headers=_ANY_HEADER,
            action={"name": _word("flow"), "parameters": _object(_FLOW)},
            also=(_flow_is_named_once,),
        ),
        "location_request_message": _Shape(action={"name": _word("send_location")}),
        "product": _Shape(action=_PRODUCT, needs_body=False),
        "product_list": _Shape(
            headers=("text",),
            needs_header=True,
            action={
                "catalog_id": _text(),
                "sections": _section("product_items", {"product_retailer_id": _text()}, at_most=PRODUCTS_MAX),
            },
            also=(_sections_have_titles, _products_are_few),
        ),
        "catalog_message": _Shape(
            action={
                "name": _word("catalog_message"),
                "parameters": _maybe(_object({"thumbnail_product_retailer_id": _maybe(_text())})),
            }
        ),
        "carousel": _Shape(
            action={
                "cards": _objects(
                    {"card_index": _whole_number, "type": _word("cta_url", "product")},
                    at_least=CARDS_MIN,
                    at_most=CARDS_MAX,
                )
            },
            also=(_cards_are_alike,),
        ),
        "address_message": _Shape(
            action={"name": _word("address_message"), "parameters": _object({"country": _text()})}
        ),
        "request_contact_info": _Shape(action={"name": _word("request_contact_info")}),
    }
)
