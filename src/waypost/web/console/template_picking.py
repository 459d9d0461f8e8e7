"""Choosing a template in a form, and the fields that the chosen one takes."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from waypost.domain.message import MediaKind
from waypost.domain.template import APPROVED, ButtonKind, HeaderKind, shape_of
from waypost.store.template_reading import TemplateFilter, TemplateRecord, find_named_templates, list_templates
from waypost.store.transaction import Tx
from waypost.web.console.typed import Typed

_COMPONENT_HEADERS: Final = (HeaderKind.LOCATION, HeaderKind.PRODUCT)


@dataclass(frozen=True, slots=True, kw_only=True)
class TemplateButtonField:
    """A button that a message can say something for: its place, what it is called, what is to be given."""

    index: int
    label: str
    hint: str
    is_needed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class TemplateFields:
    """
    What a message from one template takes.

    ``variables`` are labels in the order of the attributes; ``header`` is the kind of file at its head, ``""`` for
    none. ``needs_components``: it can be sent with the provider's own components only.
    """

    name: str
    language: str
    variables: tuple[str, ...]
    header: str
    buttons: tuple[TemplateButtonField, ...]
    needs_components: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class TemplateChoice:
    """The picker: what can be chosen as (value, text), what is, and its fields; None for one named by hand."""

    options: Sequence[tuple[str, str]]
    chosen: str
    fields: TemplateFields | None


def pick_template(tx: Tx, account_id: str, typed: Typed, *, prefix: str, waba_id: str) -> TemplateChoice:
    """Return the picker for templates of one business account; the form's fields begin with ``prefix``."""
    wanted = TemplateFilter(waba_id=waba_id, status=APPROVED)
    listed = list_templates(tx, account_id, wanted) if waba_id else []
    options = [(f"{record.name}|{record.language}", f"{record.name} · {record.language}") for record in listed]
    chosen = typed.line(f"{prefix}template")
    name, _, language = chosen.partition("|")
    records = find_named_templates(tx, account_id, waba_id, name) if name and waba_id else []
    record = next((one for one in records if one.language == language), None)
    return TemplateChoice(options=options, chosen=chosen, fields=None if record is None else fields_of(record))


def fields_of(record: TemplateRecord) -> TemplateFields:
    """Return what a message from this template takes."""
    shape = shape_of(record.components, category=record.category)
    header = shape.header.media_kind
    buttons = [
        TemplateButtonField(
            index=place,
            label=_button_label(record, place),
            hint=_BUTTON_HINTS.get(button.kind, "What comes back when it is pressed."),
            is_needed=button.needs_value,
        )
        for place, button in enumerate(shape.buttons)
        if button.is_dynamic or (button.kind in _BUTTON_HINTS and button.kind is not ButtonKind.URL)
    ]
    return TemplateFields(
        name=record.name,
        language=record.language,
        variables=(
            *(f"Header {{{{{name}}}}}" for name in shape.header_variables),
            *(f"Body {{{{{name}}}}}" for name in shape.body_variables),
        ),
        header=header.value if isinstance(header, MediaKind) else "",
        buttons=tuple(buttons),
        needs_components=bool(shape.cards) or shape.has_expiry or shape.header in _COMPONENT_HEADERS,
    )


_BUTTON_HINTS: Final = {
    ButtonKind.QUICK_REPLY: "What comes back when it is pressed; left empty, its text.",
    ButtonKind.URL: "The end of its link, or the whole link.",
    ButtonKind.COPY_CODE: "The code that it copies.",
    ButtonKind.FLOW: "A token that comes back with the answer; may be left empty.",
}


def _button_label(record: TemplateRecord, place: int) -> str:
    """Return what stands on a button."""
    for component in record.components:
        if str(component.get("type", "")).upper() == "BUTTONS":
            listed = component.get("buttons") or []
            found = listed[place] if place < len(listed) else {}
            return str(found.get("text") or found.get("type") or place)
    return str(place)
