"""What a template looks like on a phone: its texts filled with what the message gave."""

from collections.abc import Iterable
from typing import Any

from waypost.sandbox.graph.template_parameters import VARIABLE
from waypost.sandbox.graph.templates import Template
from waypost.sandbox.handset.reading import MediaOf, Spec, object_at, objects_at, text_at

_CODE_URL = "https://www.whatsapp.com/otp/code/"
_NOT_HERE = {
    "FLOW": "The form lives at Meta, not in the sandbox.",
    "CATALOG": "The catalogue lives at Meta, not in the sandbox.",
    "MPM": "The catalogue lives at Meta, not in the sandbox.",
    "SPM": "The catalogue lives at Meta, not in the sandbox.",
    "VOICE_CALL": "The sandbox makes no calls.",
    "ORDER_DETAILS": "The sandbox takes no payments.",
}


def template_card(node: Spec, template: Template | None, media_of: MediaOf) -> Spec:
    """Return the card of a template message; `template` None when it has been deleted since."""
    if template is None:
        name, language = text_at(node, "name"), text_at(node, "language", "code")
        return {"kind": "card", "note": f"The template {name} ({language}) has been deleted, and its text with it."}
    return {"kind": "card", **_parts(template.components, objects_at(node, "components"), media_of)}


def _parts(defined: list[Spec], sent: list[Spec], media_of: MediaOf) -> Spec:
    card: Spec = {}
    for component in defined:
        kind = text_at(component, "type").upper()
        match kind:
            case "HEADER":
                card["header"] = _header(component, _parameters(sent, "header"), media_of)
            case "BODY":
                card["body"] = filled(text_at(component, "text"), _parameters(sent, "body"))
            case "FOOTER":
                card["footer"] = text_at(component, "text") or _expiry(component)
            case "BUTTONS":
                buttons = enumerate(objects_at(component, "buttons"))
                card["buttons"] = [_button(button, _button_parameter(sent, place)) for place, button in buttons]
            case "LIMITED_TIME_OFFER":
                card["offer"] = _offer(component, sent)
            case "CAROUSEL":
                card["cards"] = _cards(component, sent, media_of)
            case _:
                card["note"] = f"A part of the kind {kind.lower()} is not shown."
    return card


def _cards(component: Spec, sent: list[Spec], media_of: MediaOf) -> list[Spec]:
    cards = next((objects_at(part, "cards") for part in sent if text_at(part, "type").lower() == "carousel"), [])
    given = [objects_at(card, "components") for card in cards]
    return [
        _parts(objects_at(own, "components"), given[place] if place < len(given) else [], media_of)
        for place, own in enumerate(objects_at(component, "cards"))
    ]


def _parameters(sent: Iterable[Spec], kind: str) -> list[Spec]:
    return next((objects_at(part, "parameters") for part in sent if text_at(part, "type").lower() == kind), [])


def _button_parameter(sent: Iterable[Spec], place: int) -> Spec:
    for part in sent:
        if text_at(part, "type").lower() == "button" and text_at(part, "index") == str(place):
            return next(iter(objects_at(part, "parameters")), {})
    return {}


def filled(text: str, parameters: list[Spec]) -> str:
    """Return a text with its variables replaced; one that nothing was given for stays as it is written."""
    values = {
        text_at(parameter, "parameter_name") or str(place): _value(parameter)
        for place, parameter in enumerate(parameters, start=1)
    }
    return VARIABLE.sub(lambda found: values.get(found[1], found[0]), text)


def _value(parameter: Spec) -> str:
    kind = text_at(parameter, "type")
    return text_at(parameter, kind, "fallback_value") or text_at(parameter, "text") or text_at(parameter, kind)


def _header(component: Spec, parameters: list[Spec], media_of: MediaOf) -> Spec | None:
    shape = text_at(component, "format").lower() or "text"
    if shape == "text":
        return {"kind": "text", "text": filled(text_at(component, "text"), parameters)}
    value = object_at(next(iter(parameters), {}), shape)
    if shape == "location":
        names = ("latitude", "longitude", "name", "address")
        return {"kind": "location", **{name: text_at(value, name) for name in names}}
    return {"kind": shape, "media": media_of(shape, value), "name": text_at(value, "filename")}


def _button(button: Spec, parameter: Spec) -> Spec:
    kind, label = text_at(button, "type").upper(), text_at(button, "text")
    match kind:
        case "QUICK_REPLY":
            return {"does": "reply", "id": text_at(parameter, "payload") or label, "label": label}
        case "URL":
            url = filled(text_at(button, "url"), [parameter] if parameter else [])
            if url.startswith(_CODE_URL):
                return {"does": "copy", "label": label or "Copy code", "code": text_at(parameter, "text")}
            return {"does": "url", "label": label, "url": url}
        case "PHONE_NUMBER":
            return {"does": "call", "label": label, "phone": text_at(button, "phone_number")}
        case "COPY_CODE":
            code = text_at(parameter, "coupon_code") or text_at(button, "example")
            return {"does": "copy", "label": label or "Copy offer code", "code": code}
        case _:
            why = _NOT_HERE.get(kind, f"The handset knows no button of the kind {kind.lower()}.")
            return {"does": "nothing", "label": label or kind.replace("_", " ").capitalize(), "why": why}


def _offer(component: Spec, sent: list[Spec]) -> Spec:
    parameter = next(iter(_parameters(sent, "limited_time_offer")), {})
    ends: Any = object_at(parameter, "limited_time_offer").get("expiration_time_ms")
    return {
        "text": text_at(component, "limited_time_offer", "text"),
        "ends_ms": ends if isinstance(ends, int) and not isinstance(ends, bool) else None,
    }


def _expiry(component: Spec) -> str:
    minutes = text_at(component, "code_expiration_minutes")
    return f"This code expires in {minutes} minutes." if minutes else ""
