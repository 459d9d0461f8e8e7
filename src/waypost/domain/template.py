"""
Templates: what a message from one must be made of, and whether a message is.

A ``TemplateShape`` is worked out once, from the components that the provider lists (Cloud API, templates and template
components, Sep 2026). Whatever is unknown in them is left to the provider to judge: a shape refuses only what the
provider would refuse too.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from typing import Any, Final

from waypost.domain.errors import FailureReason
from waypost.domain.message import MediaKind, Template, TemplateButton
from waypost.domain.value import value

JsonObject = Mapping[str, Any]

APPROVED: Final = "APPROVED"
"""The one status in which a template can be sent; the provider's word."""

_VARIABLE: Final = re.compile(r"\{\{\s*(\w+)\s*\}\}")
_AUTHENTICATION: Final = "AUTHENTICATION"
_NUMBER_DIGITS_MAX: Final = 9
"""Longer ones are names; one of thousands of digits cannot even be read."""


class HeaderKind(StrEnum):
    """What stands above the body."""

    NONE = "none"
    TEXT = "text"
    IMAGE = "image"
    VIDEO = "video"
    DOCUMENT = "document"
    LOCATION = "location"
    PRODUCT = "product"
    OTHER = "other"

    @property
    def media_kind(self) -> MediaKind | None:
        """The kind of file that must be given for it, None if it takes no file."""
        return _HEADER_FILES.get(self)


_HEADER_FILES: Final = {
    HeaderKind.IMAGE: MediaKind.IMAGE,
    HeaderKind.VIDEO: MediaKind.VIDEO,
    HeaderKind.DOCUMENT: MediaKind.DOCUMENT,
}


class ButtonKind(StrEnum):
    """What a button does; the provider's words, in lower case."""

    QUICK_REPLY = "quick_reply"
    URL = "url"
    COPY_CODE = "copy_code"
    FLOW = "flow"
    OTP = "otp"
    CATALOG = "catalog"
    MPM = "mpm"
    ORDER_DETAILS = "order_details"
    PHONE_NUMBER = "phone_number"
    VOICE_CALL = "voice_call"
    OTHER = "other"

    @property
    def sub_type(self) -> str:
        """The word for it in a message: the button of a code is sent as one with a URL."""
        return ButtonKind.URL.value if self is ButtonKind.OTP else self.value


_BY_COMPONENTS_ONLY: Final = frozenset({ButtonKind.MPM, ButtonKind.ORDER_DETAILS})
_WITHOUT_VALUE: Final = frozenset({ButtonKind.PHONE_NUMBER, ButtonKind.VOICE_CALL})
_BUTTON_KINDS: Final = {kind.value: kind for kind in ButtonKind}
_HEADER_KINDS: Final = {kind.value: kind for kind in HeaderKind}


@value
class ButtonShape:
    """
    One button of a template. ``is_dynamic``: the end of its URL is the message's to give.

    ``fixed_part`` is what stands before that end.
    """

    kind: ButtonKind
    is_dynamic: bool = False
    fixed_part: str = ""

    @property
    def needs_value(self) -> bool:
        """Whether a message must say something for this button; of the code's button it is the code."""
        return self.is_dynamic or self.kind in (ButtonKind.COPY_CODE, ButtonKind.OTP, *_BY_COMPONENTS_ONLY)

    def suffix_of(self, payload: str) -> str:
        """Return the end of the URL that a payload gives, as a whole URL or as that end alone."""
        fixed = self.fixed_part
        return payload[len(fixed) :] if fixed and payload.startswith(fixed) else payload


@value
class TemplateShape:
    """
    What a message from a template, or one card of a carousel, must be made of.

    Variables are their names in the order of the text, ``"1"``, ``"2"``… where they are numbered; ``is_named`` tells
    which. ``has_expiry``: a limited-time offer whose end each message gives.
    """

    body_variables: tuple[str, ...] = ()
    header: HeaderKind = HeaderKind.NONE
    header_variables: tuple[str, ...] = ()
    buttons: tuple[ButtonShape, ...] = ()
    cards: tuple["TemplateShape", ...] = ()
    has_expiry: bool = False
    is_named: bool = False
    is_authentication: bool = False

    def split(self, attributes: Sequence[str]) -> tuple[Sequence[str], Sequence[str]]:
        """Return the values of the header's variables, which come first, and those of the body's."""
        count = len(self.header_variables)
        return attributes[:count], attributes[count:]

    def button_at(self, index: int) -> ButtonShape | None:
        """Return the button at a place counted from 0, None if there is none."""
        return self.buttons[index] if index < len(self.buttons) else None


@value
class TemplateVariant:
    """A template in one language, as the provider last listed it."""

    status: str
    shape: TemplateShape


def shape_of(components: Iterable[JsonObject], *, category: str = "") -> TemplateShape:
    """Return the shape of a template's listed components; ``category`` is the provider's word, in any case."""
    parts = _by_type(components)
    is_authentication = category.upper() == _AUTHENTICATION
    body, header, buttons = parts.get("body", {}), parts.get("header", {}), parts.get("buttons", {})
    header_kind = _header_kind(header) if "header" in parts else HeaderKind.NONE
    header_text = _variables(header.get("text")) if header_kind is HeaderKind.TEXT else ()
    body_text = _variables(body.get("text"))
    if is_authentication and not body_text:
        # A listing may leave the fixed text out; it always holds the code.
        body_text = ("1",)
    offer = parts.get("limited_time_offer", {}).get("limited_time_offer")
    return TemplateShape(
        body_variables=body_text,
        header=header_kind,
        header_variables=header_text,
        buttons=tuple(_button(found, is_code=is_authentication) for found in _objects(buttons.get("buttons"))),
        cards=tuple(
            shape_of(_objects(card.get("components"))) for card in _objects(parts.get("carousel", {}).get("cards"))
        ),
        has_expiry=isinstance(offer, Mapping) and bool(offer.get("has_expiration")),
        is_named=not all(map(_is_number, (*body_text, *header_text))),
        is_authentication=is_authentication,
    )


def check_template(template: Template, variants: Mapping[str, TemplateVariant]) -> FailureReason | None:
    """
    Return why a template message may not be sent, None if it may; ``variants`` are the template's, by language.

    The language is found first, since the rest belongs to a language (contract, section 2.4, step 10).
    """
    if not variants:
        return FailureReason.INVALID_TEMPLATE
    variant = variants.get(template.language)
    if variant is None:
        return FailureReason.INVALID_TEMPLATE_LANGUAGE
    if variant.status != APPROVED:
        return FailureReason.INVALID_TEMPLATE
    if template.components is not None:
        fits = _do_components_fit(template.components, variant.shape)
    else:
        fits = _do_members_fit(template, variant.shape)
    return None if fits else FailureReason.INVALID_TEMPLATE_PARAMETER


def _do_members_fit(template: Template, shape: TemplateShape) -> bool:
    if shape.cards or shape.has_expiry or shape.header in (HeaderKind.LOCATION, HeaderKind.PRODUCT):
        # There are no members for these: they are given as components.
        return False
    if template.header is not shape.header.media_kind and shape.header is not HeaderKind.OTHER:
        return False
    if len(template.attributes) != len(shape.header_variables) + len(shape.body_variables):
        return False
    given = {button.index: button for button in template.buttons}
    if any(shape.button_at(index) is None for index in given):
        return False
    code = template.attributes[0] if template.attributes else None
    return all(_does_value_fit(button, given.get(place), code) for place, button in enumerate(shape.buttons))


def _does_value_fit(button: ButtonShape, given: TemplateButton | None, code: str | None) -> bool:
    if button.kind in _BY_COMPONENTS_ONLY:
        return False
    if button.kind is ButtonKind.OTP:
        return given is None or given.payload == code
    if given is None:
        return not button.needs_value
    if button.kind is ButtonKind.URL:
        return button.is_dynamic and button.suffix_of(given.payload) != ""
    return button.kind not in _WITHOUT_VALUE


def _do_components_fit(components: Sequence[JsonObject], shape: TemplateShape) -> bool:
    parts = _by_type(components)
    body, header = _parameters(parts.get("body")), _parameters(parts.get("header"))
    if body is None or header is None:
        return False
    if len(body) != len(shape.body_variables) or not _does_header_fit(header, shape):
        return False
    if shape.has_expiry and "limited_time_offer" not in parts:
        return False
    cards = _objects(parts.get("carousel", {}).get("cards"))
    if len(cards) != len(shape.cards) or (shape.cards and "carousel" not in parts):
        return False
    if not _do_buttons_fit([part for part in components if _type_of(part) == "button"], shape):
        return False
    return all(
        _do_components_fit(_objects(card.get("components")), own) for card, own in zip(cards, shape.cards, strict=True)
    )


def _does_header_fit(parameters: Sequence[JsonObject], shape: TemplateShape) -> bool:
    match shape.header:
        case HeaderKind.NONE | HeaderKind.TEXT:
            return len(parameters) == len(shape.header_variables)
        case HeaderKind.OTHER:
            return True
        case kind:
            return len(parameters) == 1 and _type_of(parameters[0]) == kind.value


def _do_buttons_fit(parts: Sequence[JsonObject], shape: TemplateShape) -> bool:
    given: set[int] = set()
    for part in parts:
        index = _index_of(part)
        button = None if index is None else shape.button_at(index)
        if index is None or button is None:
            return False
        sub_type = str(part.get("sub_type", "")).lower()
        if button.kind is not ButtonKind.OTHER and sub_type != button.kind.sub_type:
            return False
        given.add(index)
    return all(place in given for place, button in enumerate(shape.buttons) if button.needs_value)


def _index_of(part: JsonObject) -> int | None:
    index = part.get("index")
    if type(index) is int and index >= 0:
        return index
    return int(index) if type(index) is str and len(index) <= 2 and _is_number(index) else None


def _parameters(part: JsonObject | None) -> list[JsonObject] | None:
    """Return a part's parameters, none if it is not there; None if they are not what they should be."""
    found = [] if part is None else part.get("parameters", [])
    if type(found) is not list or not all(isinstance(parameter, Mapping) for parameter in found):
        return None
    return found


def _by_type(components: Iterable[JsonObject]) -> dict[str, JsonObject]:
    found: dict[str, JsonObject] = {}
    for component in components:
        found.setdefault(_type_of(component), component)
    return found


def _type_of(part: JsonObject) -> str:
    return str(part.get("type", "")).lower()


def _objects(found: Any) -> list[JsonObject]:
    return [item for item in found if isinstance(item, Mapping)] if type(found) is list else []


def _header_kind(header: JsonObject) -> HeaderKind:
    word = str(header.get("format", "text")).lower()
    return _HEADER_KINDS.get(word, HeaderKind.OTHER)


def _variables(text: Any) -> tuple[str, ...]:
    names = list(dict.fromkeys(_VARIABLE.findall(text))) if type(text) is str else []
    return tuple(sorted(names, key=int) if all(map(_is_number, names)) else names)


def _is_number(name: str) -> bool:
    return len(name) <= _NUMBER_DIGITS_MAX and name.isascii() and name.isdigit()


def _button(found: JsonObject, *, is_code: bool) -> ButtonShape:
    kind = _BUTTON_KINDS.get(_type_of(found), ButtonKind.OTHER)
    if kind is not ButtonKind.URL:
        return ButtonShape(kind=kind)
    if is_code:
        # The button of a one-time password is listed as the URL that it is sent as.
        return ButtonShape(kind=ButtonKind.OTP)
    url = found.get("url")
    place = _VARIABLE.search(url) if type(url) is str else None
    if place is None:
        return ButtonShape(kind=kind)
    return ButtonShape(kind=kind, is_dynamic=True, fixed_part=place.string[: place.start()])
