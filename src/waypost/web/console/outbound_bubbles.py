"""Bubbles of what is sent: every message type, from content as it is stored or as it is being composed."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from waypost.store.template_reading import TemplateRecord
from waypost.web.console.bubble_parts import (
    Bubble,
    BubbleButton,
    BubbleFile,
    BubbleRow,
    BubbleSection,
    Envelope,
    contacts_of,
    object_of,
    objects_of,
    place_of,
    short_of,
    text_of,
)
from waypost.web.template_preview import RenderedTemplate, render_template

_FILE_HEADERS: Final = frozenset({"image", "video", "document"})
_LABELS: Final = {
    "flow": "Flow",
    "location_request_message": "Send location",
    "product": "View",
    "product_list": "View items",
    "catalog_message": "View catalogue",
    "address_message": "Provide address",
    "request_contact_info": "Share contact info",
}
"""What the phone writes on the button of kinds that do not name it themselves (interactive message pages, 2026)."""


def read_outbound(
    kind: str,
    fields: Mapping[str, Any],
    *,
    template: TemplateRecord | None,
    file: BubbleFile | None,
    envelope: Envelope | None,
) -> Bubble:
    """Return the bubble of a content given as its fields."""
    bubble = Bubble(
        is_inbound=False, kind=kind, quotes="" if envelope is None else envelope.context_id, envelope=envelope
    )
    match kind:
        case "text":
            return replace(bubble, text=text_of(fields, "body"))
        case "media":
            attachment = object_of(fields, "attachment")
            return replace(bubble, file=_attached(attachment, file), text=text_of(fields, "caption"))
        case "location":
            return replace(bubble, place=place_of(fields))
        case "contacts":
            return replace(bubble, contacts=contacts_of(fields))
        case "reaction":
            emoji = short_of(fields, "emoji")
            note = "" if emoji else "Takes a reaction back."
            return replace(bubble, emoji=emoji, note=note, quotes=short_of(fields, "message_id"))
        case "interactive":
            return _interactive(bubble, object_of(fields, "definition"))
        case "template" | "media_template":
            return _template(bubble, fields, template, file)
    return replace(bubble, note="A kind of message that this page cannot show.")


def _attached(attachment: Mapping[str, Any], known: BubbleFile | None) -> BubbleFile:
    if known is not None:
        return replace(known, name=short_of(attachment, "filename") or known.name)
    url = short_of(attachment, "url")
    return BubbleFile(
        kind=short_of(attachment, "kind") or "document",
        url=url,
        name=short_of(attachment, "filename") or url.partition("?")[0].rpartition("/")[2],
        is_stored=bool(url),
    )


def _interactive(bubble: Bubble, definition: Mapping[str, Any]) -> Bubble:
    action, header = object_of(definition, "action"), object_of(definition, "header")
    kind = short_of(definition, "type")
    header_kind = short_of(header, "type")
    shown = replace(
        bubble,
        header=short_of(header, "text"),
        file=_linked(header_kind, object_of(header, header_kind)) if header_kind in _FILE_HEADERS else None,
        text=text_of(object_of(definition, "body"), "text"),
        footer=short_of(object_of(definition, "footer"), "text"),
        buttons=_action_buttons(kind, action),
        facts=_action_facts(kind, action),
    )
    if kind == "list":
        return replace(shown, list_label=short_of(action, "button"), sections=_sections(action, "rows"))
    if kind == "product_list":
        return replace(shown, sections=_sections(action, "product_items"))
    if kind == "carousel":
        cards = (_card(card) for card in objects_of(action, "cards"))
        return replace(shown, cards=tuple(cards))
    return shown


def _linked(kind: str, found: Mapping[str, Any]) -> BubbleFile:
    """Return a file by the provider's id or by a link: neither is ours to show."""
    url = short_of(found, "link")
    name = short_of(found, "filename") or url.partition("?")[0].rpartition("/")[2]
    return BubbleFile(kind=kind, url=url or short_of(found, "id"), name=name)


def _action_buttons(kind: str, action: Mapping[str, Any]) -> tuple[BubbleButton, ...]:
    parameters = object_of(action, "parameters")
    if kind == "button" or objects_of(action, "buttons"):
        return tuple(_reply_button(button) for button in objects_of(action, "buttons"))
    if kind == "cta_url" or short_of(action, "name") == "cta_url":
        label, target = short_of(parameters, "display_text"), short_of(parameters, "url")
        return (BubbleButton(label=label, kind="url", target=target),)
    if kind == "flow":
        label = short_of(parameters, "flow_cta") or _LABELS[kind]
        target = short_of(parameters, "flow_id") or short_of(parameters, "flow_name")
        return (BubbleButton(label=label, kind="flow", target=target),)
    return (BubbleButton(label=_LABELS[kind], kind=kind),) if kind in _LABELS else ()


def _reply_button(button: Mapping[str, Any]) -> BubbleButton:
    reply = object_of(button, "reply") or object_of(button, "quick_reply")
    return BubbleButton(label=short_of(reply, "title"), target=short_of(reply, "id"))


def _action_facts(kind: str, action: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    names = {"product": ("catalog_id", "product_retailer_id"), "product_list": ("catalog_id",)}.get(kind, ())
    facts = [(name.replace("_", " "), short_of(action, name)) for name in names]
    country = short_of(object_of(action, "parameters"), "country")
    return (*facts, *((("country", country),) if country else ()))


def _sections(action: Mapping[str, Any], member: str) -> tuple[BubbleSection, ...]:
    return tuple(
        BubbleSection(
            title=short_of(section, "title"),
            rows=tuple(
                BubbleRow(
                    title=short_of(row, "title") or short_of(row, "product_retailer_id"),
                    description=short_of(row, "description"),
                    id=short_of(row, "id"),
                )
                for row in objects_of(section, member)
            ),
        )
        for section in objects_of(action, "sections")
    )


def _card(card: Mapping[str, Any]) -> Bubble:
    definition = {"type": card.get("type"), **card}
    return _interactive(Bubble(is_inbound=False, kind="card"), definition)


def _template(
    bubble: Bubble, fields: Mapping[str, Any], template: TemplateRecord | None, file: BubbleFile | None
) -> Bubble:
    attributes = [value for value in fields.get("attributes") or () if isinstance(value, str)]
    values = {
        button["index"]: short_of(button, "payload")
        for button in objects_of(fields, "buttons")
        if isinstance(button.get("index"), int)
    }
    components = objects_of(fields, "components", at_most=100)
    if components:
        attributes, values = _values_of(components)
    named = replace(bubble, template=short_of(fields, "name"), language=short_of(fields, "language"))
    attachment = object_of(fields, "attachment")
    attached = _attached(attachment, file) if attachment else _component_file(components)
    if template is None:
        facts = tuple((str(place), value) for place, value in enumerate(attributes, 1))
        note = "The text of this template is not in the copy of the provider's list."
        return replace(named, file=attached, facts=facts, note=note)
    rendered = render_template(
        template.components, category=template.category, parameters=attributes, button_values=values
    )
    return _rendered(named, rendered, attached)


def _rendered(bubble: Bubble, rendered: RenderedTemplate, file: BubbleFile | None) -> Bubble:
    kind = rendered.header_kind
    if file is None and kind in _FILE_HEADERS:
        file = BubbleFile(kind=kind, is_stored=False)
    cards = (_rendered(Bubble(is_inbound=False, kind="card"), card, None) for card in rendered.cards)
    return replace(
        bubble,
        header=rendered.header,
        file=file,
        text=rendered.body,
        footer=rendered.footer,
        buttons=tuple(
            BubbleButton(label=button.label or button.kind.replace("_", " "), kind=button.kind, target=button.target)
            for button in rendered.buttons
        ),
        cards=tuple(cards),
    )


def _values_of(components: Sequence[Mapping[str, Any]]) -> tuple[list[str], dict[int, str]]:
    """Return what the provider's own components put into header and body, in order, and into buttons."""
    texts: dict[str, list[str]] = {"header": [], "body": []}
    buttons: dict[int, str] = {}
    for component in components:
        kind, parameters = short_of(component, "type").lower(), objects_of(component, "parameters")
        if kind in texts:
            texts[kind] += [_parameter(one) for one in parameters if short_of(one, "type") not in _FILE_HEADERS]
        elif kind == "button" and parameters and short_of(component, "index").isdecimal():
            buttons[int(short_of(component, "index"))] = _parameter(parameters[0])
    return texts["header"] + texts["body"], buttons


def _parameter(found: Mapping[str, Any]) -> str:
    own = object_of(found, short_of(found, "type"))
    plain = (short_of(found, name) for name in ("text", "payload", "coupon_code"))
    return next(filter(None, plain), "") or short_of(own, "fallback_value")


def _component_file(components: Sequence[Mapping[str, Any]]) -> BubbleFile | None:
    for component in components:
        for parameter in objects_of(component, "parameters"):
            kind = short_of(parameter, "type")
            if kind in _FILE_HEADERS:
                return _linked(kind, object_of(parameter, kind))
    return None


def template_bubble(rendered: RenderedTemplate, *, name: str = "", language: str = "") -> Bubble:
    """Return a template with values in it as the message that it makes."""
    return _rendered(Bubble(is_inbound=False, kind="template", template=name, language=language), rendered, None)
