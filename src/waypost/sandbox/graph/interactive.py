"""Checks of interactive messages (Cloud API interactive pages, Dec 2025 to Aug 2026)."""

from collections.abc import Callable
from typing import Any

from waypost.sandbox.graph.errors import invalid, malformed, missing
from waypost.sandbox.graph.shape import a_list, a_text, an_object

_AT = "interactive['action']"
_MEDIA_HEADERS = ("text", "image", "video", "document")
# Body length by type; 1024 for all others.
_BODY_CHARS_MAX = {"list": 4096}
_BODY_OPTIONAL = ("product",)


def check_interactive(interactive: dict[str, Any]) -> None:
    """Check the `interactive` object; raise GraphError."""
    kind = interactive.get("type")
    if kind is None:
        raise missing("interactive['type']")
    if kind not in _ACTIONS:
        raise malformed(f"Param interactive['type'] must be one of {{{', '.join(_ACTIONS)}}}.")
    headers, check = _ACTIONS[kind]
    if kind not in _BODY_OPTIONAL or "body" in interactive:
        body = an_object(interactive, "body", at="interactive['body']")
        a_text(body, "text", at="interactive['body']['text']", chars_max=_BODY_CHARS_MAX.get(kind, 1024))
    if "footer" in interactive:
        footer = an_object(interactive, "footer", at="interactive['footer']")
        a_text(footer, "text", at="interactive['footer']['text']", chars_max=60)
    if "header" in interactive:
        _check_header(an_object(interactive, "header", at="interactive['header']"), headers)
    elif kind == "product_list":
        raise missing("interactive['header']")
    check(an_object(interactive, "action", at=_AT))


def _check_header(header: dict[str, Any], allowed: tuple[str, ...]) -> None:
    kind = header.get("type")
    if kind not in allowed:
        raise invalid(f"Param interactive['header']['type'] must be one of {{{', '.join(allowed) or 'none'}}} here.")
    if kind == "text":
        a_text(header, "text", at="interactive['header']['text']", chars_max=60)
        return
    media = an_object(header, str(kind), at=f"interactive['header']['{kind}']")
    if ("id" in media) == ("link" in media):
        raise invalid(f"Exactly one of id and link must be given in interactive['header']['{kind}'].")


def _check_buttons(action: dict[str, Any]) -> None:
    buttons = a_list(action, "buttons", at=f"{_AT}['buttons']", least=1, most=3)
    ids, titles = [], []
    for index, button in enumerate(buttons):
        at = f"{_AT}['buttons'][{index}]"
        if not isinstance(button, dict) or button.get("type") != "reply":
            raise invalid(f"Param {at}['type'] must be reply.")
        reply = an_object(button, "reply", at=f"{at}['reply']")
        ids.append(a_text(reply, "id", at=f"{at}['reply']['id']", chars_max=256))
        titles.append(a_text(reply, "title", at=f"{at}['reply']['title']", chars_max=20))
    if len(set(ids)) < len(ids) or len(set(titles)) < len(titles):
        raise invalid("Buttons must have unique ids and titles.")


def _check_list(action: dict[str, Any]) -> None:
    a_text(action, "button", at=f"{_AT}['button']", chars_max=20)
    sections = a_list(action, "sections", at=f"{_AT}['sections']", least=1, most=10)
    ids: list[str | None] = []
    for index, section in enumerate(sections):
        at = f"{_AT}['sections'][{index}]"
        if not isinstance(section, dict):
            raise malformed(f"Param {at} must be a JSON object.")
        a_text(section, "title", at=f"{at}['title']", chars_max=24, is_required=len(sections) > 1)
        for row_index, row in enumerate(a_list(section, "rows", at=f"{at}['rows']", least=1, most=10)):
            row_at = f"{at}['rows'][{row_index}]"
            if not isinstance(row, dict):
                raise malformed(f"Param {row_at} must be a JSON object.")
            ids.append(a_text(row, "id", at=f"{row_at}['id']", chars_max=200))
            a_text(row, "title", at=f"{row_at}['title']", chars_max=24)
            a_text(row, "description", at=f"{row_at}['description']", chars_max=72, is_required=False)
    if len(ids) > 10:
        raise invalid("Total row count exceed max allowed count: 10.")
    if len(set(ids)) < len(ids):
        raise invalid("Rows must have unique ids.")


def _named(name: str, check: Callable[[dict[str, Any]], None]) -> Callable[[dict[str, Any]], None]:
    def checked(action: dict[str, Any]) -> None:
        if action.get("name") != name:
            raise invalid(f"Param {_AT}['name'] must be {name}.")
        check(action)

    return checked


def _parameters(action: dict[str, Any]) -> dict[str, Any]:
    return an_object(action, "parameters", at=f"{_AT}['parameters']")


def _check_cta_url(action: dict[str, Any]) -> None:
    parameters = _parameters(action)
    a_text(parameters, "display_text", at=f"{_AT}['parameters']['display_text']", chars_max=20)
    url = a_text(parameters, "url", at=f"{_AT}['parameters']['url']") or ""
    if not url.startswith(("http://", "https://")):
        raise invalid(f"Param {_AT}['parameters']['url'] is not a valid URL.")


def _check_flow(action: dict[str, Any]) -> None:
    parameters = _parameters(action)
    at = f"{_AT}['parameters']"
    if parameters.get("flow_message_version") != "3":
        raise invalid(f"Param {at}['flow_message_version'] must be 3.")
    if ("flow_id" in parameters) == ("flow_name" in parameters):
        raise invalid("Exactly one of flow_id and flow_name must be given.")
    a_text(parameters, "flow_cta", at=f"{at}['flow_cta']", chars_max=30)


def _check_product(action: dict[str, Any]) -> None:
    a_text(action, "catalog_id", at=f"{_AT}['catalog_id']")
    a_text(action, "product_retailer_id", at=f"{_AT}['product_retailer_id']")


def _check_product_list(action: dict[str, Any]) -> None:
    a_text(action, "catalog_id", at=f"{_AT}['catalog_id']")
    products = 0
    sections = a_list(action, "sections", at=f"{_AT}['sections']", least=1, most=10)
    for index, section in enumerate(sections):
        at = f"{_AT}['sections'][{index}]"
        if not isinstance(section, dict):
            raise malformed(f"Param {at} must be a JSON object.")
        a_text(section, "title", at=f"{at}['title']", chars_max=24, is_required=len(sections) > 1)
        items = a_list(section, "product_items", at=f"{at}['product_items']", least=1, most=30)
        for item_index, item in enumerate(items):
            item_at = f"{at}['product_items'][{item_index}]"
            if not isinstance(item, dict):
                raise malformed(f"Param {item_at} must be a JSON object.")
            a_text(item, "product_retailer_id", at=f"{item_at}['product_retailer_id']")
        products += len(items)
    if products > 30:
        raise invalid("At most 30 products may be given.")


def _check_carousel(action: dict[str, Any]) -> None:
    cards = a_list(action, "cards", at=f"{_AT}['cards']", least=2, most=10)
    kinds = set()
    for index, card in enumerate(cards):
        at = f"{_AT}['cards'][{index}]"
        if not isinstance(card, dict):
            raise malformed(f"Param {at} must be a JSON object.")
        if card.get("card_index") != index:
            raise invalid(f"Param {at}['card_index'] must be {index}.")
        if card.get("type") not in ("cta_url", "product"):
            raise invalid(f"Param {at}['type'] must be cta_url or product.")
        kinds.add(_check_card(card, at=at))
    if len(kinds) > 1:
        raise invalid("All cards must have the same kind of button, or products of one catalog.")


def _check_card(card: dict[str, Any], *, at: str) -> str:
    action = an_object(card, "action", at=f"{at}['action']")
    if card["type"] == "product":
        a_text(action, "product_retailer_id", at=f"{at}['action']['product_retailer_id']")
        return f"product {a_text(action, 'catalog_id', at=f'{at}[action][catalog_id]')}"
    _check_header(an_object(card, "header", at=f"{at}['header']"), ("image", "video"))
    if "body" in card:
        body = an_object(card, "body", at=f"{at}['body']")
        a_text(body, "text", at=f"{at}['body']['text']", chars_max=160)
    if "buttons" not in action:
        _named("cta_url", _check_cta_url)(action)
        return "cta_url"
    for index, button in enumerate(a_list(action, "buttons", at=f"{at}['action']['buttons']", least=1, most=3)):
        button_at = f"{at}['action']['buttons'][{index}]"
        if not isinstance(button, dict) or button.get("type") != "quick_reply":
            raise invalid(f"Param {button_at}['type'] must be quick_reply.")
        reply = an_object(button, "quick_reply", at=f"{button_at}['quick_reply']")
        a_text(reply, "id", at=f"{button_at}['quick_reply']['id']", chars_max=20)
        a_text(reply, "title", at=f"{button_at}['quick_reply']['title']", chars_max=20)
    return "quick_reply"


def _check_address(action: dict[str, Any]) -> None:
    a_text(_parameters(action), "country", at=f"{_AT}['parameters']['country']")


def _check_nothing(action: dict[str, Any]) -> None:
    del action


# type: (header types allowed, check of the action)
_ACTIONS: dict[str, tuple[tuple[str, ...], Callable[[dict[str, Any]], None]]] = {
    "button": (_MEDIA_HEADERS, _check_buttons),
    "list": (("text",), _check_list),
    "cta_url": (_MEDIA_HEADERS, _named("cta_url", _check_cta_url)),
    "flow": (_MEDIA_HEADERS, _named("flow", _check_flow)),
    "location_request_message": ((), _named("send_location", _check_nothing)),
    "product": ((), _check_product),
    "product_list": (("text",), _check_product_list),
    "catalog_message": ((), _named("catalog_message", _check_nothing)),
    "carousel": ((), _check_carousel),
    "address_message": ((), _named("address_message", _check_address)),
    "request_contact_info": ((), _named("request_contact_info", _check_nothing)),
    "call_permission_request": ((), _named("call_permission_request", _check_nothing)),
    "voice_call": (_MEDIA_HEADERS, _named("voice_call", _check_nothing)),
    "order_details": (_MEDIA_HEADERS, _check_nothing),
    "order_status": ((), _check_nothing),
}
