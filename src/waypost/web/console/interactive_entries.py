"""
Interactive messages out of the compose form.

Buttons, lists and links are written in the contract's own form (section 2.10), everything else, and headers that this
form does not have, as the Cloud API writes it, which the contract passes through.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final

from waypost.web.console.typed import Members, Typed, as_json, given

INTERACTIVE_KINDS: Final = (
    ("button", "Reply buttons"),
    ("list", "List"),
    ("cta_url", "Link button"),
    ("product", "One product"),
    ("product_list", "Several products"),
    ("catalog_message", "Catalogue"),
    ("flow", "Flow"),
    ("location_request_message", "Ask for a location"),
    ("address_message", "Ask for an address"),
    ("request_contact_info", "Ask for contact info"),
    ("carousel", "Carousel"),
)
BUTTONS_MAX: Final = 3
ROWS_MAX: Final = 10
CARDS_MIN: Final = 2
CARDS_MAX: Final = 10
_OF_THE_CONTRACT: Final = frozenset({"button", "list", "cta_url"})
_LINKED_HEADERS: Final = frozenset({"image", "video", "document"})


def interactive_members(typed: Typed) -> Members:
    """Return ``type_interactive[0]``."""
    kind, header = typed.line("interactive", "button"), typed.line("i_header_kind")
    body, footer = typed.text("i_body"), typed.text("i_footer")
    action = _ACTIONS.get(kind, _nothing)(typed)
    if kind in _OF_THE_CONTRACT and header not in ("video", "document"):
        simple: Members = {"type": kind} | _contract_header(typed, header) | {"body": body}
        return simple | given(footer=footer) | {"action": [action]}
    if kind == "cta_url":
        action = {"name": "cta_url", "parameters": action["buttons"][0]["parameters"]}
    element: Members = {"type": kind} | _provider_header(typed, header)
    if body or kind != "product":
        element["body"] = {"text": body}
    return element | ({"footer": {"text": footer}} if footer else {}) | {"action": action}


def _contract_header(typed: Typed, kind: str) -> Members:
    if kind == "text":
        return {"header": {"type": "text", "text": typed.line("i_header_text")}}
    return {"header": {"type": "image", "url": typed.line("i_header_url")}} if kind == "image" else {}


def _provider_header(typed: Typed, kind: str) -> Members:
    if kind == "text":
        return {"header": {"type": "text", "text": typed.line("i_header_text")}}
    return {"header": {"type": kind, kind: {"link": typed.line("i_header_url")}}} if kind in _LINKED_HEADERS else {}


def _reply_buttons(typed: Typed) -> Members:
    pairs = _pairs(typed, "b_id", "b_title", at_most=BUTTONS_MAX)
    return {"buttons": [{"type": "reply", "reply": {"id": id_, "title": title}} for id_, title in pairs]}


def _list(typed: Typed) -> Members:
    sections: list[Members] = []
    for place in range(ROWS_MAX):
        title = typed.item("l_section", place).strip()
        row = {"id": typed.item("l_id", place).strip(), "title": typed.item("l_title", place).strip()}
        row |= given(description=typed.item("l_description", place).strip())
        if row == {"id": "", "title": ""}:
            continue
        # Rows that follow one another under one title, or under none of their own, are one section.
        if not sections or (title and sections[-1].get("title") != title):
            sections.append({**given(title=title), "rows": []})
        sections[-1]["rows"].append(row)
    return {"button": typed.line("l_button"), "sections": sections}


def _link(typed: Typed) -> Members:
    parameters = {"display_text": typed.line("u_label"), "url": typed.line("u_url")}
    return {"buttons": [{"name": "open_link", "parameters": parameters}]}


def _product(typed: Typed) -> Members:
    return {"catalog_id": typed.line("p_catalog"), "product_retailer_id": typed.line("p_product")}


def _products(typed: Typed) -> Members:
    sections: list[Members] = []
    for line in filter(None, map(str.strip, typed.text("p_products").splitlines())):
        if line.startswith("#"):
            sections.append({"title": line.lstrip("# "), "product_items": []})
            continue
        if not sections:
            sections.append({"product_items": []})
        sections[-1]["product_items"].append({"product_retailer_id": line})
    return {"catalog_id": typed.line("p_catalog"), "sections": sections}


def _catalogue(typed: Typed) -> Members:
    parameters = given(thumbnail_product_retailer_id=typed.line("p_product"))
    return {"name": "catalog_message"} | given(parameters=parameters)


def _flow(typed: Typed) -> Members:
    name = typed.line("w_flow")
    data = as_json(typed.text("w_data")) if typed.line("w_data") else None
    screen = given(screen=typed.line("w_screen"), data=data)
    parameters = {
        "flow_message_version": "3",
        "flow_id" if name.isdecimal() else "flow_name": name,
        "flow_cta": typed.line("w_label"),
    } | given(
        flow_token=typed.line("w_token"),
        mode=typed.line("w_mode"),
        flow_action=typed.line("w_action"),
        flow_action_payload=screen,
    )
    return {"name": "flow", "parameters": parameters}


def _address(typed: Typed) -> Members:
    values = as_json(typed.text("a_values")) if typed.line("a_values") else None
    return {"name": "address_message", "parameters": {"country": typed.line("a_country")} | given(values=values)}


def _carousel(typed: Typed) -> Members:
    count = typed.count("c_body", at_least=CARDS_MIN, at_most=CARDS_MAX)
    cards = [_CARDS.get(typed.line("c_kind", "link"), _link_card)(typed, place) for place in range(count)]
    return {"cards": [{"card_index": place, **card} for place, card in enumerate(cards)]}


def _media_card(typed: Typed, place: int) -> Members:
    kind, body = typed.item("c_media", place) or "image", typed.item("c_body", place).strip()
    return {
        "type": "cta_url",
        "header": {"type": kind, kind: {"link": typed.item("c_link", place).strip()}},
    } | ({"body": {"text": body}} if body else {})


def _link_card(typed: Typed, place: int) -> Members:
    parameters = {
        "display_text": typed.item("c_label", place).strip(),
        "url": typed.item("c_url", place).strip(),
    }
    return _media_card(typed, place) | {"action": {"name": "cta_url", "parameters": parameters}}


def _reply_card(typed: Typed, place: int) -> Members:
    replies = filter(None, map(str.strip, typed.item("c_replies", place).split(",")))
    buttons = [
        {"type": "quick_reply", "quick_reply": {"id": f"card{place}_{number}", "title": title}}
        for number, title in enumerate(replies)
    ]
    return _media_card(typed, place) | {"action": {"buttons": buttons}}


def _product_card(typed: Typed, place: int) -> Members:
    product = typed.item("c_product", place).strip()
    action = {"catalog_id": typed.line("c_catalog"), "product_retailer_id": product}
    return {"type": "product", "action": action}


def _pairs(typed: Typed, *names: str, at_most: int) -> list[tuple[str, ...]]:
    """Return what stands in fields side by side, without the rows that are empty."""
    rows = [tuple(typed.item(name, place).strip() for name in names) for place in range(at_most)]
    return [row for row in rows if any(row)]


def _nothing(_typed: Typed) -> Members:
    return {}


def _named(name: str) -> Callable[[Typed], Members]:
    return lambda _: {"name": name}


_CARDS: Final = MappingProxyType({"link": _link_card, "replies": _reply_card, "product": _product_card})
_ACTIONS: Final[Mapping[str, Callable[[Typed], Any]]] = MappingProxyType(
    {
        "button": _reply_buttons,
        "list": _list,
        "cta_url": _link,
        "product": _product,
        "product_list": _products,
        "catalog_message": _catalogue,
        "flow": _flow,
        "location_request_message": _named("send_location"),
        "address_message": _address,
        "request_contact_info": _named("request_contact_info"),
        "carousel": _carousel,
    }
)
