"""Attributes and button values as the components of a template message (contract, section 9.1)."""

from collections.abc import Sequence
from typing import Any

from waypost.domain.message import Template, TemplateButton
from waypost.domain.template import ButtonKind, ButtonShape, TemplateShape

JsonObject = dict[str, Any]

_URL_BEGINNINGS = ("http://", "https://")


def template_components(
    template: Template, shape: TemplateShape | None, *, header: Sequence[JsonObject]
) -> list[JsonObject]:
    """
    Return the components of a message given by attributes, a header's file and button values.

    ``shape`` None: the template is not known here, and what its buttons are is guessed from their values. ``header`` is
    the component of the header's file, empty without one.
    """
    if shape is None:
        return [*header, *_texts("body", template.attributes, ()), *map(_guessed_button, template.buttons)]
    header_values, body_values = shape.split(template.attributes)
    if not header:
        header = _texts("header", header_values, shape.header_variables if shape.is_named else ())
    body = _texts("body", body_values, shape.body_variables if shape.is_named else ())
    return [*header, *body, *_buttons(template, shape)]


def _texts(kind: str, values: Sequence[str], names: Sequence[str]) -> list[JsonObject]:
    """Return the component of a text with variables; ``names`` is empty where they are numbered."""
    if not values:
        return []
    parameters: list[JsonObject] = [{"type": "text", "text": text} for text in values]
    for parameter, name in zip(parameters, names, strict=False):
        parameter["parameter_name"] = name
    return [{"type": kind, "parameters": parameters}]


def _buttons(template: Template, shape: TemplateShape) -> list[JsonObject]:
    given = {button.index: button.payload for button in template.buttons}
    codes = [place for place, button in enumerate(shape.buttons) if button.kind is ButtonKind.OTP]
    if template.attributes:
        # The button of a code carries the body's code, given or not (authentication templates, Sep 2026).
        given |= dict.fromkeys(codes, template.attributes[0])
    return [
        _guessed_button(TemplateButton(index=index, payload=payload))
        if (button := shape.button_at(index)) is None or button.kind is ButtonKind.OTHER
        else _button(button, index, payload)
        for index, payload in sorted(given.items())
    ]


def _button(button: ButtonShape, index: int, payload: str) -> JsonObject:
    match button.kind:
        case ButtonKind.URL:
            parameter = {"type": "text", "text": button.suffix_of(payload)}
        case ButtonKind.OTP:
            parameter = {"type": "text", "text": payload}
        case ButtonKind.COPY_CODE:
            parameter = {"type": "coupon_code", "coupon_code": payload}
        case ButtonKind.FLOW:
            return _component(button.kind.sub_type, index, {"type": "action", "action": {"flow_token": payload}})
        case ButtonKind.CATALOG:
            action = {"thumbnail_product_retailer_id": payload}
            return _component(button.kind.sub_type, index, {"type": "action", "action": action})
        case _:
            parameter = {"type": "payload", "payload": payload}
    return _component(button.kind.sub_type, index, parameter)


def _guessed_button(button: TemplateButton) -> JsonObject:
    """Return the component of a button of unknown kind: what looks like a URL is taken for a URL button's value."""
    if button.payload[:8].lower().startswith(_URL_BEGINNINGS):
        return _component("url", button.index, {"type": "text", "text": button.payload})
    return _component("quick_reply", button.index, {"type": "payload", "payload": button.payload})


def _component(sub_type: str, index: int, parameter: JsonObject) -> JsonObject:
    return {"type": "button", "sub_type": sub_type, "index": str(index), "parameters": [parameter]}
