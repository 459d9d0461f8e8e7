"""What a template looks like with values in it, for people to see before it is sent."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from waypost.domain.template import shape_of
from waypost.domain.value import value

_VARIABLE: Final = re.compile(r"\{\{\s*(\w+)\s*\}\}")
_TARGETS: Final = ("url", "phone_number", "flow_id")


@value
class RenderedButton:
    """One button: upstream's kind in lower case, its label, and where it leads, ``""`` if nowhere outside."""

    kind: str
    label: str
    target: str


@value
class RenderedTemplate:
    """
    One template, or one card of a carousel, as text.

    ``header_kind`` is ``""`` without a header, ``text``, or the kind of its file; ``header`` is its text. A variable
    without a value stands as it is written.
    """

    header_kind: str
    header: str
    body: str
    footer: str
    buttons: tuple[RenderedButton, ...]
    cards: tuple["RenderedTemplate", ...]


def count_variables(components: Sequence[Mapping[str, Any]], *, category: str) -> int:
    """Return how many values a template takes, those of its header before those of its body."""
    shape = shape_of(components, category=category)
    return len(shape.header_variables) + len(shape.body_variables)


def render_template(
    components: Sequence[Mapping[str, Any]],
    *,
    category: str,
    parameters: Sequence[str],
    button_values: Mapping[int, str],
) -> RenderedTemplate:
    """
    Return the template with values put in.

    Args:
        components: as the provider lists them.
        category: the provider's word, in any case.
        parameters: values of the header's variables, then of the body's; fewer leave the last as they are written.
        button_values: by the button's place, counted from 0: what ends its URL, or the code it copies.

    """
    shape = shape_of(components, category=category)
    in_header, in_body = shape.split(list(parameters))
    parts = {str(part.get("type", "")).lower(): part for part in components}
    header = parts.get("header", {})
    header_kind = str(header.get("format") or "text").lower() if "header" in parts else ""
    cards = parts.get("carousel", {}).get("cards")
    return RenderedTemplate(
        header_kind=header_kind,
        header=_filled(header.get("text"), dict(zip(shape.header_variables, in_header, strict=False))),
        body=_filled(parts.get("body", {}).get("text"), dict(zip(shape.body_variables, in_body, strict=False))),
        footer=_text(parts.get("footer", {}).get("text")),
        buttons=_buttons(parts.get("buttons", {}).get("buttons"), button_values),
        cards=tuple(
            render_template(_objects(card.get("components")), category="", parameters=(), button_values={})
            for card in _objects(cards)
        ),
    )


def _buttons(listed: Any, values: Mapping[int, str]) -> tuple[RenderedButton, ...]:
    return tuple(
        RenderedButton(
            kind=str(button.get("type", "")).lower(),
            label=_text(button.get("text")),
            target=_target(button, values.get(place)),
        )
        for place, button in enumerate(_objects(listed))
    )


def _target(button: Mapping[str, Any], given: str | None) -> str:
    """Return where a button leads: its URL with the value at its end, its number, or the code it copies."""
    if str(button.get("type", "")).lower() == "copy_code":
        return given or ""
    fixed = next((_text(button.get(name)) for name in _TARGETS if button.get(name)), "")
    if given is None:
        return fixed
    start = _VARIABLE.split(fixed)[0]
    # A whole URL is taken for what it begins with, as when a message is sent.
    return given if given.startswith(start) and start else _VARIABLE.sub(lambda _: given, fixed)


def _filled(text: Any, values: Mapping[str, str]) -> str:
    return _VARIABLE.sub(lambda match: values.get(match[1], match[0]), _text(text))


def _objects(listed: Any) -> list[dict[str, Any]]:
    items: Iterable[Any] = listed if isinstance(listed, list) else ()
    return [item for item in items if isinstance(item, dict)]


def _text(found: Any) -> str:
    return found if isinstance(found, str) else ""
