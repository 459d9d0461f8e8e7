"""Template messages, with and without a header file and button values (contract, sections 2.8 and 2.9)."""

from types import MappingProxyType
from typing import Any, Final

from waypost.contract.attachments import parse_file
from waypost.contract.checks import (
    as_text,
    only_object,
    optional_objects,
    optional_text,
    required_choice,
    required_id,
    required_object,
    required_text,
)
from waypost.contract.decoding import JsonObject
from waypost.contract.errors import RefusedError, can_only_be, is_invalid
from waypost.domain.message import Attachment, MediaKind, MessageKind, Template, TemplateButton

BUTTONS_MAX: Final = 10
COMPONENTS_MAX: Final = 100
"""Generous: upstream's own templates have at most 14 (header, body, ten buttons, offer, carousel)."""

_HEADERS: Final = MappingProxyType(
    {"document": MediaKind.DOCUMENT, "image": MediaKind.IMAGE, "video": MediaKind.VIDEO, "text": None}
)
_POLICIES: Final = ("deterministic", "fallback")


def parse_template(entry: JsonObject) -> Template:
    """
    Return ``type_template[0]`` with what ``type_media_template`` adds, for both template kinds.

    Header, buttons and attributes are kept beside ``components``, which overrule them when the message is sent.
    """
    header: MediaKind | None = None
    file: Attachment | None = None
    buttons: tuple[TemplateButton, ...] = ()
    if entry.get("type_media_template") is not None:
        extras = only_object(entry, "type_media_template")
        header, file = _parse_header(extras)
        buttons = _parse_buttons(extras)
    element = only_object(entry, "type_template")
    return Template(
        name=required_text(element, "name"),
        attributes=_parse_attributes(element.get("attributes")),
        language=_parse_language(element),
        components=optional_objects(element, "components", at_most=COMPONENTS_MAX) or None,
        header=header,
        attachment=file,
        buttons=buttons,
    )


def parse_fallback(entry: JsonObject, kind: MessageKind) -> Template:
    """
    Return ``fallback_template`` of a free-form entry: an object like ``type_template[0]``.

    A header's file and button values stand inside it, in a ``type_media_template`` of the usual form. A reaction cannot
    fall back: a template says something of its own.
    """
    if kind is MessageKind.REACTION:
        raise RefusedError(is_invalid("fallback_template"))
    element = only_object(entry, "fallback_template")
    return parse_template({"type_template": element, "type_media_template": element.get("type_media_template")})


def _parse_attributes(values: Any) -> tuple[str, ...]:
    if values is None:
        return ()
    if type(values) is not list:
        raise RefusedError(is_invalid("attributes"))
    return tuple([_parse_attribute(value) for value in values])


def _parse_attribute(value: Any) -> str:
    if type(value) is str:
        return value
    if type(value) not in (int, float):
        raise RefusedError(is_invalid("attributes"))
    return str(value)


def _parse_language(element: JsonObject) -> str:
    """Return the locale; upstream's own word for it, ``code``, is taken where ``locale`` is absent."""
    language = required_object(element, "language")
    locale = required_text(language, "code" if "locale" not in language and "code" in language else "locale")
    policy = optional_text(language, "policy")
    if policy is not None and policy not in _POLICIES:
        raise RefusedError(can_only_be("policy", _POLICIES))
    return locale


def _parse_header(extras: JsonObject) -> tuple[MediaKind | None, Attachment | None]:
    kind = _HEADERS[required_choice(extras, "type", tuple(_HEADERS))]
    if kind is None:
        return None, None
    file = parse_file(extras, id_member="media_id", url_member="url")
    filename = optional_text(extras, "filename")
    return kind, Attachment(
        media_id=file.media_id,
        url=file.url,
        kind=kind,
        filename=filename if kind is MediaKind.DOCUMENT else None,
    )


def _parse_buttons(extras: JsonObject) -> tuple[TemplateButton, ...]:
    buttons = tuple(
        TemplateButton(index=_parse_index(button), payload=required_id(button, "payload"))
        for button in optional_objects(extras, "button", at_most=BUTTONS_MAX)
    )
    if len({button.index for button in buttons}) < len(buttons):
        raise RefusedError(is_invalid("index"))
    return buttons


def _parse_index(button: JsonObject) -> int:
    """Return the place of a button, ``"0"`` to ``"9"``, as upstream counts them; a JSON number is taken too."""
    index = as_text(required_id(button, "index"))
    if len(index) != 1 or index not in "0123456789":
        raise RefusedError(is_invalid("index"))
    return int(index)
