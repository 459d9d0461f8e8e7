"""What a message must give for the template it is made from: header, body, buttons, cards, the end of an offer."""

import re
from typing import Any

from waypost.sandbox.graph.errors import GraphError, missing

VARIABLE = re.compile(r"\{\{\s*([a-z0-9_]+)\s*\}\}")
_BODY_CHARS_MAX = 1024
_SUB_TYPES = ("quick_reply", "url", "copy_code", "catalog", "mpm", "flow", "order_details")
_REQUIRED = ("copy_code", "mpm", "order_details")


def check_components(defined: list[dict[str, Any]], sent: Any) -> None:
    """Check the components of a message, or of one card of it, by the template's: 132000, 132012, 132005, 131008."""
    if not isinstance(sent, list) or not all(isinstance(part, dict) for part in sent):
        raise GraphError(132012, "template['components'] must be an array of objects")
    for kind in ("HEADER", "BODY"):
        _check_text_or_media(defined, kind, sent)
    _check_buttons(defined, sent)
    _check_offer(defined, sent)
    _check_cards(defined, sent)


def _part(parts: list[dict[str, Any]], kind: str) -> dict[str, Any] | None:
    return next((part for part in parts if str(part.get("type", "")).upper() == kind), None)


def _check_text_or_media(components: list[dict[str, Any]], kind: str, parts: list[dict[str, Any]]) -> None:
    defined, sent = _part(components, kind), _part(parts, kind)
    parameters = [] if sent is None else sent.get("parameters", [])
    if not isinstance(parameters, list) or not all(isinstance(p, dict) for p in parameters):
        raise GraphError(132012, f"{kind.lower()}: parameters must be an array of objects")
    text = "" if defined is None else str(defined.get("text", ""))
    media = "" if defined is None else str(defined.get("format", "TEXT")).lower()
    if kind == "HEADER" and defined is not None and media != "text":
        if len(parameters) != 1 or parameters[0].get("type") != media:
            raise GraphError(132012, f"header: Format mismatch, expected {media.upper()}, received UNKNOWN")
        return
    variables = set(VARIABLE.findall(text))
    if len(parameters) != len(variables):
        raise GraphError(
            132000,
            f"{kind.lower()}: number of localizable_params ({len(parameters)}) does not match the expected number of "
            f"params ({len(variables)})",
        )
    named = {name for name in variables if not name.isdigit()}
    if named and {p.get("parameter_name") for p in parameters} != named:
        raise GraphError(132000, f"{kind.lower()}: parameters must be named {', '.join(sorted(named))}")
    for parameter in parameters:
        if parameter.get("type") not in ("text", "currency", "date_time", "group_id"):
            raise GraphError(132012, f"{kind.lower()}: parameter of type {parameter.get('type')} is not expected")
    filled = len(text) + sum(len(str(p.get("text", ""))) for p in parameters)
    if kind == "BODY" and filled > 4 * _BODY_CHARS_MAX:
        raise GraphError(132005, "body: the text with its parameters is too long")


def _check_buttons(components: list[dict[str, Any]], parts: list[dict[str, Any]]) -> None:
    defined = (_part(components, "BUTTONS") or {}).get("buttons", [])
    given: set[int] = set()
    for part in parts:
        if str(part.get("type", "")).lower() != "button":
            continue
        index = str(part.get("index", ""))
        if not index.isdecimal() or int(index) >= len(defined):
            raise GraphError(132012, f"buttons: there is no button at index {index}")
        kind, sub_type = str(defined[int(index)]["type"]).lower(), str(part.get("sub_type", "")).lower()
        if sub_type not in _SUB_TYPES or sub_type != kind:
            raise GraphError(132012, f"buttons: Button at index {index} is of type {kind}, not {sub_type}")
        _check_button(part, sub_type, index, is_dynamic=_is_dynamic(defined[int(index)]))
        given.add(int(index))
    for place, button in enumerate(defined):
        kind = str(button["type"]).lower()
        if place not in given and (kind in _REQUIRED or _is_dynamic(button)):
            raise GraphError(131008, f"buttons: Button at index {place} of type {kind} requires a parameter")


def _is_dynamic(button: dict[str, Any]) -> bool:
    return str(button["type"]).lower() == "url" and bool(VARIABLE.search(str(button.get("url", ""))))


def _check_button(part: dict[str, Any], sub_type: str, index: str, *, is_dynamic: bool) -> None:
    parameters = part.get("parameters")
    if not isinstance(parameters, list) or len(parameters) != 1 or not isinstance(parameters[0], dict):
        raise missing(f"template['components']['buttons'][{index}]['parameters']")
    parameter = parameters[0]
    member = {"quick_reply": "payload", "url": "text", "copy_code": "coupon_code"}.get(sub_type, "action")
    if parameter.get("type") != member or not parameter.get(member):
        raise GraphError(132012, f"buttons: Button at index {index} requires a parameter of type {member}")
    if sub_type == "url" and not is_dynamic:
        raise GraphError(132012, f"buttons: Button at index {index} has no variable")
    if sub_type == "copy_code" and len(str(parameter["coupon_code"])) > 20:
        raise GraphError(132012, "buttons: a coupon code has at most 20 characters")


def _check_offer(components: list[dict[str, Any]], parts: list[dict[str, Any]]) -> None:
    offer = (_part(components, "LIMITED_TIME_OFFER") or {}).get("limited_time_offer", {})
    if not offer.get("has_expiration"):
        return
    parameters = (_part(parts, "LIMITED_TIME_OFFER") or {}).get("parameters")
    if not isinstance(parameters, list) or len(parameters) != 1 or not isinstance(parameters[0], dict):
        raise missing("template['components']['limited_time_offer']['parameters']")
    end = (parameters[0].get("limited_time_offer") or {}).get("expiration_time_ms")
    if not isinstance(end, int):
        raise GraphError(132012, "limited_time_offer: expiration_time_ms must be a number")


def _check_cards(components: list[dict[str, Any]], parts: list[dict[str, Any]]) -> None:
    defined = (_part(components, "CAROUSEL") or {}).get("cards", [])
    sent = (_part(parts, "CAROUSEL") or {}).get("cards", [])
    if not isinstance(sent, list) or len(sent) != len(defined):
        raise GraphError(132012, f"carousel: expected {len(defined)} cards")
    for place, (card, own) in enumerate(zip(sent, defined, strict=True)):
        if not isinstance(card, dict) or card.get("card_index") != place:
            raise GraphError(132012, f"carousel: card_index of card {place} is not {place}")
        check_components(own.get("components", []), card.get("components", []))
